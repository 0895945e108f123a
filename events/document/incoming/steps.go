package incoming

import (
	"fmt"

	"github.com/tram-exchange/tram/events"
)

// Steps of the node: each gives what is not recorded yet, nothing if it is.

// DecideChosen gives the event by which the node chooses a number for the document, before it takes it. A later number replaces one
// that another has taken meanwhile.
func DecideChosen(s State, n int) ([]events.New, error) {
	switch {
	case s.Phase != PhaseRegistering:
		return nil, fmt.Errorf("couldn't choose number %d: phase is %q", n, s.Phase)
	case n == s.Chosen:
		return nil, nil
	case n < s.Chosen || n < 1:
		return nil, fmt.Errorf("couldn't choose number %d: %d was chosen before", n, s.Chosen)
	}
	return one(NameNumberChosen, NumberChosen{Org: s.Org, Book: s.Book, Year: s.Year, N: n}, nil)
}

// DecideRegistered gives the event that the number chosen is the document's: the node has taken it.
func DecideRegistered(s State) ([]events.New, error) {
	switch {
	case s.Number != 0:
		return nil, nil
	case s.Phase != PhaseRegistering || s.Chosen == 0:
		return nil, fmt.Errorf("couldn't register: no number was chosen, phase is %q", s.Phase)
	}
	return one(NameRegistered, Registered{Org: s.Org, Book: s.Book, Year: s.Year, N: s.Chosen}, nil)
}

// DecideWithdrawn gives the event that the sender took the document back: when the agency has agreed, or had not registered it. by is
// what took it back (document.State.Recalled). It waits for a number that is being given, so that none is lost.
func DecideWithdrawn(s State, x Exchange, by string) ([]events.New, error) {
	switch {
	case s.Phase == PhaseWithdrawn || s.Phase == PhaseRefused || s.Phase == PhaseRegistering:
		return nil, nil
	case s.Channel != "":
		return nil, fmt.Errorf("couldn't withdraw: it did not come through the exchange")
	case x.Back == BackGiven, x.Back == BackAsked && s.Phase == PhaseArrived:
		return one(NameWithdrawn, Withdrawn{Document: x.Document, By: by}, nil)
	}
	return nil, nil
}
