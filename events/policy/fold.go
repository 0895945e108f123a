package policy

import (
	"errors"

	"github.com/tram-exchange/tram/events"
)

// Encode is the canonical encoding: compact JSON in the order of the fields, lists sorted where their order has no meaning.
func (p Policy) Encode() (text []byte, digest events.Digest, err error) {
	return nil, events.Digest{}, errors.New("not built yet")
}

// Fold gives the state after one more event of the policy stream.
func Fold(s State, e events.Event) (State, error) { return s, errors.New("not built yet") }

// Decide gives the event that puts p in force, or none if it is in force already. A refusal is a *Refusal.
func Decide(s State, p Policy) ([]events.New, error) { return nil, errors.New("not built yet") }
