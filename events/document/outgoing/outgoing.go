// Package outgoing is the life of one document that an agency makes: the draft and its versions, opinions, the chain of approval,
// signature, number, sending, and what its agency does to it afterwards. What recipients answer is on the stream of the document that
// was sent (package document), and is not told again here.
//
// # Who acts
//
// Every act is of a person, in the own name or in the place of another (For). Persons are ids of the agency's part of the directory;
// what they may do follows from their duties as of the act. The author of a draft is who opened it, or in whose place it was opened.
//
// # What an approval is worth
//
// A submission copies the steps of the chain: what the agency changes later does not change a chain that runs. An approval is of the
// version that was submitted. A draft that was sent back begins again with the first step, even if nobody has changed it: whoever
// agreed before agreed to what was then found wanting. Whose draft it is, who wrote the version submitted, and in whose place they did,
// approves none of the steps before the signature: those are there for a second pair of eyes. The signature itself is the signer's,
// also on a draft of his own: an agency that wants no other look at it says so by a chain that has only that step.
//
// # Number, seal, sending
//
// See package numbering for how a document gets its number. What goes out is sealed first (outgoing.sealed): from then on a
// cancellation comes too late. If the door refuses what was sealed, that is recorded with the number of the refusal, the document keeps
// its number, and a clerk may issue it again or cancel it.
package outgoing

import (
	"fmt"
	"strings"
)

// StreamPrefix begins the name of every stream of an outgoing document.
const StreamPrefix = "outgoing/"

// Stream is the stream of an outgoing document: org is the agency's identity, id was chosen by who began it.
func Stream(org, id string) string { return StreamPrefix + org + "/" + id }

// ParseStream is the reverse of Stream.
func ParseStream(stream string) (org, id string, err error) {
	rest, ok := strings.CutPrefix(stream, StreamPrefix)
	org, id, two := strings.Cut(rest, "/")
	if !ok || !two || org == "" || id == "" || strings.Contains(id, "/") {
		return "", "", fmt.Errorf("couldn't read %q as the stream of an outgoing document", stream)
	}
	return org, id, nil
}
