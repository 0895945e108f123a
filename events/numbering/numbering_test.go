package numbering

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events"
)

// fataler is a test, or a check of rapid.
type fataler interface {
	Helper()
	Fatal(...any)
}

func event(t fataler, name string, data any) events.Event {
	t.Helper()
	b, err := events.MarshalObject(data)
	if err != nil {
		t.Fatal(err)
	}
	return events.Event{Position: 7, Statement: events.Statement{Origin: "o", Name: name, Data: b}}
}

func TestStream(t *testing.T) {
	b := Book{"H02.11", Series("quyet-dinh"), 2026}
	if got := b.Stream(12); got != "number/H02.11/di-quyet-dinh/2026/12" {
		t.Errorf("got %q", got)
	}
	if got, n, err := ParseStream(b.Stream(12)); got != b || n != 12 || err != nil {
		t.Errorf("got %v, %d, %v", got, n, err)
	}
	for _, bad := range []string{
		"", "number/", "number/H02/den-a/2026", "number/H02/den-a/2026/0", "number/H02/den-a/2026/012", "number/H02/den-a/2026/-1",
		"number/H02/den-a/2026/1/2", "number//den-a/2026/1", "number/H02//2026/1", "number/H02/den-a/x/1", "number/H02/den-a/2026/10000000",
		"outgoing/H02/den-a/2026/1",
	} {
		if got, n, err := ParseStream(bad); err == nil {
			t.Errorf("%q is read as %v, %d", bad, got, n)
		}
	}
}

// fold is what a store would read back.
func fold(t fataler, s State, news []events.New) State {
	t.Helper()
	for _, n := range news {
		next, err := Fold(s, event(t, n.Name, n.Data))
		if err != nil {
			t.Fatal(err)
		}
		s = next
	}
	return s
}

func reason(err error) Reason {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Reason
	}
	return ""
}

func TestTakeAndVoid(t *testing.T) {
	free := State{}
	news, err := DecideTake(free, Take{N: 1, Holder: "outgoing/H02/a"})
	if err != nil || len(news) != 1 {
		t.Fatal(news, err)
	}
	taken := fold(t, free, news)
	if free.Taken() || !taken.Taken() || taken.Version() != 0 || taken.Address.Position != 7 {
		t.Errorf("got %+v", taken)
	}
	void := fold(t, taken, must(DecideVoid(taken, "outgoing/H02/a", VoidedFacts{Reason: "in nhầm"})))
	if !void.Voided || taken.Voided {
		t.Errorf("got %+v", void)
	}
	for name, c := range map[string]struct {
		state State
		take  Take
		want  Reason
	}{
		"mine":             {taken, Take{N: 1, Holder: "outgoing/H02/a"}, ""},
		"another's":        {taken, Take{N: 1, Holder: "outgoing/H02/b"}, ReasonHeld},
		"void, mine":       {void, Take{N: 1, Holder: "outgoing/H02/a"}, ReasonVoided},
		"void, another's":  {void, Take{N: 1, Holder: "outgoing/H02/b"}, ReasonHeld},
		"a gap before it":  {free, Take{N: 3, Holder: "outgoing/H02/b"}, ReasonGap},
		"no number":        {free, Take{N: 0, Holder: "outgoing/H02/b"}, ReasonFull},
		"past the last":    {free, Take{N: Max + 1, Holder: "outgoing/H02/b", After: true}, ReasonFull},
		"after the before": {free, Take{N: 3, Holder: "outgoing/H02/b", After: true}, ""},
	} {
		if _, err := DecideTake(c.state, c.take); reason(err) != c.want || err != nil && c.want == "" {
			t.Errorf("%s: got %v, expected %q", name, err, c.want)
		}
	}
	for _, c := range []struct {
		state  State
		holder string
		want   Reason
	}{{free, "x", ReasonFree}, {taken, "x", ReasonHeld}, {void, "x", ReasonHeld}} {
		if _, err := DecideVoid(c.state, c.holder, VoidedFacts{}); reason(err) != c.want {
			t.Errorf("got %v, expected %s", err, c.want)
		}
	}
	if news, err := DecideVoid(void, "outgoing/H02/a", VoidedFacts{}); news != nil || err != nil {
		t.Errorf("given up again: %v, %v", news, err)
	}
	for name, e := range map[string]events.Event{
		"unknown": event(t, "number.lent.v1", struct{}{}), "twice": event(t, NameTaken, Taken{Holder: "b"}), "not his": event(t, NameVoided, Voided{Holder: "b"}),
	} {
		if got, err := Fold(taken, e); err == nil || got != taken {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	for name, e := range map[string]events.Event{
		"nobody": event(t, NameTaken, Taken{}), "free": event(t, NameVoided, Voided{Holder: "b"}), "empty": event(t, NameVoided, Voided{}),
	} {
		if _, err := Fold(free, e); err == nil {
			t.Errorf("%s was folded", name)
		}
	}
}

func must(news []events.New, err error) []events.New {
	if err != nil {
		panic(err)
	}
	return news
}

func TestNextFree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		taken := rapid.OneOf(rapid.IntRange(0, 50), rapid.IntRange(0, Max-1)).Draw(t, "taken")
		hint := rapid.OneOf(rapid.Just(taken+1), rapid.IntRange(-5, 60), rapid.IntRange(taken-40, taken+40), rapid.IntRange(0, 2*Max)).Draw(t, "hint")
		asked := 0
		got, err := NextFree(context.Background(), func(_ context.Context, n int) (bool, error) {
			asked++
			if n < 1 || n > Max {
				t.Fatalf("asked for %d", n)
			}
			return n <= taken, nil
		}, hint)
		if err != nil || got != taken+1 {
			t.Fatalf("got %d, %v, expected %d", got, err, taken+1)
		}
		far := max(hint, taken+1) - min(hint, taken+1)
		bound := 4
		for d := far; d > 0; d /= 2 {
			bound += 2
		}
		if asked > bound {
			t.Fatalf("asked %d times for %d from %d, expected at most %d", asked, got, hint, bound)
		}
	})
	full := func(context.Context, int) (bool, error) { return true, nil }
	if _, err := NextFree(context.Background(), full, 5); reason(err) != ReasonFull {
		t.Errorf("a full book: %v", err)
	}
	broken := errors.New("disk")
	if _, err := NextFree(context.Background(), func(context.Context, int) (bool, error) { return false, broken }, 1); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := NextFree(ctx, full, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// clerk is one attempt to number a document, which may stop after any step and begin again.
type clerk struct {
	holder string
	book   Book
	chosen int
	has    int
	seen   map[string]int64 // versions of number streams that it decided on
	plan   []events.New
	target string
}

// Many clerks on several nodes, each step of each interleaved with those of all others, with crashes in between: numbers of a book are
// unique and have no gaps, whatever is given up again.
func TestNumbersAreUniqueAndGapless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store := map[string][]events.New{}
		state := func(stream string) State {
			var s State
			for _, n := range store[stream] {
				s = must2(Fold(s, event(t, n.Name, n.Data)))
			}
			return s
		}
		exists := func(b Book) func(context.Context, int) (bool, error) {
			return func(_ context.Context, n int) (bool, error) { return len(store[b.Stream(n)]) > 0, nil }
		}
		books := []Book{{"H02", Series("qd"), 2026}, {"H02", Series("qd"), 2027}, {"H02.11", Series("qd"), 2026}}
		clerks := make([]*clerk, rapid.IntRange(2, 8).Draw(t, "clerks"))
		for i := range clerks {
			clerks[i] = &clerk{holder: fmt.Sprintf("outgoing/H02/%d", i), book: rapid.SampledFrom(books).Draw(t, "book")}
		}
		for range rapid.IntRange(10, 120).Draw(t, "steps") {
			c := rapid.SampledFrom(clerks).Draw(t, "clerk")
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0: // crash: only what was appended is known
				c.plan = nil
			case 1:
				if c.has > 0 {
					stream := c.book.Stream(c.has)
					if s := state(stream); !s.Voided {
						store[stream] = append(store[stream], must(DecideVoid(s, c.holder, VoidedFacts{}))...)
					}
				}
			default:
				c.step(t, store, state, exists(c.book), rapid.IntRange(-3, 30).Draw(t, "hint"))
			}
		}
		for _, b := range books {
			holders := map[string]bool{}
			n := 1
			for ; len(store[b.Stream(n)]) > 0; n++ {
				s := state(b.Stream(n))
				if holders[s.Holder] {
					t.Fatalf("%s has two numbers", s.Holder)
				}
				holders[s.Holder] = true
			}
			for stream := range store {
				if got, m, err := ParseStream(stream); err != nil || got == b && m >= n {
					t.Fatalf("%s stands after a gap at %d: %v", stream, n, err)
				}
			}
		}
		for _, c := range clerks {
			if c.has > 0 && state(c.book.Stream(c.has)).Holder != c.holder {
				t.Fatalf("%s believes to have %d", c.holder, c.has)
			}
		}
	})
}

// step does the next thing: choose, read and decide, append.
func (c *clerk) step(t *rapid.T, store map[string][]events.New, state func(string) State, exists func(context.Context, int) (bool, error), hint int) {
	ctx := context.Background()
	switch {
	case c.has > 0:
	case c.chosen == 0:
		c.chosen = must2(NextFree(ctx, exists, hint))
	case c.plan == nil:
		c.target = c.book.Stream(c.chosen)
		s := state(c.target)
		after, _ := exists(ctx, c.chosen-1)
		news, err := DecideTake(s, Take{N: c.chosen, Holder: c.holder, After: after})
		switch {
		case reason(err) == ReasonHeld:
			c.chosen = 0
		case err != nil:
			t.Fatalf("couldn't take %d: %v", c.chosen, err)
		case news == nil:
			c.has = c.chosen
		default:
			c.plan, c.seen = news, map[string]int64{c.target: s.Version()}
		}
	default: // the store compares the version
		if int64(len(store[c.target])-1) == c.seen[c.target] {
			store[c.target] = slices.Concat(store[c.target], c.plan)
		}
		c.plan = nil
	}
}

func must2[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
