package router

import (
	"container/heap"
	"time"
)

// handover is one package that one peer has yet to receive: all open offers to it that follow from the event at cause.
type handover struct {
	cause    uint64    // log position of the event whose package is handed over
	queued   time.Time // node time of that event
	size     int64     // bytes of the package
	priority int       // 0..4, greater first
	keys     []string  // document streams it concerns: handovers that share one go in order of the log
	attempts int       // since the offer, as far as known
	failures int       // in a row, in this process
	next     time.Time // not before
	reached  bool      // the last failure happened after the request had left

	waits   int         // unfinished predecessors
	then    []*handover // those that wait for this one
	retired bool
}

// window is the part of one peer's queue that is held in memory, bounded by its capacity; the rest of the queue is the
// log itself. Handovers are added in order of the log. It is not safe for concurrent use: its pump locks.
type window struct {
	capacity int
	byCause  map[uint64]*handover
	tails    map[string]*handover // last handover added for a key
	order    []*handover          // in order of addition; retired ones are dropped from the front
	due      ordered              // may be taken now
	delayed  ordered              // may be taken at next
	flying   int
}

func newWindow(capacity int) *window {
	return &window{
		capacity: capacity, byCause: make(map[uint64]*handover), tails: make(map[string]*handover),
		due: ordered{less: urgent}, delayed: ordered{less: sooner},
	}
}

func (w *window) len() int              { return len(w.byCause) }
func (w *window) full() bool            { return len(w.byCause) >= w.capacity }
func (w *window) has(cause uint64) bool { return w.byCause[cause] != nil }

// add puts a handover at the end. It reports false if its cause is in the window already.
func (w *window) add(h *handover) bool {
	if w.has(h.cause) {
		return false
	}
	w.byCause[h.cause] = h
	w.order = append(w.order, h)
	for _, k := range h.keys {
		if before := w.tails[k]; before != nil && before != h {
			before.then = append(before.then, h)
			h.waits++
		}
		w.tails[k] = h
	}
	if h.waits == 0 {
		heap.Push(&w.due, h)
	}
	return true
}

// wake moves what has become due.
func (w *window) wake(now time.Time) {
	for len(w.delayed.items) > 0 && !w.delayed.items[0].next.After(now) {
		heap.Push(&w.due, heap.Pop(&w.delayed))
	}
}

// take gives the most urgent handover that is due, waits for no other and is allowed, and counts it as flying; nil if
// there is none. To probe is to take the one that has failed least instead: it may be one handover that is at fault and
// not the peer.
func (w *window) take(now time.Time, probe bool, allowed func(*handover) bool) *handover {
	w.wake(now)
	if probe {
		return w.probe(allowed)
	}
	var passed []*handover
	var found *handover
	for found == nil && len(w.due.items) > 0 {
		h := heap.Pop(&w.due).(*handover)
		if allowed(h) {
			found = h
		} else {
			passed = append(passed, h)
		}
	}
	for _, h := range passed {
		heap.Push(&w.due, h)
	}
	if found != nil {
		w.flying++
	}
	return found
}

func (w *window) probe(allowed func(*handover) bool) *handover {
	best := -1
	for i, h := range w.due.items {
		if allowed(h) && (best < 0 || h.failures < w.due.items[best].failures ||
			h.failures == w.due.items[best].failures && urgent(h, w.due.items[best])) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	w.flying++
	return heap.Remove(&w.due, best).(*handover)
}

// ready is when a handover may be taken next: a zero time means now, false that all are flying or there is none.
func (w *window) ready(now time.Time) (time.Time, bool) {
	w.wake(now)
	if len(w.due.items) > 0 {
		return time.Time{}, true
	}
	if len(w.delayed.items) > 0 {
		return w.delayed.items[0].next, true
	}
	return time.Time{}, false
}

// putBack returns a flying handover that is to be tried again at h.next.
func (w *window) putBack(h *handover) {
	w.flying--
	heap.Push(&w.delayed, h)
}

// retire removes a flying handover that is finished, and frees those that waited for it.
func (w *window) retire(h *handover) {
	w.flying--
	h.retired = true
	delete(w.byCause, h.cause)
	for _, k := range h.keys {
		if w.tails[k] == h {
			delete(w.tails, k)
		}
	}
	for _, f := range h.then {
		if f.waits--; f.waits == 0 {
			heap.Push(&w.due, f)
		}
	}
	h.then = nil
	n := 0
	for n < len(w.order) && w.order[n].retired {
		w.order[n] = nil
		n++
	}
	w.order = w.order[n:]
}

// hasten makes due now what had failed before its request left: the peer is there again.
func (w *window) hasten(now time.Time) {
	for _, h := range w.delayed.items {
		if !h.reached {
			h.next = now
		}
	}
	heap.Init(&w.delayed)
}

// oldest is the first unfinished handover, nil if there is none.
func (w *window) oldest() *handover {
	if len(w.order) == 0 {
		return nil
	}
	return w.order[0]
}

// lowest is the lowest cause in the window, false if it is empty.
func (w *window) lowest() (uint64, bool) {
	low, ok := uint64(0), false
	for cause := range w.byCause {
		if !ok || cause < low {
			low, ok = cause, true
		}
	}
	return low, ok
}

// urgent: by priority, then by place in the log.
func urgent(a, b *handover) bool {
	if a.priority != b.priority {
		return a.priority > b.priority
	}
	return a.cause < b.cause
}

// sooner: by due time, then by place in the log.
func sooner(a, b *handover) bool {
	if !a.next.Equal(b.next) {
		return a.next.Before(b.next)
	}
	return a.cause < b.cause
}

// ordered is a heap of handovers.
type ordered struct {
	items []*handover
	less  func(a, b *handover) bool
}

func (o *ordered) Len() int           { return len(o.items) }
func (o *ordered) Less(i, j int) bool { return o.less(o.items[i], o.items[j]) }
func (o *ordered) Swap(i, j int)      { o.items[i], o.items[j] = o.items[j], o.items[i] }
func (o *ordered) Push(x any)         { o.items = append(o.items, x.(*handover)) }
func (o *ordered) Pop() any {
	last := len(o.items) - 1
	h := o.items[last]
	o.items[last] = nil
	o.items = o.items[:last]
	return h
}
