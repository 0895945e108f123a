// Package refusal records that a package of a known sender, handed in by an authenticated caller, was refused. It has no
// text: digest, caller and code are enough to prove later that a package had come in and what was answered. Of a state
// secret not even the digest is kept.
package refusal

import (
	"encoding/hex"

	"github.com/tram-exchange/tram/events"
)

// NameRecorded is the one event.
const NameRecorded = "refusal.recorded.v1"

// StreamPrefix begins the name of every refusal stream.
const StreamPrefix = "refusal/"

// Stream is a stream of its own for each refusal: random, so that refusals never wait for each other.
func Stream(random [16]byte) string { return StreamPrefix + hex.EncodeToString(random[:]) }

// Recorded is the data of refusal.recorded.v1.
type Recorded struct {
	Digest *events.Digest `json:"digest,omitempty"` // of the package; never of a secret
	Caller string         `json:"caller"`           // authenticated client
	Sender string         `json:"sender,omitempty"` // identity, if the package named a known one
	Code   string         `json:"code"`             // number from the published list
}

// Record is the command.
type Record struct {
	Digest events.Digest // zero: unknown
	Caller string
	Sender string
	Code   string
	Secret bool // the package was refused as a state secret
}

// State of one refusal stream.
type State struct {
	Recorded Recorded
	Address  events.Address
	Done     bool
}
