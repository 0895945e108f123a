package verdict

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/xmlstream"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
)

// Options say how a document is judged. Trust and At are required.
type Options struct {
	Trust *signing.Trust
	// At is the time of the judgement: what is not proved to be older is taken to be from then.
	At time.Time
	// Revocation finds CRLs and OCSP answers beside those in the document; nil: there are no others.
	Revocation revocation.Source
	// Policy; nil for DefaultPolicy.
	Policy *Policy
	// Kind of the package, if it is one of ours ("edxml.document"): for the level that policy asks of it, and for the rule
	// that the organisation's signature covers everything.
	Kind string
	// Proofs are times by which something is known to have existed, from outside the document.
	Proofs []Proof
	// Detached resolves references that lead out of the document, see signing.VerifyOptions.
	Detached func(uri string) (signing.Source, bool)

	MaxSignatures int              // in one document; default that of package signing
	MaxReferences int              // likewise
	XML           xmlstream.Limits // bounds of the document; zero: wide ones, for documents of any kind
}

// anyDocument bounds documents of any kind: wider than what a package may have, and still linear in time and constant in memory.
var anyDocument = xmlstream.Limits{MaxDepth: 512, MaxAttrs: 512, MaxToken: 1 << 20, MaxTokens: 200_000_000}

// Proof says that something existed at a time, because somebody who is believed recorded it: the sealed time of receipt,
// a time-stamp over the log.
type Proof struct {
	Time time.Time
	By   string // for people: what proves it
	// SHA256 is that of what is proved to have existed; zero stands for the document that is judged.
	SHA256 [32]byte
}

func (o Options) withDefaults() (Options, error) {
	if o.Trust == nil {
		return o, errors.New("couldn't judge signatures: no trust list")
	}
	if o.At.IsZero() {
		return o, errors.New("couldn't judge signatures: no time to judge them at")
	}
	if o.Policy == nil {
		o.Policy = DefaultPolicy()
	}
	if o.XML == (xmlstream.Limits{}) {
		o.XML = anyDocument
	}
	return o, nil
}

// Judge judges every signature of a document, and the document. Whatever is wrong with the document is in the Verdict, that
// it is no XML at all too; an error means that it could not be read or ctx ended. It is safe for concurrent use.
func Judge(ctx context.Context, src signing.Source, o Options) (*Verdict, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	v := &Verdict{At: o.At.UTC(), Policy: o.Policy.Name, Kind: o.Kind, Size: src.Size(), Signatures: []SignatureVerdict{}, Uncovered: []signing.Range{}}
	// What policy refuses is computed nevertheless, so that what was changed is told from what is old. Policy decides below.
	rep, err := signing.Verify(ctx, src, signing.VerifyOptions{CryptoOnly: true, Legacy: true, At: o.At, Detached: o.Detached,
		MaxSignatures: o.MaxSignatures, MaxReferences: o.MaxReferences, XML: o.XML})
	var syntax *xmlstream.SyntaxError
	if errors.As(err, &syntax) {
		var l checklist
		l.fail(CheckXML, Failed, failed(FormatFailure), fmt.Sprintf("%s, line %d, byte %d: %s", syntax.Kind, syntax.Line, syntax.Offset, syntax.Msg))
		v.Checks, v.Conclusion = l.checks, l.conclusion()
		return v, nil
	}
	if err != nil {
		return nil, err
	}
	v.report = rep
	v.SignedContent = hex.EncodeToString(rep.SignedContent[:])
	for i := range rep.Signatures {
		j := judgement{ctx: ctx, src: src, o: &o, res: &rep.Signatures[i]}
		sv, err := j.run()
		if err != nil {
			return nil, err
		}
		v.Signatures = append(v.Signatures, *sv)
	}
	v.document(rep, &o)
	return v, nil
}

// document judges what concerns the document as a whole, and sums up.
func (v *Verdict) document(rep *signing.Report, o *Options) {
	var l checklist
	l.pass(CheckXML, "")
	if rep.Unnamespaced > 0 {
		l.warn(CheckUnnamespaced, fmt.Sprint(rep.Unnamespaced))
	}
	if v.sum(&l); len(v.Signatures) > 0 {
		v.coverage(&l, rep, o)
	}
	v.Checks, v.Conclusion = l.checks, l.conclusion()
}

// sum sums up the signatures.
func (v *Verdict) sum(l *checklist) {
	if len(v.Signatures) == 0 {
		l.fail(CheckSigned, Failed, failed(FormatFailure), "")
		return
	}
	l.pass(CheckSigned, fmt.Sprint(len(v.Signatures)))
	// A signature that failed decides before one of which something is not known, and this before the document.
	for _, want := range []Indication{TotalFailed, Indeterminate} {
		for i := range v.Signatures {
			if v.Signatures[i].Indication == want {
				l.decide(v.Signatures[i].Conclusion)
			}
		}
	}
}

func (v *Verdict) coverage(l *checklist, rep *signing.Report, o *Options) {
	v.Uncovered = append(v.Uncovered, rep.Uncovered...)
	switch {
	case o.Policy.Coverage != CoverDocument:
		l.ignore(CheckCoverage, "")
	case len(rep.Uncovered) > 0:
		l.fail(CheckCoverage, Failed, indeterminate(SigConstraintsFailure), ranges(rep.Uncovered))
	default:
		l.pass(CheckCoverage, "")
	}
	if o.Kind == "" {
		return
	}
	unsure := false
	for i := range rep.Signatures {
		if s := &rep.Signatures[i]; s.InHeader && s.Whole() && s.ValueOK {
			if v.Signatures[i].OK() {
				l.pass(CheckOrganisation, "")
				return
			}
			unsure = true
		}
	}
	if unsure {
		l.fail(CheckOrganisation, Unknown, indeterminate(SigConstraintsFailure), "")
		return
	}
	l.fail(CheckOrganisation, Failed, indeterminate(SigConstraintsFailure), "")
}

// maxShown bounds the ranges that a detail names.
const maxShown = 5

func ranges(all []signing.Range) string {
	var b strings.Builder
	for i, r := range all {
		if i == maxShown {
			fmt.Fprintf(&b, ", … (%d)", len(all))
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d–%d", r.Start, r.End)
	}
	return b.String()
}

// AddSchemaProblems adds what is wrong with the form of a package of ours; none is told as passed. Only the first of the
// problems stands in the check's detail.
func (v *Verdict) AddSchemaProblems(problems []string) {
	var l checklist
	if len(problems) == 0 {
		l.pass(CheckSchema, "")
	} else {
		detail := problems[0]
		if n := len(problems); n > 1 {
			detail += fmt.Sprintf(" (+%d)", n-1)
		}
		l.fail(CheckSchema, Failed, failed(FormatFailure), detail)
		if v.Indication != TotalFailed {
			v.Conclusion = failed(FormatFailure)
		}
	}
	v.Checks = append(v.Checks, l.checks...)
}
