package keystore

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// authority issues whatever certificate a test wants.
type authority struct {
	key  crypto.Signer
	cert *x509.Certificate
}

var testCA = sync.OnceValue(func() authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA thử nghiệm"}, NotBefore: noon.AddDate(-5, 0, 0), NotAfter: noon.AddDate(5, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return authority{key, cert}
})

func (a authority) issue(t testing.TB, pub crypto.PublicKey, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "Sở Nội vụ"}, NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(1, 0, 0),
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment}
	if change != nil {
		change(tmpl)
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, pub, a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

var (
	testRSA = sync.OnceValue(func() crypto.Signer {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return key
	})
	testP384 = sync.OnceValue(func() crypto.Signer { return mustGenerate(P384) })
)

func mustGenerate(t KeyType) crypto.Signer {
	key, err := Generate(t)
	if err != nil {
		panic(err)
	}
	return key
}

// writePEM writes a key and, if there are any, its certificates in the same file.
func writePEM(t testing.TB, dir, name string, key crypto.Signer, chain ...*x509.Certificate) string {
	t.Helper()
	b, err := signing.MarshalKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, append(b, signing.MarshalCertificates(chain)...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustRef(t testing.TB, s string) Ref {
	t.Helper()
	r, err := ParseRef(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// signCheck signs with every scheme of the key and verifies with the certificate.
func signCheck(t testing.TB, s crypto.Signer, cert *x509.Certificate) {
	t.Helper()
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		opts := []crypto.SignerOpts{h}
		if _, ok := cert.PublicKey.(*rsa.PublicKey); ok {
			opts = append(opts, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h}, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto, Hash: h})
		}
		for _, o := range opts {
			digest := make([]byte, h.Size())
			if _, err := rand.Read(digest); err != nil {
				t.Fatal(err)
			}
			sig, err := s.Sign(rand.Reader, digest, o)
			if err != nil {
				t.Fatalf("%v %T: %v", h, o, err)
			}
			if err := VerifyDigest(cert.PublicKey, digest, sig, o); err != nil {
				t.Fatalf("%v %T: %v", h, o, err)
			}
			digest[0] ^= 1
			if VerifyDigest(cert.PublicKey, digest, sig, o) == nil {
				t.Fatalf("%v %T: a signature of another digest verified", h, o)
			}
		}
	}
}
