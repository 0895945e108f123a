package projections

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"github.com/tram-exchange/tram/internal/view"
)

// A reader who is a person of an agency (view.Reader.Person) sees of the agency's documents what the person's duties allow: all of them,
// or those whose targets in the agency's work the person may see.

// narrowRead is how many rows of a register or search are read for a page of somebody who may not see all of them.
const narrowRead = 2000

// narrow takes the agency out of a reader who may not see all of it. Of what is left, rights count as for everybody.
func (q *question) narrow(r *reader) {
	if r.Person == "" {
		return
	}
	orgs := r.Orgs
	r.Orgs = nil
	if len(orgs) != 1 {
		return
	}
	s, err := q.scopeOf(view.Staff{Org: orgs[0], Person: r.Person, Now: r.Now})
	switch {
	case err != nil: // nothing of the agency
	case s.all:
		r.Orgs = orgs
	default:
		r.only = s
	}
}

// narrowed says whether the reader may see some, not all, of an agency's documents.
func (r *reader) narrowed(org uint32) bool {
	if r.only == nil || org == 0 {
		return false
	}
	for _, own := range r.only.orgs {
		if own == org {
			return true
		}
	}
	return false
}

// concerned judges a document for a person: as its sender or recipient, if one of its targets is the person's to see.
func (q *question) concerned(ctx context.Context, r *reader, d *docState) (access, error) {
	for _, kind := range []targetKind{targetOutgoing, targetIncoming} {
		list, err := q.targetsOf(ctx, d.id, kind)
		if err != nil {
			return access{}, err
		}
		for _, t := range list {
			if t.kind == targetIncoming && t.state == incomingWithdrawn && t.row.(*incomingRow).Gone {
				continue // it was never here
			}
			ok, err := q.seesTarget(ctx, r.only, t)
			if err != nil {
				return access{}, err
			}
			if !ok {
				continue
			}
			mine := map[uint32]bool{t.org: true}
			for org := range r.mine {
				mine[org] = true
			}
			return access{any: true, full: kind == targetOutgoing && t.org == d.org, mine: mine}, nil
		}
	}
	return access{mine: r.mine}, nil
}

// mayReadAct judges the package of an act: the stream of its target, "" if the reader may not see that.
func (q *question) mayReadAct(ctx context.Context, r *reader, p packageRow) (string, error) {
	if p.doc > math.MaxInt64 {
		return "", nil
	}
	t := &target{}
	err := scanTarget(q.conn.QueryRowContext(ctx, "SELECT "+targetColumns+" FROM target WHERE id = ?", p.doc), t)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("couldn't load target %d: %w", p.doc, err)
	}
	ok := r.Audit || r.mine[t.org]
	if !ok && r.only != nil {
		if ok, err = q.seesTarget(ctx, r.only, t); err != nil {
			return "", err
		}
	}
	if !ok {
		return "", nil
	}
	return targetStream(t.kind, q.text(t.org), t.name), nil
}
