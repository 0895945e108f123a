package sqlitestore

import (
	"context"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events"
)

// TestFilter: what was added is never denied, and most of what was not is.
func TestFilter(t *testing.T) {
	f := newFilter()
	if !f.mayHave(1) {
		t.Error("a filter that is not loaded denies a key")
	}
	f.ready = true
	if f.mayHave(f.streamKey("document/1")) {
		t.Error("an empty filter knows a key")
	}
	const n = 5 * filterKeys // over several layers
	for i := range n {
		f.add(f.streamKey(fmt.Sprint("document/", i)))
	}
	if len(f.layers) != 3 {
		t.Errorf("%d layers, want 3", len(f.layers))
	}
	wrong := 0
	for i := range n {
		if !f.mayHave(f.streamKey(fmt.Sprint("document/", i))) {
			t.Fatalf("key %d was added and is denied", i)
		}
		if f.mayHave(f.streamKey(fmt.Sprint("delivery/", i))) {
			wrong++
		}
	}
	if share := float64(wrong) / n; share > 0.02 {
		t.Errorf("%.1f %% of unknown keys pass, want at most 2", 100*share)
	}
	f.keys = maxFiltered
	f.add(1)
	if !f.mayHave(2) || f.layers != nil {
		t.Error("beyond its size the filter still denies")
	}
}

// TestFilterAdds: in any order of adding and asking, nothing added is denied.
func TestFilterAdds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFilter()
		f.ready = true
		added := map[uint64]bool{}
		for range rapid.IntRange(0, 300).Draw(t, "steps") {
			k := rapid.Uint64().Draw(t, "key")
			f.add(k)
			added[k] = true
			for k := range added {
				if !f.mayHave(k) {
					t.Fatalf("%x was added and is denied", k)
				}
			}
		}
	})
}

// TestFilterReopened: a store opened again knows the streams and packages of before, those merged into the B-trees and
// those still in memory, by way of the filter.
func TestFilterReopened(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	opts := testOptions()
	opts.runLength = 16
	s := openTest(t, dir, opts)
	const n = 100
	for i := range n {
		a := plain(fmt.Sprint("s/", i), -1)
		a.Package = newPackage([]byte(fmt.Sprint("gói ", i)))
		if _, err := s.Append(ctx, a); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, dir, opts)
	<-s.filterLoaded
	for i := range n {
		got := 0
		if err := s.Stream(ctx, fmt.Sprint("s/", i), 0, func(events.Event) error { got++; return nil }); err != nil || got != 1 {
			t.Fatalf("stream %d: %d events, want 1 (%v)", i, got, err)
		}
		sum := events.Sum([]byte(fmt.Sprint("gói ", i)))
		if at, err := s.FindPackage(ctx, sum); err != nil || len(at) != 1 || at[0] != uint64(i) {
			t.Fatalf("package %d: %v, want %d (%v)", i, at, i, err)
		}
		p, err := s.OpenPackage(ctx, sum)
		if err != nil {
			t.Fatal(err)
		}
		p.Close()
	}
	if s.recent.mayHaveStream("s/none") && s.recent.mayHaveStream("s/other") && s.recent.mayHaveStream("s/third") {
		t.Error("three unknown streams pass the filter")
	}
}
