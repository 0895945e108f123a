package esdbstore

import (
	"sync"
)

// tenure is what this node tells others of its office.
type tenure struct {
	mu      sync.Mutex
	epoch   uint64
	holds   bool
	changed chan struct{} // closed at the next change
	renewed chan struct{} // closed at the next renewal
}

// Office says whether this node sequences now, and in which epoch it last did. changed is closed when the answer changes.
// What only one node of a log should do (hand over to peers, time-stamp, record the policy) goes with it: by the time
// another node can have the lease this one has not renewed it for LeaseTTL, and says so here. It is a matter of not doing
// work twice, no more: a process that stands still cannot stop what it does, so whatever is recorded must bear it.
func (s *Store) Office() (epoch uint64, holds bool, changed <-chan struct{}) {
	t := &s.tenure
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.epoch, t.holds, t.changed
}

// hold notes that the lease was taken or renewed; the office ends by itself if that does not happen again in time.
func (s *Store) hold(l *lease) {
	t := &s.tenure
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.renewed)
	renewed := make(chan struct{})
	t.renewed = renewed
	t.set(l.epoch, true)
	late := s.opts.after(s.opts.LeaseTTL)
	s.running.Go(func() {
		select {
		case <-renewed:
		case <-s.ctx.Done():
		case <-late:
			t.mu.Lock()
			defer t.mu.Unlock()
			if t.renewed == renewed {
				t.set(l.epoch, false)
			}
		}
	})
}

// leave notes that the office is lost or given up.
func (s *Store) leave() {
	t := &s.tenure
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.renewed)
	t.renewed = make(chan struct{})
	t.set(t.epoch, false)
}

// set is for who holds mu.
func (t *tenure) set(epoch uint64, holds bool) {
	if t.epoch == epoch && t.holds == holds {
		return
	}
	t.epoch, t.holds = epoch, holds
	close(t.changed)
	t.changed = make(chan struct{})
}
