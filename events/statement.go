// Package events is the record: the statement that every event is, the seal that proves its place,
// and the contract of the stores that keep them.
//
// The record is the only truth of a node. Everything else (registers, mailboxes, pages) is computed
// from it and can be thrown away. See docs/formats.md for the bytes.
package events

import (
	"encoding/json"
	"time"
)

// Digest is a full SHA-256. Nothing in the record is identified by less.
type Digest [32]byte

// Statement is what an event says. Its encoding (see Encode) is written once and from then on stored,
// hashed and verified as those very bytes; it is never re-serialised.
//
// It holds identifiers, codes and digests only: no personal data, no subject, no number and notation
// (those are Facts). It does not hold its own position: the position is the place in the log.
type Statement struct {
	Origin   string          // origin line of the log, e.g. "tram.bacgiang.example/log"
	Stream   string          // e.g. "document/<64 hex>"; see the kind's own package
	Version  uint64          // dense within the stream, from 0
	Name     string          // e.g. "document.received.v1"; a constant of the kind's own package
	Time     time.Time       // node time, UTC, microseconds, never decreasing along positions
	Actor    string          // organisation in whose name it happened, or "node"
	Client   string          // authenticated caller, e.g. "cert:<hex>", "token:<id>", "peer:<origin>", "node"
	Cause    *Address        // the event this one follows from, if any (may be in another log)
	Basis    Basis           // what the decision read
	Package  *PackageRef     // the package that carries the originator's signature, if any
	Facts    *Digest         // SHA-256(32 random bytes ‖ facts), if the event has facts
	Evidence *Digest         // SHA-256 of the stored validation evidence, if any
	Data     json.RawMessage // the event's own fields: one JSON object, compact, in the fixed order of its Go type
	Nonce    [16]byte        // random, so that a leaf cannot be guessed from outside
}

// Address is the place of an event: unique over all nodes.
type Address struct {
	Origin   string `json:"origin"`
	Position uint64 `json:"position"`
}

// Basis is what a decision was judged by: log positions (in the statement's own log) of the last
// directory and policy event it had read. A value of n means: folded up to and including position n-1,
// so that zero means "nothing yet".
type Basis struct {
	Directory uint64 `json:"directory"`
	Policy    uint64 `json:"policy"`
}

// PackageRef names a stored package.
type PackageRef struct {
	SHA256 Digest `json:"sha256"`
	Length int64  `json:"length"` // bytes
}

// Facts are the words that views need and the statement must not hold. They can be destroyed by lawful
// decision; Salt and Text then vanish together and the statement stays provable.
type Facts struct {
	Salt [32]byte
	Text []byte // JSON object of the event's kind
}

// New is an event that a decider wants recorded. The store adds origin, version, time and nonce.
type New struct {
	Name  string
	Data  any // marshalled with encoding/json; fixed field order of its Go type
	Facts any // nil: none
}

// Event is a recorded event as read back: the statement, its exact bytes and its position. Whoever reads it shares it
// with others who do: nothing that it points to may be changed.
type Event struct {
	Position  uint64
	Statement Statement
	Bytes     []byte // the statement as first written
	Facts     []byte // Facts.Text, or nil if there are none or they were destroyed
	Destroyed bool   // the statement names facts that were lawfully destroyed
}
