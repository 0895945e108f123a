package tiles

import (
	"context"
	"errors"
	"time"

	"github.com/tram-exchange/tram/events"
)

// Log is a Record that goes on growing. events.Store has it.
type Log interface {
	Record
	Head() events.Head
	Wait(ctx context.Context, size uint64) (events.Head, error)
}

// FollowOptions say how a log is followed.
type FollowOptions struct {
	// Interval is the shortest time between two publications, and how long is waited after a failed one. Every published
	// head of a quiet log costs two small files that stay, so it should not be much below the second that is the default.
	Interval time.Duration
	// After is time.After; tests put their own.
	After func(time.Duration) <-chan time.Time
	// Report is told the outcome of each publication, from the goroutine that follows; nil: nobody.
	Report func(head events.Head, err error)
}

// Follow publishes head after head until ctx ends or the log is closed, which is no error. What fails is tried again,
// but for a *Fault, with which it ends: then nothing may be published until somebody has looked.
func Follow(ctx context.Context, log Log, w *Writer, o FollowOptions) error {
	if o.Interval <= 0 {
		o.Interval = time.Second
	}
	if o.After == nil {
		o.After = time.After
	}
	var done int64 = -1 // size of the published head
	for {
		head := log.Head()
		if int64(head.Size) <= done || len(head.Checkpoint) == 0 {
			var err error
			if head, err = log.Wait(ctx, uint64(max(done, 0))); err != nil {
				if ctx.Err() != nil || errors.Is(err, events.ErrClosed) {
					return nil
				}
				return err
			}
		}
		err := w.Publish(ctx, head)
		if ctx.Err() != nil {
			return nil
		}
		if o.Report != nil {
			o.Report(head, err)
		}
		if fault := new(Fault); errors.As(err, &fault) {
			return err
		}
		if err == nil {
			done = int64(head.Size)
		}
		select {
		case <-o.After(o.Interval):
		case <-ctx.Done():
			return nil
		}
	}
}
