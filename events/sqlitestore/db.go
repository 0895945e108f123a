package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"

	"modernc.org/sqlite"
)

// schema is format 1. Every column is bound by something that `Verify` recomputes; see docs/formats.md.
const schema = `
CREATE TABLE log (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  origin TEXT NOT NULL,
  size INTEGER NOT NULL,
  root BLOB NOT NULL,
  time INTEGER NOT NULL,
  segment INTEGER NOT NULL,
  segment_end INTEGER NOT NULL,
  indexed INTEGER NOT NULL,
  checkpoint BLOB,
  sum BLOB NOT NULL
) STRICT;
CREATE TABLE events (
  position INTEGER PRIMARY KEY,
  statement BLOB NOT NULL,
  salt BLOB,
  facts BLOB,
  segment INTEGER,
  offset INTEGER
) STRICT;
CREATE TABLE streams (
  stream TEXT NOT NULL,
  version INTEGER NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (stream, version)
) STRICT, WITHOUT ROWID;
CREATE TABLE packages (
  sha256 BLOB NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (sha256, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE evidence (
  sha256 BLOB PRIMARY KEY,
  bytes BLOB NOT NULL
) STRICT;
CREATE TABLE tiles (
  level INTEGER NOT NULL,
  number INTEGER NOT NULL,
  hashes BLOB NOT NULL,
  PRIMARY KEY (level, number)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 1;
PRAGMA application_id = 0x5472a16d;
`

// applicationID marks the database as a Trạm record ("Tr" 0xa1 "m").
const applicationID = 0x5472a16d

// conn is one SQLite connection with its prepared statements, for one goroutine at a time. It goes to the driver
// directly: database/sql would cost as much again as a small insert.
type conn struct {
	c     driver.Conn
	stmts map[string]driver.Stmt
	args  []driver.NamedValue
}

// openConn opens the database file at path. pragmas are name(value), applied in order.
func openConn(path, mode, vfs string, pragmas ...string) (*conn, error) {
	q := url.Values{"mode": {mode}, "_pragma": pragmas}
	if vfs != "" {
		q.Set("vfs", vfs)
	}
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
	c, err := new(sqlite.Driver).Open(dsn)
	if err != nil {
		return nil, fmt.Errorf("couldn't open database %s: %w", path, err)
	}
	return &conn{c: c, stmts: map[string]driver.Stmt{}}, nil
}

func (c *conn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.c.Close())...)
}

func (c *conn) prepare(sql string, args []any) (driver.Stmt, error) {
	s := c.stmts[sql]
	if s == nil {
		var err error
		if s, err = c.c.Prepare(sql); err != nil {
			return nil, err
		}
		c.stmts[sql] = s
	}
	c.args = c.args[:0]
	for i, a := range args {
		switch v := a.(type) {
		case uint64:
			a = int64(v)
		case int:
			a = int64(v)
		}
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return s, nil
}

// exec runs one statement and gives the number of rows it changed. It does not take a context: a write that is
// begun is finished.
func (c *conn) exec(sql string, args ...any) (int64, error) {
	s, err := c.prepare(sql, args)
	if err != nil {
		return 0, err
	}
	r, err := s.(driver.StmtExecContext).ExecContext(context.Background(), c.args)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// script runs several statements without arguments.
func (c *conn) script(sql string) error {
	_, err := c.c.(driver.ExecerContext).ExecContext(context.Background(), sql, nil)
	return err
}

// query calls f with each row; dest receives the columns and is valid until f returns (its byte slices for ever).
func (c *conn) query(dest []driver.Value, f func() error, sql string, args ...any) (err error) {
	s, err := c.prepare(sql, args)
	if err != nil {
		return err
	}
	rows, err := s.(driver.StmtQueryContext).QueryContext(context.Background(), c.args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for {
		switch err := rows.Next(dest); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		if err := f(); err != nil {
			return err
		}
	}
}

// one reads at most one row and says whether there was one.
func (c *conn) one(dest []driver.Value, sql string, args ...any) (found bool, err error) {
	err = c.query(dest, func() error { found = true; return nil }, sql, args...)
	return found, err
}

// readers is a bounded pool of read-only connections, opened as needed.
type readers struct {
	open   func() (*conn, error)
	free   chan *conn // nil entries stand for connections not opened yet
	closed chan struct{}
}

func newReaders(n int, open func() (*conn, error)) *readers {
	r := &readers{open: open, free: make(chan *conn, n), closed: make(chan struct{})}
	for range n {
		r.free <- nil
	}
	return r
}

var errClosedForReading = errors.New("store is closed")

// with lends a connection to f.
func (r *readers) with(ctx context.Context, f func(*conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var c *conn
	select {
	case c = <-r.free:
	case <-r.closed:
		return errClosedForReading
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { r.free <- c }()
	if c == nil {
		var err error
		if c, err = r.open(); err != nil {
			return err
		}
	}
	return f(c)
}

// check says why nothing can be read, if so.
func (r *readers) check(ctx context.Context) error {
	select {
	case <-r.closed:
		return errClosedForReading
	default:
		return ctx.Err()
	}
}

// close waits for lent connections and closes all.
func (r *readers) close() error {
	close(r.closed)
	var errs []error
	for range cap(r.free) {
		if c := <-r.free; c != nil {
			errs = append(errs, c.close())
		}
	}
	return errors.Join(errs...)
}
