// Package witnessing keeps what a node has found against other logs: two signed heads of one log that cannot both be of one
// history. Whoever reads the event can prove it again, from the event alone: both checkpoints with the log's signatures,
// and, if they are of different sizes, the consistency proof that shows what the larger tree says of the smaller size.
//
// A log's own operator cannot have it removed: it stands in the log of another.
package witnessing

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/tram-exchange/tram/events"
)

// StreamPrefix begins the streams, one for each log that something was found against.
const StreamPrefix = "witness/"

// Stream is that of one log.
func Stream(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return StreamPrefix + hex.EncodeToString(sum[:])
}

// NameContradiction is the one event.
const NameContradiction = "witness.contradiction-recorded.v1"

// Kinds of contradiction.
const (
	KindSplit    = "split"    // two roots of one size: two histories shown at a time
	KindRollback = "rollback" // heads of different sizes: a history was left, and gone on from an earlier point
)

// Sources say where the second checkpoint came from.
const (
	SourceRequest   = "request"   // the log, or somebody with its checkpoint, asked for a cosignature
	SourceReceipt   = "receipt"   // the peer's receipt of a package that was handed over
	SourcePublished = "published" // the log's own published checkpoint
)

const (
	maxCheckpoint = 64 << 10 // bytes
	maxProof      = 63       // hashes
	maxKeys       = 16
	// maxAlarms is how many are recorded of one log. It is not believed any more after the first; the others must not fill ours.
	maxAlarms = 100
)

// Contradiction is the data of witness.contradiction-recorded.v1.
type Contradiction struct {
	Log    string          `json:"log"`    // origin of the other log
	Kind   string          `json:"kind"`   // Kind*
	Source string          `json:"source"` // Source*
	First  string          `json:"first"`  // signed checkpoint that was known before
	Second string          `json:"second"` // signed checkpoint that came later
	Root   events.Digest   `json:"root"`   // of the smaller size, in the tree under the larger head (of equal sizes: the second's)
	Proof  []events.Digest `json:"proof"`  // that it is so: RFC 6962, 2.1.2; empty for equal sizes
	Keys   []string        `json:"keys"`   // verifier keys of the log, by which both checkpoints verify
}

// Alarm is a recorded contradiction.
type Alarm struct {
	Contradiction
	Size     uint64 // at which the histories are known to differ: the smaller one
	Position uint64
	Time     time.Time // of the event
}

// State of a stream. The zero value is "nothing found".
type State struct {
	Alarms []Alarm // in order
}

// Version is the version of the last event folded, -1 if none.
func (s State) Version() int64 { return int64(len(s.Alarms)) - 1 }

// ErrUnproved: what is to be recorded does not prove itself.
var ErrUnproved = errors.New("couldn't record contradiction: it does not prove itself")
