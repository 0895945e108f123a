package asice

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/tram-exchange/tram/signing"
)

// zeros is a document of so many zero bytes.
type zeros int64

func (z zeros) Size() int64 { return int64(z) }
func (z zeros) ReadAt(p []byte, off int64) (int, error) {
	n := int(max(0, min(int64(len(p)), int64(z)-off)))
	clear(p[:n])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// A large object passes through in pieces, written and read.
func TestConstantMemory(t *testing.T) {
	const size = 128 << 20
	ctx := context.Background()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b := NewBuilder(day)
	if err := b.Add(ctx, "large", "application/octet-stream", zeros(size)); err != nil {
		t.Fatal(err)
	}
	if err := b.Add(ctx, "small", "text/plain", signing.BytesSource("x")); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "large.asice"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := b.WriteTo(ctx, f); err != nil {
		t.Fatal(err)
	}
	c, err := Open(f, b.Size(), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := c.Copy("large", func(p []byte) error { n += len(p); return nil }); err != nil || n != size {
		t.Fatalf("%d bytes, %v", n, err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 4<<20 {
		t.Errorf("%d bytes allocated for an object of %d", got, size)
	}
	// Whoever stops gets no more.
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := b.WriteTo(ended, &bytes.Buffer{}); err == nil {
		t.Error("written although ctx had ended")
	}
}
