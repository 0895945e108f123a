package gateway

import (
	"context"
	"io"
)

// Handover is what a peer node sends along with the bytes of a package.
type Handover struct {
	Receipt  []byte   // the peer's own receipt of this package (C2SP tlog-proof text)
	Evidence []byte   // the peer's stored validation evidence; kept, never trusted
	Handed   []string // codes of the recipients handed over to this node, as written; empty: all that this node serves
}

// AcceptFromPeer takes in a package that another node has accepted. It is judged as of the peer's sealed receive time,
// which the receipt proves under the peer's checkpoint keys in the directory; a peer brings only senders that the
// directory says it serves. Same answers as Accept.
func (n *Node) AcceptFromPeer(ctx context.Context, c Caller, r io.Reader, size int64, h Handover) (Accepted, error) {
	return Accepted{}, Refuse(CodeStarting)
}

// Accept takes a package in from a client of this node: size is its announced length or -1. The error is a *Refusal for
// everything the caller can act on. When it returns an Accepted, the package is durable and proved by its receipt; when
// it returns an error, nothing of the package is stored.
func (n *Node) Accept(ctx context.Context, c Caller, r io.Reader, size int64) (Accepted, error) {
	return Accepted{}, Refuse(CodeStarting)
}
