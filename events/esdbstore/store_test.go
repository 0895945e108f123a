package esdbstore

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/esdbstore/esdbtest"
	"github.com/tram-exchange/tram/events/eventstest"
)

const testOrigin = "tram.test.example/log"

var testKeys = sync.OnceValues(func() (ed25519.PrivateKey, *ecdsa.PrivateKey) {
	_, logKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	nodeKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return logKey, nodeKey
})

// yield lets the retries of tests go on at once.
func yield(ctx context.Context, _ int) error {
	runtime.Gosched()
	return ctx.Err()
}

func testOptions(t testing.TB, connection string) Options {
	t.Helper()
	logKey, nodeKey := testKeys()
	folder, err := NewFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return Options{Origin: testOrigin, Connection: connection, Objects: folder, LogKey: logKey, NodeKey: nodeKey, pause: yield}
}

func startNode(t testing.TB, c *esdbtest.Cluster) *esdbtest.Node {
	t.Helper()
	n, err := c.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Stop)
	return n
}

func openTest(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(soon(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// soon bounds a wait for something that must come.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func plain(stream string, expected int64) events.Append {
	return events.Append{Stream: stream, Expected: expected, Actor: "a", Client: "c", Events: []events.New{{Name: "n.v1", Data: struct{}{}}}}
}

func TestConformance(t *testing.T) {
	eventstest.Run(t, func(t *testing.T) eventstest.Open {
		node := startNode(t, esdbtest.NewCluster())
		o := testOptions(t, node.Connection())
		return func() (eventstest.Store, error) { return Open(soon(t), o) }
	})
}

// TestRealServer runs the suite against a server that TRAM_TEST_ESDB names, e.g. esdb://localhost:2113?tls=false.
// Its streams stay there; every run uses origins of its own.
func TestRealServer(t *testing.T) {
	connection := os.Getenv("TRAM_TEST_ESDB")
	if connection == "" {
		t.Skip("not tested against a real server: TRAM_TEST_ESDB names none")
	}
	probe, err := newConn(Options{Connection: connection, Deadline: 10 * time.Second, pause: backoff})
	if err != nil {
		t.Fatal(err)
	}
	defer probe.close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := probe.last(ctx, "tram+probe"); err != nil {
		t.Fatalf("the server that TRAM_TEST_ESDB names does not answer: %v", err)
	}
	run, n := time.Now().UnixNano(), 0
	eventstest.Run(t, func(t *testing.T) eventstest.Open {
		o := testOptions(t, connection)
		n++
		o.Origin, o.pause = fmt.Sprintf("tram.test.example/%d/%d", run, n), nil
		return func() (eventstest.Store, error) { return Open(soon(t), o) }
	})
}

// BenchmarkAppend measures the store over a server in memory on the same machine: the protocol, not a cluster. Each append is
// durable, sealed and proved when it counts.
func BenchmarkAppend(b *testing.B) {
	for _, senders := range []int{1, 64, 512} {
		b.Run(fmt.Sprint("senders=", senders), func(b *testing.B) {
			node, err := esdbtest.NewCluster().Start()
			if err != nil {
				b.Fatal(err)
			}
			defer node.Stop()
			s := openTest(b, testOptions(b, node.Connection()))
			defer s.Close()
			next := make(chan int, senders)
			go func() {
				for i := range b.N {
					next <- i
				}
				close(next)
			}()
			var wg sync.WaitGroup
			b.ResetTimer()
			for range senders {
				wg.Go(func() {
					for i := range next {
						if _, err := s.Append(context.Background(), plain(fmt.Sprint("s/", i), -1)); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(s.conn.writes.Load())/float64(b.N), "writes/event")
		})
	}
}

// BenchmarkFollow measures what a node does with the log when it opens, and what it keeps of it in memory: the worst case, every
// event in a stream of its own.
func BenchmarkFollow(b *testing.B) {
	s := newState(testOrigin, 4096)
	s.imported = &importEntry{Size: 1 << 62}
	var batches [][][]byte
	for i := 0; i < b.N; i += maxBatch {
		var list [][]byte
		for k := i; k < min(b.N, i+maxBatch); k++ {
			st := events.Statement{Origin: testOrigin, Stream: fmt.Sprintf("document/%064x", k), Name: "document.received.v1", Time: time.UnixMicro(int64(k)).UTC(),
				Actor: "H02.05", Client: "token:x", Data: []byte("{}")}
			e, err := st.Encode()
			if err != nil {
				b.Fatal(err)
			}
			list = append(list, e)
		}
		batches = append(batches, list)
	}
	heap := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	before := heap()
	b.ResetTimer()
	for i, list := range batches {
		h := batchHeader{From: s.tree.Size(), Size: s.tree.Size() + uint64(len(list))}
		var entries []events.Digest
		for _, e := range list {
			entries = append(entries, events.Sum(e))
		}
		h.Root = s.rootWith(entries)
		if err := s.batch(uint64(i), h, list); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric((heap()-before)/float64(b.N), "kept-B/event")
	runtime.KeepAlive(batches)
	runtime.KeepAlive(s)
}
