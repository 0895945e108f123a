package projections

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/internal/view"
)

// Outgoing gives one page of drafts, newest first, or of the register of outgoing documents: with Issued, or when it is asked by what
// only a numbered document has, in falling order of year, series and number. What is found by words comes in the order in which it was
// written or numbered. view.ErrNotFound for who may see none of the agency's work.
func (v *Views) Outgoing(ctx context.Context, oq view.OutgoingQuery) (page view.Page[view.OutgoingRow], err error) {
	err = v.ask(ctx, func(q *question) error {
		s, err := q.scopeOf(oq.Staff)
		if err != nil {
			return err
		}
		sp := q.speaker(s)
		l, err := q.outgoingListing(ctx, s, sp, &oq)
		if err != nil {
			return err
		}
		page, err = pageOf(ctx, q, l, oq.Cursor, clamp(oq.Limit, 50), func(t *target) (view.OutgoingRow, error) { return q.outgoingRow(ctx, sp, t) })
		if err != nil {
			return err
		}
		return q.countOutgoing(ctx, s, sp, oq, &page)
	})
	if err != nil {
		return view.Page[view.OutgoingRow]{}, err
	}
	return page, nil
}

func (q *question) outgoingListing(ctx context.Context, s *scope, sp *speaker, oq *view.OutgoingQuery) (*targetListing, error) {
	l := &targetListing{kind: targetOutgoing, scope: s, today: sp.today}
	if oq.Issued || oq.Valid || oq.Series != "" || oq.Year != 0 || oq.From != "" || oq.To != "" {
		l.kind = targetIssued
	}
	one := func(list uint8) { l.and = append(l.and, listKey{l.kind.class(list), 0}) }
	switch {
	case oq.Series != "" && oq.Year != 0:
		q.in(l, listBook, bookName(oq.Series, oq.Year))
	case oq.Series != "":
		q.in(l, listShelf, oq.Series)
	case oq.Year != 0:
		l.and = append(l.and, listKey{l.kind.class(listYear), uint64(max(oq.Year, 0))})
	}
	if oq.State != "" {
		i := slices.Index(outgoingStates[1:], oq.State)
		if i < 0 {
			return nil, fmt.Errorf("couldn't read state %q: %w", oq.State, view.ErrQuery)
		}
		l.and = append(l.and, listKey{l.kind.class(listState), uint64(i + 1)})
	}
	if oq.Open {
		one(listOpen)
	}
	if oq.Valid {
		one(listValid)
	}
	q.in(l, listAuthor, oq.Author)
	q.in(l, listAuthorUnit, oq.Unit)
	q.in(l, listType, Fold(oq.TypeName))
	q.in(l, listParty, oq.Recipient)
	if err := q.days(ctx, l, "t.body ->> '$.state.Issue.date'", oq.From, oq.To); err != nil {
		return nil, err
	}
	l.match.addWords(oq.Words)
	l.match.addNumber(foldNumber(oq.Number))
	return l, nil
}

// outgoingRow is the line of one outgoing document.
func (q *question) outgoingRow(ctx context.Context, sp *speaker, t *target) (view.OutgoingRow, error) {
	r := t.row.(*outgoingRow)
	s := &r.State
	w, err := t.outgoingWords()
	if err != nil {
		return view.OutgoingRow{}, err
	}
	row := view.OutgoingRow{
		ID: t.name, Document: s.Sent.Document, Series: s.Issue.Series, SeqNumber: s.Number, Year: s.Issue.Year, Number: w.Number, Date: s.Issue.Date,
		TypeName: typeNamed(Fold(s.Latest.Type)), Subject: w.Subject, Signer: sp.person(cmp.Or(s.Signed.For, s.Signed.Person, s.Latest.Signer)),
		Author: sp.person(s.Author()), Unit: sp.unit(s.Opened.Unit), ToPlaces: w.ToPlaces, KeptBy: w.KeptBy, Copies: s.Latest.Copies, Priority: s.Latest.Priority,
		State: outgoingStates[t.state], IssuedAt: s.SentAt, RefusedBy: len(r.Refused), Due: sp.deadline(t.due), Version: t.version, VersionsNo: s.Latest.Version,
		Relation: s.Latest.Relation, RelatedTo: s.Latest.RelatedTo,
	}
	if row.Series == "" {
		row.Series = s.Latest.Series
	}
	if c := s.Opened.Copy; c != nil {
		row.Copy = c.Form
	}
	switch unit, person := r.with(); {
	case unit != "" || person != "":
		row.With = sp.assignee(unit, person)
	}
	if r.void() {
		row.Void = cmp.Or(w.Void, "đã hủy")
	}
	if r.Destroyed {
		row.Destroyed = view.DestroyedByUnrecorded
	}
	for _, to := range s.Latest.Recipients {
		row.To = append(row.To, view.Party{Org: to.Org, Code: to.Code, Name: q.directory.name(to.Org, sp.now)})
	}
	if t.doc == 0 {
		return row, nil
	}
	d, err := q.documentByID(ctx, t.doc)
	if err != nil {
		return row, err
	}
	if words := q.destroyedBy(d); words != "" {
		row.Destroyed = words
	}
	deliveries, err := q.deliveries(ctx, d)
	if err != nil {
		return row, err
	}
	for _, v := range deliveries {
		if v.state == stateAcknowledged || v.state == stateForwarded {
			row.Received++
		}
		if q.text(v.status) == statusFinished {
			row.Finished++
		}
	}
	return row, nil
}

// statusFinished is the code by which a recipient says that its work is done.
const statusFinished = "06"

// with says with whom it lies: its author, or the step of its chain.
func (r *outgoingRow) with() (unit, person string) {
	switch r.State.Phase {
	case outgoing.PhaseDraft, outgoing.PhaseSentBack:
		return r.State.Opened.Unit, r.State.Author()
	case outgoing.PhaseSubmitted:
		step, _ := r.State.Step()
		return step.Unit, step.Person
	}
	return "", ""
}

// OutgoingDocument gives everything the page of one outgoing document shows. view.ErrNotFound for who may not see it.
func (v *Views) OutgoingDocument(ctx context.Context, s view.Staff, id string) (doc view.OutgoingDocument, err error) {
	err = v.ask(ctx, func(q *question) error {
		doc, err = q.outgoingDocument(ctx, s, id)
		return err
	})
	if err != nil {
		return view.OutgoingDocument{}, err
	}
	return doc, nil
}

func (q *question) outgoingDocument(ctx context.Context, who view.Staff, id string) (doc view.OutgoingDocument, err error) {
	s, err := q.scopeOf(who)
	if err != nil {
		return doc, err
	}
	t, err := q.targetFor(ctx, s, targetOutgoing, id)
	if err != nil {
		return doc, err
	}
	sp := q.speaker(s)
	if doc.Row, err = q.outgoingRow(ctx, sp, t); err != nil {
		return doc, err
	}
	doc.Version = t.version
	list, err := q.acts(ctx, t)
	if err != nil {
		return doc, err
	}
	if doc.Trail, err = sp.trail(list, nil); err != nil {
		return doc, err
	}
	r := t.row.(*outgoingRow)
	if doc.Versions, err = q.draftVersions(sp, list); err != nil {
		return doc, err
	}
	if doc.Chain, err = sp.chain(&r.State, list); err != nil {
		return doc, err
	}
	if err := q.followed(ctx, s, sp, t, &doc); err != nil {
		return doc, err
	}
	if doc.Related, err = q.relations(ctx, s, sp, t, doc.Related); err != nil {
		return doc, err
	}
	if doc.Dossiers, err = q.dossiersOf(ctx, s, sp, t); err != nil {
		return doc, err
	}
	doc.May, doc.Stands = stands(s, sp, func(st directory.Standing) []string {
		return outgoing.May(r.State, outgoing.By{At: s.now, Standing: st, Office: s.office})
	})
	return doc, nil
}

// draftVersions tells the versions of the text, latest first.
func (q *question) draftVersions(sp *speaker, list []events.Event) ([]view.DraftVersion, error) {
	var out []view.DraftVersion
	for _, e := range list {
		if e.Statement.Name != outgoing.NameRevised {
			continue
		}
		var d outgoing.Revised
		var f outgoing.RevisedFacts
		if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
			return nil, fmt.Errorf("couldn't read version at %d: %w", e.Position, err)
		}
		if e.Facts != nil {
			if err := json.Unmarshal(e.Facts, &f); err != nil {
				return nil, fmt.Errorf("couldn't read words of version at %d: %w", e.Position, err)
			}
		}
		v := view.DraftVersion{
			No: d.Version, At: e.Statement.Time, By: sp.person(cmp.Or(d.For, d.Person)), Note: f.Note, Type: typeNamed(Fold(d.Type)), Subject: f.Subject, Content: f.Content,
			ToPlaces: f.ToPlaces, Priority: d.Priority, DueDate: d.Due, Signer: sp.person(d.Signer), Competence: f.Competence, Series: d.Series, Place: f.Place,
			Pages: d.Pages, Copies: d.Copies, KeptBy: f.KeptBy, ReplyTo: d.ReplyTo, Dossier: d.Dossier, Relation: d.Relation, RelatedTo: d.RelatedTo, Extract: f.Extract,
		}
		if p := e.Statement.Package; p != nil {
			v.Package = hex.EncodeToString(p.SHA256[:])
		}
		for i, a := range f.Files {
			v.Files = append(v.Files, view.Attachment{Index: i, Name: a.Name, ContentType: a.ContentType, Description: a.Description, Size: a.Size})
		}
		for _, to := range d.Recipients {
			v.Recipients = append(v.Recipients, view.Party{Org: to.Org, Code: to.Code, Name: q.directory.name(to.Org, e.Statement.Time)})
		}
		for _, field := range f.Fields {
			v.Fields = append(v.Fields, [2]string{field.Name, field.Value})
		}
		out = append(out, v)
	}
	slices.Reverse(out)
	return out, nil
}

// States of a step of a chain, as package view has them.
const (
	stepWaiting  = "waiting"
	stepCurrent  = "current"
	stepApproved = "approved"
	stepSigned   = "signed"
	stepSentBack = "sent-back"
)

// chain tells the latest submission: who has acted at which step.
func (sp *speaker) chain(s *outgoing.State, list []events.Event) ([]view.ChainStep, error) {
	out := make([]view.ChainStep, 0, len(s.Chain.Steps))
	for _, step := range s.Chain.Steps {
		out = append(out, view.ChainStep{Role: step.Role, Unit: sp.unit(step.Unit), Person: sp.person(step.Person), Signs: step.Signs, State: stepWaiting})
	}
	begun := 0
	for i, e := range list {
		if e.Statement.Name == outgoing.NameSubmitted {
			begun = i
		}
	}
	states := map[string]string{outgoing.NameApproved: stepApproved, outgoing.NameSigned: stepSigned, outgoing.NameSentBack: stepSentBack}
	due := ""
	for _, e := range list[min(begun, len(list)):] {
		var d struct {
			Person, For, Due string
			Step             int
		}
		if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
			return nil, fmt.Errorf("couldn't read step at %d: %w", e.Position, err)
		}
		if state := states[e.Statement.Name]; state != "" && d.Step >= 1 && d.Step <= len(out) {
			var f actFacts
			if e.Facts != nil {
				if err := json.Unmarshal(e.Facts, &f); err != nil {
					return nil, fmt.Errorf("couldn't read words of step at %d: %w", e.Position, err)
				}
			}
			step := &out[d.Step-1]
			step.State, step.Person, step.At, step.Note = state, sp.person(cmp.Or(d.For, d.Person)), e.Statement.Time, f.text()
			step.Due = sp.kept(due, due != "" && directory.Day(e.Statement.Time) > due)
			due = d.Due
		} else if e.Statement.Name == outgoing.NameSubmitted {
			due = d.Due
		}
	}
	if _, ok := s.Step(); ok {
		out[s.Chain.Done].State, out[s.Chain.Done].Due = stepCurrent, sp.deadline(s.Chain.Due)
	}
	return out, nil
}

// followed is what recipients have done with what was sent; before that, who they are to be.
func (q *question) followed(ctx context.Context, s *scope, sp *speaker, t *target, doc *view.OutgoingDocument) error {
	if t.doc == 0 {
		for _, party := range doc.Row.To {
			doc.Recipients = append(doc.Recipients, view.RecipientState{Party: party})
		}
		return nil
	}
	d, err := q.documentByID(ctx, t.doc)
	if err != nil {
		return err
	}
	p, err := q.paper(ctx, d)
	if err != nil {
		return err
	}
	deliveries, err := q.deliveries(ctx, d)
	if err != nil {
		return err
	}
	all := access{any: true, full: true, mine: map[uint32]bool{t.org: true}}
	doc.Recipients = q.recipientStates(d, p, deliveries, all)
	if doc.Statuses, err = q.statuses(ctx, d, all); err != nil {
		return err
	}
	for i := range doc.Recipients { // why it came back, in the recipient's words
		to := &doc.Recipients[i]
		for _, st := range doc.Statuses {
			if st.From.Org == to.Org && st.Code == statusRefused && to.LastStatus == statusRefused {
				to.Reason = cmp.Or(to.Reason, st.Description)
			}
		}
	}
	entries, err := q.history(ctx, d)
	if err != nil {
		return err
	}
	r := reader{Reader: view.Reader{Now: s.now}, mine: map[uint32]bool{t.org: true}}
	if !s.all {
		r.only, r.mine = s, map[uint32]bool{}
	}
	doc.Related, err = q.related(ctx, &r, p, entries, all)
	return err
}

// Kinds of relations between an agency's own documents: those of its draft, and seen from the other side.
var relationKinds = map[string][2]string{
	outgoing.RelationUpdate: {"updates", "updated-by"}, outgoing.RelationReplace: {"replaces", "replaced-by"}, outgoing.RelationCorrection: {"corrects", "corrected-by"},
	"copy": {"copies", "copied-as"},
}

// relations adds to those that the exchange knows what the agency's own documents say of each other, as far as the asker may see it.
func (q *question) relations(ctx context.Context, s *scope, sp *speaker, t *target, out []view.Relation) ([]view.Relation, error) {
	add := func(kind string, k targetKind, name string) error {
		if name == "" {
			return nil
		}
		rel, err := q.relationTo(ctx, s, sp, kind, k, name)
		if err != nil || rel == nil {
			return err
		}
		for i := range out {
			if out[i].Kind == kind && (out[i].Document == rel.Document && rel.Document != "" || out[i].Target == rel.Target) {
				out[i].Target = rel.Target
				return nil
			}
		}
		out = append(out, *rel)
		return nil
	}
	st := &t.row.(*outgoingRow).State
	if err := add(relationKinds[st.Latest.Relation][0], targetOutgoing, st.Latest.RelatedTo); err != nil {
		return nil, err
	}
	if c := st.Opened.Copy; c != nil {
		if err := errors.Join(add("copies", targetIncoming, c.Incoming), add("copies", targetOutgoing, c.Outgoing)); err != nil {
			return nil, err
		}
	}
	for _, name := range st.Latest.ReplyTo {
		if err := add("replies-to", targetIncoming, name); err != nil {
			return nil, err
		}
	}
	others, err := q.places(ctx, "SELECT id FROM listed WHERE org = ? AND class = ? AND what = ? ORDER BY id LIMIT 200", t.org, targetOutgoing.class(listAbout), t.id)
	if err != nil {
		return nil, err
	}
	for _, id := range others {
		o := &target{}
		if err := scanTarget(q.conn.QueryRowContext(ctx, "SELECT "+targetColumns+" FROM target WHERE id = ?", id), o); err != nil {
			return nil, fmt.Errorf("couldn't load target %d: %w", id, err)
		}
		other := o.row.(*outgoingRow).State
		kind := relationKinds[other.Latest.Relation][1]
		if c := other.Opened.Copy; c != nil && c.Outgoing == t.name {
			kind = relationKinds["copy"][1]
		}
		if err := add(kind, targetOutgoing, o.name); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// relationTo is a relation to another target of the agency, nil if the asker may not see that one.
func (q *question) relationTo(ctx context.Context, s *scope, sp *speaker, kind string, k targetKind, name string) (*view.Relation, error) {
	t, err := q.targetFor(ctx, s, k, name)
	if errors.Is(err, view.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	rel := &view.Relation{Kind: kind, Org: s.office.Org, Target: view.Target{Kind: k.String(), ID: name}}
	if k == targetOutgoing {
		row, err := q.outgoingRow(ctx, sp, t)
		rel.Document, rel.Number = row.Document, row.Number
		return rel, err
	}
	row, err := q.incomingRow(ctx, sp, t)
	rel.Document, rel.Number, rel.Org = row.Document, row.Number, row.From.Org
	return rel, err
}
