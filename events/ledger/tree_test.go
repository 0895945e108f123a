package ledger_test

import (
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/eventstest"
	"github.com/tram-exchange/tram/events/ledger"
)

func entries(n int) []events.Digest {
	out := make([]events.Digest, n)
	for i := range out {
		out[i] = events.Sum(fmt.Appendf(nil, "entry %d", i))
	}
	return out
}

// kept is a store of full tiles that refuses to be given one twice.
type kept map[string][]byte

func (k kept) put(t testing.TB, g *ledger.Growth) {
	for _, x := range g.Full {
		name := fmt.Sprint(x.Level, "/", x.Number)
		if k[name] != nil {
			t.Fatalf("tile %s came twice", name)
		}
		k[name] = x.Hashes
	}
}

func (k kept) source(level int, number uint64) ([]byte, error) {
	b := k[fmt.Sprint(level, "/", number)]
	if b == nil {
		return nil, fmt.Errorf("no tile %d/%d", level, number)
	}
	return b, nil
}

func TestTreeOfEverySize(t *testing.T) {
	all := entries(70)
	for size := range all {
		tree := new(ledger.Tree)
		g := tree.Append(all[:size])
		want := eventstest.Root(all[:size])
		if tree.Root() != want {
			t.Fatalf("size %d: root %s, RFC 6962 gives %s", size, tree.Root(), want)
		}
		for p := range uint64(size) {
			proof, err := g.Prove(p)
			if err != nil {
				t.Fatal(err)
			}
			if err := ledger.CheckInclusion(proof, p, all[p], uint64(size), want); err != nil {
				t.Fatal(err)
			}
			if size > 1 {
				if ledger.CheckInclusion(proof, p, all[(p+1)%uint64(size)], uint64(size), want) == nil ||
					ledger.CheckInclusion(proof[:len(proof)-1], p, all[p], uint64(size), want) == nil ||
					ledger.CheckInclusion(append(proof, want), p, all[p], uint64(size), want) == nil {
					t.Fatalf("size %d position %d: a false proof holds", size, p)
				}
			}
		}
	}
}

func TestTreeGrowsRestoresAndProves(t *testing.T) {
	all := entries(70_000)
	// The library's own stored hashes are the oracle for sizes that are too large for the recursion.
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(x []int64) (out []tlog.Hash, _ error) {
		for _, i := range x {
			out = append(out, stored[i])
		}
		return out, nil
	})
	for i, e := range all {
		h, err := tlog.StoredHashes(int64(i), e[:], read)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, h...)
	}
	rootAt := func(n uint64) events.Digest {
		h, err := tlog.TreeHash(int64(n), read)
		if err != nil {
			t.Fatal(err)
		}
		return events.Digest(h)
	}
	rapid.Check(t, func(t *rapid.T) {
		tiles := kept{}
		tree := new(ledger.Tree)
		// Steps around the interesting sizes of tiles: 256 and 65536.
		for n := rapid.IntRange(1, 12).Draw(t, "steps"); n > 0; n-- {
			step := rapid.OneOf(rapid.IntRange(0, 300), rapid.IntRange(0, 5000), rapid.Just(255), rapid.Just(256), rapid.Just(65_536-256)).Draw(t, "step")
			to := min(tree.Size()+uint64(step), uint64(len(all)))
			from := tree.Size()
			before := tree.Snapshot()
			g := tree.Append(all[from:to])
			for _, x := range g.Full {
				tiles[fmt.Sprint(x.Level, "/", x.Number)] = x.Hashes
			}
			if tree.Root() != rootAt(to) {
				t.Fatalf("size %d: another root", to)
			}
			if to > from {
				p := rapid.Uint64Range(from, to-1).Draw(t, "new leaf")
				proof, err := g.Prove(p)
				if err != nil {
					t.Fatal(err)
				}
				if err := ledger.CheckInclusion(proof, p, all[p], to, rootAt(to)); err != nil {
					t.Fatal(err)
				}
			}
			if root, err := before.RootAt(from, tiles.source); err != nil || root != rootAt(from) {
				t.Fatalf("the snapshot of size %d changed: %v", from, err)
			}
			again, err := ledger.Restore(to, all[to&^255:to], tiles.source)
			if err != nil {
				t.Fatal(err)
			}
			if again.Root() != tree.Root() {
				t.Fatalf("size %d: restored with another root", to)
			}
			if rapid.Bool().Draw(t, "restart") {
				tree = again
			}
			if to == 0 {
				continue
			}
			size := rapid.Uint64Range(1, to).Draw(t, "size")
			p := rapid.Uint64Range(0, size-1).Draw(t, "leaf")
			proof, err := tree.Snapshot().Prove(p, size, tiles.source)
			if err != nil {
				t.Fatal(err)
			}
			if err := ledger.CheckInclusion(proof, p, all[p], size, rootAt(size)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestTilesAreThoseOfTheLibrary(t *testing.T) {
	all := entries(600)
	tiles := kept{}
	tree := new(ledger.Tree)
	for _, e := range all {
		tiles.put(t, tree.Append([]events.Digest{e}))
	}
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(x []int64) (out []tlog.Hash, _ error) {
		for _, i := range x {
			out = append(out, stored[i])
		}
		return out, nil
	})
	for i, e := range all {
		h, _ := tlog.StoredHashes(int64(i), e[:], read)
		stored = append(stored, h...)
	}
	n := 0
	for _, tile := range tlog.NewTiles(ledger.TileHeight, 0, int64(len(all))) {
		if tile.W != 256 {
			continue
		}
		want, err := tlog.ReadTileData(tile, read)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tiles.source(tile.L, uint64(tile.N))
		if err != nil || string(got) != string(want) {
			t.Errorf("tile %s differs: %v", tile.Path(), err)
		}
		n++
	}
	if n != len(tiles) || n != 2 {
		t.Errorf("%d tiles kept, the library has %d", len(tiles), n)
	}
}

func TestRestoreRefuses(t *testing.T) {
	all := entries(300)
	tiles := kept{}
	tree := new(ledger.Tree)
	tiles.put(t, tree.Append(all))
	if _, err := ledger.Restore(300, all[257:], tiles.source); err == nil {
		t.Error("restored with an entry missing")
	}
	if _, err := ledger.Restore(300, all[256:], kept{}.source); err == nil {
		t.Error("restored without a tile")
	}
	tiles["0/0"] = tiles["0/0"][1:]
	if _, err := ledger.Restore(300, all[256:], tiles.source); err == nil {
		t.Error("restored from a short tile")
	}
}

func BenchmarkAppendAndProve(b *testing.B) {
	all := entries(128)
	tree := new(ledger.Tree)
	for range 10_000 {
		tree.Append(all)
	}
	for b.Loop() {
		g := tree.Append(all)
		for p := g.From; p < g.Size; p++ {
			if _, err := g.Prove(p); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/128, "ns/event")
}
