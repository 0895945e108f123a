package esdbstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/esdbstore/esdbtest"
	"github.com/tram-exchange/tram/events/ledger"
)

// brake stops a node whenever it comes to a step, until it is released.
type brake struct {
	mu   sync.Mutex
	at   string
	open chan struct{}
}

func (b *brake) hook(ctx context.Context, what string) error {
	b.mu.Lock()
	open := b.open
	stop := open != nil && b.at == what
	b.mu.Unlock()
	if !stop {
		return nil
	}
	select {
	case <-open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *brake) set(at string) {
	b.release()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at, b.open = at, make(chan struct{})
}

func (b *brake) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open != nil {
		close(b.open)
		b.open = nil
	}
}

// TestSequencersInAnyOrder lets two or three nodes hand in and sequence while they are paused at any step, lose answers and take over from
// each other in any order. However that goes: one log, no size with two roots, everything that was answered is in it where the answer
// says, and of appends to one version exactly one. How the nodes' goroutines interleave between the steps is not drawn: a failure need not come
// again with its seed, but what it says is wrong is.
func TestSequencersInAnyOrder(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) { anyOrder(t, r) })
}

func anyOrder(t *testing.T, r *rapid.T) {
	cluster := esdbtest.NewCluster()
	server, err := cluster.Start()
	if err != nil {
		r.Fatal(err)
	}
	defer server.Stop()
	o := testOptions(t, server.Connection())
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	count := rapid.IntRange(2, 3).Draw(r, "nodes")
	nodes, brakes, ticks := make([]*Store, count), make([]*brake, count), make([]clock, count)
	for i := range nodes {
		brakes[i], ticks[i] = &brake{}, make(clock, 2*ticksPerLease)
		of := o
		of.hook, of.tick = brakes[i].hook, ticks[i].tick
		if nodes[i], err = Open(ctx, of); err != nil {
			r.Fatal(err)
		}
	}
	tick := func(i int) {
		select {
		case ticks[i] <- time.Time{}:
		default: // it is paused and has enough to catch up with
		}
	}
	var answers []<-chan outcome
	raced, own := 0, 0
	node := rapid.IntRange(0, count-1)
	steps := rapid.SampledFrom([]string{"begin", "record", "sign", "tick"})
	r.Repeat(map[string]func(*rapid.T){
		"hand in": func(r *rapid.T) {
			answers = append(answers, appendAside(nodes[node.Draw(r, "node")], plain(fmt.Sprint("own/", own), -1)))
			own++
		},
		"two at one version": func(r *rapid.T) {
			name := fmt.Sprint("raced/", raced)
			raced++
			for range 2 {
				answers = append(answers, appendAside(nodes[node.Draw(r, "node")], plain(name, -1)))
			}
		},
		"pause": func(r *rapid.T) { brakes[node.Draw(r, "node")].set(steps.Draw(r, "at")) },
		"go on": func(r *rapid.T) { brakes[node.Draw(r, "node")].release() },
		"tick":  func(r *rapid.T) { tick(node.Draw(r, "node")) },
		"silence": func(r *rapid.T) {
			i := node.Draw(r, "node")
			for range ticksPerLease + 1 {
				tick(i)
			}
		},
		"lose an answer": func(r *rapid.T) {
			cluster.Fail(esdbtest.Fault{
				Prefix:  "tram+" + testOrigin + "+" + rapid.SampledFrom([]string{"log", "heads", "lease", "s+"}).Draw(r, "stream"),
				Persist: rapid.Bool().Draw(r, "persisted"), Times: rapid.IntRange(1, 2).Draw(r, "times"),
				Code: rapid.SampledFrom([]codes.Code{codes.DeadlineExceeded, codes.Unavailable, codes.Internal}).Draw(r, "code"),
			})
		},
		"drop subscriptions": func(*rapid.T) { cluster.DropSubscriptions(nil) },
	})
	// Everybody goes on, and time passes for all alike.
	for _, b := range brakes {
		b.release()
	}
	settled := make(chan struct{})
	var pump sync.WaitGroup
	pump.Go(func() {
		for i := 0; ; i++ {
			select {
			case ticks[i%count] <- time.Time{}:
			case <-settled:
				return
			}
		}
	})
	var sealed []events.Sealed
	conflicts := 0
	for _, c := range answers {
		select {
		case got := <-c:
			var conflict *events.ConflictError
			switch {
			case got.err == nil:
				sealed = append(sealed, got.sealed)
			case errors.As(got.err, &conflict):
				conflicts++
			default:
				r.Fatalf("an append failed: %v", got.err)
			}
		case <-ctx.Done():
			r.Fatal("an append got no answer")
		}
	}
	if len(sealed) != own+raced || conflicts != raced {
		r.Fatalf("%d appends and %d conflicts, expected %d and %d", len(sealed), conflicts, own+raced, raced)
	}
	size := uint64(len(sealed))
	list := sameLog(t, size, nodes...)
	for _, s := range sealed {
		e := s.Events[0]
		if e.Position >= uint64(len(list)) || !bytes.Equal(list[e.Position].Bytes, e.Bytes) {
			r.Fatalf("what was answered as position %d is not there", e.Position)
		}
		if err := ledger.CheckInclusion(s.Proofs[0], e.Position, ledger.Entry(e.Bytes), s.Head.Size, s.Head.Root); err != nil {
			r.Fatal(err)
		}
	}
	if size > 0 {
		checkHeads(t, nodes[0])
	}
	close(settled)
	pump.Wait()
	anew, err := OpenReader(ctx, o)
	if err != nil {
		r.Fatal(err)
	}
	nodes = append(nodes, anew)
	sameLog(t, size, anew)
	for _, n := range nodes {
		if err := n.Close(); err != nil {
			r.Fatal(err)
		}
	}
	if t.Failed() {
		r.Fatal("see above")
	}
}
