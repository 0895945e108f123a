package router

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/gateway"
)

// errEnough ends a reading of the log early, on purpose.
var errEnough = errors.New("enough")

// follow does what follows from every event not yet followed, and returns how many there were.
//
// Between two barriers events are worked on side by side, those of one document in order. The cursor moves at the
// barrier, after everything before it is recorded. Offers found in the log reach the queues at the barrier too:
// then the other offers of the same event stand in the log as well.
func (r *Router) follow(ctx context.Context) (uint64, error) {
	if err := r.load(ctx); err != nil {
		return 0, err
	}
	var total uint64
	for {
		start := r.position()
		if start >= r.log.Head().Size {
			return total, nil
		}
		n, err := r.chunk(ctx, start)
		total += n
		if err != nil {
			return total, err
		}
	}
}

func (r *Router) chunk(ctx context.Context, start uint64) (uint64, error) {
	list, err := r.read(ctx, start)
	if err != nil {
		return 0, err
	}
	made := make(offersMade)
	for _, e := range list {
		made.note(e)
	}
	work := newLanes(r.o.Appends)
	for _, e := range list {
		if !strings.HasPrefix(e.Statement.Name, "document.") {
			continue
		}
		keys, d, err := lanesOf(e)
		if err != nil {
			work.stop(err)
			break
		}
		work.run(keys, func() error { return r.route(ctx, e, d, made) })
	}
	if err := work.wait(); err != nil {
		return 0, err
	}
	for _, e := range list {
		if err := r.count(ctx, e); err != nil {
			return 0, err
		}
	}
	r.mu.Lock()
	r.cursor, r.last = start+uint64(len(list)), digest(list[len(list)-1].Bytes)
	r.mu.Unlock()
	return uint64(len(list)), nil
}

// read gives the events from start on, at most a chunk of them. There is at least one.
func (r *Router) read(ctx context.Context, start uint64) ([]events.Event, error) {
	var list []events.Event
	err := r.log.All(ctx, start, func(e events.Event) error {
		if want := start + uint64(len(list)); e.Position != want {
			return fmt.Errorf("event %d follows, expected %d", e.Position, want)
		}
		e.Facts = nil // never looked at here
		if list = append(list, e); len(list) == r.o.Chunk {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("couldn't follow the log from %d: %w", start, err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("couldn't follow the log from %d: no event there", start)
	}
	return list, nil
}

// offersMade are offers seen ahead, by stream, with the position of what they follow from. They spare a look into the
// deliveries when a log is followed again.
type offersMade map[string]uint64

func (m offersMade) note(e events.Event) {
	if c := e.Statement.Cause; e.Statement.Name == delivery.NameOffered && c != nil && c.Origin == e.Statement.Origin {
		m[e.Statement.Stream] = c.Position
	}
}

func (m offersMade) has(o offer, cause uint64) bool {
	at, ok := m[o.stream()]
	return ok && at == cause
}

// route does what follows from one event of a document, d being the data of a document.received. It may be done again
// at any time.
func (r *Router) route(ctx context.Context, e events.Event, d document.Received, made offersMade) error {
	var offers []offer
	var err error
	switch e.Statement.Name {
	case document.NameReceived:
		if offers, err = planReceived(ctx, r.document, e, d); err == nil {
			err = r.offerAll(ctx, e, offers, made)
		}
		if err == nil {
			err = r.affect(ctx, e, d)
		}
		// An effect can stand in the stream before the document itself: it overtook it on the way.
		if err == nil && e.Statement.Version > 0 {
			err = r.applyAll(ctx, e.Statement.Stream, address(e))
		}
	case document.NameResent:
		if offers, err = plan(ctx, r.document, e); err == nil {
			err = r.offerAll(ctx, e, offers, made)
		}
		if err == nil {
			err = r.applyAll(ctx, e.Statement.Stream, address(e))
		}
	case document.NameStatusReported:
		if offers, err = plan(ctx, r.document, e); err == nil {
			err = r.offerAll(ctx, e, offers, made)
		}
	case document.NameRecalled, document.NameUpdated, document.NameReplaced:
		err = r.applyAll(ctx, e.Statement.Stream, address(e))
	default:
		err = errors.New("unknown event of a document")
	}
	if err != nil {
		return fmt.Errorf("couldn't route event %d (%s): %w", e.Position, e.Statement.Name, err)
	}
	return nil
}

// offerAll records the offers that follow from e.
func (r *Router) offerAll(ctx context.Context, e events.Event, offers []offer, made offersMade) error {
	cause := address(e)
	offers = slices.DeleteFunc(offers, func(o offer) bool { return made.has(o, cause.Position) })
	return r.each(len(offers), func(i int) error {
		o := offers[i]
		return r.decide(ctx, o.stream(), &cause, nil, func(s delivery.State) (delivery.Decision, error) {
			return delivery.DecideOffer(s, delivery.Offer{Offered: o.Offered, Cause: cause})
		})
	})
}

// affect records on the streams of earlier documents what this one does to them.
func (r *Router) affect(ctx context.Context, e events.Event, d document.Received) error {
	cause := address(e)
	snap := r.node.Snapshot()
	for _, c := range Effects(snap.Directory, e, d) {
		f := c.Effect
		_, _, err := r.record(ctx, gateway.Step{
			Stream: document.StreamPrefix + f.Document, Cause: &cause, Basis: &snap.Basis,
			Decide: func(past []events.Event) ([]events.New, error) {
				var s document.State
				for _, p := range past {
					var err error
					if s, err = document.Fold(s, p); err != nil {
						return nil, err
					}
				}
				decision, err := document.DecideEffect(s, c)
				return decision.Events, err
			},
		})
		var refusal *document.Refusal
		if errors.As(err, &refusal) {
			// Nobody's document but the sender's can be touched: the package stays a document like any other.
			r.o.Logger.Warn("effect refused", "position", e.Position, "reason", string(refusal.Reason))
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// applyAll brings every effect that the document's stream knows to its deliveries. Those that do not exist (yet) are
// left: what offers them later looks at the effects again.
func (r *Router) applyAll(ctx context.Context, stream string, cause events.Address) error {
	h, err := r.document(ctx, stream, math.MaxUint64)
	if err != nil || !h.state.Received {
		return err
	}
	var changes []change
	for _, f := range h.state.Effects {
		changes = append(changes, h.changes(stream, f)...)
	}
	return r.each(len(changes), func(i int) error {
		c := changes[i]
		var now delivery.State
		err := r.decide(ctx, c.stream, &cause, nil, func(s delivery.State) (delivery.Decision, error) {
			now = s
			return h.decide(c, s)
		})
		if err != nil || c.request == "" || now.Phase == delivery.PhaseNone || now.Offer.Node != "" {
			return err
		}
		// Whoever never saw the document is not asked to give it back. (To another node the request goes, or not,
		// when what becomes of the document there is known: see pump.pointless.)
		if now, err = r.delivery(ctx, c.stream); err != nil || !neverSeen(now) {
			return err
		}
		return r.withdraw(ctx, c.request, cause, c.by)
	})
}

// withdraw takes an entry back if nobody has been handed it.
func (r *Router) withdraw(ctx context.Context, stream string, cause events.Address, by string) error {
	return r.decide(ctx, stream, &cause, nil, func(s delivery.State) (delivery.Decision, error) {
		if s.Phase == delivery.PhaseNone {
			return delivery.Decision{}, nil
		}
		return delivery.DecideTakeBack(s, delivery.TakeBack{By: by})
	})
}

// statusPrefix begins the item id of a status message, and the name under which a status 13 has an effect.
const statusPrefix = "status:"

// change is what an effect does to one delivery.
type change struct {
	stream   string
	by       string
	takeBack bool
	mark     delivery.Mark
	request  string // delivery of the status 13 that asks for it, "" if a document does
}

// changes says what an effect does to the deliveries of the document. A recalled document that had effects of its own is
// not kept from another node: what it did here it must do there too, and the recall follows it.
func (h History) changes(stream string, f document.Effect) []change {
	var out []change
	concerned := func(org string, list []string) bool { return len(list) == 0 || slices.Contains(list, org) }
	for _, rc := range h.state.Recipients {
		c := change{stream: delivery.Stream(stream, delivery.ItemDocument, rc.Org), by: f.By}
		switch f.Kind {
		case document.EffectRecall:
			if !concerned(rc.Org, f.Recipients) {
				continue
			}
			c.takeBack, c.mark = true, delivery.MarkRecalled
			if strings.HasPrefix(f.By, statusPrefix) {
				c.request = delivery.Stream(stream, f.By, rc.Org)
			}
		case document.EffectUpdate:
			c.takeBack = len(f.Removed) > 0 && concerned(rc.Org, f.Removed)
			if c.mark = delivery.MarkUpdated; c.takeBack {
				c.mark = delivery.MarkRecalled
			} else if !slices.Contains(h.content, f.Address.Position) {
				continue // only recipients have changed, and this one stays
			}
		case document.EffectReplace:
			if !concerned(rc.Org, f.Recipients) {
				continue
			}
			c.mark = delivery.MarkReplaced
		default:
			continue
		}
		out = append(out, c)
	}
	return out
}

// document reads what a document's stream said before a position of the log.
func (r *Router) document(ctx context.Context, stream string, before uint64) (History, error) {
	var h History
	err := r.log.Stream(ctx, stream, 0, func(e events.Event) error {
		if e.Position >= before {
			return errEnough
		}
		var err error
		h, err = h.Fold(e)
		return err
	})
	if err != nil && !errors.Is(err, errEnough) {
		return h, fmt.Errorf("couldn't read the document: %w", err)
	}
	return h, nil
}

// delivery reads the state of one delivery.
func (r *Router) delivery(ctx context.Context, stream string) (delivery.State, error) {
	var s delivery.State
	err := r.log.Stream(ctx, stream, 0, func(e events.Event) error {
		var err error
		s, err = delivery.Fold(s, e)
		return err
	})
	if err != nil {
		return s, fmt.Errorf("couldn't read a delivery: %w", err)
	}
	return s, nil
}

// decide records what a delivery's decider says.
func (r *Router) decide(ctx context.Context, stream string, cause *events.Address, evidence []byte,
	f func(delivery.State) (delivery.Decision, error)) error {
	_, _, err := r.record(ctx, gateway.Step{
		Stream: stream, Cause: cause, Evidence: evidence,
		Decide: func(past []events.Event) ([]events.New, error) {
			var s delivery.State
			for _, p := range past {
				var err error
				if s, err = delivery.Fold(s, p); err != nil {
					return nil, err
				}
			}
			d, err := f(s)
			return d.Events, err
		},
	})
	return err
}

// record appends, within the router's share of the appends that may wait at once.
func (r *Router) record(ctx context.Context, s gateway.Step) (events.Sealed, bool, error) {
	select {
	case r.appends <- struct{}{}:
	case <-ctx.Done():
		return events.Sealed{}, false, ctx.Err()
	}
	defer func() { <-r.appends }()
	return r.node.Record(ctx, s)
}

// each does f for 0 … n-1 side by side, as far as appends are free, and returns the first error.
func (r *Router) each(n int, f func(int) error) error {
	if n == 1 {
		return f(0)
	}
	work := newLanes(r.o.Appends)
	for i := range n {
		work.run(nil, func() error { return f(i) })
	}
	return work.wait()
}

func address(e events.Event) events.Address {
	return events.Address{Origin: e.Statement.Origin, Position: e.Position}
}

// count keeps the depth of the queues and brings new offers to them.
func (r *Router) count(ctx context.Context, e events.Event) error {
	switch e.Statement.Name {
	case delivery.NameOffered:
		var d delivery.Offered
		if err := decode(e, &d); err != nil {
			return err
		}
		if d.Node == "" {
			return nil
		}
		return r.pump(d.Node).offered(ctx, e)
	case delivery.NameForwarded, delivery.NameFailed, delivery.NameWithdrawn:
		// Version 1 of a forwarding follows its offer; everything rarer looks at what went before.
		if e.Statement.Name == delivery.NameForwarded && e.Statement.Version == 1 {
			var d delivery.Forwarded
			if err := decode(e, &d); err != nil {
				return err
			}
			r.pump(d.Node).closed()
			return nil
		}
		var before delivery.State
		err := r.log.Stream(ctx, e.Statement.Stream, 0, func(p events.Event) error {
			if p.Statement.Version >= e.Statement.Version {
				return errEnough
			}
			var err error
			before, err = delivery.Fold(before, p)
			return err
		})
		if err != nil && !errors.Is(err, errEnough) {
			return fmt.Errorf("couldn't read a delivery: %w", err)
		}
		if before.Waiting() {
			r.pump(before.Offer.Node).closed()
		}
		if e.Statement.Name == delivery.NameForwarded && before.Phase == delivery.PhaseWithdrawn &&
			before.Offer.ItemID == delivery.ItemDocument {
			// The peer had it after all: whatever happened to the document meanwhile holds for this delivery too.
			return r.applyAll(ctx, before.Offer.Item, address(e))
		}
	}
	return nil
}
