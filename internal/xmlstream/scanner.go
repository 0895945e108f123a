package xmlstream

import (
	"bytes"
	"fmt"
	"io"
	"math"
)

// XMLNamespace is what the prefix xml is bound to, always.
const XMLNamespace = "http://www.w3.org/XML/1998/namespace"

const xmlnsNamespace = "http://www.w3.org/2000/xmlns/"

// Limits bound what a document may demand. A zero field means its default.
type Limits struct {
	MaxDepth  int   // elements inside each other; default 64
	MaxAttrs  int   // attributes and namespace declarations of one element; default 64
	MaxBinds  int   // namespace declarations in scope at one place, hidden ones counted; default 256
	MaxToken  int   // bytes of one tag, comment or processing instruction; default 64 KiB
	MaxChunk  int   // bytes of one Text or CData token (longer text comes in several); default 32 KiB, at least 64
	MaxTokens int64 // tokens of the document; default 20 million
	MaxSize   int64 // bytes of the document; default no limit
}

func (l Limits) withDefaults() Limits {
	if l.MaxDepth <= 0 {
		l.MaxDepth = 64
	}
	if l.MaxAttrs <= 0 {
		l.MaxAttrs = 64
	}
	if l.MaxBinds <= 0 {
		l.MaxBinds = 256
	}
	if l.MaxToken <= 0 {
		l.MaxToken = 64 << 10
	}
	if l.MaxChunk <= 0 {
		l.MaxChunk = 32 << 10
	}
	// A chunk must have room for what may not be split: a reference, a character, "]]>".
	l.MaxChunk = max(l.MaxChunk, 2*maxReference)
	if l.MaxTokens <= 0 {
		l.MaxTokens = 20_000_000
	}
	if l.MaxSize <= 0 {
		l.MaxSize = math.MaxInt64
	}
	return l
}

// Where in the document the scanner stands.
const (
	inProlog  = iota // before the root
	inContent        // inside the root
	inEpilog         // after it
)

// status is what a scan function says about the bytes that it was shown.
type status uint8

const (
	done status = iota
	more        // they end inside the token
	fail        // s.err is set
)

type element struct {
	nameAt    int // in Scanner.names
	prefixLen int
	binding   int // its namespace
	binds     int // number of bindings before it
}

// Scanner reads one document. It is not for concurrent use. Reset makes it ready for another one and keeps
// its memory.
type Scanner struct {
	buf  []byte // the window; the whole document when it is in memory
	pos  int    // first byte that belongs to no token yet
	base int64  // offset of buf[0] in the source
	line int    // line breaks before buf[0]
	r    io.Reader
	eof  bool   // nothing comes after buf
	own  []byte // memory of a sliding window
	err  error

	lim        Limits
	state      uint8
	fragment   bool // a part of a document: no declaration, bindings given
	pendingEnd bool // an empty-element tag was sent, its end not yet
	pendingPop bool // an end was sent, its element is still on the stack
	inCData    bool
	tokens     int64

	tok   Token
	attrs []Attr
	order []int // for distinct
	decls []Attr
	stack []element
	names []byte // names of the open elements, one after the other
	binds []Binding
	inits int // bindings that were there before the root
	// noPrefix is the binding in force for names without prefix.
	noPrefix int

	strings map[string]string // prefixes and URIs seen, so that each costs one allocation at most
	scratch []byte
	slide   func()
}

// NewBytes returns a scanner over a document in memory. doc must not change while it is in use.
func NewBytes(doc []byte, l Limits) *Scanner {
	s := new(Scanner)
	s.ResetBytes(doc, l)
	return s
}

// NewReader returns a scanner over r. It uses a window of about twice Limits.MaxToken.
func NewReader(r io.Reader, l Limits) *Scanner {
	s := new(Scanner)
	s.ResetReader(r, l)
	return s
}

// ResetBytes makes s a scanner over doc.
func (s *Scanner) ResetBytes(doc []byte, l Limits) {
	s.reset(l)
	s.buf, s.eof = doc, true
	if int64(len(doc)) > s.lim.MaxSize {
		s.failAt(TooLarge, 0, "document has %d bytes, limit is %d", len(doc), s.lim.MaxSize)
	}
}

// ResetReader makes s a scanner over r.
func (s *Scanner) ResetReader(r io.Reader, l Limits) {
	s.reset(l)
	s.r = r
	if n := 2 * max(s.lim.MaxToken, s.lim.MaxChunk); len(s.own) < n {
		s.own = make([]byte, n)
	}
	s.buf = s.own[:0]
}

// ResetFragment makes s a scanner over one element cut out of a document: part holds its bytes, which start at
// offset base of the source, and context the bindings in scope there, as Context returned them.
func (s *Scanner) ResetFragment(part []byte, base int64, context []Binding, l Limits) {
	s.ResetBytes(part, l)
	s.inside(base, context)
}

// ResetFragmentReader is ResetFragment for an element that is read through a window.
func (s *Scanner) ResetFragmentReader(r io.Reader, base int64, context []Binding, l Limits) {
	s.ResetReader(r, l)
	s.inside(base, context)
}

// inside tells what surrounds a fragment.
func (s *Scanner) inside(base int64, context []Binding) {
	s.base, s.fragment = base, true
	for _, b := range context {
		if b.Prev < 0 && (b.Prefix == "" && b.URI == "" || b.Prefix == "xml") {
			continue // the two that are always there
		}
		s.binds = append(s.binds, Binding{Prefix: b.Prefix, URI: b.URI, Prev: s.find(b.Prefix)})
		if b.Prefix == "" {
			s.noPrefix = len(s.binds) - 1
		}
	}
	s.inits = len(s.binds)
}

func (s *Scanner) reset(l Limits) {
	s.buf, s.pos, s.base, s.line, s.r, s.eof, s.err = nil, 0, 0, 0, nil, false, nil
	s.lim, s.state, s.tokens = l.withDefaults(), inProlog, 0
	s.fragment, s.pendingEnd, s.pendingPop, s.inCData = false, false, false, false
	s.tok = Token{}
	s.attrs, s.decls, s.stack, s.names = s.attrs[:0], s.decls[:0], s.stack[:0], s.names[:0]
	s.slide = nil
	s.binds = append(s.binds[:0], Binding{Prev: -1}, Binding{Prefix: "xml", URI: XMLNamespace, Prev: -1})
	s.inits, s.noPrefix = len(s.binds), 0
	if s.strings == nil {
		s.strings = make(map[string]string, 16)
	} else if len(s.strings) >= maxStrings { // what one document filled must not slow the next
		clear(s.strings)
	}
}

// OnSlide asks for a call before bytes of earlier tokens leave the window: the last moment to copy or hash
// what Window still shows. Over a []byte it is never called.
func (s *Scanner) OnSlide(f func()) { s.slide = f }

// Window returns the bytes in memory and the offset of the first of them. It holds at least everything since
// the start of the current token.
func (s *Scanner) Window() (base int64, b []byte) { return s.base, s.buf }

// Bindings returns how many bindings are in scope (hidden ones counted); those of Binding(i) with
// i < Bindings(). Binding 0 is the absence of a default namespace and binding 1 the prefix xml.
func (s *Scanner) Bindings() int { return len(s.binds) }

// Binding returns the i-th binding. The pointer is valid until the next call of Next.
func (s *Scanner) Binding(i int) *Binding { return &s.binds[i] }

// Lookup returns the index of the binding of prefix, or -1.
func (s *Scanner) Lookup(prefix string) int { return s.find(prefix) }

// Context returns a copy of the bindings in scope, outermost first, for ResetFragment. At an element's start
// it includes those of the element.
func (s *Scanner) Context() []Binding { return append([]Binding(nil), s.binds...) }

// Line returns the line, from 1, of a byte in the window.
func (s *Scanner) Line(offset int64) int {
	n := min(max(int(offset-s.base), 0), len(s.buf))
	return s.line + bytes.Count(s.buf[:n], []byte{'\n'}) + 1
}

// Next returns the next token, or io.EOF after a complete document. An error is final: later calls return it again.
// Errors about the document are of type *SyntaxError, others come from the reader.
func (s *Scanner) Next() (*Token, error) {
	if s.err != nil {
		return nil, s.err
	}
	t := &s.tok
	if s.pendingPop {
		s.pop()
	}
	if s.pendingEnd {
		return s.emptyEnd()
	}
	for {
		var st status
		switch { // what scan does, for the most frequent of tokens
		case s.state != inContent || s.inCData || s.pos+1 >= len(s.buf):
			st = s.scan(t)
		case s.buf[s.pos] != '<':
			st = s.text(t)
		case s.buf[s.pos+1] == '/':
			st = s.endTag(t)
		case s.buf[s.pos+1] == '!' || s.buf[s.pos+1] == '?':
			st = s.scan(t)
		default:
			st = s.startTag(t)
		}
		if st == done {
			if s.tokens++; s.tokens > s.lim.MaxTokens {
				return nil, s.failAt(TooManyTokens, s.pos, "more than %d tokens", s.lim.MaxTokens)
			}
			t.End = s.base + int64(s.pos)
			return t, nil
		}
		if st == more {
			st = s.more()
		}
		if st == fail {
			return nil, s.err
		}
	}
}

// scan tries to make one token of the bytes from s.pos on. When it says more it has changed nothing.
func (s *Scanner) scan(t *Token) status {
	if s.pos >= len(s.buf) {
		return more
	}
	if s.inCData {
		return s.cdata(t)
	}
	if s.pos == 0 && s.base == 0 && !s.fragment {
		if st := s.begin(); st != done {
			return st
		}
	}
	if s.buf[s.pos] != '<' {
		return s.text(t)
	}
	if s.pos+1 >= len(s.buf) {
		return more
	}
	switch s.buf[s.pos+1] {
	case '/':
		return s.endTag(t)
	case '?':
		return s.procInst(t)
	case '!':
		return s.declaration(t)
	}
	return s.startTag(t)
}

// begin looks at the very first bytes: byte order marks and encodings that can be told from them.
func (s *Scanner) begin() status {
	b := s.buf
	if len(b) < 4 && !s.eof {
		return more
	}
	switch {
	case hasPrefix(b, "\xEF\xBB\xBF"):
		s.pos = 3
		if len(b) == 3 {
			return more
		}
	case hasPrefix(b, "\xFE\xFF"), hasPrefix(b, "\xFF\xFE"), hasPrefix(b, "\x00<"), hasPrefix(b, "<\x00"):
		return s.bad(Encoding, 0, "document is in UTF-16, only UTF-8 is accepted")
	}
	return done
}

// more brings further bytes into the window, or decides that there are none.
func (s *Scanner) more() status {
	rest := len(s.buf) - s.pos
	if s.eof {
		return s.atEnd(rest)
	}
	if rest > max(s.lim.MaxToken, s.lim.MaxChunk) {
		return s.bad(TokenTooBig, s.pos, "markup of more than %d bytes", s.lim.MaxToken)
	}
	if s.slide != nil {
		s.slide()
	}
	s.line += bytes.Count(s.buf[:s.pos], []byte{'\n'})
	s.base += int64(s.pos)
	n := copy(s.own, s.buf[s.pos:])
	s.pos = 0
	// Twice what is there, so that a slow reader does not make one token be tried again for each byte.
	want := min(len(s.own), 2*n+4096)
	for empty := 0; n < want && !s.eof; {
		m, err := s.r.Read(s.own[n:])
		n += m
		if err == io.EOF {
			s.eof = true
		} else if err != nil {
			s.buf = s.own[:n]
			s.err = fmt.Errorf("couldn't read XML at byte %d: %w", s.base+int64(n), err)
			return fail
		}
		if m > 0 {
			empty = 0
		} else if empty++; empty > 100 && !s.eof {
			s.buf = s.own[:n]
			s.err = fmt.Errorf("couldn't read XML at byte %d: %w", s.base+int64(n), io.ErrNoProgress)
			return fail
		}
	}
	s.buf = s.own[:n]
	if s.base+int64(n) > s.lim.MaxSize {
		return s.bad(TooLarge, 0, "document has more than %d bytes", s.lim.MaxSize)
	}
	return done
}

// atEnd judges a source that ended with rest bytes left over.
func (s *Scanner) atEnd(rest int) status {
	switch {
	case rest > 0:
		return s.bad(Truncated, len(s.buf), "document ends inside markup")
	case s.inCData:
		return s.bad(Truncated, len(s.buf), "document ends inside a CDATA section")
	case s.state == inProlog:
		return s.bad(Truncated, len(s.buf), "document ends before its root element")
	case s.state == inContent:
		return s.bad(Truncated, len(s.buf), "document ends inside <%s>", s.names[s.stack[len(s.stack)-1].nameAt:])
	}
	s.err = io.EOF
	return fail
}

// bad records an error at index i of the window.
func (s *Scanner) bad(k ErrorKind, i int, format string, args ...any) status {
	s.failAt(k, i, format, args...)
	return fail
}

func (s *Scanner) failAt(k ErrorKind, i int, format string, args ...any) error {
	at := s.base + int64(i)
	s.err = &SyntaxError{Kind: k, Offset: at, Line: s.Line(at), Msg: fmt.Sprintf(format, args...)}
	return s.err
}

// maxStrings bounds how many prefixes and URIs are remembered.
const maxStrings = 256

// intern returns b as a string without allocating when it was seen before. What is remembered is bounded.
func (s *Scanner) intern(b []byte) string {
	if v, ok := s.strings[string(b)]; ok {
		return v
	}
	v := string(b)
	if len(s.strings) < maxStrings && len(v) <= 256 {
		s.strings[v] = v
	}
	return v
}

func (s *Scanner) find(prefix string) int {
	for i := len(s.binds) - 1; i >= 0; i-- {
		if s.binds[i].Prefix == prefix {
			return i
		}
	}
	return -1
}
