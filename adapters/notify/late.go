package notify

import (
	"context"
	"slices"

	"github.com/tram-exchange/tram/internal/notice"
	"github.com/tram-exchange/tram/internal/view"
)

// Being late is no event: nothing happens at midnight. So on every working day each person's lists of work are read as the person, and
//
//	late    is what is past its deadline and lies with the person, or with a unit whose work the person does
//	due     is what is due today or on the next working day
//	above   is what has been late for more than Escalation.Head working days with others in a unit that the person heads, or for more than
//	        Escalation.Leader with anybody in the agency that the person leads
//
// The head of a unit is who has that duty for the unit itself; where nobody has, for the nearest unit that it is part of. Whoever stands in
// for a head or leader is told in that place, too.

const (
	workPage = 200
	workMost = 1000 // of a list are read: who has more is told that number
)

// workKey tells items of work apart.
type workKey struct {
	target view.Target
	what   string
	to     view.Assignee
}

func keyOf(w *view.WorkItem) workKey { return workKey{w.Target, w.What, w.To} }

// deadlines counts them for a person.
func (l *looker) deadlines(ctx context.Context, s view.Staff, w notice.Way, counts map[notice.Kind]int) error {
	own := map[workKey]bool{}
	err := l.eachWork(ctx, s, view.BoxMine, func(item *view.WorkItem) {
		own[keyOf(item)] = true
		switch {
		case item.Due.Day == "":
		case item.Due.Late && w.Wants(notice.Late):
			counts[notice.Late]++
		case !item.Due.Late && item.Due.Left <= 1 && w.Wants(notice.Due):
			counts[notice.Due]++
		}
	})
	if err != nil || !w.Wants(notice.Above) {
		return err
	}
	office, err := l.office(ctx, s.Org)
	if err != nil || office == nil {
		return err
	}
	heads, leads := inPlaceOf(office, s.Person, "head"), hasRole(office, inPlaceOf(office, s.Person, "leader"), "leader")
	if len(heads) == 0 && !leads {
		return nil
	}
	return l.eachWork(ctx, s, view.BoxLate, func(item *view.WorkItem) {
		if own[keyOf(item)] {
			return
		}
		to := l.o.Escalate.To(-item.Due.Left)
		if leads && to == "leader" || to != "" && l.o.Escalate.Head > 0 && headed(office, heads, item.To) {
			counts[notice.Above]++
		}
	})
}

// eachWork reads a list.
func (l *looker) eachWork(ctx context.Context, s view.Staff, box view.Box, f func(*view.WorkItem)) error {
	q := view.WorkQuery{Staff: s, Box: box, Limit: workPage}
	for read := 0; read < workMost; {
		page, err := l.o.Views.Work(ctx, q)
		if err != nil {
			return err
		}
		for i := range page.Rows {
			f(&page.Rows[i])
		}
		read += len(page.Rows)
		if q.Cursor = page.Next; q.Cursor == "" || len(page.Rows) == 0 {
			break
		}
	}
	return nil
}

// inPlaceOf are the persons whose duties of a role somebody has at the moment: the own ones, and by delegation.
func inPlaceOf(o *view.Office, person, role string) []string {
	var out []string
	add := func(id string) {
		if hasRole(o, []string{id}, role) && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	add(person)
	for i := range o.Delegations {
		d := &o.Delegations[i]
		if d.To.ID == person && d.InForce && (len(d.Roles) == 0 || slices.Contains(d.Roles, role)) {
			add(d.From.ID)
		}
	}
	return out
}

func hasRole(o *view.Office, persons []string, role string) bool {
	return slices.ContainsFunc(o.Persons, func(p view.OfficePerson) bool {
		return !p.Gone && slices.Contains(persons, p.ID) && slices.ContainsFunc(p.Duties, func(d view.OfficeDuty) bool { return d.Role == role })
	})
}

// headed says whether one of the persons heads those with whom work lies. Work that lies with no unit is nobody's to head.
func headed(o *view.Office, persons []string, to view.Assignee) bool {
	if to.Unit.ID != "" {
		return slices.ContainsFunc(headsOf(o, to.Unit.ID), func(h string) bool { return slices.Contains(persons, h) })
	}
	for i := range o.Persons {
		if o.Persons[i].ID != to.Person.ID {
			continue
		}
		for _, d := range o.Persons[i].Duties {
			if d.Unit != "" && slices.ContainsFunc(headsOf(o, d.Unit), func(h string) bool { return slices.Contains(persons, h) }) {
				return true
			}
		}
	}
	return false
}

// headsOf are the heads of a unit, or else of the nearest unit that it is part of.
func headsOf(o *view.Office, unit string) []string {
	for range len(o.Units) + 1 { // the directory lets no ring come up
		var heads []string
		for i := range o.Persons {
			p := &o.Persons[i]
			if !p.Gone && slices.ContainsFunc(p.Duties, func(d view.OfficeDuty) bool { return d.Role == "head" && d.Unit == unit }) {
				heads = append(heads, p.ID)
			}
		}
		if len(heads) > 0 || unit == "" {
			return heads
		}
		at := slices.IndexFunc(o.Units, func(u view.OfficeUnit) bool { return u.ID == unit })
		if at < 0 {
			return nil
		}
		unit = o.Units[at].Parent
	}
	return nil
}
