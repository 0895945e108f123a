package signing

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/tram-exchange/tram/internal/xmlstream"
)

// runExternal computes the digest of something outside the document. It is read once per digest that differs.
func (j *job) runExternal(ctx context.Context, o *VerifyOptions) error {
	if j.octets || j.base64 {
		return j.copyOctets(ctx)
	}
	var s xmlstream.Scanner
	resetScanner(&s, j.src, o.XML)
	j.c.reset(&s, j.method, true, j.sink())
	s.OnSlide(j.c.flush)
	for n := 0; ; n++ {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		t, err := s.Next()
		if err == io.EOF {
			break
		}
		var syntax *xmlstream.SyntaxError
		if errors.As(err, &syntax) {
			j.refused = refusef(TransformRefused, "canonicalisation of %q: %v", j.id, err)
			return nil
		}
		if err != nil {
			return fmt.Errorf("couldn't read %q: %w", j.id, err)
		}
		j.c.token(t)
	}
	j.c.flush()
	j.finish()
	return nil
}

// copyOctets hands on the source as it is, or decoded.
func (j *job) copyOctets(ctx context.Context) error {
	w := j.sink()
	if j.base64 {
		j.b64 = &base64Writer{w: w}
		w = j.b64
	}
	buf := make([]byte, min(j.src.Size()+1, 64<<10))
	for off := int64(0); off < j.src.Size(); {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := j.src.ReadAt(buf[:min(int64(len(buf)), j.src.Size()-off)], off)
		w.Write(buf[:n])
		off += int64(n)
		if err == io.EOF && off < j.src.Size() {
			err = io.ErrUnexpectedEOF
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("couldn't read %q at byte %d: %w", j.id, off, err)
		}
	}
	if j.base64 {
		if err := j.b64.close(); err != nil {
			j.refused = refusef(DigestMismatch, "%q is not base64: %v", j.id, err)
			return nil
		}
	}
	j.finish()
	return nil
}

// base64Writer decodes what it is given, white space apart strictly, and hands it on. It keeps its error until close.
type base64Writer struct {
	w     io.Writer
	in    [4096]byte
	out   [3072]byte
	n     int
	ended bool // padding was seen
	err   error
}

var errAfterPadding = errors.New("characters behind the padding")

// Write never fails.
func (b *base64Writer) Write(p []byte) (int, error) {
	for _, c := range p {
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		}
		if b.n == len(b.in) {
			b.flush()
		}
		b.in[b.n] = c
		b.n++
	}
	return len(p), nil
}

func (b *base64Writer) flush() {
	text := b.in[:b.n]
	b.n = 0
	if b.err != nil || len(text) == 0 {
		return
	}
	if b.ended {
		b.err = errAfterPadding
		return
	}
	n, err := strictBase64.Decode(b.out[:], text)
	if err != nil {
		b.err = err
		return
	}
	b.ended = n < base64.StdEncoding.DecodedLen(len(text))
	_, b.err = b.w.Write(b.out[:n])
}

func (b *base64Writer) close() error {
	b.flush()
	return b.err
}
