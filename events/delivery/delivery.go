// Package delivery is one entry of a mailbox: an item (a document or a status message) and one recipient, from its
// offer to its acknowledgement, or to its hand-over to the recipient's node. There is exactly one delivery for an item and
// a recipient, whatever aliases the recipient was named by and however often the item is handed in.
//
// What the recipient does with the document is not known here: that is what status messages say (package document).
package delivery

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/tram-exchange/tram/events"
)

// ItemDocument is the item id of the document itself.
const ItemDocument = "document"

// ItemStatus is the item id of a status message, by its package.
func ItemStatus(pkg events.Digest) string { return "status:" + pkg.String() }

// Key is the hex part of Stream, and the id of the mailbox entry.
func Key(itemStream, itemID, org string) string {
	h := sha256.Sum256([]byte("tram delivery v1\n" + itemStream + "\n" + itemID + "\n" + org))
	return hex.EncodeToString(h[:])
}

// StreamPrefix begins the name of every delivery stream.
const StreamPrefix = "delivery/"

// Stream is the stream of the delivery of an item to the recipient with identity org.
func Stream(itemStream, itemID, org string) string {
	return StreamPrefix + Key(itemStream, itemID, org)
}

// Phase is where a delivery stands.
type Phase string

// Phases. A failed delivery may still be taken, forwarded or revived; withdrawn and acknowledged are ends.
const (
	PhaseNone         Phase = ""
	PhaseOffered      Phase = "offered"      // waits for the recipient, or for the first attempt to forward it
	PhaseTaken        Phase = "taken"        // handed out at least once, not acknowledged
	PhaseAcknowledged Phase = "acknowledged" //
	PhaseWithdrawn    Phase = "withdrawn"    //
	PhaseRetrying     Phase = "retrying"     // at least one attempt to forward it did not succeed
	PhaseForwarded    Phase = "forwarded"    //
	PhaseFailed       Phase = "failed"       //
)

// State of one delivery. The zero value is "never offered". A State is never changed: Fold gives a new one.
type State struct {
	Phase     Phase
	Offer     Offered        // the latest one
	Address   events.Address // of the first delivery.offered
	OfferedAt time.Time      // node time of the latest offer
	Offers    int            // 1 + number of revivals
	Cause     events.Address // of the latest offer

	Takes   int    // how often it was handed out
	Client  string // who has or had the latest lease
	Request events.Digest
	Until   time.Time // end of the latest lease
	TakenAt events.Address

	AcknowledgedBy string
	AcknowledgedAt events.Address

	Forward   Forwarded
	ForwardAt events.Address

	Reason   string    // of the latest retrying or failed
	Attempts int       //
	NotedAt  time.Time // node time of the latest retrying or failed
	Final    bool      // the peer has refused it for good

	Withdrawn   string // By of the withdrawal
	WithdrawnAt events.Address
	Marks       []MarkBy

	Events int64 // number of events folded
}

// Version is the version of the last event folded, -1 if none: what events.Append.Expected wants.
func (s State) Version() int64 { return s.Events - 1 }

// MarkBy is one mark and what made it.
type MarkBy struct {
	Mark Mark
	By   string
	At   events.Address
}

// Leased says whether someone holds a running lease at the time.
func (s State) Leased(at time.Time) bool { return s.Phase == PhaseTaken && at.Before(s.Until) }

// Takeable says whether a client of the recipient may take it at the time.
func (s State) Takeable(at time.Time) bool {
	if s.Offer.Node != "" {
		return false
	}
	switch s.Phase {
	case PhaseOffered, PhaseFailed:
		return true
	case PhaseTaken:
		return !s.Leased(at)
	}
	return false
}

// Waiting says whether it still has to be handed to the recipient's node.
func (s State) Waiting() bool {
	return s.Offer.Node != "" && (s.Phase == PhaseOffered || s.Phase == PhaseRetrying)
}

// Offer is the command of the router. Offering what is offered already changes nothing; offering what has failed revives it.
type Offer struct {
	Offered
	// Cause is the event of this node's log that asks for it, and the cause of the append. Only a later one than that of the
	// latest offer revives, so a router that starts over does no harm.
	Cause events.Address
}

// Take is the command of a client of the recipient.
type Take struct {
	At      time.Time // node time
	Client  string
	Lease   time.Duration  // > 0
	Request *events.Digest // repeating the request of the running lease gets that lease again
}

// Acknowledge is the command of a client of the recipient.
type Acknowledge struct {
	Client string
}

// TakeBack is the command of the router when the document is recalled for this recipient.
type TakeBack struct {
	By string
}

// SetMark is the command of the router when the document is updated or replaced.
type SetMark struct {
	Mark Mark
	By   string
}

// RecordForwarded is the command of the forwarder, with the peer's receipt in hand and verified.
type RecordForwarded struct {
	Forwarded
}

// RecordAttempt is the command of the forwarder after an attempt that did not succeed, and of the router for an entry of a
// local recipient that nobody has taken: that is recorded only as failed, once GiveUp has passed, and stays takeable.
type RecordAttempt struct {
	At       time.Time
	Reason   string        // code, no text
	Attempts int           // made so far since the offer
	Final    bool          // the peer has refused it for good: fails at once
	GiveUp   time.Duration // after this time since the offer it counts as failed; 0 never
}

// Outcome says what a decision is.
type Outcome string

// Outcomes.
const (
	OutcomeRecord  Outcome = "record"  // append Events
	OutcomeEarlier Outcome = "earlier" // known, nothing to do: see Earlier
	OutcomeNothing Outcome = "nothing" // nothing to record and nothing earlier to name
)

// Decision is what is decided when nothing is refused.
type Decision struct {
	Outcome Outcome
	Events  []events.New
	Earlier events.Address // of the event that recorded the same thing before
	Until   time.Time      // end of the lease, for Take
}

// Reason says why a command is refused.
type Reason string

// Reasons. They are stable.
const (
	ReasonUnknown      Reason = "unknown"      // never offered
	ReasonIncomplete   Reason = "incomplete"   // a required field is missing
	ReasonLeased       Reason = "leased"       // someone else holds a running lease
	ReasonAcknowledged Reason = "acknowledged" // already acknowledged
	ReasonWithdrawn    Reason = "withdrawn"    // taken back before it was handed out
	ReasonNotTaken     Reason = "not-taken"    // acknowledged before it was taken
	ReasonElsewhere    Reason = "elsewhere"    // the recipient is served by another node
	ReasonHere         Reason = "here"         // the recipient is served by this node: nothing to forward
	ReasonOtherItem    Reason = "other-item"   // the command belongs to another stream
	ReasonWrongNode    Reason = "wrong-node"   // receipt of a node that does not serve the recipient
)

// Refusal is the answer to a command that is not accepted.
type Refusal struct {
	Reason Reason
	Until  time.Time // ReasonLeased: when it may be taken
	Detail string
}

func (r *Refusal) Error() string {
	if r.Reason == ReasonLeased {
		return fmt.Sprintf("refused: %s until %s", r.Reason, r.Until.UTC().Format(time.RFC3339))
	}
	if r.Detail != "" {
		return fmt.Sprintf("refused: %s %s", r.Reason, r.Detail)
	}
	return "refused: " + string(r.Reason)
}
