package httpapi_test

import (
	"cmp"
	"fmt"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/office"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing/trialca"
)

// arrivalKey is the key of the document that came to the sender's office and stands in a phase there.
func arrivalKey(phase string) string { return document.Key(codeRecipient, arrivalID(phase)) }

func arrivalID(phase string) string { return codeRecipient + ",2026/11/20," + phase + "/STC" }

// deskAct is an act on an incoming document or a dossier of the sender's office.
type deskAct struct {
	org        string // "" the sender's
	kind       schemas.TargetKind
	id, person string
	act        schemas.Act
}

// deskIn makes the sender's office with a document in each phase: {{incoming PHASE}}; all but the first were registered by em, laid
// before dung, assigned to an, started and finished by an, as far as the phase says. The deadline of "late" has passed; the draft d
// answers "handling". And dossiers: new (without its code), open, with
// the task t1 for kt and the item 1, and closed; they are an's.
func deskIn(t testing.TB) *world {
	t.Helper()
	w, _ := deskWith(t)
	return w
}

// deskWith also gives what does the node's steps.
func deskWith(t testing.TB) (_ *world, carryOn func()) {
	t.Helper()
	w := newWorld(t)
	key, cert := w.issue(w.ca, trialca.Leaf{Name: "Khóa giữ hộ", OrgCode: codeSender, Use: trialca.Sign})
	w.mustChange(append(workingOffice(w.clock.Now()),
		schemas.SetUnit{Agency: codeSender, Unit: "cu", Name: "Phòng cũ"}, schemas.CloseUnit{Agency: codeSender, Unit: "cu"},
		schemas.SetRetention{Agency: codeSender, Retention: "10-nam", Name: "10 năm", Years: 10},
		schemas.SetFilePlan{Agency: codeSender, Code: "01", Title: "Tổng hợp", Retention: "10-nam"},
		schemas.SetFilePlan{Agency: codeSender, Code: "02", Title: "Cũ", Retention: "10-nam", Closed: true},
		schemas.SetDeadlines{Agency: codeSender, Rules: []schemas.OfficeDeadline{{What: "handle", Days: 5}}},
		schemas.EnrolCertificate{Holder: schemas.Holder{Kind: schemas.HolderOrganisation, ID: codeSender},
			Purposes: []schemas.Purpose{schemas.PurposeCustody}, DER: cert.Raw})...)
	carryOn = deskOffice(w, vectorCustody{&agency{key: key, cert: cert}})
	way := []deskAct{
		{person: "em", act: schemas.RegisterIncoming{}}, {person: "em", act: schemas.Present{To: "dung"}},
		{person: "dung", act: schemas.Assign{InCharge: schemas.Assignee{Unit: "nv", Person: "an"}}},
		{person: "an", act: schemas.StartHandling{}}, {person: "an", act: schemas.FinishHandling{Result: "Đã trả lời"}},
	}
	far := []string{"arrived", "registered", "presented", "assigned", "handling", "finished"}
	for i, phase := range append(far, "asked", "late", "refused", "withdrawn", "numbering") {
		d := w.doc(fmt.Sprint(500+i), func(d *schemas.Document) {
			d.From, d.To, d.DocumentID = d.To[0], []schemas.Organisation{d.From}, arrivalID(phase)
		})
		if a := w.post("recipient", w.signed(d)); a.status >= 300 {
			t.Fatalf("document %s: status %d: %s", phase, a.status, a.body)
		}
		acts := way[:min(i, len(way))]
		switch phase {
		case "asked":
			acts = way[:3]
		case "late":
			acts = append(way[:2:2], deskAct{person: "dung", act: schemas.Assign{
				InCharge: schemas.Assignee{Unit: "nv", Person: "an"}, Due: schemas.Date{Year: 2026, Month: 11, Day: 22},
			}})
		case "refused":
			acts = []deskAct{{person: "em", act: schemas.RefuseIncoming{Reason: "Sai nơi nhận"}}}
		case "withdrawn", "numbering":
			acts = nil
		}
		for n, a := range acts {
			a.kind, a.id = schemas.TargetIncoming, arrivalKey(phase)
			w.deskAct(fmt.Sprintf("truoc-%s-%d", phase, n), a)
			carryOn()
		}
		if phase == "asked" || phase == "withdrawn" {
			if a := w.post("recipient", w.status(codeRecipient, schemas.StatusTakeBack, codeSender, arrivalID(phase), w.clock.Now())); a.status >= 300 {
				t.Fatalf("request for %s: status %d: %s", phase, a.status, a.body)
			}
			carryOn()
		}
	}
	for n, a := range []deskAct{
		{"", schemas.TargetDossier, "open", "an", schemas.OpenDossier{FilePlan: "01", Title: "Kế hoạch"}},
		{"", schemas.TargetDossier, "open", "an", schemas.AddItem{Item: schemas.ActTarget{Kind: schemas.TargetIncoming, ID: arrivalKey("handling")}}},
		{"", schemas.TargetDossier, "open", "an", schemas.GiveTask{Task: "t1", To: schemas.Assignee{Unit: "kt"}, Text: "Góp ý"}},
		{"", schemas.TargetDossier, "open", "an", schemas.GiveTask{Task: "t2", To: schemas.Assignee{Unit: "kt"}, Text: "Góp ý"}},
		{"", schemas.TargetDossier, "open", "giang", schemas.FinishTask{Task: "t2"}},
		{"", schemas.TargetDossier, "closed", "an", schemas.OpenDossier{FilePlan: "01", Title: "Đã xong"}},
		{"", schemas.TargetDossier, "closed", "an", schemas.CloseDossier{}},
		{"", schemas.TargetDossier, "new", "an", schemas.OpenDossier{FilePlan: "01", Title: "Mới"}},
		{"", schemas.TargetIncoming, arrivalKey("numbering"), "em", schemas.RegisterIncoming{}},
		{"", schemas.TargetOutgoing, "d", "an", schemas.SaveDraft{Draft: schemas.Draft{Type: "Công văn", Subject: "V/v trả lời"}}},
		{"", schemas.TargetIncoming, arrivalKey("handling"), "an", schemas.LinkReply{Outgoing: "d"}},
	} {
		w.deskAct(fmt.Sprintf("truoc-%d", n), a)
		if a.id == "closed" || a.id == "open" {
			carryOn()
		}
	}
	w.clock.Add(24 * time.Hour) // the deadline of "late" was yesterday
	return w, carryOn
}

// fullDeskIn has as many replies and tasks as there can be, on the document and the dossier that vectors act on. They were not
// brought through the door.
func fullDeskIn(t testing.TB) *world {
	t.Helper()
	w := deskIn(t)
	w.forged = true
	var replies, tasks []events.New
	for i := range incoming.MaxReplies {
		replies = append(replies, events.New{Name: incoming.NameReplyLinked, Data: incoming.ReplyLinked{Person: "an", Outgoing: fmt.Sprint("r", i), Judged: w.clock.Now()}})
	}
	for i := range dossier.MaxTasks {
		tasks = append(tasks, events.New{Name: dossier.NameTaskGiven, Data: dossier.TaskGiven{
			Person: "an", Task: fmt.Sprint("x", i), To: directory.Assignee{Unit: "kt"}, Judged: w.clock.Now(),
		}})
	}
	for stream, news := range map[string][]events.New{incoming.Stream(codeSender, arrivalKey("registered")): replies, dossier.Stream(codeSender, "new"): tasks} {
		if _, _, err := w.node.Record(w.ctx, gateway.Step{Stream: stream, Decide: func([]events.Event) ([]events.New, error) { return news, nil }}); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// deskOffice does what follows, and gives a function that does it again. With no key in custody it tells senders nothing.
func deskOffice(w *world, custody vectorCustody) (carryOn func()) {
	w.t.Helper()
	o, err := office.New(office.Options{Log: w.store, Node: w.node, Custody: custody})
	if err != nil {
		w.t.Fatal(err)
	}
	carryOn = func() {
		w.t.Helper()
		for range 3 {
			w.step()
			if err := o.CarryOn(w.ctx); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	carryOn()
	return carryOn
}

// deskPackage is an act under the agency's own signature.
func (w *world) deskPackage(id string, a deskAct) []byte {
	w.t.Helper()
	org := cmp.Or(a.org, codeSender)
	b, _, err := schemas.MarshalDossierAction(schemas.Header{ID: id, From: org, IssuedAt: w.clock.Now(), Person: schemas.Person{Name: "Người " + a.person, Account: a.person}},
		schemas.DossierAction{Target: schemas.ActTarget{Kind: a.kind, ID: a.id}, Act: a.act}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.sign(b, w.agencies[org])
}

// deskAct is done, and accepted.
func (w *world) deskAct(id string, a deskAct) {
	w.t.Helper()
	who := "sender"
	if a.org == codeSecond {
		who = "second"
	}
	if got := w.post(who, w.deskPackage(id, a)); got.status >= 300 {
		w.t.Fatalf("%s by %s on %s: status %d: %s", a.act.Name(), a.person, a.id, got.status, got.body)
	}
}
