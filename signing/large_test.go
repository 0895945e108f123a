package signing_test

import (
	"bytes"
	"context"
	"io"
	"runtime"
	"testing"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
)

// synthetic is a document that is made while it is read: head, so many times line, tail.
type synthetic struct {
	head, line, tail []byte
	lines            int64
}

func (s *synthetic) Size() int64 {
	return int64(len(s.head)) + s.lines*int64(len(s.line)) + int64(len(s.tail))
}

func (s *synthetic) ReadAt(p []byte, off int64) (n int, err error) {
	body := s.lines * int64(len(s.line))
	for n < len(p) {
		at := off + int64(n)
		switch rest := at - int64(len(s.head)); {
		case rest < 0:
			n += copy(p[n:], s.head[at:])
		case rest < body:
			n += copy(p[n:min(int64(len(p)), int64(n)+body-rest)], s.line[rest%int64(len(s.line)):])
		case rest-body < int64(len(s.tail)):
			n += copy(p[n:], s.tail[rest-body:])
		default:
			return n, io.EOF
		}
	}
	return n, nil
}

// firstBytes keeps the beginning of what is written.
type firstBytes struct{ bytes.Buffer }

func (f *firstBytes) Write(p []byte) (int, error) {
	f.Buffer.Write(p[:min(len(p), max(0, 64<<10-f.Len()))])
	return len(p), nil
}

// signLarge signs a document with an attachment of about size bytes, without ever holding it.
func signLarge(t *testing.T, l leaf, size int64, o signing.SignOptions) *synthetic {
	t.Helper()
	doc := edxml("@")
	at := bytes.IndexByte(doc, '@')
	line := bytes.Repeat([]byte("UEsDBBQACAgIAHVtd1kAAAAAAAAAAAAAAAAYAAAAeGwvZHJhd2luZ3MvZHJhd2luZzEueG1sndBd\n"), 50)
	src := &synthetic{head: doc[:at], line: line, tail: doc[at+1:], lines: size / int64(len(line))}
	var w firstBytes
	if err := signing.SignTo(context.Background(), &w, src, l.key, l.chain, o); err != nil {
		t.Fatal(err)
	}
	signed := w.Bytes()
	signed = signed[:bytes.Index(signed, []byte("UEsDB"))] // the signature stands in the header, before the attachment
	return &synthetic{head: signed, line: line, tail: src.tail, lines: src.lines}
}

// verifyLarge verifies documents of this size and checks that memory does not grow with them.
func verifyLarge(t *testing.T, size int64) {
	ca := newCA(t, "large")
	l := newLeaf(t, ca, trialca.P256)
	for _, c := range []struct {
		name string
		o    signing.SignOptions
		want signing.Refusal
	}{
		{"whole", signing.SignOptions{}, signing.Accepted},
		{"whole, inclusive, with properties", signing.SignOptions{C14N: signing.C14N11, Properties: properties}, signing.Accepted},
		{"parts", signing.SignOptions{IDs: []string{"header", "attachment-1"}}, signing.PartialCoverage},
	} {
		src := signLarge(t, l, size, c.o)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		rep, err := signing.Verify(context.Background(), src, signing.VerifyOptions{Trust: trustIn(t, ca), At: day})
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Fatal(err)
		}
		if got, detail := rep.Refusal(); got != c.want {
			t.Errorf("%s: %q (%s), want %q", c.name, got, detail, c.want)
		}
		// All that was allocated, not what was left: nothing can have come and gone.
		if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
			t.Errorf("%s: %d bytes allocated for a document of %d", c.name, n, src.Size())
		}
	}
}

func TestLargeDocument(t *testing.T) { verifyLarge(t, 20<<20) }
