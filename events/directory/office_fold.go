package directory

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tram-exchange/tram/events"
)

// decodeOffice reads data and facts of an event of an agency's own part of the directory.
func decodeOffice(name string, data, facts []byte) (d, f any, err error) {
	switch name {
	case NameUnitSet:
		return read[UnitSet, WordFacts](data, facts)
	case NameUnitClosed:
		return read[UnitClosed, none](data, facts)
	case NamePersonSet:
		return read[PersonSet, PersonFacts](data, facts)
	case NamePersonLeft:
		return read[PersonLeft, none](data, facts)
	case NameDelegated:
		return read[Delegated, none](data, facts)
	case NameDelegationWithdrawn:
		return read[DelegationWithdrawn, none](data, facts)
	case NameRegisterSet:
		return read[RegisterSet, WordFacts](data, facts)
	case NameSeriesSet:
		return read[SeriesSet, WordFacts](data, facts)
	case NameChainSet:
		return read[ChainSet, WordFacts](data, facts)
	case NameFilePlanSet:
		return read[FilePlanSet, WordFacts](data, facts)
	case NameRetentionSet:
		return read[RetentionSet, WordFacts](data, facts)
	case NameDeadlinesSet:
		return read[DeadlinesSet, none](data, facts)
	case NameCalendarSet:
		return read[CalendarSet, none](data, facts)
	}
	return nil, nil, fmt.Errorf("unknown event %q", name)
}

// applyOffice folds one event of an agency's own part of the directory. Lists are copied, not changed: others read them.
func (s State) applyOffice(data, facts any, at events.Address) (State, error) {
	word, _ := facts.(WordFacts)
	name := word.Name
	switch d := data.(type) {
	case UnitSet:
		return s.office(d.Org, at, func(o *Office) error {
			before, _ := o.Unit(d.Unit)
			u := Unit{ID: d.Unit, Name: cmp.Or(name, before.Name), Short: d.Short, Parent: d.Parent, LastChange: at.Position}
			o.Units = put(o.Units, u, func(u *Unit) string { return u.ID })
			if d.Parent != "" && o.Within(d.Parent, d.Unit) {
				return fmt.Errorf("unit %q would be part of itself", d.Unit)
			}
			return nil
		})
	case UnitClosed:
		return s.office(d.Org, at, func(o *Office) error {
			u, ok := o.Unit(d.Unit)
			u.Closed, u.LastChange = true, at.Position
			o.Units = put(o.Units, u, func(u *Unit) string { return u.ID })
			return known(ok, "unit", d.Unit)
		})
	case PersonSet:
		return s.office(d.Org, at, func(o *Office) error {
			f, _ := facts.(PersonFacts)
			before, _ := o.Person(d.Person)
			p := Person{ID: d.Person, Name: cmp.Or(f.Name, before.Name), Position: cmp.Or(f.Position, before.Position), Duties: d.Duties, LastChange: at.Position}
			o.Persons = put(o.Persons, p, func(p *Person) string { return p.ID })
			return nil
		})
	case PersonLeft:
		return s.office(d.Org, at, func(o *Office) error { return o.left(d, at.Position) })
	case Delegated:
		return s.office(d.Org, at, func(o *Office) error {
			if _, ok := o.Delegation(d.Delegation); ok {
				return fmt.Errorf("delegation %q came before", d.Delegation)
			}
			next := Delegation{ID: d.Delegation, From: d.From, To: d.To, Roles: d.Roles, Start: d.Start, End: d.End}
			o.Delegations = put(o.Delegations, next, func(d *Delegation) string { return d.ID })
			return nil
		})
	case DelegationWithdrawn:
		return s.office(d.Org, at, func(o *Office) error {
			next, ok := o.Delegation(d.Delegation)
			next.Withdrawn = d.At
			o.Delegations = put(o.Delegations, next, func(d *Delegation) string { return d.ID })
			return known(ok, "delegation", d.Delegation)
		})
	}
	return s.applyRules(data, name, at)
}

// applyRules folds what an agency works by.
func (s State) applyRules(data any, name string, at events.Address) (State, error) {
	switch d := data.(type) {
	case RegisterSet:
		return s.office(d.Org, at, func(o *Office) error {
			before, _ := o.Register(d.ID)
			d.Name, d.LastChange = cmp.Or(name, before.Name), at.Position
			o.Registers = putInOrder(o.Registers, d.Register, func(r Register) bool { return r.ID == d.ID })
			return nil
		})
	case SeriesSet:
		return s.office(d.Org, at, func(o *Office) error {
			before, _ := o.SeriesOf(d.ID)
			d.Name, d.LastChange = cmp.Or(name, before.Name), at.Position
			o.Series = putInOrder(o.Series, d.Series, func(s Series) bool { return s.ID == d.ID })
			return nil
		})
	case ChainSet:
		return s.office(d.Org, at, func(o *Office) error {
			before, _ := o.Chain(d.ID)
			d.Name, d.LastChange = cmp.Or(name, before.Name), at.Position
			o.Chains = putInOrder(o.Chains, d.Chain, func(c Chain) bool { return c.ID == d.ID })
			return nil
		})
	case FilePlanSet:
		return s.office(d.Org, at, func(o *Office) error {
			before, _ := o.FilePlanEntry(d.Code)
			e := FilePlanEntry{Code: d.Code, Title: cmp.Or(name, before.Title), Retention: d.Retention, Unit: d.Unit, Closed: d.Closed, LastChange: at.Position}
			o.FilePlan = put(o.FilePlan, e, func(e *FilePlanEntry) string { return e.Code })
			return nil
		})
	case RetentionSet:
		return s.office(d.Org, at, func(o *Office) error {
			before, _ := o.Retention(d.ID)
			d.Name, d.LastChange = cmp.Or(name, before.Name), at.Position
			o.Retentions = put(o.Retentions, d.Retention, func(r *Retention) string { return r.ID })
			return nil
		})
	case DeadlinesSet:
		return s.office(d.Org, at, func(o *Office) error { o.Deadlines, o.DeadlinesChange = d.Rules, at.Position; return nil })
	case CalendarSet:
		return s.office(d.Org, at, func(o *Office) error {
			year := fmt.Sprintf("%04d-", d.Year)
			o.Calendar.Holidays = replaceYear(o.Calendar.Holidays, year, d.Holidays)
			o.Calendar.Working = replaceYear(o.Calendar.Working, year, d.Working)
			o.CalendarChange = at.Position
			return nil
		})
	}
	return s, fmt.Errorf("unknown data %T", data)
}

// office gives s with a changed copy of an agency's own part of the directory.
func (s State) office(org string, at events.Address, f func(o *Office) error) (State, error) {
	if _, ok := s.orgs.Get(org); !ok {
		return s, fmt.Errorf("unknown organisation %q", org)
	}
	next := Office{Org: org}
	if before, ok := s.offices.Get(org); ok {
		next = *before
	}
	next.Position = at.Position
	if n := len(next.Changes); n == 0 || next.Changes[n-1] != s.began {
		next.Changes = append(slices.Clip(next.Changes[max(0, n+1-KeptChanges):]), s.began)
	}
	if err := f(&next); err != nil {
		return s, err
	}
	s.offices = s.offices.Set(org, &next)
	return s, nil
}

func known(ok bool, what, id string) error {
	if !ok {
		return fmt.Errorf("unknown %s %q", what, id)
	}
	return nil
}

// left ends a person's duties and the delegations from and to the person: they do not come back with the person.
func (o *Office) left(d PersonLeft, position uint64) error {
	p, ok := o.Person(d.Person)
	p.Gone, p.Duties, p.LastChange = true, nil, position
	o.Persons = put(o.Persons, p, func(p *Person) string { return p.ID })
	o.Delegations = slices.Clone(o.Delegations)
	for i := range o.Delegations {
		x := &o.Delegations[i]
		if (x.From == d.Person || x.To == d.Person) && !x.endedAt(d.At) {
			x.Withdrawn = d.At
		}
	}
	return known(ok, "person", d.Person)
}

// put gives a copy of a list in order of id with the item in its place.
func put[T any](list []T, item T, of func(*T) string) []T {
	i, found := place(list, of(&item), of)
	if found {
		list = slices.Clone(list)
		list[i] = item
		return list
	}
	return slices.Insert(slices.Clip(list), i, item)
}

// putInOrder gives a copy of a list in order of setting with the item in the place of the one that is it, or last.
func putInOrder[T any](list []T, item T, is func(T) bool) []T {
	i := slices.IndexFunc(list, is)
	if i < 0 {
		return append(slices.Clip(list), item)
	}
	list = slices.Clone(list)
	list[i] = item
	return list
}

// replaceYear gives a copy of ascending days with those of a year ("2026-") replaced.
func replaceYear(days []string, year string, by []string) []string {
	out := slices.DeleteFunc(slices.Clone(days), func(d string) bool { return len(d) > len(year) && d[:len(year)] == year })
	out = append(out, by...)
	slices.Sort(out)
	return out
}
