package tiles_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger/tiles"
	"github.com/tram-exchange/tram/internal/faulttable"
)

// What a failed operation comes to, in the words of docs/faults.md.
const (
	faultHeldBack  = "held back" // Publish gives the error, what was published before stands
	faultPublished = "published" // Publish gives the error, the head stands all the same
)

// TestPublishedLogFaultTable is docs/faults.md for the published log: every operation on its folder fails in a life that publishes five heads
// and a key history. Whatever was published under a checkpoint before is as it was, what is published proves by itself, and this writer or the
// next one brings the log to where it would be without the fault.
func TestPublishedLogFaultTable(t *testing.T) {
	r := newRecord(t)
	r.size = 600
	want := map[string]string{tiles.KeyHistoryPath: strings.Repeat("key history ", 40)}
	var heads []events.Head
	for _, size := range []uint64{3, 250, 257, 258, 600} {
		heads = append(heads, r.head(t, size))
		maps.Copy(want, plainFiles(size))
	}
	want["checkpoint"] = string(heads[len(heads)-1].Checkpoint)
	o := tiles.Options{Batch: 200, Verifiers: []note.Verifier{r.verifier(t)}, Keys: func(_ context.Context, h events.Head) ([]byte, error) {
		if h.Size < 257 {
			return nil, nil
		}
		return []byte(want[tiles.KeyHistoryPath]), nil
	}}
	gone := needless(want, 258)
	run := func(d *disk, w *tiles.Writer, heads []events.Head) (n int, before map[string]string, err error) {
		for i, h := range heads {
			before = maps.Clone(d.files)
			if err := w.Publish(t.Context(), h); err != nil {
				return i, before, err
			}
		}
		return len(heads), nil, nil
	}
	clean := newDisk()
	if _, _, err := run(clean, tiles.NewWriter(r, clean, o), heads); err != nil {
		t.Fatal(err)
	}
	same(t, clean, without(want, gone))
	seen := faulttable.Read(t, "The published log", "failed", "persisted", "torn", "power cut")
	for mode := range failures {
		for at := 1; at <= clean.steps; at++ {
			for _, restart := range []bool{false, true} {
				d := newDisk()
				d.failAt, d.mode = at, mode
				w := tiles.NewWriter(r, d, o)
				i, before, err := run(d, w, heads)
				if !errors.Is(err, errDisk) {
					t.Fatalf("%s, mode %d: %v", d.struck, mode, err)
				}
				what := faultHeldBack
				if d.files["checkpoint"] == string(heads[i].Checkpoint) {
					what = faultPublished
				}
				seen.Saw(d.struck, int(mode), what)
				unchanged(t, d, before, want, heads[i])
				if _, ok := d.files["checkpoint"]; ok {
					if _, err := tiles.Check(t.Context(), d.published(), o.Verifiers...); err != nil {
						t.Fatalf("%s, mode %d: what is published does not prove: %v", d.struck, mode, err)
					}
				} else if i > 0 {
					t.Fatalf("%s, mode %d: the checkpoint is gone", d.struck, mode)
				}
				d.revive()
				if restart {
					w = tiles.NewWriter(r, d, o)
				}
				if _, _, err := run(d, w, heads[i:]); err != nil {
					t.Fatalf("%s, mode %d: couldn't go on: %v", d.struck, mode, err)
				}
				like(t, d, want, gone)
			}
		}
	}
	seen.Compare(t)
}

// unchanged says that a failed publication has changed no file that was there: only the checkpoint may be the next one, partial tiles may have
// gone when it is, and what is new is whole.
func unchanged(t *testing.T, d *disk, before, want map[string]string, next events.Head) {
	t.Helper()
	for name, b := range d.files {
		switch {
		case strings.HasPrefix(name, ".tmp"):
		case name == "checkpoint":
			if b != before[name] && b != string(next.Checkpoint) {
				t.Fatalf("%s: a checkpoint that was never given", d.struck)
			}
		case b != want[name]:
			t.Fatalf("%s: %s has other bytes", d.struck, name)
		}
	}
	for name := range before {
		if _, ok := d.files[name]; ok || strings.HasPrefix(name, ".tmp") {
			continue
		}
		if !strings.Contains(name, ".p/") || d.files["checkpoint"] != string(next.Checkpoint) {
			t.Fatalf("%s: %s is gone", d.struck, name)
		}
	}
}
