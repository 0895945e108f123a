package gateway

import (
	"context"
	"io"

	"github.com/tram-exchange/tram/signing"
)

// Scratch keeps what the node itself writes until it is signed and handed in: small things in memory, larger ones like what comes in,
// encrypted under a key that lives in memory only. done gives the room back.
func (n *Node) Scratch(ctx context.Context, write func(io.Writer) error) (src signing.Source, done func(), err error) {
	r, w := io.Pipe()
	go func() { w.CloseWithError(write(w)) }()
	b, err := n.spool.receive(ctx, r, -1, n.maxPackage())
	r.CloseWithError(err) // whatever is still being written ends
	if err != nil {
		return nil, nil, err
	}
	return b.src, b.Close, nil
}
