package esdbstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/esdbstore/esdbtest"
	"github.com/tram-exchange/tram/events/eventstest"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/sqlitestore"
)

// moving is a record in a folder, as Move takes it.
type moving struct{ *sqlitestore.Reader }

func (m moving) Each(ctx context.Context, from uint64, f func(Entry) error) error {
	return m.Raw(ctx, from, m.Head().Size, func(r sqlitestore.Raw) error {
		e := Entry{Event: r.Event, Salt: r.Salt}
		if r.Statement.Package != nil && !r.PackageDestroyed {
			e.Package = func(ctx context.Context) (events.PackageReader, error) { return m.OpenRaw(ctx, r) }
		}
		return f(e)
	})
}

// folderRecord makes a record of n events in a folder, with everything that events can refer to.
func folderRecord(t *testing.T, n int) moving {
	t.Helper()
	logKey, nodeKey := testKeys()
	dir := filepath.Join(t.TempDir(), "data")
	s, err := sqlitestore.Open(t.Context(), dir, sqlitestore.Options{Origin: testOrigin, LogKey: logKey, NodeKey: nodeKey, SegmentSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	versions := map[string]int64{}
	for i := 0; i < n; i++ {
		stream := fmt.Sprint("s/", i%7)
		if _, ok := versions[stream]; !ok {
			versions[stream] = -1
		}
		a := plain(stream, versions[stream])
		a.Events[0].Data = map[string]string{"x": strings.Repeat("x", 1200)}
		if i%3 == 0 {
			a.Package, a.Evidence = eventstest.NewPackage(fmt.Appendf(nil, "<edXML n=%d/>", i%12)), fmt.Appendf(nil, "chain %d", i%4)
		}
		if i%2 == 0 {
			a.Events[0].Facts = map[string]string{"subject": fmt.Sprint("Về việc ", i)}
		}
		if _, err := s.Append(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		versions[stream]++
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := sqlitestore.OpenReader(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return moving{r}
}

func moveOptions(t *testing.T, o Options) Options {
	t.Helper()
	signer, err := ledger.NewSigner(o.Origin, o.LogKey, o.NodeKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	o.LogKey, o.NodeKey, o.Key = nil, nil, signer.LogKeys()[0]
	return o
}

// sameRecord compares a log in the cluster with the record that it came from, beyond which it may go.
func sameRecord(t *testing.T, from moving, s *Store) {
	t.Helper()
	head := from.Head()
	var last events.Event
	err := from.Each(t.Context(), 0, func(e Entry) error {
		got, err := s.Event(t.Context(), e.Position)
		if err != nil {
			return err
		}
		if !bytes.Equal(got.Bytes, e.Bytes) || !bytes.Equal(got.Facts, e.Facts) || got.Destroyed != e.Destroyed {
			t.Errorf("event %d is %s with facts %s", e.Position, got.Bytes, got.Facts)
		}
		if d := e.Statement.Facts; d != nil {
			f, err := s.FactsOf(t.Context(), *d)
			if err != nil || !bytes.Equal(f.Salt[:], e.Salt) {
				t.Errorf("salt of event %d: %x, %v", e.Position, f.Salt, err)
			}
		}
		if d := e.Statement.Evidence; d != nil {
			if b, err := s.Evidence(t.Context(), *d); err != nil || events.Sum(b) != *d {
				t.Errorf("evidence of event %d: %v", e.Position, err)
			}
		}
		if p := e.Statement.Package; p != nil {
			r, err := s.OpenPackage(t.Context(), p.SHA256)
			if err != nil {
				return err
			}
			b := make([]byte, r.Size())
			if _, err := r.ReadAt(b, 0); err != nil && r.Size() > 0 && events.Sum(b) != p.SHA256 {
				t.Errorf("package of event %d: %v", e.Position, err)
			}
			r.Close()
		}
		proof, h, err := s.Proof(t.Context(), e.Position, head.Size)
		if err != nil {
			return err
		}
		if h.Root != head.Root {
			t.Errorf("root of size %d is %s, expected %s", head.Size, h.Root, head.Root)
		}
		last = got
		return ledger.CheckInclusion(proof, e.Position, ledger.Entry(got.Bytes), head.Size, head.Root)
	})
	if err != nil {
		t.Fatal(err)
	}
	if last.Position != head.Size-1 {
		t.Errorf("last event is at %d, expected %d", last.Position, head.Size-1)
	}
}

// TestMove: whatever fails on the way, the log in the cluster is the one that was in the folder, to the last byte, and its first
// head is the one that was signed there.
func TestMove(t *testing.T) {
	const n = 30 // in three batches
	from := folderRecord(t, n)
	for _, fault := range []struct {
		stream string
		after  int
	}{{"none", 0}, {"log", 0}, {"log", 2}, {"log", 3}, {"s+", 0}, {"s+", 11}, {"heads", 0}} {
		for _, persist := range []bool{false, true} {
			for _, restart := range []bool{false, true} {
				t.Run(fmt.Sprint(fault, "/persist=", persist, "/restart=", restart), func(t *testing.T) {
					cluster := esdbtest.NewCluster()
					node := startNode(t, cluster)
					o := testOptions(t, node.Connection())
					m := moveOptions(t, o)
					m.MaxAppend = 2*appendSlack + 100 // several batches
					code := codes.Unavailable
					if restart {
						code = codes.InvalidArgument // nothing that is tried again
					}
					happened := cluster.Fail(esdbtest.Fault{Prefix: "tram+" + testOrigin + "+" + fault.stream, Skip: fault.after, Persist: persist, Code: code, Times: 1})
					err := Move(soon(t), m, from, nil)
					if restart && fault.stream != "none" {
						wait(t, happened)
						if err == nil {
							t.Fatal("a write was refused and nobody says so")
						}
						// Whoever comes now must not sequence a part of a record.
						if begun := cluster.Len("tram+" + testOrigin + "+log"); begun > 0 && begun < 4 {
							if s, err := Open(soon(t), o); !errors.Is(err, ErrMoving) {
								s.Close()
								t.Fatalf("a node opened half a log: %v", err)
							}
						}
						m.MaxAppend = 1 << 20 // other batches
						err = Move(soon(t), m, from, nil)
					}
					if err != nil {
						t.Fatal(err)
					}
					r, err := OpenReader(soon(t), m)
					if err != nil {
						t.Fatal(err)
					}
					defer r.Close()
					if h := r.Head(); !bytes.Equal(h.Checkpoint, from.Head().Checkpoint) {
						t.Errorf("first head is\n%s\nthe record's was\n%s", h.Checkpoint, from.Head().Checkpoint)
					}
					sameRecord(t, from, r)
					s := openTest(t, o)
					if got := mustAppend(t, s, plain("s/0", 4)).Events[0]; got.Position != n {
						t.Errorf("the log goes on at %d", got.Position)
					}
					if _, err := s.Append(soon(t), plain("s/1", -1)); err == nil || !strings.Contains(err.Error(), "actual version 4") {
						t.Errorf("a moved stream takes its first event again: %v", err)
					}
					sameRecord(t, from, s)
					wholeLog(t, s, n+1)
					checkHeads(t, s)
					if err := Move(soon(t), m, from, nil); err != nil {
						t.Errorf("moving once more: %v", err)
					}
				})
			}
		}
	}
}

// TestMoveRefuses what would make two histories of one log.
func TestMoveRefuses(t *testing.T) {
	cluster := esdbtest.NewCluster()
	node := startNode(t, cluster)
	o := testOptions(t, node.Connection())
	mustAppend(t, openTest(t, o), plain("s", -1))
	expect(t, "a log is there", Move(soon(t), moveOptions(t, o), folderRecord(t, 3), nil), "was not moved there")

	o.Connection = startNode(t, esdbtest.NewCluster()).Connection()
	if err := Move(soon(t), moveOptions(t, o), folderRecord(t, 3), nil); err != nil {
		t.Fatal(err)
	}
	expect(t, "another record", Move(soon(t), moveOptions(t, o), folderRecord(t, 4), nil), "from a move of 3 events")
}

// TestEnd: a log that went on elsewhere is never sequenced again, and what runs notices.
func TestEnd(t *testing.T) {
	node := startNode(t, esdbtest.NewCluster())
	o := testOptions(t, node.Connection())
	s := openTest(t, o)
	mustAppend(t, s, plain("s", -1))
	m := moveOptions(t, o)
	for range 2 {
		if err := End(soon(t), m); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Append(soon(t), plain("s", 0)); err == nil {
		t.Error("an event was sealed after the end")
	}
	wait(t, s.Failed())
	if !errors.Is(s.Err(), ErrMoving) {
		t.Errorf("the store ended with %v", s.Err())
	}
	if _, err := Open(soon(t), o); !errors.Is(err, ErrMoving) {
		t.Errorf("opened: %v", err)
	}
	r, err := OpenReader(soon(t), m)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	wholeLog(t, r, 1)
}
