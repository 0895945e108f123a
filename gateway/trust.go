package gateway

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
)

// Which authorities are believed is the record's word (events directory.authority-trusted and -distrusted). While the record
// has no such event, the configured authorities (Config.Trust) stand in: for the genesis change, and for logs older than the
// list. From the first one on the list alone decides about signatures, and the configuration is no longer asked.

// TrustOf makes the trust of a state of the directory, which is before while the record has no list. leftOut (nil: nobody) is told of entries
// that cannot be used: one bad entry must not close the door on everybody else's packages.
func TrustOf(d directory.State, before *signing.Trust, trial bool, leftOut func(authority events.Digest, err error)) (*signing.Trust, error) {
	if !d.HasTrustList() {
		return before, nil
	}
	var list []signing.Authority
	for _, a := range d.AllAuthorities() {
		entry, err := authorityOf(a, trial)
		if err != nil {
			if leftOut != nil {
				leftOut(a.Authority, err)
			}
			continue
		}
		if entry != nil {
			list = append(list, *entry)
		}
	}
	t, err := signing.NewTrustList(list, trial)
	if err != nil {
		return nil, fmt.Errorf("couldn't use the trust list: %w", err)
	}
	return t, nil
}

// authorityOf is an entry as the verifier wants it; nil for one that was never believed.
func authorityOf(a *directory.TrustedAuthority, trial bool) (*signing.Authority, error) {
	if from, until := a.Period(); !until.IsZero() && !from.Before(until) {
		return nil, nil
	}
	entry, err := recordedAuthority(a)
	if err != nil {
		return nil, err
	}
	if _, err := signing.NewTrustList([]signing.Authority{entry}, trial); err != nil {
		return nil, err
	}
	return &entry, nil
}

// recordedAuthority is an entry in the verifier's words, believed or not.
func recordedAuthority(a *directory.TrustedAuthority) (signing.Authority, error) {
	c, err := x509.ParseCertificate(a.Certificate)
	if err != nil {
		return signing.Authority{}, fmt.Errorf("couldn't parse certificate: %w", err)
	}
	from, until := a.Period()
	entry := signing.Authority{Certificate: c, Kind: signing.AuthorityKind(a.Kind), From: from, Until: until}
	for _, p := range a.Purposes {
		entry.Purposes = append(entry.Purposes, signing.Purpose(p))
	}
	return entry, nil
}

// authoritiesFor says which authorities are believed for what a holder's certificate does: any one of these purposes will do.
// None: the certificate is known by its digest alone (TLS, checkpoints), and whoever issued it vouches for nothing.
func authoritiesFor(kind directory.HolderKind, p directory.Purpose) []signing.Purpose {
	switch p {
	case directory.PurposeTLS, directory.PurposeCheckpoint:
		return nil
	case directory.PurposePerson:
		return []signing.Purpose{signing.PurposePerson}
	}
	switch kind {
	case directory.HolderOperator: // an administrator is a person with a key
		return []signing.Purpose{signing.PurposePerson, signing.PurposeOrganisation}
	case directory.HolderPeer, directory.HolderNode, directory.HolderChannel: // programs
		return []signing.Purpose{signing.PurposeNode, signing.PurposeOrganisation}
	}
	return []signing.Purpose{signing.PurposeOrganisation}
}

// anySigner is for a signature whose certificate the directory does not know: a co-signature.
var anySigner = []signing.Purpose{signing.PurposePerson, signing.PurposeOrganisation}

// chainFor finds the chain of a certificate to an authority believed for one of the purposes at the time.
func chainFor(t *signing.Trust, c *x509.Certificate, others []*x509.Certificate, at time.Time, purposes []signing.Purpose) ([]*x509.Certificate, error) {
	var first signing.ChainResult
	for i, p := range purposes {
		res := t.CheckFor(c, others, at, p)
		if res.Refusal == signing.Accepted {
			return res.Chain, nil
		}
		if i == 0 {
			first = res
		}
	}
	code, ok := signingCodes[first.Refusal]
	if !ok {
		return nil, fmt.Errorf("couldn't number the verifier's refusal %q", first.Refusal)
	}
	switch {
	case errors.Is(first.Err, signing.ErrWrongPurpose):
		code = CodeAuthorityPurpose
	case code == CodeUntrusted && signing.IsTrial(c):
		code = CodeTrialCertificate
	}
	refusal := Refuse(code).Because(first.Err)
	if code == CodeAuthorityPurpose {
		for _, p := range purposes {
			refusal = refusal.With(string(p))
		}
	}
	return nil, refusal
}

// judgeChains judges every signature of a verified package once more: persons' and organisations' authorities are kept apart.
// signer are the purposes of the signature that covers everything; what others are for is the directory's word on their
// certificates. The chains found are those that go into the evidence.
func (h *handIn) judgeChains(v *signing.Verified, signer []signing.Purpose) error {
	sigs := v.Report().Signatures
	h.chains, h.purposes = make([][]*x509.Certificate, len(sigs)), make([][]signing.Purpose, len(sigs))
	for i := range sigs {
		s := &sigs[i]
		purposes := anySigner
		if s.Fingerprint == v.Fingerprint() && s.WholeDocument {
			purposes = signer
		} else if c, ok := h.snap.Directory.Certificate(s.Fingerprint); ok {
			purposes = h.purposesOf(c)
		}
		if len(purposes) == 0 {
			purposes = anySigner
		}
		h.purposes[i] = purposes
		var err error
		if h.chains[i], err = chainFor(h.snap.Trust, s.Certificate, s.Certificates, h.at, purposes); err != nil {
			return err
		}
	}
	return nil
}

// purposesOf are the authorities that will do for any of the purposes a certificate is enrolled for.
func (h *handIn) purposesOf(c *directory.Certificate) []signing.Purpose {
	var out []signing.Purpose
	for _, p := range c.Purposes {
		for _, need := range authoritiesFor(c.Holder.Kind, p) {
			if !slices.Contains(out, need) {
				out = append(out, need)
			}
		}
	}
	return out
}

// trustAuthority translates the operation; what the verifier could never use is refused here, before anybody relies on it.
func (h *handIn) trustAuthority(op schemas.TrustAuthority) (directory.Operation, error) {
	c, err := x509.ParseCertificate(op.DER)
	if err != nil {
		return nil, Refuse(CodeValue).Because(err)
	}
	o := directory.TrustAuthority{
		Certificate: op.DER, AuthorityKind: directory.AuthorityKind(op.Kind), From: op.From, Until: op.Until, Name: op.Name,
	}
	entry := signing.Authority{Certificate: c, Kind: signing.AuthorityKind(op.Kind), From: op.From, Until: op.Until}
	for _, p := range op.Purposes {
		o.Purposes = append(o.Purposes, directory.AuthorityPurpose(p))
		entry.Purposes = append(entry.Purposes, signing.Purpose(p))
	}
	if _, err := signing.NewTrustList([]signing.Authority{entry}, h.terms.trial); err != nil {
		if errors.Is(err, signing.ErrTrialAuthority) {
			return nil, Refuse(CodeTrialCertificate).Because(err)
		}
		return nil, Refuse(CodeDirectoryRule).With(c.Subject.String()).Because(err)
	}
	return o, nil
}

// trustAfter is the trust list once the first operations of a change have been done: a change that begins a record puts the
// authorities on the list and enrols their certificates at once.
func (h *handIn) trustAfter(before []directory.Operation) (*signing.Trust, error) {
	s := h.snap.Directory
	var changed bool
	for _, op := range before {
		switch op.(type) {
		case directory.TrustAuthority, directory.DistrustAuthority:
			changed = true
		}
	}
	if !changed {
		return h.snap.Trust, nil
	}
	return h.terms.trustOf(s.WithTrust(before, h.at))
}

// enrolment says whether a certificate may be enrolled: it must lead to an authority believed for such a holder. What a peer enrols
// for its organisations is not held up here, since one unknown authority would stop its whole change; what they sign is judged by
// this node's list all the same.
func (h *handIn) enrolment(t *signing.Trust, c *x509.Certificate, in directory.EnrolCertificate) error {
	if h.peerSigns || h.terms.assumed && t == h.terms.before {
		return nil
	}
	at := h.at
	switch { // a certificate may be enrolled before its first day; one that has ended is the directory's matter
	case at.Before(c.NotBefore):
		at = c.NotBefore
	case at.After(c.NotAfter):
		at = c.NotAfter
	}
	for _, p := range in.Purposes {
		purposes := authoritiesFor(in.Holder.Kind, p)
		if len(purposes) == 0 {
			continue
		}
		if _, err := chainFor(t, c, nil, at, purposes); err != nil {
			return err
		}
	}
	return nil
}
