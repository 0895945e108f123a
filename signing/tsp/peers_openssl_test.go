//go:build peers

package tsp_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
	"github.com/tram-exchange/tram/signing/tsp"
)

// openssl runs the peer in dir and returns what it prints.
func openssl(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal("openssl isn't there: ", err)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func must(t *testing.T, dir string, args ...string) {
	t.Helper()
	if out, err := openssl(t, dir, args...); err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func put(t *testing.T, dir, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// shop is a folder with our authority and what openssl needs to be one or to judge one. It runs on today's clock, as openssl does.
func shop(t *testing.T, kind trialca.KeyType) (dir string, a *tsp.Authority, root *x509.Certificate) {
	t.Helper()
	dir = t.TempDir()
	ca := newCA(t)
	key, cert := issue(t, ca, kind, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	})
	a, err := tsp.NewAuthority(key, []*x509.Certificate{cert}, tsp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pem, err := signing.MarshalKey(key)
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, "key.pem", pem)
	put(t, dir, "tsa.pem", signing.MarshalCertificates([]*x509.Certificate{cert}))
	put(t, dir, "ca.pem", signing.MarshalCertificates([]*x509.Certificate{ca.Certificate}))
	put(t, dir, "doc", document)
	return dir, a, ca.Certificate
}

func TestOpenSSLAcceptsOurs(t *testing.T) {
	for _, kind := range []trialca.KeyType{trialca.RSA2048, trialca.P256, trialca.P384} {
		dir, a, _ := shop(t, kind)
		for _, hash := range []string{"-sha256", "-sha384", "-sha512"} {
			for _, more := range [][]string{{"-cert"}, {"-cert", "-no_nonce"}, {}, {"-cert", "-tspolicy", tsp.TrialPolicy}} {
				must(t, dir, append([]string{"ts", "-query", "-data", "doc", hash, "-out", "q.tsq"}, more...)...)
				put(t, dir, "r.tsr", a.Respond(get(t, dir, "q.tsq")))
				args := []string{"ts", "-verify", "-queryfile", "q.tsq", "-in", "r.tsr", "-CAfile", "ca.pem"}
				if len(more) == 0 {
					args = append(args, "-untrusted", "tsa.pem")
				}
				must(t, dir, args...)
				out, err := openssl(t, dir, "ts", "-reply", "-in", "r.tsr", "-text")
				if err != nil || !strings.Contains(out, "Status: Granted") || !strings.Contains(out, "0x01 seconds") {
					t.Fatalf("%v\n%s", err, out)
				}
			}
		}
		token, err := a.Stamp(t.Context(), crypto.SHA256, tsp.HashOf(crypto.SHA256, document))
		if err != nil {
			t.Fatal(err)
		}
		put(t, dir, "token.tst", token.Raw)
		must(t, dir, "ts", "-verify", "-data", "doc", "-in", "token.tst", "-token_in", "-CAfile", "ca.pem")
		put(t, dir, "doc", append(document, ' '))
		if out, err := openssl(t, dir, "ts", "-verify", "-data", "doc", "-in", "token.tst", "-token_in", "-CAfile", "ca.pem"); err == nil {
			t.Fatalf("openssl takes it for other octets: %s", out)
		}
		for name, want := range map[string][]byte{"alg": mustRequest(t, crypto.SHA1, 20), "junk": []byte("x")} {
			put(t, dir, "r.tsr", a.Respond(want))
			if out, _ := openssl(t, dir, "ts", "-reply", "-in", "r.tsr", "-text"); !strings.Contains(out, "Status: Rejected") {
				t.Fatalf("%s: %s", name, out)
			}
		}
	}
}

func mustRequest(t *testing.T, h crypto.Hash, n int) []byte {
	t.Helper()
	der, err := (&tsp.Request{Hash: h, Imprint: make([]byte, n)}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return der
}

const tsaConfig = `[tsa]
default_tsa = here
[here]
serial = serial
signer_cert = tsa.pem
certs = ca.pem
signer_key = key.pem
signer_digest = %s
default_policy = 1.3.6.1.4.1.32473.1
digests = sha256, sha384, sha512
accuracy = secs:1, millisecs:500, microsecs:100
clock_precision_digits = %d
ordering = yes
tsa_name = yes
ess_cert_id_chain = %s
ess_cert_id_alg = %s
`

func TestOursAcceptsOpenSSL(t *testing.T) {
	for _, kind := range []trialca.KeyType{trialca.RSA2048, trialca.P256} {
		dir, _, root := shop(t, kind)
		for _, tt := range []struct {
			digest, chain, ess string
			precision          int
		}{{"sha256", "no", "sha256", 0}, {"sha256", "yes", "sha256", 3}, {"sha384", "yes", "sha1", 6}, {"sha512", "no", "sha512", 2}} {
			put(t, dir, "serial", []byte("1234\n"))
			put(t, dir, "tsa.cnf", fmt.Appendf(nil, tsaConfig, tt.digest, tt.precision, tt.chain, tt.ess))
			must(t, dir, "ts", "-query", "-data", "doc", "-sha256", "-cert", "-out", "q.tsq")
			must(t, dir, "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "q.tsq", "-out", "r.tsr")
			token, err := tsp.ParseResponse(get(t, dir, "r.tsr"))
			if err != nil {
				t.Fatalf("%+v: %v", tt, err)
			}
			imprint := tsp.HashOf(crypto.SHA256, document)
			if p := judge(token.Raw, imprint, root); p != "" {
				t.Fatalf("%+v: %s", tt, p)
			}
			if !token.Ordering || token.Accuracy != 1500100*time.Microsecond || token.Nonce == nil || token.Name == nil || time.Since(token.Time).Abs() > time.Hour {
				t.Fatalf("%+v: %+v", tt, token)
			}
			r, err := tsp.ParseRequest(get(t, dir, "q.tsq"))
			if err != nil || !bytes.Equal(r.Imprint, imprint) || r.Nonce.Cmp(token.Nonce) != 0 || !r.Certificates {
				t.Fatalf("request %+v: %v", r, err)
			}
		}
		// what it refuses, we tell
		must(t, dir, "ts", "-query", "-data", "doc", "-sha1", "-out", "q.tsq")
		_, _ = openssl(t, dir, "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "q.tsq", "-out", "r.tsr")
		if _, err := tsp.ParseResponse(get(t, dir, "r.tsr")); err == nil || !strings.Contains(err.Error(), "rejection, badAlg") {
			t.Fatalf("refusal read as %v", err)
		}
	}
}

// Whatever openssl refuses of the mutated answers, we refuse too. Where we are stricter is counted.
func TestMutationsAgainstOpenSSL(t *testing.T) {
	dir, a, root := shop(t, trialca.P256)
	must(t, dir, "ts", "-query", "-data", "doc", "-sha256", "-cert", "-out", "q.tsq")
	good := a.Respond(get(t, dir, "q.tsq"))
	request, err := tsp.ParseRequest(get(t, dir, "q.tsq"))
	if err != nil {
		t.Fatal(err)
	}
	ours := func(b []byte) bool {
		token, err := tsp.ParseResponse(b)
		return err == nil && token.Nonce != nil && token.Nonce.Cmp(request.Nonce) == 0 && judge(token.Raw, request.Imprint, root) == ""
	}
	theirs := func(b []byte) bool {
		put(t, dir, "r.tsr", b)
		_, err := openssl(t, dir, "ts", "-verify", "-queryfile", "q.tsq", "-in", "r.tsr", "-CAfile", "ca.pem")
		return err == nil
	}
	if !ours(good) || !theirs(good) {
		t.Fatal("the good answer isn't taken by both")
	}
	stricter, both, asked := 0, 0, 0
	for i := range good {
		for bit := range 8 {
			b := bytes.Clone(good)
			b[i] ^= 1 << bit
			mine := ours(b)
			if !mine && bit != i%8 {
				continue // the other way round is asked once an octet
			}
			asked++
			switch other := theirs(b); {
			case mine && !other:
				t.Errorf("octet %d, bit %d: openssl refuses it, we don't", i, bit)
			case mine:
				both++
			case other:
				stricter++
			}
		}
	}
	t.Logf("%d octets, openssl asked %d times: both take %d, we alone refuse %d", len(good), asked, both, stricter)
}

// Every vector that openssl refuses is refused by us, and the good ones are taken by it, but for RSASSA-PSS, which its ts command doesn't know.
func TestVectorsAgainstOpenSSL(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "ca.pem", get(t, vectorDir, "ca.crt"))
	put(t, dir, "doc", document)
	for _, v := range vectors() {
		_, _, der := readVector(t, v.name)
		put(t, dir, "token.tst", der)
		_, err := openssl(t, dir, "ts", "-verify", "-data", "doc", "-in", "token.tst", "-token_in", "-CAfile", "ca.pem", "-attime", fmt.Sprint(at.Unix()))
		switch {
		case err != nil && v.expect == "" && v.name != "good-pss":
			t.Errorf("%s: openssl refuses it", v.name)
		case err == nil && v.expect != "":
			t.Logf("%s: we are stricter than openssl: %s", v.name, v.why)
		}
	}
}
