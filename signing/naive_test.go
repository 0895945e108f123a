package signing

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sort"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/internal/xmlstream"
)

// node is one node of a tree, for a canonicaliser that does what the recommendations say, slowly.
type node struct {
	kind          xmlstream.Kind // StartElement for an element
	prefix, local string
	uri           string
	text          string
	attrs         []attribute
	scope         map[string]string // prefixes in scope, those without a namespace left out
	children      []*node
	parent        *node
}

type attribute struct{ prefix, local, uri, value string }

// tree reads a document into nodes below one that stands for the document.
func tree(doc string) (*node, error) {
	s := xmlstream.NewBytes([]byte(doc), xmlstream.Limits{})
	root := &node{scope: map[string]string{}}
	at := root
	for {
		t, err := s.Next()
		if err == io.EOF {
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		n := &node{kind: t.Kind, prefix: string(t.Prefix), local: string(t.Local), uri: t.URI, parent: at}
		switch t.Kind {
		case xmlstream.StartElement:
			n.scope = maps.Clone(at.scope)
			for _, d := range t.Decls {
				prefix := strings.TrimPrefix(strings.TrimPrefix(string(d.Name), "xmlns"), ":")
				if d.URI == "" {
					delete(n.scope, prefix)
				} else if prefix != "xml" {
					n.scope[prefix] = d.URI
				}
			}
			for _, a := range t.Attrs {
				n.attrs = append(n.attrs, attribute{string(a.Prefix), string(a.Local), a.URI, string(a.AppendValue(nil))})
			}
			at.children = append(at.children, n)
			at = n
			continue
		case xmlstream.EndElement:
			at = at.parent
			continue
		case xmlstream.XMLDecl:
			continue
		case xmlstream.Text, xmlstream.CData:
			n.text = string(t.AppendText(nil))
		default:
			n.text = string(appendLineEnds(nil, t.Text))
		}
		at.children = append(at.children, n)
	}
}

var (
	textEscapes  = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#xD;")
	valueEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;", "\t", "&#x9;", "\n", "&#xA;", "\r", "&#xD;")
)

// naive returns the canonical form of a subtree, apex, or of a document.
func naive(n *node, m c14nMethod) string {
	var b strings.Builder
	if n.kind == xmlstream.StartElement {
		naiveElement(&b, n, m, map[string]string{}, true)
		return b.String()
	}
	root := false
	for _, c := range n.children {
		switch {
		case c.kind == xmlstream.StartElement:
			naiveElement(&b, c, m, map[string]string{}, false)
			root = true
		case c.kind == xmlstream.Text || c.kind == xmlstream.Comment && !m.comments:
		case root:
			b.WriteString("\n" + naiveLeaf(c))
		default:
			b.WriteString(naiveLeaf(c) + "\n")
		}
	}
	return b.String()
}

func naiveLeaf(n *node) string {
	switch n.kind {
	case xmlstream.Comment:
		return "<!--" + n.text + "-->"
	case xmlstream.ProcInst:
		if n.text == "" {
			return "<?" + n.local + "?>"
		}
		return "<?" + n.local + " " + n.text + "?>"
	}
	return textEscapes.Replace(n.text)
}

// naiveElement writes an element. shown is what its written ancestors declare; part tells that it is the apex of a part.
func naiveElement(b *strings.Builder, n *node, m c14nMethod, shown map[string]string, part bool) {
	first := part || n.parent.kind != xmlstream.StartElement
	outer := map[string]string{} // namespace nodes of the parent, if it is written
	if !first {
		outer = n.parent.scope
	}
	shown = maps.Clone(shown)
	var decls []string
	declare := func(prefix string, known map[string]string) {
		if uri := n.scope[prefix]; uri != known[prefix] {
			decls = append(decls, prefix)
			shown[prefix] = uri
		}
	}
	used := map[string]bool{n.prefix: true}
	for _, a := range n.attrs {
		if a.prefix != "" {
			used[a.prefix] = true
		}
	}
	for prefix := range n.scope {
		used[prefix] = used[prefix] || !m.exclusive
	}
	used[""] = used[""] || !m.exclusive
	for prefix, is := range used {
		switch {
		case prefix == "xml" || slices.Contains(m.prefixes, prefix):
		case is && m.exclusive:
			declare(prefix, shown)
		case is:
			declare(prefix, outer)
		}
	}
	for _, prefix := range m.prefixes {
		if prefix != "xml" {
			declare(prefix, outer)
		}
	}
	sort.Strings(decls)
	attrs := slices.Clone(n.attrs)
	if part && !m.exclusive {
		attrs = naiveInherited(n, m)
	}
	sort.Slice(attrs, func(i, j int) bool {
		if attrs[i].uri != attrs[j].uri {
			return attrs[i].uri < attrs[j].uri
		}
		return attrs[i].local < attrs[j].local
	})
	name := func(prefix, local string) string {
		if prefix == "" {
			return local
		}
		return prefix + ":" + local
	}
	b.WriteString("<" + name(n.prefix, n.local))
	for _, prefix := range decls {
		fmt.Fprintf(b, ` %s="%s"`, strings.TrimSuffix("xmlns:"+prefix, ":"), valueEscapes.Replace(n.scope[prefix]))
	}
	for _, a := range attrs {
		fmt.Fprintf(b, ` %s="%s"`, name(a.prefix, a.local), valueEscapes.Replace(a.value))
	}
	b.WriteString(">")
	for _, c := range n.children {
		switch {
		case c.kind == xmlstream.StartElement:
			naiveElement(b, c, m, shown, false)
		case c.kind != xmlstream.Comment || m.comments:
			b.WriteString(naiveLeaf(c))
		}
	}
	b.WriteString("</" + name(n.prefix, n.local) + ">")
}

// naiveInherited returns the attributes of the apex of a part with those that it takes from its ancestors.
func naiveInherited(n *node, m c14nMethod) []attribute {
	attrs := slices.Clone(n.attrs)
	find := func(list []attribute, local string) int {
		return slices.IndexFunc(list, func(a attribute) bool { return a.uri == xmlstream.XMLNamespace && a.local == local })
	}
	var bases []string
	if i := find(attrs, "base"); i >= 0 {
		bases = append(bases, attrs[i].value)
	}
	inherited := 0
	for p := n.parent; p != nil; p = p.parent {
		for _, a := range p.attrs {
			switch {
			case a.uri != xmlstream.XMLNamespace:
			case m.v11 && a.local == "base":
				bases = slices.Insert(bases, 0, a.value)
				inherited++
			case m.v11 && a.local != "lang" && a.local != "space":
			case find(attrs, a.local) < 0:
				attrs = append(attrs, a)
			}
		}
	}
	if m.v11 && inherited > 0 {
		if i := find(attrs, "base"); i >= 0 {
			attrs = slices.Delete(attrs, i, i+1)
		}
		if joined := joinBases(bases); joined != "" {
			attrs = append(attrs, attribute{"xml", "base", xmlstream.XMLNamespace, joined})
		}
	}
	return attrs
}

// elements lists the elements of a tree in document order.
func (n *node) elements() []*node {
	var all []*node
	for _, c := range n.children {
		if c.kind == xmlstream.StartElement {
			all = append(append(all, c), c.elements()...)
		}
	}
	return all
}

// againstNaive compares the canonical forms of a document, and of one of its elements, with those of the slow way.
func againstNaive(t interface {
	Fatalf(string, ...any)
	Helper()
}, tb testing.TB, doc string, which int) {
	t.Helper()
	root, err := tree(doc)
	if err != nil {
		t.Fatalf("couldn't read %q: %v", doc, err)
	}
	all := root.elements()
	which %= len(all)
	for bits := range 12 {
		m := []c14nMethod{{}, {v11: true}, {exclusive: true}}[bits%3]
		m.comments = bits/3%2 == 1
		if m.exclusive && bits >= 6 {
			m.prefixes = []string{"q", ""}
		}
		if got, want := canonical(tb, doc, m, bits%2 == 0, nil), naive(root, m); got != want {
			t.Fatalf("%+v of %q:\ngot  %q\nwant %q", m, doc, got, want)
		}
		n := 0
		got := canonical(tb, doc, m, bits%2 == 1, func(*xmlstream.Token) bool { n++; return n == which+1 })
		if want := naive(all[which], m); got != want {
			t.Fatalf("%+v of element %d of %q:\ngot  %q\nwant %q", m, which, doc, got, want)
		}
	}
}

// TestCanonicalAgainstNaive: generated documents and each of their elements.
func TestCanonicalAgainstNaive(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		againstNaive(r, t, documents().Draw(r, "document"), rapid.IntRange(0, 1000).Draw(r, "element"))
	})
}
