package projections

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/internal/view"
)

// Notes tell persons that something has happened: work has come to them, what they gave to others is done, a recipient has said
// something, a sender wants a document back. A note names positions, ids and codes, never words. Of each person the last notesKept are
// kept. Being late is no event and makes no note: the box of what is late says it.

// notesKept is how many notes of a person are kept.
const notesKept = 500

// Kinds of notes: those of work, and these. They stand in views.db.
const (
	noteDone     = 101
	noteRecalled = 102
	noteStatus   = 103
)

// noteNames are the words of package view.
var noteNames = map[uint8]string{noteDone: "done", noteRecalled: "recalled", noteStatus: "status"}

func noteName(kind uint8) string {
	if int(kind) < len(workNames) {
		return workNames[kind]
	}
	return noteNames[kind]
}

const noteSQL = `
CREATE TABLE note (org INTEGER NOT NULL, person INTEGER NOT NULL, id INTEGER NOT NULL, kind INTEGER NOT NULL, target INTEGER NOT NULL,
	at INTEGER NOT NULL, who INTEGER NOT NULL, code TEXT NOT NULL, PRIMARY KEY (org, person, id, kind, target)) WITHOUT ROWID; -- id: position
`

// notedKey is a person of an agency.
type notedKey struct{ org, person uint32 }

// noted is one note.
type noted struct {
	position uint64
	kind     uint8
	target   uint64
	at       int64
	who      uint32 // person who did it, 0: none
	code     string
}

func (n *noted) compare(o *noted) int {
	return cmp.Or(cmp.Compare(n.position, o.position), cmp.Compare(n.kind, o.kind), cmp.Compare(n.target, o.target))
}

// workRoles are the roles of those for whom lists of work are.
var workRoles = map[uint8]directory.Role{workPool: directory.RoleClerk, workHead: directory.RoleHead, workStep: directory.RoleHead, workLeader: directory.RoleLeader, workSpecialist: directory.RoleSpecialist}

// noteFor leaves a note for persons about the event in hand. Who did it needs none.
func (b *batch) noteFor(t *target, kind uint8, by, code string, persons ...string) {
	if b.notes == nil {
		b.notes = map[notedKey][]noted{}
	}
	n := noted{position: b.position, kind: kind, target: t.id, at: micros(b.at), code: code}
	for _, p := range persons {
		if p == "" || p == by {
			continue
		}
		n.who = b.id(by)
		k := notedKey{t.org, b.id(p)}
		list := b.notes[k]
		if slices.ContainsFunc(list[max(len(list)-8, 0):], func(o noted) bool { return o.compare(&n) == 0 }) {
			continue
		}
		if len(list) >= 2*notesKept { // a long transaction need not keep what it would drop
			list = append(list[:0], list[len(list)-notesKept:]...)
		}
		b.notes[k] = append(list, n)
	}
}

// noteWork tells persons of work that has come to them by the event in hand: what was not there before.
func (b *batch) noteWork(t *target, before []workItem) {
	var office *directory.Office
	for i := range t.work {
		w := &t.work[i]
		switch workNames[w.what] {
		case view.WorkDraft, view.WorkNotTaken: // the own draft; what every document waits for when it has just gone out
			continue
		}
		if slices.ContainsFunc(before, func(o workItem) bool { return o.since == w.since && o.what == w.what && o.lists[0] == w.lists[0] }) {
			continue
		}
		if office == nil {
			if office, _ = b.office(b.texts(t.org)); office == nil {
				return
			}
		}
		b.noteFor(t, w.what, w.body.From, "", atHand(office, w.lists[0].class, b.texts(uint32(w.lists[0].what)), b.at)...)
	}
}

// atHand are the persons in whose box what stands in a list of work is: by their own duties, or in the place of another. It is asked for every
// piece of work that comes to somebody, and goes through all persons of the agency: it makes no Standing of those who have nothing to do with it.
func atHand(office *directory.Office, class uint8, who string, at time.Time) []string {
	role := workRoles[class]
	var out []string
	for i := range office.Persons {
		p := &office.Persons[i]
		if !p.Gone && slices.ContainsFunc(p.Duties, func(d directory.Duty) bool {
			if class == workPerson {
				return p.ID == who && d.InForce(at)
			}
			return d.Role == role && d.InForce(at) && office.Within(who, d.Unit)
		}) {
			out = append(out, p.ID)
		}
	}
	for i := range office.Delegations {
		d := &office.Delegations[i]
		if slices.Contains(out, d.To) || !d.InForce(at) {
			continue
		}
		st, ok := office.Standing(d.To, d.From, at)
		if ok && (class == workPerson && d.From == who && len(st.Duties) > 0 || class != workPerson && st.HasFor(role, who)) {
			out = append(out, d.To)
		}
	}
	return out
}

// writeNotes writes what the transaction has left, and drops what is too much.
func (w *writer) writeNotes(ctx context.Context, b *batch) error {
	keys := make([]notedKey, 0, len(b.notes))
	for k := range b.notes {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b notedKey) int { return cmp.Or(cmp.Compare(a.org, b.org), cmp.Compare(a.person, b.person)) })
	put := &w.put.office.notes
	for _, k := range keys {
		list := b.notes[k]
		slices.SortFunc(list, func(a, b noted) int { return a.compare(&b) })
		for i := range list[max(len(list)-notesKept, 0):] {
			n := &list[max(len(list)-notesKept, 0)+i]
			if err := put.note.add(ctx, int64(k.org), int64(k.person), int64(n.position), int64(n.kind), int64(n.target), n.at, int64(n.who), n.code); err != nil {
				return err
			}
		}
	}
	if err := put.note.flush(ctx); err != nil {
		return err
	}
	for _, k := range keys {
		if err := put.trim.exec(ctx, int64(k.org), int64(k.person), int64(k.org), int64(k.person), int64(notesKept-1)); err != nil {
			return err
		}
	}
	return nil
}

// noteChanges are the statements that keep notes.
type noteChanges struct {
	note insert
	trim change
}

func (c *noteChanges) prepare(ctx context.Context, d driver.ConnPrepareContext) error {
	if err := c.trim.prepare(ctx, d, "DELETE FROM note WHERE org = ? AND person = ? AND (id, kind, target) <"+
		" (SELECT id, kind, target FROM note WHERE org = ? AND person = ? ORDER BY id DESC, kind DESC, target DESC LIMIT 1 OFFSET ?)"); err != nil {
		return err
	}
	return c.note.prepare(ctx, d, "note (org, person, id, kind, target, at, who, code)", 8)
}

func (c *noteChanges) close() error {
	return errors.Join(c.trim.close(), c.note.one.close(), c.note.many.close())
}

// Notes are a person's notes with positions at or after one, latest first. view.ErrNotFound for who has no duty that lets one see
// anything of the agency's work.
func (v *Views) Notes(ctx context.Context, s view.Staff, after uint64, limit int) (out []view.Note, err error) {
	err = v.ask(ctx, func(q *question) error {
		who, err := q.scopeOf(s)
		if err != nil {
			return err
		}
		out, err = q.notes(ctx, who, s.Person, after, clamp(limit, 50))
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (q *question) notes(ctx context.Context, s *scope, person string, after uint64, limit int) ([]view.Note, error) {
	sp := q.speaker(s)
	out := []view.Note{}
	p := q.number(person)
	if p == 0 {
		return out, nil
	}
	text := "SELECT n.id, n.kind, n.at, n.who, n.code, t.kind, t.name FROM note n CROSS JOIN target t ON t.id = n.target" +
		" WHERE n.org = ? AND n.person = ? AND n.id >= ? ORDER BY n.id DESC, n.kind DESC, n.target DESC LIMIT ?"
	for _, org := range s.orgs {
		err := eachRow(ctx, q.conn, text, []any{org, p, int64(min(after, math.MaxInt64)), limit}, func(rows *sql.Rows) error {
			var n view.Note
			var kind, of uint8
			var at int64
			var who uint32
			if err := rows.Scan(&n.Position, &kind, &at, &who, &n.Code, &of, &n.Target.ID); err != nil {
				return err
			}
			n.Kind, n.At, n.By, n.Target.Kind = noteName(kind), fromMicros(at), sp.person(q.text(who)), targetKind(of).String()
			out = append(out, n)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("couldn't read notes: %w", err)
		}
	}
	slices.SortStableFunc(out, func(a, b view.Note) int { return cmp.Compare(b.Position, a.Position) })
	return out[:min(limit, len(out))], nil
}
