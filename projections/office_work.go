package projections

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/internal/view"
)

// A box is a union of lists of work that no item stands in twice, but for what is late. Every list is kept in order of urgency, deadline
// and age, so that a page is read as ten ranges one after the other: what is late by urgency, then what is not.

// boxList is one list of a box, and in whose place what stands in it may be done.
type boxList struct {
	listKey
	inPlaceOf string
}

// boxLists are the lists of a box for a person.
func (q *question) boxLists(s *scope, box view.Box) ([]boxList, error) {
	var out []boxList
	add := func(class uint8, name, inPlaceOf string) {
		n := uint64(0)
		if name != "" {
			if n = uint64(q.number(name)); n == 0 {
				return // no row has it
			}
		}
		if k := (listKey{class, n}); !slices.ContainsFunc(out, func(b boxList) bool { return b.listKey == k }) {
			out = append(out, boxList{k, inPlaceOf})
		}
	}
	each := func(class uint8, names map[string]string) {
		for _, name := range sortedNames(names) {
			add(class, name, names[name])
		}
	}
	mine := func() {
		each(workPerson, s.people)
		for _, st := range s.standings {
			for _, role := range []directory.Role{directory.RoleClerk, directory.RoleHead, directory.RoleLeader, directory.RoleSpecialist} {
				if st.HasFor(role, "") {
					add(workRole(role), "", st.For)
				}
				for i := range s.office.Units {
					if u := s.office.Units[i].ID; st.HasFor(role, u) {
						add(workRole(role), u, st.For)
						if role == directory.RoleHead {
							add(workStep, u, st.For)
						}
					}
				}
			}
		}
	}
	unit := func() {
		each(workUnit, s.units)
		for _, name := range sortedNames(s.pools) {
			if _, all := s.units[name]; !all { // else workUnit has it
				add(workHead, name, s.pools[name])
			}
		}
	}
	switch box {
	case view.BoxMine:
		mine()
	case view.BoxUnit:
		unit()
	case view.BoxWatch:
		each(workWatch, s.people)
	case view.BoxLate:
		if s.all {
			add(workAll, "", "")
			break
		}
		mine()
		unit()
	default:
		return nil, fmt.Errorf("couldn't read box %q: %w", box, view.ErrQuery)
	}
	return out, nil
}

func sortedNames(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for name := range m {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// workPlace is where an item stands in a box: the cursor.
type workPlace struct {
	notLate bool
	rank    int64
	due     string
	id      int64
}

func (p workPlace) String() string {
	late := 0
	if p.notLate {
		late = 1
	}
	return fmt.Sprintf("%d.%d.%s.%d", late, p.rank, p.due, p.id)
}

func parseWorkPlace(s string) (p workPlace, err error) {
	parts := strings.Split(s, ".")
	bad := fmt.Errorf("couldn't read cursor %q: %w", s, view.ErrQuery)
	if len(parts) != 4 || parts[0] != "0" && parts[0] != "1" {
		return p, bad
	}
	p.notLate, p.due = parts[0] == "1", parts[2]
	rank, err1 := strconv.ParseInt(parts[1], 10, 8)
	id, err2 := strconv.ParseInt(parts[3], 10, 64)
	if err1 != nil || err2 != nil || rank < 0 || rank > 4 {
		return p, bad
	}
	p.rank, p.id = rank, id
	return p, nil
}

// Work gives one page of a box: late first, then by urgency, deadline and age. view.ErrNotFound for who may see none of the agency's
// work.
func (v *Views) Work(ctx context.Context, wq view.WorkQuery) (page view.Page[view.WorkItem], err error) {
	err = v.ask(ctx, func(q *question) error {
		page, err = q.work(ctx, wq)
		return err
	})
	if err != nil {
		return view.Page[view.WorkItem]{}, err
	}
	return page, nil
}

func (q *question) work(ctx context.Context, wq view.WorkQuery) (view.Page[view.WorkItem], error) {
	page := view.Page[view.WorkItem]{AsOf: q.position}
	s, err := q.scopeOf(wq.Staff)
	if err != nil {
		return page, err
	}
	lists, err := q.boxLists(s, wq.Box)
	if err != nil {
		return page, err
	}
	what := uint8(0)
	if wq.What != "" {
		if what = workNumber(wq.What); what == 0 {
			return page, fmt.Errorf("couldn't read kind of work %q: %w", wq.What, view.ErrQuery)
		}
	}
	from := workPlace{id: -1}
	if wq.Cursor != "" {
		if from, err = parseWorkPlace(wq.Cursor); err != nil {
			return page, err
		}
	}
	sp := q.speaker(s)
	limit := min(clamp(wq.Limit, 50), 200)
	found, err := q.workPage(ctx, s, sp, lists, what, wq.Box == view.BoxLate, from, limit+1)
	if err != nil {
		return page, err
	}
	if len(found) > limit {
		found = found[:limit]
		page.Next = found[limit-1].String()
	}
	page.Rows = make([]view.WorkItem, 0, len(found))
	for i := range found {
		item, err := q.workItem(ctx, sp, &found[i])
		if err != nil {
			return page, err
		}
		page.Rows = append(page.Rows, item)
	}
	page.Total = len(page.Rows)
	if page.Next != "" || wq.Cursor != "" {
		page.Total = -1
		if wq.Box != view.BoxLate {
			counts, err := q.workCounts(ctx, s, lists)
			if err != nil {
				return page, err
			}
			page.Total = counts[0]
			if what != 0 {
				page.Total = counts[what]
			}
		}
	}
	return page, nil
}

// foundWork is an item on a page.
type foundWork struct {
	workPlace
	inPlaceOf string
}

// workPage reads the ranges of all lists in step until it has enough.
func (q *question) workPage(ctx context.Context, s *scope, sp *speaker, lists []boxList, what uint8, lateOnly bool, from workPlace, limit int) ([]foundWork, error) {
	var out []foundWork
	for _, notLate := range []bool{false, true} {
		if notLate && lateOnly || !notLate && from.notLate {
			continue
		}
		for rank := int64(0); rank <= 4; rank++ {
			after := workPlace{notLate: notLate, rank: rank, id: -1}
			if notLate == from.notLate {
				if rank < from.rank {
					continue
				}
				if rank == from.rank {
					after = from
				}
			}
			list, err := q.workRange(ctx, s.orgs, lists, what, sp.today, after, limit-len(out))
			if err != nil {
				return nil, err
			}
			if out = append(out, list...); len(out) >= limit {
				return out, nil
			}
		}
	}
	return out, nil
}

const (
	workSQL      = "SELECT due, id FROM workin WHERE org = ? AND class = ? AND who = ? AND rank = ? AND (due, id) > (?, ?) AND due < ?"
	workOrderSQL = " ORDER BY due, id LIMIT ?"
)

// workRange reads what follows a place within its range: equally late and urgent.
func (q *question) workRange(ctx context.Context, orgs []uint32, lists []boxList, what uint8, today string, after workPlace, limit int) ([]foundWork, error) {
	lower, upper := "", today // late: due before today
	if after.notLate {
		lower, upper = today, noDue+"~"
	}
	if after.due < lower {
		after.due, after.id = lower, -1
	}
	text := workSQL
	if what != 0 {
		text += " AND what = " + strconv.Itoa(int(what))
	}
	text += workOrderSQL
	var out []foundWork
	for _, org := range orgs {
		for _, l := range lists {
			err := eachRow(ctx, q.conn, text, []any{org, l.class, int64(l.what), after.rank, after.due, after.id, upper, limit}, func(rows *sql.Rows) error {
				f := foundWork{workPlace: workPlace{notLate: after.notLate, rank: after.rank}, inPlaceOf: l.inPlaceOf}
				out = append(out, f)
				return rows.Scan(&out[len(out)-1].due, &out[len(out)-1].id)
			})
			if err != nil {
				return nil, fmt.Errorf("couldn't read work: %w", err)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b foundWork) int {
		if c := strings.Compare(a.due, b.due); c != 0 {
			return c
		}
		return int(min(max(a.id-b.id, -1), 1))
	})
	// What is late may stand in two lists of the same person.
	out = slices.CompactFunc(out, func(a, b foundWork) bool { return a.id == b.id })
	return out[:min(limit, len(out))], nil
}

// workItem is the line of one item.
func (q *question) workItem(ctx context.Context, sp *speaker, f *foundWork) (view.WorkItem, error) {
	t := &target{}
	var what, prio uint8
	var due string
	var body []byte
	columns := "t." + strings.ReplaceAll(targetColumns, ", ", ", t.")
	row := q.conn.QueryRowContext(ctx, "SELECT w.what, w.prio, w.due, w.body, "+columns+" FROM work w CROSS JOIN target t ON t.id = w.target WHERE w.id = ?", f.id)
	if err := scanTarget(row, t, &what, &prio, &due, &body); err != nil {
		return view.WorkItem{}, fmt.Errorf("couldn't load work %d: %w", f.id, err)
	}
	var b workBody
	if err := json.Unmarshal(body, &b); err != nil {
		return view.WorkItem{}, fmt.Errorf("couldn't read work %d: %w", f.id, err)
	}
	if int(what) >= len(workNames) {
		return view.WorkItem{}, fmt.Errorf("couldn't read work %d: it asks for %d", f.id, what)
	}
	item := view.WorkItem{
		Target: view.Target{Kind: t.kind.String(), ID: t.name}, What: workNames[what], Priority: int(prio), Due: sp.deadline(due), Since: fromMicros(b.Since),
		From: sp.person(b.From), To: sp.assignee(b.Unit, b.Person), For: sp.person(f.inPlaceOf), Version: t.version,
	}
	switch t.kind {
	case targetIncoming:
		row, err := q.incomingRow(ctx, sp, t)
		item.Number, item.TypeName, item.Subject, item.Party = row.Number, row.TypeName, row.Subject, row.From
		return item, err
	case targetOutgoing:
		row, err := q.outgoingRow(ctx, sp, t)
		item.Number, item.TypeName, item.Subject, item.Copy = row.Number, row.TypeName, row.Subject, row.Copy
		if len(row.To) > 0 {
			item.Party = row.To[0]
		}
		return item, err
	}
	d, err := sp.dossierRow(t)
	item.Number, item.Subject = d.Code, d.Title
	return item, err
}

// workCounts counts the items of lists by what they ask for; 0 is all of them.
func (q *question) workCounts(ctx context.Context, s *scope, lists []boxList) (counts [len(workNames)]int, err error) {
	for _, org := range s.orgs {
		for _, l := range lists {
			err := eachRow(ctx, q.conn, "SELECT what, n FROM workcount WHERE org = ? AND class = ? AND who = ? AND n > 0", []any{org, l.class, int64(l.what)}, func(rows *sql.Rows) error {
				var what, n int
				if err := rows.Scan(&what, &n); err != nil {
					return err
				}
				if what > 0 && what < len(counts) {
					counts[what] += n
					counts[0] += n
				}
				return nil
			})
			if err != nil {
				return counts, fmt.Errorf("couldn't count work: %w", err)
			}
		}
	}
	return counts, nil
}

// lateLimit is how much that is late is counted.
const lateLimit = 1000

// WorkCounts counts by box, and by what is asked for as "mine/handle". What is late is counted up to a thousand; more is a thousand.
func (v *Views) WorkCounts(ctx context.Context, s view.Staff) (out map[string]int, err error) {
	err = v.ask(ctx, func(q *question) error {
		who, err := q.scopeOf(s)
		if err != nil {
			return err
		}
		out = map[string]int{}
		for _, box := range []view.Box{view.BoxMine, view.BoxUnit, view.BoxWatch} {
			lists, err := q.boxLists(who, box)
			if err != nil {
				return err
			}
			counts, err := q.workCounts(ctx, who, lists)
			if err != nil {
				return err
			}
			out[string(box)] = counts[0]
			for what, n := range counts {
				if what > 0 && n > 0 {
					out[string(box)+"/"+workNames[what]] = n
				}
			}
		}
		lists, err := q.boxLists(who, view.BoxLate)
		if err != nil {
			return err
		}
		late, err := q.workPage(ctx, who, q.speaker(who), lists, 0, true, workPlace{id: -1}, lateLimit)
		out[string(view.BoxLate)] = len(late)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
