package esdbstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// Unsealed is the position of an event that Stream gives before the log has a place for it. It cannot be written into
// a statement (cause, basis), so that nothing can refer to a place that is not known.
const Unsealed uint64 = math.MaxUint64

// streamChunk is how many events of a stream are read at a time.
const streamChunk = 512

// Head implements events.Store.
func (s *Store) Head() events.Head {
	h, _, _ := s.state.sealed()
	return h
}

// Wait implements events.Store.
func (s *Store) Wait(ctx context.Context, size uint64) (events.Head, error) {
	for {
		if err := s.alive(); err != nil {
			return events.Head{}, err
		}
		h, _, changed := s.state.sealed()
		if h.Size > size {
			return h, nil
		}
		if err := s.await(ctx, changed); err != nil {
			return events.Head{}, err
		}
	}
}

// All implements events.Store.
func (s *Store) All(ctx context.Context, from uint64, f func(events.Event) error) error {
	to := s.Head().Size
	for from < to {
		list, err := s.logged(ctx, from, to)
		if err != nil {
			return fmt.Errorf("couldn't read events from %d: %w", from, err)
		}
		for i := range list {
			if err := s.addFacts(ctx, &list[i]); err != nil {
				return err
			}
			if err := f(list[i]); err != nil {
				return err
			}
		}
		from += uint64(len(list))
	}
	if err := s.alive(); err != nil {
		return err
	}
	return ctx.Err()
}

// logged reads events without their facts out of the log, from a position to at most another: at least one, each
// compared with its leaf.
func (s *Store) logged(ctx context.Context, from, to uint64) ([]events.Event, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	if list := s.state.recent(from, min(to, from+streamChunk)); list != nil {
		return list, ctx.Err()
	}
	bound, cancel := s.bound(ctx)
	defer cancel()
	count := uint64(readBatches)
	if to == from+1 {
		count = 1
	}
	found, err := s.conn.read(bound, s.logStream(), s.state.batchOf(from), count)
	if err != nil {
		return nil, s.why(ctx, err)
	}
	var list []events.Event
	var dec events.Decoder
	next := from
	for _, e := range found {
		if e.EventType != batchType {
			continue
		}
		h, statements, err := decodeBatch(e.Data)
		if err != nil {
			return nil, err
		}
		for i, b := range statements {
			position := h.From + uint64(i)
			if position < from || position >= to {
				continue
			}
			if position != next || ledger.Entry(b) != s.state.entry(position) {
				return nil, fmt.Errorf("position %d does not hold what its leaf says, expected position %d", position, next)
			}
			st, err := dec.Decode(b)
			if err != nil {
				return nil, err
			}
			list = append(list, events.Event{Position: position, Statement: st, Bytes: b})
			next++
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("event at position %d is missing", from)
	}
	return list, nil
}

// bare reads one event without its facts.
func (s *Store) bare(ctx context.Context, position uint64) (events.Event, error) {
	list, err := s.logged(ctx, position, position+1)
	if err != nil {
		return events.Event{}, err
	}
	return list[0], nil
}

// addFacts puts the facts beside a statement that names them.
func (s *Store) addFacts(ctx context.Context, e *events.Event) error {
	d := e.Statement.Facts
	if d == nil {
		return nil
	}
	b, err := readObject(ctx, s.opts.Objects, Facts, *d)
	if errors.Is(err, ErrDestroyed) {
		e.Destroyed = true
		return nil
	}
	const salt = len(events.Facts{}.Salt)
	if err == nil && len(b) < salt {
		err = fmt.Errorf("%d bytes", len(b))
	}
	if err != nil {
		return fmt.Errorf("couldn't read facts of version %d of %s: %w", e.Statement.Version, e.Statement.Stream, err)
	}
	e.Facts = b[salt:]
	return nil
}

// FactsOf reads the facts of an event with their salt; ErrDestroyed if they were destroyed.
func (s *Store) FactsOf(ctx context.Context, digest events.Digest) (f events.Facts, err error) {
	b, err := readObject(ctx, s.opts.Objects, Facts, digest)
	if n := copy(f.Salt[:], b); err == nil && n < len(f.Salt) {
		err = fmt.Errorf("couldn't read facts %s: %d bytes", digest, n)
	}
	if err == nil {
		f.Text = b[len(f.Salt):]
	}
	return f, err
}

// Facts implements events.Store.
func (s *Store) Facts(ctx context.Context, e events.Event) (events.Facts, error) {
	if e.Statement.Facts == nil {
		return events.Facts{}, fmt.Errorf("couldn't read facts of event %d: %w", e.Position, events.ErrNotFound)
	}
	return s.FactsOf(ctx, *e.Statement.Facts)
}

// Consistency proves that the log as it stood at old is what the log of the given size begins with.
func (s *Store) Consistency(_ context.Context, old, size uint64) ([]events.Digest, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	head, snapshot, _ := s.state.sealed()
	if size > head.Size || old > size {
		return nil, fmt.Errorf("couldn't prove that size %d continues %d: the log has %d", size, old, head.Size)
	}
	return snapshot.ProveConsistency(old, size, s.state.tileSource)
}

// Event implements events.Store.
func (s *Store) Event(ctx context.Context, position uint64) (events.Event, error) {
	if position >= s.Head().Size {
		return events.Event{}, fmt.Errorf("couldn't read event %d: %w", position, events.ErrNotFound)
	}
	e, err := s.bare(ctx, position)
	if err == nil {
		err = s.addFacts(ctx, &e)
	}
	if err != nil {
		return events.Event{}, fmt.Errorf("couldn't read event %d: %w", position, err)
	}
	return e, nil
}

// Stream implements events.Store. It sees what any node has written to the stream, and waits for the place in the log of what
// has none yet. Events that have none after SealPatience, if that is set, come with position Unsealed and the time that they
// were written with (see the package comment).
func (s *Store) Stream(ctx context.Context, stream string, from uint64, f func(events.Event) error) error {
	for _, e := range s.state.recentOf(stream, from) {
		err := s.alive()
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = s.addFacts(ctx, &e)
		}
		if err != nil {
			return fmt.Errorf("couldn't read stream %s: %w", stream, err)
		}
		if err := f(e); err != nil {
			return err
		}
		from++
	}
	late := &patience{c: s.late()}
	for { // what is older, or newer than this node's log: other nodes write too
		list, err := s.written(ctx, stream, from)
		if err != nil {
			return fmt.Errorf("couldn't read stream %s: %w", stream, err)
		}
		for i := range list {
			if err := s.seat(ctx, stream, from+uint64(i), &list[i], late); err != nil {
				return fmt.Errorf("couldn't read stream %s: %w", stream, err)
			}
			if err := f(list[i]); err != nil {
				return err
			}
		}
		from += uint64(len(list))
		if len(list) < streamChunk {
			return nil
		}
	}
}

// patience is the wait of one Stream call, over all events of it.
type patience struct {
	c    <-chan time.Time
	over bool
}

// late fires when SealPatience is over; nil if there is none.
func (s *Store) late() <-chan time.Time {
	switch {
	case s.opts.SealPatience == 0:
		return nil
	case s.opts.SealPatience < 0:
		c := make(chan time.Time)
		close(c)
		return c
	}
	return s.opts.after(s.opts.SealPatience)
}

// written reads proposals of a stream.
func (s *Store) written(ctx context.Context, stream string, from uint64) ([]events.Event, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	bound, cancel := s.bound(ctx)
	defer cancel()
	found, err := s.conn.read(bound, s.proposals(stream), from, streamChunk)
	if err != nil {
		return nil, s.why(ctx, err)
	}
	var dec events.Decoder
	list := make([]events.Event, len(found))
	for i, e := range found {
		if want := from + uint64(i); e.EventNumber != want {
			return nil, fmt.Errorf("version %d is missing: %d follows", want, e.EventNumber)
		}
		list[i] = events.Event{Position: Unsealed, Bytes: e.Data}
		if list[i].Statement, err = dec.Decode(e.Data); err != nil {
			return nil, fmt.Errorf("version %d: %w", e.EventNumber, err)
		}
	}
	return list, nil
}

// seat gives an event of a stream its place in the log and its facts. It waits for the place until late.
func (s *Store) seat(ctx context.Context, stream string, version uint64, e *events.Event, late *patience) error {
	for {
		_, _, changed := s.state.sealed()
		position, entry, ok := s.state.at(stream, version)
		if ok && ledger.Entry(e.Bytes) == entry {
			e.Position = position
			break
		}
		if ok { // its time was lifted, or it was changed: the log has what was sealed
			var err error
			if *e, err = s.bare(ctx, position); err != nil {
				return err
			}
			break
		}
		if late.over {
			break
		}
		select {
		case <-late.c:
			late.over = true
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ctx.Done():
			return s.alive()
		}
	}
	if st := &e.Statement; st.Stream != stream || st.Version != version {
		return fmt.Errorf("version %d holds version %d of %s", version, st.Version, st.Stream)
	}
	return s.addFacts(ctx, e)
}

// Proof implements events.Store.
func (s *Store) Proof(_ context.Context, position, size uint64) ([]events.Digest, events.Head, error) {
	if err := s.alive(); err != nil {
		return nil, events.Head{}, err
	}
	head, snapshot, _ := s.state.sealed()
	if size == 0 {
		size = head.Size
	}
	if size > head.Size {
		return nil, events.Head{}, fmt.Errorf("couldn't prove leaf %d in a tree of %d: the log has %d", position, size, head.Size)
	}
	proof, err := snapshot.Prove(position, size, s.state.tileSource)
	if err != nil || size == head.Size {
		return proof, head, err
	}
	root, err := snapshot.RootAt(size, s.state.tileSource)
	return proof, events.Head{Origin: head.Origin, Size: size, Root: root}, err
}

// OpenPackage implements events.Store.
func (s *Store) OpenPackage(ctx context.Context, sha256 events.Digest) (events.PackageReader, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	if s.state.packageAt(sha256) == nil {
		return nil, fmt.Errorf("couldn't open package %s: %w", sha256, events.ErrNotFound)
	}
	return s.opts.Objects.Open(ctx, Packages, sha256)
}

// FindPackage implements events.Store.
func (s *Store) FindPackage(_ context.Context, sha256 events.Digest) ([]uint64, error) {
	return s.state.packageAt(sha256), s.alive()
}

// Evidence implements events.Store.
func (s *Store) Evidence(ctx context.Context, sha256 events.Digest) ([]byte, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	if !s.state.hasEvidence(sha256) {
		return nil, fmt.Errorf("couldn't read evidence %s: %w", sha256, events.ErrNotFound)
	}
	return readObject(ctx, s.opts.Objects, Evidence, sha256)
}
