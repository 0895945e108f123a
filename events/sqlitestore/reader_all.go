package sqlitestore

import (
	"context"
	"fmt"

	"github.com/tram-exchange/tram/events"
)

// All calls f for the events under the head in order of position from `from` on. Between chunks others may read.
func (r *Reader) All(ctx context.Context, from uint64, f func(events.Event) error) error {
	list := make([]events.Event, 0, readChunk)
	for from < r.head.Size {
		end := min(from+readChunk, r.head.Size)
		list = list[:0]
		err := r.with(func(c *conn) error {
			return readEvents(ctx, c, r.row.origin, from, end, func(e *events.Event, _ *place) error {
				list = append(list, *e)
				return nil
			})
		})
		if err != nil {
			return fmt.Errorf("couldn't read events from %d: %w", from, err)
		}
		if err := each(list, f); err != nil {
			return err
		}
		from = end
	}
	return ctx.Err()
}
