package eventstest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/tram-exchange/tram/events"
)

func wantBytes(t *testing.T, l *log, p events.Package, want []byte) {
	t.Helper()
	r, err := l.s.OpenPackage(context.Background(), p.Digest())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Size() != p.Size() {
		t.Fatalf("package has %d bytes, expected %d", r.Size(), p.Size())
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(r, 0, r.Size())); err != nil {
		t.Fatal(err)
	}
	if events.Digest(h.Sum(nil)) != p.Digest() {
		t.Fatal("stored package has other bytes")
	}
	if want != nil {
		part := make([]byte, len(want)/2)
		if _, err := r.ReadAt(part, int64(len(want)/3)); err != nil || !bytes.Equal(part, want[len(want)/3:][:len(part)]) {
			t.Fatalf("reading a part gave other bytes, %v", err)
		}
	}
	if n, err := r.ReadAt(make([]byte, 1), r.Size()); n != 0 || err != io.EOF {
		t.Fatalf("reading behind the end gave %d bytes, %v", n, err)
	}
}

// pattern is a package of any size that is never in memory as a whole.
type pattern struct {
	size  int64
	seed  byte
	sum   events.Digest
	mu    sync.Mutex
	worst int // longest read asked for
}

func newPattern(size int64, seed byte) *pattern {
	p := &pattern{size: size, seed: seed}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(p, 0, size)); err != nil {
		panic(err)
	}
	p.sum, p.worst = events.Digest(h.Sum(nil)), 0
	return p
}

func (p *pattern) Size() int64           { return p.size }
func (p *pattern) Digest() events.Digest { return p.sum }
func (p *pattern) ReadAt(b []byte, at int64) (int, error) {
	p.mu.Lock()
	p.worst = max(p.worst, len(b))
	p.mu.Unlock()
	n := int(min(int64(len(b)), p.size-at))
	for i := range b[:n] {
		x := at + int64(i)
		b[i] = byte(x) ^ byte(x>>8) ^ byte(x>>16) ^ p.seed
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func keepsPackages(t *testing.T, l *log) {
	var kept []events.Package
	for i, size := range []int64{0, 1, 15, 16, 17, 4000, 4048, 4096, 20 << 10, 256<<10 - 1, 256 << 10, 256<<10 + 1, 1<<20 - 48, 1 << 20, 3<<20 + 7, 20 << 20} {
		p := newPattern(size, byte(i))
		a := one(name(i), -1, 1)
		a.Package = p
		l.append(a)
		if p.worst > 4<<20 {
			t.Errorf("a package of %d bytes was read in pieces of %d", size, p.worst)
		}
		kept = append(kept, p)
	}
	var wg sync.WaitGroup
	for i, size := range []int64{300 << 10, 10, 5 << 20, 40000, 2 << 20, 2 << 20} {
		p := newPattern(size, byte(100+i))
		kept = append(kept, p)
		wg.Go(func() {
			a := one(name(100+i), -1, 1)
			a.Package = p
			if _, err := l.s.Append(context.Background(), a); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	// The same bytes again: other events, one package.
	for i, p := range kept[:3] {
		a := one(name(200+i), -1, 2)
		a.Package = p
		sealed := l.append(a)
		got, err := l.s.FindPackage(context.Background(), p.Digest())
		if err != nil || len(got) != 3 || got[1] != sealed.Events[0].Position || got[2] != sealed.Events[1].Position || got[0] >= got[1] {
			t.Errorf("package is at %v, %v", got, err)
		}
	}
	for range 2 {
		for _, p := range kept {
			wantBytes(t, l, p, nil)
		}
		l.reopen()
	}
}

// short is a package whose reader ends early.
type short struct{ *Package }

func (s short) Size() int64 { return s.Package.Size() + 1 }

func refusesAFalsePackage(t *testing.T, l *log) {
	for _, size := range []int{100, 600 << 10} {
		p := NewPackage(bytes.Repeat([]byte("y"), size))
		good := p.SHA256
		p.SHA256[0] ^= 1
		a := one("s", -1, 1)
		for name, pkg := range map[string]events.Package{"other digest": p, "short": short{NewPackage(bytes.Repeat([]byte("z"), size))}} {
			a.Package = pkg
			if _, err := l.s.Append(context.Background(), a); err == nil {
				t.Errorf("%s: a false package of %d bytes was recorded", name, size)
			}
			if _, err := l.s.OpenPackage(context.Background(), pkg.Digest()); !errors.Is(err, events.ErrNotFound) {
				t.Errorf("%s: a false package opens: %v", name, err)
			}
		}
		if _, err := l.s.OpenPackage(context.Background(), good); !errors.Is(err, events.ErrNotFound) {
			t.Errorf("a package of a refused append opens: %v", err)
		}
	}
	if n := len(l.all(0)); n != 0 {
		t.Errorf("%d events are recorded", n)
	}
}

func keepsEvidence(t *testing.T, l *log) {
	same := []byte("the same chain for all")
	for i := range 10 {
		a := one(name(i), -1, 2)
		a.Evidence = same
		if i%3 == 0 {
			a.Evidence = bytes.Repeat([]byte{byte(i)}, 9000)
		}
		l.append(a)
	}
	for range 2 {
		for _, want := range [][]byte{same, bytes.Repeat([]byte{0}, 9000), bytes.Repeat([]byte{9}, 9000)} {
			if got, err := l.s.Evidence(context.Background(), events.Sum(want)); err != nil || !bytes.Equal(got, want) {
				t.Errorf("evidence is %.20q, %v", got, err)
			}
		}
		l.reopen()
	}
}
