package destruction

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events"
)

var at = time.Date(2026, 11, 30, 1, 2, 3, 0, time.UTC)

func key(n byte) string { return strings.Repeat(string("0123456789abcdef"[n%16]), 64) }

func request() Request {
	sum := events.Sum([]byte("package"))
	position := uint64(7)
	found := func(t Target, facts, packages int) Found {
		return Found{CountedTarget: CountedTarget{Target: t, Facts: facts, Packages: packages}, Exists: true, Content: true, Keepers: []Keeper{{"H02.02", []string{"H02.02", "H02"}}}}
	}
	return Request{
		ID: "destroy-1", Content: events.Sum([]byte("content")), Signer: events.Sum([]byte("signer")), Holder: Holder{"operator", "admin"},
		Scope: ScopeAll, Decisions: []Ruling{{"H02.02", "2026-11-20"}}, At: at,
		Facts:   Facts{Decisions: []RulingFacts{{Number: "12/QĐ-SNV", Body: "Sở Nội vụ", Ground: "hết thời hạn"}}},
		Targets: []Found{found(Target{Document: key(1)}, 2, 2), found(Target{Package: &sum}, 1, 1), found(Target{Event: &position}, 1, 0)},
	}
}

// record makes the event that a store would read back.
func record(t testing.TB, s State, position uint64, n events.New) events.Event {
	t.Helper()
	e := events.Event{Position: position, Statement: events.Statement{Origin: "o", Stream: Stream, Version: uint64(s.Version() + 1), Name: n.Name}}
	var err error
	if e.Statement.Data, err = events.MarshalObject(n.Data); err != nil {
		t.Fatal(err)
	}
	if n.Facts != nil {
		if e.Facts, err = events.MarshalObject(n.Facts); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func decide(t testing.TB, s State, r Request, position uint64) State {
	t.Helper()
	news, earlier, err := Decide(s, r)
	if err != nil || len(news) != 1 || earlier != nil {
		t.Fatalf("got %v, %v, %v", news, earlier, err)
	}
	s, err = Fold(s, record(t, s, position, news[0]))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDecideAndExecute(t *testing.T) {
	s := decide(t, State{}, request(), 10)
	d := s.Decisions[0]
	if d.Words() != "12/QĐ-SNV (Sở Nội vụ, 20/11/2026)" || d.Complete() {
		t.Errorf("got %q, complete %t", d.Words(), d.Complete())
	}
	if news, earlier, err := Decide(s, request()); news != nil || err != nil || earlier == nil || earlier.Position != 10 {
		t.Errorf("the same request again: %v, %v, %v", news, earlier, err)
	}
	for i := range d.Targets {
		x := Executed{Decision: 10, Target: i, Facts: 2, Packages: 2, Bytes: 5}
		news, err := Execute(s, x)
		if err != nil || len(news) != 1 {
			t.Fatal(news, err)
		}
		before := s
		e := record(t, s, 11+uint64(i), news[0])
		if s, err = Fold(s, e); err != nil {
			t.Fatal(err)
		}
		if before.Decisions[0].Done[i] {
			t.Error("Fold changed the state before")
		}
		if news, err := Execute(s, x); err != nil || news != nil {
			t.Errorf("done again: %v, %v", news, err)
		}
		if _, err := Fold(s, record(t, s, 20, events.New{Name: NameExecuted, Data: x})); err == nil {
			t.Error("folded twice")
		}
	}
	if !s.Decisions[0].Complete() || s.Version() != 3 {
		t.Errorf("complete %t, version %d", s.Decisions[0].Complete(), s.Version())
	}
	if _, err := Execute(s, Executed{Decision: 9}); err == nil {
		t.Error("executed what nobody decided")
	}
	if _, err := Fold(s, record(t, s, 21, events.New{Name: "destruction.undone.v1", Data: struct{}{}})); err == nil {
		t.Error("folded an unknown event")
	}
}

func TestRefused(t *testing.T) {
	decided := decide(t, State{}, request(), 10)
	for name, c := range map[string]struct {
		state  State
		change func(*Request)
		want   Reason
		detail string
	}{
		"id of another":    {decided, func(r *Request) { r.Content[0] ^= 1 }, ReasonIDReused, "destroy-1"},
		"twice":            {State{}, func(r *Request) { r.Targets[1] = r.Targets[0] }, ReasonTwice, "document 1"},
		"unknown":          {State{}, func(r *Request) { r.Targets[2].Exists = false }, ReasonUnknown, "event 7"},
		"of the directory": {State{}, func(r *Request) { r.Targets[2].Content = false }, ReasonKept, "event 7"},
		"decided before":   {State{}, func(r *Request) { t := &r.Targets[0]; t.Before, t.Facts, t.Packages = true, 0, 0 }, ReasonDecided, "document"},
		"nothing there":    {State{}, func(r *Request) { t := &r.Targets[0]; t.Facts, t.Packages = 0, 0 }, ReasonNothing, "document"},
		"another agency keeps": {State{}, func(r *Request) {
			r.Targets[0].Keepers = append(r.Targets[0].Keepers, Keeper{"H02.11", []string{"H02.11"}})
		}, ReasonUndecided, "H02.11"},
		"nobody keeps":        {State{}, func(r *Request) { r.Targets[0].Keepers = nil }, ReasonUndecided, "document"},
		"under way":           {State{}, func(r *Request) { r.Targets[0].Open = []string{"H02.11"} }, ReasonDelivery, "H02.11"},
		"held":                {State{}, func(r *Request) { r.Targets[0].Holds = []string{"right-1"} }, ReasonHeld, "right-1"},
		"no scope":            {State{}, func(r *Request) { r.Scope = "" }, ReasonMalformed, "scope"},
		"no decision":         {State{}, func(r *Request) { r.Decisions = nil }, ReasonMalformed, "decision"},
		"no target":           {State{}, func(r *Request) { r.Targets = nil }, ReasonMalformed, "targets"},
		"package of an event": {State{}, func(r *Request) { r.Scope = ScopePackages }, ReasonMalformed, "event 7"},
	} {
		r := request()
		c.change(&r)
		_, _, err := Decide(c.state, r)
		var got *Refusal
		if !errors.As(err, &got) || got.Reason != c.want || !strings.Contains(strings.Join(got.Detail, " "), c.detail) {
			t.Errorf("%s: got %v, expected %s about %q", name, err, c.want, c.detail)
		}
	}
	// An agency above may decide for one below.
	r := request()
	r.Decisions[0].Org = "H02"
	if _, _, err := Decide(State{}, r); err != nil {
		t.Error(err)
	}
}

func TestCovers(t *testing.T) {
	s := decide(t, State{}, request(), 10)
	sum := events.Sum([]byte("package"))
	event := func(position uint64, stream string, p *events.Digest) *events.Event {
		e := &events.Event{Position: position, Statement: events.Statement{Stream: stream}}
		if p != nil {
			e.Statement.Package = &events.PackageRef{SHA256: *p}
		}
		return e
	}
	other := events.Sum([]byte("other"))
	for _, c := range []struct {
		e              *events.Event
		facts, packets bool
	}{
		{event(3, "document/"+key(1), &other), true, true},
		{event(11, "document/"+key(1), &other), false, false}, // after the decision
		{event(3, "delivery/"+key(1), nil), false, false},
		{event(3, "document/"+key(2), &sum), true, true},
		{event(3, "document/"+key(2), &other), false, false},
		{event(7, "document/"+key(2), &other), true, false},
	} {
		x := s.Index()
		_, facts := x.Facts(c.e)
		_, packets := x.Package(c.e)
		if facts != c.facts || packets != c.packets {
			t.Errorf("event %d of %s: facts %t, package %t", c.e.Position, c.e.Statement.Stream, facts, packets)
		}
	}
	if _, ok := (*Index)(nil).Facts(event(3, "document/"+key(1), &sum)); ok {
		t.Error("an index of nothing covers something")
	}
	// Of two decisions the one that was carried out counts, else the first.
	r := request()
	r.ID, r.Scope, r.Targets = "destroy-2", ScopeFacts, r.Targets[:1]
	s = decide(t, s, r, 20)
	if m, _ := s.Index().Facts(event(3, "document/"+key(1), nil)); m.Decision.Request != "destroy-1" {
		t.Errorf("got %s", m.Decision.Request)
	}
	news, err := Execute(s, Executed{Decision: 20, Target: 0, Facts: 2, Packages: 2})
	if err != nil {
		t.Fatal(err)
	}
	if s, err = Fold(s, record(t, s, 21, news[0])); err != nil {
		t.Fatal(err)
	}
	if m, _ := s.Index().Facts(event(3, "document/"+key(1), nil)); m.Decision.Request != "destroy-2" || !m.Executed {
		t.Errorf("got %s", m.Decision.Request)
	}
}

// Whatever order steps come in, each target is executed once, and folding the events again gives the same state.
func TestSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s State
		var log []events.Event
		take := func(news []events.New) {
			for _, n := range news {
				e := events.Event{Position: uint64(10 + 2*len(log)), Statement: events.Statement{Origin: "o", Stream: Stream, Version: uint64(len(log)), Name: n.Name}}
				e.Statement.Data, _ = events.MarshalObject(n.Data)
				if n.Facts != nil {
					e.Facts, _ = events.MarshalObject(n.Facts)
				}
				var err error
				if s, err = Fold(s, e); err != nil {
					t.Fatal(err)
				}
				log = append(log, e)
			}
		}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			if len(s.Decisions) == 0 || rapid.Bool().Draw(t, "decide") {
				r := request()
				r.ID = rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "id")
				news, _, err := Decide(s, r)
				if err != nil {
					t.Fatal(err)
				}
				take(news)
				continue
			}
			d := rapid.SampledFrom(s.Decisions).Draw(t, "decision")
			news, err := Execute(s, Executed{Decision: d.Address.Position, Target: rapid.IntRange(0, 2).Draw(t, "target"), Facts: 2, Packages: 2})
			if err != nil {
				t.Fatal(err)
			}
			take(news)
		}
		again, err := FoldAll(log)
		if err != nil || !reflect.DeepEqual(again, s) {
			t.Fatalf("folded again: %v", err)
		}
		done := 0
		for _, d := range s.Decisions {
			for _, x := range d.Done {
				if x {
					done++
				}
			}
		}
		if len(log) != len(s.Decisions)+done {
			t.Fatalf("%d events for %d decisions and %d executed targets", len(log), len(s.Decisions), done)
		}
	})
}
