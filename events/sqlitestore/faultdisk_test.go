package sqlitestore

import (
	"errors"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tram-exchange/tram/internal/faultvfs"
)

// faultDisk stands between the store and its files, the database included. It keeps two pictures of every file: what
// was written, which is in the real file, and what would be left after the power failed, which is only what was synced
// (and, if the test wants, some of the rest: disks write in the order they like).
type faultDisk struct {
	mu      sync.Mutex
	dir     string
	files   map[string]*image
	ops     int  // writes, syncs, truncations and allocations so far
	failAt  int  // the operation that fails; 0: none
	persist bool // whether the operation that fails does its work all the same
	failed  bool // from the first failure on, nothing reaches the disk any more
	heals   bool // but that one operation is all that fails
	lieSeg  bool // syncs of segments say yes and do nothing
	lieDB   bool // syncs of the database and its log say yes and do nothing

	names    map[string]int // how often each named operation came
	failName string         // the operation of this name that came failNth is the one that fails
	failNth  int
	struck   string // the one that failed
}

// named is how docs/faults.md calls an operation on a file.
func named(what, path string) string {
	base := filepath.Base(path)
	switch {
	case strings.HasSuffix(base, ".seg"):
		return what + " of a package segment"
	case strings.HasSuffix(base, "-wal"):
		return what + " of the write-ahead log"
	case strings.HasSuffix(base, "-journal"):
		return what + " of the rollback journal"
	case base == dbName:
		return what + " of the database"
	case base == segmentDir:
		return what + " of the folder of segments"
	}
	return what + " of the folder"
}

// image is one file: what is durable, and the operations since.
type image struct {
	named   bool // the directory entry is durable
	durable []byte
	pending []op
}

// op writes data at offset; with nil data it sets the size.
type op struct {
	offset int64
	data   []byte
}

func (o op) apply(b []byte) []byte {
	end := int(o.offset) + len(o.data)
	if len(b) < end {
		b = append(b, make([]byte, end-len(b))...)
	}
	if o.data == nil {
		return b[:o.offset]
	}
	copy(b[o.offset:], o.data)
	return b
}

var errFault = errors.New("injected fault")

func newFaultDisk(dir string) *faultDisk { return &faultDisk{dir: dir, files: map[string]*image{}} }

func (d *faultDisk) image(path string) *image {
	x := d.files[path]
	if x == nil {
		x = &image{}
		if b, err := os.ReadFile(path); err == nil && len(b) > 0 {
			x.durable, x.named = b, true // from an earlier life
		}
		d.files[path] = x
	}
	return x
}

// do counts an operation and says whether it is to be done and whether it is to succeed.
func (d *faultDisk) do(name string, work func()) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ops++
	if d.names == nil {
		d.names = map[string]int{}
	}
	d.names[name]++
	if d.failed || d.failAt > 0 && d.ops >= d.failAt || name == d.failName && d.names[name] == d.failNth {
		if !d.failed && d.persist {
			work()
		}
		if d.struck == "" {
			d.struck = name
		}
		d.failed = !d.heals
		return errFault
	}
	work()
	return nil
}

func (d *faultDisk) write(path string, b []byte, at int64) error {
	return d.do(named("write", path), func() { x := d.image(path); x.pending = append(x.pending, op{at, append([]byte{}, b...)}) })
}

func (d *faultDisk) truncate(path string, size int64) error {
	return d.do(named("truncation", path), func() { x := d.image(path); x.pending = append(x.pending, op{size, nil}) })
}

func (d *faultDisk) sync(path string, names bool) error {
	return d.do(named("sync", path), func() {
		if seg := strings.HasSuffix(path, ".seg"); seg && d.lieSeg || !seg && d.lieDB {
			return
		}
		x := d.image(path)
		for _, o := range x.pending {
			x.durable = o.apply(x.durable)
		}
		x.pending = nil
		x.named = x.named || names
	})
}

// crash writes what the power failure leaves behind into a new folder. keep is the part of the unsynced operations
// that reached the disk all the same, in any order, whole or torn at a sector.
func (d *faultDisk) crash(t testing.TB, keep float64, r *mrand.Rand) string {
	t.Helper()
	to := t.TempDir()
	if err := os.MkdirAll(filepath.Join(to, segmentDir), 0o700); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(d.dir, "format"))
	if err == nil {
		err = os.WriteFile(filepath.Join(to, "format"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for path, x := range d.files {
		if strings.HasSuffix(path, "-shm") || !x.named && keep == 0 {
			continue
		}
		content := append([]byte{}, x.durable...)
		for _, o := range x.pending {
			if r.Float64() >= keep {
				continue
			}
			if len(o.data) > 512 && r.IntN(2) == 0 { // torn
				cut := r.IntN(len(o.data)/512) * 512
				o.data = o.data[:cut:cut]
				if cut == 0 {
					continue
				}
			}
			content = o.apply(content)
		}
		rel, err := filepath.Rel(d.dir, path)
		if err == nil {
			err = os.WriteFile(filepath.Join(to, rel), content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// The segments' side.

type faultFiles struct {
	d *faultDisk
	osFiles
}

func (f faultFiles) OpenSegment(path string) (writeFile, int64, error) {
	w, size, err := f.osFiles.OpenSegment(path)
	f.d.mu.Lock()
	f.d.image(path)
	f.d.mu.Unlock()
	return &faultFile{w, f.d, path}, size, err
}

func (f faultFiles) SyncDir(path string) error {
	return f.d.do(named("sync", path), func() {
		for name, x := range f.d.files {
			if filepath.Dir(name) == path {
				x.named = true
			}
		}
	})
}

type faultFile struct {
	writeFile
	d    *faultDisk
	path string
}

func (f *faultFile) WriteAt(b []byte, at int64) (int, error) {
	if err := f.d.write(f.path, b, at); err != nil {
		return 0, err
	}
	return f.writeFile.WriteAt(b, at)
}

func (f *faultFile) Allocate(from, n int64) error {
	if err := f.d.do(named("allocation", f.path), func() {}); err != nil {
		return err
	}
	return f.writeFile.Allocate(from, n)
}

func (f *faultFile) Truncate(size int64) error {
	if err := f.d.truncate(f.path, size); err != nil {
		return err
	}
	return f.writeFile.Truncate(size)
}

func (f *faultFile) Sync() error { return f.d.sync(f.path, false) }

// SQLite's side.

func (d *faultDisk) Write(path string, b []byte, at int64) error { return d.write(path, b, at) }
func (d *faultDisk) Truncate(path string, size int64) error      { return d.truncate(path, size) }

// Delete takes a deletion for durable at once: SQLite asks for that where it matters.
func (d *faultDisk) Delete(path string) error {
	return d.do(named("deletion", path), func() { delete(d.files, path) })
}

// Sync makes the name durable too: SQLite itself syncs the folder of a new log with the log's first sync.
func (d *faultDisk) Sync(path string) error { return d.sync(path, true) }

// useFaultVFS gives the name of the VFS; files in the disk's folder are the disk's.
func useFaultVFS(t testing.TB, d *faultDisk) string {
	faultvfs.Use(t, d.dir, d)
	return faultvfs.Name
}
