package keystore

import (
	"crypto"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"testing"
)

func TestPurposes(t *testing.T) {
	key := mustGenerate(P256)
	ca := testCA()
	eku := func(u ...x509.ExtKeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtKeyUsage = u }
	}
	documents := []Purpose{Organisation, Person, Administrator}
	for _, c := range []struct {
		name   string
		change func(*x509.Certificate)
		want   []Purpose
	}{
		{"no extended usage", nil, []Purpose{Organisation, Person, Administrator, Node, TLS, Client}},
		{"any", eku(x509.ExtKeyUsageAny), []Purpose{Organisation, Person, Administrator, Node, TLS, Client}},
		{"e-mail and client", eku(x509.ExtKeyUsageEmailProtection, x509.ExtKeyUsageClientAuth), []Purpose{Organisation, Person, Administrator, Client}},
		{"TLS only", eku(x509.ExtKeyUsageServerAuth), []Purpose{Node, TLS}},
		{"TLS both", eku(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth), []Purpose{Node, TLS, Client}},
		{"client only", eku(x509.ExtKeyUsageClientAuth), []Purpose{Client}},
		{"code", eku(x509.ExtKeyUsageCodeSigning), nil},
		{"time-stamps", eku(x509.ExtKeyUsageTimeStamping), []Purpose{TSA}},
		{"time-stamps and more", eku(x509.ExtKeyUsageTimeStamping, x509.ExtKeyUsageEmailProtection), documents},
		{"OCSP", eku(x509.ExtKeyUsageOCSPSigning), []Purpose{OCSP}},
		{"RFC 9336", func(c *x509.Certificate) { c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{ekuDocumentRFC9336} }, documents},
		{"unknown only", func(c *x509.Certificate) { c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 2, 3}} }, nil},
		{"non-repudiation only", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageContentCommitment }, documents},
		{"encipherment only", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }, nil},
		{"authority", func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign }, []Purpose{Authority}},
		{"authority that also signs", func(c *x509.Certificate) {
			c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature
		}, []Purpose{Authority}},
		{"authority without keyCertSign", func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageDigitalSignature }, nil},
	} {
		cert := ca.issue(t, key.Public(), c.change)
		if got := PurposesOf(key.Public(), cert); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		for _, p := range Purposes() {
			if err := CheckPurpose(p, key.Public(), cert); err != nil && !errors.Is(err, ErrWrongPurpose) {
				t.Errorf("%s: %s: %v isn't ErrWrongPurpose", c.name, p, err)
			}
		}
	}
	edwards := mustGenerate(Ed25519)
	if got := PurposesOf(edwards.Public(), nil); !slices.Equal(got, []Purpose{Log, Witness}) {
		t.Errorf("Ed25519: %v", got)
	}
	if got := PurposesOf(edwards.Public(), ca.issue(t, edwards.Public(), nil)); len(got) > 0 {
		t.Errorf("Ed25519 with certificate: %v", got)
	}
	if got := PurposesOf(key.Public(), nil); len(got) > 0 {
		t.Errorf("without certificate: %v", got)
	}
}

// The purpose also holds when a key is used, not only when it is opened.
func TestGuardAtUse(t *testing.T) {
	dir := t.TempDir()
	logPath := writePEM(t, dir, "log.pem", mustGenerate(Ed25519))
	log, err := Open(t.Context(), mustRef(t, logPath), Options{Purpose: Log})
	if err != nil {
		t.Fatal(err)
	}
	checkpoint := []byte("tram.example/log\n7\n" + "RUVFRUVFRUVFRUVFRUVFRUVFRUVFRUVFRUVFRUVFRUU=" + "\n")
	if _, err := log.Signer.Sign(nil, checkpoint, crypto.Hash(0)); err != nil {
		t.Error("a checkpoint:", err)
	}
	for _, msg := range []string{"", "hello", "<xml/>", "a\nb\nc\n", "tram.example/log\n7\nshort\n", string(checkpoint) + "\n", "x" + string(checkpoint[:len(checkpoint)-1])} {
		if _, err := log.Signer.Sign(nil, []byte(msg), crypto.Hash(0)); !errors.Is(err, ErrWrongPurpose) {
			t.Errorf("log key signed %q: %v", msg, err)
		}
	}
	for _, p := range []Purpose{Organisation, TLS, TSA, ""} {
		if _, err := log.For(p); !errors.Is(err, ErrWrongPurpose) {
			t.Errorf("log key for %q: %v", p, err)
		}
	}
	key := mustGenerate(P256)
	path := writePEM(t, dir, "org.pem", key, testCA().issue(t, key.Public(), nil))
	org, err := Open(t.Context(), mustRef(t, path), Options{Purpose: Organisation})
	if err != nil {
		t.Fatal(err)
	}
	s1, s256 := sha1.Sum(nil), sha256.Sum256(nil)
	if _, err := org.Signer.Sign(rand.Reader, s1[:], crypto.SHA1); err == nil {
		t.Error("SHA-1 was signed")
	}
	if _, err := org.Signer.Sign(rand.Reader, s256[:], crypto.Hash(0)); err == nil {
		t.Error("a digest of no algorithm was signed")
	}
	if _, err := org.Signer.Sign(rand.Reader, s256[:20], crypto.SHA256); err == nil {
		t.Error("half a digest was signed")
	}
	signCheck(t, org.Signer, org.Chain[0])
}

func TestRequestedUsageIsAccepted(t *testing.T) {
	key := mustGenerate(P256)
	for _, p := range []Purpose{Organisation, Person, Administrator, Node, TLS, Client, TSA, OCSP} {
		ext, err := requestedUsage(p)
		if err != nil {
			t.Fatal(err)
		}
		cert := testCA().issue(t, key.Public(), func(c *x509.Certificate) { c.KeyUsage, c.ExtraExtensions = 0, ext })
		if err := CheckPurpose(p, key.Public(), cert); err != nil {
			t.Error(err)
		}
	}
	for _, p := range []Purpose{Log, Authority} {
		if _, err := CSR(key, Request{CommonName: "x", Purpose: p}); err == nil {
			t.Errorf("a request for %s", p)
		}
	}
	b, err := CSR(key, Request{CommonName: "Sở Nội vụ", Province: "Bắc Giang", SerialNumber: "H02.02", Hosts: []string{"a.example", "127.0.0.1"}, Purpose: Node})
	if err != nil {
		t.Fatal(err)
	}
	if len(b) == 0 || fmt.Sprintf("%.27s", b) != "-----BEGIN CERTIFICATE REQU" {
		t.Errorf("%.60s", b)
	}
}

// A witness key signs cosignatures; a log key does not, and the other way round.
func TestWitnessGuard(t *testing.T) {
	path := writePEM(t, t.TempDir(), "witness.pem", mustGenerate(Ed25519))
	checkpoint := "tram.example/log\n7\n" + "RUVFRUVFRUVFRUVFRUVFRUVFRUVFRUVFRUVFRUVFRUU=" + "\n"
	for _, c := range []struct {
		purpose Purpose
		message string
		ok      bool
	}{
		{Witness, "cosignature/v1\ntime 1795000000\n" + checkpoint, true},
		{Witness, "cosignature/v1\ntime 1795000000\n" + checkpoint + "an extension\n", true},
		{Witness, checkpoint, false},
		{Witness, "cosignature/v1\ntime \n" + checkpoint, false},
		{Witness, "cosignature/v1\ntime now\n" + checkpoint, false},
		{Witness, "cosignature/v1\ntime 1\n", false},
		{Witness, "subtree/v1\ntime 1\n" + checkpoint, false},
		{Log, "cosignature/v1\ntime 1795000000\n" + checkpoint, false},
	} {
		key, err := Open(t.Context(), mustRef(t, path), Options{Purpose: c.purpose})
		if err != nil {
			t.Fatal(err)
		}
		_, err = key.Signer.Sign(nil, []byte(c.message), crypto.Hash(0))
		if c.ok != (err == nil) || !c.ok && !errors.Is(err, ErrWrongPurpose) {
			t.Errorf("%s key, %q: %v", c.purpose, c.message, err)
		}
	}
}
