package dossier

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

// none stands for no day.
const none = 99

func actGen(t *rapid.T, at time.Time) Act {
	words, day := rapid.SampledFrom([]string{"", "x", "x"}).Draw(t, "words"), ""
	if n := rapid.SampledFrom([]int{-1, 0, 3, 40, none}).Draw(t, "days from now"); n != none {
		day = directory.Day(at.AddDate(0, 0, n))
	}
	person := rapid.SampledFrom([]string{"an", "binh", "son", "giang", "dung", "cuc", "em", "nam"}).Draw(t, "person")
	task := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "task")
	var doc *Found
	if id := rapid.SampledFrom([]string{"", "x", "y", "z"}).Draw(t, "document"); id != "" {
		doc = &Found{Target: Target{rapid.SampledFrom([]string{KindIncoming, KindOutgoing}).Draw(t, "kind"), id}, Exists: rapid.Bool().Draw(t, "exists")}
	}
	switch rapid.IntRange(0, 14).Draw(t, "act") {
	case 0:
		return Open{FilePlan: "01", Title: "x", InCharge: rapid.SampledFrom([]string{"", person}).Draw(t, "in charge"), Due: day}
	case 1:
		return Classify{FilePlan: rapid.SampledFrom([]string{"", "01", "02.NV", "03"}).Draw(t, "entry"), Title: words}
	case 2, 3, 4:
		var files []FileFacts
		if doc == nil {
			files = make([]FileFacts, 1)
		}
		return Add{Document: doc, Facts: ItemFacts{Files: files}}
	case 5:
		return Remove{Item: rapid.Uint64Range(0, 6).Draw(t, "item"), Reason: words}
	case 6:
		return Opine{Text: words}
	case 7, 8:
		to := rapid.SampledFrom([]directory.Assignee{of("kt"), of("nv1"), of("/giang"), of("nv/binh"), of("/dung"), of("cu"), of("vp")}).Draw(t, "to")
		return GiveTask{Task: task, To: to, Text: words, Due: day}
	case 9, 10:
		return FinishTask{Task: task, Result: words}
	case 11:
		return Decision{Text: words, Document: doc}
	case 12:
		return HandOver{To: person}
	case 13:
		return Close{}
	}
	return Reopen{Reason: words}
}

// Whatever people do, in whatever order: a dossier is open or closed, and nothing is done to a closed one but to reopen it; numbers of the
// contents list are given once; nobody gains a right that being in charge, being above, or a task do not give; and what is decided
// follows from the history alone.
func TestAnySequence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := watcher{story: begin(t), tasks: map[string]directory.Assignee{}, inside: map[Target]bool{}, items: map[uint64]Target{}}
		for range rapid.IntRange(50, 150).Draw(t, "steps") {
			if rapid.IntRange(0, 9).Draw(t, "a day") == 0 {
				w.days(rapid.IntRange(1, 8).Draw(t, "days"))
			}
			act := actGen(t, w.at)
			who := w.someone(t, act)
			c := w.command(who, act)
			news, err := Decide(w.state, c)
			again, err2 := Decide(w.state, c)
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
			w.record(news)
			w.look(who, news[0].Data)
			if w.state.Number == 0 && rapid.Bool().Draw(t, "number") {
				w.number(w.state.Chosen + rapid.IntRange(1, 3).Draw(t, "n"))
			}
		}
		if s, err := FoldAll(w.events); err != nil || !reflect.DeepEqual(s, w.state) {
			t.Fatalf("folded anew: %+v, %v; expected %+v", s, err, w.state)
		}
	})
}

// someone is anybody, but mostly one who may.
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

// watcher knows from the events alone, in its own way, whose a dossier is and what is in it.
type watcher struct {
	*story
	inCharge, unit string
	tasks          map[string]directory.Assignee // given
	open           int                           // tasks not done
	done           []string
	closed         bool
	items          map[uint64]Target // in it; the zero target for files
	inside         map[Target]bool
	lastItem       uint64
}

// unitsOf are the units that somebody heads, parts included, as a person reads the office of the tests.
var unitsOf = map[string][]string{"cuc": {"nv", "nv1"}, "hoa": {"kt"}, "lan": {"vp"}}

// members are the specialists of a unit.
var members = map[string][]string{"nv": {"an", "binh", "son", "son/an"}, "nv1": {"son"}, "kt": {"giang", "minh"}}

var (
	leaders  = []string{"dung", "oanh", "lan/dung"}
	handlers = []string{"an", "binh", "cuc", "dung", "giang", "hoa", "lan", "lan/dung", "minh", "oanh", "son", "son/an"} // not minh/an: as clerk only
)

// name is in whose name somebody acts.
func name(who string) string {
	if _, other, ok := strings.Cut(who, "/"); ok {
		return other
	}
	return who
}

func (w *watcher) takes(who string, a directory.Assignee) bool {
	return a.Person == name(who) || slices.Contains(unitsOf[who], a.Unit) || a.Person == "" && slices.Contains(members[a.Unit], who)
}

// allowed says that somebody did what only others may.
func (w *watcher) allowed(who string, act Act) {
	w.Helper()
	above := slices.Contains(leaders, who) || slices.Contains(unitsOf[who], w.unit)
	manages := above || name(who) == w.inCharge
	helps := false
	for _, a := range w.tasks {
		helps = helps || w.takes(who, a)
	}
	var ok bool
	switch a := act.(type) {
	case Open:
		ok = w.inCharge == "" && (a.InCharge == "" || a.InCharge == name(who) || slices.Contains(leaders, who) || slices.Contains(unitsOf[who], unitOf(a.InCharge)))
	case Classify, Remove, GiveTask, Decision, Close:
		ok = manages
	case HandOver:
		ok = slices.Contains(leaders, who) || slices.Contains(unitsOf[who], unitOf(a.To)) || manages && slices.Contains(append(partsOf[w.unit], w.unit), unitOf(a.To))
	case Add, Opine:
		ok = manages || helps
	case FinishTask:
		ok = manages || w.takes(who, w.tasks[a.Task])
	case Reopen:
		ok = above && w.closed
	}
	if _, reopens := act.(Reopen); w.closed && !reopens {
		ok = false
	}
	if !ok || !slices.Contains(handlers, who) {
		w.Fatal(fmt.Sprintf("%s was allowed %#v; in charge %q of %q, tasks %v, closed %v", who, act, w.inCharge, w.unit, w.tasks, w.closed))
	}
}

var partsOf = map[string][]string{"nv": {"nv1"}, "": {"nv", "nv1", "kt", "vp"}}

func unitOf(person string) string {
	return map[string]string{"an": "nv", "binh": "nv", "cuc": "nv", "son": "nv1", "giang": "kt", "dung": ""}[person]
}

// look keeps what an event says, and what must hold of it.
func (w *watcher) look(who string, data any) {
	w.Helper()
	switch d := data.(type) {
	case Opened:
		w.inCharge, w.unit = d.InCharge, d.Unit
	case HandedOver:
		w.inCharge, w.unit = d.To, d.Unit
	case ItemAdded:
		if d.Item != w.lastItem+1 {
			w.Fatal("item", d.Item, "after", w.lastItem)
		}
		w.lastItem = d.Item
		w.items[d.Item] = Target{}
		if d.Target != nil {
			if w.inside[*d.Target] {
				w.Fatal("put in twice:", *d.Target)
			}
			w.items[d.Item], w.inside[*d.Target] = *d.Target, true
		}
	case ItemRemoved:
		of, ok := w.items[d.Item]
		if !ok {
			w.Fatal("taken out, but not in it:", d.Item)
		}
		delete(w.items, d.Item)
		delete(w.inside, of)
	case TaskGiven:
		if d.Due != "" && d.Due < directory.Day(w.at) {
			w.Fatal("a task was due before it was given:", d.Due)
		}
		if _, twice := w.tasks[d.Task]; twice {
			w.Fatal("the id of a task was given twice:", d.Task)
		}
		w.tasks[d.Task] = d.To
		w.open++
	case TaskFinished:
		if slices.Contains(w.done, d.Task) {
			w.Fatal(who, "ended a task twice:", d.Task)
		}
		w.done = append(w.done, d.Task)
		w.open--
	case Closed:
		if w.open > 0 || w.state.Number == 0 || d.Items != len(w.items) {
			w.Fatal(fmt.Sprintf("closed with %d open tasks, number %d, %d of %d items", w.open, w.state.Number, d.Items, len(w.items)))
		}
		w.closed = true
	case Reopened:
		w.closed = false
	}
	if want := map[bool]Phase{false: PhaseOpen, true: PhaseClosed}[w.closed]; w.state.Phase != want {
		w.Fatal("phase", w.state.Phase, "expected", want)
	}
}

// Fold is total: any event after any other gives a state or an error, and never another state with an error. What it does not know is
// an error.
func TestFoldAnything(t *testing.T) {
	names := []string{
		NameOpened, NameOpened, NameNumberChosen, NameNumbered, NameClassified, NameItemAdded, NameItemRemoved, NameOpinionGiven, NameTaskGiven,
		NameTaskFinished, NameDecisionRecorded, NameHandedOver, NameClosed, NameReopened, "dossier.unknown.v1",
	}
	data := []string{
		`{}`, `null`, `[]`, `{"file_plan":"01","in_charge":"an","book":"hs","year":2026}`, `{"book":"hs","year":2026,"n":1}`, `{"item":1,"files":1}`,
		`{"item":2,"target":{"kind":"incoming","id":"x"}}`, `{"task":"a","to":{"unit":"kt"}}`, `{"from":"an","to":"binh"}`, `{"items":1}`, `{"item":1}`,
	}
	rapid.Check(t, func(t *rapid.T) {
		var s State
		for i := range rapid.IntRange(1, 40).Draw(t, "events") {
			e := events.Event{Position: uint64(i), Statement: events.Statement{
				Origin: "o", Name: rapid.SampledFrom(names).Draw(t, "name"), Data: []byte(rapid.SampledFrom(data).Draw(t, "data")),
			}}
			next, err := Fold(s, e)
			switch {
			case err != nil && !reflect.DeepEqual(next, s):
				t.Fatalf("%s: error %v, and another state", e.Statement.Name, err)
			case err == nil && (e.Statement.Name == "dossier.unknown.v1" || next.Events != s.Events+1 || !slices.Contains(Phases(), next.Phase)):
				t.Fatalf("%s led from %+v to %+v", e.Statement.Name, s, next)
			}
			s = next
		}
	})
}
