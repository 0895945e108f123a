package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tram-exchange/tram/adapters/portal"
)

// BackupConfig says where a running node keeps its second copy (docs/operations.md). What it accepted since the last copy is lost with its disk.
type BackupConfig struct {
	// To is the folder of the copy, on another disk. Empty: none is made.
	To string `yaml:"to"`
	// Every is the time between two copies; a few seconds make it follow the log. Default 1h.
	Every time.Duration `yaml:"every"`
	// VerifyEvery is how often the whole copy is read again, as tram verify does. Default 168h; negative: never.
	VerifyEvery time.Duration `yaml:"verify_every"`
}

func (c *Config) backupDefaults() {
	if c.Backup.Every == 0 {
		c.Backup.Every = time.Hour
	}
	if c.Backup.VerifyEvery == 0 {
		c.Backup.VerifyEvery = 7 * 24 * time.Hour
	}
}

func (c *Config) checkBackup() error {
	if c.Backup.To == "" {
		return nil
	}
	if c.Backup.Every < time.Second {
		return fmt.Errorf("backup.every %s: want a second or more", c.Backup.Every)
	}
	if c.Store.Kind == storeESDB {
		return errors.New("backup.to: the record lies in the cluster; back that up with its own tools and the folder of objects (store.objects) afterwards, as docs/operations.md says")
	}
	within, err := nested(c.path(c.Backup.To), c.path(c.Data))
	if err == nil && within {
		err = fmt.Errorf("backup.to %q: it and the data folder are not apart", c.Backup.To)
	}
	return err
}

// backupAccountsEvery is how often the accounts are copied while the log stands still.
const backupAccountsEvery = 10 * time.Minute

// backupKeeper keeps the copy of a running node up to date. What goes wrong with it never stops the node.
type backupKeeper struct {
	o           backupOptions
	every       time.Duration
	verifyEvery time.Duration
	size        func() uint64 // of the log now
	log         *slog.Logger
	after       func(time.Duration) <-chan time.Time
	runs        *prometheus.CounterVec

	mu     sync.Mutex
	last   backupManifest // that went well last; zero: none yet
	upToAt time.Time      // when the copy was last known to have everything
	err    error          // of the last run
	kind   string
}

// newBackupKeeper gives nil if no copy is configured.
func newBackupKeeper(c *Config, size func() uint64, metrics prometheus.Registerer, log *slog.Logger) (*backupKeeper, error) {
	if c.Backup.To == "" {
		return nil, nil
	}
	key, err := givenLogKey(c.base, "")
	if err != nil {
		return nil, err
	}
	k := &backupKeeper{
		o:     backupOptions{data: c.path(c.Data), config: c, to: c.path(c.Backup.To), key: key, workers: 1, now: time.Now},
		every: c.Backup.Every, verifyEvery: c.Backup.VerifyEvery, size: size, log: log, after: time.After,
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tram_backup_runs_total", Help: "Runs of the backup, by outcome."}, []string{"outcome"}),
	}
	if m, err := readManifest(k.o.to); err == nil && m.OK { // of before the start
		k.last, k.upToAt = *m, m.At
	}
	for _, m := range []prometheus.Collector{
		k.runs,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "tram_backup_age_seconds", Help: "Seconds since the copy had everything; -1: never."}, k.age),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "tram_backup_size", Help: "Events in the copy."}, func() float64 {
			k.mu.Lock()
			defer k.mu.Unlock()
			return float64(k.last.Size)
		}),
	} {
		if err := metrics.Register(m); err != nil {
			return nil, fmt.Errorf("couldn't register metric: %w", err)
		}
	}
	return k, nil
}

func (k *backupKeeper) age() float64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.upToAt.IsZero() {
		return -1
	}
	return k.o.now().Sub(k.upToAt).Seconds()
}

// run copies until ctx ends.
func (k *backupKeeper) run(ctx context.Context) error {
	if k == nil {
		return nil
	}
	for {
		k.once(ctx)
		select {
		case <-k.after(k.wait()):
		case <-ctx.Done():
			return nil
		}
	}
}

// backupPatience is the least wait after a failure that only a person can cure: it may have cost reading the whole copy.
const backupPatience = 10 * time.Minute

func (k *backupKeeper) wait() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	if needsPerson[k.kind] {
		return max(k.every, backupPatience)
	}
	return k.every
}

// once brings the copy up to date.
func (k *backupKeeper) once(ctx context.Context) {
	now := k.o.now()
	k.mu.Lock()
	last, failed := k.last, k.err != nil
	k.mu.Unlock()
	o := k.o
	// A copy that was made before and never proved is proved at once; so is one whose time has come.
	o.prove = k.verifyEvery > 0 && (last.ProvedAt == nil || now.Sub(*last.ProvedAt) >= k.verifyEvery)
	if !failed && !o.prove && last.OK && last.Size == k.size() && now.Sub(last.At) < backupAccountsEvery {
		if _, err := os.Stat(filepath.Join(o.to, manifestFile)); err == nil { // and its disk is still there
			k.mu.Lock()
			k.upToAt = now
			k.mu.Unlock()
			return
		}
	}
	m, err := backup(ctx, o)
	if ctx.Err() != nil {
		return // the node ends; the next start goes on
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	before := k.kind
	k.err, k.kind = err, ""
	if err == nil {
		k.last, k.upToAt = *m, now
		k.runs.WithLabelValues("ok").Inc()
		if before != "" {
			k.log.Info("backup goes on", "to", o.to, "size", m.Size)
		}
		return
	}
	k.kind = m.Error.Kind
	k.runs.WithLabelValues(k.kind).Inc()
	if k.kind != before {
		k.log.Error("backup failed, will try again", "kind", k.kind, "error", err)
	}
}

// Health: a copy that is late warns, one that is very late or that a person must look at is bad.
const (
	backupLate     = 3
	backupVeryLate = 10
)

// needsPerson are the kinds of failure that trying again does not cure.
var needsPerson = map[string]bool{"ahead": true, "forked": true, "other_log": true, "signature": true, "damaged": true, "not_a_copy": true}

func (k *backupKeeper) check() []portal.Check {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	c := portal.Check{Name: portal.CheckBackup, State: portal.StateOK, Unit: portal.UnitTime, At: k.upToAt}
	late := k.o.now().Sub(k.upToAt)
	switch {
	case needsPerson[k.kind]:
		c.State = portal.StateBad
	case k.upToAt.IsZero():
		c.Detail = "chưa có bản sao nào / no copy yet"
		c.State = portal.StateWarn
	case late > backupVeryLate*k.every+time.Minute:
		c.State = portal.StateBad
	case late > backupLate*k.every+time.Minute || k.err != nil:
		c.State = portal.StateWarn
	}
	if k.err != nil {
		c.Detail = k.err.Error()
	}
	return []portal.Check{c}
}
