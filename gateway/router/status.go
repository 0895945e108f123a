package router

import (
	"slices"
	"time"
)

// QueueStatus is the queue to one peer, for the health page, metrics and the demonstration.
type QueueStatus struct {
	Origin   string
	Depth    int64     // open offers: recipients whose node has not answered yet
	Oldest   time.Time // when the first of them was accepted here; zero when none waits
	InFlight int       // hand-overs under way
	Waiting  bool      // the peer does not answer: asked again at Next
	Next     time.Time
	Failures int       // of the peer, in a row
	Answered time.Time // when it last answered in this process; zero: not yet
	Last     Attempt   // latest hand-over without a good answer in this process
}

// Status of the router.
type Status struct {
	Position uint64 // first event not yet followed
	Behind   uint64 // sealed events not yet followed
	Stopped  string // why following has stopped or waits, "" if it runs
	Queues   []QueueStatus
}

// Status reads the state of the router and its queues, in order of origin.
func (r *Router) Status() Status {
	size := r.log.Head().Size
	r.mu.Lock()
	s := Status{Position: r.cursor}
	if r.stopped != nil {
		s.Stopped = r.stopped.Error()
	}
	r.mu.Unlock()
	s.Behind = size - min(size, s.Position)
	for _, p := range r.sorted() {
		s.Queues = append(s.Queues, p.status())
	}
	slices.SortFunc(s.Queues, func(a, b QueueStatus) int {
		switch {
		case a.Origin < b.Origin:
			return -1
		case a.Origin > b.Origin:
			return 1
		}
		return 0
	})
	return s
}

func (p *pump) status() QueueStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := QueueStatus{
		Origin: p.origin, Depth: p.depth, InFlight: p.w.flying, Waiting: p.failures > 0, Failures: p.failures,
		Answered: p.answered, Last: p.last,
	}
	if p.failures > 0 {
		q.Next = p.until
	}
	if h := p.w.oldest(); h != nil {
		q.Oldest = h.queued
	}
	return q
}
