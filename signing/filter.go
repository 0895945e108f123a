package signing

import (
	"strings"

	"github.com/tram-exchange/tram/internal/xmlstream"
)

// signatureFilter reads the one XPath transform that is accepted, in both forms that XML Signature has for XPath: all Signature elements
// are left out. It is what EU DSS writes instead of enveloped-signature. Nothing is evaluated: the expression must be
// the usual one, letter by letter but for the prefix.
//
//	<Transform Algorithm="http://www.w3.org/2002/06/xmldsig-filter2"><f:XPath Filter="subtract">/descendant::ds:Signature</f:XPath></Transform>
//	<Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><XPath>not(ancestor-or-self::ds:Signature)</XPath></Transform>
type signatureFilter struct {
	s       *xmlstream.Scanner
	uri     string // of the open Transform, "" outside one
	inside  bool   // the expression
	text    []byte
	allowed []string
	fits    bool
}

func (f *signatureFilter) open(uri string) {
	f.uri, f.inside, f.fits, f.allowed = uri, false, false, nil
}

// start takes the element with the expression, and reports whether it may stand there.
func (f *signatureFilter) start(t *xmlstream.Token) bool {
	if t.Depth != 5 || f.allowed != nil {
		return false
	}
	before, after := "/descendant::", ":Signature"
	if f.uri == transformXPath {
		if !t.Is(dsNamespace, "XPath") || len(t.Attrs) > 0 {
			return false
		}
		before, after = "not(ancestor-or-self::", ":Signature)"
	} else if a := t.Attr("", "Filter"); !t.Is(transformFilter, "XPath") || len(t.Attrs) != 1 || a == nil || !a.ValueIs("subtract") {
		return false
	}
	f.allowed = []string{}
	for i := range f.s.Bindings() {
		if b := f.s.Binding(i); b.URI == dsNamespace && b.Prefix != "" && f.s.Lookup(b.Prefix) == i {
			f.allowed = append(f.allowed, before+b.Prefix+after)
		}
	}
	f.inside, f.text = true, f.text[:0]
	return true
}

func (f *signatureFilter) take(t *xmlstream.Token) {
	if len(f.text) <= maxText {
		f.text = t.AppendText(f.text)
	}
}

// end takes the end of the expression (depth 5) or of the Transform.
func (f *signatureFilter) end(p *infoParser, depth int) {
	if f.uri == "" {
		return
	}
	if depth == 5 {
		text := strings.TrimSpace(string(f.text))
		for _, a := range f.allowed {
			f.fits = f.fits || a == text
		}
		f.inside = false
		return
	}
	if f.fits {
		p.si.refs[len(p.si.refs)-1].NoSignatures = true
	} else {
		p.si.refuse(TransformRefused, "XPath but the one that leaves out signatures")
	}
	f.uri = ""
}
