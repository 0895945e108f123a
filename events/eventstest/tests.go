package eventstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

func recordsWhatItIsGiven(t *testing.T, l *log) {
	pkg := NewPackage([]byte("<edXML>đ</edXML>"))
	a := events.Append{
		Stream: "document/x", Expected: -1, Actor: "H02.18", Client: "token:7",
		Cause: &events.Address{Origin: "other.example/log", Position: 9}, Basis: events.Basis{Directory: 0, Policy: 0},
		Package: pkg, Evidence: []byte("chain"),
		Events: []events.New{
			{Name: "first.v1", Data: map[string]string{"k": "<a&b>\u2028\""}, Facts: map[string]string{"subject": "Về việc <x>"}},
			{Name: "second.v1", Data: struct {
				B string `json:"b"`
				A int    `json:"a"`
			}{"x", 1}},
		},
	}
	sealed := l.append(a)
	for _, from := range []struct {
		name string
		got  []events.Event
	}{{"append", sealed.Events}, {"all", l.all(0)}, {"stream", l.stream("document/x", 0)}} {
		if len(from.got) != 2 {
			t.Fatalf("%s gave %d events", from.name, len(from.got))
		}
		for i, e := range from.got {
			st := e.Statement
			if again, err := st.Encode(); err != nil || !bytes.Equal(again, e.Bytes) {
				t.Errorf("%s: statement and bytes differ: %v", from.name, err)
			}
			if st.Origin != l.s.Head().Origin || st.Actor != "H02.18" || st.Client != "token:7" || *st.Cause != *a.Cause || st.Basis != a.Basis {
				t.Errorf("%s: statement is %s", from.name, e.Bytes)
			}
			if st.Package == nil || st.Package.SHA256 != pkg.Digest() || st.Package.Length != pkg.Size() {
				t.Errorf("%s: event %d does not name the package: %s", from.name, i, e.Bytes)
			}
			if (st.Evidence != nil) != (i == 0) || i == 0 && *st.Evidence != events.Sum([]byte("chain")) {
				t.Errorf("%s: event %d has evidence %v", from.name, i, st.Evidence)
			}
			if (st.Facts != nil) != (i == 0) || e.Destroyed {
				t.Errorf("%s: event %d has facts %v, destroyed %t", from.name, i, st.Facts, e.Destroyed)
			}
		}
		if got := string(from.got[0].Facts); got != `{"subject":"Về việc <x>"}` {
			t.Errorf("%s: facts are %s", from.name, got)
		}
		if got := string(from.got[1].Statement.Data); got != `{"b":"x","a":1}` {
			t.Errorf("%s: data is %s", from.name, got)
		}
		if from.got[1].Facts != nil {
			t.Errorf("%s: event without facts has %q", from.name, from.got[1].Facts)
		}
		if from.got[0].Statement.Nonce == from.got[1].Statement.Nonce {
			t.Errorf("%s: two events have one nonce", from.name)
		}
	}
	if f, err := l.s.Facts(context.Background(), sealed.Events[0]); err != nil || f.Digest() != *sealed.Events[0].Statement.Facts || string(f.Text) != string(sealed.Events[0].Facts) {
		t.Errorf("facts of event 0 with their salt are %s, %v", f.Text, err)
	}
	if f, err := l.s.Facts(context.Background(), sealed.Events[1]); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("event without facts has %s, %v", f.Text, err)
	}
	if e, err := l.s.Event(context.Background(), 1); err != nil || !bytes.Equal(e.Bytes, sealed.Events[1].Bytes) {
		t.Errorf("event 1 is %s, %v", e.Bytes, err)
	}
}

func positionsAndVersionsAreDense(t *testing.T, l *log) {
	versions := map[string]int64{}
	next := uint64(0)
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		stream := name(r.IntN(7))
		v, ok := versions[stream]
		if !ok {
			v = -1
		}
		sealed := l.append(one(stream, v, 1+r.IntN(4)))
		for _, e := range sealed.Events {
			if e.Position != next {
				t.Fatalf("position %d, expected %d", e.Position, next)
			}
			next++
		}
		versions[stream] = v + int64(len(sealed.Events))
		if sealed.Head.Size < next {
			t.Fatalf("head has size %d after %d events", sealed.Head.Size, next)
		}
	}
	for _, from := range []uint64{0, 1, next / 2, next - 1, next, next + 5} {
		if got := l.all(from); uint64(len(got)) != next-min(from, next) || len(got) > 0 && got[0].Position != from {
			t.Errorf("from %d came %d events", from, len(got))
		}
	}
	for stream, v := range versions {
		for _, from := range []uint64{0, 1, uint64(v), uint64(v) + 1, uint64(v) + 9} {
			got := l.stream(stream, from)
			if want := max(0, v+1-int64(from)); int64(len(got)) != want || want > 0 && got[0].Statement.Version != from {
				t.Errorf("stream %s from version %d gave %d events, expected %d", stream, from, len(got), want)
			}
		}
	}
	if got := l.stream("test/none", 0); len(got) != 0 {
		t.Errorf("a stream that is not there gave %d events", len(got))
	}
}

func refusesAConflict(t *testing.T, l *log) {
	ctx := context.Background()
	_, err := l.s.Append(ctx, one("s", 0, 1))
	wantConflict(t, err, "s", 0, -1)
	l.append(one("s", -1, 3))
	for _, expected := range []int64{-1, 0, 1, 3, 100} {
		a := one("s", expected, 1)
		a.Package, a.Evidence = NewPackage([]byte(fmt.Sprint("conflict", expected))), []byte("unrecorded")
		_, err := l.s.Append(ctx, a)
		wantConflict(t, err, "s", expected, 2)
		if p, err := l.s.FindPackage(ctx, a.Package.Digest()); err != nil || p != nil {
			t.Errorf("package of a refused append is at %v, %v", p, err)
		}
		if _, err := l.s.OpenPackage(ctx, a.Package.Digest()); !errors.Is(err, events.ErrNotFound) {
			t.Errorf("package of a refused append opens: %v", err)
		}
	}
	if _, err := l.s.Evidence(ctx, events.Sum([]byte("unrecorded"))); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("evidence of a refused append is there: %v", err)
	}
	if n := len(l.all(0)); n != 3 {
		t.Errorf("%d events are recorded, expected 3", n)
	}
	l.append(one("s", 2, 1))
}

func oneOfManyRacersWins(t *testing.T, l *log) {
	for round := range 20 {
		stream := name(round)
		const racers = 16
		errs := make([]error, racers)
		var wg sync.WaitGroup
		for i := range racers {
			wg.Go(func() { _, errs[i] = l.s.Append(context.Background(), one(stream, -1, 1)) })
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			wantConflict(t, err, stream, -1, 0)
		}
		if won != 1 {
			t.Fatalf("%d appends of one version succeeded", won)
		}
	}
}

func concurrentAppends(t *testing.T, l *log) {
	const workers, each, streams = 16, 40, 5
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(7, uint64(w)))
			var lastPosition int64 = -1
			for done := 0; done < each; {
				stream := name(r.IntN(streams))
				last := int64(-1)
				err := l.s.Stream(context.Background(), stream, 0, func(e events.Event) error {
					last = int64(e.Statement.Version)
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
				sealed, err := l.s.Append(context.Background(), one(stream, last, 1+r.IntN(2)))
				var conflict *events.ConflictError
				if errors.As(err, &conflict) {
					if conflict.Actual <= last {
						t.Errorf("conflict says version %d, %d was read before", conflict.Actual, last)
						return
					}
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if p := int64(sealed.Events[0].Position); p <= lastPosition {
					t.Errorf("position %d after %d", p, lastPosition)
					return
				}
				lastPosition = int64(sealed.Events[0].Position)
				for i, e := range sealed.Events {
					if err := ledger.CheckInclusion(sealed.Proofs[i], e.Position, ledger.Entry(e.Bytes), sealed.Head.Size, sealed.Head.Root); err != nil {
						t.Error(err)
						return
					}
				}
				done++
			}
		})
	}
	wg.Wait()
}

func readsItsWrites(t *testing.T, l *log) {
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for v := range 20 {
				a := one(name(w), int64(v)-1, 1)
				a.Package = NewPackage([]byte(fmt.Sprint(w, v)))
				sealed, err := l.s.Append(context.Background(), a)
				if err != nil {
					t.Error(err)
					return
				}
				n := 0
				if err := l.s.Stream(context.Background(), name(w), 0, func(events.Event) error { n++; return nil }); err != nil || n != v+1 {
					t.Errorf("after version %d the stream has %d events, %v", v, n, err)
				}
				if h := l.s.Head(); h.Size <= sealed.Events[0].Position {
					t.Errorf("head has size %d after position %d came back", h.Size, sealed.Events[0].Position)
				}
				p, err := l.s.FindPackage(context.Background(), a.Package.Digest())
				if err != nil || len(p) != 1 || p[0] != sealed.Events[0].Position {
					t.Errorf("package is at %v, %v, expected %d", p, err, sealed.Events[0].Position)
				}
				if _, err := l.s.Event(context.Background(), sealed.Events[0].Position); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func waitSeesTheNextHead(t *testing.T, l *log) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := l.s.Wait(ctx, l.s.Head().Size); !errors.Is(err, context.Canceled) {
		t.Errorf("wait with an ended context gave %v", err)
	}
	for i := range 30 {
		size := l.s.Head().Size
		got := make(chan events.Head, 1)
		go func() {
			h, err := l.s.Wait(patience(t), size)
			if err != nil {
				t.Error(err)
			}
			got <- h
		}()
		sealed := l.append(one(name(i), -1, 2))
		if h := <-got; h.Size <= size || h.Size > sealed.Head.Size || len(h.Checkpoint) == 0 {
			t.Errorf("wait beyond %d gave %+v", size, h)
		}
	}
	if h, err := l.s.Wait(context.Background(), 3); err != nil || h.Size != l.s.Head().Size {
		t.Errorf("wait beyond an old size gave %+v, %v", h, err)
	}
}

func survivesARestart(t *testing.T, l *log) {
	l.reopen()
	if h := l.s.Head(); h.Size != 0 || h.Root != Root(nil) || len(h.Checkpoint) == 0 {
		t.Fatalf("empty log has head %+v", h)
	}
	pkg := NewPackage(bytes.Repeat([]byte("x"), 5000))
	var all []events.Event
	for round := range 6 {
		for i := range 60 {
			a := one(name(i%9), -1, 1+i%3)
			a.Expected = int64(len(l.stream(a.Stream, 0))) - 1
			if i%5 == 0 {
				a.Package = pkg
			}
			l.append(a)
		}
		before, head := l.all(0), l.s.Head()
		l.reopen()
		after := l.s.Head()
		if after.Size != head.Size || after.Root != head.Root || !after.Time.Equal(head.Time) {
			t.Fatalf("round %d: head after restart %+v, before %+v", round, after, head)
		}
		for i, e := range l.all(0) {
			if !bytes.Equal(e.Bytes, before[i].Bytes) {
				t.Fatalf("event %d changed over a restart", i)
			}
		}
		for i := range all {
			if !bytes.Equal(all[i].Bytes, before[i].Bytes) {
				t.Fatalf("event %d changed", i)
			}
		}
		all = before
		l.check()
	}
	wantBytes(t, l, pkg, bytes.Repeat([]byte("x"), 5000))
	_, err := l.s.Append(context.Background(), one(name(0), -1, 1))
	wantConflict(t, err, name(0), -1, int64(len(l.stream(name(0), 0)))-1)
}

func refusesWhatCannotBeRecorded(t *testing.T, l *log) {
	for name, change := range map[string]func(*events.Append){
		"no events":    func(a *events.Append) { a.Events = nil },
		"no stream":    func(a *events.Append) { a.Stream = "" },
		"no actor":     func(a *events.Append) { a.Actor = "" },
		"no client":    func(a *events.Append) { a.Client = "" },
		"no name":      func(a *events.Append) { a.Events[1].Name = "" },
		"not UTF-8":    func(a *events.Append) { a.Actor = "\xff" },
		"data array":   func(a *events.Append) { a.Events[1].Data = []int{1} },
		"data nil":     func(a *events.Append) { a.Events[1].Data = nil },
		"data unknown": func(a *events.Append) { a.Events[1].Data = func() {} },
		"facts text":   func(a *events.Append) { a.Events[1].Facts = "text" },
		"too large": func(a *events.Append) {
			a.Events[1].Data = map[string]string{"x": strings.Repeat("x", events.MaxStatement)}
		},
		"expected below":  func(a *events.Append) { a.Expected = -2 },
		"cause no origin": func(a *events.Append) { a.Cause = &events.Address{} },
	} {
		a := one("s", -1, 2)
		change(&a)
		if _, err := l.s.Append(context.Background(), a); err == nil {
			t.Errorf("%s: was recorded", name)
		}
	}
	if n := len(l.all(0)); n != 0 {
		t.Fatalf("%d events are recorded", n)
	}
	l.append(one("s", -1, 2)) // and the store goes on
}

func stopsWithTheContext(t *testing.T, l *log) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := l.s.Append(ended, one("s", -1, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("append with an ended context gave %v", err)
	}
	if n := len(l.stream("s", 0)); n != 0 {
		t.Errorf("append with an ended context recorded %d events", n)
	}
	// Ending it at any moment leaves either nothing or the whole append.
	for i := range 200 {
		ctx, cancel := context.WithCancel(context.Background())
		go cancel()
		a := one(name(i), -1, 3)
		_, err := l.s.Append(ctx, a)
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
		if err == nil && len(l.stream(name(i), 0)) != 3 {
			t.Fatal("an acknowledged append is not there")
		}
	}
	l.append(one("end", -1, 1)) // behind everything that was handed in before
	for i := range 200 {
		if n := len(l.stream(name(i), 0)); n != 0 && n != 3 {
			t.Errorf("%d events of an append of 3 are recorded", n)
		}
	}
	for name, err := range map[string]error{
		"all":    l.s.All(ended, 0, func(events.Event) error { return nil }),
		"stream": l.s.Stream(ended, "end", 0, func(events.Event) error { return nil }),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s with an ended context gave %v", name, err)
		}
	}
}

func provesEverySize(t *testing.T, l *log) {
	var entries []events.Digest
	for i := 0; len(entries) < 600; i++ {
		for _, e := range l.append(one(name(i), -1, 1+i%7)).Events {
			entries = append(entries, ledger.Entry(e.Bytes))
		}
		if i == 50 {
			l.reopen()
		}
	}
	check := func(position, size uint64) {
		t.Helper()
		proof, head, err := l.s.Proof(context.Background(), position, size)
		if err != nil {
			t.Fatal(err)
		}
		if size == 0 {
			size = uint64(len(entries))
		}
		if head.Size != size || head.Root != Root(entries[:size]) {
			t.Fatalf("head for size %d is %+v", size, head)
		}
		if err := ledger.CheckInclusion(proof, position, entries[position], size, head.Root); err != nil {
			t.Fatal(err)
		}
	}
	for size := uint64(1); size <= 40; size++ {
		for position := range size {
			check(position, size)
		}
	}
	r := rand.New(rand.NewPCG(3, 4))
	for _, size := range []uint64{255, 256, 257, 511, 512, 513, uint64(len(entries)) - 1, uint64(len(entries)), 0} {
		for range 20 {
			check(r.Uint64N(max(1, min(size-1, uint64(len(entries))))), size)
		}
	}
	for _, bad := range [][2]uint64{{0, uint64(len(entries)) + 1}, {5, 5}, {uint64(len(entries)), 0}} {
		if _, _, err := l.s.Proof(context.Background(), bad[0], bad[1]); err == nil {
			t.Errorf("position %d was proved in size %d", bad[0], bad[1])
		}
	}
}

func stopsAtTheCallersError(t *testing.T, l *log) {
	l.append(one("s", -1, 10))
	stop := errors.New("enough")
	for name, read := range map[string]func(func(events.Event) error) error{
		"all":    func(f func(events.Event) error) error { return l.s.All(context.Background(), 0, f) },
		"stream": func(f func(events.Event) error) error { return l.s.Stream(context.Background(), "s", 0, f) },
	} {
		n := 0
		err := read(func(events.Event) error {
			if n++; n == 4 {
				return stop
			}
			return nil
		})
		if !errors.Is(err, stop) || n != 4 {
			t.Errorf("%s: %d calls, then %v", name, n, err)
		}
	}
}

func canBeUsedFromACallback(t *testing.T, l *log) {
	l.append(one("s", -1, 5))
	n := 0
	err := l.s.All(context.Background(), 0, func(e events.Event) error {
		n++
		_, err := l.s.Append(patience(t), one(name(n), -1, 1))
		if err == nil {
			_, err = l.s.Event(patience(t), e.Position)
		}
		return err
	})
	if err != nil || n != 5 {
		t.Errorf("all gave %d events, %v; expected the 5 of before the call", n, err)
	}
	n = 0
	err = l.s.Stream(context.Background(), "s", 0, func(e events.Event) error {
		n++
		return l.s.Stream(patience(t), "s", 0, func(events.Event) error { return nil })
	})
	if err != nil || n != 5 {
		t.Errorf("stream gave %d events, %v", n, err)
	}
}

func knowsWhatItDoesNotHave(t *testing.T, l *log) {
	l.append(one("s", -1, 1))
	ctx, none := context.Background(), events.Sum([]byte("none"))
	if _, err := l.s.Event(ctx, 1); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("event: %v", err)
	}
	if _, err := l.s.OpenPackage(ctx, none); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("package: %v", err)
	}
	if _, err := l.s.Evidence(ctx, none); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("evidence: %v", err)
	}
	if p, err := l.s.FindPackage(ctx, none); p != nil || err != nil {
		t.Errorf("positions of an unknown package: %v, %v", p, err)
	}
}

func refusesAfterClose(t *testing.T, l *log) {
	l.append(one("s", -1, 1))
	old := l.s
	l.reopen()
	if _, err := old.Append(context.Background(), one("s", 0, 1)); !errors.Is(err, events.ErrClosed) {
		t.Errorf("append after close gave %v", err)
	}
	if _, err := old.Wait(patience(t), 1); !errors.Is(err, events.ErrClosed) {
		t.Errorf("wait after close gave %v", err)
	}
	if err := old.All(patience(t), 0, func(events.Event) error { return nil }); err == nil {
		t.Error("all after close gave no error")
	}
	if err := old.Close(); err != nil {
		t.Errorf("closing twice gave %v", err)
	}
}
