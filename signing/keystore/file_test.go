package keystore

import (
	"crypto"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/signing"
)

func TestOpenPEM(t *testing.T) {
	dir := t.TempDir()
	for name, key := range map[string]crypto.Signer{"p256": mustGenerate(P256), "p384": testP384(), "rsa": testRSA()} {
		cert := testCA().issue(t, key.Public(), nil)
		other := testCA().issue(t, mustGenerate(P256).Public(), nil)
		writePEM(t, dir, name+".pem", key, other, testCA().cert, cert) // in any order, with a stranger
		k, err := Open(t.Context(), mustRef(t, name+".pem"), Options{Base: dir, Purpose: Organisation})
		if err != nil {
			t.Fatal(name, err)
		}
		if len(k.Chain) != 2 || !k.Chain[0].Equal(cert) || !k.Chain[1].Equal(testCA().cert) {
			t.Errorf("%s: chain of %d certificates", name, len(k.Chain))
		}
		if !k.NotAfter.Equal(cert.NotAfter) || !slices.Contains(k.Purposes, Organisation) {
			t.Errorf("%s: %v %v", name, k.NotAfter, k.Purposes)
		}
		signCheck(t, k.Signer, cert)
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	key := mustGenerate(P256)
	cert := testCA().issue(t, key.Public(), nil)
	tlsOnly := testCA().issue(t, key.Public(), func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	stranger := testCA().issue(t, mustGenerate(P256).Public(), nil)
	writePEM(t, dir, "good.pem", key, cert)
	writePEM(t, dir, "tls.pem", key, tlsOnly)
	writePEM(t, dir, "stranger.pem", key, stranger)
	writePEM(t, dir, "bare.pem", key)
	writePEM(t, dir, "ca.pem", testCA().key, testCA().cert)
	writePEM(t, dir, "open.pem", key, cert)
	if err := os.Chmod(filepath.Join(dir, "open.pem"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "big.pem"), make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		ref     string
		purpose Purpose
		want    error // nil: any
	}{
		{"tls.pem", Organisation, ErrWrongPurpose},
		{"tls.pem", TSA, ErrWrongPurpose},
		{"ca.pem", Organisation, ErrWrongPurpose},
		{"good.pem", Authority, ErrWrongPurpose},
		{"good.pem", Log, ErrWrongPurpose},
		{"bare.pem", Organisation, ErrWrongPurpose},
		{"stranger.pem", Organisation, ErrKeyMismatch},
		{"open.pem", Organisation, ErrSecretReadable},
		{"missing.pem", Organisation, os.ErrNotExist},
		{"big.pem", Organisation, nil},
		{"remote:nobody", Organisation, nil},
	} {
		_, err := Open(t.Context(), mustRef(t, c.ref), Options{Base: dir, Purpose: c.purpose})
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s for %s: %v, want %v", c.ref, c.purpose, err, c.want)
		}
	}
	// A certificate beside the key, and one named.
	if err := signing.SaveCertificates(filepath.Join(dir, "bare.crt"), []*x509.Certificate{cert}); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), mustRef(t, "bare.pem"), Options{Base: dir, Purpose: Organisation}); err != nil {
		t.Error(err)
	}
	if k, err := Open(t.Context(), mustRef(t, "tls.pem"), Options{Base: dir, Purpose: Person, Chain: "bare.crt"}); err != nil || !k.Chain[0].Equal(cert) {
		t.Error(err)
	}
	if k, err := Open(t.Context(), mustRef(t, "good.pem"), Options{Base: dir, NoCertificate: true}); err != nil || len(k.Chain) != 0 {
		t.Error(err)
	}
}

func TestPKCS12(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TRAM_TEST_PIN", "mật khẩu 1")
	if err := os.WriteFile(filepath.Join(dir, "pin"), []byte("mật khẩu 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, legacy := range []bool{false, true} {
		for _, key := range []crypto.Signer{testRSA(), mustGenerate(P256)} {
			cert := testCA().issue(t, key.Public(), nil)
			b, err := MarshalPKCS12(key, []*x509.Certificate{cert, testCA().cert}, "mật khẩu 1", legacy)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "a.p12"), b, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, source := range []string{"file:pin", "env:TRAM_TEST_PIN"} {
				k, err := Open(t.Context(), mustRef(t, "pkcs12:a.p12?pin-source="+source), Options{Base: dir, Purpose: Organisation})
				if err != nil {
					t.Fatal(err)
				}
				if len(k.Chain) != 2 || !k.Chain[0].Equal(cert) {
					t.Errorf("chain of %d", len(k.Chain))
				}
				signCheck(t, k.Signer, cert)
			}
			asked := 0
			_, err = Open(t.Context(), mustRef(t, "pkcs12:a.p12"), Options{Base: dir, Prompt: func(string) (string, error) { asked++; return "sai", nil }})
			if !errors.Is(err, ErrWrongPIN) || asked != 1 || strings.Contains(err.Error(), "sai") {
				t.Errorf("wrong password: %v, asked %d times", err, asked)
			}
		}
	}
	if _, err := MarshalPKCS12(testRSA(), []*x509.Certificate{testCA().cert}, "x", false); !errors.Is(err, ErrKeyMismatch) {
		t.Error(err)
	}
}

func TestReadSecret(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	write("ok", "1234\r\n", 0o600)
	write("readonly", "1234", 0o400)
	write("group", "1234", 0o640)
	write("world", "1234", 0o604)
	write("empty", "\n", 0o600)
	write("long", strings.Repeat("x", maxSecret+1), 0o600)
	env := func(name string) string {
		return map[string]string{"A": "1234", "L": strings.Repeat("x", maxSecret+1)}[name]
	}
	for source, good := range map[string]bool{
		"file:ok": true, "ok": true, "file:" + filepath.Join(dir, "ok"): true, "readonly": true, "env:A": true,
		"group": false, "world": false, "empty": false, "long": false, "missing": false, "": false, "file:": false, "|cat ok": false, "env:B": false, "env:L": false, "file:.": false,
	} {
		s, err := ReadSecret(source, dir, env)
		if good != (err == nil) || good && s != "1234" {
			t.Errorf("%q: %q, %v", source, s, err)
		}
		if err != nil && strings.Contains(err.Error(), "1234") {
			t.Errorf("%q: the error shows the secret: %v", source, err)
		}
	}
}
