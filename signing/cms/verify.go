package cms

import (
	"bytes"
	"crypto"
	"crypto/sha1"
	"crypto/subtle"
	"crypto/x509"
	"encoding/asn1"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// VerifyOptions say what a signature must fulfil.
type VerifyOptions struct {
	Digest       func(crypto.Hash) ([]byte, error) // of the content if it is detached; not called otherwise
	Certificates []*x509.Certificate               // besides the embedded ones
	Legacy       bool                              // SHA-1 and RSA keys from 1024 bits too
	Bound        bool                              // a signing-certificate attribute must be there
}

// Certificate returns the certificate that the signer names, embedded or among others; nil if there is none. Where several carry
// that name, the one that the signing-certificate attribute names is taken.
func (d *SignedData) Certificate(s *Signer, others []*x509.Certificate) *x509.Certificate {
	var found *x509.Certificate
	for _, list := range [][]*x509.Certificate{d.Certificates, others} {
		for _, c := range list {
			if !s.names(c) {
				continue
			}
			if s.checkReferences(c) == nil {
				return c
			}
			if found == nil {
				found = c
			}
		}
	}
	return found
}

func (s *Signer) names(c *x509.Certificate) bool {
	if s.Issuer != nil {
		return bytes.Equal(s.Issuer, c.RawIssuer) && s.Serial.Cmp(c.SerialNumber) == 0
	}
	id := c.SubjectKeyId
	if len(id) == 0 {
		id = keyID(c)
	}
	return bytes.Equal(s.KeyID, id)
}

// keyID is method 1 of RFC 5280 4.2.1.2, for certificates without the extension.
func keyID(c *x509.Certificate) []byte {
	in := cryptobyte.String(c.RawSubjectPublicKeyInfo)
	var seq cryptobyte.String
	var bits asn1.BitString
	if !in.ReadASN1(&seq, casn1.SEQUENCE) || !seq.SkipASN1(casn1.SEQUENCE) || !seq.ReadASN1BitString(&bits) {
		return nil
	}
	sum := sha1.Sum(bits.Bytes)
	return sum[:]
}

// checkReferences: each signing-certificate attribute names c first.
func (s *Signer) checkReferences(c *x509.Certificate) *Error {
	for _, id := range s.References {
		if id.First && !id.Names(c) {
			return problemf(SigningCertificateMismatch, "the signing-certificate attribute (version %d) names another certificate than that of %q", id.Version, c.Subject)
		}
	}
	return nil
}

// CheckChain says whether every certificate that the signing-certificate attributes list is one of the chain, the signer's first.
// Where only the signer's is listed, Verify has checked all there is.
func (s *Signer) CheckChain(chain []*x509.Certificate) error {
	for i, id := range s.References {
		if id.First {
			if len(chain) == 0 || !id.Names(chain[0]) {
				return problemf(SigningCertificateMismatch, "the signing-certificate attribute names another certificate")
			}
			continue
		}
		if !slices.ContainsFunc(chain, id.Names) {
			return problemf(SigningCertificateMismatch, "certificate %d that the signing-certificate attribute lists isn't in the chain", i+1)
		}
	}
	return nil
}

// Verify checks one signer and returns its certificate. The certificate is returned with an error too if it was found.
func (d *SignedData) Verify(s *Signer, o VerifyOptions) (*x509.Certificate, error) {
	c := d.Certificate(s, o.Certificates)
	if c == nil {
		return nil, problemf(NoCertificate, "the signer's certificate isn't there")
	}
	if err := d.verify(s, c, &o); err != nil {
		return c, err
	}
	return c, nil
}

func (d *SignedData) verify(s *Signer, c *x509.Certificate, o *VerifyOptions) error {
	a := s.Algorithm
	switch {
	case s.Hash == 0:
		return problemf(UnsupportedAlgorithm, "digest algorithm %v", s.HashOID)
	case a.Kind == "":
		return problemf(UnsupportedAlgorithm, "signature algorithm %v", a.OID)
	case a.Hash != 0 && a.Hash != s.Hash:
		return problemf(UnsupportedAlgorithm, "signature algorithm with %v, digest algorithm %v", a.Hash, s.Hash)
	case !slices.Contains(d.Digests, s.Hash):
		return problemf(UnsupportedAlgorithm, "digest algorithm %v isn't among those announced", s.Hash)
	case s.Hash == crypto.SHA1 && !o.Legacy:
		return problemf(LegacyAlgorithm, "SHA-1")
	}
	a.Hash = s.Hash
	if err := checkKey(a, c.PublicKey, o.Legacy); err != nil {
		return err
	}
	if o.Bound && len(s.References) == 0 {
		return problemf(MissingAttribute, "no signing-certificate attribute")
	}
	if err := s.checkReferences(c); err != nil {
		return err
	}
	sum, err := d.digest(s.Hash, o)
	if err != nil {
		return err
	}
	if len(s.Signed) == 0 {
		if !d.ContentType.Equal(OIDData) {
			return problemf(MissingAttribute, "no signed attributes over content of type %v", d.ContentType)
		}
	} else {
		if err := s.checkContent(d.ContentType, sum); err != nil {
			return err
		}
		h := s.Hash.New()
		h.Write(s.signedRaw)
		sum = h.Sum(nil)
	}
	if !checkValue(a, c.PublicKey, sum, s.Signature) {
		return problemf(ValueMismatch, "the signature value doesn't fit the certificate of %q", c.Subject)
	}
	return nil
}

func (d *SignedData) digest(hash crypto.Hash, o *VerifyOptions) ([]byte, error) {
	if !d.Detached {
		h := hash.New()
		h.Write(d.Content)
		return h.Sum(nil), nil
	}
	if o.Digest == nil {
		return nil, problemf(NoContent, "the content is neither embedded nor given")
	}
	return o.Digest(hash)
}

func (s *Signer) checkContent(typ asn1.ObjectIdentifier, sum []byte) error {
	switch {
	case s.contentType == nil:
		return problemf(MissingAttribute, "no content-type attribute")
	case s.MessageDigest == nil:
		return problemf(MissingAttribute, "no message-digest attribute")
	case !s.contentType.Equal(typ):
		return problemf(ContentTypeMismatch, "content-type attribute says %v, content is %v", s.contentType, typ)
	case subtle.ConstantTimeCompare(s.MessageDigest, sum) != 1:
		return problemf(DigestMismatch, "the content was changed after signing: digest is %x, message-digest attribute says %x", sum, s.MessageDigest)
	}
	return nil
}
