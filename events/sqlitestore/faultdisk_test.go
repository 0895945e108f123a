package sqlitestore

import (
	"errors"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
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

// SQLite's side: a VFS that is the ordinary one, with four methods of its files replaced. The driver can register
// only read-only file systems of its own, so this works on the C structures: sqlite3_vfs begins {int, int, int, next,
// name, data, xOpen, ...}, a file begins with the pointer to its methods {int, xClose, xRead, xWrite, xTruncate,
// xSync, ...}. Slots hold Go functions.

const (
	vfsSize, vfsName, vfsOpen, vfsDelete                 = 168, 24, 40, 48
	ioSize, ioClose, ioWrite, ioTruncate, ioSync uintptr = 152, 8, 24, 32, 40
)

type (
	deleteFunc   = func(*libc.TLS, uintptr, uintptr, int32) int32
	openFunc     = func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32
	closeFunc    = func(*libc.TLS, uintptr) int32
	writeFunc    = func(*libc.TLS, uintptr, uintptr, int32, int64) int32
	truncateFunc = func(*libc.TLS, uintptr, int64) int32
	syncFunc     = func(*libc.TLS, uintptr, int32) int32
)

func slot[F any](base, offset uintptr) *F { return (*F)(pointer(base + offset)) }

// pointer is for memory of C, which does not move and is not collected.
func pointer(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

// openFile is a file of SQLite's that is looked after.
type openFile struct {
	path     string
	original uintptr // methods
}

var faultVFS struct {
	once     sync.Once
	mu       sync.Mutex
	original uintptr // sqlite3_vfs
	files    map[uintptr]openFile
	disks    map[string]*faultDisk // by folder
	// Kept here, so that the collector does not take what only C memory points to.
	open     openFunc
	delete   deleteFunc
	close    closeFunc
	write    writeFunc
	truncate truncateFunc
	sync     syncFunc
}

// useFaultVFS gives the name of the VFS; files in the disk's folder are the disk's.
func useFaultVFS(t testing.TB, d *faultDisk) string {
	v := &faultVFS
	v.once.Do(func() {
		v.files, v.disks = map[uintptr]openFile{}, map[string]*faultDisk{}
		v.open, v.delete, v.close, v.write, v.truncate, v.sync = faultOpen, faultDelete, faultClose, faultWrite, faultTruncate, faultSync
		tls := libc.NewTLS()
		v.original = sqlite3.Xsqlite3_vfs_find(tls, 0)
		mine := libc.Xmalloc(tls, vfsSize)
		libc.Xmemcpy(tls, mine, v.original, vfsSize)
		name, err := libc.CString("fault")
		if err != nil {
			t.Fatal(err)
		}
		*slot[uintptr](mine, vfsName) = name
		*slot[openFunc](mine, vfsOpen) = v.open
		*slot[deleteFunc](mine, vfsDelete) = v.delete
		if rc := sqlite3.Xsqlite3_vfs_register(tls, mine, 0); rc != 0 {
			t.Fatalf("couldn't register VFS: %d", rc)
		}
	})
	v.mu.Lock()
	v.disks[d.dir] = d
	v.mu.Unlock()
	t.Cleanup(func() {
		v.mu.Lock()
		delete(v.disks, d.dir)
		v.mu.Unlock()
	})
	return "fault"
}

func faultOpen(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32 {
	v := &faultVFS
	rc := (*slot[openFunc](v.original, vfsOpen))(tls, vfs, name, file, flags, out)
	methods := *slot[uintptr](file, 0)
	if rc != 0 || name == 0 || methods == 0 {
		return rc
	}
	mine := libc.Xmalloc(tls, libc.Tsize_t(ioSize))
	libc.Xmemcpy(tls, mine, methods, libc.Tsize_t(ioSize))
	*slot[closeFunc](mine, ioClose) = v.close
	*slot[writeFunc](mine, ioWrite) = v.write
	*slot[truncateFunc](mine, ioTruncate) = v.truncate
	*slot[syncFunc](mine, ioSync) = v.sync
	*slot[uintptr](file, 0) = mine
	v.mu.Lock()
	v.files[file] = openFile{libc.GoString(name), methods}
	v.mu.Unlock()
	return rc
}

// faultFileOf finds what is known of a file, and its disk if it has one.
func faultFileOf(file uintptr) (openFile, *faultDisk) {
	v := &faultVFS
	v.mu.Lock()
	defer v.mu.Unlock()
	f := v.files[file]
	return f, v.disks[filepath.Dir(f.path)]
}

func faultClose(tls *libc.TLS, file uintptr) int32 {
	f, _ := faultFileOf(file)
	v := &faultVFS
	v.mu.Lock()
	delete(v.files, file)
	v.mu.Unlock()
	mine := *slot[uintptr](file, 0)
	*slot[uintptr](file, 0) = f.original
	libc.Xfree(tls, mine)
	return (*slot[closeFunc](f.original, ioClose))(tls, file)
}

const ioErrWrite, ioErrSync, ioErrDelete = 10 | 3<<8, 10 | 4<<8, 10 | 10<<8 // SQLITE_IOERR_WRITE, _FSYNC, _DELETE

// faultDelete takes a deletion for durable at once: SQLite asks for that where it matters.
func faultDelete(tls *libc.TLS, vfs, name uintptr, syncDir int32) int32 {
	path := libc.GoString(name)
	faultVFS.mu.Lock()
	d := faultVFS.disks[filepath.Dir(path)]
	faultVFS.mu.Unlock()
	if d != nil && d.do(named("deletion", path), func() { delete(d.files, path) }) != nil {
		return ioErrDelete
	}
	return (*slot[deleteFunc](faultVFS.original, vfsDelete))(tls, vfs, name, syncDir)
}

func faultWrite(tls *libc.TLS, file, data uintptr, n int32, at int64) int32 {
	f, d := faultFileOf(file)
	if d != nil && d.write(f.path, unsafe.Slice((*byte)(pointer(data)), n), at) != nil {
		return ioErrWrite
	}
	return (*slot[writeFunc](f.original, ioWrite))(tls, file, data, n, at)
}

func faultTruncate(tls *libc.TLS, file uintptr, size int64) int32 {
	f, d := faultFileOf(file)
	if d != nil && d.truncate(f.path, size) != nil {
		return ioErrWrite
	}
	return (*slot[truncateFunc](f.original, ioTruncate))(tls, file, size)
}

// SQLite itself syncs the folder of a new log with the log's first sync.
func faultSync(tls *libc.TLS, file uintptr, flags int32) int32 {
	f, d := faultFileOf(file)
	if d != nil {
		if d.sync(f.path, true) != nil {
			return ioErrSync
		}
		return 0 // the disk below is memory: a real sync would prove nothing more
	}
	return (*slot[syncFunc](f.original, ioSync))(tls, file, flags)
}
