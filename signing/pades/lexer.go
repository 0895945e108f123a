package pades

import (
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Objects of a PDF: nil, bool, int64, float64, name, str, array, *dict, ref, *stream.
type (
	name  string
	array []any
	ref   struct{ num, gen int64 }
)

// str is a string and where it stands in the source.
type str struct {
	b          []byte
	hex        bool
	start, end int64
}

// dict keeps the last value of a key, and the keys that stood more than once: readers differ in which they take.
type dict struct {
	m     map[name]any
	twice []name
}

func (d *dict) get(k name) any {
	if d == nil {
		return nil
	}
	return d.m[k]
}

// stream is a dictionary and where its data begin.
type stream struct {
	*dict
	data int64
}

// keyword is what is no object: obj, endobj, stream, R, ...
type keyword string

// Bounds of one object.
const (
	maxNesting = 32
	maxTokens  = 200_000
	window     = 2 << 10
)

// badError tells octets that aren't what they should be; any other error is one of reading.
type badError struct{ detail string }

func (e *badError) Error() string { return e.detail }

func badf(format string, args ...any) error { return &badError{fmt.Sprintf(format, args...)} }

func isBad(err error) bool {
	var b *badError
	return errors.As(err, &b)
}

// lexer reads objects of a source from a position on, through a small window.
type lexer struct {
	src       io.ReaderAt
	size      int64
	pos       int64
	buf       []byte
	off       int64 // of buf
	tokens    int
	strings   int // octets of strings so far
	maxString int
	work      *work // nil: not counted
}

func newLexer(src io.ReaderAt, size, pos int64, maxString int) *lexer {
	return &lexer{src: src, size: size, pos: pos, maxString: maxString}
}

// peek returns the octet at pos, or -1 at the end.
func (l *lexer) peek() (int, error) {
	if i := l.pos - l.off; i >= 0 && i < int64(len(l.buf)) {
		return int(l.buf[i]), nil
	}
	if l.pos < 0 || l.pos >= l.size {
		return -1, nil
	}
	n := min(window, l.size-l.pos)
	if err := l.work.read(n); err != nil {
		return -1, err
	}
	if cap(l.buf) < window {
		l.buf = make([]byte, window)
	}
	l.buf = l.buf[:n]
	m, err := l.src.ReadAt(l.buf, l.pos)
	if int64(m) < n {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		l.buf = l.buf[:0]
		return -1, fmt.Errorf("couldn't read PDF: %w", err)
	}
	l.off = l.pos
	return int(l.buf[0]), nil
}

func (l *lexer) next() (int, error) {
	c, err := l.peek()
	if c >= 0 {
		l.pos++
	}
	return c, err
}

func isSpace(c int) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0
}

func isDelimiter(c int) bool {
	switch c {
	case '(', ')', '<', '>', '[', ']', '{', '}', '/', '%':
		return true
	}
	return false
}

func isRegular(c int) bool { return c >= 0 && !isSpace(c) && !isDelimiter(c) }

// skip passes over white space and comments.
func (l *lexer) skip() error {
	comment := false
	for {
		c, err := l.peek()
		switch {
		case err != nil:
			return err
		case c < 0:
			return nil
		case comment:
			comment = c != '\n' && c != '\r'
		case c == '%':
			comment = true
		case !isSpace(c):
			return nil
		}
		l.pos++
	}
}

// object reads the next object or keyword; closing brackets are keywords too.
func (l *lexer) object(depth int) (any, error) {
	if l.tokens++; l.tokens > maxTokens || depth > maxNesting {
		return nil, badf("object at %d is too large or nested too deep", l.pos)
	}
	if err := l.skip(); err != nil {
		return nil, err
	}
	c, err := l.next()
	switch {
	case err != nil:
		return nil, err
	case c < 0:
		return nil, badf("end of file within an object")
	case c == '/':
		return l.name()
	case c == '(':
		return l.literal()
	case c == '[':
		return l.array(depth)
	case c == ']' || c == '{' || c == '}':
		return keyword(rune(c)), nil
	case c == '<' || c == '>':
		return l.angle(c, depth)
	case c == ')':
		return nil, badf("bracket without a beginning at %d", l.pos-1)
	}
	l.pos--
	return l.regular(depth)
}

func (l *lexer) angle(c, depth int) (any, error) {
	d, err := l.peek()
	if err != nil {
		return nil, err
	}
	switch {
	case c == '<' && d == '<':
		l.pos++
		return l.dict(depth)
	case c == '<':
		return l.hex()
	case d == '>':
		l.pos++
		return keyword(">>"), nil
	}
	return nil, badf("bracket without a beginning at %d", l.pos-1)
}

// word reads regular characters, at most 200.
func (l *lexer) word() (string, error) {
	var b []byte
	for {
		c, err := l.peek()
		if err != nil {
			return "", err
		}
		if !isRegular(c) {
			return string(b), nil
		}
		if len(b) == 200 {
			return "", badf("word of more than 200 octets at %d", l.pos)
		}
		b = append(b, byte(c))
		l.pos++
	}
}

func (l *lexer) name() (any, error) {
	w, err := l.word()
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, len(w))
	for i := 0; i < len(w); i++ {
		if w[i] == '#' && i+2 < len(w) {
			if v, err := strconv.ParseUint(w[i+1:i+3], 16, 8); err == nil {
				b = append(b, byte(v))
				i += 2
				continue
			}
		}
		b = append(b, w[i])
	}
	return name(b), nil
}

// regular reads a number, a reference, true, false, null or a keyword.
func (l *lexer) regular(depth int) (any, error) {
	w, err := l.word()
	if err != nil {
		return nil, err
	}
	switch w {
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "null":
		return nil, nil
	}
	if n, err := strconv.ParseInt(w, 10, 64); err == nil {
		if r, ok, err := l.reference(n); ok || err != nil {
			return r, err
		}
		return n, nil
	}
	if f, err := strconv.ParseFloat(w, 64); err == nil {
		return f, nil
	}
	return keyword(w), nil
}

// reference tries to read "gen R" behind a number, and goes back if that isn't there.
func (l *lexer) reference(num int64) (ref, bool, error) {
	back := l.pos
	no := func(err error) (ref, bool, error) {
		l.pos = back
		return ref{}, false, err
	}
	if num < 0 {
		return no(nil)
	}
	gen := int64(0)
	for digits := 0; ; digits++ {
		if digits == 0 {
			if err := l.skip(); err != nil {
				return no(err)
			}
		}
		c, err := l.peek()
		if err != nil {
			return no(err)
		}
		if c < '0' || c > '9' {
			if digits == 0 || !isSpace(c) {
				return no(nil)
			}
			break
		}
		if digits == 6 {
			return no(nil)
		}
		gen = gen*10 + int64(c-'0')
		l.pos++
	}
	if err := l.skip(); err != nil {
		return no(err)
	}
	c, err := l.next()
	if err != nil || c != 'R' {
		return no(err)
	}
	if c, err = l.peek(); err != nil || isRegular(c) {
		return no(err)
	}
	return ref{num, gen}, true, nil
}

func (l *lexer) array(depth int) (any, error) {
	var a array
	for {
		v, err := l.object(depth + 1)
		if err != nil {
			return nil, err
		}
		if k, ok := v.(keyword); ok {
			if k == "]" {
				return a, nil
			}
			return nil, badf("%q within an array at %d", k, l.pos)
		}
		a = append(a, v)
	}
}

func (l *lexer) dict(depth int) (any, error) {
	d := &dict{m: map[name]any{}}
	for {
		k, err := l.object(depth + 1)
		if err != nil {
			return nil, err
		}
		if k == keyword(">>") {
			return d, nil
		}
		key, ok := k.(name)
		if !ok {
			return nil, badf("key of a dictionary isn't a name at %d", l.pos)
		}
		v, err := l.object(depth + 1)
		if err != nil {
			return nil, err
		}
		if w, ok := v.(keyword); ok {
			return nil, badf("%q as a value in a dictionary at %d", w, l.pos)
		}
		if _, there := d.m[key]; there {
			d.twice = append(d.twice, key)
		}
		d.m[key] = v
	}
}

// grow counts octets of strings.
func (l *lexer) grow(n int) error {
	if l.strings += n; l.strings > l.maxString {
		return &tooBigError{fmt.Sprintf("strings of more than %d octets in one object", l.maxString)}
	}
	return nil
}

func (l *lexer) hex() (any, error) {
	s := str{hex: true, start: l.pos - 1}
	high := -1
	for {
		c, err := l.next()
		if err != nil {
			return nil, err
		}
		switch v := hexValue(c); {
		case c == '>':
			if high >= 0 {
				s.b = append(s.b, byte(high<<4))
			}
			s.end = l.pos
			return s, nil
		case isSpace(c):
		case v < 0:
			return nil, badf("hex string at %d has something else in it", s.start)
		case high < 0:
			high = v
		default:
			if err := l.grow(1); err != nil {
				return nil, err
			}
			s.b = append(s.b, byte(high<<4|v))
			high = -1
		}
	}
}

func hexValue(c int) int {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return -1
}

func (l *lexer) literal() (any, error) {
	s := str{start: l.pos - 1}
	for open := 1; ; {
		c, err := l.next()
		if err != nil {
			return nil, err
		}
		if err := l.grow(1); err != nil {
			return nil, err
		}
		switch c {
		case -1:
			return nil, badf("string at %d has no end", s.start)
		case '(':
			open++
		case ')':
			if open--; open == 0 {
				s.end = l.pos
				return s, nil
			}
		case '\\':
			if s.b, err = l.escape(s.b); err != nil {
				return nil, err
			}
			continue
		case '\r': // any end of line counts as one \n
			if d, err := l.peek(); err != nil {
				return nil, err
			} else if d == '\n' {
				l.pos++
			}
			c = '\n'
		}
		s.b = append(s.b, byte(c))
	}
}

func (l *lexer) escape(b []byte) ([]byte, error) {
	c, err := l.next()
	if err != nil {
		return b, err
	}
	switch c {
	case 'n':
		return append(b, '\n'), nil
	case 'r':
		return append(b, '\r'), nil
	case 't':
		return append(b, '\t'), nil
	case 'b':
		return append(b, '\b'), nil
	case 'f':
		return append(b, '\f'), nil
	case '\n', -1:
		return b, nil
	case '\r':
		if d, err := l.peek(); err != nil {
			return b, err
		} else if d == '\n' {
			l.pos++
		}
		return b, nil
	}
	if c < '0' || c > '7' {
		return append(b, byte(c)), nil
	}
	v := c - '0'
	for range 2 {
		d, err := l.peek()
		if err != nil {
			return b, err
		}
		if d < '0' || d > '7' {
			break
		}
		v = v<<3 | (d - '0')
		l.pos++
	}
	return append(b, byte(v)), nil
}

// tooBigError tells that a limit was reached.
type tooBigError struct{ detail string }

func (e *tooBigError) Error() string { return e.detail }
