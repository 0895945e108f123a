package xades

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
)

// parse reads the certificates that can be read; a wrong one helps nobody and harms nobody.
func parse(ders [][]byte) []*x509.Certificate {
	var out []*x509.Certificate
	for _, der := range ders {
		if c, err := x509.ParseCertificate(der); err == nil {
			out = append(out, c)
		}
	}
	return out
}

// material is validation data that was found for one or more chains.
type material struct {
	certificates, crls, ocsps [][]byte
}

func (m *material) certificate(c *x509.Certificate) {
	if c != nil {
		m.certificates = append(m.certificates, c.Raw)
	}
}

func (m *material) status(s *revocation.CertificateStatus) {
	if s == nil || s.Answer == nil {
		return
	}
	if s.Answer.Kind == revocation.OCSP {
		m.ocsps = append(m.ocsps, s.Answer.Raw)
	} else {
		m.crls = append(m.crls, s.Answer.Raw)
	}
	m.certificate(s.Answer.Signer)
	m.status(s.Responder)
}

// without drops what is in the document already.
func (m *material) without(have *material) {
	drop := func(list, known [][]byte) [][]byte {
		seen := make(map[string]bool, len(known))
		for _, b := range known {
			seen[string(b)] = true
		}
		var out [][]byte
		for _, b := range unique(list) {
			if !seen[string(b)] {
				out = append(out, b)
			}
		}
		return out
	}
	m.certificates = drop(m.certificates, have.certificates)
	m.crls, m.ocsps = drop(m.crls, have.crls), drop(m.ocsps, have.ocsps)
}

func (m *material) add(n *material) {
	m.certificates = append(m.certificates, n.certificates...)
	m.crls, m.ocsps = append(m.crls, n.crls...), append(m.ocsps, n.ocsps...)
}

func (m *material) empty() bool { return len(m.certificates)+len(m.crls)+len(m.ocsps) == 0 }

// encapsulated writes an element with DER in base64.
func (w *xmlWriter) encapsulated(name string, der []byte) {
	w.raw("<xades:", name, ` xmlns:xades="`, Namespace, `">`, base64.StdEncoding.EncodeToString(der), "</xades:", name, ">")
}

// values writes CertificateValues and RevocationValues.
func (w *xmlWriter) values(m *material) {
	if len(m.certificates) > 0 {
		w.raw(`<xades:CertificateValues xmlns:xades="`, Namespace, `">`)
		for _, der := range m.certificates {
			w.encapsulated("EncapsulatedX509Certificate", der)
		}
		w.raw("</xades:CertificateValues>")
	}
	if len(m.crls)+len(m.ocsps) == 0 {
		return
	}
	w.raw(`<xades:RevocationValues xmlns:xades="`, Namespace, `">`)
	list := func(name, item string, ders [][]byte) {
		if len(ders) == 0 {
			return
		}
		w.raw("<xades:", name, ">")
		for _, der := range ders {
			w.encapsulated(item, der)
		}
		w.raw("</xades:", name, ">")
	}
	list("CRLValues", "EncapsulatedCRLValue", m.crls)
	list("OCSPValues", "EncapsulatedOCSPValue", m.ocsps)
	w.raw("</xades:RevocationValues>")
}

// source asks the document first, then the outer source.
func (a *augmenting) source(p *Properties) revocation.Source {
	certs, crls, ocsps := p.Material()
	inside := revocation.NewOffline(append(crls, ocsps...)...)
	inside.Certify(parse(certs)...)
	if a.o.Revocation == nil {
		return inside
	}
	return revocation.Join(inside, a.o.Revocation)
}

// checkSigner refuses a signer who is not good at this time: for the first time-stamp.
func (a *augmenting) checkSigner(ctx context.Context, res *signing.SignatureResult, p *Properties, at time.Time) error {
	chain, err := a.signerChain(res, p, at)
	if err != nil {
		return err
	}
	checker := revocation.Checker{Source: a.source(p)}
	st := checker.Chain(ctx, chain, at, revocation.Freshness{Now: a.o.Now()})
	for k := range st.Certificates {
		if err := revokedError(&st.Certificates[k]); err != nil {
			return err
		}
	}
	return nil
}

func revokedError(c *revocation.CertificateStatus) error {
	if c.Status != revocation.Revoked && c.Status != revocation.Suspended {
		return nil
	}
	return fmt.Errorf("%w: %q is %s since %s", ErrRevoked, c.Certificate.Subject, c.Status, c.Answer.At.UTC().Format(time.RFC3339))
}

// signerChain finds the signer's chain, which must be valid at this time.
func (a *augmenting) signerChain(res *signing.SignatureResult, p *Properties, at time.Time) ([]*x509.Certificate, error) {
	if c := res.Certificate; a.o.Trust == nil {
		if at.After(c.NotAfter) {
			return nil, fmt.Errorf("%w: that of %q at %s", ErrExpired, c.Subject, c.NotAfter.UTC().Format(time.RFC3339))
		}
		return []*x509.Certificate{c}, nil
	}
	certs, _, _ := p.Material()
	chain := a.o.Trust.CheckFor(res.Certificate, append(res.Certificates, parse(certs)...), at, signing.PurposeAny)
	switch chain.Refusal {
	case signing.Accepted:
		return chain.Chain, nil
	case signing.ExpiredCertificate:
		return nil, fmt.Errorf("%w: %w", ErrExpired, chain.Err)
	}
	return nil, fmt.Errorf("%w: %w", ErrUntrusted, chain.Err)
}

// complete finds revocation data for every certificate of a chain but the last, or says for which there are none.
func (a *augmenting) complete(ctx context.Context, chain []*x509.Certificate, at time.Time, source revocation.Source) (*material, error) {
	m := new(material)
	for _, c := range chain {
		m.certificate(c)
	}
	checker := revocation.Checker{Source: source}
	st := checker.Chain(ctx, chain, at, revocation.Freshness{Now: a.o.Now()})
	for k := range st.Certificates {
		c := &st.Certificates[k]
		if err := revokedError(c); err != nil {
			return m, err
		}
		if c.Status != revocation.Good {
			return m, fmt.Errorf("%w: %q: %s", ErrNoRevocation, c.Certificate.Subject, c.Why)
		}
		m.status(c)
	}
	return m, nil
}

// validationData adds what is missing to judge the signer and all time-stamps so far.
func (a *augmenting) validationData(ctx context.Context, i int) error {
	res, p, err := a.read(ctx, i)
	if err != nil {
		return err
	}
	signer, stamps, err := a.missing(ctx, i, res, p)
	if err != nil {
		return err
	}
	w := new(xmlWriter)
	first := !p.has("CertificateValues") && !p.has("RevocationValues")
	if first {
		w.values(signer)
	} else {
		stamps = append([]stampMaterial{{material: signer}}, stamps...)
	}
	have := new(material)
	have.certificates, have.crls, have.ocsps = p.Material()
	if first {
		have.add(signer)
	}
	for _, s := range stamps {
		s.without(have)
		if s.empty() {
			continue
		}
		have.add(s.material)
		w.raw(`<xades141:TimeStampValidationData xmlns:xades141="`, Namespace141, `"`)
		if s.id != "" {
			w.raw(` URI="#`)
			w.value(s.id)
			w.raw(`"`)
		}
		w.raw(">")
		w.values(s.material)
		w.raw("</xades141:TimeStampValidationData>")
	}
	if w.err != nil {
		return w.err
	}
	return a.insert(ctx, p, w.b.String())
}

func (p *Properties) has(name string) bool {
	for _, u := range p.Unsigned {
		if u.Name == name {
			return true
		}
	}
	return false
}

// stampMaterial is validation data of one time-stamp.
type stampMaterial struct {
	*material
	id string
}

// missing finds the validation data of the signer, at the earliest proved time, and of each time-stamp, at the time of the one that
// protects it, or now.
func (a *augmenting) missing(ctx context.Context, i int, res *signing.SignatureResult, p *Properties) (*material, []stampMaterial, error) {
	good, bad := a.proofs(ctx, res, p, append(append([]TimeStamp(nil), p.SignatureTimeStamps...), p.ArchiveTimeStamps...))
	if len(good) == 0 {
		return nil, nil, errors.Join(append([]error{ErrTimeStamp}, bad...)...)
	}
	source := a.source(p)
	chain, err := a.signerChain(res, p, good[0].token.Time)
	if err != nil {
		return nil, nil, err
	}
	signer, err := a.complete(ctx, chain, good[0].token.Time, source)
	if err != nil {
		return nil, nil, err
	}
	a.covered(ctx, i, res, good[0].token.Time, source, signer)
	signer.known(res, chain)
	have := new(material)
	have.certificates, have.crls, have.ocsps = p.Material()
	signer.without(have)
	var stamps []stampMaterial
	for _, g := range good {
		at := a.o.Now()
		for _, later := range good {
			if later.covers == overAll && later.index > g.index && later.token.Time.Before(at) {
				at = later.token.Time
			}
		}
		if c := g.chain[0]; at.After(c.NotAfter) {
			return nil, nil, fmt.Errorf("%w: the time-stamp of %s by %q could not be checked after %s: it should have been renewed before",
				ErrExpired, g.token.Time.Format(time.RFC3339), c.Subject, c.NotAfter.Format(time.RFC3339))
		}
		m, err := a.complete(ctx, g.chain, at, source)
		if err != nil {
			return nil, nil, fmt.Errorf("time-stamp of %s: %w", g.token.Time.Format(time.RFC3339), err)
		}
		stamps = append(stamps, stampMaterial{m, g.ID})
	}
	return signer, stamps, nil
}

// known drops the certificates of the chain that KeyInfo has, unless none would be left.
func (m *material) known(res *signing.SignatureResult, chain []*x509.Certificate) {
	m.without(&material{certificates: res.Embedded})
	if len(m.certificates) == 0 {
		m.certificate(chain[len(chain)-1])
	}
}

// covered adds what can be found for signatures that signature i covers or holds, and which can therefore take in nothing themselves.
func (a *augmenting) covered(ctx context.Context, i int, res *signing.SignatureResult, at time.Time, source revocation.Source, m *material) {
	for k := range a.rep.Signatures {
		other := &a.rep.Signatures[k]
		if k == i || other.Certificate == nil || !inside(append([]signing.Range{res.Range}, res.Covered...), other.Range) {
			continue
		}
		chain := a.o.Trust.CheckFor(other.Certificate, other.Certificates, at, signing.PurposeAny)
		if chain.Refusal != signing.Accepted {
			continue
		}
		if found, err := a.complete(ctx, chain.Chain, at, source); err == nil {
			m.add(found)
		}
	}
}

// inside reports whether one of the ranges holds all of r.
func inside(ranges []signing.Range, r signing.Range) bool {
	for _, c := range ranges {
		if c.Start <= r.Start && r.End <= c.End {
			return true
		}
	}
	return false
}
