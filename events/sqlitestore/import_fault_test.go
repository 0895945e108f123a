package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"testing"

	"github.com/tram-exchange/tram/events"
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

// Each write, sync and truncation of a copy fails once, having done its work or not; then the power goes. What is left holds nothing
// that the source's head does not cover, and the next run makes it whole.
func TestCopyFailsAtEveryStep(t *testing.T) {
	from := smallRecord(t)
	r := mrand.New(mrand.NewPCG(5, 5))
	for _, persist := range []bool{false, true} {
		steps := 0
		for step := 1; ; step++ {
			d := newFaultDisk(t.TempDir())
			d.failAt, d.persist = step, persist
			opts := ImportOptions{MinFree: -1, SegmentSize: 1 << 20, runLength: 5, Batch: 5, files: faultFiles{d: d}, vfs: useFaultVFS(t, d)}
			_, err := copyInto(t, from, d.dir, opts)
			if err == nil && !d.failed {
				steps = step - 1
				break
			}
			left := d.crash(t, []float64{0, 0.5, 1}[step%3], r)
			opts.files, opts.vfs = nil, ""
			if _, err := OpenReader(context.Background(), left); err == nil {
				if got := verify(t, left, VerifyOptions{Key: logKey()}); got.Problem != nil {
					t.Fatalf("step %d, persist %t: what is left: %v", step, persist, got.Problem)
				}
			}
			if _, err := copyInto(t, from, left, opts); err != nil {
				t.Fatalf("step %d, persist %t: once more: %v", step, persist, err)
			}
			if got := verify(t, left, VerifyOptions{Key: logKey()}); got.Problem != nil || got.Events != 12 || got.SignedSize != 12 {
				t.Fatalf("step %d, persist %t: %+v", step, persist, got)
			}
			if step > 20 {
				step += r.IntN(12) // the later ones are alike
			}
		}
		t.Logf("persist %t: about %d steps", persist, steps)
		if steps < 20 {
			t.Errorf("only %d steps failed", steps)
		}
	}
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
