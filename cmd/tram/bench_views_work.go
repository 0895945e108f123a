package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/projections"
)

// workQuestions are those of the people of an agency: work lists, incoming list, register of outgoing documents, search, dossiers, statistics.
func workQuestions() []viewsQuestion {
	var out []viewsQuestion
	staff := func(l *viewsLog, person string) view.Staff {
		return view.Staff{Org: viewsOrg, Person: person, Now: l.clock}
	}
	people := map[string]func(*viewsLog) string{
		"clerk":      func(*viewsLog) string { return viewsClerk },
		"leader":     func(*viewsLog) string { return viewsLeader },
		"head":       func(l *viewsLog) string { return viewsPerson(l.r.IntN(len(viewsUnits)), 0) },
		"specialist": func(l *viewsLog) string { return viewsPerson(l.r.IntN(len(viewsUnits)), 1+l.r.IntN(viewsPeople-1)) },
	}
	add := func(row, who, name string, ask func(context.Context, *projections.Views, *viewsLog, view.Staff) error) {
		out = append(out, viewsQuestion{row, who + ", " + name, func(ctx context.Context, v *projections.Views, l *viewsLog) error {
			return ask(ctx, v, l, staff(l, people[who](l)))
		}})
	}
	work := func(who string, box view.Box) {
		add("work list", who, string(box), func(ctx context.Context, v *projections.Views, _ *viewsLog, s view.Staff) error {
			_, err := v.Work(ctx, view.WorkQuery{Staff: s, Box: box})
			return err
		})
	}
	incoming := func(row, who, name string, fill func(*viewsLog, *view.IncomingQuery)) {
		add(row, who, name, func(ctx context.Context, v *projections.Views, l *viewsLog, s view.Staff) error {
			q := view.IncomingQuery{Staff: s}
			fill(l, &q)
			_, err := v.Incoming(ctx, q)
			return err
		})
	}
	outgoing := func(row, who, name string, fill func(*viewsLog, *view.OutgoingQuery)) {
		add(row, who, name, func(ctx context.Context, v *projections.Views, l *viewsLog, s view.Staff) error {
			q := view.OutgoingQuery{Staff: s}
			fill(l, &q)
			_, err := v.Outgoing(ctx, q)
			return err
		})
	}
	statistics := func(who, name string, fill func(*viewsLog, *view.StatisticsQuery)) {
		add("statistics", who, name, func(ctx context.Context, v *projections.Views, l *viewsLog, s view.Staff) error {
			q := view.StatisticsQuery{Staff: s, To: l.today()}
			fill(l, &q)
			_, err := v.Statistics(ctx, q)
			return err
		})
	}

	for _, w := range []struct {
		who string
		box view.Box
	}{{"clerk", view.BoxMine}, {"leader", view.BoxMine}, {"leader", view.BoxLate}, {"leader", view.BoxWatch}, {"head", view.BoxUnit}, {"head", view.BoxLate}, {"specialist", view.BoxMine}} {
		work(w.who, w.box)
	}
	for _, who := range []string{"clerk", "leader", "specialist"} {
		add("work list", who, "counts", func(ctx context.Context, v *projections.Views, _ *viewsLog, s view.Staff) error {
			_, err := v.WorkCounts(ctx, s)
			return err
		})
	}

	for _, who := range []string{"clerk", "head", "specialist"} {
		incoming("incoming list", who, "all", func(*viewsLog, *view.IncomingQuery) {})
		incoming("incoming list", who, "last page", func(_ *viewsLog, q *view.IncomingQuery) { q.Cursor = "5000" })
		incoming("incoming list", who, "open", func(_ *viewsLog, q *view.IncomingQuery) { q.Open = true })
		incoming("incoming list", who, "late", func(_ *viewsLog, q *view.IncomingQuery) { q.Late = true })
		incoming("incoming list", who, "a month", func(l *viewsLog, q *view.IncomingQuery) { q.From, q.To = l.someMonth() })
		incoming("staff search", who, "a topic", func(l *viewsLog, q *view.IncomingQuery) { q.Words = pick(l, viewsTopics) })
		incoming("staff search", who, "a rare word", func(l *viewsLog, q *view.IncomingQuery) { q.Words = fmt.Sprint(1000 + l.r.IntN(90_000)) })
	}
	incoming("incoming list", "clerk", "register of a year", func(l *viewsLog, q *view.IncomingQuery) { q.Register, q.Year = viewsRegister, l.day().Year() })
	incoming("incoming list", "clerk", "a kind of a month", func(l *viewsLog, q *view.IncomingQuery) {
		q.From, q.To = l.someMonth()
		q.TypeName = pick(l, viewsTypes).name
	})
	incoming("incoming list", "clerk", "of a sender, finished late", func(l *viewsLog, q *view.IncomingQuery) {
		q.Correspondent, q.Outcome = l.some(), view.OutcomeLateDone
	})
	incoming("staff search", "clerk", "arrival number", func(l *viewsLog, q *view.IncomingQuery) { q.Number = fmt.Sprint(1 + l.r.IntN(60_000)) })

	for _, who := range []string{"clerk", "head", "specialist"} {
		outgoing("outgoing register", who, "drafts", func(_ *viewsLog, q *view.OutgoingQuery) { q.Open = true })
		outgoing("outgoing register", who, "register of a year", func(l *viewsLog, q *view.OutgoingQuery) {
			q.Issued, q.Series, q.Year = true, viewsRegister, l.day().Year()
		})
		outgoing("outgoing register", who, "a month", func(l *viewsLog, q *view.OutgoingQuery) {
			q.Issued, q.Valid = true, true
			q.From, q.To = l.someMonth()
		})
		outgoing("staff search", who, "outgoing, a topic", func(l *viewsLog, q *view.OutgoingQuery) {
			q.Words = strings.ToLower(projections.Fold(pick(l, viewsTopics)))
		})
	}
	outgoing("staff search", "clerk", "outgoing, a number", func(l *viewsLog, q *view.OutgoingQuery) { q.Number = fmt.Sprintf("%d/", 1+l.r.IntN(40_000)) })

	statistics("leader", "this month", func(l *viewsLog, q *view.StatisticsQuery) { q.From = l.today()[:8] + "01" })
	statistics("leader", "a year", func(l *viewsLog, q *view.StatisticsQuery) {
		q.From, q.To = l.day().Format("2006")+"-01-01", l.day().Format("2006")+"-12-31"
	})
	statistics("leader", "from a day to another", func(l *viewsLog, q *view.StatisticsQuery) {
		from := l.day()
		q.From, q.To = from.Format("2006-01-02"), from.AddDate(0, 3, 5).Format("2006-01-02")
	})
	statistics("leader", "everything", func(*viewsLog, *view.StatisticsQuery) {})
	statistics("leader", "a division, this year", func(l *viewsLog, q *view.StatisticsQuery) { q.From, q.Unit = l.today()[:5]+"01-01", viewsDivision })
	statistics("head", "a year", func(l *viewsLog, q *view.StatisticsQuery) {
		q.From, q.To = l.day().Format("2006")+"-01-01", l.day().Format("2006")+"-12-31"
	})
	statistics("head", "this month", func(l *viewsLog, q *view.StatisticsQuery) { q.From = l.today()[:8] + "01" })

	dossierQuestions(add)
	add("page of one document", "clerk", "incoming", func(ctx context.Context, v *projections.Views, l *viewsLog, s view.Staff) error {
		_, err := v.IncomingDocument(ctx, s, l.finished(dossier.KindIncoming))
		return err
	})
	add("page of one document", "clerk", "outgoing", func(ctx context.Context, v *projections.Views, l *viewsLog, s view.Staff) error {
		_, err := v.OutgoingDocument(ctx, s, l.finished(dossier.KindOutgoing))
		return err
	})
	add("notes", "clerk", "the latest", func(ctx context.Context, v *projections.Views, _ *viewsLog, s view.Staff) error {
		_, err := v.Notes(ctx, s, 0, 50)
		return err
	})
	return out
}

// someMonth is a whole month of the past.
func (l *viewsLog) someMonth() (from, to string) {
	t := l.day()
	first := t.AddDate(0, 0, 1-t.Day())
	return first.Format("2006-01-02"), first.AddDate(0, 1, -1).Format("2006-01-02")
}
