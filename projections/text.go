package projections

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxWord is the greatest length of an indexed word, in bytes; the rest of a longer one is cut off, in documents and in
// queries alike.
const maxWord = 64

// A letter as search sees it: without any mark, and in the one spelling used for comparison with marks.
type letter struct {
	plain rune // e for ệ, d for đ
	tone  rune // combining tone mark of a vowel, 0 if none
	base  rune // the letter without its tone: ê for ệ
}

// letters has the lower-case Vietnamese letters outside ASCII, composed.
var letters = vietnameseLetters()

func vietnameseLetters() map[rune]letter {
	m := map[rune]letter{'đ': {plain: 'd', base: 'đ'}}
	plain := map[rune]rune{'ă': 'a', 'â': 'a', 'ê': 'e', 'ô': 'o', 'ơ': 'o', 'ư': 'u'}
	for _, v := range "aăâeêioôơuưy" {
		p := v
		if q, ok := plain[v]; ok {
			p = q
			m[v] = letter{plain: p, base: v}
		}
		for _, tone := range "\u0300\u0301\u0303\u0309\u0323" {
			r, _ := utf8.DecodeRuneInString(norm.NFC.String(string(v) + string(tone)))
			m[r] = letter{plain: p, tone: tone, base: v}
		}
	}
	return m
}

// lower is the lower case of a letter. Ð (eth) and Ɖ stand for Đ: old fonts and converters write them.
func lower(r rune) rune {
	switch r {
	case 'Ð', 'ð', 'Ɖ', 'ɖ', 'Đ':
		return 'đ'
	}
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	return unicode.ToLower(r)
}

// compose is the text in NFC, without copying where it is so already. Invalid UTF-8 becomes U+FFFD.
func compose(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	if norm.NFC.IsNormalString(s) {
		return s
	}
	return norm.NFC.String(s)
}

// eachWord calls f for the words of the text: runs of letters, digits and marks. exact has the tone mark where it was
// written: see placeTone. The slices are valid only during the call, which may change exact.
func eachWord(s string, f func(plain, exact []byte)) {
	var pb, eb [maxWord + 2*utf8.UTFMax]byte
	plain, exact := pb[:0], eb[:0]
	for _, r := range compose(s) {
		if r < utf8.RuneSelf {
			switch {
			case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			case 'A' <= r && r <= 'Z':
				r += 'a' - 'A'
			default:
				if len(exact) > 0 {
					f(plain, exact)
					plain, exact = pb[:0], eb[:0]
				}
				continue
			}
			if len(exact) < maxWord && len(plain) < maxWord {
				plain, exact = append(plain, byte(r)), append(exact, byte(r))
			}
			continue
		}
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
			if len(exact) > 0 {
				f(plain, exact)
				plain, exact = pb[:0], eb[:0]
			}
			continue
		}
		if len(exact) >= maxWord || len(plain) >= maxWord {
			continue
		}
		r = lower(r)
		exact = utf8.AppendRune(exact, r)
		plain = appendPlain(plain, r)
	}
	if len(exact) > 0 {
		f(plain, exact)
	}
}

// appendPlain appends the lower-case letter without its marks.
func appendPlain(b []byte, r rune) []byte {
	if r < utf8.RuneSelf {
		return append(b, byte(r))
	}
	if l, ok := letters[r]; ok {
		return append(b, byte(l.plain))
	}
	if unicode.IsMark(r) {
		return b
	}
	var buf [utf8.UTFMax]byte
	d := norm.NFD.Properties(buf[:utf8.EncodeRune(buf[:], r)]).Decomposition()
	if d == nil {
		return utf8.AppendRune(b, r)
	}
	for len(d) > 0 {
		c, n := utf8.DecodeRune(d)
		if !unicode.IsMark(c) {
			b = utf8.AppendRune(b, lower(c))
		}
		d = d[n:]
	}
	return b
}

// placeTone moves the tone of a syllable ending in oa, oe or uy to the first of the two vowels, in place: "hoà" and
// "hòa", "thuỷ" and "thủy" are two spellings of one word and both are in daily use.
func placeTone(w []byte) []byte {
	last, n := utf8.DecodeLastRune(w)
	l, ok := letters[last]
	if !ok || l.tone == 0 || len(w) <= n {
		return w
	}
	first := w[len(w)-n-1]
	switch {
	case first == 'o' && (l.base == 'a' || l.base == 'e'), first == 'u' && l.base == 'y':
	default:
		return w
	}
	toned := norm.NFC.AppendString(w[:len(w)-n-1:len(w)-n-1], string(rune(first))+string(l.tone))
	return append(toned, byte(l.base))
}

// foldNumber is number and notation as they are compared: lower case, no spaces, no marks.
func foldNumber(s string) string {
	b := make([]byte, 0, len(s))
	for _, r := range compose(s) {
		if unicode.IsSpace(r) || r == utf8.RuneError || unicode.IsControl(r) {
			continue
		}
		b = appendPlain(b, lower(r))
	}
	return string(b)
}

// Fold is text as it is compared without regard to spelling: its words in lower case, without diacritics, đ as d, one
// space between.
func Fold(s string) string {
	var b strings.Builder
	eachWord(s, func(plain, _ []byte) {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.Write(plain)
	})
	return b.String()
}
