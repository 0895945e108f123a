// Package eventscan reads event data without reflection, in the one spelling in which this program writes it: members in the
// order of the Go type, no white space, no escapes. Folds of the kinds that make up most of a record use it; what is spelt in
// another way is left to encoding/json, which must give the same result (tests of those kinds compare the two).
package eventscan

import (
	"bytes"
	"strconv"
	"time"
)

// Scanner walks over data in the order of a Go type. After the first thing it does not expect every step is void. The zero
// value is at the end of nothing; use New.
type Scanner struct {
	b  []byte
	ok bool
}

// New begins at the start of b, which is only read.
func New(b []byte) Scanner { return Scanner{b: b, ok: true} }

// Lit passes over an expected spelling.
func (s *Scanner) Lit(want string) {
	if s.ok = s.ok && s.Has(want); s.ok {
		s.b = s.b[len(want):]
	}
}

// Has says whether that stands next.
func (s *Scanner) Has(want string) bool {
	return len(s.b) >= len(want) && string(s.b[:len(want)]) == want
}

// raw takes what stands before the next quotation mark, if it has neither escapes nor bytes outside ASCII.
func (s *Scanner) raw() []byte {
	n := bytes.IndexByte(s.b, '"')
	if !s.ok || n < 0 {
		s.ok = false
		return nil
	}
	out := s.b[:n]
	for _, c := range out {
		if c < 0x20 || c > 0x7e || c == '\\' {
			s.ok = false
			return nil
		}
	}
	s.b = s.b[n:]
	return out
}

// Text takes a string up to its closing quotation mark, which stays.
func (s *Scanner) Text() string { return string(s.raw()) }

// Digest takes 64 lower-case hexadecimal digits up to a quotation mark.
func (s *Scanner) Digest() (d [32]byte) {
	raw := s.raw()
	if len(raw) != 2*len(d) {
		s.ok = false
		return d
	}
	for i := range d {
		hi, lo := digits[raw[2*i]], digits[raw[2*i+1]]
		if hi|lo > 15 {
			s.ok = false
			return [32]byte{}
		}
		d[i] = hi<<4 | lo
	}
	return d
}

var digits = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i, c := range "0123456789abcdef" {
		t[c] = byte(i)
	}
	return t
}()

// Time takes a time of RFC 3339 up to a quotation mark.
func (s *Scanner) Time() (t time.Time) {
	if raw := s.raw(); s.ok {
		s.ok = t.UnmarshalText(raw) == nil
	}
	return t
}

// Number takes a decimal from 0 to 2^63-1.
func (s *Scanner) Number() uint64 {
	n := 0
	for n < len(s.b) && s.b[n] >= '0' && s.b[n] <= '9' {
		n++
	}
	v, err := strconv.ParseUint(string(s.b[:n]), 10, 63)
	s.ok = s.ok && err == nil && (n == 1 || s.b[0] != '0')
	s.b = s.b[n:]
	return v
}

// Done says whether everything was read as expected.
func (s *Scanner) Done() bool { return s.ok && len(s.b) == 0 }

// Fail makes the rest void: the caller has met something that it does not read.
func (s *Scanner) Fail() { s.ok = false }

// More says, at the start of a list or after an element, whether an element follows, and passes over the comma or the end.
func (s *Scanner) More(first bool) bool {
	if !s.ok || s.Has("]") {
		s.Lit("]")
		return false
	}
	if !first {
		s.Lit(",")
	}
	return s.ok
}

// Texts takes a list of at least one string, from its opening bracket to its closing one.
func (s *Scanner) Texts() (out []string) {
	s.Lit("[")
	for first := true; s.More(first); first = false {
		s.Lit(`"`)
		out = append(out, s.Text())
		s.Lit(`"`)
	}
	if len(out) == 0 {
		s.ok = false // encoding/json tells an empty list from none
	}
	return out
}
