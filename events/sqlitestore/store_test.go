package sqlitestore

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/eventstest"
	"github.com/tram-exchange/tram/events/ledger"
)

const testOrigin = "tram.test.example/log"

var testKeys = sync.OnceValues(func() (ed25519.PrivateKey, *ecdsa.PrivateKey) {
	_, logKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	nodeKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return logKey, nodeKey
})

func testOptions() Options {
	logKey, nodeKey := testKeys()
	return Options{Origin: testOrigin, LogKey: logKey, NodeKey: nodeKey, MinFree: -1}
}

func openTest(t testing.TB, dir string, opts Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// memPackage is a package in memory.
type memPackage struct {
	*bytes.Reader
	sum events.Digest
}

func newPackage(b []byte) *memPackage       { return &memPackage{bytes.NewReader(b), events.Sum(b)} }
func (p *memPackage) Digest() events.Digest { return p.sum }

func TestAppendReadRestart(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := openTest(t, dir, testOptions())
	pkg := newPackage([]byte("<edXML/>"))
	sealed, err := s.Append(ctx, events.Append{
		Stream: "document/1", Expected: -1, Actor: "H02", Client: "cert:00", Package: pkg, Evidence: []byte("evidence"),
		Events: []events.New{
			{Name: "a.v1", Data: map[string]string{"k": "v<&>"}, Facts: map[string]string{"subject": "Về việc"}},
			{Name: "b.v1", Data: struct{}{}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range sealed.Events {
		if err := ledger.CheckInclusion(sealed.Proofs[i], e.Position, ledger.Entry(e.Bytes), sealed.Head.Size, sealed.Head.Root); err != nil {
			t.Error(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, dir, testOptions())
	if h := s.Head(); h.Size != 2 || h.Root != sealed.Head.Root {
		t.Fatalf("head after restart %+v, want %+v", h, sealed.Head)
	}
	var got []events.Event
	if err := s.Stream(ctx, "document/1", 0, func(e events.Event) error { got = append(got, e); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || !bytes.Equal(got[0].Bytes, sealed.Events[0].Bytes) || string(got[0].Facts) != `{"subject":"Về việc"}` {
		t.Fatalf("got %+v", got)
	}
	r, err := s.OpenPackage(ctx, pkg.Digest())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err != nil || string(b) != "<edXML/>" {
		t.Fatalf("package %q, %v", b, err)
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, senders := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			s := openTest(b, b.TempDir(), testOptions())
			benchAppend(b, s, senders)
		})
	}
}

func benchAppend(b *testing.B, s *Store, senders int) {
	ctx := context.Background()
	body := make([]byte, 20<<10)
	rand.Read(body)
	evidence := make([]byte, 3000)
	facts := map[string]string{"subject": "V/v báo cáo tình hình", "content": string(make([]byte, 0)), "sender_name": "Sở Tài chính"}
	var next, mu = make(chan int, senders), sync.Mutex{}
	var lat []time.Duration
	go func() {
		for i := range b.N {
			next <- i
		}
		close(next)
	}()
	var wg sync.WaitGroup
	b.ResetTimer()
	for range senders {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var mine []time.Duration
			p := bytes.Clone(body)
			for i := range next {
				copy(p, fmt.Sprintf("%020d", i))
				pkg := newPackage(p)
				t := time.Now()
				_, err := s.Append(ctx, events.Append{
					Stream: "document/" + pkg.sum.String(), Expected: -1, Actor: "H02.18", Client: "cert:" + pkg.sum.String(),
					Package: pkg, Evidence: evidence,
					Events: []events.New{{Name: "document.received.v1", Data: map[string]any{"sender": "H02.18", "to": []string{"G22", "H02.01"}}, Facts: facts}},
				})
				if err != nil {
					b.Error(err)
					return
				}
				mine = append(mine, time.Since(t))
			}
			mu.Lock()
			lat = append(lat, mine...)
			mu.Unlock()
		}()
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
	var worst time.Duration
	for _, l := range lat {
		worst = max(worst, l)
	}
	b.ReportMetric(worst.Seconds()*1e3, "worst-ms")
}

func TestConformance(t *testing.T) {
	eventstest.Run(t, func(t *testing.T) eventstest.Open {
		dir := t.TempDir()
		return func() (eventstest.Store, error) { return Open(context.Background(), dir, testOptions()) }
	})
}
