package view

import "time"

// Settings is all that the directory says of an agency's office, as of now and for later: for those who care for it. Version is the log
// position of the latest change of a thing. Lists are in order of id, but for units (each after the one that it is part of) and for
// registers, series and chains (in the order in which they are chosen).
type Settings struct {
	Org         string
	Name        string
	Units       []UnitSettings
	Persons     []PersonSettings
	Delegations []DelegationSettings
	Registers   []RegisterSettings
	Series      []SeriesSettings
	Chains      []ChainSettings
	FilePlan    []FilePlanSettings
	Retentions  []RetentionSettings
	Deadlines   []DeadlineSettings
	Holidays    []string // yyyy-MM-dd, ascending
	Working     []string // Saturdays and Sundays that count

	DeadlinesVersion uint64
	CalendarVersion  uint64
}

// Parts of the settings.
type (
	UnitSettings struct {
		ID, Name, Short, Parent string
		Closed                  bool
		Depth                   int // 0: part of the agency itself
		Version                 uint64
	}
	// PersonSettings: duties that have ended are left out.
	PersonSettings struct {
		PersonRef
		Duties  []DutySettings
		Gone    bool
		Version uint64
	}
	DutySettings struct {
		Role, Unit  string
		From, Until time.Time // Until exclusive; zero: open
	}
	// DelegationSettings: those that have ended too.
	DelegationSettings struct {
		ID         string
		From, To   PersonRef
		Roles      []string // none: all that can be delegated
		Start, End time.Time
		Withdrawn  time.Time // zero: not
	}
	RegisterSettings struct {
		ID, Name string
		Types    []string
		Closed   bool
		Version  uint64
	}
	SeriesSettings struct {
		ID, Name string
		Types    []string
		Copies   bool
		Notation string
		Closed   bool
		Version  uint64
	}
	ChainSettings struct {
		ID, Name string
		Types    []string
		Steps    []StepSettings
		Closed   bool
		Version  uint64
	}
	StepSettings struct {
		Role, Unit string // Unit "author": that of the author
		Days       int
	}
	FilePlanSettings struct {
		Code, Title, Retention, Unit string
		Closed                       bool
		Version                      uint64
	}
	RetentionSettings struct {
		ID, Name string
		Years    int // 0: for ever
		Version  uint64
	}
	DeadlineSettings struct {
		What     string
		Priority int
		Days     int
	}
)

// OfficeChange is one recorded change of an agency's office: who, when, by which decision, and what.
type OfficeChange struct {
	Position uint64
	At       time.Time
	Person   PersonRef // of the agency, for whom the node signed; zero: somebody else
	By       string    // in the words of the change, when Person is zero: an operator, or the agency by its own key
	ByKind   string    // office, agency, administrator
	Reason   string    // "" none, or destroyed
	Items    []OfficeChangeItem
	More     int // items beyond those listed
}

// OfficeChangeItem is one thing that it changed, by the name of the event.
type OfficeChangeItem struct {
	Name       string
	ID         string // of the thing, "" there is one only
	Word       string // its name, if it was said
	Duties     []DutySettings
	From, To   PersonRef // of a delegation
	Start, End time.Time
}
