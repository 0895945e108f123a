package esdbstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"github.com/tram-exchange/tram/events"
)

// readBatches is how many events of the log are read at a time: at most so many times MaxAppend in memory.
const readBatches = 16

// follow takes every event of a stream, in order, and begins again behind the last one whatever ends the subscription.
func (s *Store) follow(stream string, next func() uint64, take func(context.Context, *esdb.RecordedEvent) error) {
	for attempt := 0; s.ctx.Err() == nil; attempt++ {
		from := esdb.StreamPosition(esdb.Start{}) // the client's default is the end
		if n := next(); n > 0 {
			from = esdb.Revision(n - 1)
		}
		ctx, cancel := context.WithCancel(s.ctx)
		sub, err := call(ctx, s.conn, func(ctx context.Context, client *esdb.Client) (*esdb.Subscription, error) {
			return client.SubscribeToStream(ctx, stream, esdb.SubscribeToStreamOptions{From: from})
		})
		for err == nil {
			e := sub.Recv()
			if e.SubscriptionDropped != nil {
				break
			}
			if e.EventAppeared == nil {
				continue
			}
			attempt = 0
			err = take(ctx, e.EventAppeared.OriginalEvent())
		}
		cancel()
		var gap *gapError
		if err != nil && !errors.As(err, &gap) && s.ctx.Err() == nil && !retryable(err) {
			s.fail(err)
			return
		}
		if s.ctx.Err() != nil {
			return
		}
		s.opts.Log.Warn("a subscription was dropped and begins again", "stream", stream, "error", err)
		if s.opts.pause(s.ctx, attempt) != nil {
			return
		}
	}
}

// contradiction is an error that no retry can heal.
type contradiction struct{ error }

func (c contradiction) Unwrap() error { return c.error }

// takeLog takes an event of the log stream.
func (s *Store) takeLog(_ context.Context, e *esdb.RecordedEvent) error {
	switch e.EventType {
	case batchType:
		h, statements, err := decodeBatch(e.Data)
		if err != nil {
			return s.contradicts(fmt.Errorf("revision %d of the log: %w", e.EventNumber, err))
		}
		return s.contradicts(s.state.batch(e.EventNumber, h, statements))
	case epochType:
		var b epochEntry
		if err := decodeStrict(e.Data, &b); err != nil {
			return s.contradicts(fmt.Errorf("revision %d of the log: %w", e.EventNumber, err))
		}
		return s.contradicts(s.state.epochBegins(e.EventNumber, b))
	case importType, endType:
		var b importEntry
		if err := decodeStrict(e.Data, &b); err != nil {
			return s.contradicts(fmt.Errorf("revision %d of the log: %w", e.EventNumber, err))
		}
		if e.EventType == importType {
			return s.contradicts(s.state.importBegins(e.EventNumber, b))
		}
		return s.contradicts(s.state.end(e.EventNumber, b))
	}
	return s.contradicts(fmt.Errorf("revision %d of the log is of type %q", e.EventNumber, e.EventType))
}

// contradicts ends the store for an error of the record itself; gaps are for the subscription to heal.
func (s *Store) contradicts(err error) error {
	var gap *gapError
	if err == nil || errors.As(err, &gap) {
		return err
	}
	s.fail(err)
	return contradiction{err}
}

// takeHead takes an event of the heads stream.
func (s *Store) takeHead(ctx context.Context, e *esdb.RecordedEvent) error {
	if err := s.reach(ctx, e); err != nil { // which keys signed it is in the log
		return err
	}
	h, chain, err := s.readHead(e)
	if err != nil {
		return s.contradicts(fmt.Errorf("revision %d of the heads: %w", e.EventNumber, err))
	}
	if h.Chain, err = s.chainOf(ctx, chain); err != nil { // the objects may be back in a moment
		return err
	}
	if err := s.checkSigner(h); err != nil {
		return s.contradicts(fmt.Errorf("revision %d of the heads: %w", e.EventNumber, err))
	}
	_, err = s.state.signed(e.EventNumber, h)
	return s.contradicts(err)
}

// readHead reads a head that the log's key signed, without its chain, whose name it gives.
func (s *Store) readHead(e *esdb.RecordedEvent) (events.Head, *events.Digest, error) {
	if e.EventType != headType {
		return events.Head{}, nil, fmt.Errorf("type %q", e.EventType)
	}
	var b headEntry
	if err := decodeStrict(e.Data, &b); err != nil {
		return events.Head{}, nil, err
	}
	h, err := s.OpenCheckpoint([]byte(b.Checkpoint))
	if err != nil {
		return events.Head{}, nil, err
	}
	return events.Head{Origin: h.Origin, Size: h.Size, Root: h.Root, Time: time.UnixMicro(b.Time).UTC(), Checkpoint: []byte(b.Checkpoint)}, b.Chain, nil
}

// catchLog reads the log to its end.
func (s *Store) catchLog(ctx context.Context) error {
	return s.catch(ctx, s.logStream(), func() uint64 { n, _ := s.state.ends(); return n }, s.takeLog)
}

// catchUp reads log and heads to their ends.
func (s *Store) catchUp(ctx context.Context) error {
	if err := s.catchLog(ctx); err != nil {
		return err
	}
	if err := s.catch(ctx, s.headStream(), func() uint64 { _, n := s.state.ends(); return n }, s.takeHead); err != nil {
		return err
	}
	s.heard.Store(time.Now().UnixNano())
	return nil
}

// Heard is when the cluster last answered this node, which asks it several times in LeaseTTL.
func (s *Store) Heard() time.Time { return time.Unix(0, s.heard.Load()) }

func (s *Store) catch(ctx context.Context, stream string, next func() uint64, take func(context.Context, *esdb.RecordedEvent) error) error {
	for {
		list, err := s.conn.read(ctx, stream, next(), readBatches)
		if err != nil {
			return err
		}
		for _, e := range list {
			if err := take(ctx, e); err != nil {
				return err
			}
		}
		if len(list) < readBatches {
			return nil
		}
	}
}
