package xades

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/xmlstream"
	"github.com/tram-exchange/tram/signing"
)

// Read returns what stands in the QualifyingProperties of a signature that signing.Verify found in src. A signature without any has empty
// Properties. What is wrong with single properties is told in Problems; an error means that the signature could not be read, or
// that there is more than Read is willing to read (ErrTooLarge).
func Read(ctx context.Context, src signing.Source, res *signing.SignatureResult) (*Properties, error) {
	return ReadLimited(ctx, src, res, xmlstream.Limits{})
}

// ReadLimited is Read with the bounds that Verify had.
func ReadLimited(ctx context.Context, src signing.Source, res *signing.SignatureResult, l xmlstream.Limits) (*Properties, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := &Properties{archived: new(prefixes)}
	if res.Elements.SignedInfo.Len() == 0 {
		return p, nil
	}
	q, err := readQualifying(src, res, l)
	if err != nil {
		return nil, fmt.Errorf("couldn't read properties of the signature: %w", err)
	}
	if q.elsewhere > 0 {
		p.problem("QualifyingProperties", "%d more of them, or references to some, stand where they count as none", q.elsewhere)
	}
	switch {
	case len(q.found) == 0:
		return p, nil
	case len(q.found) > 1:
		p.problem("QualifyingProperties", "%d of them: none is used", len(q.found))
		return p, nil
	case res.ID == "" || q.found[0].attrs["Target"] != "#"+res.ID:
		p.problem("QualifyingProperties", "its target is %q, the signature has the Id %q", q.found[0].attrs["Target"], res.ID)
		return p, nil
	}
	p.qualifying = q.found[0]
	p.readSigned(res)
	p.readUnsigned()
	return p, nil
}

// only returns the one child with a name, and tells where there are more.
func (p *Properties) only(n *node, name string) *node {
	if n == nil {
		return nil
	}
	var found *node
	for _, c := range n.children {
		if !c.is(name) {
			continue
		}
		if found != nil {
			p.problem(name, "stands more than once: none is used")
			return nil
		}
		found = c
	}
	return found
}

// readSigned reads the signed properties, if they are signed.
func (p *Properties) readSigned(res *signing.SignatureResult) {
	sp := p.only(p.qualifying, "SignedProperties")
	if sp == nil {
		return
	}
	id := sp.attrs["Id"]
	var refs []signing.ReferenceResult
	for _, r := range res.References {
		if r.Type == SignedPropertiesType {
			refs = append(refs, r)
		}
	}
	switch {
	case len(refs) == 0:
		p.problem("SignedProperties", "no reference of the type %s: they count as none", SignedPropertiesType)
		return
	case len(refs) > 1:
		p.problem("SignedProperties", "%d references of their type: they count as none", len(refs))
		return
	case id == "" || refs[0].URI != "#"+id || refs[0].Range != sp.rng:
		p.problem("SignedProperties", "the reference of their type leads to %q, they have the Id %q: they count as none", refs[0].URI, id)
		return
	case !refs[0].OK:
		p.problem("SignedProperties", "changed after signing: they count as none")
		return
	}
	p.Signed, p.signed = true, sp
	p.readSignature(p.only(sp, "SignedSignatureProperties"))
	p.readObjects(p.only(sp, "SignedDataObjectProperties"))
}

func (p *Properties) readSignature(n *node) {
	if t := p.only(n, "SigningTime"); t != nil {
		at, err := parseTime(t.value())
		if err != nil {
			p.problem("SigningTime", "%w", err)
		}
		p.SigningTime = at
	}
	v1, v2 := p.only(n, "SigningCertificate"), p.only(n, "SigningCertificateV2")
	if v2 != nil {
		p.SigningCertificate2 = true
		p.SigningCertificates = p.certRefs("SigningCertificateV2", v2)
	} else if v1 != nil {
		p.SigningCertificates = p.certRefs("SigningCertificate", v1)
	}
	p.readPolicy(p.only(n, "SignaturePolicyIdentifier"))
	for _, name := range []string{"SignatureProductionPlaceV2", "SignatureProductionPlace"} {
		if pl := p.only(n, name); pl != nil {
			p.Place = &Place{City: pl.path("City").value(), StreetAddress: pl.path("StreetAddress").value(),
				StateOrProvince: pl.path("StateOrProvince").value(), PostalCode: pl.path("PostalCode").value(), Country: pl.path("CountryName").value()}
			break
		}
	}
	for _, name := range []string{"SignerRoleV2", "SignerRole"} {
		role := p.only(n, name)
		if role == nil {
			continue
		}
		for _, kind := range role.children {
			for _, c := range kind.children {
				if kind.is("ClaimedRoles") && c.is("ClaimedRole") && len(p.ClaimedRoles) < maxLists {
					p.ClaimedRoles = append(p.ClaimedRoles, c.value())
				} else {
					p.OtherRoles++
				}
			}
		}
		break
	}
}

// parseTime reads xsd:dateTime. Without a zone it is Vietnamese time.
func parseTime(s string) (time.Time, error) {
	if len(s) > 64 {
		return time.Time{}, fmt.Errorf("a time of %d characters", len(s))
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	t, err := time.ParseInLocation("2006-01-02T15:04:05.999999999", s, time.FixedZone("+07:00", 7*3600))
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a time", s)
	}
	return t, nil
}

func (p *Properties) certRefs(name string, n *node) []CertRef {
	var out []CertRef
	for _, c := range n.children {
		if !c.is("Cert") || len(out) >= maxLists {
			continue
		}
		r, err := readCertRef(c)
		if err != nil {
			p.problem(name, "%w", err)
			continue
		}
		out = append(out, r)
	}
	return out
}

func readCertRef(c *node) (r CertRef, err error) {
	d := c.path("CertDigest")
	method := d.child(dsNamespace, "DigestMethod")
	if method == nil {
		return r, fmt.Errorf("a certificate without digest")
	}
	r.DigestURI = method.attrs["Algorithm"]
	r.Hash, _ = signing.DigestByURI(r.DigestURI)
	if r.Digest, err = d.child(dsNamespace, "DigestValue").bytes(); err != nil {
		return r, fmt.Errorf("digest of a certificate: %w", err)
	}
	if v2 := c.path("IssuerSerialV2"); v2 != nil {
		if r.IssuerSerial, err = v2.bytes(); err != nil {
			return r, fmt.Errorf("issuer and serial number: %w", err)
		}
	}
	if v1 := c.path("IssuerSerial"); v1 != nil {
		r.Issuer = v1.child(dsNamespace, "X509IssuerName").value()
		text := v1.child(dsNamespace, "X509SerialNumber").value()
		serial, ok := new(big.Int), false
		if len(text) < 100 {
			serial, ok = serial.SetString(text, 10)
		}
		if !ok {
			return r, fmt.Errorf("%q is not a serial number", text)
		}
		r.Serial = serial
	}
	return r, nil
}

func (p *Properties) readPolicy(n *node) {
	if n == nil {
		return
	}
	if n.path("SignaturePolicyImplied") != nil {
		p.Policy = &PolicyID{Implied: true}
		return
	}
	sp := n.path("SignaturePolicyId")
	id := sp.path("SigPolicyId")
	out := &PolicyID{ID: id.path("Identifier").value(), Description: id.path("Description").value(),
		URI: sp.path("SigPolicyQualifiers", "SigPolicyQualifier", "SPURI").value()}
	hash := sp.path("SigPolicyHash")
	if m := hash.child(dsNamespace, "DigestMethod"); m != nil {
		var ok bool
		if out.Hash, ok = signing.DigestByURI(m.attrs["Algorithm"]); !ok {
			p.problem("SignaturePolicyIdentifier", "unknown digest algorithm %q", m.attrs["Algorithm"])
		}
	}
	var err error
	if out.Digest, err = hash.child(dsNamespace, "DigestValue").bytes(); err != nil {
		p.problem("SignaturePolicyIdentifier", "digest: %w", err)
	}
	if out.ID == "" {
		p.problem("SignaturePolicyIdentifier", "no identifier")
		return
	}
	p.Policy = out
}

func (p *Properties) readObjects(n *node) {
	if n == nil {
		return
	}
	for _, c := range n.children {
		if c.uri != Namespace {
			continue
		}
		switch c.local {
		case "DataObjectFormat":
			if len(p.DataObjectFormats) < maxLists {
				p.DataObjectFormats = append(p.DataObjectFormats, DataObjectFormat{ObjectReference: c.attrs["ObjectReference"], MimeType: c.path("MimeType").value(),
					Encoding: c.path("Encoding").value(), Identifier: c.path("ObjectIdentifier", "Identifier").value(), Descriptor: c.path("Description").value()})
			}
		case "CommitmentTypeIndication":
			if len(p.CommitmentTypes) < maxLists {
				p.CommitmentTypes = append(p.CommitmentTypes, readCommitment(c))
			}
		case "AllDataObjectsTimeStamp", "IndividualDataObjectsTimeStamp":
			p.ContentTimeStamps = p.timeStamps(p.ContentTimeStamps, c, 0)
		}
	}
}

func readCommitment(c *node) Commitment {
	out := Commitment{Identifier: c.path("CommitmentTypeId", "Identifier").value(), All: c.path("AllSignedDataObjects") != nil}
	for _, o := range c.children {
		if o.is("ObjectReference") && len(out.Objects) < maxLists {
			out.Objects = append(out.Objects, o.value())
		}
	}
	return out
}

// readUnsigned reads the unsigned properties, in order.
func (p *Properties) readUnsigned() {
	list := p.only(p.only(p.qualifying, "UnsignedProperties"), "UnsignedSignatureProperties")
	if list == nil {
		return
	}
	for i, c := range list.children {
		p.Unsigned = append(p.Unsigned, Property{Namespace: c.uri, Name: c.local, Range: c.rng})
		known := c.uri == Namespace || c.uri == Namespace141
		switch {
		case !known:
			p.problem(c.local, "unknown property of the namespace %q", c.uri)
		case c.local == "SignatureTimeStamp":
			p.SignatureTimeStamps = p.timeStamps(p.SignatureTimeStamps, c, i)
		case c.local == "SigAndRefsTimeStamp", c.local == "SigAndRefsTimeStampV2":
			p.SigAndRefsTimeStamps = p.timeStamps(p.SigAndRefsTimeStamps, c, i)
		case c.local == "RefsOnlyTimeStamp", c.local == "RefsOnlyTimeStampV2":
			p.RefsOnlyTimeStamps = p.timeStamps(p.RefsOnlyTimeStamps, c, i)
		case c.local == "ArchiveTimeStamp":
			p.ArchiveTimeStamps = p.timeStamps(p.ArchiveTimeStamps, c, i)
		case c.local == "CertificateValues", c.local == "AttrAuthoritiesCertValues":
			p.CertificateValues = p.encapsulated(p.CertificateValues, c, "EncapsulatedX509Certificate")
		case c.local == "RevocationValues", c.local == "AttributeRevocationValues":
			p.CRLs = p.encapsulated(p.CRLs, c.path("CRLValues"), "EncapsulatedCRLValue")
			p.OCSPs = p.encapsulated(p.OCSPs, c.path("OCSPValues"), "EncapsulatedOCSPValue")
		case c.local == "TimeStampValidationData", c.local == "AnyValidationData":
			p.readValidationData(c)
		case c.local == "CounterSignature":
			p.CounterSignatures++
		case !slices.Contains(references, c.local):
			p.problem(c.local, "unknown property")
		}
	}
}

// references are the properties that only name validation data.
var references = []string{"CompleteCertificateRefs", "CompleteCertificateRefsV2", "CompleteRevocationRefs", "AttributeCertificateRefs",
	"AttributeCertificateRefsV2", "AttributeRevocationRefs", "SignaturePolicyStore", "RenewedDigests", "RenewedDigestsV2"}

func (p *Properties) readValidationData(c *node) {
	if len(p.TimeStampValidationData) >= maxLists {
		return
	}
	v := ValidationData{URI: c.attrs["URI"]}
	v.Certificates = p.encapsulated(nil, c.path("CertificateValues"), "EncapsulatedX509Certificate")
	rv := c.path("RevocationValues")
	v.CRLs = p.encapsulated(nil, rv.path("CRLValues"), "EncapsulatedCRLValue")
	v.OCSPs = p.encapsulated(nil, rv.path("OCSPValues"), "EncapsulatedOCSPValue")
	p.TimeStampValidationData = append(p.TimeStampValidationData, v)
}

// encapsulated appends the DER values of children with a name.
func (p *Properties) encapsulated(to [][]byte, n *node, name string) [][]byte {
	if n == nil {
		return to
	}
	for _, c := range n.children {
		if !c.is(name) {
			continue
		}
		if len(to) >= maxLists {
			p.problem(name, "more than %d", maxLists)
			break
		}
		if !isDER(c) {
			p.problem(name, "encoding %q is not read", c.attrs["Encoding"])
			continue
		}
		der, err := c.bytes()
		if err != nil {
			p.problem(name, "%w", err)
			continue
		}
		to = append(to, der)
	}
	return to
}

// isDER reports whether an encapsulated value is DER, which it is unless it says otherwise.
func isDER(c *node) bool {
	e := c.attrs["Encoding"]
	return e == "" || strings.HasSuffix(e, "#DER")
}
