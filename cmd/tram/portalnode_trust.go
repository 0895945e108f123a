package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/timestamp"
	"github.com/tram-exchange/tram/gateway/evidence"
	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/signing"
)

// Authorities tells the portal the trust list.
func (n *portalNode) Authorities(context.Context) ([]portal.Authority, error) {
	list, err := n.a.node.TrustList(n.Now())
	if err != nil {
		return nil, err
	}
	var out []portal.Authority
	for _, a := range list.Authorities {
		c := a.Certificate
		p := portal.Authority{Name: a.Name, Kind: string(a.Kind), Subject: c.Subject.String(), SHA256: events.Digest(signing.Fingerprint(c)).String(),
			From: a.From, Until: a.Until, NotAfter: c.NotAfter, Trusted: a.Trusted}
		for _, purpose := range a.Purposes {
			p.Purposes = append(p.Purposes, string(purpose))
		}
		out = append(out, p)
	}
	return out, nil
}

// Proved finds the first time-stamp over a head of the log that holds the position.
func (n *portalNode) Proved(ctx context.Context, position uint64) (portal.Stamp, error) {
	var stamps []timestamp.Placed
	err := n.a.store.Stream(ctx, timestamp.Stream, 0, func(e events.Event) error {
		s, err := timestamp.Decode(e)
		if err == nil {
			stamps = append(stamps, timestamp.Placed{Stamped: s, Position: e.Position})
		}
		return err
	})
	if err != nil {
		return portal.Stamp{}, err
	}
	i := timestamp.Covering(stamps, position)
	if i < 0 {
		return portal.Stamp{}, view.ErrNotFound
	}
	return portal.Stamp{Time: stamps[i].Time, By: commonName(stamps[i].TSA), Size: stamps[i].Size, Valid: true}, nil
}

// WriteEvidence writes the evidence container of a document, with what the reader may see.
func (n *portalNode) WriteEvidence(ctx context.Context, document string, reader portal.Sight, w io.Writer) error {
	mayRead := func(ctx context.Context, d events.Digest) (bool, error) { return reader.Package(ctx, d.String()) }
	f, err := n.a.containers.Make(ctx, document, func(e events.Event) bool { return reader.Position(e.Position) }, mayRead)
	switch {
	case errors.Is(err, evidence.ErrNoDocument):
		return fmt.Errorf("%w: %w", view.ErrNotFound, err)
	case errors.Is(err, evidence.ErrBusy):
		return fmt.Errorf("%w: %w", portal.ErrBusy, err)
	case err != nil:
		return err
	}
	return errors.Join(f.WriteTo(ctx, w), f.Close())
}
