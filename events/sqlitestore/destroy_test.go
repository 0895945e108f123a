package sqlitestore

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/destruction"
)

// marker stands in everything that is to be destroyed, and nowhere else.
const marker = "BI-MAT-CA-NHAN-7f3a"

func documentKey(n int) string { return events.Sum(fmt.Appendf(nil, "doc %d", n)).String() }

// secretAppend is a document whose package and facts hold the marker.
func secretAppend(n, size int) events.Append {
	body := bytes.Repeat(fmt.Appendf(nil, "<%s %d>", marker, n), size/20+1)
	return events.Append{Stream: "document/" + documentKey(n), Expected: -1, Actor: "H02", Client: "node", Package: newPackage(body),
		Evidence: fmt.Appendf(nil, "evidence %d", n),
		Events:   []events.New{{Name: "document.received.v1", Data: map[string]int{"n": n}, Facts: map[string]string{"subject": strings.Repeat(marker+" văn bản ", 1+size/500)}}}}
}

// plainAppend is like it, without the marker.
func plainAppend(n, size int) events.Append {
	a := secretAppend(n, size)
	a.Package = newPackage(bytes.Repeat(fmt.Appendf(nil, "<plain %d>", n), size/10+1))
	a.Events[0].Facts = map[string]string{"subject": strings.Repeat("một văn bản ", 1+size/500)}
	return a
}

// fillSecret records documents of all sizes; every third holds the marker. It gives their numbers.
func fillSecret(t testing.TB, s *Store, n int) (secret []int) {
	t.Helper()
	sizes := []int{10, 900, 5000, 40 << 10, 300 << 10, 2 << 20}
	for i := range n {
		a := plainAppend(i, sizes[i%len(sizes)])
		if i%3 == 0 {
			a = secretAppend(i, sizes[i%len(sizes)])
			secret = append(secret, i)
		}
		if _, err := s.Append(context.Background(), a); err != nil {
			t.Fatal(err)
		}
	}
	return secret
}

func recordDestruction(t testing.TB, s *Store, news []events.New) events.Sealed {
	t.Helper()
	st, err := destruction.Load(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := s.Append(context.Background(), events.Append{Stream: destruction.Stream, Expected: st.Version(), Actor: "operator:admin", Client: "node", Events: news})
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// decideDestruction records a decision about documents and gives what it covers.
func decideDestruction(t testing.TB, s *Store, id string, documents ...int) (decision uint64, r events.Removal) {
	t.Helper()
	ctx := context.Background()
	request := destruction.Request{ID: id, Scope: destruction.ScopeAll, At: time.Unix(1e9, 0), Decisions: []destruction.Ruling{{Org: "H02", Date: "2026-11-20"}},
		Facts: destruction.Facts{Decisions: []destruction.RulingFacts{{Number: "12/QĐ", Body: "Sở", Ground: "hết thời hạn"}}}}
	for _, n := range documents {
		target := destruction.Target{Document: documentKey(n)}
		c, err := destruction.Gather(ctx, s, target, destruction.ScopeAll, s.Head().Size)
		if err != nil || len(c.Events) == 0 {
			t.Fatal(c, err)
		}
		r.Facts, r.Packages = append(r.Facts, c.Facts...), append(r.Packages, c.Packages...)
		request.Targets = append(request.Targets, destruction.Found{
			CountedTarget: destruction.CountedTarget{Target: target, Facts: len(c.Facts), Packages: len(c.Packages)},
			Exists:        true, Content: true, Keepers: []destruction.Keeper{{Org: "H02", By: []string{"H02"}}},
		})
	}
	st, err := destruction.Load(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	news, _, err := destruction.Decide(st, request)
	if err != nil {
		t.Fatal(err)
	}
	return recordDestruction(t, s, news).Events[0].Position, r
}

func executeDestruction(t testing.TB, s *Store, decision uint64) {
	t.Helper()
	st, err := destruction.Load(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range st.Decisions {
		for i := range d.Targets {
			if d.Address.Position != decision || d.Done[i] {
				continue
			}
			news, err := destruction.Execute(st, destruction.Executed{Decision: decision, Target: i, Facts: d.Targets[i].Facts, Packages: d.Targets[i].Packages})
			if err != nil {
				t.Fatal(err)
			}
			recordDestruction(t, s, news)
			if st, err = destruction.Load(context.Background(), s); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// findMarker names the files below a folder in whose raw bytes the marker stands.
func findMarker(t testing.TB, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if i := bytes.Index(b, []byte(marker)); i >= 0 {
			found = append(found, fmt.Sprintf("%s at %d", path, i))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestDestroyLeavesNothing(t *testing.T) {
	for _, running := range []bool{true, false} {
		t.Run(fmt.Sprint("running=", running), func(t *testing.T) {
			ctx, dir := context.Background(), t.TempDir()
			s := openTest(t, dir, smallOptions())
			secret := fillSecret(t, s, 30)
			// The same bytes twice: a refused append of a large package leaves a copy.
			again := secretAppend(1000, 300<<10)
			again.Expected = 7
			var conflict *events.ConflictError
			if _, err := s.Append(ctx, again); !errors.As(err, &conflict) {
				t.Fatal(err)
			}
			again.Expected = -1
			if _, err := s.Append(ctx, again); err != nil {
				t.Fatal(err)
			}
			decision, r := decideDestruction(t, s, "all", append(secret, 1000)...)
			before := s.Head()
			if got := verify(t, dir, VerifyOptions{Key: logKey(), Checkpoint: before.Checkpoint}); got.Problem != nil || got.FactsGone != 0 || got.PackagesGone != 0 {
				t.Fatalf("after the decision: %v, %d facts and %d packages gone", got.Problem, got.FactsGone, got.PackagesGone)
			}
			if found := findMarker(t, dir); len(found) < 3 {
				t.Fatalf("the test is no test: the marker stands in %q", found)
			}
			destroy := func() {
				var err error
				if running {
					err = s.Destroy(ctx, r)
				} else {
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					err = DestroyIn(ctx, dir, r)
					s = openTest(t, dir, smallOptions())
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			destroy()
			if found := findMarker(t, dir); found != nil {
				t.Fatalf("the marker is still in %q", found)
			}
			destroy() // once more does nothing
			executeDestruction(t, s, decision)
			got := verify(t, dir, VerifyOptions{Key: logKey(), Checkpoint: before.Checkpoint})
			if n := uint64(len(secret) + 1); got.Problem != nil || got.FactsGone != n || got.PackagesGone != n || got.Packages != 20 || len(got.Destroyed.Decisions) != 1 || !got.Destroyed.Decisions[0].Complete() {
				t.Fatalf("after destruction: %v, %d facts and %d packages gone, %d left", got.Problem, got.FactsGone, got.PackagesGone, got.Packages)
			}
			for i := range 30 {
				a := plainAppend(i, 10)
				list := streamOf(t, s, a.Stream)
				p, err := s.OpenPackage(ctx, list[0].Statement.Package.SHA256)
				if i%3 == 0 {
					if !errors.Is(err, events.ErrDestroyed) || !errors.Is(err, events.ErrNotFound) || !list[0].Destroyed || list[0].Facts != nil {
						t.Errorf("document %d: %v, destroyed %t", i, err, list[0].Destroyed)
					}
					if _, err := s.Evidence(ctx, *list[0].Statement.Evidence); err != nil {
						t.Error(err)
					}
					if _, _, err := s.Proof(ctx, list[0].Position, 0); err != nil {
						t.Error(err)
					}
					continue
				}
				if err != nil || list[0].Destroyed {
					t.Fatalf("document %d: %v, destroyed %t", i, err, list[0].Destroyed)
				}
				p.Close()
			}
			// The same bytes do not come back, small or large, whatever stream they are for.
			for _, n := range []int{0, 3, 12, 1000} {
				a := secretAppend(n, []int{10, 900, 5000, 40 << 10, 300 << 10, 2 << 20}[n%6])
				if n == 1000 {
					a = secretAppend(n, 300<<10)
				}
				a.Stream = fmt.Sprint("elsewhere/", n)
				if _, err := s.Append(ctx, a); !errors.Is(err, events.ErrDestroyed) {
					t.Errorf("document %d handed in again: %v", n, err)
				}
			}
			if _, err := s.Append(ctx, plainAppend(2000, 5000)); err != nil {
				t.Error(err)
			}
			if found := findMarker(t, dir); found != nil {
				t.Errorf("the marker came back in %q", found)
			}
		})
	}
}

func streamOf(t testing.TB, s *Store, stream string) (list []events.Event) {
	t.Helper()
	err := s.Stream(context.Background(), stream, 0, func(e events.Event) error { list = append(list, e); return nil })
	if err != nil || len(list) == 0 {
		t.Fatal(list, err)
	}
	return list
}

// A reader of an older state keeps pages as they were in the write-ahead log: destruction is not done before it ends.
func TestDestroyWaitsForReaders(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s := openTest(t, dir, smallOptions())
	fillSecret(t, s, 3)
	_, r := decideDestruction(t, s, "all", 0)
	s.Close()
	s = openTest(t, dir, smallOptions())
	reader, err := OpenReader(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithCancel(ctx)
	tried := make(chan error, 1)
	go func() { tried <- s.Destroy(short, r) }()
	if _, err := s.Append(ctx, plainAppend(100, 10)); err != nil { // nobody else is held up
		t.Fatal(err)
	}
	cancel()
	if err := <-tried; !errors.Is(err, context.Canceled) {
		t.Fatalf("destroyed beside a reader: %v", err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Destroy(ctx, r); err != nil {
		t.Fatal(err)
	}
	if found := findMarker(t, dir); found != nil {
		t.Errorf("the marker is still in %q", found)
	}
}

// What is gone without a decision, and what is there in spite of one, is found.
func TestVerifyJudgesDestruction(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s := openTest(t, dir, smallOptions())
	secret := fillSecret(t, s, 12)
	decision, r := decideDestruction(t, s, "all", secret...)
	s.Close()
	decided := copyDir(t, dir)
	s = openTest(t, dir, smallOptions())
	executeDestruction(t, s, decision) // said, and not done
	s.Close()
	said := copyDir(t, dir)
	if p := verify(t, said, VerifyOptions{}).Problem; p == nil || !strings.Contains(p.Reason, "still there") {
		t.Errorf("said and not done: %v", p)
	}
	if err := DestroyIn(ctx, said, events.Removal{Facts: r.Facts}); err != nil {
		t.Fatal(err)
	}
	if p := verify(t, said, VerifyOptions{}).Problem; p == nil || p.Kind != "package" || !strings.Contains(p.Reason, "still there") || p.Package == nil {
		t.Errorf("packages left: %v", p)
	}
	if err := DestroyIn(ctx, said, r); err != nil {
		t.Fatal(err)
	}
	if p := verify(t, said, VerifyOptions{}).Problem; p != nil {
		t.Errorf("done: %v", p)
	}
	// One byte of it in the place where it lay.
	var at int64 = -1
	name := filepath.Join(said, segmentDir, segmentName(1))
	err := walkRecords(ctx, name, func(offset, length int64, _ events.Digest, mark string) error {
		if mark == destroyedMark && length > 4096 {
			at = offset + recordHeader + length - 1
		}
		return nil
	})
	if err != nil || at < 0 {
		t.Fatal(at, err)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteAt([]byte{1}, at)
	f.Close()
	if p := verify(t, said, VerifyOptions{}).Problem; p == nil || !strings.Contains(p.Reason, "still there") || p.Offset < 0 {
		t.Errorf("a byte left: %v", p)
	}
	// Done, and not said: it may be under way.
	if err := DestroyIn(ctx, decided, r); err != nil {
		t.Fatal(err)
	}
	if got := verify(t, decided, VerifyOptions{}); got.Problem != nil || got.FactsGone != 4 || got.PackagesGone != 4 {
		t.Errorf("done and not said: %v, %d, %d", got.Problem, got.FactsGone, got.PackagesGone)
	}
	// Not decided.
	other := streamPosition(t, dir, 1)
	for name, r := range map[string]events.Removal{
		"facts": {Facts: []uint64{other.Position}}, "package": {Packages: []events.Digest{other.Statement.Package.SHA256}},
	} {
		lost := copyDir(t, decided)
		if err := DestroyIn(ctx, lost, r); err != nil {
			t.Fatal(err)
		}
		if p := verify(t, lost, VerifyOptions{}).Problem; p == nil || p.Kind != name || !strings.Contains(p.Reason, "no decision") || *p.Position != other.Position {
			t.Errorf("%s without a decision: %v", name, p)
		}
	}
}

func streamPosition(t testing.TB, dir string, n int) (e events.Event) {
	t.Helper()
	r, err := OpenReader(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Stream(context.Background(), "document/"+documentKey(n), 0, func(got events.Event) error { e = got; return nil }); err != nil {
		t.Fatal(err)
	}
	return e
}

// Each write, sync and truncation of a destruction fails once, having done its work or not; then the power goes. What is
// left opens, is proved, and the destruction comes to its end.
func TestDestroyFailsAtEveryStep(t *testing.T) {
	ctx := context.Background()
	r := mrand.New(mrand.NewPCG(11, 3))
	for _, persist := range []bool{false, true} {
		steps := 0
		for step := 1; ; step++ {
			dir := t.TempDir()
			d := newFaultDisk(dir)
			s := openTest(t, dir, faultOptions(t, d))
			for i, size := range []int{200, 5000, 300 << 10} {
				if _, err := s.Append(ctx, secretAppend(i, size)); err != nil {
					t.Fatal(err)
				}
				if _, err := s.Append(ctx, plainAppend(10+i, size)); err != nil {
					t.Fatal(err)
				}
			}
			decision, removal := decideDestruction(t, s, "all", 0, 1, 2)
			d.mu.Lock()
			d.failAt, d.persist = d.ops+step, persist
			d.mu.Unlock()
			err := s.Destroy(ctx, removal)
			d.mu.Lock()
			hit := d.failed
			d.mu.Unlock()
			if err == nil && !hit {
				steps = step - 1
				s.Close()
				break
			}
			if err != nil && s.Err() == nil {
				t.Fatalf("step %d: the store goes on after %v", step, err)
			}
			s.Close()
			left := d.crash(t, []float64{0, 0.5, 1}[step%3], r)
			s, err = Open(ctx, left, smallOptions())
			if err != nil {
				t.Fatalf("step %d, persist %t: %v", step, persist, err)
			}
			if got := verify(t, left, VerifyOptions{Key: logKey()}); got.Problem != nil {
				t.Fatalf("step %d, persist %t: after the crash: %v", step, persist, got.Problem)
			}
			if err := s.Destroy(ctx, removal); err != nil {
				t.Fatalf("step %d: again: %v", step, err)
			}
			executeDestruction(t, s, decision)
			if found := findMarker(t, left); found != nil {
				t.Fatalf("step %d, persist %t: the marker is in %q", step, persist, found)
			}
			if got := verify(t, left, VerifyOptions{Key: logKey()}); got.Problem != nil || got.FactsGone != 3 || got.PackagesGone != 3 || got.Packages != 3 {
				t.Fatalf("step %d, persist %t: %v, %d and %d gone", step, persist, got.Problem, got.FactsGone, got.PackagesGone)
			}
			s.Close()
		}
		t.Logf("persist %t: %d steps", persist, steps)
		if steps < 8 {
			t.Errorf("only %d steps failed", steps)
		}
	}
}

// Facts of a page and more lie in pages of their own, which are free afterwards; the row that is left is short.
func TestDestroyedFactsLeaveNoPages(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s := openTest(t, dir, smallOptions())
	var facts []uint64
	for i := range 200 {
		a := secretAppend(i, 1)
		a.Package = nil
		a.Events[0].Facts = map[string]string{"subject": strings.Repeat(marker, 1+i*i/10)}
		got, err := s.Append(ctx, a)
		if err != nil {
			t.Fatal(err)
		}
		facts = append(facts, got.Events[0].Position)
	}
	for i := 0; i < len(facts); i += 7 {
		if err := s.Destroy(ctx, events.Removal{Facts: facts[i:min(i+7, len(facts))]}); err != nil {
			t.Fatal(err)
		}
	}
	if found := findMarker(t, dir); found != nil {
		t.Errorf("the marker is still in %q", found)
	}
	var n [1]driver.Value
	if _, err := s.db.one(n[:], `SELECT count(*) FROM events WHERE facts IS NOT NULL OR salt IS NOT NULL`); err != nil || n[0] != int64(0) {
		t.Errorf("%v rows have facts, %v", n[0], err)
	}
}

// TestDestroySparesWhatIsBeingWritten: what looks like a record of the destroyed package, and lies inside a package that somebody
// writes meanwhile, is not touched, and a stretch that claims to be longer than it is reaches into none.
func TestDestroySparesWhatIsBeingWritten(t *testing.T) {
	dir, sum := t.TempDir(), events.Sum([]byte(marker))
	const length = 300
	record := make([]byte, recordHeader, recordSize(length))
	putHeader(record, length, sum)
	record = append(record, bytes.Repeat([]byte("x"), length)...)
	record = record[:cap(record)]
	long := bytes.Clone(record)
	putHeader(long, blockSize+500, sum) // claims more
	name := filepath.Join(dir, segmentName(1))
	file := make([]byte, 6*blockSize)
	copy(file, record)
	copy(file[blockSize:], long)
	held := bytes.Repeat([]byte("h"), blockSize) // in flight, its own header not written yet
	copy(held[recordAlign:], record)
	copy(file[2*blockSize:], held)
	copy(file[3*blockSize:], long) // up to the end
	later := bytes.Repeat([]byte("n"), 2*blockSize)
	copy(later[recordAlign:], long)
	copy(file[4*blockSize:], later)
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s := openTest(t, t.TempDir(), testOptions())
	w := wiper{ctx: t.Context(), dir: dir, files: osFiles{}, held: map[place]int64{{1, 2 * blockSize}: blockSize}, end: place{1, 4 * blockSize}}
	err := s.readers.with(t.Context(), func(c *conn) error { return w.strays(c, map[events.Digest][]uint64{sum: nil}) })
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got[2*blockSize:3*blockSize], held) {
		t.Error("what is in flight was overwritten")
	}
	if !bytes.Equal(got[4*blockSize:], later) {
		t.Error("what was handed out later was overwritten")
	}
	for _, at := range []int{0, blockSize} {
		if string(got[at:at+len(destroyedMark)]) != destroyedMark || bytes.Contains(got[at:at+blockSize], []byte("xx")) {
			t.Errorf("a copy at %d is left", at)
		}
	}
}
