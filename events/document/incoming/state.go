package incoming

import (
	"slices"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
)

// Phase is how far a document has come in the agency. The words are those of the read side, where registering shows as arrived.
type Phase string

// Phases. PhaseRefused is an end for ever.
const (
	PhaseArrived     Phase = "" // nobody has acted; for what is not of the exchange: nothing is known
	PhaseRegistering Phase = "registering"
	PhaseRegistered  Phase = "registered"
	PhasePresented   Phase = "presented"
	PhaseAssigned    Phase = "assigned"
	PhaseHandling    Phase = "handling"
	PhaseFinished    Phase = "finished"
	PhaseRefused     Phase = "refused"
	PhaseWithdrawn   Phase = "withdrawn"
)

// Phases lists them.
func Phases() []Phase {
	return []Phase{PhaseArrived, PhaseRegistering, PhaseRegistered, PhasePresented, PhaseAssigned, PhaseHandling, PhaseFinished,
		PhaseRefused, PhaseWithdrawn}
}

// State of one incoming document. The zero value is "nobody has acted". It is never changed: Fold gives a new one. It may be kept as
// JSON.
type State struct {
	Phase    Phase
	Document string // key, "" when it did not come through the exchange, or nobody has acted
	Channel  string // paper, mail, …; "" the exchange
	Priority int    // 0..4
	Register string // id
	Org      string // whose book, "" that of the stream's agency
	Book     string
	Year     int
	Chosen   int // the number last chosen, 0 none
	Number   int // in the register, 0 none yet
	// Presented is before whom it lies, or lay last.
	Presented string
	Returned  bool // it lies there because an assignment came back
	// Due is the day by which the next step should be done: presenting, assigning, finishing; "" none.
	Due        string
	Assignment Assignment
	Before     []directory.Assignee // who had it before, each once
	Replies    []Reply
	Answered   string         // the request to give it back that was answered last: RecallAnswered.By
	Ended      Phase          // finished or withdrawn: the phase it was in
	Last       events.Address // of the latest event
	Events     int64          // folded
}

// Assignment is the one in force.
type Assignment struct {
	By          string // person in whose name it was made, "" none
	InCharge    directory.Assignee
	Cooperating []directory.Assignee
	Limit       string // the latest day that a leader set, "" none
}

// Reply is a document of the agency that answers: one of the two.
type Reply struct {
	Document string // key
	Outgoing string // id
}

// Version is the version of the last event folded, -1 if none: what events.Append.Expected wants.
func (s State) Version() int64 { return s.Events - 1 }

// Entered says whether anything is known of it here: for what came on paper, that it exists.
func (s State) Entered() bool { return s.Events > 0 }

// Open says whether there is work to do with it.
func (s State) Open() bool {
	switch s.Phase {
	case PhaseFinished, PhaseRefused, PhaseWithdrawn:
		return false
	}
	return true
}

// Assigned says whether somebody is in charge of it.
func (s State) Assigned() bool { return s.Assignment.By != "" }

// Wanted is the number that the node has to give: its book and year.
func (s State) Wanted() (book string, year int, ok bool) {
	return s.Book, s.Year, s.Phase == PhaseRegistering
}

// had remembers who has to do with it.
func (s *State) had(list ...directory.Assignee) {
	s.Before = slices.Clip(s.Before)
	for _, a := range list {
		if !a.IsZero() && !slices.Contains(s.Before, a) {
			s.Before = append(s.Before, a)
		}
	}
}
