package numbering

import (
	"encoding/json"
	"fmt"

	"github.com/tram-exchange/tram/events"
)

// Fold gives the state after one more event of a number's stream. It never changes s. An unknown event name, or an event that cannot
// follow, is an error.
func Fold(s State, e events.Event) (State, error) {
	at := events.Address{Origin: e.Statement.Origin, Position: e.Position}
	var err error
	next := s
	switch e.Statement.Name {
	case NameTaken:
		var d Taken
		if err = json.Unmarshal(e.Statement.Data, &d); err != nil {
			break
		}
		switch {
		case s.Taken():
			err = fmt.Errorf("taken before by %s", s.Holder)
		case d.Holder == "":
			err = errHolder
		}
		next.Holder, next.Address = d.Holder, at
	case NameVoided:
		var d Voided
		if err = json.Unmarshal(e.Statement.Data, &d); err != nil {
			break
		}
		switch {
		case !s.Taken() || s.Holder != d.Holder:
			err = fmt.Errorf("not %s's to give up", d.Holder)
		case s.Voided:
			err = fmt.Errorf("given up before")
		}
		next.Voided, next.Void = true, at
	default:
		err = fmt.Errorf("unknown event")
	}
	if err != nil {
		return s, fmt.Errorf("couldn't fold number: %q at position %d: %w", e.Statement.Name, e.Position, err)
	}
	next.events++
	return next, nil
}

// DecideTake gives the event by which the holder takes the number; nothing when the holder has it. A refusal is a *Refusal: after
// ReasonHeld the holder chooses the next number.
func DecideTake(s State, c Take) ([]events.New, error) {
	switch {
	case c.Holder == "":
		return nil, errHolder
	case c.N < 1 || c.N > Max:
		return nil, &Refusal{Reason: ReasonFull}
	case s.Taken() && s.Holder != c.Holder:
		return nil, &Refusal{Reason: ReasonHeld, Holder: s.Holder}
	case s.Voided:
		return nil, &Refusal{Reason: ReasonVoided, Holder: s.Holder}
	case s.Taken():
		return nil, nil
	case c.N > 1 && !c.After:
		return nil, &Refusal{Reason: ReasonGap}
	}
	return []events.New{{Name: NameTaken, Data: Taken{Holder: c.Holder}}}, nil
}

// DecideVoid gives the event by which the holder gives the number up; nothing when it was given up before.
func DecideVoid(s State, holder string, facts VoidedFacts) ([]events.New, error) {
	switch {
	case holder == "":
		return nil, errHolder
	case !s.Taken():
		return nil, &Refusal{Reason: ReasonFree}
	case s.Holder != holder:
		return nil, &Refusal{Reason: ReasonHeld, Holder: s.Holder}
	case s.Voided:
		return nil, nil
	}
	return []events.New{{Name: NameVoided, Data: Voided{Holder: holder}, Facts: facts}}, nil
}
