package gateway

import (
	"context"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// Mailbox lists entries in order of offer, after the cursor; with Wait it waits for one.
func (n *Node) Mailbox(ctx context.Context, c Caller, q MailboxRequest) (view.Page[view.MailboxEntry], error) {
	return view.Page[view.MailboxEntry]{}, Refuse(CodeStarting)
}

// Take hands out open entries under a lease. Parallel takers get different ones. An empty answer means there is none.
func (n *Node) Take(ctx context.Context, c Caller, q TakeRequest) ([]view.MailboxEntry, error) {
	return nil, Refuse(CodeStarting)
}

// Acknowledge ends an entry: the recipient has it. Repeating it is answered like the first time.
func (n *Node) Acknowledge(ctx context.Context, c Caller, id string) (Acknowledged, error) {
	return Acknowledged{}, Refuse(CodeStarting)
}

// Acknowledged is the answer to an acknowledgement.
type Acknowledged struct {
	ID       string
	Position uint64 // of delivery.acknowledged
	At       time.Time
	Receipt  []byte
}
