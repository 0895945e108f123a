package directory

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
)

// agency opens the office of H02.05 by the operator: a leader who administers, a head, two specialists, one more administrator.
func agency(t testing.TB) State {
	t.Helper()
	return mustChange(t, world(t), change("office", "root", 1,
		enrol(org("H02.05"), "custody 05", PurposeCustody),
		SetUnit{Agency: "H02.05", ID: "phong-a", Name: "Phòng A", Short: "A"},
		SetUnit{Agency: "H02.05", ID: "to-a1", Name: "Tổ A1", Parent: "phong-a"},
		SetUnit{Agency: "H02.05", ID: "van-phong", Name: "Văn phòng"},
		SetUnit{Agency: "H02.05", ID: "cu", Name: "Phòng cũ"},
		CloseUnit{"H02.05", "cu"},
		SetPerson{Agency: "H02.05", ID: "leader", Name: "Giám đốc", Position: "Giám đốc", Duties: []Duty{{Role: RoleLeader}}},
		SetPerson{Agency: "H02.05", ID: "head", Name: "Trưởng phòng", Duties: []Duty{{Role: RoleHead, Unit: "phong-a"}}},
		SetPerson{Agency: "H02.05", ID: "spec", Name: "Chuyên viên", Duties: []Duty{{Role: RoleSpecialist, Unit: "to-a1"}, {Role: RoleClerk, Until: at(100)}}},
		SetPerson{Agency: "H02.05", ID: "admin", Name: "Quản trị", Duties: []Duty{{Role: RoleAdministrator}}},
		SetPerson{Agency: "H02.05", ID: "both", Name: "Quản trị, chuyên viên", Duties: []Duty{{Role: RoleAdministrator}, {Role: RoleHead, Unit: "van-phong"}}},
		SetPerson{Agency: "H02.05", ID: "left", Name: "Đã nghỉ", Duties: []Duty{{Role: RoleAdministrator}, {Role: RoleHead, Unit: "phong-a"}}},
		Delegate{Agency: "H02.05", ID: "d-left", From: "left", To: "both", End: at(300)},
		RemovePerson{"H02.05", "left"},
		Delegate{Agency: "H02.05", ID: "d-1", From: "leader", To: "head", End: at(50)},
		Delegate{Agency: "H02.05", ID: "d-spec", From: "spec", To: "both", End: at(300)},
		Delegate{Agency: "H02.05", ID: "d-out", From: "head", To: "spec", End: at(50)},
		WithdrawDelegation{"H02.05", "d-out"},
		SetRetention{"H02.05", Retention{ID: "vinh-vien", Name: "Vĩnh viễn"}},
		SetRetention{"H02.05", Retention{ID: "10-nam", Name: "10 năm", Years: 10}},
		SetFilePlan{"H02.05", FilePlanEntry{Code: "01.TH", Title: "Tổng hợp", Retention: "10-nam", Unit: "van-phong"}},
		SetRegister{"H02.05", Register{ID: "chung", Name: "Sổ công văn đến"}},
		SetSeries{"H02.05", Series{ID: "vb", Name: "Văn bản đi", Notation: "{type}-STC"}},
		SetChain{"H02.05", Chain{ID: "chung", Name: "Trình ký", Steps: []Step{{Role: RoleHead, Unit: "author", Days: 1}, {Role: RoleLeader}}}},
		SetDeadlines{"H02.05", []DeadlineRule{{DueRegister, 0, 0}, {DueHandle, 2, 1}, {DueHandle, 0, 5}}},
		SetCalendar{"H02.05", 2026, Calendar{Holidays: []string{"2026-09-02", "2026-01-01"}}},
	))
}

// by is a change signed with the agency's key in custody for a person of its office.
func by(id, person string, days int, ops ...Operation) Change {
	c := change(id, "custody 05", days, ops...)
	c.Person = person
	return c
}

func TestOfficeIsFolded(t *testing.T) {
	s := agency(t)
	o, ok := s.Office("H02.05")
	if !ok {
		t.Fatal("no office")
	}
	if _, ok := s.Office("H02"); ok {
		t.Error("an agency that said nothing has an office")
	}
	var ids []string
	for _, u := range o.Units {
		ids = append(ids, u.ID)
	}
	if !slices.Equal(ids, []string{"cu", "phong-a", "to-a1", "van-phong"}) {
		t.Errorf("units %v", ids)
	}
	if u, _ := o.Unit("cu"); !u.Closed || u.Name != "Phòng cũ" {
		t.Errorf("closed unit is %+v", u)
	}
	if p, _ := o.Person("left"); !p.Gone || p.Duties != nil || p.Name == "" {
		t.Errorf("who left is %+v", p)
	}
	if d, _ := o.Delegation("d-left"); d.Withdrawn.IsZero() {
		t.Error("the delegation of one who left goes on")
	}
	if want := []DeadlineRule{{DueHandle, 0, 5}, {DueHandle, 2, 1}, {DueRegister, 0, 0}}; !reflect.DeepEqual(o.Deadlines, want) {
		t.Errorf("deadlines %v", o.Deadlines)
	}
	if o.Position == 0 || o.Position >= s.Basis() {
		t.Errorf("position %d, basis %d", o.Position, s.Basis())
	}
	// Set again: words left out stay, the rest is new, the place in the order stays, other years stay.
	next := mustChange(t, s, change("2", "root", 2,
		SetRegister{"H02.05", Register{ID: "don", Name: "Đơn thư", Types: []string{"đơn"}}},
		SetRegister{"H02.05", Register{ID: "chung", Closed: true}},
		SetPerson{Agency: "H02.05", ID: "leader", Position: "Quyền Giám đốc"},
		SetUnit{Agency: "H02.05", ID: "cu"},
		SetFilePlan{"H02.05", FilePlanEntry{Code: "01.TH", Retention: "vinh-vien"}},
		SetCalendar{"H02.05", 2027, Calendar{Holidays: []string{"2027-01-01"}}},
		SetCalendar{"H02.05", 2026, Calendar{Working: []string{"2026-08-22"}}},
	))
	n, _ := next.Office("H02.05")
	if n.Registers[0].ID != "chung" || n.Registers[0].Name != "Sổ công văn đến" || !n.Registers[0].Closed {
		t.Errorf("registers %+v", n.Registers)
	}
	if p, _ := n.Person("leader"); p.Name != "Giám đốc" || p.Position != "Quyền Giám đốc" || p.Duties != nil {
		t.Errorf("person %+v", p)
	}
	if u, _ := n.Unit("cu"); u.Closed {
		t.Error("a unit set again is closed")
	}
	if e, _ := n.FilePlanEntry("01.TH"); e != (FilePlanEntry{Code: "01.TH", Title: "Tổng hợp", Retention: "vinh-vien", LastChange: e.LastChange}) {
		t.Errorf("file plan %+v", e)
	}
	// What was set again says since when it stands; what was not, stands as of before.
	for what, at := range map[string][2]uint64{
		"register": {n.Registers[0].LastChange, 1}, "file plan": {n.FilePlan[0].LastChange, 1}, "calendar": {n.CalendarChange, 1},
		"another register": {n.Registers[1].LastChange, 1}, "deadlines": {n.DeadlinesChange, 0}, "series": {n.Series[0].LastChange, 0}, "chain": {n.Chains[0].LastChange, 0},
	} {
		if again := at[0] > o.Position; at[0] == 0 || again != (at[1] == 1) {
			t.Errorf("%s: latest change at %d, the first change ended at %d", what, at[0], o.Position)
		}
	}
	for _, p := range n.Persons {
		if (p.LastChange > o.Position) != (p.ID == "leader") || p.LastChange == 0 {
			t.Errorf("person %s: latest change at %d", p.ID, p.LastChange)
		}
	}
	for _, u := range n.Units {
		if (u.LastChange > o.Position) != (u.ID == "cu") || u.LastChange == 0 {
			t.Errorf("unit %s: latest change at %d", u.ID, u.LastChange)
		}
	}
	if !slices.Equal(n.Calendar.Holidays, []string{"2027-01-01"}) || !slices.Equal(n.Calendar.Working, []string{"2026-08-22"}) {
		t.Errorf("calendar %+v", n.Calendar)
	}
	// What others read has not changed.
	if o.Registers[0].Closed || len(o.Registers) != 1 || !slices.Equal(o.Calendar.Holidays, []string{"2026-01-01", "2026-09-02"}) {
		t.Error("the state before was changed")
	}
}

func TestOfficeRefusals(t *testing.T) {
	s := agency(t)
	role := func(r Role, unit string) Operation {
		return SetPerson{Agency: "H02.05", ID: "n", Name: "N", Duties: []Duty{{Role: r, Unit: unit}}}
	}
	chain := func(steps ...Step) Operation { return SetChain{"H02.05", Chain{ID: "c", Name: "C", Steps: steps}} }
	calendar := func(holidays, working string) Operation {
		c := Calendar{}
		if holidays != "" {
			c.Holidays = []string{holidays}
		}
		if working != "" {
			c.Working = []string{working}
		}
		return SetCalendar{"H02.05", 2026, c}
	}
	delegate := func(from, to string, roles ...Role) Operation {
		return Delegate{Agency: "H02.05", ID: "d-9", From: from, To: to, Roles: roles, End: at(90)}
	}
	for _, test := range []struct {
		name string
		op   Operation
		want Reason
	}{
		{"unknown agency", SetUnit{Agency: "H09", ID: "u", Name: "U"}, ReasonCodeUnknown},
		{"agency of another node", SetUnit{Agency: "G22", ID: "u", Name: "U"}, ReasonNotServed},
		{"unit without id", SetUnit{Agency: "H02.05", Name: "U"}, ReasonItemID},
		{"unit with a name for an id", SetUnit{Agency: "H02.05", ID: "Phòng A", Name: "U"}, ReasonItemID},
		{"unit with an id too long", SetUnit{Agency: "H02.05", ID: fmt.Sprintf("%065d", 0), Name: "U"}, ReasonItemID},
		{"unit called author", SetUnit{Agency: "H02.05", ID: "author", Name: "U"}, ReasonItemID},
		{"unit without a name", SetUnit{Agency: "H02.05", ID: "u"}, ReasonItemName},
		{"unit with a bad abbreviation", SetUnit{Agency: "H02.05", ID: "u", Name: "U", Short: "A/B"}, ReasonUnitShort},
		{"unit under an unknown one", SetUnit{Agency: "H02.05", ID: "u", Name: "U", Parent: "x"}, ReasonUnitUnknown},
		{"unit under a closed one", SetUnit{Agency: "H02.05", ID: "u", Name: "U", Parent: "cu"}, ReasonUnitClosed},
		{"unit under itself", SetUnit{Agency: "H02.05", ID: "phong-a", Parent: "phong-a"}, ReasonUnitCycle},
		{"ring of units", SetUnit{Agency: "H02.05", ID: "phong-a", Parent: "to-a1"}, ReasonUnitCycle},
		{"close no unit", CloseUnit{"H02.05", ""}, ReasonItemID},
		{"close an unknown unit", CloseUnit{"H02.05", "x"}, ReasonUnitUnknown},
		{"close twice", CloseUnit{"H02.05", "cu"}, ReasonUnitClosed},
		{"close with a part in it", CloseUnit{"H02.05", "phong-a"}, ReasonUnitInUse},
		{"close with somebody in it", CloseUnit{"H02.05", "to-a1"}, ReasonUnitInUse},
		{"person without a name", SetPerson{Agency: "H02.05", ID: "n"}, ReasonItemName},
		{"person with a name for an id", SetPerson{Agency: "H02.05", ID: "Nguyễn", Name: "N"}, ReasonItemID},
		{"unknown role", role("king", ""), ReasonRole},
		{"head of everything", role(RoleHead, ""), ReasonRoleUnit},
		{"specialist of everything", role(RoleSpecialist, ""), ReasonRoleUnit},
		{"leader of a unit", role(RoleLeader, "phong-a"), ReasonRoleUnit},
		{"administrator of a unit", role(RoleAdministrator, "phong-a"), ReasonRoleUnit},
		{"duty in an unknown unit", role(RoleHead, "x"), ReasonUnitUnknown},
		{"duty in a closed unit", role(RoleHead, "cu"), ReasonUnitClosed},
		{"duty upside down", SetPerson{Agency: "H02.05", ID: "n", Name: "N", Duties: []Duty{{Role: RoleLeader, From: at(9), Until: at(9)}}}, ReasonPeriod},
		{"too many duties", SetPerson{Agency: "H02.05", ID: "n", Name: "N", Duties: slices.Repeat([]Duty{{Role: RoleLeader}}, MaxDuties+1)}, ReasonOfficeLimit},
		{"unknown person leaves", RemovePerson{"H02.05", "x"}, ReasonPersonUnknown},
		{"leaves twice", RemovePerson{"H02.05", "left"}, ReasonPersonGone},
		{"delegation to oneself", delegate("leader", "leader"), ReasonDelegationSelf},
		{"delegation from nobody", delegate("x", "leader"), ReasonPersonUnknown},
		{"delegation to nobody", delegate("leader", "x"), ReasonPersonUnknown},
		{"delegation from one who left", delegate("left", "leader"), ReasonPersonGone},
		{"delegation to one who left", delegate("leader", "left"), ReasonPersonGone},
		{"delegation of what was delegated", delegate("head", "spec", RoleLeader), ReasonDelegationNotHeld},
		{"delegation of administering", delegate("both", "spec", RoleAdministrator), ReasonRole},
		{"delegation by who only administers", delegate("admin", "spec"), ReasonDelegationNotHeld},
		{"delegation of an unknown role", delegate("leader", "spec", "king"), ReasonRole},
		{"delegation of a duty that ends before", Delegate{Agency: "H02.05", ID: "d-9", From: "spec", To: "head", Roles: []Role{RoleClerk}, Start: at(100), End: at(200)}, ReasonDelegationNotHeld},
		{"delegation without end", Delegate{Agency: "H02.05", ID: "d-9", From: "leader", To: "spec"}, ReasonPeriod},
		{"delegation upside down", Delegate{Agency: "H02.05", ID: "d-9", From: "leader", To: "spec", Start: at(20), End: at(20)}, ReasonPeriod},
		{"delegation for the past", Delegate{Agency: "H02.05", ID: "d-9", From: "leader", To: "spec", Start: at(1), End: at(2)}, ReasonPeriod},
		{"delegation id used before", Delegate{Agency: "H02.05", ID: "d-out", From: "leader", To: "spec", End: at(90)}, ReasonDelegationTaken},
		{"delegation without id", Delegate{Agency: "H02.05", From: "leader", To: "spec", End: at(90)}, ReasonItemID},
		{"withdraw an unknown delegation", WithdrawDelegation{"H02.05", "x"}, ReasonDelegationUnknown},
		{"withdraw twice", WithdrawDelegation{"H02.05", "d-out"}, ReasonDelegationEnded},
		{"register without a name", SetRegister{"H02.05", Register{ID: "r"}}, ReasonItemName},
		{"register for nothing", SetRegister{"H02.05", Register{ID: "r", Name: "R", Types: []string{" "}}}, ReasonDocumentKinds},
		{"register for one kind twice", SetRegister{"H02.05", Register{ID: "r", Name: "R", Types: []string{"đơn", "ĐƠN"}}}, ReasonDocumentKinds},
		{"series without a notation", SetSeries{"H02.05", Series{ID: "s", Name: "S"}}, ReasonNotation},
		{"series of a placeholder alone", SetSeries{"H02.05", Series{ID: "s", Name: "S", Notation: "{type}"}}, ReasonNotation},
		{"series with an unknown placeholder", SetSeries{"H02.05", Series{ID: "s", Name: "S", Notation: "{kind}-STC"}}, ReasonNotation},
		{"series with markup", SetSeries{"H02.05", Series{ID: "s", Name: "S", Notation: "<b>STC"}}, ReasonNotation},
		{"series with a line end", SetSeries{"H02.05", Series{ID: "s", Name: "S", Notation: "STC\n"}}, ReasonNotation},
		{"chain without steps", chain(), ReasonChainSteps},
		{"chain too long", chain(slices.Repeat([]Step{{Role: RoleLeader}}, MaxSteps+1)...), ReasonChainSteps},
		{"chain with a step before it begins", chain(Step{Role: RoleLeader, Days: -1}), ReasonChainSteps},
		{"chain that ends with a clerk", chain(Step{Role: RoleLeader}, Step{Role: RoleClerk}), ReasonChainSigner},
		{"chain that ends with a specialist", chain(Step{Role: RoleSpecialist, Unit: "author"}), ReasonChainSigner},
		{"chain by an administrator", chain(Step{Role: RoleAdministrator}, Step{Role: RoleLeader}), ReasonRole},
		{"chain by an unknown role", chain(Step{Role: "king"}, Step{Role: RoleLeader}), ReasonRole},
		{"chain by the head of everything", chain(Step{Role: RoleHead}, Step{Role: RoleLeader}), ReasonRoleUnit},
		{"chain by an unknown unit", chain(Step{Role: RoleHead, Unit: "x"}, Step{Role: RoleLeader}), ReasonUnitUnknown},
		{"heading without a title", SetFilePlan{"H02.05", FilePlanEntry{Code: "02", Retention: "10-nam"}}, ReasonItemName},
		{"heading without a code", SetFilePlan{"H02.05", FilePlanEntry{Title: "T", Retention: "10-nam"}}, ReasonItemID},
		{"heading of an unknown retention", SetFilePlan{"H02.05", FilePlanEntry{Code: "02", Title: "T", Retention: "x"}}, ReasonRetentionUnknown},
		{"heading of an unknown unit", SetFilePlan{"H02.05", FilePlanEntry{Code: "02", Title: "T", Retention: "10-nam", Unit: "x"}}, ReasonUnitUnknown},
		{"heading of a closed unit", SetFilePlan{"H02.05", FilePlanEntry{Code: "02", Title: "T", Retention: "10-nam", Unit: "cu"}}, ReasonUnitClosed},
		{"retention of less than nothing", SetRetention{"H02.05", Retention{ID: "r", Name: "R", Years: -1}}, ReasonRetentionYears},
		{"deadline for nothing", SetDeadlines{"H02.05", []DeadlineRule{{"sleep", 0, 1}}}, ReasonDeadline},
		{"deadline twice", SetDeadlines{"H02.05", []DeadlineRule{{DueHandle, 0, 1}, {DueIssue, 0, 1}, {DueHandle, 0, 2}}}, ReasonDeadline},
		{"deadline of an urgency that is none", SetDeadlines{"H02.05", []DeadlineRule{{DueHandle, 5, 1}}}, ReasonDeadline},
		{"deadline in the past", SetDeadlines{"H02.05", []DeadlineRule{{DueHandle, 0, -1}}}, ReasonDeadline},
		{"calendar of no year", SetCalendar{"H02.05", 26, Calendar{}}, ReasonCalendarYear},
		{"no day", calendar("2026-02-29", ""), ReasonCalendarDay},
		{"day of another year", calendar("2027-01-01", ""), ReasonCalendarDay},
		{"day twice", SetCalendar{"H02.05", 2026, Calendar{Holidays: []string{"2026-01-01", "2026-01-02", "2026-01-01"}}}, ReasonCalendarDay},
		{"substitute day that is worked anyway", calendar("", "2026-01-02"), ReasonCalendarContradict},
		{"substitute day that is off", calendar("2026-01-10", "2026-01-10"), ReasonCalendarContradict},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := bad(decideErr(s, change("x", "root", 10, test.op)), 0); got != test.want {
				t.Errorf("got %q, expected %q", got, test.want)
			}
			// Whole or not at all: what is good beside it does not happen.
			good := SetUnit{Agency: "H02.05", ID: "good", Name: "Good"}
			if _, err := Decide(s, change("y", "root", 10, good, test.op)); err == nil {
				t.Error("accepted together with a good one")
			}
		})
	}
}

func decideErr(s State, c Change) error {
	_, err := Decide(s, c)
	return err
}

func TestOfficeLimits(t *testing.T) {
	s := world(t)
	units, persons := func(i int) Operation { return SetUnit{Agency: "H02.05", ID: fmt.Sprint("u", i), Name: "U"} },
		func(i int) Operation { return SetPerson{Agency: "H02.05", ID: fmt.Sprint("p", i), Name: "P"} }
	some := func(from, to int, op func(int) Operation) (ops []Operation) {
		for i := from; i < to; i++ {
			ops = append(ops, op(i))
		}
		return ops
	}
	if err := decideErr(s, change("x", "root", 1, some(0, MaxUnits+1, units)...)); bad(err, 0) != ReasonOfficeLimit || bad(err, 1) != "" {
		t.Errorf("units: %v", err)
	}
	if err := decideErr(s, change("x", "root", 1, some(0, MaxOfficeChange+1, persons)...)); bad(err, 0) != ReasonOfficeLimit || bad(err, 1) != "" {
		t.Errorf("operations at once: %v", err)
	}
	for n := 0; n < MaxPersons; n += MaxOfficeChange {
		s = mustChange(t, s, change(fmt.Sprint("persons ", n), "root", 1, some(n, n+MaxOfficeChange, persons)...))
	}
	if err := decideErr(s, change("x", "root", 1, persons(MaxPersons))); bad(err, 0) != ReasonOfficeLimit {
		t.Errorf("persons: %v", err)
	}
	if err := decideErr(s, change("x", "root", 1, persons(0))); err != nil {
		t.Errorf("a person there is: %v", err)
	}
}

// The events of the largest change fit into one write of a cluster.
func TestOfficeChangeFitsOneAppend(t *testing.T) {
	c := change("x", "root", 1)
	for i := range MaxOfficeChange {
		c.Operations = append(c.Operations, SetPerson{Agency: "H02.05", ID: fmt.Sprintf("%064d", i), Name: "P",
			Duties: []Duty{{Role: RoleArchivist, Until: at(900)}, {Role: RoleClerk, From: at(1), Until: at(900)}}})
	}
	d, err := Decide(world(t), c)
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	pos := uint64(1 << 40)
	for i, n := range d.Events {
		data, err := events.MarshalObject(n.Data)
		if err != nil {
			t.Fatal(err)
		}
		sum := dig("x")
		st := events.Statement{
			Origin: "tram.bacgiang.example/log", Stream: Stream, Version: pos + uint64(i), Name: n.Name, Time: at(1), Actor: "operator:center",
			Client: "token:operator-of-the-centre", Basis: events.Basis{Directory: pos, Policy: pos}, Package: &events.PackageRef{SHA256: sum, Length: 1 << 20},
			Evidence: &sum, Facts: &sum, Data: data,
		}
		b, err := st.Encode()
		if err != nil {
			t.Fatal(err)
		}
		size += len(b)
	}
	if most := 1<<20 - 64<<10; size > most {
		t.Errorf("%d bytes of statements, a cluster takes %d", size, most)
	}
}

func TestWhoMayChangeAnOffice(t *testing.T) {
	s := agency(t)
	unit := SetUnit{Agency: "H02.05", ID: "u", Name: "U"}
	for _, test := range []struct {
		name     string
		c        Change
		want     Reason // of the change
		wantBad  Reason // or of the first operation
		accepted Authority
	}{
		{"operator", change("x", "root", 10, unit), "", "", AuthorityAdministrator},
		{"the agency's own key", change("x", "seal 05", 10, unit), "", "", AuthorityAgency},
		{"the agency's own key, for anybody", Change{ID: "x", Content: dig("x"), At: at(10), Signer: dig("seal 05"), Person: "spec", Operations: []Operation{unit}}, "", "", AuthorityAgency},
		{"custody, for an administrator", by("x", "admin", 10, unit), "", "", AuthorityOffice},
		{"custody, for nobody", by("x", "", 10, unit), ReasonPersonNoRight, "", ""},
		{"custody, for somebody unknown", by("x", "x", 10, unit), ReasonPersonNoRight, "", ""},
		{"custody, for an administrator who left", by("x", "left", 10, unit), ReasonPersonNoRight, "", ""},
		{"custody, for a leader", by("x", "leader", 10, unit), "", ReasonPersonNoRight, ""},
		{"another agency", change("x", "seal 05", 10, SetUnit{Agency: "H02", ID: "u", Name: "U"}), "", ReasonNotAllowed, ""},
		{"another agency, by an administrator of this", by("x", "admin", 10, SetUnit{Agency: "H02", ID: "u", Name: "U"}), "", ReasonNotAllowed, ""},
		{"a peer", change("x", "vpcp signer", 10, unit), "", ReasonNotAllowed, ""},
		{"not an office's matter", by("x", "admin", 10, RemoveClient{"a"}), "", ReasonNotAllowed, ""},
		{"certificates are not an office's matter", by("x", "admin", 10, enrol(org("H02.05"), "x", PurposeSign)), "", ReasonNotAllowed, ""},
		{"its organisation neither", by("x", "admin", 10, ChangeOrganisation{Code: "H02.05", Name: "X"}), "", ReasonNotAllowed, ""},
		{"nor a new organisation", by("x", "admin", 10, AddOrganisation{Code: "H02.05.01", Name: "X"}), "", ReasonNotAllowed, ""},
		{"delegation of one's own", by("x", "leader", 10, Delegate{Agency: "H02.05", ID: "d-9", From: "leader", To: "spec", End: at(20)}), "", "", AuthorityOffice},
		{"delegation of another's", by("x", "head", 10, Delegate{Agency: "H02.05", ID: "d-9", From: "leader", To: "spec", End: at(20)}), "", ReasonPersonNoRight, ""},
		{"delegation of another's, by the administrator", by("x", "admin", 10, Delegate{Agency: "H02.05", ID: "d-9", From: "leader", To: "spec", End: at(20)}), "", "", AuthorityOffice},
		{"withdrawing one's own", by("x", "leader", 10, WithdrawDelegation{"H02.05", "d-1"}), "", "", AuthorityOffice},
		{"withdrawing what was given to one", by("x", "head", 10, WithdrawDelegation{"H02.05", "d-1"}), "", ReasonPersonNoRight, ""},
		{"a closed agency", change("x", "root", 10, CloseOrganisation{Code: "H02.05", From: at(5)}, unit), "", ReasonAlreadyClosed, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, err := Decide(s, test.c)
			switch {
			case test.accepted != "":
				if err != nil {
					t.Fatal(err)
				}
				first := d.Events[0].Data.(ChangeAccepted)
				if first.Authority != test.accepted || (first.Person != "") != (test.accepted == AuthorityOffice) {
					t.Errorf("accepted %+v", first)
				}
			case test.want != "" && reason(err) != test.want, test.wantBad != "" && bad(err, 0) != test.wantBad:
				t.Errorf("got %v, expected %s%s", err, test.want, test.wantBad)
			}
		})
	}
}

func TestNobodyOpensAnOfficeFromWithin(t *testing.T) {
	s := mustChange(t, world(t), change("2", "root", 1, enrol(org("H02.05"), "custody 05", PurposeCustody)))
	c := by("x", "admin", 2, SetPerson{Agency: "H02.05", ID: "admin", Name: "A", Duties: []Duty{{Role: RoleAdministrator}}})
	if got := reason(decideErr(s, c)); got != ReasonPersonNoRight {
		t.Errorf("got %s", got)
	}
	own := c
	own.Signer = dig("seal 05")
	if _, err := Decide(s, own); err != nil {
		t.Errorf("the agency's own key: %v", err)
	}
}

// An administrator of the office cannot widen what he may do himself, whichever way he tries.
func TestAdministratorWidensNothingOfHisOwn(t *testing.T) {
	s := agency(t)
	admin := Duty{Role: RoleAdministrator}
	head := Duty{Role: RoleHead, Unit: "van-phong"}
	both := func(d ...Duty) Operation { return SetPerson{Agency: "H02.05", ID: "both", Duties: d} }
	for _, test := range []struct {
		name   string
		person string
		ops    []Operation
		want   Reason
	}{
		{"makes himself leader", "admin", []Operation{SetPerson{Agency: "H02.05", ID: "admin", Duties: []Duty{admin, {Role: RoleLeader}}}}, ReasonOwnRights},
		{"makes himself auditor from later on", "admin", []Operation{SetPerson{Agency: "H02.05", ID: "admin", Duties: []Duty{admin, {Role: RoleAuditor, From: at(100)}}}}, ReasonOwnRights},
		{"moves himself to another unit", "both", []Operation{both(admin, Duty{Role: RoleHead, Unit: "phong-a"})}, ReasonOwnRights},
		{"has another delegate to him", "admin", []Operation{Delegate{Agency: "H02.05", ID: "d-9", From: "leader", To: "admin", End: at(20)}}, ReasonOwnRights},
		{"makes more of one who delegated to him", "both", []Operation{SetPerson{Agency: "H02.05", ID: "spec", Duties: []Duty{{Role: RoleLeader}}}}, ReasonOwnRights},
		{"moves a unit under his own", "both", []Operation{SetUnit{Agency: "H02.05", ID: "phong-a", Parent: "van-phong"}}, ReasonOwnRights},
		{"moves a unit under a new one under his own", "both", []Operation{
			SetUnit{Agency: "H02.05", ID: "n", Name: "N", Parent: "van-phong"}, SetUnit{Agency: "H02.05", ID: "phong-a", Parent: "n"}}, ReasonOwnRights},
		{"becomes head of a new unit", "both", []Operation{
			SetUnit{Agency: "H02.05", ID: "n", Name: "N"}, both(admin, head, Duty{Role: RoleHead, Unit: "n"})}, ReasonOwnRights},
		{"brings back one who left and had delegated to him", "both", []Operation{
			SetPerson{Agency: "H02.05", ID: "left", Duties: []Duty{{Role: RoleLeader}}}}, ""},
		{"stays what he is", "both", []Operation{both(head, admin)}, ""},
		{"becomes less", "both", []Operation{both(admin, Duty{Role: RoleHead, Unit: "van-phong", Until: at(60)})}, ""},
		{"leaves", "both", []Operation{RemovePerson{"H02.05", "both"}}, ""},
		{"begins a unit under his own", "both", []Operation{SetUnit{Agency: "H02.05", ID: "n", Name: "N", Parent: "van-phong"}}, ""},
		{"gives another more", "both", []Operation{SetPerson{Agency: "H02.05", ID: "head", Duties: []Duty{{Role: RoleLeader}, admin}}}, ""},
		{"moves others' units", "admin", []Operation{SetUnit{Agency: "H02.05", ID: "phong-a", Parent: "van-phong"}}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Decide(s, by("x", test.person, 10, test.ops...))
			if got := lastBad(err); got != test.want {
				t.Errorf("got %v, expected %q", err, test.want)
			}
			if _, err := Decide(s, change("y", "root", 10, test.ops...)); err != nil {
				t.Errorf("an operator may: %v", err)
			}
		})
	}
}

func lastBad(err error) Reason {
	r, ok := err.(*Refusal)
	if !ok {
		return ""
	}
	if len(r.Bad) == 0 {
		return r.Reason
	}
	return r.Bad[len(r.Bad)-1].Reason
}

func TestOfficeWordsAreFacts(t *testing.T) {
	const sentinel = "NGUYỄN VĂN A"
	s := agency(t)
	d, err := Decide(s, change("x", "root", 10,
		SetUnit{Agency: "H02.05", ID: "u", Name: sentinel},
		SetPerson{Agency: "H02.05", ID: "p", Name: sentinel, Position: sentinel},
		Delegate{Agency: "H02.05", ID: "d-9", From: "leader", To: "p", End: at(20), Reason: sentinel},
		SetRegister{"H02.05", Register{ID: "r", Name: sentinel}},
		SetSeries{"H02.05", Series{ID: "s", Name: sentinel, Notation: "X"}},
		SetChain{"H02.05", Chain{ID: "c", Name: sentinel, Steps: []Step{{Role: RoleLeader}}}},
		SetRetention{"H02.05", Retention{ID: "t", Name: sentinel}},
		SetFilePlan{"H02.05", FilePlanEntry{Code: "9", Title: sentinel, Retention: "t"}},
	))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range d.Events[1:] {
		data, err := events.MarshalObject(e.Data)
		if err != nil {
			t.Fatal(err)
		}
		facts, err := events.MarshalObject(e.Facts)
		if err != nil {
			t.Fatal(err)
		}
		if contains(data, sentinel) || !contains(facts, sentinel) {
			t.Errorf("%s: data %s, facts %s", e.Name, data, facts)
		}
	}
	// With the facts destroyed everything decides as before.
	s2, recorded := record(t, s, d, at(10))
	bare := s
	for _, e := range recorded {
		e.Facts = nil
		if bare, err = Fold(bare, e); err != nil {
			t.Fatal(err)
		}
	}
	full, _ := s2.Office("H02.05")
	blind, _ := bare.Office("H02.05")
	if p, ok := blind.Person("p"); !ok || p.Name != "" || len(blind.Units) != len(full.Units) {
		t.Errorf("without facts: %+v", p)
	}
	if _, err := Decide(bare, change("z", "root", 11, SetPerson{Agency: "H02.05", ID: "p", Duties: []Duty{{Role: RoleLeader}}})); err != nil {
		t.Errorf("without facts: %v", err)
	}
}

func TestOfficeFoldRefusesWhatCannotFollow(t *testing.T) {
	s := agency(t)
	now := time.Now().UTC()
	for _, data := range []any{
		UnitClosed{"H02.05", "x"}, PersonLeft{"H02.05", "x", now}, DelegationWithdrawn{"H02.05", "x", now},
		Delegated{Org: "H02.05", Delegation: "d-1"}, UnitSet{Org: "H09", Unit: "u"}, UnitSet{Org: "H02.05", Unit: "phong-a", Parent: "to-a1"},
	} {
		if _, err := s.apply(data, nil, now, events.Address{}); err == nil {
			t.Errorf("%+v was folded", data)
		}
	}
}

// The places of the latest changes are known, of each change once, and of no more than so many.
func TestOfficeKnowsItsChanges(t *testing.T) {
	s := mustChange(t, agency(t), change("open", "root", 2, SetUnit{Agency: "H02.05", ID: "cu", Name: "Cũ"}))
	before, _ := s.Office("H02.05")
	for i := range KeptChanges + 3 {
		s = mustChange(t, s, change(fmt.Sprintf("more-%d", i), "root", 3, SetUnit{Agency: "H02.05", ID: "cu", Name: "A"}, SetUnit{Agency: "H02.05", ID: "cu", Name: "B"}))
	}
	o, _ := s.Office("H02.05")
	if len(o.Changes) != KeptChanges || !slices.IsSorted(o.Changes) || o.Changes[KeptChanges-1] != uint64(s.Version())-2 || o.Changes[KeptChanges-1]-o.Changes[KeptChanges-2] != 3 {
		t.Errorf("%d places, the last %v of version %d", len(o.Changes), o.Changes[len(o.Changes)-2:], s.Version())
	}
	if len(before.Changes) != 2 {
		t.Errorf("what others read has changed: %v", before.Changes)
	}
}
