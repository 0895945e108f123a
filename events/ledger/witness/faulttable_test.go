package witness_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/internal/faulttable"
)

var errFolder = errors.New("the disk failed")

// powerDisk is a folder of which a copy holds what would be left without power: files as they were when the folder was last synced. A step of
// one name fails, done or not; all others work.
type powerDisk struct {
	t       *testing.T
	dir     string
	durable map[string][]byte
	calls   []string // names of steps, in order
	failAt  int      // number in calls, from 1; 0: none
	persist bool
}

func (d *powerDisk) step(name string, do func() error) error {
	d.calls = append(d.calls, name)
	fails := len(d.calls) == d.failAt
	if fails && !d.persist {
		return errFolder
	}
	if err := do(); err != nil {
		return err
	}
	if name == "sync of the folder" {
		d.durable = d.files()
	}
	if fails {
		return errFolder
	}
	return nil
}

func (d *powerDisk) files() map[string][]byte {
	out := map[string][]byte{}
	list, err := filepath.Glob(filepath.Join(d.dir, "*.checkpoint"))
	for _, path := range list {
		b, e := os.ReadFile(path)
		err = errors.Join(err, e)
		out[path] = b
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return out
}

// losePower leaves what is durable; what was being written beside is torn.
func (d *powerDisk) losePower() {
	var err error
	for path := range d.files() {
		err = errors.Join(err, os.Remove(path))
	}
	for path, b := range d.durable {
		err = errors.Join(err, os.WriteFile(path, b, 0o600), os.WriteFile(path+".new", b[:len(b)/2], 0o600))
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

// TestWitnessFaultTable is docs/faults.md for a witness: each operation on its folder fails while it cosigns a first and a second head of a log.
// Then the same head is sent again, the process goes on or ends or the power goes, and somebody sends another history: whatever was ever cosigned
// is one history, and the honest log goes on.
func TestWitnessFaultTable(t *testing.T) {
	honest := newLog(origin).grow(t, "a", 12)
	fork := honest.fork(t, 0, "b", 12)
	sizes := []int64{5, 8}
	var clean []string
	seen := faulttable.Read(t, "A witness", "failed", "persisted")
	life := func(failAt int, persist, again bool, end string) (calls []string) {
		c, e := newClock(), &evidence{}
		dir := t.TempDir()
		d := &powerDisk{t: t, dir: dir, failAt: failAt, persist: persist}
		folder := openFolder(t, dir)
		folder.SetStep(d.step)
		w := newWitness(t, ourName, folder, c, e, origin)
		var bound []*testLog // who was given a cosignature
		add := func(l *testLog, size int64) (ok bool) {
			old := int64(0)
			for range 3 { // as a client does: told what is known, it asks from there
				a := w.Add(context.Background(), l.request(t, old, size))
				if a.Status == 200 {
					bound = append(bound, l)
					return true
				}
				if a.Status != 409 {
					return false
				}
				known, err := strconv.ParseInt(strings.TrimSpace(a.Body), 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				old = min(known, size)
			}
			return false
		}
		var struck string
		for _, size := range sizes {
			ok := add(honest, size)
			if failAt == 0 || len(d.calls) < failAt || struck != "" {
				if !ok {
					t.Errorf("after %q: size %d was not cosigned", struck, size)
				}
				continue
			}
			struck = d.calls[failAt-1]
			if ok {
				t.Errorf("%s: cosigned all the same", struck)
			}
			what := "not cosigned"
			for _, b := range d.files() {
				if strings.HasPrefix(string(b), honest.text(t, size)) {
					what = "not cosigned but kept"
				}
			}
			column := 0
			if persist {
				column = 1
			}
			seen.Saw(struck, column, what)
			if again {
				add(honest, size)
			}
			switch end {
			case "power":
				d.losePower()
				fallthrough
			case "restart":
				if err := folder.Close(); err != nil {
					t.Fatal(err)
				}
				folder = openFolder(t, dir)
				folder.SetStep(d.step)
				w = newWitness(t, ourName, folder, c, e, origin)
			}
			add(fork, size)
			for _, l := range bound {
				if l != bound[0] {
					t.Fatalf("%s (done: %t, asked again: %t, %s): both histories were cosigned", struck, persist, again, end)
				}
			}
			if len(bound) > 0 && bound[0] == fork {
				folder.Close()
				return d.calls // nobody had been told of the honest one; this one is the history now
			}
		}
		folder.Close()
		return d.calls
	}
	clean = life(0, false, false, "")
	for at := 1; at <= len(clean); at++ {
		for _, persist := range []bool{false, true} {
			for _, again := range []bool{false, true} {
				for _, end := range []string{"goes on", "restart", "power"} {
					life(at, persist, again, end)
				}
			}
		}
	}
	seen.Compare(t)
}
