package sqlitestore

import (
	"crypto/sha256"
	"hash"
	"io"
	"os"
)

func newSHA256() hash.Hash { return sha256.New() }

// writeFile is a segment file as it is written.
type writeFile interface {
	io.WriterAt
	Allocate(from, n int64) error // makes the bytes exist, as zeros, with their space reserved
	Truncate(size int64) error
	Sync() error
	Close() error
}

// fileSystem is what the store asks of the file system beside SQLite. Tests put a fault layer here.
type fileSystem interface {
	// OpenSegment opens or creates a segment for writing and gives its size.
	OpenSegment(path string) (writeFile, int64, error)
	// SyncDir makes new names in a folder durable.
	SyncDir(path string) error
	// Free is the number of bytes that an ordinary user may still write to the folder's file system.
	Free(path string) (int64, error)
}

// osFiles is the real file system.
type osFiles struct{}

func (osFiles) OpenSegment(path string) (writeFile, int64, error) {
	f, err := openDirect(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return osFile{f}, info.Size(), nil
}

func (osFiles) SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func (osFiles) Free(path string) (int64, error) { return free(path) }

type osFile struct{ *os.File }

func (f osFile) Allocate(from, n int64) error { return allocate(f.File, from, n) }
func (f osFile) Sync() error                  { return datasync(f.File) }
