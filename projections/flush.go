package projections

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sort"
)

// writer is the one that changes views.db. It is used by one goroutine at a time.
type writer struct {
	conn      *sql.Conn
	stmt      statements
	dict      *dict
	saved     int // strings of dict that are in views.db
	cache     *memory
	directory *directoryView
	buf       []byte
}

// statements of the writer, prepared once.
type statements struct {
	docByKey, docByID, deliveryByKey *sql.Stmt

	begin, commit, rollback                 *sql.Stmt
	dict, meta, counter, directory          *sql.Stmt
	insertDoc, updateDoc, paper             *sql.Stmt
	insertDelivery, updateDelivery, history *sql.Stmt
	status, pkg, words, late                *sql.Stmt
	paperOf                                 *sql.Stmt
}

func (s *statements) prepare(ctx context.Context, c *sql.Conn) error {
	for _, p := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&s.docByKey, "SELECT id, key FROM doc WHERE k = ?"},
		{&s.docByID, "SELECT " + docColumns + " FROM doc WHERE id = ?"},
		{&s.deliveryByKey, "SELECT " + deliveryColumns + " FROM delivery WHERE k = ?"},
		{&s.begin, "BEGIN IMMEDIATE"},
		{&s.commit, "COMMIT"},
		{&s.rollback, "ROLLBACK"},
		{&s.dict, "INSERT INTO dict (id, s) VALUES (?, ?)"},
		{&s.meta, "UPDATE meta SET origin = ?, position = ?, last = ?"},
		{&s.counter, "INSERT INTO counter (name, n) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = n + excluded.n"},
		{&s.directory, "INSERT INTO directory (id, statement, facts, destroyed) VALUES (?, ?, ?, ?)"},
		{&s.insertDoc, "INSERT INTO doc (id, k, key, org, state, business, date, number, type, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
		{&s.updateDoc, "UPDATE doc SET org = ?, state = ?, business = ?, date = ?, number = ?, type = ?, body = ? WHERE id = ?"},
		{&s.paper, "INSERT INTO paper (id, data, facts) VALUES (?, ?, ?)"},
		{&s.insertDelivery, "INSERT INTO delivery (id, k, key, doc, org, sender, kind, state, marks, peer, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
		{&s.updateDelivery, "UPDATE delivery SET state = ?, marks = ?, peer = ?, body = ? WHERE id = ?"},
		{&s.history, "INSERT INTO history (doc, id, entries) VALUES (?, ?, ?)"},
		{&s.status, "INSERT INTO status (doc, id, body, data, facts) VALUES (?, ?, ?, ?, ?)"},
		{&s.pkg, "INSERT INTO package (k, id, sha256, doc, kind) VALUES (?, ?, ?, ?, ?)"},
		{&s.words, "INSERT INTO words (rowid, t) VALUES (?, ?)"},
		{&s.late, "INSERT INTO late (id, doc) VALUES (?, ?)"},
		{&s.paperOf, "SELECT facts FROM paper WHERE id = ?"},
	} {
		var err error
		if *p.stmt, err = c.PrepareContext(ctx, p.text); err != nil {
			return fmt.Errorf("couldn't prepare %q: %w", p.text, err)
		}
	}
	return nil
}

func (w *writer) newBatch(position uint64) *batch {
	return &batch{w: w, cache: w.cache, counts: make(map[string]int64), position: position}
}

// flush writes the batch and moves the position in one transaction. The context only carries values: a transaction of up
// to some ten thousand rows is not interrupted half-way (each interruptible call would cost a goroutine).
func (w *writer) flush(ctx context.Context, origin string, b *batch) (err error) {
	if _, err := w.stmt.begin.ExecContext(ctx); err != nil {
		return fmt.Errorf("couldn't begin: %w", err)
	}
	defer func() {
		if err != nil {
			if _, e := w.stmt.rollback.ExecContext(ctx); e != nil {
				err = errors.Join(err, fmt.Errorf("couldn't roll back: %w", e))
			}
		}
	}()
	for _, step := range []struct {
		what string
		do   func(context.Context, *batch) error
	}{
		{"dictionary", w.flushDict}, {"documents", w.flushDocs}, {"deliveries", w.flushDeliveries},
		{"papers", w.flushPapers}, {"words", w.flushWords}, {"counters", w.flushCounters}, {"directory", w.flushDirectory},
	} {
		if err := step.do(ctx, b); err != nil {
			return fmt.Errorf("couldn't write %s: %w", step.what, err)
		}
	}
	if _, err := w.stmt.meta.ExecContext(ctx, origin, b.position, b.last[:]); err != nil {
		return fmt.Errorf("couldn't move position: %w", err)
	}
	return nil
}

func (w *writer) flushDict(ctx context.Context, _ *batch) error {
	for id, s := range w.dict.all() {
		if id <= w.saved {
			continue
		}
		if _, err := w.stmt.dict.ExecContext(ctx, id, s); err != nil {
			return err
		}
		w.saved = id
	}
	return nil
}

func (w *writer) flushDocs(ctx context.Context, b *batch) error {
	for _, d := range b.docs {
		d.state = d.outgoing()
		w.buf = d.body(w.buf[:0])
		var err error
		if d.isNew {
			_, err = w.stmt.insertDoc.ExecContext(ctx, d.id, prefix(&d.key), d.key[:], d.org, d.state, d.business, d.date, d.number, d.typ, w.buf)
		} else {
			_, err = w.stmt.updateDoc.ExecContext(ctx, d.org, d.state, d.business, d.date, d.number, d.typ, w.buf, d.id)
		}
		if err != nil {
			return err
		}
		d.isNew, d.dirty = false, false
	}
	for _, d := range b.histories {
		if _, err := w.stmt.history.ExecContext(ctx, d.id, d.first, d.entries); err != nil {
			return err
		}
		d.entries = nil
	}
	return nil
}

func (w *writer) flushDeliveries(ctx context.Context, b *batch) error {
	for _, v := range b.deliveries {
		w.buf = v.body(w.buf[:0])
		var err error
		if v.isNew {
			_, err = w.stmt.insertDelivery.ExecContext(ctx, v.id, prefix(&v.key), v.key[:], v.doc, v.org, v.sender, v.kind, v.state, v.marks, v.peer, w.buf)
		} else {
			_, err = w.stmt.updateDelivery.ExecContext(ctx, v.state, v.marks, v.peer, w.buf, v.id)
		}
		if err != nil {
			return err
		}
		v.isNew, v.dirty = false, false
	}
	return nil
}

func (w *writer) flushPapers(ctx context.Context, b *batch) error {
	for i := range b.papers {
		if _, err := w.stmt.paper.ExecContext(ctx, b.papers[i].id, b.papers[i].data, b.papers[i].facts); err != nil {
			return err
		}
	}
	for i := range b.statuses {
		s := &b.statuses[i]
		if _, err := w.stmt.status.ExecContext(ctx, s.doc, s.id, s.body, s.data, s.facts); err != nil {
			return err
		}
	}
	for i := range b.packages {
		p := &b.packages[i]
		k := key(p.sha256)
		if _, err := w.stmt.pkg.ExecContext(ctx, prefix(&k), p.id, k[:], p.doc, p.kind); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) flushWords(ctx context.Context, b *batch) error {
	for i := range b.words {
		if _, err := w.stmt.words.ExecContext(ctx, b.words[i].id, string(b.words[i].tokens)); err != nil {
			return err
		}
	}
	for _, l := range b.lates {
		if _, err := w.stmt.late.ExecContext(ctx, l.id, l.doc); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) flushCounters(ctx context.Context, b *batch) error {
	names := make([]string, 0, len(b.counts))
	for name := range b.counts {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if _, err := w.stmt.counter.ExecContext(ctx, name, b.counts[name]); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) flushDirectory(ctx context.Context, b *batch) error {
	for i := range b.dirEvents {
		e := &b.dirEvents[i]
		if _, err := w.stmt.directory.ExecContext(ctx, e.Position, slices.Clip(e.Bytes), e.Facts, e.Destroyed); err != nil {
			return err
		}
	}
	return nil
}

// searchable works out again what a document is found by.
func (b *batch) searchable(ctx context.Context, d *docState) (searchable, error) {
	for i := range b.papers {
		if b.papers[i].id == d.received {
			return searchableOf(b.papers[i].facts)
		}
	}
	var facts []byte
	if err := b.w.stmt.paperOf.QueryRowContext(ctx, d.received).Scan(&facts); err != nil {
		return searchable{}, fmt.Errorf("couldn't load paper %d: %w", d.received, err)
	}
	return searchableOf(facts)
}
