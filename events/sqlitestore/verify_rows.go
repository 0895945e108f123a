package sqlitestore

import (
	"bytes"
	"database/sql/driver"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/destruction"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/logbook"
)

// eventRows reads every event once: statement, facts, place; and grows the tree over them. A root that is wrong is led to the event
// where the published entries differ, if they do.
func (v *verifier) eventRows() error {
	err := v.readEvents()
	var p *Problem
	if errors.As(err, &p) && p.Position == nil && v.opts.Entries != nil {
		return v.locate(p)
	}
	return err
}

// locate compares the events of the unfinished tile with what was published of them.
func (v *verifier) locate(p *Problem) error {
	from := v.row.size &^ 255
	if v.signed.Size > 0 {
		from = min(from, v.signed.Size&^255)
	}
	known := v.opts.Entries(from)
	var c [2]driver.Value
	next := from
	err := v.db.query(c[:], func() error {
		statement, _ := c[1].([]byte)
		if i := next - from; p.Position == nil && c[0] == int64(next) && i < uint64(len(known)) && ledger.Entry(statement) != known[i] {
			p.at(next)
			p.Reason = fmt.Sprintf("%s; the published log has entry %s at position %d, the statement there gives %s", p.Reason, known[i], next, ledger.Entry(statement))
		}
		next++
		return nil
	}, `SELECT position, statement FROM events WHERE position >= ? ORDER BY position LIMIT 256`, int64(from))
	if err != nil {
		return err
	}
	return p
}

// readEvents is the one pass over them.
func (v *verifier) readEvents() error {
	tree := new(ledger.Tree)
	w := &eventWalk{verifier: v, tree: tree, time: time.UnixMicro(0).UTC()}
	v.tail = map[string]uint64{}
	if err := w.heads(); err != nil {
		return err
	}
	var c [6]driver.Value
	err := v.db.query(c[:], func() error {
		if w.next%1024 == 0 {
			if err := v.ctx.Err(); err != nil {
				return err
			}
			v.meter.add(w.progress())
		}
		return w.row(c[:])
	}, `SELECT position, statement, facts, segment, offset, salt FROM events ORDER BY position`)
	if err != nil {
		return err
	}
	if err := w.grow(); err != nil {
		return err
	}
	v.meter.add(v.dbBytes - w.told)
	v.report.Events = w.next
	switch {
	case w.next != v.row.size:
		return problem("head", "%d events are stored, the head has size %d", w.next, v.row.size).at(min(w.next, v.row.size))
	case tree.Root() != v.row.root:
		return problem("head", "root over the events is %s, the stored head says %s", tree.Root(), v.row.root)
	case !w.time.Equal(v.row.time):
		return problem("head", "time of the last event is %s, the stored head says %s", w.time, v.row.time)
	}
	if err := v.keys(tree.Snapshot()); err != nil {
		return err
	}
	return v.countTiles(w.tiles)
}

// eventWalk is the state of one pass over the events.
type eventWalk struct {
	*verifier
	tree    *ledger.Tree
	entries []events.Digest // not in the tree yet
	next    uint64
	time    time.Time
	tiles   int64
	dec     events.Decoder
	told    int64
}

func (w *eventWalk) progress() int64 {
	if w.verifier.row.size == 0 {
		return 0
	}
	now := int64(float64(w.dbBytes) * min(1, float64(w.next)/float64(w.verifier.row.size)))
	n := now - w.told
	w.told = now
	return n
}

func (w *eventWalk) row(c []driver.Value) error {
	position := w.next
	if c[0] != int64(position) {
		return problem("position", "position %d follows, expected %d", c[0], position).at(position)
	}
	e, at, err := scanEvent(&w.dec, c)
	if err != nil {
		return problem("event", "%w", err).at(position)
	}
	st := &e.Statement
	salt, _ := c[5].([]byte)
	if err := w.facts(e, salt); err != nil {
		if err := w.found(problem("facts", "%w", err).at(position)); err != nil {
			return err
		}
	}
	if err := events.CheckEvent(w.verifier.row.origin, e); err != nil {
		return problem("event", "%w", err).at(position)
	}
	if st.Time.Before(w.time) {
		return problem("event", "time %s is before that of the event before it, %s", st.Time, w.time).at(position)
	}
	w.time = st.Time
	if st.Evidence != nil {
		if err := w.evidence.note(*st.Evidence, position); err != nil {
			return err
		}
	}
	if err := w.place(e, at, c[3] != nil || c[4] != nil); err != nil {
		return err
	}
	if err := w.version(e); err != nil {
		return err
	}
	if st.Stream == logbook.Stream {
		if w.report.Log, err = logbook.Fold(w.report.Log, e); err != nil {
			return problem("log key", "%w", err).at(position)
		}
	}
	w.entries = append(w.entries, ledger.Entry(e.Bytes))
	w.next++
	if len(w.entries) == 256 || w.next == w.signed.Size || w.next == w.older.Size || w.next == w.earlier.Size {
		return w.grow()
	}
	return nil
}

func (w *eventWalk) facts(e events.Event, salt []byte) error {
	st := &e.Statement
	switch {
	case st.Facts == nil && e.Facts == nil && salt == nil:
		return nil
	case st.Facts == nil:
		return fmt.Errorf("facts are stored, the statement names none")
	}
	m, covered := w.decided.Facts(&e)
	switch {
	case e.Facts == nil && salt == nil && covered:
		w.report.FactsGone++
		return nil
	case e.Facts == nil && salt == nil && w.opts.Destroyed != nil && w.opts.Destroyed(e):
		return nil
	case e.Facts == nil && salt == nil:
		return fmt.Errorf("facts are missing and no decision to destroy them is known")
	case covered && m.Executed:
		return fmt.Errorf("facts are still there, they were destroyed by %s", markText(m))
	case len(salt) != 32:
		return fmt.Errorf("salt has %d bytes, expected 32", len(salt))
	}
	f := events.Facts{Salt: [32]byte(salt), Text: e.Facts}
	if got := f.Digest(); got != *st.Facts {
		return fmt.Errorf("facts hash to %s, the statement says %s", got, st.Facts)
	}
	return nil
}

// place notes where the package of an event must lie.
func (w *eventWalk) place(e events.Event, at *place, stored bool) error {
	p := e.Statement.Package
	switch {
	case p == nil && !stored:
		return nil
	case p == nil:
		return problem("package", "a place is stored, the statement names no package").at(e.Position)
	}
	var mark *destruction.Mark
	if m, covered := w.decided.Package(&e); covered {
		mark = &m
		if old, ok := w.gone[p.SHA256]; !ok || m.Executed && !old.Executed {
			w.gone[p.SHA256] = m
		}
	}
	switch {
	case at == nil && !stored && (mark != nil || w.opts.Destroyed != nil && w.opts.Destroyed(e)):
		return nil
	case at == nil:
		return problem("package", "its place is not stored and no decision to destroy it is known").at(e.Position).of(p.SHA256)
	case at.segment < 1 || at.segment > w.verifier.row.end.segment || at.offset < 0 || at.offset%recordAlign != 0,
		at.segment == w.verifier.row.end.segment && at.offset+recordSize(p.Length) > w.verifier.row.end.offset:
		return problem("package", "its place is segment %d offset %d, the segments end at %d offset %d", at.segment, at.offset, w.verifier.row.end.segment, w.verifier.row.end.offset).
			at(e.Position).of(p.SHA256)
	}
	return w.places.add(placed{at: *at, length: p.Length, position: e.Position, sum: p.SHA256, covered: mark != nil})
}

// markText names a step of destruction: positions can be looked up, the words of a decision are facts.
func markText(m destruction.Mark) string {
	return fmt.Sprintf("the decision at position %d, carried out at position %d", m.Decision.Address.Position, m.Decision.Results[m.Target])
}

// version notes what the indexes must say of an event, or checks its version itself if they do not have it yet.
func (w *eventWalk) version(e events.Event) error {
	st := &e.Statement
	if e.Position < w.verifier.row.indexed {
		w.streams.add(w.hashEntry([]byte(st.Stream), st.Version, e.Position))
		if st.Package != nil {
			w.packages.add(w.hashEntry(st.Package.SHA256[:], e.Position, 0))
		}
		return nil
	}
	want, ok := w.tail[st.Stream]
	if !ok {
		var v [1]driver.Value
		_, err := w.db.one(v[:], `SELECT coalesce(max(version) + 1, 0) FROM streams WHERE stream = ? AND position < ?`, st.Stream, w.verifier.row.indexed)
		if err != nil {
			return err
		}
		want = uint64(v[0].(int64))
	}
	if st.Version != want {
		return problem("version", "version %d of stream %s, expected %d", st.Version, st.Stream, want).at(e.Position)
	}
	w.tail[st.Stream] = want + 1
	return nil
}

// grow takes the entries into the tree, and compares tiles and heads on the way.
func (w *eventWalk) grow() error {
	g := w.tree.Append(w.entries)
	w.entries = w.entries[:0]
	for _, t := range g.Full {
		b, err := tilesOf(w.db)(t.Level, t.Number)
		if err != nil {
			return problem("tree", "%w", err)
		}
		if string(b) != string(t.Hashes) {
			for i := range 256 {
				if string(b[32*i:32*i+32]) != string(t.Hashes[32*i:32*i+32]) {
					p := problem("tree", "tile %d of level %d: hash %d is %x, the events give %x", t.Number, t.Level, i, b[32*i:32*i+32], t.Hashes[32*i:32*i+32])
					return p.at((t.Number<<8 + uint64(i)) << (8 * t.Level))
				}
			}
		}
		w.tiles++
	}
	return w.heads()
}

// heads compares the root with the checkpoints of this size.
func (w *eventWalk) heads() error {
	if w.tree.Size() == w.signed.Size && w.tree.Root() != w.signed.Root {
		return problem("checkpoint", "root of size %d is %s, it was signed as %s", w.signed.Size, w.tree.Root(), w.signed.Root)
	}
	if w.tree.Size() == w.older.Size && w.tree.Root() != w.older.Root {
		return problem("older checkpoint", "root of size %d is %s, it was signed as %s: events before it were changed", w.older.Size, w.tree.Root(), w.older.Root)
	}
	if w.tree.Size() == w.earlier.Size && w.tree.Root() != w.earlier.Root {
		return problem("earlier verification", "root of size %d is %s, it was verified as %s: events before it were changed since", w.earlier.Size, w.tree.Root(), w.earlier.Root)
	}
	return nil
}

func (v *verifier) countTiles(want int64) error {
	var c [1]driver.Value
	if _, err := v.db.one(c[:], `SELECT count(*) FROM tiles`); err != nil {
		return err
	}
	if c[0] != want {
		return problem("tree", "%d tiles are stored, the events give %d", c[0], want)
	}
	return nil
}

// streamIndex reads the index of streams in its order: versions dense, positions rising, nothing but what the events
// say. Entries of a merge that is under way are compared one by one.
func (v *verifier) streamIndex() error {
	var sum setSum
	var stream string
	var version, position uint64
	err := v.indexRows(`SELECT stream, version, position FROM streams ORDER BY stream, version`, func(c []driver.Value) error {
		name, _ := c[0].(string)
		ver, pos := uint64(c[1].(int64)), uint64(c[2].(int64))
		if pos >= v.row.indexed {
			return v.streamEntry(name, ver, pos)
		}
		sum.add(v.hashEntry([]byte(name), ver, pos))
		switch {
		case name != stream:
			if stream, version = name, 0; ver != 0 {
				return problem("version", "stream %s begins with version %d", name, ver).at(pos)
			}
		case ver != version+1:
			return problem("version", "version %d of stream %s follows %d", ver, name, version).at(pos)
		case pos <= position:
			return problem("version", "version %d of stream %s is at position %d, version %d at %d", ver, name, pos, version, position).at(pos)
		}
		version, position = ver, pos
		return nil
	})
	if err != nil || sum == v.streams {
		return err
	}
	// Somewhere they differ. Find out where.
	err = v.indexRows(`SELECT stream, version, position FROM streams`, func(c []driver.Value) error {
		name, _ := c[0].(string)
		return v.streamEntry(name, uint64(c[1].(int64)), uint64(c[2].(int64)))
	})
	if err != nil {
		return err
	}
	return v.eachIndexed(func(e *events.Event) error {
		st := &e.Statement
		return v.entryOf(e, `SELECT count(*) FROM streams WHERE stream = ? AND version = ? AND position = ?`, st.Stream, st.Version, e.Position)
	})
}

func (v *verifier) indexRows(sql string, f func([]driver.Value) error) error {
	var c [3]driver.Value
	n := 0
	return v.db.query(c[:], func() error {
		if n++; n%4096 == 0 {
			if err := v.ctx.Err(); err != nil {
				return err
			}
		}
		return f(c[:])
	}, sql)
}

// streamEntry compares one entry of the index with its event.
func (v *verifier) streamEntry(stream string, version, position uint64) error {
	e, err := v.eventAt(position)
	if err != nil {
		return problem("index", "stream %s version %d points to position %d: %w", stream, version, position, err).at(position)
	}
	if e.Statement.Stream != stream || e.Statement.Version != version {
		return problem("index", "the index says version %d of %s, the statement version %d of %s", version, stream, e.Statement.Version, e.Statement.Stream).at(position)
	}
	return nil
}

func (v *verifier) eventAt(position uint64) (e events.Event, err error) {
	if position >= v.row.size {
		return e, fmt.Errorf("the log has %d events", v.row.size)
	}
	err = readEvents(v.ctx, v.db, v.row.origin, position, position+1, func(r *events.Event, _ *place) error {
		e = *r
		return nil
	})
	return e, err
}

func (v *verifier) packageIndex() error {
	var sum setSum
	err := v.indexRows(`SELECT sha256, position, 0 FROM packages`, func(c []driver.Value) error {
		b, _ := c[0].([]byte)
		pos := uint64(c[1].(int64))
		if pos >= v.row.indexed {
			return v.packageEntry(b, pos)
		}
		sum.add(v.hashEntry(b, pos, 0))
		return nil
	})
	if err != nil || sum == v.packages {
		return err
	}
	err = v.indexRows(`SELECT sha256, position, 0 FROM packages`, func(c []driver.Value) error {
		b, _ := c[0].([]byte)
		return v.packageEntry(b, uint64(c[1].(int64)))
	})
	if err != nil {
		return err
	}
	return v.eachIndexed(func(e *events.Event) error {
		p := e.Statement.Package
		if p == nil {
			return nil
		}
		return v.entryOf(e, `SELECT count(*) FROM packages WHERE sha256 = ? AND position = ?`, p.SHA256[:], e.Position)
	})
}

func (v *verifier) packageEntry(sum []byte, position uint64) error {
	e, err := v.eventAt(position)
	if err != nil {
		return problem("index", "package %x points to position %d: %w", sum, position, err).at(position)
	}
	if p := e.Statement.Package; p == nil || string(p.SHA256[:]) != string(sum) {
		return problem("index", "the index says package %x, the statement names another or none", sum).at(position)
	}
	return nil
}

// entryOf says whether the index has exactly one entry for an event.
func (v *verifier) entryOf(e *events.Event, sql string, args ...any) error {
	var c [1]driver.Value
	if _, err := v.db.one(c[:], sql, args...); err != nil {
		return err
	}
	if c[0] != int64(1) {
		return problem("index", "the index has no entry for %s version %d", e.Statement.Stream, e.Statement.Version).at(e.Position)
	}
	return nil
}

func (v *verifier) eachIndexed(f func(*events.Event) error) error {
	// Through a connection of its own statements: f asks the same one while the rows are open.
	err := readEvents(v.ctx, v.db, v.row.origin, 0, v.row.indexed, func(e *events.Event, _ *place) error { return f(e) })
	if err != nil {
		return err
	}
	return problem("index", "an index has entries twice, or others than the events give")
}

// evidenceRows hashes every piece of evidence and compares with what the statements name, both in order of their digests.
func (v *verifier) evidenceRows() error {
	next, stop := iter.Pull2(v.evidence.first())
	defer stop()
	missing := naming{position: math.MaxUint64}
	want, err, some := next()
	// upTo leaves want at the first that is not before b.
	upTo := func(b []byte) error {
		for ; some; want, err, some = next() {
			if err != nil {
				return errors.Join(errHook, err)
			}
			if b != nil && bytes.Compare(want.sum[:], b) >= 0 {
				return nil
			}
			if want.position < missing.position {
				missing = want
			}
		}
		return nil
	}
	var c [2]driver.Value
	bad := v.db.query(c[:], func() error {
		b, _ := c[0].([]byte)
		stored, _ := c[1].([]byte)
		if b == nil {
			b = []byte{}
		}
		if err := upTo(b); err != nil {
			return err
		}
		isNamed := some && string(want.sum[:]) == string(b)
		switch got := events.Sum(stored); {
		case string(b) != string(got[:]):
			p := problem("evidence", "stored as %x, its bytes hash to %s", b, got)
			if isNamed {
				p.at(want.position)
			}
			return p
		case !isNamed:
			return problem("evidence", "%s is stored, no statement names it", got)
		}
		want, err, some = next()
		v.report.Evidence++
		return v.ctx.Err()
	}, `SELECT sha256, bytes FROM evidence ORDER BY sha256`)
	if bad == nil {
		bad = upTo(nil)
	}
	if bad != nil || missing.position == math.MaxUint64 {
		return bad
	}
	return problem("evidence", "%s is missing", missing.sum).at(missing.position)
}
