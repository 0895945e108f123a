package httpapi_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/events/numbering"
	"github.com/tram-exchange/tram/events/reading"
	"github.com/tram-exchange/tram/gateway/rerun"
	"github.com/tram-exchange/tram/schemas"
)

// cutWork is a record that ends in the middle of much: what was registered and assigned (one), has only arrived (two), waits for its
// number (three), has chosen one (four); and a document of the sender that is numbered and not sealed (d).
type cutWork struct {
	*agencyAtWork
	one, two, three, four string
}

func newCutWork(t *testing.T) *cutWork {
	a := newAgencyAtWork(t, codeSender, codeRecipient)
	c := &cutWork{agencyAtWork: a, one: a.sent("401"), two: a.sent("402"), three: a.sent("403"), four: a.sent("404")}
	a.carryOn()
	a.did(codeRecipient, "lan", schemas.TargetIncoming, c.one, schemas.RegisterIncoming{})
	a.did(codeRecipient, "huong", schemas.TargetIncoming, c.one, schemas.Assign{InCharge: schemas.Assignee{Unit: "tc", Person: "minh"}})
	draft := schemas.Draft{Type: "Công văn", Subject: "V/v", Content: "x", Recipients: []string{codeSecond}, Signer: "huong"}
	out := func(person string, act schemas.Act, files ...schemas.File) {
		a.did(codeSender, person, schemas.TargetOutgoing, "d", act, files...)
	}
	out("minh", schemas.SaveDraft{Draft: draft}, schemas.FileBytes("a.pdf", "application/pdf", []byte("%PDF-1.4")))
	out("minh", schemas.Submit{})
	out("binh", schemas.Approve{})
	out("huong", schemas.Approve{})
	cut := func(left int, org string, kind schemas.TargetKind, id string, act schemas.Act) {
		t.Helper()
		whole := a.office
		defer func() { a.office = whole }()
		a.office = a.newOffice(&failing{Node: a.node, left: left})
		if d, err := a.click(org, "lan", kind, id, act); err != nil || d.Pending == nil {
			t.Fatalf("%v, expected to be cut: %v", err, d.Pending)
		}
	}
	cut(0, codeRecipient, schemas.TargetIncoming, c.three, schemas.RegisterIncoming{})
	cut(1, codeRecipient, schemas.TargetIncoming, c.four, schemas.RegisterIncoming{})
	cut(3, codeSender, schemas.TargetOutgoing, "d", schemas.Issue{})
	return c
}

// end is the last event of a stream on the tape.
func (p *tape) end(stream string) events.Event {
	p.t.Helper()
	for _, e := range slices.Backward(p.events) {
		if e.Statement.Stream == stream {
			return e
		}
	}
	p.t.Fatalf("no event of %s on the tape", stream)
	return events.Event{}
}

// first is the first event of a name on a stream.
func (p *tape) first(stream, name string) events.Event {
	p.t.Helper()
	for _, e := range p.events {
		if e.Statement.Stream == stream && e.Statement.Name == name {
			return e
		}
	}
	p.t.Fatalf("no %s of %s on the tape", name, stream)
	return events.Event{}
}

// TestRerunFindsForgedWork writes onto a good record what the node did not do by the rules of its office.
func TestRerunFindsForgedWork(t *testing.T) {
	c := newCutWork(t)
	good := c.tapeOf(t)
	if _, err := good.judge(0, rerun.Options{}); err != nil {
		t.Fatalf("the good record: %v", err)
	}
	in := func(id string) string { return incoming.Stream(codeRecipient, id) }
	book := numbering.Book{Org: codeRecipient, Name: numbering.Register("den"), Year: 2026}
	outStream := outgoing.Stream(codeSender, "d")
	// step appends one event of the node that follows from another.
	step := func(p *tape, stream string, cause events.Event, name string, data any) uint64 {
		return p.add(events.Append{Stream: stream, Cause: address(cause), Events: []events.New{{Name: name, Data: data}}})
	}
	choose := func(n int) incoming.NumberChosen {
		return incoming.NumberChosen{Book: book.Name, Year: book.Year, N: n}
	}
	for _, f := range []struct {
		name  string
		write func(p *tape) uint64
		rules string
	}{
		{"a number skipped", func(p *tape) uint64 {
			return step(p, in(c.three), p.end(in(c.three)), incoming.NameNumberChosen, choose(3))
		}, "decision"},
		{"a number chosen after something else", func(p *tape) uint64 {
			return step(p, in(c.three), p.end(in(c.one)), incoming.NameNumberChosen, choose(2))
		}, "cause"},
		{"another chosen while the first is to be had", func(p *tape) uint64 {
			return step(p, in(c.four), p.end(in(c.four)), incoming.NameNumberChosen, choose(3))
		}, "decision"},
		{"a number taken twice", func(p *tape) uint64 {
			return step(p, book.Stream(1), p.end(in(c.four)), numbering.NameTaken, numbering.Taken{Holder: in(c.four)})
		}, "cause"},
		{"a number taken by who did not choose it", func(p *tape) uint64 {
			return step(p, book.Stream(2), p.end(in(c.three)), numbering.NameTaken, numbering.Taken{Holder: in(c.three)})
		}, "cause"},
		{"a number taken for another than who chose it", func(p *tape) uint64 {
			return step(p, book.Stream(2), p.end(in(c.four)), numbering.NameTaken, numbering.Taken{Holder: in(c.three)})
		}, "data"},
		{"a number taken without cause", func(p *tape) uint64 {
			return p.add(events.Append{Stream: book.Stream(2), Events: []events.New{{Name: numbering.NameTaken, Data: numbering.Taken{Holder: in(c.four)}}}})
		}, "cause"},
		{"registered with a number that is not taken", func(p *tape) uint64 {
			return step(p, in(c.four), p.end(in(c.four)), incoming.NameRegistered, incoming.Registered{Book: book.Name, Year: book.Year, N: 2})
		}, "decision"},
		{"registered with a number that another holds", func(p *tape) uint64 {
			step(p, book.Stream(2), p.end(in(c.four)), numbering.NameTaken, numbering.Taken{Holder: in(c.four)})
			return step(p, in(c.four), p.end(book.Stream(2)), incoming.NameRegistered, incoming.Registered{Book: book.Name, Year: book.Year, N: 1})
		}, "data"},
		{"registered once more", func(p *tape) uint64 {
			return step(p, in(c.one), p.end(book.Stream(1)), incoming.NameRegistered, incoming.Registered{Book: book.Name, Year: book.Year, N: 1})
		}, "decision"},
		{"a number void that nobody gave up", func(p *tape) uint64 {
			return step(p, book.Stream(1), p.end(in(c.one)), numbering.NameVoided, numbering.Voided{Holder: in(c.one)})
		}, "cause"},
		{"an act without package", func(p *tape) uint64 {
			e := p.first(in(c.one), incoming.NameAssigned)
			return p.again(e, func(a *events.Append) { a.Package, a.Evidence = nil, nil })
		}, "package evidence"},
		{"an act of somebody without the right", func(p *tape) uint64 {
			b, _, err := schemas.MarshalDossierAction(schemas.Header{ID: "gia-1", From: codeRecipient, IssuedAt: c.clock.Now(),
				Person: schemas.Person{Name: "Lê Đức Minh", Account: "minh"}},
				schemas.DossierAction{Target: schemas.ActTarget{Kind: schemas.TargetIncoming, ID: c.two}, Act: schemas.RegisterIncoming{}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			e := p.first(in(c.one), incoming.NameRegistrationAsked)
			return p.again(e, func(a *events.Append) {
				a.Stream, a.Package = in(c.two), bytesPackage(c.sign(b, c.keys[codeRecipient]))
			})
		}, "decision"},
		{"an act done once more", func(p *tape) uint64 {
			return p.again(p.first(in(c.one), incoming.NameAssigned), func(*events.Append) {})
		}, "decision data"},
		{"a status without its cause", func(p *tape) uint64 {
			return p.again(p.end(document.StreamPrefix+c.one), func(a *events.Append) { a.Cause = nil })
		}, "cause"},
		{"a status caused by something else", func(p *tape) uint64 {
			return p.again(p.end(document.StreamPrefix+c.one), func(a *events.Append) { a.Cause = address(p.end(in(c.three))) })
		}, "cause"},
		{"a status of another's doing", func(p *tape) uint64 {
			return p.again(p.end(document.StreamPrefix+c.one), func(a *events.Append) {
				a.Cause = address(p.first(delivery.Stream(document.StreamPrefix+c.two, delivery.ItemDocument, codeSecond), delivery.NameOffered))
			})
		}, "cause"},
		{"an entry emptied that nobody registered", func(p *tape) uint64 {
			s := delivery.Stream(document.StreamPrefix+c.two, delivery.ItemDocument, codeRecipient)
			at := p.events[len(p.events)-1].Statement.Time
			return p.add(events.Append{Stream: s, Actor: codeRecipient, Cause: address(p.first(in(c.one), incoming.NameRegistered)),
				Events: []events.New{{Name: delivery.NameTaken, Data: delivery.Taken{Client: "node", Until: at.Add(1e11)}}}})
		}, "decision"},
		{"taken back though nobody asked", func(p *tape) uint64 {
			return step(p, in(c.two), p.end(document.StreamPrefix+c.two), incoming.NameWithdrawn, incoming.Withdrawn{Document: c.two, By: c.one})
		}, "decision"},
		{"sealed under another key", func(p *tape) uint64 {
			return step(p, outStream, p.end(outStream), outgoing.NameSealed, outgoing.Sealed{Document: c.one})
		}, "data"},
		{"sent, and it was not", func(p *tape) uint64 {
			key := document.Key(codeSender, codeSender+",2026/11/22,01/S-TC")
			step(p, outStream, p.end(outStream), outgoing.NameSealed, outgoing.Sealed{Document: key})
			return step(p, outStream, p.end(outStream), outgoing.NameSent, outgoing.Sent{Document: key, Package: strings.Repeat("ab", 32)})
		}, "decision"},
		{"read by nobody", func(p *tape) uint64 {
			return p.add(events.Append{Stream: reading.Stream(codeRecipient, "incoming", c.one), Actor: codeRecipient,
				Events: []events.New{{Name: reading.NameOpened, Data: reading.Opened{Org: codeRecipient, Person: "ma", What: reading.WhatPage}}}})
		}, "data"},
	} {
		t.Run(f.name, func(t *testing.T) {
			p := good.copy(t)
			at := f.write(p)
			_, err := p.judge(0, rerun.Options{})
			var bad *rerun.Mismatch
			if !errors.As(err, &bad) {
				t.Fatalf("%v, expected event %d to be named", err, at)
			}
			if bad.Position != at || !slices.Contains(strings.Fields(f.rules), bad.Rule) {
				t.Errorf("position %d by rule %q, expected %d by %q: %v", bad.Position, bad.Rule, at, f.rules, bad)
			}
		})
	}
}
