package gateway

import (
	"sync"
	"time"

	"github.com/tram-exchange/tram/events"
)

// counters counts what is under way by name, up to a limit. The zero value is ready.
type counters struct {
	mu sync.Mutex
	m  map[string]int
}

// enter says whether one more may begin; if so, leave ends it.
func (c *counters) enter(name string, limit int) (leave func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = make(map[string]int)
	}
	if c.m[name] >= limit {
		return nil, false
	}
	c.m[name]++
	return func() {
		c.mu.Lock()
		if c.m[name]--; c.m[name] == 0 {
			delete(c.m, name)
		}
		c.mu.Unlock()
	}, true
}

// windows allows so many of something per name and minute. It remembers only the running minute, so its size is bounded
// by the names seen in one.
type windows struct {
	mu     sync.Mutex
	minute int64
	m      map[string]int
}

func (w *windows) allow(name string, now time.Time, limit int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m := now.Unix() / 60; m != w.minute || w.m == nil {
		w.minute, w.m = m, make(map[string]int)
	}
	if w.m[name] >= limit {
		return false
	}
	w.m[name]++
	return true
}

// recent remembers encoded evidence by its key. When it is full it forgets everything: the next packages encode again.
type recent struct {
	mu sync.RWMutex
	m  map[events.Digest][]byte
}

const maxRecent = 4096

func (r *recent) get(key events.Digest) ([]byte, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	b, ok := r.m[key]
	return b, ok
}

func (r *recent) put(key events.Digest, b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.m == nil || len(r.m) >= maxRecent {
		r.m = make(map[events.Digest][]byte)
	}
	r.m[key] = b
}

// gate counts who is inside, and can be closed. The zero value is open.
type gate struct {
	mu     sync.Mutex
	inside int
	closed bool
	idle   chan struct{} // closed when it is closed and nobody is inside
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside--; g.inside == 0 && g.closed {
		close(g.idle)
	}
}

// close lets nobody in any more and tells when the last one has left.
func (g *gate) close() (idle <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.closed, g.idle = true, make(chan struct{})
		if g.inside == 0 {
			close(g.idle)
		}
	}
	return g.idle
}
