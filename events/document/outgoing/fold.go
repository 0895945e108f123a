package outgoing

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/tram-exchange/tram/events"
)

// errOrder: the event cannot follow in this phase, or speaks of something else than the state does.
var errOrder = errors.New("cannot follow")

// Fold gives the state after one more event of an outgoing document's stream. It never changes s. An unknown event name, or an event
// that cannot follow, is an error. It does not read facts.
func Fold(s State, e events.Event) (State, error) {
	next := s
	var err error
	switch data := e.Statement.Data; e.Statement.Name {
	case NameOpened:
		err = apply(&next, data, State.opened)
	case NameRevised:
		err = apply(&next, data, State.revised)
	case NameOpinionAsked:
		err = apply(&next, data, State.opinionAsked)
	case NameOpinionGiven:
		err = apply(&next, data, State.opinionGiven)
	case NameSubmitted:
		err = apply(&next, data, State.submitted)
	case NameApproved:
		err = apply(&next, data, State.approved)
	case NameSentBack:
		err = apply(&next, data, State.sentBack)
	case NameSigned:
		err = apply(&next, data, State.signed)
	case NameIssueAsked:
		err = apply(&next, data, State.issueAsked)
	case NameNumberChosen:
		err = apply(&next, data, State.numberChosen)
	case NameNumbered:
		err = apply(&next, data, State.numbered)
	case NameSealed:
		err = apply(&next, data, State.sealed)
	case NameSendRefused:
		err = apply(&next, data, State.sendRefused)
	case NameSent:
		if err = apply(&next, data, State.sent); err == nil {
			next.SentAt = e.Statement.Time
		}
	case NameCancelled:
		err = apply(&next, data, State.cancelled)
	case NameRecallAsked:
		err = apply(&next, data, State.recallAsked)
	default:
		err = errors.New("unknown event")
	}
	if err != nil {
		return s, fmt.Errorf("couldn't fold outgoing document: %q at position %d in phase %q: %w", e.Statement.Name, e.Position, s.Phase, err)
	}
	next.Last = events.Address{Origin: e.Statement.Origin, Position: e.Position}
	next.Events++
	return next, nil
}

// apply reads the data of an event and takes the step.
func apply[T any](s *State, data []byte, step func(State, T) (State, bool)) error {
	var d T
	if err := json.Unmarshal(data, &d); err != nil {
		return fmt.Errorf("couldn't read data: %w", err)
	}
	next, ok := step(*s, d)
	if !ok {
		return errOrder
	}
	*s = next
	return nil
}

func (s State) in(phases ...Phase) bool { return slices.Contains(phases, s.Phase) }

func (s State) opened(d Opened) (State, bool) {
	ok := s.in(PhaseNone) && s.Events == 0 && d.Org != "" && d.ID != "" && d.Person != ""
	s.Org, s.ID, s.Opened, s.Phase = d.Org, d.ID, d, PhaseDraft
	return s, ok
}

func (s State) revised(d Revised) (State, bool) {
	ok := s.in(PhaseDraft, PhaseSentBack) && d.Version == s.Latest.Version+1
	s.Latest = d // a draft that was sent back stays so until it is submitted again
	return s, ok
}

func (s State) opinionAsked(d OpinionAsked) (State, bool) {
	ok := s.in(PhaseDraft, PhaseSubmitted, PhaseSentBack) && len(d.Of) > 0
	s.Asked = append(slices.Clip(s.Asked), d)
	return s, ok
}

func (s State) opinionGiven(OpinionGiven) (State, bool) {
	return s, s.in(PhaseDraft, PhaseSubmitted, PhaseSentBack)
}

func (s State) submitted(d Submitted) (State, bool) {
	ok := s.in(PhaseDraft, PhaseSentBack) && d.Version == s.Latest.Version && d.Version > 0 && len(d.Steps) > 0 &&
		slices.IndexFunc(d.Steps, func(p Step) bool { return p.Signs }) == len(d.Steps)-1
	s.Phase = PhaseSubmitted
	s.Chain = Chain{ID: d.Chain, Version: d.Version, Steps: d.Steps, Due: d.Due}
	return s, ok
}

func (s State) approved(d Approved) (State, bool) {
	step, ok := s.Step()
	ok = ok && !step.Signs && d.Step == s.Chain.Done+1
	s.Chain.Done, s.Chain.Due = d.Step, d.Due
	return s, ok
}

func (s State) sentBack(d SentBack) (State, bool) {
	_, ok := s.Step()
	ok = ok && d.Step == s.Chain.Done+1
	s.Phase, s.Chain.Due = PhaseSentBack, ""
	return s, ok
}

func (s State) signed(d Signed) (State, bool) {
	step, ok := s.Step()
	ok = ok && step.Signs && d.Step == s.Chain.Done+1 && d.Version == s.Chain.Version
	s.Phase, s.Signed = PhaseSigned, d
	s.Chain.Done, s.Chain.Due = d.Step, ""
	return s, ok
}

func (s State) issueAsked(d IssueAsked) (State, bool) {
	if s.in(PhaseNumbered) { // once more, after the door had refused it: number, date and notation stay
		before := s.Issue
		before.Person, before.For, before.Judged, before.Files = d.Person, d.For, d.Judged, d.Files
		ok := s.Refused != 0 && d == before
		s.Issue, s.Refused = d, 0
		return s, ok
	}
	ok := s.in(PhaseSigned) && d.Book != "" && d.Year > 0
	s.Phase, s.Issue = PhaseNumbering, d
	return s, ok
}

func (s State) numberChosen(d NumberChosen) (State, bool) {
	ok := s.in(PhaseNumbering) && s.ofBook(d.Org, d.Book, d.Year) && d.N > s.Chosen
	s.Chosen = d.N
	return s, ok
}

func (s State) numbered(d Numbered) (State, bool) {
	ok := s.in(PhaseNumbering) && s.ofBook(d.Org, d.Book, d.Year) && d.N == s.Chosen && d.N > 0
	s.Phase, s.Number = PhaseNumbered, d.N
	return s, ok
}

func (s State) ofBook(org, book string, year int) bool {
	return org == s.Issue.Org && book == s.Issue.Book && year == s.Issue.Year
}

func (s State) sealed(d Sealed) (State, bool) {
	ok := s.in(PhaseNumbered) && s.Refused == 0 && d.Document != ""
	s.Phase, s.Document = PhaseSealed, d.Document
	return s, ok
}

func (s State) sendRefused(d SendRefused) (State, bool) {
	ok := s.in(PhaseSealed) && d.Document == s.Document && d.Code != 0
	s.Phase, s.Refused, s.Document = PhaseNumbered, d.Code, ""
	return s, ok
}

func (s State) sent(d Sent) (State, bool) {
	ok := s.in(PhaseSealed) && d.Document == s.Document && d.Package != ""
	if d.Document == "" { // nobody in the exchange to send it to
		ok = s.in(PhaseNumbered) && len(s.Latest.Recipients) == 0 && d.Package == ""
	}
	s.Phase, s.Sent = PhaseIssued, d
	return s, ok
}

func (s State) cancelled(d Cancelled) (State, bool) {
	ok := s.in(PhaseDraft, PhaseSentBack, PhaseSubmitted, PhaseSigned) && d.N == 0 ||
		s.in(PhaseNumbered) && d.N == s.Number && s.ofBook(d.Org, d.Book, d.Year)
	s.Phase, s.Chain.Due = PhaseCancelled, ""
	return s, ok
}

func (s State) recallAsked(d RecallAsked) (State, bool) {
	ok := s.in(PhaseIssued) && len(d.Recipients) > 0 && s.Sent.Document != ""
	for _, r := range d.Recipients {
		ok = ok && !s.recalled(r.Org)
		s.Recalled = append(slices.Clip(s.Recalled), r)
	}
	all := true
	for _, r := range s.Latest.Recipients {
		all = all && s.recalled(r.Org)
	}
	if all {
		s.Phase = PhaseRecalled
	}
	return s, ok
}
