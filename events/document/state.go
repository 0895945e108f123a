package document

import (
	"slices"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/internal/pmap"
)

// State of one document. The zero value is "nothing known". A State is never changed: Fold gives a new one.
type State struct {
	// Received is false before the document itself has come in; effects may be known before (a recall can overtake
	// what it recalls on the way between nodes).
	Received   bool
	Document   string // hex key
	Business   int
	Sender     string // identity
	SenderNode string
	Content    events.Digest
	Package    events.Digest
	Address    events.Address // of document.received
	At         time.Time      // node time of document.received
	Assurance  string
	Priority   int         // 0..4
	Recipients []Recipient // in order; grows by resends and updates
	Packages   []Carried   // every package that carried the document, the first one first
	Effects    []Effect    // what later documents and take-back requests did to it, in order

	events   int64              // number of events folded
	progress pmap.Map[progress] // by recipient identity
	statuses pmap.Map[seen]     // by status key
}

// Carried is a package that carried the document, and the event that says so.
type Carried struct {
	Package events.Digest
	Address events.Address
}

// Effect as recorded.
type Effect struct {
	Kind       EffectKind
	By         string   // hex key of the document, or "status:" + hex SHA-256 of the status package
	Recipients []string // identities concerned; nil: all
	Added      []Recipient
	Removed    []string
	Sender     string // identity that did it
	Address    events.Address
}

// Stage is how far a recipient says it has come.
type Stage int

// Stages. StageRefused and StageTakenBack are ends.
const (
	StageNone       Stage = iota
	StageArrived          // 01
	StageAccepted         // 03
	StageAssigned         // 04
	StageProcessing       // 05
	StageDone             // 06
	StageRefused          // 02
	StageTakenBack        // 15 in answer to a recall
)

// Progress is what is known of one recipient from status messages.
type Progress struct {
	Stage   Stage
	Last    string         // code of the latest status from it, "" none
	Address events.Address // of that status
	// Asked is the request not yet answered with 15 or 16: EffectRecall, if any of them is one, else the latest, else "".
	Asked EffectKind
	// Answered is "15" or "16", the latest answer, "" if there was none.
	Answered string
}

// progress is what is kept of a recipient. What it is asked follows from the effects after those it has answered.
type progress struct {
	stage    Stage
	last     string
	answer   string
	answered int    // number of effects known when it answered
	reported uint32 // bit n: status code n was reported
	address  events.Address
}

type seen struct {
	content events.Digest
	address events.Address
}

// Version is the version of the last event folded, -1 if none: what events.Append.Expected wants.
func (s State) Version() int64 { return s.events - 1 }

// Progress of a recipient (identity).
func (s State) Progress(org string) Progress {
	p, _ := s.progress.Get(org)
	return Progress{Stage: p.stage, Last: p.last, Address: p.address, Asked: s.asked(org, p), Answered: p.answer}
}

func (s State) asked(org string, p progress) EffectKind {
	var kind EffectKind
	for _, e := range s.Effects[p.answered:] {
		if e.concerns(org) && kind != EffectRecall {
			kind = e.Kind
		}
	}
	return kind
}

func (e Effect) concerns(org string) bool {
	return len(e.Recipients) == 0 || slices.Contains(e.Recipients, org) || slices.Contains(e.Removed, org)
}

// Recipient by identity.
func (s State) Recipient(org string) (Recipient, bool) {
	for _, r := range s.Recipients {
		if r.Org == org {
			return r, true
		}
	}
	return Recipient{}, false
}

// Recalled says whether the document is taken back from the recipient, by a recall or by an update that removes it, and by
// what (see Effect.By).
func (s State) Recalled(org string) (by string, ok bool) {
	for _, e := range s.Effects {
		switch {
		case e.Kind == EffectRecall && e.concerns(org), slices.Contains(e.Removed, org):
			by, ok = e.By, true
		case slices.ContainsFunc(e.Added, func(r Recipient) bool { return r.Org == org }):
			by, ok = "", false
		}
	}
	return by, ok
}

// effect finds a recorded effect.
func (s State) effect(kind EffectKind, by string) (Effect, bool) {
	for _, e := range s.Effects {
		if e.Kind == kind && e.By == by {
			return e, true
		}
	}
	return Effect{}, false
}
