package evidence_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/witness"
	"github.com/tram-exchange/tram/gateway/evidence"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/asice"
	"github.com/tram-exchange/tram/signing/verdict"
)

var update = flag.Bool("update", false, "make the containers of testdata/evidence anew (new keys, new signatures)")

const (
	vectorDir    = "../../testdata/evidence"
	witnessedDir = vectorDir + "/witnessed"
)

// vectorTime is when the vectors are judged: an hour after the last of them was made.
var vectorTime = time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)

// TestVectors runs the cases that another implementation could run too: see testdata/evidence/README.md.
func TestVectors(t *testing.T) {
	if *update {
		makeVectors(t)
		makeWitnessedVectors(t)
	}
	runVectors(t, vectorDir, nil)
	text, err := os.ReadFile(filepath.Join(witnessedDir, "policy"))
	if err != nil {
		t.Fatal(err)
	}
	policy, err := witness.ParsePolicy(text)
	if err != nil {
		t.Fatal(err)
	}
	runVectors(t, witnessedDir, policy)
}

// runVectors runs the cases of a folder; with a policy each also says what stands behind the document.
func runVectors(t *testing.T, dir string, policy *witness.Policy) {
	trust, err := signing.LoadTrust(filepath.Join(dir, "trust"), true)
	if err != nil {
		t.Fatal(err)
	}
	keyText, err := os.ReadFile(filepath.Join(dir, "log.vkey"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := ledger.ParseKey(keyText)
	if err != nil {
		t.Fatal(err)
	}
	cases, err := os.ReadFile(filepath.Join(dir, "cases.txt"))
	if err != nil {
		t.Fatal(err)
	}
	columns := 4
	if policy != nil {
		columns = 5
	}
	seen := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(string(cases)), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Fields(line)
		if len(f) != columns {
			t.Fatalf("case %q: expected file, indication, check, part and, of witnesses, standing", line)
		}
		seen[f[0]] = true
		t.Run(f[0], func(t *testing.T) {
			src, err := signing.OpenFile(filepath.Join(dir, f[0]))
			if err != nil {
				t.Fatal(err)
			}
			defer src.Close()
			r, err := evidence.Check(t.Context(), src, evidence.CheckOptions{Trust: trust, Key: &key, At: vectorTime, Witnesses: policy})
			if err != nil {
				t.Fatal(err)
			}
			found := f[2] == "-" || slices.ContainsFunc(r.Findings, func(g evidence.Finding) bool {
				return g.ID == f[2] && (g.Part == f[3] || f[3] == "-") && g.Result != verdict.Passed
			})
			if string(r.Indication) != f[1] || !found || policy != nil && r.Standing != f[4] {
				t.Errorf("expected %s, got %s: %s", line, r.Standing, written(r))
			}
		})
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.asice"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !seen[filepath.Base(file)] {
			t.Errorf("%s is in no case", file)
		}
	}
}

// makeWitnessedVectors makes those about cosignatures.
func makeWitnessedVectors(t *testing.T) {
	w := newWorld(t)
	w.now = vectorTime.Add(-5 * time.Hour)
	known := w.circle("vectors")
	enough := w.container(w.cosigned(known, 2))
	var cases bytes.Buffer
	fmt.Fprintf(&cases, "# file, indication, check that is not passed (-: none), part (-: the container), standing by the policy\n")
	put := func(file string, b []byte, line string) {
		if err := os.WriteFile(filepath.Join(witnessedDir, file), b, 0o644); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&cases, "%s %s\n", file, line)
	}
	if err := os.MkdirAll(filepath.Join(witnessedDir, "trust"), 0o755); err != nil {
		t.Fatal(err)
	}
	put("witnessed.asice", enough, "TOTAL-PASSED - - witnessed")
	p := unpack(t, enough)
	f := p.find(t, "witnessed/", 0)
	falseCosignature(t, f, "w1.example")
	put("cosignature-changed-by-node.asice", w.resign(p), "TOTAL-FAILED cosignature "+f.name+" sealed")
	o := w.options()
	few := w.cosign(w.circle("vectors"), 1)
	o.Cosigned = func() []byte { return few }
	put("one-of-three.asice", w.container(o), "INDETERMINATE witnesses - sealed")
	put("not-cosigned.asice", w.container(w.options()), "INDETERMINATE witnesses - sealed")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.ca.Certificate.Raw})
	for file, b := range map[string][]byte{"cases.txt": cases.Bytes(), "trust/ca.pem": ca, "log.vkey": []byte(w.vkey + "\n"), "policy": []byte(known.text())} {
		if err := os.WriteFile(filepath.Join(witnessedDir, file), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func makeVectors(t *testing.T) {
	w := newWorld(t)
	w.now = vectorTime.AddDate(0, 0, -2)
	w.document()
	w.now = w.now.Add(3 * time.Hour)
	w.stamp()
	w.resend()
	w.now = vectorTime.Add(-time.Hour)
	w.stamp()
	whole := w.container(w.options())
	base := func() parts {
		out := unpack(t, whole)
		for i := range out {
			out[i].content = bytes.Clone(out[i].content)
		}
		return out
	}
	name := func(prefix string) string { return base().find(t, prefix, 0).name }
	var cases bytes.Buffer
	fmt.Fprintf(&cases, "# file, indication, check that is not passed (-: none), part (-: the container)\n")
	put := func(file string, b []byte, want, id, part string) {
		if err := os.WriteFile(filepath.Join(vectorDir, file), b, 0o644); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&cases, "%s %s %s %s\n", file, want, id, part)
	}
	changed := func(prefix string) parts { p := base(); flip(p.find(t, prefix, 0)); return p }
	put("whole.asice", whole, "TOTAL-PASSED", "-", "-")
	put("package-changed.asice", changed("packages/").pack(t), "TOTAL-FAILED", "package-digest", name("packages/"))
	put("package-changed-by-node.asice", w.resign(changed("packages/")), "TOTAL-FAILED", "package-digest", name("packages/"))
	put("receipt-changed-by-node.asice", w.resign(changed("receipts/")), "TOTAL-FAILED", "receipt", name("receipts/"))
	put("token-changed-by-node.asice", w.resign(changed("timestamps/")), "TOTAL-FAILED", "time-stamp", name("timestamps/"))
	put("evidence-changed-by-node.asice", w.resign(changed("evidence/")), "TOTAL-FAILED", "entry-digest", name("evidence/"))
	put("package-removed.asice", base().remove(name("packages/")).pack(t), "TOTAL-FAILED", "entry-missing", name("packages/"))
	put("file-added.asice", slices.Insert(base(), 3, part{"packages/extra.xml", []byte("<a/>")}).pack(t), "TOTAL-FAILED", "entry-added", "packages/extra.xml")
	put("statement-left-out-by-node.asice", w.resign(rewrite(t, base(), func(m *evidence.Manifest) { m.Statements = m.Statements[1:] })),
		"TOTAL-FAILED", "order", base().find(t, "statements/", 1).name)
	put("cut-off.asice", whole[:len(whole)-7], "TOTAL-FAILED", "container-form", "-")
	// Trusted as an organisation, but not the log's node.
	o := w.options()
	o.Key, o.Chain = w.signKey, append(w.chain[:0:0], w.signCert)
	put("signed-by-a-stranger.asice", w.container(o), "TOTAL-FAILED", "container-signer", asice.SignaturesName)
	if err := os.WriteFile(filepath.Join(vectorDir, "cases.txt"), cases.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(vectorDir, "trust"), 0o755); err != nil {
		t.Fatal(err)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.ca.Certificate.Raw})
	for file, b := range map[string][]byte{"trust/ca.pem": ca, "log.vkey": []byte(w.vkey + "\n")} {
		if err := os.WriteFile(filepath.Join(vectorDir, file), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzCheck: nothing panics, and what is passed has the contents of the container that was made.
func FuzzCheck(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(vectorDir, "*.asice"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no vectors: %v", err)
	}
	whole, err := os.ReadFile(filepath.Join(vectorDir, "whole.asice"))
	if err != nil {
		f.Fatal(err)
	}
	trust, err := signing.LoadTrust(filepath.Join(vectorDir, "trust"), true)
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := evidence.Check(context.Background(), signing.BytesSource(b), evidence.CheckOptions{Trust: trust, At: vectorTime})
		if err != nil {
			return
		}
		if !r.OK() {
			return
		}
		got, want := unpack(t, b), unpack(t, whole)
		if len(got) != len(want) {
			t.Fatalf("passed with %d entries, expected %d", len(got), len(want))
		}
		for i := range got {
			if got[i].name != want[i].name || !bytes.Equal(got[i].content, want[i].content) {
				// The list of files is compared by what it says.
				if got[i].name != asice.ManifestName {
					t.Fatalf("passed with another %s", got[i].name)
				}
			}
		}
	})
}
