package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/tram-exchange/tram/events"
)

// Raw is one event with everything that another store needs to keep it without loss. The statement's bytes are those
// that were first written; evidence and package are fetched by the digests in the statement, and by OpenRaw.
type Raw struct {
	events.Event
	Salt             []byte // that binds the facts; nil if there are none or they were destroyed
	PackageDestroyed bool   // the statement names a package whose bytes were lawfully destroyed

	at *place
}

// Source is a record that can be copied, under one signed head. A Reader is one.
type Source interface {
	// Head is the signed head under which everything is read.
	Head() events.Head
	// Raw calls f for the events from position from to position to, without gaps; f may use the source.
	Raw(ctx context.Context, from, to uint64, f func(Raw) error) error
	// OpenRaw gives the package of an event. The caller closes it. ErrNotFound if it has none or it was destroyed.
	OpenRaw(ctx context.Context, e Raw) (events.PackageReader, error)
	// Evidence reads stored validation evidence by its digest.
	Evidence(ctx context.Context, sha256 events.Digest) ([]byte, error)
	// Consistency proves that the log as it stood at old is what the log of the given size begins with.
	Consistency(ctx context.Context, old, size uint64) ([]events.Digest, error)
}

var _ Source = (*Reader)(nil)

// Raw implements Source.
func (r *Reader) Raw(ctx context.Context, from, to uint64, f func(Raw) error) error {
	if to > r.head.Size {
		return fmt.Errorf("couldn't read events to %d: the head has size %d", to, r.head.Size)
	}
	var dec events.Decoder
	list := make([]Raw, 0, readChunk)
	for from < to {
		end := min(from+readChunk, to)
		list = list[:0]
		err := r.with(func(c *conn) error {
			var v [6]driver.Value
			return c.query(v[:], func() error {
				e, at, err := scanEvent(&dec, v[:])
				if err != nil {
					return err
				}
				if want := from + uint64(len(list)); e.Position != want {
					return fmt.Errorf("event at position %d is missing: %d follows", want, e.Position)
				}
				salt, _ := v[5].([]byte)
				list = append(list, Raw{Event: e, Salt: salt, PackageDestroyed: e.Statement.Package != nil && at == nil, at: at})
				return nil
			}, `SELECT position, statement, facts, segment, offset, salt FROM events WHERE position >= ? AND position < ? ORDER BY position`, from, end)
		})
		if err == nil && uint64(len(list)) != end-from {
			err = fmt.Errorf("event at position %d is missing", from+uint64(len(list)))
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("couldn't read events from %d: %w", from, err)
		}
		for i := range list {
			if err := f(list[i]); err != nil {
				return err
			}
		}
		from = end
	}
	return ctx.Err()
}

// OpenRaw implements Source.
func (r *Reader) OpenRaw(_ context.Context, e Raw) (events.PackageReader, error) {
	if e.Statement.Package == nil || e.at == nil {
		return nil, fmt.Errorf("couldn't open package of event %d: %w", e.Position, events.ErrNotFound)
	}
	p, err := openRecord(filepath.Join(r.dir, segmentDir), *e.at, e.Statement.Package.SHA256)
	if err != nil {
		return nil, fmt.Errorf("couldn't open package %s: %w", e.Statement.Package.SHA256, err)
	}
	if p.Size() != e.Statement.Package.Length {
		return nil, errors.Join(fmt.Errorf("couldn't open package %s: %d bytes, the statement says %d", e.Statement.Package.SHA256, p.Size(), e.Statement.Package.Length), p.Close())
	}
	return p, nil
}

// Consistency implements Source.
func (r *Reader) Consistency(_ context.Context, old, size uint64) (proof []events.Digest, err error) {
	err = r.with(func(c *conn) error {
		proof, err = r.snapshot.ProveConsistency(old, size, tilesOf(c))
		return err
	})
	return proof, err
}

// Tile gives the 256 hashes of a full tile (see ledger.Tile).
func (r *Reader) Tile(_ context.Context, level int, number uint64) (b []byte, err error) {
	err = r.with(func(c *conn) error {
		b, err = tilesOf(c)(level, number)
		return err
	})
	return b, err
}
