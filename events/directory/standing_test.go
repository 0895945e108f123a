package directory

import (
	"strings"
	"testing"
	"time"
)

func someOffice() *Office {
	t0 := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return &Office{
		Org:   "H02.05",
		Units: []Unit{{ID: "phong-a"}, {ID: "to-a1", Parent: "phong-a"}, {ID: "van-phong"}},
		Persons: []Person{
			{ID: "nv-1", Duties: []Duty{{Role: RoleLeader}, {Role: RoleAdministrator}}},
			{ID: "nv-2", Duties: []Duty{{Role: RoleHead, Unit: "phong-a"}, {Role: RoleClerk, Unit: "van-phong", From: t0, Until: t0.AddDate(0, 1, 0)}}},
			{ID: "nv-3", Duties: []Duty{{Role: RoleSpecialist, Unit: "to-a1"}}},
			{ID: "nv-4", Duties: []Duty{{Role: RoleSpecialist, Unit: "phong-a"}}, Gone: true},
		},
		Delegations: []Delegation{
			{ID: "d-1", From: "nv-1", To: "nv-2", Start: t0, End: t0.AddDate(0, 0, 10)},
			{ID: "d-2", From: "nv-2", To: "nv-3", Roles: []Role{RoleHead}, Start: t0, End: t0.AddDate(0, 0, 10), Withdrawn: t0.AddDate(0, 0, 5)},
			{ID: "d-3", From: "nv-4", To: "nv-3", Start: t0, End: t0.AddDate(0, 0, 10)},
		},
		Registers: []Register{{ID: "chung"}, {ID: "don-thu", Types: []string{"đơn thư"}}, {ID: "cu", Types: []string{"giấy mời"}, Closed: true}},
		Series: []Series{
			{ID: "sao", Copies: true, Notation: "{type}-UBND"}, {ID: "vb", Notation: "{type}-UBND"},
			{ID: "qd", Types: []string{"quyết định"}, Notation: "{type}-UBND"},
		},
		Chains: []Chain{{ID: "qd", Types: []string{"quyết định"}}},
	}
}

func TestPersonStanding(t *testing.T) {
	o := someOffice()
	t0 := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	day := func(n int) time.Time { return t0.AddDate(0, 0, n) }
	for _, test := range []struct {
		name, person, inPlaceOf string
		at                      time.Time
		want                    bool
		has                     map[Role]bool
	}{
		{"own", "nv-2", "", day(0), true, map[Role]bool{RoleHead: true, RoleClerk: true, RoleLeader: false}},
		{"a duty has ended", "nv-2", "", day(31), true, map[Role]bool{RoleHead: true, RoleClerk: false}},
		{"a duty has not begun", "nv-2", "", day(0).Add(-1), true, map[Role]bool{RoleClerk: false}},
		{"nobody", "nv-9", "", day(0), false, nil},
		{"left", "nv-4", "", day(0), false, nil},
		{"delegated", "nv-2", "nv-1", day(0), true, map[Role]bool{RoleLeader: true, RoleHead: false, RoleAdministrator: false}},
		{"not delegated yet", "nv-2", "nv-1", day(0).Add(-1), false, nil},
		{"not delegated any more", "nv-2", "nv-1", day(10), false, nil},
		{"the other way round", "nv-1", "nv-2", day(0), false, nil},
		{"some roles", "nv-3", "nv-2", day(4), true, map[Role]bool{RoleHead: true, RoleClerk: false, RoleLeader: false}},
		{"withdrawn", "nv-3", "nv-2", day(5), false, nil},
		{"not on from who it was delegated to", "nv-3", "nv-1", day(4), false, nil},
		{"from one who left", "nv-3", "nv-4", day(4), false, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, ok := o.Standing(test.person, test.inPlaceOf, test.at)
			if ok != test.want {
				t.Fatalf("Standing = %v, %v, want %v", s, ok, test.want)
			}
			for role, want := range test.has {
				if s.Has(role) != want {
					t.Errorf("Has(%s) = %v, want %v", role, !want, want)
				}
			}
			if ok && (s.Person != test.person || s.For != test.inPlaceOf) {
				t.Errorf("standing of %q for %q", s.Person, s.For)
			}
		})
	}
}

func TestStandingUnits(t *testing.T) {
	o := someOffice()
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	head, _ := o.Standing("nv-2", "", at)
	specialist, _ := o.Standing("nv-3", "", at)
	leader, _ := o.Standing("nv-1", "", at)
	byHand := Standing{Person: "x", Duties: []Duty{{Role: RoleHead, Unit: "phong-a"}}}
	for name, test := range map[string]struct{ got, want bool }{
		"head for the unit":                     {head.HasFor(RoleHead, "phong-a"), true},
		"head for a part of it":                 {head.HasFor(RoleHead, "to-a1"), true},
		"head for another":                      {head.HasFor(RoleHead, "van-phong"), false},
		"head for the agency":                   {head.HasFor(RoleHead, ""), false},
		"leader for every unit":                 {leader.HasFor(RoleLeader, "to-a1"), true},
		"leader for one unknown":                {leader.HasFor(RoleLeader, "x"), true},
		"leader is no head":                     {leader.HasFor(RoleHead, "to-a1"), false},
		"in the own unit":                       {specialist.InUnit("to-a1"), true},
		"in what it is part of":                 {specialist.InUnit("phong-a"), true},
		"not in another":                        {specialist.InUnit("van-phong"), false},
		"not in a part of it":                   {head.InUnit("to-a1"), false},
		"a leader is in no unit":                {leader.InUnit("phong-a"), false},
		"nobody is in none":                     {specialist.InUnit(""), false},
		"made by hand":                          {byHand.HasFor(RoleHead, "phong-a"), true},
		"made by hand: knows no parts of units": {byHand.HasFor(RoleHead, "to-a1"), false},
	} {
		if test.got != test.want {
			t.Errorf("%s: %v", name, test.got)
		}
	}
}

func TestDefaults(t *testing.T) {
	o := someOffice()
	r, _ := o.RegisterFor("Đơn thư")
	r2, _ := o.RegisterFor("giấy mời")
	s, _ := o.SeriesFor("Quyết định")
	s2, _ := o.SeriesFor("công văn")
	c, _ := o.SeriesForCopies()
	if r.ID != "don-thu" || r2.ID != "chung" || s.ID != "qd" || s2.ID != "vb" || c.ID != "sao" {
		t.Errorf("registers %s, %s, series %s, %s, copies %s", r.ID, r2.ID, s.ID, s2.ID, c.ID)
	}
	if _, ok := o.ChainFor("công văn"); ok {
		t.Error("a chain for what none is for")
	}
	for _, test := range []struct{ notation, kind, unit, want string }{
		{"{type}-UBND", "QĐ", "VX", "QĐ-UBND"},
		{"{type}-UBND", "", "VX", "UBND"},
		{"{type}-SNV", "TTr", "", "TTr-SNV"},
		{"UBND-{unit}", "", "VX", "UBND-VX"},
		{"UBND-{unit}", "", "", "UBND"},
		{"{year}/{type}-UBND", "QĐ", "", "2026/QĐ-UBND"},
		{"{type}/SNV-{unit}", "", "TCCC", "SNV-TCCC"},
	} {
		o := &Office{Units: []Unit{{ID: "phong-tccc", Short: "TCCC"}, {ID: "phong-vx", Short: "VX"}}}
		if got := o.Notation(Series{Notation: test.notation}, test.kind, "phong-"+strings.ToLower(test.unit), 2026); got != test.want {
			t.Errorf("%s of %q, %q = %q, want %q", test.notation, test.kind, test.unit, got, test.want)
		}
		if got := (Series{Notation: test.notation}).DocumentNotation(test.kind, test.unit, 2026); got != test.want {
			t.Errorf("%s of %q, %q = %q, want %q", test.notation, test.kind, test.unit, got, test.want)
		}
	}
}
