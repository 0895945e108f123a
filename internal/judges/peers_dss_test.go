//go:build peers

package judges_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/internal/judges"
	"github.com/tram-exchange/tram/signing/trialca"
)

// pdf is the smallest document that a reader takes.
func pdf() []byte {
	var b bytes.Buffer
	var at []int
	object := func(s string) {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", len(at), s)
	}
	b.WriteString("%PDF-1.7\n")
	object("<</Type/Catalog/Pages 2 0 R>>")
	object("<</Type/Pages/Kids[3 0 R]/Count 1>>")
	object("<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]>>")
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 4\n0000000000 65535 f \n")
	for _, a := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", a)
	}
	fmt.Fprintf(&b, "trailer<</Size 4/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", start)
	return b.Bytes()
}

// TestJudge: the judge passes what it signs, in all formats, fails what is changed, and answers what it cannot do with an error.
func TestJudge(t *testing.T) {
	dss, dir := judges.DSS(t), t.TempDir()
	write := func(name string, b []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca, err := trialca.New("CA", rand.Reader, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	key, cert, err := ca.Issue(trialca.Leaf{Name: "Sở Nội vụ", Use: trialca.Sign, Key: trialca.P256})
	if err != nil {
		t.Fatal(err)
	}
	tsaKey, tsaCert, err := ca.Issue(trialca.Leaf{Name: "TSA", Use: trialca.TimeStamp, Key: trialca.P256})
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	tsaDER, err := x509.MarshalPKCS8PrivateKey(tsaKey)
	if err != nil {
		t.Fatal(err)
	}
	crl, err := ca.CRL(time.Now().Add(-time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	m := judges.Material{Trust: []string{write("ca.crt", ca.Certificate.Raw)}, CRLs: []string{write("ca.crl", crl)}}
	s := judges.Signing{Level: "LT", Algorithm: "ECDSA", Key: write("key", der), Chain: []string{write("crt", cert.Raw)}, TSAKey: write("tsakey", tsaDER), TSACert: []string{write("tsacrt", tsaCert.Raw)}}
	in := map[string]string{"XADES": write("doc%\t.xml", []byte("<a>text</a>")), "ASICE": write("doc.txt", []byte("text")), "PADES": write("doc.pdf", pdf())}
	levels := map[string]string{"XADES": "XAdES-BASELINE-LT", "ASICE": "XAdES-BASELINE-LT", "PADES": "PAdES-BASELINE-LT"}
	for format, file := range in {
		s.Format, s.Packaging = format, ""
		if format == "XADES" {
			s.Packaging = "ENVELOPED"
		}
		out := filepath.Join(dir, "out."+strings.ToLower(format))
		if err := dss.Sign(file, out, s, m); err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		o, err := dss.Validate(out, m)
		if err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		if !o.Passed() || o.Signatures[0].Level != levels[format] {
			t.Errorf("%s: %s", format, o)
		}
		if o, err := dss.Validate(out, judges.Material{}); err != nil || o.Passed() || o.Signatures[0].Indication != "INDETERMINATE" {
			t.Errorf("%s without trust: %v, %v", format, o, err)
		}
		if format == "XADES" {
			b, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			o, err := dss.Validate(write("bad.xml", bytes.Replace(b, []byte("<a>text"), []byte("<a>test"), 1)), m)
			if err != nil || o.Signatures[0].Indication != "TOTAL_FAILED" || o.Signatures[0].SubIndication != "HASH_FAILURE" {
				t.Errorf("changed: %v, %v", o, err)
			}
		}
	}
	if _, err := dss.Validate(filepath.Join(dir, "nothing"), m); err == nil {
		t.Error("a file that isn't there was judged")
	}
	if o, err := dss.Validate(in["XADES"], m); err == nil && len(o.Signatures) > 0 {
		t.Errorf("no signature: %s", o)
	}
}
