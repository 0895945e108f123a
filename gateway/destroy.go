package gateway

import (
	"context"
	"fmt"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/destruction"
)

// Destroyer takes content out of the record for good, as events.Removal says. A store that can is one.
type Destroyer interface {
	Destroy(ctx context.Context, r events.Removal) error
}

const (
	destroyPatience = 2 * time.Minute // for which one removal waits for readers of an older state
	destroyRetry    = time.Minute     // after which a removal that did not succeed is tried again
	destroyBatch    = 256             // packages and facts of one removal
)

// RunDestruction carries out what is decided, until ctx ends: at start what an earlier process left undone, then each decision
// when it is recorded or due. What fails is tried again; nothing else waits for it.
func (n *Node) RunDestruction(ctx context.Context) error {
	if n.c.Destroyer == nil {
		<-ctx.Done()
		return nil
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.destroys:
		case <-timer.C:
		}
		wait, err := n.CarryOut(ctx)
		if err != nil && ctx.Err() == nil {
			n.c.Log.Warn("destruction is not carried out yet", "error", err)
			wait = destroyRetry
		}
		timer.Reset(wait)
	}
}

// CarryOut does what is decided and due, and says how long until the next decision is due. Everything is removed from the store first, then from views, and recorded as
// executed then: if the process ends in between, it is removed once more, which does nothing, and recorded once.
func (n *Node) CarryOut(ctx context.Context) (next time.Duration, err error) {
	next = 24 * time.Hour
	s, err := destruction.Load(ctx, n.c.Store)
	if err != nil {
		return 0, err
	}
	for _, d := range s.Decisions {
		if d.Complete() || d.Address.Position >= n.c.Store.Head().Size {
			continue
		}
		if wait := d.NotBefore.Sub(n.Now()); !d.NotBefore.IsZero() && wait > 0 {
			next = min(next, wait)
			continue
		}
		if err := n.carryOut(ctx, d); err != nil {
			return 0, fmt.Errorf("couldn't carry out the decision at position %d: %w", d.Address.Position, err)
		}
	}
	return next, nil
}

// carryOut removes in batches; views are made anew once, which costs as much for one target as for all.
func (n *Node) carryOut(ctx context.Context, d *destruction.Decision) error {
	var done []destruction.Executed
	var batch events.Removal
	flush := func() error {
		if len(batch.Packages)+len(batch.Facts) == 0 {
			return nil
		}
		short, cancel := context.WithTimeout(ctx, destroyPatience)
		defer cancel()
		err := n.c.Destroyer.Destroy(short, batch)
		batch = events.Removal{}
		return err
	}
	for i, t := range d.Targets {
		if d.Done[i] {
			continue
		}
		c, err := destruction.Gather(ctx, n.c.Store, t.Target, d.Scope, d.Address.Position)
		if err != nil {
			return err
		}
		done = append(done, Executed(d, i, c))
		batch.Packages, batch.Facts = append(batch.Packages, c.Packages...), append(batch.Facts, c.Facts...)
		if len(batch.Packages)+len(batch.Facts) >= destroyBatch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	if n.c.Forget != nil {
		if err := n.c.Forget(ctx); err != nil {
			return fmt.Errorf("couldn't have views forget: %w", err)
		}
	}
	for _, x := range done {
		_, _, err := n.Record(ctx, Step{Stream: destruction.Stream, Cause: &d.Address, Decide: func(history []events.Event) ([]events.New, error) {
			s, err := destruction.FoldAll(history)
			if err != nil {
				return nil, err
			}
			return destruction.Execute(s, x)
		}})
		if err != nil {
			return err
		}
	}
	n.c.Log.Info("destruction carried out", "decision", d.Address.Position, "targets", len(done))
	return nil
}

// Executed is what is recorded of a target that is gone: what it covers, whoever asks and whenever.
func Executed(d *destruction.Decision, target int, c destruction.Covered) destruction.Executed {
	return destruction.Executed{
		Decision: d.Address.Position, Target: target, Document: d.Targets[target].Key(), Facts: len(c.Facts), Packages: len(c.Packages), Bytes: c.Bytes,
	}
}

// LookForDestruction has RunDestruction look again: something was decided, perhaps at another node of the same log.
func (n *Node) LookForDestruction() { n.wakeDestruction() }

// wakeDestruction tells RunDestruction that something was decided.
func (n *Node) wakeDestruction() {
	select {
	case n.destroys <- struct{}{}:
	default:
	}
}
