package schemas

import (
	"encoding/base64"
	"fmt"
	"io"
	"sort"
	"strconv"
	"sync"

	"github.com/tram-exchange/tram/internal/xmlstream"
)

const (
	markEvery   = 64 << 10 // significant characters between two marks
	maxSegments = 64       // pieces that CDATA sections and comments may cut one base64 text into
)

// encoded is what the reader learns of a base64 text while it passes by: where it lies, how much it holds, and
// marks from which any place in it is quickly found. It never holds the text. White space may stand anywhere, also as
// character references, which is how XML writers leave carriage returns.
type encoded struct {
	segments []Range // of the package, without markup
	marks    []mark
	count    int64 // significant characters, padding included
	padding  int
	head     [8]byte // first significant characters
	bad      int64   // offset of what is wrong
	reason   string  // "" if nothing is

	oneSegment [1]Range // most texts are in one piece, and small ones have one mark
	oneMark    [1]mark
}

// mark says that at byte offset of segment, count significant characters have passed.
type mark struct {
	count   int64
	offset  int64
	segment int
	dense   bool // nothing but significant characters until the next mark
}

// Classes of bytes in a base64 text.
const (
	b64Char = iota // the alphabet: 0, so that the classes of many bytes can be judged by one or
	b64Space
	b64Pad
	b64Ref
	b64Bad
)

var b64Class = func() (t [256]uint8) {
	for i := range t {
		t[i] = b64Bad
	}
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" {
		t[c] = b64Char
	}
	t[' '], t['\t'], t['\r'], t['\n'] = b64Space, b64Space, b64Space, b64Space
	t['='], t['&'] = b64Pad, b64Ref
	return t
}()

func (e *encoded) fail(at int64, reason string) {
	if e.reason == "" {
		e.bad, e.reason = at, reason
	}
}

// add takes a Text or CData token.
func (e *encoded) add(t *xmlstream.Token) {
	if e.reason != "" || len(t.Text) == 0 {
		return
	}
	start := t.Start
	if t.Kind == xmlstream.CData && len(t.Raw) >= len(cdataStart) && string(t.Raw[:len(cdataStart)]) == cdataStart {
		start += int64(len(cdataStart))
	}
	end := start + int64(len(t.Text))
	if e.segments == nil {
		e.segments, e.marks = e.oneSegment[:0], e.oneMark[:0]
	}
	if n := len(e.segments); n > 0 && e.segments[n-1].End == start {
		e.segments[n-1].End = end
		if e.count-e.marks[len(e.marks)-1].count >= markEvery {
			e.mark(start, n-1)
		}
	} else {
		if n >= maxSegments {
			e.fail(start, "base64 text is cut into too many pieces")
			return
		}
		if n > 0 {
			e.closeMark(e.segments[n-1].End)
		}
		e.segments = append(e.segments, Range{start, end})
		e.marks = append(e.marks, mark{count: e.count, offset: start, segment: n})
	}
	e.scan(t.Text, start, t.Kind == xmlstream.CData)
}

const cdataStart = "<![CDATA["

// mark notes the place at which the next character is read, and closeMark what stands between the last mark and there.
func (e *encoded) mark(at int64, segment int) {
	e.closeMark(at)
	e.marks = append(e.marks, mark{count: e.count, offset: at, segment: segment})
}

func (e *encoded) closeMark(at int64) {
	if m := &e.marks[len(e.marks)-1]; at-m.offset == e.count-m.count {
		m.dense = true
	}
}

func (e *encoded) scan(b []byte, at int64, cdata bool) {
	for i := 0; i < len(b); {
		if run := plainRun(b[i:]); run > 0 {
			if e.padding > 0 {
				e.fail(at+int64(i), "base64 goes on after its padding")
				return
			}
			if e.count < int64(len(e.head)) {
				copy(e.head[e.count:], b[i:i+run])
			}
			e.count += int64(run)
			i += run
			continue
		}
		c, n := b[i], 1
		if b64Class[c] == b64Ref && !cdata {
			c, n = byteReference(b[i:])
		}
		switch b64Class[c] {
		case b64Space:
		case b64Char:
			if e.padding > 0 {
				e.fail(at+int64(i), "base64 goes on after its padding")
				return
			}
			if e.count < int64(len(e.head)) {
				e.head[e.count] = c
			}
			e.count++
		case b64Pad:
			e.count++
			if e.padding++; e.padding > 2 {
				e.fail(at+int64(i), "base64 has too much padding")
				return
			}
		default:
			e.fail(at+int64(i), "character that base64 does not have")
			return
		}
		i += n
	}
}

// plainRun is the length of the run of base64 characters at the start of b.
func plainRun(b []byte) int {
	n := 0
	for len(b)-n >= 8 {
		c := (*[8]byte)(b[n:])
		if b64Class[c[0]]|b64Class[c[1]]|b64Class[c[2]]|b64Class[c[3]]|b64Class[c[4]]|b64Class[c[5]]|b64Class[c[6]]|b64Class[c[7]] != b64Char {
			break
		}
		n += 8
	}
	for n < len(b) && b64Class[b[n]] == b64Char {
		n++
	}
	return n
}

// byteReference reads the character reference at the start of b, which the scanner has accepted. A reference to
// anything but one byte gives a byte that base64 does not have.
func byteReference(b []byte) (c byte, n int) {
	for n = 2; n < len(b) && b[n] != ';'; n++ {
	}
	if n >= len(b) || b[1] != '#' {
		return 0, 1
	}
	base, digits := 10, string(b[2:n])
	if len(digits) > 0 && digits[0] == 'x' {
		base, digits = 16, digits[1:]
	}
	v, err := strconv.ParseUint(digits, base, 8)
	if err != nil {
		return 0, n + 1
	}
	return byte(v), n + 1
}

// end judges the whole.
func (e *encoded) end() {
	if n := len(e.segments); n > 0 {
		e.closeMark(e.segments[n-1].End)
	}
	if e.count%4 != 0 {
		at := int64(0)
		if n := len(e.segments); n > 0 {
			at = e.segments[n-1].End
		}
		e.fail(at, fmt.Sprintf("base64 has %d characters, which is no multiple of four", e.count))
	}
}

// size is the number of bytes encoded.
func (e *encoded) size() int64 { return e.count/4*3 - int64(e.padding) }

// span is the range from the first to the last character.
func (e *encoded) span() Range {
	if len(e.segments) == 0 {
		return Range{}
	}
	return Range{e.segments[0].Start, e.segments[len(e.segments)-1].End}
}

// decodedSource reads the bytes that a base64 text of a package stands for, at any place, without ever
// holding more than a window. It may be used concurrently; readers that go on where the last one stopped are fastest.
type decodedSource struct {
	src io.ReaderAt
	e   *encoded

	mu   sync.Mutex
	last mark // where the last read stopped
}

func (d *decodedSource) Size() int64 { return d.e.size() }

const maxWindow = 32 << 10

// window is the memory of one read: base64 text, and what it decodes to.
type window struct {
	text [maxWindow]byte
	out  [maxWindow / 4 * 3]byte
}

var windows = sync.Pool{New: func() any { return new(window) }}

// ReadAt implements io.ReaderAt.
func (d *decodedSource) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("couldn't read attachment: negative offset %d", off)
	}
	size := d.Size()
	if off >= size {
		return 0, io.EOF
	}
	short := false
	if int64(len(p)) > size-off {
		p, short = p[:size-off], true
	}
	n, err := d.read(p, off)
	if err == nil && short {
		err = io.EOF
	}
	return n, err
}

func (d *decodedSource) read(p []byte, off int64) (n int, err error) {
	from := off / 3 * 4 // first significant character needed
	drop := int(off % 3)
	m := d.seek(from)
	w := windows.Get().(*window)
	defer windows.Put(w)
	text, out := w.text[:], w.out[:]
	pending := 0 // characters at the front of the window that make no group of four yet
	whence := m  // the last place before which no group was cut
	for n < len(p) {
		// Characters to read: what is wanted, what is skipped before it, and some for white space.
		want := min(int64(len(p)-n+drop)/3*4+from-min(m.count, from)+512, int64(maxWindow-pending))
		before := m
		if pending == 0 {
			whence = m
		}
		chars, err := d.window(text[pending:pending+int(want)], &m)
		if err != nil {
			return n, err
		}
		if m == before {
			return n, fmt.Errorf("couldn't decode attachment: %w", io.ErrUnexpectedEOF)
		}
		if before.count < from { // skip to the group that is needed
			cut := min(int64(chars), from-before.count)
			copy(text[pending:], text[pending+int(cut):pending+chars])
			chars -= int(cut)
		}
		total := pending + chars
		whole := total / 4 * 4
		k, err := base64.StdEncoding.Decode(out, text[:whole])
		if err != nil {
			return n, fmt.Errorf("couldn't decode attachment: %w", err)
		}
		pending = copy(text, text[whole:total])
		if drop > 0 {
			cut := min(drop, k)
			copy(out, out[cut:k])
			k, drop = k-cut, drop-cut
		}
		n += copy(p[n:], out[:k])
		if n == len(p) {
			m = whence // the next read may start inside this window
		}
	}
	d.mu.Lock()
	d.last = m
	d.mu.Unlock()
	return n, nil
}

// seek finds the nearest place at or before a significant character.
func (d *decodedSource) seek(from int64) mark {
	i := sort.Search(len(d.e.marks), func(i int) bool { return d.e.marks[i].count > from }) - 1
	m := d.e.marks[max(i, 0)]
	if m.dense {
		m.offset, m.count = m.offset+from-m.count, from
		return m
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.last.count <= from && d.last.count > m.count {
		return d.last
	}
	return m
}

// window reads on from m and leaves only significant characters in w. It returns their number.
func (d *decodedSource) window(w []byte, m *mark) (int, error) {
	seg := d.e.segments[m.segment]
	if m.offset >= seg.End && m.segment+1 < len(d.e.segments) {
		m.segment++
		seg = d.e.segments[m.segment]
		m.offset = seg.Start
	}
	if n := seg.End - m.offset; int64(len(w)) > n {
		w = w[:n]
	}
	if len(w) == 0 {
		return 0, nil
	}
	if n, err := d.src.ReadAt(w, m.offset); n < len(w) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, fmt.Errorf("couldn't read attachment: %w", err)
	}
	chars, used := compactBase64(w, m.offset+int64(len(w)) == seg.End)
	m.offset += int64(used)
	m.count += int64(chars)
	return chars, nil
}

// compactBase64 moves the significant characters of w to its front. It stops before a reference that w cuts, unless
// this is the end.
func compactBase64(w []byte, end bool) (chars, used int) {
	for i := 0; i < len(w); {
		if run := plainRun(w[i:]); run > 0 {
			if chars != i {
				copy(w[chars:], w[i:i+run])
			}
			chars += run
			i += run
			continue
		}
		c, n := w[i], 1
		if c == '&' {
			if !end && !hasSemicolon(w[i:]) {
				return chars, i
			}
			c, n = byteReference(w[i:])
		}
		if k := b64Class[c]; k == b64Char || k == b64Pad {
			w[chars] = c
			chars++
		}
		i += n
	}
	return chars, len(w)
}

func hasSemicolon(b []byte) bool {
	for _, c := range b {
		if c == ';' {
			return true
		}
	}
	return false
}
