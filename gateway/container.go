package gateway

import (
	"context"
	"errors"

	"github.com/tram-exchange/tram/events"
)

// Readable is what of a document's record a caller may see.
type Readable struct {
	node   *Node
	caller Caller
	seen   map[uint64]bool
}

// Readable asks the views what the caller may see of a document. CodeNotFound unless it may read the document.
func (n *Node) Readable(ctx context.Context, c Caller, key string) (*Readable, error) {
	d, err := n.Document(ctx, c, key)
	if err != nil {
		return nil, err
	}
	r := &Readable{node: n, caller: c, seen: map[uint64]bool{d.Package.Position: true}}
	for _, h := range d.History {
		r.seen[h.Position] = true
	}
	return r, nil
}

// Event says whether the caller may see an event of the document.
func (r *Readable) Event(e events.Event) bool { return r.seen[e.Position] }

// DocumentReceipt is the receipt of an event of a document. CodeNotFound unless the caller may see that event.
func (n *Node) DocumentReceipt(ctx context.Context, c Caller, key string, position uint64) ([]byte, error) {
	r, err := n.Readable(ctx, c, key)
	if err != nil {
		return nil, err
	}
	if !r.seen[position] {
		return nil, Refuse(CodeNotFound)
	}
	return n.Receipt(ctx, position)
}

// Package says whether the caller may read a package that an event of the document names.
func (r *Readable) Package(ctx context.Context, sha256 events.Digest) (bool, error) {
	err := r.node.mayRead(ctx, r.caller, sha256)
	if errors.Is(err, Refuse(CodeNotFound)) {
		return false, nil
	}
	return err == nil, err
}
