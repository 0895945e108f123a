package esdbstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/codes"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/esdbstore/esdbtest"
	"github.com/tram-exchange/tram/events/eventstest"
	"github.com/tram-exchange/tram/events/ledger"
)

// stuck is a process that stands still from the first answer that it does not get, if it is to, until it is let go.
type stuck struct {
	armed   bool
	once    sync.Once
	reached chan struct{}
	goOn    chan struct{}
}

func (s *stuck) pause(ctx context.Context, n int) error {
	if s.armed {
		s.once.Do(func() { close(s.reached) })
		select {
		case <-s.goOn:
		case <-ctx.Done():
		}
	}
	return yield(ctx, n)
}

// TestEveryWriteOfASequencer is the table of what a sequencer writes and what its failure comes to. "failed" is not written, "persisted"
// is written and the answer lost. Then either the same node tries again, or it stands still there, another takes over, and it goes on later
// as if nothing had happened. After each: one log on all nodes, everything answered in it, no size signed with two roots, and a node that
// is started anew reads and compares all of it.
func TestEveryWriteOfASequencer(t *testing.T) {
	const a, b = "the first node", "the other node"
	for _, c := range []struct {
		write     string // what fails
		stream    string // where
		inOffice  bool   // after the first node has come into office; else on its way there
		handedIn  uint64 // appends that wait for the write
		persisted bool
		takeover  bool

		office string // who sequences in the end
		epoch  uint64
		length int // entries of the log stream by then
	}{
		{"lease", "lease", false, 0, false, false, a, 1, 1},
		{"lease", "lease", false, 0, true, false, a, 1, 1},
		{"lease", "lease", false, 0, false, true, b, 1, 1}, // nobody has it: the other need not wait
		{"lease", "lease", false, 0, true, true, b, 2, 1},  // epoch 1 never began
		{"epoch begin", "log", false, 0, false, false, a, 1, 1},
		{"epoch begin", "log", false, 0, true, false, a, 1, 1},
		{"epoch begin", "log", false, 0, false, true, b, 2, 1},
		{"epoch begin", "log", false, 0, true, true, b, 2, 2},
		{"first head", "heads", false, 0, false, false, a, 1, 1},
		{"first head", "heads", false, 0, true, false, a, 1, 1},
		{"first head", "heads", false, 0, false, true, b, 2, 2},
		{"first head", "heads", false, 0, true, true, b, 2, 2},
		{"renewal", "lease", true, 0, false, false, a, 1, 2},
		{"renewal", "lease", true, 0, true, false, a, 1, 2},
		{"renewal", "lease", true, 0, false, true, b, 2, 3},
		{"renewal", "lease", true, 0, true, true, b, 2, 3},
		{"batch", "log", true, 1, false, false, a, 1, 3},
		{"batch", "log", true, 1, true, false, a, 1, 3},
		{"batch", "log", true, 1, false, true, b, 2, 4}, // the other writes it
		{"batch", "log", true, 1, true, true, b, 2, 4},  // the other signs what the first wrote
		{"head", "heads", true, 1, false, false, a, 1, 3},
		{"head", "heads", true, 1, true, false, a, 1, 3},
		{"head", "heads", true, 1, false, true, b, 2, 4},
		{"head", "heads", true, 1, true, true, b, 2, 4}, // the same size again, with the same root
	} {
		t.Run(fmt.Sprintf("%s/persisted=%v/takeover=%v", c.write, c.persisted, c.takeover), func(t *testing.T) {
			cluster := esdbtest.NewCluster()
			node := startNode(t, cluster)
			o := testOptions(t, node.Connection())
			oa, ob := o, o
			s := &stuck{reached: make(chan struct{}), goOn: make(chan struct{})}
			var letGo sync.Once
			resume := func() { letGo.Do(func() { close(s.goOn) }) }
			ticksA, ticksB := make(clock), make(clock)
			oa.tick, oa.pause, ob.tick, ob.Follow = ticksA.tick, s.pause, ticksB.tick, !c.takeover
			fault := func() {
				s.armed = c.takeover
				cluster.Fail(esdbtest.Fault{Prefix: "tram+" + testOrigin + "+" + c.stream, Persist: c.persisted, Code: codes.DeadlineExceeded, Times: 1})
			}
			var first, other *Store
			size := uint64(0)
			if c.inOffice {
				first = openTest(t, oa)
				mustAppend(t, first, plain("s", -1))
				other = openTest(t, ob)
				size = 1
				fault()
			} else {
				fault()
				opened := openAside(oa)
				if c.takeover {
					wait(t, s.reached)
					second := openAside(ob)
					ticksB.pass(t, ticksPerLease+1)
					other = opening(t, second)
					resume()
				}
				first = opening(t, opened)
				if other == nil {
					other = openTest(t, ob)
				}
			}
			t.Cleanup(resume)
			var handed []<-chan outcome
			for range c.handedIn {
				handed = append(handed, appendAside(other, plain("s", 0)))
			}
			if c.write == "renewal" {
				ticksA.pass(t, 1)
			}
			if c.inOffice && c.takeover {
				wait(t, s.reached)
				ticksB.pass(t, ticksPerLease+1)
			}
			for i, h := range handed {
				if r := wait(t, h); r.err != nil || r.sealed.Events[0].Position != size+uint64(i) {
					t.Fatalf("got %+v", r)
				}
			}
			size += c.handedIn
			if c.takeover { // the other has begun when it has signed for the epoch
				for epoch, holds, changed := other.Office(); !holds || epoch != c.epoch; epoch, holds, changed = other.Office() {
					wait(t, changed)
				}
			}
			if got := cluster.Len(first.logStream()); got != c.length {
				t.Errorf("%d entries in the log, expected %d", got, c.length)
			}
			resume()
			mustAppend(t, first, plain("of the first", -1))
			mustAppend(t, other, plain("of the other", -1))
			size += 2
			sameLog(t, size, first, other)
			checkHeads(t, first)
			holder := map[string]*Store{a: first, b: other}[c.office]
			first.state.mu.Lock()
			if first.state.epoch != c.epoch || first.state.holder != holder.id {
				t.Errorf("epoch %d of %s, expected %d of %s (%s)", first.state.epoch, first.state.holder, c.epoch, holder.id, c.office)
			}
			first.state.mu.Unlock()
			if err := errors.Join(first.Err(), other.Err()); err != nil {
				t.Error(err)
			}
			o.Follow = true
			sameLog(t, size, other, openTest(t, o))
		})
	}
}

func openAside(o Options) <-chan *Store {
	c := make(chan *Store, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		s, err := Open(ctx, o)
		if err != nil {
			s = nil
		}
		c <- s
	}()
	return c
}

func opening(t *testing.T, c <-chan *Store) *Store {
	t.Helper()
	s := wait(t, c)
	if s == nil {
		t.Fatal("couldn't open")
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestTheEndOfALogIsWrittenOnce: the last of all writes, by who moves the log away. Whatever became of it, asked again it is there, and
// nothing follows it.
func TestTheEndOfALogIsWrittenOnce(t *testing.T) {
	for _, persisted := range []bool{false, true} {
		for _, dies := range []bool{false, true} {
			t.Run(fmt.Sprintf("persisted=%v/dies=%v", persisted, dies), func(t *testing.T) {
				cluster := esdbtest.NewCluster()
				node := startNode(t, cluster)
				o := testOptions(t, node.Connection())
				s := openTest(t, o)
				mustAppend(t, s, plain("s", -1))
				s.Close()
				length := cluster.Len(s.logStream())
				happened := cluster.Fail(esdbtest.Fault{Prefix: s.logStream(), Persist: persisted, Code: codes.DeadlineExceeded, Times: 1})
				mover := o
				if dies {
					mover.pause = func(context.Context, int) error { return errors.New("killed") }
				}
				if err := End(soon(t), mover); (err != nil) != dies {
					t.Fatalf("got %v", err)
				}
				wait(t, happened)
				if dies && !persisted {
					again := openTest(t, o) // nothing has happened: the log goes on
					mustAppend(t, again, plain("s", 0))
					again.Close()
					length = cluster.Len(s.logStream())
				}
				for range 2 {
					if err := End(soon(t), o); err != nil {
						t.Fatal(err)
					}
				}
				if got := cluster.Len(s.logStream()); got != length+1 {
					t.Errorf("%d entries in the log, expected %d", got, length+1)
				}
				if _, err := Open(soon(t), o); !errors.Is(err, ErrMoving) {
					t.Errorf("a log that has ended is opened: %v", err)
				}
				r, err := OpenReader(soon(t), o)
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				checkHeads(t, r)
			})
		}
	}
}

// TestHeadsAheadOfTheLog: the log's stream was set back and that of the heads was not (an older backup, a deletion). The node must not go on.
func TestHeadsAheadOfTheLog(t *testing.T) {
	long, short := esdbtest.NewCluster(), esdbtest.NewCluster()
	o := testOptions(t, startNode(t, long).Connection())
	s := openTest(t, o)
	for i := range 3 {
		mustAppend(t, s, plain("s", int64(i)-1))
	}
	ahead, err := s.conn.last(soon(t), s.headStream())
	if err != nil {
		t.Fatal(err)
	}
	o.Connection = startNode(t, short).Connection()
	running := openTest(t, o)
	mustAppend(t, running, plain("s", -1))
	e, err := running.rawEvent(headType, ahead.Data, esdb.ContentTypeJson)
	if err != nil {
		t.Fatal(err)
	}
	next := int64(short.Len(running.headStream())) - 1
	if err := running.conn.write(soon(t), running.headStream(), next, []esdb.EventData{e}); err != nil {
		t.Fatal(err)
	}
	wait(t, running.Failed()) // it sees that by itself
	expect(t, "running", running.Err(), "couldn't take head of size 3: the log has 1")
	running.Close()
	_, err = Open(soon(t), o)
	expect(t, "open", err, "couldn't take head of size 3: the log has 1")
	_, err = OpenReader(soon(t), o)
	expect(t, "read", err, "couldn't take head of size 3: the log has 1")
}

// TestTheClusterIsAway: who waits is told so instead of waiting, and is served when it is back.
func TestTheClusterIsAway(t *testing.T) {
	cluster := esdbtest.NewCluster()
	node := startNode(t, cluster)
	o := testOptions(t, node.Connection()+"&maxDiscoverAttempts=1")
	var mu sync.Mutex
	at := time.Unix(1_780_000_000, 0)
	o.clock = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		at = at.Add(time.Second) // a few calls are half of LeaseTTL
		return at
	}
	s := openTest(t, o)
	mustAppend(t, s, plain("s", -1))
	if err := s.Away(); err != nil {
		t.Fatal(err)
	}
	node.Stop()
	ctx, cancel := s.Present(soon(t))
	defer cancel()
	if _, err := s.Append(ctx, plain("s", 0)); !errors.Is(err, events.ErrAway) {
		t.Fatalf("got %v", err)
	}
	if err := s.Away(); !errors.Is(err, events.ErrAway) {
		t.Errorf("away: %v", err)
	}
	late, end := s.Present(soon(t))
	defer end()
	if late.Err() == nil {
		t.Error("a context of now waits for a cluster that is away")
	}
	next, err := node.Restart()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(next.Stop)
	mustAppend(t, s, plain("other", -1)) // whose context has no say waits for it
	if err := s.Away(); err != nil {
		t.Errorf("back: %v", err)
	}
	ctx, cancel = s.Present(soon(t))
	defer cancel()
	if _, err := s.Append(ctx, plain("other", 0)); err != nil {
		t.Error(err)
	}
	s.Close()
}

// brittle fails to destroy facts for a while.
type brittle struct {
	Objects
	fails int
}

func (b *brittle) Destroy(ctx context.Context, kind Kind, d events.Digest) error {
	if kind == Facts && b.fails > 0 {
		b.fails--
		return errors.New("the shared folder is away")
	}
	return b.Objects.Destroy(ctx, kind, d)
}

func TestDestroy(t *testing.T) {
	node := startNode(t, esdbtest.NewCluster())
	o := testOptions(t, node.Connection())
	objects := &brittle{Objects: o.Objects, fails: 1}
	o.Objects, o.tail = objects, -1
	s := openTest(t, o)
	o.Follow = true
	other := openTest(t, o)
	append1 := func(stream, text string) events.Event {
		t.Helper()
		a := plain(stream, -1)
		a.Package, a.Evidence = eventstest.NewPackage([]byte(text)), []byte("chain")
		a.Events[0].Facts = map[string]string{"subject": text}
		return mustAppend(t, s, a).Events[0]
	}
	gone, kept := append1("gone", "Về việc mật"), append1("kept", "Về việc thường")
	before := s.Head()
	r := events.Removal{Packages: []events.Digest{gone.Statement.Package.SHA256}, Facts: []uint64{gone.Position}}
	for what, wrong := range map[string]events.Removal{
		"unknown package": {Packages: []events.Digest{events.Sum([]byte("?")), gone.Statement.Package.SHA256}},
		"no such event":   {Packages: r.Packages, Facts: []uint64{before.Size}},
	} {
		if err := s.Destroy(soon(t), wrong); !errors.Is(err, events.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
		if p, err := s.OpenPackage(soon(t), gone.Statement.Package.SHA256); err != nil {
			t.Fatalf("%s: a removal that is refused has removed something: %v", what, err)
		} else {
			p.Close()
		}
	}
	if err := s.Destroy(soon(t), r); err == nil {
		t.Error("facts are there and are said to be gone")
	}
	for range 2 { // goes on, and once more does nothing
		if err := s.Destroy(soon(t), r); err != nil {
			t.Fatal(err)
		}
	}
	reader, err := OpenReader(soon(t), o)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for _, n := range []*Store{s, other, reader} { // whichever node was asked
		if _, err := n.Wait(soon(t), before.Size-1); err != nil {
			t.Fatal(err)
		}
		if _, err := n.OpenPackage(soon(t), r.Packages[0]); !errors.Is(err, events.ErrDestroyed) {
			t.Errorf("package: %v", err)
		}
		e, err := n.Event(soon(t), gone.Position)
		if err != nil || !e.Destroyed || e.Facts != nil || !bytes.Equal(e.Bytes, gone.Bytes) {
			t.Errorf("event %+v, %v", e, err)
		}
		proof, head, err := n.Proof(soon(t), gone.Position, 0)
		if err != nil || ledger.CheckInclusion(proof, gone.Position, ledger.Entry(e.Bytes), head.Size, head.Root) != nil || head.Root != before.Root {
			t.Errorf("its place is not proved any more: %v", err)
		}
		if e, err := n.Event(soon(t), kept.Position); err != nil || e.Destroyed || !bytes.Equal(e.Facts, kept.Facts) {
			t.Errorf("another event: %+v, %v", e, err)
		}
		wholeLog(t, n, before.Size)
	}
	back := plain("again", -1)
	back.Package = eventstest.NewPackage([]byte("Về việc mật"))
	if _, err := other.Append(soon(t), back); !errors.Is(err, events.ErrDestroyed) {
		t.Errorf("destroyed bytes come back: %v", err)
	}
	s.Close()
	if err := s.Destroy(soon(t), r); !errors.Is(err, events.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
