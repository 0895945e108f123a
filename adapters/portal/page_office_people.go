package portal

import (
	"slices"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// Units and persons.

type unitsBody struct {
	Tabs   []listTab
	Units  []unitLine
	Closed []unitLine
}

type unitLine struct {
	view.UnitSettings
	Persons int
}

func (p *Portal) officeUnits(v *visit) error {
	s, err := p.settingsOf(v)
	if err != nil {
		return err
	}
	b := unitsBody{Tabs: v.officeTabs("units")}
	for _, u := range s.Units {
		l := unitLine{u, count(s.Persons, func(x view.PersonSettings) bool {
			return slices.ContainsFunc(x.Duties, func(d view.DutySettings) bool { return d.Unit == u.ID })
		})}
		if u.Closed {
			b.Closed = append(b.Closed, l)
		} else {
			b.Units = append(b.Units, l)
		}
	}
	return p.render(v, 200, "officeunits", "office", v.words.say("office.tab.units"), p.doneNotice(v), b)
}

// unitBody is one unit, or the form of a new one.
type unitBody struct {
	Tabs    []listTab
	New     bool
	Unit    view.UnitSettings
	Stale   string
	Set     *actForm
	Close   *actForm // nil: it is closed
	Parents []view.Named
	People  []view.PersonSettings
}

func (p *Portal) officeUnit(v *visit) error {
	id := v.r.PathValue("id")
	if id == newItem {
		id = ""
	}
	return p.showUnit(v, id, nil)
}

func (p *Portal) showUnit(v *visit, id string, failed *actFailure) error {
	s, err := p.settingsOf(v)
	if err != nil {
		return err
	}
	u, ok := unitIn(s, id)
	if id != "" && !ok {
		return errGone
	}
	b := unitBody{Tabs: v.officeTabs("units"), New: id == "", Unit: u, Parents: unitChoices(s)}
	b.Set = p.newChangeForm(v, "SetUnit", id, u.Version, map[string]string{"unit_name": u.Name, "unit_short": u.Short, "unit_parent": u.Parent})
	if b.New {
		b.Set.As = "NewUnit"
	} else if u.Closed {
		b.Set.As = "ReopenUnit"
	} else {
		b.Close = p.newChangeForm(v, "CloseUnit", id, u.Version, nil)
		b.Close.keep(failed)
	}
	b.Set.keep(failed)
	if failed.wasStale() {
		b.Stale = v.words.say("office.stale", "what", v.words.unitNow(s, u))
	}
	for _, x := range s.Persons {
		if id != "" && slices.ContainsFunc(x.Duties, func(d view.DutySettings) bool { return d.Unit == id }) {
			b.People = append(b.People, x)
		}
	}
	title := u.Name
	if b.New {
		title = v.words.say("act.NewUnit")
	}
	return p.render(v, statusOf(failed), "officeunit", "office", title, "", b)
}

// unitNow says what a unit is now, for a form that came too late.
func (w words) unitNow(s *view.Settings, u view.UnitSettings) string {
	parent := w.say("office.whole")
	if above, ok := unitIn(s, u.Parent); ok {
		parent = above.Name
	}
	out := strings.Join([]string{u.Name, u.Short, parent}, " · ")
	if u.Closed {
		out += " · " + w.say("office.closed")
	}
	return out
}

// unitChoices are the open units with those above them, for a select.
func unitChoices(s *view.Settings) []view.Named {
	var out []view.Named
	for _, u := range s.Units {
		if !u.Closed {
			out = append(out, view.Named{ID: u.ID, Name: strings.Repeat("– ", u.Depth) + u.Name})
		}
	}
	return out
}

type personsBody struct {
	Tabs  []listTab
	Words string
	Gone  bool // of those who have left
	Lines []personLine
	More  int

	Others []Account // accounts of the agency that are no person of its office
}

type personLine struct {
	view.PersonSettings
	Duties   []string
	Username string
	Disabled bool
}

// personsMost bounds the list: whoever looks for one of many types a name.
const personsMost = 200

func (p *Portal) officePersons(v *visit) error {
	s, err := p.settingsOf(v)
	if err != nil {
		return err
	}
	accounts, err := p.cfg.Accounts.ofOrg(v.ctx(), v.account.Org)
	if err != nil {
		return err
	}
	q := v.r.URL.Query()
	b := personsBody{Tabs: v.officeTabs("persons"), Gone: q.Get("gone") != ""}
	b.Words, _ = cut(cleanText(q.Get("words")), 100)
	plain := func(s string) string { return strings.ToLower(withoutMarks(s)) }
	for _, x := range s.Persons {
		if x.Gone != b.Gone || b.Words != "" && !strings.Contains(plain(x.Name+" "+x.Position+" "+x.ID), plain(b.Words)) {
			continue
		}
		if len(b.Lines) == personsMost {
			b.More++
			continue
		}
		l := personLine{PersonSettings: x, Duties: v.words.duties(s, x.Duties, p.cfg.Node.Now())}
		for _, acc := range accounts {
			if acc.Person == x.ID {
				l.Username, l.Disabled = acc.Username, acc.Disabled
			}
		}
		b.Lines = append(b.Lines, l)
	}
	for _, acc := range accounts {
		if acc.Person == "" && !b.Gone && b.Words == "" {
			b.Others = append(b.Others, acc)
		}
	}
	return p.render(v, 200, "officepersons", "office", v.words.say("office.tab.persons"), p.doneNotice(v), b)
}

// duties says what a person does, from when and until when.
func (w words) duties(s *view.Settings, list []view.DutySettings, now time.Time) []string {
	var out []string
	for _, d := range list {
		line := w.say("duty." + d.Role)
		if d.Unit != "" {
			u, _ := unitIn(s, d.Unit)
			line += ", " + personWords(view.PersonRef{ID: d.Unit, Name: u.Name})
		}
		if d.From.After(now) {
			line += " " + w.say("office.from", "day", day(d.From))
		}
		if !d.Until.IsZero() {
			line += " " + w.say("office.until", "day", lastDayOf(d.Until))
		}
		out = append(out, line)
	}
	return out
}

// personBody is one person, or the form of a new one.
type personBody struct {
	Tabs   []listTab
	New    bool
	Me     bool // it is the reader's own
	Person view.PersonSettings
	Stale  string
	Set    *actForm
	Remove *actForm
	Rows   []dutyRow
	Units  []view.Named
	Roles  []string
	Lines  []delegationLine
	Card   *accountCard // nil: a new person
}

func (p *Portal) officePerson(v *visit) error {
	id := v.r.PathValue("id")
	if id == newItem {
		id = ""
	}
	return p.showPerson(v, id, nil)
}

// emptyRows is how many further lines of duties the form has.
const emptyRows = 2

func (p *Portal) showPerson(v *visit, id string, failed *actFailure) error {
	return p.showPersonWith(v, id, failed, nil)
}

// showPersonWith shows a person with what was said of the account.
func (p *Portal) showPersonWith(v *visit, id string, failed *actFailure, trouble []string) error {
	s, err := p.settingsOf(v)
	if err != nil {
		return err
	}
	x, ok := personIn(s, id)
	if id != "" && !ok {
		return errGone
	}
	now := p.cfg.Node.Now()
	b := personBody{Tabs: v.officeTabs("persons"), New: id == "", Me: id == v.person, Person: x, Units: unitChoices(s), Roles: dutyRoles}
	b.Set = p.newChangeForm(v, "SetPerson", id, x.Version, map[string]string{"person_name": x.Name, "person_position": x.Position})
	for _, d := range x.Duties {
		b.Rows = append(b.Rows, dutyRow{d.Role, d.Unit, typedDayOf(d.From), lastDayOf(d.Until)})
		if u, ok := unitIn(s, d.Unit); ok && u.Closed {
			b.Units = append(b.Units, view.Named{ID: u.ID, Name: u.Name})
		}
	}
	switch {
	case b.New:
		b.Set.As = "NewPerson"
	case x.Gone:
		b.Set.As = "ReturnPerson"
	case !b.Me:
		b.Remove = p.newChangeForm(v, "RemovePerson", id, x.Version, nil)
		b.Remove.keep(failed)
	}
	b.Set.keep(failed)
	if failed != nil && failed.Name == "SetPerson" {
		b.Rows = dutyRowsOf(failed.Values)
	}
	b.Rows = withEmptyRows(b.Rows)
	if failed.wasStale() {
		b.Stale = v.words.say("office.stale", "what", strings.Join(append([]string{personWords(x.PersonRef), x.Position}, v.words.duties(s, x.Duties, now)...), " · "))
	}
	for _, d := range s.Delegations {
		if id != "" && (d.From.ID == id || d.To.ID == id) && delegationState(d, now) != "ended" {
			b.Lines = append(b.Lines, v.words.delegationLine(d, now))
		}
	}
	title, status := personWords(x.PersonRef), statusOf(failed)
	if b.New {
		title = v.words.say("act.NewPerson")
	} else if b.Card, err = p.accountCard(v, s, x, trouble); err != nil {
		return err
	}
	if len(trouble) > 0 {
		status = 422
	}
	return p.render(v, status, "officeperson", "office", title, p.doneNotice(v), b)
}

// withEmptyRows leaves room for further lines, and drops empty ones in between.
func withEmptyRows(rows []dutyRow) []dutyRow {
	rows = slices.DeleteFunc(slices.Clone(rows), func(r dutyRow) bool { return r == dutyRow{} })
	for range emptyRows {
		if len(rows) < dutyRowsMost {
			rows = append(rows, dutyRow{})
		}
	}
	return rows
}
