package projections

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"
)

// TestRebuild: the answers are the same, cursors stay, nothing is left over, and following goes on.
func TestRebuild(t *testing.T) {
	s := newScenario(t)
	path := viewsPath(t)
	v := openViews(t, path, s, Options{})
	want := s.dump(t, v)
	if err := v.SaveCursor(t.Context(), "router", 7); err != nil {
		t.Fatal(err)
	}
	if _, err := v.w.conn.ExecContext(t.Context(), "UPDATE counter SET n = n + 1"); err != nil {
		t.Fatal(err)
	}
	if s.dump(t, v) == want {
		t.Fatal("tampering changed no answer")
	}
	told := uint64(0)
	if err := v.Rebuild(t.Context(), func(read, size uint64) { told = read }); err != nil {
		t.Fatal(err)
	}
	if got := s.dump(t, v); got != want {
		t.Errorf("answers differ:\n%s", firstDifference(got, want))
	}
	if p, err := v.Cursor(t.Context(), "router"); p != 7 || err != nil {
		t.Errorf("cursor %d, %v", p, err)
	}
	if told != s.Head().Size {
		t.Errorf("progress to %d", told)
	}
	if c := comparison(t, s.testLog, path); c.Difference != nil {
		t.Error(c.Difference)
	}
	s.receive(t, paperSpec{from: ubnd, number: "1000", notation: "X", date: "2022-11-25", to: []string{sxd}})
	if err := v.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v.Position() != s.Head().Size {
		t.Errorf("follows to %d", v.Position())
	}
	onlyViews(t, path)
}

func onlyViews(t *testing.T, path string) {
	t.Helper()
	for _, suffix := range []string{"-swap", ".new", ".new-wal", ".new-shm", ".new-unsynced"} {
		if _, err := os.Stat(path + suffix); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("views.db%s is left over: %v", suffix, err)
		}
	}
}

// TestRebuildWhileServing: questions and waiters never see less than before.
func TestRebuildWhileServing(t *testing.T) {
	s := newScenario(t)
	v, err := Open(t.Context(), viewsPath(t), s, Options{Now: testNow, Gather: -1, LiveBatch: 5})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var run, others sync.WaitGroup
	run.Go(func() { _ = v.Run(ctx) })
	if err := v.WaitFor(t.Context(), s.Head().Size); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	for range 4 {
		others.Go(func() {
			last := uint64(0)
			for {
				select {
				case <-stop:
					return
				default:
				}
				h, err := v.Health(t.Context())
				if err != nil || h.Position < last || uint64(h.Counts[countEvents]) != h.Position {
					t.Errorf("position %d after %d, %d events counted, %v", h.Position, last, h.Counts[countEvents], err)
					return
				}
				last = h.Position
			}
		})
	}
	for i := range 4 {
		size := s.receive(t, paperSpec{from: ubnd, number: "20", notation: string(rune('A' + i)), date: "2022-11-25", to: []string{sxd}}) + 1
		if err := v.WaitFor(t.Context(), size); err != nil {
			t.Fatal(err)
		}
		if err := v.Rebuild(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if v.Position() < size {
			t.Errorf("position %d after waiting for %d", v.Position(), size)
		}
	}
	close(stop)
	others.Wait()
	cancel()
	run.Wait()
	if err := v.Close(); err != nil {
		t.Error(err)
	}
}

// TestRebuildFails: whatever goes wrong, the views stand as before.
func TestRebuildFails(t *testing.T) {
	s := newScenario(t)
	path := viewsPath(t)
	v := openViews(t, path, s, Options{})
	want := s.dump(t, v)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		with func(on bool)
		want error
	}{
		"cancelled":     {cancelled, func(bool) {}, context.Canceled},
		"no room":       {t.Context(), func(on bool) { v.opt.MinFree = map[bool]int64{true: 1 << 60}[on] }, ErrNoRoom},
		"log fails":     {t.Context(), func(on bool) { s.failAt = map[bool]uint64{true: 30}[on] }, errTestRead},
		"under way":     {t.Context(), func(on bool) { lockOrUnlock(&v.rebuilding, on) }, ErrRebuilding},
		"in a dead dir": {t.Context(), func(on bool) { blockPath(t, path+rebuiltSuffix, on) }, os.ErrExist},
	} {
		c.with(true)
		err := v.Rebuild(c.ctx, nil)
		c.with(false)
		if err == nil || c.want != os.ErrExist && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if got := s.dump(t, v); got != want {
			t.Errorf("%s: answers differ:\n%s", name, firstDifference(got, want))
		}
	}
	onlyViews(t, path)
}

func lockOrUnlock(m *sync.Mutex, on bool) {
	if on {
		m.Lock()
	} else {
		m.Unlock()
	}
}

// blockPath puts a folder that is not empty where a file should be made.
func blockPath(t *testing.T, path string, on bool) {
	if !on {
		if err := os.RemoveAll(path); err != nil {
			t.Error(err)
		}
		return
	}
	if err := os.MkdirAll(path+"/x", 0o700); err != nil {
		t.Error(err)
	}
}

// TestSwapCutOff: a node killed at any point of the swap finds one whole database.
func TestSwapCutOff(t *testing.T) {
	s := newScenario(t)
	old := viewsPath(t) // with the letter's paper gone: an answer tells which database it is
	v := openViews(t, old, s, Options{})
	want := s.dump(t, v)
	if _, err := v.w.conn.ExecContext(t.Context(), "UPDATE counter SET n = n + 1000"); err != nil {
		t.Fatal(err)
	}
	fresh := viewsPath(t)
	if err := openViews(t, fresh, s, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	if err := atRest(fresh); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name         string
		base         string // what has the name: the old one or the new
		next, marker bool
		wal          bool
		isNew        bool
	}{
		{"while the second is made", old, true, false, true, false},
		{"marked", old, true, true, true, true},
		{"renamed", fresh, false, true, true, true},
		{"WAL removed", fresh, false, true, false, true},
		{"done", fresh, false, false, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := viewsPath(t)
			copyFile(t, c.base, path)
			if c.wal {
				copyFile(t, old+"-wal", path+"-wal")
			}
			if c.next {
				copyFile(t, fresh, path+rebuiltSuffix)
			}
			if c.marker {
				if err := os.WriteFile(swapPath(path), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got := s.dump(t, openViews(t, path, s, Options{}))
			if (got == want) != c.isNew {
				t.Errorf("the new database is open: %v, expected %v", got == want, c.isNew)
			}
			onlyViews(t, path)
		})
	}
}

// TestClosedForGood: a closed database keeps no file open, so that those made and dropped cost nothing.
func TestClosedForGood(t *testing.T) {
	count := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("this system does not list open files")
		}
		return len(list)
	}
	s := newScenario(t)
	v := openViews(t, viewsPath(t), s, Options{})
	if err := v.Rebuild(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	before := count()
	for range 5 {
		if err := v.Rebuild(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(5 * time.Second) // other tests' connections end in their own time
	for count() > before+2 && time.Now().Before(deadline) {
		if err := rest(t.Context(), time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	if after := count(); after > before+2 {
		t.Errorf("%d files are open after five rebuilds, %d before", after, before)
	}
}
