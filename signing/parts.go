package signing

import (
	"context"
	"fmt"
	"io"

	"github.com/tram-exchange/tram/internal/xmlstream"
)

// Elements tells where the parts of a signature stand in its document.
type Elements struct {
	SignedInfo     Range
	SignatureValue Range
	KeyInfo        Range   // empty if there is none
	Objects        []Range // the Object children, in order
	Context        Context // what is in force around the Signature
}

// Context is what surrounds an element and takes part in its canonical form: the namespaces in scope and the xml:
// attributes of its ancestors. That of SignatureResult.Elements serves for every element inside the Signature. The zero
// Context serves for every element of the document, which is then read from its start.
type Context struct {
	outer    Range // of the element whose surroundings these are
	bindings []xmlstream.Binding
	inherit  []ancestor
}

func (r *rawSignature) elements() Elements {
	e := Elements{SignedInfo: r.signedInfo, SignatureValue: r.valueAt, KeyInfo: r.keyInfoAt, Objects: r.objects}
	if r.signedInfo.Len() > 0 {
		e.Context = Context{outer: r.rng, bindings: r.context[:r.outerBindings:r.outerBindings], inherit: r.inherit[:r.outerInherited:r.outerInherited]}
	}
	return e
}

// Canonicalize writes the canonical form of one element of a document that Verify has read: part is the element's range,
// method one of the identifiers of canonicalisations, prefixes the PrefixList of an exclusive one ("" or #default for
// the default namespace). It reads from the start of the element that c belongs to; memory does not grow with the element.
func Canonicalize(ctx context.Context, w io.Writer, src Source, part Range, c Context, method string, prefixes []string) error {
	return CanonicalizeEach(ctx, w, src, []Range{part}, c, method, prefixes)
}

// CanonicalizeEach writes the canonical forms of several elements one after the other, each on its own, in one reading. They must
// stand in document order, none inside another.
func CanonicalizeEach(ctx context.Context, w io.Writer, src Source, parts []Range, c Context, method string, prefixes []string) error {
	m, ok := canonicalizations[method]
	if !ok {
		return fmt.Errorf("couldn't canonicalise: unknown method %q", method)
	}
	if m.exclusive {
		for _, p := range prefixes {
			if p == "#default" {
				p = ""
			}
			m.prefixes = append(m.prefixes, p)
		}
	}
	outer := c.outer
	if outer.Len() == 0 {
		outer = Range{0, src.Size()}
	}
	for i, part := range parts {
		if part.Len() <= 0 || part.Start < outer.Start || part.End > outer.End {
			return fmt.Errorf("couldn't canonicalise bytes %d to %d: they are not inside %d to %d", part.Start, part.End, outer.Start, outer.End)
		}
		if i > 0 && part.Start < parts[i-1].End {
			return fmt.Errorf("couldn't canonicalise bytes %d to %d: they do not stand behind byte %d", part.Start, part.End, parts[i-1].End)
		}
	}
	if len(parts) == 0 {
		return nil
	}
	out := &keepingWriter{w: w}
	if err := canonicalParts(ctx, out, src, parts, outer, c, m); err != nil {
		return fmt.Errorf("couldn't canonicalise: %w", err)
	}
	if out.err != nil {
		return fmt.Errorf("couldn't write canonical form: %w", out.err)
	}
	return nil
}

// alreadyRead is for the second reading of a document that Verify has read: the bounds that its caller chose have held already.
var alreadyRead = xmlstream.Limits{MaxDepth: 1 << 16, MaxAttrs: 1 << 16, MaxBinds: 1 << 20, MaxToken: 1 << 20, MaxTokens: 1 << 62}

func canonicalParts(ctx context.Context, w *keepingWriter, src Source, parts []Range, outer Range, c Context, m c14nMethod) error {
	s := new(xmlstream.Scanner)
	if c.outer.Len() == 0 {
		resetScanner(s, src, alreadyRead)
	} else if mem, ok := src.(inMemory); ok {
		s.ResetFragment(mem.Bytes()[outer.Start:outer.End], outer.Start, c.bindings, alreadyRead)
	} else {
		s.ResetFragmentReader(io.NewSectionReader(src, outer.Start, outer.Len()), outer.Start, c.bindings, alreadyRead)
	}
	r := reading{s: s}
	for _, a := range c.inherit {
		r.ancestors = append(r.ancestors, ancestor{local: a.local, value: a.value, base: a.base})
	}
	var canon canonicalizer
	depth := 0
	s.OnSlide(func() {
		if depth > 0 {
			canon.flush()
		}
	})
	for n := 0; w.err == nil; n++ {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		part := parts[0]
		t, err := s.Next()
		if err == io.EOF || err == nil && t.Start >= part.End && depth == 0 {
			return fmt.Errorf("no element stands at bytes %d to %d", part.Start, part.End)
		}
		if err != nil {
			return err
		}
		if t.Kind == xmlstream.StartElement && t.Start == part.Start {
			depth = t.Depth
			canon.reset(s, m, false, w)
			canon.inherit = append([]ancestor(nil), r.ancestors...)
		}
		if t.Kind == xmlstream.StartElement || t.Kind == xmlstream.EndElement {
			r.track(t)
		}
		if depth == 0 {
			continue
		}
		canon.token(t)
		if t.Kind == xmlstream.EndElement && t.Depth == depth {
			canon.flush()
			if t.End != part.End {
				return fmt.Errorf("the element at byte %d ends at %d, not at %d", part.Start, t.End, part.End)
			}
			if parts, depth = parts[1:], 0; len(parts) == 0 {
				return nil
			}
		}
	}
	return nil
}

// WriteReference writes the octets that reference i of a signature digests, after its transforms. res comes from Verify of the same
// source with the same options.
func WriteReference(ctx context.Context, w io.Writer, src Source, res *SignatureResult, i int, o VerifyOptions) error {
	if i < 0 || i >= len(res.References) || res.References[i].plan == nil {
		return fmt.Errorf("couldn't write reference %d: the signature has %d that can be read", i, len(res.References))
	}
	o = o.withDefaults()
	ref := &res.References[i]
	if ref.plan.hash == 0 {
		return fmt.Errorf("couldn't write reference %d: %w", i, refusef(AlgorithmRefused, "digest %q", ref.Digest))
	}
	out := &keepingWriter{w: w}
	j := planJob(ref.plan, res.Range.Start)
	j.w = out
	var err error
	switch {
	case ref.External:
		err = j.runExternal(ctx, &o)
	case ref.URI != "" && ref.URI[0] != '#':
		err = refusef(ExternalReference, "%q", ref.URI)
	default:
		o.XML = alreadyRead
		err = runJobs(ctx, new(xmlstream.Scanner), src, []*job{j}, &o)
	}
	if bad := j.outcome(ref.URI); err == nil && bad != nil {
		err = bad
	}
	if err == nil {
		err = out.err
	}
	if err != nil {
		return fmt.Errorf("couldn't write reference %d: %w", i, err)
	}
	return nil
}

// keepingWriter keeps the first error of w, for writing where nobody asks.
type keepingWriter struct {
	w   io.Writer
	err error
}

func (k *keepingWriter) Write(p []byte) (int, error) {
	if k.err == nil {
		_, k.err = k.w.Write(p)
	}
	return len(p), nil
}
