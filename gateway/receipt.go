package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// receipt writes the receipt of one event of an append.
func (n *Node) receipt(sealed events.Sealed, i int) ([]byte, error) {
	b, err := ledger.NewReceipt(sealed, i, n.c.Chain)
	if err != nil {
		return nil, fmt.Errorf("couldn't write receipt: %w", err)
	}
	return b, nil
}

// Receipt proves the event at a position in the latest signed head. It judges no rights: for the node's own parts
// (router, portal after its own check), never for a route.
func (n *Node) Receipt(ctx context.Context, position uint64) ([]byte, error) {
	e, err := n.c.Store.Event(ctx, position)
	if err != nil {
		if errors.Is(err, events.ErrNotFound) {
			return nil, Refuse(CodeNotFound).Because(err)
		}
		return nil, fmt.Errorf("couldn't read event %d: %w", position, err)
	}
	return n.receiptOf(ctx, e)
}

func (n *Node) receiptOf(ctx context.Context, e events.Event) ([]byte, error) {
	proof, head, err := n.c.Store.Proof(ctx, e.Position, 0)
	if err != nil {
		return nil, fmt.Errorf("couldn't prove event %d: %w", e.Position, err)
	}
	return n.receipt(events.Sealed{Events: []events.Event{e}, Head: head, Proofs: [][]events.Digest{proof}}, 0)
}

// earlier answers for what is recorded at a position: the same statement and position as the first time.
// What was found may have been written by another node a moment ago: its head is waited for.
func (n *Node) earlier(ctx context.Context, position uint64) (Accepted, events.Event, error) {
	if _, err := n.c.Store.Wait(ctx, position); err != nil {
		return Accepted{}, events.Event{}, fmt.Errorf("couldn't wait for the head over earlier event %d: %w", position, err)
	}
	e, err := n.c.Store.Event(ctx, position)
	if err != nil {
		return Accepted{}, e, fmt.Errorf("couldn't read earlier event %d: %w", position, err)
	}
	receipt, err := n.receiptOf(ctx, e)
	if err != nil {
		return Accepted{}, e, err
	}
	acc := Accepted{
		Document: documentKey(e.Statement.Stream), Stream: e.Statement.Stream, Position: position, At: e.Statement.Time,
		Assurance: recordedAssurance(e), Kind: kindOf(e.Statement.Name), Duplicate: true, Receipt: receipt,
	}
	if e.Statement.Package != nil {
		acc.SHA256 = e.Statement.Package.SHA256
	}
	return acc, e, nil
}
