package revocation

import (
	"bytes"
	"crypto/x509"
	encoding_asn1 "encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

var errMalformed = errors.New("malformed")

type oid = encoding_asn1.ObjectIdentifier

// signatureAlgorithms are those whose values are checked; MD5, SHA-1 and DSA are not among them.
var signatureAlgorithms = []struct {
	id     oid
	params []byte // DER of the parameters that must stand there; nil: none or NULL
	alg    x509.SignatureAlgorithm
}{
	{oid{1, 2, 840, 113549, 1, 1, 11}, nil, x509.SHA256WithRSA},
	{oid{1, 2, 840, 113549, 1, 1, 12}, nil, x509.SHA384WithRSA},
	{oid{1, 2, 840, 113549, 1, 1, 13}, nil, x509.SHA512WithRSA},
	{oid{1, 2, 840, 10045, 4, 3, 2}, nil, x509.ECDSAWithSHA256},
	{oid{1, 2, 840, 10045, 4, 3, 3}, nil, x509.ECDSAWithSHA384},
	{oid{1, 2, 840, 10045, 4, 3, 4}, nil, x509.ECDSAWithSHA512},
	{oid{1, 3, 101, 112}, nil, x509.PureEd25519},
}

// pssAlgorithms by the hash that all parameters name; the salt is as long as the digest.
var pssAlgorithms = []struct {
	hash oid
	salt int
	alg  x509.SignatureAlgorithm
}{
	{oid{2, 16, 840, 1, 101, 3, 4, 2, 1}, 32, x509.SHA256WithRSAPSS},
	{oid{2, 16, 840, 1, 101, 3, 4, 2, 2}, 48, x509.SHA384WithRSAPSS},
	{oid{2, 16, 840, 1, 101, 3, 4, 2, 3}, 64, x509.SHA512WithRSAPSS},
}

var (
	oidPSS  = oid{1, 2, 840, 113549, 1, 1, 10}
	oidMGF1 = oid{1, 2, 840, 113549, 1, 1, 8}
)

// signatureAlgorithm reads an AlgorithmIdentifier (its whole element).
func signatureAlgorithm(element cryptobyte.String) (x509.SignatureAlgorithm, error) {
	var inner cryptobyte.String
	var id oid
	if !element.ReadASN1(&inner, asn1.SEQUENCE) || !element.Empty() || !inner.ReadASN1ObjectIdentifier(&id) {
		return 0, fmt.Errorf("signature algorithm: %w", errMalformed)
	}
	if id.Equal(oidPSS) {
		return pssAlgorithm(inner)
	}
	for _, a := range signatureAlgorithms {
		if !id.Equal(a.id) {
			continue
		}
		var null cryptobyte.String
		if inner.Empty() || inner.ReadASN1(&null, asn1.NULL) && null.Empty() && inner.Empty() {
			return a.alg, nil
		}
		return 0, fmt.Errorf("parameters of signature algorithm %s: %w", id, errMalformed)
	}
	return 0, fmt.Errorf("signature algorithm %s is not accepted", id)
}

func pssAlgorithm(in cryptobyte.String) (x509.SignatureAlgorithm, error) {
	bad := fmt.Errorf("parameters of RSASSA-PSS: %w", errMalformed)
	var params, hashPart, mgfPart, saltPart, trailerPart cryptobyte.String
	var hasSalt, hasTrailer bool
	tag := func(n uint8) asn1.Tag { return asn1.Tag(n).ContextSpecific().Constructed() }
	if !in.ReadASN1(&params, asn1.SEQUENCE) || !in.Empty() || !params.ReadASN1(&hashPart, tag(0)) || !params.ReadASN1(&mgfPart, tag(1)) ||
		!params.ReadOptionalASN1(&saltPart, &hasSalt, tag(2)) || !params.ReadOptionalASN1(&trailerPart, &hasTrailer, tag(3)) || !params.Empty() {
		return 0, bad
	}
	hash, ok := algorithmID(&hashPart)
	if !ok || !hashPart.Empty() {
		return 0, bad
	}
	var mgf cryptobyte.String
	var mgfID oid
	if !mgfPart.ReadASN1(&mgf, asn1.SEQUENCE) || !mgfPart.Empty() || !mgf.ReadASN1ObjectIdentifier(&mgfID) || !mgfID.Equal(oidMGF1) {
		return 0, bad
	}
	mgfHash, ok := algorithmID(&mgf)
	salt := 20
	if !ok || !mgf.Empty() || hasSalt && (!saltPart.ReadASN1Integer(&salt) || !saltPart.Empty()) {
		return 0, bad
	}
	trailer := 1
	if hasTrailer && (!trailerPart.ReadASN1Integer(&trailer) || !trailerPart.Empty()) || trailer != 1 {
		return 0, bad
	}
	for _, p := range pssAlgorithms {
		if hash.Equal(p.hash) && mgfHash.Equal(p.hash) && salt == p.salt {
			return p.alg, nil
		}
	}
	return 0, fmt.Errorf("RSASSA-PSS with hash %s, mask hash %s and salt of %d bytes is not accepted", hash, mgfHash, salt)
}

// algorithmID reads an AlgorithmIdentifier without parameters, or with NULL.
func algorithmID(in *cryptobyte.String) (oid, bool) {
	var inner, null cryptobyte.String
	var id oid
	var has bool
	ok := in.ReadASN1(&inner, asn1.SEQUENCE) && inner.ReadASN1ObjectIdentifier(&id) && inner.ReadOptionalASN1(&null, &has, asn1.NULL) && null.Empty() && inner.Empty()
	return id, ok
}

// readTime reads UTCTime or GeneralizedTime.
func readTime(in *cryptobyte.String, out *time.Time) bool {
	if in.PeekASN1Tag(asn1.UTCTime) {
		if !in.ReadASN1UTCTime(out) {
			return false
		}
	} else if !in.ReadASN1GeneralizedTime(out) {
		return false
	}
	*out = out.UTC()
	return true
}

// readSerial reads an INTEGER that is not negative and gives its digits without leading zeros.
func readSerial(in *cryptobyte.String) ([]byte, bool) {
	var s cryptobyte.String
	if !in.ReadASN1(&s, asn1.INTEGER) || len(s) == 0 || s[0]&0x80 != 0 {
		return nil, false
	}
	return bytes.TrimLeft(s, "\x00"), true
}

func serialOf(n *big.Int) []byte { return n.Bytes() }

// compareSerials orders by value.
func compareSerials(a, b []byte) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return bytes.Compare(a, b)
}

// extensions calls f for each extension of a SEQUENCE OF Extension (its content) until it returns an error. The same one twice is an error.
func extensions(in cryptobyte.String, f func(id oid, critical bool, value cryptobyte.String) error) error {
	var seen []oid
	for !in.Empty() {
		var ext, value cryptobyte.String
		var id oid
		var critical bool
		if !in.ReadASN1(&ext, asn1.SEQUENCE) || !ext.ReadASN1ObjectIdentifier(&id) || ext.PeekASN1Tag(asn1.BOOLEAN) && !ext.ReadASN1Boolean(&critical) ||
			!ext.ReadASN1(&value, asn1.OCTET_STRING) || !ext.Empty() {
			return fmt.Errorf("extension: %w", errMalformed)
		}
		for _, s := range seen {
			if s.Equal(id) {
				return fmt.Errorf("extension %s stands twice", id)
			}
		}
		if seen = append(seen, id); len(seen) > 64 {
			return errors.New("more than 64 extensions")
		}
		if err := f(id, critical, value); err != nil {
			return err
		}
	}
	return nil
}

// checkSignature verifies a value with the key of a certificate, whatever else that certificate says.
func checkSignature(by *x509.Certificate, alg x509.SignatureAlgorithm, signed, value []byte) error {
	if err := by.CheckSignature(alg, signed, value); err != nil {
		return fmt.Errorf("it is not signed with the key of %q: %w", by.Subject, err)
	}
	return nil
}

// issuedBy reports whether issuer's key signed c and the names fit.
func issuedBy(c, issuer *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, issuer.RawSubject) && issuer.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}
