package view

import (
	"context"
	"time"
)

// Staff is a person of an agency who asks about its work. What the person may see follows from the person's duties as the
// directory knows them as of Now: clerks, leaders and the agency's auditors see all of the agency; heads what concerns their units;
// specialists what concerns them or was given to their unit; archivists closed dossiers and what lies in them; administrators nothing.
// Whoever stands in for somebody sees what the other sees, for as long as that lasts. Who may not see gets ErrNotFound.
type Staff struct {
	Org    string // identity
	Person string // id in the agency's part of the directory
	Now    time.Time
}

// Target is what an act or an item of work is about: kind incoming, outgoing or dossier.
type Target struct {
	Kind string
	ID   string
}

// PersonRef and UnitRef name somebody with the words of the directory ("" when they were destroyed).
type (
	PersonRef struct{ ID, Name, Position string }
	UnitRef   struct{ ID, Name string }
	// Assignee is a unit, or a person in it, or a person.
	Assignee struct {
		Unit   UnitRef
		Person PersonRef
	}
)

// Deadline is a day by which something is due. All days are of +07:00, all counts are working days of the agency.
type Deadline struct {
	Day  string // yyyy-MM-dd, "" none
	Left int    // working days from today until it; negative: late by so many; counts only when not Done
	Late bool   // past and not done, or done after it
}

// Box is one list of work.
type Box string

// Boxes.
const (
	BoxMine  Box = "mine"  // what this person must do now
	BoxUnit  Box = "unit"  // what lies with the person's units
	BoxLate  Box = "late"  // what is late, of all that the person may see
	BoxWatch Box = "watch" // what the person gave to others and is not done
)

// What an item of work asks for. The portal has words for each.
const (
	WorkRegister  = "register"   // an arrival to be registered or refused (clerk)
	WorkPresent   = "present"    // registered, to be laid before a leader (clerk)
	WorkAssign    = "assign"     // presented to me: say who handles it
	WorkHandle    = "handle"     // I or my unit am in charge
	WorkCooperate = "cooperate"  // I or my unit cooperate
	WorkReturned  = "returned"   // an assignment that came back to me, or a draft sent back
	WorkApprove   = "approve"    // a draft waits for my approval
	WorkSign      = "sign"       // a draft waits for my signature
	WorkOpinion   = "opinion"    // I am asked for an opinion
	WorkIssue     = "issue"      // signed, to be numbered, sealed and sent (clerk)
	WorkDraft     = "draft"      // my draft, not submitted
	WorkTask      = "task"       // a task of a dossier
	WorkDossier   = "dossier"    // a dossier I am in charge of, due
	WorkNotTaken  = "not-taken"  // issued, and a recipient has not taken it (clerk)
	WorkRefusedBy = "refused-by" // issued, and a recipient gave it back (clerk)
	WorkAsked     = "asked"      // the sender asks for the document back: answer (clerk)
)

// WorkItem is one thing that somebody must do.
type WorkItem struct {
	Target   Target
	What     string // Work*
	Number   string // arrival number, number and notation, or dossier code; "" none yet
	TypeName string
	Subject  string
	Copy     string // as in OutgoingRow
	Party    Party  // the other side: sender of an incoming document, first recipient of an outgoing one
	Priority int    // 0..4 as in RegisterRow
	Due      Deadline
	Since    time.Time
	From     PersonRef // who gave it
	To       Assignee  // with whom it lies
	For      PersonRef // in whose place the asker may do it; zero: in the own name
	Version  uint64    // of the target: Seen of the next act
}

// WorkQuery asks for one page of a box: late first, then by priority, deadline and age.
type WorkQuery struct {
	Staff  Staff
	Box    Box
	What   string // Work*, "" all
	Cursor string
	Limit  int // 1..200, 0 = 50
}

// States of an incoming document in one agency.
const (
	IncomingArrived    = "arrived"    // nobody has registered it
	IncomingRegistered = "registered" // in the register, with a number
	IncomingPresented  = "presented"  // laid before a leader
	IncomingAssigned   = "assigned"
	IncomingHandling   = "handling"
	IncomingFinished   = "finished"
	IncomingRefused    = "refused"   // given back
	IncomingWithdrawn  = "withdrawn" // the sender took it back
)

// IncomingQuery asks for arrivals and for the register of incoming documents. Zero values mean "no filter".
type IncomingQuery struct {
	Staff         Staff
	Register      string // id
	Year          int
	State         string // Incoming*
	Open          bool   // neither finished, refused nor withdrawn
	Late          bool
	Unit, Person  string // with whom it lies
	Words         string
	Number        string // of the document, in part, or the arrival number
	From, To      string // day of arrival, yyyy-MM-dd, inclusive
	Correspondent string
	TypeName      string
	Channel       string
	InCharge      string // unit that is or was in charge: that of the person, when a person is
	Outcome       string // Outcome*: the documents behind a figure of the statistics
	Days          string // "0" … "9", "10+": ended after so many working days
	Cursor        string
	Limit         int // 1..500, 0 = 50
}

// Outcomes: what the statistics count incoming documents by.
const (
	OutcomeOpen     = "open"      // neither finished, refused nor withdrawn
	OutcomeLateOpen = "late-open" // the same, and past the day by which the next step is due
	OutcomeOnTime   = "on-time"   // finished at or before the deadline
	OutcomeLateDone = "late-done" // finished after it
)

// IncomingRow is a line of the arrivals list and of the registers of Phụ lục IV (ĐẾN, theo dõi giải quyết).
type IncomingRow struct {
	ID            string
	Document      string // key, "" when it came on paper
	Channel       string // exchange, paper, mail, fax, by-hand, other
	Register      string
	ArrivalNumber int // 0 none yet
	Year          int
	ArrivedAt     time.Time
	RegisteredAt  time.Time
	PassedAt      time.Time // laid before, or given to, whoever has it
	Number        string
	Date          string
	TypeName      string
	Subject       string
	Signer        string
	From          Party
	Priority      int
	State         string
	InCharge      Assignee
	Cooperating   []Assignee
	Due           Deadline
	FinishedAt    time.Time
	Reply         string // number of the reply, "" none
	Note          string
	Version       uint64
	Destroyed     string
}

// Trail is one act in the life of a target: who did what when.
type Trail struct {
	Position uint64
	At       time.Time
	Name     string // event name
	Person   PersonRef
	For      PersonRef // in whose place
	To       []Assignee
	Text     string            // opinion, reason, note
	Detail   map[string]string // ids, codes and numbers, for the sentence
	Package  string            // hex, "" for what the node did
	Files    []Attachment      // carried by it: index in Package
}

// May is what the asker may do with a target now: names of acts, as in the DossierAction form.
type May []string

// Reading is one opening of a document.
type Reading struct {
	At     time.Time
	Person PersonRef
	Org    Party
	What   string // page, package, attachment, evidence
	Right  string // reading right by which an auditor read, "" none
}

// IncomingDocument is everything the page of one incoming document shows beside Document.
type IncomingDocument struct {
	Row      IncomingRow
	Opinion  string // of the latest assignment
	Asked    bool   // its sender asks for it back, and the agency has not answered
	Trail    []Trail
	Files    []Attachment // of a paper registration
	Package  string       // hex, of the paper registration
	Dossiers []DossierRow // it lies in
	Replies  []OutgoingRow
	May      May
	Stands   map[string]PersonRef // act → in whose place the asker may do it; not there: in the own name
	Version  uint64
}

// States of an outgoing document.
const (
	OutgoingDraft     = "draft"
	OutgoingSubmitted = "submitted" // in its chain
	OutgoingSentBack  = "sent-back"
	OutgoingSigned    = "signed" // to be issued
	OutgoingNumbering = "numbering"
	OutgoingNumbered  = "numbered" // being sealed and sent
	OutgoingIssued    = "issued"
	OutgoingCancelled = "cancelled"
	OutgoingRecalled  = "recalled"
)

// OutgoingQuery asks for drafts and for the register of outgoing documents.
type OutgoingQuery struct {
	Staff        Staff
	Series       string
	Year         int
	State        string
	Open         bool // not issued, not cancelled
	Issued       bool // has a number: the register, void numbers included
	Valid        bool // with Issued: void numbers left out
	Author, Unit string
	Words        string
	Number       string
	From, To     string // date of the document
	TypeName     string
	Recipient    string
	Cursor       string
	Limit        int
}

// OutgoingRow is a line of the list of drafts and of the register of Phụ lục IV (ĐI).
type OutgoingRow struct {
	ID         string
	Document   string // key once sent
	Series     string
	SeqNumber  int // in the series and year, 0 none
	Year       int
	Number     string // số và ký hiệu
	Date       string
	TypeName   string
	Subject    string
	Signer     PersonRef
	Author     PersonRef
	Unit       UnitRef
	To         []Party
	ToPlaces   []string
	KeptBy     string
	Copies     int
	Priority   int
	State      string
	With       Assignee // where it lies
	Void       string   // reason, when its number is void
	IssuedAt   time.Time
	Received   int // recipients that have acknowledged, of len(To)
	Finished   int // that have finished
	RefusedBy  int
	Due        Deadline // of the step
	Version    uint64
	VersionsNo int // of the text
	Relation   string
	RelatedTo  string
	Copy       string // form of a copy: SY (true copy), SL (of a copy), TrS (extract); "" the agency's own words
	Destroyed  string
}

// DraftVersion is one version of a draft.
type DraftVersion struct {
	No         int
	At         time.Time
	By         PersonRef
	Note       string
	Package    string // hex
	Files      []Attachment
	Type       string
	Subject    string
	Content    string
	Recipients []Party
	ToPlaces   []string
	Priority   int
	DueDate    string
	Signer     PersonRef
	Competence string
	Series     string
	Place      string
	Pages      int
	Copies     int
	KeptBy     string
	Fields     [][2]string
	ReplyTo    []string
	Dossier    string
	Relation   string
	RelatedTo  string
	Extract    string // of a copy: which part
}

// ChainStep is one step of a chain of approval.
type ChainStep struct {
	Role   string
	Unit   UnitRef
	Person PersonRef // who acted, or who is asked
	Signs  bool
	State  string // waiting, current, approved, signed, sent-back
	At     time.Time
	Note   string
	Due    Deadline
}

// OutgoingDocument is everything the page of one outgoing document shows.
type OutgoingDocument struct {
	Row        OutgoingRow
	Versions   []DraftVersion // latest first
	Chain      []ChainStep
	Recipients []RecipientState // follow-up (hồi báo)
	Statuses   []StatusRow
	Trail      []Trail
	Related    []Relation
	Dossiers   []DossierRow
	May        May
	Stands     map[string]PersonRef
	Version    uint64
}

// States of a dossier.
const (
	DossierOpen   = "open"
	DossierClosed = "closed"
)

// DossierQuery asks for dossiers.
type DossierQuery struct {
	Staff    Staff
	State    string
	FilePlan string
	InCharge string
	Year     int
	Words    string
	Late     bool
	Cursor   string
	Limit    int
}

// DossierRow is a line of the list of dossiers.
type DossierRow struct {
	ID        string
	Code      string // số và ký hiệu hồ sơ
	Title     string
	FilePlan  string
	Retention string // words
	InCharge  PersonRef
	Unit      UnitRef
	OpenedAt  time.Time
	ClosedAt  time.Time
	Due       Deadline
	State     string
	Items     int
	OpenTasks int
	Version   uint64
	Destroyed string
}

// DossierItem is a line of the contents list (mục lục văn bản trong hồ sơ).
type DossierItem struct {
	No       int // for ever
	Target   Target
	Document string // key
	Number   string
	Date     string
	TypeName string
	Subject  string
	Author   Party
	Pages    string
	Note     string
	AddedAt  time.Time
	By       PersonRef
	Removed  string // reason, "" still in
	Package  string // hex, when the item is files
	Files    []Attachment
	Visible  bool // to the asker; else only No, AddedAt and By are set
}

// Task of a dossier.
type Task struct {
	ID     string
	To     Assignee
	By     PersonRef
	Text   string
	Due    Deadline
	Done   bool
	DoneAt time.Time
	Result string
}

// Decision recorded in a dossier.
type Decision struct {
	At       time.Time
	By       PersonRef
	Text     string
	Document Target
	Number   string
}

// Dossier is everything the page of one dossier shows.
type Dossier struct {
	Row       DossierRow
	Items     []DossierItem
	Tasks     []Task
	Decisions []Decision
	Trail     []Trail
	May       May
	Stands    map[string]PersonRef
	Version   uint64
}

// Office is what forms need of an agency's part of the directory.
type Office struct {
	Org         string
	Name        string
	Units       []OfficeUnit
	Persons     []OfficePerson
	Registers   []Named // of arrivals
	Series      []Series
	Chains      []Chain
	FilePlan    []FilePlanEntry
	Retentions  []Named
	Delegations []Delegation
	Holidays    []string // yyyy-MM-dd, ascending: days of the week that do not count
	Working     []string // yyyy-MM-dd, ascending: Saturdays and Sundays that count
	Version     uint64   // log position of the latest change
}

// Parts of an office.
type (
	// Closed ones, and persons who are gone, are for looking at what was, not for new acts.
	Named struct {
		ID, Name string
		Closed   bool
	}
	OfficeUnit struct {
		ID, Name, Parent string
		Closed           bool
	}
	// OfficePerson with the duties of today.
	OfficePerson struct {
		PersonRef
		Duties []OfficeDuty
		Gone   bool
	}
	// OfficeDuty: role is clerk, specialist, head, leader, administrator, auditor or archivist; Unit is "" for the whole agency.
	OfficeDuty struct {
		Role, Unit  string
		From, Until string // yyyy-MM-dd, "" open
	}
	Series struct {
		ID, Name string
		Types    []string
		Notation string
		Closed   bool
	}
	Chain struct {
		ID, Name string
		Types    []string
		Steps    []ChainStep
		Closed   bool
	}
	FilePlanEntry struct{ Code, Title, Retention, Unit string }
	Delegation    struct {
		ID          string
		From, To    PersonRef
		Roles       []string
		Start, End  string // yyyy-MM-dd, inclusive
		Withdrawn   bool
		InForce     bool
		Description string
	}
)

// Statistics over a period, for charts, of what the asker may see. Every figure is the Total of the question with the same From and To:
//
//	Incoming    Incoming with nothing more;   OnTime, LateDone, LateOpen, Open: Incoming with that Outcome
//	Outgoing    Outgoing with Issued and Valid
//
// and what the list is by: ByMonth the month as From and To; ByUnit InCharge, or Unit of Outgoing; ByType TypeName; BySender
// Correspondent; ResponseDays Days. Unit of StatisticsQuery is InCharge and Unit too: the unit alone, without those that are part of it.
// Working days are counted by the agency's calendar as it was when the work ended.
type Statistics struct {
	From, To     string
	ByMonth      []StatPoint // Key yyyy-MM
	ByUnit       []StatPoint // Key unit id
	ByType       []StatPoint // Key type name
	BySender     []StatPoint // Key organisation identity; at most 20
	ResponseDays []StatPoint // Key "0", "1", …, "10+": working days from arrival to end; Incoming counts
	Total        StatPoint   // of all of it
	AsOf         uint64
}

// StatPoint is one mark of a chart.
type StatPoint struct {
	Key, Name  string
	Incoming   int
	Outgoing   int
	OnTime     int // finished at or before the deadline
	LateDone   int // finished after it
	LateOpen   int // not finished and past it
	Open       int
	MedianDays float64 // working days from arrival to end, -1 none
}

// StatisticsQuery asks for them. From and To are days (yyyy-MM-dd, inclusive) of arrival or issue.
type StatisticsQuery struct {
	Staff    Staff
	From, To string
	Unit     string
}

// Note tells a person in the page that something happened. It never carries words of a document.
type Note struct {
	Position uint64
	At       time.Time
	Kind     string // Work*, or late, done, recalled, status
	Target   Target
	By       PersonRef
	Code     string // status code or number
}

// OfficeViews is the read side of an agency's work. All methods may be called concurrently and see one snapshot per call.
type OfficeViews interface {
	// Office is what the directory says of an agency. ErrNotFound if it has no office here.
	Office(ctx context.Context, org string) (Office, error)
	// Settings is all of it, for those who care for it. ErrNotFound as of Office.
	Settings(ctx context.Context, org string) (Settings, error)
	Work(ctx context.Context, q WorkQuery) (Page[WorkItem], error)
	// WorkCounts counts by box, and by "what" as "mine/handle".
	WorkCounts(ctx context.Context, s Staff) (map[string]int, error)
	Incoming(ctx context.Context, q IncomingQuery) (Page[IncomingRow], error)
	IncomingDocument(ctx context.Context, s Staff, id string) (IncomingDocument, error)
	Outgoing(ctx context.Context, q OutgoingQuery) (Page[OutgoingRow], error)
	OutgoingDocument(ctx context.Context, s Staff, id string) (OutgoingDocument, error)
	Dossiers(ctx context.Context, q DossierQuery) (Page[DossierRow], error)
	Dossier(ctx context.Context, s Staff, id string) (Dossier, error)
	Statistics(ctx context.Context, q StatisticsQuery) (Statistics, error)
	// Readings of a document or target, latest first, for those who may know: its agency's leaders, auditors, who wrote it.
	Readings(ctx context.Context, s Staff, t Target, limit int) ([]Reading, error)
	// Notes for a person with position at or after the given one, latest first.
	Notes(ctx context.Context, s Staff, after uint64, limit int) ([]Note, error)
}
