package signing

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Purpose is what a certificate is judged for. The trust list keeps authorities of different purposes apart: one that certifies
// persons says nothing about organisations.
type Purpose string

// The purposes there are.
const (
	PurposeAny          Purpose = "" // no question: every authority of the list will do
	PurposeOrganisation Purpose = "organisation"
	PurposePerson       Purpose = "person"
	PurposeTimeStamp    Purpose = "time-stamp"
	PurposeNode         Purpose = "node"
)

// Purposes returns every purpose an authority can be listed for.
func Purposes() []Purpose {
	return []Purpose{PurposeOrganisation, PurposePerson, PurposeTimeStamp, PurposeNode}
}

// AuthorityKind tells by what right an authority is listed.
type AuthorityKind string

// The kinds there are.
const (
	AuthorityState  AuthorityKind = "state"  // the authority for state use (chữ ký số chuyên dùng công vụ)
	AuthorityPublic AuthorityKind = "public" // a licensed public authority
	AuthorityTrial  AuthorityKind = "trial"  // for trying out; refused where trials are not allowed
	AuthorityOther  AuthorityKind = "other"
)

// Authority is one entry of the trust list. One certificate may have several, for different purposes or times.
type Authority struct {
	Certificate *x509.Certificate
	Kind        AuthorityKind // empty: trial if the certificate is of a trial authority, else other
	Purposes    []Purpose     // empty: all
	// From and Until bound when the authority is trusted, apart from the validity of its certificate: From <= t < Until. Zero: open.
	From, Until time.Time
}

// ErrWrongPurpose is in ChainResult.Err if a chain was found, but not for this purpose: an authority in it is not listed for it,
// or the certificate or an authority is restricted to other uses (extended key usage).
var ErrWrongPurpose = errors.New("not meant for this purpose")

// ErrNotTrustedThen is in ChainResult.Err if a chain was found, but the trust list did not hold an authority in it trusted at that time.
var ErrNotTrustedThen = errors.New("authority not trusted at that time")

// NewTrustList returns the trust in these authorities. Chains end at roots: self-signed certificates, and those whose issuer is not
// in the list, for who lists an authority believes it, and nobody else could vouch for it. Others are intermediates: they help to
// find a chain, are believed only through a root, and where a chain leads through one, its purposes and times count
// beside those of the root. Trial authorities are refused unless trial is set.
func NewTrustList(authorities []Authority, trial bool) (*Trust, error) {
	t := &Trust{roots: x509.NewCertPool(), intermediates: x509.NewCertPool(), known: make(map[[32]byte]*knownCertificate),
		parsed: make(map[[32]byte]*x509.Certificate), listed: make(map[[32]byte][]*Authority, len(authorities)), authorities: make([]Authority, 0, len(authorities))}
	for i := range authorities {
		a := authorities[i]
		a.Purposes = slices.Clone(a.Purposes)
		if err := a.check(trial); err != nil {
			return nil, err
		}
		t.authorities = append(t.authorities, a)
	}
	for i := range t.authorities {
		a := &t.authorities[i]
		key := sha256.Sum256(a.Certificate.Raw)
		t.listed[key] = append(t.listed[key], a)
		t.certificates = append(t.certificates, a.Certificate)
	}
	t.sort()
	return t, nil
}

func (a *Authority) check(trial bool) error {
	c := a.Certificate
	if c == nil {
		return errors.New("couldn't trust an authority without certificate")
	}
	isTrial := IsTrial(c)
	if a.Kind == "" {
		a.Kind = AuthorityOther
		if isTrial {
			a.Kind = AuthorityTrial
		}
	}
	switch {
	case (isTrial || a.Kind == AuthorityTrial) && !trial:
		return fmt.Errorf("couldn't trust %q: %w", c.Subject, ErrTrialAuthority)
	case isTrial && a.Kind != AuthorityTrial:
		return fmt.Errorf("couldn't trust %q as %s: %w", c.Subject, a.Kind, ErrTrialAuthority)
	case !slices.Contains([]AuthorityKind{AuthorityState, AuthorityPublic, AuthorityTrial, AuthorityOther}, a.Kind):
		return fmt.Errorf("couldn't trust %q: unknown kind of authority %q", c.Subject, a.Kind)
	case !c.IsCA || !c.BasicConstraintsValid:
		return fmt.Errorf("couldn't trust %q: not a certificate authority", c.Subject)
	case !a.From.IsZero() && !a.Until.IsZero() && !a.From.Before(a.Until):
		return fmt.Errorf("couldn't trust %q: from %s, until %s", c.Subject, stamp(a.From), stamp(a.Until))
	}
	for _, p := range a.Purposes {
		if !slices.Contains(Purposes(), p) {
			return fmt.Errorf("couldn't trust %q: unknown purpose %q", c.Subject, p)
		}
	}
	return nil
}

// sort tells roots from intermediates.
func (t *Trust) sort() {
	named := make(map[string][]*x509.Certificate) // by subject, DER
	for _, entries := range t.listed {
		c := entries[0].Certificate
		named[string(c.RawSubject)] = append(named[string(c.RawSubject)], c)
	}
	for _, c := range t.certificates {
		issuedBy := func(by *x509.Certificate) bool {
			err := c.CheckSignatureFrom(by)
			var old x509.InsecureAlgorithmError // nobody follows such a signature, but it tells who is above
			return !c.Equal(by) && (err == nil || errors.As(err, &old))
		}
		selfSigned := string(c.RawSubject) == string(c.RawIssuer) && c.CheckSignatureFrom(c) == nil
		if selfSigned || !slices.ContainsFunc(named[string(c.RawIssuer)], issuedBy) {
			t.roots.AddCert(c)
		} else {
			t.intermediates.AddCert(c)
		}
	}
}

// trusts reports whether the list trusts the authority at this time.
func (a *Authority) trusts(at time.Time) bool {
	return (a.From.IsZero() || !at.Before(a.From)) && (a.Until.IsZero() || at.Before(a.Until))
}

func (a *Authority) serves(p Purpose) bool {
	return p == PurposeAny || len(a.Purposes) == 0 || slices.Contains(a.Purposes, p)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
