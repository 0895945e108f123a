package sqlitestore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/tram-exchange/tram/events"
)

const (
	maxGroup    = 512       // requests in one commit
	groupBytes  = 16 << 20  // package bytes in one commit
	smallLimit  = 256 << 10 // packages up to this size are written with their group; larger ones before it
	streamPiece = 1 << 20   // larger packages pass through memory in pieces of this size
	maxEvents   = 4096      // events of one append
)

// request is an append on its way through the writer.
type request struct {
	ctx    context.Context
	append events.Append
	data   []json.RawMessage // of each event
	facts  []json.RawMessage // nil where there are none
	sum    events.Digest     // of the package
	size   int64
	record []byte // the segment record of a small package; nil if written is set or there is no package
	// written is where a large package was put and synced before the group.
	written *place
	release func() // of a large package; nil if there is none

	evidence events.Digest

	events []events.Event // as planned by the writer
	salts  [][]byte
	done   chan result // one value
}

type result struct {
	sealed events.Sealed
	err    error
}

func (r *request) answer(sealed events.Sealed, err error) {
	r.end()
	r.done <- result{sealed, err}
}

// end lets others look for the large package that this request brought.
func (r *request) end() {
	if r.release != nil {
		r.release()
	}
}

// Append implements events.Store.
func (s *Store) Append(ctx context.Context, a events.Append) (events.Sealed, error) {
	r, err := s.prepare(ctx, a)
	if err != nil {
		return events.Sealed{}, err
	}
	if err := s.hand(ctx, r); err != nil {
		s.giveBack(r)
		r.end()
		return events.Sealed{}, err
	}
	select {
	case res := <-r.done:
		return res.sealed, res.err
	case <-ctx.Done():
		return events.Sealed{}, fmt.Errorf("couldn't wait for append to %s, it may be recorded: %w", a.Stream, ctx.Err())
	}
}

// hand passes a request to the writer, who answers every request it gets.
func (s *Store) hand(ctx context.Context, r *request) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return events.ErrClosed
	}
	select {
	case s.requests <- r:
		return nil
	case <-s.failed:
		return s.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// prepare does in the caller's goroutine all that does not depend on the place in the log.
func (s *Store) prepare(ctx context.Context, a events.Append) (*request, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	if n := len(a.Events); n == 0 || n > maxEvents {
		return nil, fmt.Errorf("couldn't append to %s: %d events, expected 1 to %d", a.Stream, n, maxEvents)
	}
	if a.Expected < -1 {
		return nil, fmt.Errorf("couldn't append to %s: expected version %d", a.Stream, a.Expected)
	}
	r := &request{ctx: ctx, append: a, done: make(chan result, 1)}
	r.data, r.facts = make([]json.RawMessage, len(a.Events)), make([]json.RawMessage, len(a.Events))
	for i, e := range a.Events {
		var err error
		if r.data[i], err = events.MarshalObject(e.Data); err != nil {
			return nil, fmt.Errorf("couldn't append %s to %s: %w", e.Name, a.Stream, err)
		}
		if e.Facts == nil {
			continue
		}
		if r.facts[i], err = events.MarshalObject(e.Facts); err != nil {
			return nil, fmt.Errorf("couldn't append %s to %s: facts: %w", e.Name, a.Stream, err)
		}
	}
	if a.Evidence != nil {
		r.evidence = events.Sum(a.Evidence)
	}
	if a.Package != nil {
		if err := s.takePackage(r, a.Package); err != nil {
			var failed *syncError
			if errors.As(err, &failed) {
				s.fail(err)
			}
			return nil, fmt.Errorf("couldn't append to %s: %w", a.Stream, err)
		}
	}
	return r, nil
}

// takePackage copies the bytes out of the caller's hands, and sees that they are the ones their digest names.
func (s *Store) takePackage(r *request, p events.Package) error {
	r.sum, r.size = p.Digest(), p.Size()
	if r.size < 0 {
		return fmt.Errorf("package of %d bytes", r.size)
	}
	if r.size > smallLimit {
		return s.takeLarge(r, p)
	}
	r.record = s.borrow(recordSize(r.size))
	clear(r.record[recordHeader+r.size:])
	putHeader(r.record, r.size, r.sum)
	body := r.record[recordHeader : recordHeader+r.size]
	if n, err := p.ReadAt(body, 0); n < len(body) {
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("couldn't read package %s: %w", r.sum, err)
	}
	if got := events.Sum(body); got != r.sum {
		return fmt.Errorf("couldn't store package: bytes hash to %s, expected %s", got, r.sum)
	}
	return nil
}

// borrow gives a buffer for a small package's record: tens of kilobytes for each append are too much for the
// collector. Whoever has the request gives it back.
func (s *Store) borrow(n int64) []byte {
	if b, _ := s.records.Get().(*[]byte); b != nil && int64(cap(*b)) >= n {
		return (*b)[:n]
	}
	return make([]byte, n, align(n, 8<<10))
}

func (s *Store) giveBack(r *request) {
	if b := r.record; b != nil {
		r.record = nil
		s.records.Put(&b)
	}
}

// takeLarge writes a large package into its segment now, so that its group need not wait for it. When the same bytes
// come from several callers at once, one writes them and the others wait for what becomes of it.
func (s *Store) takeLarge(r *request, p events.Package) (err error) {
	leave, err := s.enterLarge(r.ctx, r.sum)
	if err != nil {
		return err
	}
	r.release = leave
	defer func() {
		if err != nil {
			r.end()
		}
	}()
	at, found, err := s.findPlace(r.ctx, r.sum)
	if err != nil || found {
		r.written = &at
		return err
	}
	if err := s.checkFree(r.size); err != nil {
		return err
	}
	buf := s.pages.Get().(*[]byte)
	defer s.pages.Put(buf)
	if at, err = s.seg.stream(p, *buf); err != nil {
		return err
	}
	r.release = func() {
		s.seg.landed(at)
		leave()
	}
	r.written = &at
	return nil
}

// enterLarge makes the caller the only one who writes, or destroys, these bytes until leave is called.
func (s *Store) enterLarge(ctx context.Context, sum events.Digest) (leave func(), err error) {
	for {
		s.largeMu.Lock()
		other := s.large[sum]
		if other == nil {
			break
		}
		s.largeMu.Unlock()
		select {
		case <-other:
		case <-s.failed:
			return nil, s.Err()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	mine := make(chan struct{})
	s.large[sum] = mine
	s.largeMu.Unlock()
	return func() {
		s.largeMu.Lock()
		defer s.largeMu.Unlock()
		delete(s.large, sum)
		close(mine)
	}, nil
}

// checkFree says ErrFull if the disk would be nearly full after n more bytes.
func (s *Store) checkFree(n int64) error {
	if s.opts.MinFree < 0 {
		return nil
	}
	free, err := s.opts.files.Free(s.dir)
	if err != nil {
		return fmt.Errorf("couldn't see how much disk is free: %w", err)
	}
	if free < s.opts.MinFree+n {
		return fmt.Errorf("%w: %d bytes free, %d must stay free", events.ErrFull, free, s.opts.MinFree)
	}
	return nil
}
