package outgoing

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/numbering"
)

func decode(t fataler, e events.Event, v any) {
	t.Helper()
	if err := json.Unmarshal(e.Statement.Data, v); err != nil {
		t.Fatal(err)
	}
}

// after says in which phases a document may stand after an event, and before: written down apart from Fold.
var after = map[string]struct{ before, then []Phase }{
	NameOpened:       {[]Phase{PhaseNone}, []Phase{PhaseDraft}},
	NameRevised:      {[]Phase{PhaseDraft, PhaseSentBack}, nil},
	NameOpinionAsked: {[]Phase{PhaseDraft, PhaseSentBack, PhaseSubmitted}, nil},
	NameOpinionGiven: {[]Phase{PhaseDraft, PhaseSentBack, PhaseSubmitted}, nil},
	NameSubmitted:    {[]Phase{PhaseDraft, PhaseSentBack}, []Phase{PhaseSubmitted}},
	NameApproved:     {[]Phase{PhaseSubmitted}, nil},
	NameSentBack:     {[]Phase{PhaseSubmitted}, []Phase{PhaseSentBack}},
	NameSigned:       {[]Phase{PhaseSubmitted}, []Phase{PhaseSigned}},
	NameIssueAsked:   {[]Phase{PhaseSigned, PhaseNumbered}, []Phase{PhaseNumbering, PhaseNumbered}},
	NameNumberChosen: {[]Phase{PhaseNumbering}, nil},
	NameNumbered:     {[]Phase{PhaseNumbering}, []Phase{PhaseNumbered}},
	NameSealed:       {[]Phase{PhaseNumbered}, []Phase{PhaseSealed}},
	NameSendRefused:  {[]Phase{PhaseSealed}, []Phase{PhaseNumbered}},
	NameSent:         {[]Phase{PhaseSealed, PhaseNumbered}, []Phase{PhaseIssued}},
	NameCancelled:    {[]Phase{PhaseDraft, PhaseSentBack, PhaseSubmitted, PhaseSigned, PhaseNumbered}, []Phase{PhaseCancelled}},
	NameRecallAsked:  {[]Phase{PhaseIssued}, []Phase{PhaseIssued, PhaseRecalled}},
}

// holders are who has each role, in whose place, written down apart from the directory.
var holders = map[string][]string{
	"head nv": {"cuc", "minh/cuc"}, "head vp": {"lan"}, "leader ": {"dung", "oanh", "lan/dung"}, "clerk ": {"em"},
}

// Whatever persons and the node try, in whatever order: a document is in one phase, every event follows from the one before, each step
// of a chain is taken by one who had the right to then, the signature is the signer's, a number never changes, and what is refused
// changes nothing.
func TestWhateverIsTried(t *testing.T) {
	reached := map[Phase]int{}
	rapid.Check(t, func(t *rapid.T) {
		h := in(t, rapid.SampledFrom(Phases()).Draw(t, "phase"))
		taken := rapid.IntRange(0, 9).Draw(t, "numbers of others")
		for range rapid.IntRange(10, 60).Draw(t, "acts") {
			h.at = h.at.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "hours")) * time.Hour)
			who := rapid.SampledFrom(people).Draw(t, "who")
			if offered := offered(h); len(offered) > 0 && rapid.Bool().Draw(t, "offered") {
				who = rapid.SampledFrom(offered).Draw(t, "who of those who may")
			}
			before, b := h.state, h.by(who)
			news, act, err := tried(t, before, b, taken)
			if !equal(before, h.state) {
				t.Fatal("a decider changed the state")
			}
			if err != nil {
				if reason(err) == "" && act != "" {
					t.Fatal(err)
				}
				continue
			}
			if act != "" && !slices.Contains(May(before, b), act) && act != "MakeCopy" {
				t.Fatalf("%s by %s was accepted and not offered in phase %q", act, who, before.Phase)
			}
			for _, n := range news {
				follows(t, h, n, who)
			}
			reached[h.state.Phase]++
		}
		again := begin(t)
		for _, e := range h.events {
			s, err := Fold(again.state, e)
			if err != nil {
				t.Fatal(err)
			}
			again.state = s
		}
		if !equal(again.state, h.state) {
			t.Fatal("read again, the state is another")
		}
	})
	for _, p := range Phases() {
		if reached[p] == 0 && p != PhaseNone {
			t.Errorf("phase %q was never reached: %v", p, reached)
		}
	}
}

// offered are those who may do anything but begin, give an opinion and cancel, which would end or lengthen everything.
func offered(h *history) []string {
	var out []string
	for _, who := range people {
		if slices.ContainsFunc(May(h.state, h.by(who)), func(act string) bool {
			return act == "Submit" || act == "Approve" || act == "Issue" || act == "RecallIssued"
		}) {
			out = append(out, who)
		}
	}
	return out
}

func equal(a, b State) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

// tried draws an act of a person (with its name) or a step of the node (without).
func tried(t *rapid.T, s State, b By, taken int) ([]events.New, string, error) {
	if rapid.IntRange(0, 2).Draw(t, "node") == 0 {
		sum := events.Sum([]byte("edXML"))
		var news []events.New
		var err error
		switch rapid.IntRange(0, 4).Draw(t, "step") {
		case 0:
			news, err = DecideChosen(s, taken+rapid.IntRange(0, 2).Draw(t, "n"))
		case 1:
			news, err = DecideNumbered(s, numbering.State{Holder: rapid.SampledFrom([]string{"outgoing/H02/d", "outgoing/H02/d", "x"}).Draw(t, "holder")})
		case 2:
			news, err = DecideSealed(s, "key")
		case 3:
			news, err = DecideSendRefused(s, 4008)
		default:
			news, err = DecideSent(s, &sum)
		}
		return news, "", err
	}
	i := rapid.IntRange(0, len(tries)).Draw(t, "act")
	if name := rapid.SampledFrom([]string{"", "Submit", "Approve", "Issue", "RecallIssued"}).Draw(t, "go on"); name != "" && slices.Contains(May(s, b), name) {
		i = slices.IndexFunc(tries, func(a try) bool { return a.name == name })
	}
	switch {
	case i == len(tries):
		news, err := DecideCopy(s, Copy{By: b, Org: "H02", ID: "d", Form: FormTrue, Of: Original{Incoming: "k", Has: true}, ToPlaces: []string{"Lưu"}, Signer: "dung"})
		return news, "MakeCopy", err
	case tries[i].name == "Submit":
		news, err := DecideSubmit(s, Submit{By: b, Chain: rapid.SampledFrom([]string{"", "mot", "ba", "thuong"}).Draw(t, "chain")})
		return news, "Submit", err
	case tries[i].name == "RecallIssued":
		r := Recall{By: b, Reason: "nhầm"}
		if rapid.Bool().Draw(t, "one") {
			r.Recipients = []Recipient{{"H02.11", "H02.11"}}
		}
		news, err := DecideRecall(s, r)
		return news, "RecallIssued", err
	}
	news, err := tries[i].do(s, b)
	return news, tries[i].name, err
}

// follows records one event and looks at what it did.
func follows(t *rapid.T, h *history, n events.New, who string) {
	before := h.state
	h.record([]events.New{n})
	s, rule := h.state, after[n.Name]
	if !slices.Contains(rule.before, before.Phase) || rule.then == nil && s.Phase != before.Phase || rule.then != nil && !slices.Contains(rule.then, s.Phase) {
		t.Fatalf("%s led from %q to %q", n.Name, before.Phase, s.Phase)
	}
	if before.Number > 0 && (s.Number != before.Number || s.Issue.Date != before.Issue.Date || s.Issue.Notation != before.Issue.Notation) {
		t.Fatalf("%s changed the number", n.Name)
	}
	if s.Phase == PhaseIssued && s.Number == 0 || s.Phase == PhaseSigned && s.Chain.Done != len(s.Chain.Steps) {
		t.Fatalf("%s led to %q with number %d and %d of %d steps", n.Name, s.Phase, s.Number, s.Chain.Done, len(s.Chain.Steps))
	}
	if before.Phase == PhaseCancelled {
		t.Fatalf("%s after the end", n.Name)
	}
	var has []string
	switch n.Name {
	case NameApproved, NameSigned:
		p := before.Chain.Steps[before.Chain.Done]
		has = holders[p.Role+" "+p.Unit]
		if p.Role == "" { // of a copy
			has = holders["leader "]
		}
		if p.Signs && who != p.Person && who != "lan/"+p.Person {
			t.Fatalf("%s signed for %s", who, p.Person)
		}
		if !p.Signs && (who == before.Opened.Person || who == before.Latest.Person) {
			t.Fatalf("%s approved the own draft", who)
		}
	case NameIssueAsked:
		has = holders["clerk "]
		if before.Opened.Unit == "kt" {
			has = append(has, "phu")
		}
	default:
		return
	}
	if before.Opened.Unit == "nv" && !slices.Contains(has, who) && !(n.Name == NameSigned && n.Data.(Signed).Step == 1 && before.Opened.Copy != nil) {
		t.Fatalf("%s by %s, who is none of %v", n.Name, who, has)
	}
}

// Any event after any other: Fold gives a state or an error, and with an error the state before.
func TestFoldIsTotal(t *testing.T) {
	var all []events.Event
	for _, p := range Phases() {
		all = append(all, in(t, p).events...)
	}
	h := in(t, PhaseSealed)
	h.must(DecideSendRefused(h.state, 4008))
	all = append(all, h.events...)
	for _, name := range append(slices.Sorted(keys(after)), "outgoing.lost.v1") {
		all = append(all, events.Event{Statement: events.Statement{Name: name, Data: []byte(`{}`)}},
			events.Event{Statement: events.Statement{Name: name, Data: []byte(`[]`)}})
	}
	rapid.Check(t, func(t *rapid.T) {
		var s State
		for range rapid.IntRange(1, 25).Draw(t, "events") {
			e := rapid.SampledFrom(all).Draw(t, "event")
			was, _ := json.Marshal(s)
			next, err := Fold(s, e)
			if now, _ := json.Marshal(s); string(now) != string(was) {
				t.Fatalf("%s changed the state before", e.Statement.Name)
			}
			if err != nil && !equal(next, s) {
				t.Fatalf("%s was refused and changed the state", e.Statement.Name)
			}
			if err == nil {
				if !slices.Contains(after[e.Statement.Name].before, s.Phase) {
					t.Fatalf("%s was folded in phase %q", e.Statement.Name, s.Phase)
				}
				if next.Events != s.Events+1 {
					t.Fatal("not counted")
				}
				s = next
			}
		}
	})
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// Kept as JSON, a state stays what it is.
func TestStateIsKeptAsJSON(t *testing.T) {
	for _, p := range Phases() {
		s := in(t, p).state
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var got State
		if err := json.Unmarshal(b, &got); err != nil || !equal(got, s) || got.Version() != s.Version() {
			t.Errorf("phase %q: %v", p, err)
		}
	}
}
