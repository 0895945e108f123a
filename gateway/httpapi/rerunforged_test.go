package httpapi_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/policy"
	"github.com/tram-exchange/tram/events/refusal"
	"github.com/tram-exchange/tram/events/submission"
	"github.com/tram-exchange/tram/events/validation"
	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/gateway/rerun"
	"github.com/tram-exchange/tram/schemas"
)

// busyWorld has something of nearly everything in its record.
func busyWorld(t *testing.T) *world {
	w := newWorld(t)
	post := func(who string, b []byte, status int) {
		t.Helper()
		if a := w.post(who, b); a.status != status {
			t.Fatalf("hand-in by %s: status %d: %s", who, a.status, a.body)
		}
	}
	both := func(d *schemas.Document) {
		d.To = append(d.To, schemas.Organisation{ID: codeSecond, Name: "Sở Nội vụ"})
	}
	post("sender", w.signed(w.doc("101", both)), http.StatusCreated)
	post("sender", w.signed(w.doc("102")), http.StatusCreated)
	post("sender", w.signed(w.doc("103", func(d *schemas.Document) {
		d.To = []schemas.Organisation{{ID: codeVPCP, Name: "Văn phòng Chính phủ"}}
	})), http.StatusCreated)
	w.step()
	take := func(who string) string {
		var taken httpapi.TakenAnswer
		w.call(who, http.MethodPost, "/v1/mailbox/take", nil).into(t, &taken)
		return taken.Entries[0].ID
	}
	w.call("recipient", http.MethodPost, "/v1/mailbox/"+take("recipient")+"/ack", nil)
	take("second")
	post("recipient", w.status(codeRecipient, schemas.StatusAccepted, codeSender, w.doc("101").DocumentID, w.clock.Now()), http.StatusCreated)
	post("sender", w.vouched("104", "nop-ho-104"), http.StatusCreated)
	post("sender", w.sign(w.unsigned(w.doc("105")), w.agencies[codeOther]), http.StatusUnprocessableEntity)
	if _, err := w.change(schemas.AddOrganisation{Code: "H02.20", Name: "Sở mới", Level: 2, Parent: "H02"}); err != nil {
		t.Fatal(err)
	}
	w.step()
	post("other", w.signed(w.doc("107", func(d *schemas.Document) {
		d.From = schemas.Organisation{ID: codeOther, Name: "Sở Y tế"}
		d.DocumentID = codeOther + ",2026/11/20,107/SYT-VP"
	})), http.StatusCreated)
	w.clock.Add(time.Hour)
	post("sender", w.signed(w.doc("106")), http.StatusCreated)
	post("sender", w.status(codeSender, schemas.StatusTakeBack, codeRecipient, w.doc("106").DocumentID, w.clock.Now()), http.StatusCreated)
	w.step()
	return w
}

// forgery is what somebody with the node's keys wrote past the deciders.
type forgery struct {
	name  string
	write func(w *world, p *tape) uint64 // gives the position that must be named
	rules string                         // one of which must be named
}

func ref[T any](v T) *T { return &v }

func address(e events.Event) *events.Address {
	return &events.Address{Origin: origin, Position: e.Position}
}

// on appends one event to the stream of another.
func on(e events.Event, n events.New, f func(*events.Append)) events.Append {
	a := events.Append{Stream: e.Statement.Stream, Events: []events.New{n}}
	if f != nil {
		f(&a)
	}
	return a
}

// taken is the delivery that second has taken, and offered one that nobody has.
func (p *tape) taken() events.Event { return p.last(delivery.NameTaken) }

func (p *tape) offered() events.Event {
	p.t.Helper()
	open := map[string]events.Event{}
	for _, e := range p.events {
		if strings.HasPrefix(e.Statement.Stream, delivery.StreamPrefix) {
			if delete(open, e.Statement.Stream); e.Statement.Name == delivery.NameOffered && e.Statement.Version == 0 {
				open[e.Statement.Stream] = e
			}
		}
	}
	for _, e := range p.events {
		var d delivery.Offered
		if o, ok := open[e.Statement.Stream]; ok && json.Unmarshal(o.Statement.Data, &d) == nil && d.Org == codeRecipient && d.ItemID == delivery.ItemDocument {
			return o
		}
	}
	p.t.Fatal("no open offer on the tape")
	return events.Event{}
}

func deliveryForgeries() []forgery {
	ack := func(client string) events.New {
		return events.New{Name: delivery.NameAcknowledged, Data: delivery.Acknowledged{Client: client}}
	}
	by := func(actor, client string) func(*events.Append) {
		return func(a *events.Append) { a.Actor, a.Client = actor, client }
	}
	take := func(p *tape, client string) events.New {
		return events.New{Name: delivery.NameTaken, Data: delivery.Taken{Client: client, Until: p.events[len(p.events)-1].Statement.Time.Add(5 * time.Minute)}}
	}
	return []forgery{
		{"acknowledged twice", func(_ *world, p *tape) uint64 {
			return p.add(on(p.last(delivery.NameAcknowledged), ack("token:recipient"), by(codeRecipient, "token:recipient")))
		}, "decision"},
		{"acknowledged by another organisation", func(_ *world, p *tape) uint64 {
			return p.add(on(p.taken(), ack("token:other"), by(codeSecond, "token:other")))
		}, "decision"},
		{"acknowledged by a stranger", func(_ *world, p *tape) uint64 {
			return p.add(on(p.taken(), ack("token:nobody"), by(codeSecond, "token:nobody")))
		}, "caller"},
		{"acknowledged by the node", func(_ *world, p *tape) uint64 {
			return p.add(on(p.taken(), ack("node"), nil))
		}, "cause"},
		{"acknowledged in another's name", func(_ *world, p *tape) uint64 {
			return p.add(on(p.taken(), ack("token:second"), by(codeOther, "token:second")))
		}, "actor"},
		{"acknowledged by one, said of another", func(_ *world, p *tape) uint64 {
			return p.add(on(p.taken(), ack("token:someone"), by(codeSecond, "token:second")))
		}, "data"},
		{"acknowledged before it was taken", func(_ *world, p *tape) uint64 {
			return p.add(on(p.offered(), ack("token:recipient"), by(codeRecipient, "token:recipient")))
		}, "decision"},
		{"taken by another organisation", func(_ *world, p *tape) uint64 {
			return p.add(on(p.offered(), take(p, "token:second"), by(codeRecipient, "token:second")))
		}, "decision"},
		{"taken under a running lease", func(_ *world, p *tape) uint64 {
			o := p.offered()
			p.add(on(o, take(p, "token:recipient"), by(codeRecipient, "token:recipient")))
			return p.add(on(o, take(p, "token:recipient"), by(codeRecipient, "token:recipient")))
		}, "decision"},
		{"offered to somebody who is no recipient", func(_ *world, p *tape) uint64 {
			o := p.offered()
			var d delivery.Offered
			_ = json.Unmarshal(o.Statement.Data, &d)
			d.Org = codeOther
			return p.add(events.Append{Stream: delivery.Stream(d.Item, d.ItemID, d.Org), Cause: o.Statement.Cause,
				Events: []events.New{{Name: delivery.NameOffered, Data: d}}})
		}, "cause"},
		{"offered with another package", func(_ *world, p *tape) uint64 {
			o := p.offered()
			var d delivery.Offered
			_ = json.Unmarshal(o.Statement.Data, &d)
			d.Package = events.Sum(nil)
			i := slices.IndexFunc(p.events, func(e events.Event) bool { return e.Position == o.Position })
			o.Statement.Data, _ = events.MarshalObject(d)
			p.put(o)
			return uint64(i)
		}, "data"},
		{"offered twice", func(_ *world, p *tape) uint64 {
			return p.again(p.offered(), func(*events.Append) {})
		}, "decision"},
		{"offered without cause", func(_ *world, p *tape) uint64 {
			o := p.offered()
			o.Statement.Cause = nil
			p.put(o)
			return o.Position
		}, "cause"},
		{"offered because of what came later", func(_ *world, p *tape) uint64 {
			o := p.offered()
			o.Statement.Cause = &events.Address{Origin: origin, Position: o.Position + 1}
			p.put(o)
			return o.Position
		}, "cause"},
		{"withdrawn without a recall", func(_ *world, p *tape) uint64 {
			o := p.offered()
			return p.add(on(o, events.New{Name: delivery.NameWithdrawn, Data: delivery.Withdrawn{By: strings.Repeat("a", 64)}},
				func(a *events.Append) { a.Cause = o.Statement.Cause }))
		}, "decision"},
		{"marked without an effect", func(_ *world, p *tape) uint64 {
			o := p.offered()
			return p.add(on(o, events.New{Name: delivery.NameMarked, Data: delivery.Marked{Mark: delivery.MarkReplaced, By: strings.Repeat("a", 64)}},
				func(a *events.Append) { a.Cause = o.Statement.Cause }))
		}, "decision"},
		{"forwarded without a receipt", func(_ *world, p *tape) uint64 {
			o := p.last(delivery.NameRetrying)
			return p.add(on(o, events.New{Name: delivery.NameForwarded, Data: delivery.Forwarded{Node: peerOrigin, Receipt: events.Sum(nil)}},
				func(a *events.Append) { a.Cause = o.Statement.Cause }))
		}, "evidence"},
		{"forwarded with a receipt of another package", func(w *world, p *tape) uint64 {
			receipt := w.peerReceipt([]byte("<other/>"), "good")
			o := p.last(delivery.NameRetrying)
			return p.add(on(o, events.New{Name: delivery.NameForwarded, Data: delivery.Forwarded{Node: peerOrigin, Receipt: events.Sum(receipt)}},
				func(a *events.Append) { a.Cause, a.Evidence = o.Statement.Cause, receipt }))
		}, "receipt"},
		{"forwarded with a receipt by a stranger's key", func(w *world, p *tape) uint64 {
			receipt := w.peerReceipt([]byte("<other/>"), "stranger")
			o := p.last(delivery.NameRetrying)
			return p.add(on(o, events.New{Name: delivery.NameForwarded, Data: delivery.Forwarded{Node: peerOrigin, Receipt: events.Sum(receipt)}},
				func(a *events.Append) { a.Cause, a.Evidence = o.Statement.Cause, receipt }))
		}, "receipt"},
		{"given up before its time", func(_ *world, p *tape) uint64 {
			o := p.offered()
			return p.add(on(o, events.New{Name: delivery.NameFailed, Data: delivery.Failed{Reason: "not-taken"}},
				func(a *events.Append) { a.Cause = address(o) }))
		}, "decision"},
		{"retrying what is local", func(_ *world, p *tape) uint64 {
			o := p.offered()
			return p.add(on(o, events.New{Name: delivery.NameRetrying, Data: delivery.Retrying{Reason: "unreachable", Attempts: 1}},
				func(a *events.Append) { a.Cause = address(o) }))
		}, "decision"},
		{"failed for a reason in words", func(_ *world, p *tape) uint64 {
			o := p.last(delivery.NameRetrying)
			return p.add(on(o, events.New{Name: delivery.NameFailed, Data: delivery.Failed{Reason: "Không nhận", Attempts: 2, Final: true}},
				func(a *events.Append) { a.Cause = o.Statement.Cause }))
		}, "decision"},
		{"steps in another order", func(_ *world, p *tape) uint64 {
			a := p.last(delivery.NameAcknowledged)
			i := slices.IndexFunc(p.events, func(e events.Event) bool {
				return e.Statement.Stream == a.Statement.Stream && e.Statement.Name == delivery.NameTaken
			})
			taken := p.events[i]
			at, version := taken.Position, taken.Statement.Version
			taken.Position, taken.Statement.Version = a.Position, a.Statement.Version
			a.Position, a.Statement.Version = at, version
			p.put(a)
			p.put(taken)
			return at
		}, "decision"},
		{"unknown step", func(_ *world, p *tape) uint64 {
			return p.add(on(p.offered(), events.New{Name: "delivery.lost.v1", Data: struct{}{}}, nil))
		}, "form"},
	}
}

func documentForgeries() []forgery {
	received := func(p *tape) events.Event { return p.last(document.NameReceived) }
	signer := func(w *world, p *tape, b []byte, e events.Event, f func(*events.Append)) uint64 {
		return p.again(e, func(a *events.Append) {
			a.Package = bytesPackage(b)
			f(a)
		})
	}
	status := func(w *world, code schemas.StatusCode) []byte {
		return w.status(codeRecipient, code, codeSender, w.doc("101").DocumentID, w.clock.Now())
	}
	reported := func(w *world, p *tape, b []byte, code string, f func(*events.Append)) uint64 {
		e := p.event(document.NameStatusReported, codeRecipient)
		var d document.StatusReported
		_ = json.Unmarshal(e.Statement.Data, &d)
		d.Code, d.Timestamp, d.Judged = code, "2026/11/22 10:00:09", p.events[len(p.events)-1].Statement.Time
		return signer(w, p, b, e, func(a *events.Append) {
			a.Events[0].Data = d
			f(a)
		})
	}
	nothing := func(*events.Append) {}
	return []forgery{
		{"accepted again on its own stream", func(_ *world, p *tape) uint64 { return p.again(received(p), nothing) }, "time decision"},
		{"accepted on another stream", func(_ *world, p *tape) uint64 {
			return p.again(received(p), func(a *events.Append) { a.Stream = document.StreamPrefix + strings.Repeat("b", 64) })
		}, "stream time"},
		{"one recipient more", func(_ *world, p *tape) uint64 {
			e := received(p)
			var d document.Received
			_ = json.Unmarshal(e.Statement.Data, &d)
			d.Recipients = append(d.Recipients, document.Recipient{Org: codeOther, Codes: []string{codeOther}})
			e.Statement.Data, _ = events.MarshalObject(d)
			p.put(e)
			return e.Position
		}, "data"},
		{"another assurance", func(_ *world, p *tape) uint64 {
			e := p.event(document.NameReceived, "vouched")
			e.Statement.Data = bytes.Replace(e.Statement.Data, []byte(`"assurance":"agency"`), []byte(`"assurance":"own"`), 1)
			p.put(e)
			return e.Position
		}, "data"},
		{"other words", func(_ *world, p *tape) uint64 {
			e := received(p)
			e.Facts = bytes.Replace(e.Facts, []byte("báo cáo"), []byte("bao cao"), 1)
			p.put(e)
			return e.Position
		}, "facts"},
		{"a package that was changed after signing", func(w *world, p *tape) uint64 {
			e := received(p)
			b := bytes.Replace(p.bytesOf(e.Statement.Package.SHA256), []byte("V/v "), []byte("Về "), 1)
			return signer(w, p, b, e, nothing)
		}, "signature time"},
		{"signed by another agency", func(w *world, p *tape) uint64 {
			return signer(w, p, w.sign(w.unsigned(w.doc("120")), w.agencies[codeOther]), received(p), func(a *events.Append) { freshen(p, a) })
		}, "signature"},
		{"with the evidence of another signer", func(w *world, p *tape) uint64 {
			e := p.event(document.NameStatusReported, codeRecipient)
			return signer(w, p, w.signed(w.doc("121")), received(p), func(a *events.Append) {
				freshen(p, a)
				a.Evidence = p.evidenceOf(e)
			})
		}, "evidence"},
		{"without evidence", func(w *world, p *tape) uint64 {
			return signer(w, p, w.signed(w.doc("122")), received(p), func(a *events.Append) { freshen(p, a); a.Evidence = nil })
		}, "evidence"},
		{"without package", func(w *world, p *tape) uint64 {
			return p.again(received(p), func(a *events.Append) { a.Package, a.Evidence = nil, nil })
		}, "cause"},
		{"brought by another agency's client", func(w *world, p *tape) uint64 {
			return signer(w, p, w.signed(w.doc("123")), received(p), func(a *events.Append) { freshen(p, a); a.Client = "token:other" })
		}, "package"},
		{"brought by a stranger", func(w *world, p *tape) uint64 {
			return signer(w, p, w.signed(w.doc("124")), received(p), func(a *events.Append) { freshen(p, a); a.Client = "token:nobody" })
		}, "caller"},
		{"judged as of long ago", func(w *world, p *tape) uint64 {
			return signer(w, p, w.signed(w.doc("125")), received(p), func(a *events.Append) {
				rewrite(a, func(d *document.Received) { d.Judged = d.Judged.Add(-2 * time.Hour) })
			})
		}, "time"},
		{"by a directory that was there long before", func(w *world, p *tape) uint64 {
			return signer(w, p, w.signed(w.doc("126")), received(p), func(a *events.Append) {
				freshen(p, a)
				a.Basis.Directory = p.event(document.NameReceived, "vouched").Statement.Basis.Directory
			})
		}, "basis"},
		{"by half a change of the directory", func(w *world, p *tape) uint64 {
			return signer(w, p, w.signed(w.doc("127")), received(p), func(a *events.Append) { freshen(p, a); a.Basis.Directory-- })
		}, "basis"},
		{"by a directory to come", func(w *world, p *tape) uint64 {
			return signer(w, p, w.signed(w.doc("128")), received(p), func(a *events.Append) {
				freshen(p, a)
				a.Basis.Directory = uint64(len(p.events)) + 5
			})
		}, "basis"},
		{"from a peer that sent nothing", func(w *world, p *tape) uint64 {
			return signer(w, p, w.fromVPCP("129"), received(p), func(a *events.Append) {
				freshen(p, a)
				a.Client, a.Actor = "peer:"+peerOrigin, codeVPCP
			})
		}, "package data decision"},
		{"refused after it was accepted", func(w *world, p *tape) uint64 {
			return reported(w, p, status(w, schemas.StatusRejected), "02", nothing)
		}, "decision"},
		{"the same status twice", func(w *world, p *tape) uint64 {
			w.clock.Add(time.Second)
			return reported(w, p, status(w, schemas.StatusAccepted), "03", nothing)
		}, "decision"},
		{"a status by no recipient", func(w *world, p *tape) uint64 {
			b := w.status(codeOther, schemas.StatusDone, codeSender, w.doc("101").DocumentID, w.clock.Now())
			return reported(w, p, b, "06", nothing)
		}, "package signature"},
		{"another code than the status says", func(w *world, p *tape) uint64 {
			return reported(w, p, status(w, schemas.StatusDone), "05", nothing)
		}, "data"},
		{"a request to give back without its recall", func(_ *world, p *tape) uint64 {
			e := p.last(document.NameRecalled)
			p.events = p.events[:e.Position]
			return e.Position - 1
		}, "order"},
		{"a request to give back, another event between", func(_ *world, p *tape) uint64 {
			e := p.last(document.NameRecalled)
			p.events = p.events[:e.Position]
			return p.add(events.Append{Stream: refusal.Stream([16]byte{1}),
				Events: []events.New{{Name: refusal.NameRecorded, Data: refusal.Recorded{Caller: "token:sender", Code: "2004"}}}})
		}, "order"},
		{"recalled by what recalls nothing", func(_ *world, p *tape) uint64 {
			e := p.event(document.NameReceived, "vouched")
			return p.add(on(received(p), events.New{Name: document.NameRecalled, Data: document.Recalled{
				Document: strings.TrimPrefix(received(p).Statement.Stream, document.StreamPrefix), By: strings.TrimPrefix(e.Statement.Stream, document.StreamPrefix),
				Sender: codeSender,
			}}, func(a *events.Append) { a.Cause = address(e) }))
		}, "cause"},
		{"recalled without cause", func(_ *world, p *tape) uint64 {
			return p.add(on(received(p), events.New{Name: document.NameRecalled, Data: document.Recalled{
				Document: strings.TrimPrefix(received(p).Statement.Stream, document.StreamPrefix), By: strings.Repeat("c", 64), Sender: codeSender,
			}}, nil))
		}, "cause"},
		{"an unknown event", func(_ *world, p *tape) uint64 {
			return p.again(received(p), func(a *events.Append) { freshen(p, a); a.Events[0].Name = "document.forgotten.v1" })
		}, "decision form time"},
	}
}

// freshen lets an acceptance be judged now.
func freshen(p *tape, a *events.Append) {
	rewrite(a, func(d *document.Received) { d.Judged = p.events[len(p.events)-1].Statement.Time })
}

func rewrite(a *events.Append, f func(*document.Received)) {
	raw, ok := a.Events[0].Data.(json.RawMessage)
	if !ok {
		return
	}
	var d document.Received
	_ = json.Unmarshal(raw, &d)
	f(&d)
	a.Events[0].Data = d
}

// event is the last event of a name in an actor's name; "vouched": of a submission.
func (p *tape) event(name, who string) events.Event {
	p.t.Helper()
	for _, e := range slices.Backward(p.events) {
		if e.Statement.Name == name && (e.Statement.Actor == who || who == "vouched" && bytes.Contains(e.Statement.Data, []byte(`"assurance":"agency"`))) {
			return e
		}
	}
	p.t.Fatalf("no %s of %s on the tape", name, who)
	return events.Event{}
}

func otherForgeries() []forgery {
	change := func(w *world, a *agency, ops ...schemas.Operation) []byte {
		b, _, err := schemas.MarshalDirectoryChange(schemas.Header{ID: "forged-1", From: "node:" + origin, To: []string{"node:" + origin}, IssuedAt: w.clock.Now()},
			schemas.DirectoryChange{Reason: "x", Operations: ops})
		if err != nil {
			w.t.Fatal(err)
		}
		return w.sign(b, a)
	}
	accepted := func(p *tape) events.Event { return p.last(directory.NameChangeAccepted) }
	byAgency := func(w *world, p *tape, f func(*events.Append)) uint64 {
		b := change(w, w.agencies[codeOther], schemas.AddOrganisation{Code: "H02.66", Name: "Cơ quan giả", Level: 2, Parent: "H02"})
		return p.again(accepted(p), func(a *events.Append) {
			a.Package = bytesPackage(b)
			var d directory.ChangeAccepted
			_ = json.Unmarshal(a.Events[0].Data.(json.RawMessage), &d)
			d.Change, d.Content, d.Judged = "forged-1", events.Sum(b), p.events[len(p.events)-1].Statement.Time
			a.Events[0].Data = d
			a.Events[1].Data = directory.OrganisationAdded{Org: "H02.66", Parent: "H02", Level: 2}
			f(a)
		})
	}
	return []forgery{
		{"a change of the directory by an agency", func(w *world, p *tape) uint64 {
			return byAgency(w, p, func(*events.Append) {})
		}, "evidence"},
		{"a change of the directory by an agency, with its evidence", func(w *world, p *tape) uint64 {
			e := p.event(document.NameReceived, codeOther)
			return byAgency(w, p, func(a *events.Append) { a.Evidence, a.Actor = p.evidenceOf(e), codeOther })
		}, "decision"},
		{"an enrolment without a change", func(_ *world, p *tape) uint64 {
			return p.add(events.Append{Stream: directory.Stream, Events: []events.New{{Name: directory.NameCertificateEnrolled, Data: directory.CertificateEnrolled{
				Certificate: events.Sum(nil), Holder: directory.Holder{Kind: directory.HolderOrganisation, ID: codeOther},
				Purposes: []directory.Purpose{directory.PurposeSign}, Until: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC),
			}}}})
		}, "package"},
		{"a change with one operation more", func(_ *world, p *tape) uint64 {
			p.events = p.events[:accepted(p).Position+2]
			last := p.events[len(p.events)-1]
			last.Position++
			last.Statement.Version++
			last.Statement.Data = json.RawMessage(`{"org":"H02.67","parent":"H02","level":2}`)
			p.put(last)
			return last.Position
		}, "package evidence"},
		{"a change with one operation less", func(_ *world, p *tape) uint64 {
			p.events = p.events[:accepted(p).Position+1]
			return accepted(p).Position
		}, "order"},
		{"a policy that was in force", func(_ *world, p *tape) uint64 {
			var d policy.Set
			_ = json.Unmarshal(p.last(policy.NameSet).Statement.Data, &d)
			d.Number++
			return p.add(events.Append{Stream: policy.Stream, Events: []events.New{{Name: policy.NameSet, Data: d}}})
		}, "decision"},
		{"a policy set by a client", func(_ *world, p *tape) uint64 {
			weak := policy.Default()
			weak.Delivery.GiveUpDays = 99
			news, err := policy.Decide(policy.State{Number: 1}, weak)
			if err != nil {
				p.t.Fatal(err)
			}
			return p.add(events.Append{Stream: policy.Stream, Client: "token:sender", Events: news})
		}, "client"},
		{"a refusal with a number that is none", func(_ *world, p *tape) uint64 {
			return p.add(events.Append{Stream: refusal.Stream([16]byte{1}),
				Events: []events.New{{Name: refusal.NameRecorded, Data: refusal.Recorded{Caller: "token:sender", Code: "9999"}}}})
		}, "data"},
		{"a refusal of a stranger", func(_ *world, p *tape) uint64 {
			return p.add(events.Append{Stream: refusal.Stream([16]byte{1}),
				Events: []events.New{{Name: refusal.NameRecorded, Data: refusal.Recorded{Caller: "token:nobody", Code: "2004"}}}})
		}, "caller"},
		{"the digest of a secret", func(_ *world, p *tape) uint64 {
			return p.add(events.Append{Stream: refusal.Stream([16]byte{1}), Events: []events.New{{Name: refusal.NameRecorded,
				Data: refusal.Recorded{Caller: "token:sender", Code: "4001", Digest: ref(events.Sum(nil))}}}})
		}, "data"},
		{"a header id bound twice", func(_ *world, p *tape) uint64 {
			return p.again(p.last(submission.NameIDBound), func(*events.Append) {})
		}, "decision order"},
		{"a header id bound for another", func(_ *world, p *tape) uint64 {
			return p.again(p.last(submission.NameIDBound), func(a *events.Append) {
				a.Stream, a.Actor = submission.StreamPrefix+hex.EncodeToString(make([]byte, 32)), codeOther
			})
		}, "data"},
		{"a submission whose id was never bound", func(_ *world, p *tape) uint64 {
			e := p.last(submission.NameIDBound)
			e.Statement.Stream = submission.StreamPrefix + hex.EncodeToString(make([]byte, 32))
			p.put(e)
			return p.event(document.NameReceived, "vouched").Position
		}, "header id"},
		{"an answer with other bytes", func(_ *world, p *tape) uint64 {
			return p.add(events.Append{Stream: validation.Stream(events.Sum(nil)), Evidence: []byte("x"),
				Events: []events.New{{Name: validation.NameKept, Data: validation.Kept{Answer: events.Sum(nil), Kind: "crl", Length: 1}}}})
		}, "decision"},
		{"a stream that nobody knows", func(_ *world, p *tape) uint64 {
			return p.add(events.Append{Stream: "wish/1", Events: []events.New{{Name: "wish.made.v1", Data: struct{}{}}}})
		}, "stream"},
		{"an event of another log", func(_ *world, p *tape) uint64 {
			e := p.last(document.NameReceived)
			e.Statement.Origin = "tram.elsewhere.example/log"
			p.put(e)
			return e.Position
		}, "origin"},
	}
}

// TestRerunFindsWhatNoDeciderGave writes onto a good record what somebody with the node's keys could have had sealed.
func TestRerunFindsWhatNoDeciderGave(t *testing.T) {
	w := busyWorld(t)
	good := w.tapeOf(t)
	report, err := good.judge(0, rerun.Options{})
	if err != nil {
		t.Fatalf("the good record: %v", err)
	}
	if report.Events != uint64(len(good.events)) || report.Packages < 9 || report.Appends >= report.Events {
		t.Errorf("judged %+v of %d events", report, len(good.events))
	}
	for _, f := range slices.Concat(deliveryForgeries(), documentForgeries(), otherForgeries()) {
		t.Run(f.name, func(t *testing.T) {
			p := good.copy(t)
			at := f.write(w, p)
			_, err := p.judge(0, rerun.Options{})
			var bad *rerun.Mismatch
			if !errors.As(err, &bad) {
				t.Fatalf("it was not found: %v", err)
			}
			if bad.Position != at || !slices.Contains(strings.Fields(f.rules), bad.Rule) && bad.Rule != f.rules {
				t.Errorf("position %d by rule %q, expected %d by %q: %v", bad.Position, bad.Rule, at, f.rules, bad)
			}
		})
	}
}

// TestRerunGoesOn begins in the middle, with next to nothing in memory: the same is judged.
func TestRerunGoesOn(t *testing.T) {
	p := busyWorld(t).tapeOf(t)
	starts := 0
	for from := range p.events {
		if s, b := p.events[from].Statement, from > 0; b && s.Stream == p.events[from-1].Statement.Stream && s.Time.Equal(p.events[from-1].Statement.Time) {
			continue
		}
		if from%7 != 0 {
			continue
		}
		starts++
		report, err := p.judge(uint64(from), rerun.Options{Streams: 2})
		if err != nil {
			t.Fatalf("from %d: %v", from, err)
		}
		if report.Events != uint64(len(p.events)-from) {
			t.Errorf("from %d: %d events judged, there are %d", from, report.Events, len(p.events)-from)
		}
	}
	if starts < 3 {
		t.Fatalf("only %d places to begin", starts)
	}
}

// TestRerunToleratesDestruction: a package that is gone by a recorded decision cannot be judged again, and is named; without one it is a loss.
func TestRerunToleratesDestruction(t *testing.T) {
	w := busyWorld(t)
	p := w.tapeOf(t)
	e := p.last(document.NameReceived)
	gone := destroyedPackage{tape: p, digest: e.Statement.Package.SHA256}
	judge := func(destroyed func(events.Event) bool) (rerun.Report, error) {
		r, err := rerun.New(w.ctx, rerun.Options{Origin: origin, Record: gone, Pinned: w.config.Pinned, Destroyed: destroyed})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range p.events {
			if err := r.One(w.ctx, e, rerun.Source{}); err != nil {
				return rerun.Report{}, err
			}
		}
		return r.Finish(w.ctx)
	}
	var bad *rerun.Mismatch
	if _, err := judge(nil); !errors.As(err, &bad) || bad.Position != e.Position || bad.Rule != "package" {
		t.Errorf("without a decision: %v", err)
	}
	report, err := judge(func(x events.Event) bool { return x.Position == e.Position })
	if err != nil {
		t.Fatalf("with a decision: %v", err)
	}
	if !slices.ContainsFunc(report.Unproved, func(u rerun.Unproved) bool { return u.First == e.Position && strings.Contains(u.What.En, "destroyed") }) {
		t.Errorf("it does not say so: %+v", report.Unproved)
	}
}

type destroyedPackage struct {
	*tape
	digest events.Digest
}

// OpenPackage implements rerun.Record.
func (d destroyedPackage) OpenPackage(ctx context.Context, sum events.Digest) (events.PackageReader, error) {
	if sum == d.digest {
		return nil, events.ErrNotFound
	}
	return d.tape.OpenPackage(ctx, sum)
}
