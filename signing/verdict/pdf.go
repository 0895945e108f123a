package verdict

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/cms"
	"github.com/tram-exchange/tram/signing/pades"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/tsp"
)

// IsPDF tells by its first bytes whether a file says that it is a PDF.
func IsPDF(src signing.Source) bool {
	b := make([]byte, 1024)
	n, err := src.ReadAt(b, 0)
	return (err == nil || err == io.EOF) && bytes.Contains(b[:n], []byte("%PDF-"))
}

// JudgePDF judges the signatures inside a PDF (EN 319 142-1) in the same way as Judge does those of XML. Options.Kind and Detached mean
// nothing here. What later revisions changed of what a reader sees is content that the signature does not cover.
func JudgePDF(ctx context.Context, src signing.Source, o Options) (*Verdict, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	v := &Verdict{At: o.At.UTC(), Policy: o.Policy.Name, Size: src.Size(), Signatures: []SignatureVerdict{}, Uncovered: []signing.Range{}}
	doc, err := pades.Read(ctx, src, pades.Limits{MaxSignatures: o.MaxSignatures})
	if err != nil {
		return nil, err
	}
	p := pdfJudgement{ctx: ctx, o: &o, doc: doc, known: newProofs(o.At, o.Proofs), stamps: map[*pades.Signature]*TokenVerdict{}}
	p.material()
	if err := p.documentStamps(); err != nil {
		return nil, err
	}
	for _, s := range doc.Signatures {
		if s.Stamp {
			continue
		}
		sv, err := p.signature(s)
		if err != nil {
			return nil, err
		}
		v.Signatures = append(v.Signatures, *sv)
	}
	p.document(v)
	return v, nil
}

type pdfJudgement struct {
	ctx    context.Context
	o      *Options
	doc    *pades.Document
	known  *proofs
	certs  []*x509.Certificate // everything that came along
	source revocation.Source
	stamps map[*pades.Signature]*TokenVerdict
}

// material gathers certificates and revocation data of the whole file.
func (p *pdfJudgement) material() {
	p.certs = slices.Clone(p.doc.Certificates)
	raws := append(slices.Clone(p.doc.CRLs), p.doc.OCSPs...)
	for _, s := range p.doc.Signatures {
		p.certs = append(p.certs, s.Certificates...)
		raws = append(append(raws, s.CRLs...), s.OCSPs...)
	}
	p.certs = p.certs[:min(len(p.certs), maxCertificates)]
	p.source = p.o.Revocation
	if len(raws) > 0 {
		own := revocation.NewOffline(raws...)
		own.Certify(p.certs...)
		p.source = JoinSources(own, p.o.Revocation)
	}
}

// documentStamps judges the time-stamps over the document, the newest first: each proves what stands in the revisions that it covers.
func (p *pdfJudgement) documentStamps() error {
	for i := len(p.doc.Signatures) - 1; i >= 0; i-- {
		s := p.doc.Signatures[i]
		if !s.Stamp || len(s.TimeStamps) != 1 || s.TimeStamps[0].Token == nil {
			continue
		}
		t, err := p.token(s.TimeStamps[0].Token, nil)
		if err != nil {
			return err
		}
		t.Kind = stampArchive
		if !s.Intact {
			c := say(CheckTimestampImprint, Failed, findings(s.Problems))
			t.Checks, t.Conclusion = append(t.Checks, c), failed(HashFailure)
		}
		p.stamps[s] = t
		if !t.OK() {
			continue
		}
		for _, other := range p.doc.Signatures[:i] {
			if other.Covers <= s.Covers {
				p.prove(other, t.Time)
			}
		}
	}
	return nil
}

// prove notes that a signature and its tokens existed.
func (p *pdfJudgement) prove(s *pades.Signature, at time.Time) {
	if s.Message != nil && len(s.Message.Signers) > 0 {
		p.known.add(s.Message.Signers[0].Signature, at)
	}
	for _, t := range s.TimeStamps {
		if t.Token != nil {
			p.known.add(t.Token.Raw, at)
		}
	}
}

func (p *pdfJudgement) token(t *tsp.Token, imprint func(crypto.Hash) ([]byte, error)) (*TokenVerdict, error) {
	return JudgeToken(p.ctx, t.Raw, TokenOptions{Others: p.certs, Imprint: imprint, ChainOptions: ChainOptions{Trust: p.o.Trust, Policy: p.o.Policy,
		At: p.known.of(t.Raw), Now: p.o.At, Revocation: p.source, Existed: p.known.of}})
}

// signature judges one signature.
func (p *pdfJudgement) signature(s *pades.Signature) (*SignatureVerdict, error) {
	var l checklist
	v := &SignatureVerdict{ID: s.Field, Level: "PDF", BestTime: p.o.At.UTC(), BestTimeBy: "validation", Whole: s.Whole && s.Intact, Covered: []signing.Range{},
		References: []Reference{{URI: "", Digest: digestURI(s.Hash), Range: signing.Range{End: s.Covers}, OK: s.Intact}}, Chain: []Certificate{}, Timestamps: []Timestamp{}}
	if !s.Claimed.IsZero() {
		t := s.Claimed.UTC()
		v.SigningTime = &t
	}
	if s.Intact {
		v.Covered = pdfRanges(s.ByteRange)
	}
	p.integrity(&l, s)
	if s.Signer == nil {
		if s.Intact {
			l.fail(CheckSigningCert, Unknown, indeterminate(NoSigningCertificate), "")
		}
		v.Checks, v.Conclusion = l.checks, l.conclusion()
		return v, nil
	}
	v.Signer = s.Signer.Subject.String()
	l.pass(CheckSigningCert, "")
	if err := p.times(&l, s, v); err != nil {
		return nil, err
	}
	cv, err := JudgeChain(p.ctx, s.Signer, p.certs, ChainOptions{Trust: p.o.Trust, Policy: p.o.Policy, At: v.BestTime, Now: p.o.At, Revocation: p.source,
		Purposes: []signing.Purpose{signing.PurposeOrganisation, signing.PurposePerson}, Existed: p.known.of})
	if err != nil {
		return nil, err
	}
	l.take(cv)
	v.Chain, v.Evidence = describeChain(cv), append(v.Evidence, cv.Revocation.Evidence()...)
	p.acceptance(&l, s, v)
	v.Checks, v.Conclusion = l.checks, l.conclusion()
	return v, nil
}

// pdfRanges are the ranges of a ByteRange.
func pdfRanges(b []int64) []signing.Range {
	var out []signing.Range
	for i := 0; i+1 < len(b); i += 2 {
		out = append(out, signing.Range{Start: b[i], End: b[i] + b[i+1]})
	}
	return out
}

func digestURI(h crypto.Hash) string {
	uri, _ := signing.DigestURI(h)
	return uri
}

// integrity tells what package pades found out about form, digest and value.
func (p *pdfJudgement) integrity(l *checklist, s *pades.Signature) {
	if s.Intact {
		l.pass(CheckFormat, "")
		l.pass(CheckReferenceDigest, "ByteRange")
		l.pass(CheckValue, "")
		return
	}
	for _, f := range s.Problems {
		detail := string(f.Problem) + ": " + f.Detail
		switch f.Problem {
		case pades.Problem(cms.DigestMismatch):
			l.fail(CheckReferenceDigest, Failed, failed(HashFailure), detail)
		case pades.Problem(cms.ValueMismatch):
			l.fail(CheckValue, Failed, failed(SigCryptoFailure), detail)
		case pades.Problem(cms.NoCertificate):
			l.fail(CheckSigningCert, Unknown, indeterminate(NoSigningCertificate), detail)
		case pades.Problem(cms.SigningCertificateMismatch), pades.Unbound:
			l.fail(CheckSigningCertProp, Failed, indeterminate(SigConstraintsFailure), detail)
		case pades.Problem(cms.UnsupportedAlgorithm), pades.Problem(cms.LegacyAlgorithm), pades.LegacySubFilter:
			l.fail(CheckAlgorithm, Failed, indeterminate(CryptoConstraintsFailure), detail)
		default:
			l.fail(CheckFormat, Failed, failed(FormatFailure), detail)
		}
	}
	if len(s.Problems) == 0 {
		l.fail(CheckFormat, Failed, failed(FormatFailure), "")
	}
}

// times judges the time-stamps over the signature and finds the earliest proved time.
func (p *pdfJudgement) times(l *checklist, s *pades.Signature, v *SignatureVerdict) error {
	if !s.Intact {
		return nil
	}
	value := s.Message.Signers[0].Signature
	reached := "B-B"
	outside := p.known.document()
	for _, ts := range s.TimeStamps {
		if ts.Token == nil {
			l.warn(CheckTimestamp, findings(ts.Problems))
			continue
		}
		t, err := p.token(ts.Token, func(h crypto.Hash) ([]byte, error) { return tsp.HashOf(h, value), nil })
		if err != nil {
			return err
		}
		t.Kind = stampSignature
		v.addStamp(l, t)
		if t.OK() {
			p.known.add(value, t.Time)
			reached = "B-LT"
		}
	}
	for _, other := range p.doc.Signatures {
		if t := p.stamps[other]; t != nil && other.Covers >= s.Covers {
			v.addStamp(l, t)
			if t.OK() {
				reached = "B-LTA"
			}
		}
	}
	if s.Level != "" {
		v.Level = levels[min(levelRank(s.Level), levelRank(reached))]
	}
	if best := p.known.of(value); best.Before(p.o.At) {
		v.BestTime, v.BestTimeBy = best.UTC(), "time-stamp"
		if best.Equal(outside) {
			v.BestTimeBy = "proof"
		}
	}
	return nil
}

func (v *SignatureVerdict) addStamp(l *checklist, t *TokenVerdict) {
	detail := t.Kind + ", " + stamp(t.Time) + ", " + t.Signer
	if t.OK() {
		l.pass(CheckTimestamp, detail)
	} else {
		l.warn(CheckTimestamp, detail+": "+string(t.Indication)+"/"+string(t.SubIndication))
	}
	v.Timestamps, v.Evidence = append(v.Timestamps, t.Timestamp), append(v.Evidence, t.Evidence...)
}

// acceptance judges algorithms by date, level, and what was added later.
func (p *pdfJudgement) acceptance(l *checklist, s *pades.Signature, v *SignatureVerdict) {
	if s.Message != nil && len(s.Message.Signers) > 0 {
		by := s.Message.Signers[0]
		standing, words := p.o.Policy.cmsAt(by, v.BestTime)
		v.Algorithm = by.Algorithm.OID.String()
		l.constrain(CheckAlgorithm, standing, words)
		if by.Algorithm.Kind == cms.RSAPKCS1 && p.o.Policy.Signatures[sigPKCS1].Mark {
			l.warn(CheckLegacyPadding, "")
		}
	}
	l.claimed(v, s.Signer)
	want := p.o.Policy.level("")
	if have := max(levelRank(v.Level), 0); have < levelRank(want) {
		l.fail(CheckLevel, Failed, indeterminate(SigConstraintsFailure), v.Level+", "+want)
	} else {
		l.pass(CheckLevel, v.Level+", "+want)
	}
	p.revisions(l, s)
}

// revisions judges what was added to the file behind a signature. Package pades counts as content or page whatever may change what a reader
// sees; further signatures and validation data are what such files are for; the rest is told.
func (p *pdfJudgement) revisions(l *checklist, s *pades.Signature) {
	kinds := laterKinds(s)
	shown := slices.Contains(kinds, "content") || slices.Contains(kinds, "page") || len(s.Later) == 0 && !s.Whole
	odd := slices.ContainsFunc(kinds, func(k string) bool { return !slices.Contains(expected, k) })
	detail := strings.Join(kinds, ", ")
	switch {
	case s.Whole || !shown && !odd:
		l.pass(CheckRevisions, detail)
	case shown && p.o.Policy.Coverage == CoverDocument:
		l.fail(CheckRevisions, Failed, indeterminate(SigConstraintsFailure), detail)
	default:
		l.warn(CheckRevisions, detail)
	}
}

// expected are the kinds of objects that further signatures and validation data bring.
var expected = []string{"signature", "validation", "form", "catalog", "appearance", "metadata"}

// laterKinds tells what was added behind a signature, each kind once, sorted.
func laterKinds(s *pades.Signature) []string {
	var out []string
	for _, r := range s.Later {
		out = append(out, r.Kinds...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// document sums up.
func (p *pdfJudgement) document(v *Verdict) {
	var l checklist
	if p.doc.Problem != "" {
		detail := strings.TrimSuffix(string(p.doc.Problem)+": "+p.doc.Detail, ": ")
		if len(v.Signatures) == 0 {
			l.fail(CheckPDF, Failed, failed(FormatFailure), detail)
			v.Checks, v.Conclusion = l.checks, l.conclusion()
			return
		}
		l.warn(CheckPDF, detail)
	} else {
		l.pass(CheckPDF, "")
	}
	v.sum(&l)
	v.Checks, v.Conclusion = l.checks, l.conclusion()
}

func findings(all []pades.Finding) string {
	var b strings.Builder
	for i, f := range all {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(string(f.Problem) + ": " + f.Detail)
	}
	return b.String()
}
