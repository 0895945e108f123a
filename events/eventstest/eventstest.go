// Package eventstest is the conformance suite of events.Store: what every store must do, whatever it is built on.
// A store's own tests call Run; a store that passes can take the place of any other.
package eventstest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// Store is a store that can be closed and opened again.
type Store interface {
	events.Store
	Close() error
}

// Open opens one log: every call gives the same record, once the store of the call before is closed.
type Open func() (Store, error)

// Run runs the whole suite. fresh gives a new empty log for each test.
func Run(t *testing.T, fresh func(t *testing.T) Open) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, *log)
	}{
		{"RecordsWhatItIsGiven", recordsWhatItIsGiven},
		{"PositionsAndVersionsAreDense", positionsAndVersionsAreDense},
		{"RefusesAConflictAndWritesNothing", refusesAConflict},
		{"OneOfManyRacersWins", oneOfManyRacersWins},
		{"ConcurrentAppendsKeepOrder", concurrentAppends},
		{"ReadsItsWrites", readsItsWrites},
		{"WaitSeesTheNextHead", waitSeesTheNextHead},
		{"SurvivesARestart", survivesARestart},
		{"KeepsPackages", keepsPackages},
		{"RefusesAPackageThatIsNotItsDigest", refusesAFalsePackage},
		{"KeepsEvidence", keepsEvidence},
		{"RefusesWhatCannotBeRecorded", refusesWhatCannotBeRecorded},
		{"StopsWithTheContext", stopsWithTheContext},
		{"ProvesEveryEventInEverySize", provesEverySize},
		{"StopsAtTheCallersError", stopsAtTheCallersError},
		{"CanBeUsedFromACallback", canBeUsedFromACallback},
		{"KnowsWhatItDoesNotHave", knowsWhatItDoesNotHave},
		{"RefusesAfterClose", refusesAfterClose},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &log{t: t, open: fresh(t)}
			l.reopen()
			t.Cleanup(func() {
				if err := l.s.Close(); err != nil {
					t.Errorf("couldn't close: %v", err)
				}
			})
			c.test(t, l)
			l.check()
		})
	}
}

// log is one log under test.
type log struct {
	t    *testing.T
	open Open
	s    Store
}

func (l *log) reopen() {
	l.t.Helper()
	if l.s != nil {
		if err := l.s.Close(); err != nil {
			l.t.Fatalf("couldn't close: %v", err)
		}
	}
	var err error
	if l.s, err = l.open(); err != nil {
		l.t.Fatalf("couldn't open: %v", err)
	}
}

// Package is a package in memory, or of any size when Fill says what its bytes are.
type Package struct {
	io.ReaderAt
	Length int64
	SHA256 events.Digest
}

// NewPackage is a package of the given bytes.
func NewPackage(b []byte) *Package {
	return &Package{bytes.NewReader(b), int64(len(b)), events.Sum(b)}
}

func (p *Package) Size() int64           { return p.Length }
func (p *Package) Digest() events.Digest { return p.SHA256 }

// one is an append of n plain events.
func one(stream string, expected int64, n int) events.Append {
	a := events.Append{Stream: stream, Expected: expected, Actor: "H02.18", Client: "cert:" + events.Sum([]byte(stream)).String()}
	for i := range n {
		a.Events = append(a.Events, events.New{Name: "test.happened.v1", Data: map[string]int{"n": i}})
	}
	return a
}

func (l *log) append(a events.Append) events.Sealed {
	l.t.Helper()
	sealed, err := l.s.Append(context.Background(), a)
	if err != nil {
		l.t.Fatalf("couldn't append: %v", err)
	}
	l.checkSealed(a, sealed)
	return sealed
}

func (l *log) checkSealed(a events.Append, sealed events.Sealed) {
	l.t.Helper()
	if len(sealed.Events) != len(a.Events) || len(sealed.Proofs) != len(a.Events) {
		l.t.Fatalf("%d events and %d proofs came back, expected %d", len(sealed.Events), len(sealed.Proofs), len(a.Events))
	}
	for i, e := range sealed.Events {
		st, err := events.DecodeStatement(e.Bytes)
		if err != nil {
			l.t.Fatal(err)
		}
		if st.Version != uint64(a.Expected+1+int64(i)) || st.Stream != a.Stream || st.Name != a.Events[i].Name {
			l.t.Fatalf("event %d is %s version %d of %s, expected %s version %d of %s", i, st.Name, st.Version, st.Stream, a.Events[i].Name, a.Expected+1+int64(i), a.Stream)
		}
		if err := ledger.CheckInclusion(sealed.Proofs[i], e.Position, ledger.Entry(e.Bytes), sealed.Head.Size, sealed.Head.Root); err != nil {
			l.t.Fatal(err)
		}
	}
	h, err := ledger.ReadCheckpoint(sealed.Head.Checkpoint)
	if err != nil {
		l.t.Fatal(err)
	}
	if h.Size != sealed.Head.Size || h.Root != sealed.Head.Root || h.Origin != sealed.Head.Origin {
		l.t.Fatalf("checkpoint says %+v, head %+v", h, sealed.Head)
	}
}

func (l *log) all(from uint64) []events.Event {
	l.t.Helper()
	var out []events.Event
	err := l.s.All(context.Background(), from, func(e events.Event) error { out = append(out, e); return nil })
	if err != nil {
		l.t.Fatalf("couldn't read all: %v", err)
	}
	return out
}

func (l *log) stream(stream string, from uint64) []events.Event {
	l.t.Helper()
	var out []events.Event
	err := l.s.Stream(context.Background(), stream, from, func(e events.Event) error { out = append(out, e); return nil })
	if err != nil {
		l.t.Fatalf("couldn't read stream: %v", err)
	}
	return out
}

// check holds after every test: one unbroken record, streams that agree with it, and a root over its bytes.
func (l *log) check() {
	l.t.Helper()
	head := l.s.Head()
	all := l.all(0)
	if uint64(len(all)) < head.Size {
		l.t.Fatalf("%d events came for a head of %d", len(all), head.Size)
	}
	c := events.NewChecker(head.Origin)
	byStream := map[string][]events.Event{}
	var entries []events.Digest
	for _, e := range all {
		if err := c.Check(e); err != nil {
			l.t.Fatal(err)
		}
		byStream[e.Statement.Stream] = append(byStream[e.Statement.Stream], e)
		entries = append(entries, ledger.Entry(e.Bytes))
	}
	if got := Root(entries[:head.Size]); got != head.Root {
		l.t.Fatalf("root over the events is %s, the head says %s", got, head.Root)
	}
	for stream, want := range byStream {
		got := l.stream(stream, 0)
		if len(got) < len(want) {
			l.t.Fatalf("stream %s gave %d events, expected %d", stream, len(got), len(want))
		}
		for i := range want {
			if got[i].Position != want[i].Position || !bytes.Equal(got[i].Bytes, want[i].Bytes) {
				l.t.Fatalf("stream %s and all differ at version %d", stream, i)
			}
		}
	}
}

// Root is RFC 6962's tree hash over entries, written as the RFC writes it: an independent check of faster ways.
func Root(entries []events.Digest) events.Digest {
	switch len(entries) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, entries[0][:]...))
	}
	k := 1
	for 2*k < len(entries) {
		k *= 2
	}
	left, right := Root(entries[:k]), Root(entries[k:])
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

func wantConflict(t *testing.T, err error, stream string, expected, actual int64) {
	t.Helper()
	var conflict *events.ConflictError
	if !errors.As(err, &conflict) {
		t.Fatalf("got error %v, expected a conflict", err)
	}
	if want := (events.ConflictError{Stream: stream, Expected: expected, Actual: actual}); *conflict != want {
		t.Fatalf("got conflict %+v, expected %+v", *conflict, want)
	}
}

// patience bounds a wait for something that must come.
func patience(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func name(i int) string { return fmt.Sprintf("test/%d", i) }
