package projections

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// compared is one table or list that Compare reads from both databases in order of its key.
type compared struct {
	table   string
	query   string   // ordered by the first keys columns
	keys    int      //
	columns []string // names of all columns of the query
	event   int      // column with the position of the event that the row comes from, -1 if there is none
	// mean puts the values of a row in words, with the strings of a dictionary; nil: they speak for themselves.
	mean func(row []any, texts []string) ([]meaning, error)
}

// meaning is one field in words.
type meaning struct{ name, value string }

var comparedTables = []compared{
	{table: "sqlite_schema", query: "SELECT name, type, tbl_name, sql FROM sqlite_schema ORDER BY name", keys: 1,
		columns: []string{"name", "type", "tbl_name", "sql"}, event: -1},
	{table: "dict", query: "SELECT s FROM dict ORDER BY s", keys: 1, columns: []string{"s"}, event: -1},
	{table: "counter", query: "SELECT name, n FROM counter ORDER BY name", keys: 1, columns: []string{"name", "n"}, event: -1},
	{table: "directory", query: "SELECT id, statement, facts, destroyed FROM directory ORDER BY id", keys: 1,
		columns: []string{"id", "statement", "facts", "destroyed"}, event: 0},
	{table: "doc", query: "SELECT id, k, key, org, state, business, date, number, type, body FROM doc ORDER BY id", keys: 1,
		columns: []string{"id", "k", "key", "org", "state", "business", "date", "number", "type", "body"}, event: 0, mean: meanDoc},
	{table: "paper", query: "SELECT id, data, facts FROM paper ORDER BY id", keys: 1, columns: []string{"id", "data", "facts"}, event: 0},
	{table: "delivery", query: "SELECT id, k, key, doc, org, sender, kind, state, marks, peer, body FROM delivery ORDER BY id", keys: 1,
		columns: []string{"id", "k", "key", "doc", "org", "sender", "kind", "state", "marks", "peer", "body"}, event: 0, mean: meanDelivery},
	{table: "status", query: "SELECT doc, id, body, data, facts FROM status ORDER BY doc, id", keys: 2,
		columns: []string{"doc", "id", "body", "data", "facts"}, event: 1},
	{table: "package", query: "SELECT k, id, sha256, doc, kind FROM package ORDER BY k, id", keys: 2,
		columns: []string{"k", "id", "sha256", "doc", "kind"}, event: 1},
	{table: "late", query: "SELECT id, doc FROM late ORDER BY id", keys: 1, columns: []string{"id", "doc"}, event: 0},
	{table: "words_config", query: "SELECT k, v FROM words_config ORDER BY k", keys: 1, columns: []string{"k", "v"}, event: -1},
}

// tables compares everything, small things first.
func (c *comparer) tables(ctx context.Context, m metaRow) (*Difference, error) {
	want, err := c.views.db.read.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer want.Close()
	if err := c.dictionaries(ctx, want); err != nil {
		return nil, err
	}
	if c.total, err = countRows(ctx, want); err != nil {
		return nil, err
	}
	for _, t := range append(slices.Clone(comparedTables), officeTables...) {
		if diff, err := c.table(ctx, want, &t); err != nil || diff != nil {
			return diff, err
		}
	}
	for _, f := range []func(context.Context, *sql.Conn) (*Difference, error){c.history, c.search, c.offices, c.tallies} {
		if diff, err := f(ctx, want); err != nil || diff != nil {
			return diff, err
		}
	}
	if diff, err := c.cursors(ctx); err != nil || diff != nil {
		return diff, err
	}
	return c.check(ctx)
}

// dictionaries reads both.
func (c *comparer) dictionaries(ctx context.Context, want *sql.Conn) error {
	for _, d := range []struct {
		conn  *sql.Conn
		texts *[]string
	}{{c.got, &c.texts}, {want, &c.wantTexts}} {
		*d.texts = []string{""}
		err := eachRow(ctx, d.conn, "SELECT id, s FROM dict ORDER BY id", nil, func(rows *sql.Rows) error {
			var id, s any
			if err := rows.Scan(&id, &s); err != nil {
				return err
			}
			// Numbers without a string, or out of order, are found where a row uses them.
			if n, ok := id.(int64); ok && n == int64(len(*d.texts)) {
				*d.texts = append(*d.texts, fmt.Sprint(s))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	c.sameDict = slices.Equal(c.texts, c.wantTexts)
	return nil
}

func countRows(ctx context.Context, want *sql.Conn) (total uint64, err error) {
	for _, t := range append(append(slices.Clone(comparedTables), compared{table: "history"}), officeTables...) {
		var n uint64
		if err := want.QueryRowContext(ctx, "SELECT count(*) FROM "+t.table).Scan(&n); err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// alike counts a row that was found the same.
func (c *comparer) alike() {
	c.rows++
	if c.rows&0x3ff == 0 {
		c.report(CompareProgress{Rows: true, Done: min(c.rows, c.total), Total: c.total})
	}
}

// table walks both lists in step.
func (c *comparer) table(ctx context.Context, want *sql.Conn, t *compared) (*Difference, error) {
	both, err := openPair(ctx, c.got, want, t.query, len(t.columns))
	if err != nil {
		return nil, err
	}
	defer both.close()
	for {
		if more, err := both.next(); err != nil || !more {
			return nil, err
		}
		if diff := c.row(t, both.got.row, both.okGot, both.want.row, both.okWant); diff != nil {
			return diff, nil
		}
		c.alike()
	}
}

// row compares two rows that should be one.
func (c *comparer) row(t *compared, got []any, okGot bool, want []any, okWant bool) *Difference {
	order := 0
	switch {
	case !okGot:
		order = 1
	case !okWant:
		order = -1
	default:
		for i := range t.keys {
			if order = compareValues(got[i], want[i]); order != 0 {
				break
			}
		}
	}
	switch {
	case order < 0:
		return &Difference{Table: t.table, Key: t.keyOf(got), Position: t.eventOf(got), Got: "a row", Want: "none"}
	case order > 0:
		return &Difference{Table: t.table, Key: t.keyOf(want), Position: t.eventOf(want), Got: "no row", Want: "one"}
	}
	same := -1
	for i := range got {
		if compareValues(got[i], want[i]) != 0 {
			same = i
			break
		}
	}
	if same < 0 && (t.mean == nil || c.sameDict) {
		return nil
	}
	diff := &Difference{Table: t.table, Key: t.keyOf(want), Position: t.eventOf(want)}
	if t.mean == nil {
		diff.Column, diff.Got, diff.Want = t.columns[same], describe(got[same]), describe(want[same])
		return diff
	}
	w, err := t.mean(want, c.wantTexts)
	if err != nil {
		diff.Column, diff.Got, diff.Want = "body", "?", err.Error() // our own row: cannot be
		return diff
	}
	g, err := t.mean(got, c.texts)
	if err != nil {
		diff.Column, diff.Got, diff.Want = "body", err.Error(), "a row that can be read"
		return diff
	}
	for i := range w {
		if i >= len(g) || g[i] != w[i] {
			diff.Column, diff.Got, diff.Want = w[i].name, "nothing", inQuotes(w[i].value)
			if i < len(g) {
				diff.Got = inQuotes(g[i].value)
			}
			return diff
		}
	}
	if len(g) > len(w) {
		diff.Column, diff.Got, diff.Want = g[len(w)].name, inQuotes(g[len(w)].value), "nothing"
		return diff
	}
	return nil
}

func (t *compared) keyOf(row []any) string {
	var parts []string
	for i := range t.keys {
		parts = append(parts, t.columns[i]+"="+describe(row[i]))
	}
	return strings.Join(parts, ", ")
}

func (t *compared) eventOf(row []any) *uint64 {
	if t.event < 0 {
		return nil
	}
	n, ok := row[t.event].(int64)
	if !ok || n < 0 {
		return nil
	}
	p := uint64(n)
	return &p
}

// rowsOf reads rows one by one.
type rowsOf struct {
	rows *sql.Rows
	row  []any
	dest []any
}

func openRows(ctx context.Context, conn *sql.Conn, query string, columns int) (*rowsOf, error) {
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	r := &rowsOf{rows: rows, row: make([]any, columns), dest: make([]any, columns)}
	for i := range r.row {
		r.dest[i] = &r.row[i]
	}
	return r, nil
}

func (r *rowsOf) next() (bool, error) {
	if !r.rows.Next() {
		return false, r.rows.Err()
	}
	return true, r.rows.Scan(r.dest...)
}

func (r *rowsOf) close() { _ = r.rows.Close() }

// pair walks the answers of two databases to one question in step.
type pair struct {
	got, want     *rowsOf
	okGot, okWant bool // there is such a row
}

func openPair(ctx context.Context, got, want *sql.Conn, query string, columns int) (*pair, error) {
	p := &pair{}
	var err error
	if p.got, err = openRows(ctx, got, query, columns); err != nil {
		return nil, err
	}
	if p.want, err = openRows(ctx, want, query, columns); err != nil {
		p.got.close()
		return nil, err
	}
	return p, nil
}

// next is false when both are at their end.
func (p *pair) next() (more bool, err error) {
	if p.okGot, err = p.got.next(); err != nil {
		return false, err
	}
	if p.okWant, err = p.want.next(); err != nil {
		return false, err
	}
	return p.okGot || p.okWant, nil
}

func (p *pair) close() {
	p.want.close()
	p.got.close()
}

// compareValues is SQLite's own order: NULL, numbers, text, blobs.
func compareValues(a, b any) int {
	rank := func(v any) int {
		switch v.(type) {
		case nil:
			return 0
		case int64, float64, bool, time.Time:
			return 1
		case string:
			return 2
		}
		return 3
	}
	if c := cmp.Compare(rank(a), rank(b)); c != 0 {
		return c
	}
	switch x := a.(type) {
	case nil:
		return 0
	case int64:
		if y, ok := b.(int64); ok {
			return cmp.Compare(x, y)
		}
	case string:
		return strings.Compare(x, b.(string))
	case []byte:
		return bytes.Compare(x, b.([]byte))
	}
	return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
}

// describe puts a value in words.
func describe(v any) string {
	switch x := v.(type) {
	case nil:
		return "NULL"
	case string:
		return inQuotes(x)
	case []byte:
		if len(x) > 0 && x[0] == '{' {
			return inQuotes(string(x))
		}
		if len(x) > 150 {
			return fmt.Sprintf("x'%x'… (%d bytes)", x[:150], len(x))
		}
		return fmt.Sprintf("x'%x'", x)
	}
	return fmt.Sprint(v)
}

// cursors must not say that anybody has read more than there is.
func (c *comparer) cursors(ctx context.Context) (diff *Difference, err error) {
	size := c.record.Head().Size
	err = eachRow(ctx, c.got, "SELECT name, position FROM cursor ORDER BY name", nil, func(r *sql.Rows) error {
		var name, position any
		if err := r.Scan(&name, &position); err != nil {
			return err
		}
		n, ok := position.(int64)
		if ok && n >= 0 && uint64(n) <= size {
			c.alike()
			return nil
		}
		diff = &Difference{Table: "cursor", Key: "name=" + describe(name), Column: "position", Got: describe(position), Want: fmt.Sprintf("at most %d", size)}
		return errFound
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return diff, err
}

// check is SQLite's own: indexes agree with their tables. It comes last because it names no row in words.
func (c *comparer) check(ctx context.Context) (diff *Difference, err error) {
	err = eachRow(ctx, c.got, "PRAGMA integrity_check(1)", nil, func(r *sql.Rows) error {
		var s string
		if err := r.Scan(&s); err != nil {
			return err
		}
		if s != "ok" && diff == nil {
			diff = &Difference{Got: "a file of which SQLite says " + inQuotes(s), Want: "ok"}
		}
		return nil
	})
	return diff, err
}
