package office

import (
	"context"
	"fmt"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/reading"
	"github.com/tram-exchange/tram/gateway"
)

// Opened records that a person of an agency was shown something: on the stream of the readings of that thing, kind being incoming,
// outgoing, dossier or document, of the agency whose it is. The same within a minute is one opening.
func (o *Office) Opened(ctx context.Context, org, kind, id string, by reading.Opened) error {
	stream, now := reading.Stream(org, kind, id), o.o.Node.Now()
	snap := o.o.Node.Snapshot()
	if err := gateway.MayBeReading(snap.Directory, stream, by, now); err != nil {
		return err
	}
	_, _, err := o.o.Node.Record(ctx, gateway.Step{
		Stream: stream, Actor: by.Org, Basis: &snap.Basis,
		Decide: func(history []events.Event) ([]events.New, error) {
			var s reading.State
			for _, e := range history {
				var err error
				if s, err = reading.Fold(s, e); err != nil {
					return nil, err
				}
			}
			return reading.Decide(s, reading.Opening{Opened: by, At: now})
		},
	})
	if err != nil {
		return fmt.Errorf("couldn't record a reading: %w", err)
	}
	return nil
}
