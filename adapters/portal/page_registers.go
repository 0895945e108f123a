package portal

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

const (
	registerPage = 50
	printMost    = 2000 // rows of one printed register
	printBatch   = 500
)

// statesOf a register that can be filtered by, in the order of a document's life.
var statesOf = map[view.Direction][]string{
	view.Incoming: {view.StateWaiting, view.StateTaken, view.StateAcknowledged, view.StateWithdrawn, view.StateRecalled},
	view.Outgoing: {view.StateWaiting, view.StateTaken, view.StateAcknowledged, view.StateForwarded, view.StateQueued, view.StateFailed, view.StateWithdrawn, view.StateRecalled},
}

// filter is what the form of a register asks for, as typed, and what is wrong with it.
type filter struct {
	Org           string // auditor: whose register
	Words         string
	Number        string
	From, To      string // as typed
	Correspondent string // as typed
	TypeName      string
	State         string
	At            string // as of when, "" now
	Problems      []string
	Active        int // filters in use

	query view.RegisterQuery
}

// registerBody is the page of one register.
type registerBody struct {
	Direction   view.Direction
	Org         Organisation
	Filter      filter
	States      []string
	TypeNames   []string
	Suggest     []Organisation // correspondents
	Page        view.Page[view.RegisterRow]
	First, Last int
	Total       string // "" when not counted
	Next        string // address of the next page
	Start       string // address of the first page, "" on it
	Print       string
	Clear       string
	Chips       []chip
	Notice      string
	Past        pastControl
}

type chip struct {
	Label, Path string
	Current     bool
}

// whose finds the agency whose register is asked for. A clerk has one; an auditor picks among those the right covers.
func (p *Portal) whose(v *visit, asked string) (Organisation, error) {
	if v.role() != RoleAuditor {
		return v.org, nil
	}
	if v.right == nil || asked == "" || !v.right.All && !slices.Contains(v.right.Orgs, asked) {
		return Organisation{}, view.ErrNotFound
	}
	o, err := p.cfg.Node.Organisation(v.ctx(), asked)
	if err != nil {
		return Organisation{}, err
	}
	return o, nil
}

// readFilter reads the form. What cannot be understood is said on the page and not used.
func (p *Portal) readFilter(v *visit, direction view.Direction) (filter, Organisation, error) {
	q := v.r.URL.Query()
	get := func(name string) string {
		s := strings.TrimSpace(strings.ToValidUTF8(q.Get(name), ""))
		if r := []rune(s); len(r) > 300 {
			s = string(r[:300])
		}
		return s
	}
	f := filter{Words: get("words"), Number: get("number"), From: get("from"), To: get("to"), Correspondent: get("with"),
		TypeName: get("type"), State: get("state")}
	if v.role() == RoleAuditor {
		f.Org = get("org")
	}
	org, err := p.whose(v, f.Org)
	if err != nil {
		return f, org, err
	}
	f.query = view.RegisterQuery{Reader: p.reader(v), Org: org.Org, Direction: direction, Words: f.Words, Number: f.Number,
		TypeName: f.TypeName, Cursor: q.Get("after"), Limit: registerPage}
	for _, d := range []struct {
		typed  *string
		picked string
		to     *string
	}{{&f.From, get("from_date"), &f.query.From}, {&f.To, get("to_date"), &f.query.To}} {
		if *d.typed == "" {
			*d.typed = d.picked
		}
		date, ok := parseDate(*d.typed)
		if !ok {
			f.Problems = append(f.Problems, v.words.say("register.bad.date", "value", *d.typed))
			continue
		}
		*d.to, *d.typed = date, dateWords(date)
	}
	if f.query.From != "" && f.query.To != "" && f.query.From > f.query.To {
		f.Problems = append(f.Problems, v.words.say("register.bad.order"))
		f.query.From, f.query.To = "", ""
	}
	if slices.Contains(statesOf[direction], f.State) {
		f.query.State = f.State
	} else {
		f.State = ""
	}
	if f.Correspondent != "" {
		found, trouble, err := p.correspondent(v, f.Correspondent)
		if err != nil {
			return f, org, err
		}
		if trouble != "" {
			f.Problems = append(f.Problems, trouble)
		}
		f.query.Correspondent = found.Org
	}
	for _, s := range []string{f.Words, f.Number, f.query.From, f.query.To, f.query.Correspondent, f.TypeName} {
		if s != "" {
			f.Active++
		}
	}
	return f, org, nil
}

// correspondent understands "Name (code)" as the suggestions write it, a code, or the name when only one matches.
func (p *Portal) correspondent(v *visit, typed string) (Organisation, string, error) {
	text := typed
	if open := strings.LastIndex(text, "("); open >= 0 && strings.HasSuffix(text, ")") {
		text = text[open+1 : len(text)-1]
	}
	found, err := p.cfg.Node.Organisations(v.ctx(), text, 20)
	if err != nil {
		return Organisation{}, "", err
	}
	for _, o := range found {
		if strings.EqualFold(o.Code, text) || strings.EqualFold(o.Name, typed) || strings.EqualFold(o.Org, text) {
			return o, "", nil
		}
	}
	switch len(found) {
	case 0:
		return Organisation{}, v.words.say("register.bad.org", "value", typed), nil
	case 1:
		return found[0], "", nil
	}
	return Organisation{}, v.words.say("register.bad.org.many", "value", typed), nil
}

// address of this register with the filters in use; more overrides single ones.
func (f filter) address(direction view.Direction, tail string, more ...string) string {
	pairs := []string{"org", f.Org, "words", f.Words, "number", f.Number, "from", f.From, "to", f.To, "with", f.Correspondent,
		"type", f.TypeName, "state", f.State, "at", f.At}
	return with("/registers/"+string(direction)+tail, append(pairs, more...)...)
}

func directionOf(v *visit) (view.Direction, error) {
	d := view.Direction(v.r.PathValue("direction"))
	if d != view.Incoming && d != view.Outgoing {
		return "", errGone
	}
	return d, nil
}

func (p *Portal) register(v *visit) error {
	direction, err := directionOf(v)
	if err != nil {
		return err
	}
	f, org, err := p.readFilter(v, direction)
	if err != nil {
		return err
	}
	section, title := string(direction), v.words.say("register."+string(direction))
	past := p.readPast(v, "/registers/"+section)
	f.At = past.At
	b := registerBody{Direction: direction, Org: org, Filter: f, States: statesOf[direction], TypeNames: documentTypes}
	views, done, err := p.viewsAt(v, &past)
	if err != nil {
		return p.pastTrouble(v, past, section, title, err)
	}
	defer done()
	b.Past = past
	b.Page, err = views.Register(v.ctx(), f.query)
	if err != nil && f.query.Cursor != "" && !errors.Is(err, view.ErrNotFound) && v.ctx().Err() == nil {
		f.query.Cursor = "" // a cursor from an older view, or made up: begin again and say so
		b.Notice = v.words.say("register.bad.cursor")
		b.Page, err = views.Register(v.ctx(), f.query)
	}
	if err != nil {
		return err
	}
	if b.Suggest, err = p.cfg.Node.Organisations(v.ctx(), "", 500); err != nil {
		return err
	}
	before := 0
	if f.query.Cursor != "" {
		if before, _ = strconv.Atoi(v.r.URL.Query().Get("n")); before < 0 || before > 1<<30 {
			before = 0
		}
		b.Start = f.address(direction, "")
	}
	b.First, b.Last = before+1, before+len(b.Page.Rows)
	if b.Page.Total >= 0 {
		b.Total = v.words.number(int64(b.Page.Total))
	}
	if b.Page.Next != "" {
		b.Next = f.address(direction, "", "after", b.Page.Next, "n", strconv.Itoa(b.Last))
	}
	b.Print = f.address(direction, "/print")
	b.Clear = with("/registers/"+section, "org", f.Org, "at", f.At)
	b.Chips = append(b.Chips, chip{v.words.say("register.all"), f.address(direction, "", "state", ""), f.State == ""})
	for _, s := range b.States {
		b.Chips = append(b.Chips, chip{v.words.say("state." + s), f.address(direction, "", "state", s), f.State == s})
	}
	return p.show(v, "register", section, title, b)
}

type printBody struct {
	Direction view.Direction
	Org       Organisation
	Rows      []view.RegisterRow
	Columns   []string // message keys, in the legal order
	Period    string
	Filters   []string
	Capped    int // see sheet
	At        time.Time
	AsOf      uint64
	Node      string
	Back      string
	Problems  []string
	Past      pastControl
}

// printRegister lays the register out as the law has it: ten columns, oldest first, on A4 landscape.
func (p *Portal) printRegister(v *visit) error {
	direction, err := directionOf(v)
	if err != nil {
		return err
	}
	f, org, err := p.readFilter(v, direction)
	if err != nil {
		return err
	}
	section, title := string(direction), v.words.say("print.title."+string(direction))
	past := p.readPast(v, "/registers/"+section+"/print")
	f.At = past.At
	views, done, err := p.viewsAt(v, &past)
	if err != nil {
		return p.pastTrouble(v, past, section, title, err)
	}
	defer done()
	b := printBody{Past: past, Direction: direction, Org: org, Node: p.cfg.Name, Back: f.address(direction, ""), Problems: f.Problems, At: f.query.Reader.Now}
	f.query.Cursor, f.query.Limit = "", printBatch
	for pages := 1; ; pages++ {
		page, err := views.Register(v.ctx(), f.query)
		if err != nil {
			return err
		}
		b.Rows, b.AsOf = append(b.Rows, page.Rows...), page.AsOf
		if page.Next == "" {
			break
		}
		if len(b.Rows) >= printMost || pages == sheetPages {
			b.Rows = b.Rows[:min(printMost, len(b.Rows))]
			b.Capped = cmp.Or(len(b.Rows), -1)
			break
		}
		f.query.Cursor = page.Next
	}
	slices.Reverse(b.Rows) // the views give the latest first
	short := "out"
	if direction == view.Incoming {
		short = "in"
	}
	for i := 1; i <= 10; i++ {
		b.Columns = append(b.Columns, "print."+short+"."+strconv.Itoa(i))
	}
	switch {
	case f.query.From != "" && f.query.To != "":
		b.Period = v.words.say("print.period", "from", f.From, "to", f.To)
	case f.query.From != "":
		b.Period = v.words.say("print.period.from", "from", f.From)
	case f.query.To != "":
		b.Period = v.words.say("print.period.to", "to", f.To)
	default:
		b.Period = v.words.say("print.period.all")
	}
	for _, s := range []string{f.Words, f.Number, f.Correspondent, f.TypeName} {
		if s != "" {
			b.Filters = append(b.Filters, s)
		}
	}
	if f.State != "" {
		b.Filters = append(b.Filters, v.words.say("state."+f.State))
	}
	return p.show(v, "print", section, title, b)
}

type searchBody struct {
	Query    string
	Meaning  string // message key: how the text was understood
	Sections []searchSection
}

type searchSection struct {
	Direction view.Direction
	Page      view.Page[view.RegisterRow]
	More      string
}

const searchRows = 10

// search looks in both registers at once: a date, a number in part, or words.
func (p *Portal) search(v *visit) error {
	text := strings.TrimSpace(strings.ToValidUTF8(v.r.URL.Query().Get("q"), ""))
	if r := []rune(text); len(r) > 300 {
		text = string(r[:300])
	}
	b := searchBody{Query: text}
	switch v.role() {
	case RoleAuditor:
		return p.find(v)
	case RoleStaff:
		return p.staffSearch(v, text)
	}
	if text != "" {
		var pairs []string
		b.Meaning, pairs = understand(text)
		for _, direction := range []view.Direction{view.Incoming, view.Outgoing} {
			q := view.RegisterQuery{Reader: p.reader(v), Org: v.org.Org, Direction: direction, Limit: searchRows}
			switch b.Meaning {
			case "search.as.date":
				q.From, q.To = pairs[1], pairs[3]
			case "search.as.number":
				q.Number = text
			default:
				q.Words = text
			}
			page, err := p.cfg.Views.Register(v.ctx(), q)
			if err != nil {
				return err
			}
			b.Sections = append(b.Sections, searchSection{direction, page, with("/registers/"+string(direction), pairs...)})
		}
	}
	return p.show(v, "search", "search", v.words.say("search.title"), b)
}

// understand tells what a person means who types into one box. It also gives the register's filter for it.
func understand(text string) (key string, pairs []string) {
	if date, ok := parseDate(text); ok && len(text) >= 8 {
		return "search.as.date", []string{"from", date, "to", date}
	}
	if !strings.ContainsAny(text, " \t") && (strings.Contains(text, "/") || strings.Trim(text, "0123456789") == "" || strings.Contains(text, "-") && strings.ContainsAny(text, "0123456789")) {
		return "search.as.number", []string{"number", text}
	}
	return "search.as.words", []string{"words", text}
}

type notTakenBody struct {
	At     time.Time
	Rows   []view.Pending
	Capped bool
	Most   int
}

// pendingMost is one less than the views give at once, so that "and more" can be told.
const pendingMost = 499

func (p *Portal) notTaken(v *visit) error {
	org, err := p.whose(v, v.r.URL.Query().Get("org"))
	if err != nil {
		return err
	}
	rows, err := p.cfg.Views.NotTaken(v.ctx(), p.reader(v), org.Org, pendingMost+1)
	if err != nil {
		return err
	}
	b := notTakenBody{At: p.cfg.Node.Now(), Rows: rows, Most: pendingMost}
	if len(rows) > pendingMost {
		b.Rows, b.Capped = rows[:pendingMost], true
	}
	return p.show(v, "nottaken", "nottaken", v.words.say("nottaken.title"), b)
}

// documentTypes are the kinds of document of Decree 30/2020 Article 7 as the filter offers them; the filter takes any.
var documentTypes = []string{"Nghị quyết", "Quyết định", "Chỉ thị", "Quy chế", "Quy định", "Thông cáo", "Thông báo", "Hướng dẫn",
	"Chương trình", "Kế hoạch", "Phương án", "Đề án", "Dự án", "Báo cáo", "Biên bản", "Tờ trình", "Hợp đồng", "Công văn", "Công điện",
	"Bản ghi nhớ", "Bản thỏa thuận", "Giấy ủy quyền", "Giấy mời", "Giấy giới thiệu", "Giấy nghỉ phép", "Phiếu gửi", "Phiếu chuyển",
	"Phiếu báo", "Thư công"}
