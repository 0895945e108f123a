package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// Stored gives what lies beside an event in the record. It is good while the hook that it was given to runs, and while the
// function that this gave back does.
type Stored struct{ of *beside }

// beside is an event and who reads for it: the worker, and afterwards whoever takes the batches in order.
type beside struct {
	w  *judge
	e  *events.Event
	at *place
}

// Evidence gives the stored validation evidence of the event; ErrNotFound if it has none.
func (s Stored) Evidence() ([]byte, error) {
	return readEvidence(s.of.w.db, s.of.e.Statement.Evidence)
}

// OtherEvidence gives evidence by its digest: the answers of authorities that an event's own evidence refers to.
func (s Stored) OtherEvidence(d events.Digest) ([]byte, error) { return readEvidence(s.of.w.db, &d) }

// OpenPackage opens the package of the event; ErrNotFound if it has none.
func (s Stored) OpenPackage() (events.PackageReader, error) {
	if s.of.at == nil || s.of.e.Statement.Package == nil {
		return nil, events.ErrNotFound
	}
	return s.of.w.open(*s.of.at, s.of.e.Statement.Package.SHA256)
}

// judgeBatch is how many events a worker takes at a time. There are never more than batchesAhead batches for each worker
// between the reader and the last one that was taken in order: that bounds memory, whatever the size of the record.
const judgeBatch, batchesAhead = 64, 4

// judged is one batch on its way.
type judged struct {
	events []events.Event
	places []*place
	beside []*beside
	then   []func() error
	errs   []error
	done   chan struct{} // closed when a worker is through
}

// hook lets the caller judge every event. Everything it reads has been found good; the tree over what is read here must
// come to the same root, so that nothing is judged that is not of the record that was proved.
func (v *verifier) hook() error {
	if v.opts.Event == nil || !v.judgeable() {
		return nil
	}
	ctx, cancel := context.WithCancel(v.ctx)
	var wg sync.WaitGroup
	defer func() { cancel(); wg.Wait() }()
	ordered := make(chan *judged, batchesAhead*v.opts.Workers)
	jobs := make(chan *judged, cap(ordered))
	for range v.opts.Workers {
		w := &judge{dir: filepath.Join(v.dir, segmentDir)}
		var err error
		if w.db, err = v.openAgain(); err != nil {
			return err
		}
		wg.Go(func() {
			defer w.close()
			for b := range jobs {
				w.run(ctx, v.opts.Event, b)
			}
		})
	}
	var readErr error
	wg.Go(func() {
		defer close(ordered)
		defer close(jobs)
		readErr = v.readBatches(ctx, func(b *judged) error {
			select {
			case ordered <- b:
			case <-ctx.Done():
				return ctx.Err()
			}
			jobs <- b // as many fit as in ordered
			return nil
		})
	})
	inOrder := &judge{dir: filepath.Join(v.dir, segmentDir)}
	var err error
	if inOrder.db, err = v.openAgain(); err != nil {
		return err
	}
	defer inOrder.close()
	var tree ledger.Tree
	for b := range ordered {
		<-b.done
		if err := v.takeBatch(&tree, b, inOrder); err != nil {
			return err
		}
	}
	if readErr != nil {
		return readErr
	}
	if len(v.report.Problems) == 0 && (tree.Size() != v.row.size || tree.Root() != v.row.root) {
		return problem("head", "events were changed while they were being verified: root of size %d is now %s", tree.Size(), tree.Root())
	}
	return nil
}

// judgeable says whether there is a record to judge: everything was found good, or only things beside the statements are bad.
func (v *verifier) judgeable() bool {
	for _, p := range v.report.Problems {
		switch p.Kind {
		case "facts", "evidence", "package", "index", "checkpoint", "older checkpoint":
		default:
			return false
		}
	}
	return true
}

func (v *verifier) openAgain() (*conn, error) {
	return openConn(filepath.Join(v.dir, dbName), "ro", v.opts.vfs, "busy_timeout(10000)", "query_only(on)", "trusted_schema(off)")
}

func (v *verifier) readBatches(ctx context.Context, send func(*judged) error) (err error) {
	c, err := v.openAgain()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	for next := uint64(0); next < v.row.size; {
		end := min(next+judgeBatch, v.row.size)
		b := &judged{done: make(chan struct{})}
		err := readEvents(ctx, c, v.row.origin, next, end, func(e *events.Event, at *place) error {
			b.events, b.places = append(b.events, *e), append(b.places, at)
			return nil
		})
		if err != nil {
			return err
		}
		b.beside = make([]*beside, len(b.events))
		b.then, b.errs = make([]func() error, len(b.events)), make([]error, len(b.events))
		if err := send(b); err != nil {
			return err
		}
		next = end
	}
	return nil
}

// takeBatch is the part in order.
func (v *verifier) takeBatch(tree *ledger.Tree, b *judged, w *judge) error {
	entries := make([]events.Digest, len(b.events))
	for i := range b.events {
		if err := v.ctx.Err(); err != nil {
			return err
		}
		err := b.errs[i]
		if b.then[i] != nil {
			b.beside[i].w = w // the worker is at other events, or gone
			err = errors.Join(err, b.then[i]())
		}
		if err != nil {
			var p *Problem
			if !errors.As(err, &p) {
				p = problem("signature", "%w", err)
			}
			if p.Position == nil {
				p.at(b.events[i].Position)
			}
			if !v.named(*p.Position) {
				err = v.found(p)
			} else {
				err = nil // what is wrong with it was said
			}
			if err != nil {
				return err
			}
		}
		entries[i] = ledger.Entry(b.events[i].Bytes)
	}
	tree.Append(entries)
	if v.opts.Judged != nil {
		v.opts.Judged(tree.Size(), v.row.size, func() ledger.Head {
			return ledger.Head{Origin: v.row.origin, Size: tree.Size(), Root: tree.Root()}
		})
	}
	return nil
}

// judge is one worker: a connection and an open segment of its own.
type judge struct {
	dir     string
	db      *conn
	segment int64
	file    *os.File
}

func (w *judge) run(ctx context.Context, hook func(events.Event, Stored) (func() error, error), b *judged) {
	defer close(b.done)
	for i := range b.events {
		if ctx.Err() != nil {
			b.errs[i] = ctx.Err()
			return
		}
		e := &b.events[i]
		b.beside[i] = &beside{w, e, b.places[i]}
		b.then[i], b.errs[i] = hook(*e, Stored{b.beside[i]})
	}
}

func (w *judge) close() {
	_ = w.db.close()
	if w.file != nil {
		_ = w.file.Close()
	}
}

// open gives the package at a place, through the segment that is open already if it can.
func (w *judge) open(at place, sha256 events.Digest) (events.PackageReader, error) {
	if w.file == nil || w.segment != at.segment {
		if w.file != nil {
			_ = w.file.Close()
		}
		var err error
		if w.file, err = os.Open(filepath.Join(w.dir, segmentName(at.segment))); err != nil {
			w.file = nil
			return nil, err
		}
		w.segment = at.segment
	}
	var header [recordHeader]byte
	if _, err := w.file.ReadAt(header[:], at.offset); err != nil {
		return nil, fmt.Errorf("segment %d, offset %d: %w", at.segment, at.offset, err)
	}
	length, err := headerLength(header[:], sha256)
	if err != nil {
		return nil, fmt.Errorf("segment %d, offset %d: %w", at.segment, at.offset, err)
	}
	return lent{io.NewSectionReader(w.file, at.offset+recordHeader, length)}, nil
}

// lent reads a package inside a file that stays the worker's.
type lent struct{ *io.SectionReader }

func (lent) Close() error { return nil }
