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

// headerID is the header id of a submission, which is bound to what it carries just before that is recorded. A decision appends
// to one stream only, so there is a step before it: should the node stop between the two, the same package still gets through
// later and any other under that id is refused. What refuses or needs no record binds nothing. The id is judged where
// the package is first handed in: a peer hands over what is recorded already.
type headerID struct {
	id      string
	issuers []string // whose id it may be: an id that a predecessor used is taken too
	bind    submission.Bind
}

// bindHeaderID says which header id the plan of a submission has to bind, if it has to.
func (h *handIn) bindHeaderID(pl *plan, p *schemas.Package, sender document.Party) error {
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
	pl.header = &headerID{id: p.Header.ID, issuers: issuers, bind: submission.Bind{
		Issuer: issuers[0], Package: h.body.digest, Content: h.verdict.content,
	}}
	return nil
}

// find gives the stream of the id, and the command as it goes there.
func (i *headerID) find(ctx context.Context, streams Streams) (stream string, c submission.Bind, err error) {
	c = i.bind
	if len(i.issuers) > 1 {
		for _, of := range i.issuers {
			s := submission.Stream(of, i.id)
			exists, err := streams.Exists(ctx, s)
			if err != nil {
				return "", c, err
			}
			if exists {
				c.Issuer = of
				break
			}
		}
	}
	return submission.Stream(c.Issuer, i.id), c, nil
}

// judge decides on the id.
func (i *headerID) judge(s submission.State, c submission.Bind) ([]events.New, error) {
	news, err := submission.Decide(s, c)
	if errors.Is(err, submission.ErrIDTaken) {
		return nil, Refuse(CodeHeaderTaken).At("/Package/Header/Id").With(i.id).Because(err)
	}
	return news, err
}

// free refuses an id that means another package.
func (i *headerID) free(ctx context.Context, streams Streams) error {
	stream, c, err := i.find(ctx, streams)
	if err != nil {
		return err
	}
	s, err := streams.HeaderID(ctx, stream)
	if err != nil {
		return err
	}
	_, err = i.judge(s, c)
	return err
}

// record binds the id. Locks are always taken in this order: the document's stream, then the id's.
func (i *headerID) record(ctx context.Context, h *handIn, actor string) error {
	stream, c, err := i.find(ctx, h.n.others)
	if err != nil {
		return err
	}
	_, _, err = h.n.Record(ctx, Step{
		Stream: stream, Actor: actor, Client: h.caller.Client, Basis: &h.snap.Basis,
		Decide: func(history []events.Event) ([]events.New, error) {
			s, err := submission.FoldAll(history)
			if err != nil {
				return nil, err
			}
			return i.judge(s, c)
		},
	})
	return err
}
