package office

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/schemas"
)

// tell does what follows from the life of an incoming document: the mailbox entry of what was registered or given back is emptied, the
// sender learns how far it has come.
func (o *Office) tell(ctx context.Context, stream string) error {
	org, id, err := incoming.ParseStream(stream)
	if err != nil {
		return err
	}
	doc := document.StreamPrefix + id
	var milestones []events.Event
	known := map[schemas.StatusCode]bool{}
	paper := false
	var answer *events.Event // the latest
	err = o.o.Log.Stream(ctx, stream, 0, func(e events.Event) error {
		paper = paper || e.Statement.Name == incoming.NamePaperEntered
		if e.Statement.Name == incoming.NameRecallAnswered {
			answer = &e
			return nil
		}
		if _, code, ok := gateway.StatusOf(e); ok && !known[code] {
			known[code] = true
			milestones = append(milestones, e)
		}
		return nil
	})
	if err != nil || paper {
		return err
	}
	s, err := o.streams.Document(ctx, doc)
	if err != nil {
		return err
	}
	if answer != nil {
		now, err := answersNow(s, org, *answer)
		if err != nil {
			return err
		}
		if now {
			milestones = append(milestones, *answer)
		}
	}
	for _, e := range milestones {
		if e.Statement.Name == incoming.NameRegistered || e.Statement.Name == incoming.NameRefused {
			if err := o.o.Node.EmptyFor(ctx, delivery.Stream(doc, delivery.ItemDocument, org), e); err != nil {
				return err
			}
		}
		if err := o.status(ctx, org, doc, e); err != nil {
			return err
		}
	}
	return nil
}

// answersNow says whether an answer is to what the sender asks for now: another request waits for an answer of its own.
func answersNow(s document.State, org string, e events.Event) (bool, error) {
	var d incoming.RecallAnswered
	if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
		return false, fmt.Errorf("couldn't read event %d: %w", e.Position, err)
	}
	by, ok := s.Recalled(org)
	return ok && by == d.By, nil
}

// arrived does what follows from an offer to an agency that works in its office: the sender is told that the document has come. A
// status message is shown on the page of what it is about, and needs no more.
func (o *Office) arrived(ctx context.Context, e events.Event) error {
	var d delivery.Offered
	if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
		return fmt.Errorf("couldn't read event %d: %w", e.Position, err)
	}
	if d.Node != "" || !gateway.ServesMail(o.o.Node.Snapshot().Directory, d.Org, o.o.Node.Now()) {
		return nil
	}
	if d.ItemID == delivery.ItemDocument {
		return o.status(ctx, d.Org, d.Item, e)
	}
	return o.o.Node.EmptyFor(ctx, e.Statement.Stream, e)
}

// takenBack does what follows from a recall, or from an answer to one, for the agencies that work in their office.
func (o *Office) takenBack(ctx context.Context, e events.Event) error {
	doc, err := o.streams.Document(ctx, e.Statement.Stream)
	if err != nil || !doc.Received {
		return err
	}
	now, snap := o.o.Node.Now(), o.o.Node.Snapshot()
	dir := snap.Directory
	for _, r := range doc.Recipients {
		_, back := doc.Recalled(r.Org)
		agency := dir.Heir(r.Org, now)
		if _, office := dir.Office(agency); !back || !office || r.Node != "" {
			continue
		}
		stream, s, err := o.heldAs(ctx, doc.Document, append([]string{r.Org}, dir.Identities(agency, now)...))
		if err != nil {
			return err
		}
		// What an agency's own system holds, it gives back itself.
		if s.Phase == incoming.PhaseArrived && !gateway.ServesMail(dir, r.Org, now) {
			continue
		}
		cause := address(e)
		_, _, err = o.o.Node.Record(ctx, gateway.Step{Stream: stream, Cause: &cause, Basis: &snap.Basis, Decide: func(history []events.Event) ([]events.New, error) {
			own, err := gateway.OwnOf(stream, history)
			if err != nil {
				return nil, err
			}
			of, _, err := incoming.ParseStream(stream)
			if err != nil {
				return nil, err
			}
			return gateway.DecideWithdrawn(own.Incoming, doc, dir.Identities(of, now))
		}})
		if err != nil {
			return fmt.Errorf("couldn't give %s back for %s: %w", doc.Document, r.Org, err)
		}
	}
	return nil
}

// heldAs finds the stream on which work goes on with what came to the first of these agencies, which one of the others succeeds: its own
// where nobody has acted yet.
func (o *Office) heldAs(ctx context.Context, key string, agencies []string) (stream string, s incoming.State, err error) {
	for _, org := range agencies {
		stream = incoming.Stream(org, key)
		if s, err = o.streams.Incoming(ctx, stream); err != nil || s.Entered() {
			return stream, s, err
		}
	}
	return incoming.Stream(agencies[0], key), s, nil
}

// status tells the sender of a document what an event says of it, unless it knows.
func (o *Office) status(ctx context.Context, org, stream string, cause events.Event) error {
	_, code, ok := gateway.StatusOf(cause)
	if !ok {
		return nil
	}
	dir := o.o.Node.Snapshot().Directory
	if !gateway.ServesMail(dir, org, o.o.Node.Now()) {
		return nil
	}
	s, err := o.streams.Document(ctx, stream)
	if err != nil || !gateway.StatusOwed(s, org, code) {
		return err
	}
	about, ok, err := o.reference(ctx, stream)
	if err != nil || !ok {
		return err // its words were destroyed: there is nothing to answer any more
	}
	words, _ := gateway.StatusWords(cause, code)
	return o.report(ctx, dir, org, cause, schemas.Status{
		ResponseFor: about, Code: code, Description: words, Staff: staff(dir, cause),
	})
}

// reference is how a message refers to a document: by the words that it came with.
func (o *Office) reference(ctx context.Context, stream string) (out schemas.ResponseFor, ok bool, err error) {
	err = o.o.Log.Stream(ctx, stream, 0, func(e events.Event) error {
		if ok || e.Statement.Name != document.NameReceived || e.Facts == nil {
			return nil
		}
		var d document.Received
		var f document.Facts
		if err := errors.Join(json.Unmarshal(e.Statement.Data, &d), json.Unmarshal(e.Facts, &f)); err != nil {
			return fmt.Errorf("couldn't read event %d: %w", e.Position, err)
		}
		out = schemas.ResponseFor{OrganID: d.SenderCode, Code: codeText(f), DocumentID: f.DocumentID, PromulgationDate: dateOf(f.PromulgationDate)}
		ok = true
		return nil
	})
	return out, ok, err
}

func codeText(f document.Facts) string {
	return strings.TrimSuffix(f.CodeNumber+"/"+f.CodeNotation, "/")
}

func dateOf(day string) (d schemas.Date) {
	var month int
	if _, err := fmt.Sscanf(day, "%4d-%2d-%2d", &d.Year, &month, &d.Day); err != nil {
		return schemas.Date{}
	}
	d.Month = time.Month(month)
	return d
}

// staff is who did it, in the words of the directory; nobody where they were destroyed, or where the node did.
func staff(dir directory.State, cause events.Event) schemas.Staff {
	var d struct {
		Person string `json:"person"`
	}
	if err := json.Unmarshal(cause.Statement.Data, &d); err != nil || d.Person == "" {
		return schemas.Staff{}
	}
	office, ok := dir.Office(cause.Statement.Actor)
	if !ok {
		return schemas.Staff{}
	}
	p, _ := office.Person(d.Person)
	return schemas.Staff{Name: p.Name}
}

// report signs a status in the name of the agency, or of who succeeds it, and hands it in. What the rules say no to is not owed: it was reported otherwise meanwhile.
func (o *Office) report(ctx context.Context, dir directory.State, org string, cause events.Event, st schemas.Status) error {
	org = dir.Heir(org, o.o.Node.Now())
	st.From = o.organisation(dir, org)
	st.TimestampRaw = schemas.FormatTimestamp(cause.Statement.Time)
	_, err := o.handIn(ctx, org, address(cause), func(w io.Writer) error {
		_, err := schemas.WriteStatus(w, &st)
		return err
	})
	var r *gateway.Refusal
	if errors.As(err, &r) && slices.Contains([]int{gateway.CodeStatusOrder, gateway.CodeStatusTaken}, r.Code) {
		o.o.Logger.Info("status not sent: the agency's own system has spoken", "agency", org, "code", string(st.Code), "refusal", r.Code)
		return nil
	}
	if err != nil {
		return fmt.Errorf("couldn't report %s for %s: %w", st.Code, org, err)
	}
	return nil
}

// organisation is how an agency names itself in a message.
func (o *Office) organisation(dir directory.State, org string) schemas.Organisation {
	out := schemas.Organisation{ID: gateway.CodeOf(dir, org, o.o.Node.Now())}
	if known, ok := dir.Organisation(org); ok {
		out.Name = known.Name
	}
	return out
}
