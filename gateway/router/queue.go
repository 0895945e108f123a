package router

import (
	"container/heap"
	"time"
)

// handover is one package that one peer has yet to receive: all offers that follow from the event at cause.
type handover struct {
	cause    uint64    // log position of the event whose package is handed over
	queued   time.Time // node time of that event
	keys     []string  // document streams it concerns: handovers that share one go in order of the log
	attempts int
	next     time.Time // not before
	reached  bool      // the last failure happened after the request had left
	noted    string    // class of failure last recorded, "" none
	notedAt  time.Time // when it was recorded

	waits   int         // unfinished predecessors
	then    []*handover // those that wait for this one
	flying  bool
	index   int // in the ready heap, -1 if not there
	retired bool
}

// window is the part of one peer's queue that is held in memory, bounded by its capacity; the rest of the queue is the
// log itself. Handovers are added in order of the log. It is not safe for concurrent use: its pump locks.
type window struct {
	capacity int
	byCause  map[uint64]*handover
	tails    map[string]*handover // last handover added for a key
	order    []*handover          // in order of addition; retired ones are dropped from the front
	ready    readyHeap
	flying   int
}

func newWindow(capacity int) *window {
	return &window{capacity: capacity, byCause: make(map[uint64]*handover), tails: make(map[string]*handover)}
}

func (w *window) len() int   { return len(w.byCause) }
func (w *window) full() bool { return len(w.byCause) >= w.capacity }

func (w *window) has(cause uint64) bool { _, ok := w.byCause[cause]; return ok }

// add puts a handover at the end. It reports false if its cause is already in the window.
func (w *window) add(h *handover) bool {
	if w.has(h.cause) {
		return false
	}
	h.index = -1
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
		heap.Push(&w.ready, h)
	}
	return true
}

// take gives the next handover that is due and waits for no other, and marks it as flying; nil if there is none.
func (w *window) take(now time.Time) *handover {
	if len(w.ready) == 0 || w.ready[0].next.After(now) {
		return nil
	}
	h := heap.Pop(&w.ready).(*handover)
	h.flying = true
	w.flying++
	return h
}

// due is when the next handover may be taken; zero time and false if nothing is ready.
func (w *window) due() (time.Time, bool) {
	if len(w.ready) == 0 {
		return time.Time{}, false
	}
	return w.ready[0].next, true
}

// putBack returns a flying handover that is to be tried again at h.next.
func (w *window) putBack(h *handover) {
	h.flying = false
	w.flying--
	heap.Push(&w.ready, h)
}

// retire removes a flying handover that is finished, and frees those that waited for it.
func (w *window) retire(h *handover) {
	h.flying = false
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
			heap.Push(&w.ready, f)
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

// hasten makes everything due now that had failed before its request left: the peer is there again.
// With all, also what failed later.
func (w *window) hasten(now time.Time, all bool) {
	for _, h := range w.ready {
		if (all || !h.reached) && h.next.After(now) {
			h.next = now
		}
	}
	heap.Init(&w.ready)
}

// oldest is the first unfinished handover, nil if there is none.
func (w *window) oldest() *handover {
	if len(w.order) == 0 {
		return nil
	}
	return w.order[0]
}

// readyHeap orders by due time, then by place in the log.
type readyHeap []*handover

func (r readyHeap) Len() int { return len(r) }
func (r readyHeap) Less(i, j int) bool {
	if !r[i].next.Equal(r[j].next) {
		return r[i].next.Before(r[j].next)
	}
	return r[i].cause < r[j].cause
}
func (r readyHeap) Swap(i, j int) {
	r[i], r[j] = r[j], r[i]
	r[i].index, r[j].index = i, j
}
func (r *readyHeap) Push(x any) {
	h := x.(*handover)
	h.index = len(*r)
	*r = append(*r, h)
}
func (r *readyHeap) Pop() any {
	old := *r
	h := old[len(old)-1]
	old[len(old)-1] = nil
	*r = old[:len(old)-1]
	h.index = -1
	return h
}
