package directory

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
