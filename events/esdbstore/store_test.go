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
		t.Skip("TRAM_TEST_ESDB names no server")
	}
	run, n := time.Now().UnixNano(), 0
	eventstest.Run(t, func(t *testing.T) eventstest.Open {
		o := testOptions(t, connection)
		n++
		o.Origin, o.pause = fmt.Sprintf("tram.test.example/%d/%d", run, n), nil
		return func() (eventstest.Store, error) { return Open(soon(t), o) }
	})
}

// BenchmarkAppend measures the store over a server in memory on the same machine: the protocol, not a cluster.
func BenchmarkAppend(b *testing.B) {
	node, err := esdbtest.NewCluster().Start()
	if err != nil {
		b.Fatal(err)
	}
	defer node.Stop()
	s := openTest(b, testOptions(b, node.Connection()))
	defer s.Close()
	const senders = 64
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
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
}
