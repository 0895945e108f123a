package router_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/gateway/router"
)

func (w *world) wantPhase(at, sender, id, item, org string, want delivery.Phase, wantMarks ...string) {
	w.t.Helper()
	s := w.entry(at, sender, id, item, org)
	if s.Phase != want || !slices.Equal(marks(s), wantMarks) {
		w.t.Fatalf("%s %s of %s for %s at %s is %q with marks %v (reason %q), expected %q with %v",
			item, id, sender, org, at, s.Phase, marks(s), s.Reason, want, wantMarks)
	}
}

// offers counts the mailbox entries ever made at a node.
func (n *node) offers() int {
	c := 0
	err := n.store.All(context.Background(), 0, func(e events.Event) error {
		if e.Statement.Name == delivery.NameOffered {
			c++
		}
		return nil
	})
	if err != nil {
		n.w.t.Fatalf("%v", err)
	}
	return c
}

func TestDocumentReachesEveryRecipientOnce(t *testing.T) {
	w := newTestWorld(t, "province", "vpcp", "ministry")
	p := pack{Kind: "document", From: "H02", To: []string{"H02.05", "G22", "G22.01", "G12"}, ID: "1"}
	w.mustSubmit(p)
	w.settle()
	w.wantPhase("province", "H02", "1", "document", "H02.05", delivery.PhaseOffered)
	for _, org := range []string{"G22", "G22.01", "G12"} {
		w.wantPhase("province", "H02", "1", "document", org, delivery.PhaseForwarded)
		w.wantPhase(nodeOf(org), "H02", "1", "document", org, delivery.PhaseOffered)
	}
	if got := w.node("province").offers() + w.node("vpcp").offers() + w.node("ministry").offers(); got != 7 {
		t.Errorf("%d offers in all, expected 7", got)
	}
	sum := events.Sum(p.bytes())
	for _, n := range []string{"vpcp", "ministry"} {
		if got := w.posts[sum.String()+">"+n]; got != 1 {
			t.Errorf("package was handed to %s %d times, expected once for all its recipients", n, got)
		}
		r, err := w.node(n).store.OpenPackage(context.Background(), sum)
		if err != nil {
			t.Fatalf("%s has not the very bytes: %v", n, err)
		}
		r.Close()
	}
}

func TestFollowingAgainRecordsNothing(t *testing.T) {
	w := newTestWorld(t, "province", "vpcp")
	w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{"H02.05", "G22"}, ID: "1"})
	w.settle()
	w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{"G22.01"}, ID: "2", Business: 2,
		Effects: []effect{{ID: "1", Content: true, Removed: []string{"H02.05"}}}})
	w.mustSubmit(pack{Kind: "status", From: "G22", About: "H02", ID: "1", Code: "01", Timestamp: "a"})
	w.mustSubmit(pack{Kind: "status", From: "H02", About: "G22", ID: "1", Code: "13", Timestamp: "b"})
	w.settle()
	before := map[string]uint64{}
	for _, n := range w.nodes {
		before[n.name] = n.store.Head().Size
		n.kill()
		n.keeper = nil // from the very beginning
		n.open()
	}
	w.settle()
	for _, n := range w.nodes {
		if got := n.store.Head().Size; got != before[n.name] {
			t.Errorf("following %s again recorded %d events, expected none", n.name, got-before[n.name])
		}
	}
}

func TestStatusGoesBackToTheSender(t *testing.T) {
	w := newTestWorld(t, "province", "vpcp")
	w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{"H02.05", "G22"}, ID: "1"})
	w.settle()
	local := pack{Kind: "status", From: "H02.05", About: "H02", ID: "1", Code: "01", Timestamp: "x"}
	remote := pack{Kind: "status", From: "G22", About: "H02", ID: "1", Code: "03", Timestamp: "y"}
	w.mustSubmit(local)
	w.mustSubmit(remote)
	w.settle()
	w.wantPhase("province", "H02", "1", delivery.ItemStatus(events.Sum(local.bytes())), "H02", delivery.PhaseOffered)
	item := delivery.ItemStatus(events.Sum(remote.bytes()))
	w.wantPhase("vpcp", "H02", "1", item, "H02", delivery.PhaseForwarded)
	w.wantPhase("province", "H02", "1", item, "H02", delivery.PhaseOffered)
}

// TestRecall is the matrix of both forms of recall, for recipients here and at a peer, before and after taking.
func TestRecall(t *testing.T) {
	for _, form := range []string{"document", "status"} {
		for _, org := range []string{"H02.05", "G22"} {
			for _, state := range []string{"offered", "taken", "queued", "in doubt"} {
				if state == "queued" && org == "H02.05" || state == "in doubt" && org == "H02.05" {
					continue
				}
				t.Run(form+"/"+org+"/"+state, func(t *testing.T) {
					w := newTestWorld(t, "province", "vpcp")
					home := nodeOf(org)
					w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{org}, ID: "1"})
					switch state {
					case "queued":
						w.cut["province>vpcp"] = true
						w.step("province")
					case "in doubt":
						w.faults = []string{"after"}
						w.step("province")
					default:
						w.settle()
					}
					if state == "taken" {
						w.take(home, "H02", "1", "document", org)
					}
					recall := pack{Kind: "document", From: "H02", To: []string{org}, ID: "2", Business: 1, Effects: []effect{{ID: "1"}}}
					request := pack{Kind: "status", From: "H02", About: org, ID: "1", Code: "13", Timestamp: "z"}
					if form == "status" {
						recall = request
					}
					w.mustSubmit(recall)
					w.settle()

					item := delivery.ItemStatus(events.Sum(request.bytes()))
					seen := delivery.PhaseOffered // of the request in the recipient's mailbox
					switch state {
					case "taken":
						w.wantPhase(home, "H02", "1", "document", org, delivery.PhaseTaken, "recalled")
					case "queued":
						w.wantPhase("province", "H02", "1", "document", org, delivery.PhaseWithdrawn)
						w.wantPhase("vpcp", "H02", "1", "document", org, delivery.PhaseNone)
						seen = delivery.PhaseNone
					default:
						w.wantPhase(home, "H02", "1", "document", org, delivery.PhaseWithdrawn)
						seen = delivery.PhaseWithdrawn
					}
					if org == "G22" && state != "queued" {
						w.wantPhase("province", "H02", "1", "document", org, delivery.PhaseForwarded, "recalled")
					}
					if form == "document" {
						w.wantPhase(home, "H02", "2", "document", org, delivery.PhaseOffered)
						return
					}
					w.wantPhase(home, "H02", "1", item, org, seen)
				})
			}
		}
	}
}

func TestAnswersToARecallComeBack(t *testing.T) {
	w := newTestWorld(t, "province", "vpcp")
	w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{"G22", "G22.01"}, ID: "1"})
	w.settle()
	w.take("vpcp", "H02", "1", "document", "G22")
	w.take("vpcp", "H02", "1", "document", "G22.01")
	w.mustSubmit(pack{Kind: "status", From: "H02", About: "G22", ID: "1", Code: "13", Timestamp: "a"})
	w.settle()
	w.wantPhase("vpcp", "H02", "1", "document", "G22.01", delivery.PhaseTaken) // only one was asked
	answer := pack{Kind: "status", From: "G22", About: "H02", ID: "1", Code: "15", Timestamp: "b"}
	w.mustSubmit(answer)
	w.settle()
	w.wantPhase("province", "H02", "1", delivery.ItemStatus(events.Sum(answer.bytes())), "H02", delivery.PhaseOffered)
}

// TestRecallBeforeItsDocument: the peer learns of a recall first, because the document had failed there for good.
func TestRecallBeforeItsDocument(t *testing.T) {
	w := newTestWorld(t, "province", "vpcp")
	doc := pack{Kind: "document", From: "H02", To: []string{"G22"}, ID: "1"}
	recall := pack{Kind: "document", From: "H02", To: []string{"G22"}, ID: "2", Business: 1, Effects: []effect{{ID: "1"}}}
	w.mustSubmit(recall)
	w.settle()
	w.wantPhase("vpcp", "H02", "2", "document", "G22", delivery.PhaseOffered)
	// The document itself comes later: nobody is to work with it.
	w.mustSubmit(doc)
	w.settle()
	if s := w.entry("vpcp", "H02", "1", "document", "G22"); s.Phase != delivery.PhaseWithdrawn && s.Phase != delivery.PhaseNone {
		t.Errorf("recalled document is %q in the mailbox", s.Phase)
	}
	w.wantPhase("province", "H02", "1", "document", "G22", delivery.PhaseWithdrawn)
}

func TestUpdate(t *testing.T) {
	w := newTestWorld(t, "province", "vpcp", "ministry")
	w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{"H02.05", "H02.18", "G22"}, ID: "1"})
	w.settle()
	w.take("vpcp", "H02", "1", "document", "G22")
	w.take("province", "H02", "1", "document", "H02.18")
	// To names one recipient only; content changes, one is removed, one of a third node and one of a known node are added.
	w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{"H02.18"}, ID: "2", Business: 2, Effects: []effect{{
		ID: "1", Content: true, Added: []string{"G12", "G22.01"}, Removed: []string{"H02.05"},
	}}})
	w.settle()
	w.wantPhase("province", "H02", "1", "document", "H02.05", delivery.PhaseWithdrawn)
	w.wantPhase("province", "H02", "1", "document", "H02.18", delivery.PhaseTaken, "updated")
	w.wantPhase("vpcp", "H02", "1", "document", "G22", delivery.PhaseTaken, "updated")
	w.wantPhase("province", "H02", "2", "document", "H02.18", delivery.PhaseOffered)
	w.wantPhase("province", "H02", "2", "document", "H02.05", delivery.PhaseNone)
	w.wantPhase("vpcp", "H02", "2", "document", "G22", delivery.PhaseOffered) // holds the old one
	w.wantPhase("vpcp", "H02", "2", "document", "G22.01", delivery.PhaseOffered)
	w.wantPhase("ministry", "H02", "2", "document", "G12", delivery.PhaseOffered)
	w.wantPhase("ministry", "H02", "1", "document", "G12", delivery.PhaseNone)
}

func TestUpdateOfRecipientsOnlyMarksNobody(t *testing.T) {
	w := newTestWorld(t, "province", "vpcp")
	w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{"H02.05", "G22"}, ID: "1"})
	w.settle()
	w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{"H02.18"}, ID: "2", Business: 2, Effects: []effect{{
		ID: "1", Added: []string{"H02.18"},
	}}})
	w.settle()
	w.wantPhase("province", "H02", "1", "document", "H02.05", delivery.PhaseOffered)
	w.wantPhase("province", "H02", "2", "document", "H02.05", delivery.PhaseNone)
	w.wantPhase("province", "H02", "2", "document", "H02.18", delivery.PhaseOffered)
	w.wantPhase("vpcp", "H02", "2", "document", "G22", delivery.PhaseNone)
}

func TestReplace(t *testing.T) {
	w := newTestWorld(t, "province", "vpcp")
	w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{"H02.05", "H02.18", "G22"}, ID: "1"})
	w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{"H02.05", "G22"}, ID: "2"})
	w.settle()
	w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{"H02.05"}, ID: "3", Business: 3, Effects: []effect{
		{ID: "1", Only: []string{"H02.05", "G22"}}, {ID: "2"},
	}})
	w.settle()
	w.wantPhase("province", "H02", "1", "document", "H02.05", delivery.PhaseOffered, "replaced")
	w.wantPhase("province", "H02", "1", "document", "H02.18", delivery.PhaseOffered)
	w.wantPhase("province", "H02", "2", "document", "H02.05", delivery.PhaseOffered, "replaced")
	for _, id := range []string{"1", "2"} {
		w.wantPhase("vpcp", "H02", id, "document", "G22", delivery.PhaseOffered, "replaced")
	}
	w.wantPhase("vpcp", "H02", "3", "document", "G22", delivery.PhaseOffered) // holds both, though not named
	w.wantPhase("province", "H02", "3", "document", "H02.18", delivery.PhaseNone)
}

// TestDirectoryMeanings: unknown recipients refuse all and are named all; a closed code delivers to its successor; aliases
// count once.
func TestDirectoryMeanings(t *testing.T) {
	w := newTestWorld(t, "province", "vpcp")
	n := w.node("province")
	err := w.submit(pack{Kind: "document", From: "H02", To: []string{"H02.05", "H99", "G98"}, ID: "0"})
	refusal, ok := err.(*document.Refusal)
	if !ok || refusal.Reason != document.ReasonRecipientsUnknown || !slices.Equal(refusal.Codes, []string{"H99", "G98"}) {
		t.Fatalf("answer %v, expected a refusal that names H99 and G98", err)
	}
	n.direct(
		events.New{Name: directory.NameCodeAdded, Data: directory.CodeAdded{Org: "H02.05", Code: "000.00.05.H02"}},
		events.New{Name: directory.NameOrganisationClosed, Data: directory.OrganisationClosed{
			Org: "H02.18", From: w.clock(), Successor: "H02.05",
		}},
	)
	w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{"000.00.05.H02", "H02.18", "H02.05"}, ID: "1"})
	w.settle()
	w.wantPhase("province", "H02", "1", "document", "H02.05", delivery.PhaseOffered)
	w.wantPhase("province", "H02", "1", "document", "H02.18", delivery.PhaseNone)
	if got := n.offers(); got != 1 {
		t.Errorf("%d offers, expected one for three names of one organisation", got)
	}
}

func TestQueueWaitsAndDrains(t *testing.T) {
	w := newTestWorld(t, "province", "vpcp")
	n := w.node("province")
	w.node("vpcp").kill()
	first := w.now
	for _, id := range []string{"1", "2", "3"} {
		w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{"G22", "G22.01"}, ID: id})
	}
	p := w.step("province")
	q := n.router.Status().Queues
	if len(q) != 1 || q[0].Depth != 6 || !q[0].Waiting || q[0].Last.Reason != "unreachable" || q[0].Oldest.Before(first) ||
		q[0].Oldest.After(first.Add(time.Second)) {
		t.Fatalf("queue %+v, expected depth 6, waiting, unreachable", q)
	}
	if p.Failed != 1 || p.Next.IsZero() {
		t.Fatalf("%+v, expected one failed attempt for the whole queue, and a next time", p)
	}
	if p := w.step("province"); p.Failed != 0 {
		t.Fatalf("%+v: tried again before its time", p)
	}
	// Only what was tried says so, and only once while nothing changes.
	tries := func() int {
		c := 0
		if err := n.store.All(context.Background(), 0, func(e events.Event) error {
			if e.Statement.Name == delivery.NameRetrying {
				c++
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return c
	}
	for range 30 {
		w.advance(6 * time.Minute)
		w.step("province")
	}
	if got := tries(); got != 6 {
		t.Errorf("%d retrying events in three hours, expected one for each of six recipients", got)
	}
	w.node("vpcp").open()
	w.settle()
	if q := n.router.Status().Queues; q[0].Depth != 0 || q[0].Waiting || !q[0].Oldest.IsZero() {
		t.Errorf("queue %+v after draining, expected it to be empty", q[0])
	}
	for _, id := range []string{"1", "2", "3"} {
		w.wantPhase("vpcp", "H02", id, "document", "G22.01", delivery.PhaseOffered)
	}
}

func TestGivingUp(t *testing.T) {
	w := newTestWorld(t, "province", "vpcp")
	w.node("vpcp").kill()
	p := pack{Kind: "document", From: "H02", To: []string{"H02.05", "G22"}, ID: "1"}
	w.mustSubmit(p)
	w.step("province")
	for range 11 {
		w.advance(24 * time.Hour)
		w.step("province")
	}
	for _, org := range []string{"H02.05", "G22"} {
		w.wantPhase("province", "H02", "1", "document", org, delivery.PhaseFailed)
	}
	if q := w.node("province").router.Status().Queues; q[0].Depth != 0 {
		t.Errorf("depth %d after giving up, expected 0", q[0].Depth)
	}
	w.node("vpcp").open()
	w.settle()
	w.wantPhase("vpcp", "H02", "1", "document", "G22", delivery.PhaseNone)
	// The sender hands the same document in again, in a new package: it goes to those who did not get it.
	p.Sealed = "again"
	w.mustSubmit(p)
	w.settle()
	w.wantPhase("vpcp", "H02", "1", "document", "G22", delivery.PhaseOffered)
	w.wantPhase("province", "H02", "1", "document", "G22", delivery.PhaseForwarded)
}

func TestRefusalByThePeerIsFinal(t *testing.T) {
	w := newTestWorld(t, "province", "vpcp")
	n := w.node("province")
	n.direct(events.New{Name: directory.NameOrganisationAdded, Data: directory.OrganisationAdded{Org: "G22.77", Node: origin("vpcp")}})
	w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{"G22", "G22.77"}, ID: "1"})
	w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{"G22"}, ID: "2"})
	w.settle()
	for _, org := range []string{"G22", "G22.77"} {
		s := w.entry("province", "H02", "1", "document", org)
		if s.Phase != delivery.PhaseFailed || !s.Final || s.Reason != "refused:4004" {
			t.Errorf("delivery to %s is %q, reason %q, expected it to have failed for good with refused:4004", org, s.Phase, s.Reason)
		}
	}
	w.wantPhase("vpcp", "H02", "2", "document", "G22", delivery.PhaseOffered)
}

func TestWindowSmallerThanQueue(t *testing.T) {
	w := newWorld(t, t.TempDir(), "province", "vpcp")
	defer w.close()
	n := w.node("province")
	n.kill()
	n.window = 3
	n.open()
	w.node("vpcp").kill()
	const count = 20
	for i := range count {
		w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{"G22"}, ID: string(rune('a' + i))})
	}
	w.step("province")
	if q := n.router.Status().Queues[0]; q.Depth != count {
		t.Fatalf("depth %d, expected %d", q.Depth, count)
	}
	n.kill() // while positions were never kept
	n.open()
	w.step("province")
	if q := n.router.Status().Queues[0]; q.Depth != count {
		t.Fatalf("depth %d after a restart, expected %d", q.Depth, count)
	}
	if err := n.router.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	n.kill()
	n.open()
	w.step("province")
	if q := n.router.Status().Queues[0]; q.Depth != count {
		t.Fatalf("depth %d after a restart with positions kept, expected %d", q.Depth, count)
	}
	w.settle()
	if got := w.node("vpcp").offers(); got != count {
		t.Errorf("%d entries at the peer, expected %d", got, count)
	}
}

// TestKilledAtEachStep kills one side or loses one message at each step of a hand-over.
func TestKilledAtEachStep(t *testing.T) {
	for name, disturb := range map[string]func(w *world){
		"sender before following": func(w *world) { w.node("province").kill(); w.node("province").open() },
		"peer away":               func(w *world) { w.node("vpcp").kill(); w.step("province") },
		"lost before sending":     func(w *world) { w.faults = []string{"before"}; w.step("province") },
		"lost answer":             func(w *world) { w.faults = []string{"after"}; w.step("province") },
		"lost answer, sender killed": func(w *world) {
			w.faults = []string{"after"}
			w.step("province")
			w.node("province").kill()
			w.node("province").open()
		},
		"lost answer, both killed": func(w *world) {
			w.faults = []string{"after"}
			w.step("province")
			w.node("province").kill()
			w.node("vpcp").kill()
		},
		"peer killed before routing": func(w *world) { w.step("province"); w.node("vpcp").kill() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newTestWorld(t, "province", "vpcp")
			w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{"H02.05", "G22", "G22.01"}, ID: "1"})
			disturb(w)
			w.settle()
			for _, org := range []string{"G22", "G22.01"} {
				w.wantPhase("province", "H02", "1", "document", org, delivery.PhaseForwarded)
				w.wantPhase("vpcp", "H02", "1", "document", org, delivery.PhaseOffered)
			}
			if p, v := w.node("province").offers(), w.node("vpcp").offers(); p != 3 || v != 2 {
				t.Errorf("%d and %d offers, expected 3 and 2", p, v)
			}
		})
	}
}

// TestUpdateNeverOvertakes: while the document cannot go, what concerns it waits behind it; other documents go.
func TestUpdateNeverOvertakes(t *testing.T) {
	w := newTestWorld(t, "province", "vpcp")
	w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{"G22"}, ID: "1"})
	w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{"G22"}, ID: "2", Business: 2, Priority: 3,
		Effects: []effect{{ID: "1", Content: true}}})
	w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{"G22"}, ID: "3"})
	w.faults = []string{"after"} // the answer for 1 is lost: 1 waits, 2 must not go
	w.node("province").parallel = 1
	w.node("province").kill()
	w.node("province").open()
	w.step("province")
	w.step("vpcp")
	w.wantPhase("vpcp", "H02", "2", "document", "G22", delivery.PhaseNone)
	w.advance(time.Second)
	w.step("province")
	w.settle()
	w.wantPhase("vpcp", "H02", "1", "document", "G22", delivery.PhaseOffered, "updated")
	w.wantPhase("vpcp", "H02", "2", "document", "G22", delivery.PhaseOffered)
	w.wantPhase("vpcp", "H02", "3", "document", "G22", delivery.PhaseOffered)
	// The order in which the peer took them in.
	var order []string
	if err := w.node("vpcp").store.All(context.Background(), 0, func(e events.Event) error {
		if e.Statement.Name == document.NameReceived {
			order = append(order, e.Statement.Stream)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	one, two := slices.Index(order, document.Stream("H02", "1")), slices.Index(order, document.Stream("H02", "2"))
	if one < 0 || two < one {
		t.Errorf("the update came as number %d, its document as %d", two, one)
	}
}

var _ router.Node = (*node)(nil)
