package sqlitestore

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// ImportOptions say how a copy is kept; zero fields take the defaults of Options.
type ImportOptions struct {
	MinFree     int64 // bytes that must stay free on the disk; negative: no check
	SegmentSize int64 // bytes after which a new package segment is begun
	Batch       int   // events in one commit; 0: 4096. What a damaged source breaks off is at most as many before the damage

	files     fileSystem
	vfs       string
	runLength uint64
}

var (
	// ErrOtherLog: the folder holds the record of another origin.
	ErrOtherLog = errors.New("the folder holds another log")
	// ErrAhead: the folder holds more than the source. The source has lost events: do not copy from it, restore it.
	ErrAhead = errors.New("the folder is ahead of the source")
	// ErrForked: folder and source begin differently. One of them was changed or is another log of the same name.
	ErrForked = errors.New("the folder does not begin as the source does")
	// ErrSource: what the source says does not fit together, so it is not copied.
	ErrSource = errors.New("the source is damaged")
)

// Importer copies a record, event by event as it was first written, into a folder of the same format, which needs no key:
// nothing in it is signed anew, the source's signed head is carried over. The folder is locked until Close. An Importer that
// has returned an error is of no use any more; opened again it goes on from what is durable. It is for one goroutine.
type Importer struct {
	s      *Store // without its goroutines: the same files, tables, tree and indexes
	batch  uint64
	failed error
}

// OpenImport opens the folder that a record is copied into, or creates it there. The stored head must be the root over what is stored.
func OpenImport(ctx context.Context, dir, origin string, opts ImportOptions) (*Importer, error) {
	im, err := openImport(ctx, dir, origin, opts)
	if err != nil {
		return nil, fmt.Errorf("couldn't open copy %s: %w", dir, err)
	}
	return im, nil
}

func openImport(ctx context.Context, dir, origin string, opts ImportOptions) (_ *Importer, err error) {
	if origin == "" {
		return nil, errors.New("no origin was given")
	}
	s := &Store{dir: dir, known: map[events.Digest]bool{}, opts: Options{
		Origin: origin, MinFree: opts.MinFree, SegmentSize: opts.SegmentSize, files: opts.files, vfs: opts.vfs, runLength: opts.runLength,
	}}
	s.opts.fill()
	if err := s.openFolder(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.release())
		}
	}()
	if s.row, err = readLog(s.db); err != nil {
		return nil, err
	}
	if s.row.origin != origin {
		return nil, fmt.Errorf("%w: origin %q, expected %q", ErrOtherLog, s.row.origin, origin)
	}
	if s.tree, err = s.loadTree(s.row); err != nil {
		return nil, err
	}
	im := &Importer{s: s, batch: uint64(cmp.Or(max(opts.Batch, 0), importEvents))}
	if err := im.checkCarried(); err != nil {
		return nil, err
	}
	if err := s.loadRecent(ctx, s.row); err != nil {
		return nil, err
	}
	s.recent.filter.off = true // nobody asks a copy often enough
	if s.seg, err = openSegments(filepath.Join(dir, segmentDir), s.opts.files, s.opts.SegmentSize, s.row.end); err != nil {
		return nil, err
	}
	return im, s.opts.files.SyncDir(filepath.Join(dir, segmentDir))
}

// checkCarried compares the head that was carried over last with what is stored.
func (im *Importer) checkCarried() error {
	if len(im.s.row.checkpoint) == 0 {
		return nil
	}
	h, err := ledger.ReadCheckpoint(im.s.row.checkpoint)
	if err != nil {
		return err
	}
	if h.Origin != im.s.row.origin || h.Size > im.s.row.size {
		return fmt.Errorf("stored checkpoint of %q and size %d, the log is %q and has size %d", h.Origin, h.Size, im.s.row.origin, im.s.row.size)
	}
	root, err := im.s.tree.Snapshot().RootAt(h.Size, tilesOf(im.s.db))
	if err != nil {
		return err
	}
	if root != h.Root {
		return fmt.Errorf("root of size %d is %s, it was signed as %s", h.Size, root, h.Root)
	}
	return nil
}

// Head is what is durable in the folder. It is signed only up to the size in Checkpoint.
func (im *Importer) Head() ledger.Head {
	return ledger.Head{Origin: im.s.row.origin, Size: im.s.row.size, Root: im.s.row.root}
}

// Checkpoint is the signed head that was carried over last; nil if none was.
func (im *Importer) Checkpoint() []byte { return im.s.row.checkpoint }

// RootAt is the tree hash over the first size events in the folder.
func (im *Importer) RootAt(size uint64) (events.Digest, error) {
	return im.s.tree.Snapshot().RootAt(size, tilesOf(im.s.db))
}

// Entry is the log entry of an event in the folder.
func (im *Importer) Entry(position uint64) (events.Digest, error) {
	var v [1]driver.Value
	found, err := im.s.db.one(v[:], `SELECT statement FROM events WHERE position = ?`, position)
	if err == nil && !found {
		err = events.ErrNotFound
	}
	if err != nil {
		return events.Digest{}, fmt.Errorf("couldn't read event %d: %w", position, err)
	}
	b, _ := v[0].([]byte)
	return ledger.Entry(b), nil
}

// Close releases the folder.
func (im *Importer) Close() error {
	if err := im.s.release(); err != nil {
		return fmt.Errorf("couldn't close copy %s: %w", im.s.dir, err)
	}
	return nil
}

// Bounds of one commit: what a crash can undo, and what one transaction holds.
const (
	importEvents = 4096
	importBytes  = 64 << 20
)

// Copied is what one step of Copy made durable.
type Copied struct {
	Events   uint64
	Packages uint64 // that were not there before
	Bytes    int64  // of these packages
	Done     bool   // the folder holds all that the source's head covers, under that head
}

// Copy copies the next stretch of the source and makes it durable; call it until Done. Each commit is proved to be what the
// source's signed head begins with before it is made, so that a folder never holds an event that the head does not cover.
// Who signed that head is for the caller to judge, before the first call.
func (im *Importer) Copy(ctx context.Context, src Source) (Copied, error) {
	if im.failed != nil {
		return Copied{}, im.failed
	}
	done, err := im.copy(ctx, src)
	if err != nil {
		im.failed = fmt.Errorf("couldn't copy into %s: %w", im.s.dir, err)
		_, _ = im.s.db.exec(`ROLLBACK`) // none may be open
		return Copied{}, im.failed
	}
	return done, nil
}

func (im *Importer) copy(ctx context.Context, src Source) (c Copied, err error) {
	s, head := im.s, src.Head()
	if err := im.continues(ctx, src); err != nil {
		return c, err
	}
	if len(head.Checkpoint) == 0 {
		return c, fmt.Errorf("%w: its head is not signed", ErrSource)
	}
	if s.row.size == head.Size && string(s.row.checkpoint) == string(head.Checkpoint) {
		return Copied{Done: true}, nil
	}
	if _, err := s.db.exec(`BEGIN IMMEDIATE`); err != nil {
		return c, fmt.Errorf("couldn't begin transaction: %w", err)
	}
	b := &importBatch{im: im, src: src, next: s.row.size, time: s.row.time, places: map[events.Digest]place{}}
	to := min(head.Size, s.row.size+im.batch)
	if err := src.Raw(ctx, s.row.size, to, func(e Raw) error { return b.add(ctx, e) }); err != nil && !errors.Is(err, errBatchFull) {
		return c, err
	}
	if err := b.flush(); err != nil {
		return c, err
	}
	return b.copied, b.commit(ctx, head)
}

// continues says whether the source continues what is stored.
func (im *Importer) continues(ctx context.Context, src Source) error {
	row, head := &im.s.row, src.Head()
	if head.Origin != row.origin {
		return fmt.Errorf("%w: origin %q, the source is %q", ErrOtherLog, row.origin, head.Origin)
	}
	if row.size > head.Size {
		return fmt.Errorf("%w: it holds %d events, the source's head has size %d", ErrAhead, row.size, head.Size)
	}
	proof, err := src.Consistency(ctx, row.size, head.Size)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSource, err)
	}
	if err := ledger.CheckConsistency(proof, head.Size, head.Root, row.size, row.root); err != nil {
		return fmt.Errorf("%w: %w", ErrForked, err)
	}
	return nil
}

var errBatchFull = errors.New("enough for one commit")

// importBatch is one commit in the making.
type importBatch struct {
	im      *Importer
	src     Source
	next    uint64
	time    time.Time
	entries []events.Digest
	places  map[events.Digest]place // of packages in this commit
	group   []*request              // small packages that wait to be written: only sum and record are used
	held    []heldRow               // rows of events whose package waits
	bytes   int64                   // in group
	copied  Copied
}

// heldRow waits for the place of its package.
type heldRow struct {
	e   Raw
	pkg *events.Digest
}

// add checks one event and brings it in.
func (b *importBatch) add(ctx context.Context, e Raw) error {
	if err := b.check(e); err != nil {
		return fmt.Errorf("%w: event %d: %w", ErrSource, b.next, err)
	}
	if err := b.evidence(ctx, e); err != nil {
		return err
	}
	if err := b.pkg(ctx, e); err != nil {
		return err
	}
	b.im.s.recent.add(&e.Event)
	b.entries = append(b.entries, ledger.Entry(e.Bytes))
	b.time = e.Statement.Time
	b.next++
	b.copied.Events++
	if b.copied.Bytes >= importBytes {
		return errBatchFull
	}
	return nil
}

// check holds an event against what Verify would hold it against.
func (b *importBatch) check(e Raw) error {
	st := &e.Statement
	if e.Position != b.next {
		return fmt.Errorf("position %d follows", e.Position)
	}
	if err := events.CheckEvent(b.im.s.row.origin, e.Event); err != nil {
		return err
	}
	if st.Time.Before(b.time) {
		return fmt.Errorf("time %s is before that of the event before it, %s", st.Time, b.time)
	}
	last, err := (&plan{s: b.im.s}).lastVersion(st.Stream)
	if err != nil {
		return err
	}
	if st.Version != uint64(last+1) {
		return fmt.Errorf("version %d of stream %s, expected %d", st.Version, st.Stream, last+1)
	}
	if e.Facts == nil {
		if e.Salt != nil {
			return errors.New("a salt is stored without facts")
		}
		return nil
	}
	if len(e.Salt) != 32 {
		return fmt.Errorf("salt has %d bytes, expected 32", len(e.Salt))
	}
	f := events.Facts{Salt: [32]byte(e.Salt), Text: e.Facts}
	if got := f.Digest(); got != *st.Facts {
		return fmt.Errorf("facts hash to %s, the statement says %s", got, st.Facts)
	}
	return nil
}

// evidence brings in what an event names, if it is not there.
func (b *importBatch) evidence(ctx context.Context, e Raw) error {
	s, d := b.im.s, e.Statement.Evidence
	if d == nil || s.known[*d] {
		return nil
	}
	var v [1]driver.Value
	found, err := s.db.one(v[:], `SELECT 1 FROM evidence WHERE sha256 = ?`, d[:])
	if err != nil {
		return err
	}
	if !found {
		raw, err := b.src.Evidence(ctx, *d)
		if err != nil {
			return fmt.Errorf("%w: event %d: %w", ErrSource, e.Position, err)
		}
		if got := events.Sum(raw); got != *d {
			return fmt.Errorf("%w: evidence of event %d hashes to %s, the statement says %s", ErrSource, e.Position, got, d)
		}
		if _, err := s.db.exec(`INSERT INTO evidence VALUES (?,?)`, d[:], raw); err != nil {
			return err
		}
	}
	if len(s.known) > 4096 {
		clear(s.known)
	}
	s.known[*d] = true
	return nil
}

// pkg brings in the package of an event, if it is not there, and the row of the event.
func (b *importBatch) pkg(ctx context.Context, e Raw) error {
	ref := e.Statement.Package
	if ref == nil || e.PackageDestroyed {
		return b.insert(e, nil)
	}
	if at, ok := b.places[ref.SHA256]; ok {
		if at == (place{}) {
			b.held = append(b.held, heldRow{e, &ref.SHA256})
			return nil
		}
		return b.insert(e, &at)
	}
	at, found, err := b.im.s.findPlaceIn(b.im.s.db, ref.SHA256)
	if err != nil {
		return err
	}
	if !found {
		b.copied.Packages++
		b.copied.Bytes += ref.Length
		if ref.Length <= smallLimit {
			return b.small(ctx, e)
		}
		if at, err = b.large(ctx, e); err != nil {
			return err
		}
	}
	b.places[ref.SHA256] = at
	return b.insert(e, &at)
}

// sourcePackage is a package of the source as the segments take it in.
type sourcePackage struct {
	events.PackageReader
	sum events.Digest
}

func (p sourcePackage) Digest() events.Digest { return p.sum }

func (b *importBatch) open(ctx context.Context, e Raw) (sourcePackage, error) {
	r, err := b.src.OpenRaw(ctx, e)
	if err != nil {
		return sourcePackage{}, fmt.Errorf("%w: event %d: %w", ErrSource, e.Position, err)
	}
	if r.Size() != e.Statement.Package.Length {
		return sourcePackage{}, errors.Join(fmt.Errorf("%w: package of event %d has %d bytes, the statement says %d", ErrSource, e.Position, r.Size(), e.Statement.Package.Length), r.Close())
	}
	return sourcePackage{r, e.Statement.Package.SHA256}, nil
}

// large writes a large package at once.
func (b *importBatch) large(ctx context.Context, e Raw) (at place, err error) {
	s := b.im.s
	p, err := b.open(ctx, e)
	if err != nil {
		return at, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if err := s.checkFree(p.Size()); err != nil {
		return at, err
	}
	buf := s.pages.Get().(*[]byte)
	defer s.pages.Put(buf)
	at, err = s.seg.stream(p, *buf)
	s.seg.landed(at) // nobody destroys in a folder that is copied into
	return at, err
}

// small reads a small package; it is written with others. Its event's row waits for that, and so may those of others that
// name it.
func (b *importBatch) small(ctx context.Context, e Raw) (err error) {
	s := b.im.s
	p, err := b.open(ctx, e)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	r := &request{}
	if err := s.takePackage(r, p); err != nil {
		return fmt.Errorf("%w: event %d: %w", ErrSource, e.Position, err)
	}
	b.places[r.sum] = place{}
	b.group = append(b.group, r)
	b.bytes += int64(len(r.record))
	b.held = append(b.held, heldRow{e, &r.sum})
	if b.bytes >= groupBytes {
		return b.flush()
	}
	return nil
}

// flush writes and syncs the small packages that wait, and then the rows that refer to them.
func (b *importBatch) flush() error {
	s := b.im.s
	if err := s.checkFree(b.bytes); err != nil {
		return err
	}
	p := &plan{s: s, places: b.places, fresh: b.group, bytes: b.bytes}
	x, err := p.layout()
	if err == nil && x != nil {
		err = x.write()
	}
	for _, r := range b.group {
		s.giveBack(r)
	}
	if err != nil {
		return err
	}
	for _, h := range b.held {
		at := b.places[*h.pkg]
		if err := b.insert(h.e, &at); err != nil {
			return err
		}
	}
	b.group, b.held, b.bytes = nil, nil, 0
	return nil
}

func (b *importBatch) insert(e Raw, at *place) error {
	var salt, facts, segment, offset any
	if e.Facts != nil {
		salt, facts = e.Salt, e.Facts
	}
	if at != nil {
		segment, offset = at.segment, at.offset
	}
	if _, err := b.im.s.db.exec(`INSERT INTO events VALUES (?,?,?,?,?,?)`, e.Position, e.Bytes, salt, facts, segment, offset); err != nil {
		return fmt.Errorf("couldn't write event %d: %w", e.Position, err)
	}
	return nil
}

// commit proves what was added against the signed head and makes it durable.
func (b *importBatch) commit(ctx context.Context, head events.Head) error {
	s := b.im.s
	growth := s.tree.Append(b.entries)
	root := s.tree.Root()
	proof, err := b.src.Consistency(ctx, growth.Size, head.Size)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSource, err)
	}
	if err := ledger.CheckConsistency(proof, head.Size, head.Root, growth.Size, root); err != nil {
		return fmt.Errorf("%w: its events are not those of its head: %w", ErrSource, err)
	}
	for _, t := range growth.Full {
		if _, err := s.db.exec(`INSERT INTO tiles VALUES (?,?,?)`, t.Level, t.Number, t.Hashes); err != nil {
			return err
		}
	}
	row := s.row
	var complete bool
	if row.indexed, complete, err = s.recent.step(s.db, 64+2*len(b.entries)); err != nil {
		return err
	}
	row.size, row.root, row.time, row.end = growth.Size, root, b.time, s.seg.where()
	if row.size == head.Size {
		row.checkpoint, b.copied.Done = head.Checkpoint, true
	}
	if err := s.saveRow(row); err != nil {
		return err
	}
	// COMMIT POINT of a copy: the packages are synced; this syncs the rest together (as in Store.record).
	if _, err := s.db.exec(`COMMIT`); err != nil {
		return fmt.Errorf("couldn't commit %d events: %w", len(b.entries), err)
	}
	if complete {
		s.recent.merged()
	}
	s.recent.freeze()
	return checkpointWAL(s.db)
}
