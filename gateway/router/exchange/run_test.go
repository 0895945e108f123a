package exchange

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/router/peer"
)

// away is a peer that does not answer until it is there; it counts how often it was asked.
type away struct {
	there atomic.Bool
	asked atomic.Int64
}

func (a *away) Change(context.Context, peer.Target, string) (string, []byte, error) {
	a.asked.Add(1)
	if !a.there.Load() {
		return "", nil, errCut
	}
	return "", nil, nil
}

// onePeer is a node that knows one peer and records nothing.
type onePeer struct {
	Node
	snapshot gateway.Snapshot
}

func (n *onePeer) Origin() string              { return "province.example/log" }
func (n *onePeer) Snapshot() *gateway.Snapshot { return &n.snapshot }

// A node that starts before its peer reads the peer's directory soon after that is there, however long it was away, and at once more often when
// it has been heard of. A peer that answers is asked at the interval only.
func TestPeerThatIsAwayIsAskedAgain(t *testing.T) {
	w := newWorld(t)
	n := &onePeer{snapshot: *w.a.node.Snapshot()}
	if got := n.snapshot.Directory.Peers(); len(got) != 1 {
		t.Fatalf("peers %v", got)
	}
	synctest.Test(t, func(t *testing.T) {
		a, answered := &away{}, 0
		x, err := New(Options{
			Log: noLog{}, Node: n, Source: a, Key: crypto.Signer(ed25519.NewKeyFromSeed(make([]byte, 32))), Chain: []*x509.Certificate{{}}, Now: time.Now,
			Every: 5 * time.Minute, Answered: func(string) { answered++ },
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- x.Run(ctx) }()
		within := func(d time.Duration, least, most int64) {
			t.Helper()
			before := a.asked.Load()
			time.Sleep(d)
			synctest.Wait()
			if n := a.asked.Load() - before; n < least || n > most {
				t.Errorf("asked %d times in %s, expected %d to %d", n, d, least, most)
			}
		}
		within(16*time.Second, 5, 5)   // at once, after 1, 2, 4 and 8 s
		within(20*time.Minute, 18, 24) // a minute apart at last
		x.Poke()
		within(8*time.Second, 4, 4) // at once, after 1, 2 and 4 s
		a.there.Store(true)
		within(9*time.Second, 1, 1)
		within(11*time.Minute, 2, 2)
		cancel()
		if answered != 3 {
			t.Errorf("told %d times that the peer answered, expected 3", answered)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

type noLog struct{ Log }

func (noLog) Stream(context.Context, string, uint64, func(events.Event) error) error { return nil }
