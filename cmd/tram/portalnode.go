package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/projections"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
)

// portalNode answers what the portal asks of the node. It judges no rights: the portal has asked the views first.
type portalNode struct{ a *app }

var _ portal.Node = (*portalNode)(nil)

func newPortalNode(a *app) *portalNode { return &portalNode{a: a} }

func (n *portalNode) Now() time.Time { return n.a.node.Now() }

// notFound turns the record's word for "not there" into the portal's.
func notFound(err error) error {
	var r *gateway.Refusal
	if errors.Is(err, events.ErrNotFound) || errors.As(err, &r) && r.Code == gateway.CodeNotFound {
		return fmt.Errorf("%w: %w", view.ErrNotFound, err)
	}
	return err
}

func (n *portalNode) OpenPackage(ctx context.Context, sha256 string) (portal.Package, error) {
	d, err := parseDigest(sha256)
	if err != nil {
		return nil, view.ErrNotFound
	}
	p, err := n.a.store.OpenPackage(ctx, d)
	return p, notFound(err)
}

func (n *portalNode) Receipt(ctx context.Context, position uint64) ([]byte, error) {
	b, err := n.a.node.Receipt(ctx, position)
	return b, notFound(err)
}

func (n *portalNode) Head(context.Context) (portal.Head, error) {
	h := n.a.store.Head()
	return portal.Head{Origin: h.Origin, Size: h.Size, Root: base64.StdEncoding.EncodeToString(h.Root[:]), Time: h.Time}, nil
}

func (n *portalNode) Health(ctx context.Context) ([]portal.Check, error) { return n.a.checks(ctx) }

// received is a package that the record holds, with the event that brought it in.
type received struct {
	event events.Event
	bytes events.PackageReader
	pkg   *schemas.Package
}

// open finds and parses a stored package. The caller closes r.bytes.
func (n *portalNode) open(ctx context.Context, sha256 string) (*received, error) {
	d, err := parseDigest(sha256)
	if err != nil {
		return nil, view.ErrNotFound
	}
	positions, err := n.a.store.FindPackage(ctx, d)
	if err != nil {
		return nil, notFound(err)
	}
	if len(positions) == 0 {
		return nil, view.ErrNotFound
	}
	r := &received{}
	if r.event, err = n.a.store.Event(ctx, positions[0]); err != nil {
		return nil, notFound(err)
	}
	if r.bytes, err = n.a.store.OpenPackage(ctx, d); err != nil {
		return nil, notFound(err)
	}
	if r.pkg, err = schemas.Parse(ctx, schemas.Received{Source: r.bytes, SHA256: d}, schemas.Options{}); err != nil {
		return nil, errors.Join(fmt.Errorf("couldn't read stored package: %w", err), r.bytes.Close())
	}
	return r, nil
}

func (n *portalNode) Attachment(ctx context.Context, sha256 string, index int) (portal.Attachment, error) {
	r, err := n.open(ctx, sha256)
	if err != nil {
		return portal.Attachment{}, err
	}
	p := r.pkg
	if p.Submission != nil {
		inner, err := schemas.NewReceived(p.Submission.File.Raw())
		if err == nil {
			p, err = schemas.Parse(ctx, inner, schemas.Options{})
		}
		if err != nil {
			return portal.Attachment{}, errors.Join(fmt.Errorf("couldn't read the file inside the submission: %w", err), r.bytes.Close())
		}
	}
	if index < 0 || index >= len(p.Attachments) {
		return portal.Attachment{}, errors.Join(view.ErrNotFound, r.bytes.Close())
	}
	att := &p.Attachments[index]
	body, err := att.Open()
	if err != nil {
		return portal.Attachment{}, errors.Join(err, r.bytes.Close())
	}
	return portal.Attachment{Name: att.Name, ContentType: att.ContentType, Size: att.Size, Body: closeBoth{body, r.bytes}}, nil
}

// closeBoth closes the attachment and the package it is a range of.
type closeBoth struct {
	io.ReadCloser
	under io.Closer
}

func (c closeBoth) Close() error { return errors.Join(c.ReadCloser.Close(), c.under.Close()) }

// Verdict judges the signatures again as of the acceptance, from the stored evidence, and says what it found in the
// portal's words. It reads the whole package: milliseconds for ordinary ones.
func (n *portalNode) Verdict(ctx context.Context, sha256 string) (portal.Verdict, error) {
	r, err := n.open(ctx, sha256)
	if err != nil {
		return portal.Verdict{}, err
	}
	defer r.bytes.Close()
	acc, err := acceptanceOf(r.event, func(d events.Digest) ([]byte, error) { return n.a.store.Evidence(ctx, d) })
	if err != nil {
		return portal.Verdict{}, err
	}
	report, err := acc.verify(ctx, r.bytes)
	if err != nil {
		return portal.Verdict{}, err
	}
	v := portal.Verdict{At: acc.at}
	for i := range report.Signatures {
		v.Signatures = append(v.Signatures, n.signature(&report.Signatures[i], r, acc))
	}
	for range report.Unnamespaced {
		v.Signatures = append(v.Signatures, portal.Signature{Kind: portal.KindForeign, Results: []string{portal.ResultNotCounted}})
	}
	return v, nil
}

func (n *portalNode) signature(s *signing.SignatureResult, r *received, acc *acceptance) portal.Signature {
	out := portal.Signature{Kind: signatureKind(s, r), Algorithm: algorithmName(s), Whole: s.WholeDocument, Proved: acc.at}
	if s.Refusal != signing.Accepted {
		out.Refusal = string(s.Refusal)
	}
	yes := func(ok bool, good, bad string) {
		if ok {
			out.Results = append(out.Results, good)
		} else {
			out.Results = append(out.Results, bad)
		}
	}
	yes(s.DigestsOK && s.ValueOK, portal.ResultIntact, portal.ResultChanged)
	yes(s.WholeDocument, portal.ResultWhole, portal.ResultPartial)
	yes(s.ChainOK, portal.ResultChain, portal.ResultUntrusted)
	yes(s.ValidityOK, portal.ResultInValidity, portal.ResultExpired)
	if c := s.Certificate; c != nil {
		out.Signer, out.Subject, out.Issuer = c.Subject.CommonName, c.Subject.String(), c.Issuer.String()
		out.Serial, out.NotBefore, out.NotAfter = fmt.Sprintf("%x", c.SerialNumber), c.NotBefore, c.NotAfter
		dir := n.a.node.Snapshot().Directory
		if enrolled, ok := dir.Certificate(events.Digest(s.Fingerprint)); ok {
			out.Results = append(out.Results, portal.ResultBound)
			if org, ok := dir.Organisation(enrolled.Holder.ID); ok {
				out.Organisation = org.Name
			}
		} else if s.WholeDocument {
			out.Results = append(out.Results, portal.ResultNotBound)
		}
	}
	out.Results = append(out.Results, portal.ResultRevocationNotChecked, portal.ResultTimeReceived)
	out.Valid = s.Refusal == signing.Accepted
	return out
}

// signatureKind tells on whose behalf a signature stands, by the recorded assurance.
func signatureKind(s *signing.SignatureResult, r *received) string {
	if !s.WholeDocument {
		return portal.KindPerson
	}
	var data struct {
		Assurance string `json:"assurance"`
	}
	if json.Unmarshal(r.event.Statement.Data, &data) == nil {
		switch data.Assurance {
		case "custody":
			return portal.KindCustody
		case "agency":
			return portal.KindAgency
		case "channel":
			return portal.KindChannel
		}
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

func (n *portalNode) Organisation(_ context.Context, org string) (portal.Organisation, error) {
	dir := n.a.node.Snapshot().Directory
	o, ok := dir.Organisation(org)
	if !ok {
		return portal.Organisation{}, view.ErrNotFound
	}
	return n.organisation(dir, o), nil
}

func (n *portalNode) organisation(dir directory.State, o *directory.Organisation) portal.Organisation {
	now := n.Now()
	out := portal.Organisation{Org: o.ID, Code: o.ID, Name: o.Name, Identities: dir.Identities(o.ID, now), Local: o.Node == "",
		Closed: o.Closed && !now.Before(o.ClosedFrom)}
	for _, c := range o.Codes {
		if !now.Before(c.From) && (c.Until.IsZero() || now.Before(c.Until)) {
			out.Code = c.Code
			break
		}
	}
	return out
}

func (n *portalNode) Organisations(_ context.Context, words string, limit int) ([]portal.Organisation, error) {
	dir := n.a.node.Snapshot().Directory
	want := strings.Fields(projections.Fold(words))
	var out []portal.Organisation
	dir.Organisations(func(o *directory.Organisation) bool {
		text := projections.Fold(o.Name)
		for _, c := range o.Codes {
			text += " " + projections.Fold(c.Code)
		}
		for _, w := range want {
			if !strings.Contains(text, w) {
				return true
			}
		}
		out = append(out, n.organisation(dir, o))
		return true
	})
	byName := collate.New(language.Vietnamese)
	slices.SortFunc(out, func(a, b portal.Organisation) int { return byName.CompareString(a.Name, b.Name) })
	if limit > 0 && len(out) > limit {
		out = out[:limit]
	}
	return out, nil
}

func (n *portalNode) ReadingRight(_ context.Context, id string, at time.Time) (portal.ReadingRight, error) {
	r, ok := n.a.node.Snapshot().Directory.Right(id)
	if !ok || at.Before(r.From) || !r.Until.IsZero() && !at.Before(r.Until) {
		return portal.ReadingRight{}, view.ErrNotFound
	}
	out := portal.ReadingRight{ID: id, Document: r.Document, From: r.From, To: r.Until, Decision: id}
	if r.Org == "" {
		out.All = true
	} else {
		out.Orgs = []string{r.Org}
	}
	return out, nil
}
