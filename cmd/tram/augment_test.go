package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
	"github.com/tram-exchange/tram/signing/tsp"
	"github.com/tram-exchange/tram/signing/xades"
)

// TestSignAndAugment signs at every level with a time-stamping authority of our own, and augments in steps.
func TestSignAndAugment(t *testing.T) {
	dir := t.TempDir()
	trust := filepath.Join(dir, "trust")
	if err := os.Mkdir(trust, 0o700); err != nil {
		t.Fatal(err)
	}
	ca, err := trialca.New("CA thử", rand.Reader, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	key, cert, err := ca.Issue(trialca.Leaf{Name: "Sở Nội vụ", OrgCode: "H02.02", Use: trialca.Sign, Key: trialca.P256})
	if err != nil {
		t.Fatal(err)
	}
	tsaKey, tsaCert, err := ca.Issue(trialca.Leaf{Name: "TSA", Use: trialca.TimeStamp, Key: trialca.RSA2048})
	if err != nil {
		t.Fatal(err)
	}
	authority, err := tsp.NewAuthority(tsaKey, []*x509.Certificate{tsaCert, ca.Certificate}, tsp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(authority)
	defer server.Close()
	crl, err := ca.CRL(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	keyFile, certFile, doc := filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "doc.xml")
	for _, err := range []error{signing.SaveKey(keyFile, key), signing.SaveCertificates(certFile, []*x509.Certificate{cert}),
		signing.SaveCertificates(filepath.Join(trust, "ca.pem"), []*x509.Certificate{ca.Certificate}), os.WriteFile(filepath.Join(trust, "ca.crl"), crl, 0o600),
		os.WriteFile(doc, []byte(`<a><b Id="b">x</b></a>`), 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	tram := func(want int, args ...string) string {
		t.Helper()
		var out, stderr bytes.Buffer
		if got := run(args, strings.NewReader(""), &out, &stderr); got != want {
			t.Fatalf("tram %s ended with %d, want %d: %s", strings.Join(args, " "), got, want, stderr.String())
		}
		return stderr.String()
	}
	level := func(file string) xades.Level {
		t.Helper()
		src, err := signing.OpenFile(file)
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		rep, err := signing.Verify(context.Background(), src, signing.VerifyOptions{CryptoOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		props, err := xades.Read(context.Background(), src, &rep.Signatures[0])
		if err != nil {
			t.Fatal(err)
		}
		return props.Level()
	}
	common := []string{"--trust", trust, "--tsa", server.URL, "--offline"}
	for _, l := range []xades.Level{xades.LevelB, xades.LevelT, xades.LevelLT, xades.LevelA} {
		out := filepath.Join(dir, string(l)+".xml")
		tram(0, append([]string{"sign", doc, "--key", keyFile, "--cert", certFile, "--level", string(l), "--role", "Giám đốc", "--policy-id", "implied", "-o", out}, common...)...)
		if got := level(out); got != l {
			t.Errorf("signed at level %q, want %q", got, l)
		}
		up := filepath.Join(dir, "up.xml")
		tram(0, append([]string{"augment", out, "-o", up}, common...)...)
		if got := level(up); got != xades.LevelA {
			t.Errorf("augmented from %q to %q", l, got)
		}
		tram(0, "check", up, "--trust", trust)
	}
	b := filepath.Join(dir, "B-B.xml")
	trusting := filepath.Join(dir, "trusting.xml")
	tram(0, "sign", doc, "-k", keyFile, "--cert", certFile, "--level", "B-T", "--tsa", server.URL, "-o", trusting)
	if got := level(trusting); got != xades.LevelT {
		t.Errorf("signed at level %q without --trust", got)
	}
	for args, message := range map[string]string{
		"augment " + b + " --level B-X --trust " + trust + " --tsa " + server.URL:                   "want B-B, B-T",
		"augment " + b + " --trust " + trust:                                                        "without --tsa",
		"augment " + b + " --tsa " + server.URL:                                                     "without --trust",
		"augment " + doc + " --trust " + trust + " --tsa " + server.URL + " --offline":              "no such signature",
		"sign " + doc + " -k " + keyFile + " --cert " + certFile + " --level B-LT":                  "without --trust",
		"sign " + doc + " -k " + keyFile + " --cert " + certFile + " --level B-B --policy-id 1.2.3": "--policy-file",
	} {
		if got := tram(1, strings.Fields(args)...); !strings.Contains(got, message) {
			t.Errorf("tram %s says %q, want %q in it", args, got, message)
		}
	}
}
