package projections

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/internal/view"
)

// Who sees what of an agency's work. There is one rule, scopeOf, and every question about targets asks it:
//
//	clerk, leader, auditor, head   for the whole agency: every target of the agency
//	                               for a unit: what concerns the unit or one that is part of it
//	specialist                     what concerns the person; what was given to the unit of the duty or to one that is part of it
//	archivist                      closed dossiers, and what lies in them
//	administrator                  nothing
//
// A target concerns whom it was given to, who gave it, who wrote it, was asked or is to sign, for ever: see the lists listPerson and
// listUnit. Who has no duty in force sees nothing, whatever once concerned him. Whoever acts for another by a delegation in force sees
// what the other sees by the roles that are delegated, and what concerns the other. An agency sees what those had that it succeeds.

// scope is what a person may see.
type scope struct {
	office *directory.Office
	orgs   []uint32 // the agency and those it succeeds, as numbers of the dictionary; the agency first, 0 when no row names it
	now    time.Time

	all     bool              // everything of the agency
	archive bool              // closed dossiers and what lies in them
	people  map[string]string // whom what concerns is seen → in whose place ("" in the own name): oneself and those one acts for
	units   map[string]string // units whose targets are seen → in whose place

	standings []directory.Standing // the own one first
}

// nothing says that nothing may be seen at all.
func (s *scope) nothing() bool {
	return !s.all && !s.archive && len(s.people) == 0 && len(s.units) == 0
}

// scopeOf judges a person by the directory as of s.Now. view.ErrNotFound when the agency has no office, or the person none of the
// duties that let one see anything.
func (q *question) scopeOf(s view.Staff) (*scope, error) {
	out := &scope{now: s.Now, people: map[string]string{}, units: map[string]string{}}
	if out.now.IsZero() {
		out.now = q.now
	}
	var ok bool
	if out.office, ok = q.rights.state.Office(s.Org); !ok {
		return nil, view.ErrNotFound
	}
	own, ok := out.office.Standing(s.Person, "", out.now)
	if !ok {
		return nil, view.ErrNotFound
	}
	out.add(own)
	for i := range out.office.Delegations {
		d := &out.office.Delegations[i]
		if d.To != s.Person || d.From == s.Person || slices.ContainsFunc(out.standings, func(s directory.Standing) bool { return s.For == d.From }) {
			continue
		}
		if other, ok := out.office.Standing(s.Person, d.From, out.now); ok {
			out.add(other)
		}
	}
	if out.nothing() {
		return nil, view.ErrNotFound
	}
	for _, id := range q.rights.identities(s.Org, out.now) {
		n, _ := q.dict.find(id)
		if n != 0 || id == s.Org {
			out.orgs = append(out.orgs, n)
		}
	}
	if i := slices.Index(out.orgs, q.number(s.Org)); i > 0 {
		out.orgs[0], out.orgs[i] = out.orgs[i], out.orgs[0]
	}
	return out, nil
}

// number of a string of the dictionary, 0 if no row has it.
func (q *question) number(s string) uint32 {
	n, _ := q.dict.find(s)
	return n
}

// add takes in what one standing lets see.
func (s *scope) add(st directory.Standing) {
	works := false
	for _, d := range st.Duties {
		switch d.Role {
		case directory.RoleClerk, directory.RoleLeader, directory.RoleAuditor, directory.RoleHead:
			works = works || d.Role != directory.RoleAuditor
			if d.Unit == "" {
				s.all = true
			}
			s.unit(d.Unit, st.For)
		case directory.RoleSpecialist:
			works = true
			s.unit(d.Unit, st.For)
		case directory.RoleArchivist:
			s.archive = true
		}
	}
	s.standings = append(s.standings, st)
	if !works {
		return
	}
	who := st.Person
	if st.For != "" {
		who = st.For
	}
	if _, known := s.people[who]; !known {
		s.people[who] = st.For
	}
}

// unit takes in a unit and those that are part of it, the closed ones too.
func (s *scope) unit(id, inPlaceOf string) {
	if id == "" {
		return
	}
	for i := range s.office.Units {
		u := &s.office.Units[i]
		if _, known := s.units[u.ID]; !known && s.office.Within(u.ID, id) {
			s.units[u.ID] = inPlaceOf
		}
	}
}

// concern names the lists of the persons and units whose targets are seen.
func (q *question) concern(s *scope, kind targetKind) []listKey {
	var out []listKey
	for class, names := range map[uint8]map[string]string{listPerson: s.people, listUnit: s.units} {
		for name := range names {
			if n := q.number(name); n != 0 {
				out = append(out, listKey{kind.class(class), uint64(n)})
			}
		}
	}
	slices.SortFunc(out, listKey.compare)
	return out
}

// seesTarget says whether a person may see a target.
func (q *question) seesTarget(ctx context.Context, s *scope, t *target) (bool, error) {
	if !slices.Contains(s.orgs, t.org) || t.org == 0 {
		return false, nil
	}
	if s.all {
		return true, nil
	}
	for _, l := range q.concern(s, t.kind) {
		in, err := q.inList(ctx, t.org, l, t.id)
		if in || err != nil {
			return in, err
		}
	}
	if !s.archive {
		return false, nil
	}
	return q.archived(ctx, t)
}

// archived says whether the target is a closed dossier or lies in one.
func (q *question) archived(ctx context.Context, t *target) (bool, error) {
	if t.kind == targetDossier {
		return t.state == dossierClosed, nil
	}
	var n int
	err := q.conn.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM listed l CROSS JOIN target d ON d.id = l.id WHERE l.org = ? AND l.class = ? AND l.what = ? AND d.state = ? LIMIT 1)",
		t.org, targetDossier.class(listHolds), t.id, dossierClosed).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("couldn't look up dossiers: %w", err)
	}
	return n > 0, nil
}

func (q *question) inList(ctx context.Context, org uint32, l listKey, id uint64) (bool, error) {
	var n int
	if err := q.conn.QueryRowContext(ctx, "SELECT count(*) FROM listed WHERE org = ? AND class = ? AND what = ? AND id = ?", org, l.class, l.what, id).Scan(&n); err != nil {
		return false, fmt.Errorf("couldn't look up list: %w", err)
	}
	return n > 0, nil
}

// targetFor is a target that the person may see; view.ErrNotFound for any other.
func (q *question) targetFor(ctx context.Context, s *scope, kind targetKind, name string) (*target, error) {
	for _, org := range s.orgs {
		t, err := q.target(ctx, kind, q.text(org), name)
		if errors.Is(err, view.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		ok, err := q.seesTarget(ctx, s, t)
		if err != nil {
			return nil, err
		}
		if ok {
			return t, nil
		}
	}
	return nil, view.ErrNotFound
}

// target by agency and id; view.ErrNotFound if there is none. Who may see it is not judged.
func (q *question) target(ctx context.Context, kind targetKind, org, name string) (*target, error) {
	k := streamKey(targetStream(kind, org, name))
	var found *target
	n := q.number(org)
	err := eachRow(ctx, q.conn, "SELECT "+targetColumns+" FROM target WHERE k = ?", []any{prefix(&k)}, func(rows *sql.Rows) error {
		t := &target{}
		if err := scanTarget(rows, t); err != nil {
			return err
		}
		if t.kind == kind && t.org == n && t.name == name {
			found = t
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't load target: %w", err)
	}
	if found == nil {
		return nil, view.ErrNotFound
	}
	return found, nil
}
