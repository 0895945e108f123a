package delivery

import (
	"fmt"
	"slices"

	"github.com/tram-exchange/tram/events"
)

// Fold gives the state after one more event of a delivery stream. It never changes s. An unknown event name, or an event that
// cannot follow, is an error.
func Fold(s State, e events.Event) (State, error) {
	at := events.Address{Origin: e.Statement.Origin, Position: e.Position}
	var err error
	var ok bool
	switch name := e.Statement.Name; name {
	case NameOffered:
		var d Offered
		if d, err = decodeOffered(e.Statement.Data); err == nil {
			s, ok = s.offered(d, e, at)
		}
	case NameTaken:
		var d Taken
		if d, err = decodeTaken(e.Statement.Data); err == nil {
			s, ok = s.taken(d, at)
		}
	case NameAcknowledged:
		var d Acknowledged
		if d, err = decodeAcknowledged(e.Statement.Data); err == nil {
			s, ok = s.acknowledged(d.Client, at)
		}
	case NameWithdrawn:
		var d Withdrawn
		if d, err = decodeWithdrawn(e.Statement.Data); err == nil {
			s, ok = s.withdrawn(d.By, at)
		}
	case NameMarked:
		var d Marked
		if d, err = decodeMarked(e.Statement.Data); err == nil {
			s, ok = s.marked(d, at)
		}
	case NameForwarded:
		var d Forwarded
		if d, err = decodeForwarded(e.Statement.Data); err == nil {
			s, ok = s.forwarded(d, at)
		}
	case NameRetrying, NameFailed:
		var d Failed
		if d, err = decodeFailed(e.Statement.Data); err == nil {
			s, ok = s.noted(name == NameFailed, d, e)
		}
	default:
		return s, fmt.Errorf("couldn't fold delivery: unknown event %q", name)
	}
	if err != nil {
		return s, fmt.Errorf("couldn't fold delivery: couldn't read %s at position %d: %w", e.Statement.Name, e.Position, err)
	}
	if !ok {
		return s, fmt.Errorf("couldn't fold delivery: %s at position %d cannot follow in phase %q", e.Statement.Name, e.Position, s.Phase)
	}
	s.Events++
	return s, nil
}

func (s State) offered(d Offered, e events.Event, at events.Address) (State, bool) {
	switch s.Phase {
	case PhaseNone:
		s.Address = at
	case PhaseFailed:
		if d.Item != s.Offer.Item || d.ItemID != s.Offer.ItemID || d.Org != s.Offer.Org {
			return s, false
		}
		s.Reason, s.Attempts, s.Final = "", 0, false
	default:
		return s, false
	}
	s.Phase, s.Offer, s.OfferedAt = PhaseOffered, d, e.Statement.Time
	s.Offers++
	if c := e.Statement.Cause; c != nil {
		s.Cause = *c
	}
	return s, true
}

func (s State) taken(d Taken, at events.Address) (State, bool) {
	if s.Offer.Node != "" || s.Phase != PhaseOffered && s.Phase != PhaseFailed && s.Phase != PhaseTaken {
		return s, false
	}
	s.Phase, s.Client, s.Until, s.TakenAt = PhaseTaken, d.Client, d.Until, at
	s.Request = events.Digest{}
	if d.Request != nil {
		s.Request = *d.Request
	}
	s.Takes++
	return s, true
}

func (s State) acknowledged(client string, at events.Address) (State, bool) {
	if s.Phase != PhaseTaken {
		return s, false
	}
	s.Phase, s.AcknowledgedBy, s.AcknowledgedAt = PhaseAcknowledged, client, at
	return s, true
}

func (s State) withdrawn(by string, at events.Address) (State, bool) {
	if !s.untouched() {
		return s, false
	}
	s.Phase, s.Withdrawn, s.WithdrawnAt = PhaseWithdrawn, by, at
	return s, true
}

// untouched says whether nobody, here or at the recipient's node, is known to have been handed the item.
func (s State) untouched() bool {
	switch s.Phase {
	case PhaseOffered, PhaseRetrying, PhaseFailed:
		return s.Takes == 0
	}
	return false
}

func (s State) marked(d Marked, at events.Address) (State, bool) {
	if s.Phase == PhaseNone || s.Phase == PhaseWithdrawn {
		return s, false
	}
	if _, ok := s.mark(d); ok {
		return s, false
	}
	s.Marks = append(slices.Clip(s.Marks), MarkBy{Mark: d.Mark, By: d.By, At: at})
	return s, true
}

func (s State) mark(d Marked) (events.Address, bool) {
	for _, m := range s.Marks {
		if m.Mark == d.Mark && m.By == d.By {
			return m.At, true
		}
	}
	return events.Address{}, false
}

func (s State) forwarded(d Forwarded, at events.Address) (State, bool) {
	if s.Offer.Node == "" || d.Node != s.Offer.Node {
		return s, false
	}
	switch s.Phase {
	case PhaseOffered, PhaseRetrying, PhaseFailed, PhaseWithdrawn:
		s.Phase, s.Forward, s.ForwardAt = PhaseForwarded, d, at
		return s, true
	}
	return s, false
}

func (s State) noted(failed bool, d Failed, e events.Event) (State, bool) {
	switch {
	case failed && (s.Phase == PhaseOffered || s.Phase == PhaseRetrying || s.Phase == PhaseFailed && d.Final && !s.Final):
		s.Phase = PhaseFailed
	case !failed && s.Offer.Node != "" && (s.Phase == PhaseOffered || s.Phase == PhaseRetrying):
		s.Phase = PhaseRetrying
	default:
		return s, false
	}
	s.Reason, s.Attempts, s.NotedAt, s.Final = d.Reason, d.Attempts, e.Statement.Time, d.Final
	return s, true
}
