package httpapi_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/events/numbering"
	"github.com/tram-exchange/tram/gateway/rerun"
	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// signedDraft brings a draft of an agency to its signature.
func (a *agencyAtWork) signedDraft(org, id, to string) {
	a.t.Helper()
	out := func(person string, act schemas.Act, files ...schemas.File) {
		a.t.Helper()
		a.did(org, person, schemas.TargetOutgoing, id, act, files...)
	}
	out("minh", schemas.SaveDraft{Draft: schemas.Draft{Type: "Công văn", Subject: id, Content: "x", Recipients: []string{to}, Signer: "huong"}},
		schemas.FileBytes("a.pdf", "application/pdf", []byte("%PDF-1.4 "+id)))
	out("minh", schemas.Submit{})
	out("binh", schemas.Approve{})
	out("huong", schemas.Approve{})
}

// sentOnly hands in a document of the sender to the recipient alone, and gives its key.
func (a *agencyAtWork) sentOnly(number string) string {
	a.t.Helper()
	var got struct {
		Document string `json:"document"`
	}
	a.post("sender", a.signed(a.doc(number))).into(a.t, &got)
	return got.Document
}

func (a *agencyAtWork) outgoingState(org, id string) outgoing.State {
	a.t.Helper()
	s, err := a.node.Others().Outgoing(a.ctx, outgoing.Stream(org, id))
	if err != nil {
		a.t.Fatal(err)
	}
	return s
}

// An agency is merged into another in the middle of its work. What it had begun the other finishes: in its own name, numbered in its own
// books, told to the senders.
func TestWorkOfASuccessor(t *testing.T) {
	a := newAgencyAtWork(t, codeRecipient, codeSecond)
	const old, now = codeRecipient, codeSecond
	begun, waiting, wanted := a.sentOnly("601"), a.sentOnly("602"), a.sentOnly("603")
	a.carryOn()
	a.did(old, "lan", schemas.TargetIncoming, begun, schemas.RegisterIncoming{})
	for _, id := range []string{"truoc", "sau", "giua"} {
		a.signedDraft(old, id, codeSender)
	}
	a.signedDraft(now, "minh", codeSender)
	a.did(old, "lan", schemas.TargetOutgoing, "truoc", schemas.Issue{})
	// One is numbered and sealed, and not sent when the agency ends.
	whole := a.office
	a.office = a.newOffice(&failing{Node: a.node, left: 4})
	if d, err := a.click(old, "lan", schemas.TargetOutgoing, "giua", schemas.Issue{}); err != nil || d.Pending == nil {
		t.Fatalf("%v, expected to be cut: %v", err, d.Pending)
	}
	a.office = whole
	if s := a.outgoingState(old, "giua"); s.Phase != outgoing.PhaseSealed {
		t.Fatalf("cut in phase %q", s.Phase)
	}
	if _, err := a.change(schemas.CloseOrganisation{Code: old, Successor: now, From: schemas.DateOf(a.clock.Now())}); err != nil {
		t.Fatal(err)
	}

	a.did(now, "huong", schemas.TargetIncoming, begun, schemas.Assign{InCharge: schemas.Assignee{Unit: "tc"}})
	a.did(now, "binh", schemas.TargetIncoming, begun, schemas.FinishHandling{Result: "Xong"})
	a.did(now, "lan", schemas.TargetIncoming, waiting, schemas.RegisterIncoming{})
	if got := a.post("sender", a.status(codeSender, schemas.StatusTakeBack, now, a.doc("603").DocumentID, a.clock.Now())); got.status >= 300 {
		t.Fatalf("asked back: %d %s", got.status, got.body)
	}
	a.carryOn()
	for _, x := range []struct {
		key  string
		want []string
	}{{begun, []string{"01", "03", "04", "06"}}, {waiting, []string{"01", "03"}}, {wanted, []string{"01"}}} {
		if got := append(a.statuses(x.key, old), a.statuses(x.key, now)...); !slices.Equal(got, x.want) {
			t.Errorf("the sender knows %v, expected %v", got, x.want)
		}
	}
	if d := a.deliveryOf(waiting, old); d.Phase != delivery.PhaseAcknowledged {
		t.Errorf("the entry of what was registered is %v", d.Phase)
	}
	if got := a.book(numbering.Book{Org: now, Name: numbering.Register("den"), Year: 2026}); !slices.Equal(got, []string{incoming.Stream(old, waiting)}) {
		t.Errorf("the register holds %v", got)
	}
	if got := a.names(incoming.Stream(old, wanted)); !slices.Equal(got, []string{"withdrawn"}) {
		t.Errorf("of what was taken back the agency has %v", got)
	}

	a.step()
	seen, err := a.views.Incoming(a.ctx, view.IncomingQuery{Staff: view.Staff{Org: now, Person: "lan", Now: a.clock.Now()}})
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]string{}
	for _, r := range seen.Rows {
		shown[r.ID] += r.State
	}
	if want := map[string]string{begun: "finished", waiting: "registered", wanted: "withdrawn"}; !maps.Equal(shown, want) {
		t.Errorf("a clerk sees %v, expected each once: %v", shown, want)
	}

	a.did(now, "lan", schemas.TargetOutgoing, "minh", schemas.Issue{})
	a.did(now, "lan", schemas.TargetOutgoing, "sau", schemas.Issue{})
	if s := a.outgoingState(old, "giua"); s.Phase != outgoing.PhaseNumbered || s.Refused == 0 {
		t.Errorf("what was sealed in the name of what is closed is %q, refused with %d", s.Phase, s.Refused)
	}
	a.did(now, "lan", schemas.TargetOutgoing, "giua", schemas.Issue{})
	a.did(now, "lan", schemas.TargetOutgoing, "truoc", schemas.RecallIssued{Reason: "Sai"})
	a.carryOn()
	if got := a.statuses(a.outgoingState(old, "truoc").Document, now); !slices.Equal(got, []string{"13"}) {
		t.Errorf("what the other had sent was asked back with %v", got)
	}
	if got, want := a.book(numbering.Book{Org: now, Name: numbering.Series("cv"), Year: 2026}), []string{outgoing.Stream(now, "minh"), outgoing.Stream(old, "sau")}; !slices.Equal(got, want) {
		t.Errorf("the series holds %v, expected %v", got, want)
	}
	for _, x := range [][2]string{{now, "minh"}, {old, "sau"}, {old, "giua"}} {
		s := a.outgoingState(x[0], x[1])
		if s.Phase != outgoing.PhaseIssued {
			t.Errorf("%s is %q: %v", x[1], s.Phase, a.names(outgoing.Stream(x[0], x[1])))
			continue
		}
		d, err := a.node.Others().Document(a.ctx, document.StreamPrefix+s.Document)
		if err != nil || d.Sender != now {
			t.Errorf("%s was sent by %q (%v)", x[1], d.Sender, err)
		}
	}
	a.nothingWaits()
	if _, err := a.tapeOf(t).judge(0, rerun.Options{}); err != nil {
		t.Error(err)
	}
}
