package tiles

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Files is the folder that a Writer writes into. Names have slashes and are relative. Tests put a fault layer here.
type Files interface {
	// ReadFile reads a file of at most limit bytes; fs.ErrNotExist if it isn't there.
	ReadFile(name string, limit int) ([]byte, error)
	// MkdirAll makes a folder and those above it, where they are not there. The names are not durable yet.
	MkdirAll(name string) error
	// WriteFile makes a file with its bytes durable, over whatever is there.
	WriteFile(name string, b []byte) error
	// Rename moves a file over whatever is there. The name is not durable yet.
	Rename(from, to string) error
	// SyncDir makes the names in a folder durable.
	SyncDir(name string) error
	// RemoveAll removes a file or a folder with everything in it, if it is there.
	RemoveAll(name string) error
}

// OSFiles is a folder of the real file system, made if it isn't there. What is in it is public and readable by everyone.
type OSFiles string

func (d OSFiles) path(name string) string { return filepath.Join(string(d), filepath.FromSlash(name)) }

// ReadFile implements Files.
func (d OSFiles) ReadFile(name string, limit int) ([]byte, error) {
	f, err := os.Open(d.path(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAtMost(f, name, limit)
}

func readAtMost(r io.Reader, name string, limit int) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(b) > limit {
		return nil, &Fault{Path: name, Reason: fmt.Sprintf("more than %d bytes", limit)}
	}
	return b, nil
}

// MkdirAll implements Files.
func (d OSFiles) MkdirAll(name string) error { return os.MkdirAll(d.path(name), 0o755) }

// WriteFile implements Files.
func (d OSFiles) WriteFile(name string, b []byte) error {
	f, err := os.OpenFile(d.path(name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// Rename implements Files.
func (d OSFiles) Rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }

// SyncDir implements Files.
func (d OSFiles) SyncDir(name string) error {
	f, err := os.Open(d.path(name))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// RemoveAll implements Files.
func (d OSFiles) RemoveAll(name string) error { return os.RemoveAll(d.path(name)) }
