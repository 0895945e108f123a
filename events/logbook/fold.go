package logbook

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// Fold gives the state after one more event. It never changes s. An unknown event, or one that does not fit, is an error.
// Signatures are verified: a binding without both lines, or a lost log's head by another key, is not taken.
func Fold(s State, e events.Event) (State, error) {
	next, err := fold(s, e)
	if err != nil {
		return s, fmt.Errorf("couldn't fold what the log says of itself: position %d: %w", e.Position, err)
	}
	next.Count++
	return next, nil
}

func fold(s State, e events.Event) (State, error) {
	if e.Statement.Stream != Stream || e.Statement.Version != s.Count {
		return s, fmt.Errorf("version %d of stream %s, expected %d of %s", e.Statement.Version, e.Statement.Stream, s.Count, Stream)
	}
	switch e.Statement.Name {
	case NameBegun:
		var d Begun
		if err := decode(e, &d); err != nil {
			return s, err
		}
		if e.Position != 0 {
			return s, ErrNotFirst
		}
		if err := d.check(e.Statement.Origin); err != nil {
			return s, err
		}
		s.Begun = &d
	case NameKeyRotated:
		d, err := ledger.DecodeKeyRotated(&e.Statement)
		if err != nil {
			return s, err
		}
		return s.rotated(e.Position, d)
	case NameKeyBound:
		var d KeyBound
		if err := decode(e, &d); err != nil {
			return s, err
		}
		return s.bound(e.Statement.Origin, e.Position, d)
	default:
		return s, fmt.Errorf("unknown event %q", e.Statement.Name)
	}
	return s, nil
}

// decode reads data in its one spelling.
func decode(e events.Event, d any) error {
	if err := json.Unmarshal(e.Statement.Data, d); err != nil {
		return fmt.Errorf("couldn't read %s: %w", e.Statement.Name, err)
	}
	if again, err := events.MarshalObject(d); err != nil || string(again) != string(e.Statement.Data) {
		return fmt.Errorf("couldn't read %s: its data is not spelt as it is written", e.Statement.Name)
	}
	return nil
}

// rotated takes in a rotation at a position.
func (s State) rotated(position uint64, d KeyRotated) (State, error) {
	if s.Pending() != nil {
		return s, ErrPending
	}
	if s.First == "" {
		s.First = d.Old
	}
	c, err := s.Chain()
	if err != nil {
		return s, err
	}
	if _, err := c.Then(position, d); err != nil {
		return s, err
	}
	s.Rotations = append(slices.Clip(s.Rotations), Rotation{KeyRotated: d, Position: position})
	return s, nil
}

// bound takes in the binding of the rotation under way. That the checkpoint is one of this log, its root that of the tree,
// is for those who have the tree: the store signed it, the whole-state checker compares it.
func (s State) bound(origin string, position uint64, d KeyBound) (State, error) {
	r := s.Pending()
	if r == nil {
		return s, ErrNone
	}
	if err := d.check(origin, *r); err != nil {
		return s, err
	}
	if d.Size > position {
		return s, fmt.Errorf("checkpoint of size %d cannot have been signed before position %d", d.Size, position)
	}
	r.Bound = &d
	s.Rotations = append(s.Rotations[:len(s.Rotations)-1:len(s.Rotations)-1], *r)
	return s, nil
}

func (d *KeyBound) check(origin string, r Rotation) error {
	if d.Rotated != r.Position || d.Size <= r.Position {
		return fmt.Errorf("it binds a rotation at position %d under a head of size %d, under way is one at %d", d.Rotated, d.Size, r.Position)
	}
	for _, key := range []string{r.Old, r.New} {
		if err := signedBy(d.Checkpoint, origin, key, d.Size, d.Root); err != nil {
			return fmt.Errorf("a rotation is bound by a head that both keys have signed: %w", err)
		}
	}
	return nil
}

func (d *Begun) check(origin string) error {
	if d.Origin == origin {
		return ErrSame
	}
	return signedBy(d.Checkpoint, d.Origin, d.Key, d.Size, d.Root)
}

// signedBy says whether a checkpoint is of this head and bears a line of the key.
func signedBy(checkpoint, origin, key string, size uint64, root events.Digest) error {
	if len(checkpoint) > maxCheckpoint {
		return fmt.Errorf("checkpoint has %d bytes, limit %d", len(checkpoint), maxCheckpoint)
	}
	v, err := note.NewVerifier(key)
	if err != nil {
		return fmt.Errorf("couldn't read key %q: %w", key, err)
	}
	h, lines, err := ledger.OpenCheckpoint([]byte(checkpoint), origin, v)
	if err != nil {
		return err
	}
	if !lines.Log || h.Size != size || h.Root != root {
		return errors.New("checkpoint is of another head, or not signed by the log's own key")
	}
	return nil
}
