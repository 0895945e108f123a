package xmlstream

// Kind says what a Token is.
type Kind uint8

// The kinds of tokens.
const (
	StartElement Kind = iota + 1 // start tag, or empty-element tag (then Empty is set and an EndElement follows)
	EndElement                   // end tag; for an empty-element tag a token without bytes
	Text                         // character data, in chunks of at most Limits.MaxChunk bytes; outside the root only white space
	CData                        // a CDATA section or a chunk of one
	Comment                      // a whole comment
	ProcInst                     // a whole processing instruction: Local is its target, Text its data
	XMLDecl                      // the XML declaration
)

var kindNames = [...]string{"none", "start", "end", "text", "cdata", "comment", "pi", "xmldecl"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Token is one piece of the source. It belongs to its Scanner and is overwritten by the next call of Next.
type Token struct {
	Kind  Kind
	Empty bool // StartElement: written as <a/>

	// Text and CData only. A text with none of the three is its own canonical form, and, together
	// with !HasRef && !HasCR, its own value.
	HasRef bool // contains a character or entity reference
	HasCR  bool // contains a carriage return, which line-end normalisation changes
	HasGT  bool // contains a '>'

	Depth int // of the element (the root has 1); for other tokens, of the element they stand in (0 outside the root)

	Start, End int64  // the bytes [Start,End) of the source
	Raw        []byte // those bytes

	// StartElement and EndElement; ProcInst uses Local for its target.
	Name   []byte // as written: prefix:local
	Prefix []byte // empty without a prefix
	Local  []byte
	URI    string // namespace, "" for none

	Attrs []Attr // attributes without namespace declarations, in source order
	Decls []Attr // namespace declarations (xmlns, xmlns:p), in source order

	Binding int // index of the element's namespace in Scanner.Binding

	Text []byte // content of Text, CData, Comment and ProcInst: raw bytes without the markup around them
}

// Is reports whether t is named local in namespace uri.
func (t *Token) Is(uri, local string) bool {
	return string(t.Local) == local && t.URI == uri
}

// Attr returns the attribute with this namespace ("" for none) and local name, or nil.
func (t *Token) Attr(uri, local string) *Attr {
	for i := range t.Attrs {
		if a := &t.Attrs[i]; string(a.Local) == local && a.URI == uri {
			return a
		}
	}
	return nil
}

// AppendText appends the characters of a Text or CData token, with references replaced and line ends
// normalised to LF, and returns the extended slice.
func (t *Token) AppendText(dst []byte) []byte {
	switch {
	case !t.HasRef && !t.HasCR:
		return append(dst, t.Text...)
	case t.Kind == CData:
		return appendLines(dst, t.Text)
	}
	return appendUnescaped(dst, t.Text, false)
}

// IsSpace reports whether a Text token holds nothing but white space written as such.
func (t *Token) IsSpace() bool {
	for _, c := range t.Text {
		if !isSpace(c) {
			return false
		}
	}
	return true
}

// Attr is one attribute of a start tag, or one namespace declaration.
type Attr struct {
	Name   []byte // as written: prefix:local
	Prefix []byte
	Local  []byte
	URI    string // namespace of the attribute, "" for none; for a declaration, the URI that it declares
	Value  []byte // raw, without the quotes
	Quote  byte   // ' or "

	// Escaped tells that Value holds references or white space that attribute-value normalisation changes.
	// Without it, Value is the value.
	Escaped bool

	Binding int   // index of its namespace in Scanner.Binding; for a declaration, the binding that it makes
	Offset  int64 // of the name in the source
}

// AppendValue appends the attribute's value, references replaced and white space normalised (every
// TAB, LF, CR and CR LF that is written as such becomes one space), and returns the extended slice.
func (a *Attr) AppendValue(dst []byte) []byte {
	if !a.Escaped {
		return append(dst, a.Value...)
	}
	return appendUnescaped(dst, a.Value, true)
}

// ValueIs reports whether the attribute's normalised value is s. It does not allocate.
func (a *Attr) ValueIs(s string) bool {
	if !a.Escaped {
		return string(a.Value) == s
	}
	var tmp [256]byte
	return string(appendUnescaped(tmp[:0], a.Value, true)) == s
}

// Binding is one prefix bound to a namespace.
type Binding struct {
	Prefix string // "" for the default namespace
	URI    string // "" where the default namespace is none
	Prev   int    // the binding of the same prefix that this one hides, or -1
	Depth  int    // of the element that declares it; 0 for what was there before the root
}
