package verdict

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/xades"
)

// material is what a signature carries for its own validation.
type material struct {
	certificates []*x509.Certificate
	lists        [][]byte // CRLs and OCSP answers, DER
	source       *revocation.Offline
}

// maxCertificates bounds those of one signature that are used for finding chains.
const maxCertificates = 256

// readProperties reads what the signature says of itself. Only a signature of sound form has any.
func (j *judgement) readProperties() error {
	j.props = &xades.Properties{}
	if j.res.Refusal == signing.MalformedSignature || j.res.Refusal == signing.TooManySignatures {
		return nil
	}
	p, err := xades.ReadLimited(j.ctx, j.src, j.res, j.o.XML)
	if errors.Is(err, xades.ErrTooLarge) {
		j.list.fail(CheckFormat, Failed, failed(FormatFailure), err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	j.props = p
	detail := ""
	if n := len(p.Problems); n > 0 {
		detail = p.Problems[0].Error()
		if n > 1 {
			detail += fmt.Sprintf(" (+%d)", n-1)
		}
	}
	// Somebody else can keep signed properties from being read, by changes around them that are not signed. What the signer said of his
	// certificate must not be lost that way.
	j.hidden = !p.Signed && slices.ContainsFunc(j.res.References, func(r signing.ReferenceResult) bool { return r.OK && r.Type == xades.SignedPropertiesType })
	if len(p.Problems) > 0 && !j.hidden {
		j.list.warn(CheckProperties, detail)
	}
	j.problem = detail
	if p.Signed {
		j.v.ClaimedRoles = p.ClaimedRoles
		if !p.SigningTime.IsZero() {
			t := p.SigningTime.UTC()
			j.v.SigningTime = &t
		}
		if p.Policy != nil {
			j.v.PolicyID = p.Policy.ID
		}
	}
	return nil
}

// collect gathers certificates and revocation data that came with the signature.
func (j *judgement) collect() {
	certs, crls, ocsps := j.props.Material()
	j.material.certificates = slices.Clone(j.res.Certificates)
	for _, der := range certs {
		if len(j.material.certificates) >= maxCertificates {
			break
		}
		if c, err := x509.ParseCertificate(der); err == nil {
			j.material.certificates = append(j.material.certificates, c)
		}
	}
	j.material.lists = append(crls, ocsps...)
	if len(j.material.lists) > 0 {
		j.material.source = revocation.NewOffline(j.material.lists...)
		j.material.source.Certify(j.material.certificates...)
	}
}

// join is where revocation is asked: what came along, then what is at hand.
func (m *material) join(more revocation.Source) revocation.Source {
	if m.source == nil {
		return more
	}
	return JoinSources(m.source, more)
}

// certificateProperty tells whether the signer named this certificate in what he signed (EN 319 102-1, 5.2.8.4.2). Where
// several certificates have the key that fits, the one that he named is his.
func (j *judgement) certificateProperty() {
	c := j.signer
	if c == nil {
		return
	}
	defer func() { j.v.Signer = j.signer.Subject.String() }()
	if j.hidden {
		j.list.fail(CheckProperties, Unknown, indeterminate(SigConstraintsFailure), j.problem)
		return
	}
	err := xades.ErrNoSigningCertificate
	if j.props.Signed {
		err = j.props.CheckCertificate(c)
	}
	if errors.Is(err, xades.ErrOtherCertificate) {
		for _, other := range j.res.Certificates {
			if bytes.Equal(other.RawSubjectPublicKeyInfo, c.RawSubjectPublicKeyInfo) && j.props.CheckCertificate(other) == nil {
				j.signer, err = other, nil
				break
			}
		}
	}
	switch {
	case err == nil:
		j.list.pass(CheckSigningCertProp, "")
	case !errors.Is(err, xades.ErrNoSigningCertificate):
		j.list.fail(CheckSigningCertProp, Failed, indeterminate(SigConstraintsFailure), err.Error())
	case j.o.Policy.SigningCertificate == Require:
		j.list.fail(CheckSigningCertProp, Unknown, indeterminate(SigConstraintsFailure), "")
	case j.o.Policy.SigningCertificate == Warn:
		j.list.warn(CheckSigningCertProp, "")
	default:
		j.list.ignore(CheckSigningCertProp, "")
	}
}

// signaturePolicy judges the policy that the signature claims to follow (5.2.4).
func (j *judgement) signaturePolicy() {
	p := j.props.Policy
	if !j.props.Signed || p == nil || p.Implied {
		j.list.ignore(CheckSignaturePolicy, "")
		return
	}
	rule := &j.o.Policy.SignaturePolicies
	i := slices.IndexFunc(rule.Known, func(k SignaturePolicy) bool { return k.ID == p.ID })
	if i < 0 {
		switch rule.Unknown {
		case Require:
			j.list.fail(CheckSignaturePolicy, Unknown, indeterminate(PolicyNotAvailable), p.ID)
		case Warn:
			j.list.warn(CheckSignaturePolicy, p.ID)
		default:
			j.list.ignore(CheckSignaturePolicy, p.ID)
		}
		return
	}
	want := rule.Known[i].SHA256
	if want == "" || p.Hash == crypto.SHA256 && hex.EncodeToString(p.Digest) == want {
		j.list.pass(CheckSignaturePolicy, p.ID)
		return
	}
	j.list.fail(CheckSignaturePolicy, Failed, indeterminate(PolicyProcessingError), fmt.Sprintf("%s: digest %x, want SHA-256 %s", p.ID, p.Digest, want))
}

// claimed shows the signing time that the signer claims. It decides nothing.
func (l *checklist) claimed(v *SignatureVerdict, c *x509.Certificate) {
	if v.SigningTime == nil {
		l.ignore(CheckSigningTime, "")
		return
	}
	t := *v.SigningTime
	switch {
	case t.After(v.BestTime.Add(maxSkew)):
		l.warn(CheckSigningTime, fmt.Sprintf("%s, %s", stamp(t), stamp(v.BestTime)))
	case c != nil && (t.Before(c.NotBefore) || t.After(c.NotAfter)):
		l.warn(CheckSigningTime, fmt.Sprintf("%s, %s – %s", stamp(t), stamp(c.NotBefore), stamp(c.NotAfter)))
	default:
		l.pass(CheckSigningTime, stamp(t))
	}
}

// level tells which level the signature has as far as its parts are sound, and whether that is enough.
func (j *judgement) level() {
	stated := j.props.Level()
	have := 0
	if stated != xades.NoLevel {
		have = min(levelRank(string(stated)), levelRank(string(j.reached())))
		j.v.Level = levels[have]
	}
	want := j.o.Policy.level(j.o.Kind)
	detail := fmt.Sprintf("%s, %s", j.v.Level, want)
	if have < levelRank(want) {
		j.list.fail(CheckLevel, Failed, indeterminate(SigConstraintsFailure), detail)
		return
	}
	j.list.pass(CheckLevel, detail)
}
