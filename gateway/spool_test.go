package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func testSpool(t testing.TB, f func(*Limits)) *spool {
	t.Helper()
	l := Limits{}.withDefaults(1)
	if f != nil {
		f(&l)
	}
	s, err := newSpool(filepath.Join(t.TempDir(), "spool"), rand.Reader, l)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *spool) mustBeEmpty(t testing.TB) {
	t.Helper()
	if m, d := s.inUse(); m != 0 || d != 0 {
		t.Errorf("%d bytes of memory and %d of disk are still in use", m, d)
	}
	left, err := os.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 0 {
		t.Errorf("%d files in the spool folder, expected none", len(left))
	}
}

// What comes out of the spool is what went in, at any place, from memory and from disk.
func TestSpoolRoundTrip(t *testing.T) {
	s := testSpool(t, func(l *Limits) { l.SpoolThreshold = 100 << 10 })
	rapid.Check(t, func(r *rapid.T) {
		size := rapid.OneOf(rapid.IntRange(1, 300<<10), rapid.SampledFrom([]int{
			1, firstBuffer, firstBuffer + 1, chunkPlain - 1, chunkPlain, chunkPlain + 1, 2 * chunkPlain, 100 << 10, 100<<10 + 1,
		})).Draw(r, "size")
		data := make([]byte, size)
		_, _ = rand.Read(data)
		announced := int64(size)
		if rapid.Bool().Draw(r, "chunked") {
			announced = -1
		}
		var src io.Reader = bytes.NewReader(data)
		if rapid.Bool().Draw(r, "halves") {
			src = iotest.HalfReader(src)
		}
		b, err := s.receive(context.Background(), src, announced, 1<<20)
		if err != nil {
			r.Fatalf("couldn't receive: %v", err)
		}
		defer b.Close()
		if b.size != int64(size) || b.src.Size() != int64(size) || b.digest != sha256.Sum256(data) {
			r.Fatalf("size %d, digest %s", b.size, b.digest)
		}
		if onDisk := b.file != nil; onDisk != (size > 100<<10) {
			r.Fatalf("%d bytes on disk: %v", size, onDisk)
		}
		off := rapid.IntRange(0, size).Draw(r, "offset")
		n := rapid.IntRange(0, size).Draw(r, "length")
		got := make([]byte, n)
		m, err := b.src.ReadAt(got, int64(off))
		want := data[off:min(size, off+n)]
		if !bytes.Equal(got[:m], want) {
			r.Fatalf("read %d bytes at %d that differ", m, off)
		}
		if short := len(want) < n; short != errors.Is(err, io.EOF) && n > 0 {
			r.Fatalf("read %d of %d bytes at %d of %d: %v", m, n, off, size, err)
		}
	})
	s.mustBeEmpty(t)
}

func TestSpoolRefuses(t *testing.T) {
	broken := errors.New("connection reset")
	for _, c := range []struct {
		name  string
		body  io.Reader
		size  int64
		limit int64
		set   func(*Limits)
		code  int
	}{
		{"announced too large", bytes.NewReader(nil), 11, 10, nil, CodeTooLarge},
		{"too large, not announced", bytes.NewReader(make([]byte, 11)), -1, 10, nil, CodeTooLarge},
		{"too large on disk", bytes.NewReader(make([]byte, 3<<20)), -1, 2 << 20, nil, CodeTooLarge},
		{"empty", bytes.NewReader(nil), 0, 10, nil, CodeEmpty},
		{"empty, not announced", bytes.NewReader(nil), -1, 10, nil, CodeEmpty},
		{"shorter than announced", bytes.NewReader(make([]byte, 5)), 6, 10, nil, CodeCutShort},
		{"longer than announced", bytes.NewReader(make([]byte, 7)), 6, 10, nil, CodeCutShort},
		{"shorter on disk", bytes.NewReader(make([]byte, 2<<20)), 3 << 20, 9 << 20, nil, CodeCutShort},
		{"longer on disk", bytes.NewReader(make([]byte, 3<<20)), 2 << 20, 9 << 20, nil, CodeCutShort},
		{"broken line", io.MultiReader(bytes.NewReader(make([]byte, 5)), iotest.ErrReader(broken)), 9, 10, nil, CodeCutShort},
		{"broken line on disk", io.MultiReader(bytes.NewReader(make([]byte, 2<<20)), iotest.ErrReader(broken)), 3 << 20, 9 << 20, nil, CodeCutShort},
		{"slow", iotest.ErrReader(os.ErrDeadlineExceeded), 9, 10, nil, CodeTooSlow},
		{"memory full", bytes.NewReader(make([]byte, 9)), 9, 10, func(l *Limits) { l.MaxMemory = 8 }, CodeBusy},
		{"memory full while growing", bytes.NewReader(make([]byte, 90<<10)), -1, 1 << 20, func(l *Limits) { l.MaxMemory = 64 << 10 }, CodeBusy},
		{"disk full", bytes.NewReader(make([]byte, 3<<20)), 3 << 20, 9 << 20, func(l *Limits) { l.MaxSpool = 2 << 20 }, CodeBusy},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := testSpool(t, c.set)
			b, err := s.receive(context.Background(), c.body, c.size, c.limit)
			if b != nil || !errors.Is(err, Refuse(c.code)) {
				t.Errorf("got %v, expected refusal %d", err, c.code)
			}
			s.mustBeEmpty(t)
		})
	}
}

// A file that somebody changes on disk is an error, never other content; and what lies on disk is not the package.
func TestSpoolFileIsSealed(t *testing.T) {
	s := testSpool(t, nil)
	data := bytes.Repeat([]byte("bí mật công vụ "), 1<<17)
	b, err := s.receive(context.Background(), bytes.NewReader(data), int64(len(data)), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	raw := make([]byte, 4<<10)
	if _, err := b.file.f.ReadAt(raw, 0); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte("công vụ")) {
		t.Error("the file on disk is readable")
	}
	one := []byte{0}
	for _, off := range []int64{0, chunkPlain + 3, chunkSealed - 1, chunkSealed} {
		if _, err := b.file.f.ReadAt(one, off); err != nil {
			t.Fatal(err)
		}
		change := func() {
			one[0] ^= 1
			if _, err := b.file.f.WriteAt(one, off); err != nil {
				t.Fatal(err)
			}
			b.file.cached = 0
		}
		change()
		chunk := off / chunkSealed * chunkPlain
		if n, err := b.src.ReadAt(make([]byte, 10), chunk); err == nil {
			t.Errorf("read %d bytes of a changed chunk at %d", n, chunk)
		}
		change()
		if _, err := b.src.ReadAt(make([]byte, 10), chunk); err != nil {
			t.Errorf("the restored chunk at %d: %v", chunk, err)
		}
	}
}

// Start-up removes what a process left behind that died between making and unlinking a file.
func TestSpoolClearsLeftovers(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x"+spoolSuffix), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := newSpool(dir, rand.Reader, Limits{}.withDefaults(1))
	if err != nil {
		t.Fatal(err)
	}
	s.mustBeEmpty(t)
}

// zeros is an endless body that costs nothing.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A 100 MB body costs the memory of its buffers only.
func TestSpoolMemory(t *testing.T) {
	s := testSpool(t, nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const size = 100 << 20
	b, err := s.receive(context.Background(), io.LimitReader(zeros{}, size), size, 512<<20)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, io.NewSectionReader(b.src, 0, size)); err != nil {
		t.Fatal(err)
	}
	b.Close()
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 2<<20 {
		t.Errorf("%d bytes allocated for a 100 MB body, expected under 2 MiB", grown)
	}
	s.mustBeEmpty(t)
}
