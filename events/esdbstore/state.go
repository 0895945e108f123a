package esdbstore

import (
	"fmt"
	"sort"
	"sync"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/logbook"
)

// state is what a node knows of the log: all of it follows from the log and heads streams. It is safe for concurrent
// use. What the log says counts as sealed only up to the head.
type state struct {
	origin string

	mu       sync.Mutex
	tree     *ledger.Tree
	tiles    map[tileAt][]byte
	entries  []events.Digest // leaf by position
	batches  []batchAt       // in order
	tail     []events.Event  // the last ones, without facts: at least keep, at most twice that
	keep     int
	streams  map[string][]uint64
	packages map[events.Digest][]uint64
	evidence map[events.Digest]uint64 // first position that names it
	time     time.Time                // of the last event
	source   source
	epoch    uint64
	holder   string
	logNext  uint64        // revision of the next event of the log stream
	book     logbook.State // what the log says of itself: which keys sign
	imported *importEntry  // the record that was moved here, if one was
	ended    bool          // the log goes on elsewhere

	head     events.Head
	snapshot ledger.Snapshot
	headNext uint64        // revision of the next event of the heads stream
	changed  chan struct{} // closed at the next head
}

type tileAt struct {
	level  int
	number uint64
}

// batchAt is where in the log stream positions from `from` on are.
type batchAt struct{ from, revision uint64 }

func newState(origin string, keep int) *state {
	return &state{
		keep: keep, origin: origin, tree: &ledger.Tree{}, tiles: map[tileAt][]byte{}, streams: map[string][]uint64{},
		packages: map[events.Digest][]uint64{}, evidence: map[events.Digest]uint64{}, time: time.UnixMicro(0).UTC(), changed: make(chan struct{}),
	}
}

// epochBegins takes over an epoch entry at a revision of the log; one that is known already is passed by.
func (s *state) epochBegins(revision uint64, e epochEntry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if done, err := s.follows("log", s.logNext, revision); done || err != nil {
		return err
	}
	if s.moving() {
		return fmt.Errorf("couldn't follow the log at revision %d: epoch %d begins: %w", revision, e.Epoch, ErrMoving)
	}
	if e.Epoch <= s.epoch {
		return fmt.Errorf("couldn't follow the log at revision %d: epoch %d after %d", revision, e.Epoch, s.epoch)
	}
	s.epoch, s.holder, s.logNext = e.Epoch, e.Holder, revision+1
	return nil
}

// moving says whether nobody may sequence. The caller holds mu.
func (s *state) moving() bool { return s.ended || s.imported != nil && s.tree.Size() < s.imported.Size }

// importBegins takes over the entry of a move into the log, which can only be the first.
func (s *state) importBegins(revision uint64, e importEntry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if done, err := s.follows("log", s.logNext, revision); done || err != nil {
		return err
	}
	if revision != 0 || e.Size == 0 {
		return fmt.Errorf("couldn't follow the log at revision %d: a record of %d events is moved to there", revision, e.Size)
	}
	s.imported, s.logNext = &e, revision+1
	return nil
}

// end takes over the entry that ends the log.
func (s *state) end(revision uint64, e importEntry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if done, err := s.follows("log", s.logNext, revision); done || err != nil {
		return err
	}
	if e.Size != s.tree.Size() || e.Root != s.tree.Root() {
		return fmt.Errorf("couldn't follow the log at revision %d: it ends with size %d and root %s, there are %d and %s", revision, e.Size, e.Root, s.tree.Size(), s.tree.Root())
	}
	s.ended, s.logNext = true, revision+1
	return nil
}

// place gives the next revision of the log and its size.
func (s *state) place() (next, size uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logNext, s.tree.Size()
}

// follows says whether a revision was taken in before; one beyond the next is an error.
func (s *state) follows(stream string, next, revision uint64) (done bool, err error) {
	if revision > next {
		return false, &gapError{stream, next, revision}
	}
	return revision < next, nil
}

// gapError: a subscription has left something out.
type gapError struct {
	stream         string
	next, revision uint64
}

func (e *gapError) Error() string {
	return fmt.Sprintf("couldn't follow stream %s: revision %d, expected %d", e.stream, e.revision, e.next)
}

// batch takes over a batch at a revision of the log, after checking that it goes on where the log ends.
func (s *state) batch(revision uint64, h batchHeader, statements [][]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if done, err := s.follows("log", s.logNext, revision); done || err != nil {
		return err
	}
	fail := func(format string, args ...any) error {
		return fmt.Errorf("couldn't follow the log at revision %d: %w", revision, fmt.Errorf(format, args...))
	}
	if h.Epoch != s.epoch || h.From != s.tree.Size() {
		return fail("batch of epoch %d from position %d, expected epoch %d, position %d", h.Epoch, h.From, s.epoch, s.tree.Size())
	}
	if h.Epoch == 0 && (s.imported == nil || h.Size > s.imported.Size) || s.ended {
		return fail("batch of epoch %d to position %d is not of the record that was moved", h.Epoch, h.Size)
	}
	list := make([]events.Statement, len(statements))
	next := map[string]uint64{}
	at := s.time
	for i, b := range statements {
		st, err := events.DecodeStatement(b)
		if err != nil {
			return fail("position %d: %w", h.From+uint64(i), err)
		}
		want, ok := next[st.Stream]
		if !ok {
			want = uint64(len(s.streams[st.Stream]))
		}
		if st.Origin != s.origin || st.Version != want || st.Time.Before(at) {
			return fail("position %d: version %d of %s of origin %q at %s, expected version %d of origin %q not before %s",
				h.From+uint64(i), st.Version, st.Stream, st.Origin, st.Time, want, s.origin, at)
		}
		next[st.Stream], at, list[i] = want+1, st.Time, st
	}
	book := s.book
	for i := range list {
		if list[i].Stream == logbook.Stream {
			var err error
			if book, err = logbook.Fold(book, events.Event{Position: h.From + uint64(i), Statement: list[i], Bytes: statements[i]}); err != nil {
				return fail("%w", err)
			}
		}
	}
	entries := make([]events.Digest, len(statements))
	for i, b := range statements {
		entries[i] = ledger.Entry(b)
	}
	growth := s.tree.Append(entries)
	if root := s.tree.Root(); root != h.Root {
		return fail("root of size %d is %s, the batch says %s", growth.Size, root, h.Root)
	} else if s.imported != nil && h.Size == s.imported.Size && root != s.imported.Root {
		return fail("root of size %d is %s, the record that was moved had %s", growth.Size, root, s.imported.Root)
	}
	for _, t := range growth.Full {
		s.tiles[tileAt{t.Level, t.Number}] = t.Hashes
	}
	for i := range list {
		s.index(h.From+uint64(i), &list[i])
	}
	s.entries = append(s.entries, entries...)
	for i := range list {
		s.tail = append(s.tail, events.Event{Position: h.From + uint64(i), Statement: list[i], Bytes: statements[i]})
	}
	if len(s.tail) > 2*s.keep {
		s.tail = append([]events.Event(nil), s.tail[len(s.tail)-s.keep:]...)
	}
	s.batches = append(s.batches, batchAt{h.From, revision})
	s.time, s.source, s.logNext, s.book = at, h.Source, revision+1, book
	return nil
}

func (s *state) index(position uint64, st *events.Statement) {
	s.streams[st.Stream] = append(s.streams[st.Stream], position)
	if st.Package != nil {
		s.packages[st.Package.SHA256] = append(s.packages[st.Package.SHA256], position)
	}
	if st.Evidence != nil {
		if _, ok := s.evidence[*st.Evidence]; !ok {
			s.evidence[*st.Evidence] = position
		}
	}
}

// signed takes over a head at a revision of the heads stream; its signature was checked, and the log was read so far.
func (s *state) signed(revision uint64, h events.Head) (ready bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if done, err := s.follows("heads", s.headNext, revision); done || err != nil {
		return true, err
	}
	if h.Size > s.tree.Size() {
		return false, fmt.Errorf("couldn't take head of size %d: the log has %d", h.Size, s.tree.Size())
	}
	if h.Size < s.head.Size {
		return true, fmt.Errorf("couldn't take head of size %d: the one before has %d", h.Size, s.head.Size)
	}
	root, err := s.tree.Snapshot().RootAt(h.Size, s.tile)
	if err != nil {
		return true, err
	}
	if root != h.Root {
		return true, fmt.Errorf("couldn't take head of size %d: signed for root %s, the log gives %s", h.Size, h.Root, root)
	}
	s.head, s.snapshot, s.headNext = h, s.tree.Snapshot(), revision+1
	close(s.changed)
	s.changed = make(chan struct{})
	return true, nil
}

// tile is the ledger.TileSource; the caller holds mu.
func (s *state) tile(level int, number uint64) ([]byte, error) {
	if b := s.tiles[tileAt{level, number}]; b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("couldn't find tile %d of level %d", number, level)
}

// tileSource is tile for those who don't hold mu.
func (s *state) tileSource(level int, number uint64) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tile(level, number)
}

func (s *state) sealed() (head events.Head, snapshot ledger.Snapshot, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head, s.snapshot, s.changed
}

// ends gives the next revisions of both streams.
func (s *state) ends() (log, heads uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logNext, s.headNext
}

// at says where a version of a stream is in the log, and the leaf there.
func (s *state) at(stream string, version uint64) (position uint64, entry events.Digest, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.streams[stream]
	if version >= uint64(len(list)) {
		return 0, events.Digest{}, false
	}
	return list[version], s.entries[list[version]], true
}

// batchOf gives the revision of the batch that holds a position.
func (s *state) batchOf(position uint64) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := sort.Search(len(s.batches), func(i int) bool { return s.batches[i].from > position })
	return s.batches[i-1].revision
}

func (s *state) entry(position uint64) events.Digest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.entries[position]
}

// recent gives events from a position to another, if all of them are recent.
func (s *state) recent(from, to uint64) []events.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := uint64(len(s.entries) - len(s.tail))
	if from < first || from >= to {
		return nil
	}
	return append([]events.Event(nil), s.tail[from-first:to-first]...)
}

// recentOf gives the events of a stream from a version on that have a place in the log, as long as they are recent.
func (s *state) recentOf(stream string, version uint64) (list []events.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := uint64(len(s.entries) - len(s.tail))
	positions := s.streams[stream]
	for ; version < uint64(len(positions)) && positions[version] >= first; version++ {
		list = append(list, s.tail[positions[version]-first])
	}
	return list
}

// packageAt gives the sealed positions that refer to a package.
func (s *state) packageAt(sum events.Digest) []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.packages[sum]
	n := sort.Search(len(list), func(i int) bool { return list[i] >= s.head.Size })
	if n == 0 {
		return nil
	}
	return append([]uint64(nil), list[:n]...)
}

func (s *state) hasEvidence(sum events.Digest) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	position, ok := s.evidence[sum]
	return ok && position < s.head.Size
}
