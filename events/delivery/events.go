package delivery

import (
	"time"

	"github.com/tram-exchange/tram/events"
)

// Names of events. They are never derived from Go types and never reused.
const (
	NameOffered      = "delivery.offered.v1"
	NameTaken        = "delivery.taken.v1"
	NameAcknowledged = "delivery.acknowledged.v1"
	NameWithdrawn    = "delivery.withdrawn.v1"
	NameMarked       = "delivery.marked.v1"
	NameForwarded    = "delivery.forwarded.v1"
	NameRetrying     = "delivery.retrying.v1"
	NameFailed       = "delivery.failed.v1"
)

// Offered: the item waits for the recipient, or (Node set) to be handed to the recipient's node. A second one in the
// same stream revives a delivery that had failed.
type Offered struct {
	Item      string        `json:"item"`           // stream of the document
	ItemID    string        `json:"item_id"`        // ItemDocument or ItemStatus(…)
	Org       string        `json:"org"`            // recipient identity
	From      string        `json:"from"`           // identity it comes from
	Node      string        `json:"node,omitempty"` // origin of the recipient's node, "" this one
	Package   events.Digest `json:"package"`        // what is delivered
	Size      int64         `json:"size"`           // bytes
	Priority  int           `json:"priority"`       // 0..4
	Assurance string        `json:"assurance"`
}

// Taken: handed out to a client, who has until Until to acknowledge; then others may take it too.
type Taken struct {
	Client  string         `json:"client"`
	Until   time.Time      `json:"until"`
	Request *events.Digest `json:"request,omitempty"` // names the call, so that a repeated one gets the same lease
}

// Acknowledged: the recipient has it.
type Acknowledged struct {
	Client string `json:"client"`
}

// Withdrawn: taken back before it was ever handed out.
type Withdrawn struct {
	By string `json:"by"` // hex key of the document, or "status:" + hex SHA-256, that took it back
}

// Mark is what later documents did to one that had been handed out.
type Mark string

// Marks.
const (
	MarkRecalled Mark = "recalled" // đã thu hồi
	MarkUpdated  Mark = "updated"  // đã được cập nhật
	MarkReplaced Mark = "replaced" // đã được thay thế
)

// Marked: it stays where it is, with a mark.
type Marked struct {
	Mark Mark   `json:"mark"`
	By   string `json:"by"`
}

// Forwarded: the recipient's node has accepted it.
type Forwarded struct {
	Node     string        `json:"node"`     // origin
	Position uint64        `json:"position"` // of the peer's event
	Receipt  events.Digest `json:"receipt"`  // SHA-256 of the peer's receipt
}

// Retrying: a hand-over to the recipient's node has not succeeded yet. Recorded when the reason changes and once a day.
type Retrying struct {
	Reason   string `json:"reason"`   // code, e.g. "unreachable", "busy", "refused:2004"
	Attempts int    `json:"attempts"` // since it was offered
}

// Failed: not delivered after the configured time, or never will be ("không gửi được").
type Failed struct {
	Reason   string `json:"reason"`
	Attempts int    `json:"attempts"`
	Final    bool   `json:"final,omitempty"` // the peer has refused it for good
}
