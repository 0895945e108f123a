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

// Options of Parse.
type Options struct {
	BER bool // also read BER, unsorted signed attributes and octets behind the end; each is told in SignedData.Deviations
}

// SignedData is a signature of one or more signers over one content. Its slices belong to it: don't change them.
type SignedData struct {
	Raw          []byte // the whole ContentInfo in DER, as it was read
	Version      int
	Digests      []crypto.Hash // announced; those that this package knows
	ContentType  asn1.ObjectIdentifier
	Content      []byte // embedded; nil if detached (Detached tells empty from none)
	Detached     bool
	Certificates []*x509.Certificate
	Unreadable   int      // certificates that are no X.509 or could not be parsed
	CRLs         [][]byte // DER, not parsed
	OCSPs        [][]byte // DER of OCSPResponse (RFC 5940), not parsed
	Signers      []*Signer
	Deviations   []string // from DER, in English; always empty without Options.BER

	head []byte // version to crls, for those who add attributes
}

// Signer is one SignerInfo.
type Signer struct {
	Version   int
	Issuer    []byte   // DER of the issuer's name; nil if KeyID is given instead
	Serial    *big.Int // with Issuer
	KeyID     []byte   // subject key identifier
	Hash      crypto.Hash
	HashOID   asn1.ObjectIdentifier // Hash is zero if it isn't known
	Algorithm Algorithm
	Signature []byte
	Signed    []Attribute // empty if the value is over the content itself
	Unsigned  []Attribute

	// From the signed attributes:
	SigningTime   time.Time // claimed; zero if none
	MessageDigest []byte
	References    []CertificateID // of signing-certificate and signing-certificate-v2, the signer's first in each

	contentType asn1.ObjectIdentifier
	signedRaw   []byte // the set as it is digested: tag 0x31
	head        []byte // of the sequence, all before the unsigned attributes
}

// Attribute has one or more values, each a DER element.
type Attribute struct {
	Type   asn1.ObjectIdentifier
	Values [][]byte
}

// Parse reads one ContentInfo with SignedData. It checks form, not signatures.
func Parse(der []byte, o Options) (*SignedData, error) {
	if len(der) > MaxSize {
		return nil, problemf(TooBig, "%d octets, limit is %d", len(der), MaxSize)
	}
	b, rest, changed, e := exact(der, o.BER)
	if e != nil {
		return nil, e
	}
	d := &SignedData{Raw: b}
	if changed {
		d.Deviations = append(d.Deviations, "encoded in BER, not DER")
	}
	if len(bytes.Trim(rest, "\x00")) > 0 {
		d.Deviations = append(d.Deviations, "octets behind the end")
	}
	in := cryptobyte.String(b)
	var info, content, sd cryptobyte.String
	var typ asn1.ObjectIdentifier
	if !in.ReadASN1(&info, casn1.SEQUENCE) || !info.ReadASN1ObjectIdentifier(&typ) {
		return nil, problemf(Malformed, "not a ContentInfo")
	}
	if !typ.Equal(OIDSignedData) {
		return nil, problemf(Malformed, "content of type %v, want SignedData", typ)
	}
	if !info.ReadASN1(&content, explicit(0)) || !info.Empty() || !content.ReadASN1(&sd, casn1.SEQUENCE) || !content.Empty() {
		return nil, problemf(Malformed, "no SignedData in the ContentInfo")
	}
	if err := d.read(sd, o); err != nil {
		return nil, err
	}
	return d, nil
}

func explicit(n uint8) casn1.Tag { return casn1.Tag(n).Constructed().ContextSpecific() }

func (d *SignedData) read(in cryptobyte.String, o Options) error {
	all := in
	var digests, encap, certs, crls, signers cryptobyte.String
	var hasCerts, hasCRLs bool
	if !in.ReadASN1Integer(&d.Version) || d.Version < 1 || d.Version > 5 {
		return problemf(Malformed, "version of SignedData isn't 1 to 5")
	}
	if !in.ReadASN1(&digests, casn1.SET) {
		return problemf(Malformed, "no digest algorithms")
	}
	for n := 0; !digests.Empty(); n++ {
		oid, _, ok := readAlgorithm(&digests)
		if !ok || n == maxAttributes {
			return problemf(Malformed, "digest algorithms can't be read")
		}
		if h, known := HashByOID(oid); known {
			d.Digests = append(d.Digests, h)
		}
	}
	if !in.ReadASN1(&encap, casn1.SEQUENCE) {
		return problemf(Malformed, "no content information")
	}
	if err := d.readContent(encap); err != nil {
		return err
	}
	if !in.ReadOptionalASN1(&certs, &hasCerts, explicit(0)) || !in.ReadOptionalASN1(&crls, &hasCRLs, explicit(1)) {
		return problemf(Malformed, "certificates can't be read")
	}
	if err := d.readCertificates(certs); err != nil {
		return err
	}
	if err := d.readRevocations(crls); err != nil {
		return err
	}
	d.head = all[:len(all)-len(in)]
	if !in.ReadASN1(&signers, casn1.SET) || !in.Empty() {
		return problemf(Malformed, "no signers, or octets behind them")
	}
	for !signers.Empty() {
		if len(d.Signers) == maxSigners {
			return problemf(TooBig, "more than %d signers", maxSigners)
		}
		var one cryptobyte.String
		if !signers.ReadASN1(&one, casn1.SEQUENCE) {
			return problemf(Malformed, "signer can't be read")
		}
		s := &Signer{}
		if err := s.read(one, d, o); err != nil {
			return err
		}
		d.Signers = append(d.Signers, s)
	}
	return nil
}

func (d *SignedData) readContent(encap cryptobyte.String) error {
	var wrapped, content cryptobyte.String
	var there bool
	if !encap.ReadASN1ObjectIdentifier(&d.ContentType) || !encap.ReadOptionalASN1(&wrapped, &there, explicit(0)) || !encap.Empty() {
		return problemf(Malformed, "content information can't be read")
	}
	if !there {
		d.Detached = true
		return nil
	}
	if !wrapped.ReadASN1(&content, casn1.OCTET_STRING) || !wrapped.Empty() {
		return problemf(Malformed, "content isn't an octet string")
	}
	d.Content = content
	return nil
}

func (d *SignedData) readCertificates(in cryptobyte.String) error {
	for n := 0; !in.Empty(); n++ {
		if n == maxCertificates {
			return problemf(TooBig, "more than %d certificates", maxCertificates)
		}
		var raw cryptobyte.String
		var tag casn1.Tag
		if !in.ReadAnyASN1Element(&raw, &tag) {
			return problemf(Malformed, "certificates can't be read")
		}
		if tag != casn1.SEQUENCE {
			d.Unreadable++
			continue
		}
		c, err := x509.ParseCertificate(raw)
		if err != nil {
			d.Unreadable++
			continue
		}
		d.Certificates = append(d.Certificates, c)
	}
	return nil
}

func (d *SignedData) readRevocations(in cryptobyte.String) error {
	for n := 0; !in.Empty(); n++ {
		if n == maxRevocations {
			return problemf(TooBig, "more than %d CRLs and OCSP answers", maxRevocations)
		}
		var raw, other cryptobyte.String
		var tag casn1.Tag
		if !in.ReadAnyASN1Element(&raw, &tag) {
			return problemf(Malformed, "CRLs can't be read")
		}
		switch tag {
		case casn1.SEQUENCE:
			d.CRLs = append(d.CRLs, raw)
		case explicit(1): // OtherRevocationInfoFormat
			var oid asn1.ObjectIdentifier
			if !raw.ReadASN1(&other, tag) || !other.ReadASN1ObjectIdentifier(&oid) {
				return problemf(Malformed, "revocation information can't be read")
			}
			if oid.Equal(oidOCSPResponse) {
				d.OCSPs = append(d.OCSPs, other)
			}
		default:
			return problemf(Malformed, "revocation information of an unknown kind")
		}
	}
	return nil
}

func (s *Signer) read(in cryptobyte.String, d *SignedData, o Options) error {
	all := in
	if !in.ReadASN1Integer(&s.Version) || s.Version != 1 && s.Version != 3 {
		return problemf(Malformed, "version of the signer isn't 1 or 3")
	}
	if err := s.readName(&in); err != nil {
		return err
	}
	var ok bool
	if s.Hash, s.HashOID, ok = readHash(&in); !ok {
		return problemf(Malformed, "digest algorithm of the signer can't be read")
	}
	if in.PeekASN1Tag(explicit(0)) {
		if err := s.readSigned(&in, d, o); err != nil {
			return err
		}
	}
	if s.Algorithm, ok = readSignatureAlgorithm(&in); !ok {
		return problemf(Malformed, "signature algorithm can't be read")
	}
	var value cryptobyte.String
	if !in.ReadASN1(&value, casn1.OCTET_STRING) {
		return problemf(Malformed, "no signature value")
	}
	s.Signature = value
	s.head = all[:len(all)-len(in)]
	var unsigned cryptobyte.String
	var there bool
	if !in.ReadOptionalASN1(&unsigned, &there, explicit(1)) || !in.Empty() {
		return problemf(Malformed, "octets behind the signature value")
	}
	var err *Error
	if s.Unsigned, _, err = readAttributes(unsigned); err != nil {
		return err
	}
	return nil
}

func (s *Signer) readName(in *cryptobyte.String) error {
	var name, id cryptobyte.String
	key := casn1.Tag(0).ContextSpecific()
	if in.PeekASN1Tag(key) {
		if !in.ReadASN1(&id, key) || len(id) == 0 {
			return problemf(Malformed, "key identifier of the signer can't be read")
		}
		s.KeyID = id
		return nil
	}
	s.Serial = new(big.Int)
	if !in.ReadASN1(&id, casn1.SEQUENCE) || !id.ReadASN1Element(&name, casn1.SEQUENCE) || !id.ReadASN1Integer(s.Serial) || !id.Empty() {
		return problemf(Malformed, "issuer and serial number of the signer can't be read")
	}
	s.Issuer = name
	return nil
}

func (s *Signer) readSigned(in *cryptobyte.String, d *SignedData, o Options) error {
	var element, attrs cryptobyte.String
	if !in.ReadASN1Element(&element, explicit(0)) {
		return problemf(Malformed, "signed attributes can't be read")
	}
	s.signedRaw = bytes.Clone(element)
	s.signedRaw[0] = 0x31
	element.ReadASN1(&attrs, explicit(0))
	var sorted bool
	var err *Error
	if s.Signed, sorted, err = readAttributes(attrs); err != nil {
		return err
	}
	if len(s.Signed) == 0 {
		return problemf(Malformed, "signed attributes are empty")
	}
	if !sorted {
		if !o.BER {
			return problemf(NotDER, "signed attributes aren't in the order of DER")
		}
		d.Deviations = append(d.Deviations, "signed attributes not in the order of DER")
	}
	return s.readKnown()
}

// readAttributes reads the content of a SET OF Attribute.
func readAttributes(in cryptobyte.String) (attrs []Attribute, sorted bool, e *Error) {
	sorted = true
	var before []byte
	for !in.Empty() {
		if len(attrs) == maxAttributes {
			return nil, false, problemf(TooBig, "more than %d attributes", maxAttributes)
		}
		var element, one, values cryptobyte.String
		if !in.ReadASN1Element(&element, casn1.SEQUENCE) {
			return nil, false, problemf(Malformed, "attribute can't be read")
		}
		sorted = sorted && bytes.Compare(before, element) <= 0
		before = element
		var a Attribute
		rest := element
		if !rest.ReadASN1(&one, casn1.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&a.Type) || !one.ReadASN1(&values, casn1.SET) || !one.Empty() {
			return nil, false, problemf(Malformed, "attribute can't be read")
		}
		for !values.Empty() {
			var v cryptobyte.String
			var tag casn1.Tag
			if len(a.Values) == maxAttributes {
				return nil, false, problemf(TooBig, "attribute %v has more than %d values", a.Type, maxAttributes)
			}
			if !values.ReadAnyASN1Element(&v, &tag) {
				return nil, false, problemf(Malformed, "value of attribute %v can't be read", a.Type)
			}
			a.Values = append(a.Values, v)
		}
		attrs = append(attrs, a)
	}
	return attrs, sorted, nil
}
