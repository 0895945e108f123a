package directory

import "time"

// Limits of one agency's own part of the directory: of what every node holds in memory and every question may go through.
const (
	MaxOfficeChange = 1000 // operations of one change: its events are one append, and a cluster takes 1 MiB at once
	MaxUnits        = 500
	MaxPersons      = 2000
	MaxDuties       = 20   // of one person
	MaxDelegations  = 1000 // that have not ended
	MaxRegisters    = 200
	MaxSeries       = 200
	MaxChains       = 200
	MaxSteps        = 20
	MaxKinds        = 100 // named by a register, series or chain
	MaxFilePlan     = 2000
	MaxRetentions   = 50
	MaxRetention    = 200  // years
	MaxDeadline     = 1000 // working days
	FirstCalendar   = 2000
	LastCalendar    = 2199
	MaxPriority     = 4
	maxOfficeID     = 64
	maxKind         = 100 // characters
	maxShort        = 20
	maxNotation     = 50
	maxFilePlanCode = 50
	unitOfAuthor    = "author" // in a step; no unit has this id
	placeholderKind = "{type}"
	placeholderUnit = "{unit}"
	placeholderYear = "{year}"
)

// Operations on an agency's own part of the directory. Agency is any code of an organisation that this node serves. "" in a word
// (name, position, title) keeps the one before; everything else is replaced.
type (
	// SetUnit begins a unit or changes it, and opens a closed one again.
	SetUnit struct {
		Agency string
		ID     string
		Name   string
		Short  string
		Parent string
	}
	// CloseUnit ends one in which nobody works any more.
	CloseUnit struct{ Agency, ID string }
	// SetPerson begins a person or changes what the person does.
	SetPerson struct {
		Agency   string
		ID       string
		Name     string
		Position string
		Duties   []Duty
	}
	// RemovePerson says that one has left.
	RemovePerson struct{ Agency, ID string }
	// Delegate lets one act in the place of another for a period.
	Delegate struct {
		Agency     string
		ID         string
		From, To   string
		Roles      []Role // none: all that can be delegated
		Start, End time.Time
		Reason     string
	}
	// WithdrawDelegation ends a delegation at once.
	WithdrawDelegation struct{ Agency, ID string }
	// SetRegister begins a register of arrivals or changes it.
	SetRegister struct {
		Agency string
		Register
	}
	// SetSeries begins a series of numbers or changes it.
	SetSeries struct {
		Agency string
		Series
	}
	// SetChain begins a chain of approval or changes it.
	SetChain struct {
		Agency string
		Chain
	}
	// SetFilePlan begins a heading of the file plan or changes it.
	SetFilePlan struct {
		Agency string
		FilePlanEntry
	}
	// SetRetention begins a retention period or changes it.
	SetRetention struct {
		Agency string
		Retention
	}
	// SetDeadlines replaces all rules of deadlines.
	SetDeadlines struct {
		Agency string
		Rules  []DeadlineRule
	}
	// SetCalendar replaces the holidays and substitute working days of one year.
	SetCalendar struct {
		Agency string
		Year   int
		Calendar
	}
)

// Kind is the element name.
func (SetUnit) Kind() string { return "SetUnit" }

// Kind is the element name.
func (CloseUnit) Kind() string { return "CloseUnit" }

// Kind is the element name.
func (SetPerson) Kind() string { return "SetPerson" }

// Kind is the element name.
func (RemovePerson) Kind() string { return "RemovePerson" }

// Kind is the element name.
func (Delegate) Kind() string { return "Delegate" }

// Kind is the element name.
func (WithdrawDelegation) Kind() string { return "WithdrawDelegation" }

// Kind is the element name.
func (SetRegister) Kind() string { return "SetRegister" }

// Kind is the element name.
func (SetSeries) Kind() string { return "SetSeries" }

// Kind is the element name.
func (SetChain) Kind() string { return "SetChain" }

// Kind is the element name.
func (SetFilePlan) Kind() string { return "SetFilePlan" }

// Kind is the element name.
func (SetRetention) Kind() string { return "SetRetention" }

// Kind is the element name.
func (SetDeadlines) Kind() string { return "SetDeadlines" }

// Kind is the element name.
func (SetCalendar) Kind() string { return "SetCalendar" }

// officeOperation is an operation on an agency's own part of the directory.
type officeOperation interface {
	Operation
	agency() string
}

func (op SetUnit) agency() string            { return op.Agency }
func (op CloseUnit) agency() string          { return op.Agency }
func (op SetPerson) agency() string          { return op.Agency }
func (op RemovePerson) agency() string       { return op.Agency }
func (op Delegate) agency() string           { return op.Agency }
func (op WithdrawDelegation) agency() string { return op.Agency }
func (op SetRegister) agency() string        { return op.Agency }
func (op SetSeries) agency() string          { return op.Agency }
func (op SetChain) agency() string           { return op.Agency }
func (op SetFilePlan) agency() string        { return op.Agency }
func (op SetRetention) agency() string       { return op.Agency }
func (op SetDeadlines) agency() string       { return op.Agency }
func (op SetCalendar) agency() string        { return op.Agency }

// AuthorityOffice is the right of a person of an agency's office, for whom the node signs with the agency's key in custody: an
// administrator for the agency's own part of the directory, everybody for the delegations of what is his own.
const AuthorityOffice Authority = "office"

// Reasons of refusals about an agency's own part of the directory. They are stable.
const (
	ReasonPersonNoRight      Reason = "person-no-right"      // the key in custody signs for a person who may not
	ReasonOwnRights          Reason = "own-rights"           // it would widen the rights of the person who asks
	ReasonNotServed          Reason = "not-served"           // another node serves the agency
	ReasonItemID             Reason = "item-id"              // not an id
	ReasonItemName           Reason = "item-name"            // a new one has no name
	ReasonOfficeLimit        Reason = "office-limit"         // too many
	ReasonUnitUnknown        Reason = "unit-unknown"         // no such unit
	ReasonUnitClosed         Reason = "unit-closed"          // the unit is closed
	ReasonUnitCycle          Reason = "unit-cycle"           // a unit would be part of itself
	ReasonUnitInUse          Reason = "unit-in-use"          // persons, units, chains or file plan still need it
	ReasonUnitShort          Reason = "unit-short"           // not an abbreviation
	ReasonPersonUnknown      Reason = "person-unknown"       // no such person
	ReasonPersonGone         Reason = "person-gone"          // the person has left
	ReasonRole               Reason = "role"                 // no such role, or not one for this
	ReasonRoleUnit           Reason = "role-unit"            // the role needs a unit, or is for the whole agency
	ReasonDelegationTaken    Reason = "delegation-taken"     // the id was used before
	ReasonDelegationSelf     Reason = "delegation-self"      // to oneself
	ReasonDelegationNotHeld  Reason = "delegation-not-held"  // not a duty of the person's own in that period
	ReasonDelegationUnknown  Reason = "delegation-unknown"   // no such delegation
	ReasonDelegationEnded    Reason = "delegation-ended"     // it has ended
	ReasonDocumentKinds      Reason = "document-kinds"       // a kind is empty, too long or named twice
	ReasonNotation           Reason = "notation"             // not a template of a notation
	ReasonChainSteps         Reason = "chain-steps"          // none, or too many, or days that are none
	ReasonChainSigner        Reason = "chain-signer"         // the last step is not of one who signs
	ReasonRetentionUnknown   Reason = "retention-unknown"    // no such retention period
	ReasonRetentionYears     Reason = "retention-years"      // below 0 or too many
	ReasonDeadline           Reason = "deadline"             // no such thing, urgency or number of days, or said twice
	ReasonCalendarYear       Reason = "calendar-year"        // not a year
	ReasonCalendarDay        Reason = "calendar-day"         // no day, not of the year, or said twice
	ReasonCalendarContradict Reason = "calendar-contradicts" // a substitute working day that works anyway, or is a holiday
)
