package signing

import "fmt"

// Refusal says why a signature, or a package for its signatures, is not accepted. The text of each is stable: it is
// stored in evidence and mapped to the numbered refusals of the gateway.
type Refusal string

// The refusals. Where several apply to one signature, its form is told before its certificates, these before digests, then
// value, then chain and validity; what concerns the document as a whole comes last.
const (
	Accepted             Refusal = ""                      // not refused
	Unsigned             Refusal = "unsigned"              // the document has no signature in the ds namespace
	TooManySignatures    Refusal = "too-many-signatures"   // more than VerifyOptions.MaxSignatures
	MalformedSignature   Refusal = "malformed-signature"   // not the structure, size or encoding of XML Signature
	TooManyReferences    Refusal = "too-many-references"   // more than VerifyOptions.MaxReferences in the document
	NoReferences         Refusal = "no-references"         // a SignedInfo that refers to nothing
	AlgorithmRefused     Refusal = "algorithm-refused"     // signature, digest or canonicalisation algorithm, or key size, outside policy
	ExternalReference    Refusal = "external-reference"    // refers to something that is not in the document
	UnsupportedReference Refusal = "unsupported-reference" // XPointer, or a missing URI
	TransformRefused     Refusal = "transform-refused"     // anything but enveloped-signature and one canonicalisation
	MissingReference     Refusal = "missing-reference"     // no element has the Id referred to
	AmbiguousID          Refusal = "ambiguous-id"          // more than one element has it
	NoCertificate        Refusal = "no-certificate"        // KeyInfo holds no X.509 certificate
	BadCertificate       Refusal = "bad-certificate"       // one that cannot be read
	DigestMismatch       Refusal = "digest-mismatch"       // what is referred to was changed after signing
	ValueMismatch        Refusal = "value-mismatch"        // the signature value does not fit SignedInfo and certificate
	UntrustedCertificate Refusal = "untrusted-certificate" // no chain to the trust directory
	WrongKeyUsage        Refusal = "wrong-key-usage"       // the certificate is not for signing documents
	NotYetValid          Refusal = "not-yet-valid"         // at the proved time
	ExpiredCertificate   Refusal = "expired-certificate"   // at the proved time
	PartialCoverage      Refusal = "partial-coverage"      // no valid signature covers the whole document
	MisplacedSignature   Refusal = "misplaced-signature"   // the one that covers it all does not stand in the header
)

var refusalText = map[Refusal]string{
	Unsigned:             "the document has no XML signature",
	TooManySignatures:    "the document has too many signatures",
	MalformedSignature:   "the signature is malformed",
	TooManyReferences:    "the signatures have too many references",
	NoReferences:         "the signature refers to nothing",
	AlgorithmRefused:     "the signature uses an algorithm that policy refuses",
	ExternalReference:    "the signature refers to something outside the document",
	UnsupportedReference: "the signature refers to its content in a way that is not supported",
	TransformRefused:     "the signature uses a transform that policy refuses",
	MissingReference:     "the signature refers to an Id that does not exist",
	AmbiguousID:          "the signature refers to an Id that stands more than once",
	NoCertificate:        "the signature carries no certificate",
	BadCertificate:       "the certificate in the signature cannot be read",
	DigestMismatch:       "the signed content was changed after signing",
	ValueMismatch:        "the signature value is wrong",
	UntrustedCertificate: "the certificate does not lead to a trusted authority",
	WrongKeyUsage:        "the certificate is not meant for signing",
	NotYetValid:          "the certificate was not valid yet",
	ExpiredCertificate:   "the certificate had expired",
	PartialCoverage:      "no valid signature covers the whole document",
	MisplacedSignature:   "the signature over the whole document does not stand in the header",
}

// Refusals returns every refusal there is, in the order in which they are told.
func Refusals() []Refusal {
	return []Refusal{Unsigned, TooManySignatures, MalformedSignature, TooManyReferences, NoReferences, AlgorithmRefused, ExternalReference,
		UnsupportedReference, TransformRefused, MissingReference, AmbiguousID, NoCertificate, BadCertificate, DigestMismatch, ValueMismatch,
		UntrustedCertificate, WrongKeyUsage, NotYetValid, ExpiredCertificate, PartialCoverage, MisplacedSignature}
}

// Text is one English sentence part that explains r.
func (r Refusal) Text() string {
	if t, ok := refusalText[r]; ok {
		return t
	}
	return string(r)
}

// RefusedError tells that a document was read but its signatures are not accepted.
type RefusedError struct {
	Refusal Refusal
	Detail  string  // what exactly, for people who repair the sender
	Report  *Report // everything that was found; nil where only one signature is meant
}

func (e *RefusedError) Error() string {
	if e.Detail == "" {
		return fmt.Sprintf("%s (%s)", e.Refusal.Text(), e.Refusal)
	}
	return fmt.Sprintf("%s: %s (%s)", e.Refusal.Text(), e.Detail, e.Refusal)
}

func refusef(r Refusal, format string, args ...any) *RefusedError {
	return &RefusedError{Refusal: r, Detail: fmt.Sprintf(format, args...)}
}
