package signing

import (
	"io"
	"slices"

	"github.com/tram-exchange/tram/internal/xmlstream"
)

// c14nMethod is one of the canonicalisations, with its parameter.
type c14nMethod struct {
	exclusive bool
	v11       bool // Canonical XML 1.1
	comments  bool
	prefixes  []string // InclusiveNamespaces PrefixList; "" stands for #default
}

// canonicalizer writes the canonical form of a document, or of one element, while a scanner reads it. Canonical form is
// mostly the source as it is: runs of source bytes are handed on without copying, and only what differs is written anew.
//
// The caller feeds it every token from the start of what is canonicalised to its end, except those of a subtree
// that is left out, and calls flush before bytes leave the scanner's window and at the end.
type canonicalizer struct {
	m   c14nMethod
	s   *xmlstream.Scanner
	out []io.Writer // hashes; other writers keep their error themselves

	pending  []byte // canonical bytes not yet hashed
	runStart int64  // source bytes [runStart,runEnd) are canonical as they stand, and follow pending
	runEnd   int64

	apex    bool       // the next start tag is the first of what is canonicalised
	whole   bool       // the whole document: what stands beside the root counts
	inherit []ancestor // xml: attributes of the apex's ancestors (not exclusive)

	// shown[i] tells that an element which was written and is still open shows the prefix of the scanner's binding i
	// bound to the namespace of binding i. Bindings 0 (no default namespace) and 1 (xml) are so from the start.
	shown []bool
	undo  []shownAt // what to take back when elements close

	render []int // bindings to write on the current tag
	order  []int // its attributes, sorted
	tag    []byte
	lent   []xmlstream.Attr // attributes with the inherited ones
}

type shownAt struct{ binding, depth int }

// ancestor is an xml: attribute in force at some place.
type ancestor struct {
	depth int
	local string
	value []byte // as it stands in canonical form
	base  string // of xml:base, the value itself
}

const (
	flushAt  = 4 << 10  // pending bytes are hashed when there are so many
	directAt = 512      // a run of at least so many is hashed in place instead of copied to pending
	runMax   = 16 << 10 // a longer run is handed on, while it is still in the processor's cache
)

// reset makes c ready for a new document (whole) or element.
func (c *canonicalizer) reset(s *xmlstream.Scanner, m c14nMethod, whole bool, out ...io.Writer) {
	c.m, c.s, c.whole, c.apex = m, s, whole, true
	c.out = append(c.out[:0], out...)
	c.pending, c.runStart, c.runEnd = c.pending[:0], 0, 0
	c.inherit = nil
	clear(c.shown)
	c.shown = append(c.shown[:0], true, true)
	c.undo = c.undo[:0]
}

// token takes the next token.
func (c *canonicalizer) token(t *xmlstream.Token) {
	// What stands as it is behind what stands as it is needs no more than these lines.
	switch t.Kind {
	case xmlstream.StartElement:
		if c.apex || len(t.Decls) > 0 || c.m.exclusive && (t.Binding >= len(c.shown) || !c.shown[t.Binding]) || !isPlain(t) || !c.extend(t) {
			c.start(t)
		}
	case xmlstream.EndElement:
		if n := len(c.undo); n > 0 && c.undo[n-1].depth >= t.Depth || len(t.Raw) != len(t.Name)+3 || !c.extend(t) {
			c.end(t)
		}
	case xmlstream.Text:
		if t.Depth > 0 && (t.HasRef || t.HasCR || t.HasGT || !c.extend(t)) {
			c.text(t)
		}
	case xmlstream.CData:
		c.tag = appendCData(c.tag[:0], t.Text)
		c.write(c.tag)
	case xmlstream.Comment:
		if c.m.comments {
			c.beside(t, appendComment(c.tag[:0], t.Text))
		}
	case xmlstream.ProcInst:
		c.beside(t, appendProcInst(c.tag[:0], t.Local, t.Text))
	}
}

// beside writes a comment or processing instruction; outside the root each stands on a line of its own.
func (c *canonicalizer) beside(t *xmlstream.Token, canonical []byte) {
	c.tag = canonical
	if t.Depth > 0 {
		c.keepOrWrite(t)
		return
	}
	if !c.whole {
		return
	}
	if c.apex { // before the root
		c.tag = append(c.tag, '\n')
		c.write(c.tag)
		return
	}
	c.write([]byte{'\n'})
	c.write(c.tag)
}

// keepOrWrite hands on the bytes of t if c.tag, their canonical form, is the same, else c.tag.
func (c *canonicalizer) keepOrWrite(t *xmlstream.Token) {
	if string(c.tag) == string(t.Raw) {
		c.keep(t.Start, t.End)
		return
	}
	c.write(c.tag)
}

// keep hands on source bytes as they stand.
func (c *canonicalizer) keep(start, end int64) {
	if start != c.runEnd {
		c.flushRun()
		c.runStart = start
	}
	c.runEnd = end
	if end-c.runStart >= runMax {
		c.flushRun()
	}
}

// extend is the quick form of keep for a token that goes on with the run, or false.
func (c *canonicalizer) extend(t *xmlstream.Token) bool {
	if t.Start != c.runEnd || t.End-c.runStart >= runMax {
		return false
	}
	c.runEnd = t.End
	return true
}

// write hands on bytes that differ from the source.
func (c *canonicalizer) write(b []byte) {
	if c.runEnd != c.runStart {
		c.flushRun()
	}
	if len(b) >= directAt {
		c.hash(b)
		return
	}
	if len(c.pending)+len(b) > flushAt {
		c.flushPending()
	}
	c.pending = append(c.pending, b...)
}

// flushRun ends the run of source bytes.
func (c *canonicalizer) flushRun() {
	if c.runStart == c.runEnd {
		return
	}
	base, w := c.s.Window()
	b := w[c.runStart-base : c.runEnd-base]
	c.runStart = c.runEnd
	if len(b) >= directAt {
		c.hash(b)
		return
	}
	if len(c.pending)+len(b) > flushAt {
		c.flushPending()
	}
	c.pending = append(c.pending, b...)
}

func (c *canonicalizer) hash(b []byte) {
	c.flushPending()
	for _, h := range c.out {
		h.Write(b)
	}
}

func (c *canonicalizer) flushPending() {
	if len(c.pending) == 0 {
		return
	}
	for _, h := range c.out {
		h.Write(c.pending)
	}
	c.pending = c.pending[:0]
}

// flush hands on everything taken so far.
func (c *canonicalizer) flush() {
	c.flushRun()
	c.flushPending()
}

// text writes character data.
func (c *canonicalizer) text(t *xmlstream.Token) {
	if !t.HasRef && !t.HasCR && !t.HasGT {
		c.keep(t.Start, t.End)
		return
	}
	c.tag = appendText(c.tag[:0], t)
	c.keepOrWrite(t)
}

// end writes an end tag.
func (c *canonicalizer) end(t *xmlstream.Token) {
	if len(c.undo) > 0 {
		c.unshow(t.Depth)
	}
	if len(t.Raw) == len(t.Name)+3 {
		c.keep(t.Start, t.End)
		return
	}
	c.tag = append(append(append(c.tag[:0], "</"...), t.Name...), '>')
	c.write(c.tag)
}

// unshow takes back what the element at this depth showed.
func (c *canonicalizer) unshow(depth int) {
	n := len(c.undo)
	for n > 0 && c.undo[n-1].depth >= depth {
		n--
		c.shown[c.undo[n].binding] = false
	}
	c.undo = c.undo[:n]
}

// start writes a start tag.
func (c *canonicalizer) start(t *xmlstream.Token) {
	if n := c.s.Bindings(); len(c.shown) < n {
		for len(c.shown) < n {
			c.shown = append(c.shown, false)
		}
	}
	// Most tags: no declarations, nothing new to show, and written as canonical form has it.
	if !c.apex && len(t.Decls) == 0 && (!c.m.exclusive || c.shown[t.Binding]) && isPlain(t) {
		c.keep(t.Start, t.End)
		return
	}
	c.render = c.render[:0]
	if c.m.exclusive {
		c.exclusiveNamespaces(t)
	} else {
		c.inclusiveNamespaces(t)
	}
	attrs := t.Attrs
	if c.apex && !c.m.exclusive && len(c.inherit) > 0 {
		attrs = c.withInherited(t)
	}
	c.tag = append(append(c.tag[:0], '<'), t.Name...)
	c.sortRender()
	for _, i := range c.render {
		b := c.s.Binding(i)
		c.tag = append(c.tag, " xmlns"...)
		if b.Prefix != "" {
			c.tag = append(append(c.tag, ':'), b.Prefix...)
		}
		c.tag = append(c.tag, '=', '"')
		c.tag = appendValueString(c.tag, b.URI)
		c.tag = append(c.tag, '"')
	}
	c.sortAttrs(attrs)
	for _, i := range c.order {
		a := &attrs[i]
		c.tag = append(append(append(c.tag, ' '), a.Name...), '=', '"')
		c.tag = appendAttr(c.tag, a)
		c.tag = append(c.tag, '"')
	}
	c.tag = append(c.tag, '>')
	c.apex = false
	c.keepOrWrite(t)
}

// isPlain reports whether a start tag without declarations is its own canonical form: sorted attributes without prefix, in
// double quotes, with nothing to escape, each behind one space. Whether the length fits tells about the spaces.
func isPlain(t *xmlstream.Token) bool {
	n := len(t.Name) + 2
	for i := range t.Attrs {
		a := &t.Attrs[i]
		if len(a.Prefix) > 0 || a.Escaped || a.Quote != '"' || n-1 >= len(t.Raw) || t.Raw[n-1] != ' ' {
			return false
		}
		if i > 0 && string(t.Attrs[i-1].Local) >= string(a.Local) {
			return false
		}
		n += len(a.Local) + len(a.Value) + 4
	}
	return len(t.Raw) == n
}

// exclusiveNamespaces finds the bindings that exclusive canonicalisation writes: those visibly used by the element or its
// attributes and not shown yet, and, like inclusive canonicalisation, those of the PrefixList.
func (c *canonicalizer) exclusiveNamespaces(t *xmlstream.Token) {
	c.show(t.Binding, t.Depth)
	for i := range t.Attrs {
		if a := &t.Attrs[i]; len(a.Prefix) > 0 {
			c.show(a.Binding, t.Depth)
		}
	}
	if c.apex || len(t.Decls) > 0 {
		for _, p := range c.m.prefixes {
			if i := c.s.Lookup(p); i >= 0 {
				c.show(i, t.Depth)
			}
		}
	}
}

// inclusiveNamespaces finds the bindings that inclusive canonicalisation writes: every one in scope that the parent
// element does not show alike; below the apex only the element's own declarations can be such.
func (c *canonicalizer) inclusiveNamespaces(t *xmlstream.Token) {
	if !c.apex {
		for i := range t.Decls {
			c.show(t.Decls[i].Binding, t.Depth)
		}
		return
	}
	for i := c.s.Bindings() - 1; i > 1; i-- {
		if c.s.Lookup(c.s.Binding(i).Prefix) == i { // not hidden
			c.show(i, t.Depth)
		}
	}
}

// show marks binding i as shown by the element at this depth, and puts it on the list to write unless an open element
// already shows its prefix bound to the same namespace.
func (c *canonicalizer) show(i, depth int) {
	if c.shown[i] {
		return
	}
	b := c.s.Binding(i)
	if b.Prefix == "xml" {
		return
	}
	outer := ""
	for k := b.Prev; k >= 0; k = c.s.Binding(k).Prev {
		if c.shown[k] {
			outer = c.s.Binding(k).URI
			break
		}
	}
	if outer != b.URI {
		c.render = append(c.render, i)
	}
	c.shown[i] = true
	c.undo = append(c.undo, shownAt{i, depth})
}

// sortRender sorts the bindings to write by prefix, the default namespace first.
func (c *canonicalizer) sortRender() {
	r := c.render
	for i := 1; i < len(r); i++ {
		for j := i; j > 0 && c.s.Binding(r[j]).Prefix < c.s.Binding(r[j-1]).Prefix; j-- {
			r[j], r[j-1] = r[j-1], r[j]
		}
	}
}

// sortAttrs sorts attributes by namespace, then local name.
func (c *canonicalizer) sortAttrs(attrs []xmlstream.Attr) {
	c.order = c.order[:0]
	if len(attrs) > 8 {
		for i := range attrs {
			c.order = append(c.order, i)
		}
		slices.SortFunc(c.order, func(i, j int) int {
			if attrLess(&attrs[i], &attrs[j]) {
				return -1
			}
			return 1 // no two are alike
		})
		return
	}
	for i := range attrs {
		c.order = append(c.order, i)
		for j := len(c.order) - 1; j > 0 && attrLess(&attrs[c.order[j]], &attrs[c.order[j-1]]); j-- {
			c.order[j], c.order[j-1] = c.order[j-1], c.order[j]
		}
	}
}

func attrLess(a, b *xmlstream.Attr) bool {
	if a.URI != b.URI {
		return a.URI < b.URI
	}
	return string(a.Local) < string(b.Local)
}

// withInherited returns the attributes of the apex with the xml: attributes of its ancestors, the nearest first, that it
// does not have itself. Canonical XML 1.1 inherits only xml:lang and xml:space, and joins xml:base.
func (c *canonicalizer) withInherited(t *xmlstream.Token) []xmlstream.Attr {
	c.lent = append(c.lent[:0], t.Attrs...)
next:
	for i := len(c.inherit) - 1; i >= 0; i-- {
		in := &c.inherit[i]
		if in.depth >= t.Depth || c.m.v11 && in.local != "lang" && in.local != "space" {
			continue
		}
		for j := range c.lent {
			if c.lent[j].URI == xmlstream.XMLNamespace && string(c.lent[j].Local) == in.local {
				continue next
			}
		}
		c.lend(in.local, in.value)
	}
	if c.m.v11 {
		c.joinBase(t)
	}
	return c.lent
}

// lend gives the apex an xml: attribute.
func (c *canonicalizer) lend(local string, canonical []byte) {
	c.lent = append(c.lent, xmlstream.Attr{Name: []byte("xml:" + local), Prefix: []byte("xml"), Local: []byte(local),
		URI: xmlstream.XMLNamespace, Value: canonical, Quote: '"', Binding: 1})
}

// joinBase replaces the xml:base of the apex by what it and those of its ancestors come to together.
func (c *canonicalizer) joinBase(t *xmlstream.Token) {
	var values []string
	for i := range c.inherit {
		if in := &c.inherit[i]; in.depth < t.Depth && in.local == "base" {
			values = append(values, in.base)
		}
	}
	if len(values) == 0 {
		return
	}
	for j := range c.lent {
		if a := &c.lent[j]; a.URI == xmlstream.XMLNamespace && string(a.Local) == "base" {
			values = append(values, string(a.AppendValue(nil)))
			c.lent = slices.Delete(c.lent, j, j+1)
			break
		}
	}
	if joined := joinBases(values); joined != "" {
		c.lend("base", appendValueString(nil, joined))
	}
}
