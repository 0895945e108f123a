package tiles

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// partial gives the unfinished tiles of a tree with their bytes, lowest level first.
func partial(tree *ledger.Tree) iter.Seq2[Tile, []byte] {
	return func(yield func(Tile, []byte) bool) {
		size, snapshot := tree.Size(), tree.Snapshot()
		for level := 0; size>>(ledger.TileHeight*level) > 0; level++ {
			b := snapshot.Partial(level)
			t := Tile{Level: level, Number: size >> (ledger.TileHeight * level) / Width, Width: len(b) / hashSize}
			if b != nil && !yield(t, b) {
				return
			}
		}
	}
}

// Check proves the published files by themselves, as a mirror or anybody else can: the entries give every tile and the
// root of the checkpoint, and that is signed by one of the keys (not looked at if there are none). The first wrong file is
// the *Fault. It reads all files once and holds one bundle and the edge of the tree.
func Check(ctx context.Context, files fs.FS, verifiers ...note.Verifier) (ledger.Head, error) {
	h, err := check(ctx, files, func(b []byte) (ledger.Head, error) { return openCheckpoint(b, "", verifiers) })
	if err != nil {
		return h, fmt.Errorf("couldn't prove published log: %w", err)
	}
	return h, nil
}

func check(ctx context.Context, files fs.FS, open func([]byte) (ledger.Head, error)) (ledger.Head, error) {
	b, err := readPublished(files, CheckpointPath, maxCheckpoint)
	if err != nil {
		return ledger.Head{}, err
	}
	h, err := open(b)
	if err != nil {
		return h, err
	}
	var tree ledger.Tree
	for tree.Size() < h.Size {
		if err := ctx.Err(); err != nil {
			return h, err
		}
		t := Tile{Level: Entries, Number: tree.Size() / Width, Width: int(min(Width, h.Size-tree.Size()))}
		b, err := readTile(files, t)
		if err != nil {
			return h, err
		}
		entries, err := ParseBundle(b)
		if err != nil {
			return h, &Fault{Path: t.Path(), Reason: err.Error()}
		}
		for _, full := range tree.Append(entries).Full {
			if err := compareTile(files, Tile{Level: full.Level, Number: full.Number, Width: Width}, full.Hashes); err != nil {
				return h, err
			}
		}
	}
	for t, want := range partial(&tree) {
		if err := compareTile(files, t, want); err != nil {
			return h, err
		}
	}
	if tree.Root() != h.Root {
		return h, &Fault{Path: CheckpointPath, Reason: fmt.Sprintf("it says root %s of size %d, the entries give %s", h.Root, h.Size, tree.Root())}
	}
	return h, nil
}

func compareTile(files fs.FS, t Tile, want []byte) error {
	b, err := readTile(files, t)
	if err == nil && !bytes.Equal(b, want) {
		f := differs(t.Path(), b, want)
		f.Reason = "not what the entries give: " + f.Reason
		err = f
	}
	return err
}

// readTile reads a tile. A partial one may be gone when the full one is there, which begins with the same bytes.
func readTile(files fs.FS, t Tile) ([]byte, error) {
	b, err := readPublished(files, t.Path(), t.size())
	if errors.Is(err, fs.ErrNotExist) && t.Width < Width {
		full := t
		full.Width = Width
		if whole, bad := readPublished(files, full.Path(), full.size()); bad == nil && len(whole) == full.size() {
			return whole[:t.size()], nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &Fault{Path: t.Path(), Reason: "it is missing"}
	}
	if err == nil && len(b) != t.size() {
		err = &Fault{Path: t.Path(), Reason: fmt.Sprintf("%d bytes, expected %d", len(b), t.size())}
	}
	return b, err
}

func readPublished(files fs.FS, name string, limit int) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAtMost(f, name, limit)
}

var _ Record = events.Store(nil)

// PublishedEntries are the entries from a position on (a multiple of Width) to the end of their bundle or of what the checkpoint
// covers; nil if there are none, or they can't be read. Nothing of them is proved: they tell where to look.
func PublishedEntries(files fs.FS, from uint64) []events.Digest {
	b, err := fs.ReadFile(files, CheckpointPath)
	if err != nil {
		return nil
	}
	h, err := ledger.ReadCheckpoint(b)
	if err != nil || h.Size <= from {
		return nil
	}
	t := Tile{Level: Entries, Number: from / Width, Width: int(min(h.Size-from, Width))}
	if b, err = fs.ReadFile(files, t.Path()); err != nil || len(b) != t.size() {
		return nil
	}
	entries, err := ParseBundle(b)
	if err != nil {
		return nil
	}
	return entries
}
