package ledger

import (
	"crypto/sha256"
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/tram-exchange/tram/events"
)

// TileHeight is the height of the tiles in which hashes are kept: C2SP tlog-tiles, 256 hashes a tile.
const TileHeight = 8

const (
	tileWidth = 1 << TileHeight
	maxLevels = 63/TileHeight + 1
)

// Tile is one full tile: the 256 hashes at tree level 8·Level from index 256·Number on.
type Tile struct {
	Level  int
	Number uint64
	Hashes []byte // 256 hashes of 32 bytes
}

// Tree is the growing end of the Merkle tree over a log: the hashes of its unfinished tiles, nothing else. Full
// tiles leave it on Append and are the store's to keep. A Tree is not safe for concurrent use; a Snapshot is.
type Tree struct {
	size  uint64
	edge  [64]tlog.Hash          // edge[l] is the last complete subtree of height l, if bit l of size is set
	tiles [maxLevels][]tlog.Hash // the unfinished tile of each tile level
}

// Entry is the log entry of a statement: the SHA-256 of its bytes.
func Entry(statement []byte) events.Digest { return events.Sum(statement) }

// LeafHash is the Merkle leaf of an entry: RFC 6962, SHA-256(0x00 ‖ entry).
func LeafHash(entry events.Digest) tlog.Hash {
	var b [1 + len(entry)]byte
	copy(b[1:], entry[:])
	return sha256.Sum256(b[:])
}

// Size is the number of leaves.
func (t *Tree) Size() uint64 { return t.size }

// Root is the RFC 6962 tree hash.
func (t *Tree) Root() events.Digest {
	if t.size == 0 {
		return events.Sum(nil)
	}
	low := bits.TrailingZeros64(t.size)
	h := t.edge[low]
	for l := low + 1; l < 64; l++ {
		if t.size>>l&1 == 1 {
			h = tlog.NodeHash(t.edge[l], h)
		}
	}
	return events.Digest(h)
}

// Growth is what one Append added: enough to prove every new leaf in the new head.
type Growth struct {
	From, Size uint64 // leaves before and after
	Full       []Tile // tiles that became full, to be stored in the same transaction as the entries
	oldEdge    [64]tlog.Hash
	fresh      [64][]tlog.Hash // new complete nodes of each height, from number From>>height on
}

// Append adds entries and returns the growth.
func (t *Tree) Append(entries []events.Digest) *Growth {
	g := &Growth{From: t.size, oldEdge: t.edge}
	for _, e := range entries {
		h := LeafHash(e)
		l := 0
		for ; ; l++ {
			g.fresh[l] = append(g.fresh[l], h)
			if l%TileHeight == 0 {
				g.Full = t.tile(g.Full, l/TileHeight, h)
			}
			if t.size>>l&1 == 0 {
				break
			}
			h = tlog.NodeHash(t.edge[l], h)
		}
		t.edge[l] = h
		t.size++
	}
	g.Size = t.size
	return g
}

// tile adds a hash to the unfinished tile of a level and hands the tile out when it is full.
func (t *Tree) tile(full []Tile, level int, h tlog.Hash) []Tile {
	if t.tiles[level] == nil {
		t.tiles[level] = make([]tlog.Hash, 0, tileWidth)
	}
	t.tiles[level] = append(t.tiles[level], h)
	if len(t.tiles[level]) < tileWidth {
		return full
	}
	// This leaf is not counted in t.size yet: its tile is the one t.size lies in.
	number := t.size >> (TileHeight * (level + 1))
	full = append(full, Tile{Level: level, Number: number, Hashes: join(t.tiles[level])})
	t.tiles[level] = nil // a new array: snapshots may still read the old one
	return full
}

func join(hashes []tlog.Hash) []byte {
	b := make([]byte, 0, len(hashes)*tlog.HashSize)
	for i := range hashes {
		b = append(b, hashes[i][:]...)
	}
	return b
}

// Prove gives the inclusion proof of a leaf that this growth added, in the tree as it stood after it.
func (g *Growth) Prove(position uint64) ([]events.Digest, error) {
	if position < g.From || position >= g.Size {
		return nil, fmt.Errorf("couldn't prove leaf %d: not among the new leaves %d to %d", position, g.From, g.Size)
	}
	return prove(position, g.Size, tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			level, n := tlog.SplitStoredHashIndex(x)
			base := int64(g.From >> level)
			switch {
			case n >= base && n-base < int64(len(g.fresh[level])):
				out[i] = g.fresh[level][n-base]
			case n == base-1 && g.From>>level&1 == 1:
				out[i] = g.oldEdge[level]
			default:
				return nil, fmt.Errorf("couldn't find node %d of level %d among the new ones", n, level)
			}
		}
		return out, nil
	}))
}

func prove(position, size uint64, r tlog.HashReader) ([]events.Digest, error) {
	p, err := tlog.ProveRecord(int64(size), int64(position), r)
	if err != nil {
		return nil, err
	}
	out := make([]events.Digest, len(p))
	for i := range p {
		out[i] = events.Digest(p[i])
	}
	return out, nil
}

// CheckInclusion says whether proof shows the entry at position in the tree of the given size and root.
func CheckInclusion(proof []events.Digest, position uint64, entry events.Digest, size uint64, root events.Digest) error {
	if size > 1<<62 || position >= size {
		return fmt.Errorf("couldn't check inclusion: position %d in a tree of size %d", position, size)
	}
	p := make(tlog.RecordProof, len(proof))
	for i := range proof {
		p[i] = tlog.Hash(proof[i])
	}
	if err := tlog.CheckRecord(p, int64(size), tlog.Hash(root), int64(position), LeafHash(entry)); err != nil {
		return fmt.Errorf("couldn't prove entry %s at position %d under root %s of size %d: %w", entry, position, root, size, err)
	}
	return nil
}

// TileSource gives the hashes of a full tile that Append once handed out.
type TileSource func(level int, number uint64) ([]byte, error)

// Restore rebuilds the tree of the given size: tail are the entries from size&^255 on, all others come from tiles.
func Restore(size uint64, tail []events.Digest, tiles TileSource) (*Tree, error) {
	if n := size % tileWidth; uint64(len(tail)) != n {
		return nil, fmt.Errorf("couldn't restore tree of size %d: %d entries, expected %d", size, len(tail), n)
	}
	t := &Tree{size: size}
	for _, e := range tail {
		if t.tiles[0] == nil {
			t.tiles[0] = make([]tlog.Hash, 0, tileWidth)
		}
		t.tiles[0] = append(t.tiles[0], LeafHash(e))
	}
	for level := 1; size>>(TileHeight*level) > 0 && level < maxLevels; level++ {
		count := size >> (TileHeight * level)
		for n := count &^ (tileWidth - 1); n < count; n++ {
			b, err := tiles(level-1, n)
			if err != nil {
				return nil, fmt.Errorf("couldn't restore tree of size %d: %w", size, err)
			}
			h, err := tileRoot(b)
			if err != nil {
				return nil, fmt.Errorf("couldn't restore tree of size %d: tile %d/%d: %w", size, level-1, n, err)
			}
			if t.tiles[level] == nil {
				t.tiles[level] = make([]tlog.Hash, 0, tileWidth)
			}
			t.tiles[level] = append(t.tiles[level], h)
		}
	}
	for l := 0; l < 64; l++ {
		if size>>l&1 == 0 {
			continue
		}
		s := Snapshot{size: size, tiles: t.tiles}
		h, err := s.node(l, size>>l-1, nil)
		if err != nil {
			return nil, err
		}
		t.edge[l] = h
	}
	return t, nil
}

func tileRoot(b []byte) (tlog.Hash, error) {
	if len(b) != tileWidth*tlog.HashSize {
		return tlog.Hash{}, fmt.Errorf("%d bytes, expected %d", len(b), tileWidth*tlog.HashSize)
	}
	hashes := make([]tlog.Hash, tileWidth)
	for i := range hashes {
		copy(hashes[i][:], b[i*tlog.HashSize:])
	}
	return fold(hashes), nil
}

// fold hashes a complete subtree together; it overwrites hashes.
func fold(hashes []tlog.Hash) tlog.Hash {
	for n := len(hashes); n > 1; n /= 2 {
		for i := 0; i < n/2; i++ {
			hashes[i] = tlog.NodeHash(hashes[2*i], hashes[2*i+1])
		}
	}
	return hashes[0]
}

// Snapshot is the tree as of one size; it stays valid while the tree grows and may be used concurrently.
type Snapshot struct {
	size  uint64
	tiles [maxLevels][]tlog.Hash
}

// Snapshot is cheap: unfinished tiles only ever grow behind what a snapshot sees.
func (t *Tree) Snapshot() Snapshot { return Snapshot{size: t.size, tiles: t.tiles} }

// Size is the number of leaves.
func (s Snapshot) Size() uint64 { return s.size }

// Prove gives the inclusion proof of the leaf at position in the tree as it stood at size, which is at most s.Size.
func (s Snapshot) Prove(position, size uint64, tiles TileSource) ([]events.Digest, error) {
	if size > s.size || position >= size {
		return nil, fmt.Errorf("couldn't prove leaf %d in a tree of %d: the log has %d", position, size, s.size)
	}
	return prove(position, size, s.reader(tiles))
}

// RootAt is the tree hash as it stood at size, which is at most s.Size.
func (s Snapshot) RootAt(size uint64, tiles TileSource) (events.Digest, error) {
	if size > s.size {
		return events.Digest{}, fmt.Errorf("couldn't find the root of size %d: the log has %d", size, s.size)
	}
	h, err := tlog.TreeHash(int64(size), s.reader(tiles))
	return events.Digest(h), err
}

func (s Snapshot) reader(tiles TileSource) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			level, n := tlog.SplitStoredHashIndex(x)
			h, err := s.node(level, uint64(n), tiles)
			if err != nil {
				return nil, err
			}
			out[i] = h
		}
		return out, nil
	})
}

// node finds one complete node: number n of the given height.
func (s Snapshot) node(height int, n uint64, tiles TileSource) (tlog.Hash, error) {
	level, sub := height/TileHeight, height%TileHeight
	number := n << sub >> TileHeight        // of the tile
	from := int(n << sub & (tileWidth - 1)) // within the tile
	hashes := make([]tlog.Hash, 1<<sub)
	if number == s.size>>(TileHeight*(level+1)) {
		if from+len(hashes) > len(s.tiles[level]) {
			return tlog.Hash{}, fmt.Errorf("couldn't find node %d of height %d in a tree of size %d", n, height, s.size)
		}
		copy(hashes, s.tiles[level][from:])
		return fold(hashes), nil
	}
	if tiles == nil {
		return tlog.Hash{}, fmt.Errorf("couldn't find tile %d of level %d", number, level)
	}
	b, err := tiles(level, number)
	if err != nil {
		return tlog.Hash{}, err
	}
	if len(b) != tileWidth*tlog.HashSize {
		return tlog.Hash{}, fmt.Errorf("couldn't read tile %d of level %d: %d bytes, expected %d", number, level, len(b), tileWidth*tlog.HashSize)
	}
	for i := range hashes {
		copy(hashes[i][:], b[(from+i)*tlog.HashSize:])
	}
	return fold(hashes), nil
}
