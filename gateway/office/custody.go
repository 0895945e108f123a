package office

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/signing"
)

// Key is a key of an agency, in use until it is released.
type Key struct {
	Signer  crypto.Signer
	Chain   []*x509.Certificate // its certificate first
	Release func()
}

// Custody holds the keys that agencies left with the node.
type Custody interface {
	// Key is the one to sign with for an agency, by its codes, at a time. ErrNoKey: there is none.
	Key(codes []string, at time.Time) (Key, error)
}

// ErrNoKey is for Custody to wrap.
var ErrNoKey = errors.New("no key of the agency is kept here")

// key finds the agency's key in custody. One whose certificate is not enrolled as such signs nothing: the door would not know it, or
// would take what the node signed for the agency's own word.
func (o *Office) key(org string) (Key, error) {
	dir, now := o.o.Node.Snapshot().Directory, o.o.Node.Now()
	agency, ok := dir.Organisation(org)
	if !ok {
		return Key{}, gateway.Refuse(gateway.CodeSenderUnknown).With(org)
	}
	codes := make([]string, len(agency.Codes))
	for i, c := range agency.Codes {
		codes[i] = c.Code
	}
	k, err := o.o.Custody.Key(codes, now)
	if err != nil {
		if errors.Is(err, ErrNoKey) {
			return Key{}, gateway.Refuse(gateway.CodeCustodyNone).With(org).Because(err)
		}
		return Key{}, fmt.Errorf("couldn't use the key of %s: %w", org, err)
	}
	if len(k.Chain) == 0 || !gateway.InCustody(dir, org, events.Digest(signing.Fingerprint(k.Chain[0])), now) {
		k.Release()
		return Key{}, gateway.Refuse(gateway.CodeCustodyNone).With(org, "the certificate of the key is not enrolled for custody alone")
	}
	return k, nil
}

// handIn signs what write makes with the key of the agency, or of who succeeds it, and hands it in, as what follows from the cause.
func (o *Office) handIn(ctx context.Context, org string, cause events.Address, write func(io.Writer) error) (gateway.Accepted, error) {
	return o.sign(ctx, o.o.Node.Snapshot().Directory.Heir(org, o.o.Node.Now()), write, func(r io.Reader) (gateway.Accepted, error) {
		return o.o.Node.AcceptFollowing(ctx, cause, r, -1)
	})
}

// sign gives accept the signed bytes. They pass through; nothing but the unsigned ones is kept, as long as it takes.
func (o *Office) sign(ctx context.Context, org string, write func(io.Writer) error, accept func(io.Reader) (gateway.Accepted, error)) (gateway.Accepted, error) {
	k, err := o.key(org)
	if err != nil {
		return gateway.Accepted{}, err
	}
	defer k.Release()
	src, done, err := o.o.Node.Scratch(ctx, write)
	if err != nil {
		return gateway.Accepted{}, err
	}
	defer done()
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := signing.SignTo(ctx, w, src, k.Signer, k.Chain, signing.SignOptions{})
		w.CloseWithError(err)
		ended <- err
	}()
	acc, err := accept(r)
	_ = r.CloseWithError(io.ErrClosedPipe)
	if signed := <-ended; signed != nil && !errors.Is(signed, io.ErrClosedPipe) {
		return gateway.Accepted{}, fmt.Errorf("couldn't sign for %s: %w", org, signed)
	}
	return acc, err
}
