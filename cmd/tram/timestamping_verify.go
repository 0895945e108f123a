package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/events/timestamp"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/tsp"
)

// verifyStamps proves the log's time-stamps again: each is over a head that the log really had, by a certificate for
// time-stamps, and says what its event says. Whom to believe about time is for those who check evidence. It reads a record that
// was found good otherwise.
func verifyStamps(ctx context.Context, open func(context.Context) (savedRecord, error)) (n uint64, bad *verifyProblem, err error) {
	r, err := open(ctx)
	if errors.Is(err, sqlitestore.ErrNoHead) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var state timestamp.State
	err = r.Stream(ctx, timestamp.Stream, 0, func(e events.Event) (err error) {
		if state, err = timestamp.Fold(state, e); err == nil {
			err = verifyStamp(ctx, r, state.Last)
		}
		if err == nil {
			n++
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		bad = &verifyProblem{Kind: "time-stamp", Position: &e.Position, Reason: err.Error()}
		return errStamp
	})
	if errors.Is(err, errStamp) {
		err = nil
	}
	return n, bad, err
}

var errStamp = errors.New("a time-stamp is not good")

func verifyStamp(ctx context.Context, r savedRecord, d timestamp.Stamped) error {
	_, head, err := r.Proof(ctx, 0, d.Size)
	if err != nil {
		return err
	}
	raw, err := r.Evidence(ctx, d.Token)
	if err != nil {
		return err
	}
	return checkStamp(d, head.Root, raw)
}

// checkStamp proves one time-stamp: root is what the log had at the size that was stamped, raw the token.
func checkStamp(d timestamp.Stamped, root events.Digest, raw []byte) error {
	if root != d.Root {
		return fmt.Errorf("root of size %d is %s, it was stamped as %s", d.Size, root, d.Root)
	}
	if got := events.Sum(raw); got != d.Token {
		return fmt.Errorf("token %s, the event says %s", got, d.Token)
	}
	t, err := tsp.Parse(raw)
	if err != nil {
		return err
	}
	imprint, err := timestamp.Imprint(d.Hash, []byte(d.Checkpoint))
	if err != nil {
		return err
	}
	if err := errors.Join(t.Verify(imprint), t.CheckSigner()); err != nil {
		return err
	}
	if !t.Time.Equal(d.Time) || events.Digest(signing.Fingerprint(t.Signer)) != d.Signer {
		return errors.New("time or signer of the token are not those of the event")
	}
	return nil
}
