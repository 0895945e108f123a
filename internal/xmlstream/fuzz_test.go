package xmlstream

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func seeds(f interface{ Add(...any) }) {
	for _, c := range refusals {
		if len(c.doc) < 4096 {
			f.Add([]byte(c.doc))
		}
	}
	f.Add([]byte("<p:a xmlns:p='u' b='&#x20;'>x\r\n<![CDATA[y]]><!--z--><?t d?><p:c/></p:a>"))
}

// FuzzScanner checks that no input makes the scanner panic or loop, that tokens tile the source, and that memory, a
// small window and single bytes give the same tokens and the same verdict.
func FuzzScanner(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, doc []byte) {
		l := Limits{MaxToken: 200}
		want, errBytes := dump(NewBytes(doc, l))
		got, errReader := dump(NewReader(iotest.OneByteReader(bytes.NewReader(doc)), Limits{MaxToken: 200, MaxChunk: 1}))
		// A document with two faults may be refused for either: what is seen first depends on the chunks.
		if (errBytes == nil) != (errReader == nil) {
			t.Fatalf("over bytes %v, over a reader %v", errBytes, errReader)
		}
		if errBytes == nil && got != want {
			t.Fatalf("over a reader\n%sover bytes\n%s", got, want)
		}
		if errBytes == nil {
			compareWithStdlib(t, doc, want)
		}
	})
}

// compareWithStdlib reads doc with encoding/xml and compares what it tells with our dump of the same document.
// It reports whether encoding/xml could read it at all.
func compareWithStdlib(t interface {
	Fatalf(string, ...any)
}, doc []byte, ours string) (compared bool) {
	d := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(doc, []byte("\xEF\xBB\xBF"))))
	var b strings.Builder
	var text []byte
	depth := 0
	flush := func() {
		if text != nil {
			fmt.Fprintf(&b, "text %q\n", text)
			text = nil
		}
	}
	for {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return false // stricter than us somewhere, or knows less (a name of the fifth edition): no comparison
		}
		switch v := tok.(type) {
		case xml.CharData:
			if depth > 0 {
				text = append(append([]byte{}, text...), v...)
			}
			continue
		}
		flush()
		switch v := tok.(type) {
		case xml.StartElement:
			depth++
			fmt.Fprintf(&b, "start %d {%s}%s\n", depth, v.Name.Space, v.Name.Local)
		case xml.EndElement:
			fmt.Fprintf(&b, "end %d {%s}%s\n", depth, v.Name.Space, v.Name.Local)
			depth--
		}
	}
	var mine strings.Builder
	for _, line := range strings.SplitAfter(ours, "\n") {
		switch {
		case strings.HasPrefix(line, "start "):
			f := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)
			fmt.Fprintf(&mine, "%s %s %s\n", f[0], f[1], f[2])
		case strings.HasPrefix(line, "end "), strings.HasPrefix(line, "text "):
			mine.WriteString(line)
		}
	}
	// Text beside a comment is joined here by both only when nothing but text lies between.
	if squash(mine.String()) != squash(b.String()) {
		t.Fatalf("document %q\nours:\n%sencoding/xml:\n%s", doc, mine.String(), b.String())
	}
	return true
}

// squash drops empty texts, which encoding/xml sends for an empty CDATA section and we for one too, but not alike.
func squash(s string) string {
	s = strings.ReplaceAll(s, "text \"\"\n", "")
	return strings.ReplaceAll(s, "\"\ntext \"", "")
}

// TestAgainstStdlib compares both readers over generated documents.
func TestAgainstStdlib(t *testing.T) {
	drawn, compared := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		doc := []byte(genDoc(t))
		ours, err := dump(NewBytes(doc, Limits{}))
		if err != nil {
			t.Fatalf("document %q refused: %v", doc, err)
		}
		drawn++
		if compareWithStdlib(t, doc, ours) {
			compared++
		}
	})
	if compared < drawn*9/10 {
		t.Errorf("encoding/xml could read %d of %d documents, want nearly all", compared, drawn)
	}
}

func genDoc(t *rapid.T) string {
	var b strings.Builder
	if rapid.Bool().Draw(t, "declaration") {
		b.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
	}
	genElement(t, &b, 0)
	b.WriteString(rapid.SampledFrom([]string{"", "\n", "<!-- end -->", "<?end?>\n"}).Draw(t, "epilog"))
	return b.String()
}

func genElement(t *rapid.T, b *strings.Builder, depth int) {
	name := rapid.SampledFrom([]string{"a", "b", "đơn", "p:a", "q:b"}).Draw(t, "name")
	space := rapid.SampledFrom([]string{" ", "\n", "\t ", "  "})
	fmt.Fprintf(b, "<%s", name)
	if depth == 0 {
		b.WriteString(` xmlns:p="urn:p" xmlns:q='urn:q'`)
	}
	if rapid.IntRange(0, 4).Draw(t, "default") == 0 {
		fmt.Fprintf(b, "%sxmlns='%s'", space.Draw(t, "s"), rapid.SampledFrom([]string{"", "urn:d", "urn:p"}).Draw(t, "uri"))
	}
	if depth > 0 && rapid.IntRange(0, 4).Draw(t, "rebind") == 0 {
		fmt.Fprintf(b, "%sxmlns:p='%s'", space.Draw(t, "s"), rapid.SampledFrom([]string{"urn:p", "urn:p2", "urn:d"}).Draw(t, "uri"))
	}
	attrs := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"x", "y", "p:z", "q:w", "xml:lang"}), 0, 3, rapid.ID[string]).Draw(t, "attrs")
	value := rapid.SampledFrom([]string{"", "1", "&amp;&#10;", "Bắc Giang", "a>b", "&quot;'"[:6], "a\tb\r\nc"})
	for _, a := range attrs {
		fmt.Fprintf(b, "%s%s = \"%s\"", space.Draw(t, "s"), a, value.Draw(t, "value"))
	}
	if rapid.IntRange(0, 3).Draw(t, "empty") == 0 {
		b.WriteString("/>")
		return
	}
	b.WriteString(">")
	text := rapid.SampledFrom([]string{"x", "\r\n", "văn bản", "&lt;&#x41;&gt;", "a]]b", "<![CDATA[<&>]]>", "<!-- - -->", "<?p i?>", ">"})
	for range rapid.IntRange(0, 4).Draw(t, "children") {
		if depth < 5 && rapid.Bool().Draw(t, "element") {
			genElement(t, b, depth+1)
		} else {
			b.WriteString(text.Draw(t, "text"))
		}
	}
	fmt.Fprintf(b, "</%s>", name)
}
