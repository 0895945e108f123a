package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/policy"
)

// errPast ends reading a stream at the first event after the moment.
var errPast = errors.New("after the moment")

// fold reads a stream up to the moment.
func (r *replayer) fold(ctx context.Context, stream string, f func(events.Event) error) error {
	err := r.record.Stream(ctx, stream, 0, func(e events.Event) error {
		if e.Position >= r.moment.Position {
			return errPast
		}
		return f(e)
	})
	if errors.Is(err, errPast) {
		return nil
	}
	return err
}

// directoryThen is the directory as of the moment.
func (r *replayer) directoryThen(ctx context.Context) (d directory.State, err error) {
	err = r.fold(ctx, directory.Stream, func(e events.Event) (err error) {
		d, err = directory.Fold(d, e)
		return err
	})
	if err != nil {
		return d, fmt.Errorf("couldn't read the directory: %w", err)
	}
	return d, nil
}

// identity understands a code as it was then.
func (r *replayer) identity(ctx context.Context, code string) (string, error) {
	d, err := r.directoryThen(ctx)
	if err != nil {
		return "", err
	}
	if found := d.Resolve(code, r.moment.At); found.Direct != "" {
		return found.Direct, nil
	}
	return code, nil
}

// organisationThen is a line of the directory.
type organisationThen struct {
	Org       string   `json:"org"`
	Name      string   `json:"name"`
	Codes     []string `json:"codes"`
	Node      string   `json:"node"`
	Closed    bool     `json:"closed"`
	Successor string   `json:"successor,omitempty"`
}

func (r *replayer) directory(ctx context.Context) (any, *table, error) {
	d, err := r.directoryThen(ctx)
	if err != nil {
		return nil, nil, err
	}
	t := &table{columns: []string{"org", "name", "codes", "node", "closed"}}
	all := []organisationThen{}
	at := r.moment.At
	d.Organisations(func(o *directory.Organisation) bool {
		x := organisationThen{Org: o.ID, Name: o.Name, Codes: []string{}, Node: o.Node, Closed: o.Closed && !at.Before(o.ClosedFrom)}
		for _, c := range o.Codes {
			if !at.Before(c.From) && (c.Until.IsZero() || at.Before(c.Until)) {
				x.Codes = append(x.Codes, c.Code)
			}
		}
		all = append(all, x)
		return true
	})
	sort.Slice(all, func(i, j int) bool { return all[i].Org < all[j].Org })
	for _, x := range all {
		closed := ""
		if x.Closed {
			closed = "closed"
		}
		t.add(x.Org, x.Name, strings.Join(x.Codes, " "), x.Node, closed)
	}
	return all, t, nil
}

func (r *replayer) policy(ctx context.Context) (any, *table, error) {
	t := &table{columns: []string{"number", "position", "at", "policy"}}
	type set struct {
		Number   uint64          `json:"number"`
		Position uint64          `json:"position"`
		At       string          `json:"at"`
		Policy   json.RawMessage `json:"policy"`
	}
	var latest *set
	err := r.fold(ctx, policy.Stream, func(e events.Event) error {
		if e.Statement.Name != policy.NameSet {
			return fmt.Errorf("unknown event %q", e.Statement.Name)
		}
		var s policy.Set
		if err := json.Unmarshal(e.Statement.Data, &s); err != nil {
			return err
		}
		latest = &set{Number: uint64(s.Number), Position: e.Position, At: timeText(e.Statement.Time), Policy: s.Policy}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't read the policy: %w", err)
	}
	if latest != nil {
		t.add(fmt.Sprint(latest.Number), fmt.Sprint(latest.Position), latest.At, string(latest.Policy))
	}
	return latest, t, nil
}
