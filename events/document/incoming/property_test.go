package incoming

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
)

// follows is the picture in the package comment: where a document may go from where it stands. It is written here once more, apart
// from fold and deciders.
var follows = map[Phase][]Phase{
	PhaseArrived:     {PhaseArrived, PhaseRegistering, PhaseRefused, PhaseWithdrawn},
	PhaseRegistering: {PhaseRegistering, PhaseRegistered},
	PhaseRegistered:  {PhaseRegistered, PhasePresented, PhaseAssigned, PhaseFinished, PhaseWithdrawn},
	PhasePresented:   {PhasePresented, PhaseAssigned, PhaseFinished, PhaseWithdrawn},
	PhaseAssigned:    {PhaseAssigned, PhasePresented, PhaseHandling, PhaseFinished, PhaseWithdrawn},
	PhaseHandling:    {PhaseHandling, PhaseAssigned, PhasePresented, PhaseFinished, PhaseWithdrawn},
	PhaseFinished:    {PhaseFinished, PhaseRegistered, PhasePresented, PhaseHandling, PhaseWithdrawn},
	PhaseWithdrawn:   {PhaseWithdrawn, PhaseArrived, PhaseRegistered, PhasePresented, PhaseAssigned, PhaseHandling},
	PhaseRefused:     {PhaseRefused},
}

var (
	assigneeGen = rapid.SampledFrom(all("nv", "nv1", "kt", "vp", "cu", "nv/an", "/an", "nv/binh", "nv1/son", "kt/giang", "/dung", "/khoa", "/nam", "kt/an"))
	wordsGen    = rapid.SampledFrom([]string{"", "x", "x"})
)

// none stands for no day.
const none = 99

func actGen(t *rapid.T, at time.Time) Act {
	words, day := wordsGen.Draw(t, "words"), ""
	if n := rapid.SampledFrom([]int{-1, 0, 1, 3, 10, 11, 40, none}).Draw(t, "days from now"); n != none {
		day = directory.Day(at.AddDate(0, 0, n))
	}
	switch rapid.IntRange(0, 15).Draw(t, "act") {
	case 0:
		return Register{Register: rapid.SampledFrom([]string{"", "chung", "cu"}).Draw(t, "register")}
	case 1:
		return Enter{Channel: "mail", Facts: PaperFacts{Subject: words}}
	case 2:
		if rapid.IntRange(0, 20).Draw(t, "really") > 0 {
			return Register{}
		}
		return Refuse{Reason: words}
	case 3:
		return Present{To: rapid.SampledFrom([]string{"dung", "oanh", "cuc", "lan", "an", "nam"}).Draw(t, "to")}
	case 4, 5, 6:
		return Assign{
			InCharge: assigneeGen.Draw(t, "in charge"), Cooperating: rapid.SliceOfN(assigneeGen, 0, 2).Draw(t, "cooperating"), Due: day, Opinion: words,
		}
	case 7:
		return TransferBack{Reason: words}
	case 8:
		return Start{}
	case 9:
		return Opine{Text: words}
	case 10:
		return ChangeDeadline{Due: day, Reason: words}
	case 11:
		return LinkReply{Outgoing: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "reply"), Own: rapid.Bool().Draw(t, "own")}
	case 13:
		return Agree{Reason: words}
	case 14:
		return Decline{Reason: words}
	case 12:
		return Finish{Result: words}
	}
	return Reopen{Reason: words}
}

// Whatever people and the node do, in whatever order: a document stands in one phase and goes only where the picture leads; nobody gains
// a right by it that the office and the assignments do not give; deadlines obey; and what is decided follows from the history alone.
func TestAnySequence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := arrived(t)
		if rapid.IntRange(0, 3).Draw(t, "paper") == 0 {
			h = paper(t)
		}
		w := watcher{story: h}
		for range rapid.IntRange(100, 300).Draw(t, "steps") {
			switch rapid.IntRange(0, 19).Draw(t, "step") {
			case 0:
				h.days(rapid.IntRange(1, 8).Draw(t, "days"))
			case 1:
				if h.x != nil {
					h.x.Back = rapid.SampledFrom([]Back{BackNone, BackNone, BackAsked, BackGiven}).Draw(t, "back")
					h.x.By = rapid.SampledFrom([]string{"a", "b"}).Draw(t, "by")
					news, err := DecideWithdrawn(h.state, *h.x, "by")
					if err != nil {
						t.Fatal(err)
					}
					w.record("node", news)
				}
			default:
				act := actGen(t, h.at)
				who := h.someone(t, act)
				c := h.command(who, act)
				before := h.state
				news, err := Decide(h.state, c)
				again, err2 := Decide(before, c)
				if !reflect.DeepEqual(news, again) || reason(err) != reason(err2) {
					t.Fatalf("decided twice: %v %v, then %v %v", news, err, again, err2)
				}
				if err != nil {
					if strings.HasPrefix(string(reason(err)), "error") || len(news) > 0 {
						t.Fatalf("%s %#v: %v, %v", who, act, news, err)
					}
					continue
				}
				w.allowed(who, act)
				w.record(who, news)
			}
			if h.state.Phase == PhaseRegistering && rapid.Bool().Draw(t, "number") {
				h.number(h.state.Chosen + rapid.IntRange(1, 3).Draw(t, "n"))
			}
		}
		if s, err := FoldAll(h.events); err != nil || !reflect.DeepEqual(s, h.state) {
			t.Fatalf("folded anew: %+v, %v; expected %+v", s, err, h.state)
		}
	})
}

// someone is anybody, but mostly one who may: else a document would hardly ever come far.
func (h *story) someone(t *rapid.T, act Act) string {
	first := rapid.IntRange(0, len(people)-1).Draw(t, "who")
	if rapid.IntRange(0, 3).Draw(t, "anybody") > 0 {
		for i := range people {
			who := people[(first+i)%len(people)]
			if _, err := Decide(h.state, h.command(who, act)); err == nil {
				return who
			}
		}
	}
	return people[first]
}

// watcher knows from the events alone, in its own way, with whom a document lies.
type watcher struct {
	*story
	before   string // person before whom it lies
	inCharge directory.Assignee
	others   []directory.Assignee
	by       string
	answered string // the request answered last
	limit    string // day that a leader has set
}

// unitsOf are the units that somebody heads, parts included, as a person reads the office of the tests.
var unitsOf = map[string][]string{"cuc": {"nv", "nv1"}, "hoa": {"kt"}, "lan": {"vp"}}

// members are the specialists of a unit.
var members = map[string][]string{"nv": {"an", "binh", "son", "son/an"}, "nv1": {"son"}, "kt": {"giang", "minh"}}

var (
	clerks  = []string{"an", "em", "minh/an", "son/an"}
	leaders = []string{"dung", "oanh", "lan/dung"}
	idle    = []string{"ha", "khoa", "phu", "quan"}
)

// name is in whose name somebody acts.
func name(who string) string {
	_, other, ok := strings.Cut(who, "/")
	if ok {
		return other
	}
	return who
}

func (w *watcher) heads(who string, a directory.Assignee) bool {
	return slices.Contains(unitsOf[who], a.Unit)
}

// clerkOnly stands in for an, but not as the specialist that an is.
const clerkOnly = "minh/an"

func (w *watcher) handles(who string) bool {
	return who != clerkOnly && w.inCharge.Person != "" && name(who) == w.inCharge.Person || w.heads(who, w.inCharge)
}

func (w *watcher) takesPart(who string) bool {
	if w.before == name(who) && who != clerkOnly {
		return true
	}
	return slices.ContainsFunc(append([]directory.Assignee{w.inCharge}, w.others...), func(a directory.Assignee) bool {
		return who != clerkOnly && a.Person != "" && a.Person == name(who) || w.heads(who, a) || a.Person == "" && slices.Contains(members[a.Unit], who)
	})
}

// allowed says that somebody did what only others may.
func (w *watcher) allowed(who string, act Act) {
	w.Helper()
	clerk, leader := slices.Contains(clerks, who), slices.Contains(leaders, who)
	has := w.before != "" && w.before == name(who) && who != clerkOnly
	var ok bool
	switch a := act.(type) {
	case Register, Enter, Refuse:
		ok = clerk
	case Present:
		ok = clerk || leader || has
	case Assign:
		ok = leader
		if !leader && (has || w.heads(who, w.inCharge)) {
			ok = true
			for _, x := range append([]directory.Assignee{a.InCharge}, a.Cooperating...) {
				if found, _ := office.Assignable(x, w.at); !w.heads(who, found) {
					ok = false
				}
			}
		}
	case TransferBack, Start:
		ok = w.handles(who)
	case Finish:
		ok = w.handles(who) || w.by == "" && (leader || has)
	case Opine:
		ok = leader || w.takesPart(who)
	case ChangeDeadline:
		ok = leader || w.by == name(who) && w.heads(who, w.inCharge)
	case Agree, Decline:
		ok = (clerk || leader) && w.x != nil && w.x.Back == BackAsked && w.answered != w.x.By
	case LinkReply:
		ok = clerk || leader || w.handles(who) || has
	case Reopen:
		ok = leader || w.heads(who, w.inCharge) || clerk && w.state.Phase == PhaseWithdrawn
	}
	if !ok || slices.Contains(idle, who) {
		w.Fatal(fmt.Sprintf("%s was allowed %#v; it lies before %q, with %v and %v, assigned by %q", who, act, w.before, w.inCharge, w.others, w.by))
	}
}

// record folds, and looks at the step that was made.
func (w *watcher) record(who string, news []events.New) {
	w.Helper()
	if len(news) == 0 {
		return
	}
	from, kept := w.state.Phase, w.state.Due
	w.story.record(news)
	to := w.state.Phase
	if !slices.Contains(follows[from], to) || !slices.Contains(Phases(), to) {
		w.Fatal(fmt.Sprintf("%s by %s led from %q to %q", news[0].Name, who, from, to))
	}
	today := directory.Day(w.at)
	byLeader := slices.Contains(leaders, who)
	due := func(day, kept string) {
		w.Helper()
		switch {
		case day != "" && day < today && day != kept && day != w.limit:
			w.Fatal(fmt.Sprintf("%s set the deadline %s on %s", who, day, today))
		case !byLeader && w.limit != "" && day > w.limit:
			w.Fatal(fmt.Sprintf("%s set the deadline %s, a leader had set %s", who, day, w.limit))
		}
		if byLeader {
			w.limit = day
		}
	}
	for _, n := range news {
		switch d := n.Data.(type) {
		case Presented:
			w.before = d.To
		case Assigned:
			due(d.Due, kept)
			w.before, w.inCharge, w.others, w.by = "", d.InCharge, d.Cooperating, name(who)
		case TransferredBack:
			if d.To != w.by {
				w.Fatal("given back to", d.To, "who did not assign it:", w.by)
			}
			w.before, w.inCharge, w.others, w.by = d.To, directory.Assignee{}, nil, ""
		case RecallAnswered:
			w.answered = d.By
		case DeadlineChanged:
			due(d.Due, "")
			if d.Before != "" && d.Before < today && !byLeader {
				w.Fatal(who, "moved a deadline that had passed")
			}
		}
	}
}

// Fold is total: any event after any other gives a state or an error, and never another state with an error. What it does not know is
// an error.
func TestFoldAnything(t *testing.T) {
	names := []string{
		NamePaperEntered, NameRegistrationAsked, NameNumberChosen, NameRegistered, NameRefused, NamePresented, NameAssigned, NameTransferredBack,
		NameHandlingStarted, NameOpinionGiven, NameDeadlineChanged, NameReplyLinked, NameFinished, NameReopened, NameWithdrawn, NameRecallAnswered, "incoming.unknown.v1",
	}
	data := []string{
		`{}`, `null`, `[]`, `{"document":"` + key + `","register":"chung","book":"den-chung","year":2026}`, `{"book":"den-chung","year":2026,"n":1}`,
		`{"channel":"mail"}`, `{"to":"dung"}`, `{"in_charge":{"unit":"nv"}}`, `{"in_charge":{"unit":"nv"},"again":true}`, `{"outgoing":"a"}`, `{"due":"2026-12-01"}`, `{"document":"` + key + `","by":"b"}`,
	}
	rapid.Check(t, func(t *rapid.T) {
		var s State
		for i := range rapid.IntRange(1, 30).Draw(t, "events") {
			e := events.Event{Position: uint64(i), Statement: events.Statement{
				Origin: "o", Name: rapid.SampledFrom(names).Draw(t, "name"), Data: []byte(rapid.SampledFrom(data).Draw(t, "data")),
			}}
			next, err := Fold(s, e)
			switch {
			case err != nil && !reflect.DeepEqual(next, s):
				t.Fatalf("%s: error %v, and another state", e.Statement.Name, err)
			case err == nil && (e.Statement.Name == "incoming.unknown.v1" || next.Events != s.Events+1 || !slices.Contains(follows[s.Phase], next.Phase)):
				t.Fatalf("%s led from %+v to %+v", e.Statement.Name, s, next)
			}
			s = next
		}
	})
}
