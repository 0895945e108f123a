//go:build peers

package evidence_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/internal/judges"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/asice"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/verdict"
)

func put(t testing.TB, dir, name string, b []byte) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func (w *world) material(dir string) (judges.Material, []byte) {
	w.t.Helper()
	crl, err := w.ca.CRL(w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.ca.Certificate.Raw})
	return judges.Material{Trust: []string{put(w.t, dir, "ca.pem", ca)}, CRLs: []string{put(w.t, dir, "ca.crl", crl)}, At: w.now}, crl
}

// EU DSS opens and validates the container, dated or not, and finds what was changed in it.
func TestDSSValidatesTheContainer(t *testing.T) {
	w, dir := newWorld(t), t.TempDir()
	w.grown()
	dss := judges.DSS(t)
	m, _ := w.material(dir)
	for _, level := range []string{"B", "T"} {
		o := w.options()
		if level == "T" {
			o.Stamper = w.tsa
			o.Believe = func() (*signing.Trust, revocation.Source) { return w.trust, nil }
		}
		opinion, err := dss.ValidateWithReports(put(t, dir, level+".asice", w.container(o)), m, dir)
		if err != nil {
			t.Fatal(err)
		}
		if !opinion.Passed() || len(opinion.Signatures) != 1 || opinion.Signatures[0].Level != "XAdES-BASELINE-"+level || len(opinion.Signatures[0].Structure) > 0 {
			simple, _ := os.ReadFile(filepath.Join(dir, "simple.xml"))
			t.Errorf("level %s: %s\n%s", level, opinion, simple)
		}
	}
	p := unpack(t, w.container(w.options()))
	flip(p.find(t, "packages/", 0))
	opinion, err := dss.Validate(put(t, dir, "changed.asice", p.pack(t)), m)
	if err != nil {
		t.Fatal(err)
	}
	if len(opinion.Signatures) != 1 || opinion.Signatures[0].SubIndication != "HASH_FAILURE" {
		t.Errorf("changed: %s", opinion)
	}
}

// A container of a witnessed log is one to EU DSS, too, and the script of the documentation proves its receipts under either head.
func TestCosignedContainerJudged(t *testing.T) {
	w, dir := newWorld(t), t.TempDir()
	b := w.container(w.cosigned(w.circle("known"), 2))
	m, _ := w.material(dir)
	opinion, err := judges.DSS(t).Validate(put(t, dir, "witnessed.asice", b), m)
	if err != nil {
		t.Fatal(err)
	}
	if !opinion.Passed() || len(opinion.Signatures) != 1 {
		t.Errorf("DSS: %s", opinion)
	}
	script, err := filepath.Abs("../../docs/receipt-check.py")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, p := range unpack(t, b) {
		if !strings.HasSuffix(p.name, ".tlog-proof") {
			continue
		}
		n++
		if out, err := exec.Command("python3", script, put(t, dir, p.name, p.content), w.vkey).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", p.name, err, out)
		}
	}
	if n != 4 {
		t.Errorf("%d receipts, expected two of the letter, one of the second package and one of the stamp", n)
	}
}

// We open and validate what DSS makes.
func TestContainersOfDSS(t *testing.T) {
	w, dir := newWorld(t), t.TempDir()
	dss := judges.DSS(t)
	m, crl := w.material(dir)
	key, err := x509.MarshalPKCS8PrivateKey(w.signKey)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.signCert.Raw})
	out := filepath.Join(dir, "dss.asice")
	err = dss.Sign(put(t, dir, "letter.xml", []byte(letter)), out, judges.Signing{Format: "ASICE", Level: "B", Algorithm: "ECDSA",
		Key: put(t, dir, "sign.key", key), Chain: []string{put(t, dir, "sign.pem", cert)}}, m)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	judge := func(b []byte) *verdict.Verdict {
		c, err := asice.Open(bytes.NewReader(b), int64(len(b)), asice.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Signatures(); len(got) != 1 {
			t.Fatalf("signatures: %s", got)
		}
		if err := c.CheckList(); err != nil {
			t.Error(err)
		}
		src, _ := c.Source(c.Signatures()[0])
		policy := *verdict.DefaultPolicy()
		policy.Coverage = verdict.CoverReferences
		v, err := verdict.Judge(context.Background(), src, verdict.Options{Trust: w.trust, At: w.now, Policy: &policy, Detached: c.Detached,
			Revocation: revocation.NewOffline(crl)})
		if err != nil {
			t.Fatal(err)
		}
		if left := c.Unsigned(v.Report()); v.OK() && len(left) > 0 {
			t.Errorf("not signed: %s", left)
		}
		return v
	}
	if v := judge(b); !v.OK() {
		t.Errorf("%+v", v.Conclusion)
	}
	p := unpack(t, b)
	flip(p.find(t, "letter.xml", 0))
	if v := judge(p.pack(t)); v.SubIndication != verdict.HashFailure {
		t.Errorf("changed: %+v", v.Conclusion)
	}
}

// Each part can be checked without our program: receipts by the script of the documentation, tokens by openssl, packages by
// sha256sum, the container's signature by xmlsec1.
func TestWithoutOurProgram(t *testing.T) {
	w, dir := newWorld(t), t.TempDir()
	w.grown()
	w.material(dir)
	put(t, dir, "node.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.chain[0].Raw}))
	script, err := filepath.Abs("../../docs/receipt-check.py")
	if err != nil {
		t.Fatal(err)
	}
	run := func(want, name string, args ...string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s %s: %v: %s", name, args, err, out)
		}
	}
	checkpoints := map[string]string{} // token to checkpoint
	var receipts, tokens int
	all := unpack(t, w.container(w.options()))
	for _, p := range all {
		put(t, dir, p.name, p.content)
		if strings.HasPrefix(p.name, "receipts/") {
			receipts++
			run(`"origin":"`+origin+`"`, "python3", script, p.name, "node.pem")
			run(`"origin":"`+origin+`"`, "python3", script, p.name, w.vkey)
			_, checkpoint, _ := bytes.Cut(p.content, []byte("\n\n"))
			checkpoints[string(bytes.SplitN(checkpoint, []byte("\n"), 3)[1])] = string(checkpoint)
		}
	}
	r := w.check(w.container(w.options()), nil)
	for _, pr := range r.Proofs {
		token := ""
		for _, p := range all {
			if strings.HasPrefix(p.name, "timestamps/") && strings.Contains(p.name, digits(pr.Proved.Position)) {
				token = p.name
			}
		}
		for _, c := range checkpoints {
			put(t, dir, "checkpoint", []byte(c))
			cmd := exec.Command("openssl", "ts", "-verify", "-token_in", "-in", token, "-data", "checkpoint", "-CAfile", "ca.pem", "-attime", unix(w.now.Unix()))
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err == nil && strings.Contains(string(out), "Verification: OK") {
				tokens++
			}
		}
	}
	if receipts < 4 || tokens != len(r.Proofs) {
		t.Errorf("%d receipts, %d tokens over checkpoints of receipts, expected %d", receipts, tokens, len(r.Proofs))
	}
	run("OK", "xmlsec1", "--verify", "--trusted-pem", "ca.pem", "--verification-gmt-time", w.now.Format("2006-01-02+15:04:05"),
		"--enabled-reference-uris", "empty,same-doc,remote", "--id-attr:Id", "http://uri.etsi.org/01903/v1.3.2#:SignedProperties", asice.SignaturesName)
}

// digits is how entries name a position.
func digits(n uint64) string { return fmt.Sprintf("%012d", n) }

func unix(n int64) string { return fmt.Sprint(n) }
