package main

import (
	"context"
	"crypto/x509"
	"io"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/timestamp"
	"github.com/tram-exchange/tram/internal/view"
)

// Authorities tells the portal the trust list of the record.
func (n *portalNode) Authorities(context.Context) ([]portal.Authority, error) {
	now := n.Now()
	var out []portal.Authority
	for _, a := range n.a.node.Snapshot().Directory.AllAuthorities() {
		from, until := a.Period()
		p := portal.Authority{Name: a.Name, Kind: string(a.Kind), SHA256: a.Authority.String(), From: from, Until: until, Trusted: a.TrustedAt(now)}
		for _, purpose := range a.Purposes {
			p.Purposes = append(p.Purposes, string(purpose))
		}
		c, err := x509.ParseCertificate(a.Certificate)
		if err != nil { // it was readable when it was recorded
			return nil, err
		}
		p.Subject, p.NotAfter = c.Subject.String(), c.NotAfter
		p.Trusted = p.Trusted && !now.After(c.NotAfter)
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
	return portal.Stamp{Time: stamps[i].Time, By: stamps[i].TSA, Size: stamps[i].Size, Valid: true}, nil
}

// FileSignatures reads the signatures inside an attached PDF.
func (n *portalNode) FileSignatures(ctx context.Context, sha256 string, index int) (portal.FileSignatures, error) {
	return portal.FileSignatures{}, view.ErrNotFound
}

// WriteEvidence writes the evidence container of a document.
func (n *portalNode) WriteEvidence(ctx context.Context, document string, w io.Writer) error {
	return view.ErrNotFound
}
