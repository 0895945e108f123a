package signing

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"

	"github.com/tram-exchange/tram/internal/xmlstream"
)

// SignOptions say what is signed and how. The zero value makes an organisation's signature: over the whole document,
// with the usual algorithm of the key.
type SignOptions struct {
	// IDs makes a person's signature instead: over the elements with these Ids, each by a reference of its own.
	// Where the signature will stand inside such an element, it is left out of it (enveloped).
	IDs []string

	Algorithm string // of the signature; default by key: RSA PKCS#1 v1.5 or ECDSA, SHA-256 (SHA-384 for P-384)
	Digest    string // default SHA-256
	C14N      string // of SignedInfo and of what is referred to; default exclusive

	// At is the byte offset to insert the signature at. 0 lets the document decide: in edXML behind TraceHeaderList and the
	// signatures after it, or, without one, at the end of edXMLHeader; in a Trạm package at the end of Header; elsewhere as
	// last child of the root.
	At int64

	ID string // Id attribute of the Signature element; with Properties, made up if empty

	// External adds references to what lies outside the document. With it the document itself is signed only where IDs or
	// Whole ask for it.
	External []ExternalContent
	Whole    bool // a reference to the whole document, also with IDs or External

	// Properties makes an Object that stands in the Signature, behind KeyInfo, and is signed in part: what XAdES needs.
	Properties PropertiesBuilder

	Rand io.Reader        // default crypto/rand
	XML  xmlstream.Limits // bounds of the document
}

// ExternalContent is something outside the document that is signed as it is.
type ExternalContent struct {
	URI    string // how the reference names it
	Source Source
	Type   string // of the reference; usually empty
	ID     string // of the reference; usually empty
}

// PropertiesBuilder returns an Object element for a signature with this Id, and what of it to sign: a reference "#refID" of
// Type refType digests the element that has refID as its Id attribute. object must bring its own namespace declarations; the one without prefix is
// that of XML Signature.
type PropertiesBuilder func(sigID string) (object []byte, refID, refType string, err error)

// whole reports whether the document is signed as a whole.
func (o *SignOptions) whole() bool { return o.Whole || len(o.IDs) == 0 && len(o.External) == 0 }

func (o SignOptions) withDefaults(leaf *x509.Certificate) (SignOptions, error) {
	if o.Algorithm == "" {
		alg, err := defaultAlgorithm(leaf)
		if err != nil {
			return o, err
		}
		o.Algorithm = alg
	}
	if o.Digest == "" {
		o.Digest = DigestSHA256
	}
	if o.C14N == "" {
		o.C14N = ExcC14N
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.ID == "" && o.Properties != nil {
		var b [8]byte
		if _, err := io.ReadFull(o.Rand, b[:]); err != nil {
			return o, fmt.Errorf("couldn't make an Id: %w", err)
		}
		o.ID = "S-" + hex.EncodeToString(b[:])
	}
	alg, ok := signatureAlgorithms[o.Algorithm]
	if !ok {
		return o, fmt.Errorf("couldn't sign with algorithm %q: not accepted", o.Algorithm)
	}
	if bad := checkKey(alg, leaf.PublicKey, false); bad != nil {
		return o, fmt.Errorf("couldn't sign: %w", bad)
	}
	if _, ok := digests[o.Digest]; !ok {
		return o, fmt.Errorf("couldn't sign with digest %q: not accepted", o.Digest)
	}
	if m, ok := canonicalizations[o.C14N]; !ok || m.comments {
		return o, fmt.Errorf("couldn't sign with canonicalisation %q: not accepted", o.C14N)
	}
	return o, nil
}

// Sign returns the document with a signature in it. chain starts with the certificate of key, and may go on with
// intermediates; all of it is put into KeyInfo.
func Sign(doc []byte, key crypto.Signer, chain []*x509.Certificate, o SignOptions) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(len(doc) + 4096)
	if err := SignTo(context.Background(), &b, BytesSource(doc), key, chain, o); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// SignTo is Sign for documents of any size: it reads src twice and writes the signed document to w.
func SignTo(ctx context.Context, w io.Writer, src Source, key crypto.Signer, chain []*x509.Certificate, o SignOptions) error {
	if len(chain) == 0 {
		return errors.New("couldn't sign: no certificate")
	}
	if !KeyFits(key, chain[0]) {
		return fmt.Errorf("couldn't sign: the key is not that of the certificate of %q", chain[0].Subject)
	}
	o, err := o.withDefaults(chain[0])
	if err != nil {
		return err
	}
	p := placing{o: o}
	if err := p.run(ctx, src); err != nil {
		return fmt.Errorf("couldn't sign: %w", err)
	}
	if err := p.external(ctx); err != nil {
		return fmt.Errorf("couldn't sign: %w", err)
	}
	if err := p.properties(); err != nil {
		return fmt.Errorf("couldn't sign properties: %w", err)
	}
	sig, err := p.signature(key, chain)
	if err != nil {
		return err
	}
	for _, part := range []io.Reader{io.NewSectionReader(src, 0, p.at), bytes.NewReader(sig), io.NewSectionReader(src, p.at, src.Size()-p.at)} {
		if _, err := io.Copy(w, part); err != nil {
			return fmt.Errorf("couldn't write signed document: %w", err)
		}
	}
	return nil
}

// placing is the one reading that signing needs: it finds the place for the signature, what is in force there,
// and the digests of what is to be signed.
type placing struct {
	o SignOptions
	reading
	scanner xmlstream.Scanner

	at      int64 // where the signature goes; -1 until found
	firm    bool  // behind TraceHeaderList: better than the end of the header
	context []xmlstream.Binding
	inherit []ancestor
	refs    []plannedReference
	object  []byte // of SignOptions.Properties
}

// plannedReference is a reference of the signature that is being made.
type plannedReference struct {
	uri, id, refType string
	enveloped        bool // the signature will stand inside what is signed
	octets           bool // without a canonicalisation
	sum              []byte
}

func (p *placing) run(ctx context.Context, src Source) error {
	hash := digests[p.o.Digest]
	method := canonicalizations[p.o.C14N]
	s := &p.scanner
	resetScanner(s, src, p.o.XML)
	p.reading = reading{s: s}
	p.at = -1
	var jobs []*job
	if p.o.whole() {
		j := &job{whole: true, exclude: -1, method: method, hash: hash}
		j.open(s, nil, 0, 0)
		jobs = append(jobs, j)
	}
	for _, id := range p.o.IDs {
		jobs = append(jobs, &job{id: id, exclude: -1, method: method, hash: hash})
	}
	s.OnSlide(func() {
		for _, j := range jobs {
			if j.h != nil && !j.finished {
				j.c.flush()
			}
		}
	})
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
		p.place(t)
		p.feed(jobs, t)
	}
	for _, j := range jobs {
		if j.whole {
			j.close(src.Size())
		} else if bad := j.outcome("#" + j.id); bad != nil {
			return bad
		}
		if j.refused != nil {
			return j.refused
		}
		ref := plannedReference{sum: j.sum, enveloped: j.whole || j.rng.Start < p.at && p.at < j.rng.End}
		if !j.whole {
			ref.uri = "#" + j.id
		}
		p.refs = append(p.refs, ref)
	}
	if p.at < 0 {
		return errors.New("no place for a signature: edXML needs an edXMLHeader, a Trạm package a Header, other documents a root with an end tag, a given offset must lie between two tags or texts inside the root")
	}
	return nil
}

// external digests what lies outside the document.
func (p *placing) external(ctx context.Context) error {
	for _, e := range p.o.External {
		if e.URI == "" || e.URI[0] == '#' || e.Source == nil {
			return fmt.Errorf("external content %q leads into the document or has no source", e.URI)
		}
		j := &job{id: e.URI, src: e.Source, octets: true, hash: digests[p.o.Digest]}
		if err := j.runExternal(ctx, &VerifyOptions{}); err != nil {
			return err
		}
		p.refs = append(p.refs, plannedReference{uri: e.URI, id: e.ID, refType: e.Type, octets: true, sum: j.sum})
	}
	return nil
}

// properties asks for the Object and digests its signed part at the place where it will stand.
func (p *placing) properties() error {
	if p.o.Properties == nil {
		return nil
	}
	for i := range p.refs {
		if p.refs[i].id == "" {
			p.refs[i].id = ReferenceID(p.o.ID, i)
		}
	}
	object, refID, refType, err := p.o.Properties(p.o.ID)
	if err != nil {
		return err
	}
	p.object = object
	sig := p.open() + string(object) + "</Signature>"
	var s xmlstream.Scanner
	s.ResetFragment([]byte(sig), 0, p.context, p.o.XML)
	r := reading{s: &s, ancestors: slices.Clone(p.inherit)}
	j := &job{id: refID, exclude: -1, method: canonicalizations[p.o.C14N], hash: digests[p.o.Digest]}
	var active []*job
	for {
		t, err := s.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if t.Kind == xmlstream.StartElement {
			for i := range t.Attrs {
				if a := &t.Attrs[i]; isID(a) && a.ValueIs(refID) {
					active = openByID([]*job{j}, active, &r, t)
				}
			}
		}
		r.track(t)
		if len(active) > 0 && active[0].token(t) {
			j.close(t.End)
			active = nil
		}
	}
	if bad := j.outcome("#" + refID); bad != nil {
		return bad
	}
	p.refs = append(p.refs, plannedReference{uri: "#" + refID, refType: refType, sum: j.sum})
	return nil
}

// feed hands a token to the digests.
func (p *placing) feed(jobs []*job, t *xmlstream.Token) {
	if t.Kind == xmlstream.StartElement {
		for i := range t.Attrs {
			a := &t.Attrs[i]
			if !isID(a) {
				continue
			}
			for _, j := range jobs {
				if !j.whole && a.ValueIs(j.id) {
					if j.found++; j.found == 1 {
						j.open(p.s, append([]ancestor(nil), p.ancestors...), t.Start, t.Depth)
					}
				}
			}
		}
	}
	for _, j := range jobs {
		if j.h != nil && !j.finished && j.token(t) {
			j.close(t.End)
		}
	}
}

// place looks whether the signature belongs before or behind this token.
func (p *placing) place(t *xmlstream.Token) {
	if p.o.At > 0 {
		// Before a token inside the root; not at the empty end token of an empty-element tag, which is inside its tag.
		if t.Start == p.o.At && t.Depth > 0 && t.End > t.Start && !(t.Kind == xmlstream.StartElement && t.Depth == 1) {
			p.here(t.Start, t, t.Kind == xmlstream.StartElement)
		}
		p.track(t)
		return
	}
	if t.Kind == xmlstream.EndElement {
		n := len(p.header.names)
		inHeader := p.header.inside()
		switch {
		case p.header.names == nil && t.Depth == 1 && !t.Empty, inHeader && t.Depth == n && !t.Empty && !p.firm:
			p.here(t.Start, t, false)
		case inHeader && t.Depth == n+1 && (string(t.Local) == "TraceHeaderList" || string(t.Local) == "Signature" && p.firm):
			p.here(t.End, t, true)
			p.firm = true
		}
	}
	p.track(t)
}

// here notes a place beside the element of t (outside), or inside it.
func (p *placing) here(at int64, t *xmlstream.Token, outside bool) {
	p.at = at
	depth := t.Depth
	if outside {
		depth--
	}
	p.context = p.context[:0]
	for i := range p.s.Bindings() {
		if b := p.s.Binding(i); b.Depth <= depth {
			p.context = append(p.context, *b)
		}
	}
	p.inherit = p.inherit[:0]
	for _, a := range p.ancestors {
		if a.depth <= depth {
			p.inherit = append(p.inherit, ancestor{local: a.local, value: a.value, base: a.base})
		}
	}
}

// signature returns the Signature element.
func (p *placing) signature(key crypto.Signer, chain []*x509.Certificate) ([]byte, error) {
	alg := signatureAlgorithms[p.o.Algorithm]
	info := p.signedInfo()
	h := alg.hash.New()
	if err := p.canonicalInfo(info, h); err != nil {
		return nil, err
	}
	value, err := makeValue(key, alg, h.Sum(nil), p.o.Rand)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString(p.open() + info + "<SignatureValue")
	if p.o.ID != "" {
		b.WriteString(` Id="` + escaped(p.o.ID) + `-value"`)
	}
	b.WriteString(">" + base64.StdEncoding.EncodeToString(value) + "</SignatureValue><KeyInfo><X509Data>")
	for _, c := range chain {
		b.WriteString("<X509Certificate>" + base64.StdEncoding.EncodeToString(c.Raw) + "</X509Certificate>")
	}
	b.WriteString("</X509Data></KeyInfo>" + string(p.object) + "</Signature>")
	return []byte(b.String()), nil
}

// open returns the start tag of Signature.
func (p *placing) open() string {
	if p.o.ID == "" {
		return `<Signature xmlns="` + dsNamespace + `">`
	}
	return `<Signature xmlns="` + dsNamespace + `" Id="` + escaped(p.o.ID) + `">`
}

// signedInfo returns the SignedInfo element as it will stand in the document.
func (p *placing) signedInfo() string {
	var b strings.Builder
	b.WriteString(`<SignedInfo><CanonicalizationMethod Algorithm="` + p.o.C14N + `"></CanonicalizationMethod>`)
	b.WriteString(`<SignatureMethod Algorithm="` + p.o.Algorithm + `"></SignatureMethod>`)
	for _, ref := range p.refs {
		b.WriteString("<Reference")
		for _, a := range [][2]string{{"Id", ref.id}, {"Type", ref.refType}} {
			if a[1] != "" {
				b.WriteString(" " + a[0] + `="` + escaped(a[1]) + `"`)
			}
		}
		b.WriteString(` URI="` + escaped(ref.uri) + `">`)
		if !ref.octets {
			b.WriteString(`<Transforms>`)
			if ref.enveloped {
				b.WriteString(`<Transform Algorithm="` + transformEnveloped + `"></Transform>`)
			}
			b.WriteString(`<Transform Algorithm="` + p.o.C14N + `"></Transform></Transforms>`)
		}
		b.WriteString(`<DigestMethod Algorithm="` + p.o.Digest + `"></DigestMethod>`)
		b.WriteString(`<DigestValue>` + base64.StdEncoding.EncodeToString(ref.sum) + `</DigestValue></Reference>`)
	}
	b.WriteString(`</SignedInfo>`)
	return b.String()
}

// canonicalInfo hashes the canonical form of SignedInfo at its place in the document.
func (p *placing) canonicalInfo(info string, h hash.Hash) error {
	context := append(p.context, xmlstream.Binding{Prefix: "", URI: dsNamespace})
	var s xmlstream.Scanner
	s.ResetFragment([]byte(info), 0, context, xmlstream.Limits{MaxTokens: 1 << 20})
	var c canonicalizer
	c.reset(&s, canonicalizations[p.o.C14N], false, h)
	c.inherit = p.inherit
	for {
		t, err := s.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("couldn't read own SignedInfo: %w", err)
		}
		c.token(t)
	}
	c.flush()
	return nil
}

func escaped(s string) string { return string(appendValueString(nil, s)) }
