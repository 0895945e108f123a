package esdbstore

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// Record is the record of a log in another store, under the head that was signed last. It must not change.
type Record interface {
	Head() events.Head
	// Each calls f for the events from a position on, in order, with all that belongs to them.
	Each(ctx context.Context, from uint64, f func(Entry) error) error
	// Evidence reads stored validation evidence.
	Evidence(ctx context.Context, sha256 events.Digest) ([]byte, error)
}

// Entry is one event of a Record.
type Entry struct {
	events.Event
	Salt    []byte                                              // of the facts
	Package func(context.Context) (events.PackageReader, error) // nil: it has none, or it was destroyed
}

// ErrMoving: a record is being moved into this log, or was moved out of it; no node may sequence.
var ErrMoving = errors.New("the log is being moved")

// moveParallel is how many streams are written to at once.
const moveParallel = 32

// Move brings a record into a cluster that has nothing of its log yet, as it is: statement for statement, with salts, evidence
// and packages, and at last the head that was signed last, which the tree must have by then. Until that is done no node can
// sequence. It goes on from where an earlier Move of the same record has stopped. opts need no NodeKey; Key must be one of the
// log's, and NodeChain that of the head. done is told how far it is.
func Move(ctx context.Context, opts Options, from Record, done func(size uint64)) error {
	s, err := newStore(opts)
	if err == nil {
		m := &mover{s: s, from: from, done: done}
		err = errors.Join(m.run(ctx), s.Close())
	}
	if err != nil {
		return fmt.Errorf("couldn't move log %s into the cluster: %w", opts.Origin, err)
	}
	return nil
}

type mover struct {
	s    *Store
	from Record
	done func(uint64)
}

func (m *mover) run(ctx context.Context) error {
	s, head := m.s, m.from.Head()
	if s.opts.Key == "" {
		return errors.New("the log's verifier key is required")
	}
	if head.Size == 0 {
		return errors.New("the record is empty")
	}
	head.Chain = []*x509.Certificate{}
	if len(s.opts.NodeChain) > 0 {
		head.Chain = s.opts.NodeChain
		if err := s.checkSigner(head); err != nil {
			return err
		}
	}
	if err := m.begin(ctx, head); err != nil {
		return err
	}
	if err := m.copy(ctx, head); err != nil {
		return err
	}
	return m.seal(ctx, head)
}

// begin takes the log for the move: nobody can sequence before everything is there.
func (m *mover) begin(ctx context.Context, head events.Head) error {
	s := m.s
	if err := s.catchUp(ctx); err != nil {
		return err
	}
	want := importEntry{Size: head.Size, Root: head.Root}
	if next, _ := s.state.ends(); next == 0 {
		err := s.put(ctx, s.logStream(), importType, -1, want)
		var moved *moved
		if err != nil && !errors.As(err, &moved) {
			return err
		}
		if err := s.catchUp(ctx); err != nil {
			return err
		}
	}
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	switch got := s.state.imported; {
	case got == nil:
		return errors.New("the cluster has a log of this name that was not moved there")
	case *got != want:
		return fmt.Errorf("the cluster has this log from a move of %d events with root %s, the record has %d and %s", got.Size, got.Root, want.Size, want.Root)
	}
	return nil
}

// copy brings in what is not there yet: first what events refer to, then the events in their streams, then their order.
func (m *mover) copy(ctx context.Context, head events.Head) error {
	s := m.s
	_, snapshot := s.state.place()
	if snapshot >= head.Size {
		return nil
	}
	var list []Entry
	size := 0
	flush := func() error {
		if len(list) == 0 {
			return nil
		}
		err := m.chunk(ctx, list)
		list, size = list[:0], 0
		return err
	}
	err := m.from.Each(ctx, snapshot, func(e Entry) error {
		if e.Position >= head.Size {
			return nil
		}
		n := len(e.Bytes) + 1
		if n > s.opts.MaxAppend-appendSlack {
			return fmt.Errorf("event %d has %d bytes, the cluster takes %d at once", e.Position, n, s.opts.MaxAppend-appendSlack)
		}
		if size+n > s.opts.MaxAppend-appendSlack || len(list) == maxBatch {
			if err := flush(); err != nil {
				return err
			}
		}
		list, size = append(list, e), size+n
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// chunk moves events that follow each other and fit into one batch.
func (m *mover) chunk(ctx context.Context, list []Entry) error {
	s := m.s
	if err := m.objects(ctx, list); err != nil {
		return err
	}
	at, err := m.streams(ctx, list)
	if err != nil {
		return err
	}
	next, size := s.state.place()
	h := batchHeader{From: size, Size: size + uint64(len(list)), Source: at}
	statements, entries := make([][]byte, len(list)), make([]events.Digest, len(list))
	for i, e := range list {
		if e.Position != size+uint64(i) {
			return fmt.Errorf("event %d of the record follows, expected %d", e.Position, size+uint64(i))
		}
		statements[i], entries[i] = e.Bytes, ledger.Entry(e.Bytes)
	}
	s.state.mu.Lock()
	h.Root = s.state.rootWith(entries)
	s.state.mu.Unlock()
	b, err := encodeBatch(h, statements)
	if err != nil {
		return err
	}
	e, err := s.rawEvent(batchType, b, esdb.ContentTypeBinary)
	if err != nil {
		return err
	}
	if err := s.conn.write(ctx, s.logStream(), int64(next)-1, []esdb.EventData{e}); err != nil {
		return err
	}
	if err := s.state.batch(next, h, statements); err != nil {
		return err
	}
	if m.done != nil {
		m.done(h.Size)
	}
	return nil
}

// streams writes events into their streams, each stream in its order. at is where in $all the last of them is, as far as
// the server says.
func (m *mover) streams(ctx context.Context, list []Entry) (at source, err error) {
	var order []string
	byStream := map[string][]esdb.EventData{}
	first := map[string]uint64{}
	for _, e := range list {
		st := &e.Statement
		if _, ok := byStream[st.Stream]; !ok {
			order, first[st.Stream] = append(order, st.Stream), st.Version
		}
		d := ledger.Entry(e.Bytes)
		byStream[st.Stream] = append(byStream[st.Stream], esdb.EventData{ // the same id whenever it is moved
			EventID: uuid.UUID(d[:16]), EventType: st.Name, ContentType: esdb.ContentTypeJson, Data: e.Bytes,
		})
	}
	s := m.s
	s.state.mu.Lock()
	at = s.state.source
	s.state.mu.Unlock()
	var mu sync.Mutex
	err = atOnce(moveParallel, len(order), func(i int) error {
		name := order[i]
		got, err := m.stream(ctx, s.proposals(name), int64(first[name])-1, byStream[name])
		mu.Lock()
		defer mu.Unlock()
		if at.less(got) {
			at = got
		}
		return err
	})
	return at, err
}

// stream writes events into one stream, behind those of them that an earlier move has written.
func (m *mover) stream(ctx context.Context, name string, expected int64, list []esdb.EventData) (source, error) {
	at, err := m.s.conn.writeAt(ctx, name, expected, list)
	var moved *moved
	if !errors.As(err, &moved) || moved.actual <= expected {
		return at, err
	}
	there, e := m.s.conn.read(ctx, name, uint64(expected+1), uint64(len(list)))
	if e != nil {
		return at, e
	}
	for i, r := range there {
		if r.EventID != list[i].EventID || !bytes.Equal(r.Data, list[i].Data) {
			return at, fmt.Errorf("revision %d is not the record's: %w", r.EventNumber, err)
		}
	}
	if len(there) == 0 || len(there) == len(list) {
		return at, err
	}
	return m.s.conn.writeAt(ctx, name, expected+int64(len(there)), list[len(there):])
}

// objects stores what events refer to; what was destroyed is marked as that.
func (m *mover) objects(ctx context.Context, list []Entry) error {
	objects := m.s.opts.Objects
	return atOnce(moveParallel, len(list), func(i int) error {
		e := &list[i]
		st := &e.Statement
		switch {
		case st.Facts == nil:
		case e.Destroyed:
			if err := objects.Destroy(ctx, Facts, *st.Facts); err != nil {
				return err
			}
		default:
			b := append(bytes.Clone(e.Salt), e.Facts...)
			if err := objects.Put(ctx, Facts, *st.Facts, bytes.NewReader(b), int64(len(b))); err != nil {
				return fmt.Errorf("facts of event %d: %w", e.Position, err)
			}
		}
		if d := st.Evidence; d != nil {
			b, err := m.from.Evidence(ctx, *d)
			if err == nil {
				err = objects.Put(ctx, Evidence, *d, bytes.NewReader(b), int64(len(b)))
			}
			if err != nil {
				return fmt.Errorf("evidence of event %d: %w", e.Position, err)
			}
		}
		if st.Package == nil {
			return nil
		}
		if e.Package == nil {
			return objects.Destroy(ctx, Packages, st.Package.SHA256)
		}
		p, err := e.Package(ctx)
		if err != nil {
			return fmt.Errorf("package of event %d: %w", e.Position, err)
		}
		return errors.Join(objects.Put(ctx, Packages, st.Package.SHA256, p, p.Size()), p.Close())
	})
}

// seal puts the head of the record over what was moved. From then on the log is as any other.
func (m *mover) seal(ctx context.Context, head events.Head) error {
	s := m.s
	if s.Head().Checkpoint != nil {
		return nil // it has gone on already
	}
	chain, err := s.keepChain(ctx)
	if err != nil {
		return err
	}
	if _, err := s.OpenCheckpoint(head.Checkpoint); err != nil { // by the keys that the log names
		return err
	}
	s.state.mu.Lock()
	root, size, at := s.state.tree.Root(), s.state.tree.Size(), s.state.time
	s.state.mu.Unlock()
	if size != head.Size || root != head.Root {
		return fmt.Errorf("the log in the cluster has size %d and root %s, the record's head says %d and %s", size, root, head.Size, head.Root)
	}
	err = s.put(ctx, s.headStream(), headType, -1, headEntry{Time: at.UnixMicro(), Checkpoint: string(head.Checkpoint), Chain: chain})
	var moved *moved
	if err != nil && !errors.As(err, &moved) {
		return err
	}
	return s.catchUp(ctx)
}

// End ends a log in the cluster for good, so that it can go on in another store: from then on no node can sequence it. What is not
// under a signed head by then must be signed first.
func End(ctx context.Context, opts Options) error {
	s, err := OpenReader(ctx, opts)
	if err != nil {
		return err
	}
	err = s.end(ctx)
	if err := errors.Join(err, s.Close()); err != nil {
		return fmt.Errorf("couldn't end log %s in the cluster: %w", opts.Origin, err)
	}
	return nil
}

func (s *Store) end(ctx context.Context) error {
	s.state.mu.Lock()
	ended, size, root, sealed, next := s.state.ended, s.state.tree.Size(), s.state.tree.Root(), s.state.head.Size, s.state.logNext
	s.state.mu.Unlock()
	if ended {
		return nil
	}
	if sealed != size {
		return fmt.Errorf("%d of %d events are under a signed head: let a node sign the rest first", sealed, size)
	}
	// The exact revision: nothing was added since.
	return s.put(ctx, s.logStream(), endType, int64(next)-1, importEntry{Size: size, Root: root})
}

// atOnce calls f for 0 to n-1, some at once, and gives the first error; after one no further calls begin.
func atOnce(parallel, n int, f func(int) error) error {
	var mu sync.Mutex
	var wg sync.WaitGroup
	var first error
	next := 0
	for range min(parallel, n) {
		wg.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				stop := i >= n || first != nil
				mu.Unlock()
				if stop {
					return
				}
				if err := f(i); err != nil {
					mu.Lock()
					if first == nil {
						first = err
					}
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return first
}
