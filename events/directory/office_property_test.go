package directory

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events"
)

var (
	unitPool   = []string{"phong-a", "to-a1", "van-phong", "cu", "u1", "u2"}
	personPool = []string{"leader", "head", "spec", "admin", "both", "left", "n1"}
	stepPool   = []Step{{Role: RoleHead, Unit: "author"}, {Role: RoleLeader}, {Role: RoleHead, Unit: "to-a1"}, {Role: RoleClerk}}
)

func drawOfficeOperation(t *rapid.T, day int) Operation {
	pick := func(pool []string, label string) string { return rapid.SampledFrom(pool).Draw(t, label) }
	org := pick([]string{"H02.05", "H02.05", "H02.05", "H02.05", "H02"}, "agency")
	moment := func(label string) time.Time {
		if n := rapid.IntRange(-1, 30).Draw(t, label); n >= 0 {
			return at(day - 5 + n)
		}
		return time.Time{}
	}
	unit := func(label string) string { return pick(append(unitPool, "", ""), label) }
	switch rapid.IntRange(0, 13).Draw(t, "operation") {
	case 0, 1, 2:
		return SetUnit{Agency: org, ID: pick(unitPool, "unit"), Name: "U", Parent: unit("parent")}
	case 3:
		return CloseUnit{org, pick(unitPool, "unit")}
	case 4, 5, 6, 7:
		op := SetPerson{Agency: org, ID: pick(personPool, "person"), Name: "P"}
		for range rapid.IntRange(0, 3).Draw(t, "duties") {
			d := Duty{Role: rapid.SampledFrom(roles).Draw(t, "role"), From: moment("from"), Until: moment("until")}
			switch d.Role {
			case RoleHead, RoleSpecialist:
				d.Unit = pick(unitPool, "of")
			case RoleClerk, RoleArchivist:
				d.Unit = unit("of")
			}
			op.Duties = append(op.Duties, d)
		}
		return op
	case 8:
		return RemovePerson{org, pick(personPool, "person")}
	case 9, 10:
		op := Delegate{Agency: org, ID: fmt.Sprint("d", rapid.IntRange(0, 40).Draw(t, "id")), From: pick(personPool, "from"),
			To: pick(personPool, "to"), Start: moment("start"), End: moment("end")}
		if rapid.Bool().Draw(t, "some") {
			op.Roles = rapid.SliceOfN(rapid.SampledFrom(roles), 1, 2).Draw(t, "roles")
		}
		return op
	case 11:
		return WithdrawDelegation{org, fmt.Sprint("d", rapid.IntRange(0, 40).Draw(t, "id"))}
	case 12:
		return SetChain{org, Chain{ID: "c", Name: "C", Steps: rapid.SliceOfN(rapid.SampledFrom(stepPool), 0, 3).Draw(t, "steps")}}
	}
	return SetCalendar{org, 2027, anyCalendar(t)}
}

// can is what a person may do, as the deciders ask: own or in another's place, a role for a unit, at a time.
type can struct {
	inPlaceOf string
	role      Role
	unit      string
	day       int
}

// everything that a person can do from a day on, for the units given.
func (o *Office) everything(person string, day int, units []string) map[can]bool {
	out := map[can]bool{}
	for d := day; d < day+40; d++ {
		for _, place := range append([]string{""}, personPool...) {
			s, ok := o.Standing(person, place, at(d))
			if !ok {
				continue
			}
			for _, role := range roles {
				for _, u := range units {
					if s.HasFor(role, u) {
						out[can{place, role, u, d}] = true
					}
				}
			}
		}
	}
	return out
}

func unitIDs(o *Office) []string {
	ids := []string{""}
	for _, u := range o.Units {
		ids = append(ids, u.ID)
	}
	return ids
}

// Rights are never widened by any sequence of changes. By every change signed in custody for a person, whatever came before: the
// person can do nothing more than before, in the own name or for others; and one who does not administer gives others nothing but
// what is his own, in his place. Besides: decisions repeat, can be folded and replayed, and units form no ring.
func TestRightsAreNeverWidened(t *testing.T) {
	start := agency(t)
	rapid.Check(t, func(rt *rapid.T) {
		s := start
		var history []events.Event
		for i := range rapid.IntRange(1, 25).Draw(rt, "changes") {
			day := 10 + i
			person := rapid.SampledFrom(append(personPool, "admin", "both", "both", "x")).Draw(rt, "by")
			c := by(fmt.Sprint("change ", i), person, day)
			if rapid.IntRange(0, 4).Draw(rt, "from without") == 0 {
				c.Signer = dig(rapid.SampledFrom([]string{"root", "seal 05"}).Draw(rt, "signer"))
			}
			for range rapid.IntRange(1, 3).Draw(rt, "operations") {
				c.Operations = append(c.Operations, drawOfficeOperation(rt, day))
			}
			d, err := Decide(s, c)
			again, err2 := Decide(s, c)
			if !reflect.DeepEqual(d, again) || !reflect.DeepEqual(err, err2) {
				rt.Fatalf("decisions differ: %+v, %v and %+v, %v", d, err, again, err2)
			}
			if r := (*Refusal)(nil); err != nil && !errors.As(err, &r) {
				rt.Fatalf("neither decision nor refusal: %v", err)
			}
			if err != nil {
				continue
			}
			next, recorded := record(t, s, d, c.At)
			history = append(history, recorded...)
			if c.Signer == dig("custody 05") {
				notWidened(rt, s, next, person, day, c.Operations)
			}
			s = next
			o, _ := s.Office("H02.05")
			for _, u := range o.Units {
				if u.Parent != "" && o.Within(u.Parent, u.ID) {
					rt.Fatalf("unit %s is part of itself", u.ID)
				}
				if u.Closed && o.needs(u.ID, c.At) != "" {
					rt.Fatalf("closed unit %s is needed by %s", u.ID, o.needs(u.ID, c.At))
				}
			}
		}
		replayed := start
		for _, e := range history {
			var err error
			if replayed, err = Fold(replayed, e); err != nil {
				rt.Fatal(err)
			}
		}
		if !reflect.DeepEqual(s, replayed) {
			rt.Fatal("replay gives another state")
		}
	})
}

func notWidened(t *rapid.T, before, after State, person string, day int, ops []Operation) {
	b, _ := before.Office("H02.05")
	a, _ := after.Office("H02.05")
	units := unitIDs(b)
	had := b.everything(person, day, units)
	for c := range a.everything(person, day, units) {
		if !had[c] {
			t.Fatalf("%s gave himself %+v by %+v", person, c, ops)
		}
	}
	if had[can{"", RoleAdministrator, "", day}] {
		return
	}
	for _, other := range personPool {
		if other == person {
			continue
		}
		otherHad := b.everything(other, day, units)
		for c := range a.everything(other, day, units) {
			if !otherHad[c] && (c.inPlaceOf != person || c.role == RoleAdministrator || !had[can{"", c.role, c.unit, c.day}]) {
				t.Fatalf("%s gave %s %+v by %+v", person, other, c, ops)
			}
		}
	}
}
