package xades

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tram-exchange/tram/signing"
)

// xmlWriter writes elements. The first error stays.
type xmlWriter struct {
	b   strings.Builder
	err error
}

func (w *xmlWriter) raw(s ...string) {
	for _, p := range s {
		w.b.WriteString(p)
	}
}

// value writes characters of text or of an attribute value.
func (w *xmlWriter) value(s string) {
	if !utf8.ValidString(s) {
		w.err = errors.Join(w.err, fmt.Errorf("couldn't write %q: not UTF-8", s))
		return
	}
	for _, r := range s {
		switch {
		case r == '&':
			w.b.WriteString("&amp;")
		case r == '<':
			w.b.WriteString("&lt;")
		case r == '>':
			w.b.WriteString("&gt;")
		case r == '"':
			w.b.WriteString("&quot;")
		case r == '\t' || r == '\n' || r == '\r':
			fmt.Fprintf(&w.b, "&#x%X;", r)
		case r < ' ' || r == 0xFFFE || r == 0xFFFF:
			w.err = errors.Join(w.err, fmt.Errorf("couldn't write %q: character U+%04X is not allowed in XML", s, r))
		default:
			w.b.WriteRune(r)
		}
	}
}

// leaf writes an element with text, unless the text is empty.
func (w *xmlWriter) leaf(name, text string) {
	if text == "" {
		return
	}
	w.raw("<xades:", name, ">")
	w.value(text)
	w.raw("</xades:", name, ">")
}

// digest writes DigestMethod and DigestValue, which stand in the namespace without prefix.
func (w *xmlWriter) digest(h crypto.Hash, sum []byte) {
	uri, ok := signing.DigestURI(h)
	if !ok {
		w.err = errors.Join(w.err, fmt.Errorf("couldn't name digest %v", h))
	}
	w.raw(`<DigestMethod Algorithm="`, uri, `"></DigestMethod><DigestValue>`, base64.StdEncoding.EncodeToString(sum), `</DigestValue>`)
}

// timeText is how SigningTime writes a time.
func timeText(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }

// object returns the Object element of a signature with this Id, and the Id of its SignedProperties. refs are the Ids of
// the references to what the signer signs, with their MIME types.
func (o *SignOptions) object(sigID string, cert *x509.Certificate, refs []format) (object []byte, propertiesID string, err error) {
	propertiesID = sigID + "-properties"
	w := new(xmlWriter)
	w.raw(`<Object><xades:QualifyingProperties xmlns:xades="`, Namespace, `" Target="#`)
	w.value(sigID)
	w.raw(`"><xades:SignedProperties Id="`)
	w.value(propertiesID)
	w.raw(`"><xades:SignedSignatureProperties>`)
	w.leaf("SigningTime", timeText(o.SigningTime))
	o.signingCertificate(w, cert)
	o.Policy.write(w)
	o.Place.write(w)
	if len(o.ClaimedRoles) > 0 {
		w.raw("<xades:SignerRoleV2><xades:ClaimedRoles>")
		for _, r := range o.ClaimedRoles {
			w.leaf("ClaimedRole", r)
		}
		w.raw("</xades:ClaimedRoles></xades:SignerRoleV2>")
	}
	w.raw("</xades:SignedSignatureProperties><xades:SignedDataObjectProperties>")
	for _, f := range refs {
		w.raw(`<xades:DataObjectFormat ObjectReference="#`)
		w.value(f.id)
		w.raw(`">`)
		w.leaf("MimeType", f.mime)
		w.raw("</xades:DataObjectFormat>")
	}
	if o.Commitment != "" {
		w.raw("<xades:CommitmentTypeIndication><xades:CommitmentTypeId>")
		identifier(w, o.Commitment)
		w.raw("</xades:CommitmentTypeId><xades:AllSignedDataObjects></xades:AllSignedDataObjects></xades:CommitmentTypeIndication>")
	}
	w.raw("</xades:SignedDataObjectProperties></xades:SignedProperties></xades:QualifyingProperties></Object>")
	if w.err != nil {
		return nil, "", w.err
	}
	return []byte(w.b.String()), propertiesID, nil
}

// format is the MIME type of what a reference refers to.
type format struct{ id, mime string }

// signingCertificate writes SigningCertificateV2, which binds the signature to one certificate.
func (o *SignOptions) signingCertificate(w *xmlWriter, cert *x509.Certificate) {
	h := o.certificateHash()
	w.raw("<xades:SigningCertificateV2><xades:Cert><xades:CertDigest>")
	sum := h.New()
	sum.Write(cert.Raw)
	w.digest(h, sum.Sum(nil))
	w.raw("</xades:CertDigest>")
	if o.IssuerSerial {
		der, err := issuerSerial(cert)
		w.err = errors.Join(w.err, err)
		w.leaf("IssuerSerialV2", base64.StdEncoding.EncodeToString(der))
	}
	w.raw("</xades:Cert></xades:SigningCertificateV2>")
}

// certificateHash is SHA-256, or the digest of the references.
func (o *SignOptions) certificateHash() crypto.Hash {
	if h, ok := signing.DigestByURI(o.Digest); ok && h != crypto.SHA1 {
		return h
	}
	return crypto.SHA256
}

// issuerSerial is IssuerSerial of RFC 5035: the issuer as the one directoryName of GeneralNames, and the serial number.
func issuerSerial(c *x509.Certificate) ([]byte, error) {
	name, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: c.RawIssuer})
	if err != nil {
		return nil, err
	}
	serial, err := asn1.Marshal(c.SerialNumber)
	if err != nil {
		return nil, err
	}
	names, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagSequence, IsCompound: true, Bytes: name})
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagSequence, IsCompound: true, Bytes: append(names, serial...)})
}

// identifier writes an ObjectIdentifierType: a URI, or a dotted OID as URN.
func identifier(w *xmlWriter, id string) {
	qualifier := ""
	if isOID(id) {
		id = "urn:oid:" + id
	}
	if strings.HasPrefix(id, "urn:oid:") {
		qualifier = ` Qualifier="OIDAsURN"`
	}
	w.raw("<xades:Identifier", qualifier, ">")
	w.value(id)
	w.raw("</xades:Identifier>")
}

func isOID(s string) bool {
	return strings.Contains(s, ".") && strings.Trim(s, "0123456789.") == ""
}

func (p *PolicyID) write(w *xmlWriter) {
	switch {
	case p == nil:
	case p.Implied:
		w.raw("<xades:SignaturePolicyIdentifier><xades:SignaturePolicyImplied></xades:SignaturePolicyImplied></xades:SignaturePolicyIdentifier>")
	default:
		w.raw("<xades:SignaturePolicyIdentifier><xades:SignaturePolicyId><xades:SigPolicyId>")
		identifier(w, p.ID)
		w.leaf("Description", p.Description)
		w.raw("</xades:SigPolicyId><xades:SigPolicyHash>")
		w.digest(p.Hash, p.Digest)
		w.raw("</xades:SigPolicyHash>")
		if p.URI != "" {
			w.raw("<xades:SigPolicyQualifiers><xades:SigPolicyQualifier>")
			w.leaf("SPURI", p.URI)
			w.raw("</xades:SigPolicyQualifier></xades:SigPolicyQualifiers>")
		}
		w.raw("</xades:SignaturePolicyId></xades:SignaturePolicyIdentifier>")
	}
}

func (p *Place) write(w *xmlWriter) {
	if p == nil || *p == (Place{}) {
		return
	}
	w.raw("<xades:SignatureProductionPlaceV2>")
	w.leaf("City", p.City)
	w.leaf("StreetAddress", p.StreetAddress)
	w.leaf("StateOrProvince", p.StateOrProvince)
	w.leaf("PostalCode", p.PostalCode)
	w.leaf("CountryName", p.Country)
	w.raw("</xades:SignatureProductionPlaceV2>")
}
