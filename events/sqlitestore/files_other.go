//go:build !linux

package sqlitestore

import (
	"math"
	"os"
)

func openDirect(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}

func allocate(f *os.File, from, n int64) error { return f.Truncate(from + n) }

func datasync(f *os.File) error { return f.Sync() }

// free is not known here: the check for a full disk is for Linux only, and elsewhere SQLite's own error ends the
// store.
func free(string) (int64, error) { return math.MaxInt64, nil }

// lockFile does nothing here: SQLite's exclusive writer is the only guard against a second process.
func lockFile(*os.File) error { return nil }
