package portal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// CopyAccounts copies portal.db as it stands at one moment, while others use it, into a file that appears whole or not at all. The
// copy has no sessions: whoever finds it is signed in nowhere, and after a restore everybody signs in again.
func CopyAccounts(ctx context.Context, from, to string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("couldn't copy accounts %s to %s: %w", from, to, err)
		}
	}()
	if _, err := os.Stat(from); err != nil {
		return err
	}
	tmp := to + ".new"
	if err := errors.Join(ignoreMissing(os.Remove(tmp)), ignoreMissing(os.Remove(tmp+"-journal"))); err != nil {
		return err
	}
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // SQLite fills an empty file and keeps its mode
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := execOnce(ctx, from, "mode=ro&_pragma=busy_timeout(10000)", `VACUUM INTO ?`, tmp); err != nil {
		return err
	}
	if err := execOnce(ctx, tmp, "mode=rw&_pragma=secure_delete(1)&_pragma=synchronous(FULL)", `DELETE FROM sessions`); err != nil {
		return err
	}
	if f, err = os.Open(tmp); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, to); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func execOnce(ctx context.Context, path, query, statement string, args ...any) error {
	db, err := sql.Open("sqlite", "file:"+escapePath(path)+"?"+query)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, statement, args...)
	return errors.Join(err, db.Close())
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
