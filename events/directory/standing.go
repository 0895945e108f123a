package directory

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Office is an agency's own part of the directory, by identity. An agency has one from its first operation on.
func (s State) Office(org string) (*Office, bool) { return s.offices.Get(org) }

// Standing is what a person may do at a time, in the own name or, with For, in the place of another.
type Standing struct {
	Person string
	For    string // in whose place, "" in the own name
	Duties []Duty // in force at the time
	office *Office
}

// Standing of a person at a time. With inPlaceOf it is what a delegation in force lets him do of the other's own duties, never of
// what was delegated to that other, and never as administrator. False if there is no such person, who works there, or no such
// delegation.
func (o *Office) Standing(person, inPlaceOf string, at time.Time) (Standing, bool) {
	p, ok := o.Person(person)
	if !ok || p.Gone {
		return Standing{}, false
	}
	if inPlaceOf == "" {
		return Standing{Person: person, Duties: p.dutiesAt(at), office: o}, true
	}
	other, ok := o.Person(inPlaceOf)
	if !ok || other.Gone {
		return Standing{}, false
	}
	out := Standing{Person: person, For: inPlaceOf, office: o}
	found := false
	for i := range o.Delegations {
		d := &o.Delegations[i]
		if d.From != inPlaceOf || d.To != person || !d.InForce(at) {
			continue
		}
		found = true
		for _, duty := range other.dutiesAt(at) {
			if d.covers(duty.Role) && !slices.Contains(out.Duties, duty) {
				out.Duties = append(out.Duties, duty)
			}
		}
	}
	return out, found
}

// Has says whether the person has the role, for the agency or any unit.
func (s Standing) Has(role Role) bool {
	return slices.ContainsFunc(s.Duties, func(d Duty) bool { return d.Role == role })
}

// HasFor says whether the person has the role for the unit: for it, for one that it is part of, or for the whole agency.
func (s Standing) HasFor(role Role, unit string) bool {
	return slices.ContainsFunc(s.Duties, func(d Duty) bool { return d.Role == role && s.within(unit, d.Unit) })
}

// InUnit says whether the person has a duty in the unit itself or in one that is part of it. A duty for the whole agency is in no unit.
func (s Standing) InUnit(unit string) bool {
	return unit != "" && slices.ContainsFunc(s.Duties, func(d Duty) bool { return d.Unit != "" && s.within(d.Unit, unit) })
}

// within is Office.Within; a standing made by hand knows no parts of units.
func (s Standing) within(unit, of string) bool {
	if s.office == nil {
		return unit == of || of == ""
	}
	return s.office.Within(unit, of)
}

// InForce says whether the duty counts at the time.
func (d Duty) InForce(at time.Time) bool { return validAt(d.From, d.Until, at) }

func (p *Person) dutiesAt(at time.Time) []Duty {
	var out []Duty
	for _, d := range p.Duties {
		if d.InForce(at) {
			out = append(out, d)
		}
	}
	return out
}

// InForce says whether the delegation counts at the time.
func (d *Delegation) InForce(at time.Time) bool {
	return validAt(d.Start, d.End, at) && (d.Withdrawn.IsZero() || at.Before(d.Withdrawn))
}

// covers says whether the delegation is of the role. Nobody is made administrator by a delegation.
func (d *Delegation) covers(role Role) bool {
	return role != RoleAdministrator && (len(d.Roles) == 0 || slices.Contains(d.Roles, role))
}

// Within says whether a unit is another one or part of it. Every unit, and the agency itself (""), is part of the agency.
func (o *Office) Within(unit, of string) bool {
	if of == "" {
		return true
	}
	// The fold lets no ring come up; the count is for what was made by hand.
	for range len(o.Units) + 1 {
		if unit == of {
			return true
		}
		u, ok := o.Unit(unit)
		if !ok || u.Parent == "" {
			return false
		}
		unit = u.Parent
	}
	return false
}

// Unit by id.
func (o *Office) Unit(id string) (Unit, bool) {
	return byID(o.Units, id, func(u *Unit) string { return u.ID })
}

// Person by id.
func (o *Office) Person(id string) (Person, bool) {
	return byID(o.Persons, id, func(p *Person) string { return p.ID })
}

// Delegation by id.
func (o *Office) Delegation(id string) (Delegation, bool) {
	return byID(o.Delegations, id, func(d *Delegation) string { return d.ID })
}

// FilePlanEntry by code.
func (o *Office) FilePlanEntry(code string) (FilePlanEntry, bool) {
	return byID(o.FilePlan, code, func(e *FilePlanEntry) string { return e.Code })
}

// Retention by id.
func (o *Office) Retention(id string) (Retention, bool) {
	return byID(o.Retentions, id, func(r *Retention) string { return r.ID })
}

// Register by id, closed or not.
func (o *Office) Register(id string) (Register, bool) {
	return first(o.Registers, func(r Register) bool { return r.ID == id })
}

// SeriesOf finds a series by id, closed or not.
func (o *Office) SeriesOf(id string) (Series, bool) {
	return first(o.Series, func(s Series) bool { return s.ID == id })
}

// Chain by id, closed or not.
func (o *Office) Chain(id string) (Chain, bool) {
	return first(o.Chains, func(c Chain) bool { return c.ID == id })
}

// RegisterFor is where a document of a kind is registered if nobody says where: the first register that names the kind, else the
// first for all kinds.
func (o *Office) RegisterFor(kind string) (Register, bool) {
	return fitting(o.Registers, kind, func(r Register) ([]string, bool) { return r.Types, !r.Closed })
}

// SeriesFor is the series that numbers a document of a kind if nobody says which: chosen as RegisterFor does, never one for copies.
func (o *Office) SeriesFor(kind string) (Series, bool) {
	return fitting(o.Series, kind, func(s Series) ([]string, bool) { return s.Types, !s.Closed && !s.Copies })
}

// SeriesForCopies is the series that numbers copies.
func (o *Office) SeriesForCopies() (Series, bool) {
	return first(o.Series, func(s Series) bool { return s.Copies && !s.Closed })
}

// ChainFor is the chain by which a document of a kind is approved if nobody says which: chosen as RegisterFor does.
func (o *Office) ChainFor(kind string) (Chain, bool) {
	return fitting(o.Chains, kind, func(c Chain) ([]string, bool) { return c.Types, !c.Closed })
}

// Notation makes the notation of a document (ký hiệu) of a series from the abbreviation of its kind ("" for a kind without one), that of
// the unit that drafted it (by id) and the year. What is empty takes the mark after or before it along: "{type}-UBND" gives
// "QĐ-UBND", and "UBND" for a công văn.
func (o *Office) Notation(s Series, kind, unit string, year int) string {
	u, _ := o.Unit(unit)
	return s.DocumentNotation(kind, u.Short, year)
}

// DocumentNotation is Office.Notation with the unit's abbreviation.
func (s Series) DocumentNotation(kind, unit string, year int) string {
	out := strings.ReplaceAll(s.Notation, placeholderYear, strconv.Itoa(year))
	for _, v := range [][2]string{{placeholderKind, kind}, {placeholderUnit, unit}} {
		if v[1] == "" {
			for _, mark := range []string{"-", "/", "."} {
				out = strings.ReplaceAll(out, v[0]+mark, "")
				out = strings.ReplaceAll(out, mark+v[0], "")
			}
		}
		out = strings.ReplaceAll(out, v[0], v[1])
	}
	return out
}

// Due is the day by which something should be done that began at a moment: by the rule for the greatest urgency that is not above
// the document's, "" if there is none.
//
// It counts the agency's working days from the day of the moment, at whatever hour. What is not urgent and comes on a day off
// counts as come on the next working day. What is urgent (above 0) counts from now, and "the same day" is then the very day,
// working or not (NĐ 30/2020: registered, presented and passed on as soon as it is received).
func (o *Office) Due(what string, priority int, from time.Time) (day string) {
	var rule *DeadlineRule
	for i := range o.Deadlines {
		if r := &o.Deadlines[i]; r.What == what && r.Priority <= priority && (rule == nil || r.Priority >= rule.Priority) {
			rule = r
		}
	}
	if rule == nil {
		return ""
	}
	day, days := Day(from), rule.Days
	if priority > 0 && !o.Calendar.IsWorking(day) {
		if days == 0 {
			return day
		}
		days-- // Add counts from the next working day, which is the first of them
	}
	return o.Calendar.Add(day, days)
}

func byID[T any](list []T, id string, of func(*T) string) (T, bool) {
	i, ok := place(list, id, of)
	if !ok {
		var none T
		return none, false
	}
	return list[i], true
}

// place is where the id stands, or should, in a list in order of id.
func place[T any](list []T, id string, of func(*T) string) (int, bool) {
	return slices.BinarySearchFunc(list, id, func(t T, id string) int { return strings.Compare(of(&t), id) })
}

func first[T any](list []T, fits func(T) bool) (T, bool) {
	if i := slices.IndexFunc(list, fits); i >= 0 {
		return list[i], true
	}
	var none T
	return none, false
}

// fitting is the first that is for the kind by name, else the first for all kinds.
func fitting[T any](list []T, kind string, of func(T) (types []string, open bool)) (T, bool) {
	named := func(t T) bool {
		types, open := of(t)
		return open && slices.ContainsFunc(types, func(s string) bool { return strings.EqualFold(s, kind) })
	}
	if t, ok := first(list, named); ok {
		return t, true
	}
	return first(list, func(t T) bool {
		types, open := of(t)
		return open && len(types) == 0
	})
}
