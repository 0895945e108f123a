package projections

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sort"
)

// writer is the one that changes views.db. It is used by one goroutine at a time.
type writer struct {
	conn      *sql.Conn
	find      lookups
	put       changes
	dict      *dict
	saved     int // strings of dict that are in views.db
	cache     *memory
	directory *directoryView
	arena     []byte // bodies of rows until the end of the transaction
}

// lookups of what is not in memory.
type lookups struct {
	docByKey, docByID, deliveryByKey, paper, targetByKey, openByOrg, actFacts *sql.Stmt
}

func (l *lookups) prepare(ctx context.Context, c *sql.Conn) error {
	for _, p := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&l.docByKey, "SELECT id, key FROM doc WHERE k = ?"},
		{&l.docByID, "SELECT " + docColumns + " FROM doc WHERE id = ?"},
		{&l.deliveryByKey, "SELECT " + deliveryColumns + " FROM delivery WHERE k = ?"},
		{&l.paper, "SELECT facts FROM paper WHERE id = ?"},
		{&l.targetByKey, targetByKeySQL},
		{&l.actFacts, "SELECT facts FROM act WHERE target = ? AND id = ?"},
		{&l.openByOrg, "SELECT key FROM delivery INDEXED BY delivery_open WHERE org = ? AND peer = 0 AND (state = 1 OR state = 2 OR state = 5) AND kind = 0 ORDER BY id"},
	} {
		var err error
		if *p.stmt, err = c.PrepareContext(ctx, p.text); err != nil {
			return fmt.Errorf("couldn't prepare %q: %w", p.text, err)
		}
	}
	return nil
}

// changes are the statements of a transaction. They use the driver itself: the way through database/sql costs as much as
// a small INSERT. They may be called only inside conn.Raw.
type changes struct {
	begin, commit, rollback                  change
	dict, directory                          insert
	doc, paper, delivery, history            insert
	status, pkg, late                        insert
	meta, counter, updateDoc, updateDelivery change
	office                                   officeChanges
	words                                    change // one row at a time: after a statement with several, FTS5 writes its index out
}

func (c *changes) prepare(ctx context.Context, conn *sql.Conn) error {
	return conn.Raw(func(dc any) error {
		d, ok := dc.(driver.ConnPrepareContext)
		if !ok {
			return fmt.Errorf("couldn't prepare: driver %T has no PrepareContext", dc)
		}
		for _, p := range []struct {
			change *change
			text   string
		}{
			{&c.begin, "BEGIN IMMEDIATE"},
			{&c.commit, "COMMIT"},
			{&c.rollback, "ROLLBACK"},
			{&c.meta, "UPDATE meta SET origin = ?, position = ?, last = ?"},
			{&c.counter, "INSERT INTO counter (name, n) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = n + excluded.n"},
			{&c.words, "INSERT INTO words (rowid, t) VALUES (?, ?)"},
			{&c.updateDoc, "UPDATE doc SET org = ?, state = ?, business = ?, date = ?, number = ?, type = ?, body = ? WHERE id = ?"},
			{&c.updateDelivery, "UPDATE delivery SET state = ?, marks = ?, peer = ?, body = ? WHERE id = ?"},
		} {
			if err := p.change.prepare(ctx, d, p.text); err != nil {
				return err
			}
		}
		for _, p := range []struct {
			insert *insert
			table  string
			values int
		}{
			{&c.dict, "dict (id, s)", 2},
			{&c.directory, "directory (id, statement, facts, destroyed)", 4},
			{&c.doc, "doc (id, k, key, org, state, business, date, number, type, body)", 10},
			{&c.paper, "paper (id, data, facts)", 3},
			{&c.delivery, "delivery (id, k, key, doc, org, sender, kind, state, marks, peer, body)", 11},
			{&c.history, "history (doc, id, entries)", 3},
			{&c.status, "status (doc, id, body, data, facts)", 5},
			{&c.pkg, "package (k, id, sha256, doc, kind)", 5},
			{&c.late, "late (id, doc)", 2},
		} {
			if err := p.insert.prepare(ctx, d, p.table, p.values); err != nil {
				return err
			}
		}
		return c.office.prepare(ctx, d)
	})
}

// close releases the statements.
func (c *changes) close(conn *sql.Conn) error {
	return conn.Raw(func(any) error {
		var errs []error
		for _, one := range []*change{&c.begin, &c.commit, &c.rollback, &c.meta, &c.counter, &c.updateDoc, &c.updateDelivery, &c.words} {
			errs = append(errs, one.close())
		}
		for _, in := range []*insert{&c.dict, &c.directory, &c.doc, &c.paper, &c.delivery, &c.history, &c.status, &c.pkg, &c.late} {
			errs = append(errs, in.one.close(), in.many.close())
		}
		return errors.Join(append(errs, c.office.close())...)
	})
}

func (l *lookups) close() error {
	var errs []error
	for _, s := range []*sql.Stmt{l.docByKey, l.docByID, l.deliveryByKey, l.paper, l.targetByKey, l.openByOrg, l.actFacts} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(errs...)
}

// close ends writing.
func (w *writer) close() error {
	return errors.Join(w.find.close(), w.put.close(w.conn), w.conn.Close())
}

func (w *writer) newBatch(position uint64) *batch {
	return &batch{w: w, cache: w.cache, counts: make(map[string]int64), position: position}
}

// begin starts a transaction with all rows of the batch and the new position, and leaves it open: finish ends it. The
// context only carries values: a transaction is not interrupted half-way (each call that can be would cost a goroutine).
func (w *writer) begin(ctx context.Context, origin string, b *batch) error {
	w.arena = w.arena[:0]
	return w.conn.Raw(func(any) (err error) {
		if err := w.put.begin.exec(ctx); err != nil {
			return fmt.Errorf("couldn't begin: %w", err)
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, w.put.rollback.exec(ctx))
			}
		}()
		if err := w.put.meta.exec(ctx, origin, int64(b.position), b.last[:]); err != nil {
			return fmt.Errorf("couldn't move position: %w", err)
		}
		for _, step := range []struct {
			what string
			do   func(context.Context, *batch) error
		}{
			{"dictionary", w.writeDict}, {"documents", w.writeDocs}, {"deliveries", w.writeDeliveries},
			{"papers", w.writePapers}, {"counters", w.writeCounters}, {"directory", w.writeDirectory}, {"work", w.writeOffice},
			{"words", w.writeWords}, // last: from then on every statement costs FTS5 a savepoint
		} {
			if err := step.do(ctx, b); err != nil {
				return fmt.Errorf("couldn't write %s: %w", step.what, err)
			}
		}
		return nil
	})
}

// finish commits.
func (w *writer) finish(ctx context.Context) error {
	return w.conn.Raw(func(any) error {
		if err := w.put.commit.exec(ctx); err != nil {
			return errors.Join(fmt.Errorf("couldn't commit: %w", err), w.put.rollback.exec(ctx))
		}
		return nil
	})
}

// body keeps a row's bytes until its statement has run.
func (w *writer) body(f func([]byte) []byte) []byte {
	from := len(w.arena)
	w.arena = f(w.arena)
	return w.arena[from:len(w.arena):len(w.arena)]
}

func (w *writer) writeDict(ctx context.Context, _ *batch) error {
	texts := w.dict.all()
	for w.saved+1 < len(texts) {
		w.saved++
		if err := w.put.dict.add(ctx, int64(w.saved), texts[w.saved]); err != nil {
			return err
		}
	}
	return w.put.dict.flush(ctx)
}

func (w *writer) writeDocs(ctx context.Context, b *batch) error {
	for _, d := range b.docs {
		d.state = d.outgoing()
		body := w.body(d.body)
		var err error
		if d.isNew {
			err = w.put.doc.add(ctx, int64(d.id), prefix(&d.key), d.key[:], int64(d.org), int64(d.state), int64(d.business), d.date, d.number, d.typ, body)
		} else {
			err = w.put.updateDoc.exec(ctx, int64(d.org), int64(d.state), int64(d.business), d.date, d.number, d.typ, body, int64(d.id))
		}
		if err != nil {
			return err
		}
		d.isNew, d.dirty = false, false
	}
	if err := w.put.doc.flush(ctx); err != nil {
		return err
	}
	for _, d := range b.histories {
		if err := w.put.history.add(ctx, int64(d.id), int64(d.first), d.entries); err != nil {
			return err
		}
		d.entries = nil
	}
	return w.put.history.flush(ctx)
}

func (w *writer) writeDeliveries(ctx context.Context, b *batch) error {
	for _, v := range b.deliveries {
		body := w.body(v.body)
		var err error
		if v.isNew {
			err = w.put.delivery.add(ctx, int64(v.id), prefix(&v.key), v.key[:], int64(v.doc), int64(v.org), int64(v.sender), int64(v.kind),
				int64(v.state), int64(v.marks), int64(v.peer), body)
		} else {
			err = w.put.updateDelivery.exec(ctx, int64(v.state), int64(v.marks), int64(v.peer), body, int64(v.id))
		}
		if err != nil {
			return err
		}
		v.isNew, v.dirty = false, false
	}
	return w.put.delivery.flush(ctx)
}

func (w *writer) writePapers(ctx context.Context, b *batch) error {
	for i := range b.papers {
		if err := w.put.paper.add(ctx, int64(b.papers[i].id), b.papers[i].data, blob(b.papers[i].facts)); err != nil {
			return err
		}
	}
	for i := range b.statuses {
		s := &b.statuses[i]
		if err := w.put.status.add(ctx, int64(s.doc), int64(s.id), s.body, s.data, blob(s.facts)); err != nil {
			return err
		}
	}
	for i := range b.packages {
		p := &b.packages[i]
		k := key(p.sha256)
		if err := w.put.pkg.add(ctx, prefix(&k), int64(p.id), p.sha256[:], int64(p.doc), int64(p.kind)); err != nil {
			return err
		}
	}
	return errors.Join(w.put.paper.flush(ctx), w.put.status.flush(ctx), w.put.pkg.flush(ctx))
}

func (w *writer) writeWords(ctx context.Context, b *batch) error {
	for _, l := range b.lates {
		if err := w.put.late.add(ctx, int64(l.id), int64(l.doc)); err != nil {
			return err
		}
	}
	if err := w.put.late.flush(ctx); err != nil {
		return err
	}
	for i := range b.words {
		if err := w.put.words.exec(ctx, int64(b.words[i].id), string(b.words[i].tokens)); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) writeCounters(ctx context.Context, b *batch) error {
	names := make([]string, 0, len(b.counts))
	for name := range b.counts {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if err := w.put.counter.exec(ctx, name, b.counts[name]); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) writeDirectory(ctx context.Context, b *batch) error {
	for i := range b.dirEvents {
		e := &b.dirEvents[i]
		if err := w.put.directory.add(ctx, int64(e.Position), e.Bytes, blob(e.Facts), e.Destroyed); err != nil {
			return err
		}
	}
	return w.put.directory.flush(ctx)
}

// searchable works out again what a document is found by.
func (b *batch) searchable(ctx context.Context, d *docState) (searchable, error) {
	for i := range b.papers {
		if b.papers[i].id == d.received {
			return searchableOf(b.papers[i].facts)
		}
	}
	var facts []byte
	if err := b.w.find.paper.QueryRowContext(ctx, d.received).Scan(&facts); err != nil {
		return searchable{}, fmt.Errorf("couldn't load paper %d: %w", d.received, err)
	}
	return searchableOf(facts)
}
