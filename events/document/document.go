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

	"golang.org/x/text/unicode/norm"
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
