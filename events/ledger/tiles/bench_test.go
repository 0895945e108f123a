package tiles_test

import (
	"os"
	"testing"

	"github.com/tram-exchange/tram/events/ledger/tiles"
)

// Catching up from nothing, on the real file system; then what one publication of a few new events costs; then the check.
func BenchmarkCatchUp(b *testing.B) {
	const size = 50_000
	r := newRecord(b)
	r.size = size
	h := r.head(b, size)
	for b.Loop() {
		w := tiles.NewWriter(r, tiles.OSFiles(b.TempDir()), tiles.Options{})
		if err := w.Publish(b.Context(), h); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/size, "ns/event")
}

func BenchmarkPublish(b *testing.B) {
	r := newRecord(b)
	r.size = 1000
	w := tiles.NewWriter(r, tiles.OSFiles(b.TempDir()), tiles.Options{})
	if err := w.Publish(b.Context(), r.head(b, r.size)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		r.size += 5
		h := r.head(b, r.size)
		b.StartTimer()
		if err := w.Publish(b.Context(), h); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	const size = 50_000
	r := newRecord(b)
	r.size = size
	dir := b.TempDir()
	if err := tiles.NewWriter(r, tiles.OSFiles(dir), tiles.Options{}).Publish(b.Context(), r.head(b, size)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := tiles.Check(b.Context(), os.DirFS(dir), r.verifier(b)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/size, "ns/event")
}
