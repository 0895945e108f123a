package router_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/gateway/router"
	"github.com/tram-exchange/tram/internal/faulttable"
)

// badKeeper fails to save once, having saved or not.
type badKeeper struct {
	router.Keeper
	persist bool
	struck  bool
}

func (k *badKeeper) Save(b []byte) error {
	if k.struck {
		return k.Keeper.Save(b)
	}
	k.struck = true
	if k.persist {
		if err := k.Keeper.Save(b); err != nil {
			return err
		}
	}
	return errInjected
}

// once has the first recording of an event of this name fail.
func once(n *node, name string, persist bool) (struck func() bool) {
	hit := false
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fault = func(got string) (done, fails bool) {
		n.mu.Lock()
		defer n.mu.Unlock()
		if hit || got != name {
			return false, false
		}
		hit = true
		return persist, true
	}
	return func() bool { n.mu.Lock(); defer n.mu.Unlock(); return hit }
}

// TestDeliveryFaultTable is docs/faults.md for delivery between nodes: every message and every write fails once, done or not; then the router goes
// on, or either node or both start again, losing what was not kept. Each item ends once at the recipient's node, and both records say so.
func TestDeliveryFaultTable(t *testing.T) {
	seen := faulttable.Read(t, "Delivery to a peer", "failed", "persisted")
	sent := func(at string) func(*world, bool) func() bool {
		return func(w *world, persist bool) func() bool {
			w.faults = []string{at}
			return func() bool { return len(w.faults) == 0 }
		}
	}
	recorded := func(node, name string) func(*world, bool) func() bool {
		return func(w *world, persist bool) func() bool { return once(w.node(node), name, persist) }
	}
	for _, c := range []struct {
		name  string
		of    string // whose step it is
		fails func(w *world, persist bool) (struck func() bool)
	}{
		{"hand-over", "province", func(w *world, persist bool) func() bool {
			return sent(map[bool]string{false: "before", true: "after"}[persist])(w, persist)
		}},
		{"recording of an offer by the sender", "province", recorded("province", delivery.NameOffered)},
		{"recording of what was forwarded", "province", recorded("province", delivery.NameForwarded)},
		{"recording of an attempt", "province", func(w *world, persist bool) func() bool {
			for range 3 { // as many as are tried before it is worth recording
				w.faults = append(w.faults, "before")
			}
			return once(w.node("province"), delivery.NameRetrying, persist)
		}},
		{"recording of an offer by the recipient's node", "vpcp", recorded("vpcp", delivery.NameOffered)},
		{"saving of the router's positions", "province", func(w *world, persist bool) func() bool {
			n := w.node("province")
			k := &badKeeper{Keeper: n.keeper, persist: persist}
			n.keeper = k
			n.kill()
			n.open()
			return func() bool { return k.struck }
		}},
	} {
		for column, persist := range []bool{false, true} {
			for _, end := range [][]string{nil, {"province"}, {"vpcp"}, {"province", "vpcp"}} {
				at := fmt.Sprintf("%s (done: %t), then %v start again", c.name, persist, end)
				w := newWorld(t, t.TempDir(), "province", "vpcp")
				w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{"H02.05", "G22", "G22.01"}, ID: "1"})
				if c.of == "vpcp" {
					w.step("province")
				}
				struck := c.fails(w, persist)
				p, err := w.node(c.of).router.Step(context.Background())
				for range 3 {
					if struck() {
						break
					}
					w.advance(10 * time.Minute)
					p, err = w.node(c.of).router.Step(context.Background())
				}
				if !struck() {
					t.Errorf("%s: it never came", at)
				}
				what := "tried again"
				switch {
				case err != nil:
					what = "stopped"
				case p.Failed == 0:
					what = "nothing"
				}
				seen.Saw(c.name, column, what)
				for _, name := range end {
					w.node(name).kill()
				}
				w.settle()
				w.deliveredOnce(at)
			}
		}
	}
	seen.Compare(t)
}

// deliveredOnce says that document 1 of H02 is where it belongs, once, and that both records prove.
func (w *world) deliveredOnce(at string) {
	w.t.Helper()
	ctx := context.Background()
	for _, org := range []string{"G22", "G22.01"} {
		w.wantPhase("province", "H02", "1", "document", org, delivery.PhaseForwarded)
		w.wantPhase("vpcp", "H02", "1", "document", org, delivery.PhaseOffered)
	}
	for name, want := range map[string]map[string]int{
		"province": {document.NameReceived: 1, delivery.NameOffered: 3, delivery.NameForwarded: 2},
		"vpcp":     {document.NameReceived: 1, delivery.NameOffered: 2, delivery.NameForwarded: 0},
	} {
		n := w.node(name)
		w.check(n) // every hand-over has the peer's receipt of the very package
		got := map[string]int{}
		if err := n.store.All(ctx, 0, func(e events.Event) error { got[e.Statement.Name]++; return nil }); err != nil {
			w.t.Fatalf("%s: %v", at, err)
		}
		for event, k := range want {
			if got[event] != k {
				w.t.Fatalf("%s: %s has %d of %s, expected %d", at, name, got[event], event, k)
			}
		}
		n.kill()
		r, err := sqlitestore.Verify(ctx, filepath.Join(w.dir, name), sqlitestore.VerifyOptions{}, nil)
		if err != nil || r.Problem != nil {
			w.t.Fatalf("%s: record of %s: %v, %v", at, name, r.Problem, err)
		}
	}
}
