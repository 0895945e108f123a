package sqlitestore

import (
	"context"
	"errors"
	"maps"
	mrand "math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/internal/faulttable"
)

// What a failed operation comes to, in the words of docs/faults.md.
const (
	faultNotOpened = "not opened"     // Open gives the error
	faultRefused   = "refused"        // the one append gets the error; the store goes on
	faultEnded     = "ended"          // the append gets the error, the store takes nothing more, the process ends
	faultLater     = "ended later"    // what was appended before had its receipt; the store has ended all the same
	faultAtClose   = "error at close" // everything had its receipt
	faultRun       = "run ended"      // of a copy: the next one goes on
	faultNothing   = "nothing"        // nobody needs to know
)

// saw notes an outcome in the column of an operation that had done its work or not.
func saw(f *faulttable.Table, operation string, persist bool, what string) {
	column := 0
	if persist {
		column = 1
	}
	f.Saw(operation, column, what)
}

// eachOnce gives disks on which each operation that a life without faults has fails: the first of each name, the last, and one between;
// without and with its work done, as the beginning of the end and as all that ever fails.
func (d *faultDisk) eachOnce(t *testing.T, r *mrand.Rand, f func(*faultDisk)) {
	for _, name := range slices.Sorted(maps.Keys(d.names)) {
		n := d.names[name]
		numbers := map[int]bool{1: true, 1 + r.IntN(n): true, n: true}
		for _, i := range slices.Sorted(maps.Keys(numbers)) {
			for mode := range 4 {
				if mode > 1 && i != 1 && i != n {
					continue
				}
				bad := newFaultDisk(t.TempDir())
				bad.failName, bad.failNth, bad.persist, bad.heals = name, i, mode%2 == 1, mode > 1
				f(bad)
			}
		}
	}
}

// TestStoreFaultTable is docs/faults.md for the store: every kind of operation on the disk fails once in a life of a store that opens, appends, merges its indexes, begins segments and closes; then the power goes. Whatever had a
// receipt is there, the whole folder proves, and the store goes on.
func TestStoreFaultTable(t *testing.T) {
	r := mrand.New(mrand.NewPCG(12, 7))
	life := func(d *faultDisk) (outcome string, acked *acknowledged) {
		acked = newAcknowledged()
		o := faultOptions(t, d)
		o.SegmentSize = 400 << 10
		s, err := Open(context.Background(), d.dir, o)
		if err != nil {
			return faultNotOpened, acked
		}
		errs := work(s, 2, 12, 1, acked)
		ended := s.Err() != nil
		if ended {
			<-s.Failed()
			if _, err := s.Append(context.Background(), plain("x", -1)); err == nil {
				t.Errorf("%s: an ended store accepts", d.struck)
			}
			if _, err := s.Wait(context.Background(), s.Head().Size); err == nil {
				t.Errorf("%s: an ended store lets wait", d.struck)
			}
		}
		closed := s.Close()
		switch {
		case ended && len(errs) > 0:
			return faultEnded, acked
		case ended:
			return faultLater, acked
		case len(errs) > 0:
			if !errors.Is(errs[0], errFault) {
				t.Errorf("%s: %v, and the store goes on", d.struck, errs[0])
			}
			return faultRefused, acked
		case closed != nil:
			return faultAtClose, acked
		}
		return faultNothing, acked
	}
	clean := newFaultDisk(t.TempDir())
	if what, _ := life(clean); what != faultNothing {
		t.Fatalf("without a fault: %s", what)
	}
	seen := faulttable.Read(t, "The store", "failed", "persisted")
	clean.eachOnce(t, r, func(d *faultDisk) {
		what, acked := life(d)
		if d.struck == "" {
			return // another order this time, and it did not come
		}
		saw(seen, d.struck, d.persist, what)
		if what == faultNotOpened && !d.durableDB() {
			return // not even created
		}
		if err := lost(t, d.crash(t, []float64{0, 0.5}[r.IntN(2)], r), acked.so()); err != nil {
			t.Errorf("%s number %d (done: %t): %s, %d receipts out: %v", d.struck, d.failNth, d.persist, what, len(acked.so()), err)
		}
	})
	for _, name := range []string{"allocation of a package segment", "write of a package segment"} {
		for _, persist := range []bool{false, true} {
			saw(seen, name, persist, refusedAlone(t, name, persist))
		}
	}
	t.Logf("%d operations in a life: %v", clean.ops, clean.names)
	seen.Compare(t)
}

// refusedAlone has a large package fail: its append is refused, the store goes on, and the same append succeeds.
func refusedAlone(t *testing.T, name string, persist bool) string {
	d := newFaultDisk(t.TempDir())
	s, err := Open(context.Background(), d.dir, faultOptions(t, d))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	d.mu.Lock()
	d.failName, d.failNth, d.persist, d.heals = name, d.names[name]+1, persist, true
	d.mu.Unlock()
	a := plain("large", -1)
	a.Package = newPackage(make([]byte, 2*smallLimit))
	if _, err := s.Append(context.Background(), a); !errors.Is(err, errFault) {
		t.Errorf("%s: append gave %v", name, err)
	}
	if s.Err() != nil {
		return faultEnded
	}
	if _, err := s.Append(context.Background(), a); err != nil {
		t.Errorf("%s: again: %v", name, err)
	}
	return faultRefused
}

// durableDB says whether the tables are durable.
func (d *faultDisk) durableDB() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for path, x := range d.files {
		if strings.HasSuffix(path, "-wal") && x.named && len(x.durable) > 4096 {
			return true
		}
	}
	return false
}
