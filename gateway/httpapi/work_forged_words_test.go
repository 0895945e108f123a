package httpapi_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/events/numbering"
	"github.com/tram-exchange/tram/events/reading"
	"github.com/tram-exchange/tram/gateway/rerun"
	"github.com/tram-exchange/tram/schemas"
)

// wholeWork is a record of work that came to its end: one document issued and recalled, one given up with its number, a copy, a dossier; at
// the recipient one registered and one refused.
type wholeWork struct {
	*agencyAtWork
	registered, refused string
}

func newWholeWork(t *testing.T) *wholeWork {
	a := newAgencyAtWork(t, codeSender, codeRecipient)
	a.mustChange(schemas.SetSeries{Agency: codeSender, Series: "sao", Name: "Sao", Copies: true, Notation: "{type}-S"})
	c := &wholeWork{agencyAtWork: a, registered: a.sentOnly("901"), refused: a.sentOnly("902")}
	a.carryOn()
	a.did(codeRecipient, "lan", schemas.TargetIncoming, c.registered, schemas.RegisterIncoming{})
	a.did(codeRecipient, "lan", schemas.TargetIncoming, c.refused, schemas.RefuseIncoming{Reason: "Sai nơi nhận"})
	whole := a.office
	a.signedDraft(codeSender, "huy", codeRecipient)
	a.office = a.newOffice(&failing{Node: a.node, left: 3})
	if _, err := a.click(codeSender, "lan", schemas.TargetOutgoing, "huy", schemas.Issue{}); err != nil {
		t.Fatal(err)
	}
	a.office = whole
	a.did(codeSender, "lan", schemas.TargetOutgoing, "huy", schemas.Cancel{Reason: "Sai thể thức"})
	a.signedDraft(codeSender, "di", codeRecipient)
	a.did(codeSender, "lan", schemas.TargetOutgoing, "di", schemas.Issue{})
	a.did(codeSender, "lan", schemas.TargetOutgoing, "sao", schemas.MakeCopy{Form: schemas.CopyTrue, Of: "di", ToPlaces: []string{"Lưu: VT"}, Signer: "huong"})
	a.did(codeSender, "minh", schemas.TargetDossier, "h", schemas.OpenDossier{FilePlan: "01-TH", Title: "Hồ sơ"})
	a.did(codeSender, "lan", schemas.TargetOutgoing, "di", schemas.RecallIssued{Reason: "Nhầm phụ lục"})
	if err := a.office.Opened(a.ctx, codeRecipient, "incoming", c.registered, reading.Opened{Org: codeRecipient, Person: "lan", What: reading.WhatPage}); err != nil {
		t.Fatal(err)
	}
	a.carryOn()
	a.nothingWaits()
	return c
}

// What the node did for an agency is what the rules give, to the letter: whose it is, under which number, by which words.
func TestRerunFindsForgedWords(t *testing.T) {
	c := newWholeWork(t)
	good := c.tapeOf(t)
	if _, err := good.judge(0, rerun.Options{}); err != nil {
		t.Fatalf("the good record: %v", err)
	}
	di, huy := outgoing.Stream(codeSender, "di"), outgoing.Stream(codeSender, "huy")
	void := numbering.Stream(codeSender, numbering.Series("cv"), 2026, 1)
	for _, f := range []struct{ what, stream, event, was, is string }{
		{"another signer", di, outgoing.NameRevised, `"signer":"huong"`, `"signer":"binh"`},
		{"another recipient", di, outgoing.NameRevised, `"org":"` + codeRecipient, `"org":"` + codeSecond},
		{"another version", di, outgoing.NameRevised, `"version":1`, `"version":2`},
		{"another chain", di, outgoing.NameSubmitted, `"chain":"ky"`, `"chain":"tat"`},
		{"a step less to pass", di, outgoing.NameSubmitted, `{"role":"head","unit":"tc"},`, ``},
		{"approved by its author", di, outgoing.NameApproved, `"person":"binh"`, `"person":"minh"`},
		{"approved at another step", di, outgoing.NameApproved, `"step":1`, `"step":2`},
		{"signed by another", di, outgoing.NameSigned, `"person":"huong"`, `"person":"binh"`},
		{"issued by another", di, outgoing.NameIssueAsked, `"person":"lan"`, `"person":"huong"`},
		{"another notation", di, outgoing.NameIssueAsked, `"notation":"S-TC"`, `"notation":"S-UBND"`},
		{"another year's book", di, outgoing.NameIssueAsked, `"year":2026`, `"year":2025`},
		{"another agency's book", di, outgoing.NameIssueAsked, `"series":"cv"`, `"series":"cv","org":"` + codeRecipient + `"`},
		{"dated before its signature", di, outgoing.NameIssueAsked, `"date":"2026-11-22"`, `"date":"2026-11-21"`},
		{"another number chosen", di, outgoing.NameNumberChosen, `"n":2`, `"n":3`},
		{"another number had", di, outgoing.NameNumbered, `"n":2`, `"n":1`},
		{"another number written", di, outgoing.NameNumbered, `"number":"02"`, `"number":"20"`},
		{"another notation written", di, outgoing.NameNumbered, `"notation":"S-TC"`, `"notation":"S-UBND"`},
		{"another package sent", di, outgoing.NameSent, `"package":"`, `"package":"00`},
		{"asked back from nobody in particular", di, outgoing.NameRecallAsked, `"org":"` + codeRecipient, `"org":"` + codeSecond},
		{"asked back for another reason", di, outgoing.NameRecallAsked, `Nhầm phụ lục`, `Không còn phù hợp`},
		{"another number given up", huy, outgoing.NameCancelled, `"n":1`, `"n":2`},
		{"void for another reason", void, numbering.NameVoided, `Sai thể thức`, `Không cần nữa`},
		{"another's number void", void, numbering.NameVoided, huy, di},
		{"a copy of something else", outgoing.Stream(codeSender, "sao"), outgoing.NameOpened, `"outgoing":"di"`, `"outgoing":"huy"`},
		{"a copy in another form", outgoing.Stream(codeSender, "sao"), outgoing.NameOpened, `"form":"SY"`, `"form":"SL"`},
		{"another code of a dossier", dossier.Stream(codeSender, "h"), dossier.NameNumbered, `"n":1`, `"n":2`},
		{"refused for another reason", incoming.Stream(codeRecipient, c.refused), incoming.NameRefused, `Sai nơi nhận`, `Trùng`},
		{"told for another reason", document.StreamPrefix + c.refused, document.NameStatusReported, `Đã đến`, `Chưa đến`},
		{"read by another", reading.Stream(codeRecipient, "incoming", c.registered), reading.NameOpened, `"person":"lan"`, `"person":"la"`},
	} {
		p := good.copy(t)
		e := p.first(f.stream, f.event)
		data, facts := bytes.Replace(e.Statement.Data, []byte(f.was), []byte(f.is), 1), bytes.Replace(e.Facts, []byte(f.was), []byte(f.is), 1)
		if bytes.Equal(data, e.Statement.Data) && bytes.Equal(facts, e.Facts) {
			t.Errorf("%s: neither %s nor %s holds %s", f.what, e.Statement.Data, e.Facts, f.was)
			continue
		}
		e.Statement.Data = data
		if e.Facts != nil {
			e.Facts = facts
			d := events.Sum(facts)
			e.Statement.Facts = &d
		}
		p.put(e)
		var bad *rerun.Mismatch
		if _, err := p.judge(0, rerun.Options{}); !errors.As(err, &bad) || bad.Position > e.Position || bad.Stream != f.stream {
			t.Errorf("%s: %v, expected it to be found at %d", f.what, err, e.Position)
		}
	}
}

// What the node says to a sender in an agency's name follows from what its people did, and says no more.
func TestRerunFindsForgedStatuses(t *testing.T) {
	c := newWholeWork(t)
	good := c.tapeOf(t)
	told := func(p *tape, key string, cause events.Event, code schemas.StatusCode, words string) uint64 {
		p.t.Helper()
		of := c.doc("901")
		if key == c.refused {
			of = c.doc("902")
		}
		b, _, err := schemas.MarshalStatus(&schemas.Status{
			From: schemas.Organisation{ID: codeRecipient, Name: "Sở Tài chính"}, Code: code, Description: words, TimestampRaw: schemas.FormatTimestamp(cause.Statement.Time),
			ResponseFor: schemas.ResponseFor{OrganID: codeSender, Code: of.Code.String(), DocumentID: of.DocumentID, PromulgationDate: of.Promulgation.Date},
		})
		if err != nil {
			p.t.Fatal(err)
		}
		return p.again(p.end(document.StreamPrefix+key), func(a *events.Append) {
			a.Cause, a.Package = address(cause), bytesPackage(c.sign(b, c.keys[codeRecipient]))
		})
	}
	in := func(key string) string { return incoming.Stream(codeRecipient, key) }
	for _, f := range []struct {
		name  string
		write func(p *tape) uint64
		rules string
	}{
		{"another reason than the clerk gave", func(p *tape) uint64 {
			return told(p, c.refused, p.end(in(c.refused)), schemas.StatusRejected, "Văn bản trái pháp luật")
		}, "cause"},
		{"done, and it was registered only", func(p *tape) uint64 {
			return told(p, c.registered, p.end(in(c.registered)), schemas.StatusDone, "Đã hoàn thành")
		}, "cause"},
		{"refused because another was", func(p *tape) uint64 {
			return told(p, c.registered, p.end(in(c.refused)), schemas.StatusRejected, "Sai nơi nhận")
		}, "cause"},
		{"registered after it was refused", func(p *tape) uint64 {
			return told(p, c.refused, p.end(in(c.registered)), schemas.StatusAccepted, "Đã tiếp nhận")
		}, "cause"},
		{"told once more", func(p *tape) uint64 {
			return told(p, c.registered, p.end(in(c.registered)), schemas.StatusAccepted, "Đã tiếp nhận")
		}, "decision"},
		{"opened twice within a minute", func(p *tape) uint64 {
			e := p.end(reading.Stream(codeRecipient, "incoming", c.registered))
			return p.add(events.Append{Stream: e.Statement.Stream, Actor: codeRecipient, Events: []events.New{{Name: reading.NameOpened,
				Data: reading.Opened{Org: codeRecipient, Person: "lan", What: reading.WhatPage}}}})
		}, "decision"},
		{"read what is another agency's", func(p *tape) uint64 {
			return p.add(events.Append{Stream: reading.Stream(codeSender, "outgoing", "di"), Actor: codeRecipient, Events: []events.New{{Name: reading.NameOpened,
				Data: reading.Opened{Org: codeRecipient, Person: "lan", What: reading.WhatPage}}}})
		}, "data"},
		{"a document sent in an agency's name that nobody wrote", func(p *tape) uint64 {
			sent := p.first(document.StreamPrefix+c.outgoingState(codeSender, "di").Document, document.NameReceived)
			d := c.doc("999")
			return p.again(sent, func(a *events.Append) {
				a.Stream = document.Stream(codeSender, d.DocumentID)
				a.Package = bytesPackage(c.sign(c.unsigned(d), c.keys[codeSender]))
			})
		}, "cause"},
		{"sent once more", func(p *tape) uint64 {
			return p.again(p.first(outgoing.Stream(codeSender, "di"), outgoing.NameSent), func(*events.Append) {})
		}, "decision cause"},
		{"sealed after it was given up", func(p *tape) uint64 {
			s := outgoing.Stream(codeSender, "huy")
			return p.add(events.Append{Stream: s, Cause: address(p.end(s)), Events: []events.New{{Name: outgoing.NameSealed, Data: outgoing.Sealed{Document: c.registered}}}})
		}, "decision"},
		{"a void number taken again", func(p *tape) uint64 {
			number := numbering.Stream(codeSender, numbering.Series("cv"), 2026, 1)
			choice := p.first(outgoing.Stream(codeSender, "di"), outgoing.NameNumberChosen)
			return p.add(events.Append{Stream: number, Cause: address(choice), Events: []events.New{{Name: numbering.NameTaken, Data: numbering.Taken{Holder: outgoing.Stream(codeSender, "di")}}}})
		}, "cause"},
	} {
		t.Run(f.name, func(t *testing.T) {
			p := good.copy(t)
			at := f.write(p)
			_, err := p.judge(0, rerun.Options{})
			var bad *rerun.Mismatch
			if !errors.As(err, &bad) || bad.Position != at || !slices.Contains(strings.Fields(f.rules), bad.Rule) {
				t.Errorf("%v, expected event %d to be named by %q", err, at, f.rules)
			}
		})
	}
}
