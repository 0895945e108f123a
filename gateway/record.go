package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/policy"
)

// ClientNode is the client that the node's own events name, and ActorNode their actor.
const (
	ClientNode = "node"
	ActorNode  = "node"
)

// Step is one decision of the node itself: of the router, of a mailbox, of the policy.
type Step struct {
	Stream string
	Actor  string          // "" = ActorNode
	Client string          // "" = ClientNode
	Cause  *events.Address // event it follows from
	Basis  *events.Basis   // nil: the node's snapshot at each round
	// Evidence is stored beside the first event, which names its digest: a peer's receipt, for instance. nil: none.
	Evidence []byte
	// Decide gets the stream's events, unsealed ones of this node included, and says what to append; nothing means
	// there is nothing to record. It may be called several times and must not have effects of its own.
	Decide func(history []events.Event) ([]events.New, error)
}

// Record loads the stream, decides, appends with the version it has seen, and does so again when another append came
// first. recorded is false when Decide had nothing to record. An error of Decide is returned as it is.
func (n *Node) Record(ctx context.Context, s Step) (sealed events.Sealed, recorded bool, err error) {
	if s.Actor == "" {
		s.Actor = ActorNode
	}
	if s.Client == "" {
		s.Client = ClientNode
	}
	return n.decide(ctx, s.Stream, func(history []events.Event) (events.Append, error) {
		basis := n.Snapshot().Basis // before the decision: it goes by this or a later one
		news, err := s.Decide(history)
		if err != nil || len(news) == 0 {
			return events.Append{}, err
		}
		if s.Basis != nil {
			basis = *s.Basis
		}
		return events.Append{
			Actor: s.Actor, Client: s.Client, Cause: s.Cause, Basis: basis, Evidence: s.Evidence, Events: news,
		}, nil
	})
}

// decide is the loop under every append of the gateway. Decisions on one stream wait for each other here, so that
// conflicts only come from other writers of the same store. f returns an append without events for "nothing to record".
// Once decided the append is not cut short by ctx: its outcome would be unknown.
func (n *Node) decide(ctx context.Context, stream string, f func([]events.Event) (events.Append, error)) (events.Sealed, bool, error) {
	defer n.streams.Lock(stream)()
	ctx, cancel := n.present(ctx)
	defer cancel()
	var conflict *events.ConflictError
	for range n.l.DecideTries {
		var history []events.Event
		err := n.c.Store.Stream(ctx, stream, 0, func(e events.Event) error {
			history = append(history, e)
			return nil
		})
		if err != nil {
			return events.Sealed{}, false, fmt.Errorf("couldn't load stream: %w", refuseAway(err))
		}
		a, err := f(history)
		if err != nil || len(a.Events) == 0 {
			return events.Sealed{}, false, err
		}
		a.Stream, a.Expected = stream, int64(len(history))-1
		sealed, err := n.append(ctx, a)
		if err == nil {
			return sealed, true, nil
		}
		if !errors.As(err, &conflict) {
			return events.Sealed{}, false, err
		}
		n.metrics.conflicts.Inc()
	}
	return events.Sealed{}, false, Refuse(CodeConflict).Because(conflict)
}

func (n *Node) append(ctx context.Context, a events.Append) (events.Sealed, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.l.CloseAppend)
	defer cancel()
	ctx, gone := n.present(ctx)
	defer gone()
	if n.c.Halted != nil {
		if err := n.c.Halted(); err != nil {
			return events.Sealed{}, err
		}
	}
	sealed, err := n.c.Store.Append(ctx, a)
	switch {
	case err == nil:
		return sealed, nil
	case errors.Is(err, events.ErrFull):
		return events.Sealed{}, Refuse(CodeDiskFull).Because(err)
	case errors.Is(err, events.ErrClosed):
		return events.Sealed{}, Refuse(CodeDraining).Because(err)
	}
	return events.Sealed{}, fmt.Errorf("couldn't record: %w", refuseAway(err))
}

// present is ctx that also ends when the store says that it is away: waiting longer is the caller's to choose, who repeats.
func (n *Node) present(ctx context.Context) (context.Context, context.CancelFunc) {
	if s, ok := n.c.Store.(interface {
		Present(context.Context) (context.Context, context.CancelFunc)
	}); ok {
		return s.Present(ctx)
	}
	return ctx, func() {}
}

func refuseAway(err error) error {
	if errors.Is(err, events.ErrAway) {
		return Refuse(CodeStoreAway).Because(err)
	}
	return err
}

// RecordPolicy records the configured policy when it is not the one in force.
func (n *Node) RecordPolicy(ctx context.Context) error {
	_, recorded, err := n.Record(ctx, Step{Stream: policy.Stream, Decide: func(history []events.Event) ([]events.New, error) {
		var s policy.State
		for _, e := range history {
			var err error
			if s, err = policy.Fold(s, e); err != nil {
				return nil, err
			}
		}
		return policy.Decide(s, n.c.Policy)
	}})
	if err != nil {
		return fmt.Errorf("couldn't record the acceptance policy: %w", err)
	}
	if recorded {
		return n.CatchUp(ctx)
	}
	return nil
}
