package router

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func every(*handover) bool { return true }

func TestWindowOrder(t *testing.T) {
	now := time.Unix(1000, 0)
	w := newWindow(10)
	for _, h := range []*handover{
		{cause: 1, keys: []string{"a"}},
		{cause: 2, keys: []string{"a", "b"}, priority: 3},
		{cause: 3, keys: []string{"c"}},
		{cause: 4, keys: []string{"d"}, priority: 3},
		{cause: 5, keys: []string{"b"}},
	} {
		if !w.add(h) {
			t.Fatalf("couldn't add %d", h.cause)
		}
	}
	if w.add(&handover{cause: 3}) {
		t.Error("the same cause was added twice")
	}
	var got []uint64
	for h := w.take(now, false, every); h != nil; h = w.take(now, false, every) {
		got = append(got, h.cause)
		w.retire(h)
	}
	if want := []uint64{4, 1, 2, 3, 5}; !slices.Equal(got, want) {
		t.Errorf("taken in order %v, expected %v: urgent first, those of one document in order", got, want)
	}
	if w.len() != 0 || w.oldest() != nil || w.flying != 0 || len(w.tails) != 0 {
		t.Errorf("window keeps something of what is finished: %+v", w)
	}
}

func TestWindowProbesWhatHasFailedLeast(t *testing.T) {
	now := time.Unix(1000, 0)
	w := newWindow(10)
	for i := range uint64(3) {
		w.add(&handover{cause: i})
	}
	var got []uint64
	for range 4 {
		h := w.take(now, true, every)
		got = append(got, h.cause)
		h.failures++
		h.next = now
		w.putBack(h)
	}
	if want := []uint64{0, 1, 2, 0}; !slices.Equal(got, want) {
		t.Errorf("probed %v, expected %v", got, want)
	}
}

func TestWindowWaits(t *testing.T) {
	now := time.Unix(1000, 0)
	w := newWindow(10)
	w.add(&handover{cause: 1})
	h := w.take(now, false, every)
	h.next = now.Add(time.Minute)
	w.putBack(h)
	if w.take(now, false, every) != nil {
		t.Fatal("taken before its time")
	}
	if at, ok := w.ready(now); !ok || !at.Equal(h.next) {
		t.Errorf("ready at %v, expected %v", at, h.next)
	}
	w.hasten(now)
	if w.take(now, false, every) != h {
		t.Error("not taken after hastening")
	}
	h.next, h.reached = now.Add(time.Minute), true
	w.putBack(h)
	w.hasten(now)
	if w.take(now, false, every) != nil {
		t.Error("one that had reached the peer was hastened with the others")
	}
}

// TestWindowProperty: whatever happens, one of each key flies at a time, in order, and nothing is lost.
func TestWindowProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWindow(1 << 20)
		now := time.Unix(0, 0)
		var flying []*handover
		done := map[uint64]bool{}
		added := map[uint64]*handover{}
		next := uint64(0)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				h := &handover{cause: next, priority: rapid.IntRange(0, 4).Draw(t, "priority")}
				for _, k := range rapid.SliceOfNDistinct(rapid.IntRange(0, 5), 1, 3, rapid.ID[int]).Draw(t, "keys") {
					h.keys = append(h.keys, string(rune('a'+k)))
				}
				next++
				w.add(h)
				added[h.cause] = h
			},
			"take": func(t *rapid.T) {
				if h := w.take(now, rapid.Bool().Draw(t, "probe"), every); h != nil {
					for _, f := range flying {
						for _, k := range f.keys {
							if slices.Contains(h.keys, k) {
								t.Fatalf("%d and %d fly together and share %s", f.cause, h.cause, k)
							}
						}
					}
					for c, o := range added {
						if c < h.cause && !done[c] && slices.ContainsFunc(o.keys, func(k string) bool { return slices.Contains(h.keys, k) }) {
							t.Fatalf("%d overtakes %d", h.cause, c)
						}
					}
					flying = append(flying, h)
				}
			},
			"retire": func(t *rapid.T) {
				if len(flying) > 0 {
					h := flying[0]
					flying = flying[1:]
					w.retire(h)
					done[h.cause] = true
				}
			},
			"put back": func(t *rapid.T) {
				if len(flying) > 0 {
					h := flying[len(flying)-1]
					flying = flying[:len(flying)-1]
					h.next = now.Add(time.Duration(rapid.IntRange(0, 10).Draw(t, "wait")) * time.Second)
					w.putBack(h)
				}
			},
			"time": func(t *rapid.T) { now = now.Add(5 * time.Second) },
			"": func(t *rapid.T) {
				if w.len() != len(added)-len(done) || w.flying != len(flying) {
					t.Fatalf("%d in the window and %d flying, expected %d and %d", w.len(), w.flying, len(added)-len(done), len(flying))
				}
				low, ok := w.lowest()
				for c := range added {
					if !done[c] && (!ok || c < low) {
						t.Fatalf("lowest is %d (%v), expected at most %d", low, ok, c)
					}
				}
			},
		})
		for _, h := range flying {
			w.retire(h)
		}
		now = now.Add(time.Hour)
		for h := w.take(now, false, every); h != nil; h = w.take(now, false, every) {
			w.retire(h)
		}
		if w.len() != 0 {
			t.Fatalf("%d were never taken", w.len())
		}
	})
}

func TestLanesKeepOrderOfAKey(t *testing.T) {
	l := newLanes(8)
	var mu sync.Mutex
	got := map[string][]int{}
	for i := range 500 {
		k := string(rune('a' + i%7))
		l.run([]string{k, "odd"[:i%2]}, func() error {
			mu.Lock()
			got[k] = append(got[k], i)
			mu.Unlock()
			return nil
		})
	}
	if err := l.wait(); err != nil {
		t.Fatal(err)
	}
	for k, list := range got {
		if !slices.IsSorted(list) {
			t.Errorf("tasks of %s ran in order %v", k, list)
		}
	}
	if len(l.tails) != 0 {
		t.Errorf("%d keys are remembered for nothing", len(l.tails))
	}
}

func TestLanesStopAfterAnError(t *testing.T) {
	l := newLanes(2)
	bad := errors.New("bad")
	ran := false
	l.run([]string{"a"}, func() error { return bad })
	l.run([]string{"a"}, func() error { ran = true; return nil })
	if err := l.wait(); !errors.Is(err, bad) || ran {
		t.Errorf("error %v, later task ran: %v; expected %v and false", err, ran, bad)
	}
}
