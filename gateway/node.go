package gateway

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/policy"
	"github.com/tram-exchange/tram/internal/disk"
	"github.com/tram-exchange/tram/internal/keylock"
	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
)

// Config of a Node. Store, Views, Trust, Chain and SpoolDir are required; the rest has the defaults named.
type Config struct {
	Origin string              // origin line of the log, equal to that of Store's heads
	Store  events.Store        //
	Views  Views               //
	Past   view.Past           // the views as they stood; nil: questions about the past are refused
	Chain  []*x509.Certificate // of the node certificate, its own first: goes into receipts
	Trust  *signing.Trust      // authorities of signing certificates while the record has no trust list
	// Revocation is asked what authorities say of signing certificates, as the recorded policy wants it. nil: nobody can say.
	Revocation revocation.Source
	// RevocationRecheck is for how long an answer is gone by before it is asked for again, though it may promise to hold
	// longer: how late a revocation may be seen. Default 1 h.
	RevocationRecheck time.Duration
	Policy            policy.Policy // acceptance policy as configured; Start records it when it differs from the one in force
	// RecordsPolicy says whether this node records its configured policy at Start: not if another node of the same log is to.
	// nil: it does. A log without any policy gets one from whoever starts first.
	RecordsPolicy func() bool
	Pinned        []events.Digest // SHA-256 of administrator certificates that may sign a genesis change
	Local         []LocalClient   // operators and monitors that the configuration names; no rights over documents
	SpoolDir      string          // on the same disk as the store or another
	DataDir       string          // whose free space is watched; default SpoolDir
	Limits        Limits          //

	Now     func() time.Time                 // default time.Now
	Rand    io.Reader                        // default crypto/rand
	Log     *slog.Logger                     // default: discard
	Metrics prometheus.Registerer            // default: a registry of its own
	Free    func(dir string) (uint64, error) // free bytes of a disk; default asks the system
	ClockOK func(context.Context) error      // nil: always; an error stops accepting (CodeClock)
	// Halted says why the log must not or cannot grow: a *Refusal, CodeLogBehind, CodeLogSplit or CodeStoreAway. Then nothing is
	// accepted, and nothing recorded by the node itself either. nil: it may always.
	Halted func() error
	// Destroyer takes content out of Store. nil: this node destroys nothing, and accepts no decision to.
	Destroyer Destroyer
	// Forget takes words that are gone from Store out of all that was made of it: views, what was kept of earlier views. It is
	// called after each destruction and before that is recorded as done. nil: nothing was made of it.
	Forget func(context.Context) error
}

// LocalClient is a credential from the configuration, for people who run the node. It can be an operator or an
// administrator, nothing that opens documents.
type LocalClient struct {
	Name   string
	Kind   Kind          // KindOperator or KindAdministrator
	SHA256 events.Digest // of the 32-byte token's text form, or of the TLS certificate's DER
}

// Node is the gateway's core. All methods may be called concurrently.
type Node struct {
	c        Config
	l        Limits
	terms    *terms
	others   Streams       // what decisions read of streams beside their own
	destroys chan struct{} // something was decided
	spool    *spool
	metrics  *metrics

	snapshot atomic.Pointer[Snapshot]
	catching sync.Mutex // one CatchUp at a time
	draining atomic.Bool
	drained  chan struct{} // closed when draining begins
	started  atomic.Bool
	inside   gate // hand-ins under way

	accepting chan struct{} // slots for hand-ins
	verifiers chan struct{} // slots for parsing and verifying
	large     chan struct{} // slots among those for large ones
	waiters   chan struct{} // slots for long polls
	perClient counters      // hand-ins at once, by client
	packages  keylock.Locks // one hand-in of the same bytes at a time
	streams   keylock.Locks // one decision on a stream at a time
	refusals  windows       // refusal events by client and minute
	evidences recent        // encoded evidence by chains
	standings standings     // what is known of revocation, by chain
	warming   sync.Mutex    // one warm at a time
	warmed    uint64        // version of the directory up to which it has read
	offers    board         // who waits for offers
	taking    sync.Map      // ids of deliveries that a Take is deciding on
}

// Snapshot is the directory and policy as of sealed positions. It is never changed.
type Snapshot struct {
	Directory directory.State
	Policy    policy.State
	Basis     events.Basis   // what a decision by this snapshot names
	Trust     *signing.Trust // the directory's trust list, or the configured one while it has none
	Size      uint64         // log size up to which it has read
}

// New makes a node. It reads nothing yet: call Start before accepting.
func New(c Config) (*Node, error) {
	switch {
	case c.Store == nil || c.Views == nil || c.Trust == nil:
		return nil, errors.New("couldn't make node: store, views and trust are needed")
	case c.Origin == "":
		return nil, errors.New("couldn't make node: no origin")
	case len(c.Chain) == 0:
		return nil, errors.New("couldn't make node: no certificate chain for receipts")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.DataDir == "" {
		c.DataDir = c.SpoolDir
	}
	if c.RevocationRecheck <= 0 {
		c.RevocationRecheck = time.Hour
	}
	if c.Free == nil {
		c.Free = disk.Free
	}
	for _, l := range c.Local {
		if l.Kind != KindOperator && l.Kind != KindAdministrator {
			return nil, fmt.Errorf("couldn't make node: local client %q is a %q, only operator and administrator may be local", l.Name, l.Kind)
		}
	}
	l := c.Limits.withDefaults(runtime.GOMAXPROCS(0))
	sp, err := newSpool(c.SpoolDir, c.Rand, l)
	if err != nil {
		return nil, err
	}
	n := &Node{
		destroys: make(chan struct{}, 1),
		c:        c, l: l, spool: sp, others: storeStreams{c.Store},
		terms: &terms{
			origin: c.Origin, pinned: c.Pinned, before: c.Trust, trial: c.Policy.Trial, maxPackage: l.MaxPackage,
			leftOut: func(authority events.Digest, err error) {
				c.Log.Warn("authority left out of the trust list", "authority", authority, "error", err)
			},
		}, drained: make(chan struct{}),
		accepting: make(chan struct{}, l.Accepting),
		verifiers: make(chan struct{}, l.Verifiers),
		large:     make(chan struct{}, max(1, l.Verifiers/2)),
		waiters:   make(chan struct{}, l.Waiters),
	}
	if n.metrics, err = newMetrics(c.Metrics, n); err != nil {
		return nil, err
	}
	n.snapshot.Store(&Snapshot{Trust: c.Trust})
	return n, nil
}

// Origin is the origin line of the node's log.
func (n *Node) Origin() string { return n.c.Origin }

// Now is the node's time, UTC.
func (n *Node) Now() time.Time { return n.c.Now().UTC() }

// Store is the node's record.
func (n *Node) Store() events.Store { return n.c.Store }

// Others is what decisions read of streams beside their own: as they are now.
func (n *Node) Others() Streams { return n.others }

// Limits are the limits in force, defaults filled in.
func (n *Node) Limits() Limits { return n.l }

// Snapshot is the latest directory and policy that the node has read. It costs one atomic load.
func (n *Node) Snapshot() *Snapshot { return n.snapshot.Load() }

// Start reads the log, records the configured policy if it differs from the one in force, and opens the door.
func (n *Node) Start(ctx context.Context) error {
	if err := n.CatchUp(ctx); err != nil {
		return err
	}
	if n.c.RecordsPolicy == nil || n.Snapshot().Policy.Number == 0 || n.c.RecordsPolicy() {
		if err := n.RecordPolicy(ctx); err != nil {
			return err
		}
	}
	n.started.Store(true)
	return nil
}

// Run follows the log until ctx ends: it wakes those who wait for their mailbox, and takes in directory changes that
// came by other paths. Hand-ins on this node take effect at once without it.
func (n *Node) Run(ctx context.Context) error {
	from := n.c.Store.Head().Size
	for {
		head, err := n.c.Store.Wait(ctx, from)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("couldn't wait for the log: %w", err)
		}
		if from, err = n.follow(ctx, from, head.Size); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// follow reads the log once for everybody who waits. While nobody waits it only looks for directory changes.
func (n *Node) follow(ctx context.Context, from, size uint64) (uint64, error) {
	if err := n.CatchUp(ctx); err != nil {
		return from, err
	}
	if n.offers.empty() {
		return size, nil
	}
	next := from
	err := n.c.Store.All(ctx, from, func(e events.Event) error {
		next = e.Position + 1
		if e.Statement.Name != delivery.NameOffered {
			return nil
		}
		var d delivery.Offered
		if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
			return fmt.Errorf("couldn't read event %d: %w", e.Position, err)
		}
		if d.Node == "" {
			n.offers.wake(d.Org, next)
		}
		return nil
	})
	if err != nil {
		return next, fmt.Errorf("couldn't follow the log: %w", err)
	}
	return next, nil
}

// CatchUp folds every sealed event of directory and policy that the snapshot has not read. An event of those streams
// that this version does not know ends in an error: deciding with half the rules is worse than stopping.
func (n *Node) CatchUp(ctx context.Context) error {
	n.catching.Lock()
	defer n.catching.Unlock()
	old := n.Snapshot()
	s := *old
	s.Size = n.c.Store.Head().Size
	// A stream may show events that are not sealed yet; nobody but the stream's own decider may use those.
	err := n.c.Store.Stream(ctx, directory.Stream, uint64(s.Directory.Version()+1), func(e events.Event) (err error) {
		if e.Position < s.Size {
			s.Directory, err = directory.Fold(s.Directory, e)
			s.Basis.Directory = e.Position + 1
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("couldn't read the directory: %w", err)
	}
	err = n.c.Store.Stream(ctx, policy.Stream, s.Policy.Number, func(e events.Event) (err error) {
		if e.Position < s.Size {
			s.Policy, err = policy.Fold(s.Policy, e)
			s.Basis.Policy = e.Position + 1
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("couldn't read the policy: %w", err)
	}
	if s.Directory.TrustListVersion() != old.Directory.TrustListVersion() {
		if s.Trust, err = n.terms.trustOf(s.Directory); err != nil {
			return err
		}
	}
	if s.Size != old.Size || s.Basis != old.Basis {
		n.snapshot.Store(&s)
	}
	return nil
}

// Ready says whether the node takes packages in now: a *Refusal says why not. It looks at draining, start-up, halt, clock
// and disk; nothing is written.
func (n *Node) Ready(ctx context.Context) error {
	switch {
	case n.draining.Load():
		return Refuse(CodeDraining)
	case !n.started.Load():
		return Refuse(CodeStarting)
	}
	if n.c.Halted != nil {
		if err := n.c.Halted(); err != nil {
			return err
		}
	}
	if n.c.ClockOK != nil {
		if err := n.c.ClockOK(ctx); err != nil {
			return Refuse(CodeClock).Because(err)
		}
	}
	free, err := n.free()
	if err != nil {
		return fmt.Errorf("couldn't see the free space of the disk: %w", err)
	}
	if free < n.l.MinFree {
		return Refuse(CodeDiskFull).Because(fmt.Errorf("%d bytes free, %d wanted", free, n.l.MinFree))
	}
	return nil
}

// free is the least free space of the disks that a hand-in is written to.
func (n *Node) free() (uint64, error) {
	free, err := n.c.Free(n.c.DataDir)
	if err != nil || n.c.DataDir == n.c.SpoolDir {
		return free, err
	}
	spool, err := n.c.Free(n.c.SpoolDir)
	return min(free, spool), err
}

// Drain closes the door: hand-ins under way end normally, new ones get CodeDraining, long polls end. It returns when
// none is left or ctx ends.
func (n *Node) Drain(ctx context.Context) error {
	if n.draining.CompareAndSwap(false, true) {
		close(n.drained)
	}
	select {
	case <-n.inside.close():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("couldn't drain: %w", ctx.Err())
	}
}
