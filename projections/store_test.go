package projections

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/internal/view"
)

// storedPackage is package bytes as the store takes them.
type storedPackage struct {
	*bytes.Reader
	digest events.Digest
}

func (p storedPackage) Digest() events.Digest { return p.digest }

// openStore opens a real store; now is its clock, nil for time.Now.
func openStore(t testing.TB, origin string, now func() time.Time) *sqlitestore.Store {
	t.Helper()
	_, logKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	nodeKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlitestore.Open(t.Context(), t.TempDir(), sqlitestore.Options{Origin: origin, LogKey: logKey, NodeKey: nodeKey, MinFree: -1, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// recordIn appends an event of a testLog to a real store.
func recordIn(ctx context.Context, s events.Store, e events.Event) error {
	st := &e.Statement
	a := events.Append{
		Stream: st.Stream, Expected: int64(st.Version) - 1, Actor: st.Actor, Client: st.Client, Cause: st.Cause, Basis: st.Basis,
		Events: []events.New{{Name: st.Name, Data: st.Data}},
	}
	if e.Facts != nil {
		a.Events[0].Facts = rawFacts(e.Facts)
	}
	if st.Package != nil {
		content, ok := packageContents.Load(st.Package.SHA256)
		if !ok {
			return fmt.Errorf("package %s of the test has no content", st.Package.SHA256)
		}
		a.Package = storedPackage{bytes.NewReader(content.([]byte)), st.Package.SHA256}
	}
	_, err := s.Append(ctx, a)
	return err
}

type rawFacts []byte

func (r rawFacts) MarshalJSON() ([]byte, error) { return r, nil }

// TestRealStore: the views of a log in a real store answer as those of the same log in memory, and follow it.
func TestRealStore(t *testing.T) {
	s := newScenario(t)
	var now time.Time
	store := openStore(t, s.origin, func() time.Time { return now })
	want := openViews(t, viewsPath(t), s, Options{})
	v, err := Open(t.Context(), viewsPath(t), store, Options{Now: testNow})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- v.Run(ctx) }()
	err = s.All(t.Context(), 0, func(e events.Event) error {
		now = e.Statement.Time
		return recordIn(t.Context(), store, e)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.WaitFor(t.Context(), s.Head().Size); err != nil {
		t.Fatal(err)
	}
	// The one event whose words were destroyed never had any in the copy: that is the only difference there may be.
	got := s.dump(t, v)
	expected := strings.ReplaceAll(s.dump(t, want), view.DestroyedByUnrecorded, "")
	if got != expected {
		t.Errorf("answers differ:\n%s", firstDifference(got, expected))
	}
	cancel()
	if err := <-ran; !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
}

// fillStore records a log in a real store, document by document, many at the same time.
func fillStore(t testing.TB, l *testLog, s events.Store) {
	t.Helper()
	groups := make(map[string][]events.Event)
	items := make(map[string]string) // delivery stream → document stream
	var order []string
	err := l.All(t.Context(), 0, func(e events.Event) error {
		d, err := decode(e)
		if err != nil {
			return err
		}
		if o, ok := d.data.(*delivery.Offered); ok {
			items[e.Statement.Stream] = o.Item
		}
		group := e.Statement.Stream
		if item := items[group]; item != "" {
			group = item
		}
		if groups[group] == nil {
			order = append(order, group)
		}
		groups[group] = append(groups[group], e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 256 {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(order) {
					return
				}
				for _, e := range groups[order[i]] {
					if err := recordIn(t.Context(), s, e); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkReplayStore reads a log from a real store into new views; one operation is one event.
func BenchmarkReplayStore(b *testing.B) {
	store := openStore(b, "bench/log", nil)
	fillStore(b, benchLog(b, 10_000), store)
	n := 0
	cpu := time.Duration(0)
	b.ResetTimer()
	for n < b.N {
		start := cpuTime()
		v, err := Open(b.Context(), filepath.Join(b.TempDir(), "views.db"), store, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := v.CatchUp(b.Context()); err != nil {
			b.Fatal(err)
		}
		cpu += cpuTime() - start
		n += int(v.Position())
		b.StopTimer()
		if err := v.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(cpu.Microseconds())/float64(n), "cpu-µs/event")
}

// BenchmarkReadStore is the limit of BenchmarkReplayStore: reading alone.
func BenchmarkReadStore(b *testing.B) {
	store := openStore(b, "bench/log", nil)
	fillStore(b, benchLog(b, 10_000), store)
	n := 0
	b.ResetTimer()
	for n < b.N {
		if err := store.All(b.Context(), 0, func(events.Event) error { n++; return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
