package gateway

import (
	"context"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/internal/view"
)

// Document is the state and history of a document. CodeNotFound unless the caller may read it.
func (n *Node) Document(ctx context.Context, c Caller, key string) (view.Document, error) {
	return view.Document{}, Refuse(CodeStarting)
}

// Register is one page of a register of an organisation the caller stands for.
func (n *Node) Register(ctx context.Context, c Caller, q view.RegisterQuery) (view.Page[view.RegisterRow], error) {
	return view.Page[view.RegisterRow]{}, Refuse(CodeStarting)
}

// OpenPackage gives the stored bytes, unchanged. CodeNotFound unless the caller may read them. The caller closes it.
func (n *Node) OpenPackage(ctx context.Context, c Caller, sha256 events.Digest) (events.PackageReader, error) {
	return nil, Refuse(CodeStarting)
}

// PackageReceipt is the receipt of the event that first recorded the package. CodeNotFound unless the caller may read it.
func (n *Node) PackageReceipt(ctx context.Context, c Caller, sha256 events.Digest) ([]byte, error) {
	return nil, Refuse(CodeStarting)
}

// Receipt proves the event at a position in the latest signed head. It judges no rights: for the node's own parts
// (router, portal after its own check), never for a route.
func (n *Node) Receipt(ctx context.Context, position uint64) ([]byte, error) {
	return nil, Refuse(CodeStarting)
}
