package rerun

import (
	"context"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/destruction"
	"github.com/tram-exchange/tram/gateway"
)

// decideDestruction decides a request to destroy, or that a target of one is gone.
func decideDestruction(ctx context.Context, r *Rerun, p *Prepared, c *cut) (given, error) {
	own, err := as[destruction.State](r.own(ctx, p.e))
	if err != nil {
		return given{}, err
	}
	if p.e.Statement.Name == destruction.NameDecided {
		return r.handIn(ctx, p, c, gateway.Own{Destruction: own})
	}
	d, err := read[destruction.Executed](p.e)
	if err != nil {
		return given{}, err
	}
	for _, decision := range own.Decisions {
		if decision.Address.Position != d.Decision || d.Target < 0 || d.Target >= len(decision.Targets) {
			continue
		}
		if decision.NotBefore.After(p.e.Statement.Time) {
			return given{}, mismatch(p.e, "time", p.e.Statement.Time.String(), "not before "+decision.NotBefore.String())
		}
		covered, err := destruction.Gather(ctx, r.o.Record, decision.Targets[d.Target].Target, decision.Scope, d.Decision)
		if err != nil {
			return given{}, err
		}
		news, err := destruction.Execute(own, gateway.Executed(decision, d.Target, covered))
		if err != nil {
			return given{}, refused(p, err)
		}
		return given{cause: &decision.Address, events: news}, nil
	}
	return given{}, mismatch(p.e, "data", "a target that nobody decided", "one of a decision before it")
}

// Destruction implements gateway.Streams.
func (c *cut) Destruction(ctx context.Context) (destruction.State, error) {
	return as[destruction.State](c.state(ctx, destruction.Stream))
}

// Gather implements gateway.Streams.
func (c *cut) Gather(ctx context.Context, t destruction.Target, scope destruction.Scope) (destruction.Covered, error) {
	covered, err := destruction.Gather(ctx, c.s.record, t, scope, c.at)
	if err == nil {
		if c.read == nil {
			c.read = make(map[string]bool)
		}
		for _, e := range covered.Events {
			c.read[e.Statement.Stream] = true
		}
	}
	return covered, err
}

// destroyed says of events what a record's own decisions cover. What is wrong with those is said where they are judged.
func destroyed(ctx context.Context, r Record) (func(events.Event) bool, error) {
	s, _ := destruction.Load(ctx, r)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	x := s.Index()
	if x.Empty() {
		return nil, nil
	}
	return func(e events.Event) bool { _, covered := x.Package(&e); return covered }, nil
}
