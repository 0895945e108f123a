package esdbstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/logbook"
)

// proposal is one event on its way into the log.
type proposal struct {
	statement events.Statement
	bytes     []byte
	facts     *events.Facts
}

// Append implements events.Store. It can be called on any node; it waits for the sequencer, wherever that is.
func (s *Store) Append(ctx context.Context, a events.Append) (events.Sealed, error) {
	if err := s.alive(); err != nil {
		return events.Sealed{}, err
	}
	if s.signer == nil {
		return events.Sealed{}, fmt.Errorf("couldn't append to %s: the log is open for reading", a.Stream)
	}
	bound, cancel := s.bound(ctx)
	defer cancel()
	list, err := s.propose(a)
	if err == nil {
		err = bound.Err()
	}
	if err == nil && a.Stream == logbook.Stream {
		err = s.maySay(a, list)
	}
	if err == nil {
		err = s.store(bound, a, list)
	}
	if err == nil {
		err = s.write(bound, a, list)
	}
	if err != nil {
		var conflict *events.ConflictError
		if errors.As(err, &conflict) {
			return events.Sealed{}, conflict
		}
		return events.Sealed{}, fmt.Errorf("couldn't append to %s: %w", a.Stream, s.why(ctx, err))
	}
	sealed, err := s.whenSealed(bound, a.Stream, list)
	if err != nil {
		return events.Sealed{}, fmt.Errorf("couldn't wait for append to %s, it is recorded: %w", a.Stream, s.why(ctx, err))
	}
	return sealed, nil
}

// propose makes the statements, as they will stand if the time need not be lifted.
func (s *Store) propose(a events.Append) ([]proposal, error) {
	if n := len(a.Events); n == 0 || n > maxEvents {
		return nil, fmt.Errorf("%d events, expected 1 to %d", n, maxEvents)
	}
	if a.Expected < -1 {
		return nil, fmt.Errorf("expected version %d", a.Expected)
	}
	s.state.mu.Lock()
	now := s.state.time
	s.state.mu.Unlock()
	if t := s.opts.Now().UTC().Truncate(time.Microsecond); t.After(now) {
		now = t
	}
	list, size := make([]proposal, len(a.Events)), 0
	for i, e := range a.Events {
		p, err := s.one(a, i, now)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name, err)
		}
		if size += len(p.bytes) + len(e.Name) + eventOverhead; size > s.opts.MaxAppend-appendSlack {
			return nil, fmt.Errorf("statements of more than %d bytes at once", s.opts.MaxAppend-appendSlack)
		}
		list[i] = p
	}
	return list, nil
}

func (s *Store) one(a events.Append, i int, now time.Time) (p proposal, err error) {
	e := a.Events[i]
	p.statement = events.Statement{
		Origin: s.opts.Origin, Stream: a.Stream, Version: uint64(a.Expected + 1 + int64(i)), Name: e.Name, Time: now,
		Actor: a.Actor, Client: a.Client, Cause: a.Cause, Basis: a.Basis,
	}
	if p.statement.Data, err = events.MarshalObject(e.Data); err != nil {
		return p, err
	}
	if err := s.random(p.statement.Nonce[:]); err != nil {
		return p, err
	}
	if e.Facts != nil {
		p.facts = new(events.Facts)
		if p.facts.Text, err = events.MarshalObject(e.Facts); err != nil {
			return p, fmt.Errorf("facts: %w", err)
		}
		if err := s.random(p.facts.Salt[:]); err != nil {
			return p, err
		}
		d := p.facts.Digest()
		p.statement.Facts = &d
	}
	if a.Package != nil {
		p.statement.Package = &events.PackageRef{SHA256: a.Package.Digest(), Length: a.Package.Size()}
	}
	if a.Evidence != nil && i == 0 {
		d := events.Sum(a.Evidence)
		p.statement.Evidence = &d
	}
	if p.bytes, err = p.statement.Encode(); err != nil {
		return p, err
	}
	// The statement as anyone will read it: nothing of it is shared with the caller.
	p.statement, err = events.DecodeStatement(p.bytes)
	return p, err
}

// store puts package, evidence and facts where all nodes find them, before anything refers to them.
func (s *Store) store(ctx context.Context, a events.Append, list []proposal) error {
	if p := a.Package; p != nil {
		if err := s.opts.Objects.Put(ctx, Packages, p.Digest(), p, p.Size()); err != nil {
			return err
		}
	}
	if a.Evidence != nil {
		if err := s.opts.Objects.Put(ctx, Evidence, events.Sum(a.Evidence), bytes.NewReader(a.Evidence), int64(len(a.Evidence))); err != nil {
			return err
		}
	}
	for _, p := range list {
		if p.facts == nil {
			continue
		}
		b := append(p.facts.Salt[:len(p.facts.Salt):len(p.facts.Salt)], p.facts.Text...)
		if err := s.opts.Objects.Put(ctx, Facts, *p.statement.Facts, bytes.NewReader(b), int64(len(b))); err != nil {
			return err
		}
	}
	return nil
}

// write makes the proposals durable in their stream.
func (s *Store) write(ctx context.Context, a events.Append, list []proposal) error {
	out := make([]esdb.EventData, len(list))
	for i, p := range list {
		var err error
		if out[i], err = s.rawEvent(p.statement.Name, p.bytes, esdb.ContentTypeJson); err != nil {
			return err
		}
	}
	err := s.conn.write(ctx, s.proposals(a.Stream), a.Expected, out)
	var m *moved
	if errors.As(err, &m) {
		return &events.ConflictError{Stream: a.Stream, Expected: a.Expected, Actual: m.actual}
	}
	return err
}

// whenSealed waits until a signed head includes the proposals.
func (s *Store) whenSealed(ctx context.Context, stream string, list []proposal) (events.Sealed, error) {
	last := list[len(list)-1].statement.Version
	for {
		head, snapshot, changed := s.state.sealed()
		if position, _, ok := s.state.at(stream, last); ok && position < head.Size {
			return s.sealed(ctx, stream, list, head, snapshot)
		}
		if err := s.await(ctx, changed); err != nil {
			return events.Sealed{}, err
		}
	}
}

func (s *Store) sealed(ctx context.Context, stream string, list []proposal, head events.Head, snapshot ledger.Snapshot) (events.Sealed, error) {
	out := events.Sealed{Head: head}
	for _, p := range list {
		position, entry, _ := s.state.at(stream, p.statement.Version)
		e := events.Event{Position: position, Statement: p.statement, Bytes: p.bytes}
		if ledger.Entry(p.bytes) != entry { // the sequencer lifted its time
			var err error
			if e, err = s.bare(ctx, position); err != nil {
				return out, err
			}
			if e.Statement.Nonce != p.statement.Nonce {
				return out, s.contradicts(fmt.Errorf("version %d of %s is not the statement that was written", p.statement.Version, stream))
			}
		}
		if p.facts != nil {
			e.Facts = p.facts.Text
		}
		proof, err := snapshot.Prove(position, head.Size, s.state.tileSource)
		if err != nil {
			return out, err
		}
		out.Events, out.Proofs = append(out.Events, e), append(out.Proofs, proof)
	}
	return out, nil
}
