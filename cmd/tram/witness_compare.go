package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/tiles"
	"github.com/tram-exchange/tram/events/witnessing"
)

// errUnpublished: a log has signed a larger head than it publishes, so that nobody can compare by its files yet.
var errUnpublished = errors.New("the log has not published so far yet")

// compare proves that a checkpoint and the largest known one are of one history, or records that they are not.
func (w *watch) compare(ctx context.Context, d doubt) error {
	head, _, err := ledger.OpenCheckpoint(d.checkpoint, d.origin, w.verifiers(d.origin)...)
	if err != nil {
		return nil //nolint:nilerr // not signed by a key of the log: nothing to be compared
	}
	b, err := w.known(d.origin)
	if err != nil {
		return err
	}
	if b == nil {
		w.fits(head, d.checkpoint)
		return nil
	}
	known, err := ledger.ReadCheckpoint(b)
	if err != nil {
		return err
	}
	var files tiles.Reader
	if known.Size != head.Size {
		var done func()
		if files, done, err = w.files(ctx, d.origin); err != nil {
			return err
		}
		defer done()
	}
	err = tiles.Consistent(known, head, files)
	if c := new(tiles.Contradiction); errors.As(err, &c) {
		return w.contradicts(ctx, d, b, d.checkpoint, c)
	}
	if err != nil {
		return w.compareByPublished(ctx, d, b, files, err)
	}
	if known.Size > head.Size {
		w.fits(head, nil)
		return nil
	}
	w.fits(head, d.checkpoint)
	return nil
}

// compareByPublished compares a checkpoint and the known one with the head that the log publishes now: there are files under that, while
// heads of receipts are often passed over by publication, and a history that was left has no files at all.
func (w *watch) compareByPublished(ctx context.Context, d doubt, known []byte, files tiles.Reader, why error) error {
	published, err := tiles.ReadCheckpoint(files)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", errUnpublished, why)
	}
	if err != nil {
		return errors.Join(why, err)
	}
	now, _, err := ledger.OpenCheckpoint(published, d.origin, w.verifiers(d.origin)...)
	if err != nil {
		return errors.Join(why, err)
	}
	first, err := ledger.ReadCheckpoint(known)
	if err != nil {
		return err
	}
	second, err := ledger.ReadCheckpoint(d.checkpoint)
	if err != nil {
		return err
	}
	larger, theirs := first, known
	if second.Size > first.Size {
		larger, theirs = second, d.checkpoint
	}
	if larger.Size > now.Size {
		return fmt.Errorf("%w: it has signed size %d and published %d: %w", errUnpublished, larger.Size, now.Size, why)
	}
	err = tiles.ConsistentUnder(first, second, now, files)
	if c := new(tiles.Contradiction); errors.As(err, &c) {
		if c.Newer == now && now != larger {
			d.source = witnessing.SourcePublished
			return w.contradicts(ctx, d, theirs, published, c)
		}
		return w.contradicts(ctx, d, known, d.checkpoint, c)
	}
	if err != nil {
		return err
	}
	w.fits(second, nil)
	w.fits(now, published)
	return nil
}

// contradicts records two signed heads that cannot both be true. If the log goes on from the second, that is compared with what follows, so that each
// further head of the same history is not one more event.
func (w *watch) contradicts(ctx context.Context, d doubt, first, second []byte, c *tiles.Contradiction) error {
	head, err := ledger.ReadCheckpoint(second)
	if err != nil {
		return err
	}
	if err := w.keep(ctx, witnessing.Contradiction{Log: d.origin, Source: d.source, First: string(first), Second: string(second), Root: rootOf(c, head), Proof: c.Proof}); err != nil {
		return err
	}
	if head == c.Newer {
		w.fits(head, second)
	}
	return nil
}

// rootOf is the root that the event names: of equal sizes the second's, else that of the smaller size under the larger head.
func rootOf(c *tiles.Contradiction, second ledger.Head) events.Digest {
	if c.Older.Size == c.Newer.Size {
		return second.Root
	}
	return c.Root
}

func (w *watch) fits(head ledger.Head, largest []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.compared) >= maxCompared {
		clear(w.compared)
	}
	w.compared[head] = true
	if largest != nil {
		w.seen[head.Origin] = largest
	}
}
