package cms

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// SignOptions say how a signature is written.
type SignOptions struct {
	ContentType  asn1.ObjectIdentifier // nil: plain data
	Hash         crypto.Hash           // zero: SHA-256, or what fits the curve of an ECDSA key
	PSS          bool                  // for RSA keys
	Certificates []*x509.Certificate   // to embed; none if empty
	Listed       []*x509.Certificate   // further ones in the signing-certificate attribute, the signer's own being the first
	CRLs         [][]byte              // to embed, DER
	SigningTime  time.Time             // claimed; zero: no such attribute, as EN 319 142-1 wants it in PDFs
	Attributes   []Attribute           // more signed attributes
	Rand         io.Reader             // nil: crypto/rand
}

// Sign writes SignedData of one signer around the content, with content-type, message-digest and signing-certificate-v2.
func Sign(content []byte, key crypto.Signer, cert *x509.Certificate, o SignOptions) ([]byte, error) {
	o.defaults(key)
	if content == nil {
		content = []byte{} // embedded all the same
	}
	h := o.Hash.New()
	h.Write(content)
	return sign(content, h.Sum(nil), key, cert, o)
}

// SignDetached is Sign over content of this digest, made with o.Hash, which must be given. The content is not embedded.
func SignDetached(digest []byte, key crypto.Signer, cert *x509.Certificate, o SignOptions) ([]byte, error) {
	if !o.Hash.Available() || len(digest) != o.Hash.Size() {
		return nil, fmt.Errorf("couldn't sign: digest of %d octets for %v", len(digest), o.Hash)
	}
	o.defaults(key)
	return sign(nil, digest, key, cert, o)
}

func (o *SignOptions) defaults(key crypto.Signer) {
	if o.ContentType == nil {
		o.ContentType = OIDData
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Hash != 0 {
		return
	}
	o.Hash = crypto.SHA256
	if k, ok := key.Public().(*ecdsa.PublicKey); ok {
		switch n := k.Curve.Params().BitSize; {
		case n > 384:
			o.Hash = crypto.SHA512
		case n > 256:
			o.Hash = crypto.SHA384
		}
	}
}

func sign(content, digest []byte, key crypto.Signer, cert *x509.Certificate, o SignOptions) ([]byte, error) {
	if _, ok := OIDByHash(o.Hash); !ok || o.Hash == crypto.SHA1 {
		return nil, fmt.Errorf("couldn't sign: hash function %v isn't one to sign with", o.Hash)
	}
	attrs, err := signedAttributes(digest, cert, &o)
	if err != nil {
		return nil, fmt.Errorf("couldn't sign: %w", err)
	}
	signed := set(0x31, attrs)
	h := o.Hash.New()
	h.Write(signed)
	algorithm, opts, err := signatureAlgorithm(key.Public(), &o)
	if err != nil {
		return nil, fmt.Errorf("couldn't sign: %w", err)
	}
	value, err := key.Sign(o.Rand, h.Sum(nil), opts)
	if err != nil {
		return nil, fmt.Errorf("couldn't sign: %w", err)
	}
	signed[0] = 0xA0
	info, err := build(func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(cert.RawIssuer)
			b.AddASN1BigInt(cert.SerialNumber)
		})
		addHash(b, o.Hash)
		b.AddBytes(signed)
		b.AddBytes(algorithm)
		b.AddASN1OctetString(value)
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't sign: %w", err)
	}
	head, err := signedDataHead(content, digest, &o)
	if err != nil {
		return nil, fmt.Errorf("couldn't sign: %w", err)
	}
	return contentInfo(head, [][]byte{appendElement(nil, 0x30, info)}), nil
}

func build(f func(*cryptobyte.Builder)) ([]byte, error) {
	var b cryptobyte.Builder
	f(&b)
	return b.Bytes()
}

func addHash(b *cryptobyte.Builder, h crypto.Hash) {
	oid, _ := OIDByHash(h)
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oid) })
}

// signedAttributes are the elements of the set, not sorted yet.
func signedAttributes(digest []byte, cert *x509.Certificate, o *SignOptions) ([][]byte, error) {
	typ, err := build(func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(o.ContentType) })
	if err != nil {
		return nil, err
	}
	sum, err := build(func(b *cryptobyte.Builder) { b.AddASN1OctetString(digest) })
	if err != nil {
		return nil, err
	}
	ref, err := SigningCertificateV2(o.Hash, append([]*x509.Certificate{cert}, o.Listed...)...)
	if err != nil {
		return nil, err
	}
	all := []Attribute{{OIDContentType, [][]byte{typ}}, {OIDMessageDigest, [][]byte{sum}}, {OIDSigningCertificateV2, [][]byte{ref}}}
	if !o.SigningTime.IsZero() {
		t, err := signingTime(o.SigningTime)
		if err != nil {
			return nil, err
		}
		all = append(all, Attribute{OIDSigningTime, [][]byte{t}})
	}
	return marshalAttributes(append(all, o.Attributes...))
}

func marshalAttributes(attrs []Attribute) ([][]byte, error) {
	out := make([][]byte, len(attrs))
	for i, a := range attrs {
		typ, err := build(func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(a.Type) })
		if err != nil {
			return nil, err
		}
		out[i] = appendElement(nil, 0x30, append(typ, set(0x31, a.Values)...))
	}
	return out, nil
}

// SigningCertificateV2 encodes the ESS attribute value that names these certificates, the signer's first. The hash algorithm
// is left out if it is SHA-256, which is the default (RFC 5035).
func SigningCertificateV2(hash crypto.Hash, certs ...*x509.Certificate) ([]byte, error) {
	return build(func(b *cryptobyte.Builder) {
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
				for _, c := range certs {
					h := hash.New()
					h.Write(c.Raw)
					b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
						if hash != crypto.SHA256 {
							addHash(b, hash)
						}
						b.AddASN1OctetString(h.Sum(nil))
						b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
							b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
								b.AddASN1(explicit(4), func(b *cryptobyte.Builder) { b.AddBytes(c.RawIssuer) })
							})
							b.AddASN1BigInt(c.SerialNumber)
						})
					})
				}
			})
		})
	})
}

// signatureAlgorithm is the AlgorithmIdentifier and what crypto.Signer is told.
func signatureAlgorithm(pub crypto.PublicKey, o *SignOptions) ([]byte, crypto.SignerOpts, error) {
	var opts crypto.SignerOpts = o.Hash
	var add func(*cryptobyte.Builder)
	for _, h := range hashes {
		if h.hash != o.Hash {
			continue
		}
		switch pub.(type) {
		case *rsa.PublicKey:
			if o.PSS {
				opts = &rsa.PSSOptions{SaltLength: o.Hash.Size(), Hash: o.Hash}
				add = func(b *cryptobyte.Builder) { addPSS(b, o.Hash) }
				break
			}
			add = func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(h.rsa); b.AddASN1NULL() }
		case *ecdsa.PublicKey:
			add = func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(h.ecdsa_) }
		}
	}
	if add == nil {
		return nil, nil, fmt.Errorf("key of type %T, accepted are RSA and ECDSA", pub)
	}
	der, err := build(func(b *cryptobyte.Builder) { b.AddASN1(casn1.SEQUENCE, add) })
	return der, opts, err
}

func addPSS(b *cryptobyte.Builder, h crypto.Hash) {
	b.AddASN1ObjectIdentifier(oidPSS)
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { addHash(b, h) })
		b.AddASN1(explicit(1), func(b *cryptobyte.Builder) {
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidMGF1); addHash(b, h) })
		})
		b.AddASN1(explicit(2), func(b *cryptobyte.Builder) { b.AddASN1Int64(int64(h.Size())) })
	})
}

// signedDataHead is SignedData up to its signers.
func signedDataHead(content, digest []byte, o *SignOptions) ([]byte, error) {
	version := int64(1)
	if !o.ContentType.Equal(OIDData) {
		version = 3
	}
	var certs [][]byte
	for _, c := range o.Certificates {
		certs = append(certs, c.Raw)
	}
	return build(func(b *cryptobyte.Builder) {
		b.AddASN1Int64(version)
		b.AddASN1(casn1.SET, func(b *cryptobyte.Builder) { addHash(b, o.Hash) })
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(o.ContentType)
			if content != nil {
				b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddASN1OctetString(content) })
			}
		})
		if len(certs) > 0 {
			b.AddBytes(set(0xA0, certs))
		}
		if len(o.CRLs) > 0 {
			b.AddBytes(set(0xA1, o.CRLs))
		}
	})
}

func contentInfo(head []byte, signers [][]byte) []byte {
	sd := appendElement(nil, 0x30, append(bytes.Clone(head), set(0x31, signers)...))
	oid, err := build(func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(OIDSignedData) })
	if err != nil {
		panic(err) // a constant
	}
	return appendElement(nil, 0x30, append(oid, appendElement(nil, 0xA0, sd)...))
}

// WithUnsigned returns a copy of d in DER in which signer i has one more unsigned attribute, for example a time-stamp over its value.
func (d *SignedData) WithUnsigned(i int, a Attribute) ([]byte, error) {
	if i < 0 || i >= len(d.Signers) {
		return nil, fmt.Errorf("couldn't add attribute: signer %d of %d", i, len(d.Signers))
	}
	if len(a.Values) == 0 {
		return nil, errors.New("couldn't add attribute: it has no value")
	}
	signers := make([][]byte, len(d.Signers))
	for n, s := range d.Signers {
		attrs := s.Unsigned
		if n == i {
			attrs = append(attrs[:len(attrs):len(attrs)], a)
		}
		body := bytes.Clone(s.head)
		if len(attrs) > 0 {
			elements, err := marshalAttributes(attrs)
			if err != nil {
				return nil, fmt.Errorf("couldn't add attribute: %w", err)
			}
			body = append(body, set(0xA1, elements)...)
		}
		signers[n] = appendElement(nil, 0x30, body)
	}
	return contentInfo(d.head, signers), nil
}
