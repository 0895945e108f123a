package projections

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/document"
)

// used empties what views do not read, so that both ways of reading can be compared.
func used(v any) any {
	switch d := v.(type) {
	case *delivery.Taken:
		d.Request = nil
	case *document.Received:
		d.Document, d.SenderCode, d.Content, d.Effects, d.Judged = "", "", events.Digest{}, nil, time.Time{}
		for i := range d.Recipients {
			d.Recipients[i] = document.Recipient{Org: d.Recipients[i].Org}
		}
		if d.Peer != nil {
			d.Peer.Received = time.Time{}
		}
	case *document.StatusReported:
		d.Document, d.ReporterCode, d.ReporterNode, d.To, d.Content = "", "", "", nil, events.Digest{}
		d.Judged = time.Time{}
		if d.Peer != nil {
			d.Peer.Received = time.Time{}
		}
	}
	return v
}

func usedFacts(f document.Facts) document.Facts {
	out := document.Facts{CodeNumber: f.CodeNumber, CodeNotation: f.CodeNotation, Subject: f.Subject, TypeName: f.TypeName,
		PromulgationDate: f.PromulgationDate, SenderName: f.SenderName, Content: f.Content}
	if f.Signer != nil {
		out.Signer = &document.SignerFacts{Name: f.Signer.Name}
	}
	for _, a := range f.Attachments {
		out.Attachments = append(out.Attachments, document.AttachmentFacts{Name: a.Name})
	}
	return out
}

// scanned are the types that scanData reads.
var scanned = []any{&delivery.Offered{}, &delivery.Taken{}, &delivery.Acknowledged{}, &delivery.Forwarded{}, &document.Received{}, &document.StatusReported{}}

// compareScan holds scanData and scanFacts against encoding/json: what they accept they must read alike.
func compareScan(t *testing.T, text []byte) (accepted int) {
	t.Helper()
	for _, proto := range scanned {
		fast := reflect.New(reflect.TypeOf(proto).Elem()).Interface()
		if !scanData(text, fast) {
			continue
		}
		slow := reflect.New(reflect.TypeOf(proto).Elem()).Interface()
		if err := json.Unmarshal(text, slow); err != nil {
			continue // of what views do not read, the scan judges nothing: DecodeStatement has
		}
		accepted++
		if diff := cmp.Diff(used(slow), used(fast)); diff != "" {
			t.Fatalf("%T of %s:\n%s", proto, text, diff)
		}
	}
	var fast, slow document.Facts
	if scanFacts(text, &fast) && json.Unmarshal(text, &slow) == nil {
		accepted++
		if diff := cmp.Diff(usedFacts(slow), usedFacts(fast)); diff != "" {
			t.Fatalf("facts of %s:\n%s", text, diff)
		}
	}
	return accepted
}

func TestScanAgreesWithJSON(t *testing.T) {
	s := newScenario(t)
	s.receive(t, paperSpec{from: ubnd, number: "1", notation: "A\"B\\C", subject: "dòng 1\nhai \u2028 <&>", date: "2022-11-24", to: []string{sxd},
		data: func(d *document.Received) {
			d.Peer = &document.PeerHop{Origin: peer, Position: 12, Received: s.clock.Truncate(time.Microsecond)}
			d.Recipients[0].Via, d.Recipients[0].Elsewhere = []string{"x"}, true
		}})
	frequent, read := 0, 0
	err := s.All(t.Context(), 0, func(e events.Event) error {
		d, err := decode(e)
		if err != nil {
			return err
		}
		for _, proto := range scanned {
			if reflect.TypeOf(d.data) == reflect.TypeOf(proto) {
				frequent++
				if scanData(e.Statement.Data, reflect.New(reflect.TypeOf(proto).Elem()).Interface()) {
					read++
				}
			}
		}
		compareScan(t, e.Statement.Data)
		if e.Facts != nil {
			compareScan(t, e.Facts)
			if d.search.tokens != nil && !scanFacts(e.Facts, &document.Facts{}) {
				t.Errorf("facts left to encoding/json: %s", e.Facts)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if frequent < 40 || read != frequent {
		t.Errorf("%d of %d frequent events read", read, frequent)
	}
}

func FuzzScan(f *testing.F) {
	l := newTestLog("fuzz/log")
	p := paperSpec{from: ubnd, number: "1", notation: "A\"B", subject: "hai\n", date: "2022-11-24", to: []string{sxd}}
	l.offer(f, p, l.receive(f, p), sxd)
	l.take(f, p, sxd)
	l.acknowledge(f, p, sxd)
	l.status(f, p, sxd, "03")
	for i, b := range l.stmts {
		s, err := events.DecodeStatement(b)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(s.Data))
		if l.facts[i] != nil {
			f.Add(l.facts[i])
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) { compareScan(t, text) })
}
