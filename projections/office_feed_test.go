package projections

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/internal/view"
)

// everyPage reads all pages of a question, so many rows each.
func everyPage(t *testing.T, v *Views, q view.IncomingQuery, limit int) (ids []string, next []string) {
	t.Helper()
	q.Limit = limit
	for {
		page, err := v.Incoming(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Rows {
			ids = append(ids, r.ID)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return ids, next
		}
		next = append(next, q.Cursor)
	}
}

// TestWordsOfFew: who sees little of what a common word matches is given all of it, from the own lists, page after page.
func TestWordsOfFew(t *testing.T) {
	o := newOfficeLog(t)
	o.begin(t)
	var want []string
	for i := range 2 * wordsFew {
		subject := "Về việc bố trí kinh phí"
		if i%60 == 0 {
			subject = "Về việc khác"
		}
		id := o.arrive(t, 10+i, subject, 0)
		if i%40 != 0 {
			continue
		}
		o.must(t, "clerk", id, incoming.Register{})
		o.must(t, "clerk", id, incoming.Present{To: "leader"})
		o.must(t, "leader", id, incoming.Assign{InCharge: directory.Assignee{Unit: "ql", Person: "specialist"}})
		if i%60 != 0 {
			want = append(want, id)
		}
	}
	slices.Reverse(want)
	v := openViews(t, viewsPath(t), o, Options{})
	v.few = 10
	if rare, next := everyPage(t, v, view.IncomingQuery{Staff: o.staff("clerk"), Number: "1234"}, 7); len(rare) != 1 || len(next) != 0 {
		t.Errorf("a number found %q, cursors %q", rare, next)
	}
	got, next := everyPage(t, v, view.IncomingQuery{Staff: o.staff("specialist"), Words: "kinh ph"}, 7)
	if !slices.Equal(got, want) {
		t.Errorf("%d documents on all pages, expected %d", len(got), len(want))
	}
	if len(next) != (len(want)-1)/7 || !strings.HasPrefix(next[0], byLists) {
		t.Errorf("cursors %q: not read from lists", next)
	}
	all, next := everyPage(t, v, view.IncomingQuery{Staff: o.staff("clerk"), Words: "kinh ph"}, 500)
	if len(all) != 2*wordsFew-(2*wordsFew+59)/60 || strings.HasPrefix(next[0], byLists) {
		t.Errorf("%d documents for who sees all, cursors %q", len(all), next)
	}
	if _, err := v.Incoming(t.Context(), view.IncomingQuery{Staff: o.staff("clerk"), Cursor: byLists + "5"}); !errors.Is(err, view.ErrQuery) {
		t.Errorf("a cursor of another question: %v", err)
	}
}

// TestPeriods: a period has exactly what arrived in it, from wherever to wherever.
func TestPeriods(t *testing.T) {
	o := newOfficeLog(t)
	o.begin(t)
	days := map[string]string{}
	var ids []string
	for i := range 60 {
		id := o.arrive(t, 10+i, "Về việc kinh phí", 0)
		days[id], ids = directory.Day(o.clock), append(ids, id)
		o.later(11 + i%3*20) // some months have none
	}
	slices.Reverse(ids)
	v := openViews(t, viewsPath(t), o, Options{})
	ends := []string{"", "2020-01-01", "2026-11-02", "2026-11-03", "2027-02-28", "2027-05-01", "2028-02-29", "2029-12-31", "2031-07-15", "2040-01-01"}
	found := 0
	for _, from := range ends {
		for _, to := range ends {
			var want []string
			for _, id := range ids {
				if d := days[id]; (from == "" || d >= from) && (to == "" || d <= to) {
					want = append(want, id)
				}
			}
			found += len(want)
			for _, words := range []string{"", "kinh phi"} {
				if got, _ := everyPage(t, v, view.IncomingQuery{Staff: o.staff("clerk"), From: from, To: to, Words: words}, 9); !slices.Equal(got, want) {
					t.Errorf("%q to %q, words %q: %d documents, expected %d", from, to, words, len(got), len(want))
				}
			}
			page, err := v.Incoming(t.Context(), view.IncomingQuery{Staff: o.staff("clerk"), From: from, To: to, Limit: 5})
			if err != nil || page.Total != len(want) {
				t.Errorf("%q to %q: total %d, expected %d, %v", from, to, page.Total, len(want), err)
			}
		}
	}
	if found < 500 {
		t.Errorf("only %d documents were found in all periods together", found)
	}
}
