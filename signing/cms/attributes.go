package cms

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// CertificateID names a certificate by its digest: ESSCertID (RFC 2634) or ESSCertIDv2 (RFC 5035).
type CertificateID struct {
	Version int         // 1 or 2
	First   bool        // first of its attribute: the signer's
	Hash    crypto.Hash // zero if it isn't known
	Digest  []byte
	Issuer  []byte   // DER of the issuer's name; nil if none is given
	Serial  *big.Int // with Issuer
}

// Names reports whether id is that of c.
func (id CertificateID) Names(c *x509.Certificate) bool {
	if id.Hash == 0 {
		return false
	}
	h := id.Hash.New()
	h.Write(c.Raw)
	if !bytes.Equal(h.Sum(nil), id.Digest) {
		return false
	}
	return id.Issuer == nil || bytes.Equal(id.Issuer, c.RawIssuer) && id.Serial.Cmp(c.SerialNumber) == 0
}

// readKnown takes what Verify needs out of the signed attributes. Each of these stands once, with one value (RFC 5652 11).
func (s *Signer) readKnown() error {
	seen := map[string]bool{}
	for _, a := range s.Signed {
		var read func(cryptobyte.String) bool
		switch {
		case a.Type.Equal(OIDContentType):
			read = func(v cryptobyte.String) bool { return v.ReadASN1ObjectIdentifier(&s.contentType) && v.Empty() }
		case a.Type.Equal(OIDMessageDigest):
			read = func(v cryptobyte.String) bool {
				var d cryptobyte.String
				ok := v.ReadASN1(&d, casn1.OCTET_STRING) && v.Empty()
				s.MessageDigest = d
				return ok
			}
		case a.Type.Equal(OIDSigningTime):
			read = s.readTime
		case a.Type.Equal(OIDSigningCertificate):
			read = func(v cryptobyte.String) bool { return s.readReferences(v, 1) }
		case a.Type.Equal(OIDSigningCertificateV2):
			read = func(v cryptobyte.String) bool { return s.readReferences(v, 2) }
		default:
			continue
		}
		name := a.Type.String()
		if seen[name] || len(a.Values) != 1 {
			return problemf(Malformed, "attribute %s stands more than once or hasn't one value", name)
		}
		seen[name] = true
		if !read(a.Values[0]) {
			return problemf(Malformed, "attribute %s can't be read", name)
		}
	}
	return nil
}

func (s *Signer) readTime(v cryptobyte.String) bool {
	if v.PeekASN1Tag(casn1.UTCTime) {
		return v.ReadASN1UTCTime(&s.SigningTime) && v.Empty()
	}
	return v.ReadASN1GeneralizedTime(&s.SigningTime) && v.Empty()
}

// readReferences reads SigningCertificate or SigningCertificateV2; the policies in it are passed over.
func (s *Signer) readReferences(v cryptobyte.String, version int) bool {
	var seq, ids cryptobyte.String
	if !v.ReadASN1(&seq, casn1.SEQUENCE) || !v.Empty() || !seq.ReadASN1(&ids, casn1.SEQUENCE) || !seq.SkipOptionalASN1(casn1.SEQUENCE) || !seq.Empty() {
		return false
	}
	first := true
	for !ids.Empty() {
		if len(s.References) == maxCertificates {
			return false
		}
		id, ok := readCertificateID(&ids, version)
		if !ok {
			return false
		}
		id.First, first = first, false
		s.References = append(s.References, id)
	}
	return !first
}

func readCertificateID(ids *cryptobyte.String, version int) (CertificateID, bool) {
	id := CertificateID{Version: version, Hash: crypto.SHA1}
	var one, digest, is cryptobyte.String
	if !ids.ReadASN1(&one, casn1.SEQUENCE) {
		return id, false
	}
	if version == 2 {
		id.Hash = crypto.SHA256
		if one.PeekASN1Tag(casn1.SEQUENCE) {
			var ok bool
			if id.Hash, _, ok = readHash(&one); !ok {
				return id, false
			}
		}
	}
	if !one.ReadASN1(&digest, casn1.OCTET_STRING) {
		return id, false
	}
	id.Digest = digest
	if one.Empty() {
		return id, true
	}
	// IssuerSerial ::= SEQUENCE { issuer GeneralNames, serialNumber INTEGER, … }: one directoryName.
	var names, dir, name cryptobyte.String
	id.Serial = new(big.Int)
	if !one.ReadASN1(&is, casn1.SEQUENCE) || !one.Empty() || !is.ReadASN1(&names, casn1.SEQUENCE) || !is.ReadASN1Integer(id.Serial) || !is.Empty() ||
		!names.ReadASN1(&dir, explicit(4)) || !names.Empty() || !dir.ReadASN1Element(&name, casn1.SEQUENCE) || !dir.Empty() {
		return id, false
	}
	id.Issuer = name
	return id, true
}

// UnsignedValues returns all values of the unsigned attributes of a type.
func (s *Signer) UnsignedValues(typ asn1.ObjectIdentifier) [][]byte { return values(s.Unsigned, typ) }

// SignedValues is UnsignedValues for signed attributes.
func (s *Signer) SignedValues(typ asn1.ObjectIdentifier) [][]byte { return values(s.Signed, typ) }

func values(attrs []Attribute, typ asn1.ObjectIdentifier) [][]byte {
	var out [][]byte
	for _, a := range attrs {
		if a.Type.Equal(typ) {
			out = append(out, a.Values...)
		}
	}
	return out
}

// AdobeRevocation returns the CRLs and OCSP responses (DER, not parsed) that the signed attribute RevocationInfoArchival
// (ISO 32000-1 12.8.3.3.2) carries. One that can't be read gives nothing.
func (s *Signer) AdobeRevocation() (crls, ocsps [][]byte) {
	for _, raw := range s.SignedValues(OIDAdobeRevocation) {
		in := cryptobyte.String(raw)
		var seq cryptobyte.String
		if !in.ReadASN1(&seq, casn1.SEQUENCE) {
			continue
		}
		for n, out := range []*[][]byte{&crls, &ocsps} {
			var part, list cryptobyte.String
			var there bool
			if !seq.ReadOptionalASN1(&part, &there, explicit(uint8(n))) || !there || !part.ReadASN1(&list, casn1.SEQUENCE) {
				continue
			}
			for !list.Empty() && len(*out) < maxRevocations {
				var one cryptobyte.String
				if !list.ReadASN1Element(&one, casn1.SEQUENCE) {
					break
				}
				*out = append(*out, one)
			}
		}
	}
	return crls, ocsps
}

// signingTime encodes t as RFC 5652 11.3 wants: UTCTime until 2049.
func signingTime(t time.Time) ([]byte, error) {
	var b cryptobyte.Builder
	if t = t.UTC().Truncate(time.Second); t.Year() < 2050 {
		b.AddASN1UTCTime(t)
	} else {
		b.AddASN1GeneralizedTime(t)
	}
	return b.Bytes()
}
