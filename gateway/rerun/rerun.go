package rerun

import (
	"context"
	"fmt"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/signing"
)

// Record is the record at random: events.Store and sqlitestore.Reader are ones. Streams that Apply has not at hand are read from it
// up to the position it has come to, so that memory does not grow with the record.
type Record interface {
	Stream(ctx context.Context, stream string, from uint64, f func(events.Event) error) error
	Event(ctx context.Context, position uint64) (events.Event, error)
	Evidence(ctx context.Context, sha256 events.Digest) ([]byte, error)
	OpenPackage(ctx context.Context, sha256 events.Digest) (events.PackageReader, error)
}

// Options of a Rerun. Origin and Record are required.
type Options struct {
	Origin string
	Record Record
	// From is the first position to judge: what a run that was cut short had applied is not judged again. It must be the first event
	// of an append.
	From uint64
	// Pinned are the administrators that the configuration let begin the directory. nil: not known, and told as unproved.
	Pinned []events.Digest
	// Destroyed says whether facts and package of an event were destroyed by a recorded decision. nil: nothing was.
	Destroyed func(e events.Event) bool
	// Streams is how many states of streams are kept in memory; 0: 65536.
	Streams int
}

// Source gives what an event refers to, for who has it at hand. Nil functions: it is read from the Record. That the bytes are those that
// the statement names is for the verification of the store to say.
type Source struct {
	Evidence func() ([]byte, error)
	Package  func() (events.PackageReader, error)
}

// Mismatch is one event that the rules do not give.
type Mismatch struct {
	Position uint64
	Stream   string
	Name     string
	Rule     string // basis, caller, package, evidence, signature, revocation, decision, data, facts, cause, form, stream, order
	Recorded string // what stands in the record, as far as it can be told in a line
	Given    string // what the rules give
}

func (m *Mismatch) Error() string {
	s := fmt.Sprintf("event %d (%s on %s) is not what the rules give: %s", m.Position, m.Name, m.Stream, m.Rule)
	if m.Recorded != "" {
		s += ": recorded " + m.Recorded
	}
	if m.Given != "" {
		s += ", the rules give " + m.Given
	}
	return s
}

// Report says what a Rerun has judged.
type Report struct {
	Events   uint64 // judged
	Appends  uint64 // decisions they came from
	Packages uint64 // parsed and their signatures verified again
	Unproved []Unproved
}

// Unproved is something that the record alone can not prove, however right it may be.
type Unproved struct {
	What  string
	Count uint64
	First uint64 // position of the first event it is about
}

// Prepared is an event on its way to Apply.
type Prepared struct {
	e events.Event
}

// Event is the event itself.
func (p *Prepared) Event() events.Event { return p.e }

// Rerun judges one record. Read, Apply and Finish are for one goroutine each, Prepare for any number; all may run side by side.
type Rerun struct {
	o Options
}

// New begins at o.From. It reads the directory and the policy up to there.
func New(ctx context.Context, o Options) (*Rerun, error) {
	return &Rerun{o: o}, nil
}

// Read takes the next event in order. It must have taken an event before Prepare does.
func (r *Rerun) Read(e events.Event) error { return nil }

// Prepare does what does not depend on other streams. An error that is a *Mismatch is about the record; every other one means that it
// could not be judged (ctx ended, the disk failed).
func (r *Rerun) Prepare(ctx context.Context, e events.Event, src Source) (*Prepared, error) {
	return &Prepared{e: e}, nil
}

// Apply judges the next event in order. Errors are as for Prepare. After an error the Rerun is of no further use.
func (r *Rerun) Apply(ctx context.Context, p *Prepared) error { return nil }

// Finish judges what spans streams, and says what is left open.
func (r *Rerun) Finish(ctx context.Context) (Report, error) { return Report{}, nil }

var _ signing.Source = events.PackageReader(nil)
