package document

import (
	"time"

	"github.com/tram-exchange/tram/events"
)

// Names of events. They are never derived from Go types and never reused.
const (
	NameReceived       = "document.received.v1"
	NameResent         = "document.resent.v1"
	NameStatusReported = "document.status-reported.v1"
	NameRecalled       = "document.recalled.v1"
	NameUpdated        = "document.updated.v1"
	NameReplaced       = "document.replaced.v1"
)

// Received is the acceptance of a document. The package is the statement's.
type Received struct {
	Document   string        `json:"document"` // hex key: see Key
	Business   int           `json:"business"` // 0 new, 1 recall, 2 update, 3 replace
	Sender     string        `json:"sender"`   // identity
	SenderCode string        `json:"sender_code"`
	SenderNode string        `json:"sender_node,omitempty"` // origin of the sender's node, "" this one
	Content    events.Digest `json:"content"`               // what "the same document" means: see Receive.Content
	Assurance  string        `json:"assurance"`
	Priority   int           `json:"priority"` // 0..4
	Recipients []Recipient   `json:"recipients"`
	Effects    []EffectOn    `json:"effects,omitempty"` // what it does to earlier documents
	Judged     time.Time     `json:"judged"`            // as of when it was judged: Receive.AsOf
	Peer       *PeerHop      `json:"peer,omitempty"`    // the node that handed it over, if one did
}

// Recipient is one organisation that the document is for, counted once whatever aliases it was named by.
type Recipient struct {
	Org       string   `json:"org"`                 // identity that receives
	Codes     []string `json:"codes"`               // as written, each once
	Via       []string `json:"via,omitempty"`       // closed organisations whose successor Org is, in order
	Node      string   `json:"node,omitempty"`      // origin of the node that serves it, "" this one
	Elsewhere bool     `json:"elsewhere,omitempty"` // another node's affair: the document came from a peer, and not for it
}

// EffectKind says what one document does to another.
type EffectKind string

// Kinds.
const (
	EffectRecall  EffectKind = "recall"
	EffectUpdate  EffectKind = "update"
	EffectReplace EffectKind = "replace"
)

// EffectOn is what a document does to one earlier document of the same sender.
type EffectOn struct {
	Kind       EffectKind  `json:"kind"`
	Document   string      `json:"document"`             // hex key of the document concerned
	Content    bool        `json:"content,omitempty"`    // update: its content has changed
	Recipients []string    `json:"recipients,omitempty"` // identities concerned; none: all
	Added      []Recipient `json:"added,omitempty"`      // update: recipients added
	Removed    []string    `json:"removed,omitempty"`    // update: identities removed
}

// PeerHop names the event of another node by which it had accepted the package.
type PeerHop struct {
	Origin   string    `json:"origin"`
	Position uint64    `json:"position"`
	Received time.Time `json:"received"` // sealed receive time: as of when the package was judged
}

// Address is the address of the peer's event.
func (h PeerHop) Address() events.Address {
	return events.Address{Origin: h.Origin, Position: h.Position}
}

// Resent is the same document handed in again (in another package) for recipients not yet served.
type Resent struct {
	Document   string      `json:"document"`
	Assurance  string      `json:"assurance"`
	Recipients []Recipient `json:"recipients"` // only those who are to be served (again)
	Judged     time.Time   `json:"judged"`
	Peer       *PeerHop    `json:"peer,omitempty"`
}

// StatusReported is a status message about the document. The package is the statement's.
type StatusReported struct {
	Document     string        `json:"document"`
	Code         string        `json:"code"`     // "01" … "16"
	Reporter     string        `json:"reporter"` // identity that reports
	ReporterCode string        `json:"reporter_code"`
	ReporterNode string        `json:"reporter_node,omitempty"` // origin of the reporter's node, "" this one
	About        string        `json:"about"`                   // recipient identity it is about; "" for 13 to all recipients
	To           []string      `json:"to"`                      // identities it goes to: the sender; for 13 the recipients
	Timestamp    string        `json:"timestamp"`               // claimed, as written
	Content      events.Digest `json:"content"`
	Assurance    string        `json:"assurance"`
	Judged       time.Time     `json:"judged"`
	Peer         *PeerHop      `json:"peer,omitempty"`
}

// Recalled: the sender takes the document back.
type Recalled struct {
	Document   string   `json:"document"`
	By         string   `json:"by"`                   // hex key of the recalling document, or "status:" + hex SHA-256 of the package
	Sender     string   `json:"sender"`               // identity that did it: the document's sender, or who succeeds it
	Recipients []string `json:"recipients,omitempty"` // identities concerned; none: all
}

// Updated: the sender has changed content or recipients.
type Updated struct {
	Document string      `json:"document"`
	By       string      `json:"by"`
	Sender   string      `json:"sender"` // identity that did it: the document's sender, or who succeeds it
	Content  bool        `json:"content,omitempty"`
	Added    []Recipient `json:"added,omitempty"`
	Removed  []string    `json:"removed,omitempty"`
}

// Replaced: another document stands for this one.
type Replaced struct {
	Document   string   `json:"document"`
	By         string   `json:"by"`
	Sender     string   `json:"sender"` // identity that did it: the document's sender, or who succeeds it
	Recipients []string `json:"recipients,omitempty"`
}

// Facts are the words of a document (beside received and resent).
type Facts struct {
	DocumentID         string            `json:"document_id"`
	CodeNumber         string            `json:"code_number,omitempty"`
	CodeNotation       string            `json:"code_notation,omitempty"`
	Subject            string            `json:"subject,omitempty"`
	TypeName           string            `json:"type_name,omitempty"`
	PromulgationDate   string            `json:"promulgation_date,omitempty"` // yyyy-MM-dd
	Place              string            `json:"place,omitempty"`
	Signer             *SignerFacts      `json:"signer,omitempty"`
	SenderName         string            `json:"sender_name,omitempty"`
	Recipients         []RecipientFacts  `json:"recipients,omitempty"`
	Attachments        []AttachmentFacts `json:"attachments,omitempty"`
	DueDate            string            `json:"due_date,omitempty"` // yyyy-MM-dd
	PageAmount         string            `json:"page_amount,omitempty"`
	PromulgationAmount string            `json:"promulgation_amount,omitempty"`
	Content            string            `json:"content,omitempty"`
	SteeringType       int               `json:"steering_type,omitempty"`
	ToPlaces           []string          `json:"to_places,omitempty"`
	Reason             string            `json:"reason,omitempty"` // BussinessDocReason
	RepliesTo          []ReplyFacts      `json:"replies_to,omitempty"`
}

// SignerFacts is who signed, as the document says.
type SignerFacts struct {
	Name       string `json:"name,omitempty"`
	Position   string `json:"position,omitempty"`
	Competence string `json:"competence,omitempty"`
}

// RecipientFacts is a recipient as written.
type RecipientFacts struct {
	Code string `json:"code"`
	Name string `json:"name,omitempty"`
}

// AttachmentFacts is one attachment.
type AttachmentFacts struct {
	Name        string `json:"name,omitempty"`
	ContentType string `json:"content_type,omitempty"`
	Description string `json:"description,omitempty"`
	Size        int64  `json:"size"` // decoded bytes, -1 unknown
}

// ReplyFacts is a document that this one answers or concerns, as written.
type ReplyFacts struct {
	Document   string `json:"document,omitempty"` // hex key, if it could be told
	Org        string `json:"org,omitempty"`      // identity or code as written
	Code       string `json:"code,omitempty"`     // "267/VPCP-TTĐT"
	DocumentID string `json:"document_id,omitempty"`
	Date       string `json:"date,omitempty"` // yyyy-MM-dd
}

// StatusFacts are the words of a status message.
type StatusFacts struct {
	Description  string     `json:"description,omitempty"`
	Department   string     `json:"department,omitempty"`
	Staff        string     `json:"staff,omitempty"`
	Email        string     `json:"email,omitempty"`
	Mobile       string     `json:"mobile,omitempty"`
	ReporterName string     `json:"reporter_name,omitempty"`
	ResponseFor  ReplyFacts `json:"response_for"`
}
