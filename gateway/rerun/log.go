package rerun

import (
	"context"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/logbook"
)

// decideLog: what the log says of itself. Folding verifies the signatures of the heads and rotations that the events hold; that a
// bound head is one of this tree is for the verification of the store.
func decideLog(ctx context.Context, r *Rerun, p *Prepared, _ *cut) (given, error) {
	s, err := as[logbook.State](r.own(ctx, p.e))
	if err != nil {
		return given{}, err
	}
	var news []events.New
	switch p.e.Statement.Name {
	case logbook.NameBegun:
		d, err := read[logbook.Begun](p.e)
		if err != nil {
			return given{}, err
		}
		if _, err := logbook.Fold(s, p.e); err != nil {
			return given{}, mismatch(p.e, "form", "", err.Error())
		}
		// The reason is words, which the statement only names.
		news = []events.New{{Name: logbook.NameBegun, Data: d, Facts: logbook.Reason{}}}
		if p.e.Facts != nil {
			news[0].Facts = rawFacts(p.e.Facts)
		}
	case logbook.NameKeyRotated:
		d, err := ledger.DecodeKeyRotated(&p.e.Statement)
		if err != nil {
			return given{}, mismatch(p.e, "form", "", err.Error())
		}
		if s.First == "" {
			s.First = d.Old // until then the key in force is only known by what it has signed
		}
		if news, err = logbook.DecideRotate(s, logbook.Rotate{Origin: p.e.Statement.Origin, New: d.New}); err != nil {
			return given{}, refused(p, err)
		}
	case logbook.NameKeyBound:
		d, err := read[logbook.KeyBound](p.e)
		if err != nil {
			return given{}, err
		}
		if news, err = logbook.DecideBind(s, logbook.Bind{Origin: p.e.Statement.Origin, Checkpoint: []byte(d.Checkpoint)}); err != nil {
			return given{}, refused(p, err)
		}
	default:
		return given{}, mismatch(p.e, "form", "", "unknown event")
	}
	return given{events: news}, nil
}

// rawFacts are facts that stand as they were written.
type rawFacts []byte

// MarshalJSON implements json.Marshaler.
func (f rawFacts) MarshalJSON() ([]byte, error) { return f, nil }
