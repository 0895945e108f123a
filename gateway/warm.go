package gateway

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing/revocation"
)

// warm asks about the certificates that were enrolled since it was last called. The directory knows certificates by their digest; the
// bytes are read from the packages of the changes that enrolled them.
func (n *Node) warm(ctx context.Context, snap *Snapshot) error {
	n.warming.Lock()
	defer n.warming.Unlock()
	var changes []events.Digest
	next := n.warmed
	err := n.c.Store.Stream(ctx, directory.Stream, n.warmed, func(e events.Event) error {
		if e.Position >= snap.Size {
			return errSeen
		}
		next = e.Statement.Version + 1
		if e.Statement.Name == directory.NameChangeAccepted && e.Statement.Package != nil {
			changes = append(changes, e.Statement.Package.SHA256)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errSeen) {
		return fmt.Errorf("couldn't read the directory: %w", err)
	}
	for _, sum := range changes {
		certs, err := n.enrolledBy(ctx, sum)
		if err != nil {
			n.c.Log.Warn("couldn't read the certificates of a change", "package", sum, "error", err)
			continue
		}
		for _, c := range certs {
			if err := n.warmOne(ctx, snap, c); err != nil {
				return err
			}
		}
	}
	n.warmed = next
	return nil
}

func (n *Node) warmOne(ctx context.Context, snap *Snapshot, c *x509.Certificate) error {
	now := n.Now()
	enrolled, ok := snap.Directory.Certificate(sha256.Sum256(c.Raw))
	if !ok || enrolled.StandingAt(now) != directory.StandingGood || now.After(c.NotAfter) {
		return nil
	}
	for _, p := range enrolled.Purposes {
		purposes := authoritiesFor(enrolled.Holder.Kind, p)
		if len(purposes) == 0 {
			continue
		}
		chain, err := chainFor(snap.Trust, c, nil, now, purposes)
		if err != nil {
			continue // what it signs will be refused, and that needs no answer
		}
		st, err := n.standing(ctx, chain, now, &snap.Policy.Policy, nil)
		if err != nil {
			return err
		}
		if st.worst == revocation.Unknown && st.named {
			n.c.Log.Warn("revocation of an enrolled certificate is not known", "subject", c.Subject.CommonName, "why", st.refuse.Why)
		}
	}
	return nil
}

// enrolledBy reads the certificates that a change of the directory enrols.
func (n *Node) enrolledBy(ctx context.Context, change events.Digest) ([]*x509.Certificate, error) {
	pkg, err := n.c.Store.OpenPackage(ctx, change)
	if err != nil {
		return nil, fmt.Errorf("couldn't open change: %w", err)
	}
	defer pkg.Close()
	p, err := schemas.Parse(ctx, schemas.Received{Source: pkg, SHA256: change}, schemas.Options{})
	if err != nil {
		return nil, fmt.Errorf("couldn't read change: %w", err)
	}
	if p.Change == nil {
		return nil, nil
	}
	var out []*x509.Certificate
	for _, op := range p.Change.Operations {
		if enrol, ok := op.(schemas.EnrolCertificate); ok {
			if c, err := x509.ParseCertificate(enrol.DER); err == nil {
				out = append(out, c)
			}
		}
	}
	return out, nil
}
