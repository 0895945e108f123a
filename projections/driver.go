package projections

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"
)

// change is a prepared statement of the driver.
type change struct {
	stmt driver.StmtExecContext
	args []driver.NamedValue
}

func (c *change) prepare(ctx context.Context, conn driver.ConnPrepareContext, text string) error {
	s, err := conn.PrepareContext(ctx, text)
	if err != nil {
		return fmt.Errorf("couldn't prepare %q: %w", text, err)
	}
	e, ok := s.(driver.StmtExecContext)
	if !ok {
		return fmt.Errorf("couldn't prepare %q: driver statement %T has no ExecContext", text, s)
	}
	c.stmt = e
	return nil
}

// close releases it: a connection with a statement left open stays open itself, and its files with it.
func (c *change) close() error {
	s, ok := c.stmt.(driver.Stmt)
	if !ok {
		return nil
	}
	c.stmt = nil
	return s.Close()
}

// exec runs it. Values must be driver values: int64, string, []byte, bool, nil.
func (c *change) exec(ctx context.Context, values ...driver.Value) error {
	c.args = c.args[:0]
	for i, v := range values {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	_, err := c.stmt.ExecContext(ctx, c.args)
	return err
}

// rowsPerInsert is how many rows one INSERT takes: starting and ending a statement costs as much as a row.
const rowsPerInsert = 16

// insert gathers rows of one table. Byte slices must not change before flush.
type insert struct {
	one, many change
	values    int
	pending   []driver.NamedValue
}

func (in *insert) prepare(ctx context.Context, conn driver.ConnPrepareContext, table string, values int) error {
	in.values = values
	row := "(?" + strings.Repeat(", ?", values-1) + ")"
	if err := in.one.prepare(ctx, conn, "INSERT INTO "+table+" VALUES "+row); err != nil {
		return err
	}
	return in.many.prepare(ctx, conn, "INSERT INTO "+table+" VALUES "+row+strings.Repeat(", "+row, rowsPerInsert-1))
}

func (in *insert) add(ctx context.Context, values ...driver.Value) error {
	for _, v := range values {
		in.pending = append(in.pending, driver.NamedValue{Ordinal: len(in.pending) + 1, Value: v})
	}
	if len(in.pending) < rowsPerInsert*in.values {
		return nil
	}
	_, err := in.many.stmt.ExecContext(ctx, in.pending)
	in.pending = in.pending[:0]
	return err
}

// flush writes the rows that did not fill a statement.
func (in *insert) flush(ctx context.Context) error {
	defer func() { in.pending = in.pending[:0] }()
	for from := 0; from < len(in.pending); from += in.values {
		row := in.pending[from : from+in.values]
		for i := range row {
			row[i].Ordinal = i + 1
		}
		if _, err := in.one.stmt.ExecContext(ctx, row); err != nil {
			return err
		}
	}
	return nil
}

// blob is NULL for nil.
func blob(b []byte) driver.Value {
	if b == nil {
		return nil
	}
	return b
}
