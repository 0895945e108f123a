// Package faultvfs lets tests make SQLite's files fail. Only tests import it.
package faultvfs

import (
	"path/filepath"
	"sync"
	"testing"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// Name of the VFS.
const Name = "fault"

// Disk is asked before an operation on a file of SQLite's is done. After an error it is not done, and SQLite gets one. A sync is the disk's
// alone: below lies memory in effect, and a real one would prove nothing more.
type Disk interface {
	Write(path string, b []byte, at int64) error
	Truncate(path string, size int64) error
	Sync(path string) error
	Delete(path string) error
}

// The VFS is the ordinary one, with four methods of its files replaced. The driver can register
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
	mine     uintptr
	files    map[uintptr]openFile
	disks    map[string]Disk // by folder
	// Kept here, so that the collector does not take what only C memory points to.
	open     openFunc
	delete   deleteFunc
	close    closeFunc
	write    writeFunc
	truncate truncateFunc
	sync     syncFunc
}

// Use has a disk asked about the files of SQLite's in its folder, until the test ends. Databases use it that are opened with vfs=fault; after
// Default all others do, too.
func Use(t testing.TB, dir string, d Disk) {
	v := &faultVFS
	v.once.Do(func() {
		v.files, v.disks = map[uintptr]openFile{}, map[string]Disk{}
		v.open, v.delete, v.close, v.write, v.truncate, v.sync = faultOpen, faultDelete, faultClose, faultWrite, faultTruncate, faultSync
		tls := libc.NewTLS()
		v.original = sqlite3.Xsqlite3_vfs_find(tls, 0)
		mine := libc.Xmalloc(tls, vfsSize)
		libc.Xmemcpy(tls, mine, v.original, vfsSize)
		name, err := libc.CString(Name)
		if err != nil {
			t.Fatal(err)
		}
		*slot[uintptr](mine, vfsName) = name
		*slot[openFunc](mine, vfsOpen) = v.open
		*slot[deleteFunc](mine, vfsDelete) = v.delete
		v.mine = mine
		if rc := sqlite3.Xsqlite3_vfs_register(tls, mine, 0); rc != 0 {
			t.Fatalf("couldn't register VFS: %d", rc)
		}
	})
	v.mu.Lock()
	v.disks[dir] = d
	v.mu.Unlock()
	t.Cleanup(func() {
		v.mu.Lock()
		delete(v.disks, dir)
		v.mu.Unlock()
	})
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
func faultFileOf(file uintptr) (openFile, Disk) {
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

func faultDelete(tls *libc.TLS, vfs, name uintptr, syncDir int32) int32 {
	path := libc.GoString(name)
	faultVFS.mu.Lock()
	d := faultVFS.disks[filepath.Dir(path)]
	faultVFS.mu.Unlock()
	if d != nil && d.Delete(path) != nil {
		return ioErrDelete
	}
	return (*slot[deleteFunc](faultVFS.original, vfsDelete))(tls, vfs, name, syncDir)
}

func faultWrite(tls *libc.TLS, file, data uintptr, n int32, at int64) int32 {
	f, d := faultFileOf(file)
	if d != nil && d.Write(f.path, unsafe.Slice((*byte)(pointer(data)), n), at) != nil {
		return ioErrWrite
	}
	return (*slot[writeFunc](f.original, ioWrite))(tls, file, data, n, at)
}

func faultTruncate(tls *libc.TLS, file uintptr, size int64) int32 {
	f, d := faultFileOf(file)
	if d != nil && d.Truncate(f.path, size) != nil {
		return ioErrWrite
	}
	return (*slot[truncateFunc](f.original, ioTruncate))(tls, file, size)
}

func faultSync(tls *libc.TLS, file uintptr, flags int32) int32 {
	f, d := faultFileOf(file)
	if d != nil {
		if d.Sync(f.path) != nil {
			return ioErrSync
		}
		return 0 // the disk below is memory: a real sync would prove nothing more
	}
	return (*slot[syncFunc](f.original, ioSync))(tls, file, flags)
}

// Default makes it the VFS of every database that names none, for the rest of the process.
func Default(t testing.TB) {
	if rc := sqlite3.Xsqlite3_vfs_register(libc.NewTLS(), faultVFS.mine, 1); rc != 0 {
		t.Fatalf("couldn't make the VFS the default: %d", rc)
	}
}
