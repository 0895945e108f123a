package esdbstore

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// Options say whose record it is, where it lies and what it is sealed with. Origin, Connection and Objects are required,
// for Open also LogKey and NodeKey. All nodes of a log have the same Origin, LogKey and Objects.
type Options struct {
	Origin     string
	Connection string        // esdb://… or esdb+discover://…
	Username   string        // of an account that may read $all; empty: what Connection says
	Password   string        //
	Objects    Objects       // shared by the nodes
	LogKey     crypto.Signer // Ed25519, signs heads for log tools
	NodeKey    crypto.Signer // key of the node certificate (P-256 or RSA), signs heads for everyone else

	NodeChain []*x509.Certificate // of the node, its own first; goes into receipts of the heads that it signs
	Key       string              // verifier key of the log, any that it has had, for a reader that has no LogKey; empty there: signatures are for others to judge
	LogKeys   []crypto.Signer     // further keys of the log: the next one, the one before. Which signs, the log says (package logbook)

	// BeforeSign, if set, is asked once by Open of a node that may sequence, before it does: see sqlitestore.Options.
	BeforeSign func(ctx context.Context, stored []byte, durable ledger.Head) error

	Now  func() time.Time // nil: time.Now
	Rand io.Reader        // nil: crypto/rand.Reader; used under a lock
	Log  *slog.Logger     // nil: nothing is logged; no content is ever logged

	Follow       bool          // never sequence: read and append only
	LeaseTTL     time.Duration // how long a silent sequencer is left in office; 0: 10 s
	Deadline     time.Duration // of one call to the server; 0: 10 s
	MaxAppend    int           // bytes that the server takes in one write; 0: 1 MiB
	SealPatience time.Duration // how long Stream waits for the place of what has none yet; 0: as long as its context, negative: not at all

	tail  int                                          // events that are kept in memory; 0: 4096, negative: none
	tick  func(time.Duration) <-chan time.Time         // nil: time.After; for the lease
	after func(time.Duration) <-chan time.Time         // nil: time.After; for SealPatience
	pause func(ctx context.Context, attempt int) error // nil: backoff
	clock func() time.Time                             // nil: time.Now; for how long the cluster has not answered
	hook  func(ctx context.Context, what string) error // nil: none; tests hold a sequencer up with it
}

func (o *Options) fill() error {
	if o.Objects == nil || o.Connection == "" {
		return errors.New("connection and objects are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&o.LeaseTTL, 10*time.Second)
	set(&o.Deadline, 10*time.Second)
	if o.MaxAppend == 0 {
		o.MaxAppend = 1 << 20
	}
	if o.MaxAppend < 2*appendSlack {
		return fmt.Errorf("MaxAppend is %d, expected %d or more", o.MaxAppend, 2*appendSlack)
	}
	if o.tail == 0 {
		o.tail = 4096
	}
	if o.tick == nil {
		o.tick = time.After
	}
	if o.after == nil {
		o.after = time.After
	}
	if o.clock == nil {
		o.clock = time.Now
	}
	if o.pause == nil {
		o.pause = backoff
	}
	if o.hook == nil {
		o.hook = func(context.Context, string) error { return nil }
	}
	return nil
}

// backoff waits 20 ms, 40 ms, … up to 2 s.
func backoff(ctx context.Context, attempt int) error {
	t := time.NewTimer(20 * time.Millisecond << min(attempt, 7))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

const (
	appendSlack   = 16 << 10 // of MaxAppend, for what stands around the statements
	maxEvents     = 4096     // of one append
	eventOverhead = 128      // bytes that the server counts for an event beside its data and type, at most
	maxBatch      = 512      // statements
)

// Store is an events.Store over a cluster that several nodes share.
type Store struct {
	opts   Options
	signer *ledger.Signer // nil: a reader
	conn   *conn
	state  *state
	chains chains
	tenure tenure
	heard  atomic.Int64 // when the cluster last answered, Unix nanoseconds by time.Now
	id     string       // of this node in leases
	prefix string       // of the streams of this log

	keyMu    sync.Mutex
	firstKey string // that signed the first head, while the log names none

	randMu sync.Mutex

	ctx     context.Context // ends at Close and when the store fails
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool
	err    error
	failed chan struct{}
}

var _ events.Store = (*Store)(nil)

// Open joins the log, and creates it if there is none. It returns when everything that is under a head by then has
// been read and compared with it.
func Open(ctx context.Context, opts Options) (*Store, error) {
	s, err := open(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("couldn't open log %s: %w", opts.Origin, err)
	}
	return s, nil
}

func open(ctx context.Context, opts Options) (*Store, error) {
	if opts.LogKey == nil || opts.NodeKey == nil {
		return nil, errors.New("keys are required")
	}
	s, err := newStore(opts)
	if err != nil {
		return nil, err
	}
	if s.signer, err = ledger.NewSigner(s.opts.Origin, s.opts.LogKey, s.opts.NodeKey, s.opts.Rand); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	for _, k := range s.opts.LogKeys {
		if _, err := s.signer.AddLogKey(k); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func newStore(opts Options) (*Store, error) {
	if err := opts.fill(); err != nil {
		return nil, err
	}
	c, err := newConn(opts)
	if err != nil {
		return nil, err
	}
	s := &Store{
		opts: opts, state: newState(opts.Origin, max(0, opts.tail)), prefix: "tram+" + opts.Origin + "+", failed: make(chan struct{}),
		conn: c, chains: chains{known: map[events.Digest][]*x509.Certificate{}}, tenure: tenure{changed: make(chan struct{}), renewed: make(chan struct{})},
	}
	var id [8]byte
	if err := s.random(id[:]); err != nil {
		return nil, err
	}
	s.id = hex.EncodeToString(id[:])
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// ErrNoLog: the cluster holds no signed head of this log.
var ErrNoLog = errors.New("the cluster holds no signed head of this log")

// OpenReader opens the log as it stands, for reading: it takes no part in sequencing, writes nothing, and what comes later it
// does not see. It needs no key; without one the tree is compared with the heads, and whose signatures they bear is for
// others to judge. Append fails.
func OpenReader(ctx context.Context, opts Options) (*Store, error) {
	s, err := newStore(opts)
	if err == nil {
		if err = s.catchUp(ctx); err == nil && s.Head().Checkpoint == nil {
			err = ErrNoLog
		}
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read log %s: %w", opts.Origin, err)
	}
	return s, nil
}

func (s *Store) start(ctx context.Context) error {
	if err := s.catchUp(ctx); err != nil {
		return err
	}
	s.state.mu.Lock()
	moving := s.state.moving()
	s.state.mu.Unlock()
	if moving {
		return ErrMoving
	}
	if !s.opts.Follow {
		if err := s.maySign(ctx); err != nil {
			return err
		}
	}
	s.running.Go(func() { s.follow(s.logStream(), func() uint64 { n, _ := s.state.ends(); return n }, s.takeLog) })
	s.running.Go(func() { s.follow(s.headStream(), func() uint64 { _, n := s.state.ends(); return n }, s.takeHead) })
	s.running.Go(s.office)
	for {
		_, _, changed := s.state.sealed()
		if _, heads := s.state.ends(); heads > 0 {
			return nil
		}
		if err := s.await(ctx, changed); err != nil {
			return err
		}
	}
}

// await waits for changed.
func (s *Store) await(ctx context.Context, changed <-chan struct{}) error {
	select {
	case <-changed:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ctx.Done():
		return s.alive()
	}
	return nil
}

func (s *Store) logStream() string            { return s.prefix + "log" }
func (s *Store) headStream() string           { return s.prefix + "heads" }
func (s *Store) leaseStream() string          { return s.prefix + "lease" }
func (s *Store) proposals(name string) string { return s.prefix + "s+" + name }

func (s *Store) random(b []byte) error {
	s.randMu.Lock()
	defer s.randMu.Unlock()
	if _, err := io.ReadFull(s.opts.Rand, b); err != nil {
		return fmt.Errorf("couldn't read random bytes: %w", err)
	}
	return nil
}

// alive says why the store cannot be used, or nil.
func (s *Store) alive() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return events.ErrClosed
	}
	return s.err
}

// fail ends the store: what it has read contradicts itself, or it may not read at all.
func (s *Store) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil || s.closed {
		return
	}
	s.err = fmt.Errorf("store has ended and must be opened again: %w", err)
	s.opts.Log.Error("the store has ended", "error", err)
	close(s.failed)
	s.cancel()
}

// Failed is closed when the store has ended by itself. Err says why.
func (s *Store) Failed() <-chan struct{} { return s.failed }

// Err is why the store has ended by itself, or nil.
func (s *Store) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close leaves the log; a sequencer gives its office up, so that another node can take it at its next tick. Appends
// that are under way get events.ErrClosed and may be recorded.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.running.Wait()
	s.conn.close()
	return s.Err()
}

// bound is ctx that also ends with the store.
func (s *Store) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// why gives the reason of an error under bound.
func (s *Store) why(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if e := s.alive(); e != nil {
		return e
	}
	if ctx.Err() != nil {
		return causeOf(ctx)
	}
	return err
}

// Receipt writes the receipt file of event i of an append, with the certificate chain of the node that signed its head.
func (s *Store) Receipt(sealed events.Sealed, i int) ([]byte, error) {
	return ledger.NewReceipt(sealed, i, s.opts.NodeChain)
}
