package verdict

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
)

// ChainOptions say how a certificate is judged. Trust, Policy, At and Now are required.
type ChainOptions struct {
	Trust  *signing.Trust
	Policy *Policy
	// Purposes are those of which one has to be served; none: whatever the authorities are for.
	Purposes []signing.Purpose
	// At is the earliest time at which what was signed is proved to have existed: the certificate has to count then.
	At time.Time
	// Now is the time of the judgement, not before At: what nothing proves to be older is taken to be from then.
	Now time.Time
	// Revocation finds CRLs and OCSP answers; nil: none are at hand.
	Revocation revocation.Source
	// Existed tells the earliest time at which an object (DER) is proved to have existed; nil: nothing is known to be older than Now.
	Existed func(object []byte) time.Time
	// Brief leaves out the checks that passed, for those who want the conclusion only.
	Brief bool

	noGrace bool // RevocationRule.Grace is for signers of documents: a time-stamp is judged as of now, and lists from later there are none
}

// ChainVerdict is what is said of a certificate.
type ChainVerdict struct {
	Conclusion
	Checks []Check
	Chain  []*x509.Certificate // from the certificate to a root; nil without one
	// Revocation is what was found out about each certificate of Chain but the root.
	Revocation revocation.ChainStatus
	// RevokedAt is when the certificate of the signer was revoked; zero if it was not, or not by ChainOptions.At.
	RevokedAt time.Time
}

// JudgeChain judges the certificate of a signer of any kind (XML, CMS, time-stamp): that it leads to a trusted authority for
// the purpose, may be used for signing, was valid, not revoked, and made with algorithms that counted, all at ChainOptions.At.
// others are certificates that came along. It is safe for concurrent use.
func JudgeChain(ctx context.Context, c *x509.Certificate, others []*x509.Certificate, o ChainOptions) (*ChainVerdict, error) {
	if o.Trust == nil || o.Policy == nil || o.At.IsZero() || o.Now.IsZero() {
		return nil, errors.New("couldn't judge certificate: trust list, policy and times are needed")
	}
	l := checklist{brief: o.Brief}
	v := &ChainVerdict{}
	res := o.find(c, others)
	v.Chain = res.Chain
	o.tellChain(&l, c, res)
	if v.Chain != nil {
		expired := l.end.SubIndication == OutOfBoundsNoPOE
		o.revoked(ctx, &l, v)
		if revoked := v.revokedConclusion(); expired && revoked.Indication != "" {
			l.end = revoked // the worse of the two
		}
		o.algorithms(&l, v.Chain)
	}
	v.Checks, v.Conclusion = l.checks, l.conclusion()
	return v, ctx.Err()
}

// revokedConclusion is what follows if a certificate of the chain was revoked; zero if none was.
func (v *ChainVerdict) revokedConclusion() Conclusion {
	for i := range v.Revocation.Certificates {
		if v.Revocation.Certificates[i].Status != revocation.Revoked {
			continue
		}
		if i == 0 {
			return indeterminate(RevokedNoPOE)
		}
		return indeterminate(RevokedCANoPOE)
	}
	return Conclusion{}
}

// find looks for a chain that serves one of the purposes.
func (o *ChainOptions) find(c *x509.Certificate, others []*x509.Certificate) signing.ChainResult {
	if len(o.Purposes) == 0 {
		return o.Trust.CheckFor(c, others, o.At, signing.PurposeAny)
	}
	var best signing.ChainResult
	for i, p := range o.Purposes {
		res := o.Trust.CheckFor(c, others, o.At, p)
		if res.Refusal == signing.Accepted {
			return res
		}
		if i == 0 || res.ChainOK && !best.ChainOK {
			best = res
		}
	}
	return best
}

func (o *ChainOptions) tellChain(l *checklist, c *x509.Certificate, res signing.ChainResult) {
	detail := ""
	if res.Err != nil {
		detail = res.Err.Error()
	}
	wrongPurpose := errors.Is(res.Err, signing.ErrWrongPurpose)
	switch {
	case wrongPurpose:
		l.pass(CheckChain, "")
		l.fail(CheckPurpose, Failed, indeterminate(ChainConstraintsFailure), detail)
		return
	case res.Refusal == signing.UntrustedCertificate, res.Chain == nil: // out of its time, and no chain at any other
		l.fail(CheckChain, Unknown, indeterminate(NoCertificateChain), detail)
		return
	case res.Refusal == signing.WrongKeyUsage:
		l.pass(CheckChain, "")
		l.fail(CheckKeyUsage, Failed, indeterminate(ChainConstraintsFailure), detail)
		return
	}
	l.pass(CheckChain, "")
	l.pass(CheckPurpose, "")
	l.pass(CheckKeyUsage, "")
	switch {
	case res.Refusal == signing.Accepted:
		l.pass(CheckValidity, "")
	case o.At.Before(c.NotBefore):
		l.fail(CheckValidity, Failed, failed(NotYetValid), detail)
	default:
		l.fail(CheckValidity, Unknown, indeterminate(OutOfBoundsNoPOE), detail)
	}
}

// algorithms judges the keys and signatures of the chain. The root is trusted for itself.
func (o *ChainOptions) algorithms(l *checklist, chain []*x509.Certificate) {
	n := max(len(chain)-1, 1)
	for _, c := range chain[:n] {
		_, _, words := keyOf(c.PublicKey)
		if s := o.Policy.keyAt(c.PublicKey, o.At); s != allowed {
			l.constrain(CheckKeySize, s, fmt.Sprintf("%s, %s", words, c.Subject))
			continue
		}
		sch := certificateSchemes[c.SignatureAlgorithm]
		if s := max(o.Policy.digestAt(sch.digest, o.At), o.Policy.signatureAt(sch.signature, o.At)); s != allowed {
			l.constrain(CheckAlgorithm, s, fmt.Sprintf("%s, %s", c.SignatureAlgorithm, c.Subject))
		}
	}
	if !l.brief {
		_, _, words := keyOf(chain[0].PublicKey)
		l.pass(CheckKeySize, words)
	}
	if signing.IsTrial(chain[0]) {
		l.warn(CheckTrial, "")
	}
}

// describeCertificate makes the form for people and programs.
func describeCertificate(c *x509.Certificate) Certificate {
	sum := sha256.Sum256(c.Raw)
	return Certificate{Subject: c.Subject.String(), Issuer: c.Issuer.String(), Serial: fmt.Sprintf("%x", c.SerialNumber),
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), Fingerprint: hex.EncodeToString(sum[:]), Trial: signing.IsTrial(c)}
}

// describeChain describes every certificate of a chain, and what is known of its revocation.
func describeChain(v *ChainVerdict) []Certificate {
	out := make([]Certificate, len(v.Chain))
	for i, c := range v.Chain {
		out[i] = describeCertificate(c)
		if i < len(v.Revocation.Certificates) {
			out[i].Revocation = v.Revocation.Certificates[i].Status.String()
		}
	}
	return out
}
