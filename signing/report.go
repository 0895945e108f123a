package signing

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tram-exchange/tram/internal/xmlstream"
)

// PolicyVersion names the rules of this package about what a signature may be. It is part of the evidence, so that
// a later reader judges an old decision by the rules of its day.
const PolicyVersion = "tram-signature-policy-1"

// VerifyOptions say how a document is judged. Trust and At are required.
type VerifyOptions struct {
	Trust *Trust
	// At is the earliest proved time at which the signature existed: when the certificate has to be valid.
	// Never the time that the document claims.
	At time.Time

	// CryptoOnly judges form, digests and value only: Trust and At may be left out, ChainOK and ValidityOK stay false, and
	// Report.Refusal accepts nothing. For those who judge certificates themselves, with times of their own.
	CryptoOnly bool
	// Legacy also computes what policy has refused since: SHA-1, RSA keys from 1024 to 8192 bits, and P-521, so that a policy with
	// dates can judge old documents. Never set it where something is accepted without such a policy.
	Legacy bool
	// Detached resolves a reference that leads out of the document (a cid: URI, the name of a file beside it). The octets
	// are digested as they are, unless the reference has a canonicalisation or base64 as its one transform. Without it, or
	// where it gives false, such a reference is refused. It is called once per reference.
	Detached func(uri string) (Source, bool)

	MaxSignatures int              // in one document; default 16
	MaxReferences int              // of all its signatures together; default 256
	XML           xmlstream.Limits // bounds of the document itself

	lab *laboratory // tests only: algorithms that policy refuses
}

func (o VerifyOptions) withDefaults() VerifyOptions {
	if o.MaxSignatures <= 0 {
		o.MaxSignatures = 16
	}
	if o.MaxReferences <= 0 {
		o.MaxReferences = 256
	}
	return o
}

// maxSignedInfo is a kilobyte for each reference that may be there.
func (o *VerifyOptions) maxSignedInfo() int64 { return max(maxSignedInfo, int64(o.MaxReferences)<<10) }

// Range is the bytes [Start,End) of the source.
type Range struct {
	Start int64 `json:"start"`
	End   int64 `json:"end"`
}

// Len returns the number of bytes.
func (r Range) Len() int64 { return r.End - r.Start }

// Report is everything that was found out about the signatures of one document.
type Report struct {
	Size       int64             // bytes of the document
	At         time.Time         // VerifyOptions.At
	Signatures []SignatureResult // in document order
	// Unnamespaced counts elements named Signature outside the XML Signature namespace. They are shown and count as none.
	Unnamespaced int
	// SignedContent is SHA-256 over the exclusive canonical form, without comments, of the document without the
	// signatures that stand in its header. The same content signed again has the same value.
	SignedContent [32]byte
	// Uncovered lists what means something and is covered by no signature whose digests and value fit: elements that hold
	// nothing covered, else their tags with attributes, text and processing instructions. Signatures, white space, comments,
	// the XML declaration, and tags with no attributes around covered parts do not count. Empty means that everything is
	// signed by somebody. At most 100 ranges, sorted; the last one may then reach to the end of the document.
	Uncovered []Range

	cryptoOnly bool
}

// Refusal says whether the document can be accepted for its signatures, each of which must be valid and trusted, and
// one of which must stand in the header and cover the whole document. detail explains a refusal.
func (r *Report) Refusal() (refusal Refusal, detail string) {
	if len(r.Signatures) == 0 {
		if r.Unnamespaced > 0 {
			return Unsigned, fmt.Sprintf("%d element(s) named Signature are outside the namespace %s", r.Unnamespaced, dsNamespace)
		}
		return Unsigned, ""
	}
	for i := range r.Signatures {
		if s := &r.Signatures[i]; s.Refusal != Accepted {
			return s.Refusal, fmt.Sprintf("signature %d of %d: %v", i+1, len(r.Signatures), s.Err)
		}
	}
	whole := r.whole()
	switch {
	case r.cryptoOnly:
		return UntrustedCertificate, "certificates were not judged"
	case whole == nil:
		return PartialCoverage, ""
	case !whole.InHeader:
		return MisplacedSignature, ""
	}
	return Accepted, ""
}

// Signer returns the signature that makes the document acceptable, that of the organisation: valid, trusted, in the
// header and over everything; nil if Refusal is not Accepted.
func (r *Report) Signer() *SignatureResult {
	if refusal, _ := r.Refusal(); refusal != Accepted {
		return nil
	}
	return r.whole()
}

func (r *Report) whole() *SignatureResult {
	for i := range r.Signatures {
		if s := &r.Signatures[i]; s.WholeDocument && s.InHeader {
			return s
		}
	}
	for i := range r.Signatures {
		if s := &r.Signatures[i]; s.WholeDocument {
			return s
		}
	}
	return nil
}

// SignatureResult is what was found out about one signature.
type SignatureResult struct {
	Range    Range  // of the Signature element
	ID       string // its Id attribute
	InHeader bool   // stands where an organisation's signature belongs: in edXMLHeader, else directly below the root

	Algorithm        string   // URI of the signature algorithm
	Canonicalization string   // URI, of SignedInfo
	Digests          []string // URIs of the digest algorithms of the references, each once

	Certificate *x509.Certificate   // of the signer; nil if none could be read
	Fingerprint [32]byte            // SHA-256 of its DER: what the directory lists for an organisation
	Chain       []*x509.Certificate // from Certificate to a trusted root; nil without one
	Embedded    [][]byte            // DER of all certificates in KeyInfo, in order
	// Certificates are those of KeyInfo, parsed, in order; nil if not all of them could be.
	Certificates []*x509.Certificate

	Value    []byte   // SignatureValue, decoded; nil if it is not base64
	Elements Elements // where the parts of the signature stand

	References []ReferenceResult

	// The four questions, answered apart. All must be true.
	DigestsOK  bool // every reference's digest fits
	ValueOK    bool // the value fits SignedInfo and Certificate
	ChainOK    bool // Chain leads to a trusted root and allows signing documents
	ValidityOK bool // every certificate of Chain is valid at Report.At

	// WholeDocument tells that a fitting reference covers everything but this Signature element itself.
	WholeDocument bool
	// Covered lists the ranges whose digests fit, sorted, not overlapping. Comments inside them are not covered, nor is
	// what lies outside the root but processing instructions.
	Covered []Range

	Refusal  Refusal // Accepted, or the first thing wrong
	Err      error   // explains Refusal
	Warnings []string
}

// ReferenceResult is what was found out about one reference of a signature.
type ReferenceResult struct {
	URI       string
	ID        string
	Type      string
	Digest    string // URI of the algorithm
	Method    string // URI of the canonicalisation
	Enveloped bool
	// NoSignatures: all Signature elements are left out, not only the one that the reference stands in.
	NoSignatures bool
	Base64       bool   // the digest is over what the text of the element encodes
	External     bool   // leads out of the document, see VerifyOptions.Detached
	Range        Range  // of what it refers to; the whole source for URI="", empty for what is not in the document
	DigestValue  []byte // as the reference states it
	OK           bool   // the digest fits
	// Refusal is what is wrong with this reference, if its digest was asked for: MissingReference, AmbiguousID, DigestMismatch, ...
	Refusal Refusal

	plan *reference
}

// Evidence is what is kept beside a decision, so that it can be judged again later. Revocation data will join it.
type Evidence struct {
	Policy     string              `json:"policy"`
	At         time.Time           `json:"at"`
	Content    string              `json:"signed_content"` // hex
	Signatures []SignatureEvidence `json:"signatures"`
}

// SignatureEvidence is the part of Evidence about one signature.
type SignatureEvidence struct {
	Range     Range    `json:"range"`
	Algorithm string   `json:"algorithm"`
	Digests   []string `json:"digests"`
	Whole     bool     `json:"whole_document"`
	Refusal   Refusal  `json:"refusal,omitempty"`
	Chain     [][]byte `json:"chain"` // DER, from the signer to the root, base64 in JSON
}

// Evidence returns what should be stored with a decision that rests on r.
func (r *Report) Evidence() Evidence {
	e := Evidence{Policy: PolicyVersion, At: r.At.UTC(), Content: fmt.Sprintf("%x", r.SignedContent), Signatures: []SignatureEvidence{}}
	for i := range r.Signatures {
		s := &r.Signatures[i]
		se := SignatureEvidence{Range: s.Range, Algorithm: s.Algorithm, Digests: s.Digests, Whole: s.WholeDocument, Refusal: s.Refusal, Chain: [][]byte{}}
		for _, c := range s.Chain {
			se.Chain = append(se.Chain, c.Raw)
		}
		e.Signatures = append(e.Signatures, se)
	}
	return e
}

// Bytes returns the one encoding of e, JSON without insignificant space, whose SHA-256 identifies it.
func (e Evidence) Bytes() ([]byte, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("couldn't encode evidence: %w", err)
	}
	return b, nil
}

// Fingerprint is how the directory names a certificate: SHA-256 of its DER.
func Fingerprint(c *x509.Certificate) [32]byte { return sha256.Sum256(c.Raw) }
