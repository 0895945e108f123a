package main

import (
	"io"

	"github.com/tram-exchange/tram/internal/xmlstream"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
)

// maxProlog is how far into a file its root element is looked for, in bytes.
const maxProlog = 1 << 20

// rootKind tells packages of ours from other files by their root element. The kind is a first guess, for packages that turn out to
// be wrong in their form.
func rootKind(src signing.Source) (kind string, ours bool) {
	s := xmlstream.NewReader(io.NewSectionReader(src, 0, min(src.Size(), maxProlog)), xmlstream.Limits{})
	for {
		t, err := s.Next()
		if err != nil {
			return "", false
		}
		if t.Kind != xmlstream.StartElement {
			continue
		}
		switch {
		case t.Is(schemas.NamespaceEdXML, "edXML"):
			return string(schemas.KindDocument), true
		case t.Is(schemas.NamespaceTram, "Package"):
			return "tram", true
		}
		return "", false
	}
}
