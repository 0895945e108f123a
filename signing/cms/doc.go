// Package cms reads, checks and writes Cryptographic Message Syntax signatures (RFC 5652, SignedData only): what time-stamp
// tokens (RFC 3161) and signatures inside PDFs (EN 319 142-1) are made of.
//
// The reader is strict: one DER encoding (definite, shortest lengths; sorted sets in signed attributes), known algorithms,
// bounded sizes, and nothing that is not read is passed over silently. Options.BER lets in what older PDF writers make
// (indefinite lengths, unsorted sets); that is said in SignedData.Deviations and never allowed for tokens.
//
// Checked by SignedData.Verify, in this order: there are signed attributes, or the content is plain data; the certificate
// named by issuer and serial number or by key identifier is at hand; digest and signature algorithm belong together and to
// the key; the key is strong enough; content-type and message-digest fit; a signing-certificate attribute (ESS v1, RFC 2634,
// or v2, RFC 5035/5816) names that same certificate; the value fits. Not checked: the chain of the certificate, its
// validity and purpose, and revocation. They need times and a trust list, which the caller has.
//
// Accepted: RSASSA-PKCS1-v1_5, RSASSA-PSS (MGF1 with the same hash) and ECDSA on P-256, P-384 and P-521, with SHA-256, SHA-384
// and SHA-512; RSA keys of 2048 to 8192 bits. With VerifyOptions.Legacy also SHA-1 and RSA keys from 1024 bits, so that a policy
// with dates can judge old signatures.
package cms

import (
	"encoding/asn1"
	"errors"
	"fmt"
)

// Bounds of what is read. All are far above what real signatures have.
const (
	MaxSize         = 8 << 20 // octets of one SignedData
	maxDepth        = 48      // nested elements
	maxElements     = 200_000 // elements of one SignedData
	maxCertificates = 100
	maxRevocations  = 200
	maxSigners      = 16
	maxAttributes   = 64 // in one set
)

// Object identifiers that callers meet.
var (
	OIDData                 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	OIDSignedData           = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	OIDTSTInfo              = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	OIDContentType          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	OIDMessageDigest        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	OIDSigningTime          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 5}
	OIDSigningCertificate   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12}
	OIDSigningCertificateV2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	OIDSignatureTimeStamp   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 14}
	OIDAdobeRevocation      = asn1.ObjectIdentifier{1, 2, 840, 113583, 1, 1, 8}
	oidOCSPResponse         = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 16, 2}
)

// Problem says in one word why a signature could not be read or does not hold. The words are stable.
type Problem string

// The problems.
const (
	Malformed                  Problem = "malformed"                    // not the structure of SignedData
	NotDER                     Problem = "not-der"                      // that structure, in an encoding that isn't the one allowed
	TooBig                     Problem = "too-big"                      // over a bound of this package
	UnsupportedAlgorithm       Problem = "unsupported-algorithm"        // unknown, or parts of it don't belong together
	LegacyAlgorithm            Problem = "legacy-algorithm"             // SHA-1 or a short key, read only with VerifyOptions.Legacy
	NoCertificate              Problem = "no-certificate"               // the signer's certificate isn't there
	NoContent                  Problem = "no-content"                   // neither embedded nor given
	MissingAttribute           Problem = "missing-attribute"            // a signed attribute that must be there isn't
	ContentTypeMismatch        Problem = "content-type-mismatch"        // signed attribute against eContentType
	DigestMismatch             Problem = "digest-mismatch"              // the content was changed after signing
	SigningCertificateMismatch Problem = "signing-certificate-mismatch" // the signed attribute names another certificate
	ValueMismatch              Problem = "value-mismatch"               // the signature value is wrong
)

// Error is what Parse and Verify return.
type Error struct {
	Problem Problem
	Detail  string
}

func (e *Error) Error() string { return e.Detail + " (" + string(e.Problem) + ")" }

// ProblemOf returns the problem that err tells of, or "" if it is another kind of error.
func ProblemOf(err error) Problem {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Problem
	}
	return ""
}

func problemf(p Problem, format string, args ...any) *Error {
	return &Error{Problem: p, Detail: fmt.Sprintf(format, args...)}
}
