package projections

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/internal/view"
)

var errFound = errors.New("found")

// Health tells how far the views have read, how old the oldest event is that they have not read, and the counters:
// events, documents, resent, statuses, offered, deliveries (acknowledged by their recipients), forwarded, failed, withdrawn,
// refused, and refused:<code>.
func (v *Views) Health(ctx context.Context) (h view.Health, err error) {
	err = v.ask(ctx, func(q *question) error {
		h = view.Health{Position: q.position, Counts: make(map[string]int64)}
		return eachRow(ctx, q.conn, "SELECT name, n FROM counter", nil, func(rows *sql.Rows) error {
			var name string
			var n int64
			if err := rows.Scan(&name, &n); err != nil {
				return err
			}
			if !strings.HasPrefix(name, countOutgoing) && !strings.HasPrefix(name, countIncoming) {
				h.Counts[name] = n
			}
			return nil
		})
	})
	if err != nil {
		return view.Health{}, fmt.Errorf("couldn't read health of views: %w", err)
	}
	if v.src.Head().Size <= h.Position {
		return h, nil
	}
	err = v.src.All(ctx, h.Position, func(e events.Event) error {
		h.Lag = max(v.opt.Now().Sub(e.Statement.Time), 0)
		return errFound
	})
	if err != nil && !errors.Is(err, errFound) {
		return view.Health{}, fmt.Errorf("couldn't read health of views: %w", err)
	}
	return h, nil
}

// Refusals counts recorded refusals by code.
func (v *Views) Refusals(ctx context.Context) (map[string]int64, error) {
	out := make(map[string]int64)
	err := v.ask(ctx, func(q *question) error {
		return eachRow(ctx, q.conn, "SELECT name, n FROM counter WHERE name > ? AND name < ?", []any{countRefusedBy, countRefusedBy + "\xff"}, func(rows *sql.Rows) error {
			var name string
			var n int64
			if err := rows.Scan(&name, &n); err != nil {
				return err
			}
			out[strings.TrimPrefix(name, countRefusedBy)] = n
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't count refusals: %w", err)
	}
	return out, nil
}

// OrganisationName is the name of an organisation (identity) as the directory had been told by the given node time; "" if it
// has none or its words were destroyed.
func (v *Views) OrganisationName(ctx context.Context, org string, at time.Time) (name string, err error) {
	err = v.ask(ctx, func(q *question) error {
		name = q.directory.name(org, at)
		return nil
	})
	return name, err
}

// Certificates lists the enrolled certificates that end before a time and are not revoked for good, soonest first. A zero
// time lists all, revoked ones too.
func (v *Views) Certificates(ctx context.Context, before time.Time) (out []view.Certificate, err error) {
	err = v.ask(ctx, func(q *question) error {
		for _, d := range q.directory.certs {
			c, ok := q.directory.state.Certificate(d)
			if !ok || !before.IsZero() && (c.Revoked && !c.Suspended || !c.Until.Before(before)) {
				continue
			}
			row := view.Certificate{
				SHA256: c.SHA256.String(), HolderKind: string(c.Holder.Kind), Holder: c.Holder.ID, From: c.From, Until: c.Until, Revoked: c.Revoked,
			}
			if c.Holder.Kind == directory.HolderOrganisation {
				row.Name = q.directory.name(c.Holder.ID, q.now)
			}
			for _, p := range c.Purposes {
				row.Purposes = append(row.Purposes, string(p))
			}
			out = append(out, row)
		}
		return nil
	})
	sort.SliceStable(out, func(i, j int) bool { return out[i].Until.Before(out[j].Until) })
	return out, err
}

// Cursor is where a subscriber of the log (the router) had got to, 0 if it never said. It lies in views.db and is lost with
// it: whoever uses it must be able to begin again at 0.
func (v *Views) Cursor(ctx context.Context, name string) (position uint64, err error) {
	err = v.ask(ctx, func(q *question) error {
		return eachRow(ctx, q.conn, "SELECT position FROM cursor WHERE name = ?", []any{name}, func(rows *sql.Rows) error { return rows.Scan(&position) })
	})
	if err != nil {
		return 0, fmt.Errorf("couldn't read cursor %s: %w", name, err)
	}
	return position, nil
}

// SaveCursor keeps it. It waits for a transaction in progress.
func (v *Views) SaveCursor(ctx context.Context, name string, position uint64) error {
	v.writing.Lock()
	defer v.writing.Unlock()
	if v.closed {
		return errClosed
	}
	_, err := v.w.conn.ExecContext(ctx, "INSERT INTO cursor (name, position) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET position = excluded.position", name, position)
	if err != nil {
		return fmt.Errorf("couldn't save cursor %s: %w", name, err)
	}
	return nil
}
