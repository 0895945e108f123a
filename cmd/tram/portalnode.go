package main

import (
	"context"
	"encoding/base64"
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
)

// portalNode answers what the portal asks of the node. It judges no rights: the portal has asked the views first.
type portalNode struct {
	a     *app
	looks chan struct{} // turns to look into an attached file
}

var _ portal.Node = (*portalNode)(nil)

func newPortalNode(a *app) *portalNode {
	return &portalNode{a: a, looks: make(chan struct{}, looksAtOnce)}
}

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
	dir := n.a.node.Snapshot().Directory
	named, ok := dir.Right(id)
	if !ok {
		return portal.ReadingRight{}, view.ErrNotFound
	}
	out := portal.ReadingRight{ID: id}
	dir.Rights(named.Reader, at, func(r *directory.Reading) bool {
		out.Parts = append(out.Parts, portal.RightTo{ID: r.Right, Org: r.Org, Document: r.Document, From: r.From, To: r.Until})
		switch {
		case r.Document != "":
			out.Documents = append(out.Documents, r.Document)
		case r.Org == "":
			out.All = true
		case !slices.Contains(out.Orgs, r.Org):
			out.Orgs = append(out.Orgs, r.Org)
		}
		return true
	})
	if len(out.Parts) == 0 {
		return portal.ReadingRight{}, view.ErrNotFound
	}
	return out, nil
}
