package portal

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

const arrivalsPage = 50

// arrivalLists are the tabs of incoming documents: each is a filter of its own.
var arrivalLists = []string{"arrived", "open", "late", "finished", "back", "all"}

// arrivalFilter is what the form asks for, as typed, and what is wrong with it.
type arrivalFilter struct {
	List          string
	Register      string
	Year          string
	Words, Number string
	From, To      string // days of arrival, as typed
	Correspondent string
	TypeName      string
	Unit, Channel string
	Outcome, Days string // of a figure of the statistics
	Charge        string // unit that is or was in charge
	Figure        string // the same in words
	Problems      []string
	Active        int
	Rest          int // of them, those in the part that opens

	query view.IncomingQuery
}

type arrivalsBody struct {
	Filter      arrivalFilter
	Tabs        []listTab
	Office      *officeLists
	TypeNames   []string
	Channels    []string
	Years       []view.Named
	Suggest     []Organisation
	Lines       []arrivalLine
	First, Last int
	Total       string
	Next, Start string
	Print, XLSX string
	Clear       string
	Notice      string
	MayPaper    bool
	Register    bool // the list is the register: it can be printed
}

// arrivalLine is a line of the list.
type arrivalLine struct {
	view.IncomingRow
	Path string
	With string
}

// readArrivals reads the form of the list.
func (p *Portal) readArrivals(v *visit, lists *officeLists) (arrivalFilter, error) {
	q := v.r.URL.Query()
	get := func(name string) string {
		s := strings.TrimSpace(strings.ToValidUTF8(q.Get(name), ""))
		if r := []rune(s); len(r) > 300 {
			s = string(r[:300])
		}
		return s
	}
	f := arrivalFilter{List: get("list"), Register: get("register"), Year: get("year"), Words: get("words"), Number: get("number"), From: get("from"), To: get("to"),
		Correspondent: get("with"), TypeName: get("type"), Unit: get("unit"), Channel: get("channel")}
	if !slices.Contains(arrivalLists, f.List) {
		f.List = "open"
		if f.Words != "" || f.Number != "" {
			f.List = "all"
		}
	}
	f.query = view.IncomingQuery{Staff: p.staffOf(v), Words: f.Words, Number: f.Number, TypeName: f.TypeName, Cursor: q.Get("after"), Limit: arrivalsPage}
	switch f.List {
	case "arrived":
		f.query.State = view.IncomingArrived
	case "open":
		f.query.Open = true
	case "late":
		f.query.Late = true
	case "finished":
		f.query.State = view.IncomingFinished
	case "back":
		f.query.State = view.IncomingRefused
	}
	f.readFigure(v.words, lists, get)
	if slices.ContainsFunc(lists.Registers, func(n view.Named) bool { return n.ID == f.Register }) {
		f.query.Register = f.Register
	}
	if slices.ContainsFunc(lists.Units, func(u view.OfficeUnit) bool { return u.ID == f.Unit }) {
		f.query.Unit = f.Unit
	}
	if f.Channel == "exchange" || slices.Contains(paperChannels, f.Channel) {
		f.query.Channel = f.Channel
	}
	if n, err := strconv.Atoi(f.Year); err == nil && n >= 1900 && n <= 2999 {
		f.query.Year = n
	}
	for _, d := range []struct {
		typed  *string
		picked string
		to     *string
	}{{&f.From, get("from_date"), &f.query.From}, {&f.To, get("to_date"), &f.query.To}} {
		if *d.typed == "" {
			*d.typed = d.picked
		}
		iso, ok := parseDate(*d.typed)
		if !ok {
			f.Problems = append(f.Problems, v.words.say("register.bad.date", "value", *d.typed))
			continue
		}
		*d.to, *d.typed = iso, dateWords(iso)
	}
	if f.query.From != "" && f.query.To != "" && f.query.From > f.query.To {
		f.Problems = append(f.Problems, v.words.say("register.bad.order"))
		f.query.From, f.query.To = "", ""
	}
	if f.Correspondent != "" {
		found, trouble, err := p.correspondent(v, f.Correspondent)
		if err != nil {
			return f, err
		}
		if trouble != "" {
			f.Problems = append(f.Problems, trouble)
		}
		f.query.Correspondent = found.Org
	}
	for _, s := range []string{f.query.Register, f.query.Unit, f.query.Channel, f.Words, f.Number, f.query.From, f.query.To, f.query.Correspondent, f.TypeName, f.Figure} {
		if s != "" {
			f.Active++
		}
	}
	if f.query.Year != 0 {
		f.Active++
	}
	f.Rest = f.Active
	for _, s := range []string{f.Words, f.Number, f.Figure} {
		if s != "" {
			f.Rest--
		}
	}
	return f, nil
}

// address of this list with the filters in use; more overrides single ones.
func (f arrivalFilter) address(path string, more ...string) string {
	pairs := []string{"list", f.List, "register", f.Register, "year", f.Year, "words", f.Words, "number", f.Number, "from", f.From, "to", f.To, "with", f.Correspondent,
		"type", f.TypeName, "unit", f.Unit, "channel", f.Channel, "outcome", f.Outcome, "days", f.Days, "charge", f.Charge}
	return with(path, append(pairs, more...)...)
}

// arrivals is the list of incoming documents and the register.
func (p *Portal) arrivals(v *visit) error {
	lists, err := p.officeOf(v)
	if err != nil {
		return err
	}
	f, err := p.readArrivals(v, lists)
	if err != nil {
		return err
	}
	b := arrivalsBody{Filter: f, Office: lists, TypeNames: documentTypes, Channels: append([]string{"exchange"}, paperChannels...), Years: yearsBack(p.cfg.Node.Now())}
	page, err := p.cfg.OfficeViews.Incoming(v.ctx(), f.query)
	if err != nil && f.query.Cursor != "" && errors.Is(err, view.ErrQuery) {
		f.query.Cursor, b.Notice = "", v.words.say("register.bad.cursor")
		page, err = p.cfg.OfficeViews.Incoming(v.ctx(), f.query)
	}
	if err != nil {
		return err
	}
	if b.Suggest, err = p.cfg.Node.Organisations(v.ctx(), "", 500); err != nil {
		return err
	}
	for _, r := range page.Rows {
		b.Lines = append(b.Lines, arrivalLine{r, "/incoming/" + r.ID, assigneeName(r.InCharge)})
	}
	before := 0
	if f.query.Cursor != "" {
		if before, _ = strconv.Atoi(v.r.URL.Query().Get("n")); before < 0 || before > 1<<30 {
			before = 0
		}
		b.Start = f.address("/incoming")
	}
	b.First, b.Last = before+1, before+len(page.Rows)
	if page.Total >= 0 {
		b.Total = v.words.number(int64(page.Total))
	}
	if page.Next != "" {
		b.Next = f.address("/incoming", "after", page.Next, "n", strconv.Itoa(b.Last))
	}
	for _, l := range arrivalLists {
		b.Tabs = append(b.Tabs, listTab{Label: v.words.say("list." + l), Path: f.address("/incoming", "list", l), Current: l == f.List})
	}
	b.Print, b.XLSX, b.Clear = f.address("/incoming/print"), f.address("/incoming/export"), with("/incoming", "list", f.List)
	b.MayPaper = slices.Contains(lists.roles(v.person), "clerk")
	return p.show(v, "arrivals", "arrivals", v.words.say("register.incoming"), b)
}

// yearsBack are the years that a register can be asked for.
func yearsBack(now time.Time) []view.Named {
	var out []view.Named
	for y := now.In(vietnamTime).Year(); y > now.In(vietnamTime).Year()-8; y-- {
		out = append(out, view.Named{ID: strconv.Itoa(y), Name: strconv.Itoa(y)})
	}
	return out
}
