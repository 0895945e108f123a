package revocation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Freshness says which answers are new enough (EN 319 102-1 §5.2.5). The zero value asks what the answer itself promises: it counts until
// its NextUpdate; without one, only for times before its ThisUpdate.
type Freshness struct {
	// MaxAge: ThisUpdate may be at most so long before the judged time. Zero: no such rule. Whatever it is, an answer whose NextUpdate
	// was before the judged time is stale.
	MaxAge time.Duration
	// NotBefore: ThisUpdate must not be before this time, for example the proved time of signing and the grace period after it. Zero: no such rule.
	NotBefore time.Time
	// Now is the time of the check: an answer from after it is refused. Zero: no such rule.
	Now time.Time
	// Skew is how much clocks may differ, for Now. Zero: none.
	Skew time.Duration
}

// Checker judges chains.
type Checker struct {
	Source Source
}

// ChainStatus is what was found out about a chain.
type ChainStatus struct {
	At           time.Time
	Certificates []CertificateStatus // from the end certificate to the last below the anchor
}

// CertificateStatus is what was found out about one certificate.
type CertificateStatus struct {
	Certificate *x509.Certificate
	Issuer      *x509.Certificate
	// Status at the judged time. A certificate that was revoked later is Good; Answer.Status is Revoked then.
	Status Status
	// Answer is the one that was chosen; nil if there was none that could be used.
	Answer *Answer
	// Why says, for people, why the status is Unknown; empty otherwise.
	Why string
	// Err is what the source said, even where an answer was found.
	Err error
	// Named: the certificate names a CRL or an OCSP responder.
	Named bool
	// Passed are the authentic answers that were not chosen, and why.
	Passed []PassedAnswer
	// Responder is the status of the certificate that signed the answer, if that had to be judged.
	Responder *CertificateStatus
}

// PassedAnswer is an answer that was not gone by.
type PassedAnswer struct {
	Answer Answer
	Why    string
}

// Status is the worst of the chain: Revoked, then Suspended, then Unknown, then Good. A chain of nothing but its anchor is Good.
func (s ChainStatus) Status() Status {
	worst := Good
	rank := func(s Status) int { return map[Status]int{Good: 0, Unknown: 1, Suspended: 2, Revoked: 3}[s] }
	for _, c := range s.Certificates {
		if rank(c.Status) > rank(worst) {
			worst = c.Status
		}
	}
	return worst
}

// Evidence returns the DER of all answers that were gone by, each once, in the order of the chain.
func (s ChainStatus) Evidence() [][]byte {
	var all [][]byte
	seen := make(map[[32]byte]bool)
	var add func(c *CertificateStatus)
	add = func(c *CertificateStatus) {
		if c == nil || c.Answer == nil {
			return
		}
		if sum := sha256.Sum256(c.Answer.Raw); !seen[sum] {
			seen[sum] = true
			all = append(all, c.Answer.Raw)
		}
		add(c.Responder)
	}
	for i := range s.Certificates {
		add(&s.Certificates[i])
	}
	return all
}

// Chain judges every certificate of the chain but the last, which is the anchor, at the time at.
//
// A revocation counts from its time on; it is permanent, so it counts whatever the age of the answer and whatever newer answers say.
// Else the newest fresh answer is chosen (OCSP before a CRL of the same time). An answer from after at is as good as one from before: who was not
// revoked later was not revoked at at; but one that is silent about certificates which had expired by then says nothing about those.
func (k *Checker) Chain(ctx context.Context, chain []*x509.Certificate, at time.Time, f Freshness) ChainStatus {
	s := ChainStatus{At: at}
	for i := 0; i+1 < len(chain); i++ {
		s.Certificates = append(s.Certificates, k.certificate(ctx, chain[i], chain[i+1], at, f, true))
	}
	return s
}

func (k *Checker) certificate(ctx context.Context, cert, issuer *x509.Certificate, at time.Time, f Freshness, responders bool) CertificateStatus {
	st := CertificateStatus{Certificate: cert, Issuer: issuer, Named: len(cert.OCSPServer)+len(cert.CRLDistributionPoints) > 0}
	var answers []Answer
	if k.Source != nil {
		answers, st.Err = k.Source.Find(ctx, cert, issuer, at)
	}
	for i := range answers {
		k.consider(ctx, &st, &answers[i], at, f, responders)
	}
	if st.Answer == nil {
		st.Status, st.Why = Unknown, st.whyUnknown()
		return st
	}
	st.Status = statusAt(st.Answer, at)
	return st
}

// consider makes a the chosen answer if it is better than the one so far.
func (k *Checker) consider(ctx context.Context, st *CertificateStatus, a *Answer, at time.Time, f Freshness, responders bool) {
	why := unfit(a, st.Certificate, at, f)
	var responder *CertificateStatus
	if why == "" && !a.NoCheck && !bytes.Equal(a.Signer.RawSubjectPublicKeyInfo, st.Issuer.RawSubjectPublicKeyInfo) {
		responder, why = k.responder(ctx, a, st.Issuer, at, f, responders)
	}
	switch {
	case why != "":
	case st.Answer == nil || better(a, st.Answer, at):
		if st.Answer != nil {
			st.Passed = append(st.Passed, PassedAnswer{*st.Answer, "there is a better one"})
		}
		st.Answer, st.Responder = a, responder
		return
	default:
		why = "there is a better one"
	}
	st.Passed = append(st.Passed, PassedAnswer{*a, why})
}

// listSigner says why a certificate that only signs CRLs may not be gone by. Nobody but itself may be there to say that it is
// good, so what counts is that nobody, itself included, says that it was revoked.
func (k *Checker) listSigner(ctx context.Context, a *Answer, issuer *x509.Certificate, when time.Time) string {
	answers, _ := k.Source.Find(ctx, a.Signer, issuer, when) // what cannot be found says nothing against it
	for _, b := range answers {
		if s := statusAt(&b, when); s == Revoked || s == Suspended {
			return "its signer was " + s.String()
		}
	}
	return ""
}

// responder judges the certificate of a delegated responder at the time when it answered, by answers whose signers need no such
// judging: never by its own.
func (k *Checker) responder(ctx context.Context, a *Answer, issuer *x509.Certificate, at time.Time, f Freshness, judge bool) (*CertificateStatus, string) {
	if !judge {
		return nil, "its signer is itself to be judged by others"
	}
	when := a.ProducedAt
	if at.After(when) {
		when = at
	}
	if when.After(a.Signer.NotAfter) {
		when = a.Signer.NotAfter
	}
	if a.Kind == CRL {
		return nil, k.listSigner(ctx, a, issuer, when)
	}
	st := k.certificate(ctx, a.Signer, issuer, when, f, false)
	if st.Status == Good {
		return &st, ""
	}
	if st.Status == Unknown {
		return &st, "whether its responder was revoked is not known: " + st.Why
	}
	return &st, "its responder was " + st.Status.String()
}

// permanent reports whether a says that the certificate was revoked for good by the time at.
func permanent(a *Answer, at time.Time) bool { return a.Status == Revoked && !a.At.After(at) }

// unfit says why an answer is not to be gone by; "" if it is.
func unfit(a *Answer, cert *x509.Certificate, at time.Time, f Freshness) string {
	switch {
	case !f.Now.IsZero() && a.ThisUpdate.After(f.Now.Add(f.Skew)):
		return "it is from the future: " + when(a.ThisUpdate)
	case permanent(a, at):
		return ""
	case a.Status == Unknown:
		return "the responder does not know the certificate"
	case !f.NotBefore.IsZero() && a.ThisUpdate.Before(f.NotBefore):
		return fmt.Sprintf("it is of %s, needed is one from %s on", when(a.ThisUpdate), when(f.NotBefore))
	case f.MaxAge > 0 && a.ThisUpdate.Before(at.Add(-f.MaxAge)):
		return fmt.Sprintf("it is of %s, more than %s before %s", when(a.ThisUpdate), f.MaxAge, when(at))
	case !a.NextUpdate.IsZero() && a.NextUpdate.Before(at):
		return fmt.Sprintf("it was to be replaced by %s, judged at %s", when(a.NextUpdate), when(at))
	case a.NextUpdate.IsZero() && f.MaxAge == 0 && a.ThisUpdate.Before(at):
		return fmt.Sprintf("it is of %s, without next update, judged at %s", when(a.ThisUpdate), when(at))
	case a.Status == Good && a.ThisUpdate.After(cert.NotAfter) && (a.KeepsExpired.IsZero() || a.KeepsExpired.After(cert.NotAfter)):
		return fmt.Sprintf("it is of %s, after the certificate expired, when it need not name it any more", when(a.ThisUpdate))
	}
	return ""
}

// better reports whether a is to be gone by rather than b.
func better(a, b *Answer, at time.Time) bool {
	if pa, pb := permanent(a, at), permanent(b, at); pa != pb {
		return pa
	} else if pa && !a.At.Equal(b.At) {
		return a.At.Before(b.At)
	}
	if !a.ThisUpdate.Equal(b.ThisUpdate) {
		return a.ThisUpdate.After(b.ThisUpdate)
	}
	return a.Kind == OCSP && b.Kind != OCSP
}

// statusAt is what an answer means for the time at.
func statusAt(a *Answer, at time.Time) Status {
	if (a.Status == Revoked || a.Status == Suspended) && a.At.After(at) {
		return Good
	}
	return a.Status
}

// whyUnknown is one sentence part for people.
func (st *CertificateStatus) whyUnknown() string {
	var why []error
	for _, p := range st.Passed {
		why = append(why, fmt.Errorf("%s from %s: %s", p.Answer.Kind, p.Answer.Source, p.Why))
	}
	if st.Err != nil {
		why = append(why, st.Err)
	}
	if len(why) > 0 {
		return errors.Join(why...).Error()
	}
	if st.Named {
		return "nothing found at the places that the certificate names"
	}
	return "the certificate names no place to ask, and nothing is at hand"
}

func when(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// MarshalJSON tells programs and people what was gone by, without the bytes.
func (st CertificateStatus) MarshalJSON() ([]byte, error) {
	type told struct {
		Subject    string     `json:"subject"`
		Serial     string     `json:"serial"`
		Status     Status     `json:"status"`
		Why        string     `json:"why,omitempty"`
		Kind       Kind       `json:"kind,omitempty"`
		Source     string     `json:"source,omitempty"`
		ThisUpdate *time.Time `json:"this_update,omitempty"`
		NextUpdate *time.Time `json:"next_update,omitempty"`
		RevokedAt  *time.Time `json:"revoked_at,omitempty"`
		Reason     string     `json:"reason,omitempty"`
	}
	t := told{Subject: st.Certificate.Subject.String(), Serial: st.Certificate.SerialNumber.Text(16), Status: st.Status, Why: st.Why}
	if a := st.Answer; a != nil {
		t.Kind, t.Source, t.ThisUpdate = a.Kind, a.Source, &a.ThisUpdate
		if !a.NextUpdate.IsZero() {
			t.NextUpdate = &a.NextUpdate
		}
		if a.Status == Revoked || a.Status == Suspended {
			t.RevokedAt, t.Reason = &a.At, ReasonName(a.Reason)
		}
	}
	return json.Marshal(t)
}
