package directory

import (
	"errors"

	"github.com/tram-exchange/tram/events"
)

// Fold gives the state after one more event of the directory stream. It never changes s. An unknown event name, or an event
// that cannot follow, is an error.
func Fold(s State, e events.Event) (State, error) { return s, errors.New("not built yet") }

// Decide judges a change. A refusal is a *Refusal; every other error is a defect of the caller (an unknown operation type).
// The same state and command always give the same decision.
func Decide(s State, c Change) (Decision, error) { return Decision{}, errors.New("not built yet") }
