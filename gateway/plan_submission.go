package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/submission"
	"github.com/tram-exchange/tram/schemas"
)

// withHeaderID makes the plan of a submission bind its header id just before it appends. A decision appends to one
// stream only, so there is a step before it: should the node stop between the two, the same package still gets through
// later and any other under that id is refused. What refuses or needs no record binds nothing. The id is judged where
// the package is first handed in: a peer hands over what is recorded already.
func (h *handIn) withHeaderID(ctx context.Context, pl *plan, p *schemas.Package, sender document.Party) error {
	if h.peer != nil {
		return nil
	}
	issuers := sender.Identities
	if p.Submission.Voucher == schemas.VouchedByChannel {
		issuers = []string{p.Header.From} // ids of its own, so that it never occupies an agency's
	}
	if len(issuers) == 0 {
		return fmt.Errorf("couldn't say whose header id it is: %s has no identity", sender.Code)
	}
	issuer, stream := issuers[0], submission.Stream(issuers[0], p.Header.ID)
	if len(issuers) > 1 { // an id that its predecessor used is taken too
		for _, of := range issuers {
			s := submission.Stream(of, p.Header.ID)
			exists, err := h.n.exists(ctx, s)
			if err != nil {
				return err
			}
			if exists {
				issuer, stream = of, s
				break
			}
		}
	}
	bind := submission.Bind{Issuer: issuer, Package: h.body.digest, Content: h.verdict.content}
	judge := func(history []events.Event) ([]events.New, error) {
		s, err := submission.FoldAll(history)
		if err != nil {
			return nil, err
		}
		news, err := submission.Decide(s, bind)
		if errors.Is(err, submission.ErrIDTaken) {
			return nil, Refuse(CodeHeaderTaken).At("/Package/Header/Id").With(p.Header.ID).Because(err)
		}
		return news, err
	}
	inner := pl.decide
	pl.decide = func(ctx context.Context, history []events.Event) ([]events.New, outcome, error) {
		var bound []events.Event
		if err := h.n.c.Store.Stream(ctx, stream, 0, func(e events.Event) error {
			bound = append(bound, e)
			return nil
		}); err != nil {
			return nil, outcome{}, fmt.Errorf("couldn't load header id: %w", err)
		}
		if _, err := judge(bound); err != nil {
			return nil, outcome{}, err
		}
		news, out, err := inner(ctx, history)
		if err != nil || len(news) == 0 {
			return news, out, err
		}
		// Locks are always taken in this order: the document's stream, then the id's.
		_, _, err = h.n.Record(ctx, Step{
			Stream: stream, Actor: pl.actor, Client: h.caller.Client, Basis: &h.snap.Basis, Decide: judge,
		})
		return news, out, err
	}
	return nil
}
