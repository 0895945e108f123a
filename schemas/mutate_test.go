package schemas

import (
	"fmt"
	"math/rand/v2"
	"regexp"
)

// Mutations of packages, for the tests that compare readers. They work on the text, by its tags, so that most results
// are still XML.

var (
	tagPattern     = regexp.MustCompile(`<(/?)([A-Za-z:]+)([^<>]*?)(/?)>`)
	elementPattern = regexp.MustCompile(`<([A-Za-z:]+)(?: [^<>]*)?>[^<>]*</[A-Za-z:]+>`)
)

// mutate changes doc in one to three places.
func mutate(r *rand.Rand, doc []byte, names []string) []byte {
	for range 1 + r.IntN(3) {
		doc = mutateOnce(r, doc, names)
	}
	return doc
}

func mutateOnce(r *rand.Rand, doc []byte, names []string) []byte {
	leaves := elementPattern.FindAllIndex(doc, -1)
	tags := tagPattern.FindAllSubmatchIndex(doc, -1)
	if len(leaves) < 2 || len(tags) < 2 {
		return doc
	}
	leaf, other := leaves[r.IntN(len(leaves))], leaves[r.IntN(len(leaves))]
	tag := tags[r.IntN(len(tags))]
	cut := func(from, to int, with string) []byte {
		out := append([]byte(nil), doc[:from]...)
		return append(append(out, with...), doc[to:]...)
	}
	name := names[r.IntN(len(names))]
	switch r.IntN(18) {
	case 0: // drop a leaf
		return cut(leaf[0], leaf[1], "")
	case 1: // repeat it
		return cut(leaf[1], leaf[1], string(doc[leaf[0]:leaf[1]]))
	case 2: // move a copy
		return cut(other[1], other[1], string(doc[leaf[0]:leaf[1]]))
	case 3: // another leaf in its place
		return cut(other[0], other[1], string(doc[leaf[0]:leaf[1]]))
	case 4: // rename a leaf
		m := tagPattern.FindSubmatch(doc[leaf[0]:leaf[1]])
		text := regexp.MustCompile(regexp.QuoteMeta(string(m[2]))).ReplaceAllString(string(doc[leaf[0]:leaf[1]]), name)
		return cut(leaf[0], leaf[1], text)
	case 5: // text between elements
		return cut(tag[1], tag[1], []string{"x", " ", "\n", "&#32;", "&#x20;&#9;", "<![CDATA[]]>", "<![CDATA[ ]]>", "<![CDATA[x]]>", "<!-- x -->", "<?x y?>", "\u00a0"}[r.IntN(11)])
	case 6: // an element between elements
		forms := []string{"<%s/>", "<x:%s xmlns:x='urn:x'/>", "<%s xmlns=''/>", "<%s xmlns='http://www.w3.org/2000/09/xmldsig#'><a>t</a></%[1]s>",
			"<Signature><%s xmlns='urn:y'>t</%[1]s>t</Signature>"}
		return cut(tag[1], tag[1], fmt.Sprintf(forms[r.IntN(len(forms))], name))
	case 7: // an attribute
		if doc[tag[0]+1] == '/' {
			return doc
		}
		return cut(tag[5], tag[5], []string{` id="7"`, ` Id="a b"`, ` xmlns:q="urn:q" q:w=""`, ` xml:lang="vi"`, ` xml:space="preserve"`, ` version="2"`, ` kind="channel"`, ` kind=" organisation "`, ` from="2025-01-01"`,
			` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="none.xsd"`, ` name="x"`}[r.IntN(11)])
	case 8: // the text of a leaf
		m := tagPattern.FindAllIndex(doc[leaf[0]:leaf[1]], 2)
		texts := []string{"", " ", "x", "0", "2025-11-18", " 2025-11-18 ", "2025-11-18T01:30:00Z", "none", "agency", "H05.01", "a\nb", "a  b", "\t", "Phường Lê Lợi", "&#160;", "&amp;", "<!-- c -->H05", "<![CDATA[H05]]>", "<b/>", "12345678901234567890", "\u1ead"}
		if len(m) < 2 {
			return doc
		}
		return cut(leaf[0]+m[0][1], leaf[0]+m[1][0], texts[r.IntN(len(texts))])
	case 9: // drop a tag (mostly no XML any more)
		return cut(tag[0], tag[1], "")
	case 10: // another name space
		return cut(tag[5], tag[5], ` xmlns="urn:other"`)
	case 11: // wrap a leaf
		return cut(leaf[0], leaf[1], fmt.Sprintf("<%s>%s</%[1]s>", name, doc[leaf[0]:leaf[1]]))
	case 12: // swap two leaves
		if leaf[1] > other[0] {
			return doc
		}
		return cut(leaf[0], other[1], string(doc[other[0]:other[1]])+string(doc[leaf[1]:other[0]])+string(doc[leaf[0]:leaf[1]]))
	case 13: // another byte
		out := append([]byte(nil), doc...)
		out[r.IntN(len(out))] = byte(32 + r.IntN(96))
		return out
	case 14: // drop a range between tags
		a, b := tag, tags[r.IntN(len(tags))]
		if a[0] > b[0] {
			a, b = b, a
		}
		return cut(a[0], b[0], "")
	case 15: // empty a leaf
		m := tagPattern.FindSubmatch(doc[leaf[0]:leaf[1]])
		return cut(leaf[0], leaf[1], "<"+string(m[2])+string(m[3])+"/>")
	case 16: // drop the attributes of a tag
		return cut(tag[6], tag[7], "")
	}
	return cut(r.IntN(len(doc)), len(doc), "") // cut the end
}

// elementNames of a grammar, with and without the prefix that the vectors use.
func elementNames(g *grammar) []string {
	var names []string
	for _, n := range g.nodes {
		names = append(names, n.name)
		if g.namespace == NamespaceEdXML {
			names = append(names, "edXML:"+n.name)
		}
	}
	return names
}
