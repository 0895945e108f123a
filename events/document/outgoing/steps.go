package outgoing

import (
	"cmp"
	"fmt"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/numbering"
)

// What the node does by itself. Each step gives nothing when it was done before, and an error (no refusal: nobody asked for it) when it
// cannot follow.

// Todo is what the node has to do next.
type Todo string

// What there is to do.
const (
	TodoNothing Todo = ""
	TodoNumber  Todo = "number" // DecideChosen, numbering.DecideTake, DecideNumbered
	TodoSeal    Todo = "seal"   // make what goes out, DecideSealed; without recipients DecideSent at once
	TodoSend    Todo = "send"   // hand it in, DecideSent or DecideSendRefused
	TodoVoid    Todo = "void"   // numbering.DecideVoid: always when a number was given up, done before or not
)

// Next says what the node has to do.
func (s State) Next() Todo {
	switch s.Phase {
	case PhaseNumbering:
		return TodoNumber
	case PhaseNumbered:
		if s.Refused == 0 {
			return TodoSeal
		}
	case PhaseSealed:
		return TodoSend
	case PhaseCancelled:
		if s.Number > 0 {
			return TodoVoid
		}
	}
	return TodoNothing
}

// Book is where it is, or is to be, numbered.
func (s State) Book() numbering.Book {
	return numbering.Book{Org: cmp.Or(s.Issue.Org, s.Org), Name: s.Issue.Book, Year: s.Issue.Year}
}

func (s State) stepError(what string) error {
	return fmt.Errorf("couldn't record that %s: the document is in phase %q", what, s.Phase)
}

// DecideChosen records the number chosen. After another had taken it, a greater one is chosen.
func DecideChosen(s State, n int) ([]events.New, error) {
	switch {
	case s.Phase != PhaseNumbering || n < s.Chosen || n < 1:
		return nil, s.stepError(fmt.Sprintf("number %d was chosen", n))
	case n == s.Chosen:
		return nil, nil
	}
	return []events.New{{Name: NameNumberChosen, Data: NumberChosen{Org: s.Issue.Org, Book: s.Issue.Book, Year: s.Issue.Year, N: n}}}, nil
}

// DecideNumbered records that the number chosen is taken; number is the state of its stream.
func DecideNumbered(s State, number numbering.State) ([]events.New, error) {
	switch {
	case s.Number > 0:
		return nil, nil
	case s.Phase != PhaseNumbering || s.Chosen == 0 || number.Voided || number.Holder != Stream(s.Org, s.ID):
		return nil, s.stepError(fmt.Sprintf("number %d is taken", s.Chosen))
	}
	return []events.New{{Name: NameNumbered,
		Data:  Numbered{Org: s.Issue.Org, Book: s.Issue.Book, Year: s.Issue.Year, N: s.Chosen},
		Facts: NumberedFacts{Number: FormatNumber(s.Chosen), Notation: s.Issue.Notation},
	}}, nil
}

// DecideSealed records that what goes out under the key is made.
func DecideSealed(s State, document string) ([]events.New, error) {
	switch {
	case s.Phase == PhaseSealed && s.Document == document:
		return nil, nil
	case s.Next() != TodoSeal || document == "" || len(s.Latest.Recipients) == 0:
		return nil, s.stepError("it is sealed")
	}
	return []events.New{{Name: NameSealed, Data: Sealed{Document: document}}}, nil
}

// DecideSendRefused records that the door refused what was sealed.
func DecideSendRefused(s State, code int) ([]events.New, error) {
	switch {
	case s.Phase == PhaseNumbered && s.Refused == code:
		return nil, nil
	case s.Phase != PhaseSealed || code == 0:
		return nil, s.stepError("the door refused it")
	}
	return []events.New{{Name: NameSendRefused, Data: SendRefused{Document: s.Document, Code: code}}}, nil
}

// DecideSent records that it went out: under its key, in the package; without recipients in the exchange pkg is nil.
func DecideSent(s State, pkg *events.Digest) ([]events.New, error) {
	paper := len(s.Latest.Recipients) == 0
	switch {
	case s.Phase == PhaseIssued || s.Phase == PhaseRecalled:
		return nil, nil
	case paper && s.Next() == TodoSeal && pkg == nil:
		return []events.New{{Name: NameSent, Data: Sent{}}}, nil
	case paper || s.Phase != PhaseSealed || pkg == nil:
		return nil, s.stepError("it is sent")
	}
	return []events.New{{Name: NameSent, Data: Sent{Document: s.Document, Package: pkg.String()}}}, nil
}
