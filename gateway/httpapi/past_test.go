package httpapi_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/internal/view"
)

// stuckPast is a past that never opens.
type stuckPast struct{ err error }

func (s stuckPast) Resolve(_ context.Context, at time.Time) (view.Moment, error) {
	return view.Moment{At: at}, nil
}
func (s stuckPast) Open(context.Context, view.Moment, string) (view.PastViews, error) {
	return nil, s.err
}

// TestAsOf: registers and documents answer as they stood; who may ask is judged today.
func TestAsOf(t *testing.T) {
	w := newWorld(t)
	start := w.clock.Now()
	w.clock.Add(time.Hour)
	a := w.post("sender", w.signed(w.doc("77")))
	w.step()
	var acc httpapi.AcceptedAnswer
	a.into(t, &acc)
	path := "/v1/documents/" + acc.Document
	handed := w.clock.Now()
	w.clock.Add(24 * time.Hour)
	if a := w.call("recipient", http.MethodPost, "/v1/mailbox/take", nil); a.status != http.StatusOK {
		t.Fatalf("take: status %d: %s", a.status, a.body)
	}
	w.step()
	w.clock.Add(24 * time.Hour)

	stamp := func(at time.Time) string { return "as_of=" + at.UTC().Format(time.RFC3339Nano) }
	var now, then httpapi.DocumentAnswer
	w.call("sender", http.MethodGet, path, nil).into(t, &now)
	w.call("sender", http.MethodGet, path+"?"+stamp(handed), nil).into(t, &then)
	if now.Recipients[0].State != view.StateTaken || then.Recipients[0].State != view.StateWaiting {
		t.Errorf("now %s, then %s", now.Recipients[0].State, then.Recipients[0].State)
	}
	if now.Moment != nil || then.Moment == nil || then.Moment.Position == 0 || then.Moment.Last == nil || then.Moment.Last.After(handed) {
		t.Errorf("moments %+v, %+v", now.Moment, then.Moment)
	}
	var page httpapi.DocumentPage
	w.call("sender", http.MethodGet, "/v1/documents?direction=outgoing&"+stamp(handed), nil).into(t, &page)
	if len(page.Documents) != 1 || page.Documents[0].State != view.StateWaiting || page.AsOf != then.Moment.Position {
		t.Errorf("register then: %+v", page)
	}
	page = httpapi.DocumentPage{}
	w.call("sender", http.MethodGet, "/v1/documents?direction=outgoing&"+stamp(start), nil).into(t, &page)
	if len(page.Documents) != 0 || page.Moment == nil {
		t.Errorf("register before: %+v", page)
	}
	dir := filepath.Join(w.dir, "node", "asof")
	made, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		who, path string
		code      int
	}{
		{"sender", path + "?" + stamp(start), gateway.CodeNotFound}, // not there yet
		{"other", path + "?" + stamp(handed.Add(time.Minute)), gateway.CodeNotFound},
		{"other", "/v1/documents?organisation=" + codeSender + "&" + stamp(handed.Add(time.Minute)), gateway.CodeNotFound},
		{"sender", path + "?" + stamp(w.clock.Now().Add(time.Second)), gateway.CodeParameter},
		{"sender", path + "?as_of=2027-01-01", gateway.CodeParameter},
		{"sender", path + "?as_of=h%C3%B4m+qua", gateway.CodeParameter},
		{"sender", path + "?asof=2026-11-01", gateway.CodeParameter},
	} {
		if p := w.call(c.who, http.MethodGet, c.path, nil).problem(t); p.Code != c.code {
			t.Errorf("%s %s: %d %s, expected %d", c.who, c.path, p.Code, p.ID, c.code)
		}
	}
	if after, err := os.ReadDir(dir); err != nil || len(after) != len(made) {
		t.Errorf("%d files of past views, %d before questions of strangers", len(after), len(made))
	}
	for _, who := range []string{"reader", "auditor"} { // by rights recorded long before
		if a := w.call(who, http.MethodGet, path+"?"+stamp(handed), nil); a.status != http.StatusOK {
			t.Errorf("%s: status %d", who, a.status)
		}
	}
	w.clock.Add(366 * 24 * time.Hour)
	for _, who := range []string{"reader", "auditor"} { // whose rights have ended
		if a := w.call(who, http.MethodGet, path+"?"+stamp(handed), nil); a.status != http.StatusNotFound {
			t.Errorf("%s, after the right has ended: status %d", who, a.status)
		}
	}
}

// TestAsOfBuilding: what takes long is said with the time to ask again.
func TestAsOfBuilding(t *testing.T) {
	w := newWorld(t, func(o *worldOptions) { o.past = stuckPast{&view.BuildingError{Read: 1000, Size: 5000}} })
	a := w.post("sender", w.signed(w.doc("78")))
	var acc httpapi.AcceptedAnswer
	a.into(t, &acc)
	w.step()
	got := w.call("sender", http.MethodGet, "/v1/documents/"+acc.Document+"?as_of=2026-11-01", nil)
	p := got.problem(t)
	if p.Code != gateway.CodePastBuilding || !p.Retryable || got.header.Get("Retry-After") == "" || len(p.Details) != 1 || p.Details[0] != "1000/5000" {
		t.Errorf("%+v, Retry-After %q", p, got.header.Get("Retry-After"))
	}
}
