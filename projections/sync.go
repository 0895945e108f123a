package projections

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// How views.db reaches the disk. While keeping up, commits do not sync (WAL, synchronous=NORMAL); the checkpoints that do run
// on a connection of their own, so that no commit waits for the disk. While far behind, nothing is synced at all
// (synchronous=OFF): a file beside views.db, written before, names the boot of the machine. Found again in the same boot it
// says that only the process died: the operating system still has every page, and reading goes on. Found in another boot,
// power may have been lost half-way: views.db is thrown away. When the views have caught up, both files are synced and the marker
// goes.

const (
	// bulkEvents is how far behind the views must be to go without syncs.
	bulkEvents = 20_000
	// checkpointEvents is how many events lie between two checkpoints while keeping up.
	checkpointEvents = 20_000
	// bulkPages is the length of the WAL, in pages, after which a commit checkpoints while nothing is synced.
	bulkPages = 8192
)

func markerPath(path string) string { return path + "-unsynced" }

// bootID names the boot of this machine; nil where that cannot be told.
func bootID() []byte {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil
	}
	return bytes.TrimSpace(b)
}

// markerState says whether the file was left without syncs, and whether power may have been lost since.
func markerState(path string) (unsynced, lost bool, err error) {
	b, err := os.ReadFile(markerPath(path))
	if errors.Is(err, os.ErrNotExist) {
		return false, false, nil
	}
	if err != nil {
		return false, false, fmt.Errorf("couldn't read marker of %s: %w", path, err)
	}
	boot := bootID()
	return true, boot == nil || !bytes.Equal(bytes.TrimSpace(b), boot), nil
}

// startBulk goes without syncs until endBulk.
func (v *Views) startBulk(ctx context.Context) error {
	if v.bulk {
		return nil
	}
	boot := bootID()
	if boot == nil {
		return nil
	}
	if err := writeSynced(markerPath(v.path), append(boot, '\n')); err != nil {
		return err
	}
	v.bulk = true
	return v.bulkPragmas(ctx)
}

func (v *Views) bulkPragmas(ctx context.Context) error {
	return v.w.pragmas(ctx, "synchronous=OFF", "wal_autocheckpoint="+strconv.Itoa(bulkPages))
}

// endBulk makes everything durable and goes on with syncs.
func (v *Views) endBulk(ctx context.Context) error {
	if !v.bulk {
		return nil
	}
	if err := v.w.pragmas(ctx, "synchronous=NORMAL", "wal_autocheckpoint=0"); err != nil {
		return err
	}
	for _, p := range []string{v.path + "-wal", v.path} {
		if err := syncFile(p); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := os.Remove(markerPath(v.path)); err != nil {
		return fmt.Errorf("couldn't remove marker: %w", err)
	}
	v.bulk = false
	return nil
}

func (w *writer) pragmas(ctx context.Context, list ...string) error {
	for _, p := range list {
		if _, err := w.conn.ExecContext(ctx, "PRAGMA "+p); err != nil {
			return fmt.Errorf("couldn't set %s: %w", p, err)
		}
	}
	return nil
}

func writeSynced(path string, b []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("couldn't write %s: %w", path, err)
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("couldn't write %s: %w", path, err)
	}
	return syncFile(filepath.Dir(path))
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("couldn't sync %s: %w", path, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("couldn't sync %s: %w", path, err)
	}
	return nil
}

// checkpoint copies the WAL into views.db while the writer goes on. One at a time; errors are of no consequence but a longer
// WAL, and are logged.
func (v *Views) checkpoint(db *database) {
	defer close(v.checkpointed)
	if _, err := db.check.ExecContext(context.Background(), "PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
		v.opt.Logger.Warn("couldn't checkpoint views.db", "error", err)
	}
}

// maybeCheckpoint starts a checkpoint now and then, and when one is done copies the little that has come since, so that the
// WAL starts at its beginning again. The caller holds writing.
func (v *Views) maybeCheckpoint(ctx context.Context) error {
	if v.bulk {
		return nil
	}
	if v.checkpointed != nil {
		select {
		case <-v.checkpointed:
			v.checkpointed, v.sinceCheckpoint = nil, 0
			return v.w.pragmas(ctx, "wal_checkpoint(PASSIVE)")
		default:
			return nil
		}
	}
	if v.sinceCheckpoint < checkpointEvents {
		return nil
	}
	v.checkpointed = make(chan struct{})
	go v.checkpoint(v.db)
	return nil
}

// awaitCheckpoint returns when no checkpoint runs. The caller holds writing.
func (v *Views) awaitCheckpoint() {
	if v.checkpointed != nil {
		<-v.checkpointed
		v.checkpointed, v.sinceCheckpoint = nil, 0
	}
}
