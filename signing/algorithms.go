package signing

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha1" // the digests of the tables below
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"hash"
	"io"
	"math/big"
)

// Namespaces.
const (
	dsNamespace  = "http://www.w3.org/2000/09/xmldsig#"
	excNamespace = "http://www.w3.org/2001/10/xml-exc-c14n#"
)

// Identifiers of the canonicalisations.
const (
	C14N10             = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
	C14N10WithComments = C14N10 + "#WithComments"
	C14N11             = "http://www.w3.org/2006/12/xml-c14n11"
	C14N11WithComments = C14N11 + "#WithComments"
	ExcC14N            = "http://www.w3.org/2001/10/xml-exc-c14n#"
	ExcC14NComments    = ExcC14N + "WithComments"
)

// Identifiers of the digests.
const (
	DigestSHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
	DigestSHA384 = "http://www.w3.org/2001/04/xmldsig-more#sha384"
	DigestSHA512 = "http://www.w3.org/2001/04/xmlenc#sha512"
)

// Identifiers of the signature algorithms.
const (
	RSASHA256   = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
	RSASHA384   = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384"
	RSASHA512   = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"
	PSSSHA256   = "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"
	PSSSHA384   = "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1"
	PSSSHA512   = "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1"
	ECDSASHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
	ECDSASHA384 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"
	ECDSASHA512 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512"
)

// What policy refuses and VerifyOptions.Legacy computes.
const (
	DigestSHA1 = dsNamespace + "sha1"
	RSASHA1    = dsNamespace + "rsa-sha1"
	ECDSASHA1  = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1"
	PSSSHA1    = "http://www.w3.org/2007/05/xmldsig-more#sha1-rsa-MGF1"
)

const (
	transformEnveloped = dsNamespace + "enveloped-signature"
	transformBase64    = dsNamespace + "base64"
	transformXPath     = "http://www.w3.org/TR/1999/REC-xpath-19991116"
	transformFilter    = "http://www.w3.org/2002/06/xmldsig-filter2"
)

var canonicalizations = map[string]c14nMethod{
	C14N10:             {},
	C14N10WithComments: {comments: true},
	C14N11:             {v11: true},
	C14N11WithComments: {v11: true, comments: true},
	ExcC14N:            {exclusive: true},
	ExcC14NComments:    {exclusive: true, comments: true},
}

var digests = map[string]crypto.Hash{
	DigestSHA256: crypto.SHA256,
	DigestSHA384: crypto.SHA384,
	DigestSHA512: crypto.SHA512,
}

// DigestByURI returns the hash of a digest identifier, SHA-1 among them: whether it is good enough is the caller's question.
func DigestByURI(uri string) (crypto.Hash, bool) {
	if uri == DigestSHA1 {
		return crypto.SHA1, true
	}
	h, ok := digests[uri]
	return h, ok
}

// DigestURI returns the identifier of a hash.
func DigestURI(h crypto.Hash) (string, bool) {
	switch h {
	case crypto.SHA1:
		return DigestSHA1, true
	case crypto.SHA256:
		return DigestSHA256, true
	case crypto.SHA384:
		return DigestSHA384, true
	case crypto.SHA512:
		return DigestSHA512, true
	}
	return "", false
}

type keyKind uint8

const (
	rsaPKCS1 keyKind = iota + 1
	rsaPSS
	ecdsaRaw
)

type signatureAlgorithm struct {
	kind keyKind
	hash crypto.Hash
}

var signatureAlgorithms = map[string]signatureAlgorithm{
	RSASHA256: {rsaPKCS1, crypto.SHA256}, RSASHA384: {rsaPKCS1, crypto.SHA384}, RSASHA512: {rsaPKCS1, crypto.SHA512},
	PSSSHA256: {rsaPSS, crypto.SHA256}, PSSSHA384: {rsaPSS, crypto.SHA384}, PSSSHA512: {rsaPSS, crypto.SHA512},
	ECDSASHA256: {ecdsaRaw, crypto.SHA256}, ECDSASHA384: {ecdsaRaw, crypto.SHA384}, ECDSASHA512: {ecdsaRaw, crypto.SHA512},
}

var legacyAlgorithms = map[string]signatureAlgorithm{
	RSASHA1: {rsaPKCS1, crypto.SHA1}, PSSSHA1: {rsaPSS, crypto.SHA1}, ECDSASHA1: {ecdsaRaw, crypto.SHA1},
}

// laboratory switches on what policy refuses, so that tests can check the mathematics against the public vectors, most
// of which use SHA-1. Nothing outside the tests of this package can make one.
type laboratory struct {
	digests    map[string]crypto.Hash
	algorithms map[string]signatureAlgorithm
	hash       func(algorithm string) hash.Hash                               // over SignedInfo; nil for the usual one
	check      func(algorithm string, certs [][]byte, sum, value []byte) bool // instead of certificate and chain
	xpointer   bool                                                           // #xpointer(/) and #xpointer(id('x'))
}

// valueHash returns the hash over SignedInfo.
func (o *VerifyOptions) valueHash(si *signedInfo) hash.Hash {
	if o.lab != nil {
		if h := o.lab.hash(si.algorithmURI); h != nil {
			return h
		}
	}
	return si.algorithm.hash.New()
}

func (o *VerifyOptions) digest(uri string) (crypto.Hash, bool) {
	if h, ok := digests[uri]; ok {
		return h, true
	}
	if o.Legacy && uri == DigestSHA1 {
		return crypto.SHA1, true
	}
	if o.lab != nil {
		h, ok := o.lab.digests[uri]
		return h, ok
	}
	return 0, false
}

func (o *VerifyOptions) algorithm(uri string) (signatureAlgorithm, bool) {
	if a, ok := signatureAlgorithms[uri]; ok {
		return a, true
	}
	if a, ok := legacyAlgorithms[uri]; ok && o.Legacy {
		return a, true
	}
	if o.lab != nil {
		a, ok := o.lab.algorithms[uri]
		return a, ok
	}
	return signatureAlgorithm{}, false
}

// Bounds of RSA keys, in bits, by policy and at all.
const (
	minRSABits, maxRSABits             = 2048, 4096
	minLegacyRSABits, maxLegacyRSABits = 1024, 8192
)

// checkKey says whether policy, or what can be computed (legacy), allows pub with a.
func checkKey(a signatureAlgorithm, pub crypto.PublicKey, legacy bool) *RefusedError {
	least, most := minRSABits, maxRSABits
	if legacy {
		least, most = minLegacyRSABits, maxLegacyRSABits
	}
	switch k := pub.(type) {
	case *rsa.PublicKey:
		if a.kind != rsaPKCS1 && a.kind != rsaPSS {
			return refusef(AlgorithmRefused, "the certificate has an RSA key, the algorithm needs another")
		}
		if n := k.N.BitLen(); n < least || n > most {
			return refusef(AlgorithmRefused, "RSA key of %d bits, accepted are %d to %d", n, least, most)
		}
		return nil
	case *ecdsa.PublicKey:
		if a.kind != ecdsaRaw {
			return refusef(AlgorithmRefused, "the certificate has an ECDSA key, the algorithm needs another")
		}
		if k.Curve != elliptic.P256() && k.Curve != elliptic.P384() && !(legacy && k.Curve == elliptic.P521()) {
			return refusef(AlgorithmRefused, "curve %s, accepted are P-256 and P-384", k.Curve.Params().Name)
		}
		return nil
	}
	return refusef(AlgorithmRefused, "key of type %T, accepted are RSA and ECDSA", pub)
}

// checkValue verifies a signature value. digest is that of the canonical SignedInfo. The key was allowed by checkKey.
func checkValue(a signatureAlgorithm, pub crypto.PublicKey, digest, value []byte) *RefusedError {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		var err error
		if a.kind == rsaPSS {
			err = rsa.VerifyPSS(k, a.hash, digest, value, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		} else {
			err = rsa.VerifyPKCS1v15(k, a.hash, digest, value)
		}
		if err != nil {
			return refusef(ValueMismatch, "%v", err)
		}
		return nil
	case *ecdsa.PublicKey:
		n := curveBytes(k)
		if len(value) != 2*n {
			return refusef(MalformedSignature, "ECDSA value of %d bytes, want r and s of %d each (not DER)", len(value), n)
		}
		r, s := new(big.Int).SetBytes(value[:n]), new(big.Int).SetBytes(value[n:])
		if !ecdsa.Verify(k, digest, r, s) {
			return refusef(ValueMismatch, "ECDSA verification failed")
		}
		return nil
	}
	return refusef(AlgorithmRefused, "key of type %T", pub)
}

// makeValue signs a digest and returns the value in the form of XML Signature.
func makeValue(key crypto.Signer, a signatureAlgorithm, digest []byte, rnd io.Reader) ([]byte, error) {
	var opts crypto.SignerOpts = a.hash
	if a.kind == rsaPSS {
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: a.hash}
	}
	value, err := key.Sign(rnd, digest, opts)
	if err != nil {
		return nil, fmt.Errorf("couldn't sign: %w", err)
	}
	pub, ok := key.Public().(*ecdsa.PublicKey)
	if !ok {
		return value, nil
	}
	var rs struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(value, &rs); err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("couldn't read the ECDSA signature of the key: %w", err)
	}
	n := curveBytes(pub)
	raw := make([]byte, 2*n)
	rs.R.FillBytes(raw[:n])
	rs.S.FillBytes(raw[n:])
	return raw, nil
}

// defaultAlgorithm is what a key signs with unless told otherwise.
func defaultAlgorithm(c *x509.Certificate) (string, error) {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return RSASHA256, nil
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P384() {
			return ECDSASHA384, nil
		}
		return ECDSASHA256, nil
	}
	return "", fmt.Errorf("couldn't choose an algorithm for a key of type %T", c.PublicKey)
}
