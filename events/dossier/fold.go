package dossier

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/tram-exchange/tram/events"
)

// errOrder: the event cannot follow in this phase, or speaks of something else than the state does.
var errOrder = errors.New("cannot follow")

// Fold gives the state after one more event of a dossier's stream. It never changes s. An unknown event name, or an event that cannot
// follow, is an error. It does not read facts.
func Fold(s State, e events.Event) (State, error) {
	next := s
	var err error
	switch data := e.Statement.Data; e.Statement.Name {
	case NameOpened:
		err = apply(&next, data, (*State).opened)
	case NameNumberChosen:
		err = apply(&next, data, (*State).numberChosen)
	case NameNumbered:
		err = apply(&next, data, (*State).numbered)
	case NameClassified:
		err = apply(&next, data, (*State).classified)
	case NameItemAdded:
		err = apply(&next, data, (*State).itemAdded)
	case NameItemRemoved:
		err = apply(&next, data, (*State).itemRemoved)
	case NameOpinionGiven:
		err = apply(&next, data, func(s *State, _ OpinionGiven) error { return s.open() })
	case NameTaskGiven:
		err = apply(&next, data, (*State).taskGiven)
	case NameTaskFinished:
		err = apply(&next, data, (*State).taskFinished)
	case NameDecisionRecorded:
		err = apply(&next, data, func(s *State, _ DecisionRecorded) error { return s.open() })
	case NameHandedOver:
		err = apply(&next, data, (*State).handedOver)
	case NameClosed:
		err = apply(&next, data, (*State).closed)
	case NameReopened:
		err = apply(&next, data, (*State).reopened)
	default:
		err = errors.New("unknown event")
	}
	if err != nil {
		return s, fmt.Errorf("couldn't fold dossier: %q at position %d in phase %q: %w", e.Statement.Name, e.Position, s.Phase, err)
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

func (s *State) open() error {
	if s.Phase != PhaseOpen {
		return errOrder
	}
	return nil
}

func (s *State) opened(d Opened) error {
	if s.Phase != PhaseNone || d.FilePlan == "" || d.InCharge == "" {
		return errOrder
	}
	s.Phase = PhaseOpen
	s.FilePlan, s.Retention, s.InCharge, s.Unit, s.Due = d.FilePlan, d.Retention, d.InCharge, d.Unit, d.Due
	s.Book, s.Year = d.Book, d.Year
	return nil
}

func (s *State) numberChosen(d NumberChosen) error {
	if _, _, wanted := s.Wanted(); !wanted || d.Book != s.Book || d.Year != s.Year || d.N <= s.Chosen {
		return errOrder
	}
	s.Chosen = d.N
	return nil
}

func (s *State) numbered(d Numbered) error {
	if _, _, wanted := s.Wanted(); !wanted || d.Book != s.Book || d.Year != s.Year || d.N != s.Chosen || d.N < 1 {
		return errOrder
	}
	s.Number = d.N
	return nil
}

func (s *State) classified(d Classified) error {
	if d.FilePlan == "" {
		return errOrder
	}
	s.FilePlan, s.Retention = d.FilePlan, d.Retention
	return s.open()
}

func itemKey(n uint64) string { return strconv.FormatUint(n, 10) }

func (t Target) key() string { return t.Kind + "/" + t.ID }

func (s *State) itemAdded(d ItemAdded) error {
	if s.Phase != PhaseOpen || d.Item != s.Items+1 || (d.Target == nil) == (d.Files == 0) {
		return errOrder
	}
	var it item
	if d.Target != nil {
		it.target = *d.Target
		if _, in := s.contains(it.target); in {
			return errOrder
		}
		s.inside = s.inside.Set(it.target.key(), d.Item)
	}
	s.items = s.items.Set(itemKey(d.Item), it)
	s.Items = d.Item
	s.InIt++
	return nil
}

// contains says under which number a document lies in the dossier.
func (s *State) contains(t Target) (uint64, bool) {
	n, _ := s.inside.Get(t.key())
	return n, n != 0
}

func (s *State) itemRemoved(d ItemRemoved) error {
	it, ok := s.items.Get(itemKey(d.Item))
	if s.Phase != PhaseOpen || !ok || it.removed {
		return errOrder
	}
	it.removed = true
	s.items = s.items.Set(itemKey(d.Item), it)
	if it.target != (Target{}) {
		s.inside = s.inside.Set(it.target.key(), 0)
	}
	s.InIt--
	return nil
}

func (s *State) taskGiven(d TaskGiven) error {
	if _, ok := s.tasks.Get(d.Task); s.Phase != PhaseOpen || ok || d.Task == "" || d.To.IsZero() {
		return errOrder
	}
	by := d.Person
	if d.For != "" {
		by = d.For
	}
	s.tasks = s.tasks.Set(d.Task, Task{ID: d.Task, By: by, To: d.To, Due: d.Due})
	s.Tasks++
	s.OpenTasks++
	return nil
}

func (s *State) taskFinished(d TaskFinished) error {
	t, ok := s.tasks.Get(d.Task)
	if s.Phase != PhaseOpen || !ok || t.Done {
		return errOrder
	}
	t.Done = true
	s.tasks = s.tasks.Set(d.Task, t)
	s.OpenTasks--
	return nil
}

func (s *State) handedOver(d HandedOver) error {
	if s.Phase != PhaseOpen || d.To == "" || d.From != s.InCharge {
		return errOrder
	}
	s.before = s.before.Set(s.InCharge, struct{}{})
	s.InCharge, s.Unit = d.To, d.Unit
	return nil
}

func (s *State) closed(d Closed) error {
	if s.Phase != PhaseOpen || s.OpenTasks > 0 || s.Number == 0 || d.Items != s.InIt {
		return errOrder
	}
	s.Phase = PhaseClosed
	return nil
}

func (s *State) reopened(Reopened) error {
	if s.Phase != PhaseClosed {
		return errOrder
	}
	s.Phase = PhaseOpen
	return nil
}
