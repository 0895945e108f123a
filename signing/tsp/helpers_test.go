package tsp_test

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"

	"testing"
	"time"

	"github.com/tram-exchange/tram/signing/trialca"
	"github.com/tram-exchange/tram/signing/tsp"
)

var at = time.Date(2026, 11, 22, 10, 20, 30, 456_000_000, time.UTC)

func clock() time.Time { return at }

// authority is a trial time-stamping authority and who certified it.
type authority struct {
	*tsp.Authority
	ca   *trialca.Authority
	key  crypto.Signer
	cert *x509.Certificate
}

// usage is an extended key usage extension of timeStamping and others.
func usage(t testing.TB, critical bool, more ...asn1.ObjectIdentifier) pkix.Extension {
	t.Helper()
	der, err := asn1.Marshal(append([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}}, more...))
	if err != nil {
		t.Fatal(err)
	}
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: critical, Value: der}
}

func newCA(t testing.TB) *trialca.Authority {
	t.Helper()
	ca, err := trialca.New("CA cấp dấu thời gian thử nghiệm", rand.Reader, clock)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// issue makes a time-stamping certificate.
func issue(t testing.TB, ca *trialca.Authority, kind trialca.KeyType, change func(*x509.Certificate)) (crypto.Signer, *x509.Certificate) {
	t.Helper()
	key, cert, err := ca.IssueWith(trialca.Leaf{Name: "TSA thử nghiệm", Use: trialca.Sign, Key: kind, NotBefore: at.Add(-24 * time.Hour)}, func(c *x509.Certificate) {
		c.ExtKeyUsage, c.UnknownExtKeyUsage = nil, nil
		c.ExtraExtensions = append(c.ExtraExtensions, usage(t, true))
		if change != nil {
			change(c)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return key, cert
}

func newAuthority(t testing.TB, kind trialca.KeyType, o tsp.Options) authority {
	t.Helper()
	ca := newCA(t)
	key, cert := issue(t, ca, kind, nil)
	if o.Now == nil {
		o.Now = clock
	}
	a, err := tsp.NewAuthority(key, []*x509.Certificate{cert}, o)
	if err != nil {
		t.Fatal(err)
	}
	return authority{a, ca, key, cert}
}
