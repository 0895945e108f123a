package rerun

import (
	"context"

	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/gateway"
)

// The work of agencies. What a person did came in a package, and is judged as every hand-in; the rest are steps of the node.

// decideIncoming decides an act on a document that came to an agency, or a step of the node.
func decideIncoming(ctx context.Context, r *Rerun, p *Prepared, c *cut) (given, error) {
	s, err := as[incoming.State](r.own(ctx, p.e))
	if err != nil {
		return given{}, err
	}
	return r.handIn(ctx, p, c, gateway.Own{Version: p.e.Statement.Version, Incoming: s})
}

// decideOutgoing decides an act on a document that an agency makes, or a step of the node.
func decideOutgoing(ctx context.Context, r *Rerun, p *Prepared, c *cut) (given, error) {
	s, err := as[outgoing.State](r.own(ctx, p.e))
	if err != nil {
		return given{}, err
	}
	return r.handIn(ctx, p, c, gateway.Own{Version: p.e.Statement.Version, Outgoing: s})
}

// decideDossier decides an act on a work dossier, or a step of the node.
func decideDossier(ctx context.Context, r *Rerun, p *Prepared, c *cut) (given, error) {
	s, err := as[dossier.State](r.own(ctx, p.e))
	if err != nil {
		return given{}, err
	}
	return r.handIn(ctx, p, c, gateway.Own{Version: p.e.Statement.Version, Dossier: s})
}
