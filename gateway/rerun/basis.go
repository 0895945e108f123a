package rerun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/policy"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/signing"
)

// Lag is how long after a change of directory or policy a decision may still go by the state before it: the longest that a gateway takes
// over one decision, the append itself, and a clock that was put right in between.
const Lag = gateway.MaxDeciding + gateway.MaxAppend

// bases knows the states that a basis can name: those after a whole change of the directory, and after each policy. Snapshots only see
// sealed events, and an append is sealed whole, so no basis lies inside a change. States share what they have in common.
type bases struct {
	mu        sync.Mutex
	directory []dated[directory.State]
	policy    []dated[policy.State]
	trust     map[trustKey]*signing.Trust

	folding       directory.State // includes the events of a change that is not whole yet
	left          int             // events of it still to come
	nextDirectory uint64          // the stream's events before it are read
	nextPolicy    uint64
}

// dated is a state and when its last event was recorded.
type dated[S any] struct {
	state S
	basis uint64 // position of its last event, plus one
	time  time.Time
}

type trustKey struct {
	list  uint64
	trial bool
}

func newBases() *bases {
	return &bases{directory: make([]dated[directory.State], 1), policy: make([]dated[policy.State], 1), trust: map[trustKey]*signing.Trust{}}
}

// read takes the next event of either stream, if it was not read before.
func (b *bases) read(e events.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e.Statement.Stream {
	case directory.Stream:
		if e.Position < b.nextDirectory {
			return nil
		}
		next, err := directory.Fold(b.folding, e)
		if err != nil {
			return mismatch(e, "form", "", err.Error())
		}
		b.folding, b.nextDirectory = next, e.Position+1
		if e.Statement.Name == directory.NameChangeAccepted {
			var d directory.ChangeAccepted
			if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
				return mismatch(e, "form", "", err.Error())
			}
			b.left = d.Events
		}
		if b.left--; b.left <= 0 {
			b.directory = append(b.directory, dated[directory.State]{next, e.Position + 1, e.Statement.Time})
		}
	case policy.Stream:
		if e.Position < b.nextPolicy {
			return nil
		}
		next, err := policy.Fold(b.policy[len(b.policy)-1].state, e)
		if err != nil {
			return mismatch(e, "form", "", err.Error())
		}
		b.nextPolicy = e.Position + 1
		b.policy = append(b.policy, dated[policy.State]{next, e.Position + 1, e.Statement.Time})
	}
	return nil
}

// load reads both streams ahead, as far as they are good: what is not is told when its turn comes.
func (b *bases) load(ctx context.Context, r Record) error {
	for _, stream := range []string{directory.Stream, policy.Stream} {
		err := r.Stream(ctx, stream, 0, b.read)
		if err != nil && !errors.As(err, new(*Mismatch)) {
			return fmt.Errorf("couldn't read %s: %w", stream, err)
		}
	}
	return nil
}

// has says whether the state of an event's basis must be known.
func (b *bases) has(basis events.Basis) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return basis.Directory <= b.nextDirectory && basis.Policy <= b.nextPolicy
}

// at is the snapshot that an event was decided by, if it may have been.
func (b *bases) at(e events.Event) (*gateway.Snapshot, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &e.Statement
	d, err := find(b.directory, s.Basis.Directory, e, "directory")
	if err != nil {
		return nil, err
	}
	p, err := find(b.policy, s.Basis.Policy, e, "policy")
	if err != nil {
		return nil, err
	}
	return b.snapshot(d, p)
}

// find gives the index of the state that a basis names. Changes recorded since must be younger than Lag: a decision goes by what is
// known when it is made.
func find[S any](list []dated[S], basis uint64, e events.Event, what string) (int, error) {
	i, ok := slices.BinarySearchFunc(list, basis, func(d dated[S], b uint64) int {
		switch {
		case d.basis < b:
			return -1
		case d.basis > b:
			return 1
		}
		return 0
	})
	switch {
	case basis > e.Position:
		return 0, mismatch(e, "basis", fmt.Sprintf("%s %d", what, basis), "at most its own position")
	case !ok:
		return 0, mismatch(e, "basis", fmt.Sprintf("%s %d", what, basis), "the end of a change of that stream")
	case i+1 < len(list) && list[i+1].basis <= e.Position && e.Statement.Time.Sub(list[i+1].time) > Lag:
		return 0, mismatch(e, "basis", fmt.Sprintf("%s %d", what, basis),
			fmt.Sprintf("at least %d: that change was %s old", list[i+1].basis, e.Statement.Time.Sub(list[i+1].time).Round(time.Second)))
	}
	return i, nil
}

// around are the snapshots that may have been in force while an event was being decided: that of its basis first, then the one before
// and those after, as far as they are young enough. What a node reads on the way to a step it may have read by one of those.
func (b *bases) around(e events.Event) ([]*gateway.Snapshot, error) {
	first, err := b.at(e)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	out := []*gateway.Snapshot{first}
	p := slices.IndexFunc(b.policy, func(d dated[policy.State]) bool { return d.basis == e.Statement.Basis.Policy })
	for i := len(b.directory) - 1; i >= 0; i-- {
		d := &b.directory[i]
		if d.basis > e.Position || d.basis == e.Statement.Basis.Directory {
			continue
		}
		s, err := b.snapshot(i, p)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
		if e.Statement.Time.Sub(d.time) > Lag {
			break // the last that can have been in force
		}
	}
	return out, nil
}

// snapshot puts states together. The caller holds the lock; the trust of a list is made once.
func (b *bases) snapshot(d, p int) (*gateway.Snapshot, error) {
	s := &gateway.Snapshot{
		Directory: b.directory[d].state, Policy: b.policy[p].state,
		Basis: events.Basis{Directory: b.directory[d].basis, Policy: b.policy[p].basis},
	}
	if !s.Directory.HasTrustList() {
		return s, nil
	}
	key := trustKey{s.Directory.TrustListVersion(), s.Policy.Policy.Trial}
	t, ok := b.trust[key]
	if !ok {
		var err error
		if t, err = gateway.TrustOf(s.Directory, nil, key.trial, nil); err != nil {
			return nil, err
		}
		b.trust[key] = t
	}
	s.Trust = t
	return s, nil
}

// before is the directory before the change that begins at a position.
func (b *bases) before(position uint64) directory.State {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.directory) - 1; i >= 0; i-- {
		if b.directory[i].basis <= position {
			return b.directory[i].state
		}
	}
	return directory.State{}
}

// policyBefore is the policy before the event at a position.
func (b *bases) policyBefore(position uint64) policy.State {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.policy) - 1; i >= 0; i-- {
		if b.policy[i].basis <= position {
			return b.policy[i].state
		}
	}
	return policy.State{}
}
