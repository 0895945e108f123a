package router_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/router"
	"github.com/tram-exchange/tram/gateway/router/peer"
)

// transport is the network between nodes, with faults.
type transport struct{ from *node }

func (t transport) Deliver(_ context.Context, to peer.Target, h peer.Handover) ([]byte, error) {
	w := t.from.w
	w.mu.Lock()
	fault := ""
	if len(w.faults) > 0 {
		fault, w.faults = w.faults[0], w.faults[1:]
	}
	cut := w.cut[t.from.name+">"+strings.TrimSuffix(to.Origin, ".example/log")]
	w.mu.Unlock()
	n := w.node(to.Origin)
	if cut || fault == "before" || !n.up() {
		return nil, &peer.FailedError{Class: peer.ClassUnreachable, Err: errors.New("no way")}
	}
	b, err := io.ReadAll(io.NewSectionReader(h.Package, 0, h.Size))
	if err != nil {
		return nil, err
	}
	receipt, err := n.acceptFromPeer(t.from.Origin(), b, gateway.Handover{Receipt: h.Receipt, Evidence: h.Evidence, Handed: h.Handed})
	if fault == "after" {
		return nil, &peer.FailedError{Class: peer.ClassInterrupted, Reached: true, Err: errors.New("answer lost")}
	}
	var refusal *document.Refusal
	if errors.As(err, &refusal) {
		code := map[document.Reason]int{
			document.ReasonRecipientsUnknown: gateway.CodeRecipientsUnknown,
			document.ReasonDocumentUnknown:   gateway.CodeDocumentUnknown,
			document.ReasonSenderUnknown:     gateway.CodeSenderUnknown,
		}[refusal.Reason]
		if code == 0 {
			code = gateway.CodeRecallSender
			w.t.Logf("peer refuses: %v", err)
		}
		return nil, &peer.RefusedError{Code: code, Status: 422, ID: string(refusal.Reason)}
	}
	return receipt, err
}

func (t transport) Receipt(ctx context.Context, from peer.Target, sum events.Digest) ([]byte, error) {
	w := t.from.w
	w.mu.Lock()
	cut := w.cut[t.from.name+">"+strings.TrimSuffix(from.Origin, ".example/log")]
	w.mu.Unlock()
	n := w.node(from.Origin)
	if cut || !n.up() {
		return nil, &peer.FailedError{Class: peer.ClassUnreachable, Err: errors.New("no way")}
	}
	positions, err := n.store.FindPackage(ctx, sum)
	if err != nil || len(positions) == 0 {
		return nil, err
	}
	return n.Receipt(ctx, positions[0])
}

// step lets the router of a node do all it can now and checks the whole state of the node.
func (w *world) step(name string) router.Progress {
	w.t.Helper()
	n := w.node(name)
	p, err := n.router.Step(context.Background())
	if err != nil {
		w.t.Fatalf("router of %s: %v", name, err)
	}
	w.check(n)
	return p
}

func (w *world) check(n *node) {
	w.t.Helper()
	if err := router.Check(context.Background(), n.store, n.store.Head().Size); err != nil {
		w.t.Fatalf("%s: %v", n.name, err)
	}
}

// settle heals everything and lets all nodes work until nothing is left to do.
func (w *world) settle() {
	w.t.Helper()
	w.mu.Lock()
	clear(w.cut)
	w.faults = nil
	w.mu.Unlock()
	for _, n := range w.nodes {
		if !n.up() {
			n.open()
		}
	}
	for range 60 {
		var before, after uint64
		waiting := false
		for _, n := range w.nodes {
			before += n.store.Head().Size
		}
		for _, n := range w.nodes {
			if p := w.step(n.name); !p.Next.IsZero() {
				waiting = true
			}
		}
		for _, n := range w.nodes {
			after += n.store.Head().Size
		}
		if before == after && !waiting {
			return
		}
		if waiting {
			w.advance(10 * time.Minute)
		}
	}
	w.t.Fatalf("nodes do not come to rest: %+v", w.node(w.nodes[0].name).router.Status())
}

// entry is the delivery of an item of the sender's document to a recipient, at the node named.
func (w *world) entry(at, sender, id, item, org string) delivery.State {
	return w.node(at).delivery(delivery.Stream(document.Stream(sender, id), item, org))
}

// marks are the marks of a delivery, sorted, each once.
func marks(s delivery.State) []string {
	var out []string
	for _, m := range s.Marks {
		out = append(out, string(m.Mark))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// take hands an entry out to a client of its recipient.
func (w *world) take(at, sender, id, item, org string) {
	w.t.Helper()
	_, _, err := w.node(at).Record(context.Background(), gateway.Step{
		Stream: delivery.Stream(document.Stream(sender, id), item, org),
		Decide: func(past []events.Event) ([]events.New, error) {
			var s delivery.State
			for _, e := range past {
				var err error
				if s, err = delivery.Fold(s, e); err != nil {
					return nil, err
				}
			}
			d, err := delivery.DecideTake(s, delivery.Take{At: w.clock(), Client: "token:" + org, Lease: time.Minute})
			return d.Events, err
		},
	})
	if err != nil {
		w.t.Fatalf("couldn't take %s of %s at %s: %v", item, id, at, err)
	}
}

// newTestWorld is a world for an ordinary test.
func newTestWorld(t *testing.T, names ...string) *world {
	w := newWorld(t, t.TempDir(), names...)
	t.Cleanup(w.close)
	return w
}
