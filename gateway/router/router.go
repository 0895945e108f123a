package router

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/router/peer"
)

// Log is what the router reads of the record. events.Store satisfies it.
type Log interface {
	All(ctx context.Context, from uint64, f func(events.Event) error) error
	Stream(ctx context.Context, stream string, from uint64, f func(events.Event) error) error
	Wait(ctx context.Context, size uint64) (events.Head, error)
	Head() events.Head
	Event(ctx context.Context, position uint64) (events.Event, error)
	OpenPackage(ctx context.Context, sha256 events.Digest) (events.PackageReader, error)
	Evidence(ctx context.Context, sha256 events.Digest) ([]byte, error)
}

// Node is what the router asks of the gateway's core. *gateway.Node satisfies it.
type Node interface {
	Origin() string
	Snapshot() *gateway.Snapshot
	Record(ctx context.Context, s gateway.Step) (events.Sealed, bool, error)
	Receipt(ctx context.Context, position uint64) ([]byte, error)
}

// Transport hands a package to a peer and returns the peer's receipt, unverified. *peer.Client is one. Errors are
// *peer.RefusedError or *peer.FailedError.
type Transport interface {
	Deliver(ctx context.Context, to peer.Target, h peer.Handover) ([]byte, error)
	// Receipt asks for the peer's receipt of a package that may have been handed over before; nil: it was not.
	Receipt(ctx context.Context, from peer.Target, sha256 events.Digest) ([]byte, error)
}

// Options of a Router. Log, Node, Transport and Now are required.
type Options struct {
	Log       Log
	Node      Node
	Transport Transport
	Now       func() time.Time
	Jitter    func() float64        // in [0,1); nil: math/rand
	Keeper    Keeper                // nil: start from the beginning of the log each time
	Logger    *slog.Logger          // nil: discard
	Metrics   prometheus.Registerer // nil: none

	Appends   int           // appends at once; 0 = 64. Bounds the router's share of every commit.
	Chunk     int           // events followed between two barriers; 0 = 2048
	Window    int           // hand-overs of one peer's queue in memory; 0 = 4096
	Parallel  int           // hand-overs to one peer at once; 0 = 48, below what a peer takes of one client
	LargeSize int64         // bytes from which a hand-over is large: of those at most four fly at once; 0 = 8 MiB
	Backoff   time.Duration // first wait after a failure, doubled each time; 0 = 1 s
	Longest   time.Duration // longest wait; 0 = 5 min
	Grace     time.Duration // how long refusals that a later directory change can heal are retried; 0 = 1 h
	KeepEvery time.Duration // how often positions are kept; 0 = 5 s
}

// Router delivers. Step and Run must not be called at the same time; everything else may be called at any time.
type Router struct {
	o       Options
	log     Log
	node    Node
	appends chan struct{}

	mu      sync.Mutex // guards what follows
	cursor  uint64     // first event not yet followed
	last    events.Digest
	sweepAt uint64
	loaded  bool
	pumps   map[string]*pump
	keptAt  time.Time
	stopped error // why following has stopped, for the health page
}

// New makes a router. It reads nothing yet.
func New(o Options) (*Router, error) {
	if o.Log == nil || o.Node == nil || o.Transport == nil || o.Now == nil {
		return nil, errors.New("couldn't make router: log, node, transport and clock are required")
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	def(&o.Appends, 64)
	def(&o.Chunk, 2048)
	def(&o.Window, 4096)
	def(&o.Parallel, 48)
	def(&o.LargeSize, 8<<20)
	def(&o.Backoff, time.Second)
	def(&o.Longest, 5*time.Minute)
	def(&o.Grace, time.Hour)
	def(&o.KeepEvery, 5*time.Second)
	r := &Router{
		o: o, log: o.Log, node: o.Node, appends: make(chan struct{}, o.Appends), pumps: make(map[string]*pump),
	}
	if o.Metrics != nil {
		if err := o.Metrics.Register(metrics{r}); err != nil {
			return nil, fmt.Errorf("couldn't register the router's metrics: %w", err)
		}
	}
	return r, nil
}

func def[T int | int64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Progress says what a Step found to do.
type Progress struct {
	Followed uint64    // events read
	Answered int       // hand-overs that got an answer, good or bad
	Failed   int       // hand-overs that got none
	Next     time.Time // when a hand-over that failed is due again; zero: none
}

// Step does all there is to do now and returns: it follows the log to its end, gives up what is too old, and hands over
// what is due, then follows what these have recorded. Hand-overs that fail wait for a later Step.
func (r *Router) Step(ctx context.Context) (Progress, error) {
	var p Progress
	for {
		n, err := r.follow(ctx)
		p.Followed += n
		if err != nil {
			return p, err
		}
		if err := r.sweep(ctx); err != nil {
			return p, err
		}
		answered := 0
		for _, pu := range r.sorted() {
			a, f, err := pu.step(ctx)
			answered += a
			p.Failed += f
			if err != nil {
				return p, err
			}
		}
		p.Answered += answered
		if r.log.Head().Size == r.position() {
			break
		}
	}
	for _, pu := range r.sorted() {
		if at, ok := pu.due(); ok && (p.Next.IsZero() || at.Before(p.Next)) {
			p.Next = at
		}
	}
	r.keepNow(ctx)
	return p, nil
}

// Run follows the log and serves the queues until ctx ends (then it returns nil) or following fails for good. A full
// disk and the like are waited out.
func (r *Router) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var pumps sync.WaitGroup
	defer pumps.Wait()
	defer cancel()
	running := make(map[string]bool)
	swept := r.o.Now()
	wait := r.o.Backoff
	for {
		_, err := r.follow(ctx)
		if err == nil && r.o.Now().Sub(swept) >= time.Minute {
			swept = r.o.Now()
			err = r.sweep(ctx)
		}
		if err == nil {
			r.keepNow(ctx)
		}
		if ctx.Err() != nil {
			return r.keep(context.WithoutCancel(ctx), true)
		}
		if err != nil {
			r.stop(err)
			if !retryable(err) {
				return err
			}
			r.o.Logger.Warn("router waits", "error", err)
			if !pause(ctx, r.jittered(wait)) {
				continue
			}
			wait = min(2*wait, r.o.Longest)
			continue
		}
		r.stop(nil)
		wait = r.o.Backoff
		for _, pu := range r.sorted() {
			if !running[pu.origin] {
				running[pu.origin] = true
				pumps.Go(func() { pu.run(ctx) })
			}
			pu.poke()
		}
		// Waiting ends now and then, so that the sweep and the keeping of positions go on in a quiet log.
		quiet, end := context.WithTimeout(ctx, r.o.KeepEvery)
		_, err = r.log.Wait(quiet, r.position())
		end()
		if err != nil && ctx.Err() == nil && quiet.Err() == nil {
			r.stop(err)
			return fmt.Errorf("couldn't wait for the log: %w", err)
		}
	}
}

// retryable says whether waiting can help: the disk is full or the node is busy.
func retryable(err error) bool {
	var f *gateway.Refusal
	return errors.Is(err, events.ErrFull) || errors.As(err, &f) && f.Retryable && f.Code != gateway.CodeDraining
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// jittered spreads a wait over its second half.
func (r *Router) jittered(d time.Duration) time.Duration {
	return d/2 + time.Duration(r.o.Jitter()*float64(d/2))
}

// backoff is the wait after the n-th failure in a row.
func (r *Router) backoff(n int) time.Duration {
	d := r.o.Backoff
	for i := 1; i < n && d < r.o.Longest; i++ {
		d *= 2
	}
	return r.jittered(min(d, r.o.Longest))
}

// Heard says that a peer has called: it is there, so what waits for it is tried at once.
func (r *Router) Heard(origin string) {
	r.mu.Lock()
	p := r.pumps[origin]
	r.mu.Unlock()
	if p != nil {
		p.heard()
	}
}

// Close keeps the positions. Call it after Run has returned or the last Step.
func (r *Router) Close(ctx context.Context) error { return r.keep(ctx, true) }

// Forget drops what is in memory, so that the next Step or Run goes on from the kept positions: another node of the log may have
// moved them since. Not while either runs.
func (r *Router) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cursor, r.last, r.sweepAt, r.loaded, r.pumps = 0, events.Digest{}, 0, false, make(map[string]*pump)
}

// pump gives the pump of a peer, new if there is none.
func (r *Router) pump(origin string) *pump {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.pumps[origin]
	if p == nil {
		p = newPump(r, origin)
		r.pumps[origin] = p
	}
	return p
}

func (r *Router) sorted() []*pump {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]*pump, 0, len(r.pumps))
	for _, origin := range slices.Sorted(maps.Keys(r.pumps)) {
		out = append(out, r.pumps[origin])
	}
	return out
}

// position is the first event not yet followed.
func (r *Router) position() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cursor
}

func (r *Router) stop(err error) {
	r.mu.Lock()
	r.stopped = err
	r.mu.Unlock()
}

// load takes up the kept positions, once.
func (r *Router) load(ctx context.Context) error {
	r.mu.Lock()
	loaded := r.loaded
	r.mu.Unlock()
	if loaded {
		return nil
	}
	var p positions
	if r.o.Keeper != nil {
		b, err := r.o.Keeper.Load()
		if err != nil {
			return err
		}
		kept, ok, err := readPositions(b, r.node.Origin(), r.log.Head().Size, func(at uint64) ([]byte, error) {
			e, err := r.log.Event(ctx, at)
			return e.Bytes, err
		})
		if err != nil {
			return fmt.Errorf("couldn't take up the router's positions: %w", err)
		}
		if ok {
			p = kept
		}
	}
	for origin, kept := range p.Peers {
		r.pump(origin).resume(kept)
	}
	r.mu.Lock()
	r.cursor, r.last, r.sweepAt, r.loaded = p.Cursor, p.Last, p.Sweep, true
	r.mu.Unlock()
	return nil
}

// keepNow saves the positions if it is time. That it fails, on a full disk say, costs time at the next start and must not end the router.
func (r *Router) keepNow(ctx context.Context) {
	if err := r.keep(ctx, false); err != nil {
		r.o.Logger.Warn("the router's positions are not kept", "error", err)
	}
}

// keep saves the positions, if it is time or must be.
func (r *Router) keep(_ context.Context, must bool) error {
	now := r.o.Now()
	r.mu.Lock()
	if r.o.Keeper == nil || !r.loaded || !must && now.Sub(r.keptAt) < r.o.KeepEvery {
		r.mu.Unlock()
		return nil
	}
	r.keptAt = now
	p := positions{
		Version: positionsVersion, Origin: r.node.Origin(), Cursor: r.cursor, Last: r.last, Sweep: r.sweepAt,
		Peers: make(map[string]peerPositions),
	}
	r.mu.Unlock()
	for _, pu := range r.sorted() {
		p.Peers[pu.origin] = pu.positions(p.Cursor)
	}
	b, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("couldn't keep the router's positions: %w", err)
	}
	return r.o.Keeper.Save(b)
}
