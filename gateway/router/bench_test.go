package router_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/eventstest"
)

// fill appends documents past the door, many at once, each with the given recipients.
func (w *world) fill(n *node, from, count int, to ...string) {
	w.t.Helper()
	var recipients []document.Recipient
	for _, org := range to {
		r := document.Recipient{Org: org, Codes: []string{org}}
		if home := nodeOf(org); home != n.name {
			r.Node = origin(home)
		}
		recipients = append(recipients, r)
	}
	var work sync.WaitGroup
	next := make(chan int)
	for range 64 {
		work.Go(func() {
			for i := range next {
				id := fmt.Sprint("bench ", i)
				key := document.Key("H02", id)
				_, err := n.store.Append(context.Background(), events.Append{
					Stream: document.StreamPrefix + key, Expected: -1, Actor: "H02", Client: "token:H02",
					Package: eventstest.NewPackage([]byte(id)),
					Events: []events.New{{Name: document.NameReceived, Data: document.Received{
						Document: key, Sender: "H02", SenderCode: "H02", Content: events.Sum([]byte(id)), Assurance: "own",
						Recipients: recipients,
					}}},
				})
				if err != nil {
					w.t.Fatalf("%v", err)
				}
			}
		})
	}
	for i := range count {
		next <- from + i
	}
	close(next)
	work.Wait()
}

// BenchmarkOffers is how many documents a second get their mailbox entries: the target is 5,000.
func BenchmarkOffers(b *testing.B) {
	for _, to := range [][]string{{"H02.05"}, {"H02.05", "H02.18"}} {
		b.Run(fmt.Sprintf("%d recipients", len(to)), func(b *testing.B) {
			w := newWorld(b, b.TempDir(), "province")
			defer w.close()
			n := w.node("province")
			w.fill(n, 0, b.N, to...)
			b.ResetTimer()
			if _, err := n.router.Step(context.Background()); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "documents/s")
			if got := n.offers(); got != b.N*len(to) {
				b.Fatalf("%d offers, expected %d", got, b.N*len(to))
			}
		})
	}
}

// BenchmarkFollowAgain is how fast a log is followed that has nothing new.
func BenchmarkFollowAgain(b *testing.B) {
	w := newWorld(b, b.TempDir(), "province")
	defer w.close()
	n := w.node("province")
	for done := 0; done < b.N; done += 500 {
		w.fill(n, done, min(500, b.N-done), "H02.05")
		if _, err := n.router.Step(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	n.kill()
	n.keeper = nil
	n.open()
	b.ResetTimer()
	if _, err := n.router.Step(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(n.store.Head().Size)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkHandOver is how many documents a second reach a peer in the same process, both sides durable.
func BenchmarkHandOver(b *testing.B) {
	w := newWorld(b, b.TempDir(), "province", "vpcp")
	defer w.close()
	n := w.node("province")
	for i := range b.N {
		w.mustSubmit(pack{Kind: "document", From: "H02", To: []string{"G22"}, ID: fmt.Sprint(i)})
	}
	b.ResetTimer()
	if _, err := n.router.Step(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "documents/s")
	w.wantPhaseB("province", "H02", "0", "document", "G22", delivery.PhaseForwarded)
}

func (w *world) wantPhaseB(at, sender, id, item, org string, want delivery.Phase) {
	w.t.Helper()
	if s := w.entry(at, sender, id, item, org); s.Phase != want {
		w.t.Fatalf("%s is %q, expected %q", id, s.Phase, want)
	}
}
