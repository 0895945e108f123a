package projections

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

func viewsPath(t testing.TB) string { return filepath.Join(t.TempDir(), "views.db") }

// TestSameAnswers: whatever the way there, the answers are the same to the byte.
func TestSameAnswers(t *testing.T) {
	s := newScenario(t)
	want := s.dump(t, openViews(t, viewsPath(t), s, Options{}))
	if len(want) < 10_000 || !strings.Contains(want, "7816/UBND-TTĐT") {
		t.Fatalf("the answers are too few to compare: %d bytes", len(want))
	}
	same := func(t *testing.T, v *Views) {
		t.Helper()
		if got := s.dump(t, v); got != want {
			t.Errorf("answers differ:\n%s", firstDifference(got, want))
		}
	}
	t.Run("one event a transaction", func(t *testing.T) {
		same(t, openViews(t, viewsPath(t), s, Options{LiveBatch: 1, CatchUpBatch: 1, Decoders: 1}))
	})
	t.Run("seven events a transaction", func(t *testing.T) {
		same(t, openViews(t, viewsPath(t), s, Options{LiveBatch: 7, CatchUpBatch: 7, Decoders: 5}))
	})
	t.Run("deleted and rebuilt", func(t *testing.T) {
		path := viewsPath(t)
		v, err := Open(t.Context(), path, s, Options{Now: testNow})
		if err != nil {
			t.Fatal(err)
		}
		if err := v.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		same(t, openViews(t, path, s, Options{}))
	})
	t.Run("reopened", func(t *testing.T) {
		path := viewsPath(t)
		for range 3 {
			v, err := Open(t.Context(), path, s, Options{Now: testNow})
			if err != nil {
				t.Fatal(err)
			}
			if err := v.CatchUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			same(t, v)
			if err := v.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("cut off after every transaction", func(t *testing.T) {
		path := viewsPath(t)
		passes := 0
		for done := false; !done; passes++ {
			ctx, cancel := context.WithCancel(t.Context())
			v, err := Open(ctx, path, s, Options{LiveBatch: 3, CatchUpBatch: 3, Progress: func(read, size uint64) { cancel() }})
			if err != nil {
				t.Fatal(err)
			}
			before := v.Position()
			err = v.CatchUp(ctx)
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if v.Position() > before+3 {
				t.Fatalf("position %d after one transaction from %d, expected at most three more", v.Position(), before)
			}
			done = v.Position() == s.Head().Size
			if err := v.Close(); err != nil {
				t.Fatal(err)
			}
			cancel()
		}
		if passes < 20 {
			t.Fatalf("cut off %d times only", passes)
		}
		same(t, openViews(t, path, s, Options{}))
	})
	t.Run("killed", func(t *testing.T) {
		// A copy of the files between two transactions is what a killed process leaves.
		path := viewsPath(t)
		copies := t.TempDir()
		n := 0
		openViews(t, path, s, Options{LiveBatch: 5, CatchUpBatch: 5, Progress: func(read, size uint64) {
			n++
			for _, suffix := range []string{"", "-wal", "-unsynced"} {
				copyFile(t, path+suffix, filepath.Join(copies, string(rune('A'+n))+"views.db"+suffix))
			}
		}})
		for i := 1; i <= n; i++ {
			v, err := Open(t.Context(), filepath.Join(copies, string(rune('A'+i))+"views.db"), s, Options{Now: testNow})
			if err != nil {
				t.Fatal(err)
			}
			if p := v.Position(); p != min(uint64(5*i), s.Head().Size) {
				t.Errorf("copy %d continues at %d, expected %d", i, p, min(uint64(5*i), s.Head().Size))
			}
			if err := v.CatchUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			same(t, v)
			if err := v.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func copyFile(t testing.TB, from, to string) {
	b, err := os.ReadFile(from)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Error(err)
	}
}

func firstDifference(a, b string) string {
	la, lb := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(la), len(lb)) {
		if la[i] != lb[i] {
			from := max(i-12, 0)
			return strings.Join(la[from:i+1], "\n") + "\nexpected\n" + lb[i]
		}
	}
	return "lengths differ"
}

// TestOtherFile: a file that was not made of this log by this program is made anew.
func TestOtherFile(t *testing.T) {
	s := newScenario(t)
	want := s.dump(t, openViews(t, viewsPath(t), s, Options{}))
	other := newTestLog("other/log")
	other.organisations(t)
	longer := newScenario(t)
	longer.clock = longer.clock.Add(time.Hour)
	longer.receive(t, paperSpec{from: ubnd, number: "1", notation: "X", date: "2022-11-24", to: []string{sxd}})
	changed := newScenario(t)
	changed.stmts[len(changed.stmts)-1] = []byte(strings.Replace(string(changed.stmts[len(changed.stmts)-1]), `"actor":"node"`, `"actor":"else"`, 1))
	spoil := func(change func(path string)) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			v := openViews(t, path, s, Options{})
			if err := v.Close(); err != nil {
				t.Fatal(err)
			}
			change(path)
		}
	}
	for _, c := range []struct {
		name    string
		prepare func(t *testing.T, path string)
	}{
		{"another origin", func(t *testing.T, path string) { openViews(t, path, other, Options{}).Close() }},
		{"a longer log", func(t *testing.T, path string) { openViews(t, path, longer, Options{}).Close() }},
		{"another last statement", func(t *testing.T, path string) { openViews(t, path, changed, Options{}).Close() }},
		{"another schema version", spoil(func(path string) {
			db, err := tryOpen(t.Context(), path, 1)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.write.Exec("UPDATE meta SET schema = schema + 1"); err != nil {
				t.Fatal(err)
			}
			db.close()
		})},
		{"not a database", spoil(func(path string) { os.WriteFile(path, []byte(strings.Repeat("rác ", 5000)), 0o600) })},
		{"cut in the middle", spoil(func(path string) { os.Truncate(path, 40_000) })},
		{"left unsynced in another boot", spoil(func(path string) {
			os.WriteFile(markerPath(path), []byte("another boot\n"), 0o600)
		})},
		{"an empty file", func(t *testing.T, path string) { os.WriteFile(path, nil, 0o600) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := viewsPath(t)
			c.prepare(t, path)
			v := openViews(t, path, s, Options{})
			if got := s.dump(t, v); got != want {
				t.Errorf("answers differ:\n%s", firstDifference(got, want))
			}
			if _, err := os.Stat(markerPath(path)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("marker after catching up: %v, expected none", err)
			}
		})
	}
}

// TestUnsyncedSameBoot: only the process died, so reading goes on.
func TestUnsyncedSameBoot(t *testing.T) {
	if bootID() == nil {
		t.Skip("this system does not name its boots; nothing goes without syncs here")
	}
	s := newScenario(t)
	path := viewsPath(t)
	v := openViews(t, path, s, Options{})
	if err := v.startBulk(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-unsynced"} {
		copyFile(t, path+suffix, path+".copy"+suffix)
	}
	if err := os.Rename(path+".copy-unsynced", markerPath(path+".copy")); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), path+".copy", s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if again.Position() != s.Head().Size || !again.bulk {
		t.Errorf("continues at %d (without syncs: %v), expected %d", again.Position(), again.bulk, s.Head().Size)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if unsynced, _, err := markerState(path + ".copy"); unsynced || err != nil {
		t.Errorf("marker after closing: %v %v", unsynced, err)
	}
}

// TestKilledWithoutSyncs: cut off while nothing is synced, reading goes on in the same boot, and begins anew in another.
func TestKilledWithoutSyncs(t *testing.T) {
	if bootID() == nil {
		t.Skip("this system does not name its boots; nothing goes without syncs here")
	}
	s := newScenario(t)
	want := s.dump(t, openViews(t, viewsPath(t), s, Options{}))
	for _, c := range []struct {
		boot     string
		position uint64
	}{{"", 10}, {"another boot", 0}} {
		path := viewsPath(t)
		cut := path + ".cut"
		v, err := Open(t.Context(), path, s, Options{LiveBatch: 10, CatchUpBatch: 10, Progress: func(read, size uint64) {
			if read == 10 {
				for _, suffix := range []string{"", "-wal", "-unsynced"} {
					copyFile(t, path+suffix, cut+suffix)
				}
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		v.bulkFrom = 1
		if err := v.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if unsynced, _, err := markerState(path); unsynced || err != nil {
			t.Errorf("marker after catching up: %v %v", unsynced, err)
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		if unsynced, lost, err := markerState(cut); !unsynced || lost || err != nil {
			t.Fatalf("marker while nothing is synced: %v %v %v", unsynced, lost, err)
		}
		if c.boot != "" {
			if err := os.WriteFile(markerPath(cut), []byte(c.boot), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		again, err := Open(t.Context(), cut, s, Options{Now: testNow})
		if err != nil {
			t.Fatal(err)
		}
		if again.Position() != c.position {
			t.Errorf("boot %q: goes on at %d, expected %d", c.boot, again.Position(), c.position)
		}
		if err := again.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.dump(t, again); got != want {
			t.Errorf("answers differ:\n%s", firstDifference(got, want))
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
		if unsynced, _, err := markerState(cut); unsynced || err != nil {
			t.Errorf("marker at the end: %v %v", unsynced, err)
		}
	}
}

// TestAskWhileRebuilding: questions are answered, from one state or the other, while views.db is thrown away and made anew.
func TestAskWhileRebuilding(t *testing.T) {
	s := newScenario(t)
	v := openViews(t, viewsPath(t), s, Options{LiveBatch: 5, CatchUpBatch: 5})
	ctx, cancel := context.WithCancel(t.Context())
	var askers sync.WaitGroup
	for range 4 {
		askers.Go(func() {
			for ctx.Err() == nil {
				page, err := v.Register(t.Context(), view.RegisterQuery{Reader: view.Reader{Audit: true}, Org: ubnd, Direction: view.Outgoing})
				if err != nil {
					t.Error(err)
					return
				}
				if page.Total != len(page.Rows) || page.AsOf == s.Head().Size && len(page.Rows) != 5 {
					t.Errorf("as of %d: total %d, rows %d", page.AsOf, page.Total, len(page.Rows))
					return
				}
			}
		})
	}
	for range 10 {
		v.writing.Lock()
		err := v.rebuild(t.Context(), "test")
		v.writing.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		if err := v.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	askers.Wait()
}

// TestReadErrors: a failing or short read of the log is an error, and nothing of it is taken for the end.
func TestReadErrors(t *testing.T) {
	s := newScenario(t)
	want := s.dump(t, openViews(t, viewsPath(t), s, Options{}))
	for _, c := range []struct {
		name   string
		break_ func(*testLog)
		is     error
	}{
		{"fails", func(l *testLog) { l.failAt = 40 }, errTestRead},
		{"ends early", func(l *testLog) { l.short = 40 }, nil},
		{"unknown event", func(l *testLog) {
			l.stmts[40] = []byte(strings.Replace(string(l.stmts[40]), `.v1"`, `.v9"`, 1))
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			broken := newScenario(t)
			good := broken.stmts[40]
			c.break_(broken.testLog)
			v, err := Open(t.Context(), viewsPath(t), broken, Options{LiveBatch: 16, Now: testNow})
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			for range 2 {
				err = v.CatchUp(t.Context())
				if err == nil || c.is != nil && !errors.Is(err, c.is) {
					t.Fatalf("CatchUp: %v, expected %v", err, c.is)
				}
				if p := v.Position(); p > 40 || p%16 != 0 {
					t.Fatalf("position %d after an error at 40", p)
				}
			}
			broken.failAt, broken.short, broken.stmts[40] = 0, 0, good
			if err := v.CatchUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := s.dump(t, v); got != want {
				t.Errorf("answers differ:\n%s", firstDifference(got, want))
			}
		})
	}
}

// TestRunFollows: Run reads what comes in, WaitFor sees it, and Health tells the lag.
func TestRunFollows(t *testing.T) {
	s := newScenario(t)
	v, err := Open(t.Context(), viewsPath(t), s, Options{Now: func() time.Time { return s.clock.Add(3 * time.Second) }})
	if err != nil {
		t.Fatal(err)
	}
	h, err := v.Health(t.Context())
	if err != nil || h.Lag <= 3*time.Second || h.Position != 0 {
		t.Fatalf("health before reading: %+v %v, expected the age of the first event", h, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- v.Run(ctx) }()
	for range 20 {
		p := paperSpec{from: ubnd, number: "8", notation: time.Now().String(), date: "2022-11-24", to: []string{sxd}}
		pos := s.receive(t, p)
		s.offer(t, p, pos, sxd)
		if err := v.WaitFor(t.Context(), s.Head().Size); err != nil {
			t.Fatal(err)
		}
	}
	if h, err = v.Health(t.Context()); err != nil || h.Lag != 0 || h.Position != s.Head().Size {
		t.Fatalf("health after reading: %+v %v, expected no lag at %d", h, err, s.Head().Size)
	}
	done, stop := context.WithCancel(t.Context())
	stop()
	if err := v.WaitFor(done, 1<<40); !errors.Is(err, context.Canceled) {
		t.Errorf("WaitFor the future: %v", err)
	}
	cancel()
	if err := <-ran; !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Health(t.Context()); err == nil {
		t.Error("closed views answer")
	}
}
