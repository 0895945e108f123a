//go:build peers

package witness_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/witness"
)

// The script in docs proves cosignatures from a receipt's file alone.
func TestScriptProvesCosignatures(t *testing.T) {
	const record = "../../../testdata/record"
	file, err := os.ReadFile(filepath.Join(record, "p256.tlog-proof"))
	file = must(t, file, err)
	key, err := os.ReadFile(filepath.Join(record, "log.key"))
	key = must(t, key, err)
	v, err := note.NewVerifier(strings.TrimSpace(string(key)))
	v = must(t, v, err)
	r, err := ledger.ParseReceipt(file)
	r = must(t, r, err)
	w, err := witness.New(witness.Options{
		Keys:     func(string) []note.Verifier { return []note.Verifier{v} },
		Cosigner: cosigner(t, "w.example/w"), Store: newMemory(), Now: newClock().now, Split: (&evidence{}).keep,
	})
	w = must(t, w, err)
	a := w.Add(t.Context(), witness.Request{Checkpoint: r.Checkpoint}.Encode())
	if a.Status != 200 {
		t.Fatal(a)
	}
	r.Checkpoint = append(r.Checkpoint, a.Body...)
	good := r.Encode()
	if _, _, err := ledger.CheckReceipt(good, ledger.VerifierKey(v)); err != nil {
		t.Fatal(err)
	}
	own, other := cosigner(t, "w.example/w").Key.String(), cosigner(t, "x.example/w").Key.String()
	line := []byte(strings.TrimSpace(a.Body))
	spoilt := bytes.Clone(good)
	spoilt[bytes.Index(good, line)+len(line)-10] ^= 1
	for _, c := range []struct {
		name    string
		receipt []byte
		keys    []string
		ok      bool
	}{
		{"no witness asked for", good, nil, true}, {"cosigned", good, []string{own}, true}, {"by another", good, []string{other}, false},
		{"by one and not the other", good, []string{own, other}, false}, {"not cosigned", file, []string{own}, false}, {"spoilt", spoilt, []string{own}, false},
	} {
		name := filepath.Join(t.TempDir(), "receipt")
		if err := os.WriteFile(name, c.receipt, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("python3", append([]string{"../../../docs/receipt-check.py", name, strings.TrimSpace(string(key))}, c.keys...)...).CombinedOutput()
		if c.ok != (err == nil) {
			t.Errorf("%s: %v\n%s", c.name, err, out)
		}
		if c.ok && len(c.keys) > 0 && !strings.Contains(string(out), "witnessed by w.example/w at 2026-11-22T08:00:00+00:00") {
			t.Errorf("%s: %s", c.name, out)
		}
	}
}
