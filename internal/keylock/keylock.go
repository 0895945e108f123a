// Package keylock gives a mutex to each name: what concerns the same thing goes one after the other, everything else side by side.
package keylock

import "sync"

// Locks is a mutex by name. The zero value is ready. Names that nobody holds cost nothing.
type Locks struct {
	mu    sync.Mutex
	locks map[string]*lock
}

type lock struct {
	mu    sync.Mutex
	users int
}

// Lock waits for the name and returns its unlock, which is called once.
func (l *Locks) Lock(name string) (unlock func()) {
	l.mu.Lock()
	if l.locks == nil {
		l.locks = make(map[string]*lock)
	}
	own := l.locks[name]
	if own == nil {
		own = new(lock)
		l.locks[name] = own
	}
	own.users++
	l.mu.Unlock()
	own.mu.Lock()
	return func() {
		own.mu.Unlock()
		l.mu.Lock()
		if own.users--; own.users == 0 {
			delete(l.locks, name)
		}
		l.mu.Unlock()
	}
}
