package outgoing

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/numbering"
)

// The office of the tests: a committee with a unit nv, of which nv1 is part, a unit kt and its office vp.
//
//	an, binh  specialists of nv        em     clerk of the committee      ha    administrator
//	cuc       head of nv               dung   leader, and oanh another    khoa  auditor
//	giang     specialist of kt         phu    clerk of kt                 lan   head of vp, stands in for dung
//	minh      specialist of kt, stands in for cuc as head                 nam   has left
//	quan      archivist                son    specialist of nv1
var (
	monday = time.Date(2026, 11, 30, 2, 0, 0, 0, time.UTC)
	office = &directory.Office{
		Org:   "H02",
		Units: []directory.Unit{{ID: "kt"}, {ID: "nv", Short: "NV"}, {ID: "nv1", Parent: "nv"}, {ID: "vp"}},
		Persons: []directory.Person{
			person("an", directory.RoleSpecialist, "nv"), person("binh", directory.RoleSpecialist, "nv"), person("cuc", directory.RoleHead, "nv"),
			person("dung", directory.RoleLeader, ""), person("em", directory.RoleClerk, ""), person("giang", directory.RoleSpecialist, "kt"),
			person("ha", directory.RoleAdministrator, ""), person("khoa", directory.RoleAuditor, ""), person("lan", directory.RoleHead, "vp"),
			person("minh", directory.RoleSpecialist, "kt"), {ID: "nam", Gone: true}, person("oanh", directory.RoleLeader, ""),
			person("phu", directory.RoleClerk, "kt"), person("quan", directory.RoleArchivist, ""), person("son", directory.RoleSpecialist, "nv1"),
		},
		Delegations: []directory.Delegation{
			{ID: "1", From: "dung", To: "lan", Start: monday.AddDate(0, 0, -7), End: monday.AddDate(1, 0, 0)},
			{ID: "2", From: "cuc", To: "minh", Roles: []directory.Role{directory.RoleHead}, Start: monday.AddDate(0, 0, -7), End: monday.AddDate(1, 0, 0)},
			{ID: "3", From: "em", To: "giang", Start: monday.AddDate(0, 0, -7), End: monday.AddDate(0, 0, -1)},
		},
		Series: []directory.Series{
			{ID: "qd", Types: []string{"quyết định"}, Notation: "{type}-UBND"}, {ID: "cv", Types: []string{"công văn"}, Notation: "{type}-UBND-{unit}"},
			{ID: "chung", Notation: "{type}-UBND"},
			{ID: "cong-van-2", Types: []string{"công văn"}, Notation: "UBND-{unit}"}, {ID: "sao", Copies: true, Notation: "{type}-UBND"}, {ID: "cu", Notation: "{type}-X", Closed: true},
		},
		Chains: []directory.Chain{
			{ID: "thuong", Steps: []directory.Step{{Role: directory.RoleHead, Unit: "author", Days: 2}, {Role: directory.RoleLeader}}},
			{ID: "mot", Steps: []directory.Step{{Role: directory.RoleLeader}}},
			{ID: "ba", Steps: []directory.Step{{Role: directory.RoleHead, Unit: "author"}, {Role: directory.RoleHead, Unit: "vp"}, {Role: directory.RoleLeader}}},
			{ID: "quyet-dinh", Types: []string{"quyết định"}, Steps: []directory.Step{{Role: directory.RoleHead, Unit: "vp"}, {Role: directory.RoleLeader}}},
			{ID: "cu", Closed: true, Steps: []directory.Step{{Role: directory.RoleLeader}}},
		},
		Deadlines: []directory.DeadlineRule{{What: "approve", Days: 1}},
	}
)

func person(id string, role directory.Role, unit string) directory.Person {
	return directory.Person{ID: id, Duties: []directory.Duty{{Role: role, Unit: unit}}}
}

// people are all who can act: "lan/dung" is lan in the place of dung.
var people = []string{"an", "binh", "cuc", "dung", "em", "giang", "ha", "khoa", "lan", "lan/dung", "minh", "minh/cuc", "oanh", "phu", "quan", "son"}

// by is a person now.
func by(t fataler, who string, at time.Time) By {
	t.Helper()
	who, other, _ := strings.Cut(who, "/")
	st, ok := office.Standing(who, other, at)
	if !ok {
		t.Fatal("no such person:", who, other)
	}
	return By{At: at, Standing: st, Office: office}
}

// fataler is a test, or a check of rapid.
type fataler interface {
	Helper()
	Fatal(...any)
}

// draft is complete.
func draft() Draft {
	return Draft{
		Type: "công văn", Known: true, Subject: "V/v báo cáo", Signer: "dung",
		Recipients: Recipients{List: []Recipient{{"H02.11", "H02.11"}, {"000.00.12.H02", "H02.12"}}},
		ToPlaces:   []string{"Lưu: VT"}, Files: []FileFacts{{Name: "cv.pdf", Size: 3}},
	}
}

// history is a stream as a store keeps it.
type history struct {
	fataler
	state  State
	events []events.Event
	at     time.Time
}

func begin(t fataler) *history { return &history{fataler: t, at: monday} }

// record folds what was decided.
func (h *history) record(news []events.New) {
	h.Helper()
	for _, n := range news {
		e := event(h, uint64(len(h.events)), n)
		s, err := Fold(h.state, e)
		if err != nil {
			h.Fatal(err)
		}
		h.events, h.state = append(h.events, e), s
	}
}

func event(t fataler, position uint64, n events.New) events.Event {
	t.Helper()
	data, err := events.MarshalObject(n.Data)
	if err != nil {
		t.Fatal(err)
	}
	return events.Event{Position: position, Statement: events.Statement{Origin: "o", Stream: "outgoing/H02/d", Version: position, Name: n.Name, Data: data, Time: monday}}
}

// must records what has to be accepted.
func (h *history) must(news []events.New, err error) *history {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
	h.record(news)
	return h
}

func (h *history) by(who string) By { h.Helper(); return by(h, who, h.at) }

func (h *history) save(who string, d Draft) *history {
	h.Helper()
	return h.must(DecideSave(h.state, Save{By: h.by(who), Org: "H02", ID: "d", Draft: d}))
}

func (h *history) submit(who, chain string) *history {
	h.Helper()
	return h.must(DecideSubmit(h.state, Submit{By: h.by(who), Chain: chain}))
}

func (h *history) approve(who string) *history {
	h.Helper()
	return h.must(DecideApprove(h.state, Approve{By: h.by(who)}))
}

func (h *history) issue(who string) *history {
	h.Helper()
	return h.must(DecideIssue(h.state, Issue{By: h.by(who)}))
}

func (h *history) number(n int) *history {
	h.Helper()
	h.must(DecideChosen(h.state, n))
	return h.must(DecideNumbered(h.state, numbering.State{Holder: Stream("H02", "d")}))
}

func (h *history) seal() *history { h.Helper(); return h.must(DecideSealed(h.state, "key")) }

func (h *history) send() *history {
	h.Helper()
	sum := events.Sum([]byte("edXML"))
	return h.must(DecideSent(h.state, &sum))
}

func (h *history) cancel(who string) *history {
	h.Helper()
	return h.must(DecideCancel(h.state, Cancel{By: h.by(who), Reason: "thôi"}))
}

// in makes a document in a phase: an's draft for dung to sign.
func in(t fataler, p Phase) *history {
	t.Helper()
	h := begin(t)
	if p == PhaseNone {
		return h
	}
	h.save("an", draft())
	switch p {
	case PhaseDraft:
		return h
	case PhaseCancelled:
		return h.cancel("an")
	}
	h.submit("an", "thuong")
	switch p {
	case PhaseSubmitted:
		return h
	case PhaseSentBack:
		return h.must(DecideSendBack(h.state, SendBack{By: h.by("cuc"), Reason: "sửa"}))
	}
	h.approve("cuc").approve("dung")
	for _, step := range []struct {
		reached Phase
		next    func() *history
	}{
		{PhaseSigned, func() *history { return h.issue("em") }},
		{PhaseNumbering, func() *history { return h.number(5) }},
		{PhaseNumbered, h.seal},
		{PhaseSealed, h.send},
		{PhaseIssued, func() *history { return h.must(DecideRecall(h.state, Recall{By: h.by("em"), Reason: "nhầm"})) }},
	} {
		if p == step.reached {
			return h
		}
		step.next()
	}
	return h
}

func TestPhasesAreReached(t *testing.T) {
	for _, p := range Phases() {
		if got := in(t, p).state.Phase; got != p {
			t.Errorf("got %q, expected %q", got, p)
		}
	}
}

func reason(err error) Reason {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Reason
	}
	return ""
}

// try is one act.
type try struct {
	name string
	do   func(s State, by By) ([]events.New, error)
}

// tries are all acts, as complete as they can be: what refuses them is who acts, and when.
var tries = []try{
	{"SaveDraft", func(s State, by By) ([]events.New, error) {
		return DecideSave(s, Save{By: by, Org: "H02", ID: "d", Draft: draft()})
	}},
	{"AskOpinion", func(s State, by By) ([]events.New, error) {
		return DecideAsk(s, Ask{By: by, Of: []directory.Assignee{{Unit: "kt"}}})
	}},
	{"GiveOpinion", func(s State, by By) ([]events.New, error) { return DecideOpinion(s, Opine{By: by, Text: "được"}) }},
	{"Submit", func(s State, by By) ([]events.New, error) { return DecideSubmit(s, Submit{By: by}) }},
	{"Approve", func(s State, by By) ([]events.New, error) { return DecideApprove(s, Approve{By: by}) }},
	{"SendBack", func(s State, by By) ([]events.New, error) {
		return DecideSendBack(s, SendBack{By: by, Reason: "sửa"})
	}},
	{"Issue", func(s State, by By) ([]events.New, error) { return DecideIssue(s, Issue{By: by}) }},
	{"Cancel", func(s State, by By) ([]events.New, error) { return DecideCancel(s, Cancel{By: by, Reason: "thôi"}) }},
	{"RecallIssued", func(s State, by By) ([]events.New, error) { return DecideRecall(s, Recall{By: by, Reason: "nhầm"}) }},
}

// Every act in every phase by everybody: who is let. Nobody else, and nowhere else.
func TestWhoMayDoWhatWhen(t *testing.T) {
	const (
		makers = "an binh cuc lan lan/dung minh minh/cuc oanh dung em giang phu son"
		unit   = "an binh cuc minh/cuc" // the author's, with its head and who stands in
	)
	table := map[string]map[Phase]string{
		"SaveDraft":    {PhaseNone: makers, PhaseDraft: unit, PhaseSentBack: unit},
		"AskOpinion":   {PhaseDraft: unit, PhaseSubmitted: unit, PhaseSentBack: unit},
		"GiveOpinion":  {PhaseDraft: unit + " dung lan/dung oanh", PhaseSubmitted: unit + " dung lan/dung oanh", PhaseSentBack: unit + " dung lan/dung oanh"},
		"Submit":       {PhaseDraft: unit, PhaseSentBack: unit},
		"Approve":      {PhaseSubmitted: "cuc minh/cuc"},
		"SendBack":     {PhaseSubmitted: unit},
		"Issue":        {PhaseSigned: "em"},
		"Cancel":       {PhaseDraft: unit, PhaseSubmitted: unit, PhaseSentBack: unit, PhaseSigned: "em dung lan/dung", PhaseNumbered: "em"},
		"RecallIssued": {PhaseIssued: "em dung lan/dung"},
	}
	for _, p := range Phases() {
		h := in(t, p)
		for _, who := range people {
			b := h.by(who)
			may := May(h.state, b)
			for _, a := range tries {
				want := slices.Contains(strings.Fields(table[a.name][p]), who)
				_, err := a.do(h.state, b)
				if (err == nil) != want {
					t.Errorf("%s by %s in phase %q: got %v, expected %t", a.name, who, p, err, want)
				}
				if slices.Contains(may, a.name) != want {
					t.Errorf("May of %s in phase %q has %v, expected %s: %t", who, p, may, a.name, want)
				}
				if err != nil && p != PhaseNone && (reason(err) == ReasonNotFound) == h.state.Concerns(b.Standing) {
					t.Errorf("%s by %s in phase %q, whom it concerns: %t: got %v", a.name, who, p, h.state.Concerns(b.Standing), err)
				}
			}
		}
	}
	// For these a draft of nv does not exist.
	h := in(t, PhaseDraft)
	for _, who := range []string{"giang", "ha", "minh", "phu", "quan", "son", "lan"} {
		if h.state.Concerns(h.by(who).Standing) {
			t.Errorf("it concerns %s", who)
		}
	}
	if _, err := DecideOpinion(in(t, PhaseDraft).ask("an", directory.Assignee{Unit: "kt"}).state, Opine{By: h.by("giang"), Text: "được"}); err != nil {
		t.Errorf("who is asked may not answer: %v", err)
	}
}

func (h *history) ask(who string, of ...directory.Assignee) *history {
	h.Helper()
	return h.must(DecideAsk(h.state, Ask{By: h.by(who), Of: of}))
}
