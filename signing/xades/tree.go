package xades

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tram-exchange/tram/internal/xmlstream"
	"github.com/tram-exchange/tram/signing"
)

// Bounds of what is read of one signature's properties.
const (
	maxNodes     = 20_000
	maxText      = 64 << 20 // characters of all values together: revocation lists can be long
	maxAttribute = 4 << 10
	maxLists     = 1000 // entries of one list: certificates, revocation data, time-stamps
)

var strictBase64 = base64.StdEncoding.Strict()

// ErrTooLarge is in the errors of Read for properties beyond its bounds.
var ErrTooLarge = errors.New("more properties than are read")

// node is an element inside QualifyingProperties.
type node struct {
	local, uri string
	name       string // as written
	attrs      map[string]string
	text       []byte // of its own, not of its children
	children   []*node
	rng        signing.Range
	inner      signing.Range // between its tags; empty and at the "/>" of an empty-element tag
	empty      bool          // written as <a/>
}

func (n *node) is(local string) bool { return n.local == local && n.uri == Namespace }

// child returns the first child with this name, in the namespace of XAdES or of XML Signature, or nil. n may be nil.
func (n *node) child(uri, local string) *node {
	if n == nil {
		return nil
	}
	for _, c := range n.children {
		if c.local == local && c.uri == uri {
			return c
		}
	}
	return nil
}

// path follows children of the XAdES namespace.
func (n *node) path(names ...string) *node {
	for _, name := range names {
		n = n.child(Namespace, name)
	}
	return n
}

// value returns the text without the white space around it; n may be nil.
func (n *node) value() string {
	if n == nil {
		return ""
	}
	return strings.TrimSpace(string(n.text))
}

// bytes decodes the text as base64 with white space anywhere.
func (n *node) bytes() ([]byte, error) {
	if n == nil {
		return nil, errors.New("missing")
	}
	clean := make([]byte, 0, len(n.text))
	for _, c := range n.text {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			clean = append(clean, c)
		}
	}
	out := make([]byte, strictBase64.DecodedLen(len(clean)))
	k, err := strictBase64.Decode(out, clean)
	if err != nil {
		return nil, err
	}
	if k == 0 {
		return nil, errors.New("empty")
	}
	return out[:k:k], nil
}

// treeReader builds the tree of one element while a scanner reads it.
type treeReader struct {
	open  []*node
	nodes int
	text  int
}

func (r *treeReader) start(t *xmlstream.Token) (*node, error) {
	if r.nodes++; r.nodes > maxNodes {
		return nil, fmt.Errorf("%w: more than %d elements", ErrTooLarge, maxNodes)
	}
	n := &node{local: string(t.Local), uri: t.URI, name: string(t.Name), empty: t.Empty,
		rng: signing.Range{Start: t.Start, End: t.End}, inner: signing.Range{Start: t.End, End: t.End}}
	if t.Empty {
		n.inner = signing.Range{Start: t.End - 2, End: t.End - 2}
	}
	for i := range t.Attrs {
		a := &t.Attrs[i]
		if a.URI != "" || len(a.Value) > maxAttribute {
			continue
		}
		if n.attrs == nil {
			n.attrs = make(map[string]string)
		}
		n.attrs[string(a.Local)] = string(a.AppendValue(nil))
	}
	if k := len(r.open); k > 0 {
		r.open[k-1].children = append(r.open[k-1].children, n)
	}
	r.open = append(r.open, n)
	return n, nil
}

func (r *treeReader) token(t *xmlstream.Token) error {
	top := r.open[len(r.open)-1]
	switch t.Kind {
	case xmlstream.StartElement:
		_, err := r.start(t)
		return err
	case xmlstream.EndElement:
		top.rng.End = t.End
		if !top.empty {
			top.inner.End = t.Start
		}
		r.open = r.open[:len(r.open)-1]
	case xmlstream.Text, xmlstream.CData:
		if t.Kind == xmlstream.Text && !t.HasRef && len(top.text) == 0 && t.IsSpace() {
			return nil
		}
		before := len(top.text)
		top.text = t.AppendText(top.text)
		if r.text += len(top.text) - before; r.text > maxText {
			return fmt.Errorf("%w: more than %d bytes of values", ErrTooLarge, maxText)
		}
	}
	return nil
}

// qualifying is what a signature has of XAdES in it.
type qualifying struct {
	found     []*node // QualifyingProperties that stand where they belong: children of Object
	elsewhere int     // others, and references to some outside: they count as none
}

// readQualifying finds the QualifyingProperties in a signature.
func readQualifying(src signing.Source, res *signing.SignatureResult, l xmlstream.Limits) (*qualifying, error) {
	var s xmlstream.Scanner
	res.Scan(&s, src, l)
	q := new(qualifying)
	var r treeReader
	inObject := false
	for {
		t, err := s.Next()
		if err == io.EOF {
			return q, nil
		}
		if err != nil {
			return nil, err
		}
		switch {
		case len(r.open) > 0:
			if t.Kind == xmlstream.StartElement && t.Is(Namespace, "QualifyingProperties") {
				q.elsewhere++
			}
			if err := r.token(t); err != nil {
				return nil, err
			}
		case t.Kind != xmlstream.StartElement:
		case t.Depth == 2:
			inObject = t.Is(dsNamespace, "Object")
		case t.Depth == 3 && inObject && t.Is(Namespace, "QualifyingProperties"):
			n, err := r.start(t)
			if err != nil {
				return nil, err
			}
			q.found = append(q.found, n)
		case t.Is(Namespace, "QualifyingProperties"), t.Is(Namespace, "QualifyingPropertiesReference"):
			q.elsewhere++
		}
	}
}
