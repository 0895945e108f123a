package main

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/projections"
)

// directBlock is what direct writes are multiples of.
const directBlock = 4096

// acceptLimit is the most that this machine could accept: every processor hashes packages and checks one RSA-2048
// signature for each, and a writer appends them to a preallocated file with one direct write and one fdatasync a
// group. No HTTP, no TLS, no XML, no events, no tree, no second signature, and nobody who sends.
func acceptLimit(ctx context.Context, dir string, key *rsa.PrivateKey, packages []benchPackage, group int, d time.Duration) (float64, error) {
	sum := sha256.Sum256(packages[0].body)
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		return 0, err
	}
	group = max(group, 1)
	f, err := openDirect(filepath.Join(dir, "limit"))
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	const fileSize = 256 << 20
	if err := unix.Fallocate(int(f.Fd()), 0, 0, fileSize); err != nil {
		return 0, fmt.Errorf("couldn't allocate file: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	judged := make(chan []byte, 2*group)
	var next, done atomic.Int64
	var g errgroup.Group
	for range runtime.NumCPU() {
		g.Go(func() error {
			for ctx.Err() == nil {
				body := packages[int(next.Add(1))%len(packages)].body
				_ = sha256.Sum256(body)
				if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], signature); err != nil {
					return err
				}
				select {
				case judged <- body:
				case <-ctx.Done():
				}
			}
			return nil
		})
	}
	start := time.Now()
	g.Go(func() error {
		buf := alignedBytes(group * (len(packages[0].body) + directBlock))
		at := int64(0)
		for {
			n := 0
			for range group {
				select {
				case b := <-judged:
					n += copy(buf[n:], b)
				case <-ctx.Done():
					return nil
				}
			}
			size := (n + directBlock - 1) / directBlock * directBlock
			if at+int64(size) > fileSize {
				at = 0
			}
			if _, err := f.WriteAt(buf[:size], at); err != nil {
				return err
			}
			if err := unix.Fdatasync(int(f.Fd())); err != nil {
				return err
			}
			at += int64(size)
			done.Add(int64(group))
		}
	})
	if err := g.Wait(); err != nil {
		return 0, fmt.Errorf("couldn't measure the limit: %w", err)
	}
	return float64(done.Load()) / time.Since(start).Seconds(), nil
}

// openDirect opens a new file past the page cache, where the file system can.
func openDirect(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_DIRECT, 0o600)
	if errors.Is(err, unix.EINVAL) {
		f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't open file: %w", err)
	}
	return f, nil
}

func alignedBytes(n int) []byte {
	n = (n + directBlock - 1) / directBlock * directBlock
	b := make([]byte, n+directBlock)
	skip := int(-uintptr(unsafe.Pointer(&b[0])) & (directBlock - 1))
	return b[skip : skip+n]
}

// replayed is what reading a whole log again came to.
type replayed struct {
	events     uint64
	read, view float64 // events a second: read and decoded only; into all views
}

// replay reads the log of a stopped node and rebuilds its views from nothing.
func replay(ctx context.Context, c *Config) (replayed, error) {
	keys, err := loadKeys(c)
	if err != nil {
		return replayed{}, err
	}
	data := c.path(c.Data)
	store, err := sqlitestore.Open(ctx, data, sqlitestore.Options{
		Origin: c.Origin, LogKey: keys.log, NodeKey: keys.node, NodeChain: keys.chain, MinFree: c.MinFreeMiB << 20,
	})
	if err != nil {
		return replayed{}, err
	}
	r, err := replayStore(ctx, store, data)
	return r, errors.Join(err, store.Close())
}

func replayStore(ctx context.Context, store events.Store, data string) (r replayed, err error) {
	r.events = store.Head().Size
	start := time.Now()
	if err := store.All(ctx, 0, func(events.Event) error { return nil }); err != nil {
		return r, err
	}
	r.read = float64(r.events) / time.Since(start).Seconds()
	files, err := filepath.Glob(filepath.Join(data, viewsFile+"*"))
	if err != nil {
		return r, err
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			return r, err
		}
	}
	views, err := projections.Open(ctx, filepath.Join(data, viewsFile), store, projections.Options{})
	if err != nil {
		return r, err
	}
	start = time.Now()
	err = views.CatchUp(ctx)
	r.view = float64(r.events) / time.Since(start).Seconds()
	return r, errors.Join(err, views.Close())
}

// each measures f on one processor, as the mean over about d.
func each(d time.Duration, f func() error) (time.Duration, error) {
	if err := f(); err != nil { // not the first: caches
		return 0, err
	}
	start := time.Now()
	for n := 1; ; n++ {
		if err := f(); err != nil {
			return 0, err
		}
		if took := time.Since(start); took > d {
			return took / time.Duration(n), nil
		}
	}
}

// extraMemory hands in one package of the size and gives how much more memory the node took for it than it had idle.
func (s *benchSite) extraMemory(ctx context.Context, size int) (extra int64, took time.Duration, err error) {
	p, err := s.make(0, make([]byte, size/4*3))
	if err != nil {
		return 0, 0, err
	}
	idle, err := s.memory("VmRSS")
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	if err := s.handIn(ctx, p); err != nil {
		return 0, 0, err
	}
	took = time.Since(start)
	peak, err := s.memory("VmHWM")
	return peak - idle, took, err
}
