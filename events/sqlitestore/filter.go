package sqlitestore

import (
	"context"
	"database/sql/driver"
	"hash/maphash"

	"github.com/tram-exchange/tram/events"
)

// filter says of most keys that are in neither index that they are not: nearly every hand-in asks for a stream, a
// package and a delivery that nobody has seen before, five times in all, and each question costs a read transaction of
// SQLite on pages that the last commit has made stale. It is a Bloom filter of layers, each twice as large as the one
// before: 16 bits and four probes a key let one question in 400 a layer through to the index. Until the keys of before
// are loaded, and beyond maxFiltered keys, every question goes there.
//
// It is guarded by the lock of recent, so that what is added there is in both or in neither.
type filter struct {
	seed   maphash.Seed
	ready  bool
	off    bool
	keys   int
	layers []filterLayer
}

type filterLayer struct {
	bits []uint64 // a power of two of them
	room int      // keys that it still takes
}

const (
	filterKeys  = 64 << 10 // of the first layer
	maxFiltered = 64 << 20 // keys; 128 to 256 MB
)

func newFilter() *filter { return &filter{seed: maphash.MakeSeed()} }

func (f *filter) streamKey(stream string) uint64 { return maphash.String(f.seed, "s"+stream) }

func (f *filter) packageKey(sum events.Digest) uint64 { return maphash.Bytes(f.seed, sum[:]) }

// probe gives the i-th bit of a key in a layer.
func (l *filterLayer) probe(key uint64, i uint64) (word int, bit uint64) {
	at := (key + i*(key>>32|1)) & uint64(64*len(l.bits)-1)
	return int(at / 64), 1 << (at % 64)
}

func (l *filterLayer) has(key uint64) bool {
	for i := range uint64(4) {
		if word, bit := l.probe(key, i); l.bits[word]&bit == 0 {
			return false
		}
	}
	return true
}

// mayHave is false only if the key was never added.
func (f *filter) mayHave(key uint64) bool {
	if !f.ready || f.off {
		return true
	}
	for i := range f.layers {
		if f.layers[i].has(key) {
			return true
		}
	}
	return false
}

func (f *filter) add(key uint64) {
	if f.off {
		return
	}
	if f.keys++; f.keys > maxFiltered {
		f.off, f.layers = true, nil
		return
	}
	n := len(f.layers)
	if n == 0 || f.layers[n-1].room == 0 {
		capacity := filterKeys << n
		f.layers = append(f.layers, filterLayer{bits: make([]uint64, capacity/4), room: capacity})
		n++
	}
	l := &f.layers[n-1]
	l.room--
	for i := range uint64(4) {
		word, bit := l.probe(key, i)
		l.bits[word] |= bit
	}
}

// mayHaveStream is false only if there is no event in the stream.
func (r *recent) mayHaveStream(stream string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.filter.mayHave(r.filter.streamKey(stream))
}

// mayHavePackage is false only if no event names the package.
func (r *recent) mayHavePackage(sum events.Digest) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.filter.mayHave(r.filter.packageKey(sum))
}

// filterChunk is how many keys are read in one query.
const filterChunk = 4096

// loadFilter brings in the keys that the indexes had when the store was opened. Those recorded since are added as they
// come. Without it (an error here is one that questions will meet, too) everything works, but slower.
func (s *Store) loadFilter(ctx context.Context) {
	defer s.stopped.Done()
	defer close(s.filterLoaded)
	f := s.recent.filter
	if s.loadStreams(ctx, f) != nil || s.loadPackages(ctx, f) != nil {
		return
	}
	s.recent.mu.Lock()
	f.ready = true
	s.recent.mu.Unlock()
}

func (s *Store) loadStreams(ctx context.Context, f *filter) error {
	last, more := "", true
	for more {
		keys := make([]uint64, 0, filterChunk)
		err := s.readers.with(ctx, func(c *conn) error {
			var v [1]driver.Value
			return c.query(v[:], func() error {
				last, _ = v[0].(string)
				keys = append(keys, f.streamKey(last))
				return nil
			}, `SELECT stream FROM streams WHERE stream > ? AND version = 0 ORDER BY stream LIMIT ?`, last, filterChunk)
		})
		if err != nil {
			return err
		}
		more = s.recent.addKeys(keys)
	}
	return nil
}

func (s *Store) loadPackages(ctx context.Context, f *filter) error {
	last, more := []byte{}, true
	for more {
		keys := make([]uint64, 0, filterChunk)
		err := s.readers.with(ctx, func(c *conn) error {
			var v [1]driver.Value
			return c.query(v[:], func() error {
				last, _ = v[0].([]byte)
				var sum events.Digest
				copy(sum[:], last)
				keys = append(keys, f.packageKey(sum))
				return nil
			}, `SELECT DISTINCT sha256 FROM packages WHERE sha256 > ? ORDER BY sha256 LIMIT ?`, last, filterChunk)
		})
		if err != nil {
			return err
		}
		more = s.recent.addKeys(keys)
	}
	return nil
}

// addKeys adds a chunk and says whether there may be another.
func (r *recent) addKeys(keys []uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range keys {
		r.filter.add(k)
	}
	return len(keys) == filterChunk && !r.filter.off
}
