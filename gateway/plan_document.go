package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/internal/orgid"
	"github.com/tram-exchange/tram/schemas"
)

// normalCode is a code as the directory keeps it.
func normalCode(code string) string { return orgid.Canonical(code) }

func normalCodes(codes []string) []string {
	out := make([]string, len(codes))
	for i, c := range codes {
		out[i] = normalCode(c)
	}
	return out
}

// planDocument fills the command of the document's decider.
func (h *handIn) planDocument(pl *plan, p *schemas.Package, sender document.Party) error {
	d := p.Document
	content, err := documentContent(p)
	if err != nil {
		return err
	}
	c := document.Receive{
		At: h.at, DocumentID: d.DocumentID, Sender: sender, Package: h.body.digest, Content: content,
		Business: int(d.Business.Type), Priority: int(d.Other.Priority), Assurance: h.verdict.assurance,
		Required: h.required(sender.Org, p.Kind), Promulgated: isoDate(d.Promulgation.Date),
		Recipients: h.parties(recipientCodes(d.To)), Facts: h.documentFacts(p),
	}
	if h.peer != nil {
		c.Peer = &h.peer.FromPeer
	}
	pl.stream = document.Stream(sender.Org, d.DocumentID)
	if len(sender.Identities) > 1 {
		// What an organisation sent before it became this one is the same document when it comes again.
		pl.locate = func(ctx context.Context, streams Streams) (string, error) {
			key, _, err := findDocument(ctx, streams, sender, []string{d.DocumentID})
			return document.StreamPrefix + key, err
		}
	}
	pl.decide = func(ctx context.Context, streams Streams, own Own) ([]events.New, outcome, error) {
		if err := h.caused(ctx, streams, pl, func(e events.Event) error { return causesDocument(e, pl.stream, sender) }); err != nil {
			return nil, outcome{}, err
		}
		s, c := own.Document, c
		var err error
		if s.Received {
			if err := gone(ctx, streams, s); err != nil {
				return nil, outcome{}, err
			}
			if c.Failed, err = failed(ctx, streams, pl.stream, s); err != nil {
				return nil, outcome{}, err
			}
		}
		var unknown []Warning
		if c.Effects, unknown, err = h.effects(ctx, streams, d, sender); err != nil {
			return nil, outcome{}, err
		}
		pl.warnings = slices.Concat(warnings(p.Warnings), unknown)
		decision, err := document.DecideReceive(s, c)
		if err != nil {
			return nil, outcome{}, refuseDocument(err, CodeDocumentTaken)
		}
		return decision.Events, outcome{earlier: decision.Earlier, resent: decision.Outcome == document.OutcomeResend}, nil
	}
	return nil
}

func recipientCodes(to []schemas.Organisation) []string {
	out := make([]string, len(to))
	for i := range to {
		out[i] = to[i].ID
	}
	return out
}

// parties are organisations as the directory knew them, without the identities that only senders need.
func (h *handIn) parties(codes []string) []document.Party {
	if codes == nil {
		return nil
	}
	out := make([]document.Party, len(codes))
	for i, code := range codes {
		normal := normalCode(code)
		r := h.snap.Directory.Resolve(normal, h.at)
		out[i] = document.Party{Code: normal, Known: r.Known, Org: r.Org, Via: r.Via, Closed: r.Closed, Node: r.Node}
	}
	return out
}

// warnDocumentUnknown: the document to be recalled, updated or replaced has not come in here. The effect is recorded all
// the same, for the document may be under way; but more often its number or date was mistyped.
const warnDocumentUnknown = "document-unknown-here"

// effects says what the document wants to do to earlier ones of its sender, and warns a sender of this node of those that
// the node does not have. Of a peer's documents it may well have seen none.
func (h *handIn) effects(ctx context.Context, streams Streams, d *schemas.Document, sender document.Party) (out []document.EffectRequest, unknown []Warning, err error) {
	kind, ok := map[schemas.BusinessType]document.EffectKind{
		schemas.BusinessRecall: document.EffectRecall, schemas.BusinessUpdate: document.EffectUpdate,
		schemas.BusinessReplace: document.EffectReplace,
	}[d.Business.Type]
	if !ok {
		return nil, nil, nil
	}
	for _, a := range d.Affects() {
		key, found, err := findDocument(ctx, streams, sender, documentIDs(a.DocumentID, a.Code, dateOf(d, a), sender.Code))
		if err != nil {
			return nil, nil, err
		}
		if key == "" {
			return nil, nil, Refuse(CodeRequired).At("/edXML/edXMLEnvelope/edXMLHeader/MessageHeader/ResponseFor").
				With(a.Code, "name the document by its DocumentId, or by Code and PromulgationDate together")
		}
		e := document.EffectRequest{Kind: kind, Document: key, Recipients: h.parties(a.OrganIDs)}
		if found {
			if e.Held, found, err = held(ctx, streams, document.StreamPrefix+key); err != nil {
				return nil, nil, err
			}
		}
		if !found && h.peer == nil {
			unknown = append(unknown, Warning{Code: warnDocumentUnknown, Detail: strings.TrimSpace(a.Code + " " + a.DocumentID)})
		}
		if a.OrganID != "" {
			e.Owner = h.party(a.OrganID)
		}
		if kind == document.EffectUpdate {
			for _, u := range d.Business.Updates {
				e.Content = e.Content || u.Content
				for _, r := range u.Receivers {
					p := h.parties([]string{r.OrganID})
					if r.Added {
						e.Added = append(e.Added, p...)
					} else {
						e.Removed = append(e.Removed, p...)
					}
				}
			}
		}
		out = append(out, e)
	}
	return out, unknown, nil
}

// held are the recipients of a document that this node answers for, but for those it was recalled from. known is false when
// the document itself has not come in, whatever was done to it.
func held(ctx context.Context, streams Streams, stream string) (recipients []document.Recipient, known bool, err error) {
	s, err := streams.Document(ctx, stream)
	if err != nil || !s.Received {
		return nil, false, err
	}
	return slices.DeleteFunc(slices.Clone(s.Recipients), func(r document.Recipient) bool {
		_, recalled := s.Recalled(r.Org)
		return r.Elsewhere || recalled
	}), true, nil
}

// dateOf finds the date beside the reference that an affected document came from.
func dateOf(d *schemas.Document, a schemas.Affected) schemas.Date {
	for _, r := range d.ResponseFor {
		if r.Code == a.Code && r.DocumentID == a.DocumentID {
			return r.PromulgationDate
		}
	}
	return schemas.Date{}
}

// documentIDs are the ids under which a document referred to may stand: as written and, because systems refer by number and
// date more reliably than by id, the conventional id made of those.
func documentIDs(written, code string, date schemas.Date, organs ...string) []string {
	var out []string
	if written != "" {
		out = append(out, written)
	}
	if code != "" && !date.IsZero() {
		for _, o := range organs {
			id := fmt.Sprintf("%s,%04d/%02d/%02d,%s", o, date.Year, date.Month, date.Day, code)
			if !slices.Contains(out, id) {
				out = append(out, id)
			}
		}
	}
	return out
}

// findDocument finds the stream of a document of an organisation or of one it succeeds. When none exists it gives the key
// that the document would have.
func findDocument(ctx context.Context, streams Streams, owner document.Party, ids []string) (key string, found bool, err error) {
	for _, id := range ids {
		for _, key := range document.Keys(owner.Identities, id) {
			exists, err := streams.Exists(ctx, document.StreamPrefix+key)
			if err != nil || exists {
				return key, exists, err
			}
		}
	}
	if len(ids) == 0 {
		return "", false, nil
	}
	return document.Key(owner.Org, ids[0]), false, nil
}

// failed are the recipients whose delivery of the document has ended in "không gửi được".
func failed(ctx context.Context, streams Streams, stream string, s document.State) ([]string, error) {
	var out []string
	for _, r := range s.Recipients {
		d, err := streams.Delivery(ctx, delivery.Stream(stream, delivery.ItemDocument, r.Org))
		if err != nil {
			return nil, err
		}
		if d.Phase == delivery.PhaseFailed {
			out = append(out, r.Org)
		}
	}
	return out, nil
}

// planStatus fills the command for a status message, which is decided on the stream of the document it answers.
func (h *handIn) planStatus(pl *plan, p *schemas.Package, reporter document.Party) {
	st := p.Status
	c := document.ReportStatus{
		At: h.at, Reporter: reporter, About: h.party(st.ResponseFor.OrganID), Code: string(st.Code), Timestamp: st.TimestampRaw,
		Package: h.body.digest, Content: h.verdict.content, Assurance: h.verdict.assurance,
		Required: h.required(reporter.Org, p.Kind), Facts: statusFacts(st),
	}
	if h.kind == schemas.KindSubmission {
		c.Content = p.Received.SHA256 // what the reporter said, whoever vouches for it and however often
	}
	if h.peer != nil {
		c.Peer = &h.peer.FromPeer
	}
	owner := c.About
	if st.Code == schemas.StatusTakeBack {
		owner = reporter
	}
	ids := documentIDs(st.ResponseFor.DocumentID, st.ResponseFor.Code, st.ResponseFor.PromulgationDate,
		append([]string{owner.Code}, h.codesOf(owner.Org)...)...)
	pl.locate = func(ctx context.Context, streams Streams) (string, error) {
		key, _, err := findDocument(ctx, streams, owner, ids)
		if err == nil && (key == "" || !owner.Known) {
			err = Refuse(CodeDocumentUnknown).With(st.ResponseFor.OrganID, st.ResponseFor.DocumentID)
		}
		return document.StreamPrefix + key, err
	}
	pl.decide = func(ctx context.Context, streams Streams, own Own) ([]events.New, outcome, error) {
		if err := h.caused(ctx, streams, pl, func(e events.Event) error { return causesStatus(ctx, streams, e, pl.stream, c) }); err != nil {
			return nil, outcome{}, err
		}
		c := c
		c.Document = documentKey(pl.stream)
		decision, err := document.DecideStatus(own.Document, c)
		if err != nil {
			return nil, outcome{}, refuseDocument(err, CodeStatusTaken)
		}
		return decision.Events, outcome{earlier: decision.Earlier}, nil
	}
}

func (h *handIn) codesOf(org string) []string {
	o, ok := h.snap.Directory.Organisation(org)
	if !ok {
		return nil
	}
	out := make([]string, len(o.Codes))
	for i, c := range o.Codes {
		out[i] = c.Code
	}
	return out
}

// documentFacts are the words that views need.
func (h *handIn) documentFacts(p *schemas.Package) document.Facts {
	d := p.Document
	f := document.Facts{
		DocumentID: d.DocumentID, CodeNumber: d.Code.Number, CodeNotation: d.Code.Notation, Subject: d.Subject,
		TypeName: d.Type.Name, PromulgationDate: isoDate(d.Promulgation.Date), Place: d.Promulgation.Place,
		SenderName: d.From.Name, DueDate: isoDate(d.DueDate), PageAmount: d.Other.PageAmount,
		PromulgationAmount: d.Other.PromulgationAmount, Content: d.Content, ToPlaces: d.ToPlaces, Reason: d.Business.Reason,
	}
	f.SteeringType, _ = strconv.Atoi(d.Steering.Raw) // as written; a word is no number and shows as none
	if d.Signer != (schemas.Signer{}) {
		f.Signer = &document.SignerFacts{Name: d.Signer.FullName, Position: d.Signer.Position, Competence: d.Signer.Competence}
	}
	for i := range d.To {
		f.Recipients = append(f.Recipients, document.RecipientFacts{Code: d.To[i].ID, Name: d.To[i].Name})
	}
	for i := range p.Attachments {
		a := &p.Attachments[i]
		f.Attachments = append(f.Attachments, document.AttachmentFacts{
			Name: a.Name, ContentType: a.ContentType, Description: a.Description, Size: a.Size,
		})
	}
	for _, r := range d.ResponseFor {
		x := document.ReplyFacts{Org: r.OrganID, Code: r.Code, DocumentID: r.DocumentID, Date: isoDate(r.PromulgationDate)}
		if to := h.resolve(r.OrganID); to.Known {
			x.Org = to.Direct
			if r.DocumentID != "" {
				x.Document = document.Key(to.Direct, r.DocumentID)
			}
		}
		f.RepliesTo = append(f.RepliesTo, x)
	}
	return f
}

func statusFacts(s *schemas.Status) document.StatusFacts {
	return document.StatusFacts{
		Description: s.Description, Department: s.Staff.Department, Staff: s.Staff.Name, Email: s.Staff.Email, Mobile: s.Staff.Mobile,
		ReporterName: s.From.Name,
		ResponseFor: document.ReplyFacts{
			Org: s.ResponseFor.OrganID, Code: s.ResponseFor.Code, DocumentID: s.ResponseFor.DocumentID, Date: isoDate(s.ResponseFor.PromulgationDate),
		},
	}
}

func isoDate(d schemas.Date) string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day)
}

// documentCodes gives the published number for each reason of the document decider, but other-content, which depends on
// what was handed in. A test checks that none is missing.
var documentCodes = map[document.Reason]int{
	document.ReasonIncomplete:        CodeRequired,
	document.ReasonSecret:            CodeSecret,
	document.ReasonFutureDate:        CodeFutureDate,
	document.ReasonDate:              CodeDate,
	document.ReasonAssurance:         CodeAssurance,
	document.ReasonSenderUnknown:     CodeSenderUnknown,
	document.ReasonSenderClosed:      CodeSenderClosed,
	document.ReasonSenderElsewhere:   CodeNotServedHere,
	document.ReasonSenderNotOfPeer:   CodePeerSpace,
	document.ReasonNoRecipients:      CodeNoRecipients,
	document.ReasonRecipientsUnknown: CodeRecipientsUnknown,
	document.ReasonRecipientsClosed:  CodeRecipientClosed,
	document.ReasonRecalled:          CodeRecalled,
	document.ReasonBusiness:          CodeBusiness,
	document.ReasonNotOwner:          CodeRecallSender,
	document.ReasonDocumentUnknown:   CodeDocumentUnknown,
	document.ReasonNotRecipient:      CodeStatusSender,
	document.ReasonStatusCode:        CodeValue,
	document.ReasonAlreadyRefused:    CodeStatusOrder,
	document.ReasonAlreadyAccepted:   CodeStatusOrder,
	document.ReasonAlreadyReported:   CodeStatusOrder,
	document.ReasonAlreadyTakenBack:  CodeStatusOrder,
	document.ReasonNothingAsked:      CodeStatusOrder,
	document.ReasonAlreadyAnswered:   CodeStatusOrder,
	document.ReasonOwnDocument:       CodeBusiness,
}

func refuseDocument(err error, otherContent int) error {
	var r *document.Refusal
	if !errors.As(err, &r) {
		return err
	}
	code, ok := documentCodes[r.Reason]
	if r.Reason == document.ReasonOtherContent {
		code, ok = otherContent, true
	}
	if !ok {
		return fmt.Errorf("couldn't number the decider's refusal %q", r.Reason)
	}
	out := Refuse(code).Because(err)
	if code == CodeSecret {
		return out
	}
	out = out.With(r.Codes...)
	if code == CodeStatusOrder {
		out = out.With(string(r.Reason))
	}
	if r.Detail != "" {
		out = out.With(r.Detail)
	}
	if r.Required != "" {
		out = out.With("required: " + r.Required)
	}
	return out
}
