package signing

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tram-exchange/tram/internal/xmlstream"
)

// FileReport is what `tram check FILE` tells about a document.
type FileReport struct {
	OK            bool              `json:"ok"`
	File          string            `json:"file"`
	Size          int64             `json:"size"`
	SHA256        string            `json:"sha256"` // hex, of the file
	At            time.Time         `json:"at"`     // when certificates were judged
	Refusal       Refusal           `json:"refusal,omitempty"`
	Detail        string            `json:"detail,omitempty"`
	XML           *XMLProblem       `json:"xml,omitempty"`            // set if the file is not acceptable XML
	SignedContent string            `json:"signed_content,omitempty"` // hex
	Signatures    []SignatureReport `json:"signatures"`
	Unnamespaced  int               `json:"unnamespaced,omitempty"` // elements named Signature that count as none
}

// XMLProblem says where and why a file is not acceptable XML.
type XMLProblem struct {
	Kind    string `json:"kind"`
	Line    int    `json:"line"`
	Offset  int64  `json:"offset"`
	Message string `json:"message"`
}

// SignatureReport is SignatureResult for people and programs.
type SignatureReport struct {
	Range         Range             `json:"range"`
	InHeader      bool              `json:"in_header"`
	Algorithm     string            `json:"algorithm"`
	C14N          string            `json:"canonicalization"`
	Subject       string            `json:"subject,omitempty"`
	Issuer        string            `json:"issuer,omitempty"`
	NotBefore     *time.Time        `json:"not_before,omitempty"`
	NotAfter      *time.Time        `json:"not_after,omitempty"`
	Fingerprint   string            `json:"fingerprint,omitempty"` // hex, SHA-256 of the certificate
	Trial         bool              `json:"trial,omitempty"`
	DigestsOK     bool              `json:"digests_ok"`
	ValueOK       bool              `json:"value_ok"`
	ChainOK       bool              `json:"chain_ok"`
	ValidityOK    bool              `json:"validity_ok"`
	WholeDocument bool              `json:"whole_document"`
	References    []ReferenceReport `json:"references"`
	Refusal       Refusal           `json:"refusal,omitempty"`
	Detail        string            `json:"detail,omitempty"`
	Warnings      []string          `json:"warnings,omitempty"`
}

// ReferenceReport is ReferenceResult likewise.
type ReferenceReport struct {
	URI    string `json:"uri"`
	Digest string `json:"digest"`
	C14N   string `json:"canonicalization"`
	Range  Range  `json:"range"`
	OK     bool   `json:"ok"`
}

// CheckFile verifies a file and describes the outcome. What is wrong with the document is in the report; an error means
// that it could not be read at all.
func CheckFile(ctx context.Context, path string, o VerifyOptions) (*FileReport, error) {
	f, err := OpenFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, f.Size())); err != nil {
		return nil, fmt.Errorf("couldn't read document %s: %w", path, err)
	}
	out := &FileReport{File: path, Size: f.Size(), SHA256: hex.EncodeToString(h.Sum(nil)), At: o.At.UTC(), Signatures: []SignatureReport{}}
	rep, err := Verify(ctx, f, o)
	var syntax *xmlstream.SyntaxError
	if errors.As(err, &syntax) {
		out.XML = &XMLProblem{Kind: syntax.Kind.String(), Line: syntax.Line, Offset: syntax.Offset, Message: syntax.Msg}
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	out.fill(rep)
	return out, nil
}

func (out *FileReport) fill(rep *Report) {
	out.Refusal, out.Detail = rep.Refusal()
	out.OK = out.Refusal == Accepted
	out.SignedContent = hex.EncodeToString(rep.SignedContent[:])
	out.Unnamespaced = rep.Unnamespaced
	for i := range rep.Signatures {
		out.Signatures = append(out.Signatures, describeSignature(&rep.Signatures[i]))
	}
}

func describeSignature(s *SignatureResult) SignatureReport {
	r := SignatureReport{Range: s.Range, InHeader: s.InHeader, Algorithm: s.Algorithm, C14N: s.Canonicalization,
		DigestsOK: s.DigestsOK, ValueOK: s.ValueOK, ChainOK: s.ChainOK, ValidityOK: s.ValidityOK, WholeDocument: s.WholeDocument,
		References: []ReferenceReport{}, Refusal: s.Refusal, Warnings: s.Warnings}
	if s.Err != nil {
		r.Detail = s.Err.Error()
	}
	if c := s.Certificate; c != nil {
		from, to := c.NotBefore.UTC(), c.NotAfter.UTC()
		r.Subject, r.Issuer, r.NotBefore, r.NotAfter = c.Subject.String(), c.Issuer.String(), &from, &to
		r.Fingerprint, r.Trial = hex.EncodeToString(s.Fingerprint[:]), IsTrial(c)
	}
	for _, ref := range s.References {
		r.References = append(r.References, ReferenceReport{URI: ref.URI, Digest: ref.Digest, C14N: ref.Method, Range: ref.Range, OK: ref.OK})
	}
	return r
}
