package signing

import (
	"context"
	"crypto/x509"
	"io"
	"slices"
)

// Verified is a document whose signatures were all found valid and trusted, one of which covers everything. Only
// VerifyPackage makes one, so whoever holds it knows that this happened.
type Verified struct {
	src    Source
	report *Report
	signer *SignatureResult
}

// VerifyPackage verifies a document and accepts it, or says why not: *RefusedError (with the Report) where it could be
// read, otherwise the errors of Verify. That the signer is who the document names as sender is for the caller
// to check, with Fingerprint.
func VerifyPackage(ctx context.Context, src Source, o VerifyOptions) (*Verified, error) {
	rep, err := Verify(ctx, src, o)
	if err != nil {
		return nil, err
	}
	if refusal, detail := rep.Refusal(); refusal != Accepted {
		return nil, &RefusedError{Refusal: refusal, Detail: detail, Report: rep}
	}
	return &Verified{src: src, report: rep, signer: rep.Signer()}, nil
}

// Source returns the document as it was received, what is not signed included.
func (v *Verified) Source() Source { return v.src }

// Report returns everything that was found out.
func (v *Verified) Report() *Report { return v.report }

// Signature returns the signature that covers the whole document.
func (v *Verified) Signature() *SignatureResult { return v.signer }

// Certificate returns the certificate of the one who made it.
func (v *Verified) Certificate() *x509.Certificate { return v.signer.Certificate }

// Fingerprint returns SHA-256 of that certificate's DER.
func (v *Verified) Fingerprint() [32]byte { return v.signer.Fingerprint }

// SignedContent identifies what was signed, whoever signed it and however often.
func (v *Verified) SignedContent() [32]byte { return v.report.SignedContent }

// Ranges returns the bytes of the source that the signature covers: all but the signature itself.
func (v *Verified) Ranges() []Range { return slices.Clone(v.signer.Covered) }

// Reader returns a new reader of the covered bytes only. Read in order they are the document without its signature;
// ReadAt takes offsets of the source.
func (v *Verified) Reader() *SignedReader { return NewSignedReader(v.src, v.signer.Covered) }

// Section returns a reader of one range of the source, such as an attachment, or ErrNotSigned if the signature does not
// cover all of it.
func (v *Verified) Section(r Range) (*io.SectionReader, error) {
	if r.Start < 0 || r.End < r.Start || r.End > v.src.Size() || !covers(v.signer.Covered, r) {
		return nil, ErrNotSigned
	}
	return io.NewSectionReader(v.src, r.Start, r.Len()), nil
}

// Whole reports whether r covers everything of a document of this size but one Signature element.
func (res *SignatureResult) Whole() bool { return res.WholeDocument && res.DigestsOK }
