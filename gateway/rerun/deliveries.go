package rerun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/router"
	"github.com/tram-exchange/tram/internal/bilingual"
)

// receiptKey names a receipt of a peer and the directory by which it was verified.
type receiptKey struct {
	receipt   events.Digest
	directory uint64
	peer      string
}

// handedOn is what a verified receipt of a peer says.
type handedOn struct {
	pkg      events.PackageRef
	position uint64
}

// prepareReceipt verifies the peer's receipt of a package that was forwarded, under the keys that the directory had for it.
func prepareReceipt(ctx context.Context, r *Rerun, p *Prepared, src Source) error {
	s := &p.e.Statement
	if s.Name != delivery.NameForwarded || s.Evidence == nil {
		return nil
	}
	var d delivery.Forwarded
	if err := json.Unmarshal(s.Data, &d); err != nil {
		return mismatch(p.e, "form", "", err.Error())
	}
	key := receiptKey{*s.Evidence, s.Basis.Directory, d.Node}
	if known, ok := r.shared.receipts.get(key); ok {
		p.work = known
		return nil
	}
	file, err := r.evidence(ctx, p, src)
	if err != nil {
		return err
	}
	receipt, err := ledger.ParseReceipt(file)
	if err != nil {
		return mismatch(p.e, "receipt", "", err.Error())
	}
	if receipt.Statement.Package == nil {
		return mismatch(p.e, "receipt", "one of an event without package", "")
	}
	around, err := r.bases.around(p.e)
	if err != nil {
		return err
	}
	why := error(mismatch(p.e, "receipt", d.Node, "a peer of the directory"))
	for _, snap := range around {
		peer, ok := snap.Directory.Peer(d.Node)
		if !ok {
			continue
		}
		if err := router.CheckAnswer(file, peer, *receipt.Statement.Package); err != nil {
			why = mismatch(p.e, "receipt", "", err.Error())
			continue
		}
		known := &handedOn{pkg: *receipt.Statement.Package, position: receipt.Position}
		r.shared.receipts.set(key, known)
		p.work = known
		return nil
	}
	return why
}

// decideDelivery decides one step of a delivery.
func decideDelivery(ctx context.Context, r *Rerun, p *Prepared, c *cut) (given, error) {
	s, err := as[delivery.State](r.own(ctx, p.e))
	if err != nil {
		return given{}, err
	}
	switch p.e.Statement.Name {
	case delivery.NameOffered:
		return r.offered(ctx, p, c, s)
	case delivery.NameTaken:
		return r.taken(ctx, p, s)
	case delivery.NameAcknowledged:
		return r.acknowledged(ctx, p, s)
	case delivery.NameWithdrawn, delivery.NameMarked:
		return r.changed(ctx, p, c, s)
	case delivery.NameForwarded:
		return r.forwarded(ctx, p, c, s)
	case delivery.NameRetrying, delivery.NameFailed:
		return r.attempted(ctx, p, c, s)
	}
	return given{}, mismatch(p.e, "form", "", "unknown event")
}

// refused is what a decider says against an event.
func refused(p *Prepared, err error) error {
	return mismatch(p.e, "decision", p.e.Statement.Name, err.Error())
}

func read[D any](e events.Event) (D, error) {
	var d D
	if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
		return d, mismatch(e, "form", "", err.Error())
	}
	return d, nil
}

func readReceived(e events.Event) (document.Received, error) { return read[document.Received](e) }

// offered: what is offered follows from the event of a document.
func (r *Rerun) offered(ctx context.Context, p *Prepared, c *cut, s delivery.State) (given, error) {
	by, err := r.cause(ctx, p)
	if err != nil {
		return given{}, err
	}
	o, ok, err := r.offerOf(ctx, c, by, p.e.Statement.Stream)
	if err != nil {
		return given{}, err
	}
	if !ok {
		return given{}, mismatch(p.e, "cause", addressText(p.e.Statement.Cause), "no offer to this recipient from there")
	}
	decision, err := delivery.DecideOffer(s, delivery.Offer{Offered: o, Cause: *p.e.Statement.Cause})
	if err != nil {
		return given{}, refused(p, err)
	}
	return given{cause: p.e.Statement.Cause, events: decision.Events}, nil
}

// caller is who took or acknowledged, as the directory knew it.
func (r *Rerun) caller(p *Prepared) (gateway.Caller, error) {
	st := &p.e.Statement
	c, unproved, ok := gateway.RecordedCaller(p.snapshot.Directory, st.Client, st.Actor, st.Time)
	if !ok {
		return c, mismatch(p.e, "caller", st.Client, "nobody whom the directory of the basis knows")
	}
	if !unproved.IsZero() {
		r.note(unproved, p.e.Position)
	}
	return c, nil
}

// taken: a client of the recipient took what was to be had.
func (r *Rerun) taken(ctx context.Context, p *Prepared, s delivery.State) (given, error) {
	if p.e.Statement.Client == gateway.ClientNode {
		return r.emptied(ctx, p, s)
	}
	d, err := read[delivery.Taken](p.e)
	if err != nil {
		return given{}, err
	}
	c, err := r.caller(p)
	if err != nil {
		return given{}, err
	}
	at := p.e.Statement.Time // the decision was made a moment before, by a clock that stands behind this
	if !d.Until.After(at) {
		at = d.Until.Add(-time.Microsecond)
	}
	decision, err := gateway.DecideTake(p.snapshot.Directory, c, s, delivery.Take{At: at, Client: p.e.Statement.Client, Lease: d.Until.Sub(at), Request: d.Request})
	if err != nil {
		return given{}, refused(p, err)
	}
	return given{actor: s.Offer.Org, client: p.e.Statement.Client, events: decision.Events}, nil
}

// acknowledged: a client of the recipient has what one of them took.
func (r *Rerun) acknowledged(ctx context.Context, p *Prepared, s delivery.State) (given, error) {
	if p.e.Statement.Client == gateway.ClientNode {
		return r.emptied(ctx, p, s)
	}
	c, err := r.caller(p)
	if err != nil {
		return given{}, err
	}
	decision, err := gateway.DecideAcknowledge(p.snapshot.Directory, c, s, p.e.Statement.Time)
	if err != nil {
		return given{}, refused(p, err)
	}
	return given{actor: s.Offer.Org, client: p.e.Statement.Client, events: decision.Events}, nil
}

// changed: an effect on the document reached the delivery.
func (r *Rerun) changed(ctx context.Context, p *Prepared, c *cut, s delivery.State) (given, error) {
	var by string
	if p.e.Statement.Name == delivery.NameWithdrawn {
		d, err := read[delivery.Withdrawn](p.e)
		if err != nil {
			return given{}, err
		}
		by = d.By
	} else {
		d, err := read[delivery.Marked](p.e)
		if err != nil {
			return given{}, err
		}
		by = d.By
	}
	if s.Phase == delivery.PhaseNone {
		return given{}, mismatch(p.e, "decision", p.e.Statement.Name, "nothing was offered")
	}
	if err := r.concerns(ctx, p, s); err != nil {
		return given{}, err
	}
	h, err := c.history(ctx, s.Offer.Item)
	if err != nil {
		return given{}, err
	}
	var readErr error
	decision, ok, err := h.Change(by, s, func() (d delivery.State, err error) {
		d, readErr = c.Delivery(ctx, delivery.Stream(s.Offer.Item, delivery.ItemDocument, s.Offer.Org))
		return d, readErr
	})
	switch {
	case readErr != nil:
		return given{}, readErr
	case err != nil:
		return given{}, refused(p, err)
	case !ok:
		return given{}, mismatch(p.e, "decision", "by "+by, "no effect of that name that concerns this delivery")
	}
	return given{cause: p.e.Statement.Cause, events: decision.Events}, nil
}

// concerns: the cause is an event of the delivery's document, or of one of its deliveries.
func (r *Rerun) concerns(ctx context.Context, p *Prepared, s delivery.State) error {
	by, err := r.cause(ctx, p)
	if err != nil || by.Statement.Stream == s.Offer.Item || by.Statement.Stream == p.e.Statement.Stream {
		return err
	}
	if by.Statement.Name == delivery.NameForwarded {
		other, err := as[delivery.State](r.states.state(ctx, by.Statement.Stream))
		if err != nil || other.Offer.Item == s.Offer.Item {
			return err
		}
	}
	return mismatch(p.e, "cause", by.Statement.Name+" on "+by.Statement.Stream, "an event of the document that is delivered")
}

// forwarded: the recipient's node has proved that it has the very package.
func (r *Rerun) forwarded(ctx context.Context, p *Prepared, c *cut, s delivery.State) (given, error) {
	d, err := read[delivery.Forwarded](p.e)
	if err != nil {
		return given{}, err
	}
	known, ok := p.work.(*handedOn)
	if !ok {
		return given{}, mismatch(p.e, "evidence", "none", "the receipt of "+d.Node)
	}
	by, err := r.cause(ctx, p)
	if err != nil {
		return given{}, err
	}
	o, ok, err := r.offerOf(ctx, c, by, p.e.Statement.Stream)
	switch {
	case err != nil:
		return given{}, err
	case !ok:
		return given{}, mismatch(p.e, "cause", addressText(p.e.Statement.Cause), "no offer to this recipient from there")
	case known.pkg.SHA256 != o.Package || known.pkg.Length != o.Size:
		return given{}, mismatch(p.e, "receipt", "of package "+known.pkg.SHA256.String(), o.Package.String())
	case s.Phase != delivery.PhaseNone && (s.Offer.Item != o.Item || s.Offer.ItemID != o.ItemID):
		return given{}, mismatch(p.e, "cause", o.ItemID, s.Offer.ItemID)
	}
	decision, err := delivery.DecideForwarded(s, delivery.RecordForwarded{Forwarded: delivery.Forwarded{
		Node: d.Node, Position: known.position, Receipt: *p.e.Statement.Evidence,
	}})
	if err != nil {
		return given{}, refused(p, err)
	}
	return given{cause: p.e.Statement.Cause, evidence: p.e.Statement.Evidence, events: decision.Events}, nil
}

// attempted: an attempt did not succeed, or nobody has taken the entry in time. What the peer answered only the node knows.
func (r *Rerun) attempted(ctx context.Context, p *Prepared, c *cut, s delivery.State) (given, error) {
	d, err := read[delivery.Failed](p.e)
	if err != nil {
		return given{}, err
	}
	if s.Phase == delivery.PhaseNone {
		return given{}, mismatch(p.e, "decision", p.e.Statement.Name, "nothing was offered")
	}
	by, err := r.cause(ctx, p)
	if err != nil {
		return given{}, err
	}
	if by.Statement.Stream != p.e.Statement.Stream {
		_, ok, err := r.offerOf(ctx, c, by, p.e.Statement.Stream)
		if err != nil {
			return given{}, err
		}
		if !ok {
			return given{}, mismatch(p.e, "cause", addressText(p.e.Statement.Cause), "no offer to this recipient from there")
		}
	}
	around, err := r.bases.around(p.e)
	if err != nil {
		return given{}, err
	}
	r.note(bilingual.Say("vì sao chuyển sang trạm bạn không được và đã thử bao nhiêu lần: sổ chỉ ghi kết quả",
		"why hand-overs to peers failed, and how often they were tried: only their outcome is recorded"), p.e.Position)
	why := error(mismatch(p.e, "decision", p.e.Statement.Name, "nothing to record"))
	for _, snap := range around {
		giveUp := time.Duration(snap.Policy.Policy.Delivery.GiveUpDays) * 24 * time.Hour
		for _, at := range []time.Time{p.e.Statement.Time, p.e.Statement.Time.Add(-Lag)} { // decided a moment before it was recorded
			decision, err := delivery.DecideAttempt(s, delivery.RecordAttempt{At: at, Reason: d.Reason, Attempts: d.Attempts, Final: d.Final, GiveUp: giveUp})
			if err != nil {
				return given{}, refused(p, err)
			}
			if len(decision.Events) == 0 {
				continue
			}
			if err := sameEvent(p.e, decision.Events[0]); err != nil {
				why = err
				continue
			}
			return given{cause: p.e.Statement.Cause, events: decision.Events}, nil
		}
	}
	return given{}, why
}

// offerOf is what an event of a document offers on a delivery stream.
func (r *Rerun) offerOf(ctx context.Context, c *cut, by events.Event, stream string) (delivery.Offered, bool, error) {
	if o, ok := r.open.offers.get(by.Position); ok {
		d, ok := o[stream]
		return d, ok, nil
	}
	o, err := offersOf(ctx, by, func(ctx context.Context, s string, before uint64) (router.History, error) {
		return as[router.History](c.s.before(ctx, s, before))
	})
	if err != nil {
		return delivery.Offered{}, false, err
	}
	r.open.offers.set(by.Position, o)
	d, ok := o[stream]
	return d, ok, nil
}

func offersOf(ctx context.Context, e events.Event, docs router.Documents) (map[string]delivery.Offered, error) {
	list, err := router.Offers(ctx, docs, e)
	if err != nil {
		var bad *Mismatch
		if errors.As(err, &bad) {
			return nil, err
		}
		return nil, fmt.Errorf("couldn't tell what event %d offers: %w", e.Position, err)
	}
	out := make(map[string]delivery.Offered, len(list))
	for _, o := range list {
		out[delivery.Stream(o.Item, o.ItemID, o.Org)] = o
	}
	return out, nil
}
