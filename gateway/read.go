package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// The rule of this file: what a caller may not see is not found. Sender and recipients see a document, and whoever has
// a recorded right for the period; operators, administrators, channels and peers see none.

// readers are the readers a caller may ask as: for its organisations, then by each recorded right in force.
func (n *Node) readers(c Caller) []view.Reader {
	now := n.Now()
	var out []view.Reader
	if c.Kind == KindAgency && len(c.Orgs) > 0 {
		out = append(out, view.Reader{Orgs: c.Orgs, Now: now})
	}
	if c.Kind == KindAgency || c.Kind == KindAuditor {
		n.Snapshot().Directory.Rights(c.holder, now, func(r *directory.Reading) bool {
			out = append(out, view.Reader{Right: r.Right, Now: now})
			return true
		})
	}
	return out
}

// asReader asks for each capacity of the caller until one is answered.
func (n *Node) asReader(c Caller, ask func(view.Reader) error) error {
	for _, r := range n.readers(c) {
		err := ask(r)
		if err == nil {
			return nil
		}
		if !errors.Is(err, view.ErrNotFound) {
			return fmt.Errorf("couldn't ask the views: %w", err)
		}
	}
	return Refuse(CodeNotFound)
}

// Document is the state and history of a document. CodeNotFound unless the caller may read it.
func (n *Node) Document(ctx context.Context, c Caller, key string) (d view.Document, err error) {
	ask := func() error {
		return n.asReader(c, func(r view.Reader) (err error) {
			d, err = n.c.Views.Document(ctx, r, key)
			return err
		})
	}
	if err = ask(); !errors.Is(err, Refuse(CodeNotFound)) {
		return d, err
	}
	var position uint64
	serr := n.c.Store.Stream(ctx, document.StreamPrefix+key, 0, func(e events.Event) error {
		if position = e.Position + 1; !slices.Contains(c.Orgs, e.Statement.Actor) {
			position = 0
		}
		return errSeen
	})
	if !errors.Is(serr, errSeen) || position == 0 {
		return d, err
	}
	if err := n.viewsReach(ctx, position, n.l.ViewLag); err != nil {
		return d, err
	}
	return d, ask()
}

// Register is one page of a register. q.Org and q.Correspondent may be any code; q.Org may be "" for a caller that stands
// for one organisation. A register of others is there only by a right over that organisation.
func (n *Node) Register(ctx context.Context, c Caller, q view.RegisterQuery) (page view.Page[view.RegisterRow], err error) {
	return n.register(ctx, n.c.Views, c, q)
}

// registers answers for registers: the views of now, or of a moment.
type registers interface {
	Register(ctx context.Context, q view.RegisterQuery) (view.Page[view.RegisterRow], error)
}

func (n *Node) register(ctx context.Context, views registers, c Caller, q view.RegisterQuery) (page view.Page[view.RegisterRow], err error) {
	d, now := n.Snapshot().Directory, n.Now()
	identity := func(code string) string {
		if r := d.Resolve(normalCode(code), now); r.Direct != "" {
			return r.Direct
		}
		return code
	}
	if q.Org == "" && len(c.Orgs) > 0 && c.Kind == KindAgency {
		q.Org = c.Orgs[0]
	} else {
		q.Org = identity(q.Org)
	}
	if q.Correspondent != "" {
		q.Correspondent = identity(q.Correspondent)
	}
	for _, r := range n.readers(c) {
		if !slices.Contains(r.Orgs, q.Org) {
			right, ok := d.Right(r.Right)
			if !ok || right.Org != "" && right.Org != q.Org {
				continue
			}
		}
		q.Reader = r
		page, err = views.Register(ctx, q)
		switch {
		case err == nil:
			return page, nil
		case errors.Is(err, view.ErrNotFound):
			continue
		}
		return page, fmt.Errorf("couldn't read register: %w", err)
	}
	return page, Refuse(CodeNotFound)
}

// OpenPackage gives the stored bytes, unchanged. CodeNotFound unless the caller may read them. The caller closes it.
func (n *Node) OpenPackage(ctx context.Context, c Caller, sha256 events.Digest) (events.PackageReader, error) {
	if err := n.mayRead(ctx, c, sha256); err != nil {
		return nil, err
	}
	p, err := n.c.Store.OpenPackage(ctx, sha256)
	switch {
	case err == nil:
		return p, nil
	case errors.Is(err, events.ErrNotFound):
		return nil, Refuse(CodeDestroyed).Because(err) // the views know it, so it was here
	}
	return nil, fmt.Errorf("couldn't open package: %w", err)
}

// mayRead asks the views, which know a package a moment after it was recorded. Its sender, who has the receipt already,
// waits for that moment rather than being told that there is nothing; nobody else does, so that the time of an answer
// tells strangers nothing.
func (n *Node) mayRead(ctx context.Context, c Caller, sha256 events.Digest) error {
	ask := func() error {
		return n.asReader(c, func(r view.Reader) error {
			_, err := n.c.Views.MayRead(ctx, r, sha256.String())
			return err
		})
	}
	err := ask()
	if !errors.Is(err, Refuse(CodeNotFound)) {
		return err
	}
	positions, ferr := n.c.Store.FindPackage(ctx, sha256)
	if ferr != nil || len(positions) == 0 {
		return err
	}
	if e, eerr := n.c.Store.Event(ctx, positions[0]); eerr != nil || !slices.Contains(c.Orgs, e.Statement.Actor) {
		return err
	}
	if werr := n.viewsReach(ctx, positions[0]+1, n.l.ViewLag); werr != nil {
		return werr
	}
	return ask()
}

// PackageReceipt is the receipt of the event that first recorded the package. CodeNotFound unless the caller may read it.
func (n *Node) PackageReceipt(ctx context.Context, c Caller, sha256 events.Digest) ([]byte, error) {
	if err := n.mayRead(ctx, c, sha256); err != nil {
		return nil, err
	}
	positions, err := n.c.Store.FindPackage(ctx, sha256)
	if err != nil {
		return nil, fmt.Errorf("couldn't look for package: %w", err)
	}
	if len(positions) == 0 {
		return nil, Refuse(CodeNotFound)
	}
	return n.Receipt(ctx, positions[0])
}

// Content is the file inside a Submission, opened.
type Content struct {
	io.ReaderAt
	SHA256 events.Digest
	size   int64
	pkg    events.PackageReader
}

// Size is the number of bytes of the file.
func (c *Content) Size() int64 { return c.size }

// Close ends reading.
func (c *Content) Close() error { return c.pkg.Close() }

// OpenContent gives the file that a Submission carries, unaltered. CodeNotFound for other packages, and unless the caller
// may read it.
func (n *Node) OpenContent(ctx context.Context, c Caller, sha256 events.Digest) (*Content, error) {
	p, err := n.OpenPackage(ctx, c, sha256)
	if err != nil {
		return nil, err
	}
	// No Now: what was accepted is read again, not judged again.
	parsed, err := schemas.Parse(ctx, schemas.Received{Source: p, SHA256: sha256}, schemas.Options{})
	if err != nil || parsed.Submission == nil {
		_ = p.Close()
		if err != nil {
			return nil, fmt.Errorf("couldn't read stored package: %w", err)
		}
		return nil, Refuse(CodeNotFound)
	}
	raw := parsed.Submission.File.Raw()
	return &Content{ReaderAt: raw, SHA256: parsed.Submission.FileSHA256, size: raw.Size(), pkg: p}, nil
}
