package projections

import (
	"context"
	"errors"

	"github.com/tram-exchange/tram/internal/view"
)

// An agency's work as of a moment. By which duties somebody sees is a matter of today's directory already (Options.rights); which targets
// is asked of today's views too: a dossier that was closed then and is open now is no archivist's any more. Words that were destroyed
// since are not told.

var _ view.OfficeViews = (*pastViews)(nil)

// targetsToday says of each target whether the person may see it now, and whether its words are still there.
func (p *pastViews) targetsToday(ctx context.Context, s view.Staff, list []view.Target) (map[view.Target]standing, error) {
	out := make(map[view.Target]standing, len(list))
	if p.live == nil {
		for _, t := range list {
			out[t] = standing{visible: true}
		}
		return out, nil
	}
	err := p.live.ask(ctx, func(q *question) error {
		who, err := q.scopeOf(s)
		if err != nil {
			return err
		}
		sp := q.speaker(who)
		for _, of := range list {
			if _, known := out[of]; known {
				continue
			}
			t, err := q.targetFor(ctx, who, kindOf(of.Kind), of.ID)
			if errors.Is(err, view.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			destroyed, err := q.destroyedTarget(ctx, sp, t)
			if err != nil {
				return err
			}
			out[of] = standing{visible: true, destroyed: destroyed}
		}
		return nil
	})
	return out, err
}

// destroyedTarget is the decision under which the words of a target were destroyed, "" while they are there.
func (q *question) destroyedTarget(ctx context.Context, sp *speaker, t *target) (string, error) {
	switch t.kind {
	case targetIncoming:
		row, err := q.incomingRow(ctx, sp, t)
		return row.Destroyed, err
	case targetOutgoing:
		row, err := q.outgoingRow(ctx, sp, t)
		return row.Destroyed, err
	}
	row, err := sp.dossierRow(t)
	return row.Destroyed, err
}

// rowsOfToday leaves out of a page what the person may not see today, and the words that are destroyed by now.
func rowsOfToday[R any](ctx context.Context, p *pastViews, s view.Staff, page view.Page[R], of func(*R) view.Target, forget func(*R, string)) (view.Page[R], error) {
	list := make([]view.Target, len(page.Rows))
	for i := range page.Rows {
		list[i] = of(&page.Rows[i])
	}
	today, err := p.targetsToday(ctx, s, list)
	if err != nil {
		return view.Page[R]{}, err
	}
	rows := page.Rows[:0]
	for i := range page.Rows {
		now := today[list[i]]
		if !now.visible {
			page.Total = -1
			continue
		}
		if now.destroyed != "" {
			forget(&page.Rows[i], now.destroyed)
		}
		rows = append(rows, page.Rows[i])
	}
	page.Rows = rows
	return page, nil
}

// targetOfToday is the standing of one target; view.ErrNotFound if the person may not see it today.
func (p *pastViews) targetOfToday(ctx context.Context, s view.Staff, t view.Target) (standing, error) {
	today, err := p.targetsToday(ctx, s, []view.Target{t})
	if err != nil {
		return standing{}, err
	}
	if !today[t].visible {
		return standing{}, view.ErrNotFound
	}
	return today[t], nil
}

func forgetIncoming(r *view.IncomingRow, by string) {
	r.Number, r.Date, r.TypeName, r.Subject, r.Signer, r.Destroyed = "", "", "", "", "", by
	r.From.Name = ""
}

func forgetDossier(r *view.DossierRow, by string) { r.Title, r.Destroyed = "", by }

func forgetWork(w *view.WorkItem, _ string) {
	w.Number, w.TypeName, w.Subject, w.Party.Name = "", "", "", ""
}

func forgetTrail(list []view.Trail) {
	for i := range list {
		list[i].Text, list[i].Files = "", nil
	}
}

// Incoming is that of Views, as of today's rights.
func (p *pastViews) Incoming(ctx context.Context, q view.IncomingQuery) (view.Page[view.IncomingRow], error) {
	page, err := p.Views.Incoming(ctx, q)
	if err != nil {
		return page, err
	}
	return rowsOfToday(ctx, p, q.Staff, page, func(r *view.IncomingRow) view.Target {
		return view.Target{Kind: targetIncoming.String(), ID: r.ID}
	}, forgetIncoming)
}

// IncomingDocument is that of Views, as of today's rights. Nothing can be done in the past.
func (p *pastViews) IncomingDocument(ctx context.Context, s view.Staff, id string) (view.IncomingDocument, error) {
	now, err := p.targetOfToday(ctx, s, view.Target{Kind: targetIncoming.String(), ID: id})
	if err != nil {
		return view.IncomingDocument{}, err
	}
	doc, err := p.Views.IncomingDocument(ctx, s, id)
	if err != nil {
		return view.IncomingDocument{}, err
	}
	doc.May, doc.Stands = nil, nil
	dossiers, err := p.dossiersOfToday(ctx, s, view.Page[view.DossierRow]{Rows: doc.Dossiers})
	if err != nil {
		return view.IncomingDocument{}, err
	}
	doc.Dossiers = dossiers.Rows
	replies, err := p.outgoingOfToday(ctx, s, view.Page[view.OutgoingRow]{Rows: doc.Replies})
	if err != nil {
		return view.IncomingDocument{}, err
	}
	if doc.Replies = replies.Rows; now.destroyed != "" {
		forgetIncoming(&doc.Row, now.destroyed)
		forgetTrail(doc.Trail)
		doc.Opinion, doc.Files = "", nil
	}
	return doc, nil
}

func (p *pastViews) dossiersOfToday(ctx context.Context, s view.Staff, page view.Page[view.DossierRow]) (view.Page[view.DossierRow], error) {
	return rowsOfToday(ctx, p, s, page, func(r *view.DossierRow) view.Target { return view.Target{Kind: targetDossier.String(), ID: r.ID} }, forgetDossier)
}

// Dossiers is that of Views, as of today's rights.
func (p *pastViews) Dossiers(ctx context.Context, q view.DossierQuery) (view.Page[view.DossierRow], error) {
	page, err := p.Views.Dossiers(ctx, q)
	if err != nil {
		return page, err
	}
	return p.dossiersOfToday(ctx, q.Staff, page)
}

// Dossier is that of Views, as of today's rights.
func (p *pastViews) Dossier(ctx context.Context, s view.Staff, id string) (view.Dossier, error) {
	now, err := p.targetOfToday(ctx, s, view.Target{Kind: targetDossier.String(), ID: id})
	if err != nil {
		return view.Dossier{}, err
	}
	d, err := p.Views.Dossier(ctx, s, id)
	if err != nil {
		return view.Dossier{}, err
	}
	d.May, d.Stands = nil, nil
	var list []view.Target
	for _, it := range d.Items {
		list = append(list, it.Target)
	}
	today, err := p.targetsToday(ctx, s, list)
	if err != nil {
		return view.Dossier{}, err
	}
	for i := range d.Items {
		it := &d.Items[i]
		if it.Target.ID == "" {
			continue
		}
		switch of := today[it.Target]; {
		case !of.visible:
			*it = view.DossierItem{No: it.No, AddedAt: it.AddedAt, By: it.By}
		case of.destroyed != "":
			it.Number, it.Date, it.TypeName, it.Subject, it.Author.Name, it.Note = "", "", "", "", "", ""
		}
	}
	if now.destroyed != "" {
		forgetDossier(&d.Row, now.destroyed)
		forgetTrail(d.Trail)
	}
	return d, nil
}

// Work is that of Views, as of today's rights.
func (p *pastViews) Work(ctx context.Context, q view.WorkQuery) (view.Page[view.WorkItem], error) {
	page, err := p.Views.Work(ctx, q)
	if err != nil {
		return page, err
	}
	return rowsOfToday(ctx, p, q.Staff, page, func(w *view.WorkItem) view.Target { return w.Target }, forgetWork)
}

// Readings is that of Views, as of today's rights.
func (p *pastViews) Readings(ctx context.Context, s view.Staff, t view.Target, limit int) ([]view.Reading, error) {
	if _, err := p.targetOfToday(ctx, s, t); err != nil {
		return nil, err
	}
	return p.Views.Readings(ctx, s, t, limit)
}

func forgetOutgoing(r *view.OutgoingRow, by string) {
	*r = view.OutgoingRow{ID: r.ID, Document: r.Document, Series: r.Series, SeqNumber: r.SeqNumber, Year: r.Year, State: r.State, Version: r.Version, Destroyed: by}
}

// Outgoing is that of Views, as of today's rights.
func (p *pastViews) Outgoing(ctx context.Context, q view.OutgoingQuery) (view.Page[view.OutgoingRow], error) {
	page, err := p.Views.Outgoing(ctx, q)
	if err != nil {
		return page, err
	}
	return p.outgoingOfToday(ctx, q.Staff, page)
}

func (p *pastViews) outgoingOfToday(ctx context.Context, s view.Staff, page view.Page[view.OutgoingRow]) (view.Page[view.OutgoingRow], error) {
	return rowsOfToday(ctx, p, s, page, func(r *view.OutgoingRow) view.Target { return view.Target{Kind: targetOutgoing.String(), ID: r.ID} }, forgetOutgoing)
}

// OutgoingDocument is that of Views, as of today's rights. Nothing can be done in the past.
func (p *pastViews) OutgoingDocument(ctx context.Context, s view.Staff, id string) (view.OutgoingDocument, error) {
	now, err := p.targetOfToday(ctx, s, view.Target{Kind: targetOutgoing.String(), ID: id})
	if err != nil {
		return view.OutgoingDocument{}, err
	}
	doc, err := p.Views.OutgoingDocument(ctx, s, id)
	if err != nil {
		return view.OutgoingDocument{}, err
	}
	doc.May, doc.Stands = nil, nil
	dossiers, err := p.dossiersOfToday(ctx, s, view.Page[view.DossierRow]{Rows: doc.Dossiers})
	if err != nil {
		return view.OutgoingDocument{}, err
	}
	if doc.Dossiers = dossiers.Rows; now.destroyed != "" {
		forgetOutgoing(&doc.Row, now.destroyed)
		forgetTrail(doc.Trail)
		doc.Versions, doc.Related = nil, nil
		for i := range doc.Chain {
			doc.Chain[i].Note = ""
		}
	}
	return doc, nil
}

// Notes is that of Views, of what the person may see today.
func (p *pastViews) Notes(ctx context.Context, s view.Staff, after uint64, limit int) ([]view.Note, error) {
	list, err := p.Views.Notes(ctx, s, after, limit)
	if err != nil {
		return nil, err
	}
	page, err := rowsOfToday(ctx, p, s, view.Page[view.Note]{Rows: list}, func(n *view.Note) view.Target { return n.Target }, func(*view.Note, string) {})
	return page.Rows, err
}
