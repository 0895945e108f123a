package pades_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/signing/pades"
	"github.com/tram-exchange/tram/signing/trialca"
)

var update = flag.Bool("update", false, "make the vectors of testdata/pades anew")

const vectorDir = "../../testdata/pades"

// good are files without a fault, as vectors and as seeds.
func good(t testing.TB, w *world) map[string][]byte {
	out := map[string][]byte{}
	for _, style := range []string{"table", "stream", "hybrid"} {
		p := newPDF(style)
		p.sign(t, w, "ca-nhan", how{room: 2200, entries: words(reason)})
		p.sign(t, w, "co-quan", how{room: 4000, stamp: true})
		p.store([][]byte{w.ca.Certificate.Raw}, [][]byte{{0x30, 0x00}})
		p.sign(t, w, "dau-thoi-gian", how{sub: "ETSI.RFC3161", room: 2000})
		out["good-"+style] = p.b
	}
	return out
}

// The index has a line for each file: its name, a tab, and the problem that is to be told, or "intact".
func TestVectors(t *testing.T) {
	index := filepath.Join(vectorDir, "index.txt")
	if *update {
		writeVectors(t, index)
	}
	b, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if files, err := filepath.Glob(filepath.Join(vectorDir, "*.pdf")); err != nil || len(files) != len(lines) || len(lines) != len(attacks())+3 {
		t.Fatalf("%d files, %d lines, %d attacks (%v)", len(files), len(lines), len(attacks()), err)
	}
	for _, line := range lines {
		name, want, _ := strings.Cut(line, "\t")
		t.Run(name, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(vectorDir, name))
			if err != nil {
				t.Fatal(err)
			}
			switch want {
			case "intact":
				for _, s := range read(t, b).Signatures {
					if !s.Intact || len(s.Notes) > 0 {
						t.Errorf("%s: problems %v, notes %v", s.Field, s.Problems, s.Notes)
					}
				}
			case "note":
				checkAttack(t, b, "")
			default:
				checkAttack(t, b, pades.Problem(want))
			}
		})
	}
}

func writeVectors(t *testing.T, index string) {
	w := newWorld(t, trialca.P256)
	var lines strings.Builder
	put := func(name string, b []byte, want string) {
		if err := os.WriteFile(filepath.Join(vectorDir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&lines, "%s\t%s\n", name, want)
	}
	files := good(t, w)
	for _, name := range []string{"good-table", "good-stream", "good-hybrid"} {
		put(name+".pdf", files[name], "intact")
	}
	for _, a := range attacks() {
		want := string(a.want)
		if want == "" {
			want = "note"
		}
		put(strings.NewReplacer(" ", "-", "'", "").Replace(strings.ToLower(a.name))+".pdf", a.make(t, w), want)
	}
	if err := os.WriteFile(index, []byte(lines.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
