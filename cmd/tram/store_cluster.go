package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/esdbstore"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/gateway"
)

// clusterFile in a data folder says that the log of its node lies in a cluster: whatever record is in the folder as well must
// not go on, or the log would have two histories.
const clusterFile = "cluster.json"

type clusterMark struct {
	Origin string         `json:"origin"`
	Size   uint64         `json:"size,omitempty"` // of the record that was moved out of the folder
	Root   *events.Digest `json:"root,omitempty"`
}

// readMark gives the folder's mark, nil if it has none.
func readMark(data string) (*clusterMark, error) {
	b, err := os.ReadFile(filepath.Join(data, clusterFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	m := new(clusterMark)
	if err == nil {
		err = json.Unmarshal(b, m)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read %s: %w", clusterFile, err)
	}
	return m, nil
}

// writeMark is durable when it returns.
func writeMark(data string, m clusterMark) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	file := filepath.Join(data, clusterFile)
	err = func() error {
		f, err := os.OpenFile(file+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		_, err = f.Write(append(b, '\n'))
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			return err
		}
		if err := os.Rename(file+".new", file); err != nil {
			return err
		}
		return syncFolder(data)
	}()
	if err != nil {
		return fmt.Errorf("couldn't write %s: %w", clusterFile, err)
	}
	return nil
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// refuseMoved keeps a node of one folder from going on with a log that lies in a cluster.
func refuseMoved(data string) error {
	m, err := readMark(data)
	if err != nil || m == nil {
		return err
	}
	return fmt.Errorf("couldn't open %s: log %s lies in a cluster (%s): a node on this folder would give it a second history; set store.kind to %s", data, m.Origin, clusterFile, storeESDB)
}

// clusterStore is a cluster's log with the node's own folder locked beside it.
type clusterStore struct {
	*esdbstore.Store
	lock *os.File
}

func (s *clusterStore) Close() error { return errors.Join(s.Store.Close(), s.lock.Close()) }

// openCluster joins the log of a cluster. The data folder is this node's own: views, spool, accounts.
func openCluster(ctx context.Context, c *Config, keys *nodeKeys, data string, log *slog.Logger, gate signGate) (_ nodeStore, err error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("couldn't make data folder: %w", err)
	}
	lock, err := lockFolder(data)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Close())
		}
	}()
	m, err := readMark(data)
	if err != nil {
		return nil, err
	}
	if m == nil {
		if _, err := os.Stat(filepath.Join(data, "format")); err == nil {
			return nil, fmt.Errorf("couldn't join the cluster: %s holds a record that is not in it: move it there with tram store move, or give this node a folder of its own", data)
		}
		m = &clusterMark{Origin: c.Origin}
		if err := writeMark(data, *m); err != nil {
			return nil, err
		}
	}
	if m.Origin != c.Origin {
		return nil, fmt.Errorf("couldn't join the cluster: %s is of log %s, the configuration says %s", data, m.Origin, c.Origin)
	}
	o, err := c.cluster()
	if err != nil {
		return nil, err
	}
	o.LogKey, o.LogKeys, o.NodeKey, o.NodeChain, o.BeforeSign, o.Log = keys.log, keys.logNext, keys.node, keys.chain, gate, log
	log.Info("joining the log's cluster", "origin", c.Origin, "follow", o.Follow)
	s, err := esdbstore.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	return &clusterStore{s, lock}, nil
}

// lockFolder keeps a second process off a data folder; the lock ends with the process.
func lockFolder(data string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(data, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("couldn't lock data folder: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%w (%v)", sqlitestore.ErrLocked, err), f.Close())
	}
	return f, nil
}

// sharedLog is what a store of several nodes says of which one is to do what only one should.
type sharedLog interface {
	Office() (epoch uint64, holds bool, changed <-chan struct{})
}

// inOffice says whether this node does what only one node of its log should do. A log of one node has no other.
func (a *app) inOffice() bool {
	o, shared := a.store.(sharedLog)
	if !shared {
		return true
	}
	_, holds, _ := o.Office()
	return holds
}

// whileInOffice runs f as long as this node is in office, and begins it again each time that it comes into it. Two nodes can
// believe so for a moment (one was paused): what f records must bear that, and what it says to others must be of the kind
// that may come twice.
func (a *app) whileInOffice(f func(context.Context) error) func(context.Context) error {
	o, shared := a.store.(sharedLog)
	if !shared {
		return f
	}
	return func(ctx context.Context) error {
		for ctx.Err() == nil {
			_, holds, changed := o.Office()
			if !holds {
				select {
				case <-changed:
				case <-ctx.Done():
				}
				continue
			}
			held, lost := context.WithCancel(ctx)
			stop := make(chan struct{})
			go func() {
				defer close(stop)
				for holds := true; holds; {
					select {
					case <-changed:
						_, holds, changed = o.Office()
					case <-held.Done():
						return
					}
				}
				lost()
			}()
			err := f(held)
			over := held.Err() != nil
			lost()
			<-stop
			if ctx.Err() == nil && !over {
				return err // it ended by itself
			}
		}
		return nil
	}
}

// takeOffice does what a node does first when it comes into office.
func (a *app) takeOffice(ctx context.Context) error {
	o, shared := a.store.(sharedLog)
	if !shared {
		return nil
	}
	epoch, _, _ := o.Office()
	a.log.Info("in office: this node delivers, stamps and keeps the policy", "epoch", epoch)
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for {
		err := a.node.RecordPolicy(ctx)
		var refused *gateway.Refusal
		if errors.As(err, &refused) && refused.Code == gateway.CodeStoreAway { // it went away just now, and comes back
			select {
			case <-again.C:
			case <-ctx.Done():
			}
			if ctx.Err() == nil {
				continue
			}
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		break
	}
	<-ctx.Done()
	a.log.Info("out of office", "epoch", epoch)
	return nil
}

// halted says why the log must not grow, or cannot.
func (a *app) halted() error {
	if err := a.witnesses.stopped(); err != nil {
		return err
	}
	if s, ok := a.store.(*clusterStore); ok {
		if err := s.Away(); err != nil {
			return gateway.Refuse(gateway.CodeStoreAway).Because(err)
		}
	}
	return nil
}

// deliver runs the router, from where the node in office before stood: the positions lie beside the shared objects.
func (a *app) deliver(ctx context.Context) error {
	if _, shared := a.store.(sharedLog); shared {
		a.router.Forget()
	}
	return a.router.Run(ctx)
}

// positionsFile is where positions of what follows the log are kept: all nodes of a log have the same.
func (c *Config) positionsFile(data, name string) string {
	if c.Store.Kind == storeESDB {
		data = c.path(c.Store.Objects)
	}
	return filepath.Join(data, name)
}

// clusterCheck is the cluster's line on the health page.
func (a *app) clusterCheck(now time.Time) []portal.Check {
	s, ok := a.store.(*clusterStore)
	if !ok {
		return nil
	}
	epoch, holds, _ := s.Office()
	c := portal.Check{Name: portal.CheckCluster, State: portal.StateOK, Detail: "trạm khác xếp thứ tự / another node sequences"}
	if holds {
		c.Detail = fmt.Sprintf("trạm này xếp thứ tự, nhiệm kỳ %d / this node sequences, epoch %d", epoch, epoch)
	}
	if heard := s.Heard(); s.Away() != nil || now.Sub(heard) > 3*a.c.Store.Lease {
		c.State, c.Since = portal.StateBad, heard
		c.Detail = "cụm không trả lời / the cluster does not answer"
	}
	return []portal.Check{c}
}
