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
	// head of a quiet log costs two small files that stay until their tiles are full, so it should not be much below the
	// second that is the default.
	Interval time.Duration
	// After is time.After; tests put their own.
	After func(time.Duration) <-chan time.Time
	// Cosign asks the witnesses of the log about each published head; nil: there are none. It is called again for the same
	// head while it fails.
	Cosign Cosigner
	// Binding keeps back a checkpoint until Cosign has succeeded for it. Else it is published at once, and replaced by the
	// cosigned one of the same size when that comes.
	Binding bool
	// Report is told the outcome of each publication, from the goroutine that follows; nil: nobody. Where cosignatures are not
	// binding, their failing is a *CosignError beside a head that is published.
	Report func(head events.Head, err error)
}

// maxPatience bounds how much longer than Interval is waited while a binding Cosign fails: each try for a log that grows
// costs files that stay.
const maxPatience = 64

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
	patience := time.Duration(1)
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
		err := o.publish(ctx, w, head)
		if ctx.Err() != nil {
			return nil
		}
		if o.Report != nil {
			o.Report(head, err)
		}
		if fault := new(Fault); errors.As(err, &fault) {
			return err
		}
		wait := o.Interval
		if err == nil {
			done, patience = int64(head.Size), 1
		} else if failed := new(CosignError); o.Binding && errors.As(err, &failed) {
			wait, patience = wait*patience, min(2*patience, maxPatience)
		}
		select {
		case <-o.After(wait):
		case <-ctx.Done():
			return nil
		}
	}
}

// publish brings one head out, with its cosignatures before or after. A head that an earlier run published without them
// gets them now.
func (o *FollowOptions) publish(ctx context.Context, w *Writer, head events.Head) error {
	if o.Cosign == nil {
		return w.Publish(ctx, head)
	}
	if !o.Binding {
		if err := w.Publish(ctx, head); err != nil {
			return err
		}
		return w.Cosign(ctx, o.Cosign)
	}
	asked := false
	if err := w.PublishCosigned(ctx, head, func(ctx context.Context, b []byte) ([]byte, error) {
		asked = true
		return o.Cosign(ctx, b)
	}); err != nil || asked {
		return err
	}
	return w.Cosign(ctx, o.Cosign)
}
