package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tram-exchange/tram/events"
)

// readChunk is the number of events read in one query: readers do not hold a snapshot of the database while
// someone works on what they read.
const readChunk = 512

const selectEvents = `SELECT position, statement, facts, segment, offset FROM events WHERE position >= ? AND position < ? ORDER BY position`

// readEvents reads the events from position from to position to, without gaps.
func readEvents(ctx context.Context, c *conn, origin string, from, to uint64, f func(*events.Event, *place) error) error {
	var v [5]driver.Value
	var dec events.Decoder
	for next := from; next < to; {
		if err := ctx.Err(); err != nil {
			return err
		}
		end := min(next+readChunk, to)
		err := c.query(v[:], func() error {
			e, at, err := scanEvent(&dec, v[:])
			if err != nil {
				return err
			}
			if e.Position != next {
				return fmt.Errorf("event at position %d is missing: %d follows", next, e.Position)
			}
			if e.Statement.Origin != origin {
				return fmt.Errorf("event %d has origin %q, expected %q", e.Position, e.Statement.Origin, origin)
			}
			next++
			return f(&e, at)
		}, selectEvents, next, end)
		if err != nil {
			return err
		}
		if next != end {
			return fmt.Errorf("event at position %d is missing", next)
		}
	}
	return nil
}

// scanEvent reads the columns of selectEvents.
func scanEvent(dec *events.Decoder, v []driver.Value) (e events.Event, at *place, err error) {
	e.Position = uint64(v[0].(int64))
	e.Bytes, _ = v[1].([]byte)
	e.Facts, _ = v[2].([]byte)
	if e.Statement, err = dec.Decode(e.Bytes); err != nil {
		return e, nil, fmt.Errorf("event %d: %w", e.Position, err)
	}
	e.Destroyed = e.Statement.Facts != nil && e.Facts == nil
	segment, ok1 := v[3].(int64)
	offset, ok2 := v[4].(int64)
	if ok1 && ok2 {
		at = &place{segment, offset}
	}
	return e, at, nil
}

// Head implements events.Store.
func (s *Store) Head() events.Head { return s.state.Load().head }

// Wait implements events.Store.
func (s *Store) Wait(ctx context.Context, size uint64) (events.Head, error) {
	for {
		st := s.state.Load()
		if st.head.Size > size {
			return st.head, nil
		}
		select {
		case <-st.next:
		case <-s.failed:
			return events.Head{}, s.Err()
		case <-s.ended:
			if st != s.state.Load() {
				continue
			}
			return events.Head{}, events.ErrClosed
		case <-ctx.Done():
			return events.Head{}, ctx.Err()
		}
	}
}

// All implements events.Store.
func (s *Store) All(ctx context.Context, from uint64, f func(events.Event) error) error {
	to := s.Head().Size
	for from < to {
		end := min(from+readChunk, to)
		list, ok := s.tail.read(from, end)
		if !ok {
			return s.stored(ctx, from, to, f)
		}
		if err := s.readers.check(ctx); err != nil {
			return fmt.Errorf("couldn't read events from %d: %w", from, err)
		}
		if err := each(list, f); err != nil {
			return err
		}
		from = end
	}
	return ctx.Err()
}

// stored is All out of the database. While f works on one chunk of events the next is read.
func (s *Store) stored(ctx context.Context, from, to uint64, f func(events.Event) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type chunk struct {
		events []events.Event
		err    error
	}
	chunks := make(chan chunk, 1)
	go func() {
		defer close(chunks)
		var dec events.Decoder
		for next := from; next < to; {
			end := min(next+readChunk, to)
			list, err := s.readChunk(ctx, &dec, next, end)
			if err != nil {
				err = fmt.Errorf("couldn't read events from %d: %w", next, err)
			}
			select {
			case chunks <- chunk{list, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
			next = end
		}
	}()
	for c := range chunks {
		if c.err != nil {
			return c.err
		}
		for i := range c.events {
			if err := f(c.events[i]); err != nil {
				return err
			}
		}
	}
	return ctx.Err() // the reader stops early for nothing else
}

// readChunk reads the events from position from to position to at once.
func (s *Store) readChunk(ctx context.Context, dec *events.Decoder, from, to uint64) ([]events.Event, error) {
	list := make([]events.Event, 0, to-from)
	err := s.readers.with(ctx, func(c *conn) error {
		var v [3]driver.Value
		return c.query(v[:], func() error {
			e := events.Event{Position: uint64(v[0].(int64))}
			if want := from + uint64(len(list)); e.Position != want {
				return fmt.Errorf("event at position %d is missing: %d follows", want, e.Position)
			}
			e.Bytes, _ = v[1].([]byte)
			e.Facts, _ = v[2].([]byte)
			var err error
			if e.Statement, err = dec.Decode(e.Bytes); err != nil {
				return fmt.Errorf("event %d: %w", e.Position, err)
			}
			if e.Statement.Origin != s.opts.Origin {
				return fmt.Errorf("event %d has origin %q, expected %q", e.Position, e.Statement.Origin, s.opts.Origin)
			}
			e.Destroyed = e.Statement.Facts != nil && e.Facts == nil
			list = append(list, e)
			return nil
		}, `SELECT position, statement, facts FROM events WHERE position >= ? AND position < ? ORDER BY position`, from, to)
	})
	if err == nil && uint64(len(list)) != to-from {
		err = fmt.Errorf("event at position %d is missing", from+uint64(len(list)))
	}
	return list, err
}

// Event implements events.Store.
func (s *Store) Event(ctx context.Context, position uint64) (e events.Event, err error) {
	if position >= s.Head().Size {
		return e, fmt.Errorf("couldn't read event %d: %w", position, events.ErrNotFound)
	}
	if list, ok := s.tail.read(position, position+1); ok {
		return list[0], s.readers.check(ctx)
	}
	err = s.readers.with(ctx, func(c *conn) error {
		return readEvents(ctx, c, s.opts.Origin, position, position+1, func(r *events.Event, _ *place) error {
			e = *r
			return nil
		})
	})
	if err != nil {
		return e, fmt.Errorf("couldn't read event %d: %w", position, err)
	}
	return e, nil
}

// Facts implements events.Store.
func (s *Store) Facts(ctx context.Context, e events.Event) (f events.Facts, err error) {
	if e.Statement.Facts == nil {
		return f, fmt.Errorf("couldn't read facts of event %d: %w", e.Position, events.ErrNotFound)
	}
	err = s.readers.with(ctx, func(c *conn) error {
		var v [2]driver.Value
		if _, err := c.one(v[:], `SELECT salt, facts FROM events WHERE position = ?`, e.Position); err != nil {
			return err
		}
		salt, _ := v[0].([]byte)
		text, _ := v[1].([]byte)
		if salt == nil && text == nil {
			return events.ErrDestroyed
		}
		if copy(f.Salt[:], salt) != len(salt) || len(salt) != len(f.Salt) {
			return fmt.Errorf("salt has %d bytes, expected %d", len(salt), len(f.Salt))
		}
		f.Text = text
		return nil
	})
	if err != nil {
		return f, fmt.Errorf("couldn't read facts of event %d: %w", e.Position, err)
	}
	return f, nil
}

// Stream implements events.Store.
func (s *Store) Stream(ctx context.Context, stream string, from uint64, f func(events.Event) error) error {
	if !s.recent.mayHaveStream(stream) {
		return s.readers.check(ctx)
	}
	// Memory first: what is merged out of it meanwhile is then in the B-tree, at worst in both.
	fresh := s.recent.stream(stream, from)
	list, ok := s.ofTail(fresh, from)
	if ok {
		if err := s.readers.check(ctx); err != nil {
			return fmt.Errorf("couldn't read stream %s: %w", stream, err)
		}
		return each(list, f)
	}
	err := s.readers.with(ctx, func(c *conn) error {
		var positions []uint64
		var v [2]driver.Value
		next := from
		if len(fresh) == 0 || fresh[0].version != from { // else all of it is in memory
			err := c.query(v[:], func() error {
				if v[0] != int64(next) {
					return fmt.Errorf("version %d is missing: %d follows", next, v[0])
				}
				next++
				positions = append(positions, uint64(v[1].(int64)))
				return nil
			}, `SELECT version, position FROM streams WHERE stream = ? AND version >= ? ORDER BY version`, stream, from)
			if err != nil {
				return err
			}
		}
		for _, e := range fresh {
			if e.version < next {
				continue
			}
			if e.version != next {
				return fmt.Errorf("version %d is missing: %d follows", next, e.version)
			}
			next++
			positions = append(positions, e.position)
		}
		for i, p := range positions {
			err := readEvents(ctx, c, s.opts.Origin, p, p+1, func(e *events.Event, _ *place) error {
				if e.Statement.Stream != stream || e.Statement.Version != from+uint64(i) {
					return fmt.Errorf("event %d is version %d of %s, the index says version %d", p, e.Statement.Version, e.Statement.Stream, from+uint64(i))
				}
				list = append(list, *e)
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("couldn't read stream %s: %w", stream, err)
	}
	return each(list, f)
}

// ofTail gives the events of a stream from a version on, if all of them are young enough.
func (s *Store) ofTail(fresh []streamEntry, from uint64) ([]events.Event, bool) {
	if len(fresh) == 0 {
		return nil, false
	}
	list := make([]events.Event, len(fresh))
	for i, at := range fresh {
		one, ok := s.tail.read(at.position, at.position+1)
		if !ok || at.version != from+uint64(i) {
			return nil, false
		}
		list[i] = one[0]
		if st := &list[i].Statement; st.Stream != at.stream || st.Version != at.version {
			return nil, false
		}
	}
	return list, true
}

func each(list []events.Event, f func(events.Event) error) error {
	for i := range list {
		if err := f(list[i]); err != nil {
			return err
		}
	}
	return nil
}

// Proof implements events.Store.
func (s *Store) Proof(ctx context.Context, position, size uint64) (proof []events.Digest, head events.Head, err error) {
	st := s.state.Load()
	head = st.head
	if size == 0 {
		size = head.Size
	}
	if size != head.Size {
		// Heads of other sizes are not kept signed: the root is computed, the checkpoint stays empty.
		head = events.Head{Origin: head.Origin, Size: size}
	}
	err = s.readers.with(ctx, func(c *conn) error {
		tiles := tilesOf(c)
		if proof, err = st.snapshot.Prove(position, size, tiles); err != nil {
			return err
		}
		if head.Checkpoint == nil {
			head.Root, err = st.snapshot.RootAt(size, tiles)
		}
		return err
	})
	return proof, head, err
}

// FindPackage implements events.Store.
func (s *Store) FindPackage(ctx context.Context, sha256 events.Digest) (positions []uint64, err error) {
	if !s.recent.mayHavePackage(sha256) {
		return nil, s.readers.check(ctx)
	}
	fresh := s.recent.pkg(sha256)
	sealed := s.Head().Size
	err = s.readers.with(ctx, func(c *conn) (err error) {
		positions, err = packagePositions(c, sha256)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't look for package %s: %w", sha256, err)
	}
	for _, p := range fresh {
		if n := len(positions); n == 0 || p > positions[n-1] {
			positions = append(positions, p)
		}
	}
	for len(positions) > 0 && positions[len(positions)-1] >= sealed {
		positions = positions[:len(positions)-1]
	}
	return positions, nil
}

func packagePositions(c *conn, sha256 events.Digest) (positions []uint64, err error) {
	var v [1]driver.Value
	err = c.query(v[:], func() error {
		positions = append(positions, uint64(v[0].(int64)))
		return nil
	}, `SELECT position FROM packages WHERE sha256 = ? ORDER BY position`, sha256[:])
	return positions, err
}

// findPlace says where the bytes of a package lie: events.ErrDestroyed if they did and their place is stored no more.
func (s *Store) findPlace(ctx context.Context, sha256 events.Digest) (at place, found bool, err error) {
	err = s.readers.with(ctx, func(c *conn) error {
		at, found, err = s.findPlaceIn(c, sha256)
		return err
	})
	return at, found, err
}

func (s *Store) findPlaceIn(c *conn, sha256 events.Digest) (place, bool, error) {
	if !s.recent.mayHavePackage(sha256) {
		return place{}, false, nil
	}
	positions := s.recent.pkg(sha256)
	old, err := packagePositions(c, sha256)
	if err != nil {
		return place{}, false, fmt.Errorf("couldn't look for package %s: %w", sha256, err)
	}
	positions = append(old, positions...)
	for _, p := range positions {
		at, err := placeOf(c, p)
		if err != nil {
			return place{}, false, err
		}
		if at != nil {
			return *at, true, nil
		}
	}
	if len(positions) > 0 {
		return place{}, false, events.ErrDestroyed
	}
	return place{}, false, nil
}

// OpenPackage implements events.Store.
func (s *Store) OpenPackage(ctx context.Context, sha256 events.Digest) (events.PackageReader, error) {
	at, found, err := s.findPlace(ctx, sha256)
	if err == nil && !found {
		err = events.ErrNotFound
	}
	var r *packageReader
	if err == nil {
		r, err = openRecord(filepath.Join(s.dir, segmentDir), at, sha256)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't open package %s: %w", sha256, err)
	}
	return r, nil
}

// packageReader reads the package inside its segment record.
type packageReader struct {
	*io.SectionReader
	f *os.File
}

func (r *packageReader) Close() error { return r.f.Close() }

// openRecord opens the record at a place; the header must name the package.
func openRecord(dir string, at place, sha256 events.Digest) (*packageReader, error) {
	f, err := os.Open(filepath.Join(dir, segmentName(at.segment)))
	if err != nil {
		return nil, err
	}
	var header [recordHeader]byte
	if _, err := f.ReadAt(header[:], at.offset); err != nil {
		return nil, errors.Join(fmt.Errorf("segment %d, offset %d: %w", at.segment, at.offset, err), f.Close())
	}
	length, err := headerLength(header[:], sha256)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("segment %d, offset %d: %w", at.segment, at.offset, err), f.Close())
	}
	return &packageReader{io.NewSectionReader(f, at.offset+recordHeader, length), f}, nil
}

// Evidence implements events.Store.
func (s *Store) Evidence(ctx context.Context, sha256 events.Digest) (b []byte, err error) {
	err = s.readers.with(ctx, func(c *conn) error {
		b, err = readEvidence(c, &sha256)
		return err
	})
	return b, err
}

// readEvidence gives the stored evidence of a digest; nil is that of an event which has none.
func readEvidence(c *conn, sha256 *events.Digest) ([]byte, error) {
	if sha256 == nil {
		return nil, events.ErrNotFound
	}
	var v [1]driver.Value
	found, err := c.one(v[:], `SELECT bytes FROM evidence WHERE sha256 = ?`, sha256[:])
	if err == nil && !found {
		err = events.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read evidence %s: %w", sha256, err)
	}
	b, _ := v[0].([]byte)
	if got := events.Sum(b); got != *sha256 {
		return nil, fmt.Errorf("couldn't read evidence %s: stored bytes hash to %s", sha256, got)
	}
	return b, nil
}
