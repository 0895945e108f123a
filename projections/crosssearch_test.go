package projections

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// crossNumbers gives the first parts of the numbers that a search finds, in its order, over all pages of the given size.
func crossNumbers(t testing.TB, v *Views, q view.SearchQuery) string {
	t.Helper()
	var out []string
	for range 100 {
		page, err := v.Search(t.Context(), q)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		if page.Next == "" && q.Cursor == "" && page.Total != len(page.Rows) {
			t.Errorf("%+v: total %d of the only page, it has %d rows", q, page.Total, len(page.Rows))
		}
		for _, r := range page.Rows {
			n, _, _ := strings.Cut(r.Number, "/")
			out = append(out, n)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	return strings.Join(out, " ")
}

func TestSearchAcrossAgencies(t *testing.T) {
	s := newScenario(t)
	v := openViews(t, viewsPath(t), s, Options{})
	audit := view.Reader{Audit: true}
	for _, c := range []struct {
		name string
		q    view.SearchQuery
		want string
	}{
		{"all, newest first, each once though one was resent and one had an effect before it came", view.SearchQuery{}, "1 56 55 (destroyed) 20 7 100 91 90 16 15 7816"},
		{"words of a document that was resent", view.SearchQuery{Words: "gop y du thao"}, "7"},
		{"its later recipient", view.SearchQuery{Words: "gop y du thao", Recipient: syt}, "7"},
		{"one sender", view.SearchQuery{Sender: sxd}, "20 16 15"},
		{"sender and recipient", view.SearchQuery{Sender: sxd, Recipient: ubnd}, "20"},
		{"sender and later recipient", view.SearchQuery{Sender: stp, Recipient: syt}, "7"},
		{"number in part", view.SearchQuery{Number: "UBND-TT"}, "7816"},
		{"type", view.SearchQuery{TypeName: "Quyết định"}, "91 90"},
		{"period", view.SearchQuery{From: "2022-11-20", To: "2022-11-21"}, "16 15 7816"},
		{"open period", view.SearchQuery{From: "2022-11-23"}, "1 56 55 20"},
		{"unknown organisation", view.SearchQuery{Sender: "H99"}, ""},
		{"words destroyed are not found", view.SearchQuery{Words: "tin ca nhan"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, limit := range []int{0, 1, 3} {
				c.q.Reader, c.q.Limit = audit, limit
				got := strings.ReplaceAll(strings.ReplaceAll(" "+crossNumbers(t, v, c.q)+" ", "  ", " (destroyed) "), " (destroyed)  ", " ")
				if got = strings.TrimSpace(got); got == "(destroyed)" {
					got = ""
				}
				if got != c.want {
					t.Errorf("limit %d: %q, expected %q", limit, got, c.want)
				}
			}
		})
	}
}

// TestSearchRights compares what a search finds with what the reader may open one by one.
func TestSearchRights(t *testing.T) {
	s := newScenario(t)
	v := openViews(t, viewsPath(t), s, Options{})
	within := time.Date(2022, 12, 1, 0, 0, 0, 0, time.UTC)
	all, err := v.Search(t.Context(), view.SearchQuery{Reader: view.Reader{Audit: true}, Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []view.Reader{
		{Orgs: []string{ubnd}, Now: within}, {Orgs: []string{sxd}, Now: within}, {Orgs: []string{syt}, Now: within}, {Orgs: []string{stp}, Now: within},
		{Orgs: []string{syt, stp}, Now: within}, {Right: "thanh-tra", Now: within},
	} {
		t.Run(fmt.Sprint(r.Orgs, r.Right), func(t *testing.T) {
			var want []string
			for _, row := range all.Rows {
				doc, err := v.Document(t.Context(), r, row.Document)
				switch {
				case err == nil:
					want = append(want, row.Document)
					_ = doc
				case !errors.Is(err, view.ErrNotFound):
					t.Fatal(err)
				}
			}
			page, err := v.Search(t.Context(), view.SearchQuery{Reader: r, Limit: 500})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, row := range page.Rows {
				got = append(got, row.Document)
			}
			slices.Sort(got)
			slices.Sort(want)
			if len(want) == 0 || !slices.Equal(got, want) {
				t.Errorf("found %d documents, may open %d:\n%v\n%v", len(got), len(want), got, want)
			}
		})
	}
	for _, r := range []view.Reader{{}, {Orgs: []string{"H99"}, Now: within}, {Right: "thanh-tra", Now: within.AddDate(1, 0, 0)}, {Right: "no such right", Now: within}} {
		if _, err := v.Search(t.Context(), view.SearchQuery{Reader: r, Words: "dau tu"}); !errors.Is(err, view.ErrNotFound) {
			t.Errorf("%+v: %v, expected not found", r, err)
		}
	}
	if _, err := v.Search(t.Context(), view.SearchQuery{Reader: view.Reader{Audit: true}, From: "yesterday"}); !errors.Is(err, view.ErrQuery) {
		t.Errorf("%v, expected a question that cannot be read", err)
	}
	if _, err := v.Search(t.Context(), view.SearchQuery{Reader: view.Reader{Audit: true}, Cursor: "-1"}); !errors.Is(err, view.ErrQuery) {
		t.Errorf("%v, expected a question that cannot be read", err)
	}
}

// TestSearchHidesHowOthersHandle: who may see one recipient's copy only is not told what the others did.
func TestSearchHidesHowOthersHandle(t *testing.T) {
	s := newScenario(t)
	v := openViews(t, viewsPath(t), s, Options{})
	page, err := v.Search(t.Context(), view.SearchQuery{Reader: view.Reader{Orgs: []string{syt}}, Words: "day manh dau tu cong"})
	if err != nil || len(page.Rows) != 1 {
		t.Fatal(page, err)
	}
	if r := page.Rows[0]; r.State != view.StateWaiting || r.LastStatus != "" || r.Signed != "" || r.SentAt.IsZero() {
		t.Errorf("state %q, status %q, signed %q, sent %v: its own delivery waits", r.State, r.LastStatus, r.Signed, r.SentAt)
	}
	page, err = v.Search(t.Context(), view.SearchQuery{Reader: view.Reader{Orgs: []string{ubnd}}, Words: "day manh dau tu cong"})
	if err != nil || len(page.Rows) != 1 {
		t.Fatal(page, err)
	}
	if r := page.Rows[0]; r.Signed != "2/3" || r.LastStatus != "13" {
		t.Errorf("status %q, signed %q: the sender sees all", r.LastStatus, r.Signed)
	}
}
