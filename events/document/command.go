package document

import (
	"fmt"
	"strings"
	"time"

	"github.com/tram-exchange/tram/events"
)

// Levels of assurance of a verified package, from most to least.
const (
	AssuranceOwn     = "own"     // the organisation's own signature
	AssuranceCustody = "custody" // signed with the organisation's key kept by the node, for a named person
	AssuranceAgency  = "agency"  // carried in a submission, vouched for by a key its agency enrolled
	AssuranceChannel = "channel" // carried in a submission, vouched for by the channel it came through
)

// Party is an organisation as written and as the directory knew it at Receive.AsOf.
type Party struct {
	Code   string   // as written, normalised
	Known  bool     // the directory knows the code and it is valid
	Org    string   // identity; for a recipient the end of the chain of successors
	Via    []string // closed organisations passed on the way to Org, nil if none
	Closed bool     // Org is closed and has no successor
	Node   string   // origin of the node that serves Org, "" this one
	// Identities are Org and those it succeeds (directory.State.Identities). Needed for senders and reporters only.
	Identities []string
}

// Receive is the command made from a verified edXML document.
type Receive struct {
	At         time.Time // when it came in, node time
	DocumentID string    // as written
	Sender     Party
	Package    events.Digest
	// Content is what "the same document" means: a digest over everything the sender signed except the To elements, the
	// trace and the signatures. Handed in again with the same Content it is the same document, to be sent to whoever
	// has not been served; with another Content it is refused.
	Content   events.Digest
	Business  int
	Priority  int
	Assurance string // of this package
	Required  string // least assurance that policy accepts from this sender for this kind, "" any
	// Secrecy is the level found in the package ("" none, else e.g. "mat") and SecrecyPath where.
	Secrecy, SecrecyPath string
	// Promulgated is the document's date, yyyy-MM-dd, "" none. It is judged in +07:00.
	Promulgated string
	Recipients  []Party // every To, in order
	Effects     []EffectRequest
	Peer        *FromPeer // nil: handed in by a client of this node
	// Failed are identities of recipients whose delivery has failed ("không gửi được"): the same document handed in
	// again in a new package is sent to them again.
	Failed []string
	Facts  Facts
}

// FromPeer is where a package came from and what that node proved about it.
type FromPeer struct {
	Hop PeerHop // its receipt: address and sealed receive time
	// Handed are the recipients (codes as written) that the peer hands over to this node. Others may be unknown here:
	// they are another node's affair. Empty: all that this node serves.
	Handed []string
}

// AsOf is the time as of which a package is judged: a trusted peer's sealed receive time, else At. It is recorded, so that the
// command can be rebuilt; parties and assurance must be those of this time.
func (c Receive) AsOf() time.Time { return asOf(c.At, c.Peer) }

// AsOf is as for Receive.
func (c ReportStatus) AsOf() time.Time { return asOf(c.At, c.Peer) }

func asOf(at time.Time, peer *FromPeer) time.Time {
	if peer != nil {
		at = peer.Hop.Received
	}
	return at.UTC().Truncate(time.Microsecond)
}

// EffectRequest is what a document wants to do to an earlier one.
type EffectRequest struct {
	Kind EffectKind
	// Document is the hex key of the document concerned: the one among the keys of all identities of the sender
	// (Keys) whose stream exists, or Key of the present identity if none does.
	Document string
	// Owner is the organisation whose document it is, if the package says so; a zero Party means the sender.
	Owner      Party
	Content    bool    // update: content changed
	Recipients []Party // concerned; nil: all
	Added      []Party // update
	Removed    []Party // update
	// Held are the recipients of the document concerned that this node answers for, as its stream says at the decision, but
	// for those it was recalled from. Whom of them the effect concerns gets this document too, named in it or not: whoever
	// works with the old one must learn of the new one.
	Held []Recipient
}

// ReportStatus is the command made from a verified edXML status message. It is decided on the stream of the document it
// answers: the one among Keys(identities of the document's owner, DocumentID) that exists.
type ReportStatus struct {
	At       time.Time // when it came in, node time
	Document string    // hex key of the stream it is decided on
	Reporter Party
	// About is ResponseFor.OrganId: the sender of the document; for 13 the recipient it is asked back from.
	About     Party
	Code      string
	Timestamp string // as written
	Package   events.Digest
	Content   events.Digest // signed content without signatures
	Assurance string
	Required  string
	Peer      *FromPeer
	Facts     StatusFacts
}

// RecordEffect is the recorded step by which a router brings what one document does to the stream of another. It may be
// repeated at will. The cause of the append is the document.received event of By.
type RecordEffect struct {
	Effect EffectOn // from that event; Effect.Document is the stream it is decided on
	By     string   // hex key of the document that has the effect
	Sender string   // its sender's identity
	// Identities of that sender, for documents of organisations that it succeeds.
	Identities []string
}

// Outcome says what a decision is.
type Outcome string

// Outcomes.
const (
	OutcomeRecord  Outcome = "record"  // append Events: something new
	OutcomeResend  Outcome = "resend"  // append Events: a known document for recipients not yet served
	OutcomeEarlier Outcome = "earlier" // known, nothing to do: answer with the receipt of Earlier
)

// Decision is what is decided when nothing is refused.
type Decision struct {
	Outcome Outcome
	Events  []events.New
	Earlier events.Address // of the event that recorded the same thing before; for OutcomeResend the first one
}

// Reason says why a command is refused.
type Reason string

// Reasons. They are stable.
const (
	ReasonIncomplete        Reason = "incomplete"         // a required field is missing
	ReasonSecret            Reason = "secret"             // state secret: refused by law
	ReasonFutureDate        Reason = "future-date"        // dated after today in +07:00
	ReasonDate              Reason = "date"               // not a date
	ReasonAssurance         Reason = "assurance"          // not enough for this sender and kind
	ReasonSenderUnknown     Reason = "sender-unknown"     //
	ReasonSenderClosed      Reason = "sender-closed"      // its successor must send in its own name
	ReasonSenderElsewhere   Reason = "sender-elsewhere"   // served by another node: hand it in there
	ReasonSenderNotOfPeer   Reason = "sender-not-of-peer" // the peer does not serve the sender
	ReasonNoRecipients      Reason = "no-recipients"      // no To, or nobody here when a peer hands over
	ReasonRecipientsUnknown Reason = "recipients-unknown" // Codes names all of them
	ReasonRecipientsClosed  Reason = "recipients-closed"  // closed without successor; Codes names all of them
	ReasonOtherContent      Reason = "other-content"      // the key belongs to another content
	ReasonRecalled          Reason = "recalled"           // the sender has taken the document back
	ReasonBusiness          Reason = "business"           // unknown business type, or effects that do not fit it
	ReasonNotOwner          Reason = "not-owner"          // only the original sender may do this
	ReasonDocumentUnknown   Reason = "document-unknown"   // status about a document that is not here
	ReasonNotRecipient      Reason = "not-recipient"      // the reporter is neither recipient nor, for 13, sender
	ReasonStatusCode        Reason = "status-code"        // not two digits
	ReasonAlreadyRefused    Reason = "already-refused"    // the recipient has reported 02
	ReasonAlreadyAccepted   Reason = "already-accepted"   // 02 after 03 … 06
	ReasonAlreadyReported   Reason = "already-reported"   // the same code again
	ReasonAlreadyTakenBack  Reason = "already-taken-back" // the recipient has agreed to take it back
	ReasonNothingAsked      Reason = "nothing-asked"      // 15 or 16 without 13, recall, update or replacement
	ReasonAlreadyAnswered   Reason = "already-answered"   // 15 or 16 again, without a new request
	ReasonOwnDocument       Reason = "own-document"       // effect of a document on itself
	ReasonWrongStream       Reason = "wrong-stream"       // the command belongs to another stream
)

// Refusal is the answer to a command that is not accepted.
type Refusal struct {
	Reason   Reason
	Codes    []string       // organisations concerned, as written: every unknown recipient, …
	Detail   string         // the value concerned: date, status code, path
	Required string         // ReasonAssurance: what would be enough
	Earlier  events.Address // the event that stands against it, if one does
}

func (r *Refusal) Error() string {
	msg := "refused: " + string(r.Reason)
	if len(r.Codes) > 0 {
		msg += " " + strings.Join(r.Codes, ", ")
	}
	if r.Detail != "" {
		msg += " " + r.Detail
	}
	if r.Required != "" {
		msg += fmt.Sprintf(" (required: %s)", r.Required)
	}
	return msg
}
