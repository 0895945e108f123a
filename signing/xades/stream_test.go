package xades_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/xades"
)

// bulk is a document of many bytes that exist only while they are read.
type bulk struct {
	head, tail string
	line       string
	lines      int64
}

func (b *bulk) Size() int64 {
	return int64(len(b.head)+len(b.tail)) + b.lines*int64(len(b.line))
}

func (b *bulk) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		at, part := off+int64(n), ""
		body := b.lines * int64(len(b.line))
		switch {
		case at < int64(len(b.head)):
			part = b.head[at:]
		case at < int64(len(b.head))+body:
			part = b.line[(at-int64(len(b.head)))%int64(len(b.line)):]
		case at < b.Size():
			part = b.tail[at-int64(len(b.head))-body:]
		default:
			return n, io.EOF
		}
		n += copy(p[n:], part)
	}
	return n, nil
}

// counter counts what is written.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// TestLargeDocument: the memory that augmenting takes does not grow with the document.
func TestLargeDocument(t *testing.T) {
	p := newPKI(t)
	peak := func(lines int64) (uint64, int64) {
		src := &bulk{head: `<a><Header/><c>`, line: "UEsDBBQACAgIAHVtd1kAAAAAAAAAAAAAAAAYAAAAeGwvZHJhd2luZ3MvZHJhd2luZzEueG1sndBd\n", lines: lines, tail: `</c></a>`}
		// The signature stands behind the bulk: sign into head and tail.
		var out tailWriter
		o := xades.SignOptions{SigningTime: now}
		if err := xades.Sign(context.Background(), &out, src, p.ecdsa.key, p.ecdsa.chain(p), o); err != nil {
			t.Fatal(err)
		}
		cut := int64(len(src.head)) + lines*int64(len(src.line))
		signed := &bulk{head: src.head, line: src.line, lines: lines, tail: string(out.after(cut))}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		var w counter
		if err := xades.Augment(context.Background(), &w, signed, p.options(xades.LevelA, now)); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc, int64(w)
	}
	small, _ := peak(1000)
	large, n := peak(400_000)
	if n < 30_000_000 {
		t.Errorf("only %d bytes were written", n)
	}
	if large > small+2<<20 {
		t.Errorf("augmenting %s takes %s more than augmenting 80 KB", mib(uint64(n)), mib(large-small))
	}
}

func mib(n uint64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// tailWriter keeps the last bytes.
type tailWriter struct {
	n int64
	b []byte
}

const tailSize = 64 << 10

func (w *tailWriter) Write(p []byte) (int, error) {
	w.n += int64(len(p))
	w.b = append(w.b, p...)
	if k := len(w.b) - tailSize; k > tailSize {
		w.b = append(w.b[:0], w.b[k:]...)
	}
	return len(p), nil
}

func (w *tailWriter) after(off int64) []byte { return w.b[int64(len(w.b))-(w.n-off):] }

var _ signing.Source = (*bulk)(nil)
