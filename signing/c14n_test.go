package signing

import (
	"bytes"
	"hash"
	"io"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/internal/xmlstream"
)

// collector is a hash that keeps what it is given.
type collector struct{ bytes.Buffer }

func (c *collector) Sum(b []byte) []byte { return append(b, c.Bytes()...) }
func (c *collector) Size() int           { return c.Len() }
func (c *collector) BlockSize() int      { return 1 }

var _ hash.Hash = (*collector)(nil)

// canonical returns the canonical form of a document, or of the first element that apex picks. It reads through a
// reader with a small window if window is set.
func canonical(tb testing.TB, doc string, m c14nMethod, window bool, apex func(*xmlstream.Token) bool) string {
	tb.Helper()
	var s xmlstream.Scanner
	if window {
		s.ResetReader(strings.NewReader(doc), xmlstream.Limits{MaxToken: 2048, MaxChunk: 1})
	} else {
		s.ResetBytes([]byte(doc), xmlstream.Limits{})
	}
	var out collector
	var c canonicalizer
	r := reading{s: &s}
	depth, on := 0, apex == nil
	if on {
		c.reset(&s, m, true, &out)
	}
	s.OnSlide(func() {
		if on {
			c.flush()
		}
	})
	for {
		t, err := s.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			tb.Fatal(err)
		}
		r.track(t)
		if !on && depth == 0 && apex != nil && t.Kind == xmlstream.StartElement && apex(t) {
			c.reset(&s, m, false, &out)
			c.inherit = append([]ancestor(nil), r.ancestors...)
			depth, on = t.Depth, true
		}
		if on {
			c.token(t)
		}
		if on && apex != nil && t.Kind == xmlstream.EndElement && t.Depth == depth {
			c.flush()
			on = false
		}
	}
	if on {
		c.flush()
	}
	return out.String()
}

func byLocal(name string) func(*xmlstream.Token) bool {
	return func(t *xmlstream.Token) bool { return string(t.Local) == name }
}

func TestCanonicalForm(t *testing.T) {
	inc, exc := c14nMethod{}, c14nMethod{exclusive: true}
	for _, c := range []struct {
		name, doc string
		m         c14nMethod
		apex      string
		want      string
	}{
		{"declaration, order of attributes, quotes, white space in tags", "<?xml version='1.0'?>\n<a  c='1'\n b = \"2\" ></a >\n", inc, "", `<a b="2" c="1"></a>`},
		{"empty element", "<a/>", inc, "", "<a></a>"},
		{"text escapes", "<a>&#x26;&lt;&gt;&#13;&#xD;\r\nx\ry>&quot;&apos;&#65;&#x1EA0;</a>", inc, "", "<a>&amp;&lt;&gt;&#xD;&#xD;\nx\ny&gt;\"'AẠ</a>"},
		{"section", "<a><![CDATA[<&>\r\n]]]]><![CDATA[>]]></a>", inc, "", "<a>&lt;&amp;&gt;\n]]&gt;</a>"},
		{"attribute escapes", "<a b='\"&lt;>&amp;&#9;&#10;&#13;\t\r\n&apos;'/>", inc, "", `<a b="&quot;&lt;>&amp;&#x9;&#xA;&#xD;  '"></a>`},
		{"comments left out", "<!--x--><a><!--y-->b<!--z--></a><!--w-->", inc, "", "<a>b</a>"},
		{"comments kept", "<!--x--><a><!--y\r-->b</a><!--w-->", c14nMethod{comments: true}, "", "<!--x-->\n<a><!--y\n-->b</a>\n<!--w-->"},
		{"instructions", "<?p  q\r\n ?><a><?r?></a>\n<?s t?>\n", inc, "", "<?p q\n ?>\n<a><?r?></a>\n<?s t?>"},
		{"superfluous declarations", "<a xmlns='u' xmlns:p='v'><b xmlns='u' xmlns:p='v'><c xmlns=''/></b></a>", inc, "", `<a xmlns="u" xmlns:p="v"><b><c xmlns=""></c></b></a>`},
		{"empty default without one before", "<a xmlns=''><b xmlns=''/></a>", inc, "", "<a><b></b></a>"},
		{"order of declarations", "<a xmlns:b='1' xmlns='0' xmlns:a='2' b:x='' a:x='' x=''/>", inc, "", `<a xmlns="0" xmlns:a="2" xmlns:b="1" x="" b:x="" a:x=""></a>`},
		{"many attributes", "<a j='' i='' h='' g='' f='' e='' d='' c='' b='' xmlns:p='u' p:a='' a=''/>", inc, "", `<a xmlns:p="u" a="" b="" c="" d="" e="" f="" g="" h="" i="" j="" p:a=""></a>`},
		{"exclusive shows what is used", "<a xmlns='u' xmlns:p='v' xmlns:q='w'><p:b q:x='1'><p:c/></p:b><p:d/></a>", exc, "",
			`<a xmlns="u"><p:b xmlns:p="v" xmlns:q="w" q:x="1"><p:c></p:c></p:b><p:d xmlns:p="v"></p:d></a>`},
		{"exclusive and a rebound prefix", "<p:a xmlns:p='u'><p:b xmlns:p='v'><p:c xmlns:p='v'/></p:b><p:d/></p:a>", exc, "",
			`<p:a xmlns:p="u"><p:b xmlns:p="v"><p:c></p:c></p:b><p:d></p:d></p:a>`},
		{"exclusive and prefixes bound alike", "<a xmlns:p='u' xmlns:q='u'><p:b><q:c xmlns:p='u'><p:d/></q:c></p:b></a>", exc, "",
			`<a><p:b xmlns:p="u"><q:c xmlns:q="u"><p:d></p:d></q:c></p:b></a>`},
		{"exclusive and no default", "<a xmlns='u'><b xmlns=''><c/></b><d/></a>", exc, "", `<a xmlns="u"><b xmlns=""><c></c></b><d></d></a>`},
		{"exclusive, prefixed between defaults", "<a xmlns='u'><p:b xmlns:p='v' xmlns=''><c/></p:b></a>", exc, "", `<a xmlns="u"><p:b xmlns:p="v"><c xmlns=""></c></p:b></a>`},
		{"prefix list", "<a xmlns='u' xmlns:p='v' xmlns:q='w'><b xmlns:q='z'/></a>", c14nMethod{exclusive: true, prefixes: []string{"q", "", "none"}}, "",
			`<a xmlns="u" xmlns:q="w"><b xmlns:q="z"></b></a>`},
		{"part, inclusive", "<a xmlns='u' xmlns:p='v' xml:lang='vi' xml:space='preserve'><b xmlns:p='w' xml:lang='en'><c/></b></a>", inc, "c",
			`<c xmlns="u" xmlns:p="w" xml:lang="en" xml:space="preserve"></c>`},
		{"part, inclusive, default taken back", "<a xmlns='u'><b xmlns=''><c/></b></a>", inc, "c", "<c></c>"},
		{"part, exclusive", "<a xmlns='u' xmlns:p='v' xml:lang='vi'><b><c><p:d/></c></b></a>", exc, "c", `<c xmlns="u"><p:d xmlns:p="v"></p:d></c>`},
		{"part, 1.1 leaves xml:id behind", "<a xml:id='i' xml:lang='vi'><c/></a>", c14nMethod{v11: true}, "c", `<c xml:lang="vi"></c>`},
		{"part, 1.0 inherits xml:id", "<a xml:id='i' xml:lang='vi'><c/></a>", inc, "c", `<c xml:id="i" xml:lang="vi"></c>`},
		{"part, 1.1 joins xml:base", "<a xml:base='http://x.vn/a/b'><b xml:base='../c/'><c xml:base='d&amp;e'/></b></a>", c14nMethod{v11: true}, "c", `<c xml:base="http://x.vn/c/d&amp;e"></c>`},
		{"part, 1.1 hands xml:base down", "<a xml:base='x/y'><b><c/></b></a>", c14nMethod{v11: true}, "c", `<c xml:base="x/y"></c>`},
		{"part, 1.1, xml:base of its own only", "<a><c xml:base='./x'/></a>", c14nMethod{v11: true}, "c", `<c xml:base="./x"></c>`},
		{"part, 1.0 takes the nearest xml:base", "<a xml:base='x'><b xml:base='y/'><c/></b></a>", inc, "c", `<c xml:base="y/"></c>`},
		{"part with a comment", "<a><c>x<!-- y -->z</c></a>", exc, "c", "<c>xz</c>"},
		{"escapes in a namespace", "<a xmlns='u&amp;&quot;&lt;&#9;'/>", inc, "", `<a xmlns="u&amp;&quot;&lt;&#x9;"></a>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var apex func(*xmlstream.Token) bool
			if c.apex != "" {
				apex = byLocal(c.apex)
			}
			for _, window := range []bool{false, true} {
				if got := canonical(t, c.doc, c.m, window, apex); got != c.want {
					t.Errorf("window %v: got\n%s\nwant\n%s", window, got, c.want)
				}
			}
		})
	}
}

// FuzzCanonical checks that the canonical form of a canonical form is itself, that it is the same over a window as in memory, and
// that the slow way gives the same, for the document and for one of its elements.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"<a xmlns='u' b='&amp;'>x\r\n<p:c xmlns:p='v'/></a>", "<?p?><a><!--x--><![CDATA[>]]></a>", "<a xmlns=''><b xmlns='v'><c xmlns=''/></b></a>"} {
		f.Add(s, uint8(0))
		f.Add(s, uint8(3))
	}
	f.Fuzz(func(t *testing.T, doc string, bits uint8) {
		m := c14nMethod{exclusive: bits&1 != 0, comments: bits&2 != 0}
		if bits&4 != 0 {
			m.prefixes = []string{"p", ""}
		}
		s := xmlstream.NewBytes([]byte(doc), xmlstream.Limits{MaxToken: 2048})
		for {
			if _, err := s.Next(); err == io.EOF {
				break
			} else if err != nil {
				return
			}
		}
		once := canonical(t, doc, m, false, nil)
		if windowed := canonical(t, doc, m, true, nil); windowed != once {
			t.Fatalf("document %q: over a window %q, in memory %q", doc, windowed, once)
		}
		if twice := canonical(t, once, m, false, nil); twice != once {
			t.Fatalf("document %q: once %q, twice %q", doc, once, twice)
		}
		againstNaive(t, t, doc, int(bits>>3))
	})
}
