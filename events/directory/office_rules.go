package directory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What an agency works by: registers, series, chains, file plan, retention, deadlines, calendar.

// documentKinds says what is wrong with the kinds that something is for. Which kinds there are is the gateway's matter.
func documentKinds(kinds []string) verdict {
	if len(kinds) > MaxKinds {
		return wrong(ReasonOfficeLimit, fmt.Sprintf("at most %d", MaxKinds))
	}
	for i, k := range kinds {
		if strings.TrimSpace(k) == "" || utf8.RuneCountInString(k) > maxKind ||
			slices.ContainsFunc(kinds[:i], func(other string) bool { return strings.EqualFold(k, other) }) {
			return wrong(ReasonDocumentKinds, k)
		}
	}
	return good
}

// abbreviation says whether s may stand for a unit in notations; "" is none.
func abbreviation(s string) bool {
	return utf8.RuneCountInString(s) <= maxShort && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '&' && r != '.'
	})
}

// template says whether s is a notation with known placeholders and something that is always there.
func template(s string) bool {
	for _, p := range []string{placeholderKind, placeholderUnit, placeholderYear} {
		s = strings.ReplaceAll(s, p, "")
	}
	return utf8.RuneCountInString(s) <= maxNotation && strings.ContainsFunc(s, unicode.IsLetter) && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-/.&", r)
	})
}

func (j *judge) setRegister(o *Office, op SetRegister) (verdict, error) {
	_, before := o.Register(op.ID)
	if v := begins(op.ID, op.Name, !before, len(o.Registers), MaxRegisters); v != good {
		return v, nil
	}
	if v := documentKinds(op.Types); v != good {
		return v, nil
	}
	return good, j.emit(NameRegisterSet, RegisterSet{o.Org, op.Register}, words(WordFacts{op.Name}))
}

func (j *judge) setSeries(o *Office, op SetSeries) (verdict, error) {
	_, before := o.SeriesOf(op.ID)
	if v := begins(op.ID, op.Name, !before, len(o.Series), MaxSeries); v != good {
		return v, nil
	}
	if v := documentKinds(op.Types); v != good {
		return v, nil
	}
	if !template(op.Notation) {
		return wrong(ReasonNotation, op.Notation), nil
	}
	return good, j.emit(NameSeriesSet, SeriesSet{o.Org, op.Series}, words(WordFacts{op.Name}))
}

func (j *judge) setChain(o *Office, op SetChain) (verdict, error) {
	_, before := o.Chain(op.ID)
	if v := begins(op.ID, op.Name, !before, len(o.Chains), MaxChains); v != good {
		return v, nil
	}
	if v := documentKinds(op.Types); v != good {
		return v, nil
	}
	if n := len(op.Steps); n == 0 || n > MaxSteps {
		return wrong(ReasonChainSteps, op.ID), nil
	}
	for _, step := range op.Steps {
		if v := o.step(step); v != good {
			return v, nil
		}
	}
	// The last step signs: a leader, or a head by his order (NĐ 30/2020 Điều 13).
	if last := op.Steps[len(op.Steps)-1].Role; last != RoleLeader && last != RoleHead {
		return wrong(ReasonChainSigner, string(last)), nil
	}
	return good, j.emit(NameChainSet, ChainSet{o.Org, op.Chain}, words(WordFacts{op.Name}))
}

// step says what is wrong with one step of a chain.
func (o *Office) step(s Step) verdict {
	switch {
	case s.Days < 0 || s.Days > MaxDeadline:
		return wrong(ReasonChainSteps, fmt.Sprintf("%d days", s.Days))
	case s.Role == RoleAdministrator || s.Role == RoleAuditor || s.Role == RoleArchivist:
		return wrong(ReasonRole, string(s.Role))
	}
	if v := roleFor(s.Role, s.Unit); v != good || s.Unit == unitOfAuthor {
		return v
	}
	return o.openUnit(s.Unit)
}

func (j *judge) setFilePlan(o *Office, op SetFilePlan) (verdict, error) {
	_, before := o.FilePlanEntry(op.Code)
	_, retention := o.Retention(op.Retention)
	switch {
	case !filePlanCode(op.Code):
		return wrong(ReasonItemID, op.Code), nil
	case !before && op.Title == "":
		return wrong(ReasonItemName, op.Code), nil
	case !before && len(o.FilePlan) >= MaxFilePlan:
		return wrong(ReasonOfficeLimit, op.Code), nil
	case !retention:
		return wrong(ReasonRetentionUnknown, op.Retention), nil
	}
	if v := o.openUnit(op.Unit); v != good && !(op.Closed && v.reason == ReasonUnitClosed) {
		return v, nil
	}
	d := FilePlanSet{Org: o.Org, Code: op.Code, Retention: op.Retention, Unit: op.Unit, Closed: op.Closed}
	return good, j.emit(NameFilePlanSet, d, words(WordFacts{op.Title}))
}

// filePlanCode says whether s is a code of a heading: letters, digits and . - _ / as agencies write them ("01.TH", "Đ-II/3").
func filePlanCode(s string) bool {
	return s != "" && utf8.RuneCountInString(s) <= maxFilePlanCode && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(".-_/", r)
	})
}

func (j *judge) setRetention(o *Office, op SetRetention) (verdict, error) {
	_, before := o.Retention(op.ID)
	if v := begins(op.ID, op.Name, !before, len(o.Retentions), MaxRetentions); v != good {
		return v, nil
	}
	if op.Years < 0 || op.Years > MaxRetention {
		return wrong(ReasonRetentionYears, fmt.Sprint(op.Years)), nil
	}
	return good, j.emit(NameRetentionSet, RetentionSet{o.Org, op.Retention}, words(WordFacts{op.Name}))
}

// Deadlines are rules for these.
const (
	DueRegister = "register" // an arrival is registered
	DuePresent  = "present"  // and laid before a leader
	DueAssign   = "assign"   // who says who handles it
	DueHandle   = "handle"   // it is handled
	DueApprove  = "approve"  // a step of a chain
	DueIssue    = "issue"    // what was signed is issued
	DueDossier  = "dossier"  // a dossier is closed
)

var dues = []string{DueRegister, DuePresent, DueAssign, DueHandle, DueApprove, DueIssue, DueDossier}

func (j *judge) setDeadlines(o *Office, op SetDeadlines) (verdict, error) {
	d := DeadlinesSet{Org: o.Org, Rules: slices.Clone(op.Rules)}
	slices.SortFunc(d.Rules, func(a, b DeadlineRule) int {
		return cmp.Or(strings.Compare(a.What, b.What), a.Priority-b.Priority)
	})
	for i, r := range d.Rules {
		if !slices.Contains(dues, r.What) || r.Priority < 0 || r.Priority > MaxPriority || r.Days < 0 || r.Days > MaxDeadline ||
			i > 0 && d.Rules[i-1].What == r.What && d.Rules[i-1].Priority == r.Priority {
			return wrong(ReasonDeadline, fmt.Sprintf("%s %d", r.What, r.Priority)), nil
		}
	}
	return good, j.emit(NameDeadlinesSet, d, nil)
}

func (j *judge) setCalendar(o *Office, op SetCalendar) (verdict, error) {
	if op.Year < FirstCalendar || op.Year > LastCalendar {
		return wrong(ReasonCalendarYear, fmt.Sprint(op.Year)), nil
	}
	c := Calendar{Holidays: slices.Clone(op.Holidays), Working: slices.Clone(op.Working)}
	for _, days := range [][]string{c.Holidays, c.Working} {
		slices.Sort(days)
		for i, day := range days {
			if _, ok := dayNumber(day); !ok || !strings.HasPrefix(day, fmt.Sprintf("%d-", op.Year)) || i > 0 && days[i-1] == day {
				return wrong(ReasonCalendarDay, day), nil
			}
		}
	}
	for _, day := range c.Working {
		n, _ := dayNumber(day)
		if _, off := slices.BinarySearch(c.Holidays, day); off || !weekend(n) {
			return wrong(ReasonCalendarContradict, day), nil
		}
	}
	return good, j.emit(NameCalendarSet, CalendarSet{o.Org, op.Year, c}, nil)
}
