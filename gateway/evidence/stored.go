package evidence

import (
	"context"
	"errors"
	"fmt"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/gateway"
)

// addEvidence adds the stored evidence of an event as it was stored, and the answers of authorities that it refers to.
func (m *maker) addEvidence(ctx context.Context, sum events.Digest, row *StatementEntry) error {
	b, err := m.o.Record.Evidence(ctx, sum)
	if err != nil {
		return fmt.Errorf("couldn't read stored evidence: %w", err)
	}
	row.Evidence = evidenceDir + sum.String() + ".json"
	if err := m.add(ctx, row.Evidence, typeJSON, b); err != nil {
		return err
	}
	e, err := gateway.DecodeEvidence(b)
	if err != nil {
		return err
	}
	for _, answer := range e.Answers() {
		raw, err := m.o.Record.Evidence(ctx, answer)
		if errors.Is(err, events.ErrNotFound) {
			return fmt.Errorf("couldn't find the answer %s that the evidence refers to: %w", answer, err)
		}
		if err != nil {
			return fmt.Errorf("couldn't read stored answer: %w", err)
		}
		name := revocationDir + answer.String() + ".der"
		row.Revocation = append(row.Revocation, name)
		if err := m.add(ctx, name, typeDER, raw); err != nil {
			return err
		}
	}
	return nil
}
