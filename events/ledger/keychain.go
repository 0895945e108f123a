package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events"
)

const (
	// LogStream is the stream in which a log speaks of itself; its fold and its rules are in events/logbook.
	LogStream = "log"
	// NameKeyRotated is the event by which one log key follows another.
	NameKeyRotated = "ledger.key-rotated.v1"
)

// KeyRotated is the data of ledger.key-rotated.v1: verifier keys of the log.
type KeyRotated struct {
	Old string `json:"old"`
	New string `json:"new"`
}

// DecodeKeyRotated reads the data of ledger.key-rotated.v1, in its one spelling.
func DecodeKeyRotated(s *events.Statement) (r KeyRotated, err error) {
	if s.Stream != LogStream || s.Name != NameKeyRotated {
		return r, fmt.Errorf("couldn't read rotation of the log key: event %s of stream %s, expected %s of %s", s.Name, s.Stream, NameKeyRotated, LogStream)
	}
	if err := json.Unmarshal(s.Data, &r); err != nil {
		return r, fmt.Errorf("couldn't read rotation of the log key: %w", err)
	}
	if again, err := events.MarshalObject(r); err != nil || string(again) != string(s.Data) {
		return r, fmt.Errorf("couldn't read rotation of the log key: data %.200s is not old and new alone", s.Data)
	}
	return r, r.check(s.Origin)
}

func (r KeyRotated) check(origin string) error {
	for _, key := range []string{r.Old, r.New} {
		if _, err := parseLogKey(origin, key); err != nil {
			return err
		}
	}
	if r.Old == r.New {
		return fmt.Errorf("couldn't rotate log key: %s would follow itself", r.New)
	}
	return nil
}

// parseLogKey reads a verifier key of the log of that origin, in its one spelling.
func parseLogKey(origin, key string) (note.Verifier, error) {
	v, err := note.NewVerifier(key)
	if err != nil {
		return nil, fmt.Errorf("couldn't read log key %q: %w", key, err)
	}
	if origin != "" && v.Name() != origin {
		return nil, fmt.Errorf("couldn't use log key %q: it is of log %q, expected %q", key, v.Name(), origin)
	}
	return v, nil
}

// KeyPeriod is a log key with the heads that it signs: those of size From on, up to the next key's From.
type KeyPeriod struct {
	Key  string // verifier key
	From uint64 // size of the first head that must bear its line
	v    note.Verifier
}

// Verifier opens signed notes by this key.
func (p KeyPeriod) Verifier() note.Verifier { return p.v }

// KeyChain is the keys of one log in the order in which they followed each other. It is never changed in place.
type KeyChain []KeyPeriod

// NewKeyChain begins with a verifier key that is known from elsewhere.
func NewKeyChain(key string) (KeyChain, error) {
	v, err := parseLogKey("", key)
	if err != nil {
		return nil, err
	}
	return KeyChain{{Key: key, v: v}}, nil
}

// Origin is the log's.
func (c KeyChain) Origin() string { return c[0].v.Name() }

// Last is the key that signs the newest heads.
func (c KeyChain) Last() KeyPeriod { return c[len(c)-1] }

// Then gives the chain with one more key: r was recorded at position. The caller has proved that it was.
func (c KeyChain) Then(position uint64, r KeyRotated) (KeyChain, error) {
	if err := r.check(c.Origin()); err != nil {
		return nil, err
	}
	last := c.Last()
	switch {
	case r.Old != last.Key:
		return nil, fmt.Errorf("couldn't follow rotation at position %d: it ends key %s, in force is %s", position, r.Old, last.Key)
	case slices.ContainsFunc(c, func(p KeyPeriod) bool { return p.Key == r.New }):
		return nil, fmt.Errorf("couldn't follow rotation at position %d: key %s has been in force before", position, r.New)
	case position+1 <= last.From:
		return nil, fmt.Errorf("couldn't follow rotation at position %d: the key before is in force from size %d on", position, last.From)
	}
	v, err := parseLogKey(c.Origin(), r.New)
	if err != nil {
		return nil, err
	}
	return append(slices.Clip(c), KeyPeriod{Key: r.New, From: position + 1, v: v}), nil
}

// At is the key in force for heads of a size.
func (c KeyChain) At(size uint64) (KeyPeriod, error) {
	for _, p := range slices.Backward(c) {
		if size >= p.From {
			return p, nil
		}
	}
	return KeyPeriod{}, fmt.Errorf("couldn't find the key for heads of size %d: the first key known, %s, is in force from size %d on", size, c[0].Key, c[0].From)
}

// Open verifies a checkpoint by the key that is in force for its size. A line of another key of the log counts for nothing.
func (c KeyChain) Open(checkpoint []byte, origin string) (Head, error) {
	h, err := ReadCheckpoint(checkpoint)
	if err != nil {
		return Head{}, err
	}
	p, err := c.At(h.Size)
	if err != nil {
		return Head{}, err
	}
	h, _, err = OpenCheckpoint(checkpoint, origin, p.v)
	if err != nil && len(c) > 1 {
		err = fmt.Errorf("%w (from size %d on the key %s is in force)", err, p.From, p.Key)
	}
	return h, err
}

// Verifiers are those of all keys of the chain. They say nothing about which is in force when: see Open.
func (c KeyChain) Verifiers() []note.Verifier {
	out := make([]note.Verifier, len(c))
	for i := range c {
		out[i] = c[i].v
	}
	return out
}

// Follow proves one rotation by its receipt and gives the chain with the new key. The receipt proves that the statement of
// the rotation stands in the log, and its checkpoint must bear the lines of both keys: the old one's owner says who
// follows, the new one's that he has the key. The two lines alone would not do: anybody can put one more line under a
// signed note.
func (c KeyChain) Follow(receipt []byte) (KeyChain, error) {
	r, data, err := readRotation(receipt)
	if err != nil {
		return nil, err
	}
	next, err := c.Then(r.Position, data)
	if err != nil {
		return nil, err
	}
	for _, v := range []note.Verifier{c.Last().v, next.Last().v} {
		if err := r.provedBy(c.Origin(), v); err != nil {
			return nil, err
		}
	}
	return next, nil
}

func readRotation(receipt []byte) (*Receipt, KeyRotated, error) {
	r, err := ParseReceipt(receipt)
	if err != nil {
		return nil, KeyRotated{}, err
	}
	data, err := DecodeKeyRotated(&r.Statement)
	return r, data, err
}

// provedBy says whether the owner of a log key signed that the statement stands at its position.
func (r *Receipt) provedBy(origin string, v note.Verifier) error {
	if r.Statement.Origin != origin {
		return fmt.Errorf("couldn't prove receipt: it is of log %q, expected %q", r.Statement.Origin, origin)
	}
	head, _, err := OpenCheckpoint(r.Checkpoint, origin, v)
	if err != nil {
		return err
	}
	return CheckInclusion(r.Proof, r.Position, Entry(r.Bytes), head.Size, head.Root)
}

// FollowKeys leads from a verifier key, the log's first or a later one, along the receipts of its rotations in their order.
// Those that lie before the given key are passed over, but for the one that brought it: that says since when it is in force.
func FollowKeys(key string, rotations [][]byte) (KeyChain, error) {
	c, err := NewKeyChain(key)
	if err != nil {
		return nil, err
	}
	return c.FollowAll(rotations)
}

// FollowAll is FollowKeys from the last key of a chain on.
func (c KeyChain) FollowAll(rotations [][]byte) (KeyChain, error) {
	for i, file := range rotations {
		r, data, err := readRotation(file)
		switch {
		case err != nil:
		case data.Old == c.Last().Key:
			c, err = c.Follow(file)
		case data.New == c[0].Key && c[0].From == 0:
			if err = r.provedBy(c.Origin(), c[0].v); err == nil {
				c = slices.Clone(c)
				c[0].From = r.Position + 1
			}
		}
		if err != nil {
			return nil, fmt.Errorf("couldn't follow rotation %d of the log key: %w", i+1, err)
		}
	}
	return c, nil
}

var errNoKey = errors.New("couldn't use key: it holds none")
