package dossier

import (
	"fmt"

	"github.com/tram-exchange/tram/events"
)

// Steps of the node: each gives what is not recorded yet, nothing if it is.

// DecideChosen gives the event by which the node chooses a number for the dossier, before it takes it. A later number replaces one
// that another has taken meanwhile.
func DecideChosen(s State, n int) ([]events.New, error) {
	_, _, wanted := s.Wanted()
	switch {
	case !wanted:
		return nil, fmt.Errorf("couldn't choose number %d: none is wanted", n)
	case n == s.Chosen:
		return nil, nil
	case n < s.Chosen || n < 1:
		return nil, fmt.Errorf("couldn't choose number %d: %d was chosen before", n, s.Chosen)
	}
	return one(NameNumberChosen, NumberChosen{Book: s.Book, Year: s.Year, N: n}, nil)
}

// DecideNumbered gives the event that the number chosen is the dossier's: the node has taken it.
func DecideNumbered(s State) ([]events.New, error) {
	_, _, wanted := s.Wanted()
	switch {
	case s.Number != 0:
		return nil, nil
	case !wanted || s.Chosen == 0:
		return nil, fmt.Errorf("couldn't number: none was chosen")
	}
	return one(NameNumbered, Numbered{Book: s.Book, Year: s.Year, N: s.Chosen}, nil)
}
