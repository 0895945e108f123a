package refusal

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tram-exchange/tram/events"
)

// Fold gives the state after one more event of a refusal stream. It never changes s. An unknown event name, or a second event,
// is an error.
func Fold(s State, e events.Event) (State, error) {
	if e.Statement.Name != NameRecorded {
		return s, fmt.Errorf("couldn't fold refusal: unknown event %q", e.Statement.Name)
	}
	if s.Done {
		return s, fmt.Errorf("couldn't fold refusal: second event at position %d", e.Position)
	}
	var d Recorded
	if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
		return s, fmt.Errorf("couldn't fold refusal: couldn't read %s at position %d: %w", e.Statement.Name, e.Position, err)
	}
	s.Recorded, s.Done = d, true
	s.Address = events.Address{Origin: e.Statement.Origin, Position: e.Position}
	return s, nil
}

// ErrIncomplete: a refusal needs an authenticated caller and a code. The caller should log it instead: see the design,
// "Refusals become events only when the caller authenticated".
var ErrIncomplete = errors.New("couldn't record refusal: no caller or no code")

// Decide gives the one event, none if it is recorded already.
func Decide(s State, c Record) ([]events.New, error) {
	if c.Caller == "" || c.Code == "" {
		return nil, ErrIncomplete
	}
	if s.Done {
		return nil, nil
	}
	d := Recorded{Caller: c.Caller, Sender: c.Sender, Code: c.Code}
	if !c.Secret && !c.Digest.IsZero() {
		digest := c.Digest
		d.Digest = &digest
	}
	return []events.New{{Name: NameRecorded, Data: d}}, nil
}
