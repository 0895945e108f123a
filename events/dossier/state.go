package dossier

import (
	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/internal/pmap"
)

// Phase of a dossier. The words are those of the read side.
type Phase string

// Phases.
const (
	PhaseNone   Phase = ""
	PhaseOpen   Phase = "open"
	PhaseClosed Phase = "closed"
)

// Phases lists them.
func Phases() []Phase { return []Phase{PhaseNone, PhaseOpen, PhaseClosed} }

// State of one dossier. It is never changed: Fold gives a new one.
type State struct {
	Phase     Phase
	FilePlan  string
	Retention string
	InCharge  string // person
	Unit      string // of that person when it got it, "" the agency as such
	Due       string
	Book      string
	Year      int
	Chosen    int    // the number last chosen, 0 none
	Number    int    // 0 none yet
	Items     uint64 // the number last given
	InIt      int    // items not taken out
	Tasks     int
	OpenTasks int
	Last      events.Address // of the latest event
	Events    int64          // folded

	items  pmap.Map[item]   // by number
	inside pmap.Map[uint64] // by target: its item, 0 when it was taken out
	tasks  pmap.Map[Task]
	before pmap.Map[struct{}] // persons who had it in charge before
}

type item struct {
	target  Target // zero: files
	removed bool
}

// Task as given.
type Task struct {
	ID   string
	By   string // person in whose name it was given
	To   directory.Assignee
	Due  string
	Done bool
}

// Version is the version of the last event folded, -1 if none: what events.Append.Expected wants.
func (s State) Version() int64 { return s.Events - 1 }

// Wanted is the number that the node has to give: its book and year.
func (s State) Wanted() (book string, year int, ok bool) {
	return s.Book, s.Year, s.Phase != PhaseNone && s.Number == 0
}

// Task by id.
func (s State) Task(id string) (Task, bool) { return s.tasks.Get(id) }
