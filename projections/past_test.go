package projections

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/internal/view"
)

func (l *testLog) Event(ctx context.Context, position uint64) (found events.Event, err error) {
	err = l.All(ctx, position, func(e events.Event) error { found = e; return errFound })
	if errors.Is(err, errFound) {
		return found, nil
	}
	return found, errors.Join(err, events.ErrNotFound)
}

func openPast(t *testing.T, dir string, log PastLog, live *Views, opt PastOptions) *Past {
	t.Helper()
	if opt.Now == nil {
		opt.Now = testNow
	}
	if opt.Wait == 0 {
		opt.Wait = time.Minute
	}
	p, err := OpenPast(dir, log, live, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func pastAt(t *testing.T, p *Past, position uint64) view.PastViews {
	t.Helper()
	v, err := p.Open(t.Context(), view.Moment{Position: position}, "")
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func closePast(t *testing.T, v view.PastViews) {
	t.Helper()
	if err := v.Close(); err != nil {
		t.Error(err)
	}
}

// TestPastAnswers: as of any position the answers are those of views that never read further, whichever database they were
// continued from.
func TestPastAnswers(t *testing.T) {
	s := newScenario(t)
	p := openPast(t, t.TempDir(), s, nil, PastOptions{Keep: 100})
	for _, n := range []uint64{0, 1, 12, 30, 29, 57, s.Head().Size} {
		want := s.dump(t, openViews(t, viewsPath(t), &until{log: s, size: n}, Options{}))
		v := pastAt(t, p, n)
		if got := s.dump(t, v.(*pastViews).Views); got != want {
			t.Errorf("as of %d answers differ:\n%s", n, firstDifference(got, want))
		}
		closePast(t, v)
	}
}

// TestPastResolve: a time is the position after the last event at or before it.
func TestPastResolve(t *testing.T) {
	s := newScenario(t)
	p := openPast(t, t.TempDir(), s, nil, PastOptions{})
	for i := range s.Head().Size {
		e, err := s.Event(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		for d, want := range map[time.Duration]uint64{0: i + 1, -time.Millisecond: i, time.Millisecond: i + 1} {
			m, err := p.Resolve(t.Context(), e.Statement.Time.Add(d))
			if err != nil || m.Position != want {
				t.Errorf("event %d %+v: position %d, %v, expected %d", i, d, m.Position, err, want)
			}
		}
	}
	if _, err := p.Resolve(t.Context(), testNow().Add(time.Second)); !errors.Is(err, view.ErrQuery) {
		t.Errorf("the future: %v", err)
	}
	s.failAt = 1
	if _, err := p.Resolve(t.Context(), testNow()); !errors.Is(err, errTestRead) {
		t.Errorf("a log that cannot be read: %v", err)
	}
}

// TestPastRights: who may read is judged today; what was not yet theirs then is not there.
func TestPastRights(t *testing.T) {
	s := newScenario(t)
	before := s.Head().Size
	s.add(t, record{stream: directory.Stream, name: directory.NameReadingGranted, data: directory.ReadingGranted{
		Right: "muộn", Reader: directory.Holder{Kind: directory.HolderAuditor, ID: "TT"}, Org: sxd,
		From: time.Date(2022, 11, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2022, 12, 31, 0, 0, 0, 0, time.UTC)}})
	live := openViews(t, viewsPath(t), s, Options{})
	p := openPast(t, t.TempDir(), s, live, PastOptions{})
	position := func(stream, name string) (at uint64) {
		err := s.All(t.Context(), 0, func(e events.Event) error {
			if e.Statement.Stream == stream && e.Statement.Name == name {
				at = e.Position
			}
			return nil
		})
		if err != nil || at == 0 {
			t.Fatalf("no %s in %s: %v", name, stream, err)
		}
		return at
	}
	withdrawn := position(deliveryStream(s.recalled, syt), "delivery.withdrawn.v1")
	resent := position(deliveryStream(s.resent, syt), "delivery.offered.v1")
	now := testNow()
	for _, c := range []struct {
		name string
		at   uint64
		r    view.Reader
		doc  paperSpec
		want bool
	}{
		{"sender", before, view.Reader{Orgs: []string{ubnd}, Now: now}, s.letter, true},
		{"stranger", before, view.Reader{Orgs: []string{stp}, Now: now}, s.letter, false},
		{"right recorded later", before, view.Reader{Right: "muộn", Now: now}, s.letter, true},
		{"right that has ended", before, view.Reader{Right: "muộn", Now: now.AddDate(1, 0, 0)}, s.letter, false},
		{"recipient since", before, view.Reader{Orgs: []string{syt}, Now: now}, s.resent, true},
		{"recipient not yet", resent - 2, view.Reader{Orgs: []string{syt}, Now: now}, s.resent, false},
		{"taken back since", withdrawn, view.Reader{Orgs: []string{syt}, Now: now}, s.recalled, false},
		{"its sender", withdrawn, view.Reader{Orgs: []string{sxd}, Now: now}, s.recalled, true},
		{"not there yet", 11, view.Reader{Orgs: []string{ubnd}, Now: now}, s.letter, false},
	} {
		v := pastAt(t, p, c.at)
		found, err := v.Search(t.Context(), view.SearchQuery{Reader: c.r, Limit: 500})
		if err != nil && !errors.Is(err, view.ErrNotFound) {
			t.Errorf("%s: search: %v", c.name, err)
		}
		if has := slices.ContainsFunc(found.Rows, func(r view.RegisterRow) bool { return r.Document == c.doc.key() }); has && !c.want {
			t.Errorf("%s: search finds it", c.name)
		} else if !has && c.want && c.r.Right == "" {
			t.Errorf("%s: search does not find it", c.name)
		}
		_, err = v.Document(t.Context(), c.r, c.doc.key())
		if (err == nil) != c.want || err != nil && !errors.Is(err, view.ErrNotFound) {
			t.Errorf("%s: %v", c.name, err)
		}
		if len(c.r.Orgs) == 1 {
			page, err := v.Register(t.Context(), view.RegisterQuery{Reader: c.r, Org: c.r.Orgs[0], Direction: view.Incoming})
			if err != nil {
				t.Errorf("%s: register: %v", c.name, err)
			}
			for _, row := range page.Rows {
				if row.Document == c.doc.key() && !c.want {
					t.Errorf("%s: the register has it", c.name)
				}
			}
		}
		closePast(t, v)
	}
	v := pastAt(t, p, 0)
	defer closePast(t, v)
	if _, err := v.Register(t.Context(), view.RegisterQuery{Reader: view.Reader{Orgs: []string{stp}, Now: now}, Org: sxd, Direction: view.Incoming}); !errors.Is(err, view.ErrNotFound) {
		t.Errorf("another's register before the first event: %v", err)
	}
	if page, err := v.Register(t.Context(), view.RegisterQuery{Reader: view.Reader{Orgs: []string{sxd}, Now: now}, Org: sxd, Direction: view.Incoming}); err != nil || len(page.Rows) > 0 {
		t.Errorf("one's own before the first event: %d rows, %v", len(page.Rows), err)
	}
}

// TestPastForgets: words destroyed after a database was made are not in it any more, nor on the disk.
func TestPastForgets(t *testing.T) {
	s := newScenario(t)
	live := openViews(t, viewsPath(t), s, Options{})
	dir := t.TempDir()
	p := openPast(t, dir, s, live, PastOptions{})
	size := s.Head().Size
	r := view.Reader{Orgs: []string{ubnd}, Now: testNow()}
	v := pastAt(t, p, size)
	d, err := v.Document(t.Context(), r, s.letter.key())
	if err != nil || d.Row.Subject != s.letter.subject {
		t.Fatalf("%q, %v", d.Row.Subject, err)
	}
	s.destroy(d.Package.Position)
	if err := p.Forget(); err != nil { // v is still in use
		t.Fatal(err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
		for _, f := range list {
			t.Errorf("%s is still there", f.Name())
		}
	}
	closePast(t, v)
	v = pastAt(t, p, size)
	defer closePast(t, v)
	if d, err = v.Document(t.Context(), r, s.letter.key()); err != nil || d.Row.Subject != "" || d.Row.Destroyed == "" {
		t.Errorf("after: %q, %q, %v", d.Row.Subject, d.Row.Destroyed, err)
	}
	page, err := v.Register(t.Context(), view.RegisterQuery{Reader: r, Org: ubnd, Direction: view.Outgoing, Words: "đầu tư công"})
	if err != nil || len(page.Rows) > 0 {
		t.Errorf("found by its words: %d rows, %v", len(page.Rows), err)
	}
}

// countedLog counts what is read, and can be made to stand still.
type countedLog struct {
	*testLog
	read atomic.Int64
	gate chan struct{} // closed: go on
}

func (c *countedLog) All(ctx context.Context, from uint64, f func(events.Event) error) error {
	return c.testLog.All(ctx, from, func(e events.Event) error {
		c.read.Add(1)
		select {
		case <-c.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
		return f(e)
	})
}

// TestPastForgetsBesideQuestions: a question that comes while databases are being forgotten gets none of them, and what is made
// afterwards is not taken away with what was in use before.
func TestPastForgetsBesideQuestions(t *testing.T) {
	s := newScenario(t)
	live := openViews(t, viewsPath(t), s, Options{})
	dir := t.TempDir()
	size := s.Head().Size
	first := openPast(t, dir, s, live, PastOptions{})
	closePast(t, pastAt(t, first, size)) // lies on the disk
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	slow := &stubbornLog{testLog: s.testLog, reading: make(chan struct{}), gate: make(chan struct{})}
	p := openPast(t, dir, slow, live, PastOptions{Builds: 2, Wait: -1})
	ask := func(n uint64) error {
		_, err := p.Open(t.Context(), view.Moment{Position: n}, "")
		return err
	}
	if err := ask(size - 5); !errors.As(err, new(*view.BuildingError)) {
		t.Fatal(err)
	}
	<-slow.reading
	forgotten := make(chan error)
	go func() { forgotten <- p.Forget() }()
	for { // until Forget waits for what is being made
		p.mu.Lock()
		waits := p.forgets > 0
		p.mu.Unlock()
		if waits {
			break
		}
		runtime.Gosched()
	}
	if err := ask(size); !errors.Is(err, view.ErrPastBusy) {
		t.Errorf("asked meanwhile: %v, expected %v", err, view.ErrPastBusy)
	}
	close(slow.gate)
	if err := <-forgotten; err != nil {
		t.Fatal(err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
		t.Errorf("%d files are still there, %v", len(list), err)
	}

	p = openPast(t, dir, s, live, PastOptions{})
	old := pastAt(t, p, size)
	if err := p.Forget(); err != nil {
		t.Fatal(err)
	}
	again := pastAt(t, p, size)
	closePast(t, old)
	if _, err := os.Stat(p.path(size)); err != nil {
		t.Errorf("the new one was taken away with the old one: %v", err)
	}
	closePast(t, again)
}

// stubbornLog says that it is being read, and gives nothing before gate is closed, whatever becomes of whoever asks.
type stubbornLog struct {
	*testLog
	once          sync.Once
	reading, gate chan struct{}
}

func (l *stubbornLog) All(ctx context.Context, from uint64, f func(events.Event) error) error {
	l.once.Do(func() { close(l.reading) })
	<-l.gate
	return l.testLog.All(ctx, from, f)
}

func open() chan struct{} { c := make(chan struct{}); close(c); return c }

// TestPastKept: a database is made once, survives a restart, is what later ones begin from, and goes when it is the one used
// longest ago.
func TestPastKept(t *testing.T) {
	s := newScenario(t)
	log := &countedLog{testLog: s.testLog, gate: open()}
	dir := t.TempDir()
	p := openPast(t, dir, log, nil, PastOptions{Keep: 2})
	reads := func(n uint64, most int64) {
		t.Helper()
		before := log.read.Load()
		closePast(t, pastAt(t, p, n))
		if got := log.read.Load() - before; got > most {
			t.Errorf("as of %d: %d events read, expected at most %d", n, got, most)
		}
	}
	reads(40, 45)
	reads(40, 0)
	reads(45, 12)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "making-00000000000000000041.views.db"), []byte("nửa chừng"), 0o600); err != nil {
		t.Fatal(err)
	}
	p = openPast(t, dir, log, nil, PastOptions{Keep: 2})
	reads(40, 1)
	reads(47, 12) // 45 goes: longest unused
	if list, err := p.onDisk(); err != nil || len(list) != 2 || list[0] != 40 || list[1] != 47 {
		t.Errorf("kept %v, %v", list, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "making-00000000000000000041.views.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a crash left half-made: %v", err)
	}
}

// TestPastPerAsker: one asker cannot take the places of all; what others asked for first is open to everybody.
func TestPastPerAsker(t *testing.T) {
	s := newScenario(t)
	gate := make(chan struct{})
	p := openPast(t, t.TempDir(), &countedLog{testLog: s.testLog, gate: gate}, nil, PastOptions{Wait: -1})
	for _, c := range []struct {
		asker    string
		position uint64
		busy     bool
	}{
		{"a", 40, false}, {"a", 41, false}, {"a", 42, true}, {"b", 43, false}, {"a", 43, false}, {"a", 40, false}, {"b", 42, false}, {"b", 44, true},
		{"", 44, false}, {"", 45, false}, {"", 46, false},
	} {
		_, err := p.Open(t.Context(), view.Moment{Position: c.position}, c.asker)
		if busy := errors.Is(err, view.ErrPastBusy); busy != c.busy || !busy && !errors.As(err, new(*view.BuildingError)) {
			t.Errorf("%q asks for %d: %v, expected busy %v", c.asker, c.position, err, c.busy)
		}
	}
	close(gate)
	for { // both of a are made: there is room again
		_, err := p.Open(t.Context(), view.Moment{Position: 47}, "a")
		if errors.As(err, new(*view.BuildingError)) {
			return
		}
		if !errors.Is(err, view.ErrPastBusy) {
			t.Fatalf("asked again: %v", err)
		}
		runtime.Gosched()
	}
}

// TestPastWhileMade: who asks is told how far it is; cancelling a request stops nothing, nobody asking does; too many are refused.
func TestPastWhileMade(t *testing.T) {
	s := newScenario(t)
	gate := make(chan struct{})
	log := &countedLog{testLog: s.testLog, gate: gate}
	dir := t.TempDir()
	var mu sync.Mutex
	clock := testNow()
	now := func() time.Time { mu.Lock(); defer mu.Unlock(); return clock }
	p := openPast(t, dir, log, nil, PastOptions{Options: Options{Now: now, CatchUpBatch: 5, LiveBatch: 5}, Wait: -1, Waiting: 1})
	var building *view.BuildingError
	if _, err := p.Open(t.Context(), view.Moment{Position: 40}, ""); !errors.As(err, &building) || building.Size != 40 {
		t.Fatalf("%v, expected that it is being made", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Open(cancelled, view.Moment{Position: 41}, ""); !errors.As(err, &building) {
		t.Errorf("second: %v", err)
	}
	if _, err := p.Open(t.Context(), view.Moment{Position: 42}, ""); !errors.Is(err, view.ErrPastBusy) {
		t.Errorf("third: %v", err)
	}
	if _, err := p.Open(t.Context(), view.Moment{Position: 1000}, ""); !errors.Is(err, view.ErrQuery) {
		t.Errorf("beyond the end: %v", err)
	}
	done := func(n uint64) *moment { p.mu.Lock(); defer p.mu.Unlock(); return p.moments[n] }
	first, second := done(40), done(41)
	mu.Lock()
	clock = clock.Add(time.Hour)
	mu.Unlock()
	if _, err := p.Open(t.Context(), view.Moment{Position: 40}, ""); !errors.As(err, &building) { // asked for again: 41 is not
		t.Errorf("again: %v", err)
	}
	close(gate)
	<-first.done
	<-second.done
	if first.err != nil || !errors.Is(second.err, context.Canceled) {
		t.Errorf("%v, %v, expected the second to be given up", first.err, second.err)
	}
}

// TestPastFails: a failing log or a full disk is said, and the next question tries again.
func TestPastFails(t *testing.T) {
	s := newScenario(t)
	p := openPast(t, t.TempDir(), s, nil, PastOptions{})
	s.failAt = 20
	if _, err := p.Open(t.Context(), view.Moment{Position: 40}, ""); !errors.Is(err, errTestRead) {
		t.Errorf("log fails: %v", err)
	}
	s.failAt = 0
	p.opt.MinFree = 1 << 60
	if _, err := p.Open(t.Context(), view.Moment{Position: 40}, ""); !errors.Is(err, view.ErrPastRoom) {
		t.Errorf("no room: %v", err)
	}
	p.opt.MinFree, p.opt.MaxBytes = 0, 1
	if _, err := p.Open(t.Context(), view.Moment{Position: 40}, ""); !errors.Is(err, ErrNoRoom) {
		t.Errorf("over the limit: %v", err)
	}
	p.opt.MaxBytes = 1 << 30
}
