package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"testing"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/internal/faulttable"
)

// smallRecord is a record with everything a copy has to carry, in a few events.
func smallRecord(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	s := openTest(t, dir, smallOptions())
	for i := range 12 {
		a := events.Append{Stream: fmt.Sprint("s/", i), Expected: -1, Actor: "a", Client: "c",
			Events: []events.New{{Name: "n.v1", Data: map[string]int{"i": i}, Facts: map[string]int{"f": i}}}}
		switch i % 4 {
		case 1:
			a.Package, a.Evidence = newPackage(fmt.Appendf(nil, "package %d", i)), fmt.Appendf(nil, "evidence %d", i%3)
		case 2:
			a.Package = newPackage(make([]byte, 300<<10+i))
		}
		if _, err := s.Append(context.Background(), a); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestCopyFaultTable is docs/faults.md for a copy: each kind of operation on its disk fails once, having done its work or not; then the power
// goes. What is left holds nothing that the source's head does not cover, and the next run makes it whole.
func TestCopyFaultTable(t *testing.T) {
	from := smallRecord(t)
	r := mrand.New(mrand.NewPCG(5, 5))
	opts := ImportOptions{MinFree: -1, SegmentSize: 400 << 10, runLength: 5, Batch: 5}
	life := func(d *faultDisk) string {
		o := opts
		o.files, o.vfs = faultFiles{d: d}, useFaultVFS(t, d)
		src, err := OpenReader(context.Background(), from)
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		im, err := OpenImport(context.Background(), d.dir, testOrigin, o)
		if err != nil {
			return faultNotOpened
		}
		for {
			c, err := im.Copy(context.Background(), src)
			if err != nil {
				im.Close()
				return faultRun
			}
			if c.Done {
				break
			}
		}
		if im.Close() != nil {
			return faultAtClose
		}
		return faultNothing
	}
	clean := newFaultDisk(t.TempDir())
	if what := life(clean); what != faultNothing {
		t.Fatalf("without a fault: %s", what)
	}
	seen := faulttable.Read(t, "A copy", "failed", "persisted")
	clean.eachOnce(t, r, func(d *faultDisk) {
		what := life(d)
		if d.struck == "" {
			return
		}
		saw(seen, d.struck, d.persist, what)
		at := fmt.Sprintf("%s number %d (done: %t)", d.struck, d.failNth, d.persist)
		left := d.crash(t, []float64{0, 0.5, 1}[r.IntN(3)], r)
		if _, err := OpenReader(context.Background(), left); err == nil {
			if got := verify(t, left, VerifyOptions{Key: logKey()}); got.Problem != nil {
				t.Fatalf("%s: what is left: %v", at, got.Problem)
			}
		}
		if _, err := copyInto(t, from, left, opts); err != nil {
			t.Fatalf("%s: once more: %v", at, err)
		}
		if got := verify(t, left, VerifyOptions{Key: logKey()}); got.Problem != nil || got.Events != 12 || got.SignedSize != 12 {
			t.Fatalf("%s: %+v", at, got)
		}
	})
	t.Logf("%d operations in a life: %v", clean.ops, clean.names)
	seen.Compare(t)
}

// A copy onto a full disk says so, keeps what it had, and goes on when there is room.
func TestCopyOntoAFullDisk(t *testing.T) {
	from, to := smallRecord(t), t.TempDir()
	opts := copyOptions()
	opts.Batch = 4
	files := &fullFiles{free: 1 << 30}
	opts.files, opts.MinFree = files, 1<<20
	ctx := context.Background()
	src, err := OpenReader(ctx, from)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	im, err := OpenImport(ctx, to, testOrigin, opts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := im.Copy(ctx, src); err != nil {
		t.Fatal(err)
	}
	files.free = 1 << 20
	if _, err := im.Copy(ctx, src); !errors.Is(err, events.ErrFull) {
		t.Fatalf("a full disk gave %v", err)
	}
	if _, err := im.Copy(ctx, src); !errors.Is(err, events.ErrFull) {
		t.Errorf("an importer that has failed goes on: %v", err)
	}
	if err := im.Close(); err != nil {
		t.Fatal(err)
	}
	if got := verify(t, to, VerifyOptions{}); got.Problem != nil || got.Events != 4 {
		t.Errorf("what was there before: %+v", got)
	}
	files.free = 1 << 30
	if c, err := copyInto(t, from, to, opts); err != nil || c.Events != 8 {
		t.Fatalf("copied %+v, %v", c, err)
	}
	sameRecord(t, from, to)
}

type fullFiles struct {
	osFiles
	free int64
}

func (f *fullFiles) Free(string) (int64, error) { return f.free, nil }
