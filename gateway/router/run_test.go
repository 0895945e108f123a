package router_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/router"
)

// running is the router of a node, on its own, with waits of a millisecond.
func (n *node) running(t *testing.T, node router.Node) (r *router.Router, metrics *prometheus.Registry, stop func() error) {
	t.Helper()
	metrics = prometheus.NewRegistry()
	r, err := router.New(router.Options{
		Log: n.store, Node: node, Transport: transport{n}, Now: time.Now, Keeper: n.keeper, Metrics: metrics,
		Backoff: time.Millisecond, Longest: 4 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return r, metrics, func() error { cancel(); return <-done }
}

// until waits for an event of the name in the log of the node, without sleeping.
func (n *node) until(t *testing.T, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	at := uint64(0)
	found := errors.New("found")
	for {
		head, err := n.store.Wait(ctx, at)
		if err != nil {
			t.Fatalf("%s did not come: %v", name, err)
		}
		err = n.store.All(ctx, at, func(e events.Event) error {
			if e.Statement.Name == name {
				return found
			}
			return nil
		})
		if errors.Is(err, found) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		at = head.Size
	}
}

func TestRunDelivers(t *testing.T) {
	w := newTestWorld(t, "province", "vpcp")
	p, v := w.node("province"), w.node("vpcp")
	v.kill()
	r, metrics, stop := p.running(t, p)
	w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{"H02.05", "G22"}, ID: "1"})
	p.until(t, delivery.NameRetrying)
	if got := gauges(t, metrics)["tram_peer_queue_recipients"]; got != 1 {
		t.Errorf("queue of %v recipients in the metrics, expected 1", got)
	}
	v.open()
	p.until(t, delivery.NameForwarded)
	_, _, stopPeer := v.running(t, v)
	v.until(t, delivery.NameOffered)
	w.mustSubmit(pack{Kind: "status", From: "G22", About: "H02", ID: "1", Code: "01", Timestamp: "x"})
	v.until(t, delivery.NameForwarded)
	if err := errors.Join(stop(), stopPeer()); err != nil {
		t.Fatal(err)
	}
	if s := r.Status(); len(s.Queues) != 1 || s.Stopped != "" {
		t.Errorf("status %+v", s)
	}
	// Stopped, both start again where they were.
	for _, n := range w.nodes {
		n.kill()
		n.open()
	}
	w.settle()
	if got := []int{p.offers(), v.offers()}; !slices.Equal(got, []int{3, 2}) {
		t.Errorf("offers %v, expected 3 and 2", got)
	}
}

// fullDisk is a node that cannot record for a while.
type fullDisk struct {
	*node
	left atomic.Int32
	why  error
}

func (f *fullDisk) Record(ctx context.Context, s gateway.Step) (events.Sealed, bool, error) {
	if f.left.Add(-1) >= 0 {
		return events.Sealed{}, false, f.why
	}
	return f.node.Record(ctx, s)
}

func TestRunWaitsForTheNode(t *testing.T) {
	w := newTestWorld(t, "province")
	p := w.node("province")
	f := &fullDisk{node: p, why: gateway.Refuse(gateway.CodeDiskFull)}
	f.left.Store(3)
	_, _, stop := p.running(t, f)
	w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{"H02.05"}, ID: "1"})
	p.until(t, delivery.NameOffered)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if got := f.left.Load(); got > -1 {
		t.Errorf("%d refusals left, expected the router to have met them all", got)
	}
}

func TestRunEndsWithTheStore(t *testing.T) {
	w := newTestWorld(t, "province")
	p := w.node("province")
	f := &fullDisk{node: p, why: events.ErrClosed}
	f.left.Store(1 << 30)
	r, metrics, stop := p.running(t, f)
	w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{"H02.05"}, ID: "1"})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for r.Status().Stopped == "" && ctx.Err() == nil {
		_, _ = p.store.Wait(ctx, p.store.Head().Size-1) // returns at once; yields to the router
	}
	if err := stop(); !errors.Is(err, events.ErrClosed) {
		t.Errorf("ended with %v, expected %v", err, events.ErrClosed)
	}
	if s := r.Status().Stopped; !strings.Contains(s, "closed") || gauges(t, metrics)["tram_router_stopped"] != 1 {
		t.Errorf("status says %q", s)
	}
}

// gauges reads the metrics; of those with labels the last.
func gauges(t *testing.T, r *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			out[f.GetName()] = m.GetGauge().GetValue()
		}
	}
	return out
}
