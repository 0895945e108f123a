package projections

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/internal/view"
)

// Source is the log that the views follow. events.Store satisfies it.
type Source interface {
	// All calls f for sealed events in order of position from `from` on, up to the head as of the call.
	All(ctx context.Context, from uint64, f func(events.Event) error) error
	// Wait returns when the sealed size is greater than size, or with ctx.Err().
	Wait(ctx context.Context, size uint64) (events.Head, error)
	// Head is the latest signed head.
	Head() events.Head
}

// Options of Open. The zero value has sensible defaults.
type Options struct {
	// Now is the clock of Health.Lag; nil is time.Now. Nothing in views.db comes from it.
	Now func() time.Time
	// Progress, if set, is called after each transaction while the views are catching up, from the goroutine that writes.
	Progress func(read, size uint64)
	// Logger gets rebuilds and errors, never document content; nil is silent.
	Logger *slog.Logger
	// Readers is how many questions are answered at the same time; 0 is 4.
	Readers int
	// LiveBatch is the greatest number of events of one transaction while keeping up; 0 is 1,000.
	LiveBatch int
	// CatchUpBatch is the same while far behind; 0 is 65,536. It bounds memory: some 400 bytes an event.
	CatchUpBatch int
	// Gather is how long Run waits for more while much comes in; 0 is 50 ms, negative not at all. It adds to the lag.
	Gather time.Duration
	// Decoders is how many goroutines decode events; 0 is 2.
	Decoders int
	// MinFree is the room that a rebuild leaves on the disk, in bytes.
	MinFree int64

	rights *Views // whose directory judges who may read; nil: its own. Set for views of the past.
}

func (o *Options) defaults() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Gather == 0 {
		o.Gather = 50 * time.Millisecond
	}
	for _, d := range []struct {
		v   *int
		def int
	}{{&o.Readers, 4}, {&o.LiveBatch, 1000}, {&o.CatchUpBatch, 65536}, {&o.Decoders, 2}} {
		if *d.v <= 0 {
			*d.v = d.def
		}
	}
}

// Views is the read side of one node. It implements view.Views. All methods may be called concurrently; CatchUp and Run
// wait for each other.
type Views struct {
	path string
	src  Source
	opt  Options

	// How questions are asked: fewPlaces and countReach, less in tests.
	few   int
	reach uint64

	rebuilding sync.Mutex // one Rebuild at a time; taken before writing

	// writing is held by whoever moves the position; it is taken before mu. It guards what follows up to mu.
	writing         sync.Mutex
	bulkFrom        uint64        // bulkEvents, less in tests
	bulk            bool          // going without syncs: see sync.go
	checkpointed    chan struct{} // closed when the running checkpoint is done; nil: none runs
	sinceCheckpoint int           // events

	// mu guards what follows. Questions hold it for reading; a commit holds it for writing while it publishes, so that
	// rows, directory and position of one answer belong together.
	mu        sync.RWMutex
	db        *database
	w         *writer
	directory *directoryView
	position  uint64
	origin    string
	last      events.Digest
	moved     chan struct{} // closed when position moves
	closed    bool
}

var _ view.Views = (*Views)(nil)

// Open opens views.db at path, making it anew if there is none or if it cannot be used (another schema version, damage).
// It does not read the log: call Run or CatchUp.
func Open(ctx context.Context, path string, src Source, opt Options) (*Views, error) {
	opt.defaults()
	if err := settle(path); err != nil {
		return nil, err
	}
	v := &Views{path: path, src: src, opt: opt, moved: make(chan struct{}), bulkFrom: bulkEvents, few: fewPlaces, reach: countReach}
	if err := v.open(ctx); err != nil {
		if !isDamaged(err) {
			return nil, err
		}
		opt.Logger.Warn("views.db is damaged and made anew", "path", path, "error", err)
		if err := removeDatabase(path); err != nil {
			return nil, err
		}
		if err := v.open(ctx); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// open loads what the writer keeps in memory. The caller holds mu, or nobody else knows v yet.
func (v *Views) open(ctx context.Context) (err error) {
	db, err := openDatabase(ctx, v.path, v.opt.Readers)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.close())
		}
	}()
	conn, err := db.write.Conn(ctx)
	if err != nil {
		return fmt.Errorf("couldn't open %s: %w", v.path, err)
	}
	w := &writer{conn: conn}
	defer func() {
		if err != nil {
			conn.Close()
		}
	}()
	if err := w.find.prepare(ctx, conn); err != nil {
		return err
	}
	if err := w.put.prepare(ctx, conn); err != nil {
		return err
	}
	origin, position, last, err := w.load(ctx)
	if err != nil {
		return err
	}
	v.db, v.w = db, w
	v.origin, v.position, v.last, v.directory = origin, position, last, w.directory
	if v.bulk, _, err = markerState(v.path); err != nil {
		return err
	}
	if v.bulk {
		return v.bulkPragmas(ctx)
	}
	return nil
}

// load reads position, dictionary and directory, and starts with empty memory.
func (w *writer) load(ctx context.Context) (origin string, position uint64, last events.Digest, err error) {
	w.cache, w.dict, w.directory = newMemory(), newDict(), newDirectoryView()
	fail := func(err error) (string, uint64, events.Digest, error) {
		return "", 0, events.Digest{}, fmt.Errorf("couldn't load views: %w", err)
	}
	var raw []byte
	if err := w.conn.QueryRowContext(ctx, "SELECT origin, position, last FROM meta").Scan(&origin, &position, &raw); err != nil {
		return fail(err)
	}
	copy(last[:], raw)
	err = eachRow(ctx, w.conn, "SELECT id, s FROM dict ORDER BY id", nil, func(rows *sql.Rows) error {
		var id uint32
		var s string
		if err := rows.Scan(&id, &s); err != nil {
			return err
		}
		return w.dict.restore(id, s)
	})
	if err != nil {
		return fail(err)
	}
	w.saved = len(w.dict.all()) - 1
	err = eachRow(ctx, w.conn, "SELECT id, statement, facts, destroyed FROM directory ORDER BY id", nil, func(rows *sql.Rows) error {
		var e events.Event
		if err := rows.Scan(&e.Position, &e.Bytes, &e.Facts, &e.Destroyed); err != nil {
			return err
		}
		var err error
		if e.Statement, err = events.DecodeStatement(e.Bytes); err != nil {
			return err
		}
		return w.directory.fold(e)
	})
	if err != nil {
		return fail(err)
	}
	return origin, position, last, nil
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// eachRow calls f for every row and reports a read that was cut short.
func eachRow(ctx context.Context, q querier, query string, args []any, f func(*sql.Rows) error) (err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Close ends the views. Run must have returned.
func (v *Views) Close() error {
	v.writing.Lock()
	defer v.writing.Unlock()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return nil
	}
	v.closed = true
	v.awaitCheckpoint()
	return errors.Join(v.endBulk(context.Background()), v.closeDatabase())
}

func (v *Views) closeDatabase() error {
	return errors.Join(v.w.close(), v.db.close())
}

// rebuild throws views.db away; the next pass reads the log from its beginning. The caller holds writing.
func (v *Views) rebuild(ctx context.Context, reason string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.awaitCheckpoint()
	v.opt.Logger.Warn("views are rebuilt from the log", "reason", reason, "position", v.position)
	// The old connections close last: the last one to close clears away the WAL of its file, but not once the name is gone.
	oldWriter, oldDB := v.w, v.db
	oldDB.door.close()
	if err := removeDatabase(v.path); err != nil {
		return err
	}
	if err := v.open(ctx); err != nil {
		return err
	}
	if err := errors.Join(oldWriter.close(), oldDB.close()); err != nil {
		v.opt.Logger.Warn("couldn't close the old views.db", "error", err)
	}
	return nil
}

// Position is the number of events read.
func (v *Views) Position() uint64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.position
}

// WaitFor returns when the views have read at least size events, or with ctx.Err().
func (v *Views) WaitFor(ctx context.Context, size uint64) error {
	for {
		v.mu.RLock()
		position, moved := v.position, v.moved
		v.mu.RUnlock()
		if position >= size {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
