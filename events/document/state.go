package document

import (
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
	Recipients []Recipient // in order; grows by resends and updates
	Packages   []Carried   // every package that carried the document, the first one first
	Effects    []Effect    // what later documents and take-back requests did to it, in order

	progress pmap.Map[Progress] // by recipient identity
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
	// Asked is the latest request not yet answered with 15 or 16: EffectRecall, EffectUpdate, EffectReplace or "".
	Asked EffectKind
	// Answered is "15" or "16", the answer to the latest request, "" if there is none.
	Answered string
}

type seen struct {
	content events.Digest
	pkg     events.Digest
	address events.Address
}
