package office

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/gateway"
)

// chunk is how many events are read before their work is waited for.
const chunk = 512

// stuck is something that could not be done.
type stuck struct {
	at       uint64 // position of the first event that asks for it
	do       func(context.Context) error
	err      error
	since    time.Time
	next     time.Time
	failures int
}

// task is what an event asks for. Tasks of one key are the same work.
type task struct {
	key string
	at  uint64
	do  func(context.Context) error
}

// taskOf says what an event asks for; false for nothing.
func (o *Office) taskOf(e events.Event) (task, bool) {
	stream := e.Statement.Stream
	for _, prefix := range []string{incoming.StreamPrefix, outgoing.StreamPrefix, dossier.StreamPrefix} {
		if strings.HasPrefix(stream, prefix) {
			return task{stream, e.Position, func(ctx context.Context) error { return o.Carry(ctx, stream) }}, true
		}
	}
	e.Facts = nil
	switch e.Statement.Name {
	case delivery.NameOffered:
		return task{stream, e.Position, func(ctx context.Context) error { return o.arrived(ctx, e) }}, true
	case document.NameRecalled, document.NameUpdated, document.NameStatusReported:
		return task{stream, e.Position, func(ctx context.Context) error { return o.takenBack(ctx, e) }}, true
	}
	return task{}, false
}

// CarryOn does what is left to do, in the order of the log: first what is due to be tried again, then what follows from every event not
// yet followed. It returns when it has come to the end of the log; what could not be done stays in Status. An error means that the log
// could not be followed.
func (o *Office) CarryOn(ctx context.Context) error {
	if err := o.load(ctx); err != nil {
		return err
	}
	o.retry(ctx)
	for {
		start := o.position()
		if start >= o.o.Log.Head().Size || ctx.Err() != nil {
			return ctx.Err()
		}
		if n := o.countStuck(); n >= o.o.MostStuck {
			return fmt.Errorf("couldn't follow the log from %d: %d things wait to be done before", start, n)
		}
		if err := o.follow(ctx, start); err != nil {
			return err
		}
	}
}

// errEnough ends a reading of the log early, on purpose.
var errEnough = errors.New("enough")

// follow does what follows from the next events. Those of one key are one piece of work, done once after the last of them was read.
func (o *Office) follow(ctx context.Context, start uint64) error {
	var tasks []task
	next, last := start, events.Digest{}
	seen := map[string]int{}
	err := o.o.Log.All(ctx, start, func(e events.Event) error {
		if e.Position != next {
			return fmt.Errorf("event %d follows, expected %d", e.Position, next)
		}
		if t, ok := o.taskOf(e); ok {
			if i, again := seen[t.key]; again {
				tasks[i].do = t.do // of the later event, which knows more
			} else {
				seen[t.key] = len(tasks)
				tasks = append(tasks, t)
			}
		}
		next, last = e.Position+1, sha256.Sum256(e.Bytes)
		if next-start == chunk {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("couldn't follow the log from %d: %w", start, err)
	}
	if next == start {
		return fmt.Errorf("couldn't follow the log from %d: no event there", start)
	}
	o.doAll(ctx, tasks)
	if ctx.Err() != nil {
		return ctx.Err() // what was cut short is found again from here
	}
	o.mu.Lock()
	o.cursor, o.last = next, last
	o.mu.Unlock()
	return nil
}

// doAll does tasks side by side. What fails is stuck.
func (o *Office) doAll(ctx context.Context, tasks []task) {
	slots := make(chan struct{}, o.o.Parallel)
	var wg sync.WaitGroup
	for _, t := range tasks {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			o.done(ctx, t, t.do(ctx))
		})
	}
	wg.Wait()
}

// done takes note of how a task has ended.
func (o *Office) done(ctx context.Context, t task, err error) {
	if ctx.Err() != nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.stuck[t.key]
	if err == nil {
		delete(o.stuck, t.key)
		return
	}
	now := o.o.Node.Now()
	if s == nil {
		s = &stuck{at: t.at, since: now}
		o.stuck[t.key] = s
	}
	s.do, s.err = t.do, err
	s.failures++
	wait := o.o.Backoff
	for i := 1; i < s.failures && wait < o.o.Longest; i++ {
		wait *= 2
	}
	s.next = now.Add(min(wait, o.o.Longest))
	o.o.Logger.Warn("office waits", "stream", t.key, "failures", s.failures, "error", err)
}

// retry does again what is due.
func (o *Office) retry(ctx context.Context) {
	now := o.o.Node.Now()
	o.mu.Lock()
	var due []task
	for key, s := range o.stuck {
		if !now.Before(s.next) {
			due = append(due, task{key, s.at, s.do})
		}
	}
	o.mu.Unlock()
	slices.SortFunc(due, func(a, b task) int { return int(min(max(int64(a.at)-int64(b.at), -1), 1)) })
	o.doAll(ctx, due)
}

// Run carries on until ctx ends; then it returns nil.
func (o *Office) Run(ctx context.Context) error {
	for {
		err := o.CarryOn(ctx)
		if ctx.Err() != nil {
			return o.keep(true)
		}
		o.mu.Lock()
		o.stopped = err
		o.mu.Unlock()
		if err != nil {
			o.o.Logger.Warn("office waits", "error", err)
		}
		if kept := o.keep(false); kept != nil {
			o.o.Logger.Warn("the office's position is not kept", "error", kept)
		}
		if err := o.wait(ctx, err != nil); err != nil {
			return err
		}
	}
}

// wait returns when the log has grown, or when something is to be tried again.
func (o *Office) wait(ctx context.Context, failed bool) error {
	until := o.o.KeepEvery
	now := o.o.Node.Now()
	o.mu.Lock()
	for _, s := range o.stuck {
		until = min(until, max(s.next.Sub(now), 0))
	}
	o.mu.Unlock()
	if failed {
		until = max(until, o.o.Backoff)
	}
	quiet, end := context.WithTimeout(ctx, max(until, 10*time.Millisecond))
	defer end()
	if failed { // the log may well have grown: that is not what it waits for
		<-quiet.Done()
		return nil
	}
	if _, err := o.o.Log.Wait(quiet, o.position()); err != nil && quiet.Err() == nil {
		return fmt.Errorf("couldn't wait for the log: %w", err)
	}
	return nil
}

func (o *Office) position() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.cursor
}

func (o *Office) countStuck() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.stuck)
}

// Forget drops what is in memory, so that the next CarryOn or Run goes on from the kept position: another node of the log may have moved
// it since. Not while either runs.
func (o *Office) Forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cursor, o.last, o.loaded, o.stuck = 0, events.Digest{}, false, make(map[string]*stuck)
}

// kept is the position between runs. Last binds it to the log: it is the SHA-256 of the statement before Cursor.
type kept struct {
	Version int           `json:"version"`
	Origin  string        `json:"origin"`
	Cursor  uint64        `json:"cursor"`
	Last    events.Digest `json:"last"`
}

const keptVersion = 1

// load takes up the kept position, once. One that is unreadable, or of another log, is as good as none.
func (o *Office) load(ctx context.Context) error {
	o.mu.Lock()
	loaded := o.loaded
	o.mu.Unlock()
	if loaded {
		return nil
	}
	var p kept
	if o.o.Keeper != nil {
		b, err := o.o.Keeper.Load()
		if err != nil {
			return err
		}
		if p, err = o.read(ctx, b); err != nil {
			return err
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cursor, o.last, o.loaded = p.Cursor, p.Last, true
	return nil
}

func (o *Office) read(ctx context.Context, b []byte) (p kept, err error) {
	if len(b) == 0 || json.Unmarshal(b, &p) != nil || p.Version != keptVersion || p.Origin != o.o.Node.Origin() ||
		p.Cursor == 0 || p.Cursor > o.o.Log.Head().Size {
		return kept{}, nil
	}
	e, err := o.o.Log.Event(ctx, p.Cursor-1)
	if err != nil {
		return kept{}, fmt.Errorf("couldn't take up the office's position: %w", err)
	}
	if sha256.Sum256(e.Bytes) != p.Last {
		return kept{}, nil
	}
	return p, nil
}

// keep saves the position, if it is time or must be: not behind what is stuck, which is found again from there after a restart.
func (o *Office) keep(must bool) error {
	now := o.o.Node.Now()
	o.mu.Lock()
	if o.o.Keeper == nil || !o.loaded || !must && now.Sub(o.keptAt) < o.o.KeepEvery || len(o.stuck) > 0 {
		o.mu.Unlock()
		return nil
	}
	o.keptAt = now
	p := kept{Version: keptVersion, Origin: o.o.Node.Origin(), Cursor: o.cursor, Last: o.last}
	o.mu.Unlock()
	b, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("couldn't keep the office's position: %w", err)
	}
	return o.o.Keeper.Save(b)
}

// Close keeps the position. Call it after Run has returned or the last CarryOn.
func (o *Office) Close() error { return o.keep(true) }

// Status of the office.
type Status struct {
	Position uint64 // first event not yet followed
	Behind   uint64 // sealed events not yet followed
	Stopped  string // why following has stopped or waits, "" if it runs
	Waiting  int    // things that could not be done and are tried again
	Oldest   time.Time
	Worst    []Waiting // the oldest of them, at most 20
}

// Waiting is one thing that could not be done.
type Waiting struct {
	Stream   string
	Since    time.Time
	Next     time.Time
	Failures int
	Code     int    // of the refusal, 0 if it was none
	Reason   string // for operators
}

// Status reads the state of the office.
func (o *Office) Status() Status {
	size := o.o.Log.Head().Size
	o.mu.Lock()
	defer o.mu.Unlock()
	s := Status{Position: o.cursor, Behind: size - min(size, o.cursor), Waiting: len(o.stuck)}
	if o.stopped != nil {
		s.Stopped = o.stopped.Error()
	}
	for key, x := range o.stuck {
		w := Waiting{Stream: key, Since: x.since, Next: x.next, Failures: x.failures, Reason: x.err.Error()}
		var r *gateway.Refusal
		if errors.As(x.err, &r) {
			w.Code = r.Code
		}
		s.Worst = append(s.Worst, w)
	}
	slices.SortFunc(s.Worst, func(a, b Waiting) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return strings.Compare(a.Stream, b.Stream)
	})
	if len(s.Worst) > 0 {
		s.Oldest = s.Worst[0].Since
	}
	s.Worst = s.Worst[:min(len(s.Worst), 20)]
	return s
}
