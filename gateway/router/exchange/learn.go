package exchange

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/router"
	"github.com/tram-exchange/tram/internal/orgid"
	"github.com/tram-exchange/tram/schemas"
)

// Step asks every peer for what it has published since the last Step, and hands in what this node does not know yet.
// It returns how many changes were recorded. One peer's trouble does not keep others waiting: errors are joined.
func (x *Exchange) Step(ctx context.Context) (recorded int, err error) {
	for _, origin := range x.o.Node.Snapshot().Directory.Peers() {
		n, e := x.StepPeer(ctx, origin)
		recorded += n
		err = errors.Join(err, e)
	}
	return recorded, err
}

// Run does a Step at once and then at every interval, until ctx ends. While a peer does not answer it asks more often: a node that starts
// before its peer must not wait for the next interval, as what it hands over, and takes, hangs on what it has read of the other's directory.
func (x *Exchange) Run(ctx context.Context) error {
	soon := retryFirst
	for {
		wait := x.o.Every
		if _, err := x.Step(ctx); err != nil && ctx.Err() == nil {
			wait = min(soon, x.o.Every)
			soon = min(2*soon, retryLongest)
			x.o.Logger.Warn("directory of a peer not read", "error", err, "retry", wait)
		} else {
			soon = retryFirst
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-x.poked:
			soon = retryFirst // somebody was heard of: who asks while he listens not yet, asks again soon
		case <-ctx.Done():
			t.Stop()
			return nil
		}
		t.Stop()
	}
}

const (
	retryFirst   = time.Second // wait after a peer did not answer; it doubles
	retryLongest = time.Minute
)

// Poke makes Run ask now: a peer has brought something of a sender that this node does not know yet.
func (x *Exchange) Poke() {
	select {
	case x.poked <- struct{}{}:
	default:
	}
}

// StepPeer is Step for one peer.
func (x *Exchange) StepPeer(ctx context.Context, origin string) (recorded int, err error) {
	known, ok := x.o.Node.Snapshot().Directory.Peer(origin)
	if !ok {
		return 0, fmt.Errorf("couldn't read the directory of %s: it is no peer", origin)
	}
	target := router.Target(known)
	for {
		x.mu.Lock()
		after := x.after[origin]
		x.mu.Unlock()
		id, b, err := x.o.Source.Change(ctx, target, after)
		if err != nil {
			return recorded, fmt.Errorf("couldn't read the directory of %s: %w", origin, err)
		}
		if b == nil {
			if x.o.Answered != nil {
				x.o.Answered(origin)
			}
			return recorded, nil
		}
		if id == "" || id == after {
			return recorded, fmt.Errorf("couldn't read the directory of %s: change after %q is named %q", origin, after, id)
		}
		n, err := x.learn(ctx, origin, id, b, true)
		recorded += n
		if err != nil {
			return recorded, err
		}
		x.mu.Lock()
		x.after[origin] = id
		x.mu.Unlock()
	}
}

// learn hands in a published change if there is something new in it. If only some of it is new, its operations are
// asked for one by one. What the door refuses for good is left out, and said in the node's own log: it must not keep
// later changes from coming.
func (x *Exchange) learn(ctx context.Context, origin, id string, b []byte, whole bool) (recorded int, err error) {
	change, err := parse(ctx, b)
	if err != nil {
		x.o.Logger.Warn("published directory change cannot be read", "peer", origin, "change", id, "error", err)
		return 0, nil
	}
	news := 0
	d := x.o.Node.Snapshot().Directory
	for _, op := range change.Operations {
		if x.needed(d, op) {
			news++
		}
	}
	switch {
	case news == 0:
		return 0, nil
	case news < len(change.Operations) && whole:
		return x.learnEach(ctx, origin, id)
	}
	accepted, err := x.o.Node.Accept(ctx, gateway.Caller{
		Client: "peer:" + origin, Kind: gateway.KindPeer, Peer: origin, Name: origin,
	}, reader(b), int64(len(b)))
	var refusal *gateway.Refusal
	switch {
	case err == nil && accepted.Duplicate:
		return 0, nil
	case err == nil:
		return 1, nil
	case errors.As(err, &refusal) && !refusal.Retryable && refusal.Code == gateway.CodeDirectoryRule && whole && len(change.Operations) > 1:
		return x.learnEach(ctx, origin, id)
	case errors.As(err, &refusal) && !refusal.Retryable:
		x.o.Logger.Warn("published directory change refused", "peer", origin, "change", id, "code", refusal.Code, "details", refusal.Details)
		return 0, nil
	}
	return 0, fmt.Errorf("couldn't hand in directory change %s: %w", id, err)
}

func (x *Exchange) learnEach(ctx context.Context, origin, id string) (recorded int, err error) {
	known, ok := x.o.Node.Snapshot().Directory.Peer(origin)
	if !ok {
		return 0, nil
	}
	for after := id + eachSuffix; ; {
		single, b, err := x.o.Source.Change(ctx, router.Target(known), after)
		if err != nil {
			return recorded, fmt.Errorf("couldn't read the directory of %s: %w", origin, err)
		}
		if b == nil {
			return recorded, nil
		}
		if single == "" || single == after {
			return recorded, fmt.Errorf("couldn't read the directory of %s: operation after %q is named %q", origin, after, single)
		}
		n, err := x.learn(ctx, origin, single, b, false)
		recorded += n
		if err != nil {
			return recorded, err
		}
		after = single
	}
}

// needed says whether the directory does not show the operation's result yet. It only spares the door what it would
// refuse; what is handed in is judged there.
func (x *Exchange) needed(d directory.State, op schemas.Operation) bool {
	code := func(c string) bool {
		r := d.Resolve(orgid.Canonical(c), time.Time{})
		return r.Direct != ""
	}
	switch op := op.(type) {
	case schemas.AddOrganisation:
		return !code(op.Code)
	case schemas.ChangeOrganisation:
		o, ok := organisation(d, op.Code)
		return ok && (op.Name != "" && op.Name != o.Name || op.Level != 0 && op.Level != o.Level ||
			op.Parent != "" && d.Resolve(orgid.Canonical(op.Parent), time.Time{}).Direct != o.Parent)
	case schemas.CloseOrganisation:
		o, ok := organisation(d, op.Code)
		return ok && !o.Closed
	case schemas.AddCode:
		return !code(op.Code.Code)
	case schemas.RemoveCode:
		o, ok := organisation(d, op.Organisation)
		if !ok {
			return false
		}
		for _, c := range o.Codes {
			if c.Code == orgid.Canonical(op.Code) && c.Until.IsZero() {
				return true
			}
		}
		return false
	case schemas.EnrolCertificate:
		if c, ok := d.Certificate(sha256.Sum256(op.DER)); ok {
			return c.Suspended
		}
		c, err := x509.ParseCertificate(op.DER)
		return err == nil && x.o.Now().Before(c.NotAfter)
	case schemas.RevokeCertificate:
		c, ok := d.Certificate(op.SHA256)
		return ok && (!c.Revoked || c.Suspended && !op.Suspend)
	}
	return true
}
