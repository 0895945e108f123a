package reading

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events"
)

var start = time.Date(2026, 12, 1, 2, 0, 0, 0, time.UTC)

func fold(t interface{ Fatal(...any) }, s State, at time.Time, news []events.New) State {
	for _, n := range news {
		b, err := events.MarshalObject(n.Data)
		if err != nil {
			t.Fatal(err)
		}
		if s, err = Fold(s, events.Event{Statement: events.Statement{Name: n.Name, Time: at, Data: b}}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestCoalesce(t *testing.T) {
	page := Opened{Org: "H02", Person: "an", What: WhatPage}
	other := func(change func(*Opened)) Opened { o := page; change(&o); return o }
	for _, x := range []struct {
		name  string
		o     Opened
		after time.Duration
		want  int
	}{
		{"at once", page, 0, 0},
		{"59 seconds later", page, 59 * time.Second, 0},
		{"a minute later", page, time.Minute, 1},
		{"before, as clocks may have it", page, -time.Second, 0},
		{"another person", other(func(o *Opened) { o.Person = "binh" }), 0, 1},
		{"in the place of another", other(func(o *Opened) { o.For = "binh" }), 0, 1},
		{"another agency's person of the same id", other(func(o *Opened) { o.Org = "H03" }), 0, 1},
		{"in another way", other(func(o *Opened) { o.What = WhatAttachment }), 0, 1},
		{"by a right", other(func(o *Opened) { o.Right = "r1" }), 0, 1},
	} {
		news, err := Decide(State{}, Opening{page, start})
		if err != nil || len(news) != 1 {
			t.Fatal(news, err)
		}
		s := fold(t, State{}, start, news)
		if news, err = Decide(s, Opening{x.o, start.Add(x.after)}); err != nil || len(news) != x.want {
			t.Errorf("%s: %d events, %v", x.name, len(news), err)
		}
	}
}

func TestIncomplete(t *testing.T) {
	for _, o := range []Opening{
		{Opened{Person: "an", What: WhatPage}, start}, {Opened{Org: "H02", What: WhatPage}, start}, {Opened{Org: "H02", Person: "an"}, start},
		{Opened{Org: "H02", Person: "an", What: "x"}, start}, {Opened{Org: "H02", Person: "an", What: WhatPage}, time.Time{}},
	} {
		if _, err := Decide(State{}, o); !errors.Is(err, ErrIncomplete) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, err := Fold(State{}, events.Event{Statement: events.Statement{Name: "reading.closed.v1", Data: []byte(`{}`)}}); err == nil {
		t.Error("an unknown event was folded")
	}
	if _, err := Fold(State{}, events.Event{Statement: events.Statement{Name: NameOpened, Data: []byte(`[]`)}}); err == nil {
		t.Error("a list was folded")
	}
}

// Of the openings of each person each minute, the first is recorded: no gap of a minute or more between opening and the record before it,
// and never two of the same within a minute. The state stays small.
func TestReadings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s State
		recorded := map[Opened]time.Time{}
		at := start
		for range rapid.IntRange(1, 200).Draw(t, "openings") {
			at = at.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second)
			o := Opened{Org: "H02", Person: fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "person")), What: rapid.SampledFrom([]string{WhatPage, WhatPackage}).Draw(t, "what")}
			news, err := Decide(s, Opening{o, at})
			if err != nil {
				t.Fatal(err)
			}
			before, ok := recorded[o]
			if want := !ok || at.Sub(before) >= Within; want != (len(news) == 1) {
				t.Fatalf("%+v at %s: %d events, recorded before at %s", o, at, len(news), before)
			}
			if len(news) == 1 {
				recorded[o] = at
				was := s
				was.recent = append([]seen(nil), s.recent...)
				s2 := fold(t, s, at, news)
				if !reflect.DeepEqual(was, s) {
					t.Fatal("Fold changed the state that it was given")
				}
				s = s2
			}
			if len(s.recent) > 6 {
				t.Fatalf("%d openings are remembered", len(s.recent))
			}
		}
	})
}

func TestBounded(t *testing.T) {
	var s State
	for i := range 3 * maxRecent {
		news, err := Decide(s, Opening{Opened{Org: "H02", Person: fmt.Sprint(i), What: WhatPage}, start})
		if err != nil || len(news) != 1 {
			t.Fatal(news, err)
		}
		s = fold(t, s, start, news)
	}
	if len(s.recent) != maxRecent || s.Version() != 3*maxRecent-1 {
		t.Errorf("%d remembered, version %d", len(s.recent), s.Version())
	}
}

func TestParseStream(t *testing.T) {
	if org, kind, id, err := ParseStream(Stream("H02.06", "incoming", "x")); err != nil || org != "H02.06" || kind != "incoming" || id != "x" {
		t.Error(org, kind, id, err)
	}
	for _, s := range []string{"", "reading/", "reading/a/b", "reading//b/c", "reading/a/b/c/d", "x/a/b/c"} {
		if _, _, _, err := ParseStream(s); err == nil {
			t.Errorf("%q was read", s)
		}
	}
}
