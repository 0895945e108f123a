package router

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/ledger"
)

// Check judges the deliveries of a whole log, as of all events before upTo: what had to be offered is offered, once and to
// nobody else; every hand-over has the peer's receipt of the very package; every effect has reached the deliveries it
// concerns. It returns the first thing that is wrong. A router that has followed the log up to upTo leaves nothing wrong.
func Check(ctx context.Context, log Log, upTo uint64) error {
	c := &checker{log: log, r: &Router{log: log}}
	return log.All(ctx, 0, func(e events.Event) error {
		if e.Position >= upTo {
			return nil
		}
		if err := c.event(ctx, e); err != nil {
			return fmt.Errorf("event %d (%s on %s): %w", e.Position, e.Statement.Name, e.Statement.Stream, err)
		}
		return nil
	})
}

type checker struct {
	log Log
	r   *Router // for its readings only
}

func (c *checker) event(ctx context.Context, e events.Event) error {
	switch name := e.Statement.Name; {
	case name == delivery.NameOffered:
		return c.offered(ctx, e)
	case name == delivery.NameForwarded:
		return c.forwarded(ctx, e)
	case strings.HasPrefix(name, "document."):
		if err := c.planned(ctx, e); err != nil {
			return err
		}
		return c.affected(ctx, e)
	}
	return nil
}

// planned: every offer that follows from e has been made.
func (c *checker) planned(ctx context.Context, e events.Event) error {
	offers, err := plan(ctx, c.r.document, e)
	if err != nil {
		return err
	}
	for _, o := range offers {
		s, err := c.r.delivery(ctx, o.stream())
		if err != nil {
			return err
		}
		if s.Phase == delivery.PhaseNone {
			return fmt.Errorf("not offered to %s", o.Org)
		}
	}
	return nil
}

// offered: the offer follows from the event it names, and stands in the stream it belongs to.
func (c *checker) offered(ctx context.Context, e events.Event) error {
	var d delivery.Offered
	if err := decode(e, &d); err != nil {
		return err
	}
	if want := delivery.Stream(d.Item, d.ItemID, d.Org); e.Statement.Stream != want {
		return fmt.Errorf("offer to %s belongs to %s", d.Org, want)
	}
	cause := e.Statement.Cause
	if cause == nil || cause.Origin != e.Statement.Origin || cause.Position >= e.Position {
		return errors.New("offer without an earlier cause in this log")
	}
	by, err := c.log.Event(ctx, cause.Position)
	if err != nil {
		return err
	}
	offers, err := plan(ctx, c.r.document, by)
	if err != nil {
		return err
	}
	for _, o := range offers {
		if o.Offered == d {
			return nil
		}
	}
	return fmt.Errorf("offer to %s does not follow from event %d", d.Org, cause.Position)
}

// forwarded: the peer's receipt is kept, and is one of this package.
func (c *checker) forwarded(ctx context.Context, e events.Event) error {
	var d delivery.Forwarded
	if err := decode(e, &d); err != nil {
		return err
	}
	s, err := c.r.delivery(ctx, e.Statement.Stream)
	if err != nil {
		return err
	}
	file, err := c.log.Evidence(ctx, d.Receipt)
	if err != nil {
		return fmt.Errorf("no receipt of %s: %w", d.Node, err)
	}
	r, err := ledger.ParseReceipt(file)
	if err != nil {
		return err
	}
	switch {
	case r.Statement.Origin != d.Node || r.Position != d.Position:
		return fmt.Errorf("receipt is of %s position %d, expected %s position %d", r.Statement.Origin, r.Position, d.Node, d.Position)
	case r.Statement.Package == nil || r.Statement.Package.SHA256 != s.Offer.Package:
		return fmt.Errorf("receipt is of another package than %s", s.Offer.Package)
	}
	return nil
}

// affected: what e does to an earlier document is recorded there, and what a document's stream knows of effects has
// reached its deliveries.
func (c *checker) affected(ctx context.Context, e events.Event) error {
	if e.Statement.Name == document.NameReceived {
		var d document.Received
		if err := decode(e, &d); err != nil {
			return err
		}
		for _, f := range d.Effects {
			h, err := c.r.document(ctx, document.StreamPrefix+f.Document, math.MaxUint64)
			if err != nil {
				return err
			}
			if !h.affectedBy(f.Kind, d.Document) {
				return fmt.Errorf("%s of document %s is not recorded there", f.Kind, f.Document)
			}
		}
	}
	h, err := c.r.document(ctx, e.Statement.Stream, math.MaxUint64)
	if err != nil || !h.state.Received {
		return err
	}
	for _, f := range h.state.Effects {
		for _, ch := range h.changes(e.Statement.Stream, f) {
			s, err := c.r.delivery(ctx, ch.stream)
			if err != nil {
				return err
			}
			if !ch.reached(s) {
				return fmt.Errorf("%s by %s has not reached a delivery in phase %q", f.Kind, f.By, s.Phase)
			}
		}
	}
	return nil
}

func (h History) affectedBy(kind document.EffectKind, by string) bool {
	for _, f := range h.state.Effects {
		if f.Kind == kind && f.By == by {
			return true
		}
	}
	return false
}

// reached says whether a delivery shows the change.
func (c change) reached(s delivery.State) bool {
	if s.Phase == delivery.PhaseNone || s.Phase == delivery.PhaseWithdrawn {
		return true
	}
	for _, m := range s.Marks {
		// A recall by one may have been brought by another first: a forwarding after a withdrawal names that one.
		if m.Mark == c.mark && (m.By == c.by || c.takeBack) {
			return true
		}
	}
	return false
}
