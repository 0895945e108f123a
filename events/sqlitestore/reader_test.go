package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// A Reader sees what the store has sealed, while the store is open and after it was closed, and changes nothing.
func TestReader(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	opts := testOptions()
	opts.runLength = 16 // so that the indexes are merged while the test writes
	s := openTest(t, dir, opts)
	const n = 90
	for i := range n {
		a := events.Append{Stream: fmt.Sprintf("document/%d", i%7), Expected: int64(i/7) - 1, Actor: "H02", Client: "node",
			Evidence: []byte(fmt.Sprintf("evidence %d", i%3)), Events: []events.New{{Name: "a.v1", Data: map[string]int{"i": i}}}}
		if i%2 == 0 {
			a.Package = newPackage([]byte(fmt.Sprintf("<p>%d</p>", i%10)))
		}
		if _, err := s.Append(ctx, a); err != nil {
			t.Fatal(err)
		}
	}
	check := func(t *testing.T) {
		r, err := OpenReader(ctx, dir)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		head := r.Head()
		if head.Size == 0 || head.Size > n {
			t.Fatalf("head of size %d", head.Size)
		}
		logKey, nodeKey := testKeys()
		signer, err := ledger.NewSigner(testOrigin, logKey, nodeKey, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := ledger.OpenCheckpoint(head.Checkpoint, testOrigin, signer.LogVerifier(), signer.NodeVerifier()); err != nil {
			t.Fatal(err)
		}
		seen := uint64(0)
		for k := range 7 {
			version := uint64(0)
			err := r.Stream(ctx, fmt.Sprintf("document/%d", k), 0, func(e events.Event) error {
				if e.Statement.Version != version || e.Position >= head.Size {
					t.Errorf("stream %d: version %d at %d, expected version %d", k, e.Statement.Version, e.Position, version)
				}
				version++
				seen++
				one, err := r.Event(ctx, e.Position)
				if err != nil || string(one.Bytes) != string(e.Bytes) {
					t.Errorf("event %d: %v", e.Position, err)
				}
				for _, size := range []uint64{0, e.Position + 1} {
					proof, h, err := r.Proof(ctx, e.Position, size)
					if err != nil {
						return err
					}
					if err := ledger.CheckInclusion(proof, e.Position, ledger.Entry(e.Bytes), h.Size, h.Root); err != nil {
						return err
					}
				}
				if _, err := r.Evidence(ctx, *e.Statement.Evidence); err != nil {
					return err
				}
				p := e.Statement.Package
				if p == nil {
					return nil
				}
				got, err := r.OpenPackage(ctx, p.SHA256)
				if err != nil {
					return err
				}
				b, err := io.ReadAll(io.NewSectionReader(got, 0, got.Size()))
				if err != nil || events.Sum(b) != p.SHA256 {
					t.Errorf("package of event %d: %q, %v", e.Position, b, err)
				}
				return got.Close()
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if seen != head.Size {
			t.Errorf("streams show %d events, the head has %d", seen, head.Size)
		}
		if _, err := r.Event(ctx, head.Size); !errors.Is(err, events.ErrNotFound) {
			t.Errorf("event behind the head: %v", err)
		}
		if _, err := r.OpenPackage(ctx, events.Sum([]byte("other"))); !errors.Is(err, events.ErrNotFound) {
			t.Errorf("unknown package: %v", err)
		}
	}
	t.Run("while open", check)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	t.Run("closed", check)
	if _, err := OpenReader(ctx, t.TempDir()); err == nil {
		t.Error("an empty folder was opened")
	}
}
