package directory

import (
	"slices"
	"time"
)

// Assignee is whom work is given to: a unit, a person in it, or a person.
type Assignee struct {
	Unit   string `json:"unit,omitempty"`   // id
	Person string `json:"person,omitempty"` // id
}

// IsZero says whether it names nobody.
func (a Assignee) IsZero() bool { return a == Assignee{} }

func (a Assignee) String() string {
	switch {
	case a.Unit == "":
		return a.Person
	case a.Person == "":
		return a.Unit
	}
	return a.Unit + "/" + a.Person
}

// handling are the roles that handle work, the nearest to it first. A clerk who also handles has the duty of a specialist beside.
var handling = []Role{RoleSpecialist, RoleHead, RoleLeader}

// Handles says whether work can be given to the person.
func (s Standing) Handles() bool { return slices.ContainsFunc(handling, s.Has) }

// Is says whether an act is the person's: in the own name, or by whoever acts in the person's place.
func (s Standing) Is(person string) bool {
	return person != "" && (s.For == person || s.For == "" && s.Person == person)
}

// Name is in whose name the person acts.
func (s Standing) Name() string {
	if s.For != "" {
		return s.For
	}
	return s.Person
}

// MainUnit is the unit of the person's first duty that handles work, else of the first as clerk: where the person stands when nobody
// says in which unit. "" is the agency as such.
func (s Standing) MainUnit() string {
	for _, role := range append(slices.Clone(handling), RoleClerk) {
		for _, d := range s.Duties {
			if d.Role == role {
				return d.Unit
			}
		}
	}
	return ""
}

// Heads says whether the person is the head of the unit that the assignee names, or of one above it.
func (s Standing) Heads(a Assignee) bool { return a.Unit != "" && s.HasFor(RoleHead, a.Unit) }

// Takes says whether work given to the assignee lies with this person: who is named and handles work; where no person is named, who
// is a specialist in the unit; and always the head of the unit.
func (s Standing) Takes(a Assignee) bool {
	if s.Is(a.Person) && s.Handles() || s.Heads(a) {
		return true
	}
	return a.Person == "" && a.Unit != "" && slices.ContainsFunc(s.Duties, func(d Duty) bool {
		return d.Role == RoleSpecialist && d.Unit != "" && s.within(d.Unit, a.Unit)
	})
}

// Fault says why work cannot be given to an assignee.
type Fault string

// Faults.
const (
	FaultNone   Fault = ""
	FaultNobody Fault = "nobody" // names neither unit nor person
	FaultUnit   Fault = "unit"   // no such unit, or it is closed
	FaultPerson Fault = "person" // no such person, or gone, or without a duty that handles work
	FaultApart  Fault = "apart"  // the person has no duty in the unit
)

// Assignable says whether work can be given to the assignee at a time, and names the unit of a person for whom none was named.
func (o *Office) Assignable(a Assignee, at time.Time) (Assignee, Fault) {
	if a.IsZero() {
		return a, FaultNobody
	}
	if a.Unit != "" {
		if u, ok := o.Unit(a.Unit); !ok || u.Closed {
			return a, FaultUnit
		}
	}
	if a.Person == "" {
		return a, FaultNone
	}
	s, ok := o.Standing(a.Person, "", at)
	switch {
	case !ok || !s.Handles():
		return a, FaultPerson
	case a.Unit == "":
		a.Unit = s.MainUnit()
	case !slices.ContainsFunc(s.Duties, func(d Duty) bool {
		return slices.Contains(handling, d.Role) && d.Unit != "" && o.Within(d.Unit, a.Unit)
	}):
		return a, FaultApart
	}
	return a, FaultNone
}
