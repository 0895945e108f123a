package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/esdbstore"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/signing/keystore"
)

// Kinds of store.
const (
	storeSQLite = "sqlite"
	storeESDB   = "esdb"
)

// StoreConfig says where the record lies.
type StoreConfig struct {
	// Kind is "sqlite" (the data folder, one node; default) or "esdb" (an EventStoreDB or KurrentDB cluster, any number of nodes).
	Kind string `yaml:"kind"`
	// Connection of the cluster, e.g. "esdb+discover://db.example:2113" or "esdb://a:2113,b:2113,c:2113". No user or password in it.
	Connection string `yaml:"connection"`
	// Username and PasswordSource (file:PATH or env:NAME) of an account that may read $all.
	Username       string `yaml:"username"`
	PasswordSource string `yaml:"password_source"`
	// Objects is the folder of packages, facts and evidence that all nodes of the log share.
	Objects string `yaml:"objects"`
	// Follow keeps this node from ever sequencing: it reads and hands in. Some other node must not have it set.
	Follow bool `yaml:"follow"`
	// Lease is how long a silent sequencer is left in office, the same on all nodes. Default 10s.
	Lease time.Duration `yaml:"lease"`
}

func (c *Config) storeDefaults() {
	if c.Store.Kind == "" {
		c.Store.Kind = storeSQLite
	}
	if c.Store.Lease == 0 {
		c.Store.Lease = 10 * time.Second
	}
}

func (c *Config) checkStore() error {
	s := c.Store
	switch s.Kind {
	case storeSQLite:
		if s.Connection != "" || s.Username != "" || s.PasswordSource != "" || s.Objects != "" || s.Follow {
			return fmt.Errorf("store: connection, username, password_source, objects and follow are for kind %s, got kind %s", storeESDB, s.Kind)
		}
		return nil
	case storeESDB:
	default:
		return fmt.Errorf("store.kind %q: want %s or %s", s.Kind, storeSQLite, storeESDB)
	}
	switch {
	case s.Connection == "" || s.Objects == "":
		return errors.New("store: kind esdb needs connection and objects")
	case strings.Contains(s.Connection, "@"):
		return errors.New("store.connection: no user or password here: want username and password_source") // and never show it
	case (s.Username == "") != (s.PasswordSource == ""):
		return errors.New("store: want username and password_source together")
	case s.Lease < time.Second:
		return fmt.Errorf("store.lease %s: want 1s or more", s.Lease)
	}
	return nil
}

// nodeStore is the record as a running node needs it, whatever keeps it.
type nodeStore interface {
	events.Store
	// Failed is closed when the store has ended by itself, and Err says why: the node must be started again.
	Failed() <-chan struct{}
	Err() error
	Close() error
}

var (
	_ nodeStore = (*sqlitestore.Store)(nil)
	_ nodeStore = (*esdbstore.Store)(nil)
)

// signGate is asked before the durable head is signed: see sqlitestore.Options.BeforeSign.
type signGate = func(ctx context.Context, stored []byte, durable ledger.Head) error

// openStore opens the record of a node: the one place of a running node that knows which store keeps it.
// gate is asked before anything is signed; nil: nobody.
func openStore(ctx context.Context, c *Config, keys *nodeKeys, log *slog.Logger, gate signGate) (nodeStore, error) {
	data := c.path(c.Data)
	if c.Store.Kind == storeESDB {
		return openCluster(ctx, c, keys, data, log, gate)
	}
	if err := refuseMoved(data); err != nil {
		return nil, err
	}
	return sqlitestore.Open(ctx, data, sqlitestore.Options{
		Origin: c.Origin, LogKey: keys.log, LogKeys: keys.logNext, NodeKey: keys.node, NodeChain: keys.chain, MinFree: c.MinFreeMiB << 20, BeforeSign: gate,
	})
}

// cluster says how the log's cluster is reached, without keys.
func (c *Config) cluster() (esdbstore.Options, error) {
	objects, err := esdbstore.NewFolder(c.path(c.Store.Objects))
	if err != nil {
		return esdbstore.Options{}, err
	}
	o := esdbstore.Options{
		Origin: c.Origin, Connection: c.Store.Connection, Username: c.Store.Username, Objects: objects, Follow: c.Store.Follow, LeaseTTL: c.Store.Lease,
	}
	if c.Store.PasswordSource != "" {
		if o.Password, err = keystore.ReadSecret(c.Store.PasswordSource, c.base, nil); err != nil {
			return o, fmt.Errorf("couldn't read store.password_source: %w", err)
		}
	}
	return o, nil
}
