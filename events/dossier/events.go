package dossier

import (
	"time"

	"github.com/tram-exchange/tram/events/directory"
)

// Names of events. They are never derived from Go types and never reused.
const (
	NameOpened           = "dossier.opened.v1"
	NameNumberChosen     = "dossier.number-chosen.v1"
	NameNumbered         = "dossier.numbered.v1"
	NameClassified       = "dossier.classified.v1"
	NameItemAdded        = "dossier.item-added.v1"
	NameItemRemoved      = "dossier.item-removed.v1"
	NameOpinionGiven     = "dossier.opinion-given.v1"
	NameTaskGiven        = "dossier.task-given.v1"
	NameTaskFinished     = "dossier.task-finished.v1"
	NameDecisionRecorded = "dossier.decision-recorded.v1"
	NameHandedOver       = "dossier.handed-over.v1"
	NameClosed           = "dossier.closed.v1"
	NameReopened         = "dossier.reopened.v1"
)

// Every event of a person says who did it, in whose place, and as of when it was judged. Late: after the deadline that was then set.

// Opened is the first event. It also asks for the number: book and year.
type Opened struct {
	Person    string    `json:"person"`
	For       string    `json:"for,omitempty"`
	FilePlan  string    `json:"file_plan"` // code of the entry
	Retention string    `json:"retention"` // id
	InCharge  string    `json:"in_charge"` // person
	Unit      string    `json:"unit,omitempty"`
	Due       string    `json:"due,omitempty"` // yyyy-MM-dd
	Book      string    `json:"book"`          // of numbering
	Year      int       `json:"year"`
	Judged    time.Time `json:"judged"`
}

// OpenedFacts are its words.
type OpenedFacts struct {
	Title string `json:"title,omitempty"`
}

// NumberChosen is the node's choice, before the number is taken.
type NumberChosen struct {
	Book string `json:"book"`
	Year int    `json:"year"`
	N    int    `json:"n"`
}

// Numbered says that the number is taken: Code makes the code of it.
type Numbered struct {
	Book string `json:"book"`
	Year int    `json:"year"`
	N    int    `json:"n"`
}

// Classified changes where it belongs and how long it is kept.
type Classified struct {
	Person    string    `json:"person"`
	For       string    `json:"for,omitempty"`
	FilePlan  string    `json:"file_plan"`
	Retention string    `json:"retention"`
	Titled    bool      `json:"titled,omitempty"` // it has another title from now on
	Judged    time.Time `json:"judged"`
}

// ClassifiedFacts are its words.
type ClassifiedFacts struct {
	Title  string `json:"title,omitempty"` // "" stays
	Reason string `json:"reason,omitempty"`
}

// Target is a document of the agency: one that came to it, or one that it made.
type Target struct {
	Kind string `json:"kind"` // incoming, outgoing
	ID   string `json:"id"`
}

// Kinds of targets.
const (
	KindIncoming = "incoming"
	KindOutgoing = "outgoing"
)

// ItemAdded puts something into it: a document, or files that the package carries.
type ItemAdded struct {
	Person   string    `json:"person"`
	For      string    `json:"for,omitempty"`
	Item     uint64    `json:"item"` // its number, from 1
	Target   *Target   `json:"target,omitempty"`
	Document string    `json:"document,omitempty"` // key of the target, if it went through the exchange
	Files    int       `json:"files,omitempty"`
	Judged   time.Time `json:"judged"`
}

// ItemFacts are its words.
type ItemFacts struct {
	Note  string      `json:"note,omitempty"`
	Files []FileFacts `json:"files,omitempty"`
}

// FileFacts is one file that an act carries: file i is attachment i of its package.
type FileFacts struct {
	Name        string `json:"name"`
	ContentType string `json:"content_type,omitempty"`
	Description string `json:"description,omitempty"`
	Size        int64  `json:"size"`
}

// ItemRemoved takes something out.
type ItemRemoved struct {
	Person string    `json:"person"`
	For    string    `json:"for,omitempty"`
	Item   uint64    `json:"item"`
	Judged time.Time `json:"judged"`
}

// ReasonFacts are the words of an act that has none but a reason.
type ReasonFacts struct {
	Reason string `json:"reason,omitempty"`
}

// OpinionGiven is an opinion.
type OpinionGiven struct {
	Person string    `json:"person"`
	For    string    `json:"for,omitempty"`
	Judged time.Time `json:"judged"`
}

// TextFacts are the words of an opinion, a task, a decision.
type TextFacts struct {
	Text  string      `json:"text,omitempty"`
	Files []FileFacts `json:"files,omitempty"`
}

// TaskGiven gives a task.
type TaskGiven struct {
	Person string             `json:"person"`
	For    string             `json:"for,omitempty"`
	Task   string             `json:"task"` // id chosen by who gives it
	To     directory.Assignee `json:"to"`
	Due    string             `json:"due,omitempty"`
	Judged time.Time          `json:"judged"`
}

// TaskFinished ends one.
type TaskFinished struct {
	Person string    `json:"person"`
	For    string    `json:"for,omitempty"`
	Task   string    `json:"task"`
	Late   bool      `json:"late,omitempty"`
	Judged time.Time `json:"judged"`
}

// ResultFacts are the words of a task's end.
type ResultFacts struct {
	Result string      `json:"result,omitempty"`
	Files  []FileFacts `json:"files,omitempty"`
}

// DecisionRecorded writes down what was decided, and the document that holds it.
type DecisionRecorded struct {
	Person   string    `json:"person"`
	For      string    `json:"for,omitempty"`
	Target   *Target   `json:"target,omitempty"`
	Document string    `json:"document,omitempty"` // key of the target, if it went through the exchange
	Judged   time.Time `json:"judged"`
}

// HandedOver gives it to another person.
type HandedOver struct {
	Person string    `json:"person"`
	For    string    `json:"for,omitempty"`
	From   string    `json:"from"` // who had it in charge
	To     string    `json:"to"`
	Unit   string    `json:"unit,omitempty"` // of the new one
	Judged time.Time `json:"judged"`
}

// Closed ends it: the contents list stands.
type Closed struct {
	Person string    `json:"person"`
	For    string    `json:"for,omitempty"`
	Items  int       `json:"items"` // that are in it
	Late   bool      `json:"late,omitempty"`
	Judged time.Time `json:"judged"`
}

// NoteFacts are the words of an act that has none but a note.
type NoteFacts struct {
	Note string `json:"note,omitempty"`
}

// Reopened takes the end back.
type Reopened struct {
	Person string    `json:"person"`
	For    string    `json:"for,omitempty"`
	Judged time.Time `json:"judged"`
}
