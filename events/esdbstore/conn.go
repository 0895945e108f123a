package esdbstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/tram-exchange/tram/events"
)

// conn is the client with what it lacks: it comes back after its discovery gave up, ends with the context also while it
// looks for a node, and is not closed under a call (which makes the client panic).
type conn struct {
	config   *esdb.Configuration
	deadline time.Duration
	pause    func(ctx context.Context, attempt int) error

	writes atomic.Int64 // that were tried
	*presence

	mu     sync.Mutex
	closed bool
	client *client
}

// client is one life of the client.
type client struct {
	*esdb.Client
	dead     chan struct{} // closed when it was found to have ended: calls that it still holds will never return
	inFlight sync.WaitGroup
}

func newConn(o Options) (*conn, error) {
	config, err := esdb.ParseConnectionString(o.Connection)
	if err != nil {
		return nil, errors.New("couldn't read connection string") // the error may hold a password
	}
	if o.Username != "" {
		config.Username, config.Password = o.Username, o.Password
	}
	config.Logger = esdb.NoopLogging() // it would log to standard output
	return &conn{config: config, deadline: o.Deadline, pause: o.pause, presence: newPresence(o)}, nil
}

func (c *conn) get() (*client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, events.ErrClosed
	}
	if c.client == nil {
		made, err := esdb.NewClient(c.config)
		if err != nil {
			return nil, err
		}
		c.client = &client{Client: made, dead: make(chan struct{})}
	}
	c.client.inFlight.Add(1)
	return c.client, nil
}

// drop forgets a client that has ended by itself.
func (c *conn) drop(old *client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client == old {
		c.client = nil
		close(old.dead)
	}
}

// close lets calls end before it ends the client; their contexts have ended by then.
func (c *conn) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if last := c.client; last != nil {
		go func() { // a call may hang in a client that has ended by itself
			last.inFlight.Wait()
			last.Close()
		}()
	}
}

// errHung can be retried: nobody knows what became of the call.
var errHung = errors.New("the client does not answer")

// call runs f with the client, and leaves it behind if the context ends first or it takes twice the deadline: f must not
// touch what is the caller's.
func call[T any](ctx context.Context, c *conn, f func(context.Context, *esdb.Client) (T, error)) (T, error) {
	type answer struct {
		v   T
		err error
	}
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	client, err := c.get()
	if err != nil {
		return none, err
	}
	got := make(chan answer, 1)
	go func() {
		defer client.inFlight.Done()
		v, err := f(metadata.AppendToOutgoingContext(ctx, "requires-leader", "true"), client.Client)
		got <- answer{v, err}
	}()
	hung := time.NewTimer(2 * c.deadline)
	defer hung.Stop()
	select {
	case <-client.dead:
		c.note(errHung)
		return none, errHung
	case <-hung.C: // calls have deadlines of their own; a client that has ended by itself may not even look at them
		c.drop(client)
		c.note(errHung)
		return none, errHung
	case a := <-got:
		if a.err != nil && ctx.Err() != nil {
			return none, ctx.Err()
		}
		c.note(a.err)
		var e *esdb.Error
		if a.err != nil && !errors.Is(a.err, io.EOF) && (!errors.As(a.err, &e) || e.Code() == esdb.ErrorCodeConnectionClosed) {
			c.drop(client)
		}
		return a.v, a.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// code is the client's code of an error.
func code(err error) esdb.ErrorCode {
	var e *esdb.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return esdb.ErrorCodeUnknown
}

// retryable says whether the same call may succeed later.
func retryable(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, events.ErrClosed) {
		return false
	}
	switch code(err) {
	case esdb.ErrorCodeWrongExpectedVersion, esdb.ErrorCodeAccessDenied, esdb.ErrorCodeUnauthenticated, esdb.ErrorCodeStreamDeleted,
		esdb.ErrorCodeUnsupportedFeature, esdb.ErrorCodeParsing, esdb.ErrorCodeResourceNotFound:
		return false
	}
	switch status.Code(err) {
	case codes.InvalidArgument, codes.OutOfRange, codes.FailedPrecondition, codes.Unimplemented:
		return false
	}
	return true
}

// retry calls f until it succeeds, fails for good, or the context ends.
func retry[T any](ctx context.Context, c *conn, f func() (T, error)) (T, error) {
	for attempt := 0; ; attempt++ {
		v, err := f()
		if err == nil || !retryable(err) {
			return v, err
		}
		if e := c.pause(ctx, attempt); e != nil {
			return v, errors.Join(e, err)
		}
	}
}

// moved says that a stream is not at the revision that a write expected.
type moved struct {
	stream           string
	expected, actual int64
}

func (e *moved) Error() string {
	return fmt.Sprintf("couldn't write to %s: expected revision %d, actual revision %d", e.stream, e.expected, e.actual)
}

func revision(expected int64) esdb.ExpectedRevision {
	if expected < 0 {
		return esdb.NoStream{}
	}
	return esdb.Revision(uint64(expected))
}

// write appends behind the expected revision, exactly once however often its answer is lost: the events keep their ids.
// It gives *moved if others were first.
func (c *conn) write(ctx context.Context, stream string, expected int64, list []esdb.EventData) error {
	_, err := c.writeAt(ctx, stream, expected, list)
	return err
}

// writeAt is write; it says where in $all the last event is, if the server said so.
func (c *conn) writeAt(ctx context.Context, stream string, expected int64, list []esdb.EventData) (at source, err error) {
	for attempt := 0; ; attempt++ {
		c.writes.Add(1)
		result, err := call(ctx, c, func(ctx context.Context, client *esdb.Client) (*esdb.WriteResult, error) {
			return client.AppendToStream(ctx, stream, esdb.AppendToStreamOptions{ExpectedRevision: revision(expected), Deadline: &c.deadline}, list...)
		})
		if err == nil {
			return source{result.CommitPosition, result.PreparePosition}, nil
		}
		if code(err) == esdb.ErrorCodeWrongExpectedVersion {
			actual, written, err := c.settle(ctx, stream, expected, list)
			if err != nil || written {
				return source{}, err
			}
			if actual != expected { // else the stream came there just now
				return source{}, &moved{stream, expected, actual}
			}
		} else if !retryable(err) {
			return source{}, err
		}
		if e := c.pause(ctx, attempt); e != nil {
			return source{}, errors.Join(e, err)
		}
	}
}

// settle says where a stream stands, and whether it is there because a write of before was persisted after all.
func (c *conn) settle(ctx context.Context, stream string, expected int64, list []esdb.EventData) (actual int64, written bool, err error) {
	found, err := c.read(ctx, stream, uint64(expected+1), uint64(len(list)))
	if err != nil {
		return 0, false, err
	}
	written = len(found) == len(list)
	for i := range found {
		written = written && found[i].EventID == list[i].EventID
	}
	if written {
		return 0, true, nil
	}
	last, err := c.last(ctx, stream)
	if err != nil || last == nil {
		return -1, false, err
	}
	return int64(last.EventNumber), false, nil
}

// read gives up to count events of a stream from a revision on; none if there is no such stream.
func (c *conn) read(ctx context.Context, stream string, from, count uint64) ([]*esdb.RecordedEvent, error) {
	return c.readWith(ctx, stream, esdb.ReadStreamOptions{From: esdb.Revision(from), Direction: esdb.Forwards}, count)
}

// last gives the last event of a stream, nil if there is none.
func (c *conn) last(ctx context.Context, stream string) (*esdb.RecordedEvent, error) {
	list, err := c.readWith(ctx, stream, esdb.ReadStreamOptions{From: esdb.End{}, Direction: esdb.Backwards}, 1)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

func (c *conn) readWith(ctx context.Context, stream string, o esdb.ReadStreamOptions, count uint64) ([]*esdb.RecordedEvent, error) {
	return retry(ctx, c, func() ([]*esdb.RecordedEvent, error) {
		return call(ctx, c, func(ctx context.Context, client *esdb.Client) (list []*esdb.RecordedEvent, err error) {
			ctx, cancel := context.WithTimeout(ctx, c.deadline) // the client has none for reads
			defer cancel()
			r, err := client.ReadStream(ctx, stream, o, count)
			if err != nil {
				return nil, err
			}
			defer r.Close()
			for {
				e, err := r.Recv()
				if errors.Is(err, io.EOF) || code(err) == esdb.ErrorCodeResourceNotFound {
					return list, nil
				}
				if err != nil {
					return nil, err
				}
				list = append(list, e.OriginalEvent())
			}
		})
	})
}
