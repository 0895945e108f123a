package rerun

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/events/document/outgoing"
	"github.com/tram-exchange/tram/events/dossier"
	"github.com/tram-exchange/tram/events/numbering"
	"github.com/tram-exchange/tram/events/submission"
	"github.com/tram-exchange/tram/gateway/router"
)

// errEnough ends a reading early, on purpose.
var errEnough = errors.New("enough")

// states keeps the states of the streams that were used last, in two generations: when the young one is full it becomes the old one, and
// what was not used since is forgotten. What is forgotten is read from the record again.
type states struct {
	record     Record
	rows       []row
	most       int // of one generation
	young, old map[string]any
	at         uint64 // everything before is folded
	complete   bool   // nothing was forgotten: what is not here is not in the record
}

func newStates(r Record, rows []row, most int) *states {
	return &states{record: r, rows: rows, most: max(1, most/2), young: make(map[string]any)}
}

func (s *states) put(stream string, state any) {
	if len(s.young) >= s.most {
		s.complete = s.complete && len(s.old) == 0
		s.young, s.old = make(map[string]any, s.most), s.young
	}
	s.young[stream] = state
}

// state is the state of a stream as of now; nil if it has no event.
func (s *states) state(ctx context.Context, stream string) (any, error) {
	if v, ok := s.young[stream]; ok {
		return v, nil
	}
	v, ok := s.old[stream]
	if !ok && !s.complete {
		var err error
		if v, err = s.before(ctx, stream, s.at); err != nil {
			return nil, err
		}
	}
	s.put(stream, v)
	return v, nil
}

// before reads what the state was before a position; nil if the stream had no event.
func (s *states) before(ctx context.Context, stream string, position uint64) (any, error) {
	row, ok := rowOf(s.rows, stream)
	if !ok || row.fold == nil {
		return nil, fmt.Errorf("couldn't read stream %s: nothing is kept of such streams", stream)
	}
	var v any
	err := s.record.Stream(ctx, stream, 0, func(e events.Event) (err error) {
		if e.Position >= position {
			return errEnough
		}
		v, err = row.fold(v, e)
		return err
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("couldn't read stream %s: %w", stream, err)
	}
	return v, nil
}

// cut is the record as it was at one position: what a decision read of other streams. It implements gateway.Streams.
type cut struct {
	s    *states
	at   uint64
	read map[string]bool // streams it was asked about
}

func (c *cut) state(ctx context.Context, stream string) (any, error) {
	if c.read == nil {
		c.read = make(map[string]bool)
	}
	c.read[stream] = true
	if c.at == c.s.at {
		return c.s.state(ctx, stream)
	}
	return c.s.before(ctx, stream, c.at)
}

// Exists implements gateway.Streams.
func (c *cut) Exists(ctx context.Context, stream string) (bool, error) {
	v, err := c.state(ctx, stream)
	return v != nil, err
}

// Document implements gateway.Streams.
func (c *cut) Document(ctx context.Context, stream string) (document.State, error) {
	h, err := c.history(ctx, stream)
	return h.State(), err
}

// Delivery implements gateway.Streams.
func (c *cut) Delivery(ctx context.Context, stream string) (delivery.State, error) {
	return as[delivery.State](c.state(ctx, stream))
}

// HeaderID implements gateway.Streams.
func (c *cut) HeaderID(ctx context.Context, stream string) (submission.State, error) {
	return as[submission.State](c.state(ctx, stream))
}

// Event implements gateway.Streams. That a cause stands before what follows from it is judged when the event is prepared.
func (c *cut) Event(ctx context.Context, at events.Address) (events.Event, error) {
	return c.s.record.Event(ctx, at.Position)
}

// Incoming implements gateway.Streams.
func (c *cut) Incoming(ctx context.Context, stream string) (incoming.State, error) {
	return as[incoming.State](c.state(ctx, stream))
}

// Outgoing implements gateway.Streams.
func (c *cut) Outgoing(ctx context.Context, stream string) (outgoing.State, error) {
	return as[outgoing.State](c.state(ctx, stream))
}

// Dossier implements gateway.Streams.
func (c *cut) Dossier(ctx context.Context, stream string) (dossier.State, error) {
	return as[dossier.State](c.state(ctx, stream))
}

// Number implements gateway.Streams.
func (c *cut) Number(ctx context.Context, stream string) (numbering.State, error) {
	return as[numbering.State](c.state(ctx, stream))
}

func (c *cut) history(ctx context.Context, stream string) (router.History, error) {
	return as[router.History](c.state(ctx, stream))
}

// as gives a state its type; the zero value if there is none.
func as[S any](v any, err error) (S, error) {
	s, _ := v.(S)
	return s, err
}

// earlier are the positions at which the streams that a decision asked about changed while it may have been made: the latest first.
func (c *cut) earlier(ctx context.Context, e events.Event) ([]uint64, error) {
	var out []uint64
	for stream := range c.read {
		err := c.s.record.Stream(ctx, stream, 0, func(x events.Event) error {
			if x.Position >= c.at {
				return errEnough
			}
			if e.Statement.Time.Sub(x.Statement.Time) <= Lag {
				out = append(out, x.Position)
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return nil, fmt.Errorf("couldn't read stream %s: %w", stream, err)
		}
	}
	return out, nil
}

func rowOf(rows []row, stream string) (row, bool) {
	for _, r := range rows {
		if stream == r.stream || strings.HasSuffix(r.stream, "/") && strings.HasPrefix(stream, r.stream) {
			return r, true
		}
	}
	return row{}, false
}
