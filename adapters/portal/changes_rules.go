package portal

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// What an agency works by, by forms: registers, series, chains, retention, file plan, deadlines, calendar.

func (in *changeInput) setRegister() OfficeChange {
	op := schemas.SetRegister{Agency: in.agency, Name: in.text("rule_name", 200, true), Types: in.kindLines("register_types"), Closed: in.ticked("rule_closed")}
	op.Register = in.itemID("rule_id", idOf(op.Name), func(id string) bool {
		return slices.ContainsFunc(in.settings.Registers, func(r view.RegisterSettings) bool { return r.ID == id })
	})
	return in.change("register", op.Register, op)
}

func (in *changeInput) setSeries() OfficeChange {
	op := schemas.SetSeries{Agency: in.agency, Name: in.text("rule_name", 200, true), Types: in.kinds(), Copies: in.ticked("series_copies"),
		Notation: in.text("series_notation", 200, true), Closed: in.ticked("rule_closed")}
	op.Series = in.itemID("rule_id", idOf(op.Name), func(id string) bool {
		return slices.ContainsFunc(in.settings.Series, func(x view.SeriesSettings) bool { return x.ID == id })
	})
	return in.change("series", op.Series, op)
}

func (in *changeInput) setChain() OfficeChange {
	op := schemas.SetChain{Agency: in.agency, Name: in.text("rule_name", 200, true), Types: in.kinds(), Closed: in.ticked("rule_closed")}
	op.Chain = in.itemID("rule_id", idOf(op.Name), func(id string) bool {
		return slices.ContainsFunc(in.settings.Chains, func(x view.ChainSettings) bool { return x.ID == id })
	})
	for _, row := range stepRowsOf(in.form) {
		if row.Role == "" {
			continue
		}
		days, err := strconv.Atoi(row.Days)
		if row.Days != "" && (err != nil || days < 0 || days > daysMost) {
			in.trouble("form.number", "field", in.label("step_days"), "most", daysMost)
		}
		op.Steps = append(op.Steps, schemas.OfficeStep{Role: row.Role, Unit: row.Unit, Days: days})
	}
	if len(op.Steps) == 0 {
		in.trouble("form.choose", "field", in.label("step_role"))
	}
	return in.change("chain", op.Chain, op)
}

const (
	daysMost  = 1000 // working days
	yearsMost = 200
	rowsOfNew = 6 // steps of a chain that the form has room for, beyond those there are
)

// stepRow is one line of a chain as it was typed.
type stepRow struct{ Role, Unit, Days string }

func stepRowsOf(form map[string][]string) []stepRow {
	var rows []stepRow
	for i := range min(len(form["step_role"]), len(form["step_unit"]), len(form["step_days"]), 20) {
		rows = append(rows, stepRow{form["step_role"][i], form["step_unit"][i], strings.TrimSpace(form["step_days"][i])})
	}
	return rows
}

func (in *changeInput) setRetention() OfficeChange {
	op := schemas.SetRetention{Agency: in.agency, Name: in.text("rule_name", 200, true), Years: in.number("retention_years", yearsMost)}
	op.Retention = in.itemID("rule_id", idOf(op.Name), func(id string) bool {
		return slices.ContainsFunc(in.settings.Retentions, func(x view.RetentionSettings) bool { return x.ID == id })
	})
	return in.change("retention", op.Retention, op)
}

func (in *changeInput) setFilePlan() OfficeChange {
	op := schemas.SetFilePlan{Agency: in.agency, Code: in.item, Title: in.text("plan_title", 500, true), Retention: in.form.Get("retention"),
		Unit: in.form.Get("plan_unit"), Closed: in.ticked("rule_closed")}
	known := func(code string) bool {
		return slices.ContainsFunc(in.settings.FilePlan, func(e view.FilePlanSettings) bool { return e.Code == code })
	}
	if op.Code == "" {
		if op.Code = in.text("plan_code", 50, true); known(op.Code) {
			in.trouble("form.taken", "field", in.label("plan_code"), "value", op.Code)
		}
	} else if !known(op.Code) {
		in.trouble("form.bad", "field", in.label("plan_code"))
	}
	if op.Retention == "" {
		in.trouble("form.choose", "field", in.label("retention"))
	}
	return in.change("file-plan", op.Code, op)
}

// dues are what there are deadlines for, in the order of the work.
var dues = []string{"register", "present", "assign", "handle", "approve", "issue", "dossier"}

// deadlineField names the field of one rule.
func deadlineField(what string, priority int) string { return fmt.Sprintf("d-%s-%d", what, priority) }

func (in *changeInput) setDeadlines() OfficeChange {
	op := schemas.SetDeadlines{Agency: in.agency}
	for _, what := range dues {
		for priority := range 5 {
			s := strings.TrimSpace(in.form.Get(deadlineField(what, priority)))
			if s == "" {
				continue
			}
			days, err := strconv.Atoi(s)
			if err != nil || days < 0 || days > daysMost {
				in.trouble("form.number", "field", in.v.words.say("rule.due."+what), "most", daysMost)
				continue
			}
			op.Rules = append(op.Rules, schemas.OfficeDeadline{What: what, Priority: schemas.Priority(priority), Days: days})
		}
	}
	return in.change("deadlines", "", op)
}

// setCalendar reads the days of one year.
func (in *changeInput) setCalendar() OfficeChange {
	year, err := strconv.Atoi(in.item)
	if err != nil {
		in.trouble("form.bad", "field", in.label("year"))
	}
	op := schemas.SetCalendar{Agency: in.agency, Year: year, Holidays: in.days("holidays", year), Working: in.days("working_days", year)}
	return in.change("calendar", "", op)
}

// days reads lines of a day or of a range of days.
func (in *changeInput) days(name string, year int) []schemas.Date {
	var out []schemas.Date
	for line := range strings.Lines(strings.ReplaceAll(in.form.Get(name), ";", "\n")) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		first, last, isRange := strings.Cut(strings.NewReplacer("–", "..", " - ", "..", " đến ", "..").Replace(line), "..")
		from, to := in.dayBegin(name, strings.TrimSpace(first)), time.Time{}
		if to = from; isRange {
			to = in.dayBegin(name, strings.TrimSpace(last))
		}
		if from.IsZero() || to.IsZero() {
			continue // said
		}
		if from.Year() != year || to.Year() != year || to.Before(from) || to.Sub(from) > 31*24*time.Hour {
			in.trouble("calendar.range", "value", line, "year", strconv.Itoa(year))
			continue
		}
		for d := from; !d.After(to); d = d.AddDate(0, 0, 1) {
			date := schemas.Date{Year: d.Year(), Month: d.Month(), Day: d.Day()}
			if !slices.Contains(out, date) {
				out = append(out, date)
			}
		}
	}
	return out
}

// kinds are the ticked kinds of documents; the door knows which there are.
func (in *changeInput) kinds() []string { return slices.Clone(in.form["kinds"]) }

// kindLines are names of kinds, one a line.
func (in *changeInput) kindLines(name string) []string {
	var out []string
	for line := range strings.Lines(in.text(name, 5000, false)) {
		if line = strings.TrimSpace(line); line != "" && !slices.ContainsFunc(out, func(s string) bool { return strings.EqualFold(s, line) }) {
			out = append(out, line)
		}
	}
	return out
}

func (in *changeInput) ticked(name string) bool { return in.form.Get(name) != "" }
