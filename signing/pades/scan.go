package pades

import (
	"bytes"
	"context"

	"github.com/tram-exchange/tram/signing"
)

const scanChunk = 1 << 20

// scan searches the octets of a file whose structure is broken for objects with a ByteRange.
func scan(ctx context.Context, src signing.Source, lim Limits, w *work) (out []found, encrypted bool, err error) {
	f := &file{ctx: ctx, src: src, size: src.Size(), lim: lim, packed: map[place]*packed{}, work: w}
	const overlap = 64
	buf := make([]byte, scanChunk+overlap)
	object := int64(-1) // start of the last object seen
	taken := int64(-1)
	for off := int64(0); off < f.size; off += scanChunk {
		if err := ctx.Err(); err != nil {
			return out, encrypted, err
		}
		b := buf[:min(f.size-off, scanChunk+overlap)]
		if err := readFull(src, b, off); err != nil {
			return out, encrypted, err
		}
		encrypted = encrypted || bytes.Contains(b, []byte("/Encrypt ")) || bytes.Contains(b, []byte("/Encrypt<<"))
		rest := 0
		for {
			i := bytes.Index(b[rest:], []byte("/ByteRange"))
			if i < 0 {
				break
			}
			i += rest
			if start := lastObject(b[rest:i]); start >= 0 { // what stands before rest was looked at
				object = off + int64(rest+start)
			}
			rest = i + 1
			if object < 0 || object == taken {
				continue
			}
			taken = object
			v, err := f.indirect(object, -1)
			if isBad(err) {
				continue
			}
			if err != nil {
				return out, encrypted, err
			}
			if d, ok := v.(*dict); ok && d.get("ByteRange") != nil && d.get("Contents") != nil {
				out = append(out, found{"", d})
				if len(out) > lim.MaxSignatures {
					return out, encrypted, nil
				}
			}
		}
		if start := lastObject(b[rest:]); start >= 0 {
			object = off + int64(rest+start)
		}
	}
	return out, encrypted, nil
}

// lastObject finds where the last "num gen obj" of b begins, or -1.
func lastObject(b []byte) int {
	for {
		i := bytes.LastIndex(b, []byte("obj"))
		if i < 0 {
			return -1
		}
		b = b[:i]
		n, ok := back(b, i)
		if !ok {
			continue
		}
		if n, ok = back(b, n); ok {
			return n
		}
	}
}

// back steps over white space and then digits before i.
func back(b []byte, i int) (int, bool) {
	for i > 0 && isSpace(int(b[i-1])) {
		i--
	}
	end := i
	for i > 0 && end-i < 10 && b[i-1] >= '0' && b[i-1] <= '9' {
		i--
	}
	return i, i < end
}
