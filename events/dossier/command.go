package dossier

import (
	"strings"
	"time"

	"github.com/tram-exchange/tram/events/directory"
)

// By is who acts, as of when, and by which rules of the agency.
type By struct {
	At       time.Time // as of when it is judged
	Standing directory.Standing
	Office   *directory.Office
}

// Command is one act of a person with a dossier.
type Command struct {
	By
	Act Act
}

// Act is one of the types below, as a value.
type Act interface{ act() string }

// Acts. Their meaning is that of the forms of the same names.
type (
	// Open opens it.
	Open struct {
		FilePlan  string
		Title     string
		Retention string // "" that of the entry
		InCharge  string // "" who opens it
		Due       string // "" by the rule of the agency
	}
	// Classify changes where it belongs and how long it is kept.
	Classify struct {
		FilePlan  string // "" stays
		Title     string // "" stays
		Retention string // "" that of the entry
		Reason    string // "" goes without saying
	}
	// Add puts a document or files into it.
	Add struct {
		Document *Found
		Facts    ItemFacts
	}
	// Remove takes something out.
	Remove struct {
		Item   uint64
		Reason string
	}
	// Opine gives an opinion.
	Opine struct {
		Text  string
		Files []FileFacts
	}
	// GiveTask gives a task.
	GiveTask struct {
		Task  string
		To    directory.Assignee
		Text  string
		Due   string // "" by the dossier's day, else by the rule of the agency
		Files []FileFacts
	}
	// FinishTask ends one.
	FinishTask struct {
		Task, Result string
		Files        []FileFacts
	}
	// Decision writes down what was decided.
	Decision struct {
		Text     string
		Document *Found
		Files    []FileFacts
	}
	// HandOver gives the dossier to another person.
	HandOver struct {
		To     string // person
		Reason string // "" goes without saying
	}
	// Close ends it.
	Close struct{ Note string }
	// Reopen takes the end back.
	Reopen struct{ Reason string }
)

// Found is a document of the agency as its stream says. Exists: it is there, registered if it came to the agency, and it concerns the
// person who acts.
type Found struct {
	Target
	Document string // key, "" not of the exchange
	Exists   bool
}

// Names of acts, as the forms have them. May gives these.
const (
	actOpen       = "OpenDossier"
	actClassify   = "ClassifyDossier"
	actAdd        = "AddItem"
	actRemove     = "RemoveItem"
	actOpine      = "GiveOpinion"
	actGiveTask   = "GiveTask"
	actFinishTask = "FinishTask"
	actDecision   = "RecordDecision"
	actHandOver   = "HandOver"
	actClose      = "CloseDossier"
	actReopen     = "Reopen"
)

func (Open) act() string       { return actOpen }
func (Classify) act() string   { return actClassify }
func (Add) act() string        { return actAdd }
func (Remove) act() string     { return actRemove }
func (Opine) act() string      { return actOpine }
func (GiveTask) act() string   { return actGiveTask }
func (FinishTask) act() string { return actFinishTask }
func (Decision) act() string   { return actDecision }
func (HandOver) act() string   { return actHandOver }
func (Close) act() string      { return actClose }
func (Reopen) act() string     { return actReopen }

// Reason says why an act is refused.
type Reason string

// Reasons. They are stable.
const (
	ReasonUnknown    Reason = "unknown"    // no such dossier, or not for this person
	ReasonRight      Reason = "right"      // the person may not do this
	ReasonIncomplete Reason = "incomplete" // something needed is missing
	ReasonOpened     Reason = "opened"     // opened before
	ReasonClosed     Reason = "closed"     // nothing is done to a closed dossier
	ReasonNotClosed  Reason = "not-closed" // nothing to reopen
	ReasonNumbering  Reason = "numbering"  // its code is being given: in a moment
	ReasonOpenTasks  Reason = "open-tasks" // tasks are not done
	ReasonFilePlan   Reason = "file-plan"  // no such entry, closed, or of another unit
	ReasonRetention  Reason = "retention"  // no such period
	ReasonUnit       Reason = "unit"       // no such unit, or closed
	ReasonPerson     Reason = "person"     // no such person, or gone, or without a duty that handles work
	ReasonApart      Reason = "apart"      // the person is not in the unit
	ReasonOutside    Reason = "outside"    // to someone of another unit: a leader does that
	ReasonSame       Reason = "same"       // nothing would change
	ReasonDate       Reason = "date"       // not a day
	ReasonPast       Reason = "past"       // a deadline before today
	ReasonDocument   Reason = "document"   // no such document, not registered, or not for this person
	ReasonInside     Reason = "inside"     // it lies in the dossier already
	ReasonItem       Reason = "item"       // no such item, or taken out before
	ReasonTask       Reason = "task"       // no such task
	ReasonTaskTaken  Reason = "task-taken" // the id is another task's
	ReasonTaskDone   Reason = "task-done"  // done before
	ReasonFull       Reason = "full"       // over a limit
)

// Refusal is the answer to an act that is not accepted.
type Refusal struct {
	Reason Reason
	Detail []string // ids, days: what it is about
}

func (r *Refusal) Error() string {
	return strings.Join(append([]string{"refused: " + string(r.Reason)}, r.Detail...), " ")
}

func refuse(reason Reason, detail ...string) error { return &Refusal{Reason: reason, Detail: detail} }
