package projections

import (
	"context"

	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/internal/view"
)

// Settings is all that the directory says of an agency's office. view.ErrNotFound if the agency has no office.
func (v *Views) Settings(ctx context.Context, org string) (out view.Settings, err error) {
	err = v.ask(ctx, func(q *question) error {
		o, ok := q.rights.state.Office(org)
		if !ok {
			return view.ErrNotFound
		}
		sp := &speaker{q: q, office: o, now: q.now, today: directory.Day(q.now)}
		out = sp.settings(q.directory.name(org, q.now))
		return nil
	})
	return out, err
}

func (sp *speaker) settings(name string) view.Settings {
	o := sp.office
	out := view.Settings{Org: o.Org, Name: name, Units: unitTree(o.Units), Holidays: o.Calendar.Holidays, Working: o.Calendar.Working,
		DeadlinesVersion: o.DeadlinesChange, CalendarVersion: o.CalendarChange}
	for i := range o.Persons {
		p := &o.Persons[i]
		person := view.PersonSettings{PersonRef: sp.person(p.ID), Gone: p.Gone, Version: p.LastChange}
		for _, d := range p.Duties {
			if d.Until.IsZero() || sp.now.Before(d.Until) {
				person.Duties = append(person.Duties, view.DutySettings{Role: string(d.Role), Unit: d.Unit, From: d.From, Until: d.Until})
			}
		}
		out.Persons = append(out.Persons, person)
	}
	for i := range o.Delegations {
		d := &o.Delegations[i]
		one := view.DelegationSettings{ID: d.ID, From: sp.person(d.From), To: sp.person(d.To), Start: d.Start, End: d.End, Withdrawn: d.Withdrawn}
		for _, r := range d.Roles {
			one.Roles = append(one.Roles, string(r))
		}
		out.Delegations = append(out.Delegations, one)
	}
	sp.rules(&out)
	return out
}

// rules are what the agency works by.
func (sp *speaker) rules(out *view.Settings) {
	o := sp.office
	for _, r := range o.Registers {
		out.Registers = append(out.Registers, view.RegisterSettings{ID: r.ID, Name: r.Name, Types: r.Types, Closed: r.Closed, Version: r.LastChange})
	}
	for _, s := range o.Series {
		out.Series = append(out.Series, view.SeriesSettings{ID: s.ID, Name: s.Name, Types: s.Types, Copies: s.Copies, Notation: s.Notation, Closed: s.Closed, Version: s.LastChange})
	}
	for _, c := range o.Chains {
		chain := view.ChainSettings{ID: c.ID, Name: c.Name, Types: c.Types, Closed: c.Closed, Version: c.LastChange}
		for _, s := range c.Steps {
			chain.Steps = append(chain.Steps, view.StepSettings{Role: string(s.Role), Unit: s.Unit, Days: s.Days})
		}
		out.Chains = append(out.Chains, chain)
	}
	for _, f := range o.FilePlan {
		out.FilePlan = append(out.FilePlan, view.FilePlanSettings{Code: f.Code, Title: f.Title, Retention: f.Retention, Unit: f.Unit, Closed: f.Closed, Version: f.LastChange})
	}
	for _, r := range byLength(o.Retentions) {
		out.Retentions = append(out.Retentions, view.RetentionSettings{ID: r.ID, Name: sp.retention(r.ID), Years: r.Years, Version: r.LastChange})
	}
	for _, d := range o.Deadlines {
		out.Deadlines = append(out.Deadlines, view.DeadlineSettings{What: d.What, Priority: d.Priority, Days: d.Days})
	}
}

// unitTree puts each unit after the one that it is part of; the fold lets no ring come up.
func unitTree(units []directory.Unit) []view.UnitSettings {
	var out []view.UnitSettings
	var below func(parent string, depth int)
	below = func(parent string, depth int) {
		for _, u := range units {
			if u.Parent == parent {
				out = append(out, view.UnitSettings{ID: u.ID, Name: u.Name, Short: u.Short, Parent: u.Parent, Closed: u.Closed, Depth: depth, Version: u.LastChange})
				below(u.ID, depth+1)
			}
		}
	}
	below("", 0)
	return out
}
