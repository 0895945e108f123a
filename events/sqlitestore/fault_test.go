package sqlitestore

import (
	"bytes"
	"context"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"sync"
	"testing"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

func faultOptions(t testing.TB, d *faultDisk) Options {
	o := smallOptions()
	o.runLength = 20
	o.files = faultFiles{d: d}
	o.vfs = useFaultVFS(t, d)
	return o
}

// acknowledged is what callers have receipts for.
type acknowledged struct {
	mu   sync.Mutex
	list []events.Sealed
	more chan struct{} // told of each
}

func newAcknowledged() *acknowledged { return &acknowledged{more: make(chan struct{}, 1)} }

func (a *acknowledged) add(s events.Sealed) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = append(a.list, s)
	select {
	case a.more <- struct{}{}:
	default:
	}
}

func (a *acknowledged) so() []events.Sealed {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.list[:len(a.list):len(a.list)]
}

// lost opens what a crash left and says which receipt it does not honour, or what else is wrong.
func lost(t testing.TB, dir string, acked []events.Sealed) error {
	t.Helper()
	ctx := context.Background()
	s, err := Open(ctx, dir, smallOptions())
	if err != nil {
		return err
	}
	defer s.Close()
	head := s.Head()
	for _, a := range acked {
		if a.Head.Size > head.Size {
			return fmt.Errorf("a receipt has a head of size %d, the store has %d", a.Head.Size, head.Size)
		}
		proof, _, err := s.Proof(ctx, a.Events[0].Position, a.Head.Size)
		if err != nil {
			return err
		}
		if err := ledger.CheckInclusion(proof, a.Events[0].Position, ledger.Entry(a.Events[0].Bytes), a.Head.Size, a.Head.Root); err != nil {
			return fmt.Errorf("the head of a receipt is not that of the store: %w", err)
		}
		for _, e := range a.Events {
			got, err := s.Event(ctx, e.Position)
			if err != nil {
				return err
			}
			if !bytes.Equal(got.Bytes, e.Bytes) || !bytes.Equal(got.Facts, e.Facts) {
				return fmt.Errorf("event %d is another", e.Position)
			}
			if d := e.Statement.Evidence; d != nil {
				if _, err := s.Evidence(ctx, *d); err != nil {
					return err
				}
			}
			if p := e.Statement.Package; p != nil {
				r, err := s.OpenPackage(ctx, p.SHA256)
				if err != nil {
					return err
				}
				b, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
				r.Close()
				if err != nil || events.Sum(b) != p.SHA256 {
					return fmt.Errorf("package of event %d is another: %v", e.Position, err)
				}
			}
		}
	}
	if _, err := s.Append(ctx, events.Append{Stream: "after", Expected: -1, Actor: "a", Client: "c", Package: newPackage([]byte("after")), Events: []events.New{{Name: "n", Data: struct{}{}}}}); err != nil {
		return fmt.Errorf("store does not go on: %w", err)
	}
	if err := s.Close(); err != nil {
		return err
	}
	r, err := Verify(ctx, dir, VerifyOptions{Key: logKey(), Checkpoint: lastCheckpoint(acked)}, nil)
	if err != nil {
		return err
	}
	if r.Problem != nil {
		return r.Problem
	}
	return nil
}

func lastCheckpoint(acked []events.Sealed) []byte {
	var best events.Head
	for _, a := range acked {
		if a.Head.Size >= best.Size {
			best = a.Head
		}
	}
	return best.Checkpoint
}

// work appends until told to stop or refused, n appends at most, from several callers.
func work(s *Store, callers, n int, seed uint64, acked *acknowledged) (errs []error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for c := range callers {
		wg.Go(func() {
			r := mrand.New(mrand.NewPCG(seed, uint64(c)))
			for i := range n {
				a := events.Append{Stream: fmt.Sprintf("s/%d/%d/%d", seed, c, i), Expected: -1, Actor: "a", Client: "c",
					Events: []events.New{{Name: "n.v1", Data: map[string]int{"i": i}, Facts: map[string]int{"f": i}}}}
				switch r.IntN(8) {
				case 0:
				case 1:
					a.Package = newPackage(bytes.Repeat([]byte{byte(i), byte(c)}, 150<<10+r.IntN(1000)))
				default:
					a.Package = newPackage(fmt.Appendf(bytes.Repeat([]byte{byte(c)}, r.IntN(9000)), "%d %d", c, i))
				}
				if i%7 == 0 {
					a.Evidence = fmt.Appendf(nil, "evidence %d", r.IntN(9))
				}
				sealed, err := s.Append(context.Background(), a)
				if err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
					return
				}
				acked.add(sealed)
			}
		})
	}
	wg.Wait()
	return errs
}

// crashes cuts the power many times while callers append, and gives the first loss.
func crashes(t *testing.T, prepare func(*faultDisk), rounds int) error {
	d := newFaultDisk(t.TempDir())
	s, err := Open(context.Background(), d.dir, faultOptions(t, d))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	prepare(d)
	acked := newAcknowledged()
	r := mrand.New(mrand.NewPCG(4, 4))
	for round := range rounds {
		var errs []error
		done := make(chan struct{})
		go func() { errs = work(s, 4, 15, uint64(round), acked); close(done) }()
		// The power goes in the middle of the work, at one receipt or another.
		for target := len(acked.so()) + r.IntN(40); len(acked.so()) < target; {
			select {
			case <-acked.more:
			case <-done:
				target = 0
			}
		}
		so := acked.so() // receipts that are out
		dir := d.crash(t, []float64{0, 0, 0.3, 0.9}[round%4], r)
		if <-done; len(errs) > 0 {
			t.Fatal(errs[0])
		}
		if err := lost(t, dir, so); err != nil {
			return fmt.Errorf("round %d, %d receipts out: %w", round, len(so), err)
		}
	}
	if n := len(acked.so()); n != rounds*60 {
		t.Errorf("%d appends acknowledged, expected %d", n, rounds*60)
	}
	return nil
}

func TestNoReceiptLeavesBeforeSync(t *testing.T) {
	if err := crashes(t, func(*faultDisk) {}, 16); err != nil {
		t.Error(err)
	}
}

// The test above would see it: a disk that lies about syncing loses receipts.
func TestTheFaultLayerSeesMissingSyncs(t *testing.T) {
	for name, prepare := range map[string]func(*faultDisk){
		"segments": func(d *faultDisk) { d.lieSeg = true },
		"database": func(d *faultDisk) { d.lieDB = true },
	} {
		if err := crashes(t, prepare, 8); err == nil {
			t.Errorf("%s: nothing is synced and nothing is lost", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}
