package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/tram-exchange/tram/events"
)

// HandedReceipt is the receipt of a package that this very peer has handed over, for a peer that lost the answer and
// does not want to send the package again. CodeNotFound for everything else.
func (n *Node) HandedReceipt(ctx context.Context, c Caller, sha256 events.Digest) ([]byte, error) {
	if c.Kind != KindPeer || c.Peer == "" {
		return nil, Refuse(CodeForbidden)
	}
	positions, err := n.c.Store.FindPackage(ctx, sha256)
	if err != nil {
		return nil, fmt.Errorf("couldn't look for a package: %w", err)
	}
	for _, p := range positions {
		e, err := n.c.Store.Event(ctx, p)
		if errors.Is(err, events.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("couldn't read event %d: %w", p, err)
		}
		if e.Statement.Client == c.Client {
			return n.receiptOf(ctx, e)
		}
	}
	return nil, Refuse(CodeNotFound)
}
