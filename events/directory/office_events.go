package directory

import "time"

// Names of the events of an agency's own part of the directory. They follow a change-accepted event like all others.
const (
	NameUnitSet             = "directory.unit-set.v1"
	NameUnitClosed          = "directory.unit-closed.v1"
	NamePersonSet           = "directory.person-set.v1"
	NamePersonLeft          = "directory.person-left.v1"
	NameDelegated           = "directory.delegated.v1"
	NameDelegationWithdrawn = "directory.delegation-withdrawn.v1"
	NameRegisterSet         = "directory.register-set.v1"
	NameSeriesSet           = "directory.series-set.v1"
	NameChainSet            = "directory.chain-set.v1"
	NameFilePlanSet         = "directory.file-plan-set.v1"
	NameRetentionSet        = "directory.retention-set.v1"
	NameDeadlinesSet        = "directory.deadlines-set.v1"
	NameCalendarSet         = "directory.calendar-set.v1"
)

// UnitSet begins a unit of an agency or says anew what it is. A closed one is open again.
type UnitSet struct {
	Org    string `json:"org"` // identity
	Unit   string `json:"unit"`
	Parent string `json:"parent,omitempty"` // unit, "" the agency itself
	Short  string `json:"short,omitempty"`  // abbreviation in notations
}

// WordFacts are the words for something of an agency: the name of a unit, register, series or chain, the title of a heading of
// the file plan. "" keeps the one before.
type WordFacts struct {
	Name string `json:"name,omitempty"`
}

// UnitClosed ends a unit.
type UnitClosed struct {
	Org  string `json:"org"`
	Unit string `json:"unit"`
}

// PersonSet begins a person of an agency or says anew what the person does there: all duties. One who had left is back.
type PersonSet struct {
	Org    string `json:"org"`
	Person string `json:"person"` // opaque id
	Duties []Duty `json:"duties,omitempty"`
}

// PersonFacts are the words about a person. "" keeps the one before.
type PersonFacts struct {
	Name     string `json:"name,omitempty"`
	Position string `json:"position,omitempty"`
}

// PersonLeft ends a person's duties, and with them the delegations from and to the person.
type PersonLeft struct {
	Org    string    `json:"org"`
	Person string    `json:"person"`
	At     time.Time `json:"at"`
}

// Delegated lets To act in the place of From: Start ≤ t < End.
type Delegated struct {
	Org        string    `json:"org"`
	Delegation string    `json:"delegation"`
	From       string    `json:"from"`
	To         string    `json:"to"`
	Roles      []Role    `json:"roles,omitempty"` // ascending; none: all that can be delegated
	Start      time.Time `json:"start"`
	End        time.Time `json:"end"`
}

// DelegationWithdrawn ends a delegation early.
type DelegationWithdrawn struct {
	Org        string    `json:"org"`
	Delegation string    `json:"delegation"`
	At         time.Time `json:"at"`
}

// RegisterSet, SeriesSet and ChainSet begin one, or say anew what it is, in its old place of the order.
type (
	RegisterSet struct {
		Org string `json:"org"`
		Register
	}
	SeriesSet struct {
		Org string `json:"org"`
		Series
	}
	ChainSet struct {
		Org string `json:"org"`
		Chain
	}
)

// FilePlanSet begins a heading of the file plan or says anew what it is. Its title is in WordFacts.
type FilePlanSet struct {
	Org       string `json:"org"`
	Code      string `json:"code"`
	Retention string `json:"retention"`
	Unit      string `json:"unit,omitempty"`
	Closed    bool   `json:"closed,omitempty"`
}

// RetentionSet begins a retention period or says anew how long it is.
type RetentionSet struct {
	Org string `json:"org"`
	Retention
}

// DeadlinesSet replaces all rules.
type DeadlinesSet struct {
	Org   string         `json:"org"`
	Rules []DeadlineRule `json:"rules,omitempty"` // in order of What and Priority
}

// CalendarSet replaces the days of one year; those of other years stay.
type CalendarSet struct {
	Org  string `json:"org"`
	Year int    `json:"year"`
	Calendar
}
