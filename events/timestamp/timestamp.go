// Package timestamp dates the log: from time to time a signed head (a checkpoint) is shown to a time-stamp authority
// (RFC 3161), and its answer is recorded. Everything under that head provably existed by the time in the token, whatever
// the clock of the node said, and so did the tokens recorded before: each stamp renews those before it, as an archive
// time-stamp does, because the statement of the older one names its token and lies under the newer head.
//
// What is stamped is the checkpoint as it was signed, text and signature lines: the token also proves that the signatures
// existed, so that a key of the node that is stolen later cannot make heads for a day that has been stamped. The
// checkpoint stands in the event, the token (DER) is the event's evidence. All of it can be checked by hand:
//
//	openssl ts -verify -token_in -in TOKEN -data CHECKPOINT -CAfile AUTHORITY
//
// The package knows no ASN.1: what the token says is given by the one who has verified it.
package timestamp

import (
	"errors"
	"time"

	"github.com/tram-exchange/tram/events"
)

// Stream is the one stream of a log's time-stamps.
const Stream = "timestamp"

// NameStamped is the one event.
const NameStamped = "ledger.checkpoint-timestamped.v1"

// maxCheckpoint bounds the checkpoint that an event holds, in bytes: two signature lines take under 1 KiB.
const maxCheckpoint = 16 << 10

// Stamped is the data of ledger.checkpoint-timestamped.v1. The token itself is the evidence of the event.
type Stamped struct {
	Size       uint64        `json:"size"`       // of the log under the head
	Root       events.Digest `json:"root"`       // of the tree
	Checkpoint string        `json:"checkpoint"` // the signed note, as it was stamped
	Hash       string        `json:"hash"`       // of the message imprint: "SHA-256", "SHA-384" or "SHA-512"
	Imprint    string        `json:"imprint"`    // that hash of Checkpoint, hexadecimal
	Token      events.Digest `json:"token"`      // SHA-256 of the token: the event's evidence
	TSA        string        `json:"tsa"`        // subject of the certificate that signed the token
	Signer     events.Digest `json:"signer"`     // SHA-256 of that certificate
	Time       time.Time     `json:"time"`       // the token's
	Until      time.Time     `json:"until"`      // end of that certificate's validity
}

// Stamp is the command: a token that has been verified over this checkpoint.
type Stamp struct {
	Stamped
	Raw []byte // the token
}

// State of the stream. The zero value is "none yet".
type State struct {
	Count   uint64 // stamps recorded
	Last    Stamped
	Address events.Address // of the last stamp
}

// Version is the version of the last event folded, -1 if none.
func (s State) Version() int64 { return int64(s.Count) - 1 }

// Errors of Decide.
var (
	ErrIncomplete = errors.New("couldn't record time-stamp: checkpoint, token, signer and times are needed, and must be about one head")
	ErrBehind     = errors.New("couldn't record time-stamp: it proves no more than the last one")
)
