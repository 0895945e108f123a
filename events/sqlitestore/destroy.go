package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/tram-exchange/tram/events"
)

// destroyedMark takes the place of recordMark when a package was destroyed: length and digest stay, so that whoever reads
// the segments without the database can tell what was taken out from what was lost; the package itself is zeros.
const destroyedMark = "tramDEL1"

// The bytes are overwritten where they lie, and not left out of a new copy of the segment: the old segment of a gigabyte
// would stay behind in blocks that the file system merely calls free, every other place would move, and for the time of the
// copy there would be two. What neither way reaches (remapped sectors, copies on write, snapshots) docs/trust.md says.

// Destroy takes packages and facts out of the store for good. Statements, evidence and the tree stay as they are. When it
// returns nil nothing of them is left in the files of the store: packages are overwritten in their segments, copies that refused appends
// left there too, facts are overwritten in the database, and its write-ahead log, which held pages as they were, is empty. Until
// then it waits for readers that hold on to an older state; an error, or a process that ends, leaves it half done, and
// calling it again goes on. The same bytes are not taken in again: Append answers events.ErrDestroyed.
//
// That a decision covers all of it, and is recorded, is the caller's word.
func (s *Store) Destroy(ctx context.Context, r events.Removal) error {
	if err := s.destroy(ctx, r); err != nil {
		return fmt.Errorf("couldn't destroy %d packages and the facts of %d events: %w", len(r.Packages), len(r.Facts), err)
	}
	return nil
}

func (s *Store) destroy(ctx context.Context, r events.Removal) error {
	s.destroying.Lock()
	defer s.destroying.Unlock()
	if err := s.Err(); err != nil {
		return err
	}
	size := s.Head().Size
	for _, p := range r.Facts {
		if p >= size {
			return fmt.Errorf("event %d: %w", p, events.ErrNotFound)
		}
	}
	wanted := map[events.Digest][]uint64{}
	for _, sum := range r.Packages {
		if _, twice := wanted[sum]; twice {
			continue
		}
		positions, err := s.FindPackage(ctx, sum)
		if err != nil {
			return err
		}
		if len(positions) == 0 {
			return fmt.Errorf("package %s: %w", sum, events.ErrNotFound)
		}
		wanted[sum] = positions
		leave, err := s.enterLarge(ctx, sum) // whoever is writing these bytes now comes to an end first
		if err != nil {
			return err
		}
		defer leave()
	}
	w := wiper{ctx: ctx, dir: filepath.Join(s.dir, segmentDir), files: s.opts.files}
	// Between two groups all that was handed out before is written, or held. What is handed out later is none of ours.
	if err := s.inWriter(ctx, func() error { w.end, w.held = s.seg.where(), s.seg.inFlight(); return nil }); err != nil {
		return err
	}
	if err := s.readers.with(ctx, func(c *conn) error { return w.packages(c, wanted) }); err != nil {
		var failed *syncError
		if errors.As(err, &failed) {
			s.fail(err)
		}
		return err
	}
	if err := s.inWriter(ctx, func() error { return s.destroyRows(wanted, r.Facts) }); err != nil {
		return err
	}
	return s.emptyWAL(ctx)
}

// inWriter runs f between two groups of appends.
func (s *Store) inWriter(ctx context.Context, f func() error) error {
	j := &writerJob{f: f, done: make(chan error, 1)}
	if err := s.handJob(ctx, j); err != nil {
		return err
	}
	select {
	case err := <-j.done:
		return err
	case <-s.ended:
		return events.ErrClosed
	}
}

// writerJob is something else than an append that the writer does with its connection.
type writerJob struct {
	f    func() error
	done chan error
}

func (s *Store) handJob(ctx context.Context, j *writerJob) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return events.ErrClosed
	}
	select {
	case s.jobs <- j:
		return nil
	case <-s.failed:
		return s.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// runJob answers a job. It belongs to the writer.
func (s *Store) runJob(j *writerJob) {
	err := s.Err()
	if err == nil {
		err = j.f()
	}
	j.done <- err
}

// destroyRows takes facts, salts and places out of the database, and facts out of memory. It runs in the writer. An error ends the
// store, as that of an append does.
func (s *Store) destroyRows(packages map[events.Digest][]uint64, facts []uint64) error {
	if err := nullRows(s.db, packages, facts); err != nil {
		s.fail(err)
		return s.Err()
	}
	s.tail.forgetFacts(facts)
	return nil
}

func nullRows(c *conn, packages map[events.Digest][]uint64, facts []uint64) error {
	if _, err := c.exec(`BEGIN IMMEDIATE`); err != nil {
		return fmt.Errorf("couldn't begin transaction: %w", err)
	}
	null := func(what string, positions []uint64, sql string) error {
		for _, p := range positions {
			if _, err := c.exec(sql, p); err != nil {
				_, e := c.exec(`ROLLBACK`)
				return errors.Join(fmt.Errorf("couldn't destroy %s of event %d: %w", what, p, err), e)
			}
		}
		return nil
	}
	for _, positions := range packages {
		if err := null("place", positions, `UPDATE events SET segment = NULL, offset = NULL WHERE position = ? AND segment IS NOT NULL`); err != nil {
			return err
		}
	}
	// secure_delete overwrites what the shorter row leaves free, and the pages of facts that had pages of their own.
	if err := null("facts", facts, `UPDATE events SET salt = NULL, facts = NULL WHERE position = ? AND facts IS NOT NULL`); err != nil {
		return err
	}
	if _, err := c.exec(`COMMIT`); err != nil {
		return fmt.Errorf("couldn't commit destruction: %w", err)
	}
	return nil
}

// emptyWAL brings everything into the database and cuts the write-ahead log to nothing. The long part runs beside the appends; the
// last bit between two groups, for only there nobody else writes. Readers that hold an older state are waited for.
func (s *Store) emptyWAL(ctx context.Context) error {
	c, err := openConn(s.dbPath(), "rw", s.opts.vfs, "busy_timeout(0)", "synchronous(full)", "wal_autocheckpoint(0)", "cache_size(-256)")
	if err != nil {
		return err
	}
	defer c.close()
	return patiently(ctx, func() (done bool, err error) {
		if err := checkpointWAL(c); err != nil {
			s.fail(err)
			return false, s.Err()
		}
		err = s.inWriter(ctx, func() (err error) {
			if done, err = truncateWAL(s.db); err != nil {
				s.fail(err)
			}
			return err
		})
		return done, err
	})
}

// patiently calls f until it is done, with growing waits.
func patiently(ctx context.Context, f func() (bool, error)) error {
	wait := 5 * time.Millisecond
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		done, err := f()
		if done || err != nil {
			return err
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			return fmt.Errorf("a reader holds on to an older state: %w", ctx.Err())
		}
		wait = min(2*wait, time.Second)
	}
}

// truncateWAL says whether the log of writes is empty now. It waits for nobody: the writer must not.
func truncateWAL(c *conn) (empty bool, err error) {
	if _, err := c.exec(`PRAGMA busy_timeout = 0`); err != nil {
		return false, err
	}
	var v [3]driver.Value
	_, err = c.one(v[:], `PRAGMA wal_checkpoint(TRUNCATE)`)
	if _, e := c.exec(`PRAGMA busy_timeout = 10000`); err == nil {
		err = e
	}
	if err != nil {
		return false, fmt.Errorf("couldn't empty the write-ahead log: %w", err)
	}
	return v[0] == int64(0), nil
}

// DestroyIn does what Store.Destroy does in a folder that no process has open: a copy of a store, such as a backup. It needs
// no key, and signs nothing.
func DestroyIn(ctx context.Context, dir string, r events.Removal) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("couldn't destroy in %s: %w", dir, err)
		}
	}()
	lock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	s := &Store{dir: dir}
	c, err := openConn(s.dbPath(), "rw", "", "synchronous(full)", "busy_timeout(0)", "secure_delete(on)", "trusted_schema(off)")
	if err != nil {
		return err
	}
	defer c.close()
	if err := checkFormat(c); err != nil {
		return err
	}
	row, err := readLog(c)
	if err != nil {
		return err
	}
	wanted := map[events.Digest][]uint64{}
	for _, sum := range r.Packages {
		if wanted[sum], err = packagePositions(c, sum); err != nil {
			return err
		}
	}
	err = readEvents(ctx, c, row.origin, row.indexed, row.size, func(e *events.Event, _ *place) error { // not in the index yet
		if p := e.Statement.Package; p != nil {
			if list, ok := wanted[p.SHA256]; ok {
				wanted[p.SHA256] = append(list, e.Position)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	w := wiper{ctx: ctx, dir: filepath.Join(dir, segmentDir), files: osFiles{}, end: place{segment: math.MaxInt64}}
	if err := w.packages(c, wanted); err != nil {
		return err
	}
	if err := nullRows(c, wanted, r.Facts); err != nil {
		return err
	}
	return patiently(ctx, func() (bool, error) { return truncateWAL(c) })
}

// wiper overwrites packages in segment files.
type wiper struct {
	ctx   context.Context
	dir   string
	files fileSystem
	held  map[place]int64 // stretches that somebody is writing, or has written for an append that is not recorded yet
	end   place           // nothing from there on is looked at: it may be half written, and what looks like a record be the inside of another
}

// packages overwrites the records of packages, named with the positions of their events, and every other record of the same
// bytes: a refused append can have left one.
func (w *wiper) packages(c *conn, wanted map[events.Digest][]uint64) error {
	if len(wanted) == 0 {
		return nil
	}
	for sum, positions := range wanted {
		for _, p := range positions {
			at, err := placeOf(c, p)
			if err != nil {
				return err
			}
			if at == nil {
				continue // gone before
			}
			length, mark, err := readHeader(w.dir, *at, sum)
			if err != nil {
				return err
			}
			if err := w.wipe(*at, length, mark); err != nil {
				return err
			}
		}
	}
	return w.strays(c, wanted)
}

// placeOf is where the package of an event lies, nil if there is none or its place is not stored any more.
func placeOf(c *conn, position uint64) (*place, error) {
	var v [2]driver.Value
	if _, err := c.one(v[:], `SELECT segment, offset FROM events WHERE position = ?`, position); err != nil {
		return nil, fmt.Errorf("couldn't read place of the package of event %d: %w", position, err)
	}
	segment, ok1 := v[0].(int64)
	offset, ok2 := v[1].(int64)
	if !ok1 || !ok2 {
		return nil, nil
	}
	return &place{segment, offset}, nil
}

// strays walks over all segments from record to record.
func (w *wiper) strays(c *conn, wanted map[events.Digest][]uint64) error {
	names, err := filepath.Glob(filepath.Join(w.dir, "*.seg"))
	if err != nil {
		return err
	}
	for _, name := range names {
		var number int64
		if _, err := fmt.Sscanf(filepath.Base(name), "%08d.seg", &number); err != nil {
			continue // none of ours
		}
		err := walkRecords(w.ctx, name, func(offset, length int64, sum events.Digest, mark string) error {
			at := place{number, offset}
			if _, ok := wanted[sum]; !ok || within(w.held, at) || !at.before(w.end) {
				return nil
			}
			// What was refused half-way can reach no further than the place that it was given.
			end, err := nextRecord(c, at)
			if err != nil {
				return err
			}
			for other := range w.held {
				if other.segment == number && other.offset > offset {
					end = min(end, other.offset)
				}
			}
			if number == w.end.segment {
				end = min(end, w.end.offset)
			}
			return w.wipe(at, min(length, max(0, end-at.offset-recordHeader)), mark)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (p place) before(q place) bool {
	return p.segment < q.segment || p.segment == q.segment && p.offset < q.offset
}

func within(held map[place]int64, at place) bool {
	for p, size := range held {
		if p.segment == at.segment && p.offset <= at.offset && at.offset < p.offset+size {
			return true
		}
	}
	return false
}

// nextRecord is where the next record after a place begins that an event refers to.
func nextRecord(c *conn, at place) (int64, error) {
	var v [1]driver.Value
	if _, err := c.one(v[:], `SELECT min(offset) FROM events WHERE segment = ? AND offset > ?`, at.segment, at.offset); err != nil {
		return 0, err
	}
	if n, ok := v[0].(int64); ok {
		return n, nil
	}
	return math.MaxInt64, nil
}

// walkRecords calls f for every record of a segment, referred to or not. Records stand one behind the other; what lies
// between is zeros, or space that was never written.
func walkRecords(ctx context.Context, name string, f func(offset, length int64, sum events.Digest, mark string) error) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	for at := int64(0); at < info.Size(); {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := file.ReadAt(buf, at)
		if err != nil && err != io.EOF {
			return err
		}
		next := at + int64(len(buf))
		for i := 0; i+recordHeader <= n; i += recordAlign {
			mark := string(buf[i : i+len(recordMark)])
			if mark != recordMark && mark != destroyedMark {
				continue
			}
			offset, sum := at+int64(i), events.Digest(buf[i+16:i+recordHeader])
			length, err := headerLength(buf[i:i+recordHeader], sum)
			if errors.Is(err, events.ErrDestroyed) {
				err = nil
			}
			if err != nil || length > info.Size() {
				continue // only looks like one
			}
			if err := f(offset, length, sum, mark); err != nil {
				return err
			}
			if end := recordSize(length); int64(i)+end < int64(n) {
				i += int(end) - recordAlign
			} else {
				next = offset + end
				break
			}
		}
		at = next
	}
	return nil
}

// readHeader reads a record's length and mark.
func readHeader(dir string, at place, sum events.Digest) (length int64, mark string, err error) {
	f, err := os.Open(filepath.Join(dir, segmentName(at.segment)))
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	var header [recordHeader]byte
	if _, err := f.ReadAt(header[:], at.offset); err != nil {
		return 0, "", fmt.Errorf("segment %d, offset %d: %w", at.segment, at.offset, err)
	}
	length, err = headerLength(header[:], sum)
	if err != nil && !errors.Is(err, events.ErrDestroyed) {
		return 0, "", fmt.Errorf("segment %d, offset %d: %w", at.segment, at.offset, err)
	}
	return length, string(header[:len(recordMark)]), nil
}

// wipe overwrites one record: first its mark, synced, so that it never looks like a damaged package, then its bytes. Blocks
// are written whole, because segments are written past the page cache; what else lies in the first and the last one is
// written as it was.
func (w *wiper) wipe(at place, length int64, mark string) (err error) {
	path := filepath.Join(w.dir, segmentName(at.segment))
	if mark == destroyedMark {
		if clean, err := zeros(path, at.offset+recordHeader, length); err != nil || clean {
			return err
		}
	}
	old, err := os.Open(path)
	if err != nil {
		return err
	}
	defer old.Close()
	f, _, err := w.files.OpenSegment(path)
	if err != nil {
		return fmt.Errorf("couldn't open segment %d: %w", at.segment, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	from, end := at.offset, at.offset+recordHeader+length // of the record
	buf := aligned(streamPiece)
	for block := from &^ (blockSize - 1); block < end; {
		n := int64(blockSize)
		if block > from { // the mark is on the disk
			n = min(align(end-block, blockSize), int64(len(buf)))
		}
		piece := buf[:n]
		if k, err := old.ReadAt(piece, block); err == io.EOF {
			clear(piece[k:])
		} else if err != nil {
			return fmt.Errorf("couldn't read segment %d: %w", at.segment, err)
		}
		clear(piece[max(0, from+recordHeader-block):min(n, end-block)])
		if block <= from {
			copy(piece[from-block:], destroyedMark)
		}
		if err := w.ctx.Err(); err != nil {
			return err
		}
		if _, err := f.WriteAt(piece, block); err != nil {
			return &syncError{fmt.Errorf("couldn't overwrite in segment %d: %w", at.segment, err)}
		}
		if block <= from || block+n >= end {
			if err := f.Sync(); err != nil {
				return &syncError{fmt.Errorf("couldn't sync segment %d: %w", at.segment, err)}
			}
		}
		block += n
	}
	return nil
}

// zeros says whether a stretch of a file is nothing but zeros.
func zeros(path string, from, n int64) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	buf := make([]byte, min(n, 1<<20))
	for n > 0 {
		k, err := f.ReadAt(buf[:min(n, int64(len(buf)))], from)
		if !allZero(buf[:k]) {
			return false, nil
		}
		if err == io.EOF {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		from, n = from+int64(k), n-int64(k)
	}
	return true, nil
}
