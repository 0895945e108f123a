package projections

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events/directory"
)

// TestAtHand: who is told of work is exactly who has it in a box by the directory's own word, whatever the office is like.
func TestAtHand(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 11, n, 1, 0, 0, 0, time.UTC) }
	told := 0
	rapid.Check(t, func(t *rapid.T) {
		units, persons := []string{"a", "a1", "b"}, []string{"p0", "p1", "p2", "p3"}
		roles := []directory.Role{directory.RoleClerk, directory.RoleHead, directory.RoleLeader, directory.RoleSpecialist, directory.RoleAdministrator}
		moment := func(label string) time.Time {
			if n := rapid.IntRange(-4, 10).Draw(t, label); n > 0 {
				return day(n)
			}
			return time.Time{}
		}
		unit := func(label string) string { return rapid.SampledFrom(append([]string{""}, units...)).Draw(t, label) }
		office := &directory.Office{Units: []directory.Unit{{ID: "a"}, {ID: "a1", Parent: "a"}, {ID: "b"}}}
		for _, id := range persons {
			p := directory.Person{ID: id, Gone: rapid.IntRange(0, 5).Draw(t, "gone") == 0}
			for range rapid.IntRange(0, 3).Draw(t, "duties") {
				p.Duties = append(p.Duties, directory.Duty{Role: rapid.SampledFrom(roles).Draw(t, "role"), Unit: unit("of"), From: moment("from"), Until: moment("until")})
			}
			office.Persons = append(office.Persons, p)
		}
		for i := range rapid.IntRange(0, 4).Draw(t, "delegations") {
			d := directory.Delegation{ID: fmt.Sprint("d", i), From: rapid.SampledFrom(persons).Draw(t, "by"), To: rapid.SampledFrom(persons).Draw(t, "to"),
				Start: moment("start"), End: moment("end"), Withdrawn: moment("withdrawn")}
			if rapid.Bool().Draw(t, "some") {
				d.Roles = rapid.SliceOfN(rapid.SampledFrom(roles), 1, 2).Draw(t, "roles")
			}
			office.Delegations = append(office.Delegations, d)
		}
		at := day(rapid.IntRange(1, 10).Draw(t, "day"))
		for class := range workRoles {
			for _, who := range append([]string{""}, units...) {
				told += sameAtHand(t, office, class, who, at)
			}
		}
		for _, who := range append([]string{"nobody"}, persons...) {
			told += sameAtHand(t, office, workPerson, who, at)
		}
	})
	if told < 100 {
		t.Errorf("only %d persons were told of anything", told)
	}
}

// sameAtHand compares with what Standing says of everybody, in the own name and in everybody's place.
func sameAtHand(t *rapid.T, office *directory.Office, class uint8, who string, at time.Time) int {
	var want []string
	for i := range office.Persons {
		person := office.Persons[i].ID
		for _, inPlaceOf := range append([]string{""}, personIDs(office)...) {
			owner := person
			if inPlaceOf != "" {
				owner = inPlaceOf
			}
			st, ok := office.Standing(person, inPlaceOf, at)
			if ok && (class == workPerson && owner == who && len(st.Duties) > 0 || class != workPerson && st.HasFor(workRoles[class], who)) {
				want = append(want, person)
				break
			}
		}
	}
	got := slices.Sorted(slices.Values(atHand(office, class, who, at)))
	if !slices.Equal(got, want) {
		t.Fatalf("work of class %d for %q at %v: %q are told, %q have it", class, who, at, got, want)
	}
	return len(got)
}

func personIDs(o *directory.Office) []string {
	var out []string
	for i := range o.Persons {
		out = append(out, o.Persons[i].ID)
	}
	return out
}
