package portal

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// The office's own settings in the fixture: enough of the directory's rules to click through every form; the true ones live in
// events/directory.

// newFakeSettings says in full what the office says for forms.
func newFakeSettings(o view.Office) view.Settings {
	s := view.Settings{Org: o.Org, Name: o.Name, Holidays: []string{"2026-01-01", "2026-04-30"}, Working: []string{"2026-08-22"}, CalendarVersion: 4100, DeadlinesVersion: 4101,
		Deadlines: []view.DeadlineSettings{{What: "handle", Priority: 0, Days: 7}, {What: "handle", Priority: 1, Days: 3}, {What: "register"}}}
	for i, u := range o.Units {
		s.Units = append(s.Units, view.UnitSettings{ID: u.ID, Name: u.Name, Short: strings.ToUpper(u.ID), Version: uint64(4001 + i)})
	}
	s.Units = append(s.Units, view.UnitSettings{ID: "cu", Name: "Phòng Thi đua", Closed: true, Version: 4010})
	for i, p := range o.Persons {
		one := view.PersonSettings{PersonRef: p.PersonRef, Version: uint64(4020 + i)}
		for _, d := range p.Duties {
			one.Duties = append(one.Duties, view.DutySettings{Role: d.Role, Unit: d.Unit})
		}
		s.Persons = append(s.Persons, one)
	}
	s.Persons = append(s.Persons, view.PersonSettings{PersonRef: view.PersonRef{ID: "hoa", Name: "Đỗ Thị Hoa", Position: "Chuyên viên"}, Gone: true, Version: 4040})
	slices.SortFunc(s.Persons, func(a, b view.PersonSettings) int { return strings.Compare(a.ID, b.ID) })
	for i, r := range o.Registers {
		s.Registers = append(s.Registers, view.RegisterSettings{ID: r.ID, Name: r.Name, Version: uint64(4050 + i)})
	}
	for i, x := range o.Series {
		s.Series = append(s.Series, view.SeriesSettings{ID: x.ID, Name: x.Name, Types: x.Types, Notation: x.Notation, Version: uint64(4060 + i)})
	}
	s.Chains = []view.ChainSettings{{ID: "thuong", Name: "Trưởng phòng → Lãnh đạo", Steps: []view.StepSettings{{Role: "head", Unit: "author", Days: 1}, {Role: "leader", Days: 1}}, Version: 4070}}
	for i, r := range o.Retentions {
		s.Retentions = append(s.Retentions, view.RetentionSettings{ID: r.ID, Name: r.Name, Years: 20 * (1 - i), Version: uint64(4080 + i)})
	}
	for i, e := range o.FilePlan {
		s.FilePlan = append(s.FilePlan, view.FilePlanSettings{Code: e.Code, Title: e.Title, Retention: e.Retention, Unit: e.Unit, Version: uint64(4090 + i)})
	}
	return s
}

// Settings gives all of it.
func (o *fakeOffice) Settings(_ context.Context, org string) (view.Settings, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if org != orgInterior {
		return view.Settings{}, view.ErrNotFound
	}
	return o.settings, o.f.broken
}

// History gives what was changed here, latest first.
func (o *fakeOffice) History(_ context.Context, org string, before uint64, limit int) ([]view.OfficeChange, uint64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if org != orgInterior || o.f.broken != nil {
		return nil, 0, o.f.broken
	}
	end := len(o.changes)
	if before > 0 {
		end = int(before)
	}
	var list []view.OfficeChange
	for i := end - 1; i >= 0; i-- {
		if len(list) == limit {
			return list, uint64(i + 1), nil
		}
		list = append(list, o.changes[i])
	}
	return list, 0, nil
}

// seenVersion is the version of a thing.
func (o *fakeOffice) seenVersion(kind, id string) uint64 {
	s := &o.settings
	switch kind {
	case "unit":
		u, _ := find(s.Units, func(u view.UnitSettings) bool { return u.ID == id })
		return u.Version
	case "person":
		p, _ := find(s.Persons, func(p view.PersonSettings) bool { return p.ID == id })
		return p.Version
	case "series":
		x, _ := find(s.Series, func(x view.SeriesSettings) bool { return x.ID == id })
		return x.Version
	case "deadlines":
		return s.DeadlinesVersion
	case "calendar":
		return s.CalendarVersion
	}
	return 0
}

func find[T any](list []T, is func(T) bool) (T, bool) {
	if i := slices.IndexFunc(list, is); i >= 0 {
		return list[i], true
	}
	var none T
	return none, false
}

// Change keeps the contract of Office.Change.
func (o *fakeOffice) Change(_ context.Context, by Actor, packageID string, c OfficeChange) (Acted, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.acts[packageID] {
		return Acted{Again: true}, nil
	}
	if err := o.fail; err != nil {
		o.fail = nil
		return Acted{}, err
	}
	if r := o.refuse; r != nil {
		o.refuse = nil
		return Acted{}, r
	}
	if c.Seen != nil && o.seenVersion(c.Seen.Kind, c.Seen.ID) != c.Seen.Version {
		return Acted{}, &Refused{Code: 7004, Vi: "Người khác đã xử lý trong lúc này.", En: "Somebody else acted meanwhile."}
	}
	rule := func(code int, reason, detail string) error {
		return &Refused{Code: code, Vi: "Thay đổi danh bạ không hợp lệ.", En: "The change is not allowed.", Broken: []BrokenRule{{0, reason, detail}}}
	}
	o.position++
	record := view.OfficeChange{Position: o.position, At: o.f.clock.now(), Person: o.ref(by.Person), ByKind: "office", Reason: c.Reason}
	for _, op := range c.Operations {
		item, reason, detail := o.operate(by, op)
		switch reason {
		case "":
			record.Items = append(record.Items, item)
		case "person-no-right":
			return Acted{}, rule(7200, reason, detail)
		default:
			return Acted{}, rule(4007, reason, detail)
		}
	}
	o.acts[packageID] = true
	o.changes, o.changed = append(o.changes, record), append(o.changed, c)
	return Acted{Position: o.position}, nil
}

// operate does one operation, or names the rule that it breaks.
func (o *fakeOffice) operate(by Actor, op schemas.Operation) (item view.OfficeChangeItem, reason, detail string) {
	s := &o.settings
	admin := o.has(by.Person, "administrator", "")
	switch op := op.(type) {
	case schemas.Delegate:
		if !admin && op.From != by.Person {
			return item, "person-no-right", by.Person
		}
		if op.From == op.To {
			return item, "delegation-self", op.From
		}
		d := view.DelegationSettings{ID: op.Delegation, From: o.ref(op.From), To: o.ref(op.To), Roles: op.Roles, Start: op.Start, End: op.End}
		if d.Start.IsZero() {
			d.Start = o.f.clock.now()
		}
		s.Delegations = append(s.Delegations, d)
		return view.OfficeChangeItem{Name: "directory.delegated.v1", ID: d.ID, From: d.From, To: d.To, Start: d.Start, End: d.End}, "", ""
	case schemas.WithdrawDelegation:
		for i := range s.Delegations {
			d := &s.Delegations[i]
			if d.ID == op.Delegation && (admin || d.From.ID == by.Person) {
				if !d.Withdrawn.IsZero() {
					return item, "delegation-ended", d.ID
				}
				d.Withdrawn = o.f.clock.now()
				return view.OfficeChangeItem{Name: "directory.delegation-withdrawn.v1", ID: d.ID, From: d.From, To: d.To, Start: d.Start, End: d.End}, "", ""
			}
		}
		return item, "person-no-right", by.Person
	}
	if !admin {
		return item, "person-no-right", by.Person
	}
	return o.administer(by, op)
}

func (o *fakeOffice) administer(by Actor, op schemas.Operation) (item view.OfficeChangeItem, reason, detail string) {
	s := &o.settings
	switch op := op.(type) {
	case schemas.SetUnit:
		u := view.UnitSettings{ID: op.Unit, Name: op.Name, Short: op.Short, Parent: op.Parent, Version: o.position}
		if op.Parent == op.Unit {
			return item, "unit-cycle", op.Unit
		}
		if i := slices.IndexFunc(s.Units, func(x view.UnitSettings) bool { return x.ID == u.ID }); i >= 0 {
			u.Name, u.Depth = cmp.Or(u.Name, s.Units[i].Name), s.Units[i].Depth
			s.Units[i] = u
		} else {
			s.Units = append(s.Units, u)
		}
		item = view.OfficeChangeItem{Name: "directory.unit-set.v1", ID: u.ID, Word: op.Name}
	case schemas.CloseUnit:
		for _, p := range s.Persons {
			if slices.ContainsFunc(p.Duties, func(d view.DutySettings) bool { return d.Unit == op.Unit }) {
				return item, "unit-in-use", op.Unit + " (" + p.ID + ")"
			}
		}
		i := slices.IndexFunc(s.Units, func(x view.UnitSettings) bool { return x.ID == op.Unit })
		s.Units[i].Closed, s.Units[i].Version = true, o.position
		item = view.OfficeChangeItem{Name: "directory.unit-closed.v1", ID: op.Unit}
	case schemas.SetPerson:
		return o.setPerson(by, op)
	case schemas.RemovePerson:
		i := slices.IndexFunc(s.Persons, func(x view.PersonSettings) bool { return x.ID == op.Person })
		s.Persons[i].Gone, s.Persons[i].Duties, s.Persons[i].Version = true, nil, o.position
		o.sync()
		item = view.OfficeChangeItem{Name: "directory.person-left.v1", ID: op.Person}
	case schemas.SetSeries:
		x := view.SeriesSettings{ID: op.Series, Name: op.Name, Types: op.Types, Copies: op.Copies, Notation: op.Notation, Closed: op.Closed, Version: o.position}
		if !strings.Contains(x.Notation, "-") {
			return item, "notation", x.Notation
		}
		if i := slices.IndexFunc(s.Series, func(y view.SeriesSettings) bool { return y.ID == x.ID }); i >= 0 {
			s.Series[i] = x
		} else {
			s.Series = append(s.Series, x)
		}
		item = view.OfficeChangeItem{Name: "directory.series-set.v1", ID: x.ID, Word: x.Name}
	case schemas.SetDeadlines:
		s.Deadlines, s.DeadlinesVersion = nil, o.position
		for _, r := range op.Rules {
			s.Deadlines = append(s.Deadlines, view.DeadlineSettings{What: r.What, Priority: int(r.Priority), Days: r.Days})
		}
		item = view.OfficeChangeItem{Name: "directory.deadlines-set.v1"}
	case schemas.SetCalendar:
		s.Holidays, s.Working, s.CalendarVersion = nil, nil, o.position
		for _, d := range op.Holidays {
			s.Holidays = append(s.Holidays, isoDate(d))
		}
		for _, d := range op.Working {
			s.Working = append(s.Working, isoDate(d))
		}
		item = view.OfficeChangeItem{Name: "directory.calendar-set.v1", ID: time.Date(op.Year, 1, 1, 0, 0, 0, 0, time.UTC).Format("2006")}
	default:
		return item, "unknown-operation", ""
	}
	return item, "", ""
}

func (o *fakeOffice) setPerson(by Actor, op schemas.SetPerson) (item view.OfficeChangeItem, reason, detail string) {
	s := &o.settings
	p := view.PersonSettings{PersonRef: view.PersonRef{ID: op.Person, Name: op.Name, Position: op.Position}, Version: o.position}
	for _, d := range op.Duties {
		p.Duties = append(p.Duties, view.DutySettings(d))
		if op.Person == by.Person && !o.has(by.Person, d.Role, d.Unit) {
			return item, "own-rights", by.Person
		}
		if (d.Role == "head" || d.Role == "specialist") && d.Unit == "" {
			return item, "role-unit", d.Role
		}
	}
	if i := slices.IndexFunc(s.Persons, func(x view.PersonSettings) bool { return x.ID == p.ID }); i >= 0 {
		s.Persons[i] = p
	} else {
		s.Persons = append(s.Persons, p)
	}
	o.sync()
	return view.OfficeChangeItem{Name: "directory.person-set.v1", ID: p.ID, Word: p.Name, Duties: p.Duties}, "", ""
}

// sync lets forms see the persons as they are now.
func (o *fakeOffice) sync() {
	o.office.Persons = nil
	for _, p := range o.settings.Persons {
		one := view.OfficePerson{PersonRef: p.PersonRef, Gone: p.Gone}
		for _, d := range p.Duties {
			one.Duties = append(one.Duties, view.OfficeDuty{Role: d.Role, Unit: d.Unit})
		}
		o.office.Persons = append(o.office.Persons, one)
	}
}
