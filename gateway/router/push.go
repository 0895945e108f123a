package router

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/router/peer"
)

// push makes one hand-over: the package once, for all recipients at the peer whose offers are open. It reports whether
// the peer answered; the error is this node's own trouble, and the hand-over is then back in the queue.
func (p *pump) push(ctx context.Context, h *handover) (answered bool, err error) {
	defer func() {
		if err != nil {
			p.postpone(h, Attempt{At: p.r.o.Now(), Reason: "node", Text: err.Error()}, false, false)
		}
	}()
	e, err := p.r.log.Event(ctx, h.cause)
	if err != nil {
		return false, fmt.Errorf("couldn't read event %d: %w", h.cause, err)
	}
	to, withdrawn, err := p.recipients(ctx, h, e)
	if err != nil {
		return false, err
	}
	if len(to)+len(withdrawn) == 0 {
		p.retire(h)
		return true, nil
	}
	var receipt []byte
	var failure error
	if len(withdrawn) > 0 {
		if failure, err = p.clear(ctx, e, withdrawn); err != nil {
			return false, err
		}
		if failure == nil && len(to) == 0 {
			p.alive(p.r.o.Now())
			p.retire(h)
			return true, nil
		}
	}
	if failure == nil {
		receipt, failure = p.deliver(ctx, e, to)
	}
	if failure != nil && ctx.Err() != nil {
		return false, ctx.Err()
	}
	now := p.r.o.Now()
	var own *ownError
	switch {
	case errors.As(failure, &own):
		return false, own.err
	case failure == nil:
		p.alive(now)
		if err := p.forwarded(ctx, e, to, receipt); err != nil {
			return true, err
		}
		p.retire(h)
		return true, nil
	}
	v := p.judge(failure, now.Sub(h.queued))
	if v.answered {
		p.alive(now)
	}
	h.attempts++
	over, err := p.attempted(ctx, h, e, to, v, now)
	if err != nil {
		return v.answered, err
	}
	if over {
		p.note(Attempt{At: now, Reason: v.reason, Text: failure.Error()})
		p.retire(h)
		return v.answered, nil
	}
	p.postpone(h, Attempt{At: now, Reason: v.reason, Text: failure.Error()}, v.ofPeer, v.reached)
	return v.answered, nil
}

// recipients are the offers of e to this peer that wait, and those that were withdrawn but may have arrived.
func (p *pump) recipients(ctx context.Context, h *handover, e events.Event) (to, withdrawn []offer, err error) {
	all, err := plan(ctx, p.r.document, e)
	if err != nil {
		return nil, nil, err
	}
	cause := address(e)
	for _, o := range all {
		if o.Node != p.origin {
			continue
		}
		s, err := p.r.delivery(ctx, o.stream())
		if err != nil {
			return nil, nil, err
		}
		switch {
		case !open(s, cause):
			continue
		case s.Phase == delivery.PhaseWithdrawn:
			if !p.r.tooOld(s) {
				withdrawn = append(withdrawn, o)
			}
			continue
		}
		if pointless, err := p.pointless(ctx, e, o); err != nil {
			return nil, nil, err
		} else if pointless {
			if err := p.r.withdraw(ctx, o.stream(), cause, o.ItemID); err != nil {
				return nil, nil, err
			}
			continue
		}
		h.attempts = max(h.attempts, s.Attempts)
		to = append(to, o)
	}
	return to, withdrawn, nil
}

// clear finds out whether the peer has what was withdrawn here before its answer came, and records its receipt if so.
func (p *pump) clear(ctx context.Context, e events.Event, withdrawn []offer) (failure, err error) {
	known, ok := p.r.node.Snapshot().Directory.Peer(p.origin)
	if !ok || e.Statement.Package == nil {
		return nil, nil
	}
	receipt, failure := p.r.o.Transport.Receipt(ctx, Target(known), e.Statement.Package.SHA256)
	if failure != nil || receipt == nil {
		return failure, ctx.Err()
	}
	if err := CheckAnswer(receipt, known, *e.Statement.Package); err != nil {
		return &peer.FailedError{Class: peer.ClassAnswer, Reached: true, Err: err}, nil
	}
	r, err := ledger.ParseReceipt(receipt)
	if err != nil {
		return nil, err
	}
	had := slices.DeleteFunc(withdrawn, func(o offer) bool { return !took(r.Statement, o) })
	return nil, p.forwarded(ctx, e, had, receipt)
}

// took says whether the peer's statement names the recipient of the offer as one of its own.
func took(s events.Statement, o offer) bool {
	var d document.Received
	if json.Unmarshal(s.Data, &d) != nil || s.Name == document.NameStatusReported {
		return true
	}
	return slices.ContainsFunc(d.Recipients, func(r document.Recipient) bool {
		return !r.Elsewhere && slices.ContainsFunc(r.Codes, func(c string) bool { return slices.Contains(o.codes, c) })
	})
}

// pointless says whether an offer is a request to give back (status 13) what the recipient's node never got: the document
// was withdrawn on the way. The document's own hand-over is over by now, as the queue keeps their order, so that is certain.
func (p *pump) pointless(ctx context.Context, e events.Event, o offer) (bool, error) {
	if e.Statement.Name != document.NameStatusReported {
		return false, nil
	}
	var d document.StatusReported
	if err := decode(e, &d); err != nil || d.Code != statusTakeBack {
		return false, err
	}
	s, err := p.r.delivery(ctx, delivery.Stream(e.Statement.Stream, delivery.ItemDocument, o.Org))
	return neverSeen(s), err
}

// statusTakeBack is the status code by which a sender asks for a document back.
const statusTakeBack = "13"

// ownError is trouble of this node on the way to the peer.
type ownError struct{ err error }

func (e *ownError) Error() string { return e.err.Error() }

// deliver sends the package and gives the peer's receipt, verified.
func (p *pump) deliver(ctx context.Context, e events.Event, to []offer) (receipt []byte, failure error) {
	known, ok := p.r.node.Snapshot().Directory.Peer(p.origin)
	if !ok {
		return nil, &peer.FailedError{Class: peer.ClassUnreachable, Err: fmt.Errorf("%s is not in the directory", p.origin)}
	}
	ref := e.Statement.Package
	if ref == nil {
		return nil, &ownError{fmt.Errorf("couldn't hand over event %d: it has no package", e.Position)}
	}
	pkg, err := p.r.log.OpenPackage(ctx, ref.SHA256)
	if err != nil {
		return nil, &ownError{fmt.Errorf("couldn't open package %s: %w", ref.SHA256, err)}
	}
	defer pkg.Close()
	own, err := p.r.node.Receipt(ctx, e.Position)
	if err != nil {
		return nil, &ownError{fmt.Errorf("couldn't get the receipt of event %d: %w", e.Position, err)}
	}
	var evidence []byte
	if d := e.Statement.Evidence; d != nil {
		if evidence, err = p.r.log.Evidence(ctx, *d); err != nil && !errors.Is(err, events.ErrNotFound) {
			return nil, &ownError{fmt.Errorf("couldn't read evidence %s: %w", *d, err)}
		}
		if evidence, err = gateway.PackEvidence(ctx, p.r.log, evidence); err != nil {
			return nil, &ownError{err}
		}
	}
	hand := peer.Handover{SHA256: ref.SHA256, Size: pkg.Size(), Package: pkg, Receipt: own, Evidence: evidence}
	for _, o := range to {
		hand.Handed = append(hand.Handed, o.codes...)
	}
	answer, err := p.r.o.Transport.Deliver(ctx, Target(known), hand)
	if err != nil {
		return nil, err
	}
	if err := CheckAnswer(answer, known, *ref); err != nil {
		return nil, &peer.FailedError{Class: peer.ClassAnswer, Reached: true, Err: err}
	}
	return answer, nil
}

// Target is a peer of the directory as the transport wants it.
func Target(p *directory.Peer) peer.Target {
	return peer.Target{Origin: p.Origin, URLs: p.URLs, TLS: p.TLS, Authorities: p.Authorities}
}

// CheckAnswer proves that the answer is the peer's receipt of this very package, under one of its checkpoint keys.
func CheckAnswer(answer []byte, p *directory.Peer, ref events.PackageRef) error {
	if len(p.Verifiers) == 0 {
		return fmt.Errorf("couldn't check the receipt: the directory has no checkpoint key of %s", p.Origin)
	}
	var last error
	for _, text := range p.Verifiers {
		v, err := note.NewVerifier(text)
		if err != nil {
			last = fmt.Errorf("couldn't read checkpoint key of %s: %w", p.Origin, err)
			continue
		}
		r, _, err := ledger.CheckReceipt(answer, ledger.VerifierKey(v))
		if err != nil {
			last = err
			continue
		}
		switch {
		case r.Statement.Origin != p.Origin:
			return fmt.Errorf("receipt of %s, expected %s", r.Statement.Origin, p.Origin)
		case r.Statement.Package == nil || *r.Statement.Package != ref:
			return fmt.Errorf("receipt of another package than %s", ref.SHA256)
		}
		return nil
	}
	return last
}

// forwarded records the peer's receipt for every recipient.
func (p *pump) forwarded(ctx context.Context, e events.Event, to []offer, receipt []byte) error {
	r, err := ledger.ParseReceipt(receipt)
	if err != nil {
		return err
	}
	cause := address(e)
	c := delivery.RecordForwarded{Forwarded: delivery.Forwarded{
		Node: p.origin, Position: r.Position, Receipt: digest(receipt),
	}}
	return p.r.each(len(to), func(i int) error {
		return p.r.decide(ctx, to[i].stream(), &cause, receipt, func(s delivery.State) (delivery.Decision, error) {
			return delivery.DecideForwarded(s, c)
		})
	})
}

// attempted records an attempt that did not succeed, and says whether every recipient has been given up.
func (p *pump) attempted(ctx context.Context, h *handover, e events.Event, to []offer, v verdict, now time.Time) (over bool, err error) {
	cause := address(e)
	c := delivery.RecordAttempt{
		At: now, Reason: v.reason, Attempts: h.attempts, Final: v.final, GiveUp: p.r.giveUp(),
	}
	err = p.r.each(len(to), func(i int) error {
		return p.r.decide(ctx, to[i].stream(), &cause, nil, func(s delivery.State) (delivery.Decision, error) {
			return delivery.DecideAttempt(s, c)
		})
	})
	if err != nil {
		return false, err
	}
	if v.final {
		return true, nil
	}
	to, withdrawn, err := p.recipients(ctx, h, e)
	return len(to)+len(withdrawn) == 0, err
}

// giveUp is how long delivery is tried, 0 for ever.
func (r *Router) giveUp() time.Duration {
	return time.Duration(r.node.Snapshot().Policy.Policy.Delivery.GiveUpDays) * 24 * time.Hour
}

// tooOld says whether a delivery has waited for longer than is tried.
func (r *Router) tooOld(s delivery.State) bool {
	limit := r.giveUp()
	return limit > 0 && r.o.Now().Sub(s.OfferedAt) >= limit
}

// verdict is what a failure means.
type verdict struct {
	reason   string // recorded with the delivery: code, no text
	final    bool   // will never be accepted
	answered bool   // the peer answered
	ofPeer   bool   // whatever is handed over now would fail too
	reached  bool
}

// judge says what a failure means for a package that has waited so long.
func (p *pump) judge(failure error, waited time.Duration) verdict {
	var refused *peer.RefusedError
	if errors.As(failure, &refused) {
		v := verdict{reason: "refused:" + strconv.Itoa(refused.Code), answered: true, reached: true}
		switch {
		case refused.Retryable:
			v.ofPeer = refused.Code >= 6000 || refused.Code == gateway.CodeRate || refused.Code == gateway.CodeConcurrency
			v.answered = !v.ofPeer
		case refused.Code < 2000 && refused.Code != gateway.CodeTooLarge:
			// About the connection, not the package: an operator can put it right before the time is over.
			v.ofPeer, v.answered = true, false
		case slices.Contains(peer.Healing, refused.Code) && waited < p.r.o.Grace:
		default:
			v.final = true
		}
		return v
	}
	var failed *peer.FailedError
	if errors.As(failure, &failed) {
		return verdict{reason: failed.Class, ofPeer: true, reached: failed.Reached}
	}
	return verdict{reason: peer.ClassInterrupted, ofPeer: true, reached: true}
}
