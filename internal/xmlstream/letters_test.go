package xmlstream

import (
	"io"
	"testing"
	"unicode/utf8"
)

// accepts reports whether a document is read to its end, from memory.
func accepts(s *Scanner, doc []byte) bool {
	s.ResetBytes(doc, Limits{})
	for {
		if _, err := s.Next(); err != nil {
			return err == io.EOF
		}
	}
}

// TestLettersAreUTF8 tries every lead byte with every second byte, and third and fourth ones around their bounds, in text, CDATA
// sections and attributes: accepted is what is UTF-8 and a character of XML.
func TestLettersAreUTF8(t *testing.T) {
	var s Scanner
	edges := []byte{'x', 0x7F, 0x80, 0xBD, 0xBE, 0xBF, 0xC0, 0xFF}
	frames := [][2]string{{"<a>", "</a>"}, {"<a>xin ch\u00e0o ", " b\u1ea1n v\u00e0 t\u00f4i</a>"}, {"<a><![CDATA[", "]]></a>"}, {"<a b=\"", "\"/>"}}
	n := 0
	for lead := 0x80; lead < 0x100; lead++ {
		for second := 0; second < 0x100; second++ {
			if second < 0x20 || second == '<' || second == '&' || second == '"' {
				continue
			}
			for _, third := range edges {
				for _, fourth := range edges {
					seq := []byte{byte(lead), byte(second), third, fourth}
					want := utf8.Valid(seq)
					for _, r := range string(seq) {
						want = want && isChar(r)
					}
					f := frames[n%len(frames)]
					n++
					doc := append(append([]byte(f[0]), seq...), f[1]...)
					if got := accepts(&s, doc); got != want {
						t.Fatalf("% x in %q: accepted %v, want %v", seq, f[0], got, want)
					}
				}
			}
		}
	}
}

// TestTextOfEveryLength: what starts, ends and interrupts text is found wherever it stands in the words that are read at once.
func TestTextOfEveryLength(t *testing.T) {
	var s Scanner
	for length := range 130 {
		for at := range length {
			for _, c := range []struct {
				piece string
				want  bool
			}{{"\n", true}, {"\t", true}, {"\r", true}, {"\u1ea1", true}, {"&#9;", true}, {">", true}, {"<b/>", true}, {"]]>", false}, {"&", false}, {"\x01", false}, {"\x0b", false}, {"\xff", false}, {"\xe1\xba", false}} {
				b := []byte("<a>")
				for i := range length {
					if i == at {
						b = append(b, c.piece...)
					} else {
						b = append(b, "A\nz"[i%3])
					}
				}
				if got := accepts(&s, append(b, "</a>"...)); got != c.want {
					t.Fatalf("%q at %d of %d: accepted %v", c.piece, at, length, got)
				}
			}
		}
	}
}
