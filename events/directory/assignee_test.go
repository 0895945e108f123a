package directory

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// atWork is an office: units a, of which a1 is part, b, and c, which is closed.
func atWork() (*Office, time.Time) {
	at := time.Date(2026, 12, 1, 2, 0, 0, 0, time.UTC)
	who := func(id string, duties ...Duty) Person { return Person{ID: id, Duties: duties} }
	return &Office{
		Units: []Unit{{ID: "a"}, {ID: "a1", Parent: "a"}, {ID: "b"}, {ID: "c", Closed: true}},
		Persons: []Person{
			who("auditor", Duty{Role: RoleAuditor}),
			who("both", Duty{Role: RoleClerk}, Duty{Role: RoleSpecialist, Unit: "a"}),
			who("clerk", Duty{Role: RoleClerk, Unit: "b"}),
			{ID: "gone", Gone: true, Duties: []Duty{{Role: RoleHead, Unit: "a"}}},
			who("head", Duty{Role: RoleHead, Unit: "a"}),
			who("late", Duty{Role: RoleSpecialist, Unit: "a", Until: at}),
			who("leader", Duty{Role: RoleLeader}),
			who("sub", Duty{Role: RoleSpecialist, Unit: "a1"}),
			who("two", Duty{Role: RoleHead, Unit: "b"}, Duty{Role: RoleSpecialist, Unit: "a1"}),
		},
		Delegations: []Delegation{{ID: "1", From: "both", To: "sub", Roles: []Role{RoleClerk}, Start: at.AddDate(0, 0, -1), End: at.AddDate(0, 0, 1)}},
	}, at
}

func parse(s string) Assignee {
	unit, person, _ := strings.Cut(s, "/")
	return Assignee{Unit: unit, Person: person}
}

func TestAssignable(t *testing.T) {
	o, at := atWork()
	for _, x := range []struct {
		of, is string
		fault  Fault
	}{
		{"", "", FaultNobody}, {"a", "a", ""}, {"c", "c", FaultUnit}, {"x", "x", FaultUnit}, {"c/both", "c/both", FaultUnit},
		{"/both", "a/both", ""}, {"a/both", "a/both", ""}, {"b/both", "b/both", FaultApart}, {"a/sub", "a/sub", ""}, {"a1/both", "a1/both", FaultApart},
		{"/leader", "/leader", ""}, {"a/leader", "a/leader", FaultApart}, {"/two", "a1/two", ""}, {"b/two", "b/two", ""},
		{"/clerk", "/clerk", FaultPerson}, {"/auditor", "/auditor", FaultPerson}, {"/gone", "/gone", FaultPerson}, {"/late", "/late", FaultPerson}, {"/x", "/x", FaultPerson},
	} {
		got, fault := o.Assignable(parse(x.of), at)
		if got != parse(x.is) || fault != x.fault {
			t.Errorf("%q: %v %q, expected %q %q", x.of, got, fault, x.is, x.fault)
		}
	}
}

func TestTakes(t *testing.T) {
	o, at := atWork()
	for who, takes := range map[string]string{
		"both": "a /both a/both", "head": "a a1 a/both a1/sub a/head", "sub": "a a1 /sub a1/sub", "two": "a a1 b b/two b/clerk", "leader": "/leader",
		"clerk": "", "auditor": "", "sub/both": "",
	} {
		person, other, _ := strings.Cut(who, "/")
		s, ok := o.Standing(person, other, at)
		if !ok {
			t.Fatal(who)
		}
		var got []string
		for _, a := range []string{"a", "a1", "b", "/both", "a/both", "a/head", "/sub", "a1/sub", "b/two", "b/clerk", "/leader", "/clerk", "/auditor"} {
			if s.Takes(parse(a)) {
				got = append(got, a)
			}
		}
		want := strings.Fields(takes)
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("%s does not take %s", who, w)
			}
		}
		for _, g := range got {
			if !slices.Contains(want, g) {
				t.Errorf("%s takes %s", who, g)
			}
		}
	}
}

func TestNames(t *testing.T) {
	o, at := atWork()
	own, _ := o.Standing("sub", "", at)
	place, _ := o.Standing("sub", "both", at)
	if own.Name() != "sub" || place.Name() != "both" || !own.Is("sub") || own.Is("both") || place.Is("sub") || !place.Is("both") || own.Is("") {
		t.Error("who acts in whose name is mixed up")
	}
	if own.MainUnit() != "a1" || place.MainUnit() != "" || !own.Handles() || place.Handles() {
		t.Errorf("main units %q and %q", own.MainUnit(), place.MainUnit())
	}
	for a, want := range map[Assignee]string{{}: "", {Unit: "a"}: "a", {Person: "p"}: "p", {Unit: "a", Person: "p"}: "a/p"} {
		if a.String() != want || a.IsZero() != (want == "") {
			t.Errorf("%q", a.String())
		}
	}
}
