package logbook

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// Begin is the command to bind a lost log: the first event of the new one.
type Begin struct {
	Origin     string     // of the new log
	Checkpoint []byte     // the last one known of the lost log
	Known      ledger.Key // of the lost log: its verifier key, or a history of its keys
	Reason     string     // why the log was given up
}

// DecideBegin gives the one event. The checkpoint must be signed by the key of the lost log that was in force.
func DecideBegin(s State, c Begin) ([]events.New, error) {
	if s.Count > 0 {
		return nil, ErrNotFirst
	}
	head, err := ledger.ReadCheckpoint(c.Checkpoint)
	if err != nil {
		return nil, fmt.Errorf("couldn't begin log: %w", err)
	}
	if head.Origin == c.Origin {
		return nil, ErrSame
	}
	if strings.TrimSpace(c.Reason) == "" {
		return nil, errors.New("couldn't begin log: a reason is needed: those who come later must know why there are two logs")
	}
	key, err := signingKey(c.Known, head.Origin, c.Checkpoint)
	if err != nil {
		return nil, fmt.Errorf("couldn't begin log: %w", err)
	}
	d := Begun{Origin: head.Origin, Size: head.Size, Root: head.Root, Key: key, Checkpoint: string(c.Checkpoint)}
	if err := d.check(c.Origin); err != nil {
		return nil, fmt.Errorf("couldn't begin log: %w", err)
	}
	return []events.New{{Name: NameBegun, Data: d, Facts: Reason{c.Reason}}}, nil
}

// signingKey is the log key by which a checkpoint is verified.
func signingKey(known ledger.Key, origin string, checkpoint []byte) (string, error) {
	err := errors.New("the key must be a verifier key of the lost log, or a history of its keys")
	for _, c := range known.Chains() {
		var h ledger.Head
		if h, err = c.Open(checkpoint, origin); err != nil {
			continue
		}
		p, err := c.At(h.Size)
		return p.Key, err
	}
	return "", err
}

// Rotate is the command to put a new key after the one in force.
type Rotate struct {
	Origin string
	New    string // verifier key
}

// DecideRotate gives the event, or none if the new key is in force already: asking twice is no second rotation.
func DecideRotate(s State, c Rotate) ([]events.New, error) {
	if c.New == s.Key() {
		return nil, nil
	}
	if s.Pending() != nil {
		return nil, ErrPending
	}
	if s.Key() == "" {
		return nil, errors.New("couldn't rotate log key: the key in force is not known")
	}
	d := KeyRotated{Old: s.Key(), New: c.New}
	chain, err := s.Chain()
	if err == nil && chain.Origin() != c.Origin {
		err = fmt.Errorf("couldn't rotate log key: keys are of log %q, expected %q", chain.Origin(), c.Origin)
	}
	if err == nil {
		_, err = chain.Then(max(chain.Last().From, 1), d) // the position is the store's to give; it lies behind all others
	}
	if err != nil {
		return nil, err
	}
	return []events.New{{Name: NameKeyRotated, Data: d}}, nil
}

// Bind is the command to keep the head that both keys have signed.
type Bind struct {
	Origin     string
	Checkpoint []byte
}

// DecideBind gives the event, or none if no rotation is under way.
func DecideBind(s State, c Bind) ([]events.New, error) {
	r := s.Pending()
	if r == nil {
		return nil, nil
	}
	head, err := ledger.ReadCheckpoint(c.Checkpoint)
	if err != nil {
		return nil, fmt.Errorf("couldn't bind rotation: %w", err)
	}
	d := KeyBound{Rotated: r.Position, Size: head.Size, Root: head.Root, Checkpoint: string(c.Checkpoint)}
	if err := d.check(c.Origin, *r); err != nil {
		return nil, fmt.Errorf("couldn't bind rotation: %w", err)
	}
	return []events.New{{Name: NameKeyBound, Data: d}}, nil
}
