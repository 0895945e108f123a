// Package peer is what two nodes say to each other: the hand-over of a package and the exchange of directory
// changes, over HTTP with certificates on both sides (docs/peers.md has the bytes).
//
// It carries and answers; it decides nothing. Who the caller is says the Authenticate given to the handler, whether a
// package is accepted says the gateway's door, and what an answer means for a delivery says package router.
package peer

import (
	"fmt"
	"io"

	"github.com/tram-exchange/tram/events"
)

// Paths on the node's mTLS listener.
const (
	PathPackages  = "/peer/v1/packages"
	PathDirectory = "/peer/v1/directory"
	PathReceipt   = "/peer/v1/receipts/" // and the SHA-256 of the package in hex
)

// Names of the parts of a hand-over, in the order in which they are sent.
const (
	partHanded   = "handed"   // JSON array of organisation codes
	partReceipt  = "receipt"  // the handing node's receipt
	partEvidence = "evidence" // its stored validation evidence; left out when there is none
	partPackage  = "package"  // the bytes, unaltered
)

// Bounds of what a peer may make this node hold in memory, in bytes. The package itself streams.
const (
	maxReceipt  = 4 << 20
	maxEvidence = 16 << 20
	maxHanded   = 1 << 20
	maxAnswer   = 4 << 20
	maxChange   = 64 << 20
)

// Handover is one package for the recipients that the other node serves.
type Handover struct {
	SHA256   events.Digest
	Size     int64
	Package  io.ReaderAt
	Handed   []string // codes of the recipients, as written in the package where they stand in it
	Receipt  []byte   // C2SP tlog-proof of the event by which this node accepted the package
	Evidence []byte   // validation evidence of that event; nil if it has none
}

// Target is a peer as the directory knows it.
type Target struct {
	Origin      string
	URLs        []string        // tried in order; each is the base to which the paths are appended
	TLS         []events.Digest // SHA-256 of server certificates accepted
	Authorities [][]byte        // or DER of authorities that issue them
}

// RefusedError is a numbered refusal by the peer.
type RefusedError struct {
	Status    int      `json:"-"`
	Code      int      `json:"code"`
	ID        string   `json:"id"`
	Vi        string   `json:"message_vi"`
	En        string   `json:"message_en"`
	Retryable bool     `json:"retryable"`
	Details   []string `json:"details"`
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("refused by the peer: %d %s (status %d)", e.Code, e.ID, e.Status)
}

// FailedError says that there was no usable answer. The outcome is unknown if Reached.
type FailedError struct {
	Class   string // stable word for events and metrics: "unreachable", "interrupted", "busy", "answer"
	Reached bool   // a connection stood, so the peer may have recorded the package
	Err     error
}

// Classes of failures.
const (
	ClassUnreachable = "unreachable" // no connection: address, network, TLS
	ClassInterrupted = "interrupted" // connection lost or timed out before the answer
	ClassBusy        = "busy"        // the peer says: later
	ClassAnswer      = "answer"      // an answer that is neither a receipt nor a numbered refusal
)

func (e *FailedError) Error() string {
	return fmt.Sprintf("couldn't reach an answer (%s): %v", e.Class, e.Err)
}
func (e *FailedError) Unwrap() error { return e.Err }
