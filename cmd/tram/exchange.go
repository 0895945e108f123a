package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tram-exchange/tram/gateway/router/exchange"
)

// askAgain is how long a peer that has called is not asked again for its directory. Asking is itself a call: without
// it two nodes would ask each other for ever.
const askAgain = time.Minute

// callers remembers when peers were last heard of.
type callers struct {
	mu    sync.Mutex
	asked map[string]time.Time
}

// due says whether a peer that has just called is to be asked for its directory.
func (c *callers) due(origin string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked == nil {
		c.asked = map[string]time.Time{}
	}
	if last, ok := c.asked[origin]; ok && now.Sub(last) < askAgain {
		return false
	}
	c.asked[origin] = now
	return true
}

func (a *app) newExchange() (*exchange.Exchange, error) {
	return exchange.New(exchange.Options{
		Log: a.store, Node: a.node, Source: a.peers, Key: a.keys.node, Chain: a.keys.chain, Identity: a.nodeIdentity, Now: time.Now,
		Every: 5 * time.Minute, Logger: a.log, Answered: func(origin string) { a.router.Heard(origin) },
	})
}

// heard is told that a peer has called: what waits for it is tried at once, and what it publishes is read.
func (a *app) heard(origin string) {
	a.router.Heard(origin)
	if a.callers.due(origin, time.Now()) {
		a.exchange.Poke()
	}
}

// watchDirectory asks the peers when this node's own directory has changed: a new peer is asked at once, and known
// ones hear of this node and ask back.
func (a *app) watchDirectory(ctx context.Context) error {
	var seen, size uint64
	for {
		if basis := a.node.Snapshot().Basis.Directory; basis != seen {
			seen = basis
			a.exchange.Poke()
		}
		head, err := a.store.Wait(ctx, size)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("couldn't wait for the log: %w", err)
		}
		size = head.Size
		if err := a.node.CatchUp(ctx); err != nil { // the basis above must be that of this head
			return err
		}
	}
}
