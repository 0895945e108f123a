package projections

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tram-exchange/tram/internal/disk"
)

// How views are rebuilt while they serve. A second database is made from the log beside the first, which goes on
// answering and following. When the second has read as far, it takes the name of the first: a rename, with a marker
// around it, so that a node that is killed at any point finds either the old database or the new one whole, never the
// one with the other's WAL. Questions under way end on the old file, whose name is gone; SQLite sees that it was moved and
// leaves the files of that name alone.

const (
	rebuiltSuffix = ".new"
	// nearEvents is how close the second must be for the first to stop following while the rest is read.
	nearEvents = 500
)

// swapPath is the marker: while it exists, the rebuilt database is whole, and what lies beside views.db is of the old one.
func swapPath(path string) string { return path + "-swap" }

var (
	// ErrRebuilding: one rebuild at a time. Wait for it.
	ErrRebuilding = errors.New("the views are being rebuilt already")
	// ErrNoRoom: make room on the disk first.
	ErrNoRoom = errors.New("not enough room on the disk")
)

// Rebuild makes views.db anew from the log and puts the new one in place of the old, which serves until then. Nobody sees
// a half-built view, and the position does not go back. When it returns an error, the views stand as before. It needs
// room for a second views.db; progress, if not nil, is told the events read. Views must not be closed meanwhile.
func (v *Views) Rebuild(ctx context.Context, progress func(read, size uint64)) error {
	if !v.rebuilding.TryLock() {
		return ErrRebuilding
	}
	defer v.rebuilding.Unlock()
	if err := v.rebuildBeside(ctx, progress); err != nil {
		return fmt.Errorf("couldn't rebuild views: %w", err)
	}
	v.opt.Logger.Info("views were rebuilt from the log", "position", v.Position())
	return nil
}

func (v *Views) rebuildBeside(ctx context.Context, progress func(read, size uint64)) (err error) {
	next := v.path + rebuiltSuffix
	if err := removeDatabase(next); err != nil {
		return err
	}
	if err := room(filepath.Dir(v.path), databaseSize(v.path), v.opt.MinFree); err != nil {
		return err
	}
	opt := v.opt
	opt.Readers, opt.Progress = 1, progress
	second, err := Open(ctx, next, v.src, opt)
	if err != nil {
		return err
	}
	open := true
	defer func() {
		if open {
			err = errors.Join(err, second.Close())
		}
		if err != nil {
			err = errors.Join(err, removeDatabase(next))
		}
	}()
	for {
		if err := second.CatchUp(ctx); err != nil {
			return err
		}
		if v.src.Head().Size-second.Position() <= nearEvents {
			break
		}
	}
	v.writing.Lock()
	defer v.writing.Unlock()
	if v.closed {
		return errClosed
	}
	if err := second.CatchUp(ctx); err != nil {
		return err
	}
	if second.Position() < v.position {
		return fmt.Errorf("the log ends at %d, the views have read %d", second.Position(), v.position)
	}
	if err := v.copyCursors(ctx, second); err != nil {
		return err
	}
	open = false
	if err := second.Close(); err != nil {
		return err
	}
	if err := atRest(next); err != nil {
		return err
	}
	return v.swap(context.WithoutCancel(ctx))
}

// copyCursors takes along what does not come from the log.
func (v *Views) copyCursors(ctx context.Context, to *Views) error {
	type cursor struct {
		name     string
		position uint64
	}
	var list []cursor
	err := eachRow(ctx, v.w.conn, "SELECT name, position FROM cursor", nil, func(r *sql.Rows) error {
		var c cursor
		defer func() { list = append(list, c) }()
		return r.Scan(&c.name, &c.position)
	})
	if isDamaged(err) {
		return nil // whoever uses cursors can begin again
	}
	if err != nil {
		return fmt.Errorf("couldn't read cursors: %w", err)
	}
	for _, c := range list {
		if err := to.SaveCursor(ctx, c.name, c.position); err != nil {
			return err
		}
	}
	return nil
}

// swap puts the rebuilt database, closed and synced, in place. The caller holds writing.
func (v *Views) swap(ctx context.Context) error {
	v.awaitCheckpoint()
	if err := writeSynced(swapPath(v.path), []byte("the rebuilt views are whole\n")); err != nil {
		return err
	}
	v.mu.Lock()
	oldWriter, oldDB := v.w, v.db
	oldDB.door.close()
	err := finishSwap(v.path)
	if err == nil {
		// After an error from here on the old database goes on serving without a name; the next start finds the new one.
		v.bulk = false
		err = v.open(ctx)
	}
	if err == nil {
		close(v.moved)
		v.moved = make(chan struct{})
	}
	v.mu.Unlock()
	if err != nil {
		return err
	}
	v.sinceCheckpoint = 0
	if err := errors.Join(oldWriter.close(), oldDB.close()); err != nil {
		v.opt.Logger.Warn("couldn't close the old views.db", "error", err)
	}
	return nil
}

// finishSwap does what is left to do once the marker is there; a start after a crash calls it too.
func finishSwap(path string) error {
	fail := func(err error) error { return fmt.Errorf("couldn't put the rebuilt views in place: %w", err) }
	if err := os.Rename(path+rebuiltSuffix, path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fail(err)
	}
	for _, p := range []string{path + "-wal", path + "-shm", path + "-journal", markerPath(path)} {
		if err := os.Remove(p); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fail(err)
		}
	}
	// Only then the marker: power may be lost between any two of these.
	if err := syncFile(filepath.Dir(path)); err != nil {
		return fail(err)
	}
	if err := os.Remove(swapPath(path)); err != nil {
		return fail(err)
	}
	return nil
}

// settle ends a swap that was cut off, and clears away a rebuild that was.
func settle(path string) error {
	_, err := os.Stat(swapPath(path))
	switch {
	case err == nil:
		return finishSwap(path)
	case errors.Is(err, os.ErrNotExist):
		return removeDatabase(path + rebuiltSuffix)
	}
	return fmt.Errorf("couldn't look for an unfinished rebuild of %s: %w", path, err)
}

// atRest checks that a closed database is one file, and syncs it.
func atRest(path string) error {
	if info, err := os.Stat(path + "-wal"); err == nil && info.Size() > 0 {
		return fmt.Errorf("%s was not brought into one file: its WAL has %d bytes", path, info.Size())
	}
	for _, p := range []string{path + "-wal", path + "-shm"} {
		if err := os.Remove(p); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("couldn't remove %s: %w", p, err)
		}
	}
	if err := syncFile(path); err != nil {
		return err
	}
	return syncFile(filepath.Dir(path))
}

// databaseSize is what a database takes on the disk with the WAL it may have while it is made.
func databaseSize(path string) int64 {
	const wal = (bulkPages + 1024) * 8192
	if info, err := os.Stat(path); err == nil {
		return info.Size() + wal
	}
	return wal
}

// room says ErrNoRoom if need does not fit.
func room(dir string, need, keep int64) error {
	free, err := disk.Free(dir)
	if err != nil {
		return err
	}
	if want := uint64(max(need, 0) + max(keep, 0)); free < want {
		return fmt.Errorf("%w: %s has %d MiB free, %d MiB are needed", ErrNoRoom, dir, free>>20, want>>20)
	}
	return nil
}
