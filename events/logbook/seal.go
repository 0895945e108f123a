package logbook

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// KeyError says that a head must not be signed with the keys at hand.
type KeyError struct {
	Origin   string
	Missing  string   // verifier key that must sign
	Rotating bool     // a rotation is under way: two keys must sign
	Held     []string // verifier keys at hand
}

func (e *KeyError) Error() string {
	advice := "name the file of that key as log_key"
	if e.Rotating {
		advice = "the rotation of the log key is not complete, which takes both keys: name the key before it as log_key and the new one as log_key_next"
	}
	return fmt.Sprintf("the log %s says that key %s signs its heads, and it is not among the keys at hand (%v): %s", e.Origin, e.Missing, e.Held, advice)
}

// CheckKeys says whether the keys that must sign are at hand; *KeyError if not.
func (s State) CheckKeys(signer *ledger.Signer) error {
	held := signer.LogKeys()
	for _, key := range s.Signers() {
		if !slices.Contains(held, key) {
			return &KeyError{Origin: signer.Origin(), Missing: key, Rotating: s.Pending() != nil, Held: held}
		}
	}
	return nil
}

// Sign signs a head with the keys in force under it: s is the state of the stream as of that head.
func (s State) Sign(signer *ledger.Signer, size uint64, root events.Digest) ([]byte, error) {
	if err := s.CheckKeys(signer); err != nil {
		return nil, err
	}
	return signer.SignWith(size, root, s.Signers()...)
}

// Resume is for the start of a store: s is the state over everything that is durable, checkpoint the one that was stored last
// (nil: none was ever signed). It gives the state with First known, and the head of the checkpoint, which was signed by
// the key in force for its size. It fails if that is not so, or with *KeyError if the next head could not be signed.
//
// While no rotation is recorded the log says nothing of its key: then it is the one at hand that signed the checkpoint, or
// the signer's first for a new log.
func Resume(s State, signer *ledger.Signer, checkpoint []byte) (State, *ledger.Head, error) {
	held := signer.LogKeys()
	if len(checkpoint) == 0 {
		if s.First == "" {
			s.First = held[0]
		}
		return s, nil, s.CheckKeys(signer)
	}
	if s.First == "" {
		for _, key := range held {
			v, err := note.NewVerifier(key)
			if err != nil {
				return s, nil, fmt.Errorf("couldn't read log key: %w", err)
			}
			if _, _, err := ledger.OpenCheckpoint(checkpoint, signer.Origin(), v); err == nil {
				s.First = key
				break
			}
		}
		if s.First == "" {
			return s, nil, fmt.Errorf("stored checkpoint is not of this log key: none of %v has signed it; name the key that this log was signed with as log_key. Another key follows it only by tram log rotate", held)
		}
	}
	chain, err := s.Chain()
	if err != nil {
		return s, nil, err
	}
	h, err := chain.Open(checkpoint, signer.Origin())
	if err != nil {
		return s, nil, fmt.Errorf("stored checkpoint is not of the key that the log says is in force: %w", err)
	}
	return s, &h, s.CheckKeys(signer)
}

// Plan folds events that are about to be appended, and says whether the heads over them could be signed: an append that fails
// here must be refused, or nothing could be sealed after it.
func Plan(s State, signer *ledger.Signer, planned []events.Event) (State, error) {
	for _, e := range planned {
		var err error
		if s, err = Fold(s, e); err != nil {
			return s, err
		}
	}
	return s, s.CheckKeys(signer)
}

// Streamer reads one stream. events.Store has it.
type Streamer interface {
	Stream(ctx context.Context, stream string, from uint64, f func(events.Event) error) error
}

// Load folds the stream of a record.
func Load(ctx context.Context, r Streamer) (s State, err error) {
	err = r.Stream(ctx, Stream, 0, func(e events.Event) (err error) {
		s, err = Fold(s, e)
		return err
	})
	if err != nil {
		return State{}, fmt.Errorf("couldn't read what the log says of itself: %w", err)
	}
	return s, nil
}

// Prover proves positions and reads events. events.Store has it.
type Prover interface {
	Event(ctx context.Context, position uint64) (events.Event, error)
	Proof(ctx context.Context, position, size uint64) ([]events.Digest, events.Head, error)
}

// History gives the file that leads from the first key to the one in force. A rotation under way is in it if the head
// given is one that both keys have signed.
func History(ctx context.Context, s State, r Prover, head events.Head) (ledger.KeyHistory, error) {
	h := ledger.KeyHistory{First: s.First}
	if s.First == "" {
		return h, errors.New("couldn't write key history: the log's first key is not known")
	}
	for _, rot := range s.Rotations {
		size, checkpoint := head.Size, head.Checkpoint
		if rot.Bound != nil {
			size, checkpoint = rot.Bound.Size, []byte(rot.Bound.Checkpoint)
		} else if size <= rot.Position {
			break
		}
		e, err := r.Event(ctx, rot.Position)
		if err != nil {
			return h, fmt.Errorf("couldn't write key history: %w", err)
		}
		proof, _, err := r.Proof(ctx, rot.Position, size)
		if err != nil {
			return h, fmt.Errorf("couldn't write key history: %w", err)
		}
		receipt := ledger.Receipt{Bytes: e.Bytes, Position: rot.Position, Proof: proof, Checkpoint: checkpoint}
		h.Rotations = append(h.Rotations, receipt.Encode())
	}
	if _, err := h.Chain(); err != nil {
		return h, fmt.Errorf("couldn't write key history: %w", err)
	}
	return h, nil
}
