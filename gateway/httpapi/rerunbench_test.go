package httpapi_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/rerun"
	"github.com/tram-exchange/tram/schemas"
)

// BenchmarkRerun judges a record of documents to two recipients who take and acknowledge: on one goroutine, from memory. "apply" leaves the
// packages out, which "prepare" is about.
func BenchmarkRerun(b *testing.B) {
	const documents = 400
	w := newWorld(b)
	for i := range documents {
		pkg := w.signed(w.doc(fmt.Sprint(2000+i), func(d *schemas.Document) {
			d.To = append(d.To, schemas.Organisation{ID: codeSecond, Name: "Sở Nội vụ"})
		}))
		if a := w.post("sender", pkg); a.status != 201 {
			b.Fatalf("status %d: %s", a.status, a.body)
		}
	}
	w.step()
	for _, who := range []string{"recipient", "second"} {
		c, err := w.node.Authenticate(gateway.Credential{Token: w.actors[who].token})
		if err != nil {
			b.Fatal(err)
		}
		for {
			taken, err := w.node.Take(w.ctx, c, gateway.TakeRequest{Max: 100})
			if err != nil {
				b.Fatal(err)
			}
			if len(taken) == 0 {
				break
			}
			for _, e := range taken {
				if _, err := w.node.Acknowledge(w.ctx, c, e.ID); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	p := w.tapeOf(b)
	begin := func() *rerun.Rerun {
		r, err := rerun.New(w.ctx, rerun.Options{Origin: origin, Record: p, Pinned: w.config.Pinned})
		if err != nil {
			b.Fatal(err)
		}
		return r
	}
	prepare := func(r *rerun.Rerun, packages bool) []*rerun.Prepared {
		out := make([]*rerun.Prepared, 0, len(p.events))
		for _, e := range p.events {
			if packages && e.Statement.Package == nil {
				continue
			}
			x, err := r.Prepare(w.ctx, e, rerun.Source{})
			if err != nil {
				b.Fatal(err)
			}
			out = append(out, x)
		}
		return out
	}
	b.Run("apply", func(b *testing.B) {
		prepared := prepare(begin(), false)
		n := 0
		b.ResetTimer()
		for range b.N {
			r := begin()
			for _, x := range prepared {
				if err := r.Apply(w.ctx, x); err != nil {
					b.Fatal(err)
				}
			}
			n += len(prepared)
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run("prepare", func(b *testing.B) {
		n := 0
		for range b.N {
			n += len(prepare(begin(), true))
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "packages/s")
	})
	b.Run("memory", func(b *testing.B) {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		prepared := prepare(begin(), false)
		r := begin()
		streams := map[string]bool{}
		for _, x := range prepared {
			if err := r.Apply(w.ctx, x); err != nil {
				b.Fatal(err)
			}
			streams[x.Event().Statement.Stream] = true
		}
		prepared = nil
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(streams)), "B/stream")
		runtime.KeepAlive(r)
	})
}
