package signing

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"
)

// maxKnown bounds what Trust remembers. When it is reached everything is forgotten: a rare cost instead of bookkeeping.
const maxKnown = 4096

// maxChains bounds the chains that are remembered of one certificate. More than one exist where authorities are cross-signed or
// keep their key in a new certificate.
const maxChains = 8

// knownCertificate is a certificate with the chains that were found before. A chain is used again only if everything in it is
// at hand again, so that the answer never depends on what was seen before; whether it was valid and trusted then is judged each time.
type knownCertificate struct {
	certificate *x509.Certificate
	chains      []*knownChain // never empty
}

type knownChain struct {
	certs    []*x509.Certificate // from the certificate to a root
	from, to time.Time           // when all of the chain is valid
	listed   [][]*Authority      // entries of each listed certificate of the chain, nearest first; the last are the root's
	needs    []*x509.Certificate // those that are not in the list and have to come along
}

// CheckFor looks for a chain from c to a trusted root, with the help of others (certificates that came along), and judges it for
// the purpose and at the time at. c must be usable for signing: documents, or time-stamps for PurposeTimeStamp. Every authority in the
// chain that the list names must be listed for the purpose and trusted at that time. Where the list allows one of several
// chains, that one is taken. Chains are remembered: a certificate that was seen before costs well under a microsecond.
func (t *Trust) CheckFor(c *x509.Certificate, others []*x509.Certificate, at time.Time, p Purpose) ChainResult {
	key := sha256.Sum256(c.Raw)
	t.mu.RLock()
	k := t.known[key]
	t.mu.RUnlock()
	if k != nil {
		if res, ok := k.judge(others, at, p); ok && res.Refusal == Accepted {
			return res
		}
	}
	// A chain that was found before and will not do at this time may not be the only one.
	chains, err := t.build(c, others, at)
	if err == nil {
		k = t.remember(key, c, k, chains)
	}
	if k != nil {
		if res, ok := k.judge(others, at, p); ok {
			return res
		}
	}
	var expired x509.CertificateInvalidError
	if errors.As(err, &expired) && expired.Reason == x509.Expired {
		return validity(ChainResult{}, expired.Cert, at)
	}
	return ChainResult{Refusal: UntrustedCertificate, Err: err}
}

// judge picks the first chain that will do, or tells what is wrong with the best one. False: none is at hand.
func (k *knownCertificate) judge(others []*x509.Certificate, at time.Time, p Purpose) (best ChainResult, found bool) {
	for _, kc := range k.chains {
		if !kc.atHand(others) {
			continue
		}
		res := kc.judge(k.certificate, at, p)
		if res.Refusal == Accepted {
			return res, true
		}
		if !found || !best.ChainOK && res.ChainOK {
			best, found = res, true
		}
	}
	return best, found
}

func (kc *knownChain) atHand(others []*x509.Certificate) bool {
	for _, c := range kc.needs {
		if !slices.ContainsFunc(others, func(o *x509.Certificate) bool { return o != nil && c.Equal(o) }) {
			return false
		}
	}
	return true
}

func (kc *knownChain) judge(c *x509.Certificate, at time.Time, p Purpose) ChainResult {
	res := ChainResult{Chain: kc.certs}
	if last := kc.listed[len(kc.listed)-1]; len(last) > 0 {
		res.Anchor, res.Authority = last[0], kc.listed[0][0]
	}
	if c.KeyUsage != 0 && c.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		res.Refusal, res.Err = WrongKeyUsage, fmt.Errorf("key usage of %q is neither digital signature nor non-repudiation", c.Subject)
		return res
	}
	if bad := unfit(kc.certs, p); bad != nil {
		res.Refusal, res.Err = WrongKeyUsage, fmt.Errorf("extended key usage of %q does not allow %q: %w", bad.Subject, p, ErrWrongPurpose)
		return res
	}
	for i, entries := range kc.listed {
		a, err := choose(entries, at, p)
		if err != nil {
			res.Refusal, res.Err = UntrustedCertificate, err
			return res
		}
		if i == 0 {
			res.Authority = a
		}
		res.Anchor = a
	}
	res.ChainOK = true
	if at.Before(kc.from) || at.After(kc.to) {
		for _, cc := range kc.certs {
			if at.Before(cc.NotBefore) || at.After(cc.NotAfter) {
				return validity(res, cc, at)
			}
		}
	}
	res.ValidityOK = true
	return res
}

// choose returns the entry that allows the purpose at that time.
func choose(entries []*Authority, at time.Time, p Purpose) (*Authority, error) {
	var serves *Authority
	for _, a := range entries {
		if !a.serves(p) {
			continue
		}
		if a.trusts(at) {
			return a, nil
		}
		serves = a
	}
	if serves == nil {
		return nil, fmt.Errorf("the trust list does not have %q for %q: %w", entries[0].Certificate.Subject, p, ErrWrongPurpose)
	}
	return nil, fmt.Errorf("the trust list has %q for %s, judged at %s: %w", serves.Certificate.Subject, serves.period(), stamp(at), ErrNotTrustedThen)
}

func (a *Authority) period() string {
	switch {
	case a.From.IsZero():
		return "the time before " + stamp(a.Until)
	case a.Until.IsZero():
		return "the time from " + stamp(a.From)
	}
	return stamp(a.From) + " to " + stamp(a.Until)
}

// unfit returns the certificate of the chain whose extended key usage does not allow the purpose, nil if all do. A time-stamp needs
// a certificate that names time-stamping, below authorities that are not restricted to something else (RFC 3161 §2.3). A document
// or a receipt must not be signed with a certificate that is only for time-stamps or OCSP answers.
func unfit(chain []*x509.Certificate, p Purpose) *x509.Certificate {
	leaf := chain[0]
	named := len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) > 0
	switch p {
	case PurposeTimeStamp:
		if !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageTimeStamping) {
			return leaf
		}
		for _, c := range chain[1:] {
			if len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) > 0 && !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny) && !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageTimeStamping) {
				return c
			}
		}
	case PurposeOrganisation, PurposePerson, PurposeNode:
		if !named || len(leaf.UnknownExtKeyUsage) > 0 {
			return nil
		}
		for _, u := range leaf.ExtKeyUsage {
			if u != x509.ExtKeyUsageTimeStamping && u != x509.ExtKeyUsageOCSPSigning {
				return nil
			}
		}
		return leaf
	}
	return nil
}

// build finds chains: those valid at the given time if there are any, else those that were valid together at some time of
// c's life, so that "expired" can be told from "untrusted". The shortest comes first.
func (t *Trust) build(c *x509.Certificate, others []*x509.Certificate, at time.Time) ([][]*x509.Certificate, error) {
	pool := t.intermediates
	if len(others) > 0 {
		pool = pool.Clone()
		for _, o := range others {
			if o != nil && o != c {
				pool.AddCert(o)
			}
		}
	}
	opts := x509.VerifyOptions{Roots: t.roots, Intermediates: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	var first error
	for _, when := range []time.Time{at, c.NotAfter, c.NotBefore} {
		if when.IsZero() {
			return nil, errors.New("no time to judge the certificate at")
		}
		opts.CurrentTime = when
		chains, err := c.Verify(opts)
		if err == nil {
			sort.SliceStable(chains, func(i, j int) bool { return len(chains[i]) < len(chains[j]) })
			return chains, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

func (t *Trust) newKnownChain(chain []*x509.Certificate) *knownChain {
	kc := &knownChain{certs: chain, from: chain[0].NotBefore, to: chain[0].NotAfter}
	for i, c := range chain {
		if c.NotBefore.After(kc.from) {
			kc.from = c.NotBefore
		}
		if c.NotAfter.Before(kc.to) {
			kc.to = c.NotAfter
		}
		// What the list says of an authority binds it when it certifies others, and the root always.
		entries := t.listed[sha256.Sum256(c.Raw)]
		switch {
		case i == 0 && len(chain) > 1:
		case len(entries) > 0:
			kc.listed = append(kc.listed, entries)
		default:
			kc.needs = append(kc.needs, c)
		}
	}
	return kc
}

// remember adds chains to those that are known of c, newest first, and returns all of them.
func (t *Trust) remember(key [32]byte, c *x509.Certificate, old *knownCertificate, chains [][]*x509.Certificate) *knownCertificate {
	k := &knownCertificate{certificate: c}
	for _, chain := range chains {
		k.chains = append(k.chains, t.newKnownChain(chain))
	}
	if old != nil {
		k.certificate = old.certificate
		for _, kc := range old.chains {
			if !slices.ContainsFunc(k.chains, kc.same) {
				k.chains = append(k.chains, kc)
			}
		}
	}
	k.chains = k.chains[:min(len(k.chains), maxChains)]
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.known) >= maxKnown {
		clear(t.known)
		clear(t.parsed)
	}
	t.known[key] = k
	for _, kc := range k.chains {
		for _, c := range kc.certs[1:] {
			t.parsed[sha256.Sum256(c.Raw)] = c
		}
	}
	return k
}

func (kc *knownChain) same(other *knownChain) bool {
	return slices.EqualFunc(kc.certs, other.certs, (*x509.Certificate).Equal)
}
