package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/incoming"
)

// Whoever works in the office has no system that empties the mailbox: what a person took into the register, or gave back, was received,
// and the node says so on the entry. Status messages are read on the pages of the document they are about.

// EmptyFor takes an entry of the mailbox and acknowledges it, because of an event by which the agency has it. It may be repeated. What
// the agency's own system has taken meanwhile, or what was withdrawn, is left as it is.
func (n *Node) EmptyFor(ctx context.Context, stream string, cause events.Event) error {
	at := events.Address{Origin: cause.Statement.Origin, Position: cause.Position}
	s, err := n.others.Delivery(ctx, stream)
	if err != nil || s.Phase == delivery.PhaseNone {
		return err
	}
	for _, decide := range []func(directory.State, delivery.State) (delivery.Decision, error){
		func(d directory.State, s delivery.State) (delivery.Decision, error) {
			return DecideTakeFor(d, s, cause, delivery.Take{At: n.Now(), Client: ClientNode, Lease: n.l.Lease})
		},
		func(d directory.State, s delivery.State) (delivery.Decision, error) {
			return DecideAcknowledgeFor(d, s, cause, n.Now())
		},
	} {
		snap := n.Snapshot()
		_, _, err := n.Record(ctx, Step{
			Stream: stream, Actor: s.Offer.Org, Cause: &at, Basis: &snap.Basis,
			Decide: func(history []events.Event) ([]events.New, error) {
				s, err := foldAll(history, delivery.Fold)
				if err != nil {
					return nil, err
				}
				d, err := decide(snap.Directory, s)
				return d.Events, err
			},
		})
		var refused *delivery.Refusal
		if errors.As(err, &refused) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("couldn't empty the mailbox for an agency's office: %w", err)
		}
	}
	return nil
}

// DecideTakeFor judges a taking by the node: an event of the agency must say that it has what the entry is about. What the node took
// and did not acknowledge before it stopped, it goes on with.
func DecideTakeFor(d directory.State, s delivery.State, cause events.Event, t delivery.Take) (delivery.Decision, error) {
	if err := has(d, s, cause, t.At); err != nil {
		return delivery.Decision{}, err
	}
	if s.Phase == delivery.PhaseTaken && s.Client == ClientNode {
		return delivery.Decision{}, nil
	}
	return delivery.DecideTake(s, t)
}

// DecideAcknowledgeFor judges an acknowledgement by the node of what it took itself.
func DecideAcknowledgeFor(d directory.State, s delivery.State, cause events.Event, at time.Time) (delivery.Decision, error) {
	if err := has(d, s, cause, at); err != nil {
		return delivery.Decision{}, err
	}
	if s.Phase == delivery.PhaseTaken && s.Client != ClientNode {
		return delivery.Decision{}, &delivery.Refusal{Reason: delivery.ReasonLeased, Until: s.Until}
	}
	return delivery.DecideAcknowledge(s, delivery.Acknowledge{Client: ClientNode})
}

// has says whether the event means that the agency has what the entry is about.
func has(d directory.State, s delivery.State, cause events.Event, at time.Time) error {
	if s.Phase == delivery.PhaseNone || s.Offer.Node != "" {
		return &delivery.Refusal{Reason: delivery.ReasonUnknown}
	}
	switch e := &cause.Statement; e.Name {
	case incoming.NameRegistered, incoming.NameRefused:
		org, id, err := incoming.ParseStream(e.Stream)
		if err == nil && s.Offer.ItemID == delivery.ItemDocument && s.Offer.Org == org && s.Offer.Item == document.StreamPrefix+id {
			return nil
		}
	case delivery.NameOffered:
		var o delivery.Offered
		if err := json.Unmarshal(e.Data, &o); err != nil {
			return fmt.Errorf("couldn't read event %d: %w", cause.Position, err)
		}
		if o.ItemID != delivery.ItemDocument && e.Stream == delivery.Stream(s.Offer.Item, s.Offer.ItemID, s.Offer.Org) && ServesMail(d, s.Offer.Org, at) {
			return nil
		}
	}
	return Refuse(CodeForbidden).With(cause.Statement.Name)
}
