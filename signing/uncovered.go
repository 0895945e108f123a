package signing

import (
	"context"
	"io"
	"strings"

	"github.com/tram-exchange/tram/internal/xmlstream"
)

// maxUncovered bounds Report.Uncovered.
const maxUncovered = 100

// xadesNamespacePrefix begins the Type of a reference to SignedProperties, whatever the version of XAdES.
const xadesNamespacePrefix = "http://uri.etsi.org/01903"

// findUncovered fills Report.Uncovered, with a reading of its own unless some signature covers everything or none anything.
func (rep *Report) findUncovered(ctx context.Context, s *xmlstream.Scanner, src Source, o *VerifyOptions) error {
	var covered []Range
	for i := range rep.Signatures {
		res := &rep.Signatures[i]
		if !res.DigestsOK || !res.ValueOK {
			continue
		}
		if res.WholeDocument {
			return nil
		}
		covered = append(covered, res.Covered...)
	}
	u := uncovering{covered: merge(covered), signatures: rep.Signatures}
	resetScanner(s, src, o.XML)
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
		u.token(t)
	}
	rep.Uncovered = u.found
	if u.full {
		rep.Uncovered[len(rep.Uncovered)-1].End = rep.Size
	}
	return nil
}

// uncovering walks over a document beside the sorted ranges that are covered.
type uncovering struct {
	covered    []Range
	signatures []SignatureResult
	open       []openElement
	skipping   int // depth of the element that is passed over: a Signature, or a part of one; 0 outside
	found      []Range
	full       bool
}

// openElement is an element that is not covered as a whole.
type openElement struct {
	tag        Range
	attributes bool // that mean something
	holds      bool // something covered, or a signature: it is not itself what is uncovered
	envelope   bool // a Signature whose objects count, because it envelops what it signs
	object     bool // one of those
	properties bool // QualifyingProperties in one of those: where some are signed, others beside them are there to be added later
	full       bool // uncovering.full when it began
	found      int  // len(found) when it began
}

// inside reports whether the byte at is covered, and drops ranges that end before it.
func (u *uncovering) inside(at int64) bool {
	for len(u.covered) > 0 && u.covered[0].End <= at {
		u.covered = u.covered[1:]
	}
	return len(u.covered) > 0 && u.covered[0].Start <= at
}

func (u *uncovering) token(t *xmlstream.Token) {
	switch t.Kind {
	case xmlstream.StartElement:
		u.start(t)
	case xmlstream.EndElement:
		u.end(t)
	case xmlstream.Text:
		if u.skipping == 0 && (t.HasRef || !t.IsSpace()) {
			u.mark(t)
		}
	case xmlstream.CData, xmlstream.ProcInst:
		if u.skipping == 0 {
			u.mark(t)
		}
	}
}

// mark takes a token that means something.
func (u *uncovering) mark(t *xmlstream.Token) {
	if u.inside(t.Start) {
		u.holding()
		return
	}
	u.add(Range{t.Start, t.End})
}

// holding notes that the innermost open element holds something covered.
func (u *uncovering) holding() {
	if n := len(u.open); n > 0 {
		u.open[n-1].holds = true
	}
}

func (u *uncovering) add(r Range) {
	if n := len(u.found); n > 0 && u.found[n-1].End == r.Start && !u.boundary(n) {
		u.found[n-1].End = r.End
		return
	}
	if len(u.found) >= maxUncovered {
		u.full = true
		return
	}
	u.found = append(u.found, r)
}

// boundary tells that the next range must not be joined with range n-1, which an open element may yet take back.
func (u *uncovering) boundary(n int) bool {
	k := len(u.open)
	return k > 0 && u.open[k-1].found >= n
}

func (u *uncovering) start(t *xmlstream.Token) {
	if u.skipping > 0 {
		return
	}
	var parent openElement
	if n := len(u.open); n > 0 {
		parent = u.open[n-1]
	}
	switch {
	case u.inside(t.Start):
		u.holding()
	case t.Is(dsNamespace, "Signature"):
		u.holding()
		if !u.envelops(t.Start) {
			u.skipping = t.Depth
			return
		}
		u.open = append(u.open, openElement{tag: Range{t.Start, t.End}, holds: true, envelope: true, found: len(u.found)})
		return
	case parent.envelope && t.Is(dsNamespace, "Object"):
		u.open = append(u.open, openElement{tag: Range{t.Start, t.End}, object: true, found: len(u.found)})
		return
	case parent.envelope:
		u.skipping = t.Depth
		return
	case parent.object && string(t.Local) == "QualifyingProperties" && strings.HasPrefix(t.URI, xadesNamespacePrefix):
		u.open = append(u.open, openElement{tag: Range{t.Start, t.End}, properties: true, found: len(u.found), full: u.full})
		return
	}
	covered := u.inside(t.Start)
	u.open = append(u.open, openElement{tag: Range{t.Start, t.End}, attributes: len(t.Attrs) > 0 && !covered, holds: covered, found: len(u.found)})
}

func (u *uncovering) end(t *xmlstream.Token) {
	if u.skipping > 0 {
		if t.Depth == u.skipping {
			u.skipping = 0
		}
		return
	}
	n := len(u.open) - 1
	e := u.open[n]
	u.open = u.open[:n]
	switch {
	case !e.holds:
		u.found = u.found[:min(e.found, len(u.found))]
		u.add(Range{e.tag.Start, t.End})
		return
	case e.attributes:
		u.insert(e)
	case e.properties:
		u.found, u.full = u.found[:min(e.found, len(u.found))], e.full
	}
	u.holding()
}

// insert puts the tag of an element before what was found inside it.
func (u *uncovering) insert(e openElement) {
	if len(u.found) >= maxUncovered {
		u.full = true
		return
	}
	u.found = append(u.found, Range{})
	copy(u.found[e.found+1:], u.found[e.found:])
	u.found[e.found] = e.tag
}

// envelops reports whether the signature that starts at start envelops what it signs.
func (u *uncovering) envelops(start int64) bool {
	for i := range u.signatures {
		if u.signatures[i].Range.Start == start {
			return u.signatures[i].envelops()
		}
	}
	return false
}

// envelops reports whether the signature signs an Object of its own that is not there for XAdES.
func (res *SignatureResult) envelops() bool {
	for i := range res.References {
		ref := &res.References[i]
		if ref.OK && !ref.External && !isProperties(ref.Type) && ref.URI != "" && res.within(ref.Range) {
			return true
		}
	}
	return false
}

func isProperties(refType string) bool {
	return strings.HasPrefix(refType, xadesNamespacePrefix)
}

func (res *SignatureResult) within(r Range) bool {
	return r.Len() > 0 && r.Start >= res.Range.Start && r.End <= res.Range.End
}
