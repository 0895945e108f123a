// Package destruction is the lawful end of content: which packages and facts are destroyed, by whose decision, and that it
// was done. There is one stream. Its statements name keys, digests and positions; they hold nothing of what is destroyed.
//
// A request comes in as a signed package. Deciding it records destruction.decided.v1; from then on nothing that it covers
// is taken in again. Doing it is a step of its own for each target, recorded as destruction.executed.v1 when nothing is left:
// a node that stops in between does it again, and records it once.
//
// Statements, the tree, receipts, evidence and the events of deliveries stay: they prove that there was something, when, and
// whose it was, and under which decision it is gone.
package destruction

import (
	"errors"
	"fmt"
	"time"

	"github.com/tram-exchange/tram/events"
)

// Stream is the name of the one stream.
const Stream = "destruction"

// Names of events.
const (
	NameDecided  = "destruction.decided.v1"
	NameExecuted = "destruction.executed.v1"
)

// MaxTargets is how many targets one request may have; its statement stays well below the limit of statements.
const MaxTargets = 2000

// Scope says what of the targets goes.
type Scope string

// Scopes.
const (
	ScopeAll      Scope = "all"
	ScopePackages Scope = "packages" // the bytes as they were handed in
	ScopeFacts    Scope = "facts"    // the words that registers and search show
)

// Packages says whether bytes go.
func (s Scope) Packages() bool { return s == ScopeAll || s == ScopePackages }

// Facts says whether words go.
func (s Scope) Facts() bool { return s == ScopeAll || s == ScopeFacts }

// Target is one thing to destroy, by exactly one of its members.
type Target struct {
	Document string         `json:"document,omitempty"` // key: all that the document's stream held before the decision
	Package  *events.Digest `json:"package,omitempty"`  // these bytes, and the facts of the events that name them
	Event    *uint64        `json:"event,omitempty"`    // position: the facts of this one event
}

// String names the target for people.
func (t Target) String() string {
	switch {
	case t.Package != nil:
		return "package " + t.Package.String()
	case t.Event != nil:
		return fmt.Sprintf("event %d", *t.Event)
	}
	return "document " + t.Document
}

func (t Target) check() error {
	n := 0
	for _, given := range []bool{t.Document != "", t.Package != nil, t.Event != nil} {
		if given {
			n++
		}
	}
	if n != 1 {
		return fmt.Errorf("target has %d of document, package and event, expected one", n)
	}
	return nil
}

// Ruling is one agency's decision, as far as it is no words.
type Ruling struct {
	Org  string `json:"org"`  // identity of the agency that decided
	Date string `json:"date"` // yyyy-MM-dd
}

// Holder is whose certificate signed.
type Holder struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
}

// Decided is the data of destruction.decided.v1.
type Decided struct {
	Request   string          `json:"request"`
	Content   events.Digest   `json:"content"`
	Signer    events.Digest   `json:"signer"`
	Holder    Holder          `json:"holder"`
	Scope     Scope           `json:"scope"`
	NotBefore time.Time       `json:"not_before,omitzero"`
	Decisions []Ruling        `json:"decisions"`
	Targets   []CountedTarget `json:"targets"`
	Judged    time.Time       `json:"judged"`
}

// CountedTarget is a target with what it covers that no earlier decision did.
type CountedTarget struct {
	Target
	Of       string `json:"of,omitempty"`       // key of the document that a package or event is of, if it is one
	Facts    int    `json:"facts,omitempty"`    // events whose facts go
	Packages int    `json:"packages,omitempty"` // distinct
}

// Key is that of the document concerned, "" if there is not just one.
func (t CountedTarget) Key() string {
	if t.Document != "" {
		return t.Document
	}
	return t.Of
}

// Facts are the words of a request.
type Facts struct {
	Decisions []RulingFacts `json:"decisions"`
	Reason    string        `json:"reason,omitempty"`
	Person    string        `json:"person,omitempty"`
	Position  string        `json:"position,omitempty"`
	Account   string        `json:"account,omitempty"`
}

// RulingFacts are the words of one decision, in the order of Decided.Decisions.
type RulingFacts struct {
	Number    string `json:"number"`
	Body      string `json:"body"`
	Ground    string `json:"ground"`
	Appraisal string `json:"appraisal,omitempty"`
}

// Executed is the data of destruction.executed.v1: nothing of the target is left on this node. The numbers are what the
// decision covers, not what was still found: the step may be a repetition.
type Executed struct {
	Decision uint64 `json:"decision"`           // position of the decision
	Target   int    `json:"target"`             // index of the target in it
	Document string `json:"document,omitempty"` // key of the document concerned
	Facts    int    `json:"facts,omitempty"`
	Packages int    `json:"packages,omitempty"`
	Bytes    int64  `json:"bytes,omitempty"` // length of the packages
}

// Request is a verified package of kind Destruction, with what the node has found about each target.
type Request struct {
	ID        string
	Content   events.Digest // signed content, without signatures
	Signer    events.Digest
	Holder    Holder
	Scope     Scope
	NotBefore time.Time
	Decisions []Ruling
	Targets   []Found
	At        time.Time // as of when it is judged
	Facts     Facts
}

// Found is a target as the record knows it.
type Found struct {
	CountedTarget
	Exists  bool     // something in the record has this name
	Content bool     // it is of a stream whose content may go: a document's
	Before  bool     // some of it was decided before
	Keepers []Keeper // the agencies of this node that the document is of
	Open    []string // identities to whom it is still being delivered
	Holds   []string // ids of rights in force to read just this document
}

// Keeper is an agency that keeps the document, and whose decision frees it: its own, its successor's or one above it.
type Keeper struct {
	Org string
	By  []string
}

// Reason is why a request is refused.
type Reason string

// Reasons.
const (
	ReasonIDReused  Reason = "id-reused"       // id of another request
	ReasonUnknown   Reason = "unknown"         // nothing in the record has this name
	ReasonKept      Reason = "must-be-kept"    // what the record itself rests on
	ReasonTwice     Reason = "named-twice"     // a target stands twice in the request
	ReasonUndecided Reason = "undecided"       // an agency that keeps it here has not decided
	ReasonDelivery  Reason = "in-delivery"     // not yet with all recipients
	ReasonHeld      Reason = "held"            // somebody has a right to read just this one
	ReasonDecided   Reason = "decided-before"  // all of it was decided before
	ReasonNothing   Reason = "nothing-to-take" // it has neither package nor facts of this scope
	ReasonMalformed Reason = "malformed"
)

// Refusal says which targets are in the way, and why.
type Refusal struct {
	Reason Reason
	Detail []string
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("couldn't decide destruction: %s %q", r.Reason, r.Detail)
}

var errOrder = errors.New("events of the stream do not follow each other")
