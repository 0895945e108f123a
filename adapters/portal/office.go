package portal

import (
	"context"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// Office does what people of an agency ask for in the portal. cmd satisfies it. It judges no session: the portal has asked who it is.
// What a person may do is judged by the rules of the record, with the directory as it is at that moment.
type Office interface {
	// Act makes a signed package of the act, hands it in by the node's one door, and waits for what follows at once (a number, the
	// views) as long as that takes little time. packageID is the one-time id of the click: whoever comes with it again gets the
	// same answer, Acted.Again, and nothing is done twice. An error is a *Refused for everything that a person can act on.
	// The files are given in the order of action.Files, which Act fills in.
	Act(ctx context.Context, who Actor, packageID string, action schemas.DossierAction, files []schemas.File) (Acted, error)
	// Opened records that a person was shown something. It comes before the content goes out: what cannot be recorded is not shown.
	Opened(ctx context.Context, who Actor, o Opening) error
	// Change makes a signed package of a change of the agency's own part of the directory and hands it in like an act: once for a
	// packageID, and the views show it when it returns. An error is a *Refused for everything that a person can act on.
	Change(ctx context.Context, who Actor, packageID string, c OfficeChange) (Acted, error)
	// History gives the latest recorded changes of the agency's part, latest first; see view.OfficeChange. next is 0 at the end, else
	// what the call for older ones takes as before.
	History(ctx context.Context, org string, before uint64, limit int) (list []view.OfficeChange, next uint64, err error)
}

// OfficeChange is what a person asks to be changed of the agency's own part of the directory.
type OfficeChange struct {
	Reason     string // the decision it follows
	Seen       *SeenSetting
	Operations []schemas.Operation // they name the agency by Organisation.Code
}

// SeenSetting is what the person saw of the thing to be changed: whoever was faster makes the form stale.
type SeenSetting struct {
	Kind    string // unit, person, register, series, chain, file-plan, retention; deadlines and calendar have no ID
	ID      string
	Version uint64 // as in view.Settings, 0: there was none of this id
}

// Actor is a person at work.
type Actor struct {
	Org    string // identity of the agency
	Person string // id in the agency's part of the directory
	For    string // person in whose place it is done, "" the own name. Act takes that of the action if this is ""
}

// Acted is an act that is in the record for ever.
type Acted struct {
	Target   view.Target
	Position uint64 // of its first event
	Package  string // hex SHA-256
	Again    bool   // the id was used before: this is what was done then
	// Pending says why not everything that follows is done yet, e.g. the number; the node goes on by itself. nil: all is done.
	Pending *Refused
}

// Opening is one look into something.
type Opening struct {
	Target view.Target // kind incoming, outgoing, dossier; or document, by its key, for who reads by another right
	What   string      // page, package, attachment, evidence
	Right  string      // reading right by which an auditor reads, "" none
}

// Refused is why an act was not done, in the words of the published list of refusals.
type Refused struct {
	Code      int
	Field     string // path in the package, "" none
	Vi, En    string // what to change
	Details   []string
	Broken    []BrokenRule // by a change of the directory
	Retryable bool         // the same may succeed later
	err       error
}

// BrokenRule is a rule of the directory that an operation breaks, by the directory's stable names.
type BrokenRule struct {
	Operation int // from 0; -1: the whole change
	Reason    string
	Detail    string // the id or value concerned
}

// NewRefused carries the cause for the log.
func NewRefused(r Refused, cause error) *Refused {
	r.err = cause
	return &r
}

func (r *Refused) Error() string { return r.En }

// Unwrap gives the cause.
func (r *Refused) Unwrap() error { return r.err }
