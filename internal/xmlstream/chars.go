package xmlstream

import "unicode/utf8"

// Classes of ASCII bytes.
const (
	cNameStart = 1 << iota // may start a name; the colon is apart
	cName                  // may continue a name
	cSpace                 // S production
	cPlainAttr             // stands for itself inside an attribute value, whichever the quote
	cPlainText             // stands for itself in text
)

// class is filled once from the productions of XML 1.0; bytes from 0x80 on have no class.
var class = func() (t [256]uint8) {
	for c := 'a'; c <= 'z'; c++ {
		t[c] |= cNameStart | cName
		t[c-'a'+'A'] |= cNameStart | cName
	}
	for c := '0'; c <= '9'; c++ {
		t[c] |= cName
	}
	t['_'] |= cNameStart | cName
	t['-'] |= cName
	t['.'] |= cName
	for _, c := range " \t\r\n" {
		t[c] |= cSpace
	}
	for c := 0x20; c < 0x80; c++ {
		if c != '"' && c != '\'' && c != '&' && c != '<' {
			t[c] |= cPlainAttr
		}
		if c != '<' && c != '&' && c != '>' {
			t[c] |= cPlainText
		}
	}
	t['\n'] |= cPlainText
	t['\t'] |= cPlainText
	return t
}()

func isSpace(c byte) bool { return class[c]&cSpace != 0 }

// runeAt decodes a character that starts with a byte from 0x80 on. It returns its length; 0 if b ends
// inside it, -1 if it is not valid UTF-8 or not an XML Char.
func runeAt(b []byte) (r rune, n int) {
	if len(b) >= 2 && b[0] >= 0xC2 && b[0] < 0xE0 && b[1]&0xC0 == 0x80 {
		return rune(b[0]&0x1F)<<6 | rune(b[1]&0x3F), 2
	}
	r, n = utf8.DecodeRune(b)
	if r == utf8.RuneError && n <= 1 {
		if !utf8.FullRune(b) {
			return 0, 0
		}
		return 0, -1
	}
	if r == 0xFFFE || r == 0xFFFF {
		return 0, -1
	}
	return r, n
}

// isChar is the Char production, for characters written as references.
func isChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}

type span struct{ lo, hi rune }

// The non-ASCII part of NameStartChar, and what NameChar adds to it (XML 1.0, fifth edition).
var (
	nameStartSpans = [...]span{{0xC0, 0xD6}, {0xD8, 0xF6}, {0xF8, 0x2FF}, {0x370, 0x37D}, {0x37F, 0x1FFF}, {0x200C, 0x200D},
		{0x2070, 0x218F}, {0x2C00, 0x2FEF}, {0x3001, 0xD7FF}, {0xF900, 0xFDCF}, {0xFDF0, 0xFFFD}, {0x10000, 0xEFFFF}}
	nameMoreSpans = [...]span{{0xB7, 0xB7}, {0x300, 0x36F}, {0x203F, 0x2040}}
)

func isNameRune(r rune, start bool) bool {
	for _, s := range nameStartSpans {
		if r >= s.lo && r <= s.hi {
			return true
		}
	}
	if start {
		return false
	}
	for _, s := range nameMoreSpans {
		if r >= s.lo && r <= s.hi {
			return true
		}
	}
	return false
}
