package xmlstream

import (
	"bytes"
	"unicode/utf8"
)

// reference reads the reference at the start of b (b[0] is '&'). It returns the character and the length of
// the reference; length 0 means that b ends inside it, -1 that it is malformed or no XML Char,
// -2 that it names an entity which is not predefined.
func reference(b []byte) (r rune, n int) {
	if len(b) < 2 {
		return 0, 0
	}
	if b[1] != '#' {
		return entity(b)
	}
	i, hex := 2, false
	if i < len(b) && b[i] == 'x' {
		i, hex = 3, true
	}
	digits := 0
	for ; i < len(b); i++ {
		c := b[i]
		var d rune
		switch {
		case c >= '0' && c <= '9':
			d = rune(c - '0')
		case hex && c >= 'a' && c <= 'f':
			d = rune(c-'a') + 10
		case hex && c >= 'A' && c <= 'F':
			d = rune(c-'A') + 10
		case c == ';' && digits > 0:
			if !isChar(r) {
				return 0, -1
			}
			return r, i + 1
		default:
			return 0, -1
		}
		digits++
		if hex {
			r = r<<4 | d
		} else {
			r = r*10 + d
		}
		if r > utf8.MaxRune {
			return 0, -1
		}
		if digits > maxReference { // leading zeros only; without a bound one reference could be as long as the document
			return 0, -1
		}
	}
	return 0, 0
}

// maxReference bounds the digits of a character reference, and the name of an entity that is not known.
const maxReference = 64

func entity(b []byte) (rune, int) {
	switch c := b[1]; {
	case hasPrefix(b, "&lt;"):
		return '<', 4
	case hasPrefix(b, "&gt;"):
		return '>', 4
	case hasPrefix(b, "&amp;"):
		return '&', 5
	case hasPrefix(b, "&quot;"):
		return '"', 6
	case hasPrefix(b, "&apos;"):
		return '\'', 6
	case class[c]&cNameStart == 0 && c < 0x80 && c != ':':
		return 0, -1
	}
	for i := 1; i < len(b) && i <= maxReference; i++ {
		switch c := b[i]; {
		case c == ';':
			return 0, -2
		case class[c]&cName == 0 && c < 0x80 && c != ':':
			return 0, -1
		}
	}
	if len(b) > maxReference {
		return 0, -2
	}
	return 0, 0
}

func hasPrefix(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }

// appendUnescaped appends text that the scanner has accepted: references replaced, line ends normalised, and
// for an attribute (attr) literal white space turned into spaces.
func appendUnescaped(dst, b []byte, attr bool) []byte {
	for len(b) > 0 {
		switch c := b[0]; {
		case c == '&':
			r, n := reference(b)
			if n <= 0 { // cannot be in accepted text
				return append(dst, b...)
			}
			dst = utf8.AppendRune(dst, r)
			b = b[n:]
		case c == '\r' || attr && (c == '\n' || c == '\t'):
			n := 1
			if c == '\r' && len(b) > 1 && b[1] == '\n' {
				n = 2
			}
			if attr {
				dst = append(dst, ' ')
			} else {
				dst = append(dst, '\n')
			}
			b = b[n:]
		default:
			n := 1
			for n < len(b) && b[n] != '&' && b[n] >= ' ' {
				n++
			}
			dst = append(dst, b[:n]...)
			b = b[n:]
		}
	}
	return dst
}

// appendLines appends b with CR LF and CR turned into LF.
func appendLines(dst, b []byte) []byte {
	for {
		i := bytes.IndexByte(b, '\r')
		if i < 0 {
			return append(dst, b...)
		}
		dst = append(append(dst, b[:i]...), '\n')
		b = b[i+1:]
		if len(b) > 0 && b[0] == '\n' {
			b = b[1:]
		}
	}
}
