package projections

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/internal/view"
)

// TestPlans: a page is read from an index in its order. A plan that sorts, or reads a whole table, is fast in tests and
// slow after a year.
func TestPlans(t *testing.T) {
	_, v := library(t)
	queries := []view.RegisterQuery{{}, {Words: "dau tu"}, {State: view.StateWaiting}, {From: "2022-01-01"}, {Number: "78", Correspondent: sxd, To: "2022-12-31", From: "2022-01-01"}}
	err := v.ask(t.Context(), func(q *question) error {
		for _, rq := range queries {
			for _, dir := range []view.Direction{view.Outgoing, view.Incoming} {
				rq.Org, rq.Direction = ubnd, dir
				l, err := q.listing(&rq)
				if err != nil || l == nil {
					return fmt.Errorf("%+v: no listing: %w", rq, err)
				}
				text := fmt.Sprintf("EXPLAIN QUERY PLAN SELECT %s, d.key FROM %s WHERE %s AND %s < ? ORDER BY %s DESC LIMIT ?", l.order, l.from, strings.Join(l.where, " AND "), l.order, l.order)
				var plan []string
				err = eachRow(t.Context(), q.conn, text, append(l.args, 1<<40, 51), func(r *sql.Rows) error {
					var id, parent, unused int
					var detail string
					err := r.Scan(&id, &parent, &unused, &detail)
					plan = append(plan, detail)
					return err
				})
				if err != nil {
					return err
				}
				for _, step := range plan {
					if strings.Contains(step, "TEMP B-TREE") || strings.HasPrefix(step, "SCAN") && !strings.HasPrefix(step, "SCAN words VIRTUAL TABLE") {
						t.Errorf("%s %+v:\n%s", dir, rq, strings.Join(plan, "\n"))
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
