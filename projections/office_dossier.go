package projections

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/internal/view"
)

// Dossiers. What lies in which one is a table of its own (holding): it is asked from both sides, and a dossier may hold thousands.

// dossierStates number view.Dossier*.
var dossierStates = [...]string{dossierOpen: view.DossierOpen, dossierClosed: view.DossierClosed}

// dossierRow is what is kept of a dossier.
type dossierRow struct {
	Phase     dossier.Phase `json:"phase"`
	FilePlan  string        `json:"plan"`
	Retention string        `json:"retention"`
	InCharge  string        `json:"in_charge"`
	Unit      string        `json:"unit,omitempty"`
	Due       string        `json:"due,omitempty"`
	Year      int           `json:"year"`
	Number    int           `json:"number,omitempty"`
	Opened    int64         `json:"opened"`
	Closed    int64         `json:"closed,omitempty"`
	Late      bool          `json:"late,omitempty"` // closed after the deadline
	Items     int           `json:"items,omitempty"`
	Step      uint64        `json:"step"` // event since when it is with who is in charge
	StepAt    int64         `json:"step_at"`
	StepBy    string        `json:"step_by,omitempty"`
	Tasks     []dossierTask `json:"tasks,omitempty"` // not done, in order of giving
	// Whom it concerns beside who is in charge, each once: persons who were, and to whom tasks were given.
	Before    []string             `json:"before,omitempty"`
	Given     []directory.Assignee `json:"given,omitempty"`
	Destroyed bool                 `json:"destroyed,omitempty"`
}

type dossierTask struct {
	ID  string             `json:"id"`
	By  string             `json:"by"`
	To  directory.Assignee `json:"to"`
	Due string             `json:"due,omitempty"`
	Pos uint64             `json:"pos"`
	At  int64              `json:"at"`
}

// dossierWords are its words.
type dossierWords struct {
	Title string `json:"title,omitempty"`
}

func (r *dossierRow) code() string {
	if r.Number == 0 {
		return ""
	}
	return dossier.Code(r.Number, r.Year)
}

func (r *dossierRow) fold(ctx context.Context, b *batch, t *target, e *decoded) error {
	at := micros(e.Statement.Time)
	switch e.Statement.Name {
	case dossier.NameOpened:
		return folding(e, func(d dossier.Opened) error {
			*r = dossierRow{Phase: dossier.PhaseOpen, FilePlan: d.FilePlan, Retention: d.Retention, InCharge: d.InCharge, Unit: d.Unit, Due: d.Due, Year: d.Year, Opened: at, Destroyed: e.Destroyed}
			r.step(e, inPlace(d.Person, d.For))
			r.settle(t)
			return r.titled(b, t, e)
		})
	case dossier.NameNumbered:
		return folding(e, func(d dossier.Numbered) error {
			r.Number, t.number = d.N, uint64(d.N)
			return r.words(b, t, e)
		})
	case dossier.NameClassified:
		return folding(e, func(d dossier.Classified) error {
			r.FilePlan, r.Retention = d.FilePlan, d.Retention
			if d.Titled {
				return r.titled(b, t, e)
			}
			return nil
		})
	case dossier.NameItemAdded:
		return folding(e, func(d dossier.ItemAdded) error {
			r.Items++
			return b.hold(ctx, t, e, &d)
		})
	case dossier.NameItemRemoved:
		return folding(e, func(d dossier.ItemRemoved) error {
			r.Items--
			b.unhold(t, d.Item)
			return nil
		})
	case dossier.NameTaskGiven:
		return folding(e, func(d dossier.TaskGiven) error {
			by := inPlace(d.Person, d.For)
			r.Tasks = append(slices.Clip(r.Tasks), dossierTask{ID: d.Task, By: by, To: d.To, Due: d.Due, Pos: e.Position, At: at})
			if !slices.Contains(r.Given, d.To) {
				r.Given = append(slices.Clip(r.Given), d.To)
			}
			return nil
		})
	case dossier.NameTaskFinished:
		return folding(e, func(d dossier.TaskFinished) error {
			r.Tasks = slices.DeleteFunc(slices.Clone(r.Tasks), func(t dossierTask) bool { return t.ID == d.Task })
			return nil
		})
	case dossier.NameHandedOver:
		return folding(e, func(d dossier.HandedOver) error {
			if !slices.Contains(r.Before, r.InCharge) {
				r.Before = append(slices.Clip(r.Before), r.InCharge)
			}
			r.InCharge, r.Unit = d.To, d.Unit
			r.step(e, inPlace(d.Person, d.For))
			return nil
		})
	case dossier.NameClosed:
		return folding(e, func(d dossier.Closed) error {
			r.Phase, r.Closed, r.Late = dossier.PhaseClosed, at, d.Late
			r.settle(t)
			return nil
		})
	case dossier.NameReopened:
		return folding(e, func(d dossier.Reopened) error {
			r.Phase, r.Closed, r.Late = dossier.PhaseOpen, 0, false
			r.step(e, inPlace(d.Person, d.For))
			r.settle(t)
			return nil
		})
	case dossier.NameNumberChosen, dossier.NameOpinionGiven, dossier.NameDecisionRecorded:
		return nil
	}
	return fmt.Errorf("no view knows %q", e.Statement.Name)
}

// folding reads the data of an event and lets it happen.
func folding[D any](e *decoded, happen func(D) error) error {
	var d D
	if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
		return fmt.Errorf("couldn't read data: %w", err)
	}
	return happen(d)
}

// inPlace is in whose name an act counts.
func inPlace(person, other string) string {
	if other != "" {
		return other
	}
	return person
}

func (r *dossierRow) step(e *decoded, by string) {
	r.Step, r.StepAt, r.StepBy = e.Position, micros(e.Statement.Time), by
}

func (r *dossierRow) settle(t *target) {
	t.state, t.due = dossierOpen, r.Due
	if r.Phase == dossier.PhaseClosed {
		t.state, t.due = dossierClosed, ""
	}
}

// titled takes the title from an event's facts.
func (r *dossierRow) titled(b *batch, t *target, e *decoded) error {
	var f dossier.OpenedFacts
	if e.Facts != nil {
		if err := json.Unmarshal(e.Facts, &f); err != nil {
			return fmt.Errorf("couldn't read facts: %w", err)
		}
	}
	r.Destroyed = e.Destroyed
	t.facts = nil
	if f.Title != "" {
		var err error
		if t.facts, err = json.Marshal(dossierWords(f)); err != nil {
			return fmt.Errorf("couldn't write words: %w", err)
		}
	}
	return r.words(b, t, e)
}

// words makes the dossier findable by its title and code.
func (r *dossierRow) words(b *batch, t *target, e *decoded) error {
	var w dossierWords
	if t.facts != nil {
		if err := json.Unmarshal(t.facts, &w); err != nil {
			return fmt.Errorf("couldn't read title: %w", err)
		}
	}
	s := makeSearchable(&document.Facts{Subject: w.Title, CodeNumber: r.code()})
	b.search(e, t, s.tokens)
	return nil
}

func (r *dossierRow) derive(d *derivation) {
	d.list(listAuthor, r.InCharge)
	d.list(listShelf, r.FilePlan)
	d.listNumber(listYear, uint64(r.Year))
	d.concern(r.Unit, r.InCharge)
	for _, p := range r.Before {
		d.concern("", p)
	}
	for _, a := range r.Given {
		d.concern(a.Unit, a.Person)
	}
	if r.Phase == dossier.PhaseClosed {
		if r.Late {
			d.listNumber(listLateDone, 0)
		}
		return
	}
	if r.Due != "" {
		d.give(workItem{since: r.Step, what: workNumber(view.WorkDossier), due: r.Due, body: workBody{Since: r.StepAt, From: r.StepBy}}, r.Unit, r.InCharge, "")
	}
	for i := range r.Tasks {
		t := &r.Tasks[i]
		d.give(workItem{since: t.Pos, what: workNumber(view.WorkTask), due: t.Due, body: workBody{Since: t.At, From: t.By}}, t.To.Unit, t.To.Person, t.By)
	}
}

// holdingRow says that a target lies in a dossier, or no more.
type holdingRow struct {
	dossier, item uint64 // item is the number of the item
	target        uint64
	event         uint64
	out           bool
}

// hold puts a target into a dossier. One that no view knows (its own event is still to come) is not found from its own side.
func (b *batch) hold(ctx context.Context, t *target, e *decoded, d *dossier.ItemAdded) error {
	if d.Target == nil {
		return nil
	}
	held, err := b.target(ctx, kindOf(d.Target.Kind), b.texts(t.org), d.Target.ID)
	if err != nil || held == nil {
		return err
	}
	b.holdings = append(b.holdings, holdingRow{dossier: t.id, item: d.Item, target: held.id, event: e.Position})
	return nil
}

func (b *batch) unhold(t *target, item uint64) {
	b.holdings = append(b.holdings, holdingRow{dossier: t.id, item: item, out: true})
}

func (w *writer) writeHoldings(ctx context.Context, b *batch) error {
	for i := range b.holdings {
		h := &b.holdings[i]
		var err error
		if h.out {
			err = w.put.office.unhold.exec(ctx, int64(h.dossier), int64(h.item))
		} else {
			err = w.put.office.hold.exec(ctx, int64(h.dossier), int64(h.item), int64(h.target), int64(h.event))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
