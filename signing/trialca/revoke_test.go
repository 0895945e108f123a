package trialca

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"
)

var testDay = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

// seededRoot makes the same root every time.
func seededRoot(t *testing.T, o Options) *Authority {
	t.Helper()
	ca, err := NewWith("CA gốc", rand.NewChaCha8([32]byte{1}), func() time.Time { return testDay }, o)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func TestCRLIsRepeatable(t *testing.T) {
	var first []byte
	for range 2 {
		ca := seededRoot(t, Options{})
		der, err := ca.CRL(testDay, Revoked{Serial: big.NewInt(5), At: testDay, Reason: 1, InvalidSince: testDay.Add(-time.Hour)}, Revoked{Serial: big.NewInt(6), At: testDay, Reason: 6})
		if err != nil {
			t.Fatal(err)
		}
		if first != nil && !bytes.Equal(first, der) {
			t.Fatal("two CRLs from the same bytes differ")
		}
		first = der
		l, err := x509.ParseRevocationList(der)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.CheckSignatureFrom(ca.Certificate); err != nil {
			t.Error(err)
		}
		if len(l.RevokedCertificateEntries) != 2 || l.RevokedCertificateEntries[1].ReasonCode != 6 || !l.NextUpdate.Equal(testDay.AddDate(0, 0, 7)) || l.Number.Int64() != testDay.Unix() {
			t.Errorf("%+v", l)
		}
	}
}

func TestLevelsAndUses(t *testing.T) {
	root := seededRoot(t, Options{Below: 1})
	root.Places = Places{CRL: "http://ca.example/ca.crl", OCSP: "http://ca.example/ocsp", Issuer: "http://ca.example/ca.crt"}
	mid, err := root.Intermediate("CA giữa", Options{Key: P384, Lifetime: 24 * time.Hour, NotBefore: testDay})
	if err != nil {
		t.Fatal(err)
	}
	if c := mid.Certificate; !c.MaxPathLenZero || !c.NotAfter.Equal(testDay.Add(24*time.Hour)) || len(c.OCSPServer) != 1 || len(c.CRLDistributionPoints) != 1 || len(c.IssuingCertificateURL) != 1 || !IsTrial(c) {
		t.Errorf("intermediate %+v", c)
	}
	if len(root.Certificate.OCSPServer) != 0 {
		t.Error("the root names a place to ask about it")
	}
	again, err := root.Cross(mid, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Certificate.RawSubjectPublicKeyInfo, mid.Certificate.RawSubjectPublicKeyInfo) || !bytes.Equal(again.Certificate.RawSubject, mid.Certificate.RawSubject) || again.Certificate.Equal(mid.Certificate) {
		t.Error("the second certificate is not one of the same authority")
	}
	for use, want := range map[Use]x509.ExtKeyUsage{TimeStamp: x509.ExtKeyUsageTimeStamping, OCSP: x509.ExtKeyUsageOCSPSigning} {
		_, c, err := mid.Issue(Leaf{Name: "dịch vụ", Use: use})
		if err != nil {
			t.Fatal(err)
		}
		if len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != want || !IsTrial(c) || len(c.OCSPServer) != 0 {
			t.Errorf("use %d: %+v", use, c)
		}
		for _, e := range c.Extensions {
			if e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 37}) && e.Critical != (use == TimeStamp) {
				t.Errorf("use %d: extended key usage critical %v", use, e.Critical)
			}
		}
	}
}
