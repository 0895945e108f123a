package xades

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/tram-exchange/tram/signing"
)

// Properties is what stands in the QualifyingProperties of one signature. The first group is signed by the signer and left empty
// unless Signed; the second can be added by anyone at any time, and proves only what its own signatures prove.
type Properties struct {
	// Signed tells that a reference of the right type, with a fitting digest, covers the signed properties.
	Signed bool

	SigningTime         time.Time // claimed
	SigningCertificates []CertRef
	SigningCertificate2 bool // stated by SigningCertificateV2, not by the older form
	Policy              *PolicyID
	Place               *Place
	ClaimedRoles        []string
	OtherRoles          int // certified roles and assertions, which are not read
	DataObjectFormats   []DataObjectFormat
	CommitmentTypes     []Commitment
	ContentTimeStamps   []TimeStamp // over what is signed, made before signing

	SignatureTimeStamps     []TimeStamp
	SigAndRefsTimeStamps    []TimeStamp // of older forms, as are the next
	RefsOnlyTimeStamps      []TimeStamp
	ArchiveTimeStamps       []TimeStamp
	CertificateValues       [][]byte // DER
	CRLs, OCSPs             [][]byte // DER
	TimeStampValidationData []ValidationData
	CounterSignatures       int

	// Unsigned lists all unsigned properties in order.
	Unsigned []Property
	// Problems tells what was found and not used: properties that are malformed, twice, not signed, not where they belong.
	Problems []Problem

	qualifying *node
	signed     *node // SignedProperties
	archived   *prefixes
}

// Property is one unsigned property.
type Property struct {
	Namespace, Name string
	Range           signing.Range
}

// Problem is something wrong with a property.
type Problem struct {
	Property string
	Err      error
}

func (p Problem) Error() string { return fmt.Sprintf("%s: %v", p.Property, p.Err) }

// CertRef names a certificate by digest, and maybe by issuer and serial number.
type CertRef struct {
	DigestURI string
	Hash      crypto.Hash // 0 if the algorithm is not known
	Digest    []byte

	IssuerSerial []byte   // V2: DER of IssuerSerial
	Issuer       string   // V1: as text
	Serial       *big.Int // V1
}

// Fits reports whether the digest is that of c.
func (r *CertRef) Fits(c *x509.Certificate) bool {
	if r.Hash == 0 || !r.Hash.Available() {
		return false
	}
	h := r.Hash.New()
	h.Write(c.Raw)
	return string(h.Sum(nil)) == string(r.Digest)
}

// NamesIssuerOf reports whether issuer and serial number, where they are stated, are those of c. Names of the first
// form are text that can be written in many ways: of these only the serial number is compared.
func (r *CertRef) NamesIssuerOf(c *x509.Certificate) bool {
	if r.Serial != nil && r.Serial.Cmp(c.SerialNumber) != 0 {
		return false
	}
	if r.IssuerSerial == nil {
		return true
	}
	var v struct {
		Names  []asn1.RawValue
		Serial *big.Int
	}
	rest, err := asn1.Unmarshal(r.IssuerSerial, &v)
	if err != nil || len(rest) > 0 || v.Serial.Cmp(c.SerialNumber) != 0 {
		return false
	}
	for _, n := range v.Names {
		if n.Class == asn1.ClassContextSpecific && n.Tag == 4 && string(n.Bytes) == string(c.RawIssuer) {
			return true
		}
	}
	return false
}

// Errors of CheckCertificate.
var (
	ErrNoSigningCertificate = errors.New("the signed properties name no signing certificate")
	ErrOtherCertificate     = errors.New("the signed properties name another signing certificate")
)

// CheckCertificate says whether the signer named c as his certificate in what he signed.
func (p *Properties) CheckCertificate(c *x509.Certificate) error {
	if len(p.SigningCertificates) == 0 {
		return ErrNoSigningCertificate
	}
	for i := range p.SigningCertificates {
		if r := &p.SigningCertificates[i]; r.Fits(c) {
			if !r.NamesIssuerOf(c) {
				return fmt.Errorf("%w: the digest fits, issuer and serial number don't", ErrOtherCertificate)
			}
			return nil
		}
	}
	return ErrOtherCertificate
}

// DataObjectFormat says what a signed object is.
type DataObjectFormat struct {
	ObjectReference                            string // "#" and the Id of a reference
	MimeType, Encoding, Identifier, Descriptor string
}

// Commitment is what the signer commits himself to.
type Commitment struct {
	Identifier string
	All        bool     // for all that is signed, else
	Objects    []string // for the objects of these references
}

// ValidationData are certificates and revocation data for a time-stamp.
type ValidationData struct {
	URI          string // "#" and the Id of what it is for; often empty
	Certificates [][]byte
	CRLs, OCSPs  [][]byte
}

// Material returns all certificates and revocation data of p as DER, each once: for package revocation and for
// finding chains.
func (p *Properties) Material() (certificates, crls, ocsps [][]byte) {
	certificates, crls, ocsps = p.CertificateValues, p.CRLs, p.OCSPs
	for i := range p.TimeStampValidationData {
		v := &p.TimeStampValidationData[i]
		certificates, crls, ocsps = append(certificates, v.Certificates...), append(crls, v.CRLs...), append(ocsps, v.OCSPs...)
	}
	return unique(certificates), unique(crls), unique(ocsps)
}

func unique(list [][]byte) [][]byte {
	seen := make(map[string]bool, len(list))
	var out [][]byte
	for _, b := range list {
		if !seen[string(b)] {
			seen[string(b)] = true
			out = append(out, b)
		}
	}
	return out
}

// Level tells which baseline level the properties have, by what is there. Whether time-stamps and certificates are any good is
// not asked.
func (p *Properties) Level() Level {
	certificates, crls, ocsps := p.Material()
	switch {
	case !p.Signed || p.SigningTime.IsZero() || len(p.SigningCertificates) == 0:
		return NoLevel
	case len(p.SignatureTimeStamps) == 0:
		return LevelB
	case len(certificates) == 0 || len(crls)+len(ocsps) == 0:
		return LevelT
	case len(p.ArchiveTimeStamps) == 0:
		return LevelLT
	}
	return LevelA
}

// LevelOf is p.Level.
func LevelOf(p *Properties) Level { return p.Level() }

func (p *Properties) problem(property string, format string, args ...any) {
	if len(p.Problems) < maxLists {
		p.Problems = append(p.Problems, Problem{property, fmt.Errorf(format, args...)})
	}
}
