package esdbstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"github.com/tram-exchange/tram/events"
)

// presence is whether the cluster answers. It is away when calls have failed for half of LeaseTTL and none was answered in between:
// every node makes several in that time, whether anybody hands in or not, and a change of the leader is over sooner.
type presence struct {
	patience time.Duration
	clock    func() time.Time

	mu      sync.Mutex
	missing time.Time // of the first call since the last answer that got none; zero: it answers
	here    context.Context
	leave   context.CancelCauseFunc // ends here
}

func newPresence(o Options) *presence {
	p := &presence{patience: o.LeaseTTL / 2, clock: o.clock}
	if p.clock == nil {
		p.clock = time.Now
	}
	p.here, p.leave = context.WithCancelCause(context.Background())
	return p
}

// note takes the outcome of a call whose caller still waits.
func (p *presence) note(err error) {
	answered := err == nil
	switch code(err) {
	case esdb.ErrorCodeWrongExpectedVersion, esdb.ErrorCodeResourceNotFound, esdb.ErrorCodeStreamDeleted, esdb.ErrorCodeAccessDenied, esdb.ErrorCodeUnauthenticated:
		answered = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch now := p.clock(); {
	case answered:
		p.missing = time.Time{}
		if p.here.Err() != nil {
			p.here, p.leave = context.WithCancelCause(context.Background())
		}
	case p.missing.IsZero():
		p.missing = now
	case now.Sub(p.missing) >= p.patience:
		p.leave(fmt.Errorf("%w since %s", events.ErrAway, p.missing.UTC().Format(time.RFC3339)))
	}
}

// away says why nothing can be recorded now, or nil.
func (p *presence) away() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return context.Cause(p.here)
}

// Away says since when the cluster has not answered (events.ErrAway), or nil. What is handed in then would wait in vain.
func (s *Store) Away() error { return s.conn.away() }

// Present is ctx that also ends when the cluster is away, with that as its cause.
func (s *Store) Present(ctx context.Context) (context.Context, context.CancelFunc) {
	s.conn.presence.mu.Lock()
	here := s.conn.here
	s.conn.presence.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	if here.Err() != nil { // at once, not a moment later
		cancel(context.Cause(here))
	}
	stop := context.AfterFunc(here, func() { cancel(context.Cause(here)) })
	return ctx, func() { stop(); cancel(context.Canceled) }
}

// causeOf is why a context of Present ended early, if it was because the cluster is away.
func causeOf(ctx context.Context) error {
	if err := context.Cause(ctx); errors.Is(err, events.ErrAway) {
		return err
	}
	return ctx.Err()
}
