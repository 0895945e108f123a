package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/events/numbering"
	"github.com/tram-exchange/tram/schemas"
)

// planOutgoing fills the command for an act on a document that the agency makes. nil: there is no such act on one.
func (a *act) planOutgoing() decideAct {
	by := outgoing.By{At: a.at(), Standing: a.standing, Office: a.office}
	var decide func(ctx context.Context, streams Streams, s outgoing.State) ([]events.New, error)
	plain := func(f func(s outgoing.State) ([]events.New, error)) {
		decide = func(_ context.Context, _ Streams, s outgoing.State) ([]events.New, error) { return f(s) }
	}
	switch x := a.form.Act.(type) {
	case schemas.SaveDraft:
		decide = a.saveDraft(by, x)
	case schemas.AskOpinion:
		c := outgoing.Ask{By: by, Of: assignees(x.Of), Question: x.Question, Due: isoDate(x.Due)}
		plain(func(s outgoing.State) ([]events.New, error) { return outgoing.DecideAsk(s, c) })
	case schemas.GiveOpinion:
		plain(func(s outgoing.State) ([]events.New, error) {
			return outgoing.DecideOpinion(s, outgoing.Opine{By: by, Text: x.Text, Files: a.files()})
		})
	case schemas.Submit:
		plain(func(s outgoing.State) ([]events.New, error) {
			return outgoing.DecideSubmit(s, outgoing.Submit{By: by, Chain: x.Chain, Note: x.Note})
		})
	case schemas.Approve:
		plain(func(s outgoing.State) ([]events.New, error) {
			return outgoing.DecideApprove(s, outgoing.Approve{By: by, Note: x.Note, Files: a.files()})
		})
	case schemas.SendBack:
		plain(func(s outgoing.State) ([]events.New, error) {
			return outgoing.DecideSendBack(s, outgoing.SendBack{By: by, Reason: x.Reason, Files: a.files()})
		})
	case schemas.Issue:
		decide = func(ctx context.Context, streams Streams, s outgoing.State) ([]events.New, error) {
			c := a.issue(by, s, x)
			if book, ok := outgoing.BookFor(s, c); ok {
				var err error
				if c.Last, err = lastDate(ctx, streams, book); err != nil {
					return nil, err
				}
			}
			return outgoing.DecideIssue(s, c)
		}
	case schemas.Cancel:
		plain(func(s outgoing.State) ([]events.New, error) {
			return outgoing.DecideCancel(s, outgoing.Cancel{By: by, Reason: x.Reason})
		})
	case schemas.RecallIssued:
		c := outgoing.Recall{By: by, Recipients: a.recallFrom(x.Recipients), Reason: x.Reason}
		plain(func(s outgoing.State) ([]events.New, error) { return outgoing.DecideRecall(s, c) })
	case schemas.MakeCopy:
		decide = a.makeCopy(by, x)
	default:
		return nil
	}
	return func(ctx context.Context, streams Streams, own Own) ([]events.New, error) {
		news, err := decide(ctx, streams, own.Outgoing)
		return news, refuseOutgoing(err)
	}
}

func assignees(in []schemas.Assignee) []directory.Assignee {
	out := make([]directory.Assignee, len(in))
	for i, a := range in {
		out[i] = directory.Assignee{Unit: a.Unit, Person: a.Person}
	}
	return out
}

func (a *act) saveDraft(by outgoing.By, x schemas.SaveDraft) func(context.Context, Streams, outgoing.State) ([]events.New, error) {
	return func(ctx context.Context, streams Streams, s outgoing.State) ([]events.New, error) {
		d := a.draft(&x.Draft)
		var err error
		if d.RelatedTo != "" {
			if d.Related, err = a.related(ctx, streams, d.RelatedTo); err != nil {
				return nil, err
			}
		}
		for _, id := range d.ReplyTo {
			_, seen, err := a.seenIncoming(ctx, streams, id)
			if err != nil {
				return nil, err
			}
			if !seen {
				d.NoReply = append(d.NoReply, id)
			}
		}
		return outgoing.DecideSave(s, outgoing.Save{By: by, Org: a.agency.Org, ID: a.form.Target.ID, Draft: d, Note: x.Note})
	}
}

// draft translates the form. The kind is found by its name, in whatever way it is written.
func (a *act) draft(x *schemas.Draft) outgoing.Draft {
	d := outgoing.Draft{
		Type: x.Type, Subject: x.Subject, Content: x.Content, Recipients: a.recipients(x.Recipients), ToPlaces: x.ToPlaces,
		Priority: int(x.Priority), Due: isoDate(x.DueDate), Signer: x.Signer, Competence: x.Competence, Series: x.Series, Place: x.Place,
		Pages: x.Pages, Copies: x.Copies, KeptBy: x.KeptBy, ReplyTo: x.ReplyTo, Dossier: x.Dossier, Relation: x.Relation,
		RelatedTo: x.RelatedTo, Files: a.files(),
	}
	for _, f := range x.Fields {
		d.Fields = append(d.Fields, outgoing.Field{Name: f.Name, Value: f.Value})
	}
	if kind, ok := schemas.KindOf(x.Type); ok {
		d.Type, d.Known, d.Missing = kind.Name, true, kind.Missing(x.Fields)
	}
	if n := utf8.RuneCountInString(contentOf(d.Type, d.Content, d.Fields)); n > maxContent {
		d.Long = fmt.Sprintf("Content: %d > %d", n, maxContent)
	}
	return d
}

func (a *act) files() []outgoing.FileFacts {
	var out []outgoing.FileFacts
	for _, f := range a.form.Files {
		out = append(out, outgoing.FileFacts{Name: f.Name, ContentType: f.ContentType, Description: f.Description, Size: f.Size})
	}
	return out
}

// recipients are organisations as the directory knows them: each once, by the code by which it was named first.
func (a *act) recipients(codes []string) outgoing.Recipients {
	var out outgoing.Recipients
	for _, p := range a.h.parties(codes) {
		switch {
		case !p.Known:
			out.Unknown = append(out.Unknown, p.Code)
		case p.Closed:
			out.Closed = append(out.Closed, p.Code)
		case !slices.ContainsFunc(out.List, func(r outgoing.Recipient) bool { return r.Org == p.Org }):
			out.List = append(out.List, outgoing.Recipient{Code: p.Code, Org: p.Org})
		}
	}
	return out
}

// recallFrom are recipients as they may have been when it was sent: what became of them since does not matter, and a code that nobody
// knows is nobody's.
func (a *act) recallFrom(codes []string) []outgoing.Recipient {
	var out []outgoing.Recipient
	for _, p := range a.h.parties(codes) {
		org := p.Org
		if !p.Known {
			org = p.Code
		}
		out = append(out, outgoing.Recipient{Code: p.Code, Org: org})
	}
	return out
}

// issue looks up the recipients of the draft once more: what was right when it was written may be closed by now.
func (a *act) issue(by outgoing.By, s outgoing.State, x schemas.Issue) outgoing.Issue {
	c := outgoing.Issue{By: by, Series: x.Series, Date: isoDate(x.Date), Files: a.files()}
	if kind, ok := schemas.KindOf(s.Latest.Type); ok {
		c.Abbreviation = kind.Abbreviation
	}
	codes := make([]string, len(s.Latest.Recipients))
	for i, r := range s.Latest.Recipients {
		codes[i] = r.Code
	}
	c.Recipients = a.recipients(codes)
	return c
}

// lastDate is the date of the document that has the last number of a book, "" if none was given.
func lastDate(ctx context.Context, streams Streams, book numbering.Book) (string, error) {
	free, err := numbering.NextFree(ctx, func(ctx context.Context, n int) (bool, error) { return streams.Exists(ctx, book.Stream(n)) }, 1)
	if err != nil || free == 1 {
		return "", err
	}
	number, err := streams.Number(ctx, book.Stream(free-1))
	if err != nil {
		return "", err
	}
	holder, err := streams.Outgoing(ctx, number.Holder)
	return holder.Issue.Date, err
}

// related is an own outgoing document, begun by the agency or one that it succeeds; nothing if the person may not see it.
func (a *act) related(ctx context.Context, streams Streams, id string) (outgoing.Related, error) {
	s, seen, err := a.seenOutgoing(ctx, streams, id)
	if err != nil || !seen {
		return outgoing.Related{}, err
	}
	return outgoing.Related{Phase: s.Phase, Type: s.Latest.Type, Document: s.Sent.Document}, nil
}

func (a *act) ownOutgoing(ctx context.Context, streams Streams, id string) (s outgoing.State, err error) {
	for _, org := range a.agency.Identities {
		if s, err = streams.Outgoing(ctx, outgoing.Stream(org, id)); err != nil || s.Phase != outgoing.PhaseNone {
			return s, err
		}
	}
	return s, nil
}

func (a *act) makeCopy(by outgoing.By, x schemas.MakeCopy) func(context.Context, Streams, outgoing.State) ([]events.New, error) {
	return func(ctx context.Context, streams Streams, s outgoing.State) ([]events.New, error) {
		of, err := a.original(ctx, streams, x.Of)
		if err != nil {
			return nil, err
		}
		return outgoing.DecideCopy(s, outgoing.Copy{
			By: by, Org: a.agency.Org, ID: a.form.Target.ID, Form: x.Form, Of: of, Recipients: a.recipients(x.Recipients),
			ToPlaces: x.ToPlaces, Extract: x.Extract, Signer: x.Signer, Competence: x.Competence, Files: a.files(),
		})
	}
}

// original finds what is to be copied: an own document that was issued, or one that is in a register of arrivals.
func (a *act) original(ctx context.Context, streams Streams, id string) (of outgoing.Original, err error) {
	s, err := a.ownOutgoing(ctx, streams, id)
	if err != nil {
		return of, err
	}
	if s.Phase != outgoing.PhaseNone {
		has := s.Phase == outgoing.PhaseIssued && s.Concerns(a.standing)
		return outgoing.Original{Own: true, Outgoing: id, Document: s.Sent.Document, Type: s.Latest.Type, Has: has}, nil
	}
	in, seen, err := a.seenIncoming(ctx, streams, id)
	if err != nil {
		return of, err
	}
	if seen {
		return outgoing.Original{Incoming: id, Document: in.Document, Has: in.Phase != incoming.PhaseWithdrawn}, nil
	}
	if !isDocumentKey(id) {
		return of, nil
	}
	d, err := streams.Document(ctx, document.StreamPrefix+id)
	if err != nil || !d.Received || !slices.Contains(a.agency.Identities, d.Sender) {
		return of, err
	}
	return outgoing.Original{Own: true, Document: id, Has: true}, nil
}

// outgoingCodes gives the published number for each reason of the decider. A test checks that none is missing.
var outgoingCodes = map[outgoing.Reason]int{
	outgoing.ReasonNotFound:     CodeNotFound,
	outgoing.ReasonRight:        CodeDraftRight,
	outgoing.ReasonOwnDraft:     CodeDraftOwn,
	outgoing.ReasonNotSigner:    CodeDraftNotSigner,
	outgoing.ReasonOrder:        CodeDraftOrder,
	outgoing.ReasonInChain:      CodeDraftInChain,
	outgoing.ReasonCopy:         CodeCopyFixed,
	outgoing.ReasonIncomplete:   CodeDraftIncomplete,
	outgoing.ReasonKind:         CodeValue,
	outgoing.ReasonLong:         CodeLength,
	outgoing.ReasonChain:        CodeDraftChain,
	outgoing.ReasonSigner:       CodeDraftSigner,
	outgoing.ReasonSeries:       CodeSeries,
	outgoing.ReasonDate:         CodeIssueDate,
	outgoing.ReasonDay:          CodeDayPast,
	outgoing.ReasonNumbering:    CodeNumbering,
	outgoing.ReasonNumbered:     CodeNumbered,
	outgoing.ReasonSealed:       CodeSealed,
	outgoing.ReasonIssued:       CodeIssued,
	outgoing.ReasonCancelled:    CodeDraftCancelled,
	outgoing.ReasonNotSent:      CodeNotSent,
	outgoing.ReasonNotRecipient: CodeNotRecipient,
	outgoing.ReasonRecalled:     CodeRecallAsked,
	outgoing.ReasonUnknown:      CodeRecipientsUnknown,
	outgoing.ReasonClosed:       CodeRecipientClosed,
	outgoing.ReasonRelation:     CodeRelation,
	outgoing.ReasonRelationKind: CodeRelationKind,
	outgoing.ReasonReply:        CodeReply,
	outgoing.ReasonOriginal:     CodeOriginal,
	outgoing.ReasonCopyForm:     CodeCopyForm,
	outgoing.ReasonAssignee:     CodeDraftAssignee,
	outgoing.ReasonExists:       CodeDraftExists,
}

func refuseOutgoing(err error) error {
	var r *outgoing.Refusal
	if !errors.As(err, &r) {
		return err
	}
	code, ok := outgoingCodes[r.Reason]
	if !ok {
		return fmt.Errorf("couldn't number the refusal %q of an outgoing document", r.Reason)
	}
	return Refuse(code).Because(err).With(r.Details...)
}
