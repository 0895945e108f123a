package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/esdbstore"
	"github.com/tram-exchange/tram/events/sqlitestore"
)

// savedRecord is a record that is read as it stands now, whatever keeps it: a folder or a cluster.
type savedRecord interface {
	Head() events.Head
	All(ctx context.Context, from uint64, f func(events.Event) error) error
	Stream(ctx context.Context, stream string, from uint64, f func(events.Event) error) error
	Event(ctx context.Context, position uint64) (events.Event, error)
	Proof(ctx context.Context, position, size uint64) ([]events.Digest, events.Head, error)
	Consistency(ctx context.Context, old, size uint64) ([]events.Digest, error)
	FindPackage(ctx context.Context, sha256 events.Digest) ([]uint64, error)
	OpenPackage(ctx context.Context, sha256 events.Digest) (events.PackageReader, error)
	Evidence(ctx context.Context, sha256 events.Digest) ([]byte, error)
	Close() error
}

var (
	_ savedRecord = (*sqlitestore.Reader)(nil)
	_ savedRecord = (*esdbstore.Store)(nil)
)

// openRecord opens the record of a node for reading, while the node runs or not.
func (c *Config) openRecord(ctx context.Context) (savedRecord, error) {
	if c.Store.Kind != storeESDB {
		data := c.path(c.Data)
		if err := refuseElsewhere(data); err != nil {
			return nil, err
		}
		return sqlitestore.OpenReader(ctx, data)
	}
	o, closeKeys, err := c.clusterReading()
	if err != nil {
		return nil, err
	}
	s, err := esdbstore.OpenReader(ctx, o)
	if err := errors.Join(err, closeKeys()); err != nil { // what it is read by are verifier keys
		return nil, err
	}
	return s, nil
}

// recordIn opens the record in a data folder.
func recordIn(data string) func(context.Context) (savedRecord, error) {
	return func(ctx context.Context) (savedRecord, error) { return sqlitestore.OpenReader(ctx, data) }
}

// errElsewhere: the folder is that of a node whose log lies in a cluster.
var errElsewhere = errors.New("the log of this node lies in a cluster")

// refuseElsewhere keeps a command from telling what a folder held before its log went on in a cluster as if that were all.
func refuseElsewhere(data string) error {
	m, err := readMark(data)
	if err != nil || m == nil {
		return err
	}
	return fmt.Errorf("couldn't read the record in %s: %w (%s): give -c tram.yaml with store.kind %s to verify, history, replay, evidence or export; its published log is mirrored from log/ in that folder or /log/ of a node, and the cluster's own tools back it up", data, errElsewhere, clusterFile, storeESDB)
}
