//go:build peers

package cms_test

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/cms"
	"github.com/tram-exchange/tram/signing/trialca"
)

type shop struct {
	signer
	dir string
}

func newShop(t *testing.T, kind trialca.KeyType) shop {
	t.Helper()
	s := shop{newSigner(t, kind), t.TempDir()}
	pem, err := signing.MarshalKey(s.key)
	if err != nil {
		t.Fatal(err)
	}
	s.put(t, "key.pem", pem)
	s.put(t, "cert.pem", signing.MarshalCertificates([]*x509.Certificate{s.cert}))
	s.put(t, "ca.pem", signing.MarshalCertificates([]*x509.Certificate{s.ca.Certificate}))
	s.put(t, "content", content)
	return s
}

func (s shop) put(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s shop) openssl(t *testing.T, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal("openssl isn't there: ", err)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = s.dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// verifies asks openssl about sig.der.
func (s shop) verifies(t *testing.T, detached bool) (string, error) {
	t.Helper()
	args := []string{"cms", "-verify", "-cades", "-inform", "DER", "-in", "sig.der", "-CAfile", "ca.pem", "-purpose", "any", "-binary", "-out", "out", "-attime", fmt.Sprint(at.Unix())}
	if detached {
		args = append(args, "-content", "content")
	}
	return s.openssl(t, args...)
}

func TestOpenSSLTakesOurs(t *testing.T) {
	for _, kind := range []trialca.KeyType{trialca.RSA2048, trialca.P256, trialca.P384} {
		s := newShop(t, kind)
		for _, o := range []cms.SignOptions{{}, {SigningTime: at}, {PSS: true}} {
			s.put(t, "sig.der", s.sign(t, o))
			if out, err := s.verifies(t, false); err != nil {
				t.Errorf("%v %+v: %s", kind, o, out)
			}
			got, err := os.ReadFile(filepath.Join(s.dir, "out"))
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("content %q: %v", got, err)
			}
		}
	}
}

func TestWeTakeOpenSSLs(t *testing.T) {
	for _, tt := range []struct {
		name   string
		kind   trialca.KeyType
		args   []string
		ber    bool // only read with Options.BER
		plain  bool // without the signing-certificate attribute
		legacy bool
	}{
		{"RSA", trialca.RSA2048, nil, false, true, false},
		{"RSA SHA-512", trialca.RSA2048, []string{"-md", "sha512", "-cades"}, false, false, false},
		{"PSS", trialca.RSA2048, []string{"-keyopt", "rsa_padding_mode:pss", "-cades"}, false, false, false},
		{"PSS salt", trialca.RSA2048, []string{"-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:20"}, false, true, false},
		{"ECDSA", trialca.P256, []string{"-cades"}, false, false, false},
		{"key identifier", trialca.P256, []string{"-keyid"}, false, true, false},
		{"no attributes", trialca.P384, []string{"-noattr"}, false, true, false},
		{"streamed", trialca.P256, []string{"-stream", "-cades"}, true, false, false},
		{"SHA-1", trialca.RSA2048, []string{"-md", "sha1"}, false, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t, tt.kind)
			args := append([]string{"cms", "-sign", "-signer", "cert.pem", "-inkey", "key.pem", "-in", "content", "-binary", "-nodetach", "-outform", "DER", "-out", "sig.der"}, tt.args...)
			if out, err := s.openssl(t, args...); err != nil {
				t.Fatal(out)
			}
			der, err := os.ReadFile(filepath.Join(s.dir, "sig.der"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := cms.Parse(der, cms.Options{}); (cms.ProblemOf(err) == cms.NotDER) != tt.ber {
				t.Fatalf("strictly: %v", err)
			}
			d, err := cms.Parse(der, cms.Options{BER: tt.ber})
			if err != nil {
				t.Fatal(err)
			}
			if err := verify(d, cms.VerifyOptions{Legacy: tt.legacy}); err != nil {
				t.Fatal(err)
			}
			if err := verify(d, cms.VerifyOptions{Legacy: tt.legacy, Bound: true}); (cms.ProblemOf(err) == cms.MissingAttribute) != tt.plain {
				t.Fatalf("bound: %v", err)
			}
			if tt.legacy {
				if err := verify(d, cms.VerifyOptions{}); cms.ProblemOf(err) != cms.LegacyAlgorithm {
					t.Fatalf("SHA-1: %v", err)
				}
			}
			if !bytes.Equal(d.Content, content) || time.Since(d.Signers[0].SigningTime).Abs() > time.Hour && !slices.Contains(tt.args, "-noattr") {
				t.Fatalf("says %q at %v", d.Content, d.Signers[0].SigningTime)
			}
		})
	}
}

// Whatever openssl refuses of the changed signatures, we refuse.
func TestMutationsAgainstOpenSSL(t *testing.T) {
	s := newShop(t, trialca.P256)
	der := s.sign(t, cms.SignOptions{SigningTime: at})
	asked := 0
	for i := range der {
		for bit := range 8 {
			b := bytes.Clone(der)
			b[i] ^= 1 << bit
			d, err := cms.Parse(b, cms.Options{BER: true})
			if err != nil || len(d.Signers) == 0 {
				continue
			}
			cert, err := d.Verify(d.Signers[0], cms.VerifyOptions{Bound: true})
			if err != nil || cert.CheckSignatureFrom(s.ca.Certificate) != nil {
				continue
			}
			asked++
			s.put(t, "sig.der", b)
			if out, err := s.verifies(t, false); err != nil {
				t.Errorf("octet %d, bit %d: openssl refuses it, we don't: %s", i, bit, out)
			}
		}
	}
	t.Logf("%d of %d changed signatures hold with both", asked, 8*len(der))
}
