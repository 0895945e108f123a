package projections

import (
	"context"
	"errors"

	"github.com/tram-exchange/tram/internal/view"
)

// pastViews answer as of a moment and judge who may read as of today: see view.PastViews.
type pastViews struct {
	*Views
	live  *Views // nil: nobody judges
	close func() error
}

var _ view.PastViews = (*pastViews)(nil)

// Close gives the database back; it stays for the next question.
func (p *pastViews) Close() error { return p.close() }

// today says of each document whether the reader may see it now, and whether its words are still there.
func (p *pastViews) today(ctx context.Context, r view.Reader, keys ...string) (map[string]standing, error) {
	if p.live == nil {
		out := make(map[string]standing, len(keys))
		for _, k := range keys {
			out[k] = standing{visible: true}
		}
		return out, nil
	}
	return p.live.standings(ctx, r, keys)
}

// standing is what today's views say of a document.
type standing struct {
	visible   bool
	destroyed string // the decision, "" while its words are there
}

func (v *Views) standings(ctx context.Context, r view.Reader, keys []string) (map[string]standing, error) {
	out := make(map[string]standing, len(keys))
	err := v.ask(ctx, func(q *question) error {
		who := q.reader(r)
		for _, k := range keys {
			d, err := q.document(ctx, k)
			if errors.Is(err, view.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			a, err := q.access(ctx, &who, d)
			if err != nil {
				return err
			}
			s := standing{visible: a.any, destroyed: q.destroyedBy(d)}
			out[k] = s
		}
		return nil
	})
	return out, err
}

// Register implements view.Views. Rows of documents that the reader may not see today are left out, so a page may be shorter.
func (p *pastViews) Register(ctx context.Context, rq view.RegisterQuery) (view.Page[view.RegisterRow], error) {
	page, err := p.Views.Register(ctx, rq)
	if errors.Is(err, view.ErrNotFound) && p.live != nil {
		// An agency that the log had not heard of then has an empty register, for those who may see it now.
		now := rq
		now.Cursor, now.Limit = "", 1
		if _, err := p.live.Register(ctx, now); err != nil {
			return page, err
		}
		return view.Page[view.RegisterRow]{AsOf: p.Position()}, nil
	}
	if err != nil || len(page.Rows) == 0 {
		return page, err
	}
	return p.asOfToday(ctx, rq.Reader, page)
}

// Search implements view.Views, as Register does.
func (p *pastViews) Search(ctx context.Context, sq view.SearchQuery) (view.Page[view.RegisterRow], error) {
	page, err := p.Views.Search(ctx, sq)
	if err != nil || len(page.Rows) == 0 {
		return page, err
	}
	return p.asOfToday(ctx, sq.Reader, page)
}

// asOfToday leaves out what the reader may not see today, and the words that are destroyed by now.
func (p *pastViews) asOfToday(ctx context.Context, r view.Reader, page view.Page[view.RegisterRow]) (view.Page[view.RegisterRow], error) {
	keys := make([]string, len(page.Rows))
	for i := range page.Rows {
		keys[i] = page.Rows[i].Document
	}
	today, err := p.today(ctx, r, keys...)
	if err != nil {
		return view.Page[view.RegisterRow]{}, err
	}
	rows := page.Rows[:0]
	for _, row := range page.Rows {
		s := today[row.Document]
		if !s.visible {
			page.Total = -1
			continue
		}
		if s.destroyed != "" {
			forget(&row, s.destroyed)
		}
		rows = append(rows, row)
	}
	page.Rows = rows
	return page, nil
}

// forget takes away the words of a document that were destroyed after the moment.
func forget(row *view.RegisterRow, by string) {
	row.Number, row.Date, row.TypeName, row.Subject, row.Signer, row.Copies, row.Attachments = "", "", "", "", "", "", 0
	row.From.Name = ""
	for i := range row.To {
		row.To[i].Name = ""
	}
	row.Destroyed = by
}

// Document implements view.Views.
func (p *pastViews) Document(ctx context.Context, r view.Reader, key string) (view.Document, error) {
	today, err := p.today(ctx, r, key)
	if err != nil {
		return view.Document{}, err
	}
	s := today[key]
	if !s.visible {
		return view.Document{}, view.ErrNotFound
	}
	d, err := p.Views.Document(ctx, r, key)
	if err != nil || s.destroyed == "" {
		return d, err
	}
	forget(&d.Row, s.destroyed)
	d.DocumentID, d.DueDate, d.Place, d.Content, d.ToPlaces, d.Attachments, d.Related = "", "", "", "", nil, nil, nil
	for i := range d.Statuses {
		d.Statuses[i].Description, d.Statuses[i].Staff = "", ""
	}
	return d, nil
}

// NotTaken implements view.Views.
func (p *pastViews) NotTaken(ctx context.Context, r view.Reader, org string, limit int) ([]view.Pending, error) {
	list, err := p.Views.NotTaken(ctx, r, org, limit)
	if err != nil || len(list) == 0 {
		return list, err
	}
	keys := make([]string, len(list))
	for i := range list {
		keys[i] = list[i].Document
	}
	today, err := p.today(ctx, r, keys...)
	if err != nil {
		return nil, err
	}
	out := list[:0]
	for _, one := range list {
		s := today[one.Document]
		if !s.visible {
			continue
		}
		if s.destroyed != "" {
			one.Number, one.Subject, one.From.Name, one.To.Name = "", "", "", ""
		}
		out = append(out, one)
	}
	return out, nil
}

// MayRead implements view.Views: both then and now.
func (p *pastViews) MayRead(ctx context.Context, r view.Reader, packageSHA256 string) (string, error) {
	if p.live != nil {
		if _, err := p.live.MayRead(ctx, r, packageSHA256); err != nil {
			return "", err
		}
	}
	return p.Views.MayRead(ctx, r, packageSHA256)
}
