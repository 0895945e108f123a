package signing

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/tram-exchange/tram/internal/xmlstream"
)

// Bounds of what is kept in memory of one signature, in bytes of the document.
const (
	maxSignedInfo   = 256 << 10 // more where VerifyOptions.MaxReferences asks for more than it holds
	maxValue        = 16 << 10  // SignatureValue, base64
	maxCertificate  = 32 << 10  // one X509Certificate, base64
	maxCertificates = 16
	maxObjects      = 64
	maxNested       = 4 // signatures inside each other
)

// rawSignature is a Signature element as the first reading finds it.
type rawSignature struct {
	rng      Range
	depth    int
	id       string
	inHeader bool
	stage    int // children seen so far: stageNone ...
	keyInfo  bool
	x509Data bool

	signedInfo Range
	context    []xmlstream.Binding // bindings in scope around SignedInfo
	inherit    []ancestor          // xml: attributes in force there

	outerBindings  int // how many of context, and of inherit, belong to the Signature's ancestors
	outerInherited int
	childOpen      bool // a child of Signature in its place is open
	valueAt        Range
	keyInfoAt      Range
	objects        []Range

	value []byte   // text of SignatureValue
	certs [][]byte // texts of X509Certificate

	refused *RefusedError // the first thing wrong with its structure
}

const (
	stageNone = iota
	stageSignedInfo
	stageValue
	stageKeyInfo
	stageObject
)

func (r *rawSignature) refuse(format string, args ...any) {
	if r.refused == nil {
		r.refused = refusef(MalformedSignature, format, args...)
	}
}

// reading is one pass over a document: the scanner, and what every pass has to track.
type reading struct {
	s         *xmlstream.Scanner
	ancestors []ancestor // xml: attributes of the open elements
	header    headerPath
}

// headerPath tells where an organisation's signature belongs: in edXML/edXMLEnvelope/edXMLHeader of an edXML document, in
// Package/Header of a Trạm package, directly below the root of any other.
type headerPath struct {
	names   []string // from the root to the header; nil for other documents
	matched int      // elements of the path that are open
}

// tramNamespace is that of Trạm packages (schemas.NamespaceTram).
const tramNamespace = "https://github.com/tram-exchange/tram/schemas/tram-1"

var (
	edxmlHeader = []string{"edXML", "edXMLEnvelope", "edXMLHeader"}
	tramHeader  = []string{"Package", "Header"}
)

const longestHeaderPath = 3

func (h *headerPath) open(t *xmlstream.Token) {
	if t.Depth == 1 {
		switch {
		case string(t.Local) == edxmlHeader[0]:
			h.names = edxmlHeader
		case string(t.Local) == tramHeader[0] && t.URI == tramNamespace:
			h.names = tramHeader
		}
	}
	if t.Depth <= len(h.names) && h.matched == t.Depth-1 && string(t.Local) == h.names[t.Depth-1] {
		h.matched = t.Depth
	}
}

func (h *headerPath) close(depth int) {
	if h.matched >= depth {
		h.matched = depth - 1
	}
}

// inside reports whether the header is open.
func (h *headerPath) inside() bool { return h.names != nil && h.matched == len(h.names) }

// isChild reports whether an element at this depth stands directly in the header.
func (h *headerPath) isChild(depth int) bool {
	if h.names != nil {
		return h.inside() && depth == len(h.names)+1
	}
	return depth == 2
}

// track notes what start and end tags change.
func (r *reading) track(t *xmlstream.Token) {
	switch t.Kind {
	case xmlstream.StartElement:
		if t.Depth <= longestHeaderPath {
			r.header.open(t)
		}
		for i := range t.Attrs {
			if a := &t.Attrs[i]; len(a.Prefix) == 3 && a.URI == xmlstream.XMLNamespace {
				in := ancestor{depth: t.Depth, local: string(a.Local), value: appendAttr(nil, a)}
				if in.local == "base" {
					in.base = string(a.AppendValue(nil))
				}
				r.ancestors = append(r.ancestors, in)
			}
		}
	case xmlstream.EndElement:
		if t.Depth <= longestHeaderPath {
			r.header.close(t.Depth)
		}
		for n := len(r.ancestors); n > 0 && r.ancestors[n-1].depth >= t.Depth; n = len(r.ancestors) {
			r.ancestors = r.ancestors[:n-1]
		}
	}
}

// survey is the first reading: it finds the signatures and computes the digest of the signed content.
type survey struct {
	reading
	content canonicalizer
	sum     hash.Hash
	skip    int // depth of the signature that the content leaves out, 0 for none

	raws         []*rawSignature
	open         []*rawSignature // those whose end has not come
	collect      *[]byte         // where the text of the current value goes
	collectDepth int
	collectMax   int
	excluded     int // signatures that the content leaves out
	unnamespaced int
	tooMany      bool
}

// resetScanner resets s to read src.
func resetScanner(s *xmlstream.Scanner, src Source, l xmlstream.Limits) {
	if m, ok := src.(inMemory); ok {
		s.ResetBytes(m.Bytes(), l)
		return
	}
	s.ResetReader(io.NewSectionReader(src, 0, src.Size()), l)
}

// checkEvery is how many tokens are read between two looks at the context.
const checkEvery = 1024

func (v *survey) run(ctx context.Context, s *xmlstream.Scanner, src Source, o *VerifyOptions) error {
	v.reset(s)
	resetScanner(s, src, o.XML)
	s.OnSlide(v.content.flush)
	for n := 0; ; n++ {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		t, err := s.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		switch t.Kind {
		case xmlstream.StartElement:
			if t.Depth <= longestHeaderPath || len(v.open) > 0 || len(t.Local) == len("Signature") || hasPrefixed(t) {
				v.start(t, o)
			}
		case xmlstream.EndElement:
			if t.Depth <= longestHeaderPath || len(v.open) > 0 || len(v.ancestors) > 0 {
				v.end(t)
				continue
			}
		case xmlstream.Text, xmlstream.CData:
			if v.collect != nil {
				v.take(t)
			}
		case xmlstream.Comment, xmlstream.ProcInst:
			if v.collect != nil {
				v.open[len(v.open)-1].refuse("comment or processing instruction inside a value")
			}
		}
		if v.skip == 0 {
			v.content.token(t)
		}
	}
	v.content.flush()
	return nil
}

func (v *survey) reset(s *xmlstream.Scanner) {
	if v.sum == nil {
		v.sum = sha256.New()
	}
	v.sum.Reset()
	v.content.reset(s, c14nMethod{exclusive: true}, true, v.sum)
	v.reading = reading{s: s, ancestors: v.ancestors[:0]}
	v.skip, v.collect, v.excluded, v.unnamespaced, v.tooMany = 0, nil, 0, 0, false
	v.raws, v.open = nil, v.open[:0]
}

func (v *survey) start(t *xmlstream.Token, o *VerifyOptions) {
	if t.Depth <= longestHeaderPath || hasPrefixed(t) {
		v.track(t)
	}
	if v.collect != nil {
		v.open[len(v.open)-1].refuse("element <%s> inside a value", t.Name)
		v.collect = nil
	}
	if len(t.Local) == len("Signature") && string(t.Local) == "Signature" {
		if t.URI == dsNamespace {
			v.begin(t, o)
			return
		}
		v.unnamespaced++
	}
	if len(v.open) > 0 {
		v.inside(t)
	}
}

// hasPrefixed reports whether some attribute has a prefix, which could be xml.
func hasPrefixed(t *xmlstream.Token) bool {
	for i := range t.Attrs {
		if len(t.Attrs[i].Prefix) > 0 {
			return true
		}
	}
	return false
}

// begin notes a Signature element.
func (v *survey) begin(t *xmlstream.Token, o *VerifyOptions) {
	if len(v.raws) >= o.MaxSignatures {
		v.tooMany = true
		return
	}
	r := &rawSignature{rng: Range{t.Start, t.Start}, depth: t.Depth, inHeader: v.header.isChild(t.Depth),
		outerBindings: v.s.Bindings() - len(t.Decls)}
	for _, a := range v.ancestors {
		if a.depth < t.Depth {
			r.outerInherited++
		}
	}
	if a := t.Attr("", "Id"); a != nil {
		r.id = string(a.AppendValue(nil))
	}
	if len(v.open) >= maxNested {
		r.refuse("signatures inside each other deeper than %d", maxNested)
	}
	v.raws = append(v.raws, r)
	v.open = append(v.open, r)
	if r.inHeader && v.skip == 0 {
		v.skip = t.Depth
		v.excluded++
	}
}

// inside looks at an element inside the innermost open signature.
func (v *survey) inside(t *xmlstream.Token) {
	r := v.open[len(v.open)-1]
	switch t.Depth - r.depth {
	case 1:
		v.child(r, t)
	case 2:
		r.x509Data = r.keyInfo && t.Is(dsNamespace, "X509Data")
	case 3:
		if !r.x509Data || !t.Is(dsNamespace, "X509Certificate") {
			return
		}
		if len(r.certs) >= maxCertificates {
			r.refuse("more than %d certificates", maxCertificates)
			return
		}
		r.certs = append(r.certs, nil)
		v.collectInto(&r.certs[len(r.certs)-1], t.Depth, maxCertificate)
	}
}

// child looks at a child of Signature, whose order the standard fixes.
func (v *survey) child(r *rawSignature, t *xmlstream.Token) {
	stage := stageNone
	if t.URI == dsNamespace {
		switch string(t.Local) {
		case "SignedInfo":
			stage = stageSignedInfo
		case "SignatureValue":
			stage = stageValue
		case "KeyInfo":
			stage = stageKeyInfo
		case "Object":
			stage = stageObject
		}
	}
	inOrder := stage == r.stage+1 || stage == stageObject && r.stage >= stageValue
	if !inOrder {
		r.refuse("<%s> out of place in Signature", t.Name)
		return
	}
	r.stage = stage
	r.keyInfo = stage == stageKeyInfo
	r.childOpen = true
	at := Range{t.Start, t.Start}
	switch stage {
	case stageKeyInfo:
		r.keyInfoAt = at
	case stageObject:
		if len(r.objects) >= maxObjects {
			r.refuse("more than %d objects", maxObjects)
			return
		}
		r.objects = append(r.objects, at)
	case stageSignedInfo:
		r.signedInfo = at
		r.context = v.s.Context()
		if n := len(t.Decls); n > 0 { // its own declarations are read again with it
			r.context = r.context[:len(r.context)-n]
		}
		for _, a := range v.ancestors {
			if a.depth < t.Depth {
				r.inherit = append(r.inherit, a)
			}
		}
	case stageValue:
		r.valueAt = at
		v.collectInto(&r.value, t.Depth, maxValue)
	}
}

// endChild notes where a child of Signature ends.
func (r *rawSignature) endChild(end int64) {
	if !r.childOpen {
		return
	}
	r.childOpen = false
	switch r.stage {
	case stageSignedInfo:
		r.signedInfo.End = end
	case stageValue:
		r.valueAt.End = end
	case stageKeyInfo:
		r.keyInfoAt.End = end
	case stageObject:
		if n := len(r.objects); r.objects[n-1].Len() == 0 {
			r.objects[n-1].End = end
		}
	}
}

func (v *survey) collectInto(dst *[]byte, depth, limit int) {
	v.collect, v.collectDepth, v.collectMax = dst, depth, limit
}

func (v *survey) take(t *xmlstream.Token) {
	*v.collect = t.AppendText(*v.collect)
	if len(*v.collect) > v.collectMax {
		v.open[len(v.open)-1].refuse("value of more than %d bytes", v.collectMax)
		v.collect = nil
	}
}

func (v *survey) end(t *xmlstream.Token) {
	if len(v.ancestors) > 0 || t.Depth <= longestHeaderPath {
		v.track(t)
	}
	if v.skip == 0 {
		v.content.token(t)
	}
	if len(v.open) == 0 {
		return
	}
	r := v.open[len(v.open)-1]
	if v.collect != nil && t.Depth == v.collectDepth {
		v.collect = nil
	}
	switch t.Depth - r.depth {
	case 1:
		r.endChild(t.End)
	case 0:
		r.rng.End = t.End
		v.open = v.open[:len(v.open)-1]
		if r.stage < stageValue {
			r.refuse("SignedInfo or SignatureValue is missing")
		}
		if v.skip == t.Depth {
			v.skip = 0
		}
	}
}

// readSignedInfo returns the bytes of a signature's SignedInfo.
func readSignedInfo(src Source, r *rawSignature, limit int64) ([]byte, error) {
	n := r.signedInfo.Len()
	if n > limit {
		return nil, refusef(MalformedSignature, "SignedInfo of %d bytes, limit is %d", n, limit)
	}
	if m, ok := src.(inMemory); ok {
		return m.Bytes()[r.signedInfo.Start:r.signedInfo.End], nil
	}
	b := make([]byte, n)
	if _, err := src.ReadAt(b, r.signedInfo.Start); err != nil && err != io.EOF {
		return nil, fmt.Errorf("couldn't read SignedInfo: %w", err)
	}
	return b, nil
}

// decodeBase64 decodes the text of a value: white space anywhere, otherwise strict.
func decodeBase64(text []byte) ([]byte, error) {
	// Ends of lines are passed over by Decode.
	if bytes.IndexByte(text, ' ') >= 0 || bytes.IndexByte(text, '\t') >= 0 {
		text = slices.DeleteFunc(slices.Clone(text), func(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' })
	}
	out := make([]byte, strictBase64.DecodedLen(len(text)))
	n, err := strictBase64.Decode(out, text)
	if err != nil {
		return nil, err
	}
	return out[:n], nil
}
