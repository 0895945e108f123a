package portal

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// Statistics counts from the same rows as the lists, as package view says.
func (o *fakeOffice) Statistics(_ context.Context, q view.StatisticsQuery) (view.Statistics, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := view.Statistics{From: q.From, To: q.To, AsOf: 5100, Total: view.StatPoint{MedianDays: 2}}
	find := func(list *[]view.StatPoint, key, name string) *view.StatPoint {
		i := slices.IndexFunc(*list, func(p view.StatPoint) bool { return p.Key == key })
		if i < 0 {
			*list, i = append(*list, view.StatPoint{Key: key, Name: name, MedianDays: -1}), len(*list)
		}
		return &(*list)[i]
	}
	from, _ := time.Parse(time.DateOnly, q.From)
	to, _ := time.Parse(time.DateOnly, q.To)
	for m := time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, time.UTC); !m.After(to); m = m.AddDate(0, 1, 0) {
		find(&s.ByMonth, m.Format("2006-01"), "")
	}
	for i := range 10 {
		find(&s.ResponseDays, strconv.Itoa(i), "")
	}
	find(&s.ResponseDays, "10+", "")
	for _, x := range o.incoming {
		r := x.Row
		r.Due = deadline(r.Due, r.FinishedAt, q.Staff.Now)
		day := r.ArrivedAt.In(vietnamTime).Format(time.DateOnly)
		if !o.sees(q.Staff.Person, x) || day < q.From || day > q.To || q.Unit != "" && r.InCharge.Unit.ID != q.Unit {
			continue
		}
		points := []*view.StatPoint{&s.Total, find(&s.ByMonth, day[:7], ""), find(&s.ByType, r.TypeName, r.TypeName), find(&s.BySender, r.From.Org, r.From.Name), find(&s.ByUnit, r.InCharge.Unit.ID, r.InCharge.Unit.Name)}
		if days := responseDays(r); days != "" {
			find(&s.ResponseDays, days, "").Incoming++
		}
		for _, p := range points {
			p.Incoming++
			switch outcomeOf(r) {
			case view.OutcomeOnTime:
				p.OnTime++
			case view.OutcomeLateDone:
				p.LateDone++
			case view.OutcomeLateOpen:
				p.LateOpen++
				p.Open++
			case view.OutcomeOpen:
				p.Open++
			}
		}
	}
	for _, x := range o.outgoing {
		r := x.Row
		if r.Number == "" || r.Void != "" || !o.seesMade(q.Staff.Person, x) || r.Date < q.From || r.Date > q.To || q.Unit != "" && r.Unit.ID != q.Unit {
			continue
		}
		for _, p := range []*view.StatPoint{&s.Total, find(&s.ByMonth, r.Date[:7], ""), find(&s.ByType, r.TypeName, r.TypeName), find(&s.ByUnit, r.Unit.ID, r.Unit.Name)} {
			p.Outgoing++
		}
	}
	return s, o.f.broken
}

// outcomeOf a row whose deadline is filled in. Late and open documents are open too.
func outcomeOf(r view.IncomingRow) string {
	switch {
	case r.State == view.IncomingFinished && r.Due.Late:
		return view.OutcomeLateDone
	case r.State == view.IncomingFinished:
		return view.OutcomeOnTime
	case r.State == view.IncomingRefused || r.State == view.IncomingWithdrawn:
		return ""
	case r.Due.Late:
		return view.OutcomeLateOpen
	}
	return view.OutcomeOpen
}

func responseDays(r view.IncomingRow) string {
	if r.FinishedAt.IsZero() {
		return ""
	}
	n := 0
	for d := r.ArrivedAt.In(vietnamTime); d.Format(time.DateOnly) < r.FinishedAt.In(vietnamTime).Format(time.DateOnly); {
		if d = d.AddDate(0, 0, 1); d.Weekday() != time.Saturday && d.Weekday() != time.Sunday {
			n++
		}
	}
	if n >= 10 {
		return "10+"
	}
	return strconv.Itoa(n)
}

// behindFigure says whether a row is in the list of a figure.
func behindFigure(q view.IncomingQuery, r view.IncomingRow) bool {
	outcome := outcomeOf(r)
	return (q.Outcome == "" || q.Outcome == outcome || q.Outcome == view.OutcomeOpen && outcome == view.OutcomeLateOpen) &&
		(q.Days == "" || q.Days == responseDays(r)) && cmp.Or(q.InCharge, r.InCharge.Unit.ID) == r.InCharge.Unit.ID
}
