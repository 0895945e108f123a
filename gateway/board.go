package gateway

import "sync"

// board is where long polls wait for offers to an organisation. The log is read once for all of them (Node.follow).
type board struct {
	mu      sync.Mutex
	waiting map[string]map[*waiter]bool
}

type waiter struct {
	orgs []string
	bell chan struct{} // holds one
	size uint64        // log size that includes the latest offer; guarded by board.mu
}

func (b *board) enter(orgs []string) *waiter {
	w := &waiter{orgs: orgs, bell: make(chan struct{}, 1)}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting == nil {
		b.waiting = make(map[string]map[*waiter]bool)
	}
	for _, org := range orgs {
		if b.waiting[org] == nil {
			b.waiting[org] = make(map[*waiter]bool)
		}
		b.waiting[org][w] = true
	}
	return w
}

func (b *board) leave(w *waiter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, org := range w.orgs {
		delete(b.waiting[org], w)
		if len(b.waiting[org]) == 0 {
			delete(b.waiting, org)
		}
	}
}

func (b *board) empty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiting) == 0
}

func (b *board) wake(org string, size uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for w := range b.waiting[org] {
		w.size = size
		select {
		case w.bell <- struct{}{}:
		default:
		}
	}
}

func (b *board) seen(w *waiter) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return w.size
}
