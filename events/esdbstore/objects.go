package esdbstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/tram-exchange/tram/events"
)

// Kind keeps objects of different use apart: who may open a package may not thereby open facts.
type Kind string

const (
	Packages Kind = "packages"
	Facts    Kind = "facts" // 32 random bytes, then the text: the digest in the statement is that of the object
	Evidence Kind = "evidence"
	Chains   Kind = "chains" // certificates of nodes that sign heads, each in DER, one behind the other
)

// ErrDestroyed: the object was lawfully destroyed.
var ErrDestroyed = events.ErrDestroyed

// Objects is the place that the nodes of a log share for what must not be in the event store: content-addressed, so
// that nothing in it can be changed unseen. All methods may be called concurrently, by several nodes.
type Objects interface {
	// Put stores size bytes that have the given digest; when it returns nil they survive power loss. Bytes with another
	// digest are refused. Storing what is there already does nothing.
	Put(ctx context.Context, kind Kind, digest events.Digest, r io.ReaderAt, size int64) error
	// Open gives the stored bytes, ErrDestroyed, or events.ErrNotFound. The caller closes it.
	Open(ctx context.Context, kind Kind, digest events.Digest) (events.PackageReader, error)
	// Destroy removes the bytes for good and keeps a mark in their place, so that their lack is not taken for a loss.
	Destroy(ctx context.Context, kind Kind, digest events.Digest) error
}

// putPiece is how much of an object is in memory while it is stored.
const putPiece = 1 << 20

// Folder is Objects in a folder of a file system that all nodes see, with fsync and rename that mean what they say:
//
//	<kind>/<2 hex>/<64 hex>             the bytes
//	<kind>/<2 hex>/<64 hex>.destroyed   an empty mark
//	tmp/                                being written; can be emptied when no node runs
type Folder struct{ dir string }

// NewFolder uses dir, and creates what is missing in it.
func NewFolder(dir string) (*Folder, error) {
	for _, d := range []string{string(Packages), string(Facts), string(Evidence), string(Chains), "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return nil, fmt.Errorf("couldn't use folder of objects: %w", err)
		}
	}
	if err := syncDir(dir); err != nil {
		return nil, fmt.Errorf("couldn't use folder of objects: %w", err)
	}
	return &Folder{dir}, nil
}

var _ Objects = (*Folder)(nil)

func (f *Folder) path(kind Kind, d events.Digest) string {
	name := d.String()
	return filepath.Join(f.dir, string(kind), name[:2], name)
}

// Put implements Objects.
func (f *Folder) Put(ctx context.Context, kind Kind, digest events.Digest, r io.ReaderAt, size int64) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("couldn't store object %s of %s: %w", digest, kind, err)
		}
	}()
	path := f.path(kind, digest)
	if _, err := os.Stat(path + destroyedMark); err == nil {
		return ErrDestroyed
	}
	if old, err := os.Stat(path); err == nil && old.Size() == size {
		return syncDir(filepath.Dir(path)) // whoever put it there may not have come so far yet
	}
	t, err := os.CreateTemp(filepath.Join(f.dir, "tmp"), digest.String()+".")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreClosed(t.Close()), os.Remove(t.Name()))
		}
	}()
	if err := copyChecked(ctx, t, digest, r, size); err != nil {
		return err
	}
	if err := t.Sync(); err != nil {
		return err
	}
	if err := t.Close(); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := syncDir(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Rename(t.Name(), path); err != nil {
		return err
	}
	if _, err := os.Stat(path + destroyedMark); err == nil { // destroyed while it was written
		return errors.Join(ErrDestroyed, wipe(path))
	}
	return syncDir(dir)
}

// wipe overwrites a file where it lies, so that its blocks do not keep it, and removes it. It follows no link: whoever can write in
// the shared folder could have any file of this node overwritten.
func wipe(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		zeros := make([]byte, min(info.Size(), putPiece))
		for at := int64(0); at < info.Size() && err == nil; at += int64(len(zeros)) {
			_, err = f.WriteAt(zeros[:min(int64(len(zeros)), info.Size()-at)], at)
		}
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

func copyChecked(ctx context.Context, w io.Writer, digest events.Digest, r io.ReaderAt, size int64) error {
	if size < 0 {
		return fmt.Errorf("%d bytes", size)
	}
	h := sha256.New()
	buf := make([]byte, min(size, putPiece))
	for at := int64(0); at < size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.ReadAt(buf[:min(int64(len(buf)), size-at)], at)
		if n == 0 {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		h.Write(buf[:n])
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		at += int64(n)
	}
	if got := events.Digest(h.Sum(nil)); got != digest {
		return fmt.Errorf("bytes hash to %s, expected %s", got, digest)
	}
	return nil
}

const destroyedMark = ".destroyed"

// Open implements Objects.
func (f *Folder) Open(_ context.Context, kind Kind, digest events.Digest) (events.PackageReader, error) {
	path := f.path(kind, digest)
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = events.ErrNotFound
		if _, e := os.Stat(path + destroyedMark); e == nil {
			err = ErrDestroyed
		}
	}
	var info fs.FileInfo
	if err == nil {
		if info, err = file.Stat(); err != nil {
			err = errors.Join(err, file.Close())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't open object %s of %s: %w", digest, kind, err)
	}
	return &openFile{file, info.Size()}, nil
}

type openFile struct {
	*os.File
	size int64
}

func (f *openFile) Size() int64 { return f.size }

// Destroy implements Objects.
func (f *Folder) Destroy(_ context.Context, kind Kind, digest events.Digest) error {
	path := f.path(kind, digest)
	err := func() error {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		mark, err := os.OpenFile(path+destroyedMark, os.O_CREATE|os.O_WRONLY|syscall.O_NOFOLLOW, 0o600)
		if err != nil {
			return err
		}
		if err := errors.Join(mark.Sync(), mark.Close(), syncDir(filepath.Dir(path))); err != nil {
			return err // the mark first: bytes that are gone without it would look lost
		}
		if err := wipe(path); err != nil {
			return err
		}
		return syncDir(filepath.Dir(path))
	}()
	if err != nil {
		return fmt.Errorf("couldn't destroy object %s of %s: %w", digest, kind, err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// readObject reads a whole small object and checks its digest.
func readObject(ctx context.Context, o Objects, kind Kind, digest events.Digest) (_ []byte, err error) {
	r, err := o.Open(ctx, kind, digest)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	b := make([]byte, r.Size())
	if n, err := r.ReadAt(b, 0); n < len(b) {
		return nil, fmt.Errorf("couldn't read object %s of %s: %d of %d bytes: %w", digest, kind, n, len(b), err)
	}
	if got := events.Sum(b); got != digest {
		return nil, fmt.Errorf("couldn't read object %s of %s: stored bytes hash to %s", digest, kind, got)
	}
	return b, nil
}
