package projections

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// BenchmarkPast makes the views of a moment: the first one from the beginning of the log, the next one a tenth further from the first,
// and again the same. TRAM_BENCH_DOCUMENTS says how long the log is.
func BenchmarkPast(b *testing.B) {
	n := 2000
	if s, err := strconv.Atoi(os.Getenv("TRAM_BENCH_DOCUMENTS")); err == nil {
		n = s
	}
	log := benchLog(b, n)
	size := log.Head().Size
	for b.Loop() {
		p, err := OpenPast(b.TempDir(), log, nil, PastOptions{Wait: time.Hour})
		if err != nil {
			b.Fatal(err)
		}
		for _, at := range []struct {
			name string
			size uint64
		}{{"first-s", size / 10 * 9}, {"further-s", size}, {"again-s", size}} {
			start := time.Now()
			v, err := p.Open(b.Context(), view.Moment{Position: at.size}, "")
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(time.Since(start).Seconds(), at.name)
			if err := v.Close(); err != nil {
				b.Fatal(err)
			}
		}
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(size), "events")
}
