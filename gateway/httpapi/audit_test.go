package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/schemas"
)

// An auditor's rights add up: those over single agencies cover the documents of each, one that names none covers everything. What is
// shown of facts hashes to what the statement names; what was not asked for by right is withheld.
func TestAuditByRights(t *testing.T) {
	w := newWorld(t)
	from := w.clock.Now()
	grant := func(id, reader, org string) schemas.Operation {
		return schemas.GrantReading{ID: id, Reader: schemas.Holder{Kind: schemas.HolderAuditor, ID: reader}, Organisation: org,
			From: from.Add(-time.Hour), To: from.AddDate(1, 0, 0), Reason: "Kiểm toán"}
	}
	ops := []schemas.Operation{
		grant("one-1", "one", codeOther),
		grant("two-1", "two", codeOther), grant("two-2", "two", codeSender),
		grant("all-1", "all", ""),
		grant("mixed-1", "mixed", codeOther), grant("mixed-2", "mixed", ""),
	}
	for _, name := range []string{"none", "one", "two", "all", "mixed"} {
		ops = append(ops, w.newClient("audit-"+name, schemas.Holder{Kind: schemas.HolderAuditor, ID: name}))
	}
	if _, err := w.change(ops...); err != nil {
		t.Fatal(err)
	}
	var first, second httpapi.AcceptedAnswer
	w.post("sender", w.signed(w.doc("501"))).into(t, &first) // sender → recipient
	w.post("other", w.signed(w.doc("502", func(d *schemas.Document) {
		d.From, d.DocumentID = schemas.Organisation{ID: codeOther, Name: "Sở Y tế"}, codeOther+",2026/11/20,502/SYT-VP"
		d.To = []schemas.Organisation{{ID: codeSecond, Name: "Sở Nội vụ"}}
	}))).into(t, &second)
	w.step()
	for _, c := range []struct {
		who  string
		sees map[string]bool // document keys
		all  bool
	}{
		{"one", map[string]bool{second.Document: true}, false},
		{"two", map[string]bool{first.Document: true, second.Document: true}, false},
		{"all", nil, true},
		{"mixed", nil, true},
	} {
		var page httpapi.AuditPage
		w.call("audit-"+c.who, http.MethodGet, "/v1/audit/events", nil).into(t, &page)
		if page.Size == 0 || uint64(len(page.Events)) != page.Size {
			t.Fatalf("%s: %d of %d events", c.who, len(page.Events), page.Size)
		}
		documents, facts := map[string]bool{}, 0
		for position, e := range page.Events {
			stored, err := w.store.Event(t.Context(), uint64(position))
			if err != nil {
				t.Fatal(err)
			}
			if e.Statement == nil {
				if c.all {
					t.Errorf("%s: event %d on %s is withheld", c.who, position, stored.Statement.Stream)
				}
				if e.Facts != nil || e.Salt != nil || e.Destroyed {
					t.Errorf("%s: something is told of event %d, which is withheld: %+v", c.who, position, e)
				}
				continue
			}
			if string(e.Statement) != string(stored.Bytes) {
				t.Errorf("%s: event %d is %s", c.who, position, e.Statement)
			}
			if key, ok := strings.CutPrefix(stored.Statement.Stream, document.StreamPrefix); ok {
				documents[key] = true
			}
			if want := stored.Statement.Facts; want != nil {
				f := events.Facts{Text: e.Facts}
				if copy(f.Salt[:], e.Salt) != 32 || f.Digest() != *want {
					t.Errorf("%s: facts of event %d are not those of the statement: %s", c.who, position, e.Facts)
				}
				facts++
			}
		}
		if c.sees != nil && fmt.Sprint(documents) != fmt.Sprint(c.sees) || c.sees == nil && len(documents) != 2 || facts == 0 {
			t.Errorf("%s: sees documents %v and facts of %d events, expected %v", c.who, documents, facts, c.sees)
		}
	}
	if a := w.call("audit-none", http.MethodGet, "/v1/audit/events", nil); a.status != http.StatusForbidden {
		t.Errorf("without a right: status %d", a.status)
	}
	for _, what := range []string{"statement", "facts", "withheld"} {
		if w.counted("tram_audit_readings_total", what) == 0 {
			t.Errorf("no reading of %s was counted", what)
		}
	}
}

// TestAuditPagesAreBounded: a page ends after so many bytes, with one event at least, and the pages together are the log.
func TestAuditPagesAreBounded(t *testing.T) {
	for _, bytes := range []int{1, 3000} {
		w := newWorld(t, func(o *worldOptions) { o.api.AuditBytes = bytes })
		from := w.clock.Now()
		if _, err := w.change(schemas.GrantReading{ID: "all", Reader: schemas.Holder{Kind: schemas.HolderAuditor, ID: "all"},
			From: from.Add(-time.Hour), To: from.AddDate(1, 0, 0)}, w.newClient("audit", schemas.Holder{Kind: schemas.HolderAuditor, ID: "all"})); err != nil {
			t.Fatal(err)
		}
		next, pages := uint64(0), 0
		for size := uint64(1); next < size; pages++ {
			var page httpapi.AuditPage
			w.call("audit", http.MethodGet, fmt.Sprintf("/v1/audit/events?from=%d", next), nil).into(t, &page)
			if size = page.Size; len(page.Events) == 0 || page.From != next || bytes == 1 && len(page.Events) != 1 {
				t.Fatalf("from %d: %d events from %d", next, len(page.Events), page.From)
			}
			held := 0
			for i, e := range page.Events {
				if i < len(page.Events)-1 {
					held += len(e.Statement) + len(e.Facts)
				}
				if stored, err := w.store.Event(t.Context(), next); err != nil || string(stored.Bytes) != string(e.Statement) {
					t.Fatalf("event %d is another (%v)", next, err)
				}
				next++
			}
			if held >= bytes {
				t.Errorf("a page holds %d bytes before its last event, expected less than %d", held, bytes)
			}
		}
		if pages < 2 {
			t.Errorf("%d pages", pages)
		}
	}
}
