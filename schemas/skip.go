package schemas

import (
	"github.com/tram-exchange/tram/internal/xmlstream"
)

// Elements that the schema lets pass unread: signatures, whose form package signing judges, and extensions of other
// namespaces, of which the text is kept in case policy looks for a secrecy mark in them.

// wildKind says what an element admitted by a wildcard is.
func (r *reader) wildKind(t *xmlstream.Token, parent *node) skipKind {
	switch {
	case t.Is(NamespaceDS, "Signature") && (parent.name == "edXMLHeader" || parent.name == "Header"):
		return skipSignature
	case t.URI == NamespaceDS:
		return skipPlain
	}
	return skipExtension
}

// skip starts to pass over an element.
func (r *reader) skip(t *xmlstream.Token, as skipKind) {
	r.skipDepth, r.skipStart, r.skipAs = t.Depth, t.Start, as
	if as == skipExtension {
		r.extOpen = r.extOpen[:0]
		r.extension(t)
	}
}

func (r *reader) skipInside(t *xmlstream.Token) {
	if r.skipAs == skipExtension {
		r.extension(t)
	}
}

func (r *reader) skipEnd(t *xmlstream.Token) {
	if r.skipAs == skipExtension {
		r.extOpen = r.extOpen[:len(r.extOpen)-1]
	}
	if t.Depth != r.skipDepth {
		return
	}
	r.skipDepth = 0
	switch r.skipAs {
	case skipSignature:
		if len(r.pkg.Signatures) >= r.opts.Limits.MaxRepeats {
			r.fail(StageRules, &Problem{Code: TooMany, Path: r.path(), Offset: -1, Detail: "too many signatures"})
			return
		}
		r.pkg.Signatures = append(r.pkg.Signatures, Range{Start: r.skipStart, End: t.End})
	case skipUnnamespaced:
		r.pkg.UnnamespacedSignature = true
		r.end(t) // an opaque element has a frame of its own
	}
}

// extension notes an element inside an extension. Text and nested elements count separately.
func (r *reader) extension(t *xmlstream.Token) {
	exts := &r.msg.doc.Extensions
	if len(*exts) >= maxExtensions {
		r.fail(StageRules, &Problem{Code: TooMany, Path: r.path(), Offset: t.Start, Detail: "too many extension elements"})
		r.extOpen = append(r.extOpen, -1)
		return
	}
	r.extOpen = append(r.extOpen, len(*exts))
	*exts = append(*exts, Extension{Namespace: t.URI, Local: string(t.Local)})
}

func (r *reader) skipText(t *xmlstream.Token) {
	if r.skipAs != skipExtension || len(r.extOpen) == 0 {
		return
	}
	i := r.extOpen[len(r.extOpen)-1]
	if i < 0 {
		return
	}
	e := &r.msg.doc.Extensions[i]
	if len(e.Text) >= maxExtension {
		return
	}
	text := string(t.AppendText(r.text[:0]))
	if n := maxExtension - len(e.Text); len(text) > n {
		text = text[:n]
	}
	e.Text += text
}
