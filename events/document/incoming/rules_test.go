package incoming

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/document"
)

func TestAssign(t *testing.T) {
	cuc := func(t fataler) *story { return registered(t).do("em", Present{To: "cuc"}) }
	for _, x := range []struct {
		name string
		h    func(fataler) *story
		who  string
		act  Assign
		want Reason
	}{
		{"nobody", presented, "dung", Assign{}, ReasonIncomplete},
		{"no such unit", presented, "dung", Assign{InCharge: of("xx")}, ReasonUnit},
		{"closed unit", presented, "dung", Assign{InCharge: of("cu")}, ReasonUnit},
		{"no such person", presented, "dung", Assign{InCharge: of("/xx")}, ReasonPerson},
		{"who has left", presented, "dung", Assign{InCharge: of("nv/nam")}, ReasonPerson},
		{"who handles nothing", presented, "dung", Assign{InCharge: of("/khoa")}, ReasonPerson},
		{"who is elsewhere", presented, "dung", Assign{InCharge: of("kt/an")}, ReasonApart},
		{"in a part of the unit", presented, "dung", Assign{InCharge: of("nv/son")}, ""},
		{"twice", presented, "dung", Assign{InCharge: of("nv"), Cooperating: all("kt", "kt")}, ReasonTwice},
		{"in charge and cooperating", presented, "dung", Assign{InCharge: of("/an"), Cooperating: all("nv/an")}, ReasonTwice},
		{"too many", presented, "dung", Assign{InCharge: of("nv"), Cooperating: slices.Repeat(all("kt"), MaxCooperating+1)}, ReasonFull},
		{"as it is", assigned, "cuc", Assign{InCharge: of("/an"), Cooperating: all("kt")}, ReasonOutside},
		{"as it is, by a leader", assigned, "dung", Assign{InCharge: of("/an"), Cooperating: all("kt")}, ReasonSame},
		{"as it is, with a word", assigned, "dung", Assign{InCharge: of("/an"), Cooperating: all("kt"), Opinion: "Gấp"}, ""},
		{"no such unit cooperating", presented, "dung", Assign{InCharge: of("nv"), Cooperating: all("cu")}, ReasonUnit},
		{"head within", cuc, "cuc", Assign{InCharge: of("nv1/son"), Cooperating: all("nv/binh")}, ""},
		{"head outside", cuc, "cuc", Assign{InCharge: of("kt")}, ReasonOutside},
		{"head with others cooperating", cuc, "cuc", Assign{InCharge: of("nv"), Cooperating: all("kt")}, ReasonOutside},
		{"head to a leader", cuc, "cuc", Assign{InCharge: of("/dung")}, ReasonOutside},
		{"yesterday", presented, "dung", Assign{InCharge: of("nv"), Due: "2026-11-29"}, ReasonPast},
		{"today", presented, "dung", Assign{InCharge: of("nv"), Due: "2026-11-30"}, ""},
		{"no day", presented, "dung", Assign{InCharge: of("nv"), Due: "2026-1-1"}, ReasonDate},
		{"head beyond the leader's day", assigned, "cuc", Assign{InCharge: of("nv/binh"), Due: "2026-12-08"}, ReasonBeyond},
		{"head within the leader's day", assigned, "cuc", Assign{InCharge: of("nv/binh"), Due: "2026-12-04"}, ""},
		{"leader beyond the leader's day", assigned, "oanh", Assign{InCharge: of("nv/binh"), Due: "2026-12-31"}, ""},
		{"leader moves what has passed, without a word", late, "dung", Assign{InCharge: of("nv"), Due: "2026-12-31"}, ReasonPassed},
		{"leader moves what has passed, and says why", late, "dung", Assign{InCharge: of("nv"), Due: "2026-12-31", Opinion: "Gia hạn"}, ""},
		{"head moves what has passed", late, "cuc", Assign{InCharge: of("nv/binh"), Due: "2026-12-31", Opinion: "x"}, ReasonPassed},
		{"head assigns what is late as it is", late, "cuc", Assign{InCharge: of("nv/binh")}, ""},
		{"head after it came back, beyond", func(t fataler) *story {
			return assigned(t).do("cuc", Assign{InCharge: of("nv/binh")}).do("binh", TransferBack{Reason: "x"})
		}, "cuc", Assign{InCharge: of("nv/an"), Due: "2026-12-31"}, ReasonBeyond},
	} {
		h := x.h(t)
		if got := reason(h.try(x.who, x.act)); got != x.want {
			t.Errorf("%s: %q, expected %q", x.name, got, x.want)
		}
	}
}

// late is a document three weeks after it was assigned.
func late(t fataler) *story { return assigned(t).days(21) }

// What is assigned again keeps its day, whoever does it; what came back keeps the leader's.
func TestDueIsKept(t *testing.T) {
	h := assigned(t)
	due := h.state.Due
	if due != "2026-12-07" {
		t.Fatalf("due %q", due)
	}
	h.days(2).do("cuc", Assign{InCharge: of("nv/binh")})
	if d := last[Assigned](h); d.Due != due || !d.Again || d.Leader {
		t.Errorf("%+v", d)
	}
	h.do("binh", TransferBack{Reason: "Đi công tác"})
	if d := last[TransferredBack](h); d.To != "cuc" || h.state.Phase != PhasePresented || !h.state.Returned {
		t.Errorf("%+v, %+v", d, h.state)
	}
	h.do("cuc", Assign{InCharge: of("nv/an")})
	if d := last[Assigned](h); d.Due != due || d.Again {
		t.Errorf("%+v", d)
	}
	h.do("dung", Assign{InCharge: of("kt"), Due: "2026-12-15"})
	if d := last[Assigned](h); d.Due != "2026-12-15" || !d.Again || !d.Leader {
		t.Errorf("%+v", d)
	}
	urgent := arrived(t)
	urgent.x.Priority = 3
	urgent.do("em", Register{}).number(1).do("dung", Assign{InCharge: of("kt")})
	if d := last[Assigned](urgent); d.Due != "2026-12-01" {
		t.Errorf("urgent: %+v", d)
	}
}

func TestChangeDeadline(t *testing.T) {
	byHead := func(t fataler) *story { return assigned(t).do("cuc", Assign{InCharge: of("nv/binh")}) }
	for _, x := range []struct {
		name string
		h    func(fataler) *story
		who  string
		act  ChangeDeadline
		want Reason
	}{
		{"leader", assigned, "oanh", ChangeDeadline{Due: "2026-12-31", Reason: "x"}, ""},
		{"without a reason", assigned, "oanh", ChangeDeadline{Due: "2026-12-31"}, ReasonIncomplete},
		{"yesterday", assigned, "oanh", ChangeDeadline{Due: "2026-11-29", Reason: "x"}, ReasonPast},
		{"the same", assigned, "oanh", ChangeDeadline{Due: "2026-12-07", Reason: "x"}, ReasonSame},
		{"none", assigned, "oanh", ChangeDeadline{Reason: "x"}, ReasonDate},
		{"head who assigned", byHead, "cuc", ChangeDeadline{Due: "2026-12-03", Reason: "x"}, ""},
		{"head beyond", byHead, "cuc", ChangeDeadline{Due: "2026-12-08", Reason: "x"}, ReasonBeyond},
		{"head who did not assign", assigned, "cuc", ChangeDeadline{Due: "2026-12-03", Reason: "x"}, ReasonRight},
		{"who is in charge", assigned, "an", ChangeDeadline{Due: "2026-12-03", Reason: "x"}, ReasonRight},
		{"head, when it has passed", func(t fataler) *story { return byHead(t).days(21) }, "cuc", ChangeDeadline{Due: "2026-12-31", Reason: "x"}, ReasonPassed},
		{"leader, when it has passed", late, "dung", ChangeDeadline{Due: "2026-12-31", Reason: "x"}, ""},
	} {
		h := x.h(t)
		if got := reason(h.try(x.who, x.act)); got != x.want {
			t.Errorf("%s: %q, expected %q", x.name, got, x.want)
		}
	}
	h := late(t).do("dung", ChangeDeadline{Due: "2026-12-31", Reason: "x"})
	if d := last[DeadlineChanged](h); !d.Late || !d.Leader || d.Before != "2026-12-07" || h.state.Due != "2026-12-31" {
		t.Errorf("%+v", d)
	}
}

func TestSmallRules(t *testing.T) {
	for _, x := range []struct {
		name string
		h    func(fataler) *story
		who  string
		act  Act
		want Reason
	}{
		{"refuse what came on paper", func(t fataler) *story {
			return paper(t).do("em", Enter{Channel: "fax", Facts: PaperFacts{Subject: "x"}}).number(1)
		}, "em", Refuse{Reason: "x"}, ReasonRegistered},
		{"refuse without a reason", arrived, "em", Refuse{}, ReasonIncomplete},
		{"refuse twice", func(t fataler) *story { return arrived(t).do("em", Refuse{Reason: "x"}) }, "em", Refuse{Reason: "x"}, ReasonRefused},
		{"no such register", arrived, "em", Register{Register: "khong"}, ReasonRegister},
		{"closed register", arrived, "em", Register{Register: "cu"}, ReasonRegister},
		{"register of its own", arrived, "em", Register{Register: "don"}, ""},
		{"present to nobody", registered, "em", Present{To: "xx"}, ReasonPerson},
		{"present to who left", registered, "em", Present{To: "nam"}, ReasonPerson},
		{"present to a specialist", registered, "em", Present{To: "an"}, ReasonPresentTo},
		{"present again", presented, "em", Present{To: "dung"}, ReasonSame},
		{"present to another", presented, "dung", Present{To: "oanh"}, ""},
		{"transfer back without a reason", assigned, "an", TransferBack{}, ReasonIncomplete},
		{"no opinion", assigned, "an", Opine{}, ReasonIncomplete},
		{"reopen without a reason", finished, "dung", Reopen{}, ReasonIncomplete},
		{"finish twice", finished, "an", Finish{}, ReasonFinished},
		{"assign what is finished", finished, "dung", Assign{InCharge: of("kt")}, ReasonFinished},
		{"another's reply", assigned, "an", LinkReply{Document: strings.Repeat("b", 64)}, ReasonReply},
		{"own reply", assigned, "an", LinkReply{Document: strings.Repeat("b", 64), Own: true}, ""},
		{"no reply", assigned, "an", LinkReply{}, ReasonIncomplete},
		{"two replies in one", assigned, "an", LinkReply{Document: "a", Outgoing: "b", Own: true}, ReasonIncomplete},
		{"linked before", func(t fataler) *story { return assigned(t).do("an", LinkReply{Outgoing: "b", Own: true}) }, "an", LinkReply{Outgoing: "b", Own: true}, ReasonLinked},
		{"too many replies", func(t fataler) *story {
			h := assigned(t)
			for i := range MaxReplies {
				h.do("an", LinkReply{Outgoing: fmt.Sprint(i), Own: true})
			}
			return h
		}, "an", LinkReply{Outgoing: "b", Own: true}, ReasonFull},
		{"a document of another agency", func(t fataler) *story { h := arrived(t); h.x = nil; return h }, "em", Register{}, ReasonUnknown},
		{"too many acts", func(t fataler) *story { h := assigned(t); h.state.Events = maxActs; return h }, "an", Opine{Text: "x"}, ReasonFull},
	} {
		h := x.h(t)
		if got := reason(h.try(x.who, x.act)); got != x.want {
			t.Errorf("%s: %q, expected %q", x.name, got, x.want)
		}
	}
}

func TestOpen(t *testing.T) {
	for _, p := range Phases() {
		if want := !slices.Contains([]Phase{PhaseFinished, PhaseRefused, PhaseWithdrawn}, p); (State{Phase: p}).Open() != want {
			t.Errorf("%q: expected %v", p, want)
		}
	}
}

// What was reopened stands where it stood, and is handled if anybody is in charge.
func TestReopen(t *testing.T) {
	for _, x := range []struct {
		h    *story
		want Phase
	}{
		{presented(t).do("dung", Finish{}), PhasePresented},
		{registered(t).do("dung", Finish{}), PhaseRegistered},
		{assigned(t).do("an", Finish{}), PhaseHandling},
		{withdrawn(t), PhaseHandling},
	} {
		if x.h.do("dung", Reopen{Reason: "x"}); x.h.state.Phase != x.want || x.h.state.Ended != "" {
			t.Errorf("%+v, expected %s", x.h.state, x.want)
		}
	}
}

func TestWithdrawn(t *testing.T) {
	for _, x := range []struct {
		name string
		h    *story
		back Back
		want int
	}{
		{"asked, not registered", arrived(t), BackAsked, 1},
		{"asked, handled", handling(t), BackAsked, 0},
		{"agreed", handling(t), BackGiven, 1},
		{"agreed, finished", finished(t), BackGiven, 1},
		{"while it gets its number", arrived(t).do("em", Register{}), BackGiven, 0},
		{"given back", arrived(t).do("em", Refuse{Reason: "x"}), BackGiven, 0},
		{"before", withdrawn(t), BackGiven, 0},
		{"declined", handling(t), BackNone, 0},
	} {
		x.h.x.Back = x.back
		news, err := DecideWithdrawn(x.h.state, *x.h.x, "by")
		if err != nil || len(news) != x.want {
			t.Errorf("%s: %d events, %v", x.name, len(news), err)
		}
		x.h.record(news)
	}
	// An arrival that was taken back and is given again begins anew.
	h := arrived(t)
	h.x.Back = BackAsked
	news, _ := DecideWithdrawn(h.state, *h.x, "by")
	h.record(news)
	h.x.Back = BackNone
	h.do("em", Reopen{Reason: "Gửi lại"}).do("em", Register{}).number(1)
	if _, err := DecideWithdrawn(paper(t).do("em", Enter{Channel: "fax", Facts: PaperFacts{Subject: "x"}}).number(1).state, *h.x, "by"); err == nil {
		t.Error("paper was withdrawn through the exchange")
	}
}

// A sender's request is answered once, wherever the document stands; the next request anew.
func TestAnswer(t *testing.T) {
	asked := func(h *story, by string) *story { h.x.Back, h.x.By = BackAsked, by; return h }
	for _, x := range []struct {
		name string
		h    *story
		who  string
		act  Act
		want Reason
	}{
		{"clerk", asked(handling(t), "b"), "em", Agree{}, ""},
		{"leader", asked(finished(t), "b"), "dung", Decline{Reason: "Đã xử lý xong"}, ""},
		{"without a reason", asked(handling(t), "b"), "em", Decline{}, ReasonIncomplete},
		{"who is in charge", asked(handling(t), "b"), "binh", Agree{}, ReasonUnknown},
		{"head of who is in charge", asked(handling(t), "b"), "cuc", Agree{}, ReasonRight},
		{"nobody asks", handling(t), "em", Agree{}, ReasonNotAsked},
		{"paper", paper(t).do("em", Enter{Channel: "fax", Facts: PaperFacts{Subject: "x"}}), "em", Agree{}, ReasonNotAsked},
		{"not registered", asked(arrived(t), "b"), "em", Agree{}, ""},
		{"while it gets its number", asked(arrived(t).do("em", Register{}), "b"), "em", Decline{Reason: "x"}, ""},
		{"given back before", asked(arrived(t).do("em", Refuse{Reason: "x"}), "b"), "em", Agree{}, ReasonRefused},
		{"withdrawn before anybody answered", asked(withdrawn(t), "b"), "em", Decline{Reason: "x"}, ""},
		{"answered before", asked(handling(t), "b").do("em", Agree{}), "dung", Decline{Reason: "x"}, ReasonAnswered},
		{"asked once more", asked(asked(handling(t), "b").do("em", Decline{Reason: "x"}), "c"), "em", Agree{}, ""},
	} {
		phase := x.h.state.Phase
		if got := reason(x.h.try(x.who, x.act)); got != x.want || x.h.state.Phase != phase {
			t.Errorf("%s: %q in phase %q, expected %q", x.name, got, x.h.state.Phase, x.want)
		}
	}
	h := asked(handling(t), "b").do("lan/dung", Agree{Reason: "Đồng ý"})
	if d := last[RecallAnswered](h); !d.Agree || d.By != "b" || d.Document != key || d.For != "dung" || h.state.Answered != "b" {
		t.Errorf("%+v, %+v", d, h.state)
	}
}

func TestNumberSteps(t *testing.T) {
	h := arrived(t)
	if _, err := DecideChosen(h.state, 1); err == nil {
		t.Error("a number was chosen that nobody had asked for")
	}
	h.do("em", Register{})
	if _, err := DecideRegistered(h.state); err == nil {
		t.Error("registered without a number")
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
	h.number(4)
	if news, err := DecideRegistered(h.state); err != nil || news != nil {
		t.Errorf("registered twice: %v, %v", news, err)
	}
}

// What the document's own stream says for an agency: who it is for, and whether the sender wants it back.
func TestOfDocument(t *testing.T) {
	type step struct {
		name string
		data any
	}
	received := step{document.NameReceived, document.Received{Document: key, Sender: "H01", Priority: 2, Recipients: []document.Recipient{
		{Org: "H02", Codes: []string{"H02"}}, {Org: "H03", Elsewhere: true},
	}}}
	recalled := step{document.NameRecalled, document.Recalled{Document: key, By: "b", Sender: "H01"}}
	status := func(code string) step {
		return step{document.NameStatusReported, document.StatusReported{Document: key, Code: code, Reporter: "H02", About: "H02", Timestamp: code}}
	}
	for _, x := range []struct {
		name  string
		steps []step
		ids   []string
		want  *Exchange
	}{
		{"not come in", []step{recalled}, []string{"H02"}, nil},
		{"recipient", []step{received}, []string{"H02"}, &Exchange{Document: key, Priority: 2, Arrived: monday}},
		{"successor", []step{received}, []string{"H09", "H02"}, &Exchange{Document: key, Priority: 2, Arrived: monday}},
		{"no recipient", []step{received}, []string{"H04"}, nil},
		{"of another node", []step{received}, []string{"H03"}, nil},
		{"recalled", []step{received, recalled}, []string{"H02"}, &Exchange{Document: key, Priority: 2, Arrived: monday, Back: BackAsked, By: "b"}},
		{"agreed", []step{received, recalled, status("15")}, []string{"H02"}, &Exchange{Document: key, Priority: 2, Arrived: monday, Back: BackGiven, By: "b"}},
		{"declined", []step{received, recalled, status("16")}, []string{"H02"}, &Exchange{Document: key, Priority: 2, Arrived: monday}},
		{"removed by an update", []step{received, {document.NameUpdated, document.Updated{Document: key, By: "c", Sender: "H01", Removed: []string{"H02"}}}},
			[]string{"H02"}, &Exchange{Document: key, Priority: 2, Arrived: monday, Back: BackAsked, By: "c"}},
		{"added by an update", []step{received, {document.NameUpdated, document.Updated{Document: key, By: "c", Sender: "H01", Added: []document.Recipient{{Org: "H05"}}}}},
			[]string{"H05"}, &Exchange{Document: key, Priority: 2}},
	} {
		var s document.State
		for i, st := range x.steps {
			e := event(t, uint64(i), events.New{Name: st.name, Data: st.data})
			e.Statement.Package = &events.PackageRef{}
			var err error
			if s, err = document.Fold(s, e); err != nil {
				t.Fatal(x.name, err)
			}
		}
		if got := OfDocument(s, x.ids); !reflect.DeepEqual(got, x.want) {
			t.Errorf("%s: %+v, expected %+v", x.name, got, x.want)
		}
	}
}

// A State may be kept as JSON.
func TestStateAsJSON(t *testing.T) {
	want := finished(t).state
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got State
	if err := json.Unmarshal(b, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestParseStream(t *testing.T) {
	if org, id, err := ParseStream(Stream("H02.06", key)); err != nil || org != "H02.06" || id != key {
		t.Error(org, id, err)
	}
	for _, s := range []string{"", "incoming/", "incoming/a", "incoming//b", "incoming/a/", "incoming/a/b/c", "outgoing/a/b"} {
		if _, _, err := ParseStream(s); err == nil {
			t.Errorf("%q was read", s)
		}
	}
}

func TestDefectsOfTheCaller(t *testing.T) {
	h := arrived(t)
	for _, change := range []func(*Command){
		func(c *Command) { c.Office = nil }, func(c *Command) { c.At = time.Time{} }, func(c *Command) { c.ID = "" },
	} {
		c := h.command("em", Register{})
		change(&c)
		if _, err := Decide(h.state, c); err == nil || errors.As(err, new(*Refusal)) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
