package signing

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/tram-exchange/tram/internal/xmlstream"
)

// verifier holds the memory of one verification; it is reused.
type verifier struct {
	doc  xmlstream.Scanner // over the document
	part xmlstream.Scanner // over a SignedInfo
	survey
	info canonicalizer
}

var verifiers = sync.Pool{New: func() any { return new(verifier) }}

// Verify reads a document and judges every XML signature in it. It returns an error only if the document could not be
// read (*xmlstream.SyntaxError, wrapped, where it is not well-formed) or ctx ended; whatever is wrong with signatures is
// in the Report. It is safe for concurrent use. Memory does not grow with the document.
func Verify(ctx context.Context, src Source, o VerifyOptions) (*Report, error) {
	if o.Trust == nil && !o.CryptoOnly {
		return nil, errors.New("couldn't verify signatures: no trust directory")
	}
	if o.At.IsZero() && !o.CryptoOnly {
		return nil, errors.New("couldn't verify signatures: no time to judge certificates at")
	}
	o = o.withDefaults()
	v := verifiers.Get().(*verifier)
	defer verifiers.Put(v)
	rep, err := v.verify(ctx, src, &o)
	v.doc.ResetBytes(nil, xmlstream.Limits{}) // let go of the document
	v.part.ResetBytes(nil, xmlstream.Limits{})
	v.raws = nil
	if err != nil {
		return nil, fmt.Errorf("couldn't verify signatures: %w", err)
	}
	return rep, nil
}

// found is one signature on its way through the checks.
type found struct {
	raw   *rawSignature
	info  *signedInfo         // nil if the signature is too malformed to be read
	sound bool                // nothing in SignedInfo is refused: its digests are computed
	jobs  []*job              // one per reference
	sum   []byte              // digest of the canonical SignedInfo
	certs []*x509.Certificate // of KeyInfo; nil if not all can be read
}

func (v *verifier) verify(ctx context.Context, src Source, o *VerifyOptions) (*Report, error) {
	if err := v.run(ctx, &v.doc, src, o); err != nil {
		return nil, err
	}
	rep := &Report{Size: src.Size(), At: o.At, Unnamespaced: v.unnamespaced, cryptoOnly: o.CryptoOnly}
	v.sum.Sum(rep.SignedContent[:0])
	all := make([]found, len(v.raws))
	rep.Signatures = make([]SignatureResult, len(v.raws))
	refs := 0
	for i, raw := range v.raws {
		all[i].raw = raw
		res := &rep.Signatures[i]
		res.Range, res.ID, res.InHeader = raw.rng, raw.id, raw.inHeader
		res.Elements = raw.elements()
		if err := v.describe(src, &all[i], res, o); err != nil {
			return nil, err
		}
		if all[i].info != nil {
			if refs += len(all[i].info.refs); refs > o.MaxReferences {
				res.refuse(refusef(TooManyReferences, "more than %d references in the document", o.MaxReferences))
				all[i].sound = false
			}
		}
	}
	if err := v.digest(ctx, src, all, rep, o); err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].jobs != nil {
			compare(&all[i], &rep.Signatures[i], rep)
			judge(&all[i], &rep.Signatures[i], o)
		}
	}
	if v.tooMany {
		res := SignatureResult{}
		res.refuse(refusef(TooManySignatures, "more than %d", o.MaxSignatures))
		rep.Signatures = append(rep.Signatures, res)
	}
	return rep, rep.findUncovered(ctx, &v.doc, src, o)
}

// refuse records the first thing wrong with a signature.
func (res *SignatureResult) refuse(r *RefusedError) {
	if r != nil && res.Refusal == Accepted {
		res.Refusal, res.Err = r.Refusal, r
	}
}

// describe reads SignedInfo and the certificates. Where f.info stays nil nothing further can be said.
func (v *verifier) describe(src Source, f *found, res *SignatureResult, o *VerifyOptions) error {
	if f.raw.refused != nil {
		res.refuse(f.raw.refused)
		return nil
	}
	part, err := readSignedInfo(src, f.raw, o.maxSignedInfo())
	if err == nil {
		f.info, err = parseSignedInfo(&v.part, part, f.raw, o)
	}
	var refused *RefusedError
	if errors.As(err, &refused) {
		res.refuse(refused)
		return nil
	}
	if err != nil {
		return err
	}
	info := f.info
	res.Algorithm, res.Canonicalization, res.Digests = info.algorithmURI, info.methodURI, info.digestsOf()
	for i := range info.refs {
		res.References = append(res.References, info.refs[i].ReferenceResult)
		res.References[i].plan = &info.refs[i]
	}
	res.refuse(info.first)
	f.certificates(res, o)
	if info.first != nil {
		return nil
	}
	f.sound = true
	return v.canonicalInfo(part, f, o)
}

// certificates reads those of KeyInfo.
func (f *found) certificates(res *SignatureResult, o *VerifyOptions) {
	if len(f.raw.certs) == 0 && o.lab == nil {
		res.refuse(refusef(NoCertificate, "KeyInfo holds no X509Certificate"))
		return
	}
	var certs []*x509.Certificate
	for i, text := range f.raw.certs {
		der, err := decodeBase64(text)
		if err != nil {
			res.refuse(refusef(BadCertificate, "certificate %d: %v", i+1, err))
			return
		}
		res.Embedded = append(res.Embedded, der)
		if o.lab != nil {
			continue
		}
		c, err := o.parse(der)
		if err != nil {
			res.refuse(refusef(BadCertificate, "certificate %d: %v", i+1, err))
			return
		}
		certs = append(certs, c)
	}
	f.certs, res.Certificates = certs, certs
}

// parse reads a certificate, with the memory of the trust directory where there is one.
func (o *VerifyOptions) parse(der []byte) (*x509.Certificate, error) {
	if o.Trust != nil {
		return o.Trust.parse(der)
	}
	return x509.ParseCertificate(der)
}

// canonicalInfo hashes the canonical form of SignedInfo.
func (v *verifier) canonicalInfo(part []byte, f *found, o *VerifyOptions) error {
	h := o.valueHash(f.info)
	v.part.ResetFragment(part, f.raw.signedInfo.Start, f.raw.context, xmlstream.Limits{MaxToken: int(o.maxSignedInfo())})
	v.info.reset(&v.part, f.info.method, false, h)
	v.info.inherit = f.raw.inherit
	for i := range v.info.inherit { // depths count from the fragment's root
		v.info.inherit[i].depth = 0
	}
	for {
		t, err := v.part.Next()
		if err != nil {
			if err == io.EOF {
				break
			}
			return err
		}
		v.info.token(t)
	}
	v.info.flush()
	f.sum = h.Sum(nil)
	return nil
}

// digest plans the digests of all references and computes those that the survey has not.
func (v *verifier) digest(ctx context.Context, src Source, all []found, rep *Report, o *VerifyOptions) error {
	var jobs []*job
	for i := range all {
		f := &all[i]
		if !f.sound {
			continue
		}
		for k := range f.info.refs {
			j := planJob(&f.info.refs[k], f.raw.rng.Start)
			alone := v.excluded == 1 && f.raw.inHeader && j.exclude >= 0 || j.bare && j.exclude < 0 && v.excluded == len(v.raws) && !v.tooMany
			if alone && j.isContent() {
				j.finished, j.sum, j.rng = true, rep.SignedContent[:], Range{0, rep.Size}
				f.jobs = append(f.jobs, j)
				continue
			}
			if at := slices.IndexFunc(jobs, j.same); at >= 0 {
				j = jobs[at]
			} else {
				jobs = append(jobs, j)
			}
			f.jobs = append(f.jobs, j)
		}
	}
	inside := false
	external := map[string]int{}
	for _, j := range jobs {
		if j.src == nil {
			inside = true
			continue
		}
		if external[j.id]++; external[j.id] > maxActive {
			j.refused = refusef(TooManyReferences, "more than %d digests over the same content", maxActive)
		} else if err := j.runExternal(ctx, o); err != nil {
			return err
		}
	}
	if !inside {
		return nil
	}
	return runJobs(ctx, &v.doc, src, jobs, o)
}

// compare holds the digests against those of the references.
func compare(f *found, res *SignatureResult, rep *Report) {
	res.DigestsOK = true
	for i, j := range f.jobs {
		ref := &res.References[i]
		ref.Range = j.rng
		if j.whole {
			ref.Range = Range{0, rep.Size}
		}
		bad := j.outcome(ref.URI)
		if bad == nil && (ref.NoSignatures && rep.inSignature(ref.Range) || ref.Enveloped && res.within(ref.Range)) {
			bad = refusef(TransformRefused, "%q is inside a Signature that is left out: nothing is left of it", ref.URI)
		}
		if bad != nil {
			res.refuse(bad)
			ref.Refusal = bad.Refusal
			res.DigestsOK = false
			continue
		}
		if subtle.ConstantTimeCompare(j.sum, f.info.refs[i].want) != 1 {
			res.refuse(refusef(DigestMismatch, "reference %d (URI %q)", i+1, ref.URI))
			ref.Refusal = DigestMismatch
			res.DigestsOK = false
			continue
		}
		ref.OK = true
		if ref.Type == dsNamespace+"Manifest" {
			res.Warnings = append(res.Warnings, "the references inside a ds:Manifest are signed but not checked")
		}
		// What leaves out the signatures of others as well would let them be taken away.
		if j.whole && (ref.Enveloped || ref.NoSignatures && len(rep.Signatures) == 1) {
			res.WholeDocument = true
		}
		if j.src != nil {
			continue
		}
		part := []Range{ref.Range}
		if ref.Enveloped {
			part = without(part, res.Range)
		}
		if ref.NoSignatures {
			for k := range rep.Signatures {
				part = without(part, rep.Signatures[k].Range)
			}
		}
		res.Covered = append(res.Covered, part...)
	}
	res.Covered = merge(res.Covered)
}

// inSignature reports whether r lies inside a Signature, or is one.
func (rep *Report) inSignature(r Range) bool {
	return slices.ContainsFunc(rep.Signatures, func(res SignatureResult) bool { return res.Range.Start <= r.Start && r.End <= res.Range.End })
}

// judge checks value, certificate and chain.
func judge(f *found, res *SignatureResult, o *VerifyOptions) {
	value, err := decodeBase64(f.raw.value)
	if err != nil {
		res.refuse(refusef(MalformedSignature, "SignatureValue: %v", err))
		return
	}
	res.Value = value
	if o.lab != nil {
		if res.ValueOK = o.lab.check(res.Algorithm, res.Embedded, f.sum, value); !res.ValueOK {
			res.refuse(refusef(ValueMismatch, "in the laboratory"))
		}
		return
	}
	if f.certs == nil {
		return
	}
	by, bad := signer(f, value, o.Legacy)
	if by != nil {
		res.Certificate, res.Fingerprint = by, sha256.Sum256(by.Raw)
	}
	if bad != nil {
		res.refuse(bad)
		return
	}
	res.ValueOK = true
	if o.CryptoOnly {
		return
	}
	chain := o.Trust.Check(by, f.certs, o.At)
	res.Chain, res.ChainOK, res.ValidityOK = chain.Chain, chain.ChainOK, chain.ValidityOK
	if IsTrial(by) {
		res.Warnings = append(res.Warnings, "certificate of a trial authority")
	}
	if chain.Refusal != Accepted {
		res.refuse(refusef(chain.Refusal, "%v", chain.Err))
	}
}

// signer finds the certificate whose key made the value. Which of several certificates is the signer's is not said
// by KeyInfo in a way that the signature protects, so each is tried in order; with none fitting, the first that is
// no authority is told with what is wrong with it.
func signer(f *found, value []byte, legacy bool) (*x509.Certificate, *RefusedError) {
	var first *x509.Certificate
	var why *RefusedError
	for _, c := range f.certs {
		bad := checkKey(f.info.algorithm, c.PublicKey, legacy)
		if bad == nil {
			bad = checkValue(f.info.algorithm, c.PublicKey, f.sum, value)
		}
		if bad == nil {
			return c, nil
		}
		if first == nil || first.IsCA && !c.IsCA {
			first, why = c, bad
		}
	}
	return first, why
}
