package office

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/router"
	"github.com/tram-exchange/tram/internal/keylock"
	"github.com/tram-exchange/tram/signing"
)

// Log is what the office reads of the record. events.Store satisfies it.
type Log interface {
	All(ctx context.Context, from uint64, f func(events.Event) error) error
	Stream(ctx context.Context, stream string, from uint64, f func(events.Event) error) error
	Wait(ctx context.Context, size uint64) (events.Head, error)
	Head() events.Head
	Event(ctx context.Context, position uint64) (events.Event, error)
	OpenPackage(ctx context.Context, sha256 events.Digest) (events.PackageReader, error)
	FindPackage(ctx context.Context, sha256 events.Digest) ([]uint64, error)
}

// Node is what the office asks of the gateway's core. *gateway.Node satisfies it.
type Node interface {
	Origin() string
	Now() time.Time
	Snapshot() *gateway.Snapshot
	Others() gateway.Streams
	Record(ctx context.Context, s gateway.Step) (events.Sealed, bool, error)
	Accept(ctx context.Context, c gateway.Caller, r io.Reader, size int64) (gateway.Accepted, error)
	AcceptFollowing(ctx context.Context, cause events.Address, r io.Reader, size int64) (gateway.Accepted, error)
	EmptyFor(ctx context.Context, stream string, cause events.Event) error
	Scratch(ctx context.Context, write func(io.Writer) error) (signing.Source, func(), error)
}

// Options of an Office. Log, Node and Custody are required.
type Options struct {
	Log     Log
	Node    Node
	Custody Custody
	Keeper  router.Keeper // nil: from the beginning of the log each time
	Logger  *slog.Logger  // nil: discard

	Backoff   time.Duration // before the first repetition of what failed; default 1 s
	Longest   time.Duration // at most between two; default 15 min
	Parallel  int           // things carried on side by side; default 8
	MostStuck int           // things that wait to be tried again, before following waits for them; default 10,000
	KeepEvery time.Duration // how often the position is kept; default 10 s
}

// Office is safe for concurrent use, but for CarryOn and Run, of which one goes at a time.
type Office struct {
	o       Options
	streams gateway.Streams

	things keylock.Locks // one thing carried on at a time
	books  keylock.Locks // one number of a book and year given at a time, so that clerks of this node do not meet
	hints  hints

	mu      sync.Mutex
	cursor  uint64 // first event not yet followed
	last    events.Digest
	loaded  bool
	keptAt  time.Time
	stuck   map[string]*stuck
	stopped error
}

// New makes an office. It reads nothing yet.
func New(o Options) (*Office, error) {
	if o.Log == nil || o.Node == nil || o.Custody == nil {
		return nil, errors.New("couldn't make office: log, node and custody are needed")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Backoff = orDefault(o.Backoff, time.Second)
	o.Longest = orDefault(o.Longest, 15*time.Minute)
	o.KeepEvery = orDefault(o.KeepEvery, 10*time.Second)
	o.Parallel = orDefault(o.Parallel, 8)
	o.MostStuck = orDefault(o.MostStuck, 10_000)
	return &Office{o: o, streams: o.Node.Others(), stuck: make(map[string]*stuck)}, nil
}

func orDefault[N int | time.Duration](n, otherwise N) N {
	if n <= 0 {
		return otherwise
	}
	return n
}

// Carry does what the node has to do for one thing, by the name of its stream, and returns when nothing is left. It may be called at any
// time; an error says what could not be done now.
func (o *Office) Carry(ctx context.Context, stream string) error {
	defer o.things.Lock(stream)()
	var err error
	switch {
	case strings.HasPrefix(stream, incoming.StreamPrefix):
		if err = o.number(ctx, stream); err == nil {
			err = o.tell(ctx, stream)
		}
	case strings.HasPrefix(stream, outgoing.StreamPrefix):
		if err = o.number(ctx, stream); err == nil {
			err = o.send(ctx, stream)
		}
	case strings.HasPrefix(stream, dossier.StreamPrefix):
		err = o.number(ctx, stream)
	}
	if err != nil {
		return fmt.Errorf("couldn't carry on %s: %w", stream, err)
	}
	return nil
}

// own folds a thing's stream.
func (o *Office) own(ctx context.Context, stream string) (own gateway.Own, err error) {
	switch {
	case strings.HasPrefix(stream, incoming.StreamPrefix):
		own.Incoming, err = o.streams.Incoming(ctx, stream)
	case strings.HasPrefix(stream, outgoing.StreamPrefix):
		own.Outgoing, err = o.streams.Outgoing(ctx, stream)
	case strings.HasPrefix(stream, dossier.StreamPrefix):
		own.Dossier, err = o.streams.Dossier(ctx, stream)
	}
	return own, err
}

// record appends a step of the node to a stream that rules read whole.
func (o *Office) record(ctx context.Context, stream string, cause *events.Address, decide func(history []events.Event) ([]events.New, error)) (events.Sealed, bool, error) {
	return o.o.Node.Record(ctx, gateway.Step{Stream: stream, Cause: cause, Decide: decide})
}

func address(e events.Event) events.Address {
	return events.Address{Origin: e.Statement.Origin, Position: e.Position}
}
