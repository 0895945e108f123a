package projections

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/internal/view"
)

// TestOfficePlans: lists are read from an index in their order, and each target is looked up. A plan that sorts, or reads a whole table,
// is fast in tests and slow after a year.
func TestOfficePlans(t *testing.T) {
	d := newOfficeDay(t)
	v := openViews(t, viewsPath(t), d, Options{})
	err := v.ask(t.Context(), func(q *question) error {
		plan := func(text string, args ...any) {
			t.Helper()
			var steps []string
			err := eachRow(t.Context(), q.conn, "EXPLAIN QUERY PLAN "+text, args, func(r *sql.Rows) error {
				var id, parent, unused int
				var detail string
				err := r.Scan(&id, &parent, &unused, &detail)
				steps = append(steps, detail)
				return err
			})
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			for _, step := range steps {
				if strings.Contains(step, "TEMP B-TREE") || strings.HasPrefix(step, "SCAN") && !strings.HasPrefix(step, "SCAN c VIRTUAL TABLE") && !strings.HasPrefix(step, "SCAN words VIRTUAL TABLE") &&
					!strings.HasPrefix(step, "SCAN words EXISTS VIRTUAL TABLE INDEX 0:=") &&
					step != "SCAN m" && step != "SCAN CONSTANT ROW" {
					t.Errorf("%s:\n%s", text, strings.Join(steps, "\n"))
					break
				}
			}
		}
		plan(listSQL, 1, 1, 1, 1, 1, 1)
		plan(monthsSQL, 1, 1, 1, 1)
		plan(endsSQL, 1, 1, 1)
		plan("SELECT f.day FROM "+arrivedSQL, 1, 1, 1, 1, 1)
		plan("SELECT f.day FROM "+issuedSQL, 1, 1, 1, 1, 1)
		plan(wordsSQL, "x", 1, 1)
		plan(lateSQL, 1, 1, "", 1)
		plan(workSQL+workOrderSQL, 1, 1, 1, 1, "", 1, "", 1)
		plan(targetByKeySQL, 1)
		for _, person := range []string{"clerk", "specialist", "head", "archivist", "other"} {
			s, err := q.scopeOf(d.staff(person))
			if err != nil {
				return err
			}
			sp := q.speaker(s)
			for _, iq := range []view.IncomingQuery{{}, {Late: true, Open: true}, {Words: "dau tu", Number: "7/U"}, {Register: "chung", Year: 2026, Unit: "ql", Person: "specialist", From: "2026-01-01", To: "2026-12-01"}} {
				l, err := q.incomingListing(t.Context(), s, sp, &iq)
				if err != nil {
					return err
				}
				text, args, err := q.checking(l, q.checks(l), []uint64{1, 2}, "t.id")
				if err != nil {
					return err
				}
				plan(text, args...)
			}
			l := &targetListing{kind: targetDossier, scope: s, today: sp.today}
			text, args, err := q.checking(l, q.checks(l), []uint64{1, 2}, "t.id")
			if err != nil {
				return err
			}
			plan(text, args...)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestListBudget: filters that leave next to nothing of a long list cost no more than the budget: the page is short, and its cursor goes
// on until everything was found.
func TestListBudget(t *testing.T) {
	o := newOfficeLog(t)
	o.begin(t)
	first := o.arrive(t, 1, "Văn bản cần tìm", 0)
	for i := range 900 {
		o.arrive(t, 10+i, "Văn bản khác", 1)
	}
	v := openViews(t, viewsPath(t), o, Options{})
	err := v.ask(t.Context(), func(q *question) error {
		s, err := q.scopeOf(o.staff("clerk"))
		if err != nil {
			return err
		}
		var found []string
		pages := 0
		for cursor := ""; ; pages++ {
			l := &targetListing{kind: targetIncoming, scope: s, budget: 300}
			l.cond("t.body ->> '$.priority' IS NULL")
			hits, next, err := q.targets(t.Context(), l, cursor, 10)
			if err != nil {
				return err
			}
			for _, h := range hits {
				found = append(found, h.t.name)
			}
			if cursor = next; cursor == "" {
				break
			}
		}
		if pages != 3 || len(found) != 1 || found[0] != first {
			t.Errorf("%d more pages, found %v", pages, found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFixedFeed(t *testing.T) {
	ids := make([]uint64, 50)
	for i := range ids {
		ids[i] = uint64(1000 - 3*i)
	}
	from := fixedFeed(ids)
	for _, c := range []struct {
		before uint64
		n      int
		want   []uint64
	}{
		{1 << 40, 2, []uint64{1000, 997}}, {1000, 2, []uint64{997, 994}}, {998, 1, []uint64{997}}, {853, 5, nil}, {857, 5, []uint64{856, 853}},
	} {
		got, err := from(t.Context(), c.before, c.n)
		if err != nil || len(got) != len(c.want) || len(got) > 0 && (got[0] != c.want[0] || got[len(got)-1] != c.want[len(c.want)-1]) {
			t.Errorf("%d before %d: %v %v, expected %v", c.n, c.before, got, err, c.want)
		}
	}
}
