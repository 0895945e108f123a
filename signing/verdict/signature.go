package verdict

import (
	"context"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/xades"
)

// judgement is one signature on its way through the processes.
type judgement struct {
	ctx  context.Context
	src  signing.Source
	o    *Options
	res  *signing.SignatureResult
	list checklist
	v    SignatureVerdict

	signer    *x509.Certificate
	props     *xades.Properties
	material  material
	hidden    bool   // the signer signed properties, and they cannot be read
	problem   string // with the properties
	known     *proofs
	outside   time.Time // what Options.Proofs prove of the document; zero: nothing
	stamps    []*stamped
	notBefore time.Time // the signature cannot be older: it covers a time-stamp of then
	digested  int64     // bytes for archive time-stamps
}

func (j *judgement) run() (*SignatureVerdict, error) {
	res := j.res
	j.v = SignatureVerdict{ID: res.ID, Level: "XMLDSig", Algorithm: res.Algorithm, C14N: res.Canonicalization, InHeader: res.InHeader,
		Whole: res.Whole(), Range: res.Range, Covered: append([]signing.Range{}, res.Covered...), BestTime: j.o.At.UTC(), BestTimeBy: "validation",
		References: []Reference{}, Chain: []Certificate{}, Timestamps: []Timestamp{}}
	for _, r := range res.References {
		j.v.References = append(j.v.References, Reference{URI: r.URI, Type: r.Type, Digest: r.Digest, C14N: r.Method, Range: r.Range, OK: r.OK})
	}
	j.format()
	if err := j.readProperties(); err != nil {
		return nil, err
	}
	j.collect()
	j.identify()
	j.references()
	j.value()
	j.certificateProperty()
	if err := j.times(); err != nil {
		return nil, err
	}
	if err := j.certificates(); err != nil {
		return nil, err
	}
	j.algorithms()
	j.acceptance()
	j.v.Checks, j.v.Conclusion = j.list.checks, j.list.conclusion()
	return &j.v, nil
}

// format tells whether the signature has a form that can be judged (EN 319 102-1, 5.2.2).
func (j *judgement) format() {
	switch j.res.Refusal {
	case signing.MalformedSignature, signing.TooManySignatures, signing.TooManyReferences, signing.NoReferences, signing.TransformRefused:
		j.list.fail(CheckFormat, Failed, failed(FormatFailure), j.res.Err.Error())
	default:
		j.list.pass(CheckFormat, "")
	}
}

// identify finds the signing certificate (5.2.3).
func (j *judgement) identify() {
	c := j.res.Certificate
	if c == nil {
		c = j.candidate()
	}
	if c == nil {
		detail := ""
		if j.res.Refusal == signing.NoCertificate || j.res.Refusal == signing.BadCertificate {
			detail = j.res.Err.Error()
		}
		if j.list.end.Indication == "" { // of a malformed signature nothing more can be said
			j.list.fail(CheckSigningCert, Unknown, indeterminate(NoSigningCertificate), detail)
		}
		return
	}
	j.signer = c
	j.list.pass(CheckSigningCert, "")
}

// candidate is the certificate that is taken for the signer's where no value was computed that could tell: the one that he named, else the
// first that is no authority's.
func (j *judgement) candidate() *x509.Certificate {
	var first *x509.Certificate
	for _, c := range j.res.Certificates {
		if j.props.Signed && j.props.CheckCertificate(c) == nil {
			return c
		}
		if first == nil || first.IsCA && !c.IsCA {
			first = c
		}
	}
	return first
}

// times finds out when the signature is proved to have existed. Time-stamps over a signature that does not fit prove nothing about it.
func (j *judgement) times() error {
	j.known = newProofs(j.o.At, j.o.Proofs)
	if j.outside = j.known.of(j.res.Value); !j.outside.Before(j.o.At) {
		j.outside = time.Time{}
	}
	if j.res.DigestsOK && j.res.ValueOK {
		if err := j.timestamps(); err != nil {
			return err
		}
	}
	j.bestTime()
	return nil
}

// references tells whether what was signed is unchanged (5.2.7, first part).
func (j *judgement) references() {
	switch j.res.Refusal {
	case signing.ExternalReference, signing.UnsupportedReference: // then no digest was computed
		j.list.fail(CheckReferenceFound, Unknown, indeterminate(SignedDataNotFound), j.res.Err.Error())
		return
	}
	for i := range j.res.References {
		j.reference(&j.res.References[i])
	}
}

func (j *judgement) reference(r *signing.ReferenceResult) {
	uri := fmt.Sprintf("URI=%q", r.URI)
	if r.OK {
		j.list.pass(CheckReferenceFound, uri)
		j.list.pass(CheckReferenceDigest, uri)
		return
	}
	switch r.Refusal {
	case signing.MissingReference, signing.ExternalReference, signing.UnsupportedReference:
		j.list.fail(CheckReferenceFound, Unknown, indeterminate(SignedDataNotFound), uri)
	case signing.AmbiguousID:
		j.list.fail(CheckReferenceFound, Failed, failed(FormatFailure), uri)
	case signing.DigestMismatch:
		j.list.pass(CheckReferenceFound, uri)
		j.list.fail(CheckReferenceDigest, Failed, failed(HashFailure), uri)
	}
}

// value tells whether the signature value fits (5.2.7, second part).
func (j *judgement) value() {
	switch {
	case j.res.ValueOK:
		j.list.pass(CheckValue, "")
	case !j.keyFits(): // somebody changed the algorithm or the certificate
		_, _, words := keyOf(j.res.Certificate.PublicKey)
		j.list.fail(CheckValue, Failed, failed(SigCryptoFailure), fmt.Sprintf("%s, %s", j.res.Algorithm, words))
	case j.res.Refusal == signing.AlgorithmRefused: // told by algorithms
	case j.res.Value != nil && j.res.Certificate != nil:
		j.list.fail(CheckValue, Failed, failed(SigCryptoFailure), "")
	}
}

// keyFits tells whether the key of the certificate is of the kind that the signature's algorithm needs, where it came to that.
func (j *judgement) keyFits() bool {
	if j.res.Value == nil || j.res.Certificate == nil {
		return true
	}
	typ, _, _ := keyOf(j.res.Certificate.PublicKey)
	switch schemes[j.res.Algorithm].signature {
	case sigPKCS1, sigPSS:
		return typ == "RSA"
	case sigECDSA:
		return typ == "ECDSA"
	}
	return true
}

// certificates judges the chain of the signer (5.2.6).
func (j *judgement) certificates() error {
	c := j.signer
	if c == nil {
		return nil
	}
	cv, err := JudgeChain(j.ctx, c, j.material.certificates, ChainOptions{Trust: j.o.Trust, Policy: j.o.Policy, At: j.v.BestTime, Now: j.o.At,
		Purposes: j.purposes(), Revocation: j.material.join(j.o.Revocation), Existed: j.known.of})
	if err != nil {
		return err
	}
	j.proveLate(c, cv)
	j.list.take(cv)
	j.v.Chain = describeChain(cv)
	j.v.Evidence = append(j.v.Evidence, cv.Revocation.Evidence()...)
	return nil
}

// purposes are those that an authority of the signer may serve.
func (j *judgement) purposes() []signing.Purpose {
	if strings.HasPrefix(j.o.Kind, "edxml.") && j.res.InHeader && j.res.WholeDocument {
		return []signing.Purpose{signing.PurposeOrganisation}
	}
	return []signing.Purpose{signing.PurposeOrganisation, signing.PurposePerson, signing.PurposeNode}
}

// algorithms judges what the signature itself uses, at the best time (5.2.8.4).
func (j *judgement) algorithms() {
	at := j.v.BestTime
	if j.res.Refusal == signing.AlgorithmRefused && j.keyFits() {
		j.list.fail(CheckAlgorithm, Failed, indeterminate(CryptoConstraintsFailure), j.res.Err.Error())
	} else if j.res.Algorithm != "" {
		sch := schemes[j.res.Algorithm]
		p := j.o.Policy
		j.list.constrain(CheckAlgorithm, max(p.signatureAt(sch.signature, at), p.digestAt(sch.digest, at)), j.res.Algorithm)
		if p.Signatures[sch.signature].Mark && sch.signature == sigPKCS1 {
			j.list.warn(CheckLegacyPadding, "")
		}
	}
	worst, which := allowed, ""
	for _, uri := range j.res.Digests {
		if s := j.o.Policy.digestAt(digestNameOf(uri), at); s >= worst {
			worst, which = s, uri
		}
	}
	if which != "" {
		j.list.constrain(CheckDigestAlgorithm, worst, which)
	}
}

// acceptance judges what policy asks of a signature that is sound in itself (5.2.8).
func (j *judgement) acceptance() {
	j.list.claimed(&j.v, j.signer)
	j.signaturePolicy()
	j.level()
	for i := range j.res.References {
		if j.res.References[i].Type == manifestType {
			j.list.warn(CheckManifest, "")
			break
		}
	}
}

const manifestType = "http://www.w3.org/2000/09/xmldsig#Manifest"
