package rerun

import (
	"context"

	"github.com/tram-exchange/tram/events/witnessing"
)

// decideWitnessing: two heads of another log that cannot both be true. The event proves itself; only where the second head came
// from is the node's word.
func decideWitnessing(ctx context.Context, r *Rerun, p *Prepared, _ *cut) (given, error) {
	d, err := witnessing.Decode(p.e)
	if err != nil {
		return given{}, mismatch(p.e, "form", "", err.Error())
	}
	s, err := as[witnessing.State](r.own(ctx, p.e))
	if err != nil {
		return given{}, err
	}
	news, err := witnessing.Decide(s, d.Contradiction)
	if err != nil {
		return given{}, refused(p, err)
	}
	return given{events: news}, nil
}
