package projections

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/internal/view"
)

// Dossiers gives one page of dossiers, newest first. view.ErrNotFound for who may see none of the agency's work.
func (v *Views) Dossiers(ctx context.Context, dq view.DossierQuery) (page view.Page[view.DossierRow], err error) {
	err = v.ask(ctx, func(q *question) error {
		s, err := q.scopeOf(dq.Staff)
		if err != nil {
			return err
		}
		sp := q.speaker(s)
		l := &targetListing{kind: targetDossier, scope: s, today: sp.today, late: dq.Late}
		if dq.State != "" {
			i := slices.Index(dossierStates[1:], dq.State)
			if i < 0 {
				return fmt.Errorf("couldn't read state %q: %w", dq.State, view.ErrQuery)
			}
			l.and = append(l.and, listKey{l.kind.class(listState), uint64(i + 1)})
		}
		q.in(l, listShelf, dq.FilePlan)
		q.in(l, listAuthor, dq.InCharge)
		if dq.Year != 0 {
			l.and = append(l.and, listKey{l.kind.class(listYear), uint64(max(dq.Year, 0))})
		}
		l.match.addWords(dq.Words)
		page, err = pageOf(ctx, q, l, dq.Cursor, clamp(dq.Limit, 50), sp.dossierRow)
		return err
	})
	if err != nil {
		return view.Page[view.DossierRow]{}, err
	}
	return page, nil
}

// dossierRow is the line of one dossier.
func (sp *speaker) dossierRow(t *target) (view.DossierRow, error) {
	r := t.row.(*dossierRow)
	row := view.DossierRow{
		ID: t.name, Code: r.code(), FilePlan: r.FilePlan, Retention: sp.retention(r.Retention), InCharge: sp.person(r.InCharge), Unit: sp.unit(r.Unit),
		OpenedAt: fromMicros(r.Opened), ClosedAt: fromMicros(r.Closed), Due: sp.deadline(t.due), State: dossierStates[t.state], Items: r.Items,
		OpenTasks: len(r.Tasks), Version: t.version,
	}
	if r.Closed != 0 {
		row.Due = sp.kept(r.Due, r.Late)
	}
	if r.Destroyed {
		row.Destroyed = view.DestroyedByUnrecorded
	}
	var w dossierWords
	if t.facts != nil {
		if err := json.Unmarshal(t.facts, &w); err != nil {
			return row, fmt.Errorf("couldn't read words of target %d: %w", t.id, err)
		}
	}
	row.Title = w.Title
	return row, nil
}

// retention in words: its name, or how long it is.
func (sp *speaker) retention(id string) string {
	if sp.office == nil {
		return id
	}
	r, ok := sp.office.Retention(id)
	switch {
	case !ok:
		return id
	case r.Name != "":
		return r.Name
	case r.Years == 0:
		return "Vĩnh viễn"
	}
	return fmt.Sprintf("%d năm", r.Years)
}

// dossiersOf are the dossiers that hold a target, as far as the asker may see them.
func (q *question) dossiersOf(ctx context.Context, s *scope, sp *speaker, t *target) ([]view.DossierRow, error) {
	var list []*target
	err := eachRow(ctx, q.conn, "SELECT DISTINCT d.id, d.kind, d.org, d.name, d.doc, d.state, d.version, d.number, d.due, d.words, d.body, d.facts"+
		" FROM holding h INDEXED BY holding_target CROSS JOIN target d ON d.id = h.dossier WHERE h.target = ? ORDER BY d.id LIMIT 200", []any{t.id}, func(rows *sql.Rows) error {
		d := &target{}
		list = append(list, d)
		return scanTarget(rows, d)
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't load dossiers: %w", err)
	}
	var out []view.DossierRow
	for _, d := range list {
		ok, err := q.seesTarget(ctx, s, d)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		row, err := sp.dossierRow(d)
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, nil
}

// Dossier gives everything the page of one dossier shows. Of what lies in it and the asker may not see, only number, day and who put it
// in are told. view.ErrNotFound for who may not see the dossier.
func (v *Views) Dossier(ctx context.Context, s view.Staff, id string) (d view.Dossier, err error) {
	err = v.ask(ctx, func(q *question) error {
		d, err = q.dossier(ctx, s, id)
		return err
	})
	if err != nil {
		return view.Dossier{}, err
	}
	return d, nil
}

// dossierPage is a dossier's page in the making.
type dossierPage struct {
	view.Dossier
	q      *question
	scope  *scope
	sp     *speaker
	t      *target
	hidden map[uint64]bool // events of items that the asker may not see
}

func (q *question) dossier(ctx context.Context, who view.Staff, id string) (view.Dossier, error) {
	s, err := q.scopeOf(who)
	if err != nil {
		return view.Dossier{}, err
	}
	t, err := q.targetFor(ctx, s, targetDossier, id)
	if err != nil {
		return view.Dossier{}, err
	}
	p := &dossierPage{q: q, scope: s, sp: q.speaker(s), t: t, hidden: map[uint64]bool{}}
	if p.Row, err = p.sp.dossierRow(t); err != nil {
		return view.Dossier{}, err
	}
	p.Version = t.version
	list, err := q.acts(ctx, t)
	if err != nil {
		return view.Dossier{}, err
	}
	var state dossier.State
	for i := range list {
		if state, err = dossier.Fold(state, list[i]); err != nil {
			return view.Dossier{}, err
		}
		if err := p.event(ctx, &list[i]); err != nil {
			return view.Dossier{}, fmt.Errorf("couldn't read act %d: %w", list[i].Position, err)
		}
	}
	if p.Trail, err = p.sp.trail(list, func(e events.Event) bool { return !p.hidden[e.Position] }); err != nil {
		return view.Dossier{}, err
	}
	for i := range p.Trail {
		if p.hidden[p.Trail[i].Position] {
			p.Trail[i].Detail, p.Trail[i].Package = nil, ""
		}
	}
	p.May, p.Stands = stands(s, p.sp, func(st directory.Standing) []string { return dossier.May(state, st) })
	return p.Dossier, nil
}

// event takes from one act what the lists of the page show.
func (p *dossierPage) event(ctx context.Context, e *events.Event) error {
	at := e.Statement.Time
	d := &decoded{Event: *e}
	switch e.Statement.Name {
	case dossier.NameItemAdded:
		return folding(d, func(d dossier.ItemAdded) error { return p.item(ctx, e, d) })
	case dossier.NameItemRemoved:
		return folding(d, func(d dossier.ItemRemoved) error {
			i := slices.IndexFunc(p.Items, func(it view.DossierItem) bool { return it.No == int(d.Item) })
			if i < 0 {
				return nil
			}
			p.Items[i].Removed = "—" // the words were destroyed, or are not the asker's to read
			if p.hidden[e.Position] = !p.Items[i].Visible; p.hidden[e.Position] {
				return nil
			}
			f, err := actWords(e)
			if f.Reason != "" {
				p.Items[i].Removed = f.Reason
			}
			return err
		})
	case dossier.NameTaskGiven:
		return folding(d, func(d dossier.TaskGiven) error {
			f, err := actWords(e)
			p.Tasks = append(p.Tasks, view.Task{
				ID: d.Task, To: p.sp.assignee(d.To.Unit, d.To.Person), By: p.sp.person(inPlace(d.Person, d.For)), Text: f.Text, Due: p.sp.deadline(d.Due),
			})
			return err
		})
	case dossier.NameTaskFinished:
		return folding(d, func(d dossier.TaskFinished) error {
			i := slices.IndexFunc(p.Tasks, func(t view.Task) bool { return t.ID == d.Task })
			if i < 0 {
				return nil
			}
			f, err := actWords(e)
			t := &p.Tasks[i]
			t.Done, t.DoneAt, t.Result, t.Due = true, at, f.Result, p.sp.kept(t.Due.Day, d.Late)
			return err
		})
	case dossier.NameDecisionRecorded:
		return folding(d, func(d dossier.DecisionRecorded) error { return p.decision(ctx, e, d) })
	}
	return nil
}

func actWords(e *events.Event) (f actFacts, err error) {
	if e.Facts != nil {
		err = json.Unmarshal(e.Facts, &f)
	}
	return f, err
}

func (p *dossierPage) item(ctx context.Context, e *events.Event, d dossier.ItemAdded) error {
	item := view.DossierItem{No: int(d.Item), AddedAt: e.Statement.Time, By: p.sp.person(inPlace(d.Person, d.For))}
	defer func() { p.Items = append(p.Items, item) }()
	f, err := actWords(e)
	if err != nil {
		return err
	}
	if d.Target == nil {
		item.Visible, item.Note, item.Files = true, f.Note, f.files()
		if pkg := e.Statement.Package; pkg != nil {
			item.Package = hex.EncodeToString(pkg.SHA256[:])
		}
		return nil
	}
	of, err := p.held(ctx, *d.Target)
	if err != nil {
		return err
	}
	if of == nil {
		p.hidden[e.Position] = true
		return nil
	}
	item.Visible, item.Note, item.Target = true, f.Note, view.Target{Kind: d.Target.Kind, ID: d.Target.ID}
	return p.describe(ctx, of, &item)
}

// describe fills in what the contents list says of a document.
func (p *dossierPage) describe(ctx context.Context, of *target, item *view.DossierItem) error {
	if of.kind == targetIncoming {
		row, err := p.q.incomingRow(ctx, p.sp, of)
		item.Document, item.Number, item.Date, item.TypeName, item.Subject, item.Author = row.Document, row.Number, row.Date, row.TypeName, row.Subject, row.From
		return err
	}
	row, err := p.q.outgoingRow(ctx, p.sp, of)
	org := p.q.text(of.org)
	item.Document, item.Number, item.Date, item.TypeName, item.Subject = row.Document, row.Number, row.Date, row.TypeName, row.Subject
	item.Author = view.Party{Org: org, Name: p.q.directory.name(org, p.sp.now)}
	return err
}

// held is a document that the asker may see, nil if not.
func (p *dossierPage) held(ctx context.Context, of dossier.Target) (*target, error) {
	t, err := p.q.target(ctx, kindOf(of.Kind), p.q.text(p.t.org), of.ID)
	if errors.Is(err, view.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ok, err := p.q.seesTarget(ctx, p.scope, t)
	if !ok || err != nil {
		return nil, err
	}
	return t, nil
}

func (p *dossierPage) decision(ctx context.Context, e *events.Event, d dossier.DecisionRecorded) error {
	f, err := actWords(e)
	if err != nil {
		return err
	}
	out := view.Decision{At: e.Statement.Time, By: p.sp.person(inPlace(d.Person, d.For)), Text: f.Text}
	defer func() { p.Decisions = append(p.Decisions, out) }()
	if d.Target == nil {
		return nil
	}
	of, err := p.held(ctx, *d.Target)
	if of == nil || err != nil {
		return err
	}
	var item view.DossierItem
	err = p.describe(ctx, of, &item)
	out.Document, out.Number = view.Target{Kind: d.Target.Kind, ID: d.Target.ID}, item.Number
	return err
}
