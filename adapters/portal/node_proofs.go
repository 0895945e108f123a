package portal

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/tram-exchange/tram/internal/bilingual"
)

// Proofs is what the page of proofs asks about the log as a whole: numbers, keys and digests, never a document. All methods may
// be called concurrently.
type Proofs interface {
	// Published is the head that everybody gets under /log/. view.ErrNotFound while nothing is published.
	Published(ctx context.Context) (Published, error)
	// LastStamp is the newest time-stamp over a head of the log. view.ErrNotFound if there is none.
	LastStamp(ctx context.Context) (Stamp, error)
	// Verifications lists what was verified here, newest first; one that is running stands first.
	Verifications(ctx context.Context) ([]Verification, error)
	// Verify begins to verify the whole record, in the name of an account (its user name), and returns at once. ErrVerifying if one is running.
	Verify(ctx context.Context, account string) error
	// Report is the printable report of a verification that has ended (HTML of one page, in both languages).
	Report(ctx context.Context, id string) (io.ReadCloser, error)
}

// ErrVerifying says that the record is being verified already: look at that one.
var ErrVerifying = errors.New("the record is being verified already")

// Published is a checkpoint as it is served to everyone.
type Published struct {
	Head
	Text     []byte // the signed note
	Key      string // verifier key of the log in force, name+id+base64
	Path     string // address of the log's files, e.g. "https://tram.example:8443/log/"
	Need, Of int    // witnesses that policy asks for, and how many there are; Of 0: no witnesses are configured
	Have     int    // cosignatures by them on this head
}

// Verification is one run of the whole-state checker over this node's record.
type Verification struct {
	ID       string
	By       string // account that asked for it
	Started  time.Time
	Ended    time.Time // zero: running
	Stage    string    // Stage* constant while running
	Done     int64     // of about Total, in the units of the stage
	Total    int64
	Outcome  string // Outcome* constant, "" while running
	Size     uint64 // of the head that was proved
	Root     string // hex
	Events   uint64
	Packages uint64
	Judged   uint64           // packages whose signatures were judged again
	Problem  string           // the first bad thing, or why it could not be done
	Means    bilingual.Text   // what such a thing means; zero if there is nothing bad
	Position uint64           // of the event that the problem is about, if HasPosition
	Has      bool             // Position says something
	Open     []bilingual.Text // what was not proved, and why
	Report   bool             // Report gives a file
}

// Running says whether it goes on.
func (v Verification) Running() bool { return v.Outcome == "" }

// Outcomes of a verification.
const (
	OutcomeProved = "proved"
	OutcomeWrong  = "wrong"  // something is not as it must be
	OutcomeFailed = "failed" // it could not be done
	OutcomeEnded  = "ended"  // the node stopped before it was done
)
