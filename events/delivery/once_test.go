package delivery_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
)

const origin = "bacgiang.example/log"

var noon = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)

// log is a record in memory: streams of events with positions.
type log struct {
	streams map[string][]events.Event
	all     []events.Event
}

func (l *log) append(t *rapid.T, stream string, pkg events.Digest, cause *events.Address, news []events.New) {
	for _, n := range news {
		data, err := events.MarshalObject(n.Data)
		if err != nil {
			t.Fatal(err)
		}
		e := events.Event{Position: uint64(len(l.all)), Statement: events.Statement{
			Origin: origin, Stream: stream, Version: uint64(len(l.streams[stream])), Name: n.Name, Time: noon, Data: data,
			Package: &events.PackageRef{SHA256: pkg, Length: 20480}, Cause: cause,
		}}
		l.streams[stream] = append(l.streams[stream], e)
		l.all = append(l.all, e)
	}
}

func fold[S any](t *rapid.T, l *log, stream string, f func(S, events.Event) (S, error)) S {
	var s S
	for _, e := range l.streams[stream] {
		var err error
		if s, err = f(s, e); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// route offers what follows from document events from position on, as a router does, over and over.
func (l *log) route(t *rapid.T, from int) {
	for _, e := range l.all[from:] {
		var to []document.Recipient
		switch e.Statement.Name {
		case document.NameReceived:
			var d document.Received
			if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
				t.Fatal(err)
			}
			to = d.Recipients
		case document.NameResent:
			var d document.Resent
			if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
				t.Fatal(err)
			}
			to = d.Recipients
		}
		cause := events.Address{Origin: origin, Position: e.Position}
		for _, r := range to {
			stream := delivery.Stream(e.Statement.Stream, delivery.ItemDocument, r.Org)
			d, err := delivery.DecideOffer(fold(t, l, stream, delivery.Fold), delivery.Offer{Cause: cause, Offered: delivery.Offered{
				Item: e.Statement.Stream, ItemID: delivery.ItemDocument, Org: r.Org, From: "H02.05", Node: r.Node,
				Package: e.Statement.Package.SHA256, Assurance: "own",
			}})
			if err != nil {
				t.Fatal(err)
			}
			l.append(t, stream, e.Statement.Package.SHA256, &cause, d.Events)
		}
	}
}

// Whatever aliases, successors, resends and repetitions of the router: one delivery for a document and an organisation.
func TestExactlyOneDelivery(t *testing.T) {
	dir := smallDirectory(t)
	rapid.Check(t, func(rt *rapid.T) {
		l := &log{streams: map[string][]events.Event{}}
		stream := document.Stream("H02.05", "1")
		for n := range rapid.IntRange(1, 10).Draw(rt, "hand-ins") {
			c := document.Receive{
				At: noon, DocumentID: "1", Sender: party(dir, "H02.05"), Content: events.Sum([]byte("content")),
				Package:   events.Sum(fmt.Append(nil, rapid.IntRange(0, n).Draw(rt, "package"))),
				Assurance: document.AssuranceOwn,
			}
			for _, code := range rapid.SliceOfN(rapid.SampledFrom([]string{"H02.06", "000.00.06.H02", "H02.07", "H02.old", "000.00.00.H05"}), 1, 5).Draw(rt, "to") {
				c.Recipients = append(c.Recipients, party(dir, code))
			}
			// Now and then a delivery has failed before.
			for _, org := range []string{"H02.06", "H02.07"} {
				ds := delivery.Stream(stream, delivery.ItemDocument, org)
				s := fold(rt, l, ds, delivery.Fold)
				if s.Phase == delivery.PhaseOffered && rapid.IntRange(0, 2).Draw(rt, "fails") == 0 {
					d, err := delivery.DecideAttempt(s, delivery.RecordAttempt{At: noon.Add(time.Hour), Reason: "not-taken", GiveUp: time.Minute})
					if err != nil {
						rt.Fatal(err)
					}
					l.append(rt, ds, c.Package, nil, d.Events)
				}
				if fold(rt, l, ds, delivery.Fold).Phase == delivery.PhaseFailed {
					c.Failed = append(c.Failed, org)
				}
			}
			d, err := document.DecideReceive(fold(rt, l, stream, document.Fold), c)
			if err != nil {
				rt.Fatal(err)
			}
			l.append(rt, stream, c.Package, nil, d.Events)
			l.route(rt, rapid.IntRange(0, len(l.all)).Draw(rt, "router starts at"))
		}
		l.route(rt, 0)

		orgs := map[string]string{}
		for stream := range l.streams {
			if stream == document.Stream("H02.05", "1") {
				continue
			}
			s := fold(rt, l, stream, delivery.Fold)
			if other, ok := orgs[s.Offer.Org]; ok {
				rt.Fatalf("%s has deliveries %s and %s", s.Offer.Org, other, stream)
			}
			orgs[s.Offer.Org] = stream
		}
		recipients := fold(rt, l, stream, document.Fold).Recipients
		if len(recipients) != len(orgs) {
			rt.Fatalf("%d recipients, %d deliveries", len(recipients), len(orgs))
		}
	})
}

func party(dir directory.State, code string) document.Party {
	r := dir.Resolve(code, noon)
	return document.Party{
		Code: code, Known: r.Known, Org: r.Org, Via: r.Via, Closed: r.Closed, Node: r.Node,
		Identities: dir.Identities(r.Org, noon),
	}
}

// smallDirectory has a sender, two recipients with aliases, one that H02.06 succeeds and one that succeeds nobody.
func smallDirectory(t *testing.T) directory.State {
	t.Helper()
	root := events.Sum([]byte("root"))
	d, err := directory.Decide(directory.State{}, directory.Change{
		ID: "genesis", Content: root, At: noon, Signer: root, Pinned: []events.Digest{root},
		SignerFrom: noon.AddDate(-1, 0, 0), SignerUntil: noon.AddDate(1, 0, 0),
		Operations: []directory.Operation{
			directory.AddOrganisation{Code: "H02.05"},
			directory.AddOrganisation{Code: "H02.06", Other: []directory.Code{{Code: "000.00.06.H02"}}},
			directory.AddOrganisation{Code: "H02.07"},
			directory.AddOrganisation{Code: "H02.old"},
			directory.CloseOrganisation{Code: "H02.old", Successor: "H02.06", From: noon.AddDate(0, -1, 0)},
			directory.AddOrganisation{Code: "H05", Other: []directory.Code{{Code: "000.00.00.H05"}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var s directory.State
	for i, n := range d.Events {
		data, err := events.MarshalObject(n.Data)
		if err != nil {
			t.Fatal(err)
		}
		e := events.Event{Position: uint64(i), Statement: events.Statement{Origin: origin, Name: n.Name, Time: noon, Data: data}}
		if s, err = directory.Fold(s, e); err != nil {
			t.Fatal(err)
		}
	}
	return s
}
