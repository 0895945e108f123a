package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tram-exchange/tram/schemas"
)

// officeYAML is what an administrator writes of an agency's own part of the directory: as many operations as it names things. What it
// does not name stays as it is. Of a unit, person, register, series, chain or heading everything is said anew, but for a name, position
// or title left out. Days and moments are written as elsewhere; a period ends before "until" and "end".
type officeYAML struct {
	Agency     string              `yaml:"agency"`
	Retentions []retentionYAML     `yaml:"retentions"`
	Units      []unitYAML          `yaml:"units"` // one that others are part of stands before them
	Persons    []personYAML        `yaml:"persons"`
	Registers  []registerYAML      `yaml:"registers"`
	Series     []seriesYAML        `yaml:"series"`
	Chains     []chainYAML         `yaml:"chains"`
	FilePlan   []filePlanEntryYAML `yaml:"file_plan"`
	Deadlines  []deadlineYAML      `yaml:"deadlines"` // all of them
	Calendars  []calendarYAML      `yaml:"calendars"`

	Delegations         []delegationYAML `yaml:"delegations"`
	WithdrawDelegations []string         `yaml:"withdraw_delegations"`
	RemovePersons       []string         `yaml:"remove_persons"`
	CloseUnits          []string         `yaml:"close_units"`
}

type (
	retentionYAML struct {
		ID        string `yaml:"id"`
		Name      string `yaml:"name"`
		Years     int    `yaml:"years"` // or
		Permanent bool   `yaml:"permanent"`
	}
	unitYAML struct {
		ID     string `yaml:"id"`
		Name   string `yaml:"name"`
		Short  string `yaml:"short"`
		Parent string `yaml:"parent"`
	}
	personYAML struct {
		ID       string     `yaml:"id"`
		Name     string     `yaml:"name"`
		Position string     `yaml:"position"`
		Duties   []dutyYAML `yaml:"duties"`
	}
	dutyYAML struct {
		Role  string `yaml:"role"`
		Unit  string `yaml:"unit"`
		From  string `yaml:"from"`
		Until string `yaml:"until"`
	}
	registerYAML struct {
		ID     string   `yaml:"id"`
		Name   string   `yaml:"name"`
		Types  []string `yaml:"types"`
		Closed bool     `yaml:"closed"`
	}
	seriesYAML struct {
		ID       string   `yaml:"id"`
		Name     string   `yaml:"name"`
		Types    []string `yaml:"types"`
		Copies   bool     `yaml:"copies"`
		Notation string   `yaml:"notation"`
		Closed   bool     `yaml:"closed"`
	}
	chainYAML struct {
		ID     string     `yaml:"id"`
		Name   string     `yaml:"name"`
		Types  []string   `yaml:"types"`
		Steps  []stepYAML `yaml:"steps"`
		Closed bool       `yaml:"closed"`
	}
	stepYAML struct {
		Role string `yaml:"role"`
		Unit string `yaml:"unit"` // or "author"
		Days int    `yaml:"days"`
	}
	filePlanEntryYAML struct {
		Code      string `yaml:"code"`
		Title     string `yaml:"title"`
		Retention string `yaml:"retention"`
		Unit      string `yaml:"unit"`
		Closed    bool   `yaml:"closed"`
	}
	deadlineYAML struct {
		What     string `yaml:"what"`
		Priority int    `yaml:"priority"`
		Days     int    `yaml:"days"`
	}
	calendarYAML struct {
		Year     int      `yaml:"year"`
		Holidays []string `yaml:"holidays"` // days, or FIRST..LAST
		Working  []string `yaml:"working"`
	}
	delegationYAML struct {
		ID     string   `yaml:"id"`
		From   string   `yaml:"from"`
		To     string   `yaml:"to"`
		Roles  []string `yaml:"roles"`
		Start  string   `yaml:"start"` // "": at once
		End    string   `yaml:"end"`
		Reason string   `yaml:"reason"`
	}
)

// operations are one operation, or all of an office.
func (y operationYAML) operations(w writing) ([]schemas.Operation, error) {
	if y.Office == nil {
		op, err := y.operation(w)
		return []schemas.Operation{op}, err
	}
	office := *y.Office
	if y.Office = nil; y != (operationYAML{}) {
		return nil, errors.New("couldn't read operation: want exactly one in each list item, got an office and others")
	}
	return office.operations()
}

// operations are those of the file, each thing before what names it, and what takes away last.
func (o officeYAML) operations() ([]schemas.Operation, error) {
	var ops []schemas.Operation
	if o.Agency == "" {
		return nil, errors.New("couldn't read office: it has no agency")
	}
	for _, y := range o.Units {
		ops = append(ops, schemas.SetUnit{Agency: o.Agency, Unit: y.ID, Name: y.Name, Short: y.Short, Parent: y.Parent})
	}
	for _, y := range o.Persons {
		op, err := y.operation(o.Agency)
		if err != nil {
			return nil, fmt.Errorf("person %s: %w", y.ID, err)
		}
		ops = append(ops, op)
	}
	rules, err := o.rules()
	if err != nil {
		return nil, err
	}
	ops = append(ops, rules...)
	for _, y := range o.Delegations {
		op, err := y.operation(o.Agency)
		if err != nil {
			return nil, fmt.Errorf("delegation %s: %w", y.ID, err)
		}
		ops = append(ops, op)
	}
	for _, id := range o.WithdrawDelegations {
		ops = append(ops, schemas.WithdrawDelegation{Agency: o.Agency, Delegation: id})
	}
	for _, id := range o.RemovePersons {
		ops = append(ops, schemas.RemovePerson{Agency: o.Agency, Person: id})
	}
	for _, id := range o.CloseUnits {
		ops = append(ops, schemas.CloseUnit{Agency: o.Agency, Unit: id})
	}
	if len(ops) == 0 {
		return nil, fmt.Errorf("couldn't read office of %s: it says nothing", o.Agency)
	}
	return ops, nil
}

// rules are the operations on what the agency works by.
func (o officeYAML) rules() ([]schemas.Operation, error) {
	var ops []schemas.Operation
	for _, y := range o.Registers {
		ops = append(ops, schemas.SetRegister{Agency: o.Agency, Register: y.ID, Name: y.Name, Types: y.Types, Closed: y.Closed})
	}
	for _, y := range o.Series {
		ops = append(ops, schemas.SetSeries{Agency: o.Agency, Series: y.ID, Name: y.Name, Types: y.Types, Copies: y.Copies, Notation: y.Notation, Closed: y.Closed})
	}
	for _, y := range o.Chains {
		chain := schemas.SetChain{Agency: o.Agency, Chain: y.ID, Name: y.Name, Types: y.Types, Closed: y.Closed}
		for _, s := range y.Steps {
			chain.Steps = append(chain.Steps, schemas.OfficeStep(s))
		}
		ops = append(ops, chain)
	}
	for _, y := range o.Retentions {
		if y.Permanent == (y.Years != 0) {
			return nil, fmt.Errorf("retention %s: want either years or permanent", y.ID)
		}
		ops = append(ops, schemas.SetRetention{Agency: o.Agency, Retention: y.ID, Name: y.Name, Years: y.Years})
	}
	for _, y := range o.FilePlan {
		ops = append(ops, schemas.SetFilePlan{Agency: o.Agency, Code: y.Code, Title: y.Title, Retention: y.Retention, Unit: y.Unit, Closed: y.Closed})
	}
	if len(o.Deadlines) > 0 {
		set := schemas.SetDeadlines{Agency: o.Agency}
		for _, y := range o.Deadlines {
			set.Rules = append(set.Rules, schemas.OfficeDeadline{What: y.What, Priority: schemas.Priority(y.Priority), Days: y.Days})
		}
		ops = append(ops, set)
	}
	for _, y := range o.Calendars {
		set := schemas.SetCalendar{Agency: o.Agency, Year: y.Year}
		var err error
		if set.Holidays, err = daysOf(y.Holidays); err != nil {
			return nil, fmt.Errorf("calendar of %d: %w", y.Year, err)
		}
		if set.Working, err = daysOf(y.Working); err != nil {
			return nil, fmt.Errorf("calendar of %d: %w", y.Year, err)
		}
		ops = append(ops, set)
	}
	return ops, nil
}

func (y personYAML) operation(agency string) (schemas.Operation, error) {
	op := schemas.SetPerson{Agency: agency, Person: y.ID, Name: y.Name, Position: y.Position}
	for _, d := range y.Duties {
		duty := schemas.OfficeDuty{Role: d.Role, Unit: d.Unit}
		var err error
		if duty.From, err = momentOf(d.From); err != nil {
			return nil, err
		}
		if duty.Until, err = momentOf(d.Until); err != nil {
			return nil, err
		}
		op.Duties = append(op.Duties, duty)
	}
	return op, nil
}

func (y delegationYAML) operation(agency string) (schemas.Operation, error) {
	op := schemas.Delegate{Agency: agency, Delegation: y.ID, From: y.From, To: y.To, Roles: y.Roles, Reason: y.Reason}
	var err error
	if op.Start, err = momentOf(y.Start); err != nil {
		return nil, err
	}
	if op.End, err = momentOf(y.End); err == nil && op.End.IsZero() {
		err = errors.New("it has no end")
	}
	return op, err
}

// longestHoliday bounds a range of days: longer ones are slips of the keyboard.
const longestHoliday = 31

// daysOf reads days, and ranges FIRST..LAST of them.
func daysOf(texts []string) ([]schemas.Date, error) {
	var out []schemas.Date
	for _, text := range texts {
		first, last, isRange := strings.Cut(text, "..")
		from, err := dayOf(first)
		if err != nil {
			return nil, err
		}
		to := from
		if isRange {
			if to, err = dayOf(last); err != nil {
				return nil, err
			}
		}
		day, end := midnight(from), midnight(to)
		if from.IsZero() || to.IsZero() || end.Before(day) || end.Sub(day) > longestHoliday*24*time.Hour {
			return nil, fmt.Errorf("couldn't read days %q: want a day, or FIRST..LAST of at most %d days", text, longestHoliday)
		}
		for ; !day.After(end); day = day.AddDate(0, 0, 1) {
			y, m, d := day.Date()
			out = append(out, schemas.Date{Year: y, Month: m, Day: d})
		}
	}
	return out, nil
}

func midnight(d schemas.Date) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
}
