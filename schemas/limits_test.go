package schemas

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

// refused parses and demands a refusal by the code.
func refused(t *testing.T, src Source, o Options, want Code) *Refusal {
	t.Helper()
	_, err := Parse(context.Background(), Received{Source: src}, o)
	var r *Refusal
	if !errors.As(err, &r) {
		t.Fatalf("got %v, want refusal %s", err, want)
	}
	if !r.Has(want) {
		t.Fatalf("refused with %v, want %s", err, want)
	}
	return r
}

// wrapped is a document with text put in place of a mark in a good one.
func wrapped(t *testing.T, mark, text string) Source {
	t.Helper()
	good := string(vectorNamed(t, "sdk-new").bytes)
	if !strings.Contains(good, mark) {
		t.Fatalf("sample has no %q", mark)
	}
	return ReceivedBytes([]byte(strings.Replace(good, mark, text, 1)))
}

// Input that is too large to lie in testdata.
func TestTooMuch(t *testing.T) {
	const subject = "<edXML:Subject>"
	o := Options{Now: vectorTime}
	refused(t, wrapped(t, subject, strings.Repeat("<edXML:a>", 1000)+subject), o, XMLTooDeep)
	refused(t, wrapped(t, subject, `<edXML:Subject title="`+strings.Repeat("x", 10<<20)+`">`), o, XMLTokenTooBig)
	refused(t, wrapped(t, subject, "<"+strings.Repeat("y", 10<<20)+"/>"+subject), o, XMLTokenTooBig)
	refused(t, wrapped(t, subject, `<edXML:Subject `+manyAttributes(500)+`>`), o, XMLTokenTooBig)
	refused(t, wrapped(t, subject, subject+strings.Repeat("dài ", 100_000)), o, FieldTooLong)
	to := "<edXML:To><edXML:OrganId>H05</edXML:OrganId></edXML:To>"
	refused(t, wrapped(t, "<edXML:DocumentId>", strings.Repeat(to, 5001)+"<edXML:DocumentId>"), o, TooMany)
	refused(t, wrapped(t, "<edXML:SteeringType>", "<x:a xmlns:x='urn:x'>"+strings.Repeat("<x:b/>", 100)+"</x:a><edXML:SteeringType>"), o, TooMany)
	place := "<edXML:Place>" + strings.Repeat("nơi nhận ", 100) + "</edXML:Place>"
	o.Limits.MaxRepeats = 100_000
	refused(t, wrapped(t, "<edXML:ToPlaces>", "<edXML:ToPlaces>"+strings.Repeat(place, 20_000)), o, TooBig)
	o.Limits.MaxPackage = 1000
	refused(t, wrapped(t, subject, subject), o, TooBig)
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ` a%d="x"`, i)
	}
	return b.String()
}

// The number of problems listed is bounded.
func TestManyProblems(t *testing.T) {
	var b strings.Builder
	for range 200 {
		b.WriteString("<edXML:To><edXML:OrganId>?</edXML:OrganId></edXML:To>")
	}
	r := refused(t, wrapped(t, "<edXML:DocumentId>", b.String()+"<edXML:DocumentId>"), Options{Now: vectorTime}, BadIdentifier)
	if len(r.Problems) != DefaultLimits.MaxProblems || !r.More {
		t.Errorf("lists %d problems, more=%v; want %d and more", len(r.Problems), r.More, DefaultLimits.MaxProblems)
	}
}

// endless is a package with one attachment of any size, made up as it is read.
type endless struct {
	head, tail string
	middle     int64
	broken     bool // ReadAt fails half way
}

func newEndless(t *testing.T, middle int64) endless {
	t.Helper()
	d := sampleDocument()
	f := FileBytes("ảnh vệ tinh.tif", "image/tiff", []byte{0, 0, 0})
	f.Raw = true
	doc, _, err := MarshalDocument(d, []File{f}, WriteOptions{Time: vectorTime})
	if err != nil {
		t.Fatal(err)
	}
	head, tail, ok := strings.Cut(string(doc), ">AAAA<")
	if !ok {
		t.Fatal("the sample's content is not where it was")
	}
	return endless{head: head + ">", tail: "<" + tail, middle: middle}
}

func (e endless) Size() int64 { return int64(len(e.head)) + e.middle + int64(len(e.tail)) }

var errBroken = errors.New("disk is gone")

func (e endless) ReadAt(p []byte, off int64) (int, error) {
	if e.broken && off > e.middle/2 {
		return 0, errBroken
	}
	n := 0
	for n < len(p) && off < e.Size() {
		h := int64(len(e.head))
		var m int
		switch {
		case off < h:
			m = copy(p[n:], e.head[off:])
		case off < h+e.middle:
			m = int(min(int64(len(p)-n), h+e.middle-off))
			clear := p[n : n+m]
			copy(clear, base64As[:])
			for done := len(base64As); done < m; done *= 2 {
				copy(clear[done:], clear[:done])
			}
		default:
			m = copy(p[n:], e.tail[off-h-e.middle:])
		}
		n += m
		off += int64(m)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

var base64As = [8]byte{'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A'}

// A package of 200 MB is read, and its attachment streamed, in little memory.
func TestMemoryOfLargePackage(t *testing.T) {
	src := newEndless(t, 200<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p, err := Parse(context.Background(), Received{Source: src}, Options{Now: vectorTime})
	if err != nil {
		t.Fatal(err)
	}
	a := &p.Attachments[0]
	r, err := a.Open()
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, r)
	if err != nil || n != 150<<20 || a.Size != n {
		t.Errorf("read %d bytes (%v), Size %d, want %d", n, err, a.Size, 150<<20)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 4<<20 {
		t.Errorf("allocated %d bytes in all, want at most 4 MiB", got)
	}
}

// Faults of the node are no refusals.
func TestSourceFails(t *testing.T) {
	src := newEndless(t, 1<<20)
	src.broken = true
	_, err := Parse(context.Background(), Received{Source: src}, Options{})
	var r *Refusal
	if !errors.Is(err, errBroken) || errors.As(err, &r) {
		t.Errorf("got %v, want the source's error and no refusal", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Parse(ctx, Received{Source: newEndless(t, 1<<20)}, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

// A reader is used again after any input without a trace of it.
func TestReaderForgets(t *testing.T) {
	good := vectorNamed(t, "sdk-status-03")
	for _, v := range readVectors(t) {
		r := new(reader)
		readers.Put(r)
		_, _ = Parse(context.Background(), ReceivedBytes(v.bytes), v.options())
		p, err := Parse(context.Background(), ReceivedBytes(good.bytes), Options{Now: vectorTime})
		if err != nil || p.Status.Staff.Name != "Nguyễn Thị Thoa" || len(p.Warnings) != 0 || p.Attachments != nil || p.Document != nil || p.Header != nil {
			t.Fatalf("after %s the status is read as %+v (%v)", v.name, p, err)
		}
	}
}

// Every prefix of a good package is refused, and nothing of it handed out.
func TestEveryCut(t *testing.T) {
	for _, name := range []string{"sdk-new", "langson-new", "tram-submission"} {
		doc := bytes.TrimRight(vectorNamed(t, name).bytes, "\n")
		for n := range len(doc) {
			p, err := Parse(context.Background(), ReceivedBytes(doc[:n]), Options{Now: vectorTime})
			var r *Refusal
			if p != nil || !errors.As(err, &r) || r.Stage != StageXML {
				t.Fatalf("%s cut at %d: %v, %v", name, n, p, err)
			}
		}
	}
}
