package portal

import (
	"errors"
	"slices"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// workLine is one line of a list of work, for the part "work-row".
type workLine struct {
	Key       string // of the line, to tell what has changed
	Path      string
	Ask       string // what is to be done
	Number    string
	TypeName  string
	Subject   string
	Party     string
	With      string // who has it
	For       string // in whose place
	Priority  int
	Due       view.Deadline
	State     string
	Since     time.Time
	Version   uint64
	Destroyed string
	Done      bool   // the deadline is that of a thing that is finished
	Above     string // who else is told that it is late
}

// listTab is one of several lists, for the part "tabs".
type listTab struct {
	Label, Path string
	Current     bool
	Counted     bool
	Alarm       bool
	Count       string
	N           int
}

type todayBody struct {
	Lead   string
	Tabs   []listTab
	Box    string
	Groups []workGroup
	Next   string
	Start  string
	None   string
	Others []listTab // lists that hold something while this one is empty
	Admin  bool
	Notice string
}

type workGroup struct {
	Title string
	Lines []workLine
}

var boxes = []view.Box{view.BoxMine, view.BoxUnit, view.BoxLate, view.BoxWatch}

const todayRows = 100

// today is what a person must do now: late and urgent first, grouped by what is to be done.
func (p *Portal) today(v *visit) error {
	if v.person == "" {
		return errGone
	}
	title := v.words.say("home.title", "date", day(p.cfg.Node.Now()))
	lists, err := p.officeOf(v)
	if err != nil {
		return err
	}
	if lists.onlyAdministers(v.person) {
		return p.show(v, "today", "today", title, todayBody{Admin: true})
	}
	q := v.r.URL.Query()
	box := view.Box(q.Get("box"))
	if !slices.Contains(boxes, box) {
		box = view.BoxMine
	}
	counts, err := p.cfg.OfficeViews.WorkCounts(v.ctx(), p.staffOf(v))
	if err != nil {
		return err
	}
	b := todayBody{Box: string(box), None: v.words.say("today.none")}
	name := lists.personName(v.person)
	if name == "" {
		name = v.account.DisplayName
	}
	b.Lead = v.words.say("today.lead", "name", name, "n", counts["mine"])
	if counts["mine"] == 0 {
		b.Lead = v.words.say("today.lead.none", "name", name)
	}
	switch box {
	case view.BoxMine:
		// Whoever is answerable for late work is not done, though nothing waits for his own hand.
		if counts[string(view.BoxLate)] > 0 {
			b.None = v.words.say("today.none.mine")
		}
	case view.BoxUnit:
		b.None = v.words.say("today.none.unit")
	case view.BoxLate:
		b.None = v.words.say("today.none.late")
	case view.BoxWatch:
		b.None = v.words.say("today.none.watch")
	}
	for _, x := range boxes {
		b.Tabs = append(b.Tabs, listTab{Label: v.words.say("box." + string(x)), Path: with("/", "box", string(x)), Current: x == box, Counted: true,
			Alarm: x == view.BoxLate && counts[string(x)] > 0, Count: string(x), N: counts[string(x)]})
	}
	wq := view.WorkQuery{Staff: p.staffOf(v), Box: box, Cursor: q.Get("after"), Limit: todayRows}
	page, err := p.cfg.OfficeViews.Work(v.ctx(), wq)
	if err != nil && wq.Cursor != "" && errors.Is(err, view.ErrQuery) {
		wq.Cursor, b.Notice = "", v.words.say("register.bad.cursor")
		page, err = p.cfg.OfficeViews.Work(v.ctx(), wq)
	}
	if err != nil {
		return err
	}
	b.Groups = p.workGroups(v, page.Rows, box)
	if len(b.Groups) == 0 {
		for _, tab := range b.Tabs {
			if !tab.Current && tab.N > 0 {
				b.Others = append(b.Others, tab)
			}
		}
	}
	if page.Next != "" {
		b.Next = with("/", "box", string(box), "after", page.Next)
	}
	if wq.Cursor != "" {
		b.Start = with("/", "box", string(box))
	}
	return p.show(v, "today", "today", title, b)
}

// workGroups puts lines under what they ask for, in the order of the first line of each; what is late or an express matter stands above all.
func (p *Portal) workGroups(v *visit, items []view.WorkItem, box view.Box) []workGroup {
	var groups []workGroup
	at := map[string]int{}
	for _, w := range items {
		title := v.words.workAsk(w.What)
		if box == view.BoxMine && (w.Due.Late || w.Priority >= 3) {
			title = v.words.say("today.first")
		}
		i, ok := at[title]
		if !ok {
			i = len(groups)
			at[title], groups = i, append(groups, workGroup{Title: title})
		}
		l := p.workLine(v, w, box)
		if l.Ask == title {
			l.Ask = ""
		}
		groups[i].Lines = append(groups[i].Lines, l)
	}
	return groups
}

func (w words) workAsk(what string) string { return w.named("work.", what, "work.other") }

func (p *Portal) workLine(v *visit, w view.WorkItem, box view.Box) workLine {
	l := workLine{Key: w.Target.Kind + "/" + w.Target.ID, Path: targetPath(w.Target), Ask: v.words.workAsk(w.What), Number: w.Number, TypeName: w.TypeName, Subject: w.Subject,
		Party: partyName(w.Party), Priority: w.Priority, Due: w.Due, Since: w.Since, For: w.For.Name, Version: w.Version}
	if l.Subject == "" && w.Copy != "" {
		l.TypeName, l.Subject = v.words.copyTitle(w.Copy), lowerFirst(w.TypeName)
	}
	if box != view.BoxMine {
		l.With = assigneeName(w.To)
	}
	if to := p.cfg.Notices.Escalate.To(-w.Due.Left); box == view.BoxLate && w.Due.Late && to != "" {
		l.Above = v.words.say("work.above." + to)
	}
	return l
}

func partyName(p view.Party) string {
	if p.Name != "" {
		return p.Name
	}
	return p.Code
}

func assigneeName(a view.Assignee) string {
	for _, s := range []string{a.Person.Name, a.Person.ID, a.Unit.Name, a.Unit.ID} {
		if s != "" {
			return s
		}
	}
	return ""
}
