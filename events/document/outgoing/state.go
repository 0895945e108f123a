package outgoing

import (
	"slices"
	"time"

	"github.com/tram-exchange/tram/events"
)

// Phase is where a document stands. The words are those of the read side, but for PhaseSealed, which it shows as numbered.
type Phase string

// Phases. PhaseCancelled is an end; PhaseRecalled is that everyone was asked to give it back.
const (
	PhaseNone      Phase = ""
	PhaseDraft     Phase = "draft"
	PhaseSubmitted Phase = "submitted"
	PhaseSentBack  Phase = "sent-back"
	PhaseSigned    Phase = "signed"
	PhaseNumbering Phase = "numbering"
	PhaseNumbered  Phase = "numbered"
	PhaseSealed    Phase = "sealed"
	PhaseIssued    Phase = "issued"
	PhaseCancelled Phase = "cancelled"
	PhaseRecalled  Phase = "recalled"
)

// Phases lists them.
func Phases() []Phase {
	return []Phase{PhaseNone, PhaseDraft, PhaseSubmitted, PhaseSentBack, PhaseSigned, PhaseNumbering, PhaseNumbered, PhaseSealed,
		PhaseIssued, PhaseCancelled, PhaseRecalled}
}

// State of one outgoing document. It may be kept as JSON.
type State struct {
	Org, ID  string
	Phase    Phase
	Opened   Opened
	Latest   Revised // version
	Asked    []OpinionAsked
	Chain    Chain
	Signed   Signed     // once it is
	Issue    IssueAsked // the latest
	Chosen   int        // the number last chosen, 0 none
	Number   int        // the number it has, 0 none
	Refused  int        // code by which the door refused what was sealed last, 0 none
	Document string     // key, once sealed
	Sent     Sent
	SentAt   time.Time
	Recalled []Recipient    // asked to give it back
	Last     events.Address // of the latest event
	Events   int64          // folded
}

// Chain is the chain of the latest submission.
type Chain struct {
	ID      string
	Version int
	Steps   []Step
	Done    int    // steps agreed to
	Due     string // of the step it stands at
}

// Version is the version of the last event folded, -1 if none: what events.Append.Expected wants.
func (s State) Version() int64 { return s.Events - 1 }

// Author is whose document it is.
func (s State) Author() string {
	if s.Opened.For != "" {
		return s.Opened.For
	}
	return s.Opened.Person
}

// Step is the step at which the document stands; false when it is not in a chain.
func (s State) Step() (Step, bool) {
	if s.Phase != PhaseSubmitted || s.Chain.Done >= len(s.Chain.Steps) {
		return Step{}, false
	}
	return s.Chain.Steps[s.Chain.Done], true
}

func (s State) recalled(org string) bool {
	return slices.ContainsFunc(s.Recalled, func(r Recipient) bool { return r.Org == org })
}
