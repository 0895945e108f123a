package projections

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/reading"
	"github.com/tram-exchange/tram/internal/view"
)

// readingEvent is an opening of a target.
type readingEvent struct{ stream key }

// openedRow is one opening. Openings hold no words: who, when, what, by which right.
type openedRow struct {
	stream key
	id     uint64
	at     int64
	data   []byte
}

// opened folds an opening.
func (b *batch) opened(e *decoded, r *readingEvent) error {
	if e.Statement.Name != reading.NameOpened {
		return fmt.Errorf("no view knows %q", e.Statement.Name)
	}
	b.openings = append(b.openings, openedRow{stream: r.stream, id: e.Position, at: micros(e.Statement.Time), data: e.Statement.Data})
	return nil
}

func (w *writer) writeOpenings(ctx context.Context, b *batch) error {
	for i := range b.openings {
		o := &b.openings[i]
		if err := w.put.office.opened.add(ctx, prefix(&o.stream), int64(o.id), o.stream[:], o.at, o.data); err != nil {
			return err
		}
	}
	return w.put.office.opened.flush(ctx)
}

// Readings gives the openings of a target, latest first; of an incoming document of the exchange also those beside the office. Leaders and
// auditors of the agency may know, and who wrote it; view.ErrNotFound for everybody else. limit 0 is 100, at most 500.
func (v *Views) Readings(ctx context.Context, s view.Staff, of view.Target, limit int) (out []view.Reading, err error) {
	err = v.ask(ctx, func(q *question) error {
		who, err := q.scopeOf(s)
		if err != nil {
			return err
		}
		t, err := q.targetFor(ctx, who, kindOf(of.Kind), of.ID)
		if err != nil {
			return err
		}
		if ok, err := q.mayKnowReaders(ctx, who, t); !ok || err != nil {
			if err == nil {
				err = view.ErrNotFound
			}
			return err
		}
		out, err = q.readings(ctx, t, clamp(limit, 100))
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (q *question) mayKnowReaders(ctx context.Context, s *scope, t *target) (bool, error) {
	for _, st := range s.standings {
		if st.Has(directory.RoleLeader) || st.HasFor(directory.RoleAuditor, "") {
			return true, nil
		}
	}
	if t.kind != targetOutgoing {
		return false, nil
	}
	for _, name := range sortedNames(s.people) {
		if n := q.number(name); n != 0 {
			if wrote, err := q.inList(ctx, t.org, listKey{t.kind.class(listAuthor), uint64(n)}, t.id); wrote || err != nil {
				return wrote, err
			}
		}
	}
	return false, nil
}

func (q *question) readings(ctx context.Context, t *target, limit int) ([]view.Reading, error) {
	org := q.text(t.org)
	streams := []key{streamKey(reading.Stream(org, t.kind.String(), t.name))}
	if t.kind == targetIncoming && t.doc != 0 {
		streams = append(streams, streamKey(reading.Stream(org, "document", t.name)))
	}
	type line struct {
		id uint64
		at int64
		d  reading.Opened
	}
	var lines []line
	for _, k := range streams {
		err := eachRow(ctx, q.conn, "SELECT id, at, data FROM opened WHERE k = ? AND stream = ? ORDER BY id DESC LIMIT ?", []any{prefix(&k), k[:], limit}, func(rows *sql.Rows) error {
			var l line
			var data []byte
			if err := rows.Scan(&l.id, &l.at, &data); err != nil {
				return err
			}
			lines = append(lines, l)
			return json.Unmarshal(data, &lines[len(lines)-1].d)
		})
		if err != nil {
			return nil, fmt.Errorf("couldn't load readings: %w", err)
		}
	}
	slices.SortFunc(lines, func(a, b line) int { return cmp.Compare(b.id, a.id) })
	lines = lines[:min(limit, len(lines))]
	out := make([]view.Reading, 0, len(lines))
	for _, l := range lines {
		at := fromMicros(l.at)
		out = append(out, view.Reading{
			At: at, Person: q.personOf(l.d.Org, l.d.Person), Org: view.Party{Org: l.d.Org, Name: q.directory.name(l.d.Org, at)}, What: l.d.What, Right: l.d.Right,
		})
	}
	return out, nil
}

// personOf is a person of any agency, with the words of the directory.
func (q *question) personOf(org, id string) view.PersonRef {
	office, _ := q.directory.state.Office(org)
	return (&speaker{q: q, office: office, now: time.Time{}}).person(id)
}
