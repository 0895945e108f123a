package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/submission"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/schemas"
)

// stopsBetween is a store that fails the first append to a document's stream, as if the node had stopped just before it.
type stopsBetween struct {
	events.Store
	failed atomic.Bool
}

func (s *stopsBetween) Append(ctx context.Context, a events.Append) (events.Sealed, error) {
	if strings.HasPrefix(a.Stream, document.StreamPrefix) && s.failed.CompareAndSwap(false, true) {
		return events.Sealed{}, errors.New("the node stopped")
	}
	return s.Store.Append(ctx, a)
}

// vouched is a document without signature in a submission with this header id.
func (w *world) vouched(number, id string, opts ...func(*schemas.Document)) []byte {
	w.t.Helper()
	return w.sign(w.vouch(w.unsigned(w.doc(number, opts...)), "agency from="+codeSender+" sender="+codeSender+" id="+id), w.agencies["voucher:"+codeSender])
}

// bound counts the events that bind an id of the sender's.
func (w *world) bound(id string) (n int) {
	w.t.Helper()
	if err := w.store.Stream(w.ctx, submission.Stream(codeSender, id), 0, func(events.Event) error { n++; return nil }); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// A header id that was bound, but whose package did not get into the record, still means that package and no other.
func TestSubmissionIDOutlivesAStop(t *testing.T) {
	w := newWorld(t)
	first, other := w.vouched("940", "nop-ho-940"), w.vouched("941", "nop-ho-940")
	w.second("stops-between")
	if p := w.post("sender", first).problem(t); p.Code != gateway.CodeInternal {
		t.Fatalf("stopped: %d %s", p.Code, p.ID)
	}
	if n := w.bound("nop-ho-940"); n != 1 {
		t.Fatalf("bound %d times, expected once", n)
	}
	if p := w.post("sender", other).problem(t); p.Code != gateway.CodeHeaderTaken {
		t.Errorf("other bytes: %d %s", p.Code, p.ID)
	}
	var acc, again httpapi.AcceptedAnswer
	w.post("sender", first).into(t, &acc)
	w.post("sender", first).into(t, &again)
	if acc.Duplicate || !again.Duplicate || again.Position != acc.Position {
		t.Errorf("same bytes: %+v, then %+v", acc, again)
	}
	if n := w.bound("nop-ho-940"); n != 1 {
		t.Errorf("bound %d times, expected once", n)
	}
}

// A package that is refused does not use up its id, and what is recorded already under another id needs none.
func TestSubmissionIDOfRefusedPackageStaysFree(t *testing.T) {
	w := newWorld(t)
	wrong := w.vouched("950", "nop-ho-950", func(d *schemas.Document) { d.To[0].ID = "H02.98" })
	if p := w.post("sender", wrong).problem(t); p.Code != gateway.CodeRecipientsUnknown {
		t.Fatalf("refused with %d %s", p.Code, p.ID)
	}
	if n := w.bound("nop-ho-950"); n != 0 {
		t.Errorf("a refused package has bound its id")
	}
	if a := w.post("sender", w.vouched("950", "nop-ho-950")); a.status != http.StatusCreated {
		t.Errorf("put right: %d %s", a.status, a.body)
	}
	w.clock.Add(time.Minute)
	var again httpapi.AcceptedAnswer
	w.post("sender", w.vouched("950", "nop-ho-950-lai")).into(t, &again)
	if n := w.bound("nop-ho-950-lai"); !again.Duplicate || n != 0 {
		t.Errorf("vouched for again: %+v, bound %d times", again, n)
	}
	if p := w.post("sender", w.vouched("950", "nop-ho-950")).problem(t); p.Code != gateway.CodeHeaderTaken {
		t.Errorf("other bytes under the first id: %d %s", p.Code, p.ID)
	}
}

// The ids of an agency that another succeeds are the successor's too.
func TestSubmissionIDOfPredecessor(t *testing.T) {
	w := newWorld(t)
	if a := w.post("sender", w.vouched("960", "nop-ho-960", func(d *schemas.Document) { d.To = []schemas.Organisation{{ID: codeSecond, Name: "Sở Y tế"}} })); a.status != http.StatusCreated {
		t.Fatalf("predecessor: %d %s", a.status, a.body)
	}
	if _, err := w.change(schemas.CloseOrganisation{Code: codeSender, Successor: codeRecipient, From: schemas.Date{Year: 2026, Month: 11, Day: 22}}); err != nil {
		t.Fatal(err)
	}
	d := w.doc("961", func(d *schemas.Document) {
		d.From = schemas.Organisation{ID: codeRecipient, Name: "Sở Tài chính"}
		d.To = []schemas.Organisation{{ID: codeSecond, Name: "Sở Y tế"}}
		d.DocumentID = codeRecipient + ",2026/11/20,961/STC"
	})
	b := w.sign(w.vouch(w.unsigned(d), "agency from="+codeRecipient+" sender="+codeRecipient+" id=nop-ho-960"), w.agencies["voucher:"+codeSender])
	if p := w.post("recipient", b).problem(t); p.Code != gateway.CodeHeaderTaken {
		t.Errorf("successor: %d %s, expected 5002", p.Code, p.ID)
	}
}
