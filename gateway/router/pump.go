package router

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
)

// pump serves the queue to one peer.
type pump struct {
	r      *Router
	origin string
	poked  chan struct{} // something may have become due

	mu       sync.Mutex // guards what follows
	w        *window
	behind   bool   // offers at next or later may be missing in the window
	next     uint64 // where to look for them
	latest   uint64 // position of the latest offer known
	large    int    // large hand-overs flying
	depth    int64  // open offers followed so far
	failures int    // of the peer, in a row
	until    time.Time
	last     Attempt
	answered time.Time // when the peer last answered
}

// Attempt is what is known of the latest hand-over that got no good answer.
type Attempt struct {
	At     time.Time
	Reason string // as recorded with the delivery
	Text   string // for the operator
}

func newPump(r *Router, origin string) *pump {
	return &pump{r: r, origin: origin, poked: make(chan struct{}, 1), w: newWindow(r.o.Window)}
}

// resume takes up kept positions: whatever is open is found again in the log.
func (p *pump) resume(kept peerPositions) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.depth = kept.Depth
	if kept.Open {
		p.behind, p.next = true, kept.Next
	}
}

// positions are what is to be kept when following stands at cursor.
func (p *pump) positions(cursor uint64) peerPositions {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := cursor
	if p.behind {
		next = min(next, p.next)
	}
	if low, ok := p.w.lowest(); ok {
		next = min(next, low)
	}
	return peerPositions{Next: next, Depth: p.depth, Open: p.behind || p.w.len() > 0}
}

// offered takes note of an offer to the peer.
func (p *pump) offered(ctx context.Context, e events.Event) error {
	cause := e.Statement.Cause
	if cause == nil || cause.Origin != e.Statement.Origin {
		return fmt.Errorf("couldn't queue event %d (%s): it names no cause in this log", e.Position, e.Statement.Name)
	}
	p.mu.Lock()
	p.depth++
	p.latest = e.Position
	known := p.behind || p.w.has(cause.Position)
	if !known && p.w.full() {
		p.behind, p.next, known = true, e.Position, true
	}
	p.mu.Unlock()
	if known {
		return nil
	}
	h, err := p.r.handover(ctx, cause.Position)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.w.add(h)
	p.mu.Unlock()
	return nil
}

// closed takes note that an offer is no longer open.
func (p *pump) closed() {
	p.mu.Lock()
	p.depth--
	p.mu.Unlock()
}

func (p *pump) poke() {
	select {
	case p.poked <- struct{}{}:
	default:
	}
}

// heard tries the peer at once if it did not answer: it is there. What failed while it answered others waits its time.
func (p *pump) heard() {
	p.mu.Lock()
	down := p.failures > 0
	if down {
		p.failures, p.until = 0, time.Time{}
		p.w.hasten(p.r.o.Now())
	}
	p.mu.Unlock()
	if down {
		p.poke()
	}
}

// handover reads what the queue needs to know of an event.
func (r *Router) handover(ctx context.Context, cause uint64) (*handover, error) {
	e, err := r.log.Event(ctx, cause)
	if err != nil {
		return nil, fmt.Errorf("couldn't read event %d: %w", cause, err)
	}
	keys, d, err := lanesOf(e)
	if err != nil {
		return nil, err
	}
	h := &handover{cause: cause, queued: e.Statement.Time, keys: keys, priority: d.Priority}
	if e.Statement.Package != nil {
		h.size = e.Statement.Package.Length
	}
	return h, nil
}

// refill looks in the log for offers that did not fit into the window, once half of it is free.
func (p *pump) refill(ctx context.Context) error {
	p.mu.Lock()
	from, needed := p.next, p.behind && p.w.len() <= p.r.o.Window/2
	p.mu.Unlock()
	if !needed {
		return nil
	}
	limit := p.r.position() // offers beyond are not complete yet, and will be counted when followed
	at := from
	err := p.r.log.All(ctx, from, func(e events.Event) error {
		if e.Position >= limit {
			return errEnough
		}
		done, err := p.found(ctx, e)
		if err != nil {
			return err
		}
		if !done {
			return errEnough
		}
		at = e.Position + 1
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("couldn't look for offers to %s: %w", p.origin, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = at
	p.behind = at < limit || p.latest >= limit
	return nil
}

// found adds an open offer to the window; false if it is full.
func (p *pump) found(ctx context.Context, e events.Event) (bool, error) {
	if e.Statement.Name != delivery.NameOffered {
		return true, nil
	}
	var d delivery.Offered
	if err := decode(e, &d); err != nil {
		return false, err
	}
	cause := e.Statement.Cause
	if d.Node != p.origin || cause == nil {
		return true, nil
	}
	p.mu.Lock()
	has, full := p.w.has(cause.Position), p.w.full()
	p.mu.Unlock()
	if has {
		return true, nil
	}
	s, err := p.r.delivery(ctx, e.Statement.Stream)
	if err != nil || !open(s, *cause) {
		return err == nil, err
	}
	if full {
		return false, nil
	}
	h, err := p.r.handover(ctx, cause.Position)
	if err != nil {
		return false, err
	}
	p.mu.Lock()
	p.w.add(h)
	p.mu.Unlock()
	return true, nil
}

// open says whether a delivery still waits for the hand-over of what cause brought. One that was withdrawn stays open until
// it is certain that the peer does not have it: an answer can have been lost, and both nodes must tell the same.
func open(s delivery.State, cause events.Address) bool {
	return s.Cause == cause && s.Offer.Node != "" && (s.Waiting() || s.Phase == delivery.PhaseWithdrawn)
}

// maxLarge is how many large packages go to one peer at once: it has to spool them all.
const maxLarge = 4

// pick gives the next hand-over to make, nil if there is none now. Before its first answer and after a failure the peer
// is asked with one at a time.
func (p *pump) pick(now time.Time) *handover {
	p.mu.Lock()
	defer p.mu.Unlock()
	unsure := p.failures > 0 || p.answered.IsZero()
	if unsure && p.w.flying > 0 || p.failures > 0 && now.Before(p.until) || p.w.flying >= p.r.o.Parallel {
		return nil
	}
	h := p.w.take(now, p.failures > 0, func(h *handover) bool {
		return h.size < p.r.o.LargeSize || p.large < maxLarge
	})
	if h != nil && h.size >= p.r.o.LargeSize {
		p.large++
	}
	return h
}

// due is when the next hand-over may be made; false if there is none to wait for.
func (p *pump) due() (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.w.ready(p.r.o.Now())
	if ok && p.failures > 0 && p.until.After(at) {
		at = p.until
	}
	return at, ok
}

// step makes all hand-overs that are due and returns when none is left.
func (p *pump) step(ctx context.Context) (answered, failed int, err error) {
	type result struct {
		answered bool
		err      error
	}
	done := make(chan result)
	flying := 0
	for {
		if err == nil && ctx.Err() == nil {
			err = p.refill(ctx)
		}
		var h *handover
		if err == nil && ctx.Err() == nil {
			h = p.pick(p.r.o.Now())
		}
		if h != nil {
			flying++
			go func() {
				ok, err := p.push(ctx, h)
				done <- result{ok, err}
			}()
			continue
		}
		if flying == 0 {
			if err == nil {
				err = ctx.Err()
			}
			return answered, failed, err
		}
		select {
		case res := <-done:
			flying--
			if res.answered {
				answered++
			} else {
				failed++
			}
			if err == nil {
				err = res.err
			}
		case <-p.poked:
		}
	}
}

// run makes hand-overs until ctx ends.
func (p *pump) run(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		_, _, err := p.step(ctx)
		if ctx.Err() != nil {
			return
		}
		wait := time.Hour
		if err != nil {
			// This node's own trouble: a full disk, a store that closes. Following says so too.
			failures++
			p.note(Attempt{At: p.r.o.Now(), Reason: "node", Text: err.Error()})
			wait = p.r.backoff(failures)
		} else {
			failures = 0
			if at, ok := p.due(); ok {
				wait = max(at.Sub(p.r.o.Now()), 10*time.Millisecond)
			}
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-p.poked:
		case <-ctx.Done():
		}
		t.Stop()
		if err != nil {
			pause(ctx, p.r.o.Backoff)
		}
	}
}

func (p *pump) note(a Attempt) {
	p.mu.Lock()
	p.last = a
	p.mu.Unlock()
}

// retire ends a hand-over.
func (p *pump) retire(h *handover) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h.size >= p.r.o.LargeSize {
		p.large--
	}
	p.w.retire(h)
}

// postpone puts a hand-over back. Failures of the peer slow its whole queue; others only this hand-over.
func (p *pump) postpone(h *handover, a Attempt, ofPeer, reached bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h.size >= p.r.o.LargeSize {
		p.large--
	}
	h.failures++
	h.reached = reached
	h.next = a.At.Add(p.r.backoff(h.failures))
	p.last = a
	if ofPeer {
		p.failures++
		p.until = a.At.Add(p.r.backoff(p.failures))
	}
	p.w.putBack(h)
}

// alive takes note that the peer has answered.
func (p *pump) alive(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answered = now
	if p.failures > 0 {
		p.failures, p.until = 0, time.Time{}
		p.w.hasten(now)
	}
}
