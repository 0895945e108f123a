package main

import (
	"fmt"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/gateway"
)

// believed is the trust list at each position of a record, for judging acceptances by the list that they were judged by. Events
// are given to it in order.
type believed struct {
	now   directory.State
	lists []directory.State // one for each change of the list
}

// follow takes the next event.
func (b *believed) follow(e events.Event) error {
	if e.Statement.Stream != directory.Stream {
		return nil
	}
	before := b.now.TrustListVersion()
	var err error
	if b.now, err = directory.Fold(b.now, e); err != nil {
		return err
	}
	if b.now.TrustListVersion() != before {
		b.lists = append(b.lists, b.now)
	}
	return nil
}

// asOf is the directory with the trust list that a decision on this basis went by; false if there was none yet.
func (b *believed) asOf(basis uint64) (directory.State, bool) {
	for i := len(b.lists) - 1; i >= 0; i-- {
		if b.lists[i].Basis() <= basis {
			return b.lists[i], true
		}
	}
	return directory.State{}, false
}

// check says whether the chains of an acceptance led to authorities that the list of its basis had then. Before there was a list
// the configuration decided, of which the record says nothing more than the digests in its policy.
func (b *believed) check(e events.Event, ev *gateway.Evidence, at time.Time) error {
	s, ok := b.asOf(e.Statement.Basis.Directory)
	if !ok {
		return nil
	}
	for i, chain := range ev.Chains {
		if len(chain) == 0 {
			return fmt.Errorf("signature %d has no chain", i+1)
		}
		for k, der := range chain {
			a, listed := s.Authority(events.Sum(der))
			switch root := k == len(chain)-1; {
			case !listed && root:
				return fmt.Errorf("signature %d leads to an authority that was not on the trust list", i+1)
			case listed && (k > 0 || root) && !a.TrustedAt(at):
				return fmt.Errorf("signature %d leads through an authority that was not trusted at %s", i+1, at.UTC().Format(time.RFC3339))
			}
		}
	}
	return nil
}
