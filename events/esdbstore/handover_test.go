package esdbstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/esdbstore/esdbtest"
	"github.com/tram-exchange/tram/events/eventstest"
	"github.com/tram-exchange/tram/events/ledger"
)

// gate holds a sequencer up at one step, once armed, as a paused process is.
type gate struct {
	what    string
	mu      sync.Mutex
	armed   bool
	reached chan struct{}
	open    chan struct{}
}

func newGate(what string) *gate {
	return &gate{what: what, reached: make(chan struct{}), open: make(chan struct{})}
}

func (g *gate) arm() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.armed = true
}

func (g *gate) hook(ctx context.Context, what string) error {
	g.mu.Lock()
	stop := g.armed && what == g.what
	if stop {
		g.armed = false
		close(g.reached)
	}
	g.mu.Unlock()
	if !stop {
		return nil
	}
	select {
	case <-g.open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// clock is a ticker that ticks when the test says so.
type clock chan time.Time

func (c clock) tick(time.Duration) <-chan time.Time { return c }

// pass lets n ticks be taken.
func (c clock) pass(t *testing.T, n int) {
	t.Helper()
	ctx := soon(t)
	for range n {
		select {
		case c <- time.Time{}:
		case <-ctx.Done():
			t.Fatal("nobody waits for a tick")
		}
	}
}

type outcome struct {
	sealed events.Sealed
	err    error
}

func appendAside(s *Store, a events.Append) <-chan outcome {
	c := make(chan outcome, 1)
	go func() {
		sealed, err := s.Append(context.Background(), a)
		c <- outcome{sealed, err}
	}()
	return c
}

func wait[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-soon(t).Done():
		t.Fatal("it never came")
		panic("unreachable")
	}
}

func mustAppend(t *testing.T, s *Store, a events.Append) events.Sealed {
	t.Helper()
	sealed, err := s.Append(soon(t), a)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// wholeLog waits for a size and gives the log as this node sees it, after checking it.
func wholeLog(t *testing.T, s *Store, size uint64) []events.Event {
	t.Helper()
	if size > 0 {
		if _, err := s.Wait(soon(t), size-1); err != nil {
			t.Fatal(err)
		}
	}
	h := s.Head()
	c := events.NewChecker(testOrigin)
	var list []events.Event
	var entries []events.Digest
	err := s.All(soon(t), 0, func(e events.Event) error {
		list, entries = append(list, e), append(entries, ledger.Entry(e.Bytes))
		return c.Check(e)
	})
	if err != nil {
		t.Fatal(err)
	}
	if uint64(len(list)) < h.Size || h.Size < size {
		t.Fatalf("%d events, head of size %d, expected %d", len(list), h.Size, size)
	}
	if root := eventstest.Root(entries[:h.Size]); root != h.Root {
		t.Fatalf("root of %d events is %s, the head says %s", h.Size, root, h.Root)
	}
	return list
}

func sameLog(t *testing.T, size uint64, stores ...*Store) []events.Event {
	t.Helper()
	first := wholeLog(t, stores[0], size)
	for _, s := range stores[1:] {
		other := wholeLog(t, s, size)
		if len(other) != len(first) {
			t.Fatalf("one node sees %d events, another %d", len(first), len(other))
		}
		for i := range first {
			if !bytes.Equal(first[i].Bytes, other[i].Bytes) {
				t.Fatalf("two nodes see different events at position %d", i)
			}
		}
	}
	return first
}

// checkHeads: no size was ever signed with two roots, and sizes never go back.
func checkHeads(t *testing.T, s *Store) {
	t.Helper()
	list, err := s.conn.read(soon(t), s.headStream(), 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	roots, last := map[uint64]events.Digest{}, uint64(0)
	for _, e := range list {
		h, _, err := s.readHead(e)
		if err != nil {
			t.Fatal(err)
		}
		if r, ok := roots[h.Size]; ok && r != h.Root || h.Size < last {
			t.Fatalf("head %d of size %d is %s after %s", e.EventNumber, h.Size, h.Root, r)
		}
		roots[h.Size], last = h.Root, h.Size
	}
}

func TestAZombieCannotForkTheLog(t *testing.T) {
	for _, step := range []string{"record", "sign"} {
		t.Run(step, func(t *testing.T) {
			cluster := esdbtest.NewCluster()
			node := startNode(t, cluster)
			o := testOptions(t, node.Connection())
			g := newGate(step)
			oa, ob := o, o
			ticksA, ticksB := make(clock), make(clock)
			oa.hook, oa.tick, ob.tick = g.hook, ticksA.tick, ticksB.tick
			a := openTest(t, oa)
			mustAppend(t, a, plain("s", -1))
			b := openTest(t, ob)
			g.arm()
			first := appendAside(a, plain("s", 0))
			wait(t, g.reached) // a stands between its decision and its write
			ticksB.pass(t, ticksPerLease+1)
			// b takes over and seals what a left, and what comes now; a's callers see that too.
			if r := wait(t, first); r.err != nil || r.sealed.Events[0].Position != 1 {
				t.Fatalf("got %+v", r)
			}
			mustAppend(t, b, plain("other", -1))
			mustAppend(t, b, plain("s", 1))
			before := cluster.Len(a.logStream())
			close(g.open) // a goes on as if nothing had happened
			ticksA.pass(t, 1)
			mustAppend(t, a, plain("s", 2))
			sameLog(t, 5, a, b)
			checkHeads(t, a)
			if got := cluster.Len(a.logStream()); got != before+1 {
				t.Errorf("%d events in the log stream, expected %d: the zombie wrote", got, before+1)
			}
			if a.state.holder != b.id || a.Err() != nil {
				t.Errorf("holder %s, expected %s; %v", a.state.holder, b.id, a.Err())
			}
			// And back: when b goes, a takes the office at its next tick.
			b.Close()
			ticksA.pass(t, 2)
			mustAppend(t, a, plain("s", 3))
			if len(wholeLog(t, a, 6)) != 6 {
				t.Error("not the whole log")
			}
		})
	}
}

func TestAWinnerWhoIsLateGivesUp(t *testing.T) {
	node := startNode(t, esdbtest.NewCluster())
	o := testOptions(t, node.Connection())
	first := openTest(t, o)
	mustAppend(t, first, plain("s", -1))
	if err := first.Close(); err != nil { // which releases the lease
		t.Fatal(err)
	}
	// One node wins the lease and is paused before it says so in the log; another wins the next epoch.
	g := newGate("begin")
	g.arm()
	oa, ob := o, o
	ticksA, ticksB := make(clock), make(clock)
	oa.tick, ob.tick, oa.hook = ticksA.tick, ticksB.tick, g.hook
	a := openTest(t, oa)
	wait(t, g.reached)
	b := openTest(t, ob)
	ticksB.pass(t, ticksPerLease+1)
	mustAppend(t, b, plain("s", 0))
	close(g.open)
	ticksA.pass(t, 1)
	mustAppend(t, a, plain("s", 1))
	sameLog(t, 3, a, b)
	if b.state.holder != b.id || a.Err() != nil || b.Err() != nil {
		t.Errorf("holder %s, expected %s; %v, %v", b.state.holder, b.id, a.Err(), b.Err())
	}
}

func TestManyNodesOnOneLog(t *testing.T) {
	node := startNode(t, esdbtest.NewCluster())
	o := testOptions(t, node.Connection())
	var stores []*Store
	for range 3 {
		stores = append(stores, openTest(t, o))
	}
	var wg sync.WaitGroup
	var conflicts sync.Map
	for i := range 12 {
		s := stores[i%3]
		wg.Go(func() {
			for v := range 10 {
				mine := fmt.Sprint("own/", i)
				if _, err := s.Append(context.Background(), plain(mine, int64(v)-1)); err != nil {
					t.Error(err)
				}
				var c *events.ConflictError
				_, err := s.Append(context.Background(), plain("shared", int64(v)-1))
				switch {
				case errors.As(err, &c):
					if c.Expected != int64(v)-1 || c.Actual <= c.Expected {
						t.Errorf("conflict %+v", c)
					}
					conflicts.Store(i, v)
				case err != nil:
					t.Error(err)
				}
				n := 0
				if err := s.Stream(context.Background(), "shared", 0, func(events.Event) error { n++; return nil }); err != nil || n <= v {
					t.Errorf("%d events of the shared stream after %d, %v", n, v, err)
				}
			}
		})
	}
	wg.Wait()
	list := sameLog(t, 130, stores...)
	if len(list) != 130 {
		t.Errorf("%d events, expected 120 own and 10 shared", len(list))
	}
	checkHeads(t, stores[0])
}

func TestADeciderSeesWhatIsNotSealed(t *testing.T) {
	cluster := esdbtest.NewCluster()
	node := startNode(t, cluster)
	o := testOptions(t, node.Connection())
	g := newGate("record")
	oa, ob := o, o
	oa.hook, ob.SealPatience, ob.Follow = g.hook, -1, true
	a, b := openTest(t, oa), openTest(t, ob)
	mustAppend(t, a, plain("s", -1))
	if _, err := b.Wait(soon(t), 0); err != nil {
		t.Fatal(err)
	}
	g.arm()
	first := appendAside(a, plain("s", 0))
	wait(t, g.reached)
	var got []uint64
	read := func(e events.Event) error { got = append(got, e.Position); return nil }
	if err := b.Stream(soon(t), "s", 0, read); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0] != 0 || got[1] != Unsealed {
		t.Fatalf("positions %v, expected 0 and unsealed", got)
	}
	if _, err := b.Append(soon(t), plain("s", 0)); err == nil || !strings.Contains(err.Error(), "expected version 0, actual version 1") {
		t.Errorf("got %v, expected a conflict with both versions", err)
	}
	bad := plain("x", -1)
	bad.Cause = &events.Address{Origin: testOrigin, Position: got[1]}
	if _, err := b.Append(soon(t), bad); err == nil {
		t.Error("an event refers to a place that is not known")
	}
	if h := b.Head(); h.Size != 1 {
		t.Errorf("head has size %d", h.Size)
	}
	second := appendAside(b, plain("s", 1))
	if err := cluster.AwaitLen(soon(t), a.proposals("s"), 3); err != nil {
		t.Fatal(err)
	}
	close(g.open)
	for i, c := range []<-chan outcome{first, second} {
		if r := wait(t, c); r.err != nil || r.sealed.Events[0].Position != uint64(i+1) {
			t.Errorf("%d: %+v", i, r)
		}
	}
	sameLog(t, 3, a, b)
}

func TestTimeNeverGoesBackAcrossNodes(t *testing.T) {
	cluster := esdbtest.NewCluster()
	node := startNode(t, cluster)
	o := testOptions(t, node.Connection())
	g := newGate("record")
	g.arm()
	late := time.Date(2026, 11, 22, 19, 0, 0, 0, time.UTC)
	oa, ob := o, o
	oa.hook, ob.Follow = g.hook, true
	oa.Now, ob.Now = func() time.Time { return late }, func() time.Time { return late.Add(-time.Hour) }
	a, b := openTest(t, oa), openTest(t, ob)
	first := appendAside(a, plain("a", -1))
	wait(t, g.reached)
	early := plain("b", -1)
	early.Events[0].Facts = map[string]string{"subject": "V/v"}
	second := appendAside(b, early)
	if err := cluster.AwaitLen(soon(t), a.proposals("b"), 1); err != nil {
		t.Fatal(err)
	}
	close(g.open)
	wait(t, first)
	r := wait(t, second)
	if r.err != nil {
		t.Fatal(r.err)
	}
	e := r.sealed.Events[0]
	if !e.Statement.Time.Equal(late) || string(e.Facts) != `{"subject":"V/v"}` {
		t.Errorf("event of the late clock is at %s with facts %s", e.Statement.Time, e.Facts)
	}
	if err := ledger.CheckInclusion(r.sealed.Proofs[0], e.Position, ledger.Entry(e.Bytes), r.sealed.Head.Size, r.sealed.Head.Root); err != nil {
		t.Error(err)
	}
	if err := b.Stream(soon(t), "b", 0, func(got events.Event) error {
		if !bytes.Equal(got.Bytes, e.Bytes) || got.Position != e.Position || string(got.Facts) != string(e.Facts) {
			t.Errorf("the stream says %s", got.Bytes)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	sameLog(t, 2, a, b)
}
