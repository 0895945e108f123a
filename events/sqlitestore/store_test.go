package sqlitestore

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/eventstest"
	"github.com/tram-exchange/tram/events/ledger"
)

const testOrigin = "tram.test.example/log"

var testKeys = sync.OnceValues(func() (ed25519.PrivateKey, *ecdsa.PrivateKey) {
	_, logKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	nodeKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return logKey, nodeKey
})

func testOptions() Options {
	logKey, nodeKey := testKeys()
	return Options{Origin: testOrigin, LogKey: logKey, NodeKey: nodeKey, MinFree: -1}
}

func openTest(t testing.TB, dir string, opts Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// memPackage is a package in memory.
type memPackage struct {
	*bytes.Reader
	sum events.Digest
}

func newPackage(b []byte) *memPackage       { return &memPackage{bytes.NewReader(b), events.Sum(b)} }
func (p *memPackage) Digest() events.Digest { return p.sum }

func TestAppendReadRestart(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := openTest(t, dir, testOptions())
	pkg := newPackage([]byte("<edXML/>"))
	sealed, err := s.Append(ctx, events.Append{
		Stream: "document/1", Expected: -1, Actor: "H02", Client: "cert:00", Package: pkg, Evidence: []byte("evidence"),
		Events: []events.New{
			{Name: "a.v1", Data: map[string]string{"k": "v<&>"}, Facts: map[string]string{"subject": "Về việc"}},
			{Name: "b.v1", Data: struct{}{}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range sealed.Events {
		if err := ledger.CheckInclusion(sealed.Proofs[i], e.Position, ledger.Entry(e.Bytes), sealed.Head.Size, sealed.Head.Root); err != nil {
			t.Error(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, dir, testOptions())
	if h := s.Head(); h.Size != 2 || h.Root != sealed.Head.Root {
		t.Fatalf("head after restart %+v, want %+v", h, sealed.Head)
	}
	var got []events.Event
	if err := s.Stream(ctx, "document/1", 0, func(e events.Event) error { got = append(got, e); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || !bytes.Equal(got[0].Bytes, sealed.Events[0].Bytes) || string(got[0].Facts) != `{"subject":"Về việc"}` {
		t.Fatalf("got %+v", got)
	}
	r, err := s.OpenPackage(ctx, pkg.Digest())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err != nil || string(b) != "<edXML/>" {
		t.Fatalf("package %q, %v", b, err)
	}
}

func plain(stream string, expected int64) events.Append {
	return events.Append{Stream: stream, Expected: expected, Actor: "a", Client: "c", Events: []events.New{{Name: "n.v1", Data: struct{}{}}}}
}

func TestOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, testOptions())
	if _, err := Open(context.Background(), dir, testOptions()); !errors.Is(err, ErrLocked) {
		t.Errorf("a second open gave %v", err)
	}
	s.Close()
	openTest(t, dir, testOptions())
}

func TestOpenRefusesWhatIsNotItsOwn(t *testing.T) {
	good := t.TempDir()
	s := openTest(t, good, testOptions())
	if _, err := s.Append(context.Background(), plain("s", -1)); err != nil {
		t.Fatal(err)
	}
	s.Close()
	for name, c := range map[string]struct {
		spoil func(dir string, o *Options) error
		want  string
	}{
		"later format": {func(dir string, o *Options) error {
			return os.WriteFile(dir+"/format", []byte("tram store 2\n"), 0o600)
		}, `format "tram store 2"`},
		"no format":    {func(dir string, o *Options) error { return os.Remove(dir + "/format") }, "without its format"},
		"other origin": {func(dir string, o *Options) error { o.Origin = "other.example/log"; return nil }, "other.example"},
		"other log key": {func(dir string, o *Options) (err error) {
			_, o.LogKey, err = ed25519.GenerateKey(rand.Reader)
			return err
		}, "not of this log key"},
		"another program": {func(dir string, o *Options) error { return script(dir, `PRAGMA application_id = 1`) }, "application_id"},
		"event removed":   {func(dir string, o *Options) error { return script(dir, `DELETE FROM events`) }, "the head has size 1"},
		"event changed":   {func(dir string, o *Options) error { return script(dir, `UPDATE events SET statement = x'00'`) }, "root over the stored events"},
		"log row changed": {func(dir string, o *Options) error { return script(dir, `UPDATE log SET segment_end = 0, size = 0`) }, "sum"},
		"no origin":       {func(dir string, o *Options) error { o.Origin = ""; return nil }, "origin"},
	} {
		dir, o := copyDir(t, good), testOptions()
		if err := c.spoil(dir, &o); err != nil {
			t.Fatal(err)
		}
		s, err := Open(context.Background(), dir, o)
		if err == nil {
			s.Close()
			t.Errorf("%s: opens", name)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, expected %q", name, err, c.want)
		}
	}
	openTest(t, copyDir(t, good), testOptions())
}

func script(dir, sql string) error {
	c, err := openConn(filepath.Join(dir, dbName), "rw", "")
	if err != nil {
		return err
	}
	defer c.close()
	return c.script(sql)
}

// freeDisk says how much is free as a test wants it.
type freeDisk struct {
	osFiles
	free *atomic.Int64
}

func (f freeDisk) Free(string) (int64, error) { return f.free.Load(), nil }

func TestNearlyFullDiskRefusesBeforeAnyWrite(t *testing.T) {
	dir := t.TempDir()
	var free atomic.Int64
	o := testOptions()
	o.MinFree, o.files = 1<<20, freeDisk{free: &free}
	s := openTest(t, dir, o)
	for name, size := range map[string]int{"none": 0, "small": 1000, "large": 3 << 20} {
		a := plain(name, -1)
		if size > 0 {
			a.Package = newPackage(bytes.Repeat([]byte("x"), size))
		}
		free.Store(1<<20 + int64(size) - 1)
		before := s.seg.where()
		if _, err := s.Append(context.Background(), a); !errors.Is(err, events.ErrFull) {
			t.Errorf("%s: got %v", name, err)
		}
		if s.seg.where() != before || s.Head().Size > 3 {
			t.Errorf("%s: something was written", name)
		}
		free.Store(1 << 30)
		if _, err := s.Append(context.Background(), a); err != nil {
			t.Errorf("%s: with room again: %v", name, err)
		}
	}
	if n := s.Head().Size; n != 3 {
		t.Errorf("%d events", n)
	}
}

func TestTimeNeverGoesBack(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 11, 22, 19, 0, 0, 999, time.UTC)
	o := testOptions()
	o.Now = func() time.Time { now = now.Add(-time.Hour); return now }
	want := time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)
	for i := range 3 {
		s := openTest(t, dir, o)
		sealed, err := s.Append(context.Background(), plain("s", int64(i)-1))
		if err != nil {
			t.Fatal(err)
		}
		if got := sealed.Events[0].Statement.Time; !got.Equal(want) || !sealed.Head.Time.Equal(want) {
			t.Errorf("event %d at %s, head at %s, expected %s", i, got, sealed.Head.Time, want)
		}
		s.Close()
	}
}

func TestTheSameBytesAreStoredOnce(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, testOptions())
	for _, size := range []int{20 << 10, 2 << 20} {
		body := bytes.Repeat([]byte{byte(size >> 14)}, size)
		before := s.seg.where().offset
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				a := plain(fmt.Sprint(size, "/", i), -1)
				a.Package = newPackage(body)
				if _, err := s.Append(context.Background(), a); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if grown, most := s.seg.where().offset-before, align(recordSize(int64(size)), blockSize); grown != most {
			t.Errorf("12 times the same %d bytes took %d, expected %d", size, grown, most)
		}
		if p, err := s.FindPackage(context.Background(), events.Sum(body)); err != nil || len(p) != 12 {
			t.Errorf("%d events name it, %v", len(p), err)
		}
	}
	if len(s.large) != 0 {
		t.Errorf("%d large packages are still on their way", len(s.large))
	}
	if r := verify(t, dir, VerifyOptions{}); r.Problem != nil || r.Packages != 2 {
		t.Errorf("%d packages, %v", r.Packages, r.Problem)
	}
}

// lostKey is an HSM that goes away.
type lostKey struct {
	*ecdsa.PrivateKey
	away *atomic.Bool
}

func (k lostKey) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	if k.away.Load() {
		return nil, errors.New("HSM is away")
	}
	return k.PrivateKey.Sign(r, digest, o)
}

func TestWhatIsDurableButUnsignedIsSignedAtTheNextStart(t *testing.T) {
	dir := t.TempDir()
	o := testOptions()
	var away atomic.Bool
	_, node := testKeys()
	o.NodeKey = lostKey{node, &away}
	s := openTest(t, dir, o)
	if _, err := s.Append(context.Background(), plain("s", -1)); err != nil {
		t.Fatal(err)
	}
	away.Store(true)
	if _, err := s.Append(context.Background(), plain("s", 0)); err == nil {
		t.Fatal("a receipt without signature")
	}
	<-s.Failed()
	if h := s.Head(); h.Size != 1 {
		t.Fatalf("head has size %d", h.Size)
	}
	if err := s.Close(); err == nil {
		t.Error("close says nothing of the failure")
	}
	if r := verify(t, dir, VerifyOptions{Key: logKey()}); r.Problem != nil || r.Size != 2 || r.SignedSize != 1 || len(r.Unproved) != 2 {
		t.Errorf("report %+v", r)
	}
	away.Store(false)
	s = openTest(t, dir, o)
	if h := s.Head(); h.Size != 2 || len(h.Checkpoint) == 0 {
		t.Errorf("head %+v", h)
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, senders := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			s := openTest(b, b.TempDir(), testOptions())
			benchAppend(b, s, senders)
		})
	}
}

func benchAppend(b *testing.B, s *Store, senders int) {
	ctx := context.Background()
	body := make([]byte, 20<<10)
	rand.Read(body)
	evidence := make([]byte, 3000)
	facts := map[string]string{"subject": "V/v báo cáo tình hình", "content": string(make([]byte, 0)), "sender_name": "Sở Tài chính"}
	var next, mu = make(chan int, senders), sync.Mutex{}
	var lat []time.Duration
	go func() {
		for i := range b.N {
			next <- i
		}
		close(next)
	}()
	var wg sync.WaitGroup
	b.ResetTimer()
	for range senders {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var mine []time.Duration
			p := bytes.Clone(body)
			for i := range next {
				copy(p, fmt.Sprintf("%020d", i))
				pkg := newPackage(p)
				t := time.Now()
				_, err := s.Append(ctx, events.Append{
					Stream: "document/" + pkg.sum.String(), Expected: -1, Actor: "H02.18", Client: "cert:" + pkg.sum.String(),
					Package: pkg, Evidence: evidence,
					Events: []events.New{{Name: "document.received.v1", Data: map[string]any{"sender": "H02.18", "to": []string{"G22", "H02.01"}}, Facts: facts}},
				})
				if err != nil {
					b.Error(err)
					return
				}
				mine = append(mine, time.Since(t))
			}
			mu.Lock()
			lat = append(lat, mine...)
			mu.Unlock()
		}()
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
	var worst time.Duration
	for _, l := range lat {
		worst = max(worst, l)
	}
	b.ReportMetric(worst.Seconds()*1e3, "worst-ms")
}

func TestConformance(t *testing.T) {
	eventstest.Run(t, func(t *testing.T) eventstest.Open {
		dir := t.TempDir()
		return func() (eventstest.Store, error) { return Open(context.Background(), dir, testOptions()) }
	})
}
