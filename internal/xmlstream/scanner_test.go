package xmlstream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// dump renders every token so that two scans can be compared; text chunks that follow each other are joined.
func dump(s *Scanner) (string, error) {
	var b strings.Builder
	var text []byte
	var last int64
	flush := func() {
		if text != nil {
			fmt.Fprintf(&b, "text %q\n", text)
			text = nil
		}
	}
	for {
		t, err := s.Next()
		if err != nil {
			flush()
			if err == io.EOF {
				err = nil
			}
			return b.String(), err
		}
		if t.Start != last && !(last == 0 && t.Start == 3) {
			return b.String(), fmt.Errorf("token starts at %d, the one before it ended at %d", t.Start, last)
		}
		if int64(len(t.Raw)) != t.End-t.Start {
			return b.String(), fmt.Errorf("token [%d,%d) has %d raw bytes", t.Start, t.End, len(t.Raw))
		}
		last = t.End
		switch t.Kind {
		case Text, CData:
			if t.Depth > 0 {
				text = t.AppendText(append([]byte{}, text...))
			}
			continue
		}
		flush()
		fmt.Fprintf(&b, "%s %d {%s}%s", t.Kind, t.Depth, t.URI, t.Local)
		if t.Kind == Comment || t.Kind == ProcInst {
			fmt.Fprintf(&b, " %q", t.Text)
		}
		for i := range t.Decls {
			fmt.Fprintf(&b, " decl %s=%q", t.Decls[i].Name, t.Decls[i].URI)
		}
		for i := range t.Attrs {
			fmt.Fprintf(&b, " {%s}%s=%q", t.Attrs[i].URI, t.Attrs[i].Local, t.Attrs[i].AppendValue(nil))
		}
		b.WriteByte('\n')
	}
}

// TestManyAttributes: one that stands twice among many is found, and those that only look alike are none.
func TestManyAttributes(t *testing.T) {
	var many strings.Builder
	for i := range 300 {
		fmt.Fprintf(&many, " a%d='' p:a%d=''", (i*7)%300, i)
	}
	for _, c := range []struct{ more, twice string }{{"", ""}, {" a301=''", ""}, {" q:b='' p:b='' b=''", ""}, {" a7=''", "attribute a7 "}, {" p:a250=''", "attribute p:a250 "},
		{" r:a0='' p:a9=''", "attribute r:a0 "}, {" q:a1='' q:a1=''", "attribute q:a1 "}} {
		doc := "<e xmlns:p='u' xmlns:q='v' xmlns:r='u'" + many.String() + c.more + "/>"
		s := NewBytes([]byte(doc), Limits{MaxAttrs: 1000})
		tok, err := s.Next()
		var syntax *SyntaxError
		switch {
		case c.twice == "" && (err != nil || len(tok.Attrs) < 600 || string(tok.Attrs[1].Name) != "p:a0"):
			t.Errorf("with%s: %v", c.more, err)
		case c.twice != "" && (!errors.As(err, &syntax) || syntax.Kind != DuplicateAttribute || !strings.HasPrefix(syntax.Msg, c.twice) || syntax.Offset < int64(len(doc)-len(c.more)-2)):
			t.Errorf("with%s: %v", c.more, err)
		}
	}
}

func TestTokens(t *testing.T) {
	for _, c := range []struct{ name, doc, want string }{
		{"plain", "<a>x</a>", "start 1 {}a\ntext \"x\"\nend 1 {}a\n"},
		{"empty element", "<a/>", "start 1 {}a\nend 1 {}a\n"},
		{"byte order mark and declaration", "\xEF\xBB\xBF<?xml version='1.0' encoding='utf-8' standalone='no' ?>\n<a/>\n",
			"xmldecl 0 {}xml\nstart 1 {}a\nend 1 {}a\n"},
		{"prefix and default", `<p:a xmlns:p="u1" xmlns="u2" p:x="1" x="2"><b/><p:c/></p:a>`,
			"start 1 {u1}a decl xmlns:p=\"u1\" decl xmlns=\"u2\" {u1}x=\"1\" {}x=\"2\"\nstart 2 {u2}b\nend 2 {u2}b\nstart 2 {u1}c\nend 2 {u1}c\nend 1 {u1}a\n"},
		{"bindings end with their element", `<a><b xmlns="u"/><b/></a>`,
			"start 1 {}a\nstart 2 {u}b decl xmlns=\"u\"\nend 2 {u}b\nstart 2 {}b\nend 2 {}b\nend 1 {}a\n"},
		{"default taken back", `<a xmlns="u"><b xmlns=""/></a>`,
			"start 1 {u}a decl xmlns=\"u\"\nstart 2 {}b decl xmlns=\"\"\nend 2 {}b\nend 1 {u}a\n"},
		{"references", "<a b='&lt;&#65;\t\n\r\n&#10;&quot;'>&amp;&#x42;&gt;\r\nx\ry</a>",
			"start 1 {}a {}b=\"<A   \\n\\\"\"\ntext \"&B>\\nx\\ny\"\nend 1 {}a\n"},
		{"section", "<a>1<![CDATA[<&]]]\r\n]]]>2</a>", "start 1 {}a\ntext \"1<&]]]\\n]2\"\nend 1 {}a\n"},
		{"comments and instructions", "<!--c--><?p  d ?><a><!----><?q?></a><?r s?><!-- - -->",
			"comment 0 {} \"c\"\npi 0 {}p \"d \"\nstart 1 {}a\ncomment 1 {} \"\"\npi 1 {}q \"\"\nend 1 {}a\npi 0 {}r \"s\"\ncomment 0 {} \" - \"\n"},
		{"xml prefix", `<a xml:lang="vi" xmlns:xml="http://www.w3.org/XML/1998/namespace"/>`,
			"start 1 {}a decl xmlns:xml=\"http://www.w3.org/XML/1998/namespace\" {http://www.w3.org/XML/1998/namespace}lang=\"vi\"\nend 1 {}a\n"},
		{"Vietnamese names and text", "<văn_bản số='7816/VPCP-TTĐT'>Đỗ Thị Hường</văn_bản >",
			"start 1 {}văn_bản {}số=\"7816/VPCP-TTĐT\"\ntext \"Đỗ Thị Hường\"\nend 1 {}văn_bản\n"},
		{"brackets in text", "<a>]] ]>x]]</a>", "start 1 {}a\ntext \"]] ]>x]]\"\nend 1 {}a\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := dump(NewBytes([]byte(c.doc), Limits{}))
			if err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
		})
	}
}

// refusals lists what must not be read, with the kind it is refused as.
var refusals = []struct {
	name, doc string
	kind      ErrorKind
}{
	{"empty", "", Truncated},
	{"only white space", " \n", Truncated},
	{"only a mark", "\xEF\xBB\xBF", Truncated},
	{"stray text before", "1212<?xml version=\"1.0\"?><a/>", Malformed},
	{"space before the declaration", " <?xml version=\"1.0\"?><a/>", Malformed},
	{"cut in a tag", "<a b='", Truncated},
	{"cut in text", "<a>x", Truncated},
	{"cut in a reference", "<a>&am", Truncated},
	{"cut in a character", "<a>\xC4", Truncated},
	{"cut in a section", "<a><![CDATA[x]]", Truncated},
	{"cut in a comment", "<a><!-- ", Truncated},
	{"cut in an end tag", "<a></a", Truncated},
	{"cut after CR", "<a>x\r", Truncated},
	{"two roots", "<a/><b/>", Malformed},
	{"text behind", "<a/>x", Malformed},
	{"reference behind", "<a/>&#32;", Malformed},
	{"section behind", "<a/><![CDATA[]]>", Malformed},
	{"wrong end", "<a></b>", Malformed},
	{"longer end", "<a></ab>", Malformed},
	{"shorter end", "<ab></a>", Malformed},
	{"end alone", "</a>", Malformed},
	{"attribute twice", "<a b='1' b='2'/>", DuplicateAttribute},
	{"attribute twice by namespace", "<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>", DuplicateAttribute},
	{"declaration twice", "<a xmlns:p='u' xmlns:p='u'/>", DuplicateAttribute},
	{"default twice", "<a xmlns='u' xmlns='v'/>", DuplicateAttribute},
	{"undeclared element prefix", "<p:a/>", UndeclaredPrefix},
	{"undeclared attribute prefix", "<a p:b='1'/>", UndeclaredPrefix},
	{"prefix out of scope", "<a><b xmlns:p='u'/><p:c/></a>", UndeclaredPrefix},
	{"prefix bound to nothing", "<a xmlns:p=''/>", BadNamespace},
	{"xmlns declared", "<a xmlns:xmlns='u'/>", BadNamespace},
	{"xmlns element", "<xmlns:a/>", UndeclaredPrefix},
	{"xml bound elsewhere", "<a xmlns:xml='u'/>", BadNamespace},
	{"other prefix bound to xml", "<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>", BadNamespace},
	{"default bound to xml", "<a xmlns='http://www.w3.org/XML/1998/namespace'/>", BadNamespace},
	{"bound to xmlns", "<a xmlns:p='http://www.w3.org/2000/xmlns/'/>", BadNamespace},
	{"no space between attributes", "<a b='1'c='2'/>", Malformed},
	{"no quotes", "<a b=1/>", Malformed},
	{"no value", "<a b/>", Malformed},
	{"less-than in a value", "<a b='<'/>", Malformed},
	{"two colons", "<a xmlns:p='u'><p:b:c/></a>", Malformed},
	{"colon first", "<:a/>", Malformed},
	{"colon last", "<a:/>", Malformed},
	{"digit after the colon", "<a xmlns:p='u'><p:1/></a>", Malformed},
	{"digit first", "<1a/>", Malformed},
	{"space first", "< a/>", Malformed},
	{"slash inside", "<a / >", Malformed},
	{"document type", "<!DOCTYPE a><a/>", DTD},
	{"document type with entities", "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", DTD},
	{"entity", "<a>&e;</a>", Entity},
	{"entity in a value", "<a b='&nbsp;'/>", Entity},
	{"bare ampersand", "<a>a & b</a>", Malformed},
	{"reference to NUL", "<a>&#0;</a>", Malformed},
	{"reference to a surrogate", "<a>&#xD800;</a>", Malformed},
	{"reference too large", "<a>&#x110000;</a>", Malformed},
	{"endless reference", "<a>&#" + strings.Repeat("0", 1000) + "65;</a>", Malformed},
	{"endless entity", "<a>&" + strings.Repeat("e", 1000), Entity},
	{"upper-case X", "<a>&#X41;</a>", Malformed},
	{"section end in text", "<a>]]></a>", Malformed},
	{"two hyphens", "<a><!-- -- --></a>", Malformed},
	{"three hyphens", "<a><!-- ---></a>", Malformed},
	{"declaration inside", "<a><?xml version='1.0'?></a>", Malformed},
	{"reserved target", "<a><?XmL x?></a>", Malformed},
	{"target with colon", "<a><?p:q x?></a>", BadNamespace},
	{"no target", "<a><? x?></a>", Malformed},
	{"closed too early", "<a><?></a>", Malformed},
	{"no target but data", "<a><?></a>?>", Malformed},
	{"version 1.1", "<?xml version='1.1'?><a/>", Malformed},
	{"no version", "<?xml encoding='UTF-8'?><a/>", Malformed},
	{"bad standalone", "<?xml version='1.0' standalone='maybe'?><a/>", Malformed},
	{"declaration in wrong order", "<?xml version='1.0' standalone='no' encoding='UTF-8'?><a/>", Malformed},
	{"other encoding", "<?xml version='1.0' encoding='ISO-8859-1'?><a/>", Encoding},
	{"UTF-16 with mark", "\xFE\xFF\x00<\x00a", Encoding},
	{"UTF-16 without mark", "<\x00a\x00/\x00>\x00", Encoding},
	{"Latin-1 byte", "<a>\xE9t\xE9</a>", Encoding},
	{"overlong", "<a>\xC0\xAF</a>", Encoding},
	{"surrogate in UTF-8", "<a>\xED\xA0\x80</a>", Encoding},
	{"U+FFFE", "<a>\xEF\xBF\xBE</a>", Encoding},
	{"U+FFFF in a value", "<a b='\xEF\xBF\xBF'/>", Encoding},
	{"NUL", "<a>\x00</a>", Encoding},
	{"control character", "<a>12345678\x0B</a>", Encoding},
	{"control character in a value", "<a b='\x01'/>", Encoding},
	{"control character in a comment", "<a><!--\x01--></a>", Encoding},
	{"control character in an instruction", "<a><?p \x01?></a>", Encoding},
	{"control character in a section", "<a><![CDATA[\x01]]></a>", Encoding},
	{"bad character in a name", "<a\xEF\xBF\xBE/>", Encoding},
	{"unknown declaration", "<a><!ELEMENT b></a>", Malformed},
	{"deep", strings.Repeat("<a>", 65), TooDeep},
	{"big attribute", "<a b='" + strings.Repeat("x", 70<<10) + "'/>", TokenTooBig},
	{"big name", "<" + strings.Repeat("x", 70<<10), TokenTooBig},
	{"big comment", "<a><!--" + strings.Repeat("x", 70<<10) + "--></a>", TokenTooBig},
	{"big instruction", "<a><?p " + strings.Repeat("x", 70<<10) + "?></a>", TokenTooBig},
	{"big space in an end tag", "<a></a" + strings.Repeat(" ", 70<<10) + "></a>", TokenTooBig},
}

func TestRefusals(t *testing.T) {
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			check := func(how string, s *Scanner) int64 {
				_, err := dump(s)
				var se *SyntaxError
				if !errors.As(err, &se) {
					t.Fatalf("%s: error %v, want a SyntaxError of kind %v", how, err, c.kind)
				}
				if se.Kind != c.kind {
					t.Errorf("%s: kind %v, want %v: %v", how, se.Kind, c.kind, err)
				}
				if _, again := s.Next(); again != err {
					t.Errorf("%s: second error %v, want the first one again", how, again)
				}
				return se.Offset
			}
			at := check("bytes", NewBytes([]byte(c.doc), Limits{}))
			at2 := check("reader", NewReader(strings.NewReader(c.doc), Limits{}))
			if at != at2 {
				t.Errorf("offset %d over bytes, %d over a reader", at, at2)
			}
			check("one byte at a time", NewReader(iotest.OneByteReader(strings.NewReader(c.doc)), Limits{}))
		})
	}
}

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		name, doc string
		lim       Limits
		kind      ErrorKind // 0: accepted
	}{
		{"depth reached", "<a><b/></a>", Limits{MaxDepth: 2}, 0},
		{"depth passed", "<a><b><c/></b></a>", Limits{MaxDepth: 2}, TooDeep},
		{"attributes reached", "<a b='' c=''/>", Limits{MaxAttrs: 2}, 0},
		{"attributes passed", "<a b='' c='' d=''/>", Limits{MaxAttrs: 2}, TooManyAttributes},
		{"declarations count", "<a b='' c='' xmlns='u'/>", Limits{MaxAttrs: 2}, TooManyAttributes},
		{"bindings reached", "<a xmlns='u'><b xmlns:p='v'/><b xmlns:p='v'/></a>", Limits{MaxBinds: 2}, 0},
		{"bindings passed", "<a xmlns='u'><b xmlns='v'><c xmlns='w'/></b></a>", Limits{MaxBinds: 2}, TooManyAttributes},
		{"tokens reached", "<a></a>", Limits{MaxTokens: 2}, 0},
		{"tokens passed", "<a>x</a>", Limits{MaxTokens: 2}, TooManyTokens},
		{"size reached", "<a></a>", Limits{MaxSize: 7}, 0},
		{"size passed", "<a></a>\n", Limits{MaxSize: 7}, TooLarge},
		{"token reached", "<abcd/>", Limits{MaxToken: 7}, 0},
		{"token passed", "<abcde/>", Limits{MaxToken: 7}, TokenTooBig},
		{"text is not a token", "<a>" + strings.Repeat("x", 1000) + "</a>", Limits{MaxToken: 7, MaxChunk: 100}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			for how, s := range map[string]*Scanner{
				"bytes":  NewBytes([]byte(c.doc), c.lim),
				"reader": NewReader(strings.NewReader(c.doc), c.lim),
				"slow":   NewReader(iotest.OneByteReader(strings.NewReader(c.doc)), c.lim),
			} {
				_, err := dump(s)
				var se *SyntaxError
				switch {
				case c.kind == 0 && err != nil:
					t.Errorf("%s: %v", how, err)
				case c.kind != 0 && (!errors.As(err, &se) || se.Kind != c.kind):
					t.Errorf("%s: error %v, want kind %v", how, err, c.kind)
				}
			}
		})
	}
}

// TestWindow reads a document whose pieces fall on every place of a small sliding window, and compares with memory.
func TestWindow(t *testing.T) {
	piece := "<edXML:Đơn_vị a='&amp;\r\n' xmlns:q='u' q:b=\"x\">]]\r\n]]&#x110;ường]]&gt;<![CDATA[]]\r\n]]]]><!-- c --><?p d?><q:e/></edXML:Đơn_vị >\r\r\n"
	for n := range 300 {
		doc := "<edXML:r xmlns:edXML='urn:e'>" + strings.Repeat("x", n) + strings.Repeat(piece, 12) + "</edXML:r>\n"
		want, err := dump(NewBytes([]byte(doc), Limits{}))
		if err != nil {
			t.Fatal(err)
		}
		for how, r := range map[string]io.Reader{"whole": strings.NewReader(doc), "half": iotest.HalfReader(strings.NewReader(doc)),
			"with EOF": iotest.DataErrReader(strings.NewReader(doc)), "one byte": iotest.OneByteReader(strings.NewReader(doc))} {
			got, err := dump(NewReader(r, Limits{MaxToken: 150, MaxChunk: 1}))
			if err != nil {
				t.Fatalf("padding %d, %s: %v", n, how, err)
			}
			if got != want {
				t.Fatalf("padding %d, %s: got\n%swant\n%s", n, how, got, want)
			}
		}
		got, err := dump(NewBytes([]byte(doc), Limits{MaxChunk: 1}))
		if err != nil || got != want {
			t.Fatalf("padding %d, chunks: %v", n, err)
		}
	}
}

func TestSlideShowsEverything(t *testing.T) {
	doc := []byte("<r>" + strings.Repeat("<a b='c'>text</a>\n", 5000) + "</r>")
	s := NewReader(bytes.NewReader(doc), Limits{MaxToken: 200})
	var got []byte
	var next int64
	take := func() {
		base, w := s.Window()
		got = append(got, w[next-base:min(int64(len(w)), s.tok.End-base)]...)
		next = s.tok.End
	}
	s.OnSlide(take)
	for {
		if _, err := s.Next(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	take()
	if !bytes.Equal(got, doc) {
		t.Errorf("collected %d bytes through the window, document has %d", len(got), len(doc))
	}
}

func TestLine(t *testing.T) {
	doc := "<a>\n<b/>\r\n<c/>\n\n<d/></a>"
	want := map[string]int{"a": 1, "b": 2, "c": 3, "d": 5}
	for how, s := range map[string]*Scanner{"bytes": NewBytes([]byte(doc), Limits{}), "reader": NewReader(strings.NewReader(doc), Limits{MaxToken: 8, MaxChunk: 1})} {
		for {
			tok, err := s.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if tok.Kind == StartElement && s.Line(tok.Start) != want[string(tok.Local)] {
				t.Errorf("%s: <%s> at line %d, want %d", how, tok.Local, s.Line(tok.Start), want[string(tok.Local)])
			}
		}
	}
	_, err := dump(NewBytes([]byte("<a>\n\n<b></a>"), Limits{}))
	var se *SyntaxError
	if !errors.As(err, &se) || se.Line != 3 || se.Offset != 8 {
		t.Errorf("error %v, want line 3, byte 8", err)
	}
}

func TestReaderErrors(t *testing.T) {
	boom := errors.New("boom")
	s := NewReader(io.MultiReader(strings.NewReader("<a>x"), iotest.ErrReader(boom)), Limits{})
	if _, err := dump(s); !errors.Is(err, boom) {
		t.Errorf("error %v, want the reader's", err)
	}
	s = NewReader(stuck{}, Limits{})
	if _, err := dump(s); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("error %v, want no progress", err)
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

func TestFragment(t *testing.T) {
	doc := []byte("<a xmlns:p='u' xmlns='d'>\n<b xmlns:q='v'><p:c/><q:d/><e/></b></a>")
	s := NewBytes(doc, Limits{})
	var context []Binding
	var from int64
	for {
		tok, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		if tok.Kind == StartElement && string(tok.Local) == "b" {
			break
		}
		if tok.Kind == StartElement {
			context = s.Context()
		}
		from = tok.End
	}
	part := doc[from:bytes.Index(doc, []byte("</a>"))]
	var f Scanner
	f.ResetFragment(part, from, context, Limits{})
	var got []string
	for {
		tok, err := f.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if tok.Kind == StartElement {
			got = append(got, fmt.Sprintf("%d{%s}%s", tok.Start, tok.URI, tok.Local))
		}
	}
	want := "[26{d}b 41{u}c 47{v}d 53{d}e]"
	if fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestNoAllocationPerToken(t *testing.T) {
	doc := []byte("<r xmlns:p='urn:p'>" + strings.Repeat("<p:a b='c' p:d='&amp;'>văn bản &lt;</p:a>\n<c xmlns='urn:c'/>", 1000) + "</r>")
	s := NewBytes(doc, Limits{})
	run := func() {
		s.ResetBytes(doc, Limits{})
		for {
			if _, err := s.Next(); err != nil {
				if err != io.EOF {
					t.Fatal(err)
				}
				return
			}
		}
	}
	run()
	if n := testing.AllocsPerRun(5, run); n > 0 {
		t.Errorf("%v allocations for %d bytes, want none", n, len(doc))
	}
}

func BenchmarkScan(b *testing.B) {
	row := "<row><code>H02.15</code><name>Sở Nội vụ</name><v>1234</v></row>\n"
	rows := []byte("<rows>" + strings.Repeat(row, 3000) + "</rows>")
	text := []byte("<r>" + strings.Repeat(strings.Repeat("UEsDBBQA", 9)+"abcd\n", 130000) + "</r>")
	for _, c := range []struct {
		name string
		doc  []byte
	}{{"rows", rows}, {"base64", text}} {
		b.Run(c.name, func(b *testing.B) {
			s := new(Scanner)
			b.SetBytes(int64(len(c.doc)))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				s.ResetBytes(c.doc, Limits{})
				for {
					if _, err := s.Next(); err != nil {
						break
					}
					n++
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/token")
		})
	}
}
