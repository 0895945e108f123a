package verdict_test

import (
	"context"
	"encoding/pem"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/verdict"
)

var update = flag.Bool("update", false, "write testdata/verdict anew")

// vectors is the folder of stored vectors, one file a case (see the README there).
const vectors = "../../testdata/verdict"

func crlPEM(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}) }

// build makes a case. The same program makes the same bytes every time.
func (c *testCase) build(t *testing.T) made {
	t.Helper()
	cryptotest.SetGlobalRandom(t, 1)
	w := newWorld(t)
	m := c.make(w)
	if m.at.IsZero() {
		m.at = now
	}
	if m.trust == nil {
		m.trust = w.material(m.at)
	}
	return m
}

// archive writes a case as a file.
func (c *testCase) archive(m made) []byte {
	a := &txtar.Archive{}
	var b strings.Builder
	if c.why != "" {
		fmt.Fprintf(&b, "# %s\n", c.why)
	}
	fmt.Fprintf(&b, "expect: %s\nfailed: %s\nat: %s\n", c.expect, c.failed, m.at.UTC().Format(time.RFC3339))
	if m.kind != "" {
		fmt.Fprintf(&b, "kind: %s\n", m.kind)
	}
	if !m.proof.IsZero() {
		fmt.Fprintf(&b, "proof: %s\n", m.proof.UTC().Format(time.RFC3339))
	}
	if c.dss != "" {
		fmt.Fprintf(&b, "dss: %s\n", c.dss)
	}
	a.Comment = []byte(b.String())
	add := func(name string, data []byte) { a.Files = append(a.Files, txtar.File{Name: name, Data: data}) }
	add("document.xml", m.doc)
	if m.policy != "" {
		add("policy.yaml", []byte(m.policy))
	}
	for _, name := range slices.Sorted(maps.Keys(m.trust)) {
		add("trust/"+name, m.trust[name])
	}
	return txtar.Format(a)
}

// vector is a stored case.
type vector struct {
	name                      string
	expect, failed, kind, dss string
	at, proof                 time.Time
	document, policy          []byte
	trust                     map[string][]byte
}

func parseVector(t *testing.T, name string, b []byte) vector {
	t.Helper()
	a := txtar.Parse(b)
	v := vector{name: name, trust: map[string][]byte{}}
	for line := range strings.Lines(string(a.Comment)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		value = strings.TrimSpace(value)
		var err error
		switch {
		case strings.HasPrefix(line, "#"), strings.TrimSpace(line) == "":
		case !ok:
			t.Fatalf("%s: line %q", name, line)
		case key == "expect":
			v.expect = value
		case key == "failed":
			v.failed = value
		case key == "kind":
			v.kind = value
		case key == "dss":
			v.dss = value
		case key == "at":
			v.at, err = time.Parse(time.RFC3339, value)
		case key == "proof":
			v.proof, err = time.Parse(time.RFC3339, value)
		default:
			t.Fatalf("%s: unknown %q", name, key)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	for _, f := range a.Files {
		switch dir, file := filepath.Split(f.Name); {
		case f.Name == "document.xml":
			v.document = f.Data
		case f.Name == "policy.yaml":
			v.policy = f.Data
		case dir == "trust/":
			v.trust[file] = f.Data
		default:
			t.Fatalf("%s: unknown file %q", name, f.Name)
		}
	}
	return v
}

// unpack writes the trust folder of a vector.
func (v *vector) unpack(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, data := range v.trust {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func (v *vector) options(t *testing.T) verdict.Options {
	t.Helper()
	dir := v.unpack(t)
	trust, err := signing.LoadTrust(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	lists, err := revocation.LoadFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	o := verdict.Options{Trust: trust, At: v.at, Revocation: lists, Kind: v.kind}
	if v.policy != nil {
		if o.Policy, err = verdict.ParsePolicy(v.policy); err != nil {
			t.Fatal(err)
		}
	}
	if !v.proof.IsZero() {
		o.Proofs = []verdict.Proof{{Time: v.proof, By: "vector"}}
	}
	return o
}

func (v *vector) judge(t *testing.T) *verdict.Verdict {
	t.Helper()
	got, err := verdict.Judge(context.Background(), signing.BytesSource(v.document), v.options(t))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// check holds a verdict against what the vector expects.
func (v *vector) check(t *testing.T, got *verdict.Verdict) {
	t.Helper()
	if is := strings.TrimSpace(fmt.Sprintf("%s %s", got.Indication, got.SubIndication)); is != v.expect {
		t.Errorf("got %s, want %s\n%s", is, v.expect, explain(got))
	}
	if is := strings.Join(failedChecks(got), " "); is != v.failed {
		t.Errorf("failed checks %q, want %q\n%s", is, v.failed, explain(got))
	}
	for _, s := range got.Signatures {
		if s.OK() == (s.SubIndication != "") {
			t.Errorf("%s with sub-indication %q", s.Indication, s.SubIndication)
		}
	}
}

func failedChecks(v *verdict.Verdict) []string {
	set := map[string]bool{}
	each(v, func(c verdict.Check) {
		if c.Result == verdict.Failed || c.Result == verdict.Unknown {
			set[c.ID] = true
		}
	})
	return slices.Sorted(maps.Keys(set))
}

// each calls f with every check of a verdict.
func each(v *verdict.Verdict, f func(verdict.Check)) {
	list := func(all []verdict.Check) {
		for _, c := range all {
			f(c)
		}
	}
	list(v.Checks)
	for _, s := range v.Signatures {
		list(s.Checks)
		for _, ts := range s.Timestamps {
			list(ts.Checks)
		}
	}
}

func explain(v *verdict.Verdict) string {
	var b strings.Builder
	list := func(indent string, all []verdict.Check) {
		for _, c := range all {
			fmt.Fprintf(&b, "%s%s %s %s\n", indent, c.Result, c.ID, c.Detail)
		}
	}
	list("", v.Checks)
	for i, s := range v.Signatures {
		fmt.Fprintf(&b, "signature %d: %s %s, %s, best %s by %s\n", i+1, s.Indication, s.SubIndication, s.Level, s.BestTime.Format(time.RFC3339), s.BestTimeBy)
		list("  ", s.Checks)
		for _, ts := range s.Timestamps {
			fmt.Fprintf(&b, "  %s time-stamp %s, judged at %s: %s %s\n", ts.Kind, ts.Time.Format(time.RFC3339), ts.Checked.Format(time.RFC3339), ts.Indication, ts.SubIndication)
			list("    ", ts.Checks)
		}
	}
	return b.String()
}

// TestCases makes every case anew, judges it, and with -update writes it.
func TestCases(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range cases {
		if seen[c.name] {
			t.Fatalf("two cases named %s", c.name)
		}
		seen[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			file := c.archive(c.build(t))
			v := parseVector(t, c.name, file)
			v.check(t, v.judge(t))
			if *update && !t.Failed() {
				if err := os.WriteFile(filepath.Join(vectors, c.name+".txtar"), file, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestVectors judges the stored vectors. Every case has one, and none is without a case.
func TestVectors(t *testing.T) {
	for _, v := range storedVectors(t) {
		t.Run(v.name, func(t *testing.T) { v.check(t, v.judge(t)) })
	}
}

func storedVectors(t *testing.T) []vector {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(vectors, "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, parseVector(t, strings.TrimSuffix(filepath.Base(p), ".txtar"), b))
	}
	var names []string
	for _, c := range cases {
		names = append(names, c.name)
	}
	for _, v := range all {
		i := slices.IndexFunc(cases, func(c testCase) bool { return c.name == v.name })
		if i < 0 {
			t.Errorf("%s has no case that makes it", v.name)
		} else if c := cases[i]; c.expect != v.expect || c.failed != v.failed || c.dss != v.dss {
			t.Errorf("%s is not what its case makes: run the test with -update", v.name)
		}
	}
	if len(all) != len(names) {
		t.Errorf("%d vectors, %d cases: run the test with -update", len(all), len(names))
	}
	return all
}
