package signing

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"io"
	"slices"
	"strings"

	"github.com/tram-exchange/tram/internal/xmlstream"
)

var strictBase64 = base64.StdEncoding.Strict()

const (
	maxPrefixes   = 64  // of one PrefixList
	maxTransforms = 2   // of one reference
	maxText       = 512 // of one DigestValue
)

// signedInfo is what a SignedInfo element says.
type signedInfo struct {
	methodURI    string
	method       c14nMethod
	algorithmURI string
	algorithm    signatureAlgorithm
	refs         []reference

	first *RefusedError
}

// reference is one Reference of it.
type reference struct {
	ReferenceResult
	hasURI     bool
	transforms int
	hasC14N    bool
	method     c14nMethod
	hash       crypto.Hash
	want       []byte // DigestValue
	src        Source // what an external reference leads to
	seen       int    // children so far
}

// refuse keeps the refusal that comes first in the document.
func (si *signedInfo) refuse(r Refusal, format string, args ...any) {
	if si.first == nil {
		si.first = refusef(r, format, args...)
	}
}

// The children of Reference, in order.
const (
	refNothing = iota
	refTransforms
	refDigestMethod
	refDigestValue
)

// infoParser reads a SignedInfo element, strictly: nothing that it does not know may stand in it.
type infoParser struct {
	si     *signedInfo
	o      *VerifyOptions
	second string // name of the open child of SignedInfo
	third  string // and of its open child
	method *c14nMethod
	exc    bool // the open Transform or CanonicalizationMethod is exclusive and may have a PrefixList
	text   []byte
	inText bool
	filter signatureFilter
}

// parseSignedInfo reads part, the bytes of a SignedInfo element that was found in a well-formed document.
func parseSignedInfo(s *xmlstream.Scanner, part []byte, r *rawSignature, o *VerifyOptions) (*signedInfo, error) {
	p := infoParser{si: new(signedInfo), o: o}
	p.filter.s = s
	s.ResetFragment(part, r.signedInfo.Start, r.context, o.XML)
	for {
		t, err := s.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		switch t.Kind {
		case xmlstream.StartElement:
			if t.Depth > 1 {
				p.start(t)
			}
		case xmlstream.EndElement:
			p.end(t)
		case xmlstream.Text, xmlstream.CData:
			if p.inText {
				if p.text = t.AppendText(p.text); len(p.text) > maxText {
					p.si.refuse(MalformedSignature, "DigestValue of more than %d bytes", maxText)
					p.text = p.text[:0]
				}
			} else if p.filter.inside {
				p.filter.take(t)
			} else if t.Kind == xmlstream.CData || t.HasRef || !t.IsSpace() {
				p.si.refuse(MalformedSignature, "text between the elements of SignedInfo")
			}
		default:
			if p.inText || p.filter.inside {
				p.si.refuse(MalformedSignature, "comment or processing instruction inside a value")
			}
		}
	}
	p.complete()
	return p.si, nil
}

func (p *infoParser) complete() {
	si := p.si
	switch {
	case si.first != nil:
	case si.methodURI == "" || si.algorithmURI == "":
		si.refuse(MalformedSignature, "CanonicalizationMethod or SignatureMethod is missing")
	case len(si.refs) == 0:
		si.refuse(NoReferences, "")
	}
}

func (p *infoParser) start(t *xmlstream.Token) {
	si := p.si
	if p.filter.uri != "" {
		if !p.filter.start(t) {
			si.refuse(TransformRefused, "transform with <%s>", t.Name)
		}
		return
	}
	if t.URI != dsNamespace && !(t.URI == excNamespace && string(t.Local) == "InclusiveNamespaces") {
		if p.third == "Transforms" {
			si.refuse(TransformRefused, "transform with <%s>", t.Name)
		} else {
			si.refuse(MalformedSignature, "unknown element <%s> in SignedInfo", t.Name)
		}
		return
	}
	switch t.Depth {
	case 2:
		p.second = string(t.Local)
		p.child(t)
	case 3:
		p.third = string(t.Local)
		switch {
		case p.second == "Reference":
			p.referenceChild(t)
		case p.second == "CanonicalizationMethod" && p.third == "InclusiveNamespaces" && p.exc:
			p.prefixList(t)
		case p.second == "SignatureMethod" && t.URI == dsNamespace:
			si.refuse(AlgorithmRefused, "signature algorithm with parameter <%s>", t.Name)
		default:
			si.refuse(MalformedSignature, "<%s> out of place in SignedInfo", t.Name)
		}
	case 4:
		if p.second == "Reference" && p.third == "Transforms" && t.Is(dsNamespace, "Transform") {
			p.transform(t)
		} else {
			si.refuse(MalformedSignature, "<%s> out of place in SignedInfo", t.Name)
		}
	default:
		if t.Depth == 5 && p.second == "Reference" && p.third == "Transforms" {
			if t.URI == excNamespace && p.exc {
				p.prefixList(t)
			} else {
				si.refuse(TransformRefused, "transform with <%s>", t.Name)
			}
			return
		}
		si.refuse(MalformedSignature, "<%s> out of place in SignedInfo", t.Name)
	}
}

// child reads a child of SignedInfo: one CanonicalizationMethod, one SignatureMethod, then references.
func (p *infoParser) child(t *xmlstream.Token) {
	si := p.si
	switch {
	case p.second == "CanonicalizationMethod" && si.methodURI == "" && si.algorithmURI == "":
		si.methodURI = algorithm(t)
		m, ok := canonicalizations[si.methodURI]
		if !ok {
			si.refuse(AlgorithmRefused, "canonicalisation %q", si.methodURI)
		}
		si.method, p.method, p.exc = m, &si.method, m.exclusive
	case p.second == "SignatureMethod" && si.methodURI != "" && si.algorithmURI == "":
		si.algorithmURI = algorithm(t)
		a, ok := p.o.algorithm(si.algorithmURI)
		if !ok {
			si.refuse(AlgorithmRefused, "signature algorithm %q", si.algorithmURI)
		}
		si.algorithm = a
	case p.second == "Reference" && si.algorithmURI != "":
		if len(si.refs) >= p.o.MaxReferences {
			si.refuse(TooManyReferences, "more than %d references", p.o.MaxReferences)
			p.second = ""
			return
		}
		var ref reference
		if a := t.Attr("", "URI"); a != nil {
			ref.hasURI, ref.URI = true, string(a.AppendValue(nil))
		}
		if a := t.Attr("", "Id"); a != nil {
			ref.ID = string(a.AppendValue(nil))
		}
		if a := t.Attr("", "Type"); a != nil {
			ref.Type = string(a.AppendValue(nil))
		}
		si.refs = append(si.refs, ref)
	default:
		si.refuse(MalformedSignature, "<%s> out of place in SignedInfo", t.Name)
		p.second = ""
	}
}

func (p *infoParser) referenceChild(t *xmlstream.Token) {
	si := p.si
	ref := &si.refs[len(si.refs)-1]
	at := refNothing
	switch p.third {
	case "Transforms":
		at = refTransforms
	case "DigestMethod":
		at = refDigestMethod
		ref.Digest = algorithm(t)
		h, ok := p.o.digest(ref.Digest)
		if !ok {
			si.refuse(AlgorithmRefused, "digest %q", ref.Digest)
		}
		ref.hash = h
	case "DigestValue":
		at = refDigestValue
		p.inText, p.text = true, p.text[:0]
	}
	if at <= ref.seen || at > refDigestMethod && ref.seen != refDigestMethod {
		si.refuse(MalformedSignature, "<%s> out of place in Reference", t.Name)
	}
	ref.seen = at
}

func (p *infoParser) transform(t *xmlstream.Token) {
	si := p.si
	ref := &si.refs[len(si.refs)-1]
	uri := algorithm(t)
	p.exc = false
	if ref.transforms++; ref.transforms > maxTransforms {
		si.refuse(TransformRefused, "more than %d transforms", maxTransforms)
		return
	}
	m, isC14N := canonicalizations[uri]
	switch {
	case uri == transformEnveloped && ref.transforms == 1:
		ref.Enveloped = true
	case uri == transformBase64 && ref.transforms == 1:
		ref.Base64 = true
	case (uri == transformFilter || uri == transformXPath) && ref.transforms == 1:
		p.filter.open(uri)
	case isC14N && !ref.hasC14N && !ref.Base64:
		ref.hasC14N, ref.Method = true, uri
		ref.method = m
		p.method, p.exc = &ref.method, m.exclusive
	default:
		si.refuse(TransformRefused, "transform %q in place %d", uri, ref.transforms)
	}
}

// prefixList reads InclusiveNamespaces, once per method.
func (p *infoParser) prefixList(t *xmlstream.Token) {
	p.exc = false
	a := t.Attr("", "PrefixList")
	if a == nil {
		p.si.refuse(MalformedSignature, "InclusiveNamespaces without PrefixList")
		return
	}
	list := strings.Fields(string(a.AppendValue(nil)))
	if len(list) > maxPrefixes {
		p.si.refuse(MalformedSignature, "PrefixList of %d prefixes, limit is %d", len(list), maxPrefixes)
		return
	}
	for i, prefix := range list {
		if prefix == "#default" {
			list[i] = ""
		}
	}
	p.method.prefixes = list
}

func (p *infoParser) end(t *xmlstream.Token) {
	switch t.Depth {
	case 4, 5:
		p.filter.end(p, t.Depth)
	case 2:
		if p.second == "Reference" {
			p.endReference()
		}
		p.second, p.third, p.exc = "", "", false
	case 3:
		if p.inText {
			p.digestValue()
		}
		p.third, p.inText = "", false
	}
}

func (p *infoParser) digestValue() {
	ref := &p.si.refs[len(p.si.refs)-1]
	want, err := decodeBase64(p.text)
	if err != nil {
		p.si.refuse(MalformedSignature, "DigestValue: %v", err)
		return
	}
	if ref.hash != 0 && len(want) != ref.hash.Size() {
		p.si.refuse(MalformedSignature, "DigestValue of %d bytes, its algorithm has %d", len(want), ref.hash.Size())
	}
	ref.want = bytes.Clone(want)
	ref.DigestValue = ref.want
}

func (p *infoParser) endReference() {
	si := p.si
	ref := &si.refs[len(si.refs)-1]
	if ref.seen != refDigestValue {
		si.refuse(MalformedSignature, "Reference without DigestMethod or DigestValue")
	}
	external := ref.URI != "" && ref.URI[0] != '#'
	if !ref.hasC14N && !ref.Base64 && !external { // what the standard implies where no canonicalisation is named
		ref.Method, ref.method = C14N10, c14nMethod{}
	}
	switch {
	case !ref.hasURI, ref.URI == "#":
		si.refuse(UnsupportedReference, "reference without a URI")
	case ref.URI == "" && ref.Base64:
		si.refuse(TransformRefused, "base64 of the whole document")
	case ref.URI == "":
	case external:
		p.external(ref)
	case strings.HasPrefix(ref.URI, "#xpointer(") && (p.o.lab == nil || !p.o.lab.xpointer):
		si.refuse(UnsupportedReference, "%q", ref.URI)
	}
}

// external asks for what a reference out of the document leads to.
func (p *infoParser) external(ref *reference) {
	if p.o.Detached != nil {
		ref.src, ref.External = p.o.Detached(ref.URI)
	}
	switch {
	case !ref.External || ref.src == nil:
		ref.External = false
		p.si.refuse(ExternalReference, "%q", ref.URI)
	case ref.Enveloped:
		p.si.refuse(TransformRefused, "enveloped-signature of %q, which does not hold the signature", ref.URI)
	}
}

// algorithm returns the Algorithm attribute of an element, or "".
func algorithm(t *xmlstream.Token) string {
	a := t.Attr("", "Algorithm")
	if a == nil {
		return ""
	}
	return string(a.AppendValue(nil))
}

// digestsOf returns the digest algorithms of the references, each once.
func (si *signedInfo) digestsOf() []string {
	var all []string
	for i := range si.refs {
		if d := si.refs[i].Digest; !slices.Contains(all, d) {
			all = append(all, d)
		}
	}
	return all
}
