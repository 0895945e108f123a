package router

import (
	"context"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
)

// The rules of delivery, for those who judge a record again (package rerun): the router itself goes by the same functions.

// Offers says which offers follow from an event of a document, in the order in which recipients are named.
func Offers(ctx context.Context, docs Documents, e events.Event) ([]delivery.Offered, error) {
	list, err := plan(ctx, docs, e)
	if err != nil {
		return nil, err
	}
	out := make([]delivery.Offered, len(list))
	for i := range list {
		out[i] = list[i].Offered
	}
	return out, nil
}

// Effects says what a received document does to earlier ones, as commands for their streams.
func Effects(d directory.State, e events.Event, r document.Received) []document.RecordEffect {
	if len(r.Effects) == 0 {
		return nil
	}
	out := make([]document.RecordEffect, len(r.Effects))
	identities := d.Identities(r.Sender, e.Statement.Time)
	for i, f := range r.Effects {
		out[i] = document.RecordEffect{Effect: f, By: r.Document, Sender: r.Sender, Identities: identities}
	}
	return out
}

// decide brings a change to a delivery. One that does not exist (yet) is left.
func (h History) decide(c change, s delivery.State) (delivery.Decision, error) {
	if s.Phase == delivery.PhaseNone {
		return delivery.Decision{}, nil
	}
	if c.takeBack && (s.Offer.Node == "" || len(h.received.Effects) == 0) {
		return delivery.DecideTakeBack(s, delivery.TakeBack{By: c.by})
	}
	return delivery.DecideMark(s, delivery.SetMark{Mark: c.mark, By: c.by})
}

// neverSeen says whether a delivery of a document was withdrawn before anybody had it: whoever never saw the document is not asked
// to give it back.
func neverSeen(s delivery.State) bool { return s.Phase == delivery.PhaseWithdrawn }

// Change decides what the effect named by does to a delivery of the document h, s being its state. of is the delivery of the document
// itself to the same recipient, for entries that ask for it back (status 13). false: no effect of that name concerns it.
func (h History) Change(by string, s delivery.State, of func() (delivery.State, error)) (delivery.Decision, bool, error) {
	if !h.state.Received {
		return delivery.Decision{}, false, nil
	}
	stream := delivery.Stream(s.Offer.Item, s.Offer.ItemID, s.Offer.Org)
	for _, f := range h.state.Effects {
		if f.By != by {
			continue
		}
		for _, c := range h.changes(s.Offer.Item, f) {
			switch stream {
			case c.stream:
				d, err := h.decide(c, s)
				return d, true, err
			case c.request:
				doc, err := of()
				if err != nil || !neverSeen(doc) {
					return delivery.Decision{}, false, err
				}
				d, err := delivery.DecideTakeBack(s, delivery.TakeBack{By: by})
				return d, true, err
			}
		}
	}
	return delivery.Decision{}, false, nil
}
