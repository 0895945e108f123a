package main

import (
	"context"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/sqlitestore"
)

// nodeStore is the record as a running node needs it, whatever keeps it.
type nodeStore interface {
	events.Store
	// Failed is closed when the store has ended by itself, and Err says why: the node must be started again.
	Failed() <-chan struct{}
	Err() error
	Close() error
}

// openStore opens the record of a node: the one place of a running node that knows which store keeps it.
func openStore(ctx context.Context, c *Config, keys *nodeKeys) (nodeStore, error) {
	return sqlitestore.Open(ctx, c.path(c.Data), sqlitestore.Options{
		Origin: c.Origin, LogKey: keys.log, NodeKey: keys.node, NodeChain: keys.chain, MinFree: c.MinFreeMiB << 20,
	})
}
