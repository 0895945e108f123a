package projections

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/internal/view"
)

// Incoming gives one page of arrivals and of the register of incoming documents, newest first (see view.OfficeViews). Found by the
// arrival number come first. view.ErrNotFound for who may see none of the agency's work.
func (v *Views) Incoming(ctx context.Context, iq view.IncomingQuery) (page view.Page[view.IncomingRow], err error) {
	err = v.ask(ctx, func(q *question) error {
		page, err = q.incoming(ctx, iq)
		return err
	})
	if err != nil {
		return view.Page[view.IncomingRow]{}, err
	}
	return page, nil
}

func (q *question) incoming(ctx context.Context, iq view.IncomingQuery) (view.Page[view.IncomingRow], error) {
	s, err := q.scopeOf(iq.Staff)
	if err != nil {
		return view.Page[view.IncomingRow]{}, err
	}
	sp := q.speaker(s)
	l, err := q.incomingListing(ctx, s, sp, &iq)
	if err != nil {
		return view.Page[view.IncomingRow]{}, err
	}
	row := func(t *target) (view.IncomingRow, error) { return q.incomingRow(ctx, sp, t) }
	page, err := pageOf(ctx, q, l, iq.Cursor, clamp(iq.Limit, 50), row)
	if err != nil {
		return page, err
	}
	if err := q.countIncoming(ctx, s, sp, iq, &page); err != nil {
		return page, err
	}
	n, err := strconv.ParseUint(iq.Number, 10, 32)
	if err != nil || n == 0 {
		return page, nil
	}
	return page, q.numberedFirst(ctx, l, &page, n, iq.Cursor == "", row)
}

// numberedFirst puts the documents with an arrival number before what was found by number and notation.
func (q *question) numberedFirst(ctx context.Context, l *targetListing, page *view.Page[view.IncomingRow], n uint64, first bool, row func(*target) (view.IncomingRow, error)) error {
	page.Rows = slices.DeleteFunc(page.Rows, func(r view.IncomingRow) bool { return uint64(r.ArrivalNumber) == n })
	if !first {
		return nil
	}
	plain := *l
	if len(l.match) > len(l.numberParts) {
		return nil // words were asked for beside the number
	}
	// Everything but the number and notation, which is the last condition.
	plain.match, plain.byWords, plain.conds, plain.args = nil, false, l.conds[:len(l.conds)-1], l.args[:len(l.args)-2]
	var ids []uint64
	for _, org := range l.scope.orgs {
		list, err := q.places(ctx, "SELECT id FROM target INDEXED BY target_number WHERE org = ? AND kind = ? AND number = ? AND number <> 0 ORDER BY id DESC LIMIT 200", org, l.kind, n)
		if err != nil {
			return err
		}
		ids = append(ids, list...)
	}
	hits, err := q.checked(ctx, &plain, q.checks(&plain), ids)
	if err != nil {
		return err
	}
	var rows []view.IncomingRow
	for _, h := range hits {
		r, err := row(h.t)
		if err != nil {
			return err
		}
		rows = append(rows, r)
	}
	page.Rows = append(rows, page.Rows...)
	if page.Total >= 0 {
		page.Total = max(page.Total, len(page.Rows))
	}
	return nil
}

func (q *question) incomingListing(ctx context.Context, s *scope, sp *speaker, iq *view.IncomingQuery) (*targetListing, error) {
	l := &targetListing{kind: targetIncoming, scope: s, today: sp.today, late: iq.Late}
	class := l.kind.class
	switch {
	case iq.Register != "" && iq.Year != 0:
		q.in(l, listBook, bookName(iq.Register, iq.Year))
	case iq.Register != "":
		q.in(l, listShelf, iq.Register)
	case iq.Year != 0:
		l.and = append(l.and, listKey{class(listYear), uint64(max(iq.Year, 0))})
	}
	if iq.State != "" {
		i := slices.Index(incomingStates[1:], iq.State)
		if i < 0 {
			return nil, fmt.Errorf("couldn't read state %q: %w", iq.State, view.ErrQuery)
		}
		l.and = append(l.and, listKey{class(listState), uint64(i + 1)})
	}
	if iq.Open {
		var open []listKey
		for state := incomingArrived; state <= incomingHandling; state++ {
			open = append(open, listKey{class(listState), uint64(state)})
		}
		l.any = append(l.any, open)
	}
	if iq.Unit != "" {
		var units []listKey
		for i := range s.office.Units {
			if u := s.office.Units[i].ID; s.office.Within(u, iq.Unit) {
				units = append(units, listKey{class(listWithUnit), q.listWhat(u)})
			}
		}
		l.any, l.overlap = append(l.any, units), true
	}
	q.in(l, listWith, iq.Person)
	q.in(l, listParty, iq.Correspondent)
	q.in(l, listType, Fold(iq.TypeName))
	switch iq.Channel {
	case "":
	case channelExchange:
		l.cond("t.doc <> 0")
	default:
		q.in(l, listChannel, iq.Channel)
	}
	if err := q.days(ctx, l, "t.body ->> '$.day'", iq.From, iq.To); err != nil {
		return nil, err
	}
	if err := q.figure(l, iq); err != nil {
		return nil, err
	}
	l.match.addWords(iq.Words)
	words := len(l.match)
	if number := foldNumber(iq.Number); number != "" {
		l.match.addNumber(number)
		// Three characters here and three there are no number: what was found is compared once more.
		l.cond("CASE WHEN t.doc <> 0 THEN EXISTS (SELECT 1 FROM doc WHERE doc.id = t.doc AND instr(doc.number, ?) > 0) ELSE instr(t.facts ->> '$.folded', ?) > 0 END", number, number)
	}
	l.numberParts = l.match[words:]
	return l, nil
}

// channelExchange is the channel of what came through the exchange.
const channelExchange = "exchange"

// incomingRow is the line of one incoming document.
func (q *question) incomingRow(ctx context.Context, sp *speaker, t *target) (view.IncomingRow, error) {
	r := t.row.(*incomingRow)
	s := &r.State
	row := view.IncomingRow{
		ID: t.name, Channel: channelExchange, Register: s.Register, ArrivalNumber: s.Number, Year: s.Year, ArrivedAt: fromMicros(r.At),
		RegisteredAt: fromMicros(r.Register), PassedAt: fromMicros(r.Measured.Passed), Date: r.Date, From: view.Party{Org: r.From}, Priority: r.priority(), State: incomingStates[t.state],
		InCharge: sp.assignee(s.Assignment.InCharge.Unit, s.Assignment.InCharge.Person), Cooperating: sp.assignees(s.Assignment.Cooperating), Version: t.version,
	}
	if s.Phase == incoming.PhasePresented {
		row.InCharge = sp.assignee("", s.Presented)
	}
	if row.Due = sp.deadline(t.due); r.Done != 0 {
		row.Due, row.FinishedAt = sp.kept(s.Due, r.DoneLate), fromMicros(r.Done)
	}
	var err error
	if n := len(s.Replies); n > 0 {
		if row.Reply, err = q.replyNumber(ctx, t, s.Replies[n-1]); err != nil {
			return row, err
		}
	}
	if t.doc == 0 {
		row.Channel = s.Channel
		var w incomingWords
		if t.facts != nil {
			if err := json.Unmarshal(t.facts, &w); err != nil {
				return row, fmt.Errorf("couldn't read words of target %d: %w", t.id, err)
			}
		}
		row.Number, row.TypeName, row.Subject, row.Signer = w.Number, w.TypeName, w.Subject, w.Signer
		row.From.Code, row.From.Name = w.Code, w.From
		if r.Destroyed {
			row.Destroyed, row.Date = view.DestroyedByUnrecorded, ""
		}
		return row, nil
	}
	return row, q.exchanged(ctx, t, &row)
}

// exchanged fills in what the document of the exchange says of itself.
func (q *question) exchanged(ctx context.Context, t *target, row *view.IncomingRow) error {
	d, err := q.documentByID(ctx, t.doc)
	if err != nil {
		return err
	}
	p, err := q.paper(ctx, d)
	if err != nil {
		return err
	}
	f := &p.facts
	row.Document = hex.EncodeToString(d.key[:])
	row.Number, row.Date, row.TypeName, row.Subject = codeOf(f), f.PromulgationDate, f.TypeName, f.Subject
	if f.Signer != nil {
		row.Signer = f.Signer.Name
	}
	row.From, row.Destroyed = q.sender(d, p), q.destroyedBy(d)
	v, err := q.deliveryTo(ctx, d, t.org)
	if err != nil {
		return err
	}
	row.Note, err = q.note(ctx, &reader{mine: map[uint32]bool{t.org: true}}, d, v)
	return err
}

// replyNumber is number and notation of a reply, "" while it has none.
func (q *question) replyNumber(ctx context.Context, t *target, r incoming.Reply) (string, error) {
	if r.Outgoing != "" {
		out, err := q.target(ctx, targetOutgoing, q.text(t.org), r.Outgoing)
		if errors.Is(err, view.ErrNotFound) {
			return "", nil
		}
		if err != nil || out.facts == nil {
			return "", err
		}
		var w struct {
			Number string `json:"number"`
		}
		if err := json.Unmarshal(out.facts, &w); err != nil {
			return "", fmt.Errorf("couldn't read words of target %d: %w", out.id, err)
		}
		return w.Number, nil
	}
	d, err := q.document(ctx, r.Document)
	if errors.Is(err, view.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	p, err := q.paper(ctx, d)
	if err != nil {
		return "", err
	}
	return codeOf(&p.facts), nil
}

// IncomingDocument gives everything the page of one incoming document shows beside Document. view.ErrNotFound for who may not see it.
func (v *Views) IncomingDocument(ctx context.Context, s view.Staff, id string) (doc view.IncomingDocument, err error) {
	err = v.ask(ctx, func(q *question) error {
		doc, err = q.incomingDocument(ctx, s, id)
		return err
	})
	if err != nil {
		return view.IncomingDocument{}, err
	}
	return doc, nil
}

func (q *question) incomingDocument(ctx context.Context, who view.Staff, id string) (doc view.IncomingDocument, err error) {
	s, err := q.scopeOf(who)
	if err != nil {
		return doc, err
	}
	t, err := q.targetFor(ctx, s, targetIncoming, id)
	if err != nil {
		return doc, err
	}
	sp := q.speaker(s)
	if doc.Row, err = q.incomingRow(ctx, sp, t); err != nil {
		return doc, err
	}
	doc.Version, doc.Asked = t.version, t.row.(*incomingRow).Asked != 0 && t.state != incomingWithdrawn
	list, err := q.acts(ctx, t)
	if err != nil {
		return doc, err
	}
	if doc.Trail, err = sp.trail(list, nil); err != nil {
		return doc, err
	}
	r := t.row.(*incomingRow)
	if t.doc != 0 {
		arrived := view.Trail{Position: t.id, At: fromMicros(r.At), Name: delivery.NameOffered}
		doc.Trail = append([]view.Trail{arrived}, doc.Trail...)
	}
	for i := range doc.Trail {
		if line := &doc.Trail[i]; line.Name == incoming.NameAssigned {
			doc.Opinion = line.Text
		} else if line.Name == incoming.NamePaperEntered {
			doc.Files, doc.Package = line.Files, line.Package
		}
	}
	if doc.Dossiers, err = q.dossiersOf(ctx, s, sp, t); err != nil {
		return doc, err
	}
	if doc.Replies, err = q.replies(ctx, s, sp, t); err != nil {
		return doc, err
	}
	x := r.exchange(t, doc.Row.Document)
	doc.May, doc.Stands = stands(s, sp, func(st directory.Standing) []string { return incoming.May(r.State, st, x) })
	return doc, nil
}

// exchange is what the deciders ask of a document's own stream, as far as the views know it; nil for what came another way.
func (r *incomingRow) exchange(t *target, documentKey string) *incoming.Exchange {
	if t.doc == 0 {
		return nil
	}
	x := &incoming.Exchange{Document: documentKey, Priority: r.Priority, Arrived: fromMicros(r.At)}
	switch {
	case r.Asked != 0:
		x.Back = incoming.BackAsked
	case r.Given || r.Gone:
		x.Back = incoming.BackGiven
	}
	return x
}

// replies are the agency's documents that answer it, as far as the asker may see them.
func (q *question) replies(ctx context.Context, s *scope, sp *speaker, t *target) ([]view.OutgoingRow, error) {
	var out []view.OutgoingRow
	for _, r := range t.row.(*incomingRow).State.Replies {
		reply, err := q.replyTarget(ctx, t, r)
		if err != nil {
			return nil, err
		}
		if reply == nil {
			continue
		}
		ok, err := q.seesTarget(ctx, s, reply)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		row, err := q.outgoingRow(ctx, sp, reply)
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, nil
}

// replyTarget is the outgoing document of a reply, nil if no view knows it.
func (q *question) replyTarget(ctx context.Context, t *target, r incoming.Reply) (*target, error) {
	if r.Outgoing != "" {
		reply, err := q.target(ctx, targetOutgoing, q.text(t.org), r.Outgoing)
		if errors.Is(err, view.ErrNotFound) {
			return nil, nil
		}
		return reply, err
	}
	d, err := q.document(ctx, r.Document)
	if errors.Is(err, view.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list, err := q.targetsOf(ctx, d.id, targetOutgoing)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

// targetsOf are the targets of a kind whose document of the exchange this is.
func (q *question) targetsOf(ctx context.Context, doc uint64, kind targetKind) ([]*target, error) {
	if doc > math.MaxInt64 {
		return nil, nil
	}
	var out []*target
	err := eachRow(ctx, q.conn, "SELECT "+targetColumns+" FROM target INDEXED BY target_doc WHERE doc = ? AND doc <> 0 AND kind = ? ORDER BY id", []any{doc, kind}, func(rows *sql.Rows) error {
		t := &target{}
		out = append(out, t)
		return scanTarget(rows, t)
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't load targets: %w", err)
	}
	return out, nil
}
