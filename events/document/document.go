// Package document is what happens to one document between organisations: its acceptance, its being handed in again, what
// recipients report, and what later documents of its sender do to it. Where its copies are is package delivery's affair.
//
// # Whose document
//
// A document is named by its sender and the DocumentId that the sender gave it (Key). Only the sender, or the organisation
// that succeeds it, can ever write under that name. The same name with the same content is the same document: the earlier
// receipt, or a resend to those not yet served. The same name with other content is refused.
//
// # Recall, update, replacement
//
// Such a document is accepted as a document of its own, for its own recipients, whether or not the earlier document is known
// here. What it does to the earlier one is recorded afterwards on that one's stream by DecideEffect, as often as the router
// likes. If the earlier document has not come in (yet), the effect is recorded all the same, on the stream that the
// document will have: between nodes a recall may overtake what it recalls, and must not be lost. No one but the sender can
// reach that stream, so no one can recall another's document in advance. A status 13 is reported and recalls in one decision.
package document

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"golang.org/x/text/unicode/norm"

	"github.com/tram-exchange/tram/events"
)

// StreamPrefix begins the name of every document stream.
const StreamPrefix = "document/"

// Key is the hex part of Stream: the document's name without its words. org is the sender's identity; the DocumentId is
// compared in Unicode NFC and otherwise as written.
func Key(org, documentID string) string {
	h := sha256.Sum256([]byte("tram document v1\n" + org + "\n" + norm.NFC.String(documentID)))
	return hex.EncodeToString(h[:])
}

// Keys are the keys under which a document of any of the identities may stand, in the same order.
func Keys(identities []string, documentID string) []string {
	out := make([]string, len(identities))
	for i, org := range identities {
		out[i] = Key(org, documentID)
	}
	return out
}

// Stream is the stream of a document.
func Stream(org, documentID string) string { return StreamPrefix + Key(org, documentID) }

// Fold gives the state after one more event of a document stream. It never changes s. An unknown event name, or an event that
// cannot follow, is an error.
func Fold(s State, e events.Event) (State, error) { return s, errors.New("not built yet") }

// DecideReceive judges a document on the stream Stream(sender identity, DocumentId). A refusal is a *Refusal.
func DecideReceive(s State, c Receive) (Decision, error) {
	return Decision{}, errors.New("not built yet")
}

// DecideStatus judges a status message on the stream of the document it answers. A refusal is a *Refusal.
func DecideStatus(s State, c ReportStatus) (Decision, error) {
	return Decision{}, errors.New("not built yet")
}

// DecideEffect records what one document does to another, on the other's stream. A refusal is a *Refusal.
func DecideEffect(s State, c RecordEffect) (Decision, error) {
	return Decision{}, errors.New("not built yet")
}

// Progress of a recipient (identity).
func (s State) Progress(org string) Progress { p, _ := s.progress.Get(org); return p }

// Recipient by identity.
func (s State) Recipient(org string) (Recipient, bool) { return Recipient{}, false }

// Recalled says whether the document is recalled for the recipient, and by what.
func (s State) Recalled(org string) (by string, ok bool) { return "", false }
