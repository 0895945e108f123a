package gateway

import (
	"testing"
	"time"
)

func TestCounters(t *testing.T) {
	var c counters
	leave, ok := c.enter("a", 1)
	if !ok {
		t.Fatal("the first one was kept out")
	}
	if _, ok := c.enter("a", 1); ok {
		t.Error("a second one came in")
	}
	if _, ok := c.enter("b", 1); !ok {
		t.Error("another name was kept out")
	}
	leave()
	if _, ok := c.enter("a", 1); !ok {
		t.Error("nobody comes in after the first has left")
	}
}

func TestWindows(t *testing.T) {
	var w windows
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for i := range 5 {
		if got := w.allow("a", at, 3); got != (i < 3) {
			t.Errorf("number %d in a minute: %v", i+1, got)
		}
	}
	if !w.allow("b", at, 3) || !w.allow("a", at.Add(time.Minute), 3) {
		t.Error("another name, or the next minute, is shut out")
	}
}

func TestGate(t *testing.T) {
	var g gate
	for range 2 {
		if !g.enter() {
			t.Fatal("the gate is closed")
		}
	}
	idle := g.close()
	if g.enter() {
		t.Error("somebody came in after it was closed")
	}
	g.leave()
	select {
	case <-idle:
		t.Error("idle with one inside")
	default:
	}
	g.leave()
	<-idle
	<-g.close() // again, with nobody inside
}

// A waiter hears of every offer to any of its organisations, and of no other.
func TestBoard(t *testing.T) {
	var b board
	if !b.empty() {
		t.Error("somebody waits")
	}
	w := b.enter([]string{"H02.05", "H02.10"})
	b.wake("H02.06", 3)
	select {
	case <-w.bell:
		t.Error("woken for somebody else")
	default:
	}
	b.wake("H02.10", 7)
	b.wake("H02.05", 9) // while the bell still rings
	<-w.bell
	if size := b.seen(w); size != 9 {
		t.Errorf("woken with size %d, expected 9", size)
	}
	b.leave(w)
	if !b.empty() {
		t.Error("who has left still waits")
	}
}
