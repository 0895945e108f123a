package signing_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	"github.com/tram-exchange/tram/internal/xmlstream"
	"github.com/tram-exchange/tram/signing"
)

var update = flag.Bool("update", false, "write testdata/signing anew")

const vectorDir = "../testdata/signing"

// vector is one file of testdata/signing: header lines, an empty line, the document.
type vector struct {
	name   string
	expect string // "accepted", a Refusal, or "xml/" and the kind of a syntax error
	at     time.Time
	about  string
	// uncovered: every signature fits, and something in the document is covered by none.
	uncovered bool
	doc       []byte
}

func (v vector) bytes() []byte {
	head := fmt.Sprintf("about: %s\nexpect: %s\nat: %s\n", v.about, v.expect, v.at.Format(time.RFC3339))
	if v.uncovered {
		head += "uncovered: yes\n"
	}
	return append([]byte(head+"\n"), v.doc...)
}

func parseVector(path string) (vector, error) {
	v := vector{name: strings.TrimSuffix(filepath.Base(path), ".case")}
	b, err := os.ReadFile(path)
	if err != nil {
		return v, err
	}
	head, doc, ok := bytes.Cut(b, []byte("\n\n"))
	if !ok {
		return v, errors.New("no empty line behind the header")
	}
	v.doc = doc
	for line := range strings.SplitSeq(string(head), "\n") {
		key, value, _ := strings.Cut(line, ": ")
		switch key {
		case "about":
			v.about = value
		case "expect":
			v.expect = value
		case "at":
			if v.at, err = time.Parse(time.RFC3339, value); err != nil {
				return v, err
			}
		case "uncovered":
			v.uncovered = value == "yes"
		default:
			return v, fmt.Errorf("unknown header %q", key)
		}
	}
	return v, nil
}

// outcome verifies a document and names what came out in the words of a vector.
func outcome(t testing.TB, src signing.Source, o signing.VerifyOptions) string {
	t.Helper()
	_, err := signing.VerifyPackage(context.Background(), src, o)
	var refused *signing.RefusedError
	var syntax *xmlstream.SyntaxError
	switch {
	case err == nil:
		return "accepted"
	case errors.As(err, &refused):
		return string(refused.Refusal)
	case errors.As(err, &syntax):
		return "xml/" + syntax.Kind.String()
	}
	t.Fatal(err)
	return ""
}

// windowed hides that a document is in memory.
type windowed struct{ signing.BytesSource }

func (windowed) Bytes() {} // not the method that the quick path asks for

// TestVectors runs every file of testdata/signing through memory and window, and checks that each refusal has one.
func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	trust, err := signing.LoadTrust(filepath.Join(vectorDir, "trust"), true)
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(vectorDir, "*.case"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, path := range paths {
		v, err := parseVector(path)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		t.Run(v.name, func(t *testing.T) {
			seen[v.expect]++
			o := signing.VerifyOptions{Trust: trust, At: v.at}
			for how, src := range map[string]signing.Source{"memory": signing.BytesSource(v.doc), "window": windowed{v.doc}} {
				if got := outcome(t, src, o); got != v.expect {
					t.Errorf("%s: %s, want %s", how, got, v.expect)
				}
				if v.uncovered || v.expect == "accepted" {
					checkCoverage(t, v, src)
				}
			}
		})
	}
	for _, r := range signing.Refusals() {
		if seen[string(r)] == 0 {
			t.Errorf("no vector for the refusal %s", r)
		}
	}
	if seen["accepted"] < 10 || len(paths) < 60 {
		t.Errorf("%d vectors, %d of them accepted: some went missing", len(paths), seen["accepted"])
	}
}

// checkCoverage judges a vector by its cryptography alone, as those do who have a policy of their own.
func checkCoverage(t *testing.T, v vector, src signing.Source) {
	rep, err := signing.Verify(context.Background(), src, signing.VerifyOptions{CryptoOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range rep.Signatures {
		if s := &rep.Signatures[i]; s.Refusal != signing.Accepted {
			t.Errorf("signature %d: %v", i+1, s.Err)
		}
	}
	if (len(rep.Uncovered) > 0) != v.uncovered {
		t.Errorf("uncovered %v, want some: %v", rep.Uncovered, v.uncovered)
	}
}

func writeVectors(t *testing.T) {
	old, err := filepath.Glob(filepath.Join(vectorDir, "*.case"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	m := newMaker(t)
	if err := os.MkdirAll(filepath.Join(vectorDir, "trust"), 0o755); err != nil {
		t.Fatal(err)
	}
	trusted := signing.MarshalCertificates(trustIn(t, m.ca).Certificates())
	if err := os.WriteFile(filepath.Join(vectorDir, "trust", "ca.pem"), trusted, 0o644); err != nil {
		t.Fatal(err)
	}
	for i, c := range vectorCases {
		cryptotest.SetGlobalRandom(t, uint64(i)) // so that signatures are the same every time
		v := vector{name: c.name, expect: c.expect, at: day, about: c.about, uncovered: c.uncovered}
		if c.at != nil {
			v.at = c.at(m)
		}
		v.doc = c.make(m)
		if err := os.WriteFile(filepath.Join(vectorDir, c.name+".case"), v.bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
