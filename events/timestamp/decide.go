package timestamp

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// Decide gives the one event for a stamp. Stamps come in order: each is about a larger head and is not older than the last.
// What the stamp says of its checkpoint and token is compared with their bytes; that the token was verified is the
// caller's word.
func Decide(s State, c Stamp) ([]events.New, error) {
	d := c.Stamped
	d.Time, d.Until = d.Time.UTC(), d.Until.UTC()
	switch {
	case len(c.Raw) == 0 || events.Sum(c.Raw) != d.Token:
		return nil, fmt.Errorf("%w: token is not the one its digest names", ErrIncomplete)
	case s.Count > 0 && d.Size <= s.Last.Size:
		return nil, fmt.Errorf("%w: size %d, last %d", ErrBehind, d.Size, s.Last.Size)
	case s.Count > 0 && d.Time.Before(s.Last.Time):
		return nil, fmt.Errorf("%w: time %s, last %s", ErrBehind, d.Time.Format(time.RFC3339), s.Last.Time.Format(time.RFC3339))
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	return []events.New{{Name: NameStamped, Data: d}}, nil
}

// check says what in the event does not fit together.
func (d *Stamped) check() error {
	switch {
	case d.Token.IsZero() || d.Signer.IsZero() || d.TSA == "" || d.Time.IsZero() || d.Until.IsZero():
		return ErrIncomplete
	case d.Checkpoint == "" || len(d.Checkpoint) > maxCheckpoint:
		return fmt.Errorf("%w: checkpoint of %d bytes, limit %d", ErrIncomplete, len(d.Checkpoint), maxCheckpoint)
	}
	head, err := ledger.ReadCheckpoint([]byte(d.Checkpoint))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrIncomplete, err)
	}
	if head.Size != d.Size || head.Root != d.Root {
		return fmt.Errorf("%w: checkpoint of size %d and root %s, expected %d and %s", ErrIncomplete, head.Size, head.Root, d.Size, d.Root)
	}
	want, err := Imprint(d.Hash, []byte(d.Checkpoint))
	if err != nil {
		return err
	}
	if d.Imprint != hex.EncodeToString(want) {
		return fmt.Errorf("%w: imprint %s, the checkpoint has %x", ErrIncomplete, d.Imprint, want)
	}
	return nil
}

// Imprint is the hash that is shown to the time-stamp authority.
func Imprint(hash string, checkpoint []byte) ([]byte, error) {
	switch hash {
	case "SHA-256":
		sum := sha256.Sum256(checkpoint)
		return sum[:], nil
	case "SHA-384":
		sum := sha512.Sum384(checkpoint)
		return sum[:], nil
	case "SHA-512":
		sum := sha512.Sum512(checkpoint)
		return sum[:], nil
	}
	return nil, fmt.Errorf("couldn't hash checkpoint: hash %q, expected SHA-256, SHA-384 or SHA-512", hash)
}

// Decode reads the data of a time-stamp's event, and says what in it does not fit together or does not fit the event.
func Decode(e events.Event) (Stamped, error) {
	d, err := decode(e)
	if err != nil {
		return Stamped{}, fmt.Errorf("couldn't read time-stamp at position %d: %w", e.Position, err)
	}
	return d, nil
}

func decode(e events.Event) (d Stamped, err error) {
	s := &e.Statement
	if s.Name != NameStamped {
		return d, fmt.Errorf("unknown event %q", s.Name)
	}
	if err := json.Unmarshal(s.Data, &d); err != nil {
		return d, err
	}
	if err := d.check(); err != nil {
		return d, err
	}
	origin, _, _ := strings.Cut(d.Checkpoint, "\n")
	switch {
	case origin != s.Origin:
		return d, fmt.Errorf("checkpoint of log %q, expected %q", origin, s.Origin)
	case d.Size > e.Position:
		return d, fmt.Errorf("checkpoint of size %d cannot have been stamped before position %d", d.Size, e.Position)
	case s.Evidence == nil || *s.Evidence != d.Token:
		return d, fmt.Errorf("the event's evidence is not the token %s", d.Token)
	}
	return d, nil
}

// Fold gives the state after one more event. It never changes s. An unknown event, or one that does not fit, is an error.
func Fold(s State, e events.Event) (State, error) {
	d, err := Decode(e)
	if err != nil {
		return s, fmt.Errorf("couldn't fold time-stamps: %w", err)
	}
	if s.Count > 0 && (d.Size <= s.Last.Size || d.Time.Before(s.Last.Time)) {
		return s, fmt.Errorf("couldn't fold time-stamps: position %d: size %d at %s after size %d at %s",
			e.Position, d.Size, d.Time.Format(time.RFC3339), s.Last.Size, s.Last.Time.Format(time.RFC3339))
	}
	return State{Count: s.Count + 1, Last: d, Address: events.Address{Origin: e.Statement.Origin, Position: e.Position}}, nil
}
