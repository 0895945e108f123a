package tiles_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/transparency-dev/tessera/api/layout"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger/tiles"
)

// Names are those that tessera gives, and but for the height in them those of x/mod.
func TestPaths(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tile := tiles.Tile{
			Level:  rapid.IntRange(tiles.Entries, 63).Draw(t, "level"),
			Number: rapid.Uint64Range(0, 1<<55).Draw(t, "number") >> rapid.IntRange(0, 55).Draw(t, "shift"),
			Width:  rapid.IntRange(1, tiles.Width).Draw(t, "width"),
		}
		p := uint8(tile.Width % tiles.Width)
		want := layout.EntriesPath(tile.Number, p)
		if tile.Level != tiles.Entries {
			want = layout.TilePath(uint64(tile.Level), tile.Number, p)
			mod := tlog.Tile{H: 8, L: tile.Level, N: int64(tile.Number), W: tile.Width}.Path()
			if mod != strings.Replace(want, "tile/", "tile/8/", 1) {
				t.Fatalf("x/mod has %s, expected %s with the height 8", mod, want)
			}
		}
		if tile.Path() != want {
			t.Fatalf("%+v is %s, expected %s", tile, tile.Path(), want)
		}
		got, err := tiles.ParsePath(want)
		if err != nil || got != tile {
			t.Fatalf("%s is read as %+v, %v", want, got, err)
		}
	})
}

var badPaths = []string{
	"", "/", "tile", "tile/", "tile/0", "tile/0/", "tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/x000/001", "tile/0/001/002", "tile/0/x001/x002",
	"tile/00/001", "tile/64/001", "tile/-1/001", "tile/+1/001", "tile/0/+01", "tile/0/x01/002", "tile/0/xx01/002", "tile/0/001.p", "tile/0/001.p/",
	"tile/0/001.p/0", "tile/0/001.p/256", "tile/0/001.p/01", "tile/0/001.p/1/", "tile/0/001.p/1.p/1", "tile/0/001/", "tile/0//001", "/tile/0/001",
	"tile/0/../0/001", "tile/entries", "tile/entries/1", "tile/Entries/001", "tile/data/001", "tile/0/001 ", "tile/0/x999/x999/x999/x999/x999/x999/999",
	"checkpoint", ".tmp/file",
}

func TestBadPaths(t *testing.T) {
	for _, p := range badPaths {
		if tile, err := tiles.ParsePath(p); err == nil {
			t.Errorf("%q is read as %+v", p, tile)
		}
	}
}

func FuzzParsePath(f *testing.F) {
	for _, p := range append(slices.Clone(badPaths), "tile/0/001", "tile/63/x001/x234/067.p/255", "tile/entries/000.p/1") {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if tile, err := tiles.ParsePath(p); err == nil && tile.Path() != p {
			t.Errorf("%q is read as %+v, which is %q", p, tile, tile.Path())
		}
	})
}

func FuzzParseBundle(f *testing.F) {
	f.Add(tiles.Bundle([]events.Digest{{1}, {2}}))
	f.Add([]byte{})
	f.Add([]byte(strings.Repeat("\x00", 34)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if entries, err := tiles.ParseBundle(b); err == nil && (string(tiles.Bundle(entries)) != string(b) || len(entries) > tiles.Width) {
			t.Errorf("%x is read as %d entries, which are other bytes", b, len(entries))
		}
	})
}
