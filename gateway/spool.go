package gateway

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/signing"
)

// spool takes bodies in. Small ones stay in memory; larger ones go to a file encrypted under a key that exists only
// in this process and only for that file, so that neither a stolen disk nor a crash leaves readable packages behind.
// The file has no name once it is open: when the process ends, however it ends, the bytes are gone.
//
// Both memory and disk are bounded; a body that would go over is refused with CodeBusy, before it is read further.
type spool struct {
	dir       string
	random    io.Reader
	threshold int64 // bodies up to this many bytes stay in memory
	maxMemory int64
	maxDisk   int64
	memory    atomic.Int64
	disk      atomic.Int64
	buffers   sync.Pool // *[]byte of firstBuffer bytes
}

const (
	firstBuffer = 32 << 10 // read size, and what a body of unknown length starts with
	chunkPlain  = 64 << 10 // plain bytes of one encrypted chunk
	chunkSealed = chunkPlain + 16
	spoolSuffix = ".spool"
)

// newSpool makes the folder and removes what an earlier process may have left between creating and unlinking a file.
func newSpool(dir string, random io.Reader, l Limits) (*spool, error) {
	if dir == "" {
		return nil, errors.New("couldn't make spool: no folder given")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("couldn't make spool folder: %w", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"+spoolSuffix))
	if err != nil {
		return nil, fmt.Errorf("couldn't list spool folder: %w", err)
	}
	for _, f := range left {
		if err := os.Remove(f); err != nil {
			return nil, fmt.Errorf("couldn't clear spool folder: %w", err)
		}
	}
	s := &spool{dir: dir, random: random, threshold: l.SpoolThreshold, maxMemory: l.MaxMemory, maxDisk: l.MaxSpool}
	s.buffers.New = func() any { b := make([]byte, firstBuffer); return &b }
	return s, nil
}

// body is the received bytes, hashed. Reads of src are concurrent; Close is called once, after the last read.
type body struct {
	spool    *spool
	size     int64
	digest   events.Digest
	src      signing.Source // signing.BytesSource in memory, or *spoolFile
	file     *spoolFile
	reserved int64
	pooled   *[]byte // data's buffer, to be used again
	lent     bool    // a store may still read it: neither closed nor used again, but left to the garbage collector
}

// Close gives memory and disk back.
func (b *body) Close() {
	if b.file != nil {
		if !b.lent {
			_ = b.file.f.Close() // unlinked already: nothing to learn from an error here
		}
		b.spool.disk.Add(-b.file.written)
		b.file = nil
	}
	if b.pooled != nil && !b.lent {
		b.spool.buffers.Put(b.pooled)
	}
	b.src, b.pooled = nil, nil
	b.spool.memory.Add(-b.reserved)
	b.reserved = 0
}

// receive reads r to its end. size is the announced length or -1. It returns a *Refusal for everything that is the
// client's fault or a full house; the caller closes the body when the error is nil.
func (s *spool) receive(ctx context.Context, r io.Reader, size, limit int64) (*body, error) {
	if size > limit {
		return nil, Refuse(CodeTooLarge)
	}
	b := &body{spool: s}
	if err := s.fill(ctx, b, r, size, limit); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

func (s *spool) fill(ctx context.Context, b *body, r io.Reader, size, limit int64) error {
	h := sha256.New()
	if size > s.threshold {
		return s.fillFile(ctx, b, r, size, limit, h, nil)
	}
	first := size
	if first < 0 {
		first = firstBuffer
	}
	// One byte more than announced, so that the end shows without growing.
	if err := s.reserve(b, first+1); err != nil {
		return err
	}
	var data []byte
	if first < firstBuffer {
		b.pooled = s.buffers.Get().(*[]byte)
		data = (*b.pooled)[:0:firstBuffer]
	} else {
		data = make([]byte, 0, first+1)
	}
	for {
		if int64(len(data)) > s.threshold {
			return s.fillFile(ctx, b, r, size, limit, h, data)
		}
		if len(data) == cap(data) {
			if err := s.reserve(b, int64(cap(data))); err != nil {
				return err
			}
			data = append(make([]byte, 0, 2*cap(data)), data...)
		}
		n, err := r.Read(data[len(data):cap(data)])
		h.Write(data[len(data) : len(data)+n])
		data = data[:len(data)+n]
		if int64(len(data)) > limit {
			return Refuse(CodeTooLarge)
		}
		if size >= 0 && int64(len(data)) > size {
			return Refuse(CodeCutShort).With(fmt.Sprintf("announced %d bytes, more arrived", size))
		}
		if err == io.EOF && int64(len(data)) <= s.threshold {
			break
		}
		if err != nil && err != io.EOF {
			return readRefusal(ctx, err)
		}
	}
	b.src, b.size = signing.BytesSource(data), int64(len(data))
	return b.finish(h, size)
}

func (b *body) finish(h hash.Hash, size int64) error {
	h.Sum(b.digest[:0])
	if b.size == 0 {
		return Refuse(CodeEmpty)
	}
	if size >= 0 && b.size != size {
		return Refuse(CodeCutShort).With(fmt.Sprintf("announced %d bytes, %d arrived", size, b.size))
	}
	return nil
}

func (s *spool) reserve(b *body, n int64) error {
	if s.memory.Add(n) > s.maxMemory {
		s.memory.Add(-n)
		return Refuse(CodeBusy).Because(errors.New("memory for bodies is used up"))
	}
	b.reserved += n
	return nil
}

// fillFile writes what has arrived so far and the rest of r to an encrypted file.
func (s *spool) fillFile(ctx context.Context, b *body, r io.Reader, size, limit int64, h hash.Hash, sofar []byte) error {
	f, err := s.create()
	if err != nil {
		return err
	}
	b.file = f
	if _, err := f.Write(sofar); err != nil {
		return err
	}
	total := int64(len(sofar))
	b.spool.memory.Add(-b.reserved)
	b.reserved = 0
	buf := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buf)
	for {
		n, err := r.Read(*buf)
		total += int64(n)
		if total > limit {
			return Refuse(CodeTooLarge)
		}
		if size >= 0 && total > size {
			return Refuse(CodeCutShort).With(fmt.Sprintf("announced %d bytes, more arrived", size))
		}
		h.Write((*buf)[:n])
		if _, werr := f.Write((*buf)[:n]); werr != nil {
			return werr
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return readRefusal(ctx, err)
		}
	}
	if err := f.flush(); err != nil {
		return err
	}
	f.size = total
	b.src, b.size = f, total
	return b.finish(h, size)
}

// readRefusal says why a body could not be read to its end.
func readRefusal(ctx context.Context, err error) error {
	var r *Refusal
	switch {
	case errors.As(err, &r):
		return r
	case errors.Is(err, os.ErrDeadlineExceeded):
		return Refuse(CodeTooSlow).Because(err)
	case ctx.Err() != nil:
		return Refuse(CodeCutShort).Because(ctx.Err())
	default:
		return Refuse(CodeCutShort).Because(err)
	}
}

// spoolFile is an unlinked file of AES-256-GCM chunks under its own random key; the nonce is the chunk's number, which
// is safe because no chunk of a key is written twice. A changed byte on disk is an error, never other content.
type spoolFile struct {
	spool   *spool
	f       *os.File
	aead    cipher.AEAD
	pending []byte // plain bytes of the chunk being filled
	sealed  []byte
	chunks  uint64
	written int64 // bytes counted against the spool's limit
	size    int64

	mu     sync.Mutex // guards the one-chunk cache
	cached uint64     // number of the cached chunk + 1
	plain  []byte
	raw    []byte
}

func (s *spool) create() (*spoolFile, error) {
	key := make([]byte, 32)
	if _, err := io.ReadFull(s.random, key); err != nil {
		return nil, fmt.Errorf("couldn't make spool key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("couldn't make spool cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("couldn't make spool cipher: %w", err)
	}
	f, err := os.CreateTemp(s.dir, "*"+spoolSuffix)
	if err != nil {
		return nil, fmt.Errorf("couldn't make spool file: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("couldn't unlink spool file: %w", err)
	}
	return &spoolFile{
		spool: s, f: f, aead: aead,
		pending: make([]byte, 0, chunkPlain),
		sealed:  make([]byte, 0, chunkSealed),
	}, nil
}

func (f *spoolFile) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		n := min(chunkPlain-len(f.pending), len(p))
		f.pending = append(f.pending, p[:n]...)
		p = p[n:]
		if len(f.pending) == chunkPlain {
			if err := f.flush(); err != nil {
				return 0, err
			}
		}
	}
	return total, nil
}

// flush seals what is pending. A short chunk can only be the last.
func (f *spoolFile) flush() error {
	if len(f.pending) == 0 {
		return nil
	}
	f.sealed = f.aead.Seal(f.sealed[:0], chunkNonce(f.chunks), f.pending, nil)
	n := int64(len(f.sealed))
	f.written += n
	if f.spool.disk.Add(n) > f.spool.maxDisk {
		return Refuse(CodeBusy).Because(errors.New("spool is full"))
	}
	if _, err := f.f.Write(f.sealed); err != nil {
		return Refuse(CodeDiskFull).Because(fmt.Errorf("couldn't write spool: %w", err))
	}
	f.chunks++
	f.pending = f.pending[:0]
	return nil
}

func chunkNonce(n uint64) []byte {
	var nonce [12]byte
	binary.BigEndian.PutUint64(nonce[4:], n)
	return nonce[:]
}

// Size is the number of plain bytes, once the body is complete.
func (f *spoolFile) Size() int64 { return f.size }

// ReadAt decrypts the chunks asked for. Reads wait for each other: one chunk is kept decrypted.
func (f *spoolFile) ReadAt(p []byte, off int64) (int, error) {
	size := f.size
	if off < 0 || off >= size {
		return 0, io.EOF
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	done := 0
	for done < len(p) && off < size {
		if err := f.load(uint64(off/chunkPlain), size); err != nil {
			return done, err
		}
		n := copy(p[done:], f.plain[off%chunkPlain:])
		done += n
		off += int64(n)
	}
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}

// load decrypts a chunk into the cache.
func (f *spoolFile) load(chunk uint64, size int64) error {
	if f.cached == chunk+1 {
		return nil
	}
	if f.raw == nil {
		f.raw, f.plain = make([]byte, chunkSealed), make([]byte, 0, chunkPlain)
	}
	if chunk > math.MaxInt64/chunkSealed {
		return io.EOF
	}
	want := min(size-int64(chunk)*chunkPlain, chunkPlain) + int64(f.aead.Overhead())
	raw := f.raw[:want]
	if _, err := f.f.ReadAt(raw, int64(chunk)*chunkSealed); err != nil {
		return fmt.Errorf("couldn't read spool: %w", err)
	}
	f.cached = 0
	plain, err := f.aead.Open(f.plain[:0], chunkNonce(chunk), raw, nil)
	if err != nil {
		return fmt.Errorf("couldn't read spool: chunk %d was changed on disk: %w", chunk, err)
	}
	f.plain, f.cached = plain, chunk+1
	return nil
}

// inUse gives the bytes held in memory and on disk, for the metrics.
func (s *spool) inUse() (memory, disk int64) { return s.memory.Load(), s.disk.Load() }
