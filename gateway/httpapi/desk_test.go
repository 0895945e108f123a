package httpapi_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/gateway/rerun"
	"github.com/tram-exchange/tram/schemas"
)

// The office that the vectors are held against stands as they say; and all that led there is judged again from the record, which finds
// what the rules did not give.
func TestDesk(t *testing.T) {
	w := deskIn(t)
	for phase, want := range map[string]incoming.Phase{
		"arrived": incoming.PhaseArrived, "registered": incoming.PhaseRegistered, "presented": incoming.PhasePresented, "assigned": incoming.PhaseAssigned,
		"handling": incoming.PhaseHandling, "finished": incoming.PhaseFinished, "asked": incoming.PhaseAssigned, "late": incoming.PhaseAssigned,
		"refused": incoming.PhaseRefused, "withdrawn": incoming.PhaseWithdrawn, "numbering": incoming.PhaseRegistering,
	} {
		if s, err := w.node.Others().Incoming(w.ctx, incoming.Stream(codeSender, arrivalKey(phase))); err != nil || s.Phase != want {
			t.Errorf("%s: %q, %v", phase, s.Phase, err)
		}
	}
	for id, want := range map[string]dossier.Phase{"open": dossier.PhaseOpen, "closed": dossier.PhaseClosed, "new": dossier.PhaseOpen} {
		if s, err := w.node.Others().Dossier(w.ctx, dossier.Stream(codeSender, id)); err != nil || s.Phase != want || (s.Number == 0) != (id == "new") {
			t.Errorf("%s: %q, number %d, %v", id, s.Phase, s.Number, err)
		}
	}
	w.judgedAgain(t)

	for _, forge := range []struct{ what, event, was, is string }{
		{"somebody else is in charge", incoming.NameAssigned, `"person":"an"`, `"person":"binh"`},
		{"a leader did not assign it", incoming.NameAssigned, `,"leader":true`, ``},
		{"more time", incoming.NameAssigned, `"due":"2026-11-22"`, `"due":"2026-12-22"`},
		{"somebody else finished it", incoming.NameFinished, `"person":"an"`, `"person":"binh"`},
		{"in the place of another", incoming.NameFinished, `"person":"an"`, `"person":"an","for":"cuc"`},
		{"another register's book", incoming.NameRegistrationAsked, `"book":"den-den"`, `"book":"den-mat"`},
		{"another reason to withdraw", incoming.NameWithdrawn, `"by":"status:`, `"by":"status:0`},
		{"another number in the contents list", dossier.NameItemAdded, `"item":1`, `"item":2`},
		{"another task", dossier.NameTaskFinished, `"task":"t2"`, `"task":"t1"`},
		{"another entry of the file plan", dossier.NameOpened, `"file_plan":"01"`, `"file_plan":"02"`},
		{"kept shorter", dossier.NameOpened, `"retention":"10-nam"`, `"retention":"5-nam"`},
		{"closed with items", dossier.NameClosed, `"items":0`, `"items":1`},
	} {
		p := w.tapeOf(t)
		e := p.last(forge.event)
		if !bytes.Contains(e.Statement.Data, []byte(forge.was)) {
			t.Errorf("%s: %s does not hold %s", forge.what, e.Statement.Data, forge.was)
			continue
		}
		e.Statement.Data = bytes.Replace(e.Statement.Data, []byte(forge.was), []byte(forge.is), 1)
		p.put(e)
		_, err := p.judge(0, rerun.Options{})
		var bad *rerun.Mismatch
		if !errors.As(err, &bad) || bad.Position != e.Position {
			t.Errorf("%s: %v, expected it to be found at %d", forge.what, err, e.Position)
		}
	}
}

// An agency that succeeds another goes on with what the other has begun, and registers what the other had not.
func TestDeskOfASuccessor(t *testing.T) {
	w := newWorld(t)
	w.mustChange(workingOffice(w.clock.Now())...)
	w.mustChange(
		schemas.SetPerson{Agency: codeSecond, Person: "tho", Name: "Thơ", Duties: []schemas.OfficeDuty{{Role: "clerk"}}},
		schemas.SetPerson{Agency: codeSecond, Person: "uyen", Name: "Uyên", Duties: []schemas.OfficeDuty{{Role: "leader"}}},
		schemas.SetRegister{Agency: codeSecond, Register: "den", Name: "Sổ văn bản đến"},
	)
	for _, id := range []string{"begun", "waiting"} {
		d := w.doc(map[string]string{"begun": "41", "waiting": "42"}[id], func(d *schemas.Document) {
			d.From, d.To, d.DocumentID = d.To[0], []schemas.Organisation{{ID: codeSecond, Name: "Sở Y tế"}}, arrivalID(id)
		})
		if a := w.post("recipient", w.signed(d)); a.status >= 300 {
			t.Fatalf("document: status %d: %s", a.status, a.body)
		}
	}
	w.deskAct("1", deskAct{org: codeSecond, kind: schemas.TargetIncoming, id: arrivalKey("begun"), person: "tho", act: schemas.RegisterIncoming{}})
	deskOffice(w, vectorCustody{})
	before := incoming.Stream(codeSecond, arrivalKey("begun"))
	if s, err := w.node.Others().Incoming(w.ctx, before); err != nil || s.Number != 1 {
		t.Fatalf("number %d, %v", s.Number, err)
	}
	w.mustChange(schemas.CloseOrganisation{Code: codeSecond, Successor: codeSender, From: schemas.Date{Year: 2026, Month: 11, Day: 22}})
	for n, a := range []deskAct{
		{id: arrivalKey("begun"), person: "em", act: schemas.Present{To: "dung"}},
		{id: arrivalKey("begun"), person: "dung", act: schemas.Assign{InCharge: schemas.Assignee{Unit: "nv"}}},
		{id: arrivalKey("waiting"), person: "em", act: schemas.RegisterIncoming{}},
	} {
		a.kind = schemas.TargetIncoming
		w.deskAct("sau-"+string(rune('1'+n)), a)
	}
	for stream, want := range map[string]incoming.Phase{
		before: incoming.PhaseAssigned, incoming.Stream(codeSecond, arrivalKey("waiting")): incoming.PhaseRegistering,
		incoming.Stream(codeSender, arrivalKey("begun")): incoming.PhaseArrived, incoming.Stream(codeSender, arrivalKey("waiting")): incoming.PhaseArrived,
	} {
		if s, err := w.node.Others().Incoming(w.ctx, stream); err != nil || s.Phase != want {
			t.Errorf("%s: %q, %v", stream, s.Phase, err)
		}
	}
	w.judgedAgain(t)
}

// What a document says of itself is asked when it is acted on: no agency but a recipient has it.
func TestDeskOfNoRecipient(t *testing.T) {
	w := newWorld(t)
	w.mustChange(workingOffice(w.clock.Now())...)
	d := w.doc("43", func(d *schemas.Document) {
		d.From, d.To, d.DocumentID = d.To[0], []schemas.Organisation{{ID: codeSecond, Name: "Sở Y tế"}}, arrivalID("theirs")
	})
	if a := w.post("recipient", w.signed(d)); a.status >= 300 {
		t.Fatalf("document: status %d: %s", a.status, a.body)
	}
	a := w.post("sender", w.deskPackage("1", deskAct{kind: schemas.TargetIncoming, id: arrivalKey("theirs"), person: "em", act: schemas.RegisterIncoming{}}))
	if p := a.problem(t); p.Code != 7050 {
		t.Errorf("refused with %d %s", p.Code, p.ID)
	}
	if err := w.store.Stream(w.ctx, incoming.Stream(codeSender, arrivalKey("theirs")), 0, func(e events.Event) error {
		return errors.New("something was recorded: " + e.Statement.Name)
	}); err != nil {
		t.Error(err)
	}
}

// A sender who asks for a document back is answered by a clerk of the recipient's office, and told by the node: 15, and the document is
// withdrawn; or 16, and the work goes on.
func TestDeskAnswersTheSender(t *testing.T) {
	for _, x := range []struct {
		act    schemas.Act
		status string
		phase  incoming.Phase
	}{
		{schemas.AgreeRecall{}, "15", incoming.PhaseWithdrawn},
		{schemas.DeclineRecall{Reason: "Đã xử lý xong"}, "16", incoming.PhaseAssigned},
	} {
		w, carryOn := deskWith(t)
		id, stream := arrivalKey("asked"), incoming.Stream(codeSender, arrivalKey("asked"))
		w.deskAct("tra-loi", deskAct{kind: schemas.TargetIncoming, id: id, person: "em", act: x.act})
		carryOn()
		d, err := w.node.Others().Document(w.ctx, document.StreamPrefix+id)
		if err != nil || d.Progress(codeSender).Answered != x.status {
			t.Fatalf("%s: the sender knows %+v, %v", x.act.Name(), d.Progress(codeSender), err)
		}
		s, err := w.node.Others().Incoming(w.ctx, stream)
		if err != nil || s.Phase != x.phase {
			t.Errorf("%s: %q, %v", x.act.Name(), s.Phase, err)
		}
		after := w.post("sender", w.deskPackage("sau", deskAct{kind: schemas.TargetIncoming, id: id, person: "an", act: schemas.StartHandling{}}))
		if x.phase == incoming.PhaseWithdrawn {
			if p := after.problem(t); p.Code != 7056 {
				t.Errorf("after 15: %d %s", p.Code, p.ID)
			}
		} else if after.status >= 300 {
			t.Errorf("after 16: %d %s", after.status, after.body)
		}
		w.judgedAgain(t)
	}
}
