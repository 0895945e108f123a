package incoming

import (
	"time"

	"github.com/tram-exchange/tram/events/directory"
)

// Names of events. They are never derived from Go types and never reused.
const (
	NamePaperEntered      = "incoming.paper-entered.v1"
	NameRegistrationAsked = "incoming.registration-asked.v1"
	NameNumberChosen      = "incoming.number-chosen.v1"
	NameRegistered        = "incoming.registered.v1"
	NameRefused           = "incoming.refused.v1"
	NamePresented         = "incoming.presented.v1"
	NameAssigned          = "incoming.assigned.v1"
	NameTransferredBack   = "incoming.transferred-back.v1"
	NameHandlingStarted   = "incoming.handling-started.v1"
	NameOpinionGiven      = "incoming.opinion-given.v1"
	NameDeadlineChanged   = "incoming.deadline-changed.v1"
	NameReplyLinked       = "incoming.reply-linked.v1"
	NameFinished          = "incoming.finished.v1"
	NameRecallAnswered    = "incoming.recall-answered.v1"
	NameReopened          = "incoming.reopened.v1"
	NameWithdrawn         = "incoming.withdrawn.v1"
)

// Every event of a person says who did it, in whose place, and as of when it was judged. Late: after the deadline that was then set.

// PaperEntered is what came on paper or by another channel; its scan is in the package. registration-asked follows in the same append.
type PaperEntered struct {
	Person   string    `json:"person"`
	For      string    `json:"for,omitempty"`
	Channel  string    `json:"channel"`            // paper, mail, fax, by-hand, other
	From     string    `json:"from,omitempty"`     // identity of who sent it, "" not known here
	Date     string    `json:"date,omitempty"`     // of the document, yyyy-MM-dd
	Received string    `json:"received,omitempty"` // day on which it came
	Asked    string    `json:"asked,omitempty"`    // day by which the sender asks for an answer
	Pages    int       `json:"pages,omitempty"`
	Files    int       `json:"files,omitempty"`
	Judged   time.Time `json:"judged"`
}

// PaperFacts are its words.
type PaperFacts struct {
	FromName string      `json:"from_name,omitempty"`
	FromCode string      `json:"from_code,omitempty"`
	Number   string      `json:"number,omitempty"`
	Notation string      `json:"notation,omitempty"`
	TypeName string      `json:"type_name,omitempty"`
	Subject  string      `json:"subject,omitempty"`
	Signer   string      `json:"signer,omitempty"`
	Files    []FileFacts `json:"files,omitempty"`
}

// FileFacts is one file that an act carries: file i is attachment i of its package.
type FileFacts struct {
	Name        string `json:"name"`
	ContentType string `json:"content_type,omitempty"`
	Description string `json:"description,omitempty"`
	Size        int64  `json:"size"`
}

// RegistrationAsked is the clerk's act by which the document is to get the next number of a register.
type RegistrationAsked struct {
	Person   string    `json:"person"`
	For      string    `json:"for,omitempty"`
	Document string    `json:"document,omitempty"` // key, if it came through the exchange
	Register string    `json:"register"`           // id
	Org      string    `json:"org,omitempty"`      // whose book, "" that of the stream's agency: another goes on with its work
	Book     string    `json:"book"`               // of numbering
	Year     int       `json:"year"`
	Priority int       `json:"priority"`      // 0..4
	Due      string    `json:"due,omitempty"` // day by which it should be laid before a leader
	Late     bool      `json:"late,omitempty"`
	Judged   time.Time `json:"judged"`
}

// NumberChosen is the node's choice, before the number is taken.
type NumberChosen struct {
	Org  string `json:"org,omitempty"` // as in RegistrationAsked
	Book string `json:"book"`
	Year int    `json:"year"`
	N    int    `json:"n"`
}

// Registered says that the number is taken: the document stands in the register.
type Registered struct {
	Org  string `json:"org,omitempty"` // as in RegistrationAsked
	Book string `json:"book"`
	Year int    `json:"year"`
	N    int    `json:"n"`
}

// ReasonFacts are the words of an act that has none but a reason.
type ReasonFacts struct {
	Reason string `json:"reason,omitempty"`
}

// NoteFacts are the words of an act that has none but a note.
type NoteFacts struct {
	Note string `json:"note,omitempty"`
}

// Refused gives a document of the exchange back.
type Refused struct {
	Person   string    `json:"person"`
	For      string    `json:"for,omitempty"`
	Document string    `json:"document"` // key
	Judged   time.Time `json:"judged"`
}

// Presented lays it before somebody who is to say who handles it.
type Presented struct {
	Person string    `json:"person"`
	For    string    `json:"for,omitempty"`
	To     string    `json:"to"`            // person
	Due    string    `json:"due,omitempty"` // day by which it should be assigned
	Late   bool      `json:"late,omitempty"`
	Judged time.Time `json:"judged"`
}

// Assigned says who handles it. A later one stands for all before it.
type Assigned struct {
	Person      string               `json:"person"`
	For         string               `json:"for,omitempty"`
	InCharge    directory.Assignee   `json:"in_charge"`
	Cooperating []directory.Assignee `json:"cooperating,omitempty"`
	Due         string               `json:"due,omitempty"`    // day by which it is to be finished
	Leader      bool                 `json:"leader,omitempty"` // by a leader: who assigns it on keeps within Due
	Again       bool                 `json:"again,omitempty"`
	Late        bool                 `json:"late,omitempty"` // the first assignment came after its day
	Judged      time.Time            `json:"judged"`
}

// AssignedFacts are its words (ý kiến chỉ đạo).
type AssignedFacts struct {
	Opinion string `json:"opinion,omitempty"`
}

// TransferredBack gives an assignment back to who made it.
type TransferredBack struct {
	Person string    `json:"person"`
	For    string    `json:"for,omitempty"`
	To     string    `json:"to"`            // person
	Due    string    `json:"due,omitempty"` // day by which it should be assigned anew
	Judged time.Time `json:"judged"`
}

// HandlingStarted says that work has begun.
type HandlingStarted struct {
	Person string    `json:"person"`
	For    string    `json:"for,omitempty"`
	Late   bool      `json:"late,omitempty"`
	Judged time.Time `json:"judged"`
}

// OpinionGiven is an opinion.
type OpinionGiven struct {
	Person string    `json:"person"`
	For    string    `json:"for,omitempty"`
	Judged time.Time `json:"judged"`
}

// OpinionFacts are its words.
type OpinionFacts struct {
	Text  string      `json:"text,omitempty"`
	Files []FileFacts `json:"files,omitempty"`
}

// DeadlineChanged moves the day by which it is to be finished.
type DeadlineChanged struct {
	Person string    `json:"person"`
	For    string    `json:"for,omitempty"`
	Due    string    `json:"due"`
	Before string    `json:"before,omitempty"` // the day until then
	Leader bool      `json:"leader,omitempty"`
	Late   bool      `json:"late,omitempty"` // Before had passed
	Judged time.Time `json:"judged"`
}

// ReplyLinked says which document of the agency answers it: one of the two.
type ReplyLinked struct {
	Person   string    `json:"person"`
	For      string    `json:"for,omitempty"`
	Document string    `json:"document,omitempty"` // key
	Outgoing string    `json:"outgoing,omitempty"` // id
	Judged   time.Time `json:"judged"`
}

// Finished ends the work.
type Finished struct {
	Person string    `json:"person"`
	For    string    `json:"for,omitempty"`
	Late   bool      `json:"late,omitempty"`
	Judged time.Time `json:"judged"`
}

// FinishedFacts are its words.
type FinishedFacts struct {
	Result string      `json:"result,omitempty"`
	Files  []FileFacts `json:"files,omitempty"`
}

// RecallAnswered is the agency's answer to a sender who asks for the document back: the node tells it (status 15 or 16).
type RecallAnswered struct {
	Person   string    `json:"person"`
	For      string    `json:"for,omitempty"`
	Document string    `json:"document"` // key
	By       string    `json:"by"`       // the request that is answered: see Withdrawn.By
	Agree    bool      `json:"agree,omitempty"`
	Judged   time.Time `json:"judged"`
}

// Reopened takes an end back.
type Reopened struct {
	Person string    `json:"person"`
	For    string    `json:"for,omitempty"`
	Judged time.Time `json:"judged"`
}

// Withdrawn is the node's word that the sender took the document back: the agency had not registered it, or has agreed (status 15).
type Withdrawn struct {
	Document string `json:"document"` // key
	By       string `json:"by"`       // what took it back: key of the recalling document, or "status:" + digest of the status package
}
