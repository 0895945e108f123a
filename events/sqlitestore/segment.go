package sqlitestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"sync"
	"unsafe"

	"github.com/tram-exchange/tram/events"
)

// A segment file is a row of records, each at a multiple of recordAlign:
//
//	8 bytes   "tramPKG1"
//	8 bytes   length of the package, big-endian
//	32 bytes  its SHA-256
//	length bytes, the package
//	zeros up to the next multiple of recordAlign
//
// Between records there may be stretches that no event refers to (appends that failed or were cut off); whoever
// rebuilds an index without the database looks for the mark at every multiple of recordAlign.
const (
	recordMark   = "tramPKG1"
	recordHeader = 48
	recordAlign  = 64
	blockSize    = 4096     // groups begin at multiples of it: direct writes need that
	allocateStep = 64 << 20 // segments grow by this much at a time, so that a write changes no file metadata
)

// place is where a record begins.
type place struct {
	segment int64
	offset  int64
}

func segmentName(n int64) string { return fmt.Sprintf("%08d.seg", n) }

// recordSize is the length of a record with its header and padding.
func recordSize(length int64) int64 { return align(recordHeader+length, recordAlign) }

func align(n, to int64) int64 { return (n + to - 1) / to * to }

func putHeader(b []byte, length int64, sum events.Digest) {
	copy(b, recordMark)
	binary.BigEndian.PutUint64(b[8:], uint64(length))
	copy(b[16:], sum[:])
}

// headerLength reads the length out of a record header, which must be that of the package. With events.ErrDestroyed the length is right.
func headerLength(b []byte, sum events.Digest) (int64, error) {
	length := int64(binary.BigEndian.Uint64(b[8:]))
	switch {
	case string(b[:8]) == destroyedMark && events.Digest(b[16:recordHeader]) == sum && length >= 0:
		return length, events.ErrDestroyed
	case string(b[:8]) != recordMark:
		return 0, fmt.Errorf("record mark %q, expected %q", b[:8], recordMark)
	case length < 0:
		return 0, fmt.Errorf("record length %d", uint64(length))
	case events.Digest(b[16:recordHeader]) != sum:
		return 0, fmt.Errorf("record digest %x, expected %s", b[16:recordHeader], sum)
	}
	return length, nil
}

// aligned gives a buffer that direct writes accept. n is a multiple of blockSize.
func aligned(n int) []byte {
	b := make([]byte, n+blockSize)
	skip := int(-uintptr(unsafe.Pointer(&b[0])) & (blockSize - 1))
	return b[skip : skip+n : skip+n]
}

// segments hands out places in segment files and writes there. Places are given out once per process life, rising;
// what was given out but never referred to stays behind as unreferenced bytes.
type segments struct {
	dir   string
	files fileSystem
	limit int64 // size at which a segment is left for the next

	mu      sync.Mutex
	current *segmentFile
	end     int64           // first free byte of current
	flights map[place]int64 // stretches of large packages whose append is not answered yet
}

// segmentFile is open as long as someone writes to it or it is the current one.
type segmentFile struct {
	number    int64
	file      writeFile
	users     int
	allocated int64
}

func openSegments(dir string, files fileSystem, limit int64, at place) (*segments, error) {
	s := &segments{dir: dir, files: files, limit: limit, end: align(at.offset, blockSize), flights: map[place]int64{}}
	var err error
	if s.current, err = s.open(at.segment); err != nil {
		return s, err
	}
	return s, s.cut(s.current, s.end)
}

// cut drops what lies behind the end: a process that was killed leaves bytes there that nobody refers to.
func (s *segments) cut(f *segmentFile, end int64) error {
	if f.allocated <= end {
		return nil
	}
	if err := f.file.Truncate(end); err != nil {
		return fmt.Errorf("couldn't cut segment %d at %d: %w", f.number, end, err)
	}
	f.allocated = end
	return nil
}

// inFlight gives the stretches of large packages whose append is not answered yet.
func (s *segments) inFlight() map[place]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.flights)
}

// landed says that the append of a large package was answered.
func (s *segments) landed(at place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.flights, at)
}

func (s *segments) open(n int64) (*segmentFile, error) {
	path := filepath.Join(s.dir, segmentName(n))
	f, size, err := s.files.OpenSegment(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't open segment %s: %w", path, err)
	}
	return &segmentFile{number: n, file: f, users: 1, allocated: size}, nil
}

// where gives the first place not handed out.
func (s *segments) where() place {
	s.mu.Lock()
	defer s.mu.Unlock()
	return place{s.current.number, s.end}
}

// reserve hands out size bytes (a multiple of blockSize). The caller calls release when its writing is over.
func (s *segments) reserve(size int64) (*segmentFile, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end > 0 && s.end+size > s.limit {
		next, err := s.open(s.current.number + 1)
		if err != nil {
			return nil, 0, err
		}
		if err := s.cut(next, 0); err != nil {
			return nil, 0, err
		}
		if err := s.files.SyncDir(s.dir); err != nil {
			return nil, 0, fmt.Errorf("couldn't sync %s: %w", s.dir, err)
		}
		// Whoever still writes there does so before the end.
		if err := errors.Join(s.current.file.Truncate(s.end), s.drop(s.current)); err != nil {
			return nil, 0, fmt.Errorf("couldn't leave segment %d: %w", s.current.number, err)
		}
		s.current, s.end = next, 0
	}
	at := s.end
	f := s.current
	if at+size > f.allocated {
		to := max(at+size, min(align(at+size, allocateStep), align(s.limit, blockSize)))
		if err := f.file.Allocate(f.allocated, to-f.allocated); err != nil {
			return nil, 0, fmt.Errorf("couldn't allocate %d bytes of segment %d: %w", to, f.number, err)
		}
		f.allocated = to
	}
	s.end += size
	f.users++
	return f, at, nil
}

func (s *segments) release(f *segmentFile) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drop(f)
}

func (s *segments) drop(f *segmentFile) error {
	if f.users--; f.users > 0 {
		return nil
	}
	return f.file.Close()
}

// close gives back the space that was allocated ahead.
func (s *segments) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.current.file.Truncate(s.end)
	return errors.Join(err, s.drop(s.current))
}

// extent is a reserved stretch of a segment and the bytes for it.
type extent struct {
	s    *segments
	f    *segmentFile
	at   int64
	data []byte
}

// write writes the extent and syncs it. It must be called once.
func (e *extent) write() (err error) {
	defer func() { err = errors.Join(err, e.s.release(e.f)) }()
	if _, err := e.f.file.WriteAt(e.data, e.at); err != nil {
		return fmt.Errorf("couldn't write segment %d: %w", e.f.number, err)
	}
	if err := e.f.file.Sync(); err != nil {
		return fmt.Errorf("couldn't sync segment %d: %w", e.f.number, err)
	}
	return nil
}

// stream writes one package of any size into a record of its own, in pieces, and syncs it.
func (s *segments) stream(p events.Package, buf []byte) (at place, err error) {
	total := align(recordHeader+p.Size(), blockSize)
	f, offset, err := s.reserve(total)
	if err != nil {
		return place{}, err
	}
	at = place{f.number, offset}
	s.mu.Lock()
	s.flights[at] = total
	s.mu.Unlock()
	defer func() {
		err = errors.Join(err, s.release(f))
		if err != nil {
			s.landed(at)
		}
	}()
	var hash hashWriter
	hash.init()
	putHeader(buf, p.Size(), p.Digest())
	src := io.NewSectionReader(p, 0, p.Size())
	fill := recordHeader
	for written := int64(0); written < total; {
		n, err := io.ReadFull(src, buf[fill:min(int64(len(buf)), total-written)])
		hash.Write(buf[fill : fill+n])
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return place{}, fmt.Errorf("couldn't read package %s: %w", p.Digest(), err)
		}
		end := align(int64(fill+n), blockSize)
		clear(buf[fill+n : end])
		if _, err := f.file.WriteAt(buf[:end], offset+written); err != nil {
			return place{}, fmt.Errorf("couldn't write segment %d: %w", f.number, err)
		}
		written += end
		fill = 0
		if end < int64(len(buf)) {
			break
		}
	}
	if err := hash.check(p); err != nil {
		return place{}, err
	}
	if err := f.file.Sync(); err != nil {
		return place{}, &syncError{fmt.Errorf("couldn't sync segment %d: %w", f.number, err)}
	}
	return at, nil
}

// syncError is a failed sync: what is on the disk is unknown, so the store ends.
type syncError struct{ err error }

func (e *syncError) Error() string { return e.err.Error() }
func (e *syncError) Unwrap() error { return e.err }

// hashWriter hashes what is copied, so that nothing is stored under another name than its own.
type hashWriter struct {
	h interface {
		io.Writer
		Sum([]byte) []byte
	}
	n int64
}

func (w *hashWriter) Write(b []byte) (int, error) {
	w.n += int64(len(b))
	return w.h.Write(b)
}

func (w *hashWriter) check(p events.Package) error {
	if w.n != p.Size() {
		return fmt.Errorf("couldn't store package %s: %d bytes, expected %d", p.Digest(), w.n, p.Size())
	}
	if got := events.Digest(w.h.Sum(nil)); got != p.Digest() {
		return fmt.Errorf("couldn't store package: bytes hash to %s, expected %s", got, p.Digest())
	}
	return nil
}

func (w *hashWriter) init() { w.h, w.n = newSHA256(), 0 }
