package main

import (
	"context"
	"fmt"

	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/events/numbering"
	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/projections"
)

// viewsDossierEach is of how many documents one has a dossier opened, and viewsDossiersOpen of how many dossiers one is never closed.
const (
	viewsDossierEach  = 20
	viewsDossiersOpen = 10
	viewsFilePlan     = "01.QL"
)

// plan records the file plan.
func (l *viewsLog) plan(put func(name string, data, facts any)) {
	put(directory.NameRetentionSet, directory.RetentionSet{Org: viewsOrg, Retention: directory.Retention{ID: "20n", Years: 20}}, directory.WordFacts{Name: "20 năm"})
	put(directory.NameFilePlanSet, directory.FilePlanSet{Org: viewsOrg, Code: viewsFilePlan, Retention: "20n"}, directory.WordFacts{Name: "Quản lý chung"})
}

// dossier begins one: opened, numbered, filled with documents that were finished of late, closed.
func (l *viewsLog) dossier() *viewsLife {
	id := fmt.Sprintf("ho-so-%d", l.made)
	f := &viewsLife{versions: map[string]uint64{}, id: id}
	stream := dossier.Stream(viewsOrg, id)
	u := l.r.IntN(len(viewsUnits))
	who := viewsPerson(u, 1+l.r.IntN(viewsPeople-1))
	items := uint64(0)
	add := func(f *viewsLife) {
		t := dossier.Target{Kind: dossier.KindIncoming}
		if items%3 == 2 {
			t.Kind = dossier.KindOutgoing
		}
		if t.ID = l.finished(t.Kind); t.ID == "" {
			return
		}
		items++
		l.act(f, stream, dossier.NameItemAdded, dossier.ItemAdded{Person: who, Item: items, Target: &t, Judged: l.clock}, dossier.ItemFacts{Note: "Văn bản liên quan"})
	}
	f.steps = []func(*viewsLife){
		func(f *viewsLife) {
			n, year := l.number(viewsFilePlan)
			book := numbering.Dossiers
			l.act(f, stream, dossier.NameOpened, dossier.Opened{Person: who, FilePlan: viewsFilePlan, Retention: "20n", InCharge: who, Unit: viewsUnit(u), Due: l.after(30), Book: book, Year: year, Judged: l.clock},
				dossier.OpenedFacts{Title: "Hồ sơ " + pick(l, viewsTopics) + " " + pick(l, viewsPlaces)})
			l.act(f, stream, dossier.NameNumberChosen, dossier.NumberChosen{Book: book, Year: year, N: n}, nil)
			l.act(f, stream, dossier.NameNumbered, dossier.Numbered{Book: book, Year: year, N: n}, nil)
		}, add, add, add, add,
	}
	if l.r.IntN(viewsDossiersOpen) > 0 {
		f.steps = append(f.steps, func(f *viewsLife) {
			l.act(f, stream, dossier.NameClosed, dossier.Closed{Person: who, Items: int(items), Judged: l.clock}, dossier.NoteFacts{})
		})
	}
	return f
}

// viewsFinished is how many documents of a kind the log remembers the end of.
const viewsFinished = 500

// finish remembers a document that is done with.
func (l *viewsLog) finish(f *viewsLife) {
	switch {
	case f.doc.key == "": // a dossier
		return
	case f.doc.from != viewsOrg:
		l.ends[dossier.KindIncoming] = keep(l.ends[dossier.KindIncoming], f.doc.key, l.made)
	default:
		l.ends[dossier.KindOutgoing] = keep(l.ends[dossier.KindOutgoing], f.id, l.made)
	}
}

func keep(list []string, id string, n int) []string {
	if len(list) < viewsFinished {
		return append(list, id)
	}
	list[n%viewsFinished] = id
	return list
}

// finished is one of the documents of a kind that are done with, "" while there is none.
func (l *viewsLog) finished(kind string) string {
	if len(l.ends[kind]) == 0 {
		return ""
	}
	return pick(l, l.ends[kind])
}

// dossierQuestions are those about dossiers.
func dossierQuestions(add func(row, who, name string, ask func(context.Context, *projections.Views, *viewsLog, view.Staff) error)) {
	list := func(who, name string, fill func(*viewsLog, *view.DossierQuery)) {
		add("dossier list", who, name, func(ctx context.Context, v *projections.Views, l *viewsLog, s view.Staff) error {
			q := view.DossierQuery{Staff: s}
			fill(l, &q)
			_, err := v.Dossiers(ctx, q)
			return err
		})
	}
	for _, who := range []string{"leader", "head", "specialist"} {
		list(who, "all", func(*viewsLog, *view.DossierQuery) {})
		list(who, "open", func(_ *viewsLog, q *view.DossierQuery) { q.State = view.DossierOpen })
		list(who, "a topic", func(l *viewsLog, q *view.DossierQuery) { q.Words = pick(l, viewsTopics) })
	}
	list("leader", "a year", func(l *viewsLog, q *view.DossierQuery) { q.Year = l.day().Year() })
}
