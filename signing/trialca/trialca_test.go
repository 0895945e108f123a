package trialca

import (
	"crypto/rand"
	"crypto/x509"
	"path/filepath"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing"
)

func TestIssueKeepAndVerify(t *testing.T) {
	now := func() time.Time { return time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC) }
	ca, err := New("CA thử nghiệm", rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	keyFile, certFile := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca.crt")
	if err := signing.SaveKey(keyFile, ca.Key()); err != nil {
		t.Fatal(err)
	}
	if err := signing.SaveCertificates(certFile, []*x509.Certificate{ca.Certificate}); err != nil {
		t.Fatal(err)
	}
	if err := signing.SaveKey(keyFile, ca.Key()); err == nil {
		t.Error("a key file was overwritten")
	}
	key, err := signing.LoadKey(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := signing.LoadCertificates(certFile)
	if err != nil {
		t.Fatal(err)
	}
	ca, err = Open(chain[0], key, rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate)
	for _, l := range []Leaf{
		{Name: "Sở Nội vụ", OrgCode: "H02.02", Use: Sign, Key: RSA2048},
		{Name: "Sở Y tế", OrgCode: "H02.11", Use: Sign, Key: P384},
		{Name: "trạm tỉnh", Use: Node, Key: P256, Hosts: []string{"localhost", "127.0.0.1"}},
		{Name: "QLVB", Use: Client, Key: P256},
	} {
		leafKey, cert, err := ca.Issue(l)
		if err != nil {
			t.Fatalf("%s: %v", l.Name, err)
		}
		if !IsTrial(cert) {
			t.Errorf("%s: not marked as trial", l.Name)
		}
		usage := x509.ExtKeyUsageAny
		if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now(), KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
			t.Errorf("%s: %v", l.Name, err)
		}
		if _, err := Open(cert, leafKey, rand.Reader, now); err == nil {
			t.Errorf("%s: a leaf was opened as an authority", l.Name)
		}
	}
}
