package esdbstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/logbook"
)

// ErrBegin: a log that follows a lost one begins with an event at position 0, which several nodes could race for.
var ErrBegin = errors.New("a log that goes on from a lost one is begun in a folder and then moved into the cluster")

// trusted are the verifier keys that this node knows to be the log's.
func (s *Store) trusted() []string {
	if s.signer != nil {
		return s.signer.LogKeys()
	}
	if s.opts.Key != "" {
		return []string{s.opts.Key}
	}
	return nil
}

// known is the state with the log's first key, which it does not say itself before its first rotation.
func (s *Store) known(book logbook.State) logbook.State {
	if book.First == "" {
		s.keyMu.Lock()
		defer s.keyMu.Unlock()
		if book.First = s.firstKey; book.First == "" && s.signer != nil {
			book.First = s.signer.LogKeys()[0] // of a log that begins now
		}
	}
	return book
}

// OpenCheckpoint reads a checkpoint that the keys in force have signed, as far as the log is known here. A reader without a key
// leaves that to whoever has one.
func (s *Store) OpenCheckpoint(b []byte) (ledger.Head, error) {
	s.state.mu.Lock()
	book := s.state.book
	s.state.mu.Unlock()
	trusted := s.trusted()
	if book.First == "" { // no rotation: one key has signed everything
		if len(trusted) == 0 {
			h, err := ledger.ReadCheckpoint(b)
			if err == nil && h.Origin != s.opts.Origin {
				err = fmt.Errorf("checkpoint of %q", h.Origin)
			}
			return h, err
		}
		s.keyMu.Lock()
		defer s.keyMu.Unlock()
		if s.firstKey != "" {
			trusted = []string{s.firstKey}
		}
		var first error
		for _, key := range trusted {
			h, err := openWith(b, s.opts.Origin, key)
			if err == nil {
				s.firstKey = key
				return h, nil
			}
			if first == nil {
				first = err
			}
		}
		return ledger.Head{}, first
	}
	if len(trusted) > 0 && !slices.ContainsFunc(trusted, func(key string) bool {
		return key == book.First || slices.ContainsFunc(book.Rotations, func(r logbook.Rotation) bool { return r.New == key })
	}) {
		return ledger.Head{}, fmt.Errorf("none of the keys %v was ever the log's", trusted)
	}
	chain, err := book.Chain()
	if err != nil {
		return ledger.Head{}, err
	}
	return chain.Open(b, s.opts.Origin)
}

func openWith(b []byte, origin, key string) (ledger.Head, error) {
	v, err := note.NewVerifier(key)
	if err != nil {
		return ledger.Head{}, fmt.Errorf("couldn't read log key: %w", err)
	}
	h, lines, err := ledger.OpenCheckpoint(b, origin, v)
	if err == nil && !lines.Log {
		err = errors.New("not signed with the log's key")
	}
	return h, err
}

// reach reads the log up to the size of a head: a head is only written when its events are.
func (s *Store) reach(ctx context.Context, e *esdb.RecordedEvent) error {
	var b headEntry
	if decodeStrict(e.Data, &b) != nil {
		return nil // readHead says what is wrong
	}
	h, err := ledger.ReadCheckpoint([]byte(b.Checkpoint))
	if err != nil {
		return nil
	}
	if _, size := s.state.place(); size >= h.Size {
		return nil
	}
	return s.catchLog(ctx)
}

// maySign says whether this node may stand for office: it holds the keys that must sign, and nobody has seen more.
func (s *Store) maySign(ctx context.Context) error {
	s.state.mu.Lock()
	book, head := s.state.book, s.state.head
	durable := ledger.Head{Origin: s.opts.Origin, Size: s.state.tree.Size(), Root: s.state.tree.Root()}
	s.state.mu.Unlock()
	if err := s.known(book).CheckKeys(s.signer); err != nil {
		return err
	}
	if s.opts.BeforeSign == nil {
		return nil
	}
	if err := s.opts.BeforeSign(ctx, head.Checkpoint, durable); err != nil {
		return fmt.Errorf("couldn't sign the head of size %d: %w", durable.Size, err)
	}
	return nil
}

// maySay refuses what the log must not say of itself: after it no head could be signed.
func (s *Store) maySay(a events.Append, list []proposal) error {
	s.state.mu.Lock()
	book, size := s.known(s.state.book), s.state.tree.Size()
	s.state.mu.Unlock()
	if book.Version() != a.Expected {
		return nil // a conflict, or this node is behind: the stream says which
	}
	for i, p := range list {
		if p.statement.Name == logbook.NameBegun {
			return ErrBegin
		}
		var err error
		if book, err = s.planned(book, p.bytes, size+uint64(i)); err != nil {
			return err
		}
	}
	return nil
}

// planned is the state after an event that is to come, if this node could sign after it.
func (s *Store) planned(book logbook.State, statement []byte, position uint64) (logbook.State, error) {
	st, err := events.DecodeStatement(statement)
	if err != nil {
		return book, err
	}
	return logbook.Plan(book, s.signer, []events.Event{{Position: position, Statement: st, Bytes: statement}})
}

// Log is what the log says of itself, up to the last event that this node knows.
func (s *Store) Log() logbook.State {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	return s.known(s.state.book)
}
