package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/logbook"
	"github.com/tram-exchange/tram/gateway"
)

// ContinuesConfig binds a new log to one that was lost: its last known head becomes the first event. See docs/operations.md.
type ContinuesConfig struct {
	// Checkpoint is the last checkpoint that anybody has of the lost log, or a receipt, which carries one.
	Checkpoint string `yaml:"checkpoint"`
	// Key is the lost log's verifier key, or a history of its keys.
	Key string `yaml:"key"`
	// Reason says why the log was given up. It is recorded as facts.
	Reason string `yaml:"reason"`
}

// Files that init keeps of a lost log.
const (
	lostCheckpointFile = "lost.checkpoint"
	lostKeyFile        = "lost.vkey"
)

// begin is the command of a configuration; nil if it continues nothing.
func (c *Config) begin() (*logbook.Begin, error) {
	if c.Continues == (ContinuesConfig{}) {
		return nil, nil
	}
	checkpoint, err := readCheckpointFile(c.path(c.Continues.Checkpoint))
	if err != nil {
		return nil, fmt.Errorf("continues: %w", err)
	}
	b, err := os.ReadFile(c.path(c.Continues.Key))
	if err != nil {
		return nil, fmt.Errorf("continues: couldn't read key: %w", err)
	}
	key, err := ledger.ParseKey(b)
	if err != nil {
		return nil, fmt.Errorf("continues: %w", err)
	}
	return &logbook.Begin{Origin: c.Origin, Checkpoint: checkpoint, Known: key, Reason: c.Continues.Reason}, nil
}

// beginLog records what the log continues, before anything else is.
func (a *app) beginLog(ctx context.Context) error {
	begin, err := a.c.begin()
	if err != nil || begin == nil {
		return err
	}
	state, err := logbook.Load(ctx, a.store)
	if err != nil {
		return err
	}
	head, err := ledger.ReadCheckpoint(begin.Checkpoint)
	if err != nil {
		return err
	}
	if state.Begun != nil && state.Begun.Origin == head.Origin && state.Begun.Size == head.Size && state.Begun.Root == head.Root {
		return nil
	}
	if state.Begun != nil || a.store.Head().Size > 0 {
		return fmt.Errorf("couldn't use continues of %s: %w; take it out, or begin a log of another name in an empty data folder", a.c.file, logbook.ErrNotFirst)
	}
	news, err := logbook.DecideBegin(state, *begin)
	if err != nil {
		return err
	}
	sealed, err := a.store.Append(ctx, events.Append{Stream: logbook.Stream, Expected: -1, Actor: gateway.ActorNode, Client: gateway.ClientNode, Events: news})
	if err != nil {
		return fmt.Errorf("couldn't begin log: %w", err)
	}
	if sealed.Events[0].Position != 0 {
		return errors.New("couldn't begin log: another process wrote to it first")
	}
	a.log.Info("log begun after a lost one", "lost", head.Origin, "size", head.Size, "root", head.Root)
	return nil
}

// keepLost checks what init is told of a lost log and keeps it in the new node's folder.
func (o *initOptions) keepLost() error {
	if o.continues == "" {
		if o.knownKey != "" || o.reason != "" {
			return errors.New("couldn't make node: --known-key and --reason go with --continues")
		}
		return nil
	}
	checkpoint, err := readCheckpointFile(o.continues)
	if err != nil {
		return err
	}
	key, text, err := readLostKey(o.knownKey)
	if err != nil {
		return err
	}
	if _, err := logbook.DecideBegin(logbook.State{}, logbook.Begin{Origin: o.origin, Checkpoint: checkpoint, Known: key, Reason: o.reason}); err != nil {
		return err
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return fmt.Errorf("couldn't make folder: %w", err)
	}
	for name, b := range map[string][]byte{lostCheckpointFile: checkpoint, lostKeyFile: text} {
		if err := writeBytes(filepath.Join(o.dir, name), b); err != nil {
			return err
		}
	}
	return nil
}

// readLostKey reads a verifier key or a history of keys, itself or in a file.
func readLostKey(arg string) (ledger.Key, []byte, error) {
	if arg == "" {
		return ledger.Key{}, nil, errors.New("couldn't make node: --continues needs --known-key: the lost log's verifier key, from where it was given out, not from what was lost")
	}
	b, err := os.ReadFile(arg)
	if err != nil {
		b = []byte(arg + "\n")
	}
	key, err := ledger.ParseKey(b)
	return key, b, err
}
