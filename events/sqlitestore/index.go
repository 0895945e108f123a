package sqlitestore

import (
	"bytes"
	"slices"
	"strings"
	"sync"

	"github.com/tram-exchange/tram/events"
)

// The two indexes (stream, version → position) and (package → position) have keys that are hashes: each new entry
// would dirty a B-tree page of its own, and writing those pages would cost four times as much as the event itself.
// So new entries stay in memory, and go into the B-trees in sorted runs, a few with every commit, together with
// log.indexed, the position up to which the B-trees are complete. At start the entries from there on are read
// again from the events. Nothing here is more than derived: Verify compares every entry.

// runLength is the number of events whose entries are merged as one sorted run. Memory is about 300 bytes each.
const runLength = 32 << 10

type streamEntry struct {
	stream            string
	version, position uint64
}

type packageEntry struct {
	sha256   events.Digest
	position uint64
}

// run is the index over the events from position from to position to.
type run struct {
	from, to uint64
	streams  map[string][]streamEntry // in order of version
	packages map[events.Digest][]uint64
}

func newRun(from uint64) *run {
	return &run{from: from, to: from, streams: map[string][]streamEntry{}, packages: map[events.Digest][]uint64{}}
}

// recent is what the B-trees do not have yet. The writer alone changes it.
type recent struct {
	length uint64 // of a run, in events
	mu     sync.RWMutex
	active *run
	frozen *run // being merged, or nil
	merge  *merge
	filter *filter
}

// merge holds the sorted entries of the frozen run that still have to be written.
type merge struct {
	ready    chan struct{} // closed when sorted
	streams  []streamEntry
	packages []packageEntry
}

func newRecent(from, length uint64) *recent {
	return &recent{length: length, active: newRun(from), filter: newFilter()}
}

// add notes one recorded event.
func (r *recent) add(e *events.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &e.Statement
	a := r.active
	if s.Version == 0 {
		r.filter.add(r.filter.streamKey(s.Stream))
	}
	a.streams[s.Stream] = append(a.streams[s.Stream], streamEntry{s.Stream, s.Version, e.Position})
	if s.Package != nil {
		r.filter.add(r.filter.packageKey(s.Package.SHA256))
		a.packages[s.Package.SHA256] = append(a.packages[s.Package.SHA256], e.Position)
	}
	a.to = e.Position + 1
}

// freeze begins the merge of the active run if it is long enough and no other merge runs.
func (r *recent) freeze() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.frozen != nil || r.active.to-r.active.from < r.length {
		return
	}
	f := r.active
	r.frozen, r.active = f, newRun(f.to)
	m := &merge{ready: make(chan struct{})}
	r.merge = m
	go func() {
		defer close(m.ready)
		for _, list := range f.streams {
			m.streams = append(m.streams, list...)
		}
		slices.SortFunc(m.streams, func(a, b streamEntry) int {
			if c := strings.Compare(a.stream, b.stream); c != 0 {
				return c
			}
			return int(a.version) - int(b.version)
		})
		for sum, list := range f.packages {
			for _, p := range list {
				m.packages = append(m.packages, packageEntry{sum, p})
			}
		}
		slices.SortFunc(m.packages, func(a, b packageEntry) int {
			if c := bytes.Compare(a.sha256[:], b.sha256[:]); c != 0 {
				return c
			}
			return int(a.position) - int(b.position)
		})
	}()
}

// step writes up to n entries of each index within the caller's transaction. It gives the position up to which the
// B-trees are complete then, and says if that has changed: after the commit the caller calls merged.
func (r *recent) step(c *conn, n int) (indexed uint64, complete bool, err error) {
	indexed = r.active.from
	if r.frozen != nil {
		indexed = r.frozen.from
	}
	m := r.merge
	if m == nil {
		return indexed, false, nil
	}
	select {
	case <-m.ready:
	default:
		return indexed, false, nil
	}
	k := min(n, len(m.streams))
	for _, e := range m.streams[:k] {
		// An entry can be there already: from before a restart in the middle of a merge.
		if _, err := c.exec(`INSERT OR IGNORE INTO streams VALUES (?,?,?)`, e.stream, e.version, e.position); err != nil {
			return 0, false, err
		}
	}
	m.streams = m.streams[k:]
	k = min(n, len(m.packages))
	for i := range m.packages[:k] {
		e := &m.packages[i]
		if _, err := c.exec(`INSERT OR IGNORE INTO packages VALUES (?,?)`, e.sha256[:], e.position); err != nil {
			return 0, false, err
		}
	}
	m.packages = m.packages[k:]
	if len(m.streams)+len(m.packages) > 0 {
		return indexed, false, nil
	}
	return r.frozen.to, true, nil
}

// merged forgets the frozen run, which the B-trees now have.
func (r *recent) merged() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frozen, r.merge = nil, nil
}

// last is the highest version of a stream in memory.
func (r *recent) last(stream string) (uint64, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, x := range [...]*run{r.active, r.frozen} {
		if x == nil {
			continue
		}
		if l := x.streams[stream]; len(l) > 0 {
			return l[len(l)-1].version, true
		}
	}
	return 0, false
}

// stream gives the entries in memory from a version on, in order.
func (r *recent) stream(stream string, from uint64) []streamEntry {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out []streamEntry
	for _, x := range [...]*run{r.frozen, r.active} {
		if x == nil {
			continue
		}
		for _, e := range x.streams[stream] {
			if e.version >= from {
				out = append(out, e)
			}
		}
	}
	return out
}

// pkg gives the positions in memory that name a package, lowest first.
func (r *recent) pkg(sha256 events.Digest) []uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out []uint64
	for _, x := range [...]*run{r.frozen, r.active} {
		if x != nil {
			out = append(out, x.packages[sha256]...)
		}
	}
	return out
}
