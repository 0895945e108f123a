package destruction

import (
	"context"
	"fmt"

	"github.com/tram-exchange/tram/events"
)

// Record is what has to be asked to know what a target is: an events.Store, or a reader of its folder.
type Record interface {
	Stream(ctx context.Context, stream string, from uint64, f func(events.Event) error) error
	FindPackage(ctx context.Context, sha256 events.Digest) ([]uint64, error)
	Event(ctx context.Context, position uint64) (events.Event, error)
}

// Covered is what a target covers: everything in it that lay before the decision.
type Covered struct {
	events.Removal
	Bytes  int64          // of the packages
	Events []events.Event // all of them, whatever goes of each
}

// Gather finds what a target covers in the record before a position. Found or not, executed or not, the answer is the same: it follows from
// statements. A target that names nothing covers nothing.
func Gather(ctx context.Context, r Record, t Target, scope Scope, before uint64) (Covered, error) {
	c, err := gather(ctx, r, t, scope, before)
	if err != nil {
		return Covered{}, fmt.Errorf("couldn't gather what %s covers: %w", t, err)
	}
	return c, nil
}

func gather(ctx context.Context, r Record, t Target, scope Scope, before uint64) (c Covered, err error) {
	seen := map[events.Digest]bool{}
	add := func(e events.Event) error {
		if e.Position >= before {
			return nil
		}
		c.Events = append(c.Events, e)
		s := &e.Statement
		if scope.Facts() && s.Facts != nil {
			c.Facts = append(c.Facts, e.Position)
		}
		if p := s.Package; p != nil && scope.Packages() && t.Event == nil && !seen[p.SHA256] {
			seen[p.SHA256] = true
			c.Packages = append(c.Packages, p.SHA256)
			c.Bytes += p.Length
		}
		return nil
	}
	var positions []uint64
	switch {
	case t.Document != "":
		return c, r.Stream(ctx, DocumentPrefix+t.Document, 0, add)
	case t.Package != nil:
		if positions, err = r.FindPackage(ctx, *t.Package); err != nil {
			return c, err
		}
	case t.Event != nil && *t.Event < before:
		positions = []uint64{*t.Event}
	}
	for _, p := range positions {
		if p >= before {
			break
		}
		e, err := r.Event(ctx, p)
		if err != nil {
			return c, err
		}
		if err := add(e); err != nil {
			return c, err
		}
	}
	return c, nil
}

// Carried gathers all that decisions have taken out of a record until now: what a copy of it, such as a backup, has to lose, too.
func Carried(ctx context.Context, r Record, s State) (events.Removal, error) {
	var all events.Removal
	packages, facts := map[events.Digest]bool{}, map[uint64]bool{}
	for _, d := range s.Decisions {
		for i, t := range d.Targets {
			if !d.Done[i] {
				continue
			}
			c, err := Gather(ctx, r, t.Target, d.Scope, d.Address.Position)
			if err != nil {
				return all, err
			}
			for _, p := range c.Packages {
				if !packages[p] {
					packages[p], all.Packages = true, append(all.Packages, p)
				}
			}
			for _, p := range c.Facts {
				if !facts[p] {
					facts[p], all.Facts = true, append(all.Facts, p)
				}
			}
		}
	}
	return all, nil
}

// Load folds the stream as a record has it; with an error the state is that before what is wrong.
func Load(ctx context.Context, r Record) (s State, err error) {
	err = r.Stream(ctx, Stream, 0, func(e events.Event) (err error) {
		s, err = Fold(s, e)
		return err
	})
	if err != nil {
		return s, fmt.Errorf("couldn't read what was destroyed: %w", err)
	}
	return s, nil
}
