package portal

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// What an agency works by: registers, series, chains, file plan, retention, deadlines and calendar.

// ruleKinds are the parts of the page and the acts that change them.
var ruleKinds = [][2]string{{"register", "SetRegister"}, {"series", "SetSeries"}, {"chain", "SetChain"}, {"file-plan", "SetFilePlan"},
	{"retention", "SetRetention"}, {"deadlines", "SetDeadlines"}, {"calendar", "SetCalendar"}}

func ruleKindOf(act string) (kind string, ok bool) {
	for _, k := range ruleKinds {
		if k[1] == act {
			return k[0], true
		}
	}
	return "", false
}

// ruleLine is one rule in a list.
type ruleLine struct {
	Name, ID, Detail string
	Path             string
	Closed           bool
}

type ruleGroup struct {
	Kind  string
	New   string // path of the form of a new one, "" there is one only
	Lines []ruleLine
}

type rulesBody struct {
	Tabs   []listTab
	Groups []ruleGroup
}

func (p *Portal) officeRules(v *visit) error {
	s, err := p.settingsOf(v)
	if err != nil {
		return err
	}
	b := rulesBody{Tabs: v.officeTabs("rules")}
	for _, k := range ruleKinds {
		g := ruleGroup{Kind: k[0], Lines: v.words.ruleLines(s, k[0], p.cfg.Node.Now())}
		for i := range g.Lines {
			g.Lines[i].Path = with("/office/rules/"+k[0], "id", g.Lines[i].ID)
		}
		if k[0] != "deadlines" && k[0] != "calendar" {
			g.New = "/office/rules/" + k[0]
		}
		b.Groups = append(b.Groups, g)
	}
	return p.render(v, 200, "officerules", "office", v.words.say("office.tab.rules"), p.doneNotice(v), b)
}

// ruleLines says the rules of a kind.
func (w words) ruleLines(s *view.Settings, kind string, now time.Time) []ruleLine {
	var out []ruleLine
	add := func(id, name string, closed bool, detail ...string) {
		out = append(out, ruleLine{Name: name, ID: id, Closed: closed,
			Detail: strings.Join(slices.DeleteFunc(detail, func(s string) bool { return s == "" }), " · ")})
	}
	switch kind {
	case "register":
		for _, r := range s.Registers {
			add(r.ID, r.Name, r.Closed, w.kindsFor(r.Types))
		}
	case "series":
		for _, x := range s.Series {
			copies := ""
			if x.Copies {
				copies = w.say("field.series_copies")
			}
			add(x.ID, x.Name, x.Closed, x.Notation, w.kindsFor(x.Types), copies)
		}
	case "chain":
		for _, c := range s.Chains {
			add(c.ID, c.Name, c.Closed, w.chainSteps(s, c.Steps), w.kindsFor(c.Types))
		}
	case "file-plan":
		for _, e := range s.FilePlan {
			u, _ := unitIn(s, e.Unit)
			add(e.Code, e.Title, e.Closed, e.Code, retentionName(s, e.Retention), u.Name)
		}
	case "retention":
		for _, r := range s.Retentions {
			add(r.ID, r.Name, false, w.years(r.Years))
		}
	case "deadlines":
		for _, what := range dues {
			if d := w.deadlines(s, what); d != "" {
				add("", w.say("rule.due."+what), false, d)
			}
		}
		if len(out) == 0 {
			add("", w.say("rules.deadlines"), false)
		}
	case "calendar":
		this := now.In(vietnamTime).Year()
		for year := this - 1; year <= this+1; year++ {
			y := strconv.Itoa(year)
			add(y, w.say("calendar.year", "year", y), false, w.say("calendar.counts", "off", len(daysOfYear(s.Holidays, y)), "on", len(daysOfYear(s.Working, y))))
		}
	}
	return out
}

func (w words) kindsFor(types []string) string {
	if len(types) == 0 {
		return w.say("rules.all")
	}
	return strings.Join(types, ", ")
}

func (w words) years(n int) string {
	if n == 0 {
		return w.say("rules.forever")
	}
	return w.say("rules.years", "n", n)
}

func retentionName(s *view.Settings, id string) string {
	for _, r := range s.Retentions {
		if r.ID == id {
			return r.Name
		}
	}
	return id
}

func (w words) chainSteps(s *view.Settings, steps []view.StepSettings) string {
	var out []string
	for _, x := range steps {
		line := w.say("duty." + x.Role)
		switch u, ok := unitIn(s, x.Unit); {
		case x.Unit == stepOfAuthor:
			line += " (" + w.say("rules.author") + ")"
		case ok:
			line += " (" + u.Name + ")"
		}
		out = append(out, line)
	}
	return strings.Join(out, " → ")
}

// stepOfAuthor is the unit of a step that lies with the author's own.
const stepOfAuthor = "author"

func (w words) deadlines(s *view.Settings, what string) string {
	var out []string
	for _, d := range s.Deadlines {
		if d.What != what {
			continue
		}
		n := w.say("rules.days", "n", d.Days)
		if d.Days == 0 {
			n = w.say("rules.sameday")
		}
		if d.Priority > 0 {
			n = w.priority(d.Priority) + ": " + n
		}
		out = append(out, n)
	}
	return strings.Join(out, "; ")
}

func daysOfYear(days []string, year string) []string {
	var out []string
	for _, d := range days {
		if strings.HasPrefix(d, year+"-") {
			out = append(out, d)
		}
	}
	return out
}

// ruleBody is the form of one rule.
type ruleBody struct {
	Tabs       []listTab
	Kind       string
	New        bool
	Stale      string
	Set        *actForm
	Kinds      []kindChoice
	Steps      []stepRow
	Roles      []string
	Units      []view.Named
	Retentions []view.RetentionSettings
	Dues       []dueRow
}

type kindChoice struct {
	Name string
	On   bool
}

// dueRow is one line of the table of deadlines.
type dueRow struct {
	What  string
	Cells []dueCell
}

type dueCell struct {
	Field    string
	Priority int
	Value    string
}

func (p *Portal) officeRule(v *visit) error {
	return p.showRule(v, v.r.PathValue("kind"), v.r.URL.Query().Get("id"), nil)
}

func (p *Portal) showRule(v *visit, kind, id string, failed *actFailure) error {
	i := slices.IndexFunc(ruleKinds, func(k [2]string) bool { return k[0] == kind })
	if i < 0 {
		return errGone
	}
	s, err := p.settingsOf(v)
	if err != nil {
		return err
	}
	b := ruleBody{Tabs: v.officeTabs("rules"), Kind: kind, New: id == "" && kind != "deadlines", Units: unitChoices(s), Retentions: s.Retentions,
		Roles: []string{"specialist", "head", "clerk", "leader"}}
	b.Set = p.newChangeForm(v, ruleKinds[i][1], id, 0, nil)
	types, found := b.fill(s, id)
	if !found {
		return errGone
	}
	b.Set.keep(failed)
	if failed != nil {
		types = failed.Values["kinds"]
		b.Steps = stepRowsOf(failed.Values)
	}
	b.choices(types)
	if failed.wasStale() {
		now := ""
		for _, l := range v.words.ruleLines(s, kind, p.cfg.Node.Now()) {
			if l.ID == id {
				now = strings.Trim(now+"; "+l.Name+" · "+l.Detail, "; ")
			}
		}
		b.Stale = v.words.say("office.stale", "what", now)
	}
	title := v.words.say("rules." + kind)
	if kind == "calendar" {
		title = v.words.say("calendar.year", "year", id)
	} else if b.New {
		title = v.words.say("rules.new." + kind)
	}
	return p.render(v, statusOf(failed), "officerule", "office", title, "", b)
}

// fill puts a thing as it stands into its form, and gives the kinds of documents that it is for.
func (b *ruleBody) fill(s *view.Settings, id string) (types []string, found bool) {
	set := func(version uint64, closed bool, pairs ...string) {
		b.Set.Seen = version
		for i := 0; i < len(pairs); i += 2 {
			b.Set.Values.Set(pairs[i], pairs[i+1])
		}
		if closed {
			b.Set.Values.Set("rule_closed", "1")
		}
		found = true
	}
	switch b.Kind {
	case "register":
		for _, r := range s.Registers {
			if r.ID == id {
				set(r.Version, r.Closed, "rule_name", r.Name, "register_types", strings.Join(r.Types, "\n"))
			}
		}
	case "series":
		for _, x := range s.Series {
			if x.ID == id {
				types = x.Types
				if set(x.Version, x.Closed, "rule_name", x.Name, "series_notation", x.Notation); x.Copies {
					b.Set.Values.Set("series_copies", "1")
				}
			}
		}
	case "chain":
		for _, c := range s.Chains {
			if c.ID == id {
				types = c.Types
				set(c.Version, c.Closed, "rule_name", c.Name)
				for _, x := range c.Steps {
					b.Steps = append(b.Steps, stepRow{x.Role, x.Unit, numberOrNone(x.Days)})
				}
			}
		}
	case "file-plan":
		for _, e := range s.FilePlan {
			if e.Code == id {
				set(e.Version, e.Closed, "plan_title", e.Title, "retention", e.Retention, "plan_unit", e.Unit)
			}
		}
	case "retention":
		for _, r := range s.Retentions {
			if r.ID == id {
				set(r.Version, false, "rule_name", r.Name, "retention_years", numberOrNone(r.Years))
			}
		}
	case "deadlines":
		set(s.DeadlinesVersion, false)
		for _, d := range s.Deadlines {
			b.Set.Values.Set(deadlineField(d.What, d.Priority), strconv.Itoa(d.Days))
		}
		return nil, id == ""
	case "calendar":
		year, err := strconv.Atoi(id)
		if err != nil || year < 2000 || year > 2199 {
			return nil, false
		}
		set(s.CalendarVersion, false, "holidays", dayLines(daysOfYear(s.Holidays, id)), "working_days", dayLines(daysOfYear(s.Working, id)))
	}
	return types, found || id == ""
}

func numberOrNone(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// choices are what the form offers beside the values.
func (b *ruleBody) choices(types []string) {
	is := func(name string) func(string) bool { return func(s string) bool { return strings.EqualFold(s, name) } }
	for _, name := range documentTypes {
		b.Kinds = append(b.Kinds, kindChoice{name, slices.ContainsFunc(types, is(name))})
	}
	for _, name := range types { // of another list: it stays unless it is taken out
		if !slices.ContainsFunc(documentTypes, is(name)) {
			b.Kinds = append(b.Kinds, kindChoice{name, true})
		}
	}
	b.Steps = slices.DeleteFunc(b.Steps, func(r stepRow) bool { return r.Role == "" })
	for n := len(b.Steps); n < max(rowsOfNew, len(b.Steps)+1) && n < 20; n++ {
		b.Steps = append(b.Steps, stepRow{})
	}
	for _, what := range dues {
		row := dueRow{What: what}
		for priority := range 5 {
			field := deadlineField(what, priority)
			row.Cells = append(row.Cells, dueCell{field, priority, b.Set.Value(field)})
		}
		b.Dues = append(b.Dues, row)
	}
}

// dayLines writes days as people do, those that follow each other as a range.
func dayLines(days []string) string {
	var out []string
	for i := 0; i < len(days); {
		j := i
		for j+1 < len(days) && nextDay(days[j]) == days[j+1] {
			j++
		}
		line := dateWords(days[i])
		if j > i {
			line = fmt.Sprintf("%s - %s", line, dateWords(days[j]))
		}
		out = append(out, line)
		i = j + 1
	}
	return strings.Join(out, "\n")
}

func nextDay(iso string) string {
	t, err := time.Parse(time.DateOnly, iso)
	if err != nil {
		return ""
	}
	return t.AddDate(0, 0, 1).Format(time.DateOnly)
}
