package witness

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// ErrChanged says that the stored checkpoint is not the one that was to be replaced. Read again and decide again.
var ErrChanged = errors.New("the stored checkpoint has changed")

// Store keeps the last cosigned checkpoint of each origin.
type Store interface {
	// Load gives the stored checkpoint, or nil if there never was one. Anything else that prevents reading it is
	// an error.
	Load(origin string) ([]byte, error)
	// Replace stores next if the stored checkpoint is still old (nil: none), else it gives ErrChanged and changes
	// nothing. When it returns nil, next survives a crash of the machine. After another error either may be stored.
	Replace(origin string, old, next []byte) error
}

// Folder is a Store of one file per origin. One process at a time may have it open. Safe for concurrent use.
type Folder struct {
	dir  string
	lock *os.File
	mu   sync.Mutex
	// unsure are the origins whose last Replace failed: what is read of them may not be on stable storage. Nobody may build on
	// it before it is: a cosignature given for it again, and forgotten when the power goes, would let another history in.
	unsure map[string]bool
	// step does one operation on the folder; tests make it fail.
	step func(name string, do func() error) error
}

// OpenFolder creates the folder if it is not there and locks it.
func OpenFolder(dir string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("couldn't open witness folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("couldn't open witness folder: %w", err)
	}
	if err := lockFile(lock); err != nil {
		return nil, errors.Join(fmt.Errorf("couldn't lock witness folder %s, another process has it: %w", dir, err), lock.Close())
	}
	// The folder itself must survive a crash too, or its witness would start from nothing again.
	if err := errors.Join(syncFolder(filepath.Dir(dir)), syncFolder(dir)); err != nil {
		return nil, errors.Join(fmt.Errorf("couldn't open witness folder: %w", err), lock.Close())
	}
	return &Folder{dir: dir, lock: lock, unsure: map[string]bool{}, step: func(_ string, do func() error) error { return do() }}, nil
}

// Close releases the folder.
func (f *Folder) Close() error { return f.lock.Close() }

// path hashes the origin, which may hold any character a file name may not.
func (f *Folder) path(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return filepath.Join(f.dir, hex.EncodeToString(sum[:])+".checkpoint")
}

// Load implements Store. What an earlier Replace could not store for certain is stored anew first.
func (f *Folder) Load(origin string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.load(origin)
}

func (f *Folder) load(origin string) ([]byte, error) {
	b, err := f.read(origin)
	if err != nil || !f.unsure[origin] {
		return b, err
	}
	if b != nil { // not just a sync: after one that failed, another may say yes to what is lost
		err = f.write(origin, b)
	} else {
		err = f.step("sync of the folder", func() error { return syncFolder(f.dir) })
	}
	if err != nil {
		return nil, err
	}
	delete(f.unsure, origin)
	return b, nil
}

func (f *Folder) read(origin string) ([]byte, error) {
	file, err := os.Open(f.path(origin))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't load checkpoint of %q: %w", origin, err)
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxStored+1))
	if err != nil {
		return nil, fmt.Errorf("couldn't load checkpoint of %q: %w", origin, err)
	}
	if len(b) == 0 || len(b) > maxStored {
		return nil, fmt.Errorf("couldn't load checkpoint of %q: %d bytes, expected 1 to %d", origin, len(b), maxStored)
	}
	return b, nil
}

// maxStored leaves room for the own cosignature.
const maxStored = maxCheckpoint + 1024

// Replace implements Store.
func (f *Folder) Replace(origin string, old, next []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, err := f.load(origin)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, old) {
		return ErrChanged
	}
	f.unsure[origin] = true
	if err := f.write(origin, next); err != nil {
		return err
	}
	delete(f.unsure, origin)
	return nil
}

// write makes the checkpoint of an origin durable: beside, then in its place.
func (f *Folder) write(origin string, b []byte) error {
	path := f.path(origin)
	err := f.writeFile(path+".new", b)
	if err == nil {
		err = f.step("renaming of the checkpoint", func() error { return os.Rename(path+".new", path) })
	}
	if err == nil {
		err = f.step("sync of the folder", func() error { return syncFolder(f.dir) })
	}
	if err != nil {
		return fmt.Errorf("couldn't store checkpoint of %q: %w", origin, err)
	}
	return nil
}

func (f *Folder) writeFile(path string, b []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = f.step("write of a checkpoint beside", func() error { _, err := file.Write(b); return err })
	if err == nil {
		err = f.step("sync of a checkpoint beside", file.Sync)
	}
	return errors.Join(err, file.Close())
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
