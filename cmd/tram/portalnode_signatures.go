package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/verdict"
)

// Verdict judges the signatures again as of the acceptance, with the answers that were kept, and says what it found in
// the portal's words. It reads the whole package: milliseconds for ordinary ones.
func (n *portalNode) Verdict(ctx context.Context, sha256 string) (portal.Verdict, error) {
	d, err := parseDigest(sha256)
	if err != nil {
		return portal.Verdict{}, view.ErrNotFound
	}
	v, err := n.a.node.Verdict(ctx, d)
	if err != nil {
		return portal.Verdict{}, notFound(err)
	}
	assurance, err := n.assurance(ctx, d)
	if err != nil {
		return portal.Verdict{}, err
	}
	out := portal.Verdict{At: v.At}
	report := v.Report()
	if report == nil {
		return portal.Verdict{}, fmt.Errorf("couldn't read stored package %s as XML", sha256)
	}
	for i := range v.Signatures {
		s := n.signature(&v.Signatures[i], &report.Signatures[i])
		s.Kind, s.Proved = signatureKind(s.Whole, assurance), v.Signatures[i].BestTime
		if v.Signatures[i].BestTimeBy == "time-stamp" {
			s.Results = append(s.Results, portal.ResultTimeProved)
		} else {
			s.Results = append(s.Results, portal.ResultTimeReceived)
		}
		out.Signatures = append(out.Signatures, s)
	}
	for range report.Unnamespaced {
		out.Signatures = append(out.Signatures, portal.Signature{Kind: portal.KindForeign, Results: []string{portal.ResultNotCounted}})
	}
	return out, nil
}

// signature tells one of the package's own signatures.
func (n *portalNode) signature(v *verdict.SignatureVerdict, s *signing.SignatureResult) portal.Signature {
	out := describeVerdict(v)
	out.Algorithm, out.Whole = algorithmName(s), v.Whole
	if s.Refusal != signing.Accepted {
		out.Refusal = string(s.Refusal)
	}
	if v.Whole {
		out.Results = append(out.Results, portal.ResultWhole)
	} else {
		out.Results = append(out.Results, portal.ResultPartial)
	}
	c := s.Certificate
	if c == nil {
		return out
	}
	named(&out, c)
	dir := n.a.node.Snapshot().Directory
	if enrolled, ok := dir.Certificate(events.Digest(s.Fingerprint)); ok {
		out.Results = append(out.Results, portal.ResultBound)
		if org, ok := dir.Organisation(enrolled.Holder.ID); ok {
			out.Organisation = org.Name
		}
	} else if v.Whole {
		out.Results = append(out.Results, portal.ResultNotBound)
	}
	return out
}

// named puts the words of the certificate to a signature.
func named(out *portal.Signature, c *x509.Certificate) {
	out.Signer, out.Subject, out.Issuer = c.Subject.CommonName, c.Subject.String(), c.Issuer.String()
	out.Serial, out.NotBefore, out.NotAfter = fmt.Sprintf("%x", c.SerialNumber), c.NotBefore, c.NotAfter
}

// describeVerdict tells what a verdict found, in the portal's words first and in the standard's below.
func describeVerdict(v *verdict.SignatureVerdict) portal.Signature {
	out := portal.Signature{Kind: portal.KindPerson, Valid: v.OK(), Conclusion: v.Conclusion, Level: v.Level, Checks: v.Checks, Subject: v.Signer}
	if v.SigningTime != nil {
		out.Claimed = *v.SigningTime
	}
	for i := range v.Timestamps {
		t := &v.Timestamps[i]
		out.Stamps = append(out.Stamps, portal.Stamp{Time: t.Time, By: commonName(t.Signer), Valid: t.OK()})
	}
	yes, no := map[string]bool{}, map[string]bool{}
	for _, c := range v.Checks {
		switch c.Result {
		case verdict.Passed:
			yes[c.ID] = true
		case verdict.Failed, verdict.Unknown:
			no[c.ID] = true
		}
	}
	say := func(ok, bad bool, good, wrong string) {
		switch {
		case bad:
			out.Results = append(out.Results, wrong)
		case ok:
			out.Results = append(out.Results, good)
		}
	}
	say(yes[verdict.CheckReferenceDigest] && yes[verdict.CheckValue], no[verdict.CheckReferenceDigest] || no[verdict.CheckValue], portal.ResultIntact, portal.ResultChanged)
	say(yes[verdict.CheckChain], no[verdict.CheckChain] || no[verdict.CheckPurpose], portal.ResultChain, portal.ResultUntrusted)
	say(yes[verdict.CheckValidity], no[verdict.CheckValidity], portal.ResultInValidity, portal.ResultExpired)
	out.Results = append(out.Results, revocationResult(v, yes[verdict.CheckRevocation]))
	return out
}

// revocationResult is what is known of the signer's certificate.
func revocationResult(v *verdict.SignatureVerdict, passed bool) string {
	if len(v.Chain) > 0 {
		switch v.Chain[0].Revocation {
		case "revoked":
			return portal.ResultRevoked
		case "suspended":
			return portal.ResultSuspended
		case "good":
			return portal.ResultNotRevoked
		}
	}
	if passed {
		return portal.ResultNotRevoked
	}
	for _, c := range v.Checks {
		if c.ID == verdict.CheckRevocation && c.Result == verdict.Unknown {
			return portal.ResultRevocationUnknown
		}
	}
	return portal.ResultRevocationNotChecked
}

// commonName is the CN of a name in RFC 4514 form, or all of it.
func commonName(name string) string {
	for part := range strings.SplitSeq(name, ",") {
		if cn, ok := strings.CutPrefix(strings.TrimSpace(part), "CN="); ok {
			return cn
		}
	}
	return name
}

// assurance is who vouches for a package, as its first event recorded it.
func (n *portalNode) assurance(ctx context.Context, sha256 events.Digest) (string, error) {
	positions, err := n.a.store.FindPackage(ctx, sha256)
	if err != nil {
		return "", notFound(err)
	}
	if len(positions) == 0 {
		return "", view.ErrNotFound
	}
	e, err := n.a.store.Event(ctx, positions[0])
	if err != nil {
		return "", notFound(err)
	}
	var data struct {
		Assurance string `json:"assurance"`
	}
	if err := json.Unmarshal(e.Statement.Data, &data); err != nil {
		return "", fmt.Errorf("couldn't read event %d: %w", e.Position, err)
	}
	return data.Assurance, nil
}

// signatureKind tells on whose behalf a signature stands, by the recorded assurance.
func signatureKind(whole bool, assurance string) string {
	if !whole {
		return portal.KindPerson
	}
	switch assurance {
	case "custody":
		return portal.KindCustody
	case "agency":
		return portal.KindAgency
	case "channel":
		return portal.KindChannel
	}
	return portal.KindOrganisation
}

// algorithmName is the algorithm in words, e.g. "ECDSA P-256, SHA-256".
func algorithmName(s *signing.SignatureResult) string {
	_, name, _ := strings.Cut(s.Algorithm, "#")
	name = strings.ToUpper(name)
	if s.Certificate != nil {
		name = keyName(s.Certificate.PublicKey) + ", " + name
	}
	return name
}

// FileSignatures judges the signatures inside an attached PDF, as of now: a file's own signatures were not looked at when the
// package was accepted.
func (n *portalNode) FileSignatures(ctx context.Context, sha256 string, index int) (portal.FileSignatures, error) {
	att, err := n.Attachment(ctx, sha256, index)
	if err != nil {
		return portal.FileSignatures{}, err
	}
	defer att.Body.Close()
	if att.Size >= maxShownFile {
		return portal.FileSignatures{Problem: portal.ProblemTooLarge}, nil
	}
	select {
	case n.looks <- struct{}{}:
		defer func() { <-n.looks }()
	case <-ctx.Done():
		return portal.FileSignatures{}, ctx.Err()
	}
	asking, cancel := context.WithTimeout(ctx, n.a.c.Revocation.Wait)
	defer cancel()
	o := verdict.Options{Trust: n.a.node.Snapshot().Trust, At: n.Now(), Revocation: revocation.Within(asking, n.a.revocation)}
	v, err := judgeAttached(ctx, func() (io.ReadCloser, error) { return io.NopCloser(att.Body), nil }, o)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return portal.FileSignatures{}, err
	case err != nil: // whatever is wrong inside somebody's file never takes the page down
		n.a.log.Warn("couldn't look into attached PDF", "package", sha256, "index", index, "error", err)
		return portal.FileSignatures{Problem: portal.ProblemBroken}, nil
	case v == nil:
		return portal.FileSignatures{Problem: portal.ProblemNotPDF}, nil
	}
	return describePDF(v, n.a.node.Snapshot().Directory), nil
}

const (
	maxShownFile = 100 << 20 // the largest file that a page looks into, in bytes
	looksAtOnce  = 2         // files looked into at the same time, each from a copy of that size
)

func describePDF(v *verdict.Verdict, dir directory.State) portal.FileSignatures {
	out := portal.FileSignatures{Readable: true}
	for _, c := range v.Checks {
		if c.ID == verdict.CheckPDF && c.Result == verdict.Failed && len(v.Signatures) == 0 {
			out.Readable, out.Problem = false, portal.ProblemBroken
			if strings.Contains(c.Detail, "encrypted") {
				out.Problem = portal.ProblemEncrypted
			}
		}
	}
	for i := range v.Signatures {
		s := &v.Signatures[i]
		f := portal.FileSignature{Signature: describeVerdict(s), Field: s.ID}
		f.Kind = "" // a certificate that the directory does not know may be anybody's
		switch s.SubIndication {
		case verdict.HashFailure, verdict.SigCryptoFailure, verdict.FormatFailure: // what it covers is not even as it was
		default:
			f.Changed = !s.Whole
		}
		f.Signer = commonName(s.Signer)
		if len(s.Chain) > 0 {
			c := s.Chain[0]
			f.Issuer, f.Serial, f.NotBefore, f.NotAfter = c.Issuer, c.Serial, c.NotBefore, c.NotAfter
			f.Kind, f.Organisation = signsFor(dir, c.Fingerprint)
		}
		f.Algorithm = cmsAlgorithmName(s.Algorithm)
		if s.BestTimeBy == "time-stamp" { // else the time of judgement, which proves nothing
			f.Proved = s.BestTime
			f.Results = append(f.Results, portal.ResultTimeProved)
		}
		out.Signatures = append(out.Signatures, f)
	}
	return out
}

// signsFor says on whose behalf a certificate signs, if the directory knows it.
func signsFor(dir directory.State, fingerprint string) (kind, organisation string) {
	d, err := parseDigest(fingerprint)
	if err != nil {
		return "", ""
	}
	enrolled, ok := dir.Certificate(d)
	if !ok {
		return "", ""
	}
	kind = portal.KindOrganisation
	if slices.Contains(enrolled.Purposes, directory.PurposePerson) {
		kind = portal.KindPerson
	}
	if org, ok := dir.Organisation(enrolled.Holder.ID); ok {
		organisation = org.Name
	}
	return kind, organisation
}

// cmsAlgorithmName is the name of a signature algorithm of a PDF, which is an object identifier there; of one without a name, that.
func cmsAlgorithmName(oid string) string {
	names := map[string]string{
		"1.2.840.113549.1.1.1": "RSA", "1.2.840.113549.1.1.10": "RSA-PSS",
		"1.2.840.113549.1.1.11": "RSA-SHA256", "1.2.840.113549.1.1.12": "RSA-SHA384", "1.2.840.113549.1.1.13": "RSA-SHA512",
		"1.2.840.10045.4.3.2": "ECDSA-SHA256", "1.2.840.10045.4.3.3": "ECDSA-SHA384", "1.2.840.10045.4.3.4": "ECDSA-SHA512",
	}
	if name, ok := names[oid]; ok {
		return name
	}
	return oid
}
