package schemas

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/tram-exchange/tram/internal/xmlstream"
)

const (
	xsiNamespace = "http://www.w3.org/2001/XMLSchema-instance"

	maxLeaf       = 32 << 10 // bytes of one text field that the reader keeps, unless its type allows more; longer ones are refused
	maxTotalText  = 16 << 20 // bytes of all text fields of one package
	maxExtensions = 64
	maxExtension  = 256 // bytes kept of the text of an extension element
	maxTokens     = 2_000_000
)

// binding says what the reader does with an element.
type binding struct {
	many    bool // may stand more than once
	warn    int  // characters above which a field is odd; 0: not judged
	limit   int  // characters above which it is refused; 0: not judged
	set     func(r *reader, v string)
	content func(r *reader, e *encoded) // a base64 leaf: kept as ranges
	open    func(r *reader, t *xmlstream.Token)
	close   func(r *reader)
}

// frame is an open element.
type frame struct {
	n          *node
	state      int16
	last       int // symbol read last, -1 at the start
	counts     int // of its children, in reader.counts
	occurrence int32
}

// keptAttr is an attribute of the element that was opened last, of a node that declares attributes.
type keptAttr struct{ local, value string }

// reader walks a document along a grammar and builds the model. One reader reads one document at a time.
type reader struct {
	scan   xmlstream.Scanner
	frames []frame
	counts []int32
	text   []byte
	arena  strings.Builder // memory of the fields read, many to one allocation

	src      Received
	opts     Options
	g        *grammar
	checkOne bool // cardinality is a rule, because the grammar leaves it open
	overflow bool
	total    int64
	kept     []keptAttr
	content  *encoded // of the base64 leaf that is open

	skipDepth int // of the skipped element, 0: none
	skipStart int64
	skipAs    skipKind
	extOpen   []int // open elements of an extension: index in extensions, -1: not kept

	kind     Kind
	problems []*Problem
	more     bool
	stop     *Refusal // first problem of the XML or schema stage
	pkg      *Package
	msg      message
	tram     tramDraft
}

type skipKind uint8

const (
	skipPlain skipKind = iota
	skipSignature
	skipUnnamespaced
	skipExtension
)

var readers = sync.Pool{New: func() any { return new(reader) }}

// Parse reads a package: strict XML, schema, rules, attachments, in one pass. The error is a *Refusal if the package
// is at fault; any other error is about reading (ctx, the source) and says nothing about the package.
//
// Memory is bounded by Limits, whatever the input; attachments stay where they are. A package that is refused is
// never returned, not even in part.
func Parse(ctx context.Context, in Received, o Options) (*Package, error) {
	r := readers.Get().(*reader)
	defer r.release()
	o.Limits = o.Limits.withDefaults()
	r.src, r.opts, r.pkg = in, o, &Package{Received: in}
	if err := r.run(ctx, nil); err != nil {
		return nil, err
	}
	return r.finish()
}

// validate reads a document along one grammar only, with no rules: for tests of what we write.
func validate(ctx context.Context, in Received, g *grammar) error {
	r := readers.Get().(*reader)
	defer r.release()
	r.src, r.opts, r.pkg = in, Options{Limits: DefaultLimits}, &Package{Received: in}
	return r.run(ctx, g)
}

// release clears what points into the package and returns the reader's memory to the pool.
func (r *reader) release() {
	r.scan.ResetBytes(nil, xmlstream.Limits{})
	*r = reader{scan: r.scan, frames: r.frames[:0], counts: r.counts[:0], text: r.text[:0], kept: r.kept[:0], extOpen: r.extOpen[:0]}
	readers.Put(r)
}

func (r *reader) run(ctx context.Context, g *grammar) error {
	lim := xmlstream.Limits{MaxSize: r.opts.Limits.MaxPackage, MaxTokens: maxTokens}
	if r.src.Size() > lim.MaxSize {
		r.fail(StageXML, &Problem{Code: TooBig, Offset: -1, Detail: fmt.Sprintf("package has %d bytes, limit is %d", r.src.Size(), lim.MaxSize)})
		return r.stop
	}
	if m, ok := r.src.Source.(interface{ Bytes() []byte }); ok {
		r.scan.ResetBytes(m.Bytes(), lim)
	} else {
		r.scan.ResetReader(io.NewSectionReader(r.src, 0, r.src.Size()), lim)
	}
	for i := 0; ; i++ {
		if i&1023 == 0 && ctx.Err() != nil {
			return fmt.Errorf("couldn't parse package: %w", ctx.Err())
		}
		t, err := r.scan.Next()
		switch {
		case err == io.EOF && r.stop != nil:
			return r.stop
		case err == io.EOF:
			return nil
		case err != nil:
			return r.scanError(err)
		case r.stop == nil:
			r.token(t, g)
		}
		// A problem of the schema is only reported once the rest has proved to be XML at all.
	}
}

func (r *reader) token(t *xmlstream.Token, g *grammar) {
	switch t.Kind {
	case xmlstream.StartElement:
		switch {
		case r.skipDepth > 0:
			r.skipInside(t)
		case len(r.frames) == 0:
			r.root(t, g)
		default:
			r.start(t)
		}
	case xmlstream.EndElement:
		if r.skipDepth > 0 {
			r.skipEnd(t)
		} else {
			r.end(t)
		}
	case xmlstream.Text, xmlstream.CData:
		if r.skipDepth > 0 {
			r.skipText(t)
		} else if len(r.frames) > 0 {
			r.chars(t)
		}
	}
}

var codeOfKind = map[xmlstream.ErrorKind]Code{
	xmlstream.Malformed: XMLMalformed, xmlstream.Truncated: XMLTruncated, xmlstream.Encoding: XMLEncoding,
	xmlstream.DTD: XMLForbidden, xmlstream.Entity: XMLForbidden, xmlstream.TooDeep: XMLTooDeep,
	xmlstream.TokenTooBig: XMLTokenTooBig, xmlstream.TooManyAttributes: XMLTokenTooBig,
	xmlstream.TooManyTokens: TooBig, xmlstream.TooLarge: TooBig, xmlstream.DuplicateAttribute: XMLDuplicateAttribute,
	xmlstream.UndeclaredPrefix: XMLUnboundPrefix, xmlstream.BadNamespace: XMLMalformed,
}

func (r *reader) scanError(err error) error {
	var se *xmlstream.SyntaxError
	if !errors.As(err, &se) {
		return fmt.Errorf("couldn't parse package: %w", err)
	}
	code, ok := codeOfKind[se.Kind]
	if !ok {
		code = XMLMalformed
	}
	r.stop = nil
	r.fail(StageXML, &Problem{Code: code, Path: r.path(), Offset: se.Offset, Detail: fmt.Sprintf("line %d: %s", se.Line, se.Msg)})
	return r.stop
}

// fail ends the reading: problems of form and schema are reported alone.
func (r *reader) fail(s Stage, p *Problem) {
	if r.stop == nil {
		r.stop = &Refusal{Stage: s, Kind: r.kind, Sender: r.sender(), Problems: []*Problem{p}}
	}
}

func (r *reader) failSchema(c Code, path string, offset int64, value, format string, args ...any) {
	r.fail(StageSchema, &Problem{Code: c, Path: path, Offset: offset, Detail: fmt.Sprintf(format, args...), Value: clip(value)})
}

// problem notes a broken rule and goes on.
func (r *reader) problem(c Code, path, value, format string, args ...any) {
	if len(r.problems) >= r.opts.Limits.MaxProblems {
		r.more = true
		return
	}
	r.problems = append(r.problems, &Problem{Code: c, Path: path, Offset: -1, Detail: fmt.Sprintf(format, args...), Value: clip(value)})
}

func (r *reader) warn(code, path, format string, args ...any) {
	if len(r.pkg.Warnings) < r.opts.Limits.MaxWarnings {
		r.pkg.Warnings = append(r.pkg.Warnings, Warning{Code: code, Path: path, Detail: fmt.Sprintf(format, args...)})
	}
}

// path is where the reader stands. Repeatable elements carry their number, from 1.
func (r *reader) path() string {
	var b strings.Builder
	for _, f := range r.frames {
		b.WriteByte('/')
		b.WriteString(f.n.name)
		if f.n.bind.many || f.occurrence > 1 {
			b.WriteByte('[')
			b.WriteString(strconv.Itoa(int(f.occurrence)))
			b.WriteByte(']')
		}
	}
	return b.String()
}

// occurrence is the number, from 1, of an open element among its like: the innermost (0), its parent (1), …
func (r *reader) occurrence(up int) int { return int(r.frames[len(r.frames)-1-up].occurrence) }

func (r *reader) root(t *xmlstream.Token, g *grammar) {
	if g == nil {
		switch t.URI {
		case NamespaceEdXML:
			g, r.checkOne = acceptGrammar(), true
		case NamespaceTram:
			g = tramGrammar()
		}
	}
	if g == nil || !t.Is(g.namespace, g.root.name) {
		r.failSchema(UnknownRoot, "/"+string(t.Local), t.Start, "{"+t.URI+"}"+string(t.Local),
			"root is neither edXML in %s nor Package in %s", NamespaceEdXML, NamespaceTram)
		return
	}
	r.g = g
	r.push(t, g.root, 1)
}

func (r *reader) push(t *xmlstream.Token, n *node, occurrence int32) {
	f := frame{n: n, last: -1, counts: len(r.counts), occurrence: occurrence}
	r.frames = append(r.frames, f)
	if !r.attributes(t, n) {
		return
	}
	for range n.symbols {
		r.counts = append(r.counts, 0)
	}
	switch n.kind {
	case leafNode:
		r.text, r.overflow = r.text[:0], false
		if n.bind.content != nil {
			r.content = new(encoded)
		}
	case opaqueNode:
		r.skip(t, skipUnnamespaced)
		return
	}
	if n.bind.open != nil {
		n.bind.open(r, t)
	}
}

// attributes judges the attributes of a start tag. xsi:type and its like would give an element another type
// than its place has, so they are refused whatever the schema says; hints where to find a schema are ignored.
func (r *reader) attributes(t *xmlstream.Token, n *node) bool {
	if len(t.Attrs) == 0 && len(n.attrs) == 0 {
		return true
	}
	r.kept = r.kept[:0]
	found := 0
	for i := range t.Attrs {
		a := &t.Attrs[i]
		if a.URI == xsiNamespace {
			if string(a.Local) == "schemaLocation" || string(a.Local) == "noNamespaceSchemaLocation" {
				continue
			}
			r.fail(StageXML, &Problem{Code: XMLInstance, Path: r.path(), Offset: a.Offset, Detail: "attribute xsi:" + string(a.Local) + " is not allowed"})
			return false
		}
		at := n.attr(a)
		if at == nil {
			if !n.anyAttr {
				r.failSchema(SchemaAttribute, r.path()+"/@"+string(a.Name), a.Offset, "", "attribute is not allowed here")
				return false
			}
			continue
		}
		raw, ok := at.text.check(a.AppendValue(nil))
		v := string(raw)
		if !ok {
			r.failSchema(SchemaAttribute, r.path()+"/@"+at.local, a.Offset, v, "attribute has a value that its type does not allow")
			return false
		}
		if at.required {
			found++
		}
		r.kept = append(r.kept, keptAttr{at.local, v})
	}
	for i := range n.attrs {
		if n.attrs[i].required {
			found--
		}
	}
	if found < 0 {
		r.failSchema(SchemaAttribute, r.path(), t.Start, "", "required attribute is missing")
		return false
	}
	return true
}

func (n *node) attr(a *xmlstream.Attr) *attrType {
	for i := range n.attrs {
		if at := &n.attrs[i]; at.local == string(a.Local) && at.uri == a.URI {
			return at
		}
	}
	return nil
}

// attr is a declared attribute of the leaf that is being read, "" if it is not there.
func (r *reader) attr(local string) string {
	for _, k := range r.kept {
		if k.local == local {
			return k.value
		}
	}
	return ""
}

// symbol finds which child of f.n a start tag is, or -1. Senders mostly keep one order, so the next one is tried first.
func (f *frame) symbol(g *grammar, t *xmlstream.Token) int {
	n := f.n
	if t.URI == g.namespace {
		for i := f.last; i <= f.last+1; i++ {
			if i >= 0 && i < len(n.children) && n.children[i].name == string(t.Local) {
				return i
			}
		}
		if i, ok := n.index[string(t.Local)]; ok {
			return i
		}
	}
	if n.wild != nil && n.wild.allows(t.URI) {
		return len(n.children)
	}
	return -1
}

func (r *reader) start(t *xmlstream.Token) {
	f := &r.frames[len(r.frames)-1]
	if f.n.kind != elementsNode {
		r.failSchema(SchemaElement, r.path()+"/"+string(t.Local), t.Start, "", "element inside a field of text")
		return
	}
	s := f.symbol(r.g, t)
	if s < 0 || f.n.next[int(f.state)*f.n.symbols+s] < 0 {
		r.unexpected(t, f, s)
		return
	}
	f.state, f.last = f.n.next[int(f.state)*f.n.symbols+s], s
	count := &r.counts[f.counts+s]
	*count++
	if s == len(f.n.children) {
		r.skip(t, r.wildKind(t, f.n))
		return
	}
	child := f.n.children[s]
	n := *count
	r.push(t, child, n)
	if n > 1 {
		r.repeated(child, n)
	}
}

// repeated judges an element that stands for the n-th time in its parent.
func (r *reader) repeated(child *node, n int32) {
	if !child.bind.many {
		if r.checkOne {
			r.problem(RepeatedField, r.path(), "", "element stands more than once")
		}
		return
	}
	limit := r.opts.Limits.MaxRepeats
	if child.name == "To" {
		limit = r.opts.Limits.MaxRecipients
	} else if child.name == "Attachment" || child.name == "Reference" {
		limit = r.opts.Limits.MaxAttachments
	}
	if int(n) > limit {
		r.fail(StageRules, &Problem{Code: TooMany, Path: r.path(), Offset: -1, Detail: fmt.Sprintf("more than %d of these", limit)})
	}
}

func (r *reader) unexpected(t *xmlstream.Token, f *frame, s int) {
	code, path := SchemaElement, r.path()+"/"+string(t.Local)
	if f.n.path == "/Package/Body" && r.g.namespace == NamespaceTram && s < 0 {
		code = UnknownKind
	}
	switch {
	case string(t.Local) == "Business" && t.URI == NamespaceEdXML:
		r.failSchema(code, path, t.Start, "", "element is not allowed here; the standard spells it Bussiness")
	case s >= 0 || r.g.namespace == t.URI:
		r.failSchema(code, path, t.Start, "", "element is not allowed here; expected %s", f.n.expected(f.state))
	default:
		r.failSchema(code, path, t.Start, t.URI, "element of this namespace is not allowed here; expected %s", f.n.expected(f.state))
	}
}

// expected lists what may come next, for a message.
func (n *node) expected(state int16) string {
	var names []string
	for s, c := range n.children {
		if n.next[int(state)*n.symbols+s] >= 0 {
			if len(names) == 8 {
				names = append(names, "…")
				break
			}
			names = append(names, c.name)
		}
	}
	if len(names) == 0 {
		return "nothing more"
	}
	return strings.Join(names, ", ")
}

func (r *reader) end(t *xmlstream.Token) {
	f := &r.frames[len(r.frames)-1]
	n := f.n
	switch n.kind {
	case leafNode:
		r.leaf(n)
	case elementsNode:
		if !n.final[f.state] {
			r.failSchema(SchemaMissing, r.path(), t.Start, "", "element ends too early; expected %s", n.expected(f.state))
			return
		}
	}
	if n.bind.close != nil {
		n.bind.close(r)
	}
	if n.name == "edXMLHeader" || n.path == "/Package/Header" {
		r.pkg.SignatureSlot = t.Start
	}
	r.counts = r.counts[:f.counts]
	r.frames = r.frames[:len(r.frames)-1]
}

// leaf ends a field of text.
func (r *reader) leaf(n *node) {
	if n.bind.content != nil {
		e := r.content
		r.content = nil
		e.end()
		n.bind.content(r, e)
		return
	}
	if r.overflow {
		// A type with a facet cannot have so much text; where the schema sets no bound, ours is a rule.
		if n.text.max >= 0 || n.text.pattern != nil || n.text.enum != nil {
			code := SchemaValue
			if n.text.max >= 0 {
				code = FieldTooLong
			}
			r.failSchema(code, r.path(), -1, "", "text of more than %d bytes", n.text.room())
		} else if n.bind.set != nil {
			r.fail(StageRules, &Problem{Code: FieldTooLong, Path: r.path(), Offset: -1, Detail: fmt.Sprintf("text of more than %d bytes", maxLeaf)})
		}
		return
	}
	raw, ok := n.text.check(r.text)
	if !ok {
		if c := utf8.RuneCount(raw); n.text.max >= 0 && c > n.text.max {
			r.failSchema(FieldTooLong, r.path(), -1, "", "field has %d characters, limit is %d", c, n.text.max)
			return
		}
		v := string(raw)
		code := SchemaValue
		if n.path == "/Package/Header/Message/Kind" {
			code = UnknownKind
		}
		r.failSchema(code, r.path(), -1, v, "text is not of the type that belongs here")
		return
	}
	if n.bind.set == nil {
		return
	}
	v := r.keep(trimSpace(raw))
	if r.total += int64(len(v)) + 32; r.total > maxTotalText {
		r.fail(StageRules, &Problem{Code: TooBig, Path: r.path(), Offset: -1, Detail: fmt.Sprintf("text fields of more than %d bytes together", maxTotalText)})
		return
	}
	r.length(n, v)
	n.bind.set(r, v)
}

const arenaSize = 2 << 10

// keep makes a string of text. Strings of one package share memory, so that a field costs no allocation of its own.
func (r *reader) keep(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if r.arena.Cap()-r.arena.Len() < len(b) {
		r.arena = strings.Builder{}
		r.arena.Grow(max(arenaSize, len(b)))
	}
	start := r.arena.Len()
	r.arena.Write(b) // within the capacity: what was kept before stays where it is
	return r.arena.String()[start:]
}

// chars takes text of the open element.
func (r *reader) chars(t *xmlstream.Token) {
	f := &r.frames[len(r.frames)-1]
	if f.n.kind == leafNode {
		if r.content != nil {
			r.content.add(t)
			return
		}
		if len(r.text)+len(t.Text) > f.n.text.room() {
			r.overflow = true
			return
		}
		r.text = t.AppendText(r.text)
		return
	}
	if t.Kind == xmlstream.Text && (t.IsSpace() || t.HasRef && len(bytes.Trim(t.AppendText(nil), " \t\r\n")) == 0) {
		return
	}
	r.failSchema(SchemaText, r.path(), t.Start, "", "text where only elements may stand")
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits
	fill := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	fillInt := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	fill(&l.MaxPackage, d.MaxPackage)
	fill(&l.MaxUnpacked, d.MaxUnpacked)
	fill(&l.MaxRatio, d.MaxRatio)
	fill(&l.RatioFloor, d.RatioFloor)
	fillInt(&l.MaxRecipients, d.MaxRecipients)
	fillInt(&l.MaxAttachments, d.MaxAttachments)
	fillInt(&l.MaxRepeats, d.MaxRepeats)
	fillInt(&l.MaxEntries, d.MaxEntries)
	fillInt(&l.MaxProblems, d.MaxProblems)
	fillInt(&l.MaxWarnings, d.MaxWarnings)
	return l
}
