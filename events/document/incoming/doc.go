// Package incoming is the life of one document that came to an agency (văn bản đến): taken into a register or given back, laid before
// a leader, assigned, handled, finished.
//
// # Where it begins
//
// A document of the exchange has arrived when its own stream names the agency as a recipient: the record says so already
// (document.received, resent, updated), so there is no event here that repeats it. The stream incoming/<agency>/<document key> begins
// with the first act of a person: registration, or refusal; or with the node's word that the sender took it back. Until then the
// document is arrived, in the views too: a view makes the row from the document's stream and lets this one go on with it. What came on
// paper or by another channel begins with incoming.paper-entered, under an id that the clerk's program chose.
//
// An agency that succeeds another goes on with the other's streams, and with what came to the other under the other's name; it registers in
// its own books. What else it begins bears its own name.
//
// # Phases
//
//	arrived ──► registering ──► registered ──► presented ──► assigned ──► handling ──► finished
//	   └─► refused                  └──────────────┴─────────────┴────────────┴──► withdrawn
//
// Registered, presented, assigned and handling may all go to assigned (again), and those that have not been assigned may be finished
// at once by a leader: much is only to be known. An assignment given back is presented again, to who made it. An end is taken back by
// reopening: of finished by a leader or head; of withdrawn when the sender has given the document again. Refused is an end for ever:
// the sender was told so (02), and a registered document is refused no more: finish it with that result.
//
// A sender may ask for the document back at any time (document.recalled, or an update that takes the agency off its recipients). Until a
// clerk or leader has answered, nothing is done with it but opinions; the answer is recorded here and told by the node (15, 16). What
// nobody had registered is withdrawn at once.
//
// # Number
//
// See package numbering. incoming.registration-asked is the clerk's act and names book and year; number-chosen and registered are the
// node's.
//
// # Who may do what
//
// A person acts in the own name or, by a delegation, in the place of another (For); then the other's duties count, as far as
// delegated, and what lies with the other.
//
//	register, enter paper, refuse   a clerk
//	present                         a clerk, a leader, who has it before him
//	assign                          a leader; a head what lies before him or with a unit of his: within those units
//	transfer back, start, finish    who is in charge; the head of the unit in charge; finish what is not assigned: a leader, who has it
//	                                before him
//	give an opinion                 who has to do with it: before whom it lies, in charge, cooperating, their units; a leader
//	change the deadline             a leader; before it has passed who assigned it, not beyond what a leader set
//	link a reply                    who may finish it, and a clerk
//	answer a sender who asks back   a clerk, a leader
//	reopen                          a leader; the head of the unit in charge
//
// Administrators, auditors and archivists do nothing here. To someone with whom a document has nothing to do it does not exist: see
// State.Concerns.
//
// # Deadlines
//
// They are days of +07:00. Assign without one takes the agency's rule, and keeps the one there is when done again. None is set before
// today. Work after a deadline is not refused but marked late; a deadline that has passed is moved by a leader only, with a reason.
package incoming

import (
	"fmt"
	"strings"
)

// StreamPrefix begins the name of every stream of an incoming document.
const StreamPrefix = "incoming/"

// Stream is the stream of an incoming document: org is the agency's identity; id is the document's key, or was chosen for what came on
// paper.
func Stream(org, id string) string { return StreamPrefix + org + "/" + id }

// ParseStream is the reverse of Stream.
func ParseStream(stream string) (org, id string, err error) {
	rest, ok := strings.CutPrefix(stream, StreamPrefix)
	org, id, two := strings.Cut(rest, "/")
	if !ok || !two || org == "" || id == "" || strings.Contains(id, "/") {
		return "", "", fmt.Errorf("couldn't read %q as the stream of an incoming document", stream)
	}
	return org, id, nil
}
