package witness_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events/ledger/witness"
)

const (
	origin  = "node.example/log"
	ourName = "witness.example/w1"
)

// From a first head to the next, a repeat, an old head and a proof that does not hold.
func TestWitnessAnswers(t *testing.T) {
	l := newLog(origin).grow(t, "a", 20)
	fork := l.fork(t, 7, "b", 13)
	c, e := newClock(), &evidence{}
	w := newWitness(t, ourName, openFolder(t, t.TempDir()), c, e, origin)
	add := func(what string, body []byte, status int, size string) witness.Answer {
		t.Helper()
		a := w.Add(context.Background(), body)
		if a.Status != status {
			t.Fatalf("%s: %d %q, expected %d", what, a.Status, a.Body, status)
		}
		if status == http.StatusConflict && (a.Body != size+"\n" || a.Type != "text/x.tlog.size") {
			t.Fatalf("%s: body %q of type %q, expected %q", what, a.Body, a.Type, size)
		}
		return a
	}
	check := func(a witness.Answer, size int64) {
		t.Helper()
		if at, ok := judge(a.Body, ourName, public(ourName), l.text(t, size)); !ok || at != c.now().Unix() {
			t.Fatalf("cosignature %q of size %d: time %d, verifies %t, expected time %d", a.Body, size, at, ok, c.now().Unix())
		}
	}
	add("old that nobody cosigned", l.request(t, 3, 10), 409, "0")
	check(add("first head", l.request(t, 0, 10), 200, ""), 10)
	first := add("same head, same second", l.request(t, 10, 10), 200, "")
	c.move(time.Second)
	second := add("same head, later", l.request(t, 10, 10), 200, "")
	check(second, 10)
	if first == second {
		t.Error("a repeat one second later has the old time")
	}
	add("old too small", l.request(t, 5, 12), 409, "10")
	add("old 0", l.request(t, 0, 12), 409, "10")
	add("smaller head", l.request(t, 5, 6), 409, "10")
	check(add("next head", l.request(t, 10, 15), 200, ""), 15)
	add("greater old than known", l.request(t, 16, 17), 409, "15")
	add("fork of another size", fork.request(t, 15, 20), 422, "")
	check(add("after refusals", l.request(t, 15, 16), 200, ""), 16)
	if len(e.all) != 0 {
		t.Errorf("evidence without a split view: %v", e.all)
	}
}

// Two roots of one size: refused, whatever old says, and both signed heads are kept until the callback took them.
func TestSplitViewIsKept(t *testing.T) {
	l := newLog(origin).grow(t, "a", 10)
	fork := l.fork(t, 4, "b", 6)
	c, e := newClock(), &evidence{fail: errors.New("disk full")}
	w := newWitness(t, ourName, newMemory(), c, e, origin)
	if a := w.Add(context.Background(), l.request(t, 0, 10)); a.Status != 200 {
		t.Fatal(a)
	}
	for i, old := range []int64{10, 0, 4, 10} {
		if i == 1 {
			e.fail = nil // until here nothing was kept
		}
		if a := w.Add(context.Background(), fork.request(t, old, 10)); a.Status != 409 || a.Body != "10\n" {
			t.Fatalf("old %d: %v", old, a)
		}
	}
	if len(e.all) != 1 {
		t.Fatalf("%d pieces of evidence, expected one", len(e.all))
	}
	x := e.all[0]
	if x.Origin != origin || x.Size != 10 || !x.Seen.Equal(c.now()) {
		t.Errorf("evidence says %q, %d, %s", x.Origin, x.Size, x.Seen)
	}
	for want, b := range map[string][]byte{l.text(t, 10): x.Cosigned, fork.text(t, 10): x.Refused} {
		n, err := note.Open(b, note.VerifierList(l.signer(t)))
		if err != nil || n.Text != want {
			t.Errorf("evidence %q: %v, expected a signed %q", b, err, want)
		}
	}
	if strings.Count(string(x.Cosigned), ourName) != 1 || strings.Contains(string(x.Refused), ourName) {
		t.Error("our line must stand on the cosigned head only")
	}
}

// Only verified lines are kept: a forged line in our own name in a request must not spoil what is stored.
func TestForeignLinesAreNotKept(t *testing.T) {
	l := newLog(origin).grow(t, "a", 3)
	w := newWitness(t, ourName, newMemory(), newClock(), &evidence{}, origin)
	r := witness.Request{Checkpoint: l.checkpoint(t, 2)}
	other := newWitness(t, ourName, newMemory(), newClock(), &evidence{}, origin)
	line := other.Add(context.Background(), l.request(t, 0, 3)).Body // ours by name and id, over another head
	r.Checkpoint = append(r.Checkpoint, line...)
	r.Checkpoint = append(r.Checkpoint, strings.Replace(line, ourName, "other.example", 1)...)
	if a := w.Add(context.Background(), r.Encode()); a.Status != 200 {
		t.Fatal(a)
	}
	b, err := w.Latest(origin)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(b), "— ") != 2 || strings.Contains(string(b), line) {
		t.Errorf("stored %s", b)
	}
	if a := w.Add(context.Background(), l.request(t, 2, 3)); a.Status != 200 {
		t.Errorf("the next head: %v", a)
	}
}

func TestClockOfWitness(t *testing.T) {
	l := newLog(origin).grow(t, "a", 9)
	c := newClock()
	w := newWitness(t, ourName, newMemory(), c, &evidence{}, origin)
	for i, step := range []struct {
		move   time.Duration
		status int
		at     time.Time
	}{
		{0, 200, start},
		{-witness.MaxBackstep, 200, start},
		{-time.Second, 503, time.Time{}},
		{time.Second, 200, start},
		{10 * time.Minute, 200, start.Add(9 * time.Minute)},
		{-24 * time.Hour, 503, time.Time{}},
	} {
		c.move(step.move)
		known, err := w.Latest(origin)
		if err != nil {
			t.Fatal(err)
		}
		old := int64(0)
		if known != nil {
			old = int64(known[len(origin)+1] - '0')
		}
		a := w.Add(context.Background(), l.request(t, old, old+1))
		if a.Status != step.status {
			t.Fatalf("step %d: %v, expected %d", i, a, step.status)
		}
		if at, ok := judge(a.Body, ourName, public(ourName), l.text(t, old+1)); a.Status == 200 && (!ok || at != step.at.Unix()) {
			t.Errorf("step %d: time %d, verifies %t, expected %d", i, at, ok, step.at.Unix())
		}
	}
}

// What is stored but cannot be trusted ends cosigning; it never counts as nothing.
func TestDamagedFolder(t *testing.T) {
	l := newLog(origin).grow(t, "a", 9)
	dir := t.TempDir()
	w := newWitness(t, ourName, openFolder(t, dir), newClock(), &evidence{}, origin)
	if a := w.Add(context.Background(), l.request(t, 0, 5)); a.Status != 200 {
		t.Fatal(a)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.checkpoint"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	good, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string) {
		t.Helper()
		for _, old := range []int64{0, 5} {
			if a := w.Add(context.Background(), l.request(t, old, 6)); a.Status != 503 {
				t.Fatalf("%s: %v, expected 503", what, a)
			}
		}
	}
	for i := range good { // torn at any byte, any byte changed
		bad := []byte(string(good))
		bad[i] ^= 1
		for _, b := range [][]byte{good[:i], bad} {
			os.WriteFile(files[0], b, 0o600)
			// Without our line the log's own signature still vouches for the head, and it is remembered.
			a := w.Add(context.Background(), l.request(t, 0, 6))
			if a.Status != 503 && (a.Status != 409 || a.Body != "5\n") {
				t.Fatalf("damaged at byte %d: %v", i, a)
			}
		}
	}
	os.WriteFile(files[0], make([]byte, 1<<20), 0o600)
	refused("huge file")
	os.WriteFile(files[0], newLog("x").grow(t, "a", 1).checkpoint(t, 1), 0o600)
	refused("another log's file")
	os.WriteFile(files[0], good, 0o600)
	os.WriteFile(files[0]+".new", good[:7], 0o600) // left by a crash before the rename
	if a := w.Add(context.Background(), l.request(t, 5, 6)); a.Status != 200 {
		t.Errorf("after repair: %v", a)
	}
}

// A new key of the witness goes on from what the old one has cosigned.
func TestNewWitnessKey(t *testing.T) {
	l := newLog(origin).grow(t, "a", 9)
	m := newMemory()
	if a := newWitness(t, ourName, m, newClock(), &evidence{}, origin).Add(context.Background(), l.request(t, 0, 5)); a.Status != 200 {
		t.Fatal(a)
	}
	w := newWitness(t, "witness.example/w2", m, newClock(), &evidence{}, origin)
	if a := w.Add(context.Background(), l.request(t, 0, 6)); a.Status != 409 || a.Body != "5\n" {
		t.Errorf("%v", a)
	}
	if a := w.Add(context.Background(), l.request(t, 5, 5)); a.Status != 200 {
		t.Errorf("%v", a)
	}
}

// A file in another log's place is not taken for its head, though we cosigned it.
func TestExchangedFiles(t *testing.T) {
	const second = "second.example/log"
	m := newMemory()
	w := newWitness(t, ourName, m, newClock(), &evidence{}, origin, second)
	for _, o := range []string{origin, second} {
		if a := w.Add(context.Background(), newLog(o).grow(t, "a", 9).request(t, 0, 5)); a.Status != 200 {
			t.Fatal(a)
		}
	}
	m.m[origin] = m.m[second]
	if a := w.Add(context.Background(), newLog(origin).grow(t, "a", 9).request(t, 5, 6)); a.Status != 503 {
		t.Errorf("%v, expected 503", a)
	}
}

func TestFolderIsLocked(t *testing.T) {
	dir := t.TempDir()
	f := openFolder(t, dir)
	if _, err := witness.OpenFolder(dir); err == nil {
		t.Fatal("a second one opened the folder")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	openFolder(t, dir)
}

// Two witnesses on one store and many senders with two histories: whatever wins, one history is cosigned.
func TestConcurrentSendersGetOneHistory(t *testing.T) {
	l := newLog(origin).grow(t, "a", 40)
	fork := l.fork(t, 10, "b", 30)
	folder, e, c := openFolder(t, t.TempDir()), &evidence{}, newClock()
	ws := []*witness.Witness{newWitness(t, ourName, folder, c, e, origin), newWitness(t, ourName, folder, c, e, origin)}
	var mu sync.Mutex
	cosigned := map[int64]map[string]bool{}
	var wg sync.WaitGroup
	for i := range 8 {
		log := []*testLog{l, fork}[i%2]
		wg.Go(func() {
			old := int64(0)
			for size := int64(1 + i/2); size <= 40; size += 3 {
				for range 100 {
					a := ws[i/4].Add(context.Background(), log.request(t, old, size))
					if a.Status == 200 {
						mu.Lock()
						if cosigned[size] == nil {
							cosigned[size] = map[string]bool{}
						}
						cosigned[size][log.text(t, size)] = true
						mu.Unlock()
						old = size
						break
					}
					if a.Status != 409 {
						break
					}
					var n int64
					for _, d := range strings.TrimSpace(a.Body) {
						n = n*10 + int64(d-'0')
					}
					if n > size || n == old {
						break
					}
					old = n
				}
			}
		})
	}
	wg.Wait()
	var branch *testLog
	for size, texts := range cosigned {
		if len(texts) != 1 {
			t.Errorf("size %d was cosigned with %d roots", size, len(texts))
		}
		if size <= 10 {
			continue
		}
		for _, log := range []*testLog{l, fork} {
			if texts[log.text(t, size)] {
				if branch != nil && branch != log {
					t.Fatal("heads of both histories were cosigned")
				}
				branch = log
			}
		}
	}
	if len(cosigned) < 2 {
		t.Errorf("only %d sizes were cosigned", len(cosigned))
	}
}

func TestServeHTTP(t *testing.T) {
	l := newLog(origin).grow(t, "a", 5)
	w := newWitness(t, ourName, newMemory(), newClock(), &evidence{}, origin)
	for _, v := range []struct {
		method string
		body   string
		status int
	}{
		{http.MethodGet, "", 405},
		{http.MethodPost, "", 400},
		{http.MethodPost, strings.Repeat("x", 1<<20), 413},
		{http.MethodPost, string(l.request(t, 0, 5)), 200},
	} {
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, httptest.NewRequest(v.method, "/add-checkpoint", strings.NewReader(v.body)))
		if rec.Code != v.status || rec.Header().Get("Content-Type") == "" {
			t.Errorf("%s %.20q: %d %s", v.method, v.body, rec.Code, rec.Body)
		}
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader("old 0\n"), broken{})))
	if rec.Code != 400 {
		t.Errorf("cut request: %d", rec.Code)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset") }
