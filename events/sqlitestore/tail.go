package sqlitestore

import (
	"slices"
	"sync"

	"github.com/tram-exchange/tram/events"
)

// Bounds of the tail. Followers that fall further behind read the database.
const (
	tailEvents = 8192
	tailBytes  = 16 << 20
)

// tail keeps the newest durable events as the writer made them: whoever follows the log wants each of them a moment later,
// and need neither ask SQLite for it nor decode it once more. It holds nothing that is not in the database, and is empty
// after a start. Facts that are destroyed must leave the database and the tail.
type tail struct {
	mu    sync.RWMutex
	from  uint64         // position of the first
	list  []events.Event // never changed once added; a shorter one takes its place as a whole
	bytes int
}

// add takes in events that follow on those before. They are committed.
func (t *tail) add(list []events.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range list {
		e := list[i]
		e.Bytes, e.Facts = slices.Clip(e.Bytes), slices.Clip(e.Facts)
		e.Statement.Data = slices.Clip(e.Statement.Data)
		t.list = append(t.list, e)
		t.bytes += weight(&e)
	}
	for len(t.list) > tailEvents || t.bytes > tailBytes {
		t.drop((len(t.list) + 1) / 2)
	}
}

// forgetFacts takes facts that were destroyed out of the list. Readers may still hold the old one.
func (t *tail) forgetFacts(positions []uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := append(make([]events.Event, 0, max(cap(t.list), len(t.list))), t.list...)
	for _, p := range positions {
		if p < t.from || p >= t.from+uint64(len(list)) {
			continue
		}
		e := &list[p-t.from]
		t.bytes -= len(e.Facts)
		e.Facts, e.Destroyed = nil, e.Statement.Facts != nil
	}
	t.list = list
}

// drop forgets the first n. Readers may still hold the old list.
func (t *tail) drop(n int) {
	for i := range t.list[:n] {
		t.bytes -= weight(&t.list[i])
	}
	t.list = append(make([]events.Event, 0, tailEvents/2+len(t.list)-n), t.list[n:]...)
	t.from += uint64(n)
}

func weight(e *events.Event) int {
	return len(e.Bytes) + len(e.Facts) + len(e.Statement.Data)
}

// read gives the events from position from to position to, if it has them all. The list must not be changed.
func (t *tail) read(from, to uint64) ([]events.Event, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if from < t.from || to < from || to > t.from+uint64(len(t.list)) {
		return nil, false
	}
	return slices.Clip(t.list[from-t.from : to-t.from]), true
}
