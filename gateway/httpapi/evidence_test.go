package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/gateway/evidence"
	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/asice"
)

// The sender gets everything about the document, a recipient nothing of what another recipient reported; both get what can
// be proved without the node.
func TestEvidenceByReader(t *testing.T) {
	w := newWorld(t)
	var acc, status httpapi.AcceptedAnswer
	d := w.doc("401", func(d *schemas.Document) {
		d.To = append(d.To, schemas.Organisation{ID: codeSecond, Name: "Sở Nội vụ"})
	})
	w.post("sender", w.signed(d)).into(t, &acc)
	w.step()
	w.post("recipient", w.status(codeRecipient, schemas.StatusAccepted, codeSender, d.DocumentID, w.clock.Now())).into(t, &status)
	w.step()
	trust, err := signing.NewTrustList([]signing.Authority{{Certificate: w.ca.Certificate}}, true)
	if err != nil {
		t.Fatal(err)
	}
	for who, statements := range map[string]int{"sender": 2, "recipient": 2, "auditor": 2, "second": 1} {
		a := w.call(who, http.MethodGet, "/v1/documents/"+acc.Document+"/evidence", nil)
		if a.status != http.StatusOK || a.header.Get("Content-Type") != asice.MediaType || !strings.Contains(a.header.Get("Content-Disposition"), acc.Document+".asice") {
			t.Fatalf("%s: %d %v", who, a.status, a.header)
		}
		r, err := evidence.Check(t.Context(), signing.BytesSource(a.body), evidence.CheckOptions{Trust: trust, At: w.clock.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if !r.OK() || len(r.Proofs) != statements {
			t.Errorf("%s: %s, %d statements, expected %d: %+v", who, r.Indication, len(r.Proofs), statements, r.Findings)
		}
	}
}

// Containers are made a bounded number at a time.
func TestEvidenceBusy(t *testing.T) {
	w := newWorld(t)
	var acc httpapi.AcceptedAnswer
	w.post("sender", w.signed(w.doc("402"))).into(t, &acc)
	m := evidence.NewMaker(evidence.Options{Record: w.store, Key: w.nodeKey, Chain: w.chain, Now: w.clock.Now}, 1, time.Nanosecond)
	first, err := m.Make(t.Context(), acc.Document, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Make(t.Context(), acc.Document, nil, func(context.Context, events.Digest) (bool, error) { return true, nil }); !errors.Is(err, evidence.ErrBusy) {
		t.Errorf("got %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
}
