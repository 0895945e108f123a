package projections

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Rows of target, act and work are compared like all others. The lists follow from the rows of target, so what is compared of them is
// that they do, whatever the numbers of the dictionary: every list that a target stands in by its row has it, and there are no more.

var officeTables = []compared{
	{table: "target", query: "SELECT id, k, kind, org, name, doc, state, version, number, due, words, body, facts FROM target ORDER BY id", keys: 1,
		columns: []string{"id", "k", "kind", "org", "name", "doc", "state", "version", "number", "due", "words", "body", "facts"}, event: 0, mean: meanTarget},
	{table: "act", query: "SELECT target, id, statement, facts, destroyed FROM act ORDER BY target, id", keys: 2,
		columns: []string{"target", "id", "statement", "facts", "destroyed"}, event: 1},
	{table: "holding", query: "SELECT dossier, item, target, event FROM holding ORDER BY dossier, item", keys: 2,
		columns: []string{"dossier", "item", "target", "event"}, event: 3},
	{table: "opened", query: "SELECT k, id, stream, at, data FROM opened ORDER BY k, id", keys: 2,
		columns: []string{"k", "id", "stream", "at", "data"}, event: 1},
	{table: "fact", query: "SELECT id, org, day, unit, type, party, outcome, days FROM fact ORDER BY id", keys: 1,
		columns: []string{"id", "org", "day", "unit", "type", "party", "outcome", "days"}, event: 0, mean: meanFact},
	{table: "note", query: "SELECT o.s, p.s, n.id, n.kind, n.target, n.at, (SELECT s FROM dict WHERE dict.id = n.who), n.code FROM note n" +
		" CROSS JOIN dict o ON o.id = n.org CROSS JOIN dict p ON p.id = n.person ORDER BY o.s, p.s, n.id, n.kind, n.target", keys: 5,
		columns: []string{"org", "person", "id", "kind", "target", "at", "who", "code"}, event: 2},
	{table: "work", query: "SELECT id, target, what, prio, due, body FROM work ORDER BY id", keys: 1,
		columns: []string{"id", "target", "what", "prio", "due", "body"}, event: -1},
}

func meanFact(row []any, texts []string) ([]meaning, error) {
	m := &meanings{texts: texts}
	m.cells([]string{"id", "org", "day", "unit", "type", "party", "outcome", "days"}, row, "org", "unit", "type", "party")
	return m.list, nil
}

// tallies adds up the facts, which are found alike already, and compares.
func (c *comparer) tallies(ctx context.Context, _ *sql.Conn) (diff *Difference, err error) {
	sums := map[tallyKey]int64{}
	err = eachRow(ctx, c.got, "SELECT f.org, "+factColumns+" FROM fact f", nil, func(rows *sql.Rows) error {
		var org uint32
		var f countedFact
		_, err := scanFact(rows, &f, &org)
		f.tally(org, sums, 1)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = eachRow(ctx, c.got, "SELECT org, unit, dim, period, key, outcome, days, n FROM tally", nil, func(rows *sql.Rows) error {
		var k tallyKey
		var n int64
		if err := rows.Scan(&k.org, &k.unit, &k.dim, &k.period, &k.key, &k.outcome, &k.days, &n); err != nil {
			return err
		}
		if n != sums[k] {
			diff = &Difference{Table: "tally", Key: fmt.Sprintf("%+v", k), Column: "n", Got: fmt.Sprint(n), Want: fmt.Sprint(sums[k])}
			return errFound
		}
		delete(sums, k)
		c.alike()
		return nil
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	if diff != nil || err != nil {
		return diff, err
	}
	for k, n := range sums {
		return &Difference{Table: "tally", Key: fmt.Sprintf("%+v", k), Got: "no row", Want: fmt.Sprint(n)}, nil
	}
	return nil, nil
}

func meanTarget(row []any, texts []string) ([]meaning, error) {
	m := &meanings{texts: texts}
	m.cells([]string{"id", "k", "kind", "org", "name", "doc", "state", "version", "number", "due", "words", "body", "facts"}, row, "org")
	if place, ok := row[8].(int64); ok && row[2] == int64(targetOutgoing) && place != 0 { // the series is a number of the dictionary
		series := textOf(texts, place>>placeSeries&(1<<(placeYear-placeSeries)-1))
		m.list[8].value = fmt.Sprintf("%d/%s/%d", place>>placeYear, series, placeNumber(uint64(place)))
	}
	return m.list, nil
}

// offices compares the lists with the rows that they follow from. The rows are found alike already.
func (c *comparer) offices(ctx context.Context, _ *sql.Conn) (*Difference, error) {
	numbers := make(map[string]uint32, len(c.texts))
	for i, s := range c.texts {
		numbers[s] = uint32(i)
	}
	o := &officeCheck{got: c.got, id: func(s string) uint32 { return numbers[s] }}
	diff, err := o.targets(ctx)
	if err != nil || diff != nil {
		return diff, err
	}
	for _, t := range []struct {
		lists, counts, columns string
		want                   uint64
	}{
		{"listed", "listcount", "org, class, what", o.lists},
		{"workin", "workcount", "org, class, who, what", o.work},
	} {
		var n uint64
		if err := c.got.QueryRowContext(ctx, "SELECT count(*) FROM "+t.lists).Scan(&n); err != nil {
			return nil, err
		}
		if n != t.want {
			return &Difference{Table: t.lists, Got: fmt.Sprintf("%d rows", n), Want: fmt.Sprintf("%d", t.want)}, nil
		}
		c.rows += n
		if diff, err := o.counts(ctx, t.lists, t.counts, t.columns); err != nil || diff != nil {
			return diff, err
		}
	}
	return nil, nil
}

type officeCheck struct {
	got         *sql.Conn
	id          func(string) uint32
	lists, work uint64
}

// targets looks up every list of every target. What is not there ends it.
func (o *officeCheck) targets(ctx context.Context) (diff *Difference, err error) {
	listed, err := o.got.PrepareContext(ctx, "SELECT count(*) FROM listed WHERE org = ? AND class = ? AND what = ? AND id = ?")
	if err != nil {
		return nil, err
	}
	defer listed.Close()
	workin, err := o.got.PrepareContext(ctx, "SELECT count(*) FROM workin WHERE org = ? AND class = ? AND who = ? AND rank = ? AND due = ? AND id = ? AND what = ?")
	if err != nil {
		return nil, err
	}
	defer workin.Close()
	var after int64 = -1
	for { // not while rows are open: one connection answers one question
		var page []*target
		err := eachRow(ctx, o.got, "SELECT "+targetColumns+" FROM target WHERE id > ? ORDER BY id LIMIT 500", []any{after}, func(rows *sql.Rows) error {
			t := &target{}
			page = append(page, t)
			return scanTarget(rows, t)
		})
		if err != nil || len(page) == 0 {
			return nil, err
		}
		for _, t := range page {
			after = int64(t.id)
			t.derive(o.id)
			for _, l := range t.lists {
				o.lists++
				if diff, err := o.there(ctx, listed, "listed", fmt.Sprintf("class=%d, what=%d, id=%d", l.class, l.what, t.place(l)), t.org, l.class, l.what, t.place(l)); diff != nil || err != nil {
					return diff, err
				}
			}
			for i := range t.work {
				w := &t.work[i]
				for _, l := range w.lists {
					o.work++
					key := fmt.Sprintf("class=%d, who=%d, id=%d", l.class, l.what, w.id())
					if diff, err := o.there(ctx, workin, "workin", key, t.org, l.class, l.what, w.rank(), w.sortDue(), w.id(), w.what); diff != nil || err != nil {
						return diff, err
					}
				}
			}
		}
	}
}

func (o *officeCheck) there(ctx context.Context, q *sql.Stmt, table, key string, args ...any) (*Difference, error) {
	var n int
	if err := q.QueryRowContext(ctx, args...).Scan(&n); err != nil {
		return nil, err
	}
	if n == 1 {
		return nil, nil
	}
	return &Difference{Table: table, Key: key, Got: "no row", Want: "one"}, nil
}

// counts compares what is counted with the lists.
func (o *officeCheck) counts(ctx context.Context, lists, counts, columns string) (diff *Difference, err error) {
	query := fmt.Sprintf(`SELECT %[3]s, n FROM (SELECT %[3]s, n FROM %[2]s WHERE n <> 0 EXCEPT SELECT %[3]s, count(*) FROM %[1]s GROUP BY %[3]s)
		UNION ALL SELECT %[3]s, -n FROM (SELECT %[3]s, count(*) AS n FROM %[1]s GROUP BY %[3]s EXCEPT SELECT %[3]s, n FROM %[2]s WHERE n <> 0) LIMIT 1`, lists, counts, columns)
	err = eachRow(ctx, o.got, query, nil, func(rows *sql.Rows) error {
		names, err := rows.Columns()
		if err != nil {
			return err
		}
		values, dest := make([]int64, len(names)), make([]any, len(names))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		key := ""
		for i, name := range names[:len(names)-1] {
			if i > 0 {
				key += ", "
			}
			key += fmt.Sprintf("%s=%d", name, values[i])
		}
		diff = &Difference{Table: counts, Key: key, Column: "n", Got: "another number", Want: "as many as " + lists + " has"}
		return errFound
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return diff, err
}
