package signing

import (
	"bytes"
	"unicode/utf8"

	"github.com/tram-exchange/tram/internal/xmlstream"
)

// appendText appends the canonical form of a text token: line ends normalised, references replaced, and &, <, > and
// a CR that came from a reference written as references.
func appendText(dst []byte, t *xmlstream.Token) []byte {
	b := t.Text
	if !t.HasRef && !t.HasGT {
		return appendLineEnds(dst, b)
	}
	for {
		i := bytes.IndexAny(b, "&>\r")
		if i < 0 {
			return append(dst, b...)
		}
		dst = append(dst, b[:i]...)
		switch c := b[i]; c {
		case '>':
			dst = append(dst, "&gt;"...)
			i++
		case '\r':
			if i++; i == len(b) || b[i] != '\n' {
				dst = append(dst, '\n')
			}
		default:
			end := i + bytes.IndexByte(b[i:], ';') + 1
			dst = appendReference(dst, b[i:end])
			i = end
		}
		b = b[i:]
	}
}

// appendReference appends the canonical form, in text, of one reference that the scanner has accepted.
func appendReference(dst, ref []byte) []byte {
	if ref[1] != '#' {
		switch ref[1] {
		case 'q':
			return append(dst, '"')
		case 'a':
			if ref[2] == 'p' {
				return append(dst, '\'')
			}
		}
		return append(dst, ref...) // &amp; &lt; &gt;
	}
	switch r := charReference(ref); r {
	case '&':
		return append(dst, "&amp;"...)
	case '<':
		return append(dst, "&lt;"...)
	case '>':
		return append(dst, "&gt;"...)
	case '\r':
		return append(dst, "&#xD;"...)
	default:
		return utf8.AppendRune(dst, r)
	}
}

// charReference returns the character of &#n; or &#xn;.
func charReference(ref []byte) rune {
	var r rune
	if ref[2] != 'x' {
		for _, c := range ref[2 : len(ref)-1] {
			r = r*10 + rune(c-'0')
		}
		return r
	}
	for _, c := range ref[3 : len(ref)-1] {
		switch {
		case c <= '9':
			c -= '0'
		default:
			c = c&^0x20 - 'A' + 10
		}
		r = r<<4 | rune(c)
	}
	return r
}

// appendLineEnds appends b with CR LF and CR turned into LF.
func appendLineEnds(dst, b []byte) []byte {
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

// appendCData appends the content of a CDATA section as text.
func appendCData(dst, b []byte) []byte {
	for i := 0; i < len(b); i++ {
		switch c := b[i]; c {
		case '&':
			dst = append(dst, "&amp;"...)
		case '<':
			dst = append(dst, "&lt;"...)
		case '>':
			dst = append(dst, "&gt;"...)
		case '\r':
			dst = append(dst, '\n')
			if i+1 < len(b) && b[i+1] == '\n' {
				i++
			}
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

func appendComment(dst, text []byte) []byte {
	return append(appendLineEnds(append(dst, "<!--"...), text), "-->"...)
}

func appendProcInst(dst, target, data []byte) []byte {
	dst = append(append(dst, "<?"...), target...)
	if len(data) > 0 {
		dst = appendLineEnds(append(dst, ' '), data)
	}
	return append(dst, "?>"...)
}

// appendAttr appends the canonical form of an attribute's value.
func appendAttr(dst []byte, a *xmlstream.Attr) []byte {
	if !a.Escaped {
		if a.Quote == '"' {
			return append(dst, a.Value...)
		}
		return appendValue(dst, a.Value)
	}
	b := a.Value
	for i := 0; i < len(b); {
		switch c := b[i]; c {
		case '"':
			dst = append(dst, "&quot;"...)
		case '\r':
			if i+1 < len(b) && b[i+1] == '\n' {
				i++
			}
			dst = append(dst, ' ')
		case '\n', '\t':
			dst = append(dst, ' ')
		case '&':
			end := i + bytes.IndexByte(b[i:], ';') + 1
			dst = appendAttrReference(dst, b[i:end])
			i = end
			continue
		default:
			dst = append(dst, c)
		}
		i++
	}
	return dst
}

// appendAttrReference appends the canonical form, in an attribute value, of one reference.
func appendAttrReference(dst, ref []byte) []byte {
	var tmp [utf8.UTFMax]byte
	var c []byte
	if ref[1] == '#' {
		c = utf8.AppendRune(tmp[:0], charReference(ref))
	} else {
		switch string(ref) {
		case "&lt;":
			c = append(tmp[:0], '<')
		case "&gt;":
			c = append(tmp[:0], '>')
		case "&quot;":
			c = append(tmp[:0], '"')
		case "&apos;":
			c = append(tmp[:0], '\'')
		default:
			c = append(tmp[:0], '&')
		}
	}
	return appendValue(dst, c)
}

// appendValue appends the characters of an attribute's value, escaped as canonical form has them.
func appendValue(dst, value []byte) []byte {
	for _, c := range value {
		dst = appendValueByte(dst, c)
	}
	return dst
}

func appendValueString(dst []byte, value string) []byte {
	for i := range len(value) {
		dst = appendValueByte(dst, value[i])
	}
	return dst
}

func appendValueByte(dst []byte, c byte) []byte {
	switch c {
	case '&':
		return append(dst, "&amp;"...)
	case '<':
		return append(dst, "&lt;"...)
	case '"':
		return append(dst, "&quot;"...)
	case '\t':
		return append(dst, "&#x9;"...)
	case '\n':
		return append(dst, "&#xA;"...)
	case '\r':
		return append(dst, "&#xD;"...)
	}
	return append(dst, c)
}
