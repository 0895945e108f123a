package evidence

import (
	"context"
	"errors"
	"time"

	"github.com/tram-exchange/tram/events"
)

// ErrBusy: as many containers as may be made at a time are being made. Try again later.
var ErrBusy = errors.New("couldn't make evidence: too many at a time")

// Maker makes containers for many readers, a bounded number at a time: each reads whole packages.
type Maker struct {
	o     Options
	slots chan struct{}
	wait  time.Duration
}

// NewMaker makes at most atOnce containers at a time; who must wait longer than wait for a turn gets ErrBusy.
func NewMaker(o Options, atOnce int, wait time.Duration) *Maker {
	return &Maker{o: o, slots: make(chan struct{}, max(1, atOnce)), wait: wait}
}

// Make is Make for one reader. The turn lasts until the File is closed.
func (m *Maker) Make(ctx context.Context, key string, include func(events.Event) bool, mayRead func(context.Context, events.Digest) (bool, error)) (*File, error) {
	if err := m.turn(ctx); err != nil {
		return nil, err
	}
	o := m.o
	o.Include, o.MayRead = include, mayRead
	f, err := Make(ctx, key, o)
	if err != nil {
		<-m.slots
		return nil, err
	}
	f.closers = append(f.closers, slot(m.slots))
	return f, nil
}

func (m *Maker) turn(ctx context.Context) error {
	select {
	case m.slots <- struct{}{}:
		return nil
	default:
	}
	waiting, cancel := context.WithTimeout(ctx, m.wait)
	defer cancel()
	select {
	case m.slots <- struct{}{}:
		return nil
	case <-waiting.Done():
		return errors.Join(ErrBusy, ctx.Err())
	}
}

// slot is a turn that is given back when it is closed.
type slot chan struct{}

func (s slot) Close() error {
	<-s
	return nil
}
