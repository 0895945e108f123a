package signing

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
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

// Trust is the trust directory: which authorities are believed. It never changes after it was made and is safe for
// concurrent use.
type Trust struct {
	roots         *x509.CertPool
	intermediates *x509.CertPool
	certificates  []*x509.Certificate

	mu    sync.RWMutex
	known map[[32]byte]*knownCertificate // by SHA-256 of the DER
}

// maxKnown bounds what Trust remembers. When it is reached everything is forgotten: a rare cost instead of bookkeeping.
const maxKnown = 4096

// knownCertificate is a certificate with a chain that was found before. That the chain exists does
// not depend on the package it came in; whether it was valid then does, and is judged each time.
type knownCertificate struct {
	certificate *x509.Certificate
	chain       []*x509.Certificate // from certificate to a root, never empty
	from, to    time.Time           // when all of the chain is valid
}

// NewTrust returns the trust in these authorities. Self-signed certificates are roots, others are intermediates that
// help to find a chain but are believed only through a root. Trial authorities are refused unless trial is set.
func NewTrust(certificates []*x509.Certificate, trial bool) (*Trust, error) {
	t := &Trust{roots: x509.NewCertPool(), intermediates: x509.NewCertPool(), known: make(map[[32]byte]*knownCertificate)}
	for _, c := range certificates {
		if IsTrial(c) && !trial {
			return nil, fmt.Errorf("couldn't trust %q: %w", c.Subject, ErrTrialAuthority)
		}
		if !c.IsCA || !c.BasicConstraintsValid {
			return nil, fmt.Errorf("couldn't trust %q: not a certificate authority", c.Subject)
		}
		if string(c.RawSubject) == string(c.RawIssuer) && c.CheckSignatureFrom(c) == nil {
			t.roots.AddCert(c)
		} else {
			t.intermediates.AddCert(c)
		}
		t.certificates = append(t.certificates, c)
	}
	return t, nil
}

// LoadTrust reads the authorities of a folder: every file named *.pem, *.crt or *.cer, PEM (any number of certificates)
// or DER (one). Other files are ignored.
func LoadTrust(dir string, trial bool) (*Trust, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't read trust directory: %w", err)
	}
	var all []*x509.Certificate
	for _, e := range entries {
		switch strings.ToLower(filepath.Ext(e.Name())) {
		case ".pem", ".crt", ".cer":
		default:
			continue
		}
		certs, err := LoadCertificates(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		all = append(all, certs...)
	}
	return NewTrust(all, trial)
}

// Certificates returns the authorities, in the order in which they were added.
func (t *Trust) Certificates() []*x509.Certificate { return slices.Clone(t.certificates) }

// Empty reports whether nothing can be trusted.
func (t *Trust) Empty() bool { return len(t.certificates) == 0 }

// Pool returns the roots as a pool for TLS.
func (t *Trust) Pool() *x509.CertPool { return t.roots.Clone() }

// ChainResult is what Trust finds out about one certificate.
type ChainResult struct {
	Chain      []*x509.Certificate // from the certificate to a root; nil without one
	ChainOK    bool
	ValidityOK bool
	Refusal    Refusal // Accepted, UntrustedCertificate, WrongKeyUsage, NotYetValid or ExpiredCertificate
	Err        error
}

// Check looks for a chain from c to a trusted root, with the help of others (certificates that came along), and judges
// its validity at the time at. c must be usable for signing documents.
func (t *Trust) Check(c *x509.Certificate, others []*x509.Certificate, at time.Time) ChainResult {
	key := sha256.Sum256(c.Raw)
	t.mu.RLock()
	k := t.known[key]
	t.mu.RUnlock()
	// A chain that was found before and is not valid at this time may not be the only one.
	if k == nil || at.Before(k.from) || at.After(k.to) {
		chain, err := t.build(c, others, at)
		if err != nil {
			var expired x509.CertificateInvalidError
			if errors.As(err, &expired) && expired.Reason == x509.Expired {
				return validity(ChainResult{}, expired.Cert, at)
			}
			return ChainResult{Refusal: UntrustedCertificate, Err: err}
		}
		k = newKnown(c, chain)
		t.remember(key, k)
	}
	res := ChainResult{Chain: k.chain}
	if c.KeyUsage != 0 && c.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		res.Refusal, res.Err = WrongKeyUsage, fmt.Errorf("key usage of %q is neither digital signature nor non-repudiation", c.Subject)
		return res
	}
	res.ChainOK = true
	if at.Before(k.from) || at.After(k.to) {
		for _, cc := range k.chain {
			if at.Before(cc.NotBefore) || at.After(cc.NotAfter) {
				return validity(res, cc, at)
			}
		}
	}
	res.ValidityOK = true
	return res
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

// build finds a chain: one valid at the given time if there is one, else one that was valid together at some time of c's
// life, so that "expired" can be told from "untrusted".
func (t *Trust) build(c *x509.Certificate, others []*x509.Certificate, at time.Time) ([]*x509.Certificate, error) {
	pool := t.intermediates
	if len(others) > 0 {
		pool = pool.Clone()
		for _, o := range others {
			if o != c {
				pool.AddCert(o)
			}
		}
	}
	opts := x509.VerifyOptions{Roots: t.roots, Intermediates: pool, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	var first error
	for _, when := range []time.Time{at, c.NotAfter, c.NotBefore} {
		if when.IsZero() {
			return nil, errors.New("no time to judge the certificate at")
		}
		opts.CurrentTime = when
		chains, err := c.Verify(opts)
		if err == nil {
			return shortest(chains), nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// shortest picks one chain the same way every time.
func shortest(chains [][]*x509.Certificate) []*x509.Certificate {
	sort.SliceStable(chains, func(i, j int) bool { return len(chains[i]) < len(chains[j]) })
	return chains[0]
}

func newKnown(c *x509.Certificate, chain []*x509.Certificate) *knownCertificate {
	k := &knownCertificate{certificate: c, chain: chain, from: c.NotBefore, to: c.NotAfter}
	for _, cc := range chain {
		if cc.NotBefore.After(k.from) {
			k.from = cc.NotBefore
		}
		if cc.NotAfter.Before(k.to) {
			k.to = cc.NotAfter
		}
	}
	return k
}

func (t *Trust) remember(key [32]byte, k *knownCertificate) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.known) >= maxKnown {
		clear(t.known)
	}
	t.known[key] = k
}

// parse is x509.ParseCertificate, but a certificate that has a chain is parsed once only.
func (t *Trust) parse(der []byte) (*x509.Certificate, error) {
	key := sha256.Sum256(der)
	t.mu.RLock()
	k := t.known[key]
	t.mu.RUnlock()
	if k != nil {
		return k.certificate, nil
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("couldn't parse certificate: %w", err)
	}
	return c, nil
}
