package projections

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tram-exchange/tram/events"
)

// chunkSize is how many events go from one stage to the next at once.
const chunkSize = 128

// busyEvents is how many events one pass must have read for Run to gather before the next.
const busyEvents = 64

// Run follows the log until ctx ends. Errors of the log or of views.db are logged and tried again after a growing pause
// (up to 10 s): views that stand still are seen in Health, and accepting goes on without them. It returns ctx.Err().
//
// When little comes in, each event is in the views at once. When much does, Run gathers for Options.Gather: most of a small
// transaction is writing pages that the next one changes again.
func (v *Views) Run(ctx context.Context) error {
	pause := time.Duration(0)
	for {
		before := v.Position()
		err := v.CatchUp(ctx)
		if err == nil {
			pause = 0
			if after := v.Position(); after >= before+busyEvents {
				err = rest(ctx, v.opt.Gather)
			}
			if err == nil {
				_, err = v.src.Wait(ctx, v.Position())
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			continue
		}
		pause = min(max(2*pause, 100*time.Millisecond), 10*time.Second)
		v.opt.Logger.Error("views stand still", "error", err, "position", v.Position(), "retry", pause)
		if err := rest(ctx, pause); err != nil {
			return err
		}
	}
}

// rest returns after d, or with ctx.Err().
func rest(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errOtherLog says that views.db was not made of this log.
var errOtherLog = errors.New("views.db was made of another log")

// CatchUp reads the log up to its head as of the call. After an error the views stand at the last transaction; calling
// again goes on there.
func (v *Views) CatchUp(ctx context.Context) error {
	v.writing.Lock()
	defer v.writing.Unlock()
	err := v.pass(ctx)
	if errors.Is(err, errOtherLog) || isDamaged(err) {
		if err := v.rebuild(context.WithoutCancel(ctx), err.Error()); err != nil {
			return fmt.Errorf("couldn't rebuild views: %w", err)
		}
		err = v.pass(ctx)
	}
	if err != nil {
		return fmt.Errorf("couldn't catch up views: %w", err)
	}
	return nil
}

// pass reads from the position to the head as of now.
func (v *Views) pass(ctx context.Context) (err error) {
	head := v.src.Head()
	if v.position > head.Size || v.position > 0 && v.origin != head.Origin {
		return fmt.Errorf("couldn't go on at position %d of %q in log %q of size %d: %w", v.position, v.origin, head.Origin, head.Size, errOtherLog)
	}
	if v.position == head.Size && head.Size == 0 {
		return nil
	}
	if head.Size-v.position >= v.bulkFrom {
		if err := v.startBulk(ctx); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	ordered, read := v.pipeline(ctx)
	defer func() {
		cancel()
		for range ordered { // the stages end before views.db may be closed
		}
		if err == nil {
			return
		}
		// Documents and deliveries in memory may be ahead of views.db: load them again.
		if e := v.reload(); e != nil {
			err = errors.Join(err, e)
		}
	}()
	if err := v.apply(ctx, head, ordered, read); err != nil {
		return err
	}
	return v.endBulk(ctx)
}

// apply folds and writes what the pipeline delivers.
func (v *Views) apply(ctx context.Context, head events.Head, ordered <-chan *chunk, read *readError) error {
	limit := v.opt.LiveBatch
	if head.Size-v.position > uint64(8*v.opt.LiveBatch) {
		limit = v.opt.CatchUpBatch
	}
	b := v.w.newBatch(v.position)
	b.last = v.last
	first := true
	for c := range ordered {
		<-c.done
		if c.err != nil {
			return c.err
		}
		for i := range c.events {
			e := &c.events[i]
			if first && v.position > 0 {
				// The last event read before, read again: is it still the same log?
				first = false
				if e.Position != v.position-1 || sha256.Sum256(e.Bytes) != v.last {
					return fmt.Errorf("couldn't go on after position %d: statement differs: %w", v.position-1, errOtherLog)
				}
				continue
			}
			first = false
			if e.Position != b.position {
				return fmt.Errorf("couldn't read the log without gaps: event %d, expected %d", e.Position, b.position)
			}
			if err := b.add(context.WithoutCancel(ctx), e); err != nil {
				return err
			}
			b.position++
			b.events++
			if b.events < limit {
				continue
			}
			b.last = sha256.Sum256(e.Bytes)
			if err := v.commit(ctx, head, b); err != nil {
				return err
			}
			b = v.w.newBatch(v.position)
		}
		if n := len(c.events); n > 0 && b.events > 0 {
			b.last = sha256.Sum256(c.events[n-1].Bytes)
		}
	}
	if err := read.get(); err != nil {
		return fmt.Errorf("couldn't read the log: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.position < head.Size {
		return fmt.Errorf("couldn't read the log to its head: read %d events, expected %d", b.position, head.Size)
	}
	if b.events == 0 {
		return nil
	}
	return v.commit(ctx, head, b)
}

// commit makes the batch durable (as far as views need be) and visible.
func (v *Views) commit(ctx context.Context, head events.Head, b *batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	plain := context.WithoutCancel(ctx)
	if err := v.w.begin(plain, head.Origin, b); err != nil {
		return err
	}
	v.mu.Lock()
	if err := v.w.finish(plain); err != nil {
		v.mu.Unlock()
		return err
	}
	v.position, v.last, v.origin = b.position, b.last, head.Origin
	if b.directory != nil {
		v.w.directory, v.directory = b.directory, b.directory
	}
	close(v.moved)
	v.moved = make(chan struct{})
	v.mu.Unlock()
	v.w.cache.turn()
	v.sinceCheckpoint += b.events
	if err := v.maybeCheckpoint(plain); err != nil {
		return err
	}
	if v.opt.Progress != nil {
		v.opt.Progress(b.position, max(head.Size, b.position))
	}
	return nil
}

// reload forgets what is in memory and takes it from views.db again. The caller holds writing.
func (v *Views) reload() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	origin, position, last, err := v.w.load(context.Background())
	if err != nil {
		return err
	}
	v.origin, v.position, v.last, v.directory = origin, position, last, v.w.directory
	return nil
}

// chunk is some consecutive events on their way from the log to the writer.
type chunk struct {
	raw    []events.Event
	events []decoded
	err    error
	done   chan struct{} // closed when decoded
}

type readError struct {
	mu  sync.Mutex
	err error
}

func (r *readError) set(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

func (r *readError) get() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// pipeline reads and decodes ahead of the writer. The chunks come in order; ordered is closed when the log has been read
// to its head, or with an error in read.
func (v *Views) pipeline(ctx context.Context) (ordered chan *chunk, read *readError) {
	ordered = make(chan *chunk, 16)
	work := make(chan *chunk, 16)
	read = &readError{}
	var decoders sync.WaitGroup
	for range v.opt.Decoders {
		decoders.Go(func() {
			for c := range work {
				c.decode()
			}
		})
	}
	from := v.position
	if from > 0 {
		from--
	}
	go func() {
		defer close(ordered)
		defer decoders.Wait()
		defer close(work)
		c := &chunk{done: make(chan struct{}), raw: make([]events.Event, 0, chunkSize)}
		send := func() error {
			for _, ch := range []chan<- *chunk{work, ordered} {
				select {
				case ch <- c:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			c = &chunk{done: make(chan struct{}), raw: make([]events.Event, 0, chunkSize)}
			return nil
		}
		err := v.src.All(ctx, from, func(e events.Event) error {
			c.raw = append(c.raw, e)
			if len(c.raw) < chunkSize {
				return nil
			}
			return send()
		})
		if err == nil && len(c.raw) > 0 {
			err = send()
		}
		read.set(err)
	}()
	return ordered, read
}

func (c *chunk) decode() {
	defer close(c.done)
	c.events = make([]decoded, 0, len(c.raw))
	for _, e := range c.raw {
		d, err := decode(e)
		if err != nil {
			c.err = err
			return
		}
		c.events = append(c.events, d)
	}
}
