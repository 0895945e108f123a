package gateway

import (
	"time"

	"github.com/tram-exchange/tram/events"
)

// Accepted is the positive answer to a hand-in. It is given only after the event is durable and under a signed head.
type Accepted struct {
	SHA256    events.Digest // identity of the package
	Kind      string        // schemas.Kind of the outer package
	Document  string        // document key: the hex part of its stream; "" for directory changes
	Stream    string
	Position  uint64 // log position of the event; the same for every later hand-in of the same bytes
	At        time.Time
	Assurance string // own, custody, agency, channel
	Duplicate bool   // already recorded: nothing new was
	Resent    bool   // known document, offered to recipients not yet served
	Receipt   []byte // C2SP tlog-proof text; the proof may lead to a later head than an earlier receipt's
	Warnings  []Warning
}

// Warning is something the sender may want to know; it refused nothing.
type Warning struct {
	Code   string `json:"code"`
	Path   string `json:"path,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// MailboxRequest asks for one page of a mailbox.
type MailboxRequest struct {
	Org   string        // identity or any code of the recipient; "" when the caller stands for exactly one
	Kind  string        // "document", "status" or "" for both
	After uint64        // cursor: Seq of the last entry seen
	Limit int           // 1..500, 0 = 100
	Wait  time.Duration // long poll: wait up to this long for an entry after the cursor; bounded by Limits.LongPoll
}

// TakeRequest takes open entries under a lease. Takers in parallel get different entries.
type TakeRequest struct {
	Org   string
	Kind  string
	Max   int           // 1..100, 0 = 1
	Lease time.Duration // 0 = Limits.Lease; bounded by Limits.LongestLease
	Wait  time.Duration // long poll while there is nothing to take
	// Request names the call: the same request of the same client gets the entries of its running leases again, so that
	// an answer lost on the way loses nothing. "" names none.
	Request string
}
