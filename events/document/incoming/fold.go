package incoming

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
)

// errOrder: the event cannot follow in this phase, or speaks of something else than the state does.
var errOrder = errors.New("cannot follow")

// Fold gives the state after one more event of an incoming document's stream. It never changes s. An unknown event name, or an event
// that cannot follow, is an error. It does not read facts.
func Fold(s State, e events.Event) (State, error) {
	next := s
	var err error
	switch data := e.Statement.Data; e.Statement.Name {
	case NamePaperEntered:
		err = apply(&next, data, (*State).paperEntered)
	case NameRegistrationAsked:
		err = apply(&next, data, (*State).registrationAsked)
	case NameNumberChosen:
		err = apply(&next, data, (*State).numberChosen)
	case NameRegistered:
		err = apply(&next, data, (*State).registered)
	case NameRefused:
		err = apply(&next, data, (*State).refused)
	case NamePresented:
		err = apply(&next, data, (*State).presented)
	case NameAssigned:
		err = apply(&next, data, (*State).assigned)
	case NameTransferredBack:
		err = apply(&next, data, (*State).transferredBack)
	case NameHandlingStarted:
		err = apply(&next, data, (*State).handlingStarted)
	case NameOpinionGiven:
		err = apply(&next, data, (*State).opinionGiven)
	case NameDeadlineChanged:
		err = apply(&next, data, (*State).deadlineChanged)
	case NameReplyLinked:
		err = apply(&next, data, (*State).replyLinked)
	case NameFinished:
		err = apply(&next, data, (*State).finished)
	case NameRecallAnswered:
		err = apply(&next, data, (*State).recallAnswered)
	case NameReopened:
		err = apply(&next, data, (*State).reopened)
	case NameWithdrawn:
		err = apply(&next, data, (*State).withdrawn)
	default:
		err = errors.New("unknown event")
	}
	if err != nil {
		return s, fmt.Errorf("couldn't fold incoming document: %q at position %d in phase %q: %w", e.Statement.Name, e.Position, s.Phase, err)
	}
	next.Last = events.Address{Origin: e.Statement.Origin, Position: e.Position}
	next.Events++
	return next, nil
}

// FoldAll folds a whole stream.
func FoldAll(history []events.Event) (State, error) {
	var s State
	for _, e := range history {
		var err error
		if s, err = Fold(s, e); err != nil {
			return s, err
		}
	}
	return s, nil
}

// apply reads the data and lets the event happen to a copy of the state.
func apply[D any](s *State, data []byte, happen func(*State, D) error) error {
	var d D
	if err := json.Unmarshal(data, &d); err != nil {
		return fmt.Errorf("couldn't read data: %w", err)
	}
	return happen(s, d)
}

// in is an error unless the state is in one of the phases.
func (s *State) in(phases ...Phase) error {
	if slices.Contains(phases, s.Phase) {
		return nil
	}
	return errOrder
}

func (s *State) paperEntered(d PaperEntered) error {
	if s.Events > 0 || d.Channel == "" {
		return errOrder
	}
	s.Channel = d.Channel
	return nil
}

func (s *State) registrationAsked(d RegistrationAsked) error {
	// Either a document of the exchange, or what was entered just before. A document that the sender took back and gave again may
	// have a history already.
	paper := s.Channel != ""
	if s.Phase != PhaseArrived || paper == (d.Document != "") || !paper && s.Document != "" && s.Document != d.Document {
		return errOrder
	}
	s.Phase, s.Document = PhaseRegistering, d.Document
	s.Register, s.Org, s.Book, s.Year, s.Priority, s.Due = d.Register, d.Org, d.Book, d.Year, d.Priority, d.Due
	return nil
}

func (s *State) numberChosen(d NumberChosen) error {
	if s.Phase != PhaseRegistering || d.Org != s.Org || d.Book != s.Book || d.Year != s.Year || d.N <= s.Chosen {
		return errOrder
	}
	s.Chosen = d.N
	return nil
}

func (s *State) registered(d Registered) error {
	if s.Phase != PhaseRegistering || d.Org != s.Org || d.Book != s.Book || d.Year != s.Year || d.N != s.Chosen || d.N < 1 {
		return errOrder
	}
	s.Phase, s.Number = PhaseRegistered, d.N
	return nil
}

func (s *State) refused(d Refused) error {
	if s.Phase != PhaseArrived || s.Channel != "" || d.Document == "" || s.Document != "" && s.Document != d.Document {
		return errOrder
	}
	s.Phase, s.Document, s.Due = PhaseRefused, d.Document, ""
	return nil
}

func (s *State) presented(d Presented) error {
	if d.To == "" {
		return errOrder
	}
	s.had(directory.Assignee{Person: s.Presented})
	s.Presented, s.Returned, s.Due = d.To, false, d.Due
	err := s.in(PhaseRegistered, PhasePresented)
	s.Phase = PhasePresented
	return err
}

func (s *State) assigned(d Assigned) error {
	if err := s.in(PhaseRegistered, PhasePresented, PhaseAssigned, PhaseHandling); err != nil || d.InCharge.IsZero() {
		return errOrder
	}
	if d.Again != s.Assigned() {
		return errOrder
	}
	s.had(s.Assignment.InCharge)
	s.had(s.Assignment.Cooperating...)
	by := d.Person
	if d.For != "" {
		by = d.For
	}
	limit := s.Assignment.Limit
	if d.Leader {
		limit = d.Due
	}
	s.Assignment = Assignment{By: by, InCharge: d.InCharge, Cooperating: d.Cooperating, Limit: limit}
	s.Phase, s.Returned, s.Due = PhaseAssigned, false, d.Due
	return nil
}

func (s *State) transferredBack(d TransferredBack) error {
	if err := s.in(PhaseAssigned, PhaseHandling); err != nil || d.To == "" {
		return errOrder
	}
	s.had(s.Assignment.InCharge, directory.Assignee{Person: s.Presented})
	s.had(s.Assignment.Cooperating...)
	s.Assignment = Assignment{Limit: s.Assignment.Limit}
	s.Phase, s.Presented, s.Returned, s.Due = PhasePresented, d.To, true, d.Due
	return nil
}

func (s *State) handlingStarted(HandlingStarted) error {
	err := s.in(PhaseAssigned)
	s.Phase = PhaseHandling
	return err
}

func (s *State) opinionGiven(OpinionGiven) error {
	return s.in(PhaseRegistered, PhasePresented, PhaseAssigned, PhaseHandling, PhaseFinished)
}

func (s *State) deadlineChanged(d DeadlineChanged) error {
	if err := s.in(PhaseAssigned, PhaseHandling); err != nil || d.Due == "" || d.Before != s.Due {
		return errOrder
	}
	s.Due = d.Due
	if d.Leader {
		s.Assignment.Limit = d.Due
	}
	return nil
}

func (s *State) replyLinked(d ReplyLinked) error {
	r := Reply{Document: d.Document, Outgoing: d.Outgoing}
	if (d.Document == "") == (d.Outgoing == "") || slices.Contains(s.Replies, r) {
		return errOrder
	}
	s.Replies = append(slices.Clip(s.Replies), r)
	return s.in(PhaseRegistered, PhasePresented, PhaseAssigned, PhaseHandling, PhaseFinished)
}

func (s *State) finished(Finished) error {
	err := s.in(PhaseRegistered, PhasePresented, PhaseAssigned, PhaseHandling)
	s.Ended, s.Phase = s.Phase, PhaseFinished
	return err
}

func (s *State) recallAnswered(d RecallAnswered) error {
	if s.Phase == PhaseRefused || s.Channel != "" || d.By == "" || d.By == s.Answered || d.Document == "" || s.Document != "" && s.Document != d.Document {
		return errOrder
	}
	s.Document, s.Answered = d.Document, d.By
	return nil
}

func (s *State) reopened(Reopened) error {
	err := s.in(PhaseFinished, PhaseWithdrawn)
	// What is taken up again after its end is being handled, if anybody is in charge of it.
	if s.Phase == PhaseFinished && s.Assigned() {
		s.Ended = PhaseHandling
	}
	s.Phase, s.Ended = s.Ended, ""
	return err
}

func (s *State) withdrawn(d Withdrawn) error {
	if s.Channel != "" || d.Document == "" || s.Document != "" && s.Document != d.Document {
		return errOrder
	}
	err := s.in(PhaseArrived, PhaseRegistered, PhasePresented, PhaseAssigned, PhaseHandling, PhaseFinished)
	if s.Phase == PhaseFinished && s.Assigned() {
		s.Ended = PhaseHandling
	} else if s.Phase != PhaseFinished {
		s.Ended = s.Phase
	}
	s.Phase, s.Document = PhaseWithdrawn, d.Document
	return err
}
