package httpapi_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/schemas"
)

// TestAuditShowsWhatTheRightCovers: an auditor of one agency gets the statements, packages and evidence of its documents and of what the
// node says of itself; of all else nothing but that there is something, in the same words as for what is not there.
func TestAuditShowsWhatTheRightCovers(t *testing.T) {
	w := newWorld(t)
	var ours, others httpapi.AcceptedAnswer
	w.post("sender", w.signed(w.doc("601"))).into(t, &ours)
	w.post("other", w.signed(w.doc("602", func(d *schemas.Document) {
		d.From = schemas.Organisation{ID: codeOther, Name: "Sở Tư pháp"}
		d.Subject = "Nội dung của người khác"
	}))).into(t, &others)
	w.step()
	w.post("recipient", w.signed(w.doc("603"))).problem(t) // in another's name: a refusal is recorded
	page := func(query string) (p httpapi.AuditPage) {
		t.Helper()
		a := w.call("auditor", http.MethodGet, "/v1/audit/events"+query, nil)
		if a.status != http.StatusOK {
			t.Fatalf("%s: status %d: %s", query, a.status, a.body)
		}
		a.into(t, &p)
		if bytes.Contains(a.body, []byte("người khác")) {
			t.Errorf("%s shows facts of another's", query)
		}
		return p
	}
	all := page("")
	if uint64(len(all.Events)) != all.Size {
		t.Fatalf("%d events of %d", len(all.Events), all.Size)
	}
	shown := map[bool]int{}
	for i, got := range all.Events {
		e, err := w.store.Event(t.Context(), uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		stream := e.Statement.Stream
		want := !strings.HasPrefix(stream, document.StreamPrefix) && !strings.HasPrefix(stream, "delivery/") && !strings.HasPrefix(stream, "refusal")
		switch {
		case strings.Contains(stream, ours.Document):
			want = true
		case strings.HasPrefix(stream, "delivery/"):
			want = e.Statement.Cause != nil && follows(t, w, *e.Statement.Cause, ours.Document)
		}
		shown[want]++
		if (got.Statement != nil) != want {
			t.Errorf("event %d of %s: shown %t, expected %t", i, stream, got.Statement != nil, want)
		}
		if got.Statement != nil && !bytes.Equal(got.Statement, e.Bytes) {
			t.Errorf("event %d is shown changed", i)
		}
		for what, there := range map[string]bool{"package": e.Statement.Package != nil, "evidence": e.Statement.Evidence != nil} {
			a := w.call("auditor", http.MethodGet, fmt.Sprintf("/v1/audit/events/%d/%s", i, what), nil)
			if code := map[bool]int{true: 200, false: 404}[want && there]; a.status != code {
				t.Errorf("%s of event %d of %s: status %d, expected %d", what, i, stream, a.status, code)
			}
		}
	}
	if shown[true] == 0 || shown[false] < 3 {
		t.Errorf("%v: too little to judge by", shown)
	}
	// What lies behind the end is answered as what may not be seen.
	hidden := w.call("auditor", http.MethodGet, fmt.Sprintf("/v1/audit/events/%d/package", others.Position), nil).problem(t)
	beyond := w.call("auditor", http.MethodGet, fmt.Sprintf("/v1/audit/events/%d/package", all.Size+100), nil).problem(t)
	if hidden.Code != beyond.Code || hidden.Code != gateway.CodeNotFound {
		t.Errorf("hidden %d, not there %d", hidden.Code, beyond.Code)
	}
	for _, from := range []uint64{all.Size, all.Size + 1, 1 << 53} {
		if p := page(fmt.Sprintf("?from=%d", from)); len(p.Events) != 0 || p.From != from {
			t.Errorf("from %d: %+v", from, p)
		}
	}
	for _, query := range []string{"?from=-1", "?from=x", "?limit=0", "?limit=257", "?from=9007199254740993", "?form=1"} {
		if p := w.call("auditor", http.MethodGet, "/v1/audit/events"+query, nil).problem(t); p.Code != gateway.CodeParameter {
			t.Errorf("%s: %d", query, p.Code)
		}
	}
	for _, position := range []string{"01", "-1", "+1", "1e1", "18446744073709551616"} {
		if a := w.call("auditor", http.MethodGet, "/v1/audit/events/"+position+"/evidence", nil); a.status != http.StatusNotFound {
			t.Errorf("position %s: status %d", position, a.status)
		}
	}
	w.clock.Add(366 * 24 * time.Hour)
	for _, path := range []string{"", fmt.Sprintf("/%d/package", ours.Position), fmt.Sprintf("/%d/evidence", ours.Position)} {
		if p := w.call("auditor", http.MethodGet, "/v1/audit/events"+path, nil).problem(t); p.Code != gateway.CodeForbidden {
			t.Errorf("%q after the right has ended: %d", path, p.Code)
		}
	}
}

// follows says whether an event's causes lead to a document.
func follows(t *testing.T, w *world, a events.Address, document string) bool {
	t.Helper()
	for {
		e, err := w.store.Event(t.Context(), a.Position)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(e.Statement.Stream, document) {
			return true
		}
		if e.Statement.Cause == nil {
			return false
		}
		a = *e.Statement.Cause
	}
}
