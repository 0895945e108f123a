package events

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"time"
)

// Append is one decision: events for one stream, with everything they refer to.
type Append struct {
	Stream   string
	Expected int64 // version of the last event that the decision has seen, -1 for an empty stream
	Actor    string
	Client   string
	Cause    *Address
	Basis    Basis
	Package  Package // nil, or the package that all events of this append refer to
	Evidence []byte  // nil, or validation evidence that the first event refers to
	Events   []New
}

// Package is the bytes of a verified package, as the store takes them in. Only signing's verified type
// implements it outside tests.
type Package interface {
	io.ReaderAt
	Size() int64
	Digest() Digest
}

// Sealed is what an append is answered with once the events are durable and under a signed head.
type Sealed struct {
	Events []Event    // as recorded, in order
	Head   Head       // a signed head that includes them
	Proofs [][]Digest // inclusion proof of each event in Head
}

// Head is a signed tree head.
type Head struct {
	Origin     string
	Size       uint64
	Root       Digest
	Time       time.Time
	Checkpoint []byte // the signed note: C2SP checkpoint with both signature lines
	// Chain is that of the node certificate whose key made the second line, its own first, where several nodes sign heads of
	// one log; empty but not nil if nobody knows it. nil: the line is by the node that gives the head.
	Chain []*x509.Certificate
}

// ConflictError says that the stream has moved on: load it again and decide again.
type ConflictError struct {
	Stream           string
	Expected, Actual int64
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("couldn't append to %s: expected version %d, actual version %d", e.Stream, e.Expected, e.Actual)
}

var (
	// ErrNotFound: no such package, event or evidence (or it was destroyed: see Event.Destroyed).
	ErrNotFound = errors.New("not found in the record")
	// ErrDestroyed: it was lawfully destroyed. It is also an ErrNotFound; bytes that were destroyed are not taken in again.
	ErrDestroyed = fmt.Errorf("lawfully destroyed: %w", ErrNotFound)
	// ErrFull: the disk is nearly full; nothing was written. Retry later.
	ErrFull = errors.New("couldn't accept: disk nearly full")
	// ErrClosed: the store is draining or closed.
	ErrClosed = errors.New("couldn't append: store closed")
	// ErrAway: what keeps the record does not answer. Whether it was written is not known; the same append later gets it settled.
	ErrAway = errors.New("the store does not answer")
)

// Removal is what a recorded decision takes out of a store: never a statement, only what lies beside one. A store that can
// do it has a method Destroy(ctx, Removal) error: when it returns nil, none of it is left anywhere in the store, and done
// again it does nothing. That a decision covers all of it is the caller's word.
type Removal struct {
	Packages []Digest // whose bytes go
	Facts    []uint64 // positions of events whose facts go, with their salt
}

// Store is the record of one log. All methods may be called concurrently.
type Store interface {
	// Append records one decision. When it returns nil error the package bytes, evidence, facts, statements
	// and the tree head are on stable storage (they survive process and power loss) and the head is signed.
	// On *ConflictError nothing was written. On a cancelled ctx the outcome is unknown: it may be recorded
	// (load the stream to know). Positions are dense; appends that return in sequence have rising positions.
	// A failed sync ends the store (every later call fails): the process must restart.
	Append(ctx context.Context, a Append) (Sealed, error)

	// Stream calls f for each event of the stream in order of version from `from` on. It sees every append
	// to that stream that has returned before the call, and possibly unsealed ones after (read your writes). Those have
	// their final position and bytes too: only their signed head is to come (Wait for it).
	Stream(ctx context.Context, stream string, from uint64, f func(Event) error) error

	// All calls f for events in order of position from `from` on, sealed ones only, up to the head as of the call,
	// with no gaps. A short read is an error, never a silent end.
	All(ctx context.Context, from uint64, f func(Event) error) error

	// Wait returns when the sealed size is greater than size, or with ctx.Err(), or ErrClosed after Close.
	Wait(ctx context.Context, size uint64) (Head, error)

	// Head is the latest signed head.
	Head() Head

	// Proof proves the event at position in the head of the given size (the latest signed one when size is 0).
	// For other sizes than the latest the head comes without time and checkpoint: it is computed, not signed again.
	Proof(ctx context.Context, position, size uint64) ([]Digest, Head, error)

	// OpenPackage gives the stored bytes. The caller closes it. ErrNotFound if unknown or destroyed.
	OpenPackage(ctx context.Context, sha256 Digest) (PackageReader, error)

	// FindPackage gives positions of the events that refer to the package, lowest first (nil: none).
	FindPackage(ctx context.Context, sha256 Digest) ([]uint64, error)

	// Event reads one sealed event.
	Event(ctx context.Context, position uint64) (Event, error)

	// Facts reads the facts of a sealed event with the salt that binds them to its statement. ErrNotFound if it names none, ErrDestroyed
	// if they were destroyed.
	Facts(ctx context.Context, e Event) (Facts, error)

	// Evidence reads stored validation evidence by its digest.
	Evidence(ctx context.Context, sha256 Digest) ([]byte, error)
}

// PackageReader reads stored package bytes; only the index knows where they lie.
type PackageReader interface {
	io.ReaderAt
	io.Closer
	Size() int64
}
