package tiles

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// load takes up what an earlier writer left: the published head, which must be one of this record, and the tree that the
// files give. If they give another one, every file is compared with the record: that names the wrong one, and writes those
// that are missing.
func (w *Writer) load(ctx context.Context, now events.Head) error {
	w.tree, w.tail, w.head, w.note, w.dirty, w.made = nil, nil, nil, nil, map[string]bool{}, map[string]bool{}
	if err := w.files.RemoveAll(scratch); err != nil {
		return err
	}
	b, err := w.files.ReadFile(CheckpointPath, maxCheckpoint)
	if errors.Is(err, fs.ErrNotExist) {
		w.tree = &ledger.Tree{}
		return nil
	}
	if err != nil {
		return err
	}
	if err := w.files.SyncDir("."); err != nil { // who moved it there may have ended before its name was durable
		return err
	}
	h, err := openCheckpoint(b, now.Origin, w.o.Verifiers)
	if err != nil {
		return err
	}
	if h.Size > now.Size {
		return &Fault{Path: CheckpointPath, Reason: fmt.Sprintf("it is of size %d, the record has %d only: the record has lost events that were published", h.Size, now.Size)}
	}
	root, err := w.recorded(ctx, h.Size, now)
	if err != nil {
		return err
	}
	if root != h.Root {
		return &Fault{Path: CheckpointPath, Reason: fmt.Sprintf("it says root %s of size %d, the record gives %s", h.Root, h.Size, root)}
	}
	if err := w.restore(h); err != nil {
		if err := w.compareAll(ctx, h); err != nil {
			return err
		}
	}
	w.head, w.note = &h, b
	return nil
}

// openCheckpoint reads a published checkpoint.
func openCheckpoint(b []byte, origin string, verifiers []note.Verifier) (h ledger.Head, err error) {
	if len(verifiers) > 0 {
		h, _, err = ledger.OpenCheckpoint(b, origin, verifiers...)
	} else {
		h, err = ledger.ReadCheckpoint(b)
	}
	if err == nil && origin != "" && h.Origin != origin {
		err = fmt.Errorf("origin %q, expected %q", h.Origin, origin)
	}
	if err != nil {
		return h, &Fault{Path: CheckpointPath, Reason: err.Error()}
	}
	return h, nil
}

// recorded is the root that the record gives for a size up to now.
func (w *Writer) recorded(ctx context.Context, size uint64, now events.Head) (events.Digest, error) {
	switch size {
	case 0:
		return events.Sum(nil), nil
	case now.Size:
		return now.Root, nil
	}
	_, h, err := w.record.Proof(ctx, size-1, size)
	return h.Root, err
}

// restore builds the tree of a head from the files at its right edge, and compares the unfinished ones.
func (w *Writer) restore(h ledger.Head) error {
	var tail []events.Digest
	if n := int(h.Size % Width); n > 0 {
		b, err := w.read(Tile{Level: Entries, Number: h.Size / Width, Width: n})
		if err != nil {
			return err
		}
		if tail, err = ParseBundle(b); err != nil {
			return err
		}
	}
	tree, err := ledger.Restore(h.Size, tail, func(level int, number uint64) ([]byte, error) {
		return w.read(Tile{Level: level, Number: number, Width: Width})
	})
	if err != nil {
		return err
	}
	if tree.Root() != h.Root {
		return fmt.Errorf("the files give root %s of size %d, expected %s", tree.Root(), h.Size, h.Root)
	}
	for t, want := range partial(tree) {
		b, err := w.read(t)
		if err != nil {
			return err
		}
		if string(b) != string(want) {
			return differs(t.Path(), b, want)
		}
	}
	w.tree, w.tail = tree, tail
	return nil
}

func (w *Writer) read(t Tile) ([]byte, error) {
	b, err := w.files.ReadFile(t.Path(), t.size())
	if err == nil && len(b) != t.size() {
		err = &Fault{Path: t.Path(), Reason: fmt.Sprintf("%d bytes, expected %d", len(b), t.size())}
	}
	return b, err
}

// compareAll goes through the record from its first event to the published head.
func (w *Writer) compareAll(ctx context.Context, h ledger.Head) error {
	w.tree, w.tail = &ledger.Tree{}, nil
	return w.grow(ctx, events.Head{Origin: h.Origin, Size: h.Size, Root: h.Root})
}
