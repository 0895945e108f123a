package esdbstore

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/esdbstore/esdbtest"
	"github.com/tram-exchange/tram/events/eventstest"
)

func TestAWriteWhoseAnswerIsLostIsRecordedOnce(t *testing.T) {
	for _, stream := range []string{"s+", "log", "heads"} {
		for _, code := range []codes.Code{codes.DeadlineExceeded, codes.Unavailable, codes.Aborted, codes.Unknown, codes.Internal, codes.ResourceExhausted} {
			for _, persist := range []bool{true, false} {
				t.Run(fmt.Sprint(stream, "/", code, "/", persist), func(t *testing.T) {
					cluster := esdbtest.NewCluster()
					node := startNode(t, cluster)
					s := openTest(t, testOptions(t, node.Connection()))
					mustAppend(t, s, plain("s", -1))
					happened := cluster.Fail(esdbtest.Fault{Prefix: s.prefix + stream, Persist: persist, Code: code, Times: 2})
					a := plain("s", 0)
					a.Events = append(a.Events, a.Events[0], a.Events[0])
					if r := mustAppend(t, s, a); r.Events[2].Position != 3 {
						t.Errorf("the last event is at position %d", r.Events[2].Position)
					}
					mustAppend(t, s, plain("s", 3))
					wait(t, happened)
					if list := wholeLog(t, s, 5); len(list) != 5 {
						t.Errorf("%d events, expected 5", len(list))
					}
					checkHeads(t, s)
				})
			}
		}
	}
}

func TestTheLeaseIsTakenThoughItsAnswerIsLost(t *testing.T) {
	for _, persist := range []bool{true, false} {
		cluster := esdbtest.NewCluster()
		node := startNode(t, cluster)
		o := testOptions(t, node.Connection())
		ticks := make(clock)
		o.tick = ticks.tick
		happened := cluster.Fail(esdbtest.Fault{Prefix: "tram+" + testOrigin + "+lease", Persist: persist, Code: codes.DeadlineExceeded, Times: 1})
		s := openTest(t, o)
		wait(t, happened)
		again := cluster.Fail(esdbtest.Fault{Prefix: s.leaseStream(), Persist: persist, Code: codes.Unavailable, Times: 1})
		ticks.pass(t, 3) // renewals
		wait(t, again)
		mustAppend(t, s, plain("s", -1))
		if s.state.epoch != 1 {
			t.Errorf("epoch %d", s.state.epoch)
		}
	}
}

// TestWhatDoesNotFitIntoOneWrite: an append that is too large is refused, and many that fit become several batches.
func TestWhatDoesNotFitIntoOneWrite(t *testing.T) {
	cluster := esdbtest.NewCluster()
	node := startNode(t, cluster)
	o := testOptions(t, node.Connection())
	g := newGate("record")
	o.hook = g.hook
	s := openTest(t, o)
	large := func(stream string, count int) events.Append {
		a := plain(stream, -1)
		a.Events[0].Data = map[string]string{"x": strings.Repeat("x", 400<<10)}
		for len(a.Events) < count {
			a.Events = append(a.Events, a.Events[0])
		}
		return a
	}
	if _, err := s.Append(soon(t), large("s", 3)); err == nil || !strings.Contains(err.Error(), "at once") {
		t.Errorf("got %v", err)
	}
	g.arm()
	all := []<-chan outcome{appendAside(s, plain("first", -1))}
	wait(t, g.reached)
	for i := range 5 {
		all = append(all, appendAside(s, large(fmt.Sprint("s", i), 2)))
		if err := cluster.AwaitLen(soon(t), s.proposals(fmt.Sprint("s", i)), 2); err != nil {
			t.Fatal(err)
		}
	}
	close(g.open)
	for _, c := range all {
		if r := wait(t, c); r.err != nil {
			t.Error(r.err)
		}
	}
	wholeLog(t, s, 11)
	o.tail = -1
	s.Close()
	wholeLog(t, openTest(t, o), 11)
}

// TestALostAnswerIsNotAConflict: the write was persisted, others wrote behind it, and only then it is tried again.
func TestALostAnswerIsNotAConflict(t *testing.T) {
	cluster := esdbtest.NewCluster()
	node := startNode(t, cluster)
	o := testOptions(t, node.Connection())
	other := openTest(t, o)
	raced := false
	o.pause = func(ctx context.Context, n int) error {
		if !raced {
			raced = true
			mustAppend(t, other, plain("s", 0))
		}
		return yield(ctx, n)
	}
	o.Follow = true
	s := openTest(t, o)
	happened := cluster.Fail(esdbtest.Fault{Prefix: s.proposals("s"), Persist: true, Code: codes.DeadlineExceeded, Times: 1})
	if r := mustAppend(t, s, plain("s", -1)); r.Events[0].Position != 0 {
		t.Errorf("at position %d", r.Events[0].Position)
	}
	wait(t, happened)
	sameLog(t, 2, s, other)
}

func TestSubscriptionsGoOnAfterEveryKindOfDrop(t *testing.T) {
	cluster := esdbtest.NewCluster()
	node := startNode(t, cluster)
	o := testOptions(t, node.Connection())
	a := openTest(t, o)
	o.Follow = true
	b := openTest(t, o)
	version := int64(-1)
	for _, replay := range []uint64{0, 7} {
		cluster.Replay(replay)
		for _, why := range []error{
			nil, status.Error(codes.Unavailable, "gone"), status.Error(codes.Aborted, "consumer too slow"), status.Error(codes.Internal, "reset"),
			status.Error(codes.Canceled, "cancelled"), status.Error(codes.DeadlineExceeded, "late"), status.Error(codes.Unknown, "?"),
		} {
			for range 3 {
				mustAppend(t, a, plain("s", version))
				version++
			}
			n, m, k := cluster.Subscribed("$all"), cluster.Subscribed(a.logStream()), cluster.Subscribed(a.headStream())
			cluster.DropSubscriptions(why)
			for stream, n := range map[string]int{"$all": n, a.logStream(): m + 1, a.headStream(): k + 1} {
				if err := cluster.AwaitSubscribed(soon(t), stream, n); err != nil {
					t.Fatalf("%v: %s is not subscribed again: %v", why, stream, err)
				}
			}
			mustAppend(t, b, plain("s", version))
			version++
		}
	}
	if list := sameLog(t, uint64(version+1), a, b); len(list) != int(version+1) {
		t.Errorf("%d events, expected %d", len(list), version+1)
	}
}

// TestASilentSubscriptionDoesNotStopANode: it gives no error and no event; the tick reads the streams all the same.
func TestASilentSubscriptionDoesNotStopANode(t *testing.T) {
	cluster := esdbtest.NewCluster()
	node := startNode(t, cluster)
	o := testOptions(t, node.Connection())
	a := openTest(t, o)
	ticks := make(clock)
	o.Follow, o.tick = true, ticks.tick
	b := openTest(t, o)
	mustAppend(t, a, plain("s", -1))
	cluster.Hold(a.logStream())
	cluster.Hold(a.headStream())
	mustAppend(t, a, plain("s", 0))
	got := appendAside(b, plain("b", -1))
	if err := cluster.AwaitLen(soon(t), b.proposals("b"), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Wait(soon(t), 2); err != nil {
		t.Fatal(err)
	}
	ticks.pass(t, 2)
	if r := wait(t, got); r.err != nil || r.sealed.Events[0].Position != 2 {
		t.Fatalf("got %+v", r)
	}
	cluster.Release(a.logStream())
	cluster.Release(a.headStream())
	sameLog(t, 3, a, b)
}

func TestTheLeaderChanges(t *testing.T) {
	cluster := esdbtest.NewCluster()
	nodes := []*esdbtest.Node{startNode(t, cluster), startNode(t, cluster), startNode(t, cluster)}
	o := testOptions(t, nodes[0].Connection())
	s := openTest(t, o)
	for i := range 9 {
		mustAppend(t, s, plain("s", int64(i)-1))
		nodes[(i+1)%3].Lead()
	}
	if list := wholeLog(t, s, 9); len(list) != 9 {
		t.Errorf("%d events", len(list))
	}
	checkHeads(t, s)
}

func TestTheServerGoesAwayAndComesBack(t *testing.T) {
	cluster := esdbtest.NewCluster()
	node := startNode(t, cluster)
	// One attempt at discovery: after it the client has ended for good and must be made anew.
	o := testOptions(t, node.Connection()+"&maxDiscoverAttempts=1")
	tried := make(chan struct{}, 1)
	o.pause = func(ctx context.Context, n int) error {
		select {
		case tried <- struct{}{}:
		default:
		}
		return yield(ctx, n)
	}
	s := openTest(t, o)
	for i := range 3 {
		mustAppend(t, s, plain("s", int64(2*i)-1))
		node.Stop()
		got := appendAside(s, plain("s", int64(2*i)))
		for range 3 {
			wait(t, tried)
		}
		var err error
		if node, err = node.Restart(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(node.Stop)
		if r := wait(t, got); r.err != nil {
			t.Fatal(r.err)
		}
	}
	wholeLog(t, s, 6)
	if err := s.Close(); err != nil { // while there is a server to release the lease at
		t.Error(err)
	}
}

func TestACallThatHangsIsLeftBehind(t *testing.T) {
	node := startNode(t, esdbtest.NewCluster())
	o := testOptions(t, node.Connection())
	o.Deadline = time.Millisecond
	c, err := newConn(o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	before, hang := c.client, make(chan struct{})
	defer close(hang)
	_, err = call(soon(t), c, func(context.Context, *esdb.Client) (int, error) { <-hang; return 0, nil })
	if !errors.Is(err, errHung) || !retryable(err) || c.client != nil && c.client == before {
		t.Errorf("got %v", err)
	}
}

func TestWhatWasTamperedWithIsSeen(t *testing.T) {
	for name, c := range map[string]struct {
		change func(c *esdbtest.Cluster, s *Store)
		open   string // error at the next open
		read   string // error of All without opening again
	}{
		"statement": {func(c *esdbtest.Cluster, s *Store) {
			c.Tamper(s.logStream(), 2, func(b []byte) []byte { return bytes.Replace(b, []byte(`"actor":"a"`), []byte(`"actor":"b"`), 1) })
		}, "root of size", "leaf"},
		"removed": {func(c *esdbtest.Cluster, s *Store) {
			c.Tamper(s.logStream(), 2, func(b []byte) []byte { return b[:bytes.LastIndexByte(b, '\n')] })
		}, "statements, the header says", "statements, the header says"},
		"head": {func(c *esdbtest.Cluster, s *Store) {
			c.Tamper(s.headStream(), 1, func(b []byte) []byte { return bytes.Replace(b, []byte(`\n1\n`), []byte(`\n2\n`), 1) })
		}, "couldn't verify checkpoint", ""},
		"epoch": {func(c *esdbtest.Cluster, s *Store) {
			c.Tamper(s.logStream(), 0, func(b []byte) []byte { return bytes.Replace(b, []byte(`1`), []byte(`7`), 1) })
		}, "expected epoch 7", ""},
		// A proposal that was sealed already says nothing any more: the log does.
		"proposal": {func(c *esdbtest.Cluster, s *Store) {
			c.Tamper(s.proposals("s"), 1, func(b []byte) []byte { return bytes.Replace(b, []byte(`"actor":"a"`), []byte(`"actor":"b"`), 1) })
		}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := esdbtest.NewCluster()
			node := startNode(t, cluster)
			o := testOptions(t, node.Connection())
			o.tail = -1 // so that it is read again
			s := openTest(t, o)
			for i := range 3 {
				mustAppend(t, s, plain("s", int64(i)-1))
			}
			c.change(cluster, s)
			expect(t, "read", s.All(soon(t), 0, func(events.Event) error { return nil }), c.read)
			if name == "proposal" {
				if err := s.Stream(soon(t), "s", 0, func(e events.Event) error {
					if e.Statement.Actor != "a" {
						t.Errorf("the stream says %s", e.Bytes)
					}
					return nil
				}); err != nil {
					t.Error(err)
				}
			}
			s.Close()
			again, err := Open(soon(t), o)
			if err == nil {
				again.Close()
			}
			expect(t, "open", err, c.open)
		})
	}
}

func expect(t *testing.T, what string, err error, want string) {
	t.Helper()
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("%s: got %v, expected %q", what, err, want)
	}
}

// TestAForeignProposalStopsTheLog: versions are dense, so it can be neither taken nor passed by.
func TestAForeignProposalStopsTheLog(t *testing.T) {
	node := startNode(t, esdbtest.NewCluster())
	s := openTest(t, testOptions(t, node.Connection()))
	mustAppend(t, s, plain("s", -1))
	e, err := s.event("n.v1", map[string]string{"not": "a statement"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.conn.write(soon(t), s.proposals("s"), 0, []esdb.EventData{e}); err != nil {
		t.Fatal(err)
	}
	wait(t, s.Failed())
	expect(t, "err", s.Err(), "couldn't place version 1 of s")
	if _, err := s.Append(soon(t), plain("other", -1)); err == nil {
		t.Error("a store that has ended takes events")
	}
}

func TestObjects(t *testing.T) {
	node := startNode(t, esdbtest.NewCluster())
	o := testOptions(t, node.Connection())
	s, folder := openTest(t, o), o.Objects.(*Folder)
	a := plain("s", -1)
	a.Package, a.Evidence = eventstest.NewPackage([]byte("<edXML/>")), []byte("chain")
	a.Events[0].Facts = map[string]string{"subject": "Về việc"}
	e := mustAppend(t, s, a).Events[0]
	read := func() (e events.Event, err error) { return s.Event(soon(t), 0) }
	if got, err := read(); err != nil || string(got.Facts) != `{"subject":"Về việc"}` || got.Destroyed {
		t.Fatalf("facts %s, %v", got.Facts, err)
	}
	// Changed on the disk: seen. Lost: an error, not "destroyed".
	path := folder.path(Facts, *e.Statement.Facts)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := bytes.Clone(good)
	bad[40] ^= 1
	if err := os.WriteFile(path, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = read()
	expect(t, "changed facts", err, "stored bytes hash to")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, err = read()
	expect(t, "lost facts", err, "couldn't read facts of version 0 of s")
	for _, k := range []struct {
		kind   Kind
		digest events.Digest
	}{{Facts, *e.Statement.Facts}, {Packages, a.Package.Digest()}, {Evidence, events.Sum(a.Evidence)}} {
		for range 2 { // once more does nothing
			if err := folder.Destroy(soon(t), k.kind, k.digest); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := read()
	if err != nil || !got.Destroyed || got.Facts != nil || events.CheckEvent(testOrigin, got) != nil {
		t.Errorf("after destruction %+v, %v", got, err)
	}
	if _, err := s.OpenPackage(soon(t), a.Package.Digest()); !errors.Is(err, events.ErrNotFound) || !errors.Is(err, ErrDestroyed) {
		t.Errorf("destroyed package: %v", err)
	}
	if _, err := s.Evidence(soon(t), events.Sum(a.Evidence)); !errors.Is(err, ErrDestroyed) {
		t.Errorf("destroyed evidence: %v", err)
	}
	b := plain("s", 0)
	b.Package = a.Package
	if _, err := s.Append(soon(t), b); !errors.Is(err, ErrDestroyed) {
		t.Errorf("destroyed bytes come back: %v", err)
	}
	left, err := os.ReadDir(folder.dir + "/tmp")
	if err != nil || len(left) != 0 {
		t.Errorf("%d temporary files are left, %v", len(left), err)
	}
}

func TestOpenRefusesAnotherKey(t *testing.T) {
	node := startNode(t, esdbtest.NewCluster())
	o := testOptions(t, node.Connection())
	mustAppend(t, openTest(t, o), plain("s", -1))
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	o.LogKey = key
	_, err = Open(soon(t), o)
	expect(t, "open", err, "couldn't verify checkpoint")
	o = testOptions(t, "esdb://user:secret@%zz")
	if _, err := Open(soon(t), o); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func FuzzDecodeBatch(f *testing.F) {
	f.Add([]byte(`{"epoch":1,"from":0,"size":1,"root":"` + strings.Repeat("0", 64) + `","source":{"commit":1,"prepare":2}}` + "\n{}"))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, statements, err := decodeBatch(b)
		if err != nil {
			return
		}
		again, err := encodeBatch(h, statements)
		if err != nil {
			t.Fatal(err)
		}
		h2, statements2, err := decodeBatch(again)
		if err != nil || h2 != h || len(statements2) != len(statements) {
			t.Fatalf("%v: %s became %s", err, b, again)
		}
		for i := range statements {
			if !bytes.Equal(statements[i], statements2[i]) {
				t.Fatalf("statement %d changed", i)
			}
		}
	})
}

// TestObjectsFollowNoLink: what lies in the shared folder under an object's name, put there by somebody else, has no other file overwritten
// when the object is destroyed.
func TestObjectsFollowNoLink(t *testing.T) {
	folder, err := NewFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(t.TempDir(), "log.pem")
	if err := os.WriteFile(secret, []byte("key"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := folder.path(Packages, events.Sum([]byte("p")))
	if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o700), os.Symlink(secret, path)); err != nil {
		t.Fatal(err)
	}
	err = folder.Destroy(t.Context(), Packages, events.Sum([]byte("p")))
	if b, rerr := os.ReadFile(secret); rerr != nil || string(b) != "key" {
		t.Errorf("the file is %q now, %v", b, rerr)
	}
	if err == nil {
		t.Error("destroyed, without a word")
	}
}
