package projections

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"

	"github.com/tram-exchange/tram/events"
)

// Record is the log of a folder as it stood when it was opened; sqlitestore.Reader is one.
type Record interface {
	Log
	Close() error
}

// CompareOptions of Compare. Open is required.
type CompareOptions struct {
	// Open opens the record as it stands now. Compare calls it again when the views have read further than the record
	// opened last, and closes what it opened.
	Open func(context.Context) (Record, error)
	// Dir is where the second views.db is made, as large as the first; "" is the folder for temporary files. It is removed.
	Dir string
	// Progress, if set, is called now and then: first events are read again, then rows are compared.
	Progress func(CompareProgress)
}

// CompareProgress is how far Compare has got.
type CompareProgress struct {
	Rows        bool // false: Done and Total count events read again, true: rows compared
	Done, Total uint64
}

// Comparison is what Compare found.
type Comparison struct {
	Position   uint64      // as of which both were compared
	Rows       uint64      // compared and found alike
	Difference *Difference // the first one; nil: the views say what the log says
}

// Difference is one place where views.db does not say what the log says. Values are in words: numbers of the
// dictionary and records inside rows are read first.
type Difference struct {
	Table     string  // of views.db, or sqlite_schema, or "" for the file as a whole
	Key       string  // of the row, e.g. "id=17"
	Column    string  // or the field within it, e.g. "body.priority"; "" if a whole row is missing or too many
	Position  *uint64 // of the event that the row comes from, if that can be told
	Got, Want string  // in views.db, and by the log; cut to a few hundred characters
}

func (d *Difference) Error() string {
	s := "views.db"
	if d.Table != "" {
		s += ": table " + d.Table
	}
	if d.Key != "" {
		s += ", row " + d.Key
	}
	if d.Column != "" {
		s += ", " + d.Column
	}
	if d.Position != nil {
		s += fmt.Sprintf(" (event %d)", *d.Position)
	}
	return s + fmt.Sprintf(": has %s, the log says %s", d.Got, d.Want)
}

// errBehind says that views.db has read more than the record that was opened.
var errBehind = errors.New("the views have read further than the record")

// Compare rebuilds views from the log in a place of its own and compares them with those at path, as of the same position.
// It writes nothing at path, takes no lock and works while a node writes there; memory is bounded by the dictionary and
// the longest list of documents that one word has.
//
// It compares what rows mean, since bytes may differ between two honest databases:
//
//   - numbers of the dictionary are read as their strings, whatever their order;
//   - lines of history are compared one after the other, however transactions grouped them into rows;
//   - of the search index, the documents that each word leads to, not its segments;
//   - rows of cursor are not from the log: none may lie after its head, no more.
//
// The schema must be the same, and SQLite's own check must find every index to agree with its table.
//
// An error says that nothing could be compared; fs.ErrNotExist, that there is no views.db.
func Compare(ctx context.Context, path string, opt CompareOptions) (Comparison, error) {
	c := &comparer{path: path, opt: opt}
	found, err := c.run(ctx)
	if err != nil {
		return found, fmt.Errorf("couldn't compare %s with the log: %w", path, err)
	}
	return found, nil
}

type comparer struct {
	path   string
	opt    CompareOptions
	record Record
	views  *Views // made of the log
	got    *sql.Conn

	texts, wantTexts []string // dictionaries
	sameDict         bool
	rows, total      uint64
	reported         time.Time
}

func (c *comparer) run(ctx context.Context) (found Comparison, err error) {
	if _, err := os.Stat(c.path); err != nil {
		return found, err
	}
	if _, lost, err := markerState(c.path); err != nil {
		return found, err
	} else if lost {
		found.Difference = &Difference{Got: "pages that power may have been lost over", Want: "a whole file; the node makes it anew when it starts"}
		return found, nil
	}
	db, err := sql.Open("sqlite", "file:"+c.path+"?mode=ro&_pragma=busy_timeout(10000)&_pragma=temp_store(MEMORY)&_pragma=cache_size(-16384)")
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if c.got, err = db.Conn(ctx); err != nil {
		return c.damaged(found, err)
	}
	defer func() { err = errors.Join(err, c.got.Close()) }()
	dir, err := os.MkdirTemp(c.opt.Dir, "tram-compare-")
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	defer func() {
		if c.views != nil {
			err = errors.Join(err, c.views.Close())
		}
		if c.record != nil {
			err = errors.Join(err, c.record.Close())
		}
	}()
	return c.compare(ctx, filepath.Join(dir, "views.db"))
}

// damaged turns SQLite's word for damage into a difference.
func (c *comparer) damaged(found Comparison, err error) (Comparison, error) {
	if !isDamaged(err) {
		return found, err
	}
	found.Difference = &Difference{Got: "a damaged file: " + err.Error(), Want: "one that can be read"}
	return found, nil
}

// compare reads the log as far as the views had, which may take long, and only then opens a snapshot of views.db and
// reads what has come in meanwhile, which takes a moment: a snapshot held for long makes the node's WAL grow.
func (c *comparer) compare(ctx context.Context, rebuilt string) (found Comparison, err error) {
	meta, diff, err := c.meta(ctx)
	if err != nil || diff != nil {
		found.Difference = diff
		return c.damaged(found, err)
	}
	if diff, err = c.readLog(ctx, rebuilt, meta); err != nil || diff != nil {
		found.Difference = diff
		return found, err
	}
	if _, err := c.got.ExecContext(ctx, "BEGIN"); err != nil {
		return c.damaged(found, err)
	}
	defer func() {
		if _, e := c.got.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); e != nil && err == nil {
			err = e
		}
	}()
	if meta, diff, err = c.meta(ctx); err != nil || diff != nil { // the first read fixes the snapshot
		found.Difference = diff
		return c.damaged(found, err)
	}
	if meta.position < c.views.Position() {
		return found, fmt.Errorf("views.db went back from position %d to %d meanwhile; compare again", c.views.Position(), meta.position)
	}
	if diff, err = c.readLog(ctx, rebuilt, meta); err != nil || diff != nil {
		found.Difference = diff
		return found, err
	}
	found.Position = meta.position
	found.Difference, err = c.tables(ctx, meta)
	found.Rows = c.rows
	if err != nil {
		return c.damaged(found, err)
	}
	return found, nil
}

// metaRow is where views.db says it stands.
type metaRow struct {
	origin   string
	position uint64
	last     []byte
}

func (c *comparer) meta(ctx context.Context) (m metaRow, diff *Difference, err error) {
	var n int
	if err := c.got.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = 'meta'").Scan(&n); err != nil {
		return m, nil, err
	}
	if n == 0 {
		return m, &Difference{Table: "meta", Got: "no such table", Want: "one"}, nil
	}
	rows := 0
	var schema int64
	err = eachRow(ctx, c.got, "SELECT schema, origin, position, last FROM meta", nil, func(r *sql.Rows) error {
		rows++
		return r.Scan(&schema, &m.origin, &m.position, &m.last)
	})
	sqliteErr := (*sqlite.Error)(nil)
	switch {
	case ctx.Err() != nil || errors.As(err, &sqliteErr):
		return m, nil, err
	case err != nil:
		return m, &Difference{Table: "meta", Got: "a row that cannot be read: " + err.Error(), Want: "origin and position"}, nil
	case rows != 1:
		return m, &Difference{Table: "meta", Got: fmt.Sprintf("%d rows", rows), Want: "one row"}, nil
	case schema != schemaVersion:
		return m, &Difference{Table: "meta", Key: "one=1", Column: "schema", Got: fmt.Sprint(schema), Want: fmt.Sprint(schemaVersion)}, nil
	}
	return m, nil, nil
}

// readLog leads the second views to the position of the first.
func (c *comparer) readLog(ctx context.Context, path string, m metaRow) (*Difference, error) {
	// A node stores its signed heads a moment after the views have read what is under them.
	for pause := 50 * time.Millisecond; c.record == nil || c.record.Head().Size < m.position; pause *= 2 {
		if c.record != nil {
			if err := c.record.Close(); err != nil {
				return nil, err
			}
			c.record = nil
			if pause > 5*time.Second {
				return nil, errBehind
			}
			if err := rest(ctx, pause); err != nil {
				return nil, err
			}
		}
		var err error
		if c.record, err = c.opt.Open(ctx); err != nil {
			return nil, err
		}
	}
	if h := c.record.Head(); m.position > 0 && m.origin != h.Origin {
		return &Difference{Table: "meta", Key: "one=1", Column: "origin", Got: inQuotes(m.origin), Want: inQuotes(h.Origin)}, nil
	}
	src := &until{log: c.record, size: m.position}
	if c.views == nil {
		v, err := Open(ctx, path, src, Options{Readers: 1, Progress: func(done, total uint64) {
			c.report(CompareProgress{Done: done, Total: total})
		}})
		if err != nil {
			return nil, err
		}
		c.views = v
	}
	c.views.src = src
	if err := c.views.CatchUp(ctx); err != nil {
		return nil, err
	}
	if p := c.views.Position(); p != m.position {
		return nil, fmt.Errorf("couldn't read the log to position %d: it ends at %d", m.position, p)
	}
	if last := c.views.last; m.position > 0 && !bytes.Equal(m.last, last[:]) {
		p := m.position - 1
		return &Difference{Table: "meta", Key: "one=1", Column: "last", Position: &p, Got: fmt.Sprintf("%x", m.last), Want: events.Digest(last).String()}, nil
	}
	return nil, nil
}

// report tells progress, a few times a second.
func (c *comparer) report(p CompareProgress) {
	if c.opt.Progress == nil {
		return
	}
	if now := time.Now(); p.Done == p.Total || now.Sub(c.reported) > 200*time.Millisecond {
		c.reported = now
		c.opt.Progress(p)
	}
}

func inQuotes(s string) string {
	const most = 300
	if len(s) > most {
		return fmt.Sprintf("%.*q… (%d bytes)", most, s, len(s))
	}
	return fmt.Sprintf("%q", s)
}
