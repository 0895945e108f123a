package signing

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"
)

// documents generates well-formed documents that exercise what canonicalisation has to change: declarations used, unused,
// repeated and taken back, attributes out of order, references, line ends, sections, comments and instructions.
func documents() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		pick := func(label string, from ...string) string { return rapid.SampledFrom(from).Draw(t, label) }
		b.WriteString(pick("declaration", "", "<?xml version=\"1.0\"?>", "<?xml version='1.0' encoding='UTF-8'?>\r\n"))
		b.WriteString(pick("prolog", "", "<!-- before -->", "<?before  x ?>\n", "\n\n"))
		element(t, &b, 0, map[string]bool{})
		b.WriteString(pick("epilog", "", "\n", "<!-- after -->", "<?after?>\n<!--\r\n-->"))
		return b.String()
	})
}

// uris has none with an ampersand: libxml2 forgets to escape it in canonical form, which the specification asks for.
var uris = []string{"urn:a", "urn:b", "http://example.vn/ns?x=1;y='2'"}

func element(t *rapid.T, b *strings.Builder, depth int, outer map[string]bool) {
	pick := func(label string, from ...string) string { return rapid.SampledFrom(from).Draw(t, label) }
	chance := func(label string, n int) bool { return rapid.IntRange(0, n).Draw(t, label) == 0 }
	bound := map[string]bool{}
	for p := range outer {
		bound[p] = true
	}
	space := func() string { return pick("space", " ", " ", " ", "\n\t", "  ") }
	var attrs []string
	for _, p := range []string{"p", "q", "r"} {
		if chance("declare", 4) || depth == 0 && p == "p" {
			attrs = append(attrs, fmt.Sprintf("xmlns:%s=\"%s\"", p, pick("uri", uris...)))
			bound[p] = true
		}
	}
	if chance("default", 4) {
		attrs = append(attrs, fmt.Sprintf("xmlns='%s'", pick("uri", "", "urn:a", "urn:d")))
	}
	var known []string
	for _, p := range []string{"p", "q", "r"} {
		if bound[p] {
			known = append(known, p)
		}
	}
	name := pick("local", "a", "b", "Văn_bản")
	if len(known) > 0 && chance("prefixed", 1) {
		name = pick("prefix", known...) + ":" + name
	}
	locals := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"z", "x", "số", "A"}), 0, 3, rapid.ID[string]).Draw(t, "attributes")
	for _, l := range locals {
		if len(known) > 0 && chance("prefixed attribute", 2) {
			l = pick("prefix", known...) + ":" + l
		}
		value := pick("value", "", "1", "&amp;&#10;&lt;", "Bắc Giang", "a>b", "&#34;&apos;", "a\tb\r\nc  ", "&#xD;")
		attrs = append(attrs, l+pick("equals", "=", "=", " = ")+`"`+value+`"`)
	}
	if chance("xml attribute", 5) {
		attrs = append(attrs, pick("xml", "xml:lang='vi'", "xml:space='preserve'", "xml:base='http://x.vn/a/b'", "xml:base='../c/'", "xml:base='d/e'"))
	}
	if chance("id", 3) {
		attrs = append(attrs, fmt.Sprintf("Id=\"i%d\"", b.Len()))
	}
	b.WriteString("<" + name)
	for _, i := range rapid.Permutation(indices(len(attrs))).Draw(t, "order") {
		b.WriteString(space() + attrs[i])
	}
	if chance("empty", 3) {
		b.WriteString(pick("end", "/>", " />"))
		return
	}
	b.WriteString(pick("end", ">", ">", "\n>"))
	for range rapid.IntRange(0, 5).Draw(t, "children") {
		if depth < 5 && chance("child element", 1) {
			element(t, b, depth+1, bound)
			continue
		}
		b.WriteString(pick("content", "text", "\r\n", " \n\t", "văn bản", "&lt;&#x41;&gt;&amp;", "a]]b", "<![CDATA[<&>]]]]>", "<!-- c\r\n-->", "<?p i ?>", ">", "&#13;", "&quot;", "&#x1F600;"))
	}
	b.WriteString("</" + name + pick("end tag", ">", ">", " >"))
}

func indices(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
