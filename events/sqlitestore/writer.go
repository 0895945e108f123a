package sqlitestore

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/logbook"
)

// write is the one writer: it takes what has come in, and commits it as one group.
func (s *Store) write() {
	defer s.stopped.Done()
	defer close(s.sealing)
	defer close(s.trim)
	for {
		select {
		case r, open := <-s.requests:
			if !open {
				return
			}
			s.commit(s.collect(r))
		case j := <-s.jobs:
			s.runJob(j)
		case <-s.sealedCh:
			if len(s.requests) > 0 {
				continue // the next group takes it along
			}
			if err := s.storeCheckpoint(); err != nil {
				s.fail(err)
			}
		}
	}
}

// collect gathers the group that has queued up behind its first request.
func (s *Store) collect(first *request) []*request {
	group := []*request{first}
	for bytes := len(first.record); len(group) < maxGroup && bytes < groupBytes; {
		select {
		case r, open := <-s.requests:
			if !open {
				return group
			}
			group = append(group, r)
			bytes += len(r.record)
		default:
			return group
		}
	}
	return group
}

// sealJob is a durable group that waits for its signed head.
type sealJob struct {
	group    []*request
	growth   *ledger.Growth
	root     events.Digest
	time     time.Time
	snapshot ledger.Snapshot
	log      logbook.State // says which keys sign
}

// commit records a group and answers every request of it, now or through the sealer.
func (s *Store) commit(group []*request) {
	err := s.Err()
	if err == nil {
		var bytes int64
		for _, r := range group {
			bytes += int64(len(r.record))
		}
		err = s.checkFree(bytes)
	}
	if err != nil {
		for _, r := range group {
			s.giveBack(r)
			r.answer(events.Sealed{}, err)
		}
		return
	}
	job, err := s.record(group)
	for _, r := range group {
		s.giveBack(r)
	}
	if err != nil {
		s.fail(err)
		for _, r := range group {
			r.answer(events.Sealed{}, s.Err())
		}
		return
	}
	if job != nil {
		s.sealing <- job
	}
}

// record makes a group durable. An error means that it is unknown what is on the disk: the store ends. Requests
// that could not be planned (conflicts) have been answered; job is nil if none is left.
func (s *Store) record(group []*request) (job *sealJob, err error) {
	if _, err := s.db.exec(`BEGIN IMMEDIATE`); err != nil {
		return nil, fmt.Errorf("couldn't begin transaction: %w", err)
	}
	defer func() {
		if err != nil || job == nil {
			if _, e := s.db.exec(`ROLLBACK`); e != nil && err == nil {
				err = e
			}
		}
	}()
	p := newPlan(s)
	for _, r := range group {
		if err := p.add(r); err != nil {
			return nil, err
		}
	}
	if len(p.group) == 0 {
		return nil, nil
	}

	// The packages go to their segment while SQLite takes in the rows that refer to them.
	x, err := p.layout()
	if err != nil {
		return nil, err
	}
	packages := make(chan error, 1)
	go func() {
		if x == nil {
			packages <- nil
			return
		}
		packages <- x.write()
	}()
	job, complete, err := s.insert(p)
	if e := <-packages; e != nil {
		return nil, e
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't write %d events: %w", len(p.entries), err)
	}

	// COMMIT POINT. The packages are synced; this syncs events, facts, evidence, full tiles and the unsigned head
	// together (WAL, synchronous=FULL). Before it nothing of the group exists, after it everything does and a
	// restart signs this head. Receipts leave only after it, from seal.
	if _, err := s.db.exec(`COMMIT`); err != nil {
		return nil, fmt.Errorf("couldn't commit %d events: %w", len(p.entries), err)
	}

	s.log = p.log
	if complete {
		s.recent.merged()
	}
	for _, r := range p.group {
		s.tail.add(r.events) // before the index says that they are there
		for i := range r.events {
			s.recent.add(&r.events[i])
		}
	}
	s.recent.freeze()
	return job, s.trimWAL(len(p.entries))
}

// insert writes the rows of a planned group into the open transaction.
func (s *Store) insert(p *plan) (job *sealJob, indexed bool, err error) {
	for _, r := range p.group {
		at := p.places[r.sum]
		for i := range r.events {
			e := &r.events[i]
			var salt, facts, segment, offset any
			if e.Facts != nil {
				salt, facts = r.salts[i], e.Facts
			}
			if r.append.Package != nil {
				segment, offset = at.segment, at.offset
			}
			if _, err := s.db.exec(`INSERT INTO events VALUES (?,?,?,?,?,?)`, e.Position, e.Bytes, salt, facts, segment, offset); err != nil {
				return nil, false, err
			}
		}
		if r.append.Evidence != nil && !s.known[r.evidence] {
			if _, err := s.db.exec(`INSERT OR IGNORE INTO evidence VALUES (?,?)`, r.evidence[:], r.append.Evidence); err != nil {
				return nil, false, err
			}
			if len(s.known) > 4096 {
				clear(s.known)
			}
			s.known[r.evidence] = true
		}
	}
	growth := s.tree.Append(p.entries)
	for _, t := range growth.Full {
		if _, err := s.db.exec(`INSERT INTO tiles VALUES (?,?,?)`, t.Level, t.Number, t.Hashes); err != nil {
			return nil, false, err
		}
	}
	row := s.row
	row.indexed, indexed, err = s.recent.step(s.db, 64+2*len(p.entries))
	if err != nil {
		return nil, false, err
	}
	job = &sealJob{group: p.group, growth: growth, root: s.tree.Root(), time: p.time, snapshot: s.tree.Snapshot(), log: p.log}
	row.size, row.root, row.time = growth.Size, job.root, p.time
	row.end = s.seg.where()
	row.checkpoint = s.state.Load().head.Checkpoint
	return job, indexed, s.saveRow(row)
}

// saveRow writes the row of table log. It is a compare and swap: the log goes on from the size that this process
// knows, or not at all.
func (s *Store) saveRow(row logRow) error {
	sum := row.sum()
	n, err := s.db.exec(`UPDATE log SET size = ?, root = ?, time = ?, segment = ?, segment_end = ?, indexed = ?, checkpoint = ?, sum = ?
		WHERE id = 1 AND size = ?`,
		row.size, row.root[:], row.time.UnixMicro(), row.end.segment, row.end.offset, row.indexed, row.checkpoint, sum[:], s.row.size)
	if err != nil {
		return err
	}
	if n != 1 {
		return fmt.Errorf("the log does not have size %d any more: another process wrote to it", s.row.size)
	}
	s.row = row
	return nil
}

// storeCheckpoint keeps the last signed head while the writer is idle. It need not be synced: if it is lost the
// same head is signed again at the next start.
func (s *Store) storeCheckpoint() error {
	if s.Err() != nil {
		return nil
	}
	if _, err := s.db.exec(`PRAGMA synchronous = NORMAL`); err != nil {
		return err
	}
	row := s.row
	row.checkpoint = s.state.Load().head.Checkpoint
	if err := s.saveRow(row); err != nil {
		return fmt.Errorf("couldn't store checkpoint: %w", err)
	}
	_, err := s.db.exec(`PRAGMA synchronous = FULL`)
	return err
}

// trimWAL keeps the write-ahead log short. Bringing it into the database takes tens of milliseconds, so another
// connection does that beside the appends; what was appended meanwhile is little and is brought over here, after which
// SQLite begins the log again from its start. The next appends then overwrite the file instead of making it longer,
// and their sync has no file size to record.
func (s *Store) trimWAL(n int) error {
	s.sinceTrim += n
	if s.sinceTrim < trimEvery {
		return nil
	}
	select {
	case <-s.trimmed:
		s.sinceTrim = 0
		return checkpointWAL(s.db)
	default:
	}
	select {
	case s.trim <- struct{}{}:
	default: // it is at work
	}
	return nil
}

// trimEvery is in events; one takes about 2 KB of the log, with its share of the indexes.
const trimEvery = 8192

func checkpointWAL(c *conn) error {
	var v [3]driver.Value
	if _, err := c.one(v[:], `PRAGMA wal_checkpoint(PASSIVE)`); err != nil {
		return fmt.Errorf("couldn't bring the write-ahead log into the database: %w", err)
	}
	return nil
}

// trimmer does the long part of trimWAL.
func (s *Store) trimmer() {
	defer s.stopped.Done()
	c, err := openConn(s.dbPath(), "rw", s.opts.vfs, "busy_timeout(10000)", "synchronous(full)", "wal_autocheckpoint(0)", "cache_size(-256)")
	if err != nil {
		s.fail(err)
		return
	}
	defer c.close()
	for range s.trim {
		if err := checkpointWAL(c); err != nil {
			s.fail(err)
			return
		}
		select {
		case s.trimmed <- struct{}{}:
		default:
		}
	}
}

// seal signs the head of each durable group, once, and lets its receipts out.
func (s *Store) seal() {
	defer s.stopped.Done()
	for job := range s.sealing {
		if err := s.sealGroup(job); err != nil {
			s.fail(err)
			for _, r := range job.group {
				r.answer(events.Sealed{}, s.Err())
			}
		}
	}
	if err := s.storeCheckpoint(); err != nil { // the writer has ended
		s.fail(err)
	}
}

func (s *Store) sealGroup(job *sealJob) error {
	if err := s.Err(); err != nil {
		return err
	}
	checkpoint, err := job.log.Sign(s.signer, job.growth.Size, job.root)
	if err != nil {
		return err
	}
	head := events.Head{Origin: s.opts.Origin, Size: job.growth.Size, Root: job.root, Time: job.time, Checkpoint: checkpoint}
	answers := make([]events.Sealed, len(job.group))
	for i, r := range job.group {
		a := events.Sealed{Events: r.events, Head: head, Proofs: make([][]events.Digest, len(r.events))}
		for k := range r.events {
			if a.Proofs[k], err = job.growth.Prove(r.events[k].Position); err != nil {
				return err
			}
		}
		answers[i] = a
	}
	s.publish(head, job.snapshot, job.log)
	for i, r := range job.group {
		r.answer(answers[i], nil)
	}
	select {
	case s.sealedCh <- struct{}{}:
	default:
	}
	return nil
}

// plan is a group as it will be written.
type plan struct {
	s        *Store
	group    []*request
	entries  []events.Digest
	position uint64
	time     time.Time
	log      logbook.State
	versions map[string]int64 // last version of the streams of the group
	places   map[events.Digest]place
	fresh    []*request // whose packages are to be written, in order
	bytes    int64
}

func newPlan(s *Store) *plan {
	return &plan{s: s, position: s.tree.Size(), time: s.row.time, log: s.log, versions: map[string]int64{}, places: map[events.Digest]place{}}
}

// add plans one request, or answers it with why it cannot be recorded. An error of add itself ends the store.
func (p *plan) add(r *request) error {
	if err := r.ctx.Err(); err != nil {
		r.answer(events.Sealed{}, err)
		return nil
	}
	last, err := p.lastVersion(r.append.Stream)
	if err != nil {
		return err
	}
	if last != r.append.Expected {
		r.answer(events.Sealed{}, &events.ConflictError{Stream: r.append.Stream, Expected: r.append.Expected, Actual: last})
		return nil
	}
	if err := p.state(r, uint64(last+1)); err != nil {
		r.answer(events.Sealed{}, fmt.Errorf("couldn't append to %s: %w", r.append.Stream, err))
		return nil
	}
	log := p.log
	if r.append.Stream == logbook.Stream {
		if log, err = logbook.Plan(log, p.s.signer, r.events); err != nil {
			r.answer(events.Sealed{}, fmt.Errorf("couldn't append to %s: %w", r.append.Stream, err))
			return nil
		}
	}
	if err := p.place(r); errors.Is(err, events.ErrDestroyed) {
		r.answer(events.Sealed{}, fmt.Errorf("couldn't append to %s: package %s: %w", r.append.Stream, r.sum, err))
		return nil
	} else if err != nil {
		return err
	}
	p.log = log
	p.group = append(p.group, r)
	for i := range r.events {
		p.entries = append(p.entries, ledger.Entry(r.events[i].Bytes))
	}
	p.position += uint64(len(r.events))
	p.versions[r.append.Stream] = last + int64(len(r.events))
	p.time = r.events[len(r.events)-1].Statement.Time
	return nil
}

func (p *plan) lastVersion(stream string) (int64, error) {
	if v, ok := p.versions[stream]; ok {
		return v, nil
	}
	if v, ok := p.s.recent.last(stream); ok {
		return int64(v), nil
	}
	if !p.s.recent.mayHaveStream(stream) {
		return -1, nil
	}
	var v [1]driver.Value
	found, err := p.s.db.one(v[:], `SELECT version FROM streams WHERE stream = ? ORDER BY version DESC LIMIT 1`, stream)
	if err != nil {
		return 0, fmt.Errorf("couldn't read version of %s: %w", stream, err)
	}
	if !found {
		return -1, nil
	}
	return v[0].(int64), nil
}

// state makes the statements of a request.
func (p *plan) state(r *request, version uint64) error {
	now := p.s.opts.Now().UTC().Truncate(time.Microsecond)
	if now.Before(p.time) {
		now = p.time
	}
	r.events = make([]events.Event, len(r.append.Events))
	r.salts = make([][]byte, len(r.append.Events))
	for i := range r.append.Events {
		e := &r.events[i]
		e.Position = p.position + uint64(i)
		st := &e.Statement
		*st = events.Statement{
			Origin: p.s.opts.Origin, Stream: r.append.Stream, Version: version + uint64(i), Name: r.append.Events[i].Name,
			Time: now, Actor: r.append.Actor, Client: r.append.Client, Cause: r.append.Cause, Basis: r.append.Basis,
			Data: r.data[i],
		}
		if r.append.Package != nil {
			st.Package = &events.PackageRef{SHA256: r.sum, Length: r.size}
		}
		if i == 0 && r.append.Evidence != nil {
			evidence := r.evidence // events outlive their request
			st.Evidence = &evidence
		}
		if _, err := io.ReadFull(p.s.opts.Rand, st.Nonce[:]); err != nil {
			return fmt.Errorf("couldn't read randomness: %w", err)
		}
		if r.facts[i] != nil {
			f := events.Facts{Text: r.facts[i]}
			if _, err := io.ReadFull(p.s.opts.Rand, f.Salt[:]); err != nil {
				return fmt.Errorf("couldn't read randomness: %w", err)
			}
			sum := f.Digest()
			st.Facts, e.Facts, r.salts[i] = &sum, f.Text, f.Salt[:]
		}
		var err error
		if e.Bytes, err = st.Encode(); err != nil {
			return err
		}
	}
	return nil
}

// place finds where the package of a request lies, or notes that it has to be written. The same bytes are stored once.
func (p *plan) place(r *request) error {
	if r.append.Package == nil {
		return nil
	}
	if _, ok := p.places[r.sum]; ok {
		return nil
	}
	at, found, err := p.s.findPlaceIn(p.s.db, r.sum)
	switch {
	case err != nil:
		return err
	case found:
		p.places[r.sum] = at
	case r.written != nil:
		p.places[r.sum] = *r.written
	default:
		p.places[r.sum] = place{}
		p.fresh = append(p.fresh, r)
		p.bytes += int64(len(r.record))
	}
	return nil
}

// layout reserves a stretch of the segments for the new packages, and puts their records there one behind the other.
// It gives nil if there are none.
func (p *plan) layout() (*extent, error) {
	if p.bytes == 0 {
		return nil, nil
	}
	size := align(p.bytes, blockSize)
	if int64(len(p.s.groupBuf)) < size {
		p.s.groupBuf = aligned(int(align(size, 1<<20)))
	}
	f, at, err := p.s.seg.reserve(size)
	if err != nil {
		return nil, err
	}
	data := p.s.groupBuf[:size]
	n := 0
	for _, r := range p.fresh {
		p.places[r.sum] = place{f.number, at + int64(n)}
		n += copy(data[n:], r.record)
	}
	clear(data[n:])
	return &extent{p.s.seg, f, at, data}, nil
}
