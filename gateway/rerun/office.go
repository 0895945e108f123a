package rerun

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/events/numbering"
	"github.com/tram-exchange/tram/events/reading"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/internal/bilingual"
)

// The work of agencies. What a person did came in a package, and is judged as every hand-in; the rest are steps of the node.

// decideIncoming decides an act on a document that came to an agency, or a step of the node.
func decideIncoming(ctx context.Context, r *Rerun, p *Prepared, c *cut) (given, error) {
	s, err := as[incoming.State](r.own(ctx, p.e))
	if err != nil {
		return given{}, err
	}
	return r.office(ctx, p, c, gateway.Own{Version: p.e.Statement.Version, Incoming: s})
}

// decideOutgoing decides an act on a document that an agency makes, or a step of the node.
func decideOutgoing(ctx context.Context, r *Rerun, p *Prepared, c *cut) (given, error) {
	s, err := as[outgoing.State](r.own(ctx, p.e))
	if err != nil {
		return given{}, err
	}
	return r.office(ctx, p, c, gateway.Own{Version: p.e.Statement.Version, Outgoing: s})
}

// decideDossier decides an act on a work dossier, or a step of the node.
func decideDossier(ctx context.Context, r *Rerun, p *Prepared, c *cut) (given, error) {
	s, err := as[dossier.State](r.own(ctx, p.e))
	if err != nil {
		return given{}, err
	}
	return r.office(ctx, p, c, gateway.Own{Version: p.e.Statement.Version, Dossier: s})
}

// office decides an act by its package, and a step of the node by its cause.
func (r *Rerun) office(ctx context.Context, p *Prepared, c *cut, own gateway.Own) (given, error) {
	if p.e.Statement.Package != nil {
		return r.handIn(ctx, p, c, own)
	}
	for _, step := range []func(context.Context, *Prepared, *cut, gateway.Own) (given, bool, error){r.step, r.sending, r.withdrawal} {
		if g, done, err := step(ctx, p, c, own); done || err != nil {
			return g, err
		}
	}
	return given{}, mismatch(p.e, "package", "none", "the package that asks for it")
}

// sending decides what the node does with a document that an agency issues.
func (r *Rerun) sending(ctx context.Context, p *Prepared, c *cut, own gateway.Own) (g given, done bool, err error) {
	s := own.Outgoing
	var news []events.New
	cause := &s.Last
	switch p.e.Statement.Name {
	case outgoing.NameSealed:
		news, err = outgoing.DecideSealed(s, gateway.SealedKey(s, p.snapshot.Directory))
	case outgoing.NameSent:
		if s.Phase != outgoing.PhaseSealed {
			news, err = outgoing.DecideSent(s, nil)
			break
		}
		d, derr := c.Document(ctx, document.StreamPrefix+s.Document)
		if derr != nil {
			return given{}, true, derr
		}
		if !d.Received {
			return given{}, true, mismatch(p.e, "decision", p.e.Statement.Name, "the document was not accepted")
		}
		ours, oerr := gateway.SentFrom(ctx, c, d, p.e.Statement.Stream)
		if oerr != nil {
			return given{}, true, oerr
		}
		if !ours {
			return given{}, true, mismatch(p.e, "decision", p.e.Statement.Name, "the document was not sent by this one")
		}
		cause = &d.Address
		news, err = outgoing.DecideSent(s, &d.Package)
	case outgoing.NameSendRefused:
		d, derr := read[outgoing.SendRefused](p.e)
		if derr != nil {
			return given{}, true, derr
		}
		if !gateway.Refuses(d.Code) {
			return given{}, true, mismatch(p.e, "data", fmt.Sprintf("code %d", d.Code), "a published one about a package")
		}
		r.note(bilingual.Say("rằng cửa tiếp nhận đã từ chối đúng những văn bản không gửi đi được",
			"that the door was right to refuse the documents that could not be sent"), p.e.Position)
		news, err = outgoing.DecideSendRefused(s, d.Code)
	default:
		return given{}, false, nil
	}
	if err != nil {
		return given{}, true, refused(p, err)
	}
	return given{cause: cause, events: news}, true, nil
}

// withdrawal decides that the sender took a document back from the agency.
func (r *Rerun) withdrawal(ctx context.Context, p *Prepared, c *cut, own gateway.Own) (g given, done bool, err error) {
	if p.e.Statement.Name != incoming.NameWithdrawn {
		return given{}, false, nil
	}
	org, id, err := incoming.ParseStream(p.e.Statement.Stream)
	if err != nil {
		return given{}, true, mismatch(p.e, "stream", p.e.Statement.Stream, err.Error())
	}
	by, err := r.cause(ctx, p)
	if err != nil {
		return given{}, true, err
	}
	stream := document.StreamPrefix + id
	if by.Statement.Stream != stream {
		return given{}, true, mismatch(p.e, "cause", by.Statement.Stream, stream)
	}
	d, err := c.Document(ctx, stream)
	if err != nil {
		return given{}, true, err
	}
	news, err := gateway.DecideWithdrawn(own.Incoming, d, p.snapshot.Directory.Identities(org, p.e.Statement.Time))
	if err != nil {
		return given{}, true, refused(p, err)
	}
	return given{cause: p.e.Statement.Cause, events: news}, true, nil
}

// step decides a step of the node on something that gets a number, or has been given one. done is false when the event is no such step.
func (r *Rerun) step(ctx context.Context, p *Prepared, c *cut, own gateway.Own) (g given, done bool, err error) {
	s := &p.e.Statement
	x, ok := gateway.NumberedOf(s.Stream, own)
	if !ok {
		return given{}, false, nil
	}
	switch s.Name {
	case incoming.NameNumberChosen, outgoing.NameNumberChosen, dossier.NameNumberChosen:
		d, err := read[chosen](p.e)
		if err != nil {
			return given{}, true, err
		}
		news, err := x.Choose(ctx, c, d.N)
		if err != nil {
			return given{}, true, refused(p, err)
		}
		return given{cause: &x.Last, events: news}, true, nil
	case incoming.NameRegistered, outgoing.NameNumbered, dossier.NameNumbered:
		number, err := c.Number(ctx, x.Book.Stream(x.Chosen))
		if err != nil {
			return given{}, true, err
		}
		news, err := x.Has(number)
		if err != nil {
			return given{}, true, refused(p, err)
		}
		return given{cause: &number.Address, events: news}, true, nil
	}
	return given{}, false, nil
}

// chosen is what every choice of a number says.
type chosen struct {
	N int `json:"n"`
}

// decideNumber decides the taking of a number by what chose it, or the giving up of one.
func decideNumber(ctx context.Context, r *Rerun, p *Prepared, c *cut) (given, error) {
	own, err := as[numbering.State](r.own(ctx, p.e))
	if err != nil {
		return given{}, err
	}
	by, err := r.cause(ctx, p)
	if err != nil {
		return given{}, err
	}
	if p.e.Statement.Name == numbering.NameVoided {
		return r.voided(ctx, p, by, own)
	}
	holder, number, ok := gateway.ChoiceOf(by)
	if !ok || number != p.e.Statement.Stream {
		return given{}, mismatch(p.e, "cause", addressText(p.e.Statement.Cause), "the choice of this number")
	}
	holds, err := c.target(ctx, holder)
	if err != nil {
		return given{}, err
	}
	x, ok := gateway.NumberedOf(holder, holds)
	if !ok || !x.Wanted || x.Book.Stream(x.Chosen) != number {
		return given{}, mismatch(p.e, "decision", p.e.Statement.Name, holder+" does not wait for this number")
	}
	news, err := x.Take(ctx, c, own)
	if err != nil {
		return given{}, refused(p, err)
	}
	return given{cause: p.e.Statement.Cause, events: news}, nil
}

// voided: its holder was given up after it had the number.
func (r *Rerun) voided(ctx context.Context, p *Prepared, by events.Event, own numbering.State) (given, error) {
	if by.Statement.Name != outgoing.NameCancelled || by.Statement.Stream != own.Holder {
		return given{}, mismatch(p.e, "cause", addressText(p.e.Statement.Cause), "the giving up of what holds the number")
	}
	d, err := read[outgoing.Cancelled](by)
	if err != nil {
		return given{}, err
	}
	org, _, err := outgoing.ParseStream(own.Holder)
	if err != nil || numbering.Stream(cmp.Or(d.Org, org), d.Book, d.Year, d.N) != p.e.Statement.Stream {
		return given{}, mismatch(p.e, "cause", addressText(p.e.Statement.Cause), "the giving up of this number")
	}
	facts, err := r.reason(ctx, by)
	if err != nil {
		return given{}, err
	}
	news, err := numbering.DecideVoid(own, own.Holder, facts)
	if err != nil {
		return given{}, refused(p, err)
	}
	if p.e.Facts != nil && facts == (numbering.VoidedFacts{}) && len(news) > 0 {
		news[0].Facts = rawFacts(p.e.Facts) // the words of the cause were destroyed
	}
	return given{cause: p.e.Statement.Cause, events: news}, nil
}

// reason is why something was given up; empty if the words were destroyed.
func (r *Rerun) reason(ctx context.Context, by events.Event) (numbering.VoidedFacts, error) {
	e, err := r.o.Record.Event(ctx, by.Position) // as it is: those that are kept at hand have no words
	if err != nil {
		return numbering.VoidedFacts{}, fmt.Errorf("couldn't read event %d: %w", by.Position, err)
	}
	return gateway.ReasonOfVoid(e)
}

// target gives what a number may be for.
func (c *cut) target(ctx context.Context, stream string) (own gateway.Own, err error) {
	switch {
	case strings.HasPrefix(stream, incoming.StreamPrefix):
		own.Incoming, err = c.Incoming(ctx, stream)
	case strings.HasPrefix(stream, outgoing.StreamPrefix):
		own.Outgoing, err = c.Outgoing(ctx, stream)
	case strings.HasPrefix(stream, dossier.StreamPrefix):
		own.Dossier, err = c.Dossier(ctx, stream)
	}
	return own, err
}

// emptied decides a taking or acknowledgement by the node itself, for an agency that works in its office.
func (r *Rerun) emptied(ctx context.Context, p *Prepared, s delivery.State) (given, error) {
	by, err := r.cause(ctx, p)
	if err != nil {
		return given{}, err
	}
	st := &p.e.Statement
	var decision delivery.Decision
	if st.Name == delivery.NameTaken {
		d, err := read[delivery.Taken](p.e)
		if err != nil {
			return given{}, err
		}
		at := st.Time
		if !d.Until.After(at) {
			at = d.Until.Add(-time.Microsecond)
		}
		decision, err = gateway.DecideTakeFor(p.snapshot.Directory, s, by, delivery.Take{At: at, Client: st.Client, Lease: d.Until.Sub(at), Request: d.Request})
		if err != nil {
			return given{}, refused(p, err)
		}
	} else if decision, err = gateway.DecideAcknowledgeFor(p.snapshot.Directory, s, by, st.Time); err != nil {
		return given{}, refused(p, err)
	}
	return given{actor: s.Offer.Org, cause: st.Cause, events: decision.Events}, nil
}

// decideReading: the node's word that somebody opened something. That it was opened nobody can prove; that who did was known can.
func decideReading(ctx context.Context, r *Rerun, p *Prepared, _ *cut) (given, error) {
	d, err := read[reading.Opened](p.e)
	if err != nil {
		return given{}, err
	}
	s, err := as[reading.State](r.own(ctx, p.e))
	if err != nil {
		return given{}, err
	}
	if err := gateway.MayBeReading(p.snapshot.Directory, p.e.Statement.Stream, d, p.e.Statement.Time); err != nil {
		return given{}, mismatch(p.e, "data", d.Person, err.Error())
	}
	news, err := reading.Decide(s, reading.Opening{Opened: d, At: p.e.Statement.Time})
	if err != nil {
		return given{}, refused(p, err)
	}
	r.note(bilingual.Say("rằng những lần mở xem đã ghi là có thật, và không lần nào bị bỏ sót",
		"that the openings recorded took place, and that none was left out"), p.e.Position)
	return given{actor: d.Org, events: news}, nil
}
