package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// Reader reads the record in a folder as it stands when it is opened, under the head that was signed last and stored. It
// writes nothing, takes no lock and needs no key, so it also works while a node has the store open. It is safe for
// concurrent use; a running node's database cannot shrink its log of writes while a Reader is open, so it should not be for long.
type Reader struct {
	dir      string
	mu       sync.Mutex
	db       *conn
	row      logRow
	head     events.Head
	snapshot ledger.Snapshot
}

// ErrNoHead: the record holds no signed head yet, so nothing in it is sealed.
var ErrNoHead = errors.New("no signed head is stored yet")

// OpenReader opens the record in dir for reading. The stored head must be the root over what is stored; whose signature it
// bears is for others to judge.
func OpenReader(ctx context.Context, dir string) (*Reader, error) {
	r, err := openReader(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't open record %s: %w", dir, err)
	}
	return r, nil
}

func openReader(ctx context.Context, dir string) (_ *Reader, err error) {
	b, err := os.ReadFile(filepath.Join(dir, "format"))
	if err != nil {
		return nil, err
	}
	if string(b) != formatLine {
		return nil, fmt.Errorf("format %q, this program knows %q", b, formatLine)
	}
	r := &Reader{dir: dir}
	if r.db, err = openConn(filepath.Join(dir, dbName), "ro", "", "busy_timeout(10000)", "cache_size(-16384)", "query_only(on)", "trusted_schema(off)"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.db.close())
		}
	}()
	if err := checkFormat(r.db); err != nil {
		return nil, err
	}
	if _, err := r.db.exec(`BEGIN`); err != nil {
		return nil, err
	}
	if r.row, err = readLog(r.db); err != nil {
		return nil, err
	}
	if len(r.row.checkpoint) == 0 {
		return nil, ErrNoHead
	}
	tree, err := (&Store{db: r.db}).loadTree(r.row)
	if err != nil {
		return nil, err
	}
	r.snapshot = tree.Snapshot()
	h, err := ledger.ReadCheckpoint(r.row.checkpoint)
	if err != nil {
		return nil, err
	}
	if h.Origin != r.row.origin || h.Size > r.row.size {
		return nil, fmt.Errorf("stored checkpoint of %q and size %d, the log is %q and has size %d", h.Origin, h.Size, r.row.origin, r.row.size)
	}
	root, err := r.snapshot.RootAt(h.Size, tilesOf(r.db))
	if err != nil {
		return nil, err
	}
	if root != h.Root {
		return nil, fmt.Errorf("root of size %d is %s, it was signed as %s", h.Size, root, h.Root)
	}
	r.head = events.Head{Origin: h.Origin, Size: h.Size, Root: h.Root, Checkpoint: r.row.checkpoint}
	if h.Size == r.row.size {
		r.head.Time = r.row.time
	}
	return r, ctx.Err()
}

// Close ends reading.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.db.close()
}

// Head is the signed head that was stored last; later events are not seen.
func (r *Reader) Head() events.Head { return r.head }

func (r *Reader) with(f func(*conn) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return f(r.db)
}

// Event reads one event under the head.
func (r *Reader) Event(ctx context.Context, position uint64) (e events.Event, err error) {
	if position >= r.head.Size {
		return e, fmt.Errorf("couldn't read event %d: %w", position, events.ErrNotFound)
	}
	err = r.with(func(c *conn) error {
		return readEvents(ctx, c, r.row.origin, position, position+1, func(got *events.Event, _ *place) error { e = *got; return nil })
	})
	if err != nil {
		return e, fmt.Errorf("couldn't read event %d: %w", position, err)
	}
	return e, nil
}

// Stream calls f for each event of a stream under the head, in order of version from `from` on.
func (r *Reader) Stream(ctx context.Context, stream string, from uint64, f func(events.Event) error) error {
	var list []events.Event
	err := r.with(func(c *conn) error {
		var positions []uint64
		var v [1]driver.Value
		err := c.query(v[:], func() error {
			positions = append(positions, uint64(v[0].(int64)))
			return nil
		}, `SELECT position FROM streams WHERE stream = ? AND version >= ? ORDER BY version`, stream, from)
		if err != nil {
			return err
		}
		next := from
		take := func(e *events.Event, _ *place) error {
			if e.Statement.Stream != stream || e.Statement.Version < next {
				return nil
			}
			if e.Statement.Version != next {
				return fmt.Errorf("version %d is missing: %d follows", next, e.Statement.Version)
			}
			next++
			list = append(list, *e)
			return nil
		}
		for _, p := range positions {
			if p >= r.row.indexed {
				break // it is among those that follow
			}
			if err := readEvents(ctx, c, r.row.origin, p, p+1, take); err != nil {
				return err
			}
		}
		return readEvents(ctx, c, r.row.origin, r.row.indexed, r.row.size, take)
	})
	if err != nil {
		return fmt.Errorf("couldn't read stream %s: %w", stream, err)
	}
	for _, e := range list {
		if e.Position >= r.head.Size {
			break
		}
		if err := f(e); err != nil {
			return err
		}
	}
	return nil
}

// Proof proves an event in the head of a size, 0 for Head.
func (r *Reader) Proof(_ context.Context, position, size uint64) (proof []events.Digest, head events.Head, err error) {
	head = r.head
	if size == 0 {
		size = head.Size
	}
	if size != head.Size {
		head = events.Head{Origin: head.Origin, Size: size}
	}
	err = r.with(func(c *conn) error {
		tiles := tilesOf(c)
		if proof, err = r.snapshot.Prove(position, size, tiles); err != nil {
			return err
		}
		if head.Checkpoint == nil {
			head.Root, err = r.snapshot.RootAt(size, tiles)
		}
		return err
	})
	return proof, head, err
}

// FindPackage gives positions of the events that refer to a package, lowest first.
func (r *Reader) FindPackage(ctx context.Context, sha256 events.Digest) (positions []uint64, err error) {
	err = r.with(func(c *conn) error {
		if positions, err = packagePositions(c, sha256); err != nil {
			return err
		}
		for len(positions) > 0 && positions[len(positions)-1] >= r.head.Size {
			positions = positions[:len(positions)-1]
		}
		return readEvents(ctx, c, r.row.origin, r.row.indexed, r.head.Size, func(e *events.Event, _ *place) error {
			if p := e.Statement.Package; p != nil && p.SHA256 == sha256 && (len(positions) == 0 || positions[len(positions)-1] < e.Position) {
				positions = append(positions, e.Position)
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't look for package %s: %w", sha256, err)
	}
	return positions, nil
}

// OpenPackage gives the stored bytes. The caller closes it.
func (r *Reader) OpenPackage(ctx context.Context, sha256 events.Digest) (events.PackageReader, error) {
	positions, err := r.FindPackage(ctx, sha256)
	if err != nil {
		return nil, err
	}
	var at *place
	err = r.with(func(c *conn) error {
		for _, p := range positions {
			if at != nil {
				break
			}
			if err := readEvents(ctx, c, r.row.origin, p, p+1, func(_ *events.Event, pl *place) error { at = pl; return nil }); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && at == nil {
		err = events.ErrNotFound
	}
	var p *packageReader
	if err == nil {
		p, err = openRecord(filepath.Join(r.dir, segmentDir), *at, sha256)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't open package %s: %w", sha256, err)
	}
	return p, nil
}

// Evidence reads stored validation evidence.
func (r *Reader) Evidence(_ context.Context, sha256 events.Digest) (b []byte, err error) {
	err = r.with(func(c *conn) error {
		b, err = readEvidence(c, &sha256)
		return err
	})
	return b, err
}
