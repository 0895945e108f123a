package projections

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
)

// streamKey is by what a target is found: the digest of its stream's name.
func streamKey(stream string) key { return sha256.Sum256([]byte(stream)) }

func targetStream(kind targetKind, org, name string) string {
	return kind.String() + "/" + org + "/" + name
}

// officeEvent is an event of a target's stream.
type officeEvent struct {
	kind targetKind
	org  string
	name string
}

// officeBatch is the part of a batch that is an agency's work.
type officeBatch struct {
	targets  []*target
	acts     []actRow
	holdings []holdingRow
	at       time.Time // of the event in hand
	notes    map[notedKey][]noted
	openings []openedRow
}

type actRow struct {
	target uint64
	event  *events.Event
}

// office of an agency, as the directory stands at this place of the log; false if it has none.
func (b *batch) office(org string) (*directory.Office, bool) {
	d := b.directory
	if d == nil {
		d = b.w.directory
	}
	return d.state.Office(org)
}

// officeBegun folds what the first change of an agency's office means: what waits for the agency, and was not taken by a program of
// its own, has arrived there.
func (b *batch) officeBegun(ctx context.Context, org string) error {
	n := b.id(org)
	seen := map[key]bool{}
	var waiting []*deliveryState
	for _, v := range b.deliveries {
		seen[v.key] = true
		if v.org == n && v.waits() {
			waiting = append(waiting, v)
		}
	}
	rows, err := b.w.find.openByOrg.QueryContext(ctx, n)
	if err != nil {
		return fmt.Errorf("couldn't look up what waits for %s: %w", org, err)
	}
	defer rows.Close()
	var keys []key
	for rows.Next() {
		var raw []byte
		if err := rows.Scan(&raw); err != nil {
			return fmt.Errorf("couldn't look up what waits for %s: %w", org, err)
		}
		if k := key(raw); !seen[k] {
			keys = append(keys, k)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return fmt.Errorf("couldn't look up what waits for %s: %w", org, err)
	}
	for _, k := range keys {
		v, err := b.delivery(ctx, k)
		if err != nil {
			return err
		}
		waiting = append(waiting, v)
	}
	slices.SortFunc(waiting, func(a, b *deliveryState) int { return cmp.Compare(a.id, b.id) })
	for _, v := range waiting {
		d, err := b.documentByID(ctx, v.doc)
		if err != nil {
			return err
		}
		if err := b.arrived(ctx, d, v); err != nil {
			return err
		}
	}
	return nil
}

// waits says whether a document of the exchange lies in a mailbox of this node and was not acknowledged.
func (v *deliveryState) waits() bool {
	return v.kind == kindDocument && v.peer == 0 && (v.state == stateWaiting || v.state == stateTaken || v.state == stateFailed)
}

// touchTarget must be called after every change of a target's row.
func (b *batch) touchTarget(t *target) {
	before := t.work
	t.derive(b.id)
	b.noteWork(t, before)
	if !t.dirty {
		t.dirty = true
		b.targets = append(b.targets, t)
	}
}

// target of a stream, nil if there is none.
func (b *batch) target(ctx context.Context, kind targetKind, org, name string) (*target, error) {
	return b.targetOf(ctx, streamKey(targetStream(kind, org, name)))
}

// targetOf a stream by its key, nil if there is none.
func (b *batch) targetOf(ctx context.Context, k key) (*target, error) {
	if t, ok := b.cache.targets.get(k); ok {
		return t, nil
	}
	t, err := findTarget(ctx, b.w.find.targetByKey, k)
	if err != nil || t == nil {
		return nil, err
	}
	t.derive(b.id)
	t.hadLists, t.hadWork, t.hadFact = t.lists, t.work, t.fact
	b.cache.targets.put(k, t)
	return t, nil
}

// newTarget begins one. The caller fills its row and touches it.
func (b *batch) newTarget(id uint64, kind targetKind, org, name string) (*target, error) {
	row, err := newRow(kind)
	if err != nil {
		return nil, err
	}
	t := &target{id: id, kind: kind, org: b.id(org), name: name, row: row, isNew: true}
	b.cache.targets.put(streamKey(targetStream(kind, org, name)), t)
	return t, nil
}

// findTarget runs a query for target_k and picks the one of the stream; nil if there is none.
func findTarget(ctx context.Context, q *sql.Stmt, k key) (_ *target, err error) {
	rows, err := q.QueryContext(ctx, prefix(&k))
	if err != nil {
		return nil, fmt.Errorf("couldn't look up target: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		t := &target{}
		var org string
		if err := scanTarget(rows, t, &org); err != nil {
			return nil, fmt.Errorf("couldn't look up target: %w", err)
		}
		if streamKey(targetStream(t.kind, org, t.name)) == k {
			return t, nil
		}
	}
	return nil, rows.Err()
}

// deliveryKey of a document to an organisation.
func deliveryKey(documentKey, org string) key {
	k, _ := parseKey(delivery.Key(document.StreamPrefix+documentKey, delivery.ItemDocument, org))
	return k
}

// targetByKeySQL gives the agency before the columns of target.
const targetByKeySQL = "SELECT (SELECT s FROM dict WHERE dict.id = target.org), " + targetColumns + " FROM target WHERE k = ?"

// acted folds an event of a target's stream.
func (b *batch) acted(ctx context.Context, e *decoded, o *officeEvent) error {
	t, err := b.target(ctx, o.kind, o.org, o.name)
	if err != nil {
		return err
	}
	if t == nil && e.Statement.Version > 0 {
		return fmt.Errorf("%s %s of %s is not in views.db, and this is version %d of its stream", o.kind, o.name, o.org, e.Statement.Version)
	}
	if t == nil {
		if t, err = b.firstAct(ctx, e, o); err != nil {
			return err
		}
	}
	if t.version != e.Statement.Version {
		return fmt.Errorf("%s %s of %s has %d events, and this is version %d of its stream", o.kind, o.name, o.org, t.version, e.Statement.Version)
	}
	t.version++
	if err := t.row.fold(ctx, b, t, e); err != nil {
		return err
	}
	b.acts = append(b.acts, actRow{target: t.id, event: &e.Event})
	if p := e.Statement.Package; p != nil {
		b.packages = append(b.packages, packageRow{id: e.Position, sha256: p.SHA256, doc: t.id, kind: kindAct})
	}
	b.touchTarget(t)
	return nil
}

// firstAct begins a target with the first event of its stream.
func (b *batch) firstAct(ctx context.Context, e *decoded, o *officeEvent) (*target, error) {
	if o.kind == targetIncoming {
		if t, err := b.arrivalOf(ctx, e, o.org, o.name); t != nil || err != nil {
			return t, err
		}
	}
	return b.newTarget(e.Position, o.kind, o.org, o.name)
}

// search makes a target findable by tokens from this event on, and by no earlier ones.
func (b *batch) search(e *decoded, t *target, tokens []byte) {
	t.words = e.Position
	b.words = append(b.words, wordsRow{id: e.Position, tokens: appendOffice(tokens, t.kind, b.texts(t.org))})
}

// officeChanges are the statements that write an agency's work.
type officeChanges struct {
	target, act, listed, workin, opened         insert
	updateTarget, unlist, work, unwork, workout change
	countList, countWork                        change
	hold, unhold                                change
	facts                                       factChanges
	notes                                       noteChanges
}

func (c *officeChanges) prepare(ctx context.Context, d driver.ConnPrepareContext) error {
	for _, p := range []struct {
		change *change
		text   string
	}{
		{&c.updateTarget, "UPDATE target SET doc = ?, state = ?, version = ?, number = ?, due = ?, words = ?, body = ?, facts = ? WHERE id = ?"},
		{&c.unlist, "DELETE FROM listed WHERE org = ? AND class = ? AND what = ? AND id = ?"},
		{&c.work, "INSERT INTO work (id, target, what, prio, due, body) VALUES (?, ?, ?, ?, ?, ?)"},
		{&c.hold, "INSERT INTO holding (dossier, item, target, event) VALUES (?, ?, ?, ?)"},
		{&c.unhold, "DELETE FROM holding WHERE dossier = ? AND item = ?"},
		{&c.unwork, "DELETE FROM work WHERE id = ?"},
		{&c.workout, "DELETE FROM workin WHERE org = ? AND class = ? AND who = ? AND rank = ? AND due = ? AND id = ?"},
		{&c.countList, "INSERT INTO listcount (org, class, what, n) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n"},
		{&c.countWork, "INSERT INTO workcount (org, class, who, what, n) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n"},
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
		{&c.target, "target (id, k, kind, org, name, doc, state, version, number, due, words, body, facts)", 13},
		{&c.act, "act (target, id, statement, facts, destroyed)", 5},
		{&c.opened, "opened (k, id, stream, at, data)", 5},
		{&c.listed, "listed (org, class, what, id)", 4},
		{&c.workin, "workin (org, class, who, rank, due, id, what)", 7},
	} {
		if err := p.insert.prepare(ctx, d, p.table, p.values); err != nil {
			return err
		}
	}
	if err := c.notes.prepare(ctx, d); err != nil {
		return err
	}
	return c.facts.prepare(ctx, d)
}

func (c *officeChanges) close() error {
	errs := []error{c.facts.close(), c.notes.close()}
	for _, one := range []*change{&c.updateTarget, &c.unlist, &c.work, &c.unwork, &c.workout, &c.countList, &c.countWork, &c.hold, &c.unhold} {
		errs = append(errs, one.close())
	}
	for _, in := range []*insert{&c.target, &c.act, &c.listed, &c.workin, &c.opened} {
		errs = append(errs, in.one.close(), in.many.close())
	}
	return errors.Join(errs...)
}

type (
	listCountKey struct {
		org uint32
		listKey
	}
	workCountKey struct {
		listCountKey
		work uint8
	}
)

// writeOffice writes every target that changed, what it has left and what it has come into.
func (w *writer) writeOffice(ctx context.Context, b *batch) error {
	if err := w.writeOpenings(ctx, b); err != nil || len(b.targets) == 0 && len(b.acts) == 0 && len(b.notes) == 0 {
		return err
	}
	lists, works, sums := map[listCountKey]int64{}, map[workCountKey]int64{}, map[tallyKey]int64{}
	for _, t := range b.targets {
		if err := w.writeTarget(ctx, b, t); err != nil {
			return err
		}
		if err := w.writeLists(ctx, t, lists); err != nil {
			return err
		}
		if err := w.writeWork(ctx, t, works); err != nil {
			return err
		}
		if err := w.writeFact(ctx, t, sums); err != nil {
			return err
		}
		t.isNew, t.dirty = false, false
		t.hadLists, t.hadWork = t.lists, t.work
	}
	for i := range b.acts {
		a := &b.acts[i]
		if err := w.put.office.act.add(ctx, int64(a.target), int64(a.event.Position), a.event.Bytes, blob(a.event.Facts), a.event.Destroyed); err != nil {
			return err
		}
	}
	if err := w.writeHoldings(ctx, b); err != nil {
		return err
	}
	o := &w.put.office
	for _, in := range []*insert{&o.target, &o.act, &o.listed, &o.workin} {
		if err := in.flush(ctx); err != nil {
			return err
		}
	}
	if err := errors.Join(w.writeTallies(ctx, sums), w.writeNotes(ctx, b)); err != nil {
		return err
	}
	return w.writeOfficeCounts(ctx, lists, works)
}

func (w *writer) writeTarget(ctx context.Context, b *batch, t *target) error {
	body, err := t.body()
	if err != nil {
		return err
	}
	if !t.isNew {
		return w.put.office.updateTarget.exec(ctx, int64(t.doc), int64(t.state), int64(t.version), int64(t.number), t.due, int64(t.words), string(body), text(t.facts), int64(t.id))
	}
	k := streamKey(targetStream(t.kind, b.texts(t.org), t.name))
	return w.put.office.target.add(ctx, int64(t.id), prefix(&k), int64(t.kind), int64(t.org), t.name, int64(t.doc), int64(t.state), int64(t.version),
		int64(t.number), t.due, int64(t.words), string(body), text(t.facts))
}

// text is NULL for nil. JSON that conditions look into is text: SQLite takes a blob for JSON of its own form.
func text(b []byte) driver.Value {
	if b == nil {
		return nil
	}
	return string(b)
}

// writeLists walks both lists of lists, which are sorted, in step.
func (w *writer) writeLists(ctx context.Context, t *target, counts map[listCountKey]int64) error {
	had, now := t.hadLists, t.lists
	for len(had) > 0 || len(now) > 0 {
		order := 0
		switch {
		case len(had) == 0:
			order = 1
		case len(now) == 0:
			order = -1
		default:
			order = had[0].compare(now[0])
		}
		if order == 0 {
			had, now = had[1:], now[1:]
			continue
		}
		if order < 0 {
			l := had[0]
			had = had[1:]
			counts[listCountKey{t.org, l}]--
			if err := w.put.office.unlist.exec(ctx, int64(t.org), int64(l.class), int64(l.what), int64(t.place(l))); err != nil {
				return err
			}
			continue
		}
		l := now[0]
		now = now[1:]
		counts[listCountKey{t.org, l}]++
		if err := w.put.office.listed.add(ctx, int64(t.org), int64(l.class), int64(l.what), int64(t.place(l))); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) writeWork(ctx context.Context, t *target, counts map[workCountKey]int64) error {
	o := &w.put.office
	same := func(list []workItem, item *workItem) bool {
		i, found := slices.BinarySearchFunc(list, item.id(), func(w workItem, id int64) int { return int(min(max(w.id()-id, -1), 1)) })
		return found && list[i].equal(item)
	}
	for i := range t.hadWork {
		item := &t.hadWork[i]
		if same(t.work, item) {
			continue
		}
		if err := o.unwork.exec(ctx, item.id()); err != nil {
			return err
		}
		for _, l := range item.lists {
			counts[workCountKey{listCountKey{t.org, l}, item.what}]--
			if err := o.workout.exec(ctx, int64(t.org), int64(l.class), int64(l.what), item.rank(), item.sortDue(), item.id()); err != nil {
				return err
			}
		}
	}
	if err := o.workin.flush(ctx); err != nil { // what goes out may come in again
		return err
	}
	for i := range t.work {
		item := &t.work[i]
		if same(t.hadWork, item) {
			continue
		}
		body, err := item.body.encode()
		if err != nil {
			return err
		}
		if err := o.work.exec(ctx, item.id(), int64(t.id), int64(item.what), int64(item.prio), item.due, body); err != nil {
			return err
		}
		for _, l := range item.lists {
			counts[workCountKey{listCountKey{t.org, l}, item.what}]++
			if err := o.workin.add(ctx, int64(t.org), int64(l.class), int64(l.what), item.rank(), item.sortDue(), item.id(), int64(item.what)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *writer) writeOfficeCounts(ctx context.Context, lists map[listCountKey]int64, works map[workCountKey]int64) error {
	for k, n := range lists {
		if n == 0 {
			continue
		}
		if err := w.put.office.countList.exec(ctx, int64(k.org), int64(k.class), int64(k.what), n); err != nil {
			return err
		}
	}
	for k, n := range works {
		if n == 0 {
			continue
		}
		if err := w.put.office.countWork.exec(ctx, int64(k.org), int64(k.class), int64(k.what), int64(k.work), n); err != nil {
			return err
		}
	}
	return nil
}
