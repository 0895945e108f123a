package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/destruction"
)

// forgottenFile in the data folder of a node of a cluster says how much of the destruction stream its views were made without.
const forgottenFile = "forgotten.json"

// forgetter follows what the nodes of a shared log destroy. The one in office takes it out of the shared objects and its own views; every
// other node has views of its own, with the words in them, and learns of it from the log. A node that was away meanwhile does it when it
// comes back.
type forgetter struct {
	record interface {
		Stream(ctx context.Context, stream string, from uint64, f func(events.Event) error) error
	}
	file   string
	decide func()                      // something was decided, perhaps at another node
	forget func(context.Context) error // has all that was made of the record lose the words that are gone from it

	seen uint64 // versions of the stream that decide was called for
}

type forgottenMark struct {
	Version uint64 `json:"version"` // events of the stream
}

// followDestruction keeps a forgetter at it; a log of one node needs none.
func (a *app) followDestruction(ctx context.Context) error {
	if _, shared := a.store.(sharedLog); !shared {
		return nil
	}
	f := &forgetter{record: a.store, file: filepath.Join(a.c.path(a.c.Data), forgottenFile), decide: a.node.LookForDestruction, forget: a.forget}
	again := time.NewTicker(time.Minute)
	defer again.Stop()
	for {
		size := a.store.Head().Size
		if err := f.look(ctx); err != nil && ctx.Err() == nil {
			a.log.Warn("what was destroyed is not out of this node's registers yet", "error", err)
			select {
			case <-again.C:
				continue
			case <-ctx.Done():
				return nil
			}
		}
		if _, err := a.store.Wait(ctx, size); ctx.Err() != nil {
			return nil
		} else if err != nil {
			return fmt.Errorf("couldn't wait for the log: %w", err)
		}
	}
}

// look does what is to be done about the events of the stream that are new.
func (f *forgetter) look(ctx context.Context) error {
	mark, err := f.read()
	if err != nil {
		return err
	}
	next, executed, decided := mark.Version, false, false
	err = f.record.Stream(ctx, destruction.Stream, mark.Version, func(e events.Event) error {
		next = e.Statement.Version + 1
		executed = executed || e.Statement.Name == destruction.NameExecuted
		decided = decided || e.Statement.Name == destruction.NameDecided && next > f.seen
		return nil
	})
	if err != nil {
		return fmt.Errorf("couldn't follow what is destroyed: %w", err)
	}
	if f.seen = max(f.seen, next); decided {
		f.decide()
	}
	if next == mark.Version {
		return nil
	}
	if executed {
		if err := f.forget(ctx); err != nil {
			return fmt.Errorf("couldn't make the views without what was destroyed: %w", err)
		}
	}
	b, err := json.Marshal(forgottenMark{next})
	if err != nil {
		return err
	}
	return writeDurable(f.file, append(b, '\n'), 0o600)
}

func (f *forgetter) read() (m forgottenMark, err error) {
	b, err := os.ReadFile(f.file)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		return m, fmt.Errorf("couldn't read %s: %w", forgottenFile, err)
	}
	return m, nil
}
