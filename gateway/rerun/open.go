package rerun

import (
	"context"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/gateway/router"
	"github.com/tram-exchange/tram/internal/bilingual"
)

// open is what must still follow, and what was seen lately. It is empty but for the last moments of a node that keeps up with its log.
type open struct {
	offers  *generations[uint64, map[string]delivery.Offered] // of the events of documents
	recent  *generations[uint64, events.Event]                // events of documents: causes of others
	owed    map[string]uint64                                 // offers not made yet, by stream, with their cause
	effects map[owedEffect]uint64                             // not recorded yet, with their cause
	binds   map[string]uint64                                 // header ids bound without the package that used them, by stream
}

type owedEffect struct {
	stream string
	kind   document.EffectKind
	by     string
}

func newOpen() open {
	return open{
		offers: &generations[uint64, map[string]delivery.Offered]{most: 8192}, recent: &generations[uint64, events.Event]{most: 8192},
		owed: make(map[string]uint64), effects: make(map[owedEffect]uint64), binds: make(map[string]uint64),
	}
}

// appliedDocument notes what must follow from an event of a document.
func appliedDocument(ctx context.Context, r *Rerun, p *Prepared) error {
	e := p.e
	e.Facts = nil // never looked at
	switch e.Statement.Name {
	case document.NameReceived, document.NameResent, document.NameStatusReported:
	case document.NameRecalled, document.NameUpdated, document.NameReplaced:
		r.open.recent.set(e.Position, e)
		return r.effectMade(p)
	default:
		return nil
	}
	r.open.recent.set(e.Position, e)
	h, err := as[router.History](p.before, nil)
	if err != nil {
		return err
	}
	offers, err := offersOf(ctx, e, func(ctx context.Context, stream string, before uint64) (router.History, error) {
		if stream == e.Statement.Stream {
			return h, nil
		}
		return as[router.History](r.states.state(ctx, stream)) // nothing has followed e yet
	})
	if err != nil {
		return err
	}
	r.open.offers.set(e.Position, offers)
	cause := events.Address{Origin: e.Statement.Origin, Position: e.Position}
	for stream, o := range offers {
		var s delivery.State
		if e.Statement.Name == document.NameResent {
			if s, err = as[delivery.State](r.states.state(ctx, stream)); err != nil {
				return err
			}
		}
		if d, err := delivery.DecideOffer(s, delivery.Offer{Offered: o, Cause: cause}); err == nil && len(d.Events) > 0 {
			r.open.owed[stream] = e.Position
		}
	}
	if e.Statement.Name == document.NameReceived {
		d, err := readReceived(e)
		if err != nil {
			return err
		}
		for _, f := range d.Effects {
			r.open.effects[owedEffect{document.StreamPrefix + f.Document, f.Kind, d.Document}] = e.Position
		}
	}
	return nil
}

// effectMade takes note of an effect that was recorded.
func (r *Rerun) effectMade(p *Prepared) error {
	before, err := as[router.History](p.before, nil)
	if err != nil || len(r.open.effects) == 0 {
		return err
	}
	after, err := before.Fold(p.e)
	if err != nil {
		return err
	}
	for _, f := range after.State().Effects[len(before.State().Effects):] {
		delete(r.open.effects, owedEffect{p.e.Statement.Stream, f.Kind, f.By})
	}
	return nil
}

// appliedDelivery takes note of an offer that was made.
func appliedDelivery(_ context.Context, r *Rerun, p *Prepared) error {
	if p.e.Statement.Name == delivery.NameOffered {
		delete(r.open.owed, p.e.Statement.Stream)
	}
	return nil
}

// finishOpen tells what has not followed. A node that was stopped may leave the last of it; one that has gone on for long may not, but how
// long the router may take no rule says: so it is told, with the first of it, and not refused.
func (r *Rerun) finishOpen(ctx context.Context) error {
	for _, cause := range r.open.owed {
		r.first(bilingual.Say("rằng nơi nhận sẽ được chuyển những gì gửi cho mình: sổ kết thúc trước khi chuyển hết",
			"that recipients will be offered what came in for them: the record ends before some were"), cause)
	}
	for f, cause := range r.open.effects {
		by, err := r.o.Record.Event(ctx, cause)
		if err != nil {
			return err
		}
		d, err := readReceived(by)
		if err != nil {
			return err
		}
		h, err := as[router.History](r.states.state(ctx, f.stream))
		if err != nil {
			return err
		}
		for _, c := range router.Effects(r.bases.before(r.next), by, d) {
			if document.StreamPrefix+c.Effect.Document != f.stream || c.Effect.Kind != f.kind {
				continue
			}
			// What the rules refuse was never recorded: nobody's document but the sender's can be touched.
			if decision, err := document.DecideEffect(h.State(), c); err == nil && len(decision.Events) > 0 {
				r.first(bilingual.Say("rằng việc thu hồi, cập nhật, thay thế sẽ tới văn bản liên quan: sổ kết thúc trước khi tới hết",
					"that recalls, updates and replacements will reach the documents they are about: the record ends before some did"), cause)
			}
		}
	}
	for _, at := range r.open.binds {
		r.first(bilingual.Say("nội dung những lần gửi đã giữ mã tiêu đề nhưng sau đó không được ghi nhận",
			"what submissions carried whose header id was bound and which were then not recorded"), at)
	}
	return nil
}

// first is note for positions that do not come in order.
func (r *Rerun) first(what bilingual.Text, position uint64) {
	r.note(what, position)
	u := r.unproved[what]
	u.First = min(u.First, position)
}
