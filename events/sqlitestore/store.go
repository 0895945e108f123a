package sqlitestore

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/logbook"
)

// Options say whose record it is and what it is sealed with. Origin, LogKey and NodeKey are required.
type Options struct {
	Origin    string              // origin line of the log; fixed when the store is created
	LogKey    crypto.Signer       // Ed25519, signs heads for log tools
	LogKeys   []crypto.Signer     // further keys of the log: the next one, the one before. Which signs, the log says (package logbook)
	NodeKey   crypto.Signer       // key of the node certificate (P-256 or RSA), signs heads for everyone else
	NodeChain []*x509.Certificate // of the node, its own first; goes into receipts

	Now  func() time.Time // nil: time.Now
	Rand io.Reader        // nil: crypto/rand.Reader

	MinFree     int64 // bytes that must stay free on the disk; 0: 256 MiB, negative: no check
	SegmentSize int64 // bytes after which a new package segment is begun; 0: 1 GiB
	Readers     int   // read connections; 0: 8

	// BeforeSign, if set, is called once by Open, when the durable state has been checked and nothing has been signed
	// yet: stored is the last stored signed checkpoint (nil if there is none), durable the head that is about to be
	// signed. An error refuses to open: nothing is signed, nothing is written, the folder is free again. It is where a
	// node asks whether others have seen more of its log than it has itself (a restored backup).
	BeforeSign func(ctx context.Context, stored []byte, durable ledger.Head) error

	files     fileSystem // nil: the operating system's
	vfs       string     // SQLite's, for tests
	runLength uint64     // see recent; 0: runLength
}

const (
	formatLine = "tram store 1\n"
	dbName     = "events.db"
	segmentDir = "packages"
)

// ErrLocked: another process has the store open.
var ErrLocked = errors.New("store is in use by another process")

// Store is an events.Store in one folder.
type Store struct {
	dir     string
	opts    Options
	signer  *ledger.Signer
	lock    *os.File
	db      *conn // the writer's
	readers *readers
	seg     *segments
	recent  *recent
	tail    tail
	records sync.Pool // *[]byte, records of small packages
	pages   sync.Pool // *[]byte, buffers of streamPiece bytes for large packages

	// Owned by the writer goroutine.
	tree      *ledger.Tree
	row       logRow                 // as it stands in the database
	log       logbook.State          // what the log says of itself, up to row.size
	known     map[events.Digest]bool // evidence digests that are certainly stored
	groupBuf  []byte                 // aligned, for the packages of one group
	sinceTrim int                    // events since the write-ahead log was trimmed

	mu       sync.RWMutex // held for reading while a request is handed to the writer
	closed   bool
	requests chan *request
	jobs     chan *writerJob
	sealing  chan *sealJob
	trim     chan struct{} // asks the trimmer to work
	trimmed  chan struct{} // and is told that it has
	sealedCh chan struct{} // tells the writer that a new signed head can be stored
	stopped  sync.WaitGroup

	stopLoading  context.CancelFunc // of the filter
	filterLoaded chan struct{}      // closed when that has ended

	state  atomic.Pointer[sealedState]
	failMu sync.Mutex
	failed chan struct{}
	err    error
	ended  chan struct{} // closed when no further head will come

	largeMu sync.Mutex
	large   map[events.Digest]chan struct{} // large packages on their way; closed when their append is answered

	destroying sync.Mutex // one destruction at a time; taken before every other lock
}

var _ events.Store = (*Store)(nil)

// sealedState is what readers see: never changed, replaced as a whole.
type sealedState struct {
	head     events.Head
	log      logbook.State
	snapshot ledger.Snapshot
	next     chan struct{} // closed when a later state stands
}

// Open opens the store in dir, or creates it there. Before it returns it has checked that the last durable head is
// the root over what is stored, that the last stored checkpoint was signed for a head of this log by the key that was in
// force, that the keys are at hand that the log says must sign now (*logbook.KeyError if not), and has signed the last
// durable head again. The directory is locked until Close.
func Open(ctx context.Context, dir string, opts Options) (*Store, error) {
	s, err := open(ctx, dir, opts)
	if err != nil {
		return nil, fmt.Errorf("couldn't open store %s: %w", dir, err)
	}
	return s, nil
}

func open(ctx context.Context, dir string, opts Options) (_ *Store, err error) {
	opts.fill()
	signer, err := ledger.NewSigner(opts.Origin, opts.LogKey, opts.NodeKey, opts.Rand)
	if err != nil {
		return nil, err
	}
	for _, key := range opts.LogKeys {
		if _, err := signer.AddLogKey(key); err != nil {
			return nil, err
		}
	}
	s := &Store{
		dir: dir, opts: opts, signer: signer,
		known:    map[events.Digest]bool{},
		requests: make(chan *request, maxGroup),
		jobs:     make(chan *writerJob),
		sealing:  make(chan *sealJob, 1),
		sealedCh: make(chan struct{}, 1),
		trim:     make(chan struct{}),
		trimmed:  make(chan struct{}, 1),
		failed:   make(chan struct{}),

		filterLoaded: make(chan struct{}),
		ended:        make(chan struct{}),
		large:        map[events.Digest]chan struct{}{},
	}
	if err := s.openFolder(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.release())
		}
	}()
	s.readers = newReaders(opts.Readers, func() (*conn, error) {
		return openConn(s.dbPath(), "ro", opts.vfs, "busy_timeout(10000)", "cache_size(-16384)", "query_only(on)")
	})
	if err := s.load(ctx); err != nil {
		return nil, err
	}
	s.stopped.Add(4)
	loading, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stopLoading = stop
	go s.loadFilter(loading)
	go s.trimmer()
	go s.write()
	go s.seal()
	return s, nil
}

func (o *Options) fill() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.MinFree == 0 {
		o.MinFree = 256 << 20
	}
	if o.SegmentSize == 0 {
		o.SegmentSize = 1 << 30
	}
	if o.Readers == 0 {
		o.Readers = 8
	}
	if o.runLength == 0 {
		o.runLength = runLength
	}
	if o.files == nil {
		o.files = osFiles{}
	}
}

// openFolder takes the folder, making it if there is none, and opens the database in it. On an error the folder is free again.
func (s *Store) openFolder() (err error) {
	s.pages.New = func() any { b := aligned(streamPiece); return &b }
	if err := os.MkdirAll(filepath.Join(s.dir, segmentDir), 0o700); err != nil {
		return err
	}
	if s.lock, err = lockDir(s.dir); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.release())
		}
	}()
	if err := s.openFormat(); err != nil {
		return err
	}
	if err := s.openDatabase(); err != nil {
		return err
	}
	return s.create()
}

// openDatabase opens the writer's connection.
func (s *Store) openDatabase() (err error) {
	s.db, err = openConn(s.dbPath(), "rwc", s.opts.vfs, "journal_mode(wal)", "synchronous(full)", "busy_timeout(10000)",
		"cache_size(-65536)", "wal_autocheckpoint(0)", "journal_size_limit(67108864)", "secure_delete(on)", "trusted_schema(off)")
	return err
}

func (s *Store) dbPath() string { return filepath.Join(s.dir, dbName) }

func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("%w (%v)", ErrLocked, err)
	}
	return f, nil
}

// openFormat keeps a program of one format from touching a store of another.
func (s *Store) openFormat() error {
	path := filepath.Join(s.dir, "format")
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if _, err := os.Stat(s.dbPath()); err == nil {
			return fmt.Errorf("%s stands without its format file", dbName)
		}
		return writeSynced(path, []byte(formatLine))
	case err != nil:
		return err
	case len(b) == 0: // cut off while it was created: the database cannot have been there yet
		if _, err := os.Stat(s.dbPath()); err == nil {
			return fmt.Errorf("format file is empty")
		}
		return writeSynced(path, []byte(formatLine))
	case string(b) != formatLine:
		return fmt.Errorf("format %q, this program knows %q", strings.TrimSpace(string(b)), strings.TrimSpace(formatLine))
	}
	return nil
}

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

// create makes the tables of a new store.
func (s *Store) create() error {
	var v [1]driver.Value
	if _, err := s.db.one(v[:], `SELECT count(*) FROM sqlite_schema`); err != nil {
		return err
	}
	if v[0] != int64(0) {
		return checkFormat(s.db)
	}
	root := events.Sum(nil)
	if err := s.db.script("BEGIN IMMEDIATE;" + schema); err != nil {
		return err
	}
	row := logRow{origin: s.opts.Origin, root: root, time: time.UnixMicro(0).UTC(), end: place{segment: 1}}
	sum := row.sum()
	_, err := s.db.exec(`INSERT INTO log VALUES (1, ?, 0, ?, 0, 1, 0, 0, NULL, ?)`, row.origin, row.root[:], sum[:])
	if err != nil {
		return err
	}
	if _, err := s.db.exec(`COMMIT`); err != nil {
		return err
	}
	return s.opts.files.SyncDir(s.dir)
}

// checkFormat says whether the database is one of ours and of format 1.
func checkFormat(c *conn) error {
	var v [1]driver.Value
	for pragma, want := range map[string]int64{"application_id": applicationID, "user_version": 1} {
		if _, err := c.one(v[:], "PRAGMA "+pragma); err != nil {
			return err
		}
		if v[0] != want {
			return fmt.Errorf("%s of %s is %v, expected %d", pragma, dbName, v[0], want)
		}
	}
	return nil
}

// logRow is the one row of table log.
type logRow struct {
	origin     string
	size       uint64
	root       events.Digest
	time       time.Time
	end        place // first free byte of the last segment
	indexed    uint64
	checkpoint []byte
}

// sum covers the whole row: parts of it follow from nothing else, and a changed byte shall be seen.
func (r *logRow) sum() events.Digest {
	return events.Sum(fmt.Appendf(nil, "tram log row v1\n%s\n%d\n%s\n%d\n%d\n%d\n%d\n%s",
		r.origin, r.size, r.root, r.time.UnixMicro(), r.end.segment, r.end.offset, r.indexed, r.checkpoint))
}

func readLog(c *conn) (logRow, error) {
	var v [9]driver.Value
	found, err := c.one(v[:], `SELECT origin, size, root, time, segment, segment_end, indexed, checkpoint, sum FROM log WHERE id = 1`)
	if err != nil {
		return logRow{}, err
	}
	if !found {
		return logRow{}, errors.New("table log is empty")
	}
	origin, _ := v[0].(string)
	root, _ := v[2].([]byte)
	if len(root) != 32 {
		return logRow{}, fmt.Errorf("stored root has %d bytes, expected 32", len(root))
	}
	num := func(i int) int64 { n, _ := v[i].(int64); return n } // a damaged file may give anything
	r := logRow{
		origin: origin, size: uint64(num(1)), root: events.Digest(root),
		time: time.UnixMicro(num(3)).UTC(), end: place{num(4), num(5)}, indexed: uint64(num(6)),
	}
	r.checkpoint, _ = v[7].([]byte)
	if sum, _ := v[8].([]byte); len(sum) != 32 || events.Digest(sum) != r.sum() {
		return logRow{}, fmt.Errorf("stored log row has sum %x, its values give %s", sum, r.sum())
	}
	if r.size > 1<<62 || r.indexed > r.size || r.end.segment < 0 || r.end.offset < 0 {
		return logRow{}, fmt.Errorf("stored log row makes no sense: size %d, indexed %d, segment %d end %d", r.size, r.indexed, r.end.segment, r.end.offset)
	}
	return r, nil
}

// load brings everything that the store keeps in memory back, checks it and signs the last durable head.
func (s *Store) load(ctx context.Context) error {
	row, err := readLog(s.db)
	if err != nil {
		return err
	}
	if row.origin != s.opts.Origin {
		return fmt.Errorf("origin is %q, expected %q", row.origin, s.opts.Origin)
	}
	s.row = row
	if s.tree, err = s.loadTree(row); err != nil {
		return err
	}
	s.tail.from = row.size
	if err := s.loadRecent(ctx, row); err != nil {
		return err
	}
	if s.log, err = logbook.Load(ctx, s); err != nil {
		return err
	}
	if err := s.checkStored(row); err != nil {
		return err
	}
	if s.opts.BeforeSign != nil {
		durable := ledger.Head{Origin: row.origin, Size: row.size, Root: row.root}
		if err := s.opts.BeforeSign(ctx, bytes.Clone(row.checkpoint), durable); err != nil {
			return fmt.Errorf("couldn't sign the head of size %d: %w", row.size, err)
		}
	}
	checkpoint, err := s.log.Sign(s.signer, row.size, row.root)
	if err != nil {
		return err
	}
	row.checkpoint = checkpoint
	if err := s.saveRow(row); err != nil {
		return err
	}
	s.publish(events.Head{Origin: row.origin, Size: row.size, Root: row.root, Time: row.time, Checkpoint: checkpoint}, s.tree.Snapshot(), s.log)
	s.seg, err = openSegments(filepath.Join(s.dir, segmentDir), s.opts.files, s.opts.SegmentSize, row.end)
	if err != nil {
		return err
	}
	return s.opts.files.SyncDir(filepath.Join(s.dir, segmentDir))
}

// loadRecent brings back the index entries that the B-trees do not have yet.
func (s *Store) loadRecent(ctx context.Context, row logRow) error {
	s.recent = newRecent(row.indexed, s.opts.runLength)
	end := row.end
	return readEvents(ctx, s.db, row.origin, row.indexed, row.size, func(e *events.Event, at *place) error {
		s.recent.add(e)
		if e.Statement.Package != nil && at != nil {
			if at.segment > end.segment || at.segment == end.segment && at.offset+recordSize(e.Statement.Package.Length) > end.offset {
				return fmt.Errorf("package of event %d ends behind the recorded end of the segments", e.Position)
			}
		}
		return nil
	})
}

// loadTree restores the tree from the last statements and the full tiles; its root must be the stored one.
func (s *Store) loadTree(row logRow) (*ledger.Tree, error) {
	var v [2]driver.Value
	if _, err := s.db.one(v[:1], `SELECT coalesce(max(position) + 1, 0) FROM events`); err != nil {
		return nil, err
	}
	if v[0] != int64(row.size) {
		return nil, fmt.Errorf("last event is at position %d, the head has size %d", v[0].(int64)-1, row.size)
	}
	var tail []events.Digest
	err := s.db.query(v[:], func() error {
		statement, _ := v[1].([]byte)
		tail = append(tail, ledger.Entry(statement))
		return nil
	}, `SELECT position, statement FROM events WHERE position >= ? ORDER BY position`, row.size&^255)
	if err != nil {
		return nil, err
	}
	t, err := ledger.Restore(row.size, tail, tilesOf(s.db))
	if err != nil {
		return nil, err
	}
	if t.Root() != row.root {
		return nil, fmt.Errorf("root over the stored events is %s, the stored head of size %d says %s", t.Root(), row.size, row.root)
	}
	return t, nil
}

// checkStored refuses to go on with a log that another key signed, or that is not the one that was signed, and without the
// keys that the log says must sign.
func (s *Store) checkStored(row logRow) error {
	log, head, err := logbook.Resume(s.log, s.signer, row.checkpoint)
	if err != nil {
		return err
	}
	s.log = log
	if head == nil {
		return nil // the process ended before the first head was signed
	}
	if head.Size > row.size {
		return fmt.Errorf("the stored checkpoint was signed for size %d, the log has %d: events are missing", head.Size, row.size)
	}
	root, err := s.tree.Snapshot().RootAt(head.Size, tilesOf(s.db))
	if err != nil {
		return err
	}
	if root != head.Root {
		return fmt.Errorf("root of size %d is %s, it was signed as %s", head.Size, root, head.Root)
	}
	return nil
}

// AddLogKey takes a further key of the log, before it is put after the one in force, and gives its verifier key.
func (s *Store) AddLogKey(key crypto.Signer) (string, error) { return s.signer.AddLogKey(key) }

// Log is what the log says of itself as of Head, its first key known.
func (s *Store) Log() logbook.State { return s.state.Load().log }

// tilesOf reads full tiles through one connection.
func tilesOf(c *conn) ledger.TileSource {
	return func(level int, number uint64) ([]byte, error) {
		var v [1]driver.Value
		found, err := c.one(v[:], `SELECT hashes FROM tiles WHERE level = ? AND number = ?`, level, number)
		if err != nil {
			return nil, fmt.Errorf("couldn't read tile %d of level %d: %w", number, level, err)
		}
		b, _ := v[0].([]byte)
		if !found || len(b) != 256*32 {
			return nil, fmt.Errorf("couldn't read tile %d of level %d: %d bytes stored, expected %d", number, level, len(b), 256*32)
		}
		return b, nil
	}
}

// publish lets everyone see a signed head.
func (s *Store) publish(h events.Head, snapshot ledger.Snapshot, log logbook.State) {
	old := s.state.Swap(&sealedState{head: h, log: log, snapshot: snapshot, next: make(chan struct{})})
	if old != nil {
		close(old.next)
	}
}

// fail ends the store: nothing is accepted any more.
func (s *Store) fail(err error) {
	s.failMu.Lock()
	defer s.failMu.Unlock()
	if s.err == nil {
		s.err = fmt.Errorf("store has ended and must be opened again: %w", err)
		close(s.failed)
	}
}

// Failed is closed when the store has ended by itself, e.g. after a failed sync: the process should stop. Err says why.
func (s *Store) Failed() <-chan struct{} { return s.failed }

// Err is why the store has ended by itself, or nil.
func (s *Store) Err() error {
	s.failMu.Lock()
	defer s.failMu.Unlock()
	return s.err
}

// Close finishes the appends that were handed in, stores the last signed head and releases the folder.
// Afterwards the folder can be copied as a backup.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.stopLoading()
	close(s.requests)
	s.mu.Unlock()
	s.stopped.Wait()
	close(s.ended)
	if err := s.release(); err != nil {
		return fmt.Errorf("couldn't close store %s: %w", s.dir, err)
	}
	return s.Err()
}

func (s *Store) release() error {
	var errs []error
	if s.readers != nil {
		errs = append(errs, s.readers.close())
	}
	if s.seg != nil {
		errs = append(errs, s.seg.close())
	}
	if s.db != nil {
		errs = append(errs, s.db.close()) // the last connection to close brings the write-ahead log into the database
	}
	return errors.Join(append(errs, s.lock.Close())...)
}

// Receipt writes the receipt file of event i of an append, with the node's certificate chain.
func (s *Store) Receipt(sealed events.Sealed, i int) ([]byte, error) {
	return ledger.NewReceipt(sealed, i, s.opts.NodeChain)
}
