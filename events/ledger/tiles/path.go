package tiles

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

const (
	// CheckpointPath is where the head lies.
	CheckpointPath = "checkpoint"
	// Width is the number of hashes or entries of a full tile.
	Width = 1 << ledger.TileHeight

	hashSize  = 32
	entrySize = 2 + hashSize // in a bundle: length and bytes
	maxLevel  = 63           // tlog-tiles: levels are 0 to 63
	maxPath   = 64
)

// Entries is the level of entry bundles in a Tile.
const Entries = -1

// Tile names one file: a tile, or an entry bundle if Level is Entries.
type Tile struct {
	Level  int
	Number uint64
	Width  int // 1 to 256; less than 256 is a partial one
}

// Path is the name of the file, with slashes.
func (t Tile) Path() string {
	level := "entries"
	if t.Level != Entries {
		level = strconv.Itoa(t.Level)
	}
	n := fmt.Sprintf("%03d", t.Number%1000)
	for rest := t.Number / 1000; rest > 0; rest /= 1000 {
		n = fmt.Sprintf("x%03d/%s", rest%1000, n)
	}
	if t.Width < Width {
		n += ".p/" + strconv.Itoa(t.Width)
	}
	return "tile/" + level + "/" + n
}

// size is the length of the file in bytes.
func (t Tile) size() int {
	if t.Level == Entries {
		return t.Width * entrySize
	}
	return t.Width * hashSize
}

// ParsePath reads what Path writes; any other spelling is an error.
func ParsePath(path string) (Tile, error) {
	bad := fmt.Errorf("couldn't parse tile path %.*q", maxPath, path)
	rest, ok := strings.CutPrefix(path, "tile/")
	if !ok || len(path) > maxPath {
		return Tile{}, bad
	}
	level, rest, _ := strings.Cut(rest, "/")
	t := Tile{Level: Entries, Width: Width}
	if level != "entries" {
		l, err := strconv.ParseUint(level, 10, 8)
		if err != nil || l > maxLevel {
			return Tile{}, bad
		}
		t.Level = int(l)
	}
	groups, width, partial := strings.Cut(rest, ".p/")
	if partial {
		w, err := strconv.ParseUint(width, 10, 9)
		if err != nil || w == 0 || w >= Width {
			return Tile{}, bad
		}
		t.Width = int(w)
	}
	for _, g := range strings.Split(groups, "/") {
		n, err := strconv.ParseUint(strings.TrimPrefix(g, "x"), 10, 16)
		if err != nil || n > 999 || t.Number > 1<<53 { // a log has fewer than 2^63 entries
			return Tile{}, bad
		}
		t.Number = 1000*t.Number + n
	}
	if t.Path() != path {
		return Tile{}, bad
	}
	return t, nil
}

// Bundle is the bytes of an entry bundle.
func Bundle(entries []events.Digest) []byte {
	b := make([]byte, 0, len(entries)*entrySize)
	for i := range entries {
		b = append(b, 0, hashSize)
		b = append(b, entries[i][:]...)
	}
	return b
}

// ParseBundle reads the entries of a bundle. All of ours have 32 bytes; another length is an error.
func ParseBundle(b []byte) ([]events.Digest, error) {
	if len(b) == 0 || len(b)%entrySize != 0 || len(b) > Width*entrySize {
		return nil, fmt.Errorf("couldn't parse entry bundle: %d bytes, expected 1 to %d times %d", len(b), Width, entrySize)
	}
	out := make([]events.Digest, 0, len(b)/entrySize)
	for ; len(b) > 0; b = b[entrySize:] {
		if b[0] != 0 || b[1] != hashSize {
			return nil, fmt.Errorf("couldn't parse entry bundle: entry %d has %d bytes, expected %d", len(out), int(b[0])<<8|int(b[1]), hashSize)
		}
		out = append(out, events.Digest(b[2:entrySize]))
	}
	return out, nil
}
