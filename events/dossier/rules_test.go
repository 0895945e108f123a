package dossier

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestRules(t *testing.T) {
	open := func(change func(*Open)) Open {
		o := Open{FilePlan: "01", Title: "Kế hoạch"}
		change(&o)
		return o
	}
	for _, x := range []struct {
		name string
		h    func(fataler) *story
		who  string
		act  Act
		want Reason
	}{
		{"no title", begin, "an", open(func(o *Open) { o.Title = "" }), ReasonIncomplete},
		{"no such entry", begin, "an", open(func(o *Open) { o.FilePlan = "99" }), ReasonFilePlan},
		{"closed entry", begin, "an", open(func(o *Open) { o.FilePlan = "03" }), ReasonFilePlan},
		{"another unit's entry", begin, "giang", open(func(o *Open) { o.FilePlan = "02.NV" }), ReasonFilePlan},
		{"entry of the unit above", begin, "son", open(func(o *Open) { o.FilePlan = "02.NV" }), ""},
		{"leader under any entry", begin, "dung", open(func(o *Open) { o.FilePlan = "02.NV" }), ""},
		{"entry with a period that is gone", begin, "an", open(func(o *Open) { o.FilePlan = "04" }), ReasonRetention},
		{"no such period", begin, "an", open(func(o *Open) { o.Retention = "xx" }), ReasonRetention},
		{"period of its own", begin, "an", open(func(o *Open) { o.Retention = "vv" }), ""},
		{"due yesterday", begin, "an", open(func(o *Open) { o.Due = "2026-11-29" }), ReasonPast},
		{"due never", begin, "an", open(func(o *Open) { o.Due = "2026-13-01" }), ReasonDate},
		{"for another", begin, "an", open(func(o *Open) { o.InCharge = "binh" }), ReasonOutside},
		{"head for own people", begin, "cuc", open(func(o *Open) { o.InCharge = "son" }), ""},
		{"head for others", begin, "cuc", open(func(o *Open) { o.InCharge = "giang" }), ReasonOutside},
		{"leader for anybody", begin, "dung", open(func(o *Open) { o.InCharge = "giang" }), ""},
		{"for who left", begin, "dung", open(func(o *Open) { o.InCharge = "nam" }), ReasonPerson},
		{"for who handles nothing", begin, "dung", open(func(o *Open) { o.InCharge = "em" }), ReasonPerson},
		{"by a clerk", begin, "em", open(func(*Open) {}), ReasonRight},
		{"twice", opened, "an", open(func(*Open) {}), ReasonOpened},
		{"not there", begin, "an", Add{Document: letter("x")}, ReasonUnknown},
		{"classify as it is", opened, "an", Classify{}, ReasonSame},
		{"title alone", opened, "an", Classify{Title: "Khác"}, ""},
		{"to another unit's entry", func(t fataler) *story { return begin(t).do("giang", open(func(*Open) {})) }, "giang", Classify{FilePlan: "02.NV"}, ReasonFilePlan},
		{"period that is not there", opened, "an", Classify{Retention: "xx"}, ReasonRetention},
		{"nothing put in", opened, "an", Add{}, ReasonIncomplete},
		{"document and files", opened, "an", Add{Document: letter("x"), Facts: ItemFacts{Files: []FileFacts{{}}}}, ReasonIncomplete},
		{"document not to be seen", opened, "an", Add{Document: &Found{Target: Target{KindIncoming, "x"}}}, ReasonDocument},
		{"dossier put in", opened, "an", Add{Document: &Found{Target: Target{"dossier", "x"}, Exists: true}}, ReasonDocument},
		{"put in twice", func(t fataler) *story { return opened(t).do("an", Add{Document: letter("x")}) }, "an", Add{Document: letter("x")}, ReasonInside},
		{"the same id of another kind", func(t fataler) *story { return opened(t).do("an", Add{Document: letter("x")}) }, "an",
			Add{Document: &Found{Target: Target{KindOutgoing, "x"}, Exists: true}}, ""},
		{"full", func(t fataler) *story { h := opened(t); h.state.Items = MaxItems; return h }, "an", Add{Document: letter("x")}, ReasonFull},
		{"remove what is not there", opened, "an", Remove{Item: 1, Reason: "x"}, ReasonItem},
		{"remove twice", func(t fataler) *story {
			return opened(t).do("an", Add{Document: letter("x")}).do("an", Remove{Item: 1, Reason: "x"})
		}, "an", Remove{Item: 1, Reason: "x"}, ReasonItem},
		{"remove without a reason", func(t fataler) *story { return opened(t).do("an", Add{Document: letter("x")}) }, "an", Remove{Item: 1}, ReasonIncomplete},
		{"no opinion", opened, "an", Opine{}, ReasonIncomplete},
		{"task without id", opened, "an", GiveTask{To: of("kt"), Text: "x"}, ReasonIncomplete},
		{"task without words", opened, "an", GiveTask{Task: "a", To: of("kt")}, ReasonIncomplete},
		{"task of a long id", opened, "an", GiveTask{Task: strings.Repeat("a", 65), To: of("kt"), Text: "x"}, ReasonIncomplete},
		{"task to nobody", opened, "an", GiveTask{Task: "a", Text: "x"}, ReasonIncomplete},
		{"task to no unit", opened, "an", GiveTask{Task: "a", To: of("xx"), Text: "x"}, ReasonUnit},
		{"task to a closed unit", opened, "an", GiveTask{Task: "a", To: of("cu"), Text: "x"}, ReasonUnit},
		{"task to who left", opened, "an", GiveTask{Task: "a", To: of("/nam"), Text: "x"}, ReasonPerson},
		{"task to who is elsewhere", opened, "an", GiveTask{Task: "a", To: of("kt/an"), Text: "x"}, ReasonApart},
		{"task due yesterday", opened, "an", GiveTask{Task: "a", To: of("kt"), Text: "x", Due: "2026-11-29"}, ReasonPast},
		{"task of the same id", withTask, "an", GiveTask{Task: "t1", To: of("kt"), Text: "x"}, ReasonTaskTaken},
		{"too many tasks", func(t fataler) *story { h := opened(t); h.state.Tasks = MaxTasks; return h }, "an", GiveTask{Task: "a", To: of("kt"), Text: "x"}, ReasonFull},
		{"no such task", withTask, "an", FinishTask{Task: "t2"}, ReasonTask},
		{"task done before", func(t fataler) *story { return withTask(t).do("giang", FinishTask{Task: "t1"}) }, "giang", FinishTask{Task: "t1"}, ReasonTaskDone},
		{"another's task", func(t fataler) *story { return withTask(t).do("an", GiveTask{Task: "t2", To: of("vp"), Text: "x"}) }, "giang", FinishTask{Task: "t2"}, ReasonRight},
		{"nothing decided", opened, "an", Decision{}, ReasonIncomplete},
		{"decided in what is not to be seen", opened, "an", Decision{Text: "x", Document: &Found{Target: Target{KindOutgoing, "x"}}}, ReasonDocument},
		{"hand over to oneself", opened, "an", HandOver{To: "an"}, ReasonSame},
		{"hand over to who left", opened, "an", HandOver{To: "nam"}, ReasonPerson},
		{"hand over to a clerk", opened, "an", HandOver{To: "em"}, ReasonPerson},
		{"hand over outside", opened, "an", HandOver{To: "giang"}, ReasonOutside},
		{"head hands over outside", opened, "cuc", HandOver{To: "giang"}, ReasonOutside},
		{"head hands over within", opened, "cuc", HandOver{To: "son"}, ""},
		{"leader hands over outside", opened, "dung", HandOver{To: "giang"}, ""},
		{"close twice", closed, "an", Close{}, ReasonClosed},
		{"put into a closed one", closed, "an", Add{Document: letter("x")}, ReasonClosed},
		{"reopen what is open", opened, "cuc", Reopen{Reason: "x"}, ReasonNotClosed},
		{"reopen without a reason", closed, "cuc", Reopen{}, ReasonIncomplete},
		{"reopen", closed, "cuc", Reopen{Reason: "x"}, ""},
		{"too many acts", func(t fataler) *story { h := opened(t); h.state.Events = maxActs; return h }, "an", Opine{Text: "x"}, ReasonFull},
		{"closed although there were many acts", func(t fataler) *story { h := opened(t); h.state.Events = maxActs; return h }, "an", Close{}, ""},
	} {
		h := x.h(t)
		if got := reason(h.try(x.who, x.act)); got != x.want {
			t.Errorf("%s: %q, expected %q", x.name, got, x.want)
		}
	}
}

// A task without a day is due with the dossier, and by the rule when that is past.
func TestTaskDue(t *testing.T) {
	h := opened(t).days(60).do("an", GiveTask{Task: "a", To: of("kt"), Text: "x"})
	if d := last[TaskGiven](h); d.Due != "2027-02-05" { // five working days after Friday the 29th
		t.Errorf("%+v", d)
	}
	if x, ok := h.state.Task("a"); !ok || x.By != "an" || x.Done {
		t.Errorf("%+v", x)
	}
}

// A dossier stays under an entry that was closed since, but none comes there.
func TestEntryClosedSince(t *testing.T) {
	h := opened(t)
	h.state.FilePlan, h.state.Retention = "03", "5n"
	h.do("an", Classify{Retention: "vv"})
	if d := last[Classified](h); d.FilePlan != "03" || d.Retention != "vv" || d.Titled {
		t.Errorf("%+v", d)
	}
}

func TestManyItems(t *testing.T) {
	h := opened(t)
	for i := range 300 {
		h.do("an", Add{Document: letter(fmt.Sprint(i))})
		if i%3 == 0 {
			h.do("an", Remove{Item: uint64(i + 1), Reason: "x"})
		}
	}
	if h.state.Items != 300 || h.state.InIt != 200 {
		t.Errorf("%d items, %d in it", h.state.Items, h.state.InIt)
	}
}

func TestNumberSteps(t *testing.T) {
	h := begin(t)
	if _, err := DecideChosen(h.state, 1); err == nil {
		t.Error("a number was chosen for nothing")
	}
	h.do("an", Open{FilePlan: "01", Title: "x"})
	if _, err := DecideNumbered(h.state); err == nil {
		t.Error("numbered without a number")
	}
	news, err := DecideChosen(h.state, 3)
	if err != nil {
		t.Fatal(err)
	}
	h.record(news)
	if news, err := DecideChosen(h.state, 3); err != nil || news != nil {
		t.Errorf("chosen twice: %v, %v", news, err)
	}
	if _, err := DecideChosen(h.state, 2); err == nil {
		t.Error("a lower number was chosen")
	}
	if _, _, ok := h.state.Wanted(); !ok {
		t.Error("no number is wanted")
	}
	h.number(4)
	if news, err := DecideNumbered(h.state); err != nil || news != nil {
		t.Errorf("numbered twice: %v, %v", news, err)
	}
	if _, _, ok := h.state.Wanted(); ok {
		t.Error("another number is wanted")
	}
}

func TestParseStream(t *testing.T) {
	if org, id, err := ParseStream(Stream("H02.06", "ke-hoach")); err != nil || org != "H02.06" || id != "ke-hoach" {
		t.Error(org, id, err)
	}
	for _, s := range []string{"", "dossier/", "dossier/a", "dossier//b", "dossier/a/", "dossier/a/b/c", "outgoing/a/b"} {
		if _, _, err := ParseStream(s); err == nil {
			t.Errorf("%q was read", s)
		}
	}
}

func TestDefectsOfTheCaller(t *testing.T) {
	h := begin(t)
	for _, change := range []func(*Command){func(c *Command) { c.Office = nil }, func(c *Command) { c.At = time.Time{} }} {
		c := h.command("an", Open{FilePlan: "01", Title: "x"})
		change(&c)
		if _, err := Decide(h.state, c); err == nil || errors.As(err, new(*Refusal)) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
