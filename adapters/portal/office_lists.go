package portal

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// officeLists is what forms offer of an agency's office, and what the navigation knows of the reader's duties.
type officeLists struct {
	view.Office
	Days    workdays
	Groups  []unitGroup // units with the persons who have a duty there, for pickers
	Leaders []view.PersonRef
	Clerks  []view.PersonRef
}

// unitGroup is one unit in a picker; a zero Unit groups those whose duty is for the whole agency.
type unitGroup struct {
	Unit    view.OfficeUnit
	Label   string // with the units above it
	Persons []view.OfficePerson
}

// rolesThatWork are those that something can be given to.
var rolesThatWork = []string{"specialist", "head", "leader", "clerk", "archivist"}

func newOfficeLists(o view.Office) *officeLists {
	l := &officeLists{Office: o, Days: newWorkdays(o.Holidays, o.Working)}
	names := map[string]view.OfficeUnit{}
	for _, u := range o.Units {
		names[u.ID] = u
	}
	var whole unitGroup
	for _, p := range o.Persons {
		works := func(d view.OfficeDuty) bool { return slices.Contains(rolesThatWork, d.Role) }
		if slices.ContainsFunc(p.Duties, func(d view.OfficeDuty) bool { return d.Unit == "" && works(d) }) {
			whole.Persons = append(whole.Persons, p)
		}
		if hasRole(p, "leader") || hasRole(p, "head") {
			l.Leaders = append(l.Leaders, p.PersonRef)
		}
		if hasRole(p, "clerk") {
			l.Clerks = append(l.Clerks, p.PersonRef)
		}
	}
	slices.SortStableFunc(l.Leaders, func(a, b view.PersonRef) int {
		return boolCompare(hasRole(l.person(a.ID), "leader"), hasRole(l.person(b.ID), "leader"))
	})
	if len(whole.Persons) > 0 {
		l.Groups = append(l.Groups, whole)
	}
	for _, u := range o.Units {
		g := unitGroup{Unit: u, Label: u.Name}
		for at, n := u.Parent, 0; at != "" && n < 8; at, n = names[at].Parent, n+1 {
			g.Label += " – " + names[at].Name
		}
		for _, p := range o.Persons {
			if slices.ContainsFunc(p.Duties, func(d view.OfficeDuty) bool { return d.Unit == u.ID && slices.Contains(rolesThatWork, d.Role) }) {
				g.Persons = append(g.Persons, p)
			}
		}
		l.Groups = append(l.Groups, g)
	}
	return l
}

// boolCompare puts true first.
func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

func hasRole(p view.OfficePerson, role string) bool {
	return slices.ContainsFunc(p.Duties, func(d view.OfficeDuty) bool { return d.Role == role })
}

func (l *officeLists) person(id string) view.OfficePerson {
	for _, p := range l.Persons {
		if p.ID == id {
			return p
		}
	}
	return view.OfficePerson{}
}

func (l *officeLists) personName(id string) string { return l.person(id).Name }

// assignee reads the value of a picker: "unit", "unit/person" or "/person".
func (l *officeLists) assignee(value string) (schemas.Assignee, bool) {
	unit, person, _ := strings.Cut(value, "/")
	if unit == "" && person == "" || unit != "" && !slices.ContainsFunc(l.Units, func(u view.OfficeUnit) bool { return u.ID == unit }) ||
		person != "" && l.person(person).ID == "" {
		return schemas.Assignee{}, false
	}
	return schemas.Assignee{Unit: unit, Person: person}, true
}

// roles of a person today, each once.
func (l *officeLists) roles(id string) []string {
	var out []string
	for _, d := range l.person(id).Duties {
		if !slices.Contains(out, d.Role) {
			out = append(out, d.Role)
		}
	}
	return out
}

// officeCache remembers the office of an agency for some seconds: pickers and navigation ask it on every page. Rights are judged by the
// record at each act; here only what is offered may lag.
type officeCache struct {
	views OfficeViews
	mu    sync.Mutex
	kept  map[string]keptOffice
}

type keptOffice struct {
	lists *officeLists
	until time.Time
}

const officeLife = 5 * time.Second

func newOfficeCache(v OfficeViews) *officeCache {
	return &officeCache{views: v, kept: map[string]keptOffice{}}
}

func (c *officeCache) of(ctx context.Context, org string, now time.Time) (*officeLists, error) {
	c.mu.Lock()
	k, ok := c.kept[org]
	c.mu.Unlock()
	if ok && now.Before(k.until) {
		return k.lists, nil
	}
	o, err := c.views.Office(ctx, org)
	if err != nil {
		return nil, err
	}
	l := newOfficeLists(o)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept[org] = keptOffice{l, now.Add(officeLife)}
	return l, nil
}

// forget makes the next page ask anew.
func (c *officeCache) forget(org string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.kept, org)
}

// officeOf is the office of the visitor's agency, once per visit.
func (p *Portal) officeOf(v *visit) (*officeLists, error) {
	if v.office != nil {
		return v.office, nil
	}
	l, err := p.offices.of(v.ctx(), v.account.Org, p.cfg.Node.Now())
	if err != nil {
		return nil, err
	}
	v.office = l
	return l, nil
}

// workdays counts the working days of an agency, in +07:00.
type workdays struct{ off, on map[string]bool }

func newWorkdays(holidays, working []string) workdays {
	w := workdays{map[string]bool{}, map[string]bool{}}
	for _, d := range holidays {
		w.off[d] = true
	}
	for _, d := range working {
		w.on[d] = true
	}
	return w
}

func (w workdays) counts(day time.Time) bool {
	iso := day.Format(time.DateOnly)
	if w.on[iso] {
		return true
	}
	return day.Weekday() != time.Saturday && day.Weekday() != time.Sunday && !w.off[iso]
}

// Add is the n-th working day after that of t. A calendar without any working day ends the search after two years.
func (w workdays) Add(t time.Time, n int) time.Time {
	d := t.In(vietnamTime)
	for tries := 0; n > 0 && tries < 1200; tries++ {
		if d = d.AddDate(0, 0, 1); w.counts(d) {
			n--
		}
	}
	return d
}

// duePreset is a deadline that can be chosen with one touch.
type duePreset struct {
	Days int
	Day  time.Time
}

// duePresets are the usual ones.
func (l *officeLists) duePresets(now time.Time) []duePreset {
	var out []duePreset
	for _, n := range []int{1, 3, 5, 10, 15} {
		out = append(out, duePreset{n, l.Days.Add(now, n)})
	}
	return out
}
