package verdict

import (
	"context"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"github.com/tram-exchange/tram/signing/revocation"
)

// maxSkew is how far the clock of a signer may be ahead.
const maxSkew = 5 * time.Minute

// revoked judges the revocation of every certificate of the chain but the root, at ChainOptions.At (EN 319 102-1, 5.2.6).
func (o *ChainOptions) revoked(ctx context.Context, l *checklist, v *ChainVerdict) {
	rule := o.Policy.Revocation
	if rule.Required == RevocationNever {
		l.ignore(CheckRevocation, "")
		return
	}
	// An answer from after the time of the judgement, if somebody judges as of a day that is past, is as good: it says what was so then.
	fresh := revocation.Freshness{MaxAge: time.Duration(rule.Freshness)}
	if rule.Grace > 0 && !o.noGrace {
		fresh.NotBefore = o.At.Add(time.Duration(rule.Grace))
	}
	k := revocation.Checker{Source: o.Revocation}
	v.Revocation = k.Chain(ctx, v.Chain, o.At, fresh)
	for i := range v.Revocation.Certificates {
		o.tellRevocation(l, v, i)
	}
}

func (o *ChainOptions) tellRevocation(l *checklist, v *ChainVerdict, i int) {
	st := &v.Revocation.Certificates[i]
	switch st.Status {
	case revocation.Good:
		if o.forgeable(v, i) {
			l.fail(CheckRevocation, Failed, indeterminate(RevokedCANoPOE), st.Certificate.Subject.String()+": "+describeAnswer(st.Answer))
		} else if !l.brief {
			l.pass(CheckRevocation, st.Certificate.Subject.String()+": "+describeAnswer(st.Answer))
		}
	case revocation.Suspended:
		// Who suspends may release: what comes of it is known later (5.2.6.4).
		l.fail(CheckRevocation, Failed, indeterminate(TryLater), st.Certificate.Subject.String()+": "+describeAnswer(st.Answer))
	case revocation.Revoked:
		sub := RevokedCANoPOE
		if i == 0 {
			sub, v.RevokedAt = RevokedNoPOE, st.Answer.At
		}
		l.fail(CheckRevocation, Failed, indeterminate(sub), st.Certificate.Subject.String()+": "+describeAnswer(st.Answer))
	default:
		if !o.revocationRequired(st) {
			l.warn(CheckRevocation, st.Certificate.Subject.String())
			return
		}
		l.fail(CheckRevocation, Unknown, indeterminate(TryLater), st.Certificate.Subject.String()+": "+strings.ReplaceAll(st.Why, "\n", "; "))
	}
}

// forgeable reports whether somebody could have made the answer about certificate i with a key that was lost: its issuer was revoked
// later than ChainOptions.At, and nothing proves that the answer existed before.
func (o *ChainOptions) forgeable(v *ChainVerdict, i int) bool {
	if i+1 >= len(v.Revocation.Certificates) {
		return false
	}
	issuer := v.Revocation.Certificates[i+1].Answer
	if issuer == nil || issuer.Status != revocation.Revoked {
		return false
	}
	existed := o.Now
	if o.Existed != nil {
		existed = o.Existed(v.Revocation.Certificates[i].Answer.Raw)
	}
	return !existed.Before(issuer.At)
}

// speaker is a source that knows whether there is a list in the name of an issuer, whatever is in it.
type speaker interface {
	Speaks(issuer *x509.Certificate) bool
}

// revocationRequired reports whether policy asks for an answer about this certificate. Where somebody had a list or an answer,
// too old or not, revocation is done there, and not to know is not the same as to need not know.
func (o *ChainOptions) revocationRequired(st *revocation.CertificateStatus) bool {
	if o.Policy.Revocation.Required == RevocationAlways || st.Named || len(st.Passed) > 0 || st.Err != nil {
		return true
	}
	s, ok := o.Revocation.(speaker)
	return ok && s.Speaks(st.Issuer)
}

// describeAnswer tells what an answer says, and of when it is.
func describeAnswer(a *revocation.Answer) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", strings.ToUpper(string(a.Kind)), stamp(a.ThisUpdate))
	if a.Status == revocation.Revoked || a.Status == revocation.Suspended {
		fmt.Fprintf(&b, ", %s %s (%s)", a.Status, stamp(a.At), revocation.ReasonName(a.Reason))
	}
	if a.Source != "" {
		b.WriteString(", " + a.Source)
	}
	return b.String()
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// sources are asked one after the other.
type sources []revocation.Source

// JoinSources is revocation.Join, but what the sources know about issuers is kept: where one has a list of an issuer, revocation
// is required of its certificates (policy when-named). Nil ones are left out; of none there is nil.
func JoinSources(all ...revocation.Source) revocation.Source {
	var s sources
	for _, one := range all {
		if one != nil {
			s = append(s, one)
		}
	}
	if len(s) == 0 {
		return nil
	}
	return s
}

// Find implements revocation.Source.
func (s sources) Find(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) ([]revocation.Answer, error) {
	return revocation.Join(s...).Find(ctx, cert, issuer, at)
}

// Speaks implements speaker.
func (s sources) Speaks(issuer *x509.Certificate) bool {
	for _, one := range s {
		if k, ok := one.(speaker); ok && k.Speaks(issuer) {
			return true
		}
	}
	return false
}
