package httpapi_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/events/numbering"
	"github.com/tram-exchange/tram/gateway/office"
	"github.com/tram-exchange/tram/schemas"
)

// keptInMemory is where an office keeps its position between runs.
type keptInMemory struct{ b []byte }

func (k *keptInMemory) Load() ([]byte, error) { return k.b, nil }
func (k *keptInMemory) Save(b []byte) error   { k.b = slices.Clone(b); return nil }

// restart ends the office as an orderly stop does, and begins another from the position that was kept.
func (a *agencyAtWork) restart(k *keptInMemory, n office.Node) {
	a.t.Helper()
	if err := a.office.Close(); err != nil {
		a.t.Fatal(err)
	}
	o, err := office.New(office.Options{Log: a.store, Node: n, Custody: custodyOf(a.keys), Keeper: k})
	if err != nil {
		a.t.Fatal(err)
	}
	a.office = o
}

// TestEveryCut is about registering and issuing. This is about all else that follows from an act by itself: statuses, recalls and their
// answers, withdrawals, void numbers, codes of dossiers. The node stops before or after each append, begins again from the position that it
// had kept, and does what is missing once.
func TestEveryCutOfTheRest(t *testing.T) {
	a := newAgencyAtWork(t, codeSender, codeRecipient)
	k := &keptInMemory{}
	a.restart(k, a.node)
	// cutIssue leaves a document numbered and not sealed.
	cutIssue := func(id string) {
		t.Helper()
		whole := a.office
		a.office = a.newOffice(&failing{Node: a.node, left: 3})
		if d, err := a.click(codeSender, "lan", schemas.TargetOutgoing, id, schemas.Issue{}); err != nil || d.Pending == nil {
			t.Fatalf("%v, expected to be cut: %v", err, d.Pending)
		}
		a.office = whole
	}
	for i := 0; ; i++ {
		cuts := 0
		for _, after := range []bool{false, true} {
			id := fmt.Sprintf("%d-%t", i, after)
			sent, void, file := "di-"+id, "huy-"+id, "hs-"+id
			a.signedDraft(codeSender, sent, codeRecipient)
			a.did(codeSender, "lan", schemas.TargetOutgoing, sent, schemas.Issue{})
			a.carryOn()
			key := a.outgoingState(codeSender, sent).Document
			a.did(codeRecipient, "lan", schemas.TargetIncoming, key, schemas.RegisterIncoming{})
			a.carryOn()
			a.signedDraft(codeSender, void, codeRecipient)
			cutIssue(void)

			f := &failing{Node: a.node, left: i, after: after}
			a.restart(k, f)
			for _, x := range []struct {
				org, person, id string
				kind            schemas.TargetKind
				act             schemas.Act
			}{
				{codeSender, "lan", void, schemas.TargetOutgoing, schemas.Cancel{Reason: "Sai"}},
				{codeSender, "minh", file, schemas.TargetDossier, schemas.OpenDossier{FilePlan: "01-TH", Title: file}},
				{codeRecipient, "huong", key, schemas.TargetIncoming, schemas.Assign{InCharge: schemas.Assignee{Unit: "tc", Person: "minh"}}},
				{codeRecipient, "minh", key, schemas.TargetIncoming, schemas.StartHandling{}},
				{codeRecipient, "minh", key, schemas.TargetIncoming, schemas.FinishHandling{}},
				{codeSender, "lan", sent, schemas.TargetOutgoing, schemas.RecallIssued{Reason: "Nhầm"}},
			} {
				if _, err := a.click(x.org, x.person, x.kind, x.id, x.act); err != nil {
					t.Fatalf("%s: %s itself: %v", id, x.act.Name(), err)
				}
			}
			if f.hit {
				cuts++
			}
			a.restart(k, a.node)
			a.carryOn()
			a.nothingWaits()
			a.did(codeRecipient, "lan", schemas.TargetIncoming, key, schemas.AgreeRecall{Reason: "Đồng ý"})
			a.carryOn()

			var codes []string
			for _, s := range a.wire(key) {
				codes = append(codes, string(s.Code))
			}
			if want := []string{"01", "03", "04", "05", "06", "13", "15"}; !slices.Equal(slices.Sorted(slices.Values(codes)), want) {
				t.Errorf("%s: the two told each other %v, expected %v once each", id, codes, want)
			}
			if got := a.names(incoming.Stream(codeRecipient, key)); got[len(got)-1] != "withdrawn" {
				t.Errorf("%s: incoming ends with %v", id, got)
			}
			s := a.outgoingState(codeSender, void)
			n, err := a.node.Others().Number(a.ctx, s.Book().Stream(s.Number))
			if err != nil || s.Phase != outgoing.PhaseCancelled || !n.Voided || n.Holder != outgoing.Stream(codeSender, void) {
				t.Errorf("%s: given up in phase %q, the number is %+v (%v)", id, s.Phase, n, err)
			}
			if got, want := a.names(dossier.Stream(codeSender, file)), []string{"opened", "number-chosen", "numbered"}; !slices.Equal(got, want) {
				t.Errorf("%s: the dossier has %v, expected %v", id, got, want)
			}
		}
		if cuts == 0 {
			t.Logf("%d cuts", i)
			break
		}
	}
	for _, b := range []numbering.Book{{Org: codeSender, Name: numbering.Dossiers, Year: 2026}, {Org: codeSender, Name: numbering.Series("cv"), Year: 2026}} {
		holders := a.book(b)
		if slices.Sort(holders); len(slices.Compact(holders)) != len(a.book(b)) {
			t.Errorf("something has two numbers of %v", b)
		}
	}
	a.judgedAgain(t)
}
