package tiles_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger/tiles"
)

// growing is a log whose head moves when the test says so.
type growing struct {
	*record
	mu   sync.Mutex
	now  events.Head
	next chan struct{}
	err  error // that Wait ends with
}

func (g *growing) set(h events.Head, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now, g.err = h, err
	close(g.next)
	g.next = make(chan struct{})
}

func (g *growing) Head() events.Head {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now
}

func (g *growing) Wait(ctx context.Context, size uint64) (events.Head, error) {
	for {
		g.mu.Lock()
		now, next, err := g.now, g.next, g.err
		g.mu.Unlock()
		if now.Size > size {
			return now, nil
		}
		if err != nil {
			return events.Head{}, err
		}
		select {
		case <-next:
		case <-ctx.Done():
			return events.Head{}, ctx.Err()
		}
	}
}

type outcome struct {
	size uint64
	err  error
}

// follow starts to follow a log; pause lets the next interval end, outcomes tells what was published.
func follow(t *testing.T, g *growing, w *tiles.Writer) (pause chan time.Time, outcomes chan outcome, ended chan error, stop func()) {
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	pause, outcomes, ended = make(chan time.Time), make(chan outcome, 10), make(chan error, 1)
	go func() {
		ended <- tiles.Follow(ctx, g, w, tiles.FollowOptions{
			Interval: time.Hour,
			After: func(d time.Duration) <-chan time.Time {
				if d != time.Hour {
					t.Errorf("waits for %s", d)
				}
				return pause
			},
			Report: func(h events.Head, err error) { outcomes <- outcome{h.Size, err} },
		})
	}()
	return pause, outcomes, ended, stop
}

func TestFollow(t *testing.T) {
	r, d := newRecord(t), newDisk()
	r.size = 1000
	g := &growing{record: r, next: make(chan struct{})}
	pause, outcomes, ended, _ := follow(t, g, tiles.NewWriter(r, d, tiles.Options{}))
	expect := func(size uint64, err error) {
		t.Helper()
		if o := <-outcomes; o.size != size || !errors.Is(o.err, err) {
			t.Errorf("published %d, %v, expected %d, %v", o.size, o.err, size, err)
		}
	}
	g.set(r.head(t, 2), nil)
	expect(2, nil)
	// Heads that come within the interval are one publication.
	g.set(r.head(t, 3), nil)
	g.set(r.head(t, 300), nil)
	pause <- time.Time{}
	expect(300, nil)
	if _, ok := d.files["tile/0/000.p/3"]; ok {
		t.Error("a head within the interval was published")
	}
	// A failure of the disk is tried again, with the newest head.
	d.failAt = d.steps + 3
	g.set(r.head(t, 301), nil)
	pause <- time.Time{}
	expect(301, errDisk)
	d.revive()
	g.set(r.head(t, 302), nil)
	pause <- time.Time{}
	expect(302, nil)
	pause <- time.Time{}
	g.set(r.head(t, 302), events.ErrClosed)
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	if _, err := tiles.Check(t.Context(), d.published(), r.verifier(t)); err != nil {
		t.Error(err)
	}
}

func TestFollowEnds(t *testing.T) {
	r := newRecord(t)
	r.size = 10
	for what, c := range map[string]struct {
		err  error // of the log
		want error
	}{
		"log failed": {errDisk, errDisk},
		"log closed": {events.ErrClosed, nil},
	} {
		g := &growing{record: r, next: make(chan struct{}), err: c.err}
		_, _, ended, _ := follow(t, g, tiles.NewWriter(r, newDisk(), tiles.Options{}))
		if err := <-ended; !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	g := &growing{record: r, next: make(chan struct{})}
	_, _, ended, stop := follow(t, g, tiles.NewWriter(r, newDisk(), tiles.Options{}))
	stop()
	if err := <-ended; err != nil {
		t.Errorf("stopped: %v", err)
	}
	d := newDisk()
	d.files["tile/0/000.p/10"] = "something else"
	g = &growing{record: r, now: r.head(t, 10), next: make(chan struct{})}
	_, outcomes, ended, _ := follow(t, g, tiles.NewWriter(r, d, tiles.Options{}))
	fault := new(tiles.Fault)
	if err := <-ended; !errors.As(err, &fault) || fault.Path != "tile/0/000.p/10" {
		t.Errorf("fault: %v", err)
	}
	if o := <-outcomes; !errors.As(o.err, &fault) {
		t.Errorf("the fault was not told: %v", o.err)
	}
}
