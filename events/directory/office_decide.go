package directory

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// officeOperation judges an operation on an agency's own part of the directory: first who may, then what.
func (j *judge) officeOperation(op officeOperation) (verdict, error) {
	org, v := j.named(op.agency())
	if v != good {
		return v, nil
	}
	if v := j.mayChange(org, op); v != good {
		return v, nil
	}
	if j.ofOffices++; j.ofOffices > MaxOfficeChange {
		return wrong(ReasonOfficeLimit, fmt.Sprintf("at most %d operations at once", MaxOfficeChange)), nil
	}
	o, ok := j.s.Office(org.ID)
	if !ok {
		o = &Office{Org: org.ID}
	}
	v, err := j.change(o, op)
	if v != good || err != nil {
		return v, err
	}
	return j.widened(org.ID), nil
}

func (j *judge) change(o *Office, op officeOperation) (verdict, error) {
	switch op := op.(type) {
	case SetUnit:
		return j.setUnit(o, op)
	case CloseUnit:
		return j.closeUnit(o, op)
	case SetPerson:
		return j.setPerson(o, op)
	case RemovePerson:
		return j.removePerson(o, op)
	case Delegate:
		return j.delegate(o, op)
	case WithdrawDelegation:
		return j.withdrawDelegation(o, op)
	case SetRegister:
		return j.setRegister(o, op)
	case SetSeries:
		return j.setSeries(o, op)
	case SetChain:
		return j.setChain(o, op)
	case SetFilePlan:
		return j.setFilePlan(o, op)
	case SetRetention:
		return j.setRetention(o, op)
	case SetDeadlines:
		return j.setDeadlines(o, op)
	case SetCalendar:
		return j.setCalendar(o, op)
	}
	return wrong(ReasonUnknownOperation, op.Kind()), nil
}

// officeID says whether s is 1 to 64 of a-z, 0-9 and -.
func officeID(s string) bool {
	return s != "" && len(s) <= maxOfficeID && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// begins says what is wrong with the id and the words of something that may be new.
func begins(id, name string, isNew bool, have, most int) verdict {
	switch {
	case !officeID(id):
		return wrong(ReasonItemID, id)
	case isNew && name == "":
		return wrong(ReasonItemName, id)
	case isNew && have >= most:
		return wrong(ReasonOfficeLimit, id)
	}
	return good
}

// openUnit says what is wrong with naming a unit; "" is the agency itself.
func (o *Office) openUnit(id string) verdict {
	if id == "" {
		return good
	}
	u, ok := o.Unit(id)
	switch {
	case !ok:
		return wrong(ReasonUnitUnknown, id)
	case u.Closed:
		return wrong(ReasonUnitClosed, id)
	}
	return good
}

// worker finds a person who works in the agency.
func (o *Office) worker(id string) (Person, verdict) {
	p, ok := o.Person(id)
	switch {
	case !ok:
		return p, wrong(ReasonPersonUnknown, id)
	case p.Gone:
		return p, wrong(ReasonPersonGone, id)
	}
	return p, good
}

func (j *judge) setUnit(o *Office, op SetUnit) (verdict, error) {
	_, before := o.Unit(op.ID)
	if v := begins(op.ID, op.Name, !before, len(o.Units), MaxUnits); v != good {
		return v, nil
	}
	switch v := o.openUnit(op.Parent); {
	case op.ID == unitOfAuthor:
		return wrong(ReasonItemID, op.ID), nil
	case !abbreviation(op.Short):
		return wrong(ReasonUnitShort, op.Short), nil
	case v != good:
		return v, nil
	case op.Parent != "" && o.Within(op.Parent, op.ID):
		return wrong(ReasonUnitCycle, op.ID), nil
	}
	d := UnitSet{Org: o.Org, Unit: op.ID, Parent: op.Parent, Short: op.Short}
	return good, j.emit(NameUnitSet, d, words(WordFacts{Name: op.Name}))
}

func (j *judge) closeUnit(o *Office, op CloseUnit) (verdict, error) {
	if op.ID == "" {
		return wrong(ReasonItemID, op.ID), nil
	}
	if v := o.openUnit(op.ID); v != good {
		return v, nil
	}
	if by := o.needs(op.ID, j.c.At); by != "" {
		return wrong(ReasonUnitInUse, op.ID+" ("+by+")"), nil
	}
	return good, j.emit(NameUnitClosed, UnitClosed{Org: o.Org, Unit: op.ID}, nil)
}

// needs names what still needs a unit: a part of it, a person who has a duty in it now or later, a step, a heading of the file plan.
func (o *Office) needs(unit string, at time.Time) string {
	for _, u := range o.Units {
		if u.Parent == unit && !u.Closed {
			return u.ID
		}
	}
	for _, p := range o.Persons {
		for _, d := range p.Duties {
			if d.Unit == unit && (d.Until.IsZero() || at.Before(d.Until)) {
				return p.ID
			}
		}
	}
	for _, c := range o.Chains {
		if !c.Closed && slices.ContainsFunc(c.Steps, func(s Step) bool { return s.Unit == unit }) {
			return c.ID
		}
	}
	for _, e := range o.FilePlan {
		if e.Unit == unit && !e.Closed {
			return e.Code
		}
	}
	return ""
}

func (j *judge) setPerson(o *Office, op SetPerson) (verdict, error) {
	_, before := o.Person(op.ID)
	if v := begins(op.ID, op.Name, !before, len(o.Persons), MaxPersons); v != good {
		return v, nil
	}
	if len(op.Duties) > MaxDuties {
		return wrong(ReasonOfficeLimit, op.ID), nil
	}
	d := PersonSet{Org: o.Org, Person: op.ID}
	for _, duty := range op.Duties {
		duty.From, duty.Until = utc(duty.From), utc(duty.Until)
		if v := roleFor(duty.Role, duty.Unit); v != good {
			return v, nil
		}
		if v := o.openUnit(duty.Unit); v != good {
			return v, nil
		}
		if !period(duty.From, duty.Until) {
			return wrong(ReasonPeriod, string(duty.Role)), nil
		}
		d.Duties = append(d.Duties, duty)
	}
	return good, j.emit(NamePersonSet, d, words(PersonFacts{Name: op.Name, Position: op.Position}))
}

// roleFor says what is wrong with a role for a unit, "" the whole agency. Who works in a part of an agency says in which: else a
// head would be one of all units.
func roleFor(role Role, unit string) verdict {
	switch role {
	case RoleSpecialist, RoleHead:
		if unit == "" {
			return wrong(ReasonRoleUnit, string(role))
		}
	case RoleLeader, RoleAdministrator, RoleAuditor:
		if unit != "" {
			return wrong(ReasonRoleUnit, string(role))
		}
	case RoleClerk, RoleArchivist:
	default:
		return wrong(ReasonRole, string(role))
	}
	return good
}

func (j *judge) removePerson(o *Office, op RemovePerson) (verdict, error) {
	if _, v := o.worker(op.ID); v != good {
		return v, nil
	}
	return good, j.emit(NamePersonLeft, PersonLeft{Org: o.Org, Person: op.ID, At: j.c.At}, nil)
}

func (j *judge) delegate(o *Office, op Delegate) (verdict, error) {
	d := Delegated{Org: o.Org, Delegation: op.ID, From: op.From, To: op.To, Start: j.orNow(op.Start), End: utc(op.End)}
	d.Roles = slices.Clone(op.Roles)
	slices.Sort(d.Roles)
	d.Roles = slices.Compact(d.Roles)
	running := 0
	for i := range o.Delegations {
		if !o.Delegations[i].endedAt(j.c.At) {
			running++
		}
	}
	_, taken := o.Delegation(op.ID)
	switch {
	case !officeID(op.ID):
		return wrong(ReasonItemID, op.ID), nil
	case taken:
		return wrong(ReasonDelegationTaken, op.ID), nil
	case running >= MaxDelegations:
		return wrong(ReasonOfficeLimit, op.ID), nil
	case op.From == op.To:
		return wrong(ReasonDelegationSelf, op.From), nil
	case d.End.IsZero() || !d.Start.Before(d.End) || !j.c.At.Before(d.End):
		return wrong(ReasonPeriod, op.ID), nil
	}
	from, v := o.worker(op.From)
	if v != good {
		return v, nil
	}
	if _, v := o.worker(op.To); v != good {
		return v, nil
	}
	if v := from.canDelegate(d); v != good {
		return v, nil
	}
	return good, j.emit(NameDelegated, d, words(ReasonFacts{Reason: op.Reason}))
}

// canDelegate says what is wrong with delegating the roles in the period: each must be a duty of the person's own at some time of
// it. What was delegated to the person is none, and nobody is made administrator for another.
func (p *Person) canDelegate(d Delegated) verdict {
	holds := func(role Role) bool {
		return slices.ContainsFunc(p.Duties, func(x Duty) bool {
			return (role == "" || x.Role == role) && x.Role != RoleAdministrator &&
				x.From.Before(d.End) && (x.Until.IsZero() || d.Start.Before(x.Until))
		})
	}
	if len(d.Roles) == 0 && !holds("") {
		return wrong(ReasonDelegationNotHeld, p.ID)
	}
	for _, role := range d.Roles {
		switch {
		case role == RoleAdministrator || !slices.Contains(roles, role):
			return wrong(ReasonRole, string(role))
		case !holds(role):
			return wrong(ReasonDelegationNotHeld, string(role))
		}
	}
	return good
}

var roles = []Role{RoleClerk, RoleSpecialist, RoleHead, RoleLeader, RoleAdministrator, RoleAuditor, RoleArchivist}

func (d *Delegation) endedAt(at time.Time) bool { return !d.Withdrawn.IsZero() || !at.Before(d.End) }

func (j *judge) withdrawDelegation(o *Office, op WithdrawDelegation) (verdict, error) {
	d, ok := o.Delegation(op.ID)
	switch {
	case !ok:
		return wrong(ReasonDelegationUnknown, op.ID), nil
	case d.endedAt(j.c.At):
		return wrong(ReasonDelegationEnded, op.ID), nil
	}
	return good, j.emit(NameDelegationWithdrawn, DelegationWithdrawn{Org: o.Org, Delegation: op.ID, At: j.c.At}, nil)
}
