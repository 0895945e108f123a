package directory

import "time"

// An agency's own part of the directory: who works in it and by which rules. It changes by the same signed changes as all else.

// Role is what a person may do in an agency.
type Role string

// Roles. An administrator cares for the agency's part of the directory and thereby reads no document.
const (
	RoleClerk         Role = "clerk"         // văn thư: registers, numbers, seals, sends
	RoleSpecialist    Role = "specialist"    // chuyên viên: drafts and handles
	RoleHead          Role = "head"          // trưởng đơn vị: of the unit of the duty
	RoleLeader        Role = "leader"        // lãnh đạo: of the agency
	RoleAdministrator Role = "administrator" // quản trị: of the agency's part of the directory
	RoleAuditor       Role = "auditor"       // thanh tra, kiểm tra nội bộ: reads, does nothing
	RoleArchivist     Role = "archivist"     // lưu trữ: closed dossiers
)

// Office is an agency's own part of the directory. Not to be changed by readers. Lists are in order of id unless said.
type Office struct {
	Org         string // identity
	Units       []Unit
	Persons     []Person
	Delegations []Delegation
	Registers   []Register // in order of setting; which fits says RegisterFor
	Series      []Series   // in order of setting; which fits says SeriesFor
	Chains      []Chain    // in order of setting; which fits says ChainFor
	FilePlan    []FilePlanEntry
	Retentions  []Retention
	Deadlines   []DeadlineRule
	Calendar    Calendar
	Position    uint64 // log position of its latest change

	Changes []uint64 // versions of the stream at which its latest changes begin, ascending; at most KeptChanges

	DeadlinesChange uint64 // log position of the latest change of Deadlines
	CalendarChange  uint64 // of Calendar
}

// KeptChanges is how many of an office's changes are known by their place; the log has all.
const KeptChanges = 500

// Unit of an agency. Name is from facts and decides nothing.
type Unit struct {
	ID     string // 1..64 of [a-z0-9-]
	Name   string
	Short  string // abbreviation in notations ("VX"), "" none
	Parent string // id, "" the agency itself
	Closed bool

	LastChange uint64 // log position
}

// Person who works in an agency. Name and Position are from facts and decide nothing.
type Person struct {
	ID       string // 1..64 of [a-z0-9-]; never a name
	Name     string
	Position string
	Duties   []Duty
	Gone     bool

	LastChange uint64 // log position
}

// Duty is a role for a period.
type Duty struct {
	Role  Role      `json:"role"`
	Unit  string    `json:"unit,omitempty"` // id, "" the whole agency
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"` // exclusive, zero open
}

// Delegation lets To act in the place of From for a period (uỷ quyền, thay). Nobody can delegate what was delegated to him.
type Delegation struct {
	ID        string
	From, To  string // persons
	Roles     []Role // none: all of From's
	Start     time.Time
	End       time.Time // exclusive, never zero
	Withdrawn time.Time // zero: not
}

// Register of arrivals (sổ văn bản đến). Numbers run from 1 each year.
type Register struct {
	ID     string   `json:"id"`
	Name   string   `json:"-"`               // from facts
	Types  []string `json:"types,omitempty"` // kinds of documents meant for it, none: all
	Closed bool     `json:"closed,omitempty"`

	LastChange uint64 `json:"-"` // log position
}

// Series numbers outgoing documents from 1 each year (NĐ 30/2020 Điều 15).
type Series struct {
	ID       string   `json:"id"`
	Name     string   `json:"-"`                // from facts
	Types    []string `json:"types,omitempty"`  // kinds, names as in schemas.DocumentTypes; none: all
	Copies   bool     `json:"copies,omitempty"` // numbers copies (sao y, sao lục, trích sao)
	Notation string   `json:"notation"`         // "{type}-UBND": {type} is the abbreviation of the kind, {unit} that of the author's unit, {year} the year
	Closed   bool     `json:"closed,omitempty"`

	LastChange uint64 `json:"-"` // log position
}

// Chain of approval.
type Chain struct {
	ID     string   `json:"id"`
	Name   string   `json:"-"`               // from facts
	Types  []string `json:"types,omitempty"` // kinds, none: all
	Steps  []Step   `json:"steps"`           // 1..20; exactly the last signs
	Closed bool     `json:"closed,omitempty"`

	LastChange uint64 `json:"-"` // log position
}

// Step of a chain.
type Step struct {
	Role Role   `json:"role"`
	Unit string `json:"unit,omitempty"` // id; "author": the author's unit; "": the whole agency
	Days int    `json:"days,omitempty"` // working days it should take, 0 none
}

// FilePlanEntry is a heading of the file plan (danh mục hồ sơ). Title is from facts.
type FilePlanEntry struct {
	Code      string
	Title     string
	Retention string // id
	Unit      string // id, "" any
	Closed    bool

	LastChange uint64 // log position
}

// Retention period (thời hạn bảo quản).
type Retention struct {
	ID    string `json:"id"`
	Name  string `json:"-"`     // from facts
	Years int    `json:"years"` // 0: permanent (vĩnh viễn)

	LastChange uint64 `json:"-"` // log position
}

// DeadlineRule says how many working days something should take.
type DeadlineRule struct {
	What     string `json:"what"`     // register, present, assign, handle, approve, issue, dossier
	Priority int    `json:"priority"` // from this urgency (0..4) on
	Days     int    `json:"days"`     // 0: the same day
}

// Calendar of an agency: days are yyyy-MM-dd in +07:00. Saturday and Sunday do not count unless they are in Working.
type Calendar struct {
	Holidays []string `json:"holidays,omitempty"` // ascending
	Working  []string `json:"working,omitempty"`  // substitute working days, ascending
}
