package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/schemas"
)

// planIncoming fills the command for an act on a document that came to the agency; nil if there is no such act.
func (a *act) planIncoming() decideAct {
	do := a.incomingAct()
	if do == nil {
		return nil
	}
	c := incoming.Command{
		By: incoming.By{At: a.at(), Standing: a.standing, Office: a.office}, ID: a.form.Target.ID, Act: do,
	}
	return func(ctx context.Context, streams Streams, own Own) ([]events.New, error) {
		c := c
		var err error
		if c.Org, _, err = incoming.ParseStream(own.Stream); err != nil {
			return nil, err
		}
		if c.Exchange, err = a.exchange(ctx, streams); err != nil {
			return nil, err
		}
		if reply, ok := c.Act.(incoming.LinkReply); ok {
			if reply.Own, err = a.ownDocument(ctx, streams, reply); err != nil {
				return nil, err
			}
			c.Act = reply
		}
		news, err := incoming.Decide(own.Incoming, c)
		return news, a.refuseIncoming(err)
	}
}

// incomingAct translates the form.
func (a *act) incomingAct() incoming.Act {
	switch f := a.form.Act.(type) {
	case schemas.RegisterIncoming:
		return incoming.Register{Register: f.Register}
	case schemas.RegisterPaper:
		return a.paper(f)
	case schemas.RefuseIncoming:
		return incoming.Refuse{Reason: f.Reason}
	case schemas.Present:
		return incoming.Present{To: f.To, Note: f.Note}
	case schemas.Assign:
		return incoming.Assign{
			InCharge: directory.Assignee(f.InCharge), Cooperating: assignees(f.Cooperating), Due: isoDate(f.Due), Opinion: f.Opinion,
		}
	case schemas.TransferBack:
		return incoming.TransferBack{Reason: f.Reason}
	case schemas.StartHandling:
		return incoming.Start{Note: f.Note}
	case schemas.GiveOpinion:
		return incoming.Opine{Text: f.Text, Files: incomingFiles(a.form.Files)}
	case schemas.ChangeDeadline:
		return incoming.ChangeDeadline{Due: isoDate(f.Due), Reason: f.Reason}
	case schemas.LinkReply:
		return incoming.LinkReply{Document: f.Document, Outgoing: f.Outgoing}
	case schemas.FinishHandling:
		return incoming.Finish{Result: f.Result, Files: incomingFiles(a.form.Files)}
	case schemas.AgreeRecall:
		return incoming.Agree{Reason: f.Reason}
	case schemas.DeclineRecall:
		return incoming.Decline{Reason: f.Reason}
	case schemas.Reopen:
		return incoming.Reopen{Reason: f.Reason}
	}
	return nil
}

func (a *act) paper(f schemas.RegisterPaper) incoming.Act {
	e := incoming.Enter{
		Register: f.Register, Channel: f.Channel, Date: isoDate(f.Date), Received: isoDate(f.ReceivedOn), Asked: isoDate(f.DueDate),
		Priority: int(f.Priority), Pages: f.Pages,
		Facts: incoming.PaperFacts{
			FromName: f.FromName, FromCode: f.FromCode, Number: f.Number, Notation: f.Notation, TypeName: f.TypeName, Subject: f.Subject,
			Signer: f.Signer, Files: incomingFiles(a.form.Files),
		},
	}
	if from := a.h.resolve(f.FromCode); f.FromCode != "" && from.Known {
		e.From = from.Direct
	}
	return e
}

func incomingFiles(files []schemas.ActFile) []incoming.FileFacts {
	var out []incoming.FileFacts
	for i := range files {
		f := &files[i]
		out = append(out, incoming.FileFacts{Name: f.Name, ContentType: f.ContentType, Description: f.Description, Size: f.Size})
	}
	return out
}

// exchange is what the stream of the document says of it for the agency, nil if it is not of the exchange.
func (a *act) exchange(ctx context.Context, streams Streams) (*incoming.Exchange, error) {
	if !isDocumentKey(a.form.Target.ID) {
		return nil, nil
	}
	s, err := streams.Document(ctx, document.StreamPrefix+a.form.Target.ID)
	if err != nil {
		return nil, err
	}
	return incoming.OfDocument(s, a.agency.Identities), nil
}

// isDocumentKey: only such an id can name a stream of the exchange.
func isDocumentKey(id string) bool {
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(id) == 64
}

// ownDocument says whether a reply is a document that the agency has sent, or one that it is making and that the person may see.
func (a *act) ownDocument(ctx context.Context, streams Streams, reply incoming.LinkReply) (bool, error) {
	if reply.Document != "" {
		if !isDocumentKey(reply.Document) {
			return false, nil
		}
		s, err := streams.Document(ctx, document.StreamPrefix+reply.Document)
		return err == nil && s.Received && slices.Contains(a.agency.Identities, s.Sender), err
	}
	_, ok, err := a.seenOutgoing(ctx, streams, reply.Outgoing)
	return ok, err
}

// seenOutgoing finds a document that the agency makes or has made; false if there is none that the person may see.
func (a *act) seenOutgoing(ctx context.Context, streams Streams, id string) (outgoing.State, bool, error) {
	s, err := a.ownOutgoing(ctx, streams, id)
	return s, err == nil && s.Phase != outgoing.PhaseNone && s.Phase != outgoing.PhaseCancelled && s.Concerns(a.standing), err
}

// seenIncoming finds a document that came to the agency and was registered; false if there is none that the person may see.
func (a *act) seenIncoming(ctx context.Context, streams Streams, id string) (incoming.State, bool, error) {
	for _, org := range a.agency.Identities {
		s, err := streams.Incoming(ctx, incoming.Stream(org, id))
		if err != nil {
			return s, false, err
		}
		if s.Entered() {
			return s, s.Number > 0 && s.Concerns(a.standing), nil
		}
	}
	return incoming.State{}, false, nil
}

// incomingCodes numbers the reasons of the decider.
var incomingCodes = map[incoming.Reason]int{
	incoming.ReasonUnknown:     CodeIncomingUnknown,
	incoming.ReasonRight:       CodeIncomingRight,
	incoming.ReasonIncomplete:  CodeRequired,
	incoming.ReasonUnnumbered:  CodeIncomingUnnumbered,
	incoming.ReasonNumbering:   CodeIncomingNumbering,
	incoming.ReasonRegistered:  CodeIncomingRegistered,
	incoming.ReasonRefused:     CodeIncomingRefused,
	incoming.ReasonWithdrawn:   CodeIncomingWithdrawn,
	incoming.ReasonAsked:       CodeIncomingAsked,
	incoming.ReasonFinished:    CodeIncomingFinished,
	incoming.ReasonNotFinished: CodeIncomingNotFinished,
	incoming.ReasonNotAssigned: CodeIncomingNotAssigned,
	incoming.ReasonAssigned:    CodeIncomingAssigned,
	incoming.ReasonStarted:     CodeIncomingStarted,
	incoming.ReasonExchange:    CodeIncomingExchange,
	incoming.ReasonRegister:    CodeIncomingRegister,
	incoming.ReasonUnit:        CodeAssigneeUnit,
	incoming.ReasonPerson:      CodeAssigneePerson,
	incoming.ReasonApart:       CodeAssigneeApart,
	incoming.ReasonTwice:       CodeAssigneeTwice,
	incoming.ReasonOutside:     CodeAssigneeOutside,
	incoming.ReasonPresentTo:   CodeIncomingPresentTo,
	incoming.ReasonSame:        CodeIncomingSame,
	incoming.ReasonDate:        CodeDate,
	incoming.ReasonFuture:      CodeFutureDate,
	incoming.ReasonPast:        CodeDeadlinePast,
	incoming.ReasonPassed:      CodeDeadlinePassed,
	incoming.ReasonBeyond:      CodeDeadlineBeyond,
	incoming.ReasonReply:       CodeIncomingReply,
	incoming.ReasonLinked:      CodeIncomingLinked,
	incoming.ReasonNotAsked:    CodeIncomingNotAsked,
	incoming.ReasonAnswered:    CodeIncomingAnswered,
	incoming.ReasonFull:        CodeIncomingFull,
}

func (a *act) refuseIncoming(err error) error {
	var r *incoming.Refusal
	if !errors.As(err, &r) {
		return err
	}
	code, ok := incomingCodes[r.Reason]
	if !ok {
		return fmt.Errorf("couldn't number the refusal %q of an incoming document", r.Reason)
	}
	return a.refuse(code, r.Detail, err)
}

// refuse gives a decider's reason its number. What is missing is named as a field of the act.
func (a *act) refuse(code int, detail []string, err error) error {
	r := Refuse(code).Because(err)
	if code == CodeRequired && len(detail) > 0 {
		return r.At("/Package/Body/DossierAction/" + a.form.Act.Name() + "/" + detail[0])
	}
	return r.With(detail...)
}
