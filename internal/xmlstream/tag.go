package xmlstream

import (
	"bytes"
	"slices"
	"strings"
)

// view returns what one tag, comment or processing instruction may use of the window.
func (s *Scanner) view() []byte {
	v := s.buf[s.pos:]
	if len(v) > s.lim.MaxToken {
		v = v[:s.lim.MaxToken]
	}
	return v
}

// short says what it means that markup is not complete in v: it is too big, or the window too small.
func (s *Scanner) short(v []byte) status {
	if len(v) >= s.lim.MaxToken {
		return s.bad(TokenTooBig, s.pos, "markup of more than %d bytes", s.lim.MaxToken)
	}
	return more
}

// name returns the end of the name that starts at v[i] (i itself if none does) and the place of its colon, or -1.
func (s *Scanner) name(v []byte, i int) (end, colon int, st status) {
	colon = -1
	start := i
	for i < len(v) {
		c := v[i]
		if class[c]&cName != 0 {
			if class[c]&cNameStart == 0 && (i == start || i == colon+1) {
				break
			}
			i++
			continue
		}
		if c == ':' {
			if i == start || colon >= 0 {
				break
			}
			colon = i
			i++
			continue
		}
		if c < 0x80 {
			break
		}
		r, n := runeAt(v[i:])
		if n < 0 {
			return i, colon, s.bad(Encoding, s.pos+i, "invalid UTF-8 or a character that XML does not allow")
		}
		if n == 0 {
			return i, colon, more
		}
		if !isNameRune(r, i == start || i == colon+1) {
			break
		}
		i += n
	}
	if colon >= 0 && i == colon+1 && i < len(v) {
		return i, colon, s.bad(Malformed, s.pos+i, "malformed name")
	}
	return i, colon, done
}

// startTag reads a start tag or an empty-element tag at s.pos.
func (s *Scanner) startTag(t *Token) status {
	v := s.view()
	i, colon := asciiName(v)
	st := done
	if i == 0 {
		i, colon, st = s.name(v, 1)
	}
	if st == fail {
		return fail
	}
	if st == more || i == len(v) {
		return s.short(v)
	}
	if i == 1 {
		return s.bad(Malformed, s.pos, "'<' that starts no markup")
	}
	name := v[1:i]
	plen := max(colon-1, 0)
	s.attrs, s.decls = s.attrs[:0], s.decls[:0]
	empty := false
	if v[i] == '>' {
		i++
	} else {
		i, empty, st = s.attributes(v, i)
		if st == more {
			return s.short(v)
		}
		if st == fail {
			return fail
		}
	}
	return s.open(t, v[:i], name, plen, empty)
}

// asciiName is the quick way to read the name behind the '<' of v[0]: it returns its end and its colon (or -1), or 0 where
// only name can tell.
func asciiName(v []byte) (end, colon int) {
	colon = -1
	if class[v[1]]&cNameStart == 0 {
		return 0, -1
	}
	i := 2
	for i < len(v) && class[v[i]]&cName != 0 {
		i++
	}
	if i+1 < len(v) && v[i] == ':' && class[v[i+1]]&cNameStart != 0 {
		colon = i
		for i += 2; i < len(v) && class[v[i]]&cName != 0; i++ {
		}
	}
	if i >= len(v) || v[i] == ':' || v[i] >= 0x80 {
		return 0, -1
	}
	return i, colon
}

// attributes reads everything of a start tag behind its name, from v[i] to behind the '>'.
func (s *Scanner) attributes(v []byte, i int) (end int, empty bool, st status) {
	for {
		before := i
		for i < len(v) && isSpace(v[i]) {
			i++
		}
		if i >= len(v) {
			return i, false, more
		}
		switch v[i] {
		case '>':
			return i + 1, false, done
		case '/':
			if i+1 >= len(v) {
				return i, false, more
			}
			if v[i+1] != '>' {
				return i, false, s.bad(Malformed, s.pos+i, "'/' inside a tag")
			}
			return i + 2, true, done
		}
		if before == i {
			return i, false, s.bad(Malformed, s.pos+i, "no white space before an attribute")
		}
		if end := s.simpleAttribute(v, i); end > 0 {
			i = end
			if n := len(s.attrs) + len(s.decls); n > s.lim.MaxAttrs {
				return i, false, s.bad(TooManyAttributes, s.pos+i, "more than %d attributes on one element", s.lim.MaxAttrs)
			}
			continue
		}
		if i, st = s.attribute(v, i); st != done {
			return i, false, st
		}
		if n := len(s.attrs) + len(s.decls); n > s.lim.MaxAttrs {
			return i, false, s.bad(TooManyAttributes, s.pos+i, "more than %d attributes on one element", s.lim.MaxAttrs)
		}
	}
}

// simpleAttribute is the quick way to read the usual form of an attribute, an ASCII name without prefix and a plain value
// in double quotes. It returns its end, or 0 where it does not apply.
func (s *Scanner) simpleAttribute(v []byte, start int) int {
	if class[v[start]]&cNameStart == 0 || v[start] == 'x' { // it could be a declaration
		return 0
	}
	i := start + 1
	for i < len(v) && class[v[i]]&cName != 0 {
		i++
	}
	if i+2 >= len(v) || v[i] != '=' || v[i+1] != '"' {
		return 0
	}
	from := i + 2
	end := from
	for end < len(v) && class[v[end]]&cPlainAttr != 0 {
		end++
	}
	if end >= len(v) || v[end] != '"' {
		return 0
	}
	a := s.nextAttr(&s.attrs)
	a.Name, a.Local, a.Prefix = v[start:i], v[start:i], nil
	a.Value, a.Quote, a.Escaped = v[from:end], '"', false
	a.URI, a.Binding, a.Offset = "", 0, s.base+int64(s.pos+start)
	return end + 1
}

// nextAttr lengthens a list by one attribute, whose fields are those of an earlier use.
func (s *Scanner) nextAttr(list *[]Attr) *Attr {
	if len(*list) < cap(*list) {
		*list = (*list)[:len(*list)+1]
	} else {
		*list = append(*list, Attr{})
	}
	return &(*list)[len(*list)-1]
}

// attribute reads name="value" at v[i] and returns its end.
func (s *Scanner) attribute(v []byte, i int) (int, status) {
	start := i
	end, colon, st := s.name(v, i)
	if st != done {
		return i, st
	}
	if end == len(v) {
		return i, more
	}
	if end == start {
		return i, s.bad(Malformed, s.pos+i, "malformed attribute name")
	}
	for i = end; i < len(v) && isSpace(v[i]); i++ {
	}
	if i >= len(v) {
		return i, more
	}
	if v[i] != '=' {
		return i, s.bad(Malformed, s.pos+i, "attribute without '='")
	}
	for i++; i < len(v) && isSpace(v[i]); i++ {
	}
	if i >= len(v) {
		return i, more
	}
	quote := v[i]
	if quote != '"' && quote != '\'' {
		return i, s.bad(Malformed, s.pos+i, "attribute value without quotes")
	}
	i++
	from := i
	i, escaped, st := s.value(v, i, quote)
	if st != done {
		return i, st
	}
	name := v[start:end]
	isDecl := colon < 0 && string(name) == "xmlns" || colon == start+5 && string(v[start:colon]) == "xmlns"
	list := &s.attrs
	if isDecl {
		list = &s.decls
	}
	a := s.nextAttr(list)
	a.Name, a.Value, a.Quote, a.Escaped = name, v[from:i], quote, escaped
	a.URI, a.Binding, a.Offset = "", 0, s.base+int64(s.pos+start)
	if colon < 0 {
		a.Prefix, a.Local = v[start:start], name
	} else {
		a.Prefix, a.Local = v[start:colon], v[colon+1:end]
	}
	return i + 1, done
}

// value scans an attribute value from v[i] to its closing quote, whose index it returns.
func (s *Scanner) value(v []byte, i int, quote byte) (end int, escaped bool, st status) {
	for i < len(v) {
		c := v[i]
		if class[c]&cPlainAttr != 0 {
			i++
			continue
		}
		switch {
		case c == quote:
			return i, escaped, done
		case c == '"' || c == '\'':
			i++
		case c == '&':
			_, n := reference(v[i:])
			if n == 0 {
				return i, false, more
			}
			if n < 0 {
				return i, false, s.badReference(n, s.pos+i)
			}
			escaped = true
			i += n
		case c == '<':
			return i, false, s.bad(Malformed, s.pos+i, "'<' in an attribute value")
		case c >= 0x80:
			_, n := runeAt(v[i:])
			if n == 0 {
				return i, false, more
			}
			if n < 0 {
				return i, false, s.bad(Encoding, s.pos+i, "invalid UTF-8 or a character that XML does not allow")
			}
			i += n
		case isSpace(c):
			escaped = true
			i++
		default:
			return i, false, s.badByte(s.pos + i)
		}
	}
	return i, false, more
}

// open resolves the names of a start tag, puts its element on the stack and completes the token.
func (s *Scanner) open(t *Token, raw, name []byte, plen int, empty bool) status {
	if s.state == inEpilog {
		return s.bad(Malformed, s.pos, "second root element <%s>", name)
	}
	if len(s.stack) >= s.lim.MaxDepth {
		return s.bad(TooDeep, s.pos, "elements nested deeper than %d", s.lim.MaxDepth)
	}
	binds := len(s.binds)
	if len(s.decls) > 0 {
		if st := s.declare(); st != done {
			return st
		}
	}
	prefix := name[:plen]
	binding := s.parentBinding(prefix)
	if binding < 0 {
		if binding = s.resolve(prefix); binding < 0 {
			return s.bad(UndeclaredPrefix, s.pos, "prefix of <%s> is not declared", name)
		}
	}
	if len(s.attrs) > 0 {
		if st := s.resolveAttrs(); st != done {
			return st
		}
	}
	s.stack = append(s.stack, element{nameAt: len(s.names), prefixLen: plen, binding: binding, binds: binds})
	s.names = append(s.names, name...)
	s.state = inContent
	s.pendingEnd = empty
	t.Kind, t.Empty = StartElement, empty
	t.Start, t.Raw, t.Depth = s.base+int64(s.pos), raw, len(s.stack)
	s.named(t, name, plen, binding)
	t.Attrs, t.Decls = s.attrs, s.decls
	s.pos += len(raw)
	return done
}

// parentBinding is the quick way to resolve a prefix: an element that declares nothing and has its parent's
// prefix has its namespace. -1 means that it does not apply.
func (s *Scanner) parentBinding(prefix []byte) int {
	if len(s.decls) > 0 || len(s.stack) == 0 {
		return -1
	}
	p := &s.stack[len(s.stack)-1]
	if p.prefixLen != len(prefix) || string(s.names[p.nameAt:p.nameAt+p.prefixLen]) != string(prefix) {
		return -1
	}
	return p.binding
}

// resolve is find for a prefix in the window.
func (s *Scanner) resolve(prefix []byte) int {
	if len(prefix) == 0 {
		return s.noPrefix
	}
	for i := len(s.binds) - 1; i >= 0; i-- {
		if s.binds[i].Prefix == string(prefix) {
			return i
		}
	}
	return -1
}

func (s *Scanner) named(t *Token, name []byte, plen, binding int) {
	t.Name, t.Prefix, t.Local = name, name[:plen], name
	if plen > 0 {
		t.Local = name[plen+1:]
	}
	t.Binding, t.URI = binding, s.binds[binding].URI
	t.HasRef, t.HasCR, t.HasGT, t.Text = false, false, false, nil
}

// declare makes the bindings of the namespace declarations of a start tag.
func (s *Scanner) declare() status {
	for i := range s.decls {
		d := &s.decls[i]
		prefix := d.Local
		if len(d.Prefix) == 0 {
			prefix = nil
		}
		value := d.Value
		if d.Escaped {
			s.scratch = d.AppendValue(s.scratch[:0])
			value = s.scratch
		}
		at := int(d.Offset - s.base)
		isXML := string(value) == XMLNamespace
		switch {
		case string(prefix) == "xmlns":
			return s.bad(BadNamespace, at, "prefix xmlns is declared")
		case string(prefix) == "xml" && !isXML, string(prefix) != "xml" && isXML:
			return s.bad(BadNamespace, at, "prefix xml and its namespace belong to each other only")
		case string(value) == xmlnsNamespace:
			return s.bad(BadNamespace, at, "the namespace of xmlns is declared")
		case len(value) == 0 && len(prefix) > 0:
			return s.bad(BadNamespace, at, "prefix %s is bound to no namespace", prefix)
		}
		prev := s.resolve(prefix)
		if prev >= 0 && s.binds[prev].Depth == len(s.stack)+1 {
			return s.bad(DuplicateAttribute, at, "%s is declared twice", d.Name)
		}
		if len(s.binds)-s.inits >= s.lim.MaxBinds { // every prefix is looked up among them
			return s.bad(TooManyAttributes, at, "more than %d namespace declarations in scope", s.lim.MaxBinds)
		}
		d.URI, d.Binding = s.intern(value), len(s.binds)
		s.binds = append(s.binds, Binding{Prefix: s.intern(prefix), URI: d.URI, Prev: prev, Depth: len(s.stack) + 1})
		if len(prefix) == 0 {
			s.noPrefix = d.Binding
		}
	}
	return done
}

// resolveAttrs finds the namespaces of the attributes and refuses duplicates.
func (s *Scanner) resolveAttrs() status {
	few := len(s.attrs) <= fewAttrs
	for i := range s.attrs {
		a := &s.attrs[i]
		if len(a.Prefix) > 0 {
			if a.Binding = s.resolve(a.Prefix); a.Binding < 0 {
				return s.bad(UndeclaredPrefix, int(a.Offset-s.base), "prefix of attribute %s is not declared", a.Name)
			}
			a.URI = s.binds[a.Binding].URI
		}
		if !few {
			continue
		}
		for j := range s.attrs[:i] {
			b := &s.attrs[j]
			if len(a.Local) != len(b.Local) || a.URI != b.URI || !bytes.Equal(a.Local, b.Local) {
				continue
			}
			return s.duplicate(a)
		}
	}
	if few {
		return done
	}
	return s.distinct()
}

// fewAttrs is how many attributes are compared each with each.
const fewAttrs = 24

func (s *Scanner) duplicate(a *Attr) status {
	return s.bad(DuplicateAttribute, int(a.Offset-s.base), "attribute %s stands twice on one element", a.Name)
}

// distinct looks for an attribute that stands twice among many, by sorting.
func (s *Scanner) distinct() status {
	s.order = s.order[:0]
	for i := range s.attrs {
		s.order = append(s.order, i)
	}
	compare := func(i, j int) int {
		a, b := &s.attrs[i], &s.attrs[j]
		if c := bytes.Compare(a.Local, b.Local); c != 0 {
			return c
		}
		return strings.Compare(a.URI, b.URI)
	}
	slices.SortFunc(s.order, compare)
	second := -1
	for k := 1; k < len(s.order); k++ {
		if i, j := s.order[k-1], s.order[k]; compare(i, j) == 0 && (second < 0 || max(i, j) < second) {
			second = max(i, j)
		}
	}
	if second >= 0 {
		return s.duplicate(&s.attrs[second])
	}
	return done
}

// endTag reads an end tag at s.pos.
func (s *Scanner) endTag(t *Token) status {
	if len(s.stack) == 0 {
		return s.bad(Malformed, s.pos, "end tag without a start tag")
	}
	v := s.view()
	e := &s.stack[len(s.stack)-1]
	want := s.names[e.nameAt:]
	n := 2 + len(want)
	if shown := v[2:min(len(v), n)]; !bytes.HasPrefix(want, shown) {
		return s.bad(Malformed, s.pos, "end tag does not match <%s>", want)
	}
	if len(v) <= n {
		return s.short(v)
	}
	if v[n] == '>' {
		n++
	} else {
		i := skipSpace(v, n)
		if i == len(v) {
			return s.short(v)
		}
		if i == n || v[i] != '>' {
			return s.bad(Malformed, s.pos, "end tag does not match <%s>", want)
		}
		n = i + 1
	}
	t.Kind, t.Empty = EndElement, false
	t.Start, t.Raw, t.Depth = s.base+int64(s.pos), v[:n], len(s.stack)
	s.named(t, want, e.prefixLen, e.binding)
	t.Attrs, t.Decls = nil, nil
	s.pos += n
	s.pendingPop = true
	return done
}

// emptyEnd makes the end token that follows an empty-element tag.
func (s *Scanner) emptyEnd() (*Token, error) {
	s.pendingEnd = false
	t := &s.tok
	e := &s.stack[len(s.stack)-1]
	t.Kind, t.Empty = EndElement, true
	t.Start, t.End, t.Raw, t.Depth = s.base+int64(s.pos), s.base+int64(s.pos), nil, len(s.stack)
	s.named(t, s.names[e.nameAt:], e.prefixLen, e.binding)
	t.Attrs, t.Decls = nil, nil
	s.pendingPop = true
	return t, nil
}

// pop takes the element whose end was sent off the stack, with its bindings.
func (s *Scanner) pop() {
	s.pendingPop = false
	e := &s.stack[len(s.stack)-1]
	s.names = s.names[:e.nameAt]
	if s.noPrefix >= e.binds {
		s.noPrefix = s.binds[s.noPrefix].Prev
	}
	s.binds = s.binds[:e.binds]
	s.stack = s.stack[:len(s.stack)-1]
	if len(s.stack) == 0 {
		s.state = inEpilog
	}
}
