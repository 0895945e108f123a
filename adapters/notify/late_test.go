package notify

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/tram-exchange/tram/internal/notice"
	"github.com/tram-exchange/tram/internal/view"
)

// item of work that is late for so many working days (below zero: due in so many) with somebody.
func item(id string, late int, unit, person string) view.WorkItem {
	return view.WorkItem{Target: view.Target{Kind: "incoming", ID: id}, What: view.WorkHandle, Due: view.Deadline{Day: "2026-11-30", Left: -late, Late: late > 0},
		To: view.Assignee{Unit: view.UnitRef{ID: unit}, Person: view.PersonRef{ID: person}}}
}

func TestDeadlinesOnceAWorkingDay(t *testing.T) {
	f := newFixture(t)
	f.account("lan", notice.AtOnce)
	f.views.put("lan", view.BoxMine, item("a", 1, "", "lan"), item("b", 4, "", "lan"), item("c", 0, "", "lan"), item("d", -1, "", "lan"), item("e", -2, "", "lan"),
		view.WorkItem{Target: view.Target{ID: "no deadline"}})
	f.clock.set(time.Date(2026, 12, 1, 7, 29, 0, 0, vietnam))
	if list := f.step(); len(list) > 0 {
		t.Errorf("before the time of day: %+v", list)
	}
	f.clock.pass(time.Minute)
	list := f.step()
	if got := f.counts(list); !maps.Equal(got, map[notice.Kind]int{notice.Late: 2, notice.Due: 2}) {
		t.Errorf("told %v", got)
	}
	if list[0].message.Link != "https://tram.example/portal/?box=late" {
		t.Errorf("leads to %s", list[0].message.Link)
	}
	f.clock.pass(10 * time.Hour)
	if list := f.step(); len(list) > 0 {
		t.Errorf("twice a day: %+v", list)
	}
	var days []string
	for day := range 7 { // Wednesday is a holiday, Saturday is worked on
		f.clock.set(time.Date(2026, 12, 2+day, 9, 0, 0, 0, vietnam))
		if len(f.step()) > 0 {
			days = append(days, notice.Day(f.clock.now()))
		}
	}
	if want := []string{"2026-12-03", "2026-12-04", "2026-12-05", "2026-12-07", "2026-12-08"}; !slices.Equal(days, want) {
		t.Errorf("told on %v, want %v", days, want)
	}
	// Who has nothing due is told nothing, and the views are not asked again that day.
	f.views.work["lan"][view.BoxMine] = nil
	f.clock.set(time.Date(2026, 12, 9, 9, 0, 0, 0, vietnam))
	if list := f.step(); len(list) > 0 || f.way("lan").Day != "2026-12-09" {
		t.Errorf("told %+v; day %s", list, f.way("lan").Day)
	}
}

func TestOnceADay(t *testing.T) {
	f := newFixture(t)
	f.account("lan", notice.Daily) // at eight
	f.views.note("lan", 10, view.WorkHandle)
	f.views.put("lan", view.BoxMine, item("a", 1, "", "lan"))
	f.clock.set(time.Date(2026, 12, 1, 7, 59, 0, 0, vietnam))
	before := f.views.asked
	if list := f.step(); len(list) > 0 || f.views.asked != before {
		t.Errorf("before eight: %+v, and %d questions", list, f.views.asked-before)
	}
	f.clock.pass(time.Minute)
	if got := f.counts(f.step()); !maps.Equal(got, map[notice.Kind]int{notice.Late: 1, notice.Work: 1}) {
		t.Errorf("told %v", got)
	}
	f.views.note("lan", 11, view.WorkHandle)
	f.clock.pass(10 * time.Hour)
	if list := f.step(); len(list) > 0 {
		t.Errorf("twice a day: %+v", list)
	}
	f.clock.set(time.Date(2026, 12, 2, 9, 0, 0, 0, vietnam))
	if list := f.step(); len(list) > 0 {
		t.Errorf("on a holiday: %+v", list)
	}
	f.clock.set(time.Date(2026, 12, 3, 9, 0, 0, 0, vietnam))
	if got := f.counts(f.step()); got[notice.Work] != 1 {
		t.Errorf("told %v", got)
	}
	// Who wants no deadlines is told of what happened all the same.
	f.choose("lan", notice.Daily, notice.Work)
	f.views.note("lan", 12, view.WorkHandle)
	f.clock.set(time.Date(2026, 12, 4, 9, 0, 0, 0, vietnam))
	if got := f.counts(f.step()); !maps.Equal(got, map[notice.Kind]int{notice.Work: 1}) {
		t.Errorf("told %v", got)
	}
}

// Who is told of what is late with others: the head of the unit first, later the leader, and nobody else.
func TestEscalation(t *testing.T) {
	all := []view.WorkItem{ // what a leader sees late; the others see less, but never more
		item("2 days, unit to", 2, "to", "lan"), item("3 days, unit to", 3, "to", "lan"), item("6 days, unit to", 6, "to", "lan"),
		item("3 days, person", 3, "", "lan"), item("6 days, clerks", 6, "", ""), item("3 days, clerks", 3, "", ""),
		item("3 days, unit khac", 3, "khac", ""), item("6 days, head himself", 6, "phong", "binh"),
	}
	for _, c := range []struct {
		name, person string
		own          []view.WorkItem
		rule         notice.Escalation
		change       func(*view.Office)
		late, above  int
	}{
		{name: "specialist", person: "lan", own: all[:4], rule: notice.Escalation{Head: 2, Leader: 5}, late: 4},
		{name: "head of the unit above", person: "binh", own: all[7:], rule: notice.Escalation{Head: 2, Leader: 5}, late: 1, above: 3},
		{name: "head of another unit", person: "ha", rule: notice.Escalation{Head: 2, Leader: 5}, above: 1},
		{name: "leader", person: "duc", rule: notice.Escalation{Head: 2, Leader: 5}, above: 3},
		{name: "leader whose own work is late", person: "duc", own: all[4:5], rule: notice.Escalation{Head: 2, Leader: 5}, late: 1, above: 2},
		{name: "clerk", person: "mai", rule: notice.Escalation{Head: 2, Leader: 5}},
		{name: "no rule", person: "duc"},
		{name: "no rule for leaders", person: "duc", rule: notice.Escalation{Head: 2}},
		{name: "no rule for heads", person: "binh", rule: notice.Escalation{Leader: 5}},
		{name: "the unit has a head of its own", person: "binh", own: all[7:], rule: notice.Escalation{Head: 2, Leader: 5}, late: 1,
			change: func(o *view.Office) { o.Persons[3].Duties[0].Unit = "to" }},
		{name: "the head is gone", person: "binh", rule: notice.Escalation{Head: 2, Leader: 5}, change: func(o *view.Office) { o.Persons[1].Duties = nil }},
		{name: "who stands in for the head", person: "mai", rule: notice.Escalation{Head: 2, Leader: 5}, above: 4, // one lies with the head, who is away
			change: func(o *view.Office) {
				o.Delegations = []view.Delegation{{From: view.PersonRef{ID: "binh"}, To: view.PersonRef{ID: "mai"}, InForce: true, Roles: []string{"head"}}}
			}},
		{name: "who stands in for the head in other matters", person: "mai", rule: notice.Escalation{Head: 2, Leader: 5},
			change: func(o *view.Office) {
				o.Delegations = []view.Delegation{{From: view.PersonRef{ID: "binh"}, To: view.PersonRef{ID: "mai"}, InForce: true, Roles: []string{"specialist"}},
					{From: view.PersonRef{ID: "duc"}, To: view.PersonRef{ID: "mai"}}}
			}},
	} {
		f := newFixture(t)
		f.o.Escalate = c.rule
		f.restart()
		if c.change != nil {
			c.change(&f.views.office)
		}
		f.account(c.person, notice.AtOnce, notice.Deadlines...)
		f.views.put(c.person, view.BoxMine, c.own...)
		f.views.put(c.person, view.BoxLate, all...)
		want := map[notice.Kind]int{}
		if c.late > 0 {
			want[notice.Late] = c.late
		}
		if c.above > 0 {
			want[notice.Above] = c.above
		}
		list := f.step()
		if len(want) == 0 {
			if len(list) > 0 {
				t.Errorf("%s: told %+v", c.name, list)
			}
			continue
		}
		if got := f.counts(list); !maps.Equal(got, want) {
			t.Errorf("%s: told %v, want %v", c.name, got, want)
		}
	}
}

func TestWorkingDays(t *testing.T) {
	o := newFakeViews().office
	for day, want := range map[string]bool{"2026-12-01": true, "2026-12-02": false, "2026-12-05": true, "2026-12-06": false, "2026-12-12": false, "no day": false} {
		if got := isWorking(&o, day); got != want {
			t.Errorf("%s: working %v, want %v", day, got, want)
		}
	}
}

// A repeat on the next day tells that day's deadlines under the id of the day that they were begun for.
func TestDeadlinesKeepTheirId(t *testing.T) {
	f := newFixture(t)
	f.account("lan", notice.AtOnce)
	f.views.put("lan", view.BoxMine, item("a", 1, "", "lan"))
	f.hook.outcome = func(notice.Way, Message) (bool, error) {
		return true, &Failure{Trouble: notice.Answered, Err: fmt.Errorf("lost the answer")}
	}
	first := f.step()
	f.hook.outcome = nil
	f.clock.set(time.Date(2026, 12, 3, 9, 0, 0, 0, vietnam))
	second := f.step()
	if len(first) != 1 || len(second) != 1 || first[0].message.ID != second[0].message.ID {
		t.Fatalf("first %+v, then %+v", first, second)
	}
	f.clock.pass(time.Hour)
	if third := f.step(); len(third) != 1 || third[0].message.ID == first[0].message.ID {
		t.Errorf("the deadlines of the next working day: %+v", third)
	}
}
