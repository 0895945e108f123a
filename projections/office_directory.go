package projections

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/internal/view"
)

// Office is an agency's part of the directory for forms: names, and the duties and delegations as of now. Closed units and persons who
// have left are in it, as history names them; they have no duties. view.ErrNotFound if the agency has no office.
func (v *Views) Office(ctx context.Context, org string) (out view.Office, err error) {
	err = v.ask(ctx, func(q *question) error {
		o, ok := q.rights.state.Office(org)
		if !ok {
			return view.ErrNotFound
		}
		sp := &speaker{q: q, office: o, now: q.now, today: directory.Day(q.now)}
		out = sp.officeView(q.directory.name(org, q.now))
		return nil
	})
	return out, err
}

// byLength puts retention periods in the order in which people look for them: the shortest first, for ever last.
func byLength(periods []directory.Retention) []directory.Retention {
	return slices.SortedStableFunc(slices.Values(periods), func(a, b directory.Retention) int {
		if (a.Years == 0) != (b.Years == 0) {
			return cmp.Compare(b.Years, a.Years)
		}
		return cmp.Compare(a.Years, b.Years)
	})
}

func (sp *speaker) officeView(name string) view.Office {
	o, now := sp.office, sp.now
	out := view.Office{Org: o.Org, Name: name, Version: o.Position}
	for _, u := range o.Units {
		out.Units = append(out.Units, view.OfficeUnit{ID: u.ID, Name: u.Name, Parent: u.Parent, Closed: u.Closed})
	}
	for i := range o.Persons {
		p := &o.Persons[i]
		person := view.OfficePerson{PersonRef: sp.person(p.ID), Gone: p.Gone}
		for _, d := range p.Duties {
			if !p.Gone && d.InForce(now) {
				person.Duties = append(person.Duties, view.OfficeDuty{Role: string(d.Role), Unit: d.Unit, From: dayOf(d.From), Until: lastDayOf(d.Until)})
			}
		}
		out.Persons = append(out.Persons, person)
	}
	for _, r := range o.Registers {
		out.Registers = append(out.Registers, view.Named{ID: r.ID, Name: r.Name, Closed: r.Closed})
	}
	for _, s := range o.Series {
		out.Series = append(out.Series, view.Series{ID: s.ID, Name: s.Name, Types: s.Types, Notation: s.Notation, Closed: s.Closed})
	}
	for _, c := range o.Chains {
		chain := view.Chain{ID: c.ID, Name: c.Name, Types: c.Types, Closed: c.Closed}
		for i, s := range c.Steps {
			chain.Steps = append(chain.Steps, view.ChainStep{Role: string(s.Role), Unit: sp.unit(s.Unit), Signs: i == len(c.Steps)-1})
		}
		out.Chains = append(out.Chains, chain)
	}
	for _, f := range o.FilePlan {
		if !f.Closed {
			out.FilePlan = append(out.FilePlan, view.FilePlanEntry{Code: f.Code, Title: f.Title, Retention: f.Retention, Unit: f.Unit})
		}
	}
	for _, r := range byLength(o.Retentions) {
		out.Retentions = append(out.Retentions, view.Named{ID: r.ID, Name: sp.retention(r.ID)})
	}
	for i := range o.Delegations {
		d := &o.Delegations[i]
		one := view.Delegation{ID: d.ID, From: sp.person(d.From), To: sp.person(d.To), Start: dayOf(d.Start), End: lastDayOf(d.End),
			Withdrawn: !d.Withdrawn.IsZero() && !now.Before(d.Withdrawn), InForce: d.InForce(now)}
		for _, r := range d.Roles {
			one.Roles = append(one.Roles, string(r))
		}
		out.Delegations = append(out.Delegations, one)
	}
	return out
}

// dayOf is the day of a moment, "" of none.
func dayOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return directory.Day(t)
}

// lastDayOf is the last day of a period that ends before a moment.
func lastDayOf(end time.Time) string {
	if end.IsZero() {
		return ""
	}
	return directory.Day(end.Add(-time.Nanosecond))
}

var _ view.OfficeViews = (*Views)(nil)
