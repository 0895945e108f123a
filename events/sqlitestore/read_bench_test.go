package sqlitestore

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/tram-exchange/tram/events"
)

// benchStore has n events like a real log's: about 650 bytes of statement, 250 of facts.
func benchStore(b *testing.B, n int) (*Store, string) {
	dir := b.TempDir()
	s := openTest(b, dir, testOptions())
	facts := map[string]string{"subject": "V/v báo cáo tình hình kinh tế - xã hội tháng 11 năm 2026", "sender_name": "Sở Kế hoạch và Đầu tư",
		"code_number": "1234", "code_notation": "SKHĐT-TH", "promulgation_date": "2026-11-22", "place": "Bắc Giang"}
	var wg sync.WaitGroup
	for w := range 64 { // as many clients
		wg.Go(func() {
			client := "cert:" + events.Sum([]byte{byte(w)}).String()
			for i := w; i < n; i += 64 {
				sum := events.Sum(fmt.Append(nil, i)).String()
				_, err := s.Append(context.Background(), events.Append{Stream: "document/" + sum, Expected: -1, Actor: "H02.18", Client: client,
					Events: []events.New{{Name: "document.received.v1", Facts: facts, Data: map[string]any{"sender": "H02.18", "document": sum, "to": []string{"G22", "H02.01", "H02.02"}}}}})
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	return s, dir
}

func BenchmarkAll(b *testing.B) {
	const n = 100_000
	s, _ := benchStore(b, n)
	for b.Loop() {
		got := 0
		if err := s.All(context.Background(), 0, func(events.Event) error { got++; return nil }); err != nil || got != n {
			b.Fatal(got, err)
		}
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkStream(b *testing.B) {
	s, _ := benchStore(b, 50_000)
	for i := 0; b.Loop(); i++ {
		stream := "document/" + events.Sum(fmt.Append(nil, i%50_000)).String()
		n := 0
		if err := s.Stream(context.Background(), stream, 0, func(events.Event) error { n++; return nil }); err != nil || n != 1 {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	const n = 100_000
	_, dir := benchStore(b, n)
	for b.Loop() {
		r, err := Verify(context.Background(), dir, VerifyOptions{}, nil)
		if err != nil || r.Problem != nil {
			b.Fatal(r.Problem, err)
		}
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkOpen(b *testing.B) {
	const n = 100_000
	s, dir := benchStore(b, n)
	s.Close()
	for b.Loop() {
		s, err := Open(context.Background(), dir, testOptions())
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}
