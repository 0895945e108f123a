package projections

import (
	"context"
	"errors"

	"github.com/tram-exchange/tram/events"
)

// Log is what views are made of: an events.Store, or a reader of a record at rest.
type Log interface {
	// All calls f for sealed events in order of position from `from` on, up to the head as of the call.
	All(ctx context.Context, from uint64, f func(events.Event) error) error
	// Head is the latest signed head.
	Head() events.Head
}

// until is a log that ends at a size: views that read it stand as of that position for ever.
type until struct {
	log  Log
	size uint64
}

var _ Source = (*until)(nil)

// Head is that of the size, or of the log if that is shorter. It is not signed: only size and origin count for views.
func (u *until) Head() events.Head {
	h := u.log.Head()
	return events.Head{Origin: h.Origin, Size: min(h.Size, u.size)}
}

// All implements Source.
func (u *until) All(ctx context.Context, from uint64, f func(events.Event) error) error {
	if from >= u.size {
		return nil
	}
	err := u.log.All(ctx, from, func(e events.Event) error {
		if e.Position >= u.size {
			return errFound
		}
		if err := f(e); err != nil || e.Position+1 < u.size {
			return err
		}
		return errFound
	})
	if errors.Is(err, errFound) {
		return nil
	}
	return err
}

// Wait never sees it grow.
func (u *until) Wait(ctx context.Context, _ uint64) (events.Head, error) {
	<-ctx.Done()
	return events.Head{}, ctx.Err()
}

// AtRest makes a source of a log that nobody writes to while views are made of it.
func AtRest(log Log) Source { return &until{log: log, size: log.Head().Size} }
