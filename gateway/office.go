package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/events/numbering"
	"github.com/tram-exchange/tram/events/reading"
	"github.com/tram-exchange/tram/schemas"
)

// What the node does by itself in the work of an agency, as rules: package office does it by them, package rerun judges it by them.

// Numbered is something that is to get a number: an incoming document, an outgoing one, a dossier. See package numbering.
type Numbered struct {
	Stream string
	Book   numbering.Book
	Wanted bool // it has none and shall get one
	Chosen int  // the number last chosen, 0 none
	Last   events.Address

	choose func(n int) ([]events.New, error)
	number func(numbering.State) ([]events.New, error)
}

// NumberedOf reads it of the state of its stream. false: nothing on such a stream gets a number.
func NumberedOf(stream string, own Own) (Numbered, bool) {
	x := Numbered{Stream: stream}
	kind, rest, _ := strings.Cut(stream, "/")
	x.Book.Org, _, _ = strings.Cut(rest, "/")
	switch kind + "/" {
	case incoming.StreamPrefix:
		s := own.Incoming
		x.Book.Name, x.Book.Year, x.Wanted = s.Wanted()
		x.Book.Org = cmp.Or(s.Org, x.Book.Org)
		x.Chosen, x.Last = s.Chosen, s.Last
		x.choose = func(n int) ([]events.New, error) { return incoming.DecideChosen(s, n) }
		x.number = func(numbering.State) ([]events.New, error) { return incoming.DecideRegistered(s) }
	case outgoing.StreamPrefix:
		s := own.Outgoing
		x.Book, x.Wanted = s.Book(), s.Next() == outgoing.TodoNumber
		x.Chosen, x.Last = s.Chosen, s.Last
		x.choose = func(n int) ([]events.New, error) { return outgoing.DecideChosen(s, n) }
		x.number = func(of numbering.State) ([]events.New, error) { return outgoing.DecideNumbered(s, of) }
	case dossier.StreamPrefix:
		s := own.Dossier
		x.Book.Name, x.Book.Year, x.Wanted = s.Wanted()
		x.Chosen, x.Last = s.Chosen, s.Last
		x.choose = func(n int) ([]events.New, error) { return dossier.DecideChosen(s, n) }
		x.number = func(numbering.State) ([]events.New, error) { return dossier.DecideNumbered(s) }
	default:
		return x, false
	}
	return x, true
}

// ErrNumberGone: another has taken the number. Choose the next one.
var ErrNumberGone = errors.New("the number is another's")

// Choose decides the choice of a number: the one after the last that is taken, and a new one only if the last chosen went to another.
func (x Numbered) Choose(ctx context.Context, streams Streams, n int) ([]events.New, error) {
	if !x.Wanted {
		return nil, nil
	}
	if x.Chosen > 0 {
		s, err := streams.Number(ctx, x.Book.Stream(x.Chosen))
		if err != nil {
			return nil, err
		}
		if !s.Taken() || s.Holder == x.Stream {
			return nil, fmt.Errorf("couldn't choose number %d: %d was chosen and is to be had", n, x.Chosen)
		}
	}
	free, err := x.free(ctx, streams, n)
	if err != nil {
		return nil, err
	}
	if !free {
		return nil, ErrNumberGone
	}
	return x.choose(n)
}

// free says whether n is the number after the last that is taken.
func (x Numbered) free(ctx context.Context, streams Streams, n int) (bool, error) {
	taken, err := streams.Exists(ctx, x.Book.Stream(n))
	if err != nil || taken {
		return false, err
	}
	return x.follows(ctx, streams, n)
}

// follows says whether the number before n is taken.
func (x Numbered) follows(ctx context.Context, streams Streams, n int) (bool, error) {
	if n == 1 {
		return true, nil
	}
	return streams.Exists(ctx, x.Book.Stream(n-1))
}

// Take decides the taking of the number chosen, s being the state of its stream.
func (x Numbered) Take(ctx context.Context, streams Streams, s numbering.State) ([]events.New, error) {
	after, err := x.follows(ctx, streams, x.Chosen)
	if err != nil {
		return nil, err
	}
	news, err := numbering.DecideTake(s, numbering.Take{N: x.Chosen, Holder: x.Stream, After: after})
	var r *numbering.Refusal
	if errors.As(err, &r) && r.Reason == numbering.ReasonHeld {
		return nil, ErrNumberGone
	}
	return news, err
}

// Has decides that the number chosen is the thing's, s being the state of that number's stream.
func (x Numbered) Has(s numbering.State) ([]events.New, error) {
	if !x.Wanted {
		return nil, nil
	}
	if s.Holder != x.Stream || s.Voided {
		return nil, fmt.Errorf("couldn't give number %d to %s: it is %q's", x.Chosen, x.Stream, s.Holder)
	}
	return x.number(s)
}

// choice is the data of every event by which a number is chosen.
type choice struct {
	Org  string `json:"org"`
	Book string `json:"book"`
	Year int    `json:"year"`
	N    int    `json:"n"`
}

// ChoiceOf reads the choice of a number off an event: whose, and which number's stream.
func ChoiceOf(e events.Event) (stream, number string, ok bool) {
	switch e.Statement.Name {
	case incoming.NameNumberChosen, outgoing.NameNumberChosen, dossier.NameNumberChosen:
	default:
		return "", "", false
	}
	var d choice
	if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
		return "", "", false
	}
	parts := strings.Split(e.Statement.Stream, "/")
	if len(parts) != 3 {
		return "", "", false
	}
	return e.Statement.Stream, numbering.Stream(cmp.Or(d.Org, parts[1]), d.Book, d.Year, d.N), true
}

// ServesMail says whether the node does for an agency what its own system would do with the mailbox and with statuses: the agency, or
// who succeeds it, has set up its office here and left a key in the node's custody. Whoever has neither is not spoken for.
func ServesMail(d directory.State, org string, at time.Time) bool {
	org = d.Heir(org, at)
	o, ok := d.Organisation(org)
	if !ok || o.Node != "" {
		return false
	}
	if _, ok := d.Office(org); !ok {
		return false
	}
	return slices.ContainsFunc(o.Holds, func(c events.Digest) bool { return InCustody(d, org, c, at) })
}

// InCustody says whether a certificate is that of a key which an agency left in the node's custody, and nothing else: what a key that
// is also the agency's own signed would pass for the agency's word.
func InCustody(d directory.State, org string, sha256 events.Digest, at time.Time) bool {
	c, ok := d.Certificate(sha256)
	return ok && c.Holder == directory.Holder{Kind: directory.HolderOrganisation, ID: org} && c.StandingAt(at) == directory.StandingGood &&
		c.ValidAt(at, directory.PurposeCustody) && !slices.Contains(c.Purposes, directory.PurposeSign)
}

// CodeOf is a code by which an organisation is known at a time: the one it always had, if that is still valid.
func CodeOf(d directory.State, org string, at time.Time) string {
	o, ok := d.Organisation(org)
	if !ok {
		return org
	}
	for _, c := range o.Codes { // the first is the identity
		if !at.Before(c.From) && (c.Until.IsZero() || at.Before(c.Until)) {
			return c.Code
		}
	}
	return org
}

// StatusOf says which status the sender of a document is told after an event, and for which agency.
func StatusOf(e events.Event) (org string, code schemas.StatusCode, ok bool) {
	switch e.Statement.Name {
	case delivery.NameOffered:
		var d delivery.Offered
		if err := json.Unmarshal(e.Statement.Data, &d); err != nil || d.Node != "" || d.ItemID != delivery.ItemDocument {
			return "", "", false
		}
		return d.Org, schemas.StatusArrived, true
	case incoming.NameRegistered:
		code = schemas.StatusAccepted
	case incoming.NameRefused:
		code = schemas.StatusRejected
	case incoming.NameAssigned:
		code = schemas.StatusAssigned
	case incoming.NameHandlingStarted:
		code = schemas.StatusProcessing
	case incoming.NameFinished:
		code = schemas.StatusDone
	case incoming.NameRecallAnswered:
		var d incoming.RecallAnswered
		if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
			return "", "", false
		}
		if code = schemas.StatusTakeBackDenied; d.Agree {
			code = schemas.StatusTakeBackAgreed
		}
	default:
		return "", "", false
	}
	org, _, err := incoming.ParseStream(e.Statement.Stream)
	return org, code, err == nil
}

// descriptionLimit is how many characters every system takes as the description of a status (QCVN 102:2016/BTTTT, Description).
const descriptionLimit = 500

// StatusWords are what a status says in words because of an event: the reason that a person gave for refusing a document, for keeping it or
// giving it back, or for asking it back; else the meaning of the code. given is false when no person gave a reason, or its words are gone.
func StatusWords(e events.Event, code schemas.StatusCode) (words string, given bool) {
	switch e.Statement.Name {
	case incoming.NameRefused, incoming.NameRecallAnswered, outgoing.NameRecallAsked:
		var f struct {
			Reason string `json:"reason"`
		}
		if e.Facts != nil && json.Unmarshal(e.Facts, &f) == nil && f.Reason != "" {
			if words := []rune(f.Reason); len(words) > descriptionLimit {
				return string(words[:descriptionLimit-1]) + "…", true
			}
			return f.Reason, true
		}
	}
	return code.Vietnamese(), false
}

// stages are how far a recipient has come by each status that the node sends.
var stages = map[schemas.StatusCode]document.Stage{
	schemas.StatusArrived: document.StageArrived, schemas.StatusAccepted: document.StageAccepted, schemas.StatusAssigned: document.StageAssigned,
	schemas.StatusProcessing: document.StageProcessing, schemas.StatusDone: document.StageDone,
}

// StatusOwed says whether a status still says something new to the sender. What the agency's own system has reported is not said
// again, nor what came before it.
func StatusOwed(s document.State, org string, code schemas.StatusCode) bool {
	if _, ok := s.Recipient(org); !ok || !s.Received {
		return false
	}
	at := s.Progress(org).Stage
	switch {
	case code == schemas.StatusTakeBackAgreed || code == schemas.StatusTakeBackDenied:
		return s.Progress(org).Asked != ""
	case at == document.StageRefused || at == document.StageTakenBack:
		return false
	case code == schemas.StatusRejected:
		return at < document.StageAccepted
	}
	return stages[code] > at
}

// caused judges what the node handed in by itself, signed with a key in its custody, by the event that it follows from: nothing goes
// out in an agency's name that nobody of the agency asked for, but the word that a document has arrived.
func (h *handIn) caused(ctx context.Context, streams Streams, pl *plan, what func(events.Event) error) error {
	if h.caller.Kind != KindNode || h.peer != nil || h.verdict.assurance != document.AssuranceCustody || h.kind == schemas.KindSubmission {
		return nil
	}
	if h.follows == nil {
		return wrong("cause", "signed in custody and handed in by the node, and it follows from nothing")
	}
	e, err := streams.Event(ctx, *h.follows)
	if err != nil {
		return err
	}
	if err := what(e); err != nil {
		return wrong("cause", "%s does not follow from event %d: %w", pl.stream, e.Position, err)
	}
	return nil
}

// causesStatus says whether an event leads to this status about this document.
func causesStatus(ctx context.Context, streams Streams, e events.Event, stream string, c document.ReportStatus) error {
	if words, given := StatusWords(e, schemas.StatusCode(c.Code)); given && words != c.Facts.Description {
		return fmt.Errorf("it gives another reason")
	}
	if c.Code == string(schemas.StatusTakeBack) {
		return causesRecall(ctx, streams, e, stream, c)
	}
	org, code, ok := StatusOf(e)
	switch {
	case !ok || string(code) != c.Code:
		return fmt.Errorf("%s leads to no status %s", e.Statement.Name, c.Code)
	case org != c.Reporter.Org && !slices.Contains(c.Reporter.Identities, org):
		return fmt.Errorf("it is %s's", org)
	case c.Timestamp != schemas.FormatTimestamp(e.Statement.Time):
		return fmt.Errorf("it says %s, that was at %s", c.Timestamp, schemas.FormatTimestamp(e.Statement.Time))
	}
	about := e.Statement.Stream
	if code == schemas.StatusArrived {
		var d delivery.Offered
		if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
			return err
		}
		about = d.Item
	} else if _, id, err := incoming.ParseStream(about); err == nil {
		about = document.StreamPrefix + id
	}
	if about != stream {
		return fmt.Errorf("it is about %s", about)
	}
	return nil
}

// causesRecall says whether an event asks this recipient to give this document back.
func causesRecall(ctx context.Context, streams Streams, e events.Event, stream string, c document.ReportStatus) error {
	if e.Statement.Name != outgoing.NameRecallAsked {
		return fmt.Errorf("%s asks for nothing back", e.Statement.Name)
	}
	var d outgoing.RecallAsked
	if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
		return err
	}
	org, _, err := outgoing.ParseStream(e.Statement.Stream)
	if err != nil {
		return err
	}
	s, err := streams.Outgoing(ctx, e.Statement.Stream)
	switch {
	case err != nil:
		return err
	case document.StreamPrefix+s.Sent.Document != stream:
		return fmt.Errorf("it asks for %s", s.Sent.Document)
	case org != c.Reporter.Org && !slices.Contains(c.Reporter.Identities, org):
		return fmt.Errorf("it is %s's", org)
	case !slices.ContainsFunc(d.Recipients, func(r outgoing.Recipient) bool { return r.Org == c.About.Org }):
		return fmt.Errorf("it asks nothing of %s", c.About.Org)
	}
	return nil
}

// causesDocument says whether an event leads to the sending of this document.
func causesDocument(e events.Event, stream string, sender document.Party) error {
	if e.Statement.Name != outgoing.NameSealed {
		return fmt.Errorf("%s sends nothing", e.Statement.Name)
	}
	var d outgoing.Sealed
	if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
		return err
	}
	org, _, err := outgoing.ParseStream(e.Statement.Stream)
	switch {
	case err != nil:
		return err
	case document.StreamPrefix+d.Document != stream:
		return fmt.Errorf("it sends %s", d.Document)
	case org != sender.Org && !slices.Contains(sender.Identities, org):
		return fmt.Errorf("it is %s's", org)
	}
	return nil
}

// RecipientOf is as whom an agency with these identities got a document: as itself, or as one that it succeeds.
func RecipientOf(doc document.State, identities []string) (org string, ok bool) {
	for _, org := range identities {
		if r, ok := doc.Recipient(org); ok && !r.Elsewhere {
			return org, true
		}
	}
	return "", false
}

// DecideWithdrawn decides that the sender took a document back from an agency with these identities, s and doc being what its own stream
// and that of the document say.
func DecideWithdrawn(s incoming.State, doc document.State, identities []string) ([]events.New, error) {
	x := incoming.OfDocument(doc, identities)
	if x == nil || x.Back == incoming.BackNone {
		return nil, nil
	}
	return incoming.DecideWithdrawn(s, *x, x.By)
}

// SealedKey is the key under which an agency sends what it has numbered: that of the agency as it was when the clerk issued it. If
// another succeeds it before it is sent, the door refuses it, and it is issued again.
func SealedKey(s outgoing.State, d directory.State) string {
	return document.Key(d.Heir(s.Org, s.Issue.Judged), issuedID(s))
}

// SentFrom says whether a document was sent by the node for what stands on the stream of an agency's outgoing document.
func SentFrom(ctx context.Context, streams Streams, d document.State, stream string) (bool, error) {
	e, err := streams.Event(ctx, d.Address)
	if err != nil {
		return false, err
	}
	c := e.Statement.Cause
	if c == nil || c.Origin != e.Statement.Origin || e.Statement.Client != ClientNode {
		return false, nil
	}
	by, err := streams.Event(ctx, *c)
	return err == nil && by.Statement.Stream == stream && by.Statement.Name == outgoing.NameSealed, err
}

// ReasonOfVoid is why a number is void: in the words of the act by which what had it was given up. They are empty where those were
// destroyed.
func ReasonOfVoid(cancelled events.Event) (numbering.VoidedFacts, error) {
	if cancelled.Facts == nil {
		return numbering.VoidedFacts{}, nil
	}
	var f outgoing.ReasonFacts
	if err := json.Unmarshal(cancelled.Facts, &f); err != nil {
		return numbering.VoidedFacts{}, fmt.Errorf("couldn't read the facts of event %d: %w", cancelled.Position, err)
	}
	return numbering.VoidedFacts(f), nil
}

// MayBeReading says whether somebody like this can have opened something: a person of the agency's office, on the stream of its own
// readings or, by a right, on another agency's.
func MayBeReading(d directory.State, stream string, o reading.Opened, at time.Time) error {
	org, _, _, err := reading.ParseStream(stream)
	if err != nil {
		return err
	}
	office, ok := d.Office(o.Org)
	if !ok {
		return fmt.Errorf("couldn't record a reading: %s has no office", o.Org)
	}
	for _, id := range []string{o.Person, o.For} {
		if _, ok := office.Person(id); id != "" && !ok {
			return fmt.Errorf("couldn't record a reading: nobody of the id %q works in %s", id, o.Org)
		}
	}
	if org == o.Org || slices.Contains(d.Identities(o.Org, at), org) {
		return nil
	}
	if o.Right == "" {
		return fmt.Errorf("couldn't record a reading: %s reads what is %s's without a right", o.Org, org)
	}
	if _, ok := d.Right(o.Right); !ok {
		return fmt.Errorf("couldn't record a reading: no right of the id %q", o.Right)
	}
	return nil
}
