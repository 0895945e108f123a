package destruction

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tram-exchange/tram/events"
)

// State of all destruction. The zero value is "nothing yet".
type State struct {
	Decisions []*Decision // in order; what they point to is never changed
	version   uint64      // of the next event
}

// Decision is one recorded decision and how far it was carried out.
type Decision struct {
	Decided
	Facts   Facts // empty if they are gone
	Address events.Address
	Done    []bool   // by target
	Results []uint64 // position of the executed event by target; meaningful where Done
}

// Complete says whether nothing remains to be done.
func (d *Decision) Complete() bool { return !slices.Contains(d.Done, false) }

// Words names the decision for people: number, body and day of each ruling.
func (d *Decision) Words() string {
	out := ""
	for i, r := range d.Decisions {
		if i > 0 {
			out += "; "
		}
		if i < len(d.Facts.Decisions) {
			out += d.Facts.Decisions[i].Number + " (" + d.Facts.Decisions[i].Body + ", " + day(r.Date) + ")"
		} else {
			out += r.Org + " (" + day(r.Date) + ")"
		}
	}
	return out
}

// day writes a date as it is written in Việt Nam.
func day(iso string) string {
	if len(iso) != len("2006-01-02") {
		return iso
	}
	return iso[8:] + "/" + iso[5:7] + "/" + iso[:4]
}

// Version is that of the last event that was folded, -1 before the first.
func (s State) Version() int64 { return int64(s.version) - 1 }

// at finds the decision at a position.
func (s State) at(position uint64) int {
	i, ok := slices.BinarySearchFunc(s.Decisions, position, func(d *Decision, p uint64) int {
		switch {
		case d.Address.Position < p:
			return -1
		case d.Address.Position > p:
			return 1
		}
		return 0
	})
	if !ok {
		return -1
	}
	return i
}

// Fold gives the state after one more event. It never changes s. An unknown event, or one that cannot follow, is an error.
func Fold(s State, e events.Event) (State, error) {
	next, err := fold(s, e)
	if err != nil {
		return s, fmt.Errorf("couldn't fold destruction: position %d: %w", e.Position, err)
	}
	return next, nil
}

func fold(s State, e events.Event) (State, error) {
	if e.Statement.Stream != Stream || e.Statement.Version != s.version {
		return s, fmt.Errorf("version %d of stream %q, expected %d of %s: %w", e.Statement.Version, e.Statement.Stream, s.version, Stream, errOrder)
	}
	s.version++
	s.Decisions = slices.Clone(s.Decisions)
	switch e.Statement.Name {
	case NameDecided:
		d := &Decision{Address: events.Address{Origin: e.Statement.Origin, Position: e.Position}}
		if err := json.Unmarshal(e.Statement.Data, &d.Decided); err != nil {
			return s, err
		}
		if e.Facts != nil {
			if err := json.Unmarshal(e.Facts, &d.Facts); err != nil {
				return s, fmt.Errorf("facts: %w", err)
			}
		}
		if err := d.Decided.check(); err != nil {
			return s, err
		}
		for _, o := range s.Decisions {
			if o.Request == d.Request {
				return s, fmt.Errorf("request %q was decided at position %d", d.Request, o.Address.Position)
			}
		}
		d.Done, d.Results = make([]bool, len(d.Targets)), make([]uint64, len(d.Targets))
		s.Decisions = append(s.Decisions, d)
	case NameExecuted:
		var x Executed
		if err := json.Unmarshal(e.Statement.Data, &x); err != nil {
			return s, err
		}
		i := s.at(x.Decision)
		if i < 0 || x.Target < 0 || x.Target >= len(s.Decisions[i].Targets) {
			return s, fmt.Errorf("nothing was decided at position %d for target %d", x.Decision, x.Target)
		}
		d := *s.Decisions[i]
		if d.Done[x.Target] {
			return s, fmt.Errorf("target %d of position %d was executed at %d", x.Target, x.Decision, d.Results[x.Target])
		}
		if c := d.Targets[x.Target]; x.Facts < c.Facts || x.Packages < c.Packages || x.Bytes < 0 {
			return s, fmt.Errorf("%d facts and %d packages were executed, %d and %d were decided", x.Facts, x.Packages, c.Facts, c.Packages)
		}
		d.Done, d.Results = slices.Clone(d.Done), slices.Clone(d.Results)
		d.Done[x.Target], d.Results[x.Target] = true, e.Position
		s.Decisions[i] = &d
	default:
		return s, fmt.Errorf("unknown event %q", e.Statement.Name)
	}
	return s, nil
}

// FoldAll folds a whole stream.
func FoldAll(history []events.Event) (s State, err error) {
	for _, e := range history {
		if s, err = Fold(s, e); err != nil {
			return s, err
		}
	}
	return s, nil
}

// check says what in a decision does not fit together.
func (d *Decided) check() error {
	switch {
	case d.Request == "":
		return fmt.Errorf("request has no id")
	case d.Scope != ScopeAll && d.Scope != ScopePackages && d.Scope != ScopeFacts:
		return fmt.Errorf("scope %q", d.Scope)
	case len(d.Decisions) == 0:
		return fmt.Errorf("no decision is named")
	case len(d.Targets) == 0 || len(d.Targets) > MaxTargets:
		return fmt.Errorf("%d targets, expected 1 to %d", len(d.Targets), MaxTargets)
	}
	for _, t := range d.Targets {
		if err := t.check(); err != nil {
			return err
		}
		if t.Event != nil && !d.Scope.Facts() {
			return fmt.Errorf("%s has no package of its own", t)
		}
	}
	return nil
}
