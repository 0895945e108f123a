package projections

import (
	"testing"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/internal/view"
)

// TestCopies: a copy says that it is one and of what, in its line, on its page, in the work of who signs it, and seen from the original.
func TestCopies(t *testing.T) {
	o := newOutgoingDay(t)
	for id, form := range map[string]string{"sao-y": outgoing.FormTrue, "trich": outgoing.FormExtract} {
		o.mustDo(t, "clerk", id, func(s outgoing.State, by outgoing.By) ([]events.New, error) {
			return outgoing.DecideCopy(s, outgoing.Copy{By: by, Org: sxd, ID: id, Form: form, Of: outgoing.Original{Own: true, Outgoing: "di-1", Type: "công văn", Has: true}, ToPlaces: []string{"Phòng QLXD"}, Extract: "Mục II", Signer: "leader"})
		})
	}
	v := openViews(t, viewsPath(t), o, Options{})
	for id, form := range map[string]string{"sao-y": "SY", "trich": "TrS", "di-1": "", "nhap": ""} {
		if got := outgoingPage(t, o, v, "clerk", id).Row.Copy; got != form {
			t.Errorf("%s is a copy %q, expected %q", id, got, form)
		}
	}
	if got := outgoingPage(t, o, v, "leader", "trich").Versions; len(got) != 1 || got[0].Extract != "Mục II" {
		t.Errorf("the extract says of itself %+v", got)
	}
	if got := outgoingPage(t, o, v, "leader", "sao-y").Related; len(got) != 1 || got[0].Kind != "copies" || got[0].Target != (view.Target{Kind: "outgoing", ID: "di-1"}) || got[0].Number != "01/SXD" {
		t.Errorf("the copy is related to %+v", got)
	}
	work := must(v.Work(t.Context(), view.WorkQuery{Staff: o.staff("leader"), Box: view.BoxMine, What: view.WorkSign}))
	found := map[string]string{}
	for _, w := range work.Rows {
		found[w.Target.ID] = w.Copy
	}
	if found["sao-y"] != "SY" || found["trich"] != "TrS" {
		t.Errorf("the leader is asked to sign %v", found)
	}
}
