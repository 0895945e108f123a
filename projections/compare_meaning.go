package projections

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// textOf is a string of a dictionary, or says that there is none.
func textOf(texts []string, id any) string {
	switch n := id.(type) {
	case uint32:
		if int(n) < len(texts) {
			return texts[n]
		}
	case int64:
		if n >= 0 && n < int64(len(texts)) {
			return texts[n]
		}
	}
	return fmt.Sprintf("number %v, which is not in the dictionary", id)
}

// meanings gathers fields.
type meanings struct {
	texts []string
	list  []meaning
}

func (m *meanings) raw(name string, v any) {
	m.list = append(m.list, meaning{name, describe(v)})
}

func (m *meanings) number(name string, v any) {
	m.list = append(m.list, meaning{name, fmt.Sprint(v)})
}

func (m *meanings) text(name string, id any) {
	m.list = append(m.list, meaning{name, textOf(m.texts, id)})
}

func (m *meanings) hex(name string, k key) {
	m.list = append(m.list, meaning{name, fmt.Sprintf("%x", k)})
}

// cells of the columns before the body, texts being those that are numbers of the dictionary.
func (m *meanings) cells(columns []string, row []any, texts ...string) {
	for i, name := range columns {
		if slices.Contains(texts, name) {
			m.text(name, row[i])
		} else {
			m.raw(name, row[i])
		}
	}
}

// packed is the part of a row that is one value of its own spelling.
type packed interface {
	readBody(b []byte) error
	body(b []byte) []byte
}

// readWritten reads a body. One that reads well but was not written so (another length of a number, something after the end)
// is none.
func readWritten(d packed, cell any) error {
	b, ok := cell.([]byte)
	if !ok {
		return fmt.Errorf("body is %s", describe(cell))
	}
	if err := d.readBody(b); err != nil {
		return err
	}
	if !bytes.Equal(d.body(nil), b) {
		return fmt.Errorf("%s, which nobody writes", describe(b))
	}
	return nil
}

// meanDoc reads a row of doc.
func meanDoc(row []any, texts []string) ([]meaning, error) {
	m := &meanings{texts: texts}
	m.cells([]string{"id", "k", "key", "org", "state", "business", "date", "number", "type"}, row, "org")
	d := &docState{}
	if err := readWritten(d, row[9]); err != nil {
		return nil, err
	}
	m.number("body.received", d.received)
	m.number("body.at", fromMicros(d.at))
	m.hex("body.package", d.pkg)
	m.number("body.size", d.size)
	m.hex("body.evidence", d.evidence)
	m.text("body.assurance", d.assurance)
	m.text("body.client", d.client)
	m.text("body.sender_node", d.senderNode)
	m.number("body.priority", d.priority)
	m.number("body.destroyed", d.destroyed)
	m.text("body.decision", d.decision)
	m.number("body.counts", d.counts)
	m.number("body.marks", d.marks)
	m.hex("body.replaced_by", d.replacedBy)
	m.hex("body.maker", d.maker)
	m.text("body.last_status", d.lastStatus)
	readers := make([]string, len(d.readers))
	for i, r := range d.readers {
		readers[i] = textOf(texts, r)
	}
	slices.Sort(readers) // they are kept in order of their numbers
	m.number("body.readers", strings.Join(readers, " "))
	return m.list, nil
}

// meanDelivery reads a row of delivery.
func meanDelivery(row []any, texts []string) ([]meaning, error) {
	m := &meanings{texts: texts}
	m.cells([]string{"id", "k", "key", "doc", "org", "sender", "kind", "state", "marks", "peer"}, row, "org", "sender", "peer")
	d := &deliveryState{}
	if err := readWritten(d, row[10]); err != nil {
		return nil, err
	}
	m.hex("body.package", d.pkg)
	m.number("body.size", d.size)
	m.number("body.priority", d.priority)
	m.text("body.assurance", d.assurance)
	m.number("body.cause", d.cause)
	m.number("body.offered", fromMicros(d.offered))
	m.number("body.latest", fromMicros(d.latest))
	m.number("body.since", fromMicros(d.since))
	m.text("body.client", d.client)
	m.number("body.until", fromMicros(d.until))
	m.text("body.acknowledged_by", d.acked)
	m.number("body.acknowledged_at", fromMicros(d.ackedAt))
	m.text("body.reason", d.reason)
	m.number("body.attempts", d.attempts)
	m.text("body.status", d.status)
	m.number("body.status_at", fromMicros(d.statusAt))
	return m.list, nil
}

// historyLine is compared as a row of its own.
var historyLine = compared{table: "history", keys: 2, columns: []string{"doc", "event", "line"}, event: 1, mean: meanLine}

func meanLine(row []any, texts []string) ([]meaning, error) {
	m := &meanings{texts: texts}
	m.raw("doc", row[0])
	line, ok := row[2].([]byte)
	if !ok {
		return nil, fmt.Errorf("line is %s", describe(row[2]))
	}
	r := rowReader{b: line}
	var e entry
	if e.read(&r); r.err != nil {
		return nil, r.err
	}
	if !bytes.Equal(e.append(nil), line) {
		return nil, fmt.Errorf("%s, which nobody writes", describe(line))
	}
	m.number("line.event", e.position)
	m.number("line.at", fromMicros(e.at))
	m.text("line.name", e.name)
	m.text("line.actor", e.actor)
	m.text("line.client", e.client)
	m.text("line.org", e.org)
	m.text("line.other", e.other)
	m.text("line.code", e.code)
	m.number("line.open", e.open)
	if e.pkg != nil {
		m.hex("line.package", *e.pkg)
	}
	for _, d := range e.detail {
		m.list = append(m.list, meaning{"line." + textOf(texts, d.name), d.value})
	}
	return m.list, nil
}

// linesOf reads history line by line, whatever rows they stand in.
type linesOf struct {
	rows *rowsOf
	doc  any
	rest rowReader
	row  []any
}

func openLines(ctx context.Context, conn *sql.Conn) (*linesOf, error) {
	rows, err := openRows(ctx, conn, "SELECT doc, id, entries FROM history ORDER BY doc, id", 3)
	if err != nil {
		return nil, err
	}
	return &linesOf{rows: rows, row: make([]any, 3)}, nil
}

// next gives bad if a row cannot be read as lines.
func (l *linesOf) next() (ok bool, bad *Difference, err error) {
	if !l.rest.more() {
		if ok, err := l.rows.next(); err != nil || !ok {
			return false, nil, err
		}
		entries, ok := l.rows.row[2].([]byte)
		l.doc, l.rest = l.rows.row[0], rowReader{b: bytes.Clone(entries)}
		first := rowReader{b: entries}
		if p := first.uint(); !ok || first.err != nil || compareValues(int64(p), l.rows.row[1]) != 0 {
			return false, l.bad("id", "the position of the first line"), nil
		}
	}
	before := l.rest.b
	var e entry
	if e.read(&l.rest); l.rest.err != nil {
		return false, l.bad("entries", "lines that can be read"), nil
	}
	l.row[0], l.row[1], l.row[2] = l.doc, int64(e.position), before[:len(before)-len(l.rest.b)]
	return true, nil, nil
}

func (l *linesOf) bad(column, want string) *Difference {
	row := l.rows.row
	t := compared{keys: 2, columns: []string{"doc", "id"}, event: 1}
	return &Difference{Table: "history", Key: t.keyOf(row), Position: t.eventOf(row), Column: column, Got: describe(row[2]), Want: want}
}

// history compares the lines of both.
func (c *comparer) history(ctx context.Context, want *sql.Conn) (*Difference, error) {
	got, err := openLines(ctx, c.got)
	if err != nil {
		return nil, err
	}
	defer got.rows.close()
	wanted, err := openLines(ctx, want)
	if err != nil {
		return nil, err
	}
	defer wanted.rows.close()
	for {
		okGot, bad, err := got.next()
		if err != nil || bad != nil {
			return bad, err
		}
		okWant, bad, err := wanted.next()
		if err != nil || bad != nil {
			return bad, err
		}
		if !okGot && !okWant {
			return nil, nil
		}
		if diff := c.row(&historyLine, got.row, okGot, wanted.row, okWant); diff != nil {
			return diff, nil
		}
		c.alike()
	}
}

// wordsQuery lists each word of the index with the documents it leads to. It names a table of fts5vocab twice over so that
// the lists are made inside SQLite: there are some fifty entries a document.
const wordsQuery = `SELECT t.term, (SELECT group_concat(i.doc) FROM temp.compare_instances i WHERE i.term = t.term) FROM temp.compare_terms t`

// search compares what each word of the search index leads to.
func (c *comparer) search(ctx context.Context, want *sql.Conn) (*Difference, error) {
	for _, conn := range []*sql.Conn{c.got, want} {
		for _, text := range []string{
			"PRAGMA query_only = 0", // for the two tables of the connection itself
			"CREATE VIRTUAL TABLE IF NOT EXISTS temp.compare_terms USING fts5vocab('main', 'words', 'row')",
			"CREATE VIRTUAL TABLE IF NOT EXISTS temp.compare_instances USING fts5vocab('main', 'words', 'instance')",
		} {
			if _, err := conn.ExecContext(ctx, text); err != nil {
				return nil, fmt.Errorf("couldn't read the search index: %w", err)
			}
		}
	}
	both, err := openPair(ctx, c.got, want, wordsQuery, 2)
	if err != nil {
		return nil, err
	}
	defer both.close()
	t := &compared{table: "words", keys: 1, columns: []string{"word", "documents"}, event: -1}
	for {
		if more, err := both.next(); err != nil || !more {
			return nil, err
		}
		diff := c.row(t, both.got.row, both.okGot, both.want.row, both.okWant)
		if diff == nil {
			continue
		}
		if diff.Column != "" {
			diff.Got, diff.Want, diff.Position = firstOfLists(both.got.row[1], both.want.row[1])
		}
		return diff, nil
	}
}

// firstOfLists is the first document that only one of two lists in ascending order names.
func firstOfLists(got, want any) (string, string, *uint64) {
	a, b := strings.Split(fmt.Sprint(got), ","), strings.Split(fmt.Sprint(want), ",")
	for i := 0; ; i++ {
		x, y := "", ""
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x == y && i < max(len(a), len(b)) {
			continue
		}
		var p uint64
		shown := y
		if y == "" || x != "" && len(x) <= len(y) && (len(x) < len(y) || x < y) {
			shown = x
		}
		if _, err := fmt.Sscan(shown, &p); err != nil {
			return describe(got), describe(want), nil
		}
		if shown == x {
			return fmt.Sprintf("document %s too", x), "not that one", &p
		}
		return fmt.Sprintf("not document %s", y), "that one too", &p
	}
}
