package esdbstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/logbook"
)

// ticksPerLease is how often in LeaseTTL a sequencer renews and a candidate looks.
const ticksPerLease = 4

// releaseWait bounds how long Close tries to release the lease.
const releaseWait = 2 * time.Second

// errLost ends an office: another node has it.
var errLost = errors.New("another node sequences")

// errGap: proposals came out of order; they are read again from the last place that the log names.
var errGap = errors.New("proposals are missing")

// office lets this node stand for the office of sequencer for as long as the store is open.
func (s *Store) office() {
	for attempt := 0; s.ctx.Err() == nil; attempt++ {
		l, err := s.campaign()
		if err == nil {
			attempt = 0
			err = s.reign(l)
			s.leave()
			s.release(l)
		}
		var c contradiction
		if s.ctx.Err() != nil {
			return
		}
		if errors.As(err, &c) || !errors.Is(err, errLost) && !retryable(err) {
			s.fail(err)
			return
		}
		s.opts.Log.Info("this node does not sequence", "error", err)
		if s.opts.pause(s.ctx, attempt) != nil {
			return
		}
	}
}

// lease is the office as this node holds it.
type lease struct {
	epoch    uint64
	revision int64 // of our last entry in the lease stream
}

// event makes one event of ours.
func (s *Store) event(kind string, v any) (esdb.EventData, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return esdb.EventData{}, err
	}
	return s.rawEvent(kind, b, esdb.ContentTypeJson)
}

func (s *Store) rawEvent(kind string, b []byte, content esdb.ContentType) (esdb.EventData, error) {
	var id uuid.UUID
	if err := s.random(id[:]); err != nil {
		return esdb.EventData{}, err
	}
	return esdb.EventData{EventID: id, EventType: kind, ContentType: content, Data: b}, nil
}

// put writes one event of ours behind the expected revision.
func (s *Store) put(ctx context.Context, stream, kind string, expected int64, v any) error {
	e, err := s.event(kind, v)
	if err != nil {
		return err
	}
	return s.conn.write(ctx, stream, expected, []esdb.EventData{e})
}

// campaign returns when this node has the lease.
func (s *Store) campaign() (*lease, error) {
	seen, stood := int64(-2), 0
	for {
		last, err := s.conn.last(s.ctx, s.leaseStream())
		if err != nil {
			return nil, err
		}
		revision, held := int64(-1), leaseEntry{Released: true}
		if last != nil {
			revision, held = int64(last.EventNumber), leaseEntry{}
			if err := decodeStrict(last.Data, &held); err != nil {
				return nil, contradiction{fmt.Errorf("couldn't read lease: %w", err)}
			}
		}
		if revision != seen {
			seen, stood = revision, 0
		}
		if !s.opts.Follow && (held.Released || stood >= ticksPerLease) {
			l, err := s.claim(revision, held.Epoch)
			var m *moved
			if !errors.As(err, &m) {
				return l, err
			}
			continue
		}
		select {
		case <-s.opts.tick(s.opts.LeaseTTL / ticksPerLease):
		case <-s.ctx.Done():
			return nil, s.ctx.Err()
		}
		stood++
		if err := s.catchUp(s.ctx); err != nil { // also when a subscription hangs
			return nil, err
		}
	}
}

func (s *Store) claim(revision int64, epoch uint64) (*lease, error) {
	if revision < 0 { // renewals are of no use later
		var m esdb.StreamMetadata
		m.SetMaxCount(64)
		_, err := call(s.ctx, s.conn, func(ctx context.Context, client *esdb.Client) (*esdb.WriteResult, error) {
			return client.SetStreamMetadata(ctx, s.leaseStream(), esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}, Deadline: &s.opts.Deadline}, m)
		})
		if err != nil && !retryable(err) {
			return nil, err
		}
	}
	s.state.mu.Lock()
	epoch = max(epoch, s.state.epoch) + 1
	s.state.mu.Unlock()
	l := &lease{epoch: epoch, revision: revision}
	return l, s.renew(s.ctx, l, false)
}

func (s *Store) renew(ctx context.Context, l *lease, released bool) error {
	err := s.put(ctx, s.leaseStream(), leaseType, l.revision, leaseEntry{Epoch: l.epoch, Holder: s.id, Released: released})
	if err == nil {
		l.revision++
	}
	return err
}

// release lets the next one begin without waiting. If it fails the lease runs out.
func (s *Store) release(l *lease) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), min(s.opts.Deadline, releaseWait))
	defer cancel()
	if err := s.renew(ctx, l, true); err != nil {
		s.opts.Log.Info("couldn't release the lease", "error", err)
	}
}

// reign sequences until the office is lost, which is its error.
func (s *Store) reign(l *lease) error {
	if err := s.begin(l); err != nil {
		return lost(err)
	}
	s.opts.Log.Info("this node sequences", "epoch", l.epoch)
	for gaps := 0; ; gaps++ {
		took, err := s.sequence(l)
		if !errors.Is(err, errGap) {
			return lost(err)
		}
		if took {
			gaps = 0
		}
		if gaps >= 5 {
			return contradiction{err}
		}
		if err := s.opts.pause(s.ctx, gaps); err != nil {
			return err
		}
	}
}

// lost: a write of a sequencer that finds its place taken.
func lost(err error) error {
	var m *moved
	if errors.As(err, &m) {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return err
}

// begin takes the log over: from its entry on, no write of an earlier sequencer can succeed.
func (s *Store) begin(l *lease) error {
	for {
		if err := s.catchLog(s.ctx); err != nil {
			return err
		}
		if err := s.opts.hook(s.ctx, "begin"); err != nil {
			return err
		}
		s.state.mu.Lock()
		next, epoch, moving := s.state.logNext, s.state.epoch, s.state.moving()
		s.state.mu.Unlock()
		if moving {
			return contradiction{ErrMoving}
		}
		if epoch >= l.epoch {
			return fmt.Errorf("%w: the log is in epoch %d, ours is %d", errLost, epoch, l.epoch)
		}
		entry := epochEntry{Epoch: l.epoch, Holder: s.id}
		err := s.put(s.ctx, s.logStream(), epochType, int64(next)-1, entry)
		var m *moved
		if errors.As(err, &m) {
			continue
		}
		if err != nil {
			return err
		}
		if err := s.contradicts(s.state.epochBegins(next, entry)); err != nil {
			return err
		}
		s.hold(l)
		return s.sign(l, true) // again with this node's certificate: receipts of now are then of a certificate of now
	}
}

// sign puts the end of the log under a signed head: again, or only if it is not yet.
func (s *Store) sign(l *lease, again bool) error {
	chain, err := s.keepChain(s.ctx)
	if err != nil {
		return err
	}
	for {
		s.state.mu.Lock()
		h := events.Head{Origin: s.opts.Origin, Size: s.state.tree.Size(), Root: s.state.tree.Root(), Time: s.state.time}
		next, sealed, epoch, book := s.state.headNext, s.state.head.Size, s.state.epoch, s.state.book
		s.state.mu.Unlock()
		if next > 0 && sealed == h.Size && !again {
			return nil
		}
		if epoch != l.epoch {
			return errLost
		}
		// It is in the log already: whoever signs this size signs this root.
		if h.Checkpoint, err = s.known(book).Sign(s.signer, h.Size, h.Root); err != nil {
			return contradiction{err}
		}
		if err := s.opts.hook(s.ctx, "sign"); err != nil {
			return err
		}
		err = s.put(s.ctx, s.headStream(), headType, int64(next)-1, headEntry{Epoch: l.epoch, Time: h.Time.UnixMicro(), Checkpoint: string(h.Checkpoint), Chain: chain})
		var m *moved
		if errors.As(err, &m) { // a head of an earlier sequencer came in between
			if err := s.catchUp(s.ctx); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if h.Chain, err = s.chainOf(s.ctx, chain); err != nil {
			return err
		}
		_, err = s.state.signed(next, h)
		return s.contradicts(err)
	}
}

// sequence takes proposals from where the log names and gives them their places. took says that there were some.
func (s *Store) sequence(l *lease) (took bool, err error) {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	fed := make(chan *esdb.RecordedEvent, maxBatch)
	broken := make(chan error, 1)
	s.state.mu.Lock()
	from := s.state.source
	s.state.mu.Unlock()
	s.running.Go(func() { broken <- s.feed(ctx, from, fed) })
	tick := s.opts.tick(s.opts.LeaseTTL / ticksPerLease)
	for {
		select {
		case first := <-fed:
			if err := s.seal(l, s.collect(first, fed)); err != nil {
				return took, err
			}
			took = true
		case <-tick:
			if err := s.opts.hook(ctx, "tick"); err != nil {
				return took, err
			}
			if err := s.renew(ctx, l, false); err != nil {
				return took, err
			}
			s.hold(l)
			if err := s.catchUp(ctx); err != nil {
				return took, err
			}
			tick = s.opts.tick(s.opts.LeaseTTL / ticksPerLease)
		case err := <-broken:
			return took, err
		case <-ctx.Done():
			return took, ctx.Err()
		}
	}
}

// feed hands on all proposals behind a place in $all, in order; some may come twice.
func (s *Store) feed(ctx context.Context, from source, to chan<- *esdb.RecordedEvent) error {
	for attempt := 0; ; attempt++ {
		before := from
		err := s.feedOnce(ctx, &from, to)
		if e := ctx.Err(); e != nil {
			return e
		}
		if err != nil && !retryable(err) {
			return err
		}
		if before != from {
			attempt = 0
		}
		s.opts.Log.Warn("the subscription to proposals was dropped and begins again", "error", err)
		if err := s.opts.pause(ctx, attempt); err != nil {
			return err
		}
	}
}

// feedOnce hands on proposals until the subscription is dropped, and moves from along.
func (s *Store) feedOnce(ctx context.Context, from *source, to chan<- *esdb.RecordedEvent) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	at := esdb.AllPosition(esdb.Start{}) // the client's default is the end
	if *from != (source{}) {
		at = esdb.Position{Commit: from.Commit, Prepare: from.Prepare}
	}
	sub, err := call(ctx, s.conn, func(ctx context.Context, client *esdb.Client) (*esdb.Subscription, error) {
		return client.SubscribeToAll(ctx, esdb.SubscribeToAllOptions{
			From: at, Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{s.proposals("")}},
		})
	})
	if err != nil {
		return err
	}
	for {
		e := sub.Recv()
		if e.SubscriptionDropped != nil {
			return nil
		}
		if p := e.CheckPointReached; p != nil {
			if c := (source{p.Commit, p.Prepare}); from.less(c) {
				*from = c
			}
		}
		if e.EventAppeared == nil {
			continue
		}
		r := e.EventAppeared.OriginalEvent()
		select {
		case to <- r:
			*from = source{r.Position.Commit, r.Position.Prepare}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// collect takes along what has queued up behind the first proposal, as much as fits into one write.
func (s *Store) collect(first *esdb.RecordedEvent, fed <-chan *esdb.RecordedEvent) [][]*esdb.RecordedEvent {
	groups := [][]*esdb.RecordedEvent{{first}}
	for n, size := 1, len(first.Data); n < maxBatch; n++ {
		select {
		case e := <-fed:
			if size += len(e.Data) + 1; size > s.opts.MaxAppend-appendSlack/2 {
				groups, size = append(groups, nil), len(e.Data)
			}
			groups[len(groups)-1] = append(groups[len(groups)-1], e)
		default:
			return groups
		}
	}
	return groups
}

// seal writes batches of proposals into the log and signs the head after each.
func (s *Store) seal(l *lease, groups [][]*esdb.RecordedEvent) error {
	for _, list := range groups {
		if err := s.record(l, list); err != nil {
			return err
		}
	}
	return s.sign(l, false)
}

func (s *Store) record(l *lease, list []*esdb.RecordedEvent) error {
	h, statements, next, err := s.arrange(l, list)
	if err != nil || len(statements) == 0 {
		return err
	}
	b, err := encodeBatch(h, statements)
	if err != nil {
		return err
	}
	e, err := s.rawEvent(batchType, b, esdb.ContentTypeBinary)
	if err != nil {
		return err
	}
	if err := s.opts.hook(s.ctx, "record"); err != nil {
		return err
	}
	// COMMIT POINT of the order: the exact revision keeps out whoever does not know all that is in the log.
	if err := s.conn.write(s.ctx, s.logStream(), int64(next)-1, []esdb.EventData{e}); err != nil {
		return err
	}
	return s.contradicts(s.state.batch(next, h, statements))
}

// arrange gives proposals their order: those that are in the log already are left out.
func (s *Store) arrange(l *lease, list []*esdb.RecordedEvent) (h batchHeader, statements [][]byte, next uint64, err error) {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	st := s.state
	if st.ended {
		return h, nil, 0, contradiction{ErrMoving}
	}
	if st.epoch != l.epoch {
		return h, nil, 0, fmt.Errorf("%w: the log is in epoch %d, ours is %d", errLost, st.epoch, l.epoch)
	}
	h = batchHeader{Epoch: l.epoch, From: st.tree.Size(), Size: st.tree.Size(), Source: st.source}
	versions := map[string]uint64{}
	var entries []events.Digest
	at, book := st.time, s.known(st.book)
	for _, e := range list {
		stream := strings.TrimPrefix(e.StreamID, s.proposals(""))
		want, ok := versions[stream]
		if !ok {
			want = uint64(len(st.streams[stream]))
		}
		if p := (source{e.Position.Commit, e.Position.Prepare}); h.Source.less(p) {
			h.Source = p
		}
		if e.EventNumber < want {
			continue
		}
		if e.EventNumber > want {
			return h, nil, 0, fmt.Errorf("%w: version %d of %s, expected %d", errGap, e.EventNumber, stream, want)
		}
		b, t, err := s.place(e, stream, h.Size, at)
		if err != nil {
			return h, nil, 0, contradiction{fmt.Errorf("couldn't place version %d of %s: %w", e.EventNumber, stream, err)}
		}
		if stream == logbook.Stream {
			if book, err = s.planned(book, b, h.Size); err != nil {
				return h, nil, 0, contradiction{fmt.Errorf("couldn't place version %d of %s: %w", e.EventNumber, stream, err)}
			}
		}
		statements, entries = append(statements, b), append(entries, ledger.Entry(b))
		versions[stream], at = want+1, t
		h.Size++
	}
	if len(entries) > 0 {
		h.Root = st.rootWith(entries)
	}
	return h, statements, st.logNext, nil
}

// rootWith is the root that the tree would have with more entries. The caller holds mu.
func (s *state) rootWith(entries []events.Digest) events.Digest {
	t := *s.tree // what it appends lies behind what the tree and its snapshots see
	t.Append(entries)
	return t.Root()
}

// place checks a proposal, and lifts its time if it is before that of the position before it.
func (s *Store) place(e *esdb.RecordedEvent, stream string, position uint64, before time.Time) ([]byte, time.Time, error) {
	st, err := events.DecodeStatement(e.Data)
	if err != nil {
		return nil, before, err
	}
	if st.Origin != s.opts.Origin || st.Stream != stream || st.Version != e.EventNumber {
		return nil, before, fmt.Errorf("the statement says version %d of %s in %s", st.Version, st.Stream, st.Origin)
	}
	if st.Basis.Directory > position || st.Basis.Policy > position {
		return nil, before, fmt.Errorf("basis %+v is not before position %d", st.Basis, position)
	}
	if !st.Time.Before(before) {
		return e.Data, st.Time, nil
	}
	st.Time = before
	b, err := st.Encode()
	return b, before, err
}
