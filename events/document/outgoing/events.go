package outgoing

import (
	"time"

	"github.com/tram-exchange/tram/events/directory"
)

// Names of events. They are never derived from Go types and never reused.
const (
	NameOpened       = "outgoing.opened.v1"
	NameRevised      = "outgoing.revised.v1"
	NameOpinionAsked = "outgoing.opinion-asked.v1"
	NameOpinionGiven = "outgoing.opinion-given.v1"
	NameSubmitted    = "outgoing.submitted.v1"
	NameApproved     = "outgoing.approved.v1"
	NameSentBack     = "outgoing.sent-back.v1"
	NameSigned       = "outgoing.signed.v1"
	NameIssueAsked   = "outgoing.issue-asked.v1"
	NameNumberChosen = "outgoing.number-chosen.v1"
	NameNumbered     = "outgoing.numbered.v1"
	NameSealed       = "outgoing.sealed.v1"
	NameSendRefused  = "outgoing.send-refused.v1"
	NameSent         = "outgoing.sent.v1"
	NameCancelled    = "outgoing.cancelled.v1"
	NameRecallAsked  = "outgoing.recall-asked.v1"
)

// Every event of a person says who did it, in whose place, and as of when it was judged.

// Opened is the first event: a draft, or a copy of what the agency has, and whose it is.
type Opened struct {
	Org    string    `json:"org"` // identity
	ID     string    `json:"id"`
	Person string    `json:"person"`
	For    string    `json:"for,omitempty"`
	Unit   string    `json:"unit,omitempty"` // the author's, "" the agency as such
	Copy   *CopyOf   `json:"copy,omitempty"`
	Judged time.Time `json:"judged"`
}

// CopyOf says what is copied: a document that came to the agency, or one of its own.
type CopyOf struct {
	Form     string `json:"form"`               // SY, SL, TrS
	Own      bool   `json:"own,omitempty"`      // the agency made it
	Incoming string `json:"incoming,omitempty"` // id
	Outgoing string `json:"outgoing,omitempty"` // id
	Document string `json:"document,omitempty"` // key, if it went through the exchange
}

// Recipient is an organisation of the exchange, as written and as the directory knew it.
type Recipient struct {
	Code string `json:"code"`
	Org  string `json:"org"`
}

// Revised is one version: all that the draft says. Its words are facts and its files are in the package.
type Revised struct {
	Version    int         `json:"version"` // 1, 2, …
	Person     string      `json:"person"`
	For        string      `json:"for,omitempty"`
	Type       string      `json:"type,omitempty"` // kind, as in schemas.DocumentTypes
	Signer     string      `json:"signer,omitempty"`
	Series     string      `json:"series,omitempty"` // "" the agency's for the kind
	Recipients []Recipient `json:"recipients,omitempty"`
	Priority   int         `json:"priority,omitempty"`
	Due        string      `json:"due,omitempty"` // asked of recipients, yyyy-MM-dd
	Pages      int         `json:"pages,omitempty"`
	Copies     int         `json:"copies,omitempty"`
	ReplyTo    []string    `json:"reply_to,omitempty"` // keys of documents, or ids of incoming ones
	Dossier    string      `json:"dossier,omitempty"`  // id
	Relation   string      `json:"relation,omitempty"` // update, replace, correction
	RelatedTo  string      `json:"related_to,omitempty"`
	Related    string      `json:"related,omitempty"` // key of that document
	Files      int         `json:"files,omitempty"`
	Lacks      []string    `json:"lacks,omitempty"` // what is still missing before it can be submitted
	Judged     time.Time   `json:"judged"`
}

// RevisedFacts are the words of a version.
type RevisedFacts struct {
	Subject    string      `json:"subject,omitempty"`
	Content    string      `json:"content,omitempty"`
	ToPlaces   []string    `json:"to_places,omitempty"`
	Competence string      `json:"competence,omitempty"`
	Place      string      `json:"place,omitempty"`
	KeptBy     string      `json:"kept_by,omitempty"`
	Fields     []Field     `json:"fields,omitempty"`
	Files      []FileFacts `json:"files,omitempty"` // file i is attachment i of the package
	Note       string      `json:"note,omitempty"`
	Extract    string      `json:"extract,omitempty"` // what an extract was taken from
}

// Field is one further field of a form.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// FileFacts is one file of a version.
type FileFacts struct {
	Name        string `json:"name"`
	ContentType string `json:"content_type,omitempty"`
	Description string `json:"description,omitempty"`
	Size        int64  `json:"size"`
}

// OpinionAsked asks others for their opinion.
type OpinionAsked struct {
	Person string               `json:"person"`
	For    string               `json:"for,omitempty"`
	Of     []directory.Assignee `json:"of"`
	Due    string               `json:"due,omitempty"` // yyyy-MM-dd
	Judged time.Time            `json:"judged"`
}

// OpinionAskedFacts are its words.
type OpinionAskedFacts struct {
	Question string `json:"question,omitempty"`
}

// OpinionGiven is an opinion.
type OpinionGiven struct {
	Person string    `json:"person"`
	For    string    `json:"for,omitempty"`
	Judged time.Time `json:"judged"`
}

// OpinionGivenFacts are its words.
type OpinionGivenFacts struct {
	Text  string      `json:"text,omitempty"`
	Files []FileFacts `json:"files,omitempty"`
}

// Step of a chain, as copied when it began.
type Step struct {
	Role   string `json:"role,omitempty"`
	Unit   string `json:"unit,omitempty"`   // "" the whole agency
	Person string `json:"person,omitempty"` // who signs, at the step that does
	Days   int    `json:"days,omitempty"`   // working days it should take
	Signs  bool   `json:"signs,omitempty"`
}

// Submitted begins a chain with a version.
type Submitted struct {
	Person  string    `json:"person"`
	For     string    `json:"for,omitempty"`
	Version int       `json:"version"`
	Chain   string    `json:"chain,omitempty"` // id, "" none: a copy goes straight to who signs it
	Steps   []Step    `json:"steps"`
	Due     string    `json:"due,omitempty"` // of the first step, yyyy-MM-dd
	Judged  time.Time `json:"judged"`
}

// NoteFacts are the words of an act that has none but a note.
type NoteFacts struct {
	Note string `json:"note,omitempty"`
}

// ReasonFacts are the words of an act that has none but a reason.
type ReasonFacts struct {
	Reason string `json:"reason,omitempty"`
}

// ApprovedFacts are the words of an approval or signature.
type ApprovedFacts struct {
	Note  string      `json:"note,omitempty"`
	Files []FileFacts `json:"files,omitempty"`
}

// SentBackFacts are the words of a return.
type SentBackFacts struct {
	Reason string      `json:"reason,omitempty"`
	Files  []FileFacts `json:"files,omitempty"`
}

// IssueAskedFacts are the words of an act of issuing.
type IssueAskedFacts struct {
	Files []FileFacts `json:"files,omitempty"`
}

// Approved agrees at a step that does not sign.
type Approved struct {
	Person string    `json:"person"`
	For    string    `json:"for,omitempty"`
	Step   int       `json:"step"`          // from 1
	Due    string    `json:"due,omitempty"` // of the next step
	Judged time.Time `json:"judged"`
}

// SentBack returns the draft to its author.
type SentBack struct {
	Person string    `json:"person"`
	For    string    `json:"for,omitempty"`
	Step   int       `json:"step"`
	Judged time.Time `json:"judged"`
}

// Signed is the signature: the approval of the last step. Files that it carries (the signed ones) are all that goes out instead of
// those of the version.
type Signed struct {
	Person  string    `json:"person"`
	For     string    `json:"for,omitempty"`
	Step    int       `json:"step"`
	Version int       `json:"version"`
	Files   int       `json:"files,omitempty"`
	Judged  time.Time `json:"judged"`
}

// IssueAsked is the clerk's act by which a signed document is to be numbered, sealed and sent. Done again after the door refused it,
// it keeps its number. Files that it carries (the sealed ones) are all that goes out instead of those before.
type IssueAsked struct {
	Person   string    `json:"person"`
	For      string    `json:"for,omitempty"`
	Series   string    `json:"series"`        // id
	Org      string    `json:"org,omitempty"` // whose book, "" that of the agency that began the document: another goes on with its work
	Book     string    `json:"book"`          // numbering.Book.Name
	Year     int       `json:"year"`
	Date     string    `json:"date"`     // of the document, yyyy-MM-dd
	Notation string    `json:"notation"` // ký hiệu, made of the series' template: a code of the agency and the kind, no words
	Files    int       `json:"files,omitempty"`
	Judged   time.Time `json:"judged"`
}

// NumberChosen is the node's choice, before the number is taken.
type NumberChosen struct {
	Org  string `json:"org,omitempty"` // as in IssueAsked
	Book string `json:"book"`
	Year int    `json:"year"`
	N    int    `json:"n"`
}

// Numbered says that the number is taken.
type Numbered struct {
	Org  string `json:"org,omitempty"` // as in IssueAsked
	Book string `json:"book"`
	Year int    `json:"year"`
	N    int    `json:"n"`
}

// NumberedFacts are its words.
type NumberedFacts struct {
	Number   string `json:"number"`   // số, as written: "05"
	Notation string `json:"notation"` // ký hiệu
}

// Sealed says that what goes out is made: it is handed in under this key next.
type Sealed struct {
	Document string `json:"document"` // key
}

// SendRefused says that the node's own door refused what was sealed.
type SendRefused struct {
	Document string `json:"document"`
	Code     int    `json:"code"` // of the refusal
}

// Sent says that it went out. Without recipients in the exchange it has no key: paper goes another way.
type Sent struct {
	Document string `json:"document,omitempty"` // key; its stream tells what became of it
	Package  string `json:"package,omitempty"`  // hex SHA-256
}

// Cancelled ends what was not sent. A number that it had is void.
type Cancelled struct {
	Person string    `json:"person"`
	For    string    `json:"for,omitempty"`
	Org    string    `json:"org,omitempty"`  // as in IssueAsked
	Book   string    `json:"book,omitempty"` // of the number that is void
	Year   int       `json:"year,omitempty"`
	N      int       `json:"n,omitempty"`
	Judged time.Time `json:"judged"`
}

// RecallAsked asks recipients to give the document back: the node sends each a status 13.
type RecallAsked struct {
	Person     string      `json:"person"`
	For        string      `json:"for,omitempty"`
	Recipients []Recipient `json:"recipients"` // whom it is asked back from
	Judged     time.Time   `json:"judged"`
}
