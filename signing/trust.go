package signing

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// TrialMark is the organisational unit in the subject of every certificate of a trial authority. A node that is not
// itself on trial refuses such an authority.
const TrialMark = "THỬ NGHIỆM / TRIAL"

// TrialExtension is the identifier of the extension that marks them as well.
func TrialExtension() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 25, 1947231, 710, 1} }

// IsTrial reports whether c belongs to a trial authority: it carries the extension, or its subject or issuer the mark.
func IsTrial(c *x509.Certificate) bool {
	for _, e := range c.Extensions {
		if e.Id.Equal(TrialExtension()) {
			return true
		}
	}
	return slices.Contains(c.Subject.OrganizationalUnit, TrialMark) || slices.Contains(c.Issuer.OrganizationalUnit, TrialMark)
}

// ErrTrialAuthority is returned when a trial authority is offered as trusted where trials are not allowed. Start the
// node with trial: true, or take the certificate out of the trust directory.
var ErrTrialAuthority = errors.New("certificate of a trial authority")

// Trust is the trust list: which authorities are believed, for what, and when. It never changes after it was made and is safe for
// concurrent use.
type Trust struct {
	roots         *x509.CertPool
	intermediates *x509.CertPool
	certificates  []*x509.Certificate
	authorities   []Authority
	listed        map[[32]byte][]*Authority // by SHA-256 of the DER; one certificate may stand in the list several times

	mu     sync.RWMutex
	known  map[[32]byte]*knownCertificate // by SHA-256 of the DER
	parsed map[[32]byte]*x509.Certificate // the authorities in known chains, likewise
}

// NewTrust returns the trust in these authorities for every purpose and at all times of their validity; see NewTrustList for which
// are roots. Trial authorities are refused unless trial is set.
func NewTrust(certificates []*x509.Certificate, trial bool) (*Trust, error) {
	authorities := make([]Authority, 0, len(certificates))
	for _, c := range certificates {
		authorities = append(authorities, Authority{Certificate: c})
	}
	return NewTrustList(authorities, trial)
}

// Certificates returns the certificates of the authorities, in the order in which they were added.
func (t *Trust) Certificates() []*x509.Certificate { return slices.Clone(t.certificates) }

// Authorities returns the list, in the order in which it was given, with the kind filled in.
func (t *Trust) Authorities() []Authority { return slices.Clone(t.authorities) }

// Empty reports whether nothing can be trusted.
func (t *Trust) Empty() bool { return len(t.certificates) == 0 }

// Pool returns the roots as a pool for TLS.
func (t *Trust) Pool() *x509.CertPool { return t.roots.Clone() }

// ChainResult is what Trust finds out about one certificate.
type ChainResult struct {
	Chain      []*x509.Certificate // from the certificate to a root; nil without one
	ChainOK    bool
	ValidityOK bool
	Anchor     *Authority // what the list says of the chain's root; nil without a chain. Not to be changed
	Authority  *Authority // likewise of the listed authority that is nearest to the certificate
	Refusal    Refusal    // Accepted, UntrustedCertificate, WrongKeyUsage, NotYetValid or ExpiredCertificate
	Err        error      // wraps ErrWrongPurpose or ErrNotTrustedThen where the list is what refuses
}

// Check is CheckFor without a purpose: whatever the authorities are listed for.
func (t *Trust) Check(c *x509.Certificate, others []*x509.Certificate, at time.Time) ChainResult {
	return t.CheckFor(c, others, at, PurposeAny)
}

func validity(res ChainResult, c *x509.Certificate, at time.Time) ChainResult {
	if at.Before(c.NotBefore) {
		res.Refusal = NotYetValid
		res.Err = fmt.Errorf("certificate of %q is valid from %s, judged at %s", c.Subject, c.NotBefore.UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339))
	} else {
		res.Refusal = ExpiredCertificate
		res.Err = fmt.Errorf("certificate of %q was valid until %s, judged at %s", c.Subject, c.NotAfter.UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339))
	}
	return res
}

// parse is x509.ParseCertificate, but a certificate that has a chain is parsed once only.
func (t *Trust) parse(der []byte) (*x509.Certificate, error) {
	key := sha256.Sum256(der)
	t.mu.RLock()
	k, a := t.known[key], t.parsed[key]
	t.mu.RUnlock()
	if k != nil {
		return k.certificate, nil
	}
	if a != nil {
		return a, nil
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("couldn't parse certificate: %w", err)
	}
	return c, nil
}
