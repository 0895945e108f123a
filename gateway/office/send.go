package office

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/events/numbering"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/schemas"
)

// send does what follows from the issuing of a document: it is sealed, handed in, and said to be sent; what was recalled is asked back;
// the number of what was given up is void.
func (o *Office) send(ctx context.Context, stream string) error {
	for {
		s, err := o.streams.Outgoing(ctx, stream)
		if err != nil {
			return err
		}
		switch s.Next() {
		case outgoing.TodoSeal:
			err = o.seal(ctx, stream, s)
		case outgoing.TodoSend:
			err = o.dispatch(ctx, stream, s)
		case outgoing.TodoVoid:
			return o.void(ctx, stream, s)
		default:
			return o.askBack(ctx, stream, s)
		}
		if err != nil {
			return err
		}
	}
}

// step records a step on the document's stream, after what it was when it was looked at.
func (o *Office) step(ctx context.Context, stream string, cause events.Address, decide func(outgoing.State) ([]events.New, error)) error {
	return o.stepBy(ctx, stream, cause, nil, decide)
}

// stepBy is step by a directory that was read; nil: the directory has no part in it.
func (o *Office) stepBy(ctx context.Context, stream string, cause events.Address, basis *events.Basis, decide func(outgoing.State) ([]events.New, error)) error {
	_, _, err := o.o.Node.Record(ctx, gateway.Step{Stream: stream, Cause: &cause, Basis: basis, Decide: func(history []events.Event) ([]events.New, error) {
		own, err := gateway.OwnOf(stream, history)
		if err != nil {
			return nil, err
		}
		return decide(own.Outgoing)
	}})
	return err
}

// seal says under which key it goes out; what has no recipient in the exchange is issued with that.
func (o *Office) seal(ctx context.Context, stream string, seen outgoing.State) error {
	snap := o.o.Node.Snapshot()
	return o.stepBy(ctx, stream, seen.Last, &snap.Basis, func(s outgoing.State) ([]events.New, error) {
		switch {
		case s.Last != seen.Last: // another did it
			return nil, nil
		case len(s.Latest.Recipients) == 0:
			return outgoing.DecideSent(s, nil)
		}
		return outgoing.DecideSealed(s, gateway.SealedKey(s, snap.Directory))
	})
}

// dispatch makes the document, signs it in custody and hands it in. When it is in already, only that is said.
func (o *Office) dispatch(ctx context.Context, stream string, s outgoing.State) error {
	sent, taken, err := o.dispatched(ctx, stream, s)
	if err != nil {
		return err
	}
	if sent == nil && !taken {
		if err = o.put(ctx, stream, s); err == nil {
			sent, _, err = o.dispatched(ctx, stream, s)
		}
	}
	var r *gateway.Refusal
	switch {
	case taken:
		r = gateway.Refuse(gateway.CodeDocumentTaken)
	case errors.As(err, &r) && (r.Retryable || !gateway.Refuses(r.Code) || r.Code == gateway.CodeCustodyNone):
		return err
	case err != nil && r == nil:
		return err
	}
	if r != nil {
		o.o.Logger.Warn("the door refused an issued document", "stream", stream, "code", r.Code, "details", r.Details)
		return o.step(ctx, stream, s.Last, func(now outgoing.State) ([]events.New, error) {
			if now.Last != s.Last {
				return nil, nil
			}
			return outgoing.DecideSendRefused(now, r.Code)
		})
	}
	if sent == nil {
		return fmt.Errorf("couldn't find the document %s that was handed in", s.Document)
	}
	return o.step(ctx, stream, sent.Address, func(now outgoing.State) ([]events.New, error) {
		return outgoing.DecideSent(now, &sent.Package)
	})
}

// put hands it in.
func (o *Office) put(ctx context.Context, stream string, s outgoing.State) (err error) {
	dir := o.o.Node.Snapshot().Directory
	if gateway.SealedKey(s, dir) != s.Document { // closed since, from an earlier day on
		return gateway.Refuse(gateway.CodeSenderClosed).With(s.Org)
	}
	x, err := gateway.BuildEdXML(ctx, o.o.Log, dir, stream)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	_, err = o.handIn(ctx, s.Org, s.Last, func(w io.Writer) error {
		_, err := x.Write(w)
		return err
	})
	return err
}

// dispatched says what is recorded under the key; taken: another document than this one.
func (o *Office) dispatched(ctx context.Context, stream string, s outgoing.State) (sent *document.State, taken bool, err error) {
	d, err := o.streams.Document(ctx, document.StreamPrefix+s.Document)
	if err != nil || !d.Received {
		return nil, false, err
	}
	ours, err := gateway.SentFrom(ctx, o.streams, d, stream)
	if err != nil || !ours {
		return nil, !ours, err
	}
	return &d, false, nil
}

// void says on the stream of a number that it was given up, and why.
func (o *Office) void(ctx context.Context, stream string, s outgoing.State) error {
	var by events.Event
	err := o.o.Log.Stream(ctx, stream, 0, func(e events.Event) error {
		if e.Statement.Name == outgoing.NameCancelled {
			by = e
		}
		return nil
	})
	if err != nil {
		return err
	}
	facts, err := gateway.ReasonOfVoid(by)
	if err != nil {
		return err
	}
	cause := address(by)
	_, _, err = o.record(ctx, s.Book().Stream(s.Number), &cause, func(history []events.Event) ([]events.New, error) {
		var n numbering.State
		for _, e := range history {
			var err error
			if n, err = numbering.Fold(n, e); err != nil {
				return nil, err
			}
		}
		return numbering.DecideVoid(n, stream, facts)
	})
	return err
}

// askBack sends a status 13 to everyone who was asked to give the document back and has not been told.
func (o *Office) askBack(ctx context.Context, stream string, s outgoing.State) error {
	if len(s.Recalled) == 0 {
		return nil
	}
	doc := document.StreamPrefix + s.Sent.Document
	d, err := o.streams.Document(ctx, doc)
	if err != nil {
		return err
	}
	var asked []events.Event
	err = o.o.Log.Stream(ctx, stream, 0, func(e events.Event) error {
		if e.Statement.Name == outgoing.NameRecallAsked {
			asked = append(asked, e)
		}
		return nil
	})
	if err != nil {
		return err
	}
	about, ok, err := o.reference(ctx, doc)
	if err != nil || !ok {
		return err
	}
	dir := o.o.Node.Snapshot().Directory
	for _, e := range asked {
		var ask outgoing.RecallAsked
		if err := json.Unmarshal(e.Statement.Data, &ask); err != nil {
			return fmt.Errorf("couldn't read event %d: %w", e.Position, err)
		}
		words, _ := gateway.StatusWords(e, schemas.StatusTakeBack)
		for _, r := range ask.Recipients {
			if _, done := d.Recalled(r.Org); done {
				continue
			}
			about.OrganID = r.Code
			st := schemas.Status{ResponseFor: about, Code: schemas.StatusTakeBack, Description: words, Staff: staff(dir, e)}
			if err := o.report(ctx, dir, s.Org, e, st); err != nil {
				return err
			}
		}
	}
	return nil
}
