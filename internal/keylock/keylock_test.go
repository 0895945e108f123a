package keylock

import (
	"sync"
	"testing"
)

// Of one name only one is inside at a time; another name does not wait; what is unlocked is forgotten.
func TestLock(t *testing.T) {
	var l Locks
	inside := 0
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			defer l.Lock("a")()
			inside++ // the race detector, and the sum, tell
		})
	}
	wg.Wait()
	if inside != 50 {
		t.Errorf("%d were inside, expected 50", inside)
	}
	unlock := l.Lock("a")
	l.Lock("b")() // would wait for ever
	waiting := make(chan struct{})
	go func() {
		defer close(waiting)
		l.Lock("a")()
	}()
	select {
	case <-waiting:
		t.Error("two hold one name")
	default:
	}
	unlock()
	<-waiting
	if len(l.locks) != 0 {
		t.Errorf("%d names are remembered", len(l.locks))
	}
}
