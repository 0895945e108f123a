package outgoing

import (
	"strings"
	"time"

	"github.com/tram-exchange/tram/events/directory"
)

// By is who acts, as of when, and by which rules of the agency. Every command has one.
type By struct {
	At       time.Time // as of when it is judged
	Standing directory.Standing
	Office   *directory.Office
}

// Draft is one version as the act has it, with what the gateway found in the directory and on other streams.
type Draft struct {
	Type       string // kind, as in schemas.DocumentTypes: lower case; "" not said
	Known      bool   // Type is one of the 29 kinds
	Subject    string
	Content    string
	Recipients Recipients
	ToPlaces   []string
	Priority   int
	Due        string // yyyy-MM-dd
	Signer     string
	Competence string
	Series     string
	Place      string
	Pages      int
	Copies     int
	KeptBy     string
	Fields     []Field
	Missing    []string // fields that the form of the kind asks for and that are empty
	Long       string   // what is longer than can be sent, "" nothing
	ReplyTo    []string
	NoReply    []string // those of ReplyTo that the person has not seen come in
	Dossier    string
	Relation   string
	RelatedTo  string
	Related    Related // what RelatedTo is
	Files      []FileFacts
}

// Recipients are organisations as the directory knew them.
type Recipients struct {
	List    []Recipient
	Unknown []string // codes
	Closed  []string // closed without successor
}

// Related is an own outgoing document that another one is about.
type Related struct {
	Phase    Phase
	Type     string
	Document string // key
}

// Relations of a draft to an own issued document.
const (
	RelationUpdate     = "update"
	RelationReplace    = "replace"
	RelationCorrection = "correction"
)

// typeLetter is the kind by which mistakes of form are put right (NĐ 30/2020 Điều 18.3).
const typeLetter = "công văn"

// Save begins a draft or adds a version.
type Save struct {
	By
	Org, ID string
	Draft   Draft
	Note    string
}

// Copy makes a copy of what the agency has.
type Copy struct {
	By
	Org, ID    string
	Form       string // SY, SL, TrS
	Of         Original
	Recipients Recipients
	ToPlaces   []string
	Extract    string
	Signer     string // "" who acts
	Competence string
	Files      []FileFacts
}

// Original is what is to be copied, as the streams say.
type Original struct {
	Own      bool   // the agency made it
	Incoming string // id
	Outgoing string // id, "" an own document that was not made here
	Document string // key, if it went through the exchange
	Has      bool   // the agency has it: registered, or issued by itself
	Type     string // kind, if it is an own one
}

// Forms of copies: abbreviations of NĐ 30/2020 Phụ lục III.
const (
	FormTrue    = "SY"  // sao y
	FormOfCopy  = "SL"  // sao lục
	FormExtract = "TrS" // trích sao
)

// Ask asks others for their opinion.
type Ask struct {
	By
	Of       []directory.Assignee
	Question string
	Due      string // yyyy-MM-dd
}

// Opine gives an opinion.
type Opine struct {
	By
	Text  string
	Files []FileFacts
}

// Submit begins the chain.
type Submit struct {
	By
	Chain string // id, "" the agency's for the kind
	Note  string
}

// Approve agrees at the step where the document stands; at the last one it is the signature.
type Approve struct {
	By
	Note  string
	Files []FileFacts
}

// SendBack returns it to its author.
type SendBack struct {
	By
	Reason string
	Files  []FileFacts
}

// Issue has it numbered, sealed and sent.
type Issue struct {
	By
	Series       string     // id, "" the draft's, else the agency's for the kind
	Date         string     // yyyy-MM-dd, "" today
	Last         string     // with a Date: that of the last number of the book (BookFor), "" none
	Abbreviation string     // of the kind, "" none
	Recipients   Recipients // of the draft, as the directory knows them now
	Files        []FileFacts
}

// Cancel ends it.
type Cancel struct {
	By
	Reason string
}

// Recall asks recipients to give it back.
type Recall struct {
	By
	Recipients []Recipient // none: all
	Reason     string
}

// Reason says why an act is refused.
type Reason string

// Reasons. They are stable.
const (
	ReasonNotFound     Reason = "not-found"     // there is none, or none for this person
	ReasonRight        Reason = "right"         // the person's duties do not allow it
	ReasonOwnDraft     Reason = "own-draft"     // a step is approved by others than who wrote it
	ReasonNotSigner    Reason = "not-signer"    // another is to sign
	ReasonOrder        Reason = "order"         // not now: Detail is the phase
	ReasonInChain      Reason = "in-chain"      // it is being approved: send it back first
	ReasonCopy         Reason = "copy"          // a copy has no words of its own to change
	ReasonIncomplete   Reason = "incomplete"    // Details says what is missing
	ReasonKind         Reason = "kind"          // none of the 29
	ReasonLong         Reason = "long"          // longer than can be sent
	ReasonChain        Reason = "chain"         // no such chain, or not for this kind
	ReasonSigner       Reason = "signer"        // who is named cannot sign
	ReasonSeries       Reason = "series"        // no such series, or not for this kind
	ReasonDate         Reason = "date"          // before the signature or the last number's date, or after today
	ReasonDay          Reason = "day"           // a day that has passed
	ReasonNumbering    Reason = "numbering"     // it is getting its number: again in a moment
	ReasonNumbered     Reason = "numbered"      // it has its number, series and date
	ReasonSealed       Reason = "sealed"        // it is being sent: too late
	ReasonIssued       Reason = "issued"        // it was sent
	ReasonCancelled    Reason = "cancelled"     // it was given up
	ReasonNotSent      Reason = "not-sent"      // nothing to recall: it did not go through the exchange
	ReasonNotRecipient Reason = "not-recipient" // it was not sent to these
	ReasonRecalled     Reason = "recalled"      // these were asked before
	ReasonUnknown      Reason = "unknown"       // recipients that the directory does not know
	ReasonClosed       Reason = "closed"        // recipients that are closed
	ReasonRelation     Reason = "relation"      // it is about something else than an own issued document
	ReasonRelationKind Reason = "relation-kind" // update and replacement: of the same kind; correction: a công văn
	ReasonReply        Reason = "reply"         // it answers what is not in the register, or not for the person to see
	ReasonOriginal     Reason = "original"      // the agency does not have what is to be copied
	ReasonCopyForm     Reason = "copy-form"     // sao lục is of what came to the agency; an extract says what it takes
	ReasonAssignee     Reason = "assignee"      // no such unit or person works there
	ReasonExists       Reason = "exists"        // the id is another document's
)

// Refusal is the answer to an act that is not accepted.
type Refusal struct {
	Reason  Reason
	Details []string // what it is about: ids, codes, names of fields, phases
}

func (r *Refusal) Error() string {
	if len(r.Details) == 0 {
		return "refused: " + string(r.Reason)
	}
	return "refused: " + string(r.Reason) + " " + strings.Join(r.Details, ", ")
}

func refuse(reason Reason, details ...string) error {
	return &Refusal{Reason: reason, Details: details}
}
