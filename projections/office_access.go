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
//	leader                     every target of the agency
//	clerk, auditor, head       for the whole agency: every target; for a unit: what was given to the unit or one that is part of it, or to
//	                           somebody there
//	specialist                 what was given to the person; what was given to the unit of the duty, or one it is part of, and to nobody by name
//	                           of outgoing documents also those of the unit of the duty, and of units that are part of it: see outgoingRoles
//	archivist of the agency    closed dossiers, and what lies in them
//	administrator              nothing
//
// What was once given to somebody stays seen, as long as there is a duty of handling work; who has no duty in force sees nothing. It is
// the same as what the deciders ask before anybody may act (State.Concerns of incoming, dossier and outgoing) and more only where
// auditors and archivists read. Whoever acts for another by a delegation in force sees what the other sees by the roles that are
// delegated. An agency sees what those had that it succeeds.

// scope is what a person may see.
type scope struct {
	office *directory.Office
	orgs   []uint32 // the agency and those it succeeds, as numbers of the dictionary; the agency first, 0 when no row names it
	now    time.Time

	all     bool // everything of the agency
	archive bool // closed dossiers and what lies in them
	// Whose targets are seen, each with in whose place: "" is the own name.
	people map[string]string // persons: oneself, and those one acts for
	units  map[string]string // units, and all that was given to somebody for them
	pools  map[string]string // units, and what was given to them as such
	roles  map[string]string // see roleName: of outgoing documents

	standings []directory.Standing // the own one first

	sight map[targetKind]string // SQL by which seesTarget judges
}

// nothing says that nothing may be seen at all.
func (s *scope) nothing() bool {
	return !s.all && !s.archive && len(s.people) == 0 && len(s.units) == 0 && len(s.pools) == 0
}

// scopeOf judges a person by the directory as of s.Now. view.ErrNotFound when the agency has no office, or the person none of the
// duties that let one see anything.
func (q *question) scopeOf(s view.Staff) (*scope, error) {
	out := &scope{now: s.Now, people: map[string]string{}, units: map[string]string{}, pools: map[string]string{}, roles: map[string]string{}}
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
	s.standings = append(s.standings, st)
	s.fit(st)
	who := st.Person
	if st.For != "" {
		who = st.For
	}
	for _, d := range st.Duties {
		switch d.Role {
		case directory.RoleLeader:
			s.all = true
			note(s.people, who, st.For)
		case directory.RoleClerk, directory.RoleAuditor, directory.RoleHead:
			s.all = s.all || d.Unit == ""
			s.within(d.Unit, st.For)
			if d.Role != directory.RoleAuditor {
				note(s.people, who, st.For)
			}
		case directory.RoleSpecialist:
			note(s.people, who, st.For)
			s.above(d.Unit, st.For)
		case directory.RoleArchivist:
			s.archive = s.archive || d.Unit == ""
		}
	}
}

// note keeps in whose place something is seen. The own name, which comes first, counts before all others.
func note(m map[string]string, name, inPlaceOf string) {
	if _, known := m[name]; !known && name != "" {
		m[name] = inPlaceOf
	}
}

// within takes in a unit and those that are part of it, the closed ones too.
func (s *scope) within(id, inPlaceOf string) {
	for i := range s.office.Units {
		if u := s.office.Units[i].ID; id != "" && s.office.Within(u, id) {
			note(s.units, u, inPlaceOf)
			note(s.pools, u, inPlaceOf)
		}
	}
}

// above takes in what was given to a unit, or to one that it is part of.
func (s *scope) above(id, inPlaceOf string) {
	for i := range s.office.Units {
		if u := s.office.Units[i].ID; id != "" && s.office.Within(id, u) {
			note(s.pools, u, inPlaceOf)
		}
	}
}

// concern names the lists of those whose targets are seen.
func (q *question) concern(s *scope, kind targetKind) []listKey {
	var out []listKey
	lists := map[uint8]map[string]string{listPerson: s.people, listUnit: s.units, listPool: s.pools}
	if kind.row() == targetOutgoing {
		lists = map[uint8]map[string]string{listPerson: s.people, listRole: s.roles}
	}
	for class, names := range lists {
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
	if s.sight == nil {
		s.sight = map[targetKind]string{}
	}
	text, known := s.sight[t.kind]
	if !known {
		text = "SELECT " + listedText(q.concern(s, t.kind)) + " FROM target t WHERE t.id = ?"
		s.sight[t.kind] = text
	}
	var sees bool
	if err := q.conn.QueryRowContext(ctx, text, t.id).Scan(&sees); err != nil {
		return false, fmt.Errorf("couldn't look up lists: %w", err)
	}
	if sees || !s.archive {
		return sees, nil
	}
	return q.archived(ctx, t)
}

// inClosedDossier finds a dossier of a state that holds a target.
const inClosedDossier = "SELECT 1 FROM holding h INDEXED BY holding_target CROSS JOIN target d ON d.id = h.dossier WHERE h.target = ? AND d.state = ?"

// archived says whether the target is a closed dossier or lies in one.
func (q *question) archived(ctx context.Context, t *target) (bool, error) {
	if t.kind == targetDossier {
		return t.state == dossierClosed, nil
	}
	var n int
	err := q.conn.QueryRowContext(ctx, "SELECT EXISTS ("+inClosedDossier+")", t.id, dossierClosed).Scan(&n)
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
