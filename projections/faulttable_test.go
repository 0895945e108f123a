package projections

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tram-exchange/tram/internal/faulttable"
	"github.com/tram-exchange/tram/internal/faultvfs"
)

// What a failed operation comes to, in the words of docs/faults.md.
const (
	faultNotOpened = "not opened"     // Open gives the error
	faultBehind    = "behind"         // the views stand still until the next pass
	faultKept      = "old views stay" // a rebuild gives the error
	faultAtClose   = "error at close"
	faultNothing   = "nothing"
)

var errFault = errors.New("injected fault")

// viewsDisk has one operation on the files of SQLite's fail: the nth of a name.
type viewsDisk struct {
	mu      sync.Mutex
	names   map[string]int
	name    string
	nth     int
	persist bool
	struck  bool
}

func (d *viewsDisk) do(what, path string, work func() error) error {
	base, of := filepath.Base(path), "the database"
	if strings.HasPrefix(base, "views.db"+rebuiltSuffix) {
		of = "the second database"
	}
	switch {
	case strings.HasSuffix(base, "-wal"):
		what += " of the write-ahead log of " + of
	case strings.HasSuffix(base, "-journal"):
		what += " of the rollback journal of " + of
	default:
		what += " of " + of
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.names[what]++
	if what != d.name || d.names[what] != d.nth {
		return nil
	}
	d.struck = true
	if d.persist {
		return errors.Join(errFault, work())
	}
	return errFault
}

func (d *viewsDisk) Write(path string, b []byte, at int64) error {
	return d.do("write", path, func() error {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteAt(b, at)
		return errors.Join(err, f.Close())
	})
}

func (d *viewsDisk) Truncate(path string, size int64) error {
	return d.do("truncation", path, func() error { return os.Truncate(path, size) })
}

func (d *viewsDisk) Sync(path string) error {
	return d.do("sync", path, func() error { return nil })
}

func (d *viewsDisk) Delete(path string) error {
	return d.do("deletion", path, func() error { return os.Remove(path) })
}

// TestViewsFaultTable is docs/faults.md for the views: every kind of operation on their files fails while they are made, catch up in bulk, keep
// up, checkpoint, are rebuilt and swapped, and closed. The log goes on growing meanwhile. The next pass, or the next process, goes on, and the
// views then say what the log says.
func TestViewsFaultTable(t *testing.T) {
	ctx := t.Context()
	life := func(d *viewsDisk) (outcome string, s *scenario, path string) {
		s, path = newScenario(t), viewsPath(t)
		faultvfs.Use(t, filepath.Dir(path), d)
		faultvfs.Default(t)
		v, err := Open(ctx, path, s, Options{Now: testNow, LiveBatch: 7, CatchUpBatch: 20})
		if err != nil {
			return faultNotOpened, s, path
		}
		outcome = faultNothing
		again := func(do func() error, what string) {
			for range 3 {
				if err = do(); err == nil {
					return
				}
				outcome = what
			}
			t.Errorf("%s number %d (done: %t): still %v", d.name, d.nth, d.persist, err)
		}
		catchUp := func() error { return v.CatchUp(ctx) }
		grow := func(number string) {
			s.receive(t, paperSpec{from: ubnd, number: number, notation: "X", date: "2022-11-25", to: []string{sxd}})
		}
		v.bulkFrom = 10
		again(catchUp, faultBehind) // in bulk
		v.bulkFrom = bulkEvents
		grow("901")
		v.sinceCheckpoint = checkpointEvents
		again(catchUp, faultBehind)
		v.awaitCheckpoint()
		again(func() error { return v.Rebuild(ctx, nil) }, faultKept)
		grow("902")
		again(catchUp, faultBehind)
		if err := v.Close(); err != nil && outcome == faultNothing {
			outcome = faultAtClose
		}
		return outcome, s, path
	}
	clean := &viewsDisk{names: map[string]int{}}
	if what, _, _ := life(clean); what != faultNothing {
		t.Fatalf("without a fault: %s", what)
	}
	t.Logf("operations in a life: %v", clean.names)
	seen := faulttable.Read(t, "The views", "failed", "persisted")
	for _, name := range slices.Sorted(maps.Keys(clean.names)) {
		n := clean.names[name]
		numbers := []int{1, (1 + n) / 2, n}
		for _, nth := range slices.Compact(numbers) {
			for column, persist := range []bool{false, true} {
				d := &viewsDisk{names: map[string]int{}, name: name, nth: nth, persist: persist}
				what, s, path := life(d)
				if !d.struck {
					continue // another order this time
				}
				seen.Saw(name, column, what)
				v, err := Open(ctx, path, s, Options{Now: testNow})
				if err == nil {
					err = errors.Join(v.CatchUp(ctx), v.Close())
				}
				if err != nil {
					t.Fatalf("%s number %d (done: %t): next start: %v", name, nth, persist, err)
				}
				c, err := Compare(context.WithoutCancel(ctx), path, CompareOptions{Dir: t.TempDir(), Open: func(context.Context) (Record, error) { return openRecord{s.testLog}, nil }})
				if err != nil || c.Difference != nil || c.Position != s.Head().Size {
					t.Fatalf("%s number %d (done: %t): %+v, %v, %v", name, nth, persist, c, c.Difference, err)
				}
			}
		}
	}
	seen.Compare(t)
}
