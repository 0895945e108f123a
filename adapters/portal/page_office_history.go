package portal

import (
	"strconv"
	"strings"

	"github.com/tram-exchange/tram/internal/view"
)

// Who changed what in the office, when, and by which decision.

type historyBody struct {
	Tabs  []listTab
	Lines []historyLine
	Next  string
	Start string
}

type historyLine struct {
	view.OfficeChange
	Who   string
	Items []string
}

const historyRows = 50

func (p *Portal) officeHistory(v *visit) error {
	s, err := p.settingsOf(v)
	if err != nil {
		return err
	}
	b := historyBody{Tabs: v.officeTabs("history")}
	before, _ := strconv.ParseUint(v.r.URL.Query().Get("before"), 10, 64)
	if before > 0 {
		b.Start = "/office/history"
	}
	changes, next, err := p.cfg.Office.History(v.ctx(), v.account.Org, before, historyRows)
	if err != nil {
		return err
	}
	b.Lines = v.words.historyLines(s, changes)
	if next > 0 {
		b.Next = with("/office/history", "before", strconv.FormatUint(next, 10))
	}
	return p.show(v, "officehistory", "office", v.words.say("office.tab.history"), b)
}

// historyLines says changes in words. Names are those of today.
func (w words) historyLines(s *view.Settings, changes []view.OfficeChange) []historyLine {
	var out []historyLine
	for _, c := range changes {
		l := historyLine{OfficeChange: c}
		switch {
		case c.Person.ID != "":
			l.Who = personWords(c.Person)
		case c.By != "":
			l.Who = c.By
		}
		if c.Person.ID == "" {
			l.Who = strings.TrimSpace(l.Who + " (" + w.named("changed.by.", c.ByKind, "changed.by.other") + ")")
		}
		for _, i := range c.Items {
			l.Items = append(l.Items, w.changedItem(s, i))
		}
		if c.More > 0 {
			l.Items = append(l.Items, w.say("changed.more", "n", c.More))
		}
		out = append(out, l)
	}
	return out
}

func (w words) changedItem(s *view.Settings, i view.OfficeChangeItem) string {
	name := strings.TrimSuffix(strings.TrimPrefix(i.Name, "directory."), ".v1")
	what := i.Word
	if what == "" {
		what = settingName(s, i)
	}
	if !w.has("changed." + name) {
		name = "other"
	}
	out := w.say("changed."+name, "what", what, "from", personWords(i.From), "to", personWords(i.To), "start", day(i.Start), "end", lastDayOf(i.End))
	var duties []string
	for _, d := range i.Duties {
		line := w.say("duty." + d.Role)
		if u, ok := unitIn(s, d.Unit); ok {
			line += ", " + u.Name
		}
		if !d.Until.IsZero() {
			line += " " + w.say("office.until", "day", lastDayOf(d.Until))
		}
		duties = append(duties, line)
	}
	if len(duties) > 0 {
		out += " (" + strings.Join(duties, "; ") + ")"
	}
	return out
}

// settingName names a thing as it is called today.
func settingName(s *view.Settings, i view.OfficeChangeItem) string {
	if u, ok := unitIn(s, i.ID); ok && strings.Contains(i.Name, "unit") {
		return u.Name
	}
	if p, ok := personIn(s, i.ID); ok && strings.Contains(i.Name, "person") {
		return personWords(p.PersonRef)
	}
	return i.ID
}
