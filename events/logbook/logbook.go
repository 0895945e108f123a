// Package logbook is what a log says of itself, in the one stream "log": that it goes on from another log that was lost,
// and which key signs its heads. The tree and the origin stay for ever; the keys that sign them follow each other.
//
//	ledger.log-begun.v1     the first event of a log that follows a lost one: the last head known of that
//	ledger.key-rotated.v1   from this position on the new key signs, too
//	ledger.key-bound.v1     a head over the rotation that both keys have signed; from this position on the new key signs alone
//
// Which keys must sign a head follows from the events under it and from nothing else (State.Signers): before a rotation the
// old one, from the rotation to its binding both, then the new one. So a process that ends at any moment, and another
// that starts with what is durable, sign the same head with the same keys, and one that does not hold them must not sign.
//
// A store uses it like this. When it opens, it folds the stream and calls Resume with the keys at hand and the last stored
// checkpoint. When it plans an append to Stream it folds the planned events with Plan, and refuses the append if that
// fails. It signs each head with Sign, under the state as of that head.
package logbook

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// Stream is the one stream of a log about itself.
const Stream = ledger.LogStream

// Names of the events.
const (
	NameBegun      = "ledger.log-begun.v1"
	NameKeyRotated = ledger.NameKeyRotated
	NameKeyBound   = "ledger.key-bound.v1"
)

// maxCheckpoint bounds the checkpoints that events hold, in bytes: two signature lines and a few cosignatures take 2 KiB.
const maxCheckpoint = 16 << 10

// Begun is the data of ledger.log-begun.v1: the last head known of the log that was lost.
type Begun struct {
	Origin     string        `json:"origin"` // of the lost log
	Size       uint64        `json:"size"`
	Root       events.Digest `json:"root"`
	Key        string        `json:"key"`        // verifier key of the lost log that signed the checkpoint
	Checkpoint string        `json:"checkpoint"` // the signed note, as it was kept
}

// Reason is the facts of ledger.log-begun.v1.
type Reason struct {
	Reason string `json:"reason"`
}

// KeyRotated is the data of ledger.key-rotated.v1.
type KeyRotated = ledger.KeyRotated

// KeyBound is the data of ledger.key-bound.v1.
type KeyBound struct {
	Rotated    uint64        `json:"rotated"` // position of the rotation
	Size       uint64        `json:"size"`
	Root       events.Digest `json:"root"`
	Checkpoint string        `json:"checkpoint"` // the signed note, with the lines of both keys
}

// Rotation is one key after another.
type Rotation struct {
	KeyRotated
	Position uint64    // of its event
	Bound    *KeyBound // nil: not yet
}

// State of the stream. The zero value is that of a log which has said nothing yet.
type State struct {
	Count     uint64 // events folded
	Begun     *Begun
	First     string     // verifier key of the first log key; "" while neither a rotation nor Resume has named it
	Rotations []Rotation // in order; all but the last are bound
}

// Version is the version of the last event folded, -1 if none.
func (s State) Version() int64 { return int64(s.Count) - 1 }

// Pending is the rotation that waits for its binding, nil if there is none.
func (s State) Pending() *Rotation {
	if n := len(s.Rotations); n > 0 && s.Rotations[n-1].Bound == nil {
		r := s.Rotations[n-1]
		return &r
	}
	return nil
}

// Key is the newest key of the log; "" if it is not known.
func (s State) Key() string {
	if n := len(s.Rotations); n > 0 {
		return s.Rotations[n-1].New
	}
	return s.First
}

// Signers are the verifier keys of the log keys that must sign a head over the events folded and no further ones of this
// stream: the new key last.
func (s State) Signers() []string {
	if r := s.Pending(); r != nil {
		return []string{r.Old, r.New}
	}
	return []string{s.Key()}
}

// Chain is the keys in their order. It rests on the events being what was recorded; First must be known.
func (s State) Chain() (ledger.KeyChain, error) {
	c, err := ledger.NewKeyChain(s.First)
	for _, r := range s.Rotations {
		if err == nil {
			c, err = c.Then(r.Position, r.KeyRotated)
		}
	}
	return c, err
}

// Trust gives a key with all keys of the log in place of the one that it holds; it is an error if it holds none of them. Of a
// log that has never rotated, and for certificates, it gives the key as it is. It rests on the events being what was
// recorded and what the keys signed.
func (s State) Trust(key ledger.Key) (ledger.Key, error) {
	if s.First == "" || len(s.Rotations) == 0 || len(key.Chains()) == 0 {
		return key, nil
	}
	chain, err := s.Chain()
	if err != nil {
		return key, err
	}
	names := make([]string, len(chain))
	for i, p := range chain {
		names[i] = p.Key
	}
	for _, given := range key.Chains() {
		if slices.ContainsFunc(given, func(p ledger.KeyPeriod) bool { return slices.Contains(names, p.Key) }) {
			return ledger.ChainKey(chain), nil
		}
	}
	return key, fmt.Errorf("the log's keys are %v, none of which is the one given", names)
}

// Errors of deciders.
var (
	ErrNotFirst = errors.New("couldn't begin log: it has events already; only the first event can bind a lost log")
	ErrSame     = errors.New("couldn't begin log: the lost log has the same origin; a new log needs a new name, or nobody could tell the two apart")
	ErrPending  = errors.New("couldn't rotate log key: a rotation is under way; it must be bound first")
	ErrNone     = errors.New("couldn't bind rotation: none is under way")
)
