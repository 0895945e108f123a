// Package revocation finds out whether a certificate was revoked: it reads CRLs (RFC 5280) and OCSP responses (RFC 6960) that came with a
// document, lie in a folder or are fetched, and says which answer it went by, so that the answer can be kept as evidence.
//
// # Who says what
//
// A Source finds answers; each Answer that it returns is authentic: its signature was verified with the key of the certificate's
// issuer, or with that of a certificate which this issuer entitled to answer. Whether an answer is fresh enough, and
// what it means for a given time, is judged by Checker with the caller's Freshness.
//
// # What is accepted
//
// A CRL speaks for a certificate if its issuer name is the certificate's, its signature is by the issuer's key or by the key of a certificate with
// the same subject and cRLSign that the issuer issued, its authority key identifier (if it has one) is that key's, and its
// issuing distribution point (if it has one) includes the certificate. CRLs with critical extensions that are not understood, delta CRLs
// and indirect CRLs are not used: the Source says so in its error. A certificate that only signs CRLs must not itself be listed as revoked. An entry with removeFromCRL counts as none.
//
// An OCSP response speaks for a certificate if one of its single responses has the certificate's serial number and the hashes
// of its issuer's name and key, and if it is signed by the issuer's key or by a certificate that the issuer issued with the extended key usage
// OCSPSigning and that was valid when the response was produced. Such a responder has id-pkix-ocsp-nocheck, or is
// itself checked for revocation.
//
// # When nothing can be reached
//
// An answer is never made up. If no source has one, or the network does not answer, the status is Unknown and CertificateStatus.Why says
// which source failed and how; cached answers are used as long as they are fresh. Whether Unknown stops a document is the
// policy of the caller (package verdict: INDETERMINATE/TRY_LATER where revocation is required).
package revocation

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// Status of a certificate.
type Status int

// The statuses there are.
const (
	Unknown Status = iota
	Good
	Revoked
	Suspended // certificateHold: revoked until released
)

func (s Status) String() string {
	switch s {
	case Unknown:
		return "unknown"
	case Good:
		return "good"
	case Revoked:
		return "revoked"
	case Suspended:
		return "suspended"
	}
	return fmt.Sprintf("status %d", int(s))
}

// MarshalText makes the status a word in JSON.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Kind of an answer.
type Kind string

// The kinds there are.
const (
	CRL  Kind = "crl"
	OCSP Kind = "ocsp"
)

// Reasons of revocation (RFC 5280 §5.3.1). Seven is not used.
const (
	Unspecified          = 0
	KeyCompromise        = 1
	CACompromise         = 2
	AffiliationChanged   = 3
	Superseded           = 4
	CessationOfOperation = 5
	CertificateHold      = 6
	RemoveFromCRL        = 8
	PrivilegeWithdrawn   = 9
	AACompromise         = 10
)

// ReasonName is the name of a reason in RFC 5280.
func ReasonName(r int) string {
	names := [...]string{"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded", "cessationOfOperation", "certificateHold",
		"", "removeFromCRL", "privilegeWithdrawn", "aACompromise"}
	if r >= 0 && r < len(names) && names[r] != "" {
		return names[r]
	}
	return fmt.Sprintf("reason %d", r)
}

// Answer is what an authority said about one certificate. It is authentic (see Source) and never changed once returned.
type Answer struct {
	Status       Status
	At           time.Time // when it was revoked or suspended; zero otherwise
	InvalidSince time.Time // invalidityDate: when the key is suspected to have been lost; zero if not told
	Reason       int       // Unspecified if not told
	ThisUpdate   time.Time // the status was known to be so at this time
	NextUpdate   time.Time // newer information is there by then; zero if not told
	ProducedAt   time.Time // when it was signed; ThisUpdate for a CRL
	// KeepsExpired: certificates that expired at this time or later are still answered for (expiredCertsOnCRL, OCSP archive
	// cutoff). Zero: only certificates that had not expired at ThisUpdate.
	KeepsExpired time.Time
	Kind         Kind
	Raw          []byte              // DER of the CRL or OCSP response: the evidence. Shared, not to be changed
	Signer       *x509.Certificate   // whose key signed it: the issuer or a certificate that it issued
	NoCheck      bool                // Signer is an OCSP responder that need not be checked for revocation
	Certificates []*x509.Certificate // that came with it
	Source       string              // where it was found: a URL, a file, "embedded"
}

// Source finds revocation information.
type Source interface {
	// Find returns every answer it has about cert, which issuer issued, in any order and of any age; at is the time
	// that the certificate will be judged at, a hint for what to look for. All answers are authentic. No answer and no error mean that
	// the source has nothing to say about this certificate. An error says why an answer that should be there was not found
	// or could not be used; answers may come with it. Find is safe for concurrent use.
	Find(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) ([]Answer, error)
}

// Join asks all sources, in order, and gives what all of them said.
func Join(sources ...Source) Source { return joined(sources) }

type joined []Source

func (j joined) Find(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) ([]Answer, error) {
	var all []Answer
	var errs []error
	for _, s := range j {
		if s == nil {
			continue
		}
		answers, err := s.Find(ctx, cert, issuer, at)
		all = append(all, answers...)
		if err != nil {
			errs = append(errs, err)
		}
	}
	return all, errors.Join(errs...)
}

// Named returns the URLs of the OCSP responders and CRLs that a certificate names.
func Named(c *x509.Certificate) (ocsp, crl []string) {
	return c.OCSPServer, c.CRLDistributionPoints
}
