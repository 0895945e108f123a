package cms

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha1" // read with VerifyOptions.Legacy only, and for ESS version 1
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Kind is the family of a signature algorithm.
type Kind string

// The families.
const (
	RSAPKCS1 Kind = "RSASSA-PKCS1-v1_5"
	RSAPSS   Kind = "RSASSA-PSS"
	ECDSA    Kind = "ECDSA"
)

// Algorithm is how a signature value was made. Kind is empty if the identifier is not one that this package knows.
type Algorithm struct {
	OID        asn1.ObjectIdentifier
	Kind       Kind
	Hash       crypto.Hash // zero where the identifier names none: the digest algorithm of the signer holds
	SaltLength int         // of RSASSA-PSS, in octets
}

var hashes = []struct {
	hash             crypto.Hash
	oid, rsa, ecdsa_ asn1.ObjectIdentifier
}{
	{crypto.SHA1, asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5}, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}},
	{crypto.SHA256, asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}},
	{crypto.SHA384, asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}},
	{crypto.SHA512, asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}},
}

var (
	oidRSA  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidPSS  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidMGF1 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
	oidEC   = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1} // written by some instead of ecdsa-with-…
)

// HashByOID returns the hash function of an identifier: SHA-1, SHA-256, SHA-384 or SHA-512.
func HashByOID(oid asn1.ObjectIdentifier) (crypto.Hash, bool) {
	for _, h := range hashes {
		if h.oid.Equal(oid) {
			return h.hash, true
		}
	}
	return 0, false
}

// OIDByHash is the other way round.
func OIDByHash(hash crypto.Hash) (asn1.ObjectIdentifier, bool) {
	for _, h := range hashes {
		if h.hash == hash {
			return h.oid, true
		}
	}
	return nil, false
}

// readAlgorithm reads an AlgorithmIdentifier; params is empty if there are none or NULL.
func readAlgorithm(s *cryptobyte.String) (oid asn1.ObjectIdentifier, params cryptobyte.String, ok bool) {
	var seq cryptobyte.String
	if !s.ReadASN1(&seq, casn1.SEQUENCE) || !seq.ReadASN1ObjectIdentifier(&oid) {
		return nil, nil, false
	}
	if seq.Empty() {
		return oid, nil, true
	}
	var tag casn1.Tag
	if !seq.ReadAnyASN1Element(&params, &tag) || !seq.Empty() {
		return nil, nil, false
	}
	if tag == casn1.NULL {
		return oid, nil, len(params) == 2
	}
	return oid, params, true
}

// readHash reads an AlgorithmIdentifier of a hash function. hash is zero if it isn't known.
func readHash(s *cryptobyte.String) (hash crypto.Hash, oid asn1.ObjectIdentifier, ok bool) {
	oid, params, ok := readAlgorithm(s)
	if !ok || len(params) > 0 {
		return 0, oid, false
	}
	hash, _ = HashByOID(oid)
	return hash, oid, true
}

// readSignatureAlgorithm reads that of a signer. Unknown ones are read, with Kind empty.
func readSignatureAlgorithm(s *cryptobyte.String) (Algorithm, bool) {
	oid, params, ok := readAlgorithm(s)
	if !ok {
		return Algorithm{}, false
	}
	a := Algorithm{OID: oid}
	if oid.Equal(oidPSS) {
		return a, a.readPSS(params)
	}
	if len(params) > 0 {
		return a, true
	}
	switch {
	case oid.Equal(oidRSA):
		a.Kind = RSAPKCS1
	case oid.Equal(oidEC):
		a.Kind = ECDSA
	}
	for _, h := range hashes {
		switch {
		case oid.Equal(h.rsa):
			a.Kind, a.Hash = RSAPKCS1, h.hash
		case oid.Equal(h.ecdsa_):
			a.Kind, a.Hash = ECDSA, h.hash
		}
	}
	return a, true
}

// readPSS reads RSASSA-PSS-params (RFC 4055). Kind stays empty for parameters that this package does not use.
func (a *Algorithm) readPSS(params cryptobyte.String) bool {
	hash, mgfHash := crypto.SHA1, crypto.SHA1
	salt, trailer := 20, 1
	var seq, part cryptobyte.String
	var there bool
	if len(params) > 0 && (!params.ReadASN1(&seq, casn1.SEQUENCE) || !params.Empty()) {
		return false
	}
	explicit := func(n uint8) casn1.Tag { return casn1.Tag(n).Constructed().ContextSpecific() }
	if !seq.ReadOptionalASN1(&part, &there, explicit(0)) {
		return false
	} else if there {
		var ok bool
		if hash, _, ok = readHash(&part); !ok || !part.Empty() {
			return false
		}
	}
	if !seq.ReadOptionalASN1(&part, &there, explicit(1)) {
		return false
	} else if there {
		oid, p, ok := readAlgorithm(&part)
		if !ok || !part.Empty() || !oid.Equal(oidMGF1) {
			return false
		}
		if mgfHash, _, ok = readHash(&p); !ok || !p.Empty() {
			return false
		}
	}
	if !seq.ReadOptionalASN1Integer(&salt, explicit(2), 20) || !seq.ReadOptionalASN1Integer(&trailer, explicit(3), 1) || !seq.Empty() {
		return false
	}
	if salt < 0 || salt > 1024 || trailer != 1 {
		return false
	}
	if hash == 0 || hash != mgfHash {
		return true // a form that exists, and isn't used here
	}
	a.Kind, a.Hash, a.SaltLength = RSAPSS, hash, salt
	return true
}

// checkKey says whether pub can have made a value of algorithm a, and is strong enough.
func checkKey(a Algorithm, pub crypto.PublicKey, legacy bool) *Error {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		if a.Kind != RSAPKCS1 && a.Kind != RSAPSS {
			return problemf(UnsupportedAlgorithm, "the certificate has an RSA key, the signature says %s", a.Kind)
		}
		switch n := k.N.BitLen(); {
		case n > 8192 || n < 1024:
			return problemf(UnsupportedAlgorithm, "RSA key of %d bits, accepted are 2048 to 8192", n)
		case n < 2048 && !legacy:
			return problemf(LegacyAlgorithm, "RSA key of %d bits, accepted are 2048 to 8192", n)
		}
		return nil
	case *ecdsa.PublicKey:
		if a.Kind != ECDSA {
			return problemf(UnsupportedAlgorithm, "the certificate has an ECDSA key, the signature says %s", a.Kind)
		}
		if k.Curve != elliptic.P256() && k.Curve != elliptic.P384() && k.Curve != elliptic.P521() {
			return problemf(UnsupportedAlgorithm, "curve %s, accepted are P-256, P-384 and P-521", k.Curve.Params().Name)
		}
		return nil
	}
	return problemf(UnsupportedAlgorithm, "key of type %T, accepted are RSA and ECDSA", pub)
}

// checkValue checks value over a digest.
func checkValue(a Algorithm, pub crypto.PublicKey, sum, value []byte) bool {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		if a.Kind == RSAPSS {
			return rsa.VerifyPSS(k, a.Hash, sum, value, &rsa.PSSOptions{SaltLength: a.SaltLength, Hash: a.Hash}) == nil
		}
		return rsa.VerifyPKCS1v15(k, a.Hash, sum, value) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(k, sum, value)
	}
	return false
}
