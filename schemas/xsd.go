package schemas

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// This file compiles the part of XML Schema 1.0 that our published files use into tables that the reader walks:
// named complex types of sequences, choices and wildcards; simple content; xs:string and xs:token with patterns,
// enumerations and lengths; attributes. Anything else in a file is an error. Types must not contain themselves, so
// that every element of a document has one node, with one path.

const xsdNamespace = "http://www.w3.org/2001/XMLSchema"

// grammar is a compiled schema.
type grammar struct {
	namespace string
	root      *node
	nodes     []*node
}

// node is an element of a document, by its path from the root.
type node struct {
	name string
	path string
	kind nodeKind
	text *textType // of a leaf
	bind binding

	attrs   []attrType
	anyAttr bool

	// Content of an elements node: symbol i < len(children) is children[i], the next one (if wild) the wildcard.
	children []*node
	index    map[string]int
	wild     *wildcard
	symbols  int
	next     []int16 // state*symbols+symbol → state, -1: not allowed
	final    []bool  // by state
}

type nodeKind uint8

const (
	elementsNode nodeKind = iota // element-only content
	leafNode                     // text, no children
	opaqueNode                   // anything
)

type attrType struct {
	uri, local string
	required   bool
	text       *textType
}

// wildcard is an xs:any with processContents="skip".
type wildcard struct {
	other     string // ##other: any namespace but this one and none
	namespace string // or this one only
}

func (w *wildcard) allows(uri string) bool {
	if w.namespace != "" {
		return uri == w.namespace
	}
	return uri != "" && uri != w.other
}

// textType is a simple type: xs:string (white space kept) or xs:token (collapsed) with facets.
type textType struct {
	collapse bool
	pattern  *regexp.Regexp
	enum     []string
	min, max int // characters; max < 0: open
}

// room is how many bytes of such a text are read: enough for its characters, also where each is written as a reference.
func (t *textType) room() int { return max(maxLeaf, 10*t.max) }

// check reports whether the text is of the type. It returns the text with white space as the type has it, in v's memory.
func (t *textType) check(v []byte) ([]byte, bool) {
	if t.collapse {
		v = collapse(v)
	}
	if t.min > 0 || t.max >= 0 {
		n := utf8.RuneCount(v)
		if n < t.min || t.max >= 0 && n > t.max {
			return v, false
		}
	}
	if t.enum != nil {
		found := false
		for _, e := range t.enum {
			found = found || e == string(v)
		}
		if !found {
			return v, false
		}
	}
	return v, t.pattern == nil || t.pattern.Match(v)
}

// collapse trims XML white space and turns each inner run of it into one space. It may change v.
func collapse(v []byte) []byte {
	v = trimSpace(v)
	out := v[:0]
	space := false
	for _, c := range v {
		if isSpace(c) {
			space = true
			continue
		}
		if space {
			out = append(out, ' ')
			space = false
		}
		out = append(out, c)
	}
	return out
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// trimSpace cuts XML white space at both ends.
func trimSpace(v []byte) []byte {
	for len(v) > 0 && isSpace(v[0]) {
		v = v[1:]
	}
	for len(v) > 0 && isSpace(v[len(v)-1]) {
		v = v[:len(v)-1]
	}
	return v
}

// xsdElement is an element of a schema file.
type xsdElement struct {
	name     string
	attrs    map[string]string
	prefixes map[string]string // in scope
	children []*xsdElement
}

func (e *xsdElement) find(names ...string) *xsdElement {
	for _, c := range e.children {
		for _, n := range names {
			if c.name == n {
				return c
			}
		}
	}
	return nil
}

func readXSD(src []byte) (*xsdElement, error) {
	d := xml.NewDecoder(bytes.NewReader(src))
	top := &xsdElement{prefixes: map[string]string{}}
	stack := []*xsdElement{top}
	for {
		t, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			parent := stack[len(stack)-1]
			e := &xsdElement{name: t.Name.Local, attrs: map[string]string{}, prefixes: parent.prefixes}
			if t.Name.Space != xsdNamespace {
				return nil, fmt.Errorf("unknown element {%s}%s", t.Name.Space, t.Name.Local)
			}
			for _, a := range t.Attr {
				if a.Name.Space == "xmlns" {
					m := map[string]string{a.Name.Local: a.Value}
					for k, v := range e.prefixes {
						if k != a.Name.Local {
							m[k] = v
						}
					}
					e.prefixes = m
				} else if a.Name.Space == "" {
					e.attrs[a.Name.Local] = a.Value
				}
			}
			parent.children = append(parent.children, e)
			stack = append(stack, e)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		}
	}
	if len(top.children) != 1 || top.children[0].name != "schema" {
		return nil, fmt.Errorf("root is not xs:schema")
	}
	return top.children[0], nil
}

type compiler struct {
	g     *grammar
	types map[string]*xsdElement
	binds map[string]binding
	used  map[string]bool
	open  []string // complex types being expanded
}

// compileSchema compiles the element root of a schema file. Every binding must be of a path that exists; with
// bindings given, every leaf must have one.
func compileSchema(src []byte, root string, binds map[string]binding) (*grammar, error) {
	s, err := readXSD(src)
	if err != nil {
		return nil, fmt.Errorf("couldn't read schema: %w", err)
	}
	c := &compiler{g: &grammar{namespace: s.attrs["targetNamespace"]}, types: map[string]*xsdElement{}, binds: binds, used: map[string]bool{}}
	var decl *xsdElement
	for _, e := range s.children {
		switch e.name {
		case "complexType", "simpleType":
			c.types[e.attrs["name"]] = e
		case "element":
			if e.attrs["name"] == root {
				decl = e
			}
		case "annotation", "import":
		default:
			return nil, fmt.Errorf("unknown top element xs:%s", e.name)
		}
	}
	if decl == nil {
		return nil, fmt.Errorf("no element %s", root)
	}
	if c.g.root, err = c.element(decl, ""); err != nil {
		return nil, err
	}
	for p := range binds {
		if !c.used[p] {
			return nil, fmt.Errorf("binding of %s has no element", p)
		}
	}
	return c.g, nil
}

func (c *compiler) element(e *xsdElement, parent string) (*node, error) {
	n := &node{name: e.attrs["name"], path: parent + "/" + e.attrs["name"]}
	c.g.nodes = append(c.g.nodes, n)
	n.bind = c.binds[n.path]
	c.used[n.path] = true
	if err := c.typeOf(n, e); err != nil {
		return nil, fmt.Errorf("%s: %w", n.path, err)
	}
	if c.binds != nil && n.kind == leafNode && n.bind.set == nil && n.bind.content == nil {
		return nil, fmt.Errorf("%s has no binding", n.path)
	}
	return n, nil
}

func (c *compiler) typeOf(n *node, e *xsdElement) (err error) {
	name := e.attrs["type"]
	t := c.types[name]
	if name == "" {
		return fmt.Errorf("no type")
	}
	if t == nil || t.name == "simpleType" {
		n.kind = leafNode
		n.text, err = c.simple(name)
		return err
	}
	for _, o := range c.open {
		if o == name {
			return fmt.Errorf("type %s contains itself", name)
		}
	}
	c.open = append(c.open, name)
	defer func() { c.open = c.open[:len(c.open)-1] }()
	if t.attrs["mixed"] == "true" {
		n.kind, n.anyAttr = opaqueNode, true
		return nil
	}
	if sc := t.find("simpleContent"); sc != nil {
		ext := sc.find("extension")
		n.kind = leafNode
		if n.text, err = c.simple(ext.attrs["base"]); err != nil {
			return err
		}
		return c.attributes(n, ext)
	}
	if err := c.attributes(n, t); err != nil {
		return err
	}
	return c.content(n, t)
}

func (c *compiler) attributes(n *node, t *xsdElement) (err error) {
	for _, a := range t.children {
		switch a.name {
		case "anyAttribute":
			if a.attrs["processContents"] != "skip" || a.attrs["namespace"] != "" {
				return fmt.Errorf("unknown kind of anyAttribute")
			}
			n.anyAttr = true
		case "attribute":
			at := attrType{local: a.attrs["name"], required: a.attrs["use"] == "required"}
			if ref := a.attrs["ref"]; ref != "" {
				prefix, local, _ := strings.Cut(ref, ":")
				at.uri, at.local, at.text = a.prefixes[prefix], local, &textType{max: -1}
				if at.uri != NamespaceXLink || local != "href" {
					return fmt.Errorf("unknown attribute %s", ref)
				}
			} else if st := a.find("simpleType"); st != nil {
				at.text, err = c.restriction(st)
			} else {
				at.text, err = c.simple(a.attrs["type"])
			}
			if err != nil {
				return err
			}
			n.attrs = append(n.attrs, at)
		case "annotation", "sequence", "choice":
		default:
			return fmt.Errorf("unknown xs:%s", a.name)
		}
	}
	return nil
}

func (c *compiler) simple(name string) (*textType, error) {
	if name == "xs:string" {
		return &textType{max: -1}, nil
	}
	if name == "xs:token" {
		return &textType{max: -1, collapse: true}, nil
	}
	t := c.types[name]
	if t == nil || t.name != "simpleType" {
		return nil, fmt.Errorf("no simple type %s", name)
	}
	return c.restriction(t)
}

func (c *compiler) restriction(t *xsdElement) (*textType, error) {
	r := t.find("restriction")
	tt, err := c.simple(r.attrs["base"])
	if err != nil {
		return nil, err
	}
	for _, f := range r.children {
		v := f.attrs["value"]
		switch f.name {
		case "pattern":
			// The constructs that our patterns use mean the same in both languages.
			tt.pattern, err = regexp.Compile(`\A(?:` + v + `)\z`)
		case "enumeration":
			tt.enum = append(tt.enum, v)
		case "minLength":
			tt.min, err = strconv.Atoi(v)
		case "maxLength":
			tt.max, err = strconv.Atoi(v)
		case "annotation":
		default:
			err = fmt.Errorf("unknown facet xs:%s", f.name)
		}
		if err != nil {
			return nil, err
		}
	}
	return tt, nil
}
