package refusal

import (
	"errors"

	"github.com/tram-exchange/tram/events"
)

// Fold gives the state after one more event of a refusal stream.
func Fold(s State, e events.Event) (State, error) { return s, errors.New("not built yet") }

// Decide gives the one event, none if it is recorded already.
func Decide(s State, c Record) ([]events.New, error) { return nil, errors.New("not built yet") }
