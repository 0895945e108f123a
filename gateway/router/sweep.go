package router

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/gateway/router/peer"
)

func digest(b []byte) events.Digest { return sha256.Sum256(b) }

// Reason recorded when a recipient of this node has not taken an entry in time.
const reasonNotTaken = "not-taken"

// sweep gives up what has waited for longer than policy allows: the sender sees "không gửi được". Node time rises along
// the log, so it reads every offer once, when its time has come.
func (r *Router) sweep(ctx context.Context) error {
	giveUp := r.giveUp()
	if giveUp <= 0 {
		return nil
	}
	now := r.o.Now()
	for {
		r.mu.Lock()
		start, end := r.sweepAt, r.cursor
		r.mu.Unlock()
		work := newLanes(r.o.Appends)
		at := start
		err := r.log.All(ctx, start, func(e events.Event) error {
			if e.Position >= end || now.Sub(e.Statement.Time) < giveUp || at-start >= uint64(r.o.Chunk) {
				return errEnough
			}
			if e.Statement.Name == delivery.NameOffered {
				work.run([]string{e.Statement.Stream}, func() error {
					return r.decide(ctx, e.Statement.Stream, ptr(address(e)), nil, func(s delivery.State) (delivery.Decision, error) {
						reason := s.Reason
						switch {
						case reason != "":
						case s.Offer.Node == "":
							reason = reasonNotTaken
						default:
							reason = peer.ClassUnreachable
						}
						return delivery.DecideAttempt(s, delivery.RecordAttempt{
							At: now, Reason: reason, Attempts: s.Attempts, GiveUp: giveUp,
						})
					})
				})
			}
			at = e.Position + 1
			return nil
		})
		if werr := work.wait(); werr != nil {
			return fmt.Errorf("couldn't give up old deliveries: %w", werr)
		}
		if err != nil && !errors.Is(err, errEnough) {
			return fmt.Errorf("couldn't look for old deliveries: %w", err)
		}
		if at == start {
			return nil
		}
		r.mu.Lock()
		r.sweepAt = at
		r.mu.Unlock()
	}
}

func ptr[T any](v T) *T { return &v }
