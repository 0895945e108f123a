package destruction

import (
	"fmt"
	"slices"

	"github.com/tram-exchange/tram/events"
)

// Decide gives the event for a request, or the address of the one that the same request led to, or a *Refusal. Everything
// is refused by default: nobody can take a destruction back.
func Decide(s State, r Request) (news []events.New, earlier *events.Address, err error) {
	for _, d := range s.Decisions {
		if d.Request != r.ID {
			continue
		}
		if d.Content != r.Content {
			return nil, nil, &Refusal{Reason: ReasonIDReused, Detail: []string{r.ID}}
		}
		a := d.Address
		return nil, &a, nil
	}
	d := Decided{
		Request: r.ID, Content: r.Content, Signer: r.Signer, Holder: r.Holder, Scope: r.Scope, NotBefore: r.NotBefore.UTC(),
		Decisions: r.Decisions, Judged: r.At.UTC(),
	}
	if r.NotBefore.IsZero() {
		d.NotBefore = r.NotBefore
	}
	for _, t := range r.Targets {
		d.Targets = append(d.Targets, t.CountedTarget)
	}
	if err := d.check(); err != nil {
		return nil, nil, &Refusal{Reason: ReasonMalformed, Detail: []string{err.Error()}}
	}
	if err := judge(r); err != nil {
		return nil, nil, err
	}
	return []events.New{{Name: NameDecided, Data: d, Facts: r.Facts}}, nil, nil
}

// judge names all targets that stand in the way for the first reason that any does.
func judge(r Request) error {
	deciders := map[string]bool{}
	for _, d := range r.Decisions {
		deciders[d.Org] = true
	}
	seen := map[string]bool{}
	for _, rule := range []struct {
		reason Reason
		bad    func(t *Found) []string
	}{
		{ReasonTwice, func(t *Found) []string {
			name := t.String()
			if seen[name] {
				return []string{""}
			}
			seen[name] = true
			return nil
		}},
		{ReasonUnknown, func(t *Found) []string { return when(!t.Exists) }},
		{ReasonKept, func(t *Found) []string { return when(!t.Content) }},
		{ReasonDecided, func(t *Found) []string { return when(t.Facts == 0 && t.Packages == 0 && t.Before) }},
		{ReasonNothing, func(t *Found) []string { return when(t.Facts == 0 && t.Packages == 0) }},
		{ReasonUndecided, func(t *Found) (out []string) {
			for _, k := range t.Keepers {
				if !slices.ContainsFunc(k.By, func(org string) bool { return deciders[org] }) {
					out = append(out, k.Org)
				}
			}
			if len(t.Keepers) == 0 {
				out = append(out, "no agency of this node")
			}
			return out
		}},
		{ReasonDelivery, func(t *Found) []string { return t.Open }},
		{ReasonHeld, func(t *Found) []string { return t.Holds }},
	} {
		var detail []string
		for i := range r.Targets {
			for _, why := range rule.bad(&r.Targets[i]) {
				name := r.Targets[i].String()
				if why != "" {
					name += ": " + why
				}
				detail = append(detail, name)
			}
		}
		if detail != nil {
			return &Refusal{Reason: rule.reason, Detail: detail}
		}
	}
	return nil
}

func when(bad bool) []string {
	if bad {
		return []string{""}
	}
	return nil
}

// Execute gives the event that says that a target is gone, nothing if it was said before.
func Execute(s State, x Executed) ([]events.New, error) {
	i := s.at(x.Decision)
	if i < 0 || x.Target < 0 || x.Target >= len(s.Decisions[i].Targets) {
		return nil, fmt.Errorf("couldn't record destruction: nothing was decided at position %d for target %d", x.Decision, x.Target)
	}
	d := s.Decisions[i]
	if d.Done[x.Target] {
		return nil, nil
	}
	if c := d.Targets[x.Target]; x.Facts < c.Facts || x.Packages < c.Packages || x.Bytes < 0 {
		return nil, fmt.Errorf("couldn't record destruction: %d facts and %d packages, %d and %d were decided", x.Facts, x.Packages, c.Facts, c.Packages)
	}
	return []events.New{{Name: NameExecuted, Data: x}}, nil
}
