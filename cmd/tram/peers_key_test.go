//go:build peers

package main

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
)

// An agency's key from nothing to a signed document with the commands alone, its key never outside the token; xmlsec1 judges.
func TestKeyInSoftHSM(t *testing.T) {
	module := ""
	for _, p := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so", "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"} {
		if _, err := os.Stat(p); err == nil {
			module = p
			break
		}
	}
	if module == "" {
		t.Fatal("this test needs SoftHSM (Debian: softhsm2)")
	}
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "tokens"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "conf"), []byte("directories.tokendir = "+filepath.Join(dir, "tokens")+"\nlog.level = ERROR\n"), 0o600))
	t.Setenv("SOFTHSM2_CONF", filepath.Join(dir, "conf"))
	t.Setenv("TRAM_TEST_PIN", "24681357")
	external := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	external("softhsm2-util", "--init-token", "--free", "--label", "SNV", "--pin", "24681357", "--so-pin", "13572468")
	tram := func(want int, args ...string) (string, string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if got := run(args, strings.NewReader(""), &stdout, &stderr); got != want {
			t.Fatalf("tram %s: exit %d, want %d\n%s%s", strings.Join(args, " "), got, want, &stdout, &stderr)
		}
		return stdout.String(), stderr.String()
	}
	ref := "pkcs11:token=SNV;object=2027?module-path=" + module + "&pin-source=env:TRAM_TEST_PIN"
	named, _ := tram(0, "key", "generate", ref, "--type", "rsa2048")
	if !strings.Contains(named, ";id=%") || strings.Contains(named, "24681357") {
		t.Errorf("generate says %q", named)
	}
	csr := filepath.Join(dir, "snv.csr")
	tram(0, "key", "csr", ref, "--cn", "Sở Nội vụ", "--serial-number", "H02.02", "--purpose", "organisation", "-o", csr)
	b, err := os.ReadFile(csr)
	must(t, err)
	block, _ := pem.Decode(b)
	request, err := x509.ParseCertificateRequest(block.Bytes)
	must(t, err)
	ca, err := trialca.New("CA thử", rand.Reader, time.Now)
	must(t, err)
	cert, err := ca.IssueFor(trialca.Leaf{Name: "Sở Nội vụ", OrgCode: "H02.02", Use: trialca.Sign}, request.PublicKey)
	must(t, err)
	must(t, signing.SaveCertificates(filepath.Join(dir, "snv.crt"), []*x509.Certificate{cert}))
	must(t, signing.SaveCertificates(filepath.Join(dir, "ca.crt"), []*x509.Certificate{ca.Certificate}))
	if _, stderr := tram(1, "sign", "--key", ref, "-o", "x.xml", csr); !strings.Contains(stderr, "no certificate") {
		t.Error("without a certificate:", stderr)
	}
	tram(0, "key", "import", ref, filepath.Join(dir, "snv.crt"))
	if out, _ := tram(0, "key", "check", ref, "--purpose", "organisation"); !strings.Contains(out, `PKCS#11 token`) {
		t.Error(out)
	}
	doc, signed := filepath.Join(dir, "a.xml"), filepath.Join(dir, "signed.xml")
	must(t, os.WriteFile(doc, []byte(`<Package xmlns="urn:example"><Header/><Body>Công văn</Body></Package>`), 0o600))
	tram(0, "sign", "--key", ref, "--algorithm", "rsa", "-o", signed, doc)
	external("xmlsec1", "--verify", "--trusted-pem", filepath.Join(dir, "ca.crt"), signed)
	tram(0, "sign", "--key", ref, "--algorithm", "pss", "-o", signed, doc) // Debian's xmlsec1 does not know PSS
	trust := filepath.Join(dir, "trust")
	must(t, os.Mkdir(trust, 0o700))
	must(t, os.Rename(filepath.Join(dir, "ca.crt"), filepath.Join(trust, "ca.crt")))
	tram(0, "check", "--trust", trust, signed)
	t.Setenv("TRAM_TEST_PIN", "00000000")
	if _, stderr := tram(1, "sign", "--key", ref, "-o", signed, doc); !strings.Contains(stderr, "wrong PIN") || strings.Contains(stderr, "00000000") {
		t.Error("a wrong PIN:", stderr)
	}
}
