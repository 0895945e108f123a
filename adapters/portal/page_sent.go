package portal

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tram-exchange/tram/internal/view"
)

// Drafts, and the register of outgoing documents.

const sentPage = 50

// The tabs of drafts and of the register: each is a filter of its own.
var (
	draftLists = []string{"mine", "open", "chain", "sentback", "toissue", "cancelled"}
	sentLists  = []string{"issued", "void", "recalled"}
)

// sentFilter is what the form of either list asks for, as typed, and what is wrong with it.
type sentFilter struct {
	Base          string // "/drafts" or "/outgoing"
	List          string
	Series        string
	Year          string
	Words, Number string
	From, To      string // dates of the document, as typed
	Recipient     string
	TypeName      string
	Unit          string
	Problems      []string
	Active        int

	query view.OutgoingQuery
}

type sentBody struct {
	Filter      sentFilter
	Tabs        []listTab
	Office      *officeLists
	TypeNames   []string
	Years       []view.Named
	Suggest     []Organisation
	Lines       []sentLine
	First, Last int
	Total       string
	Next, Start string
	Print, XLSX string
	Clear       string
	Notice      string
	MayDraft    bool
	Register    bool // of what was issued
}

// sentLine is a line of either list.
type sentLine struct {
	view.OutgoingRow
	Path string
}

// readSent reads the form of the list.
func (p *Portal) readSent(v *visit, lists *officeLists, base string) (sentFilter, error) {
	q := v.r.URL.Query()
	get := func(name string) string {
		s, _ := cut(strings.TrimSpace(strings.ToValidUTF8(q.Get(name), "")), 300)
		return s
	}
	f := sentFilter{Base: base, List: get("list"), Series: get("series"), Year: get("year"), Words: get("words"), Number: get("number"), From: get("from"), To: get("to"),
		Recipient: get("with"), TypeName: get("type"), Unit: get("unit")}
	of := sentLists
	if base == "/drafts" {
		of = draftLists
	}
	if !slices.Contains(of, f.List) {
		f.List = of[0]
		if base == "/drafts" && !slices.ContainsFunc(lists.roles(v.person), func(r string) bool { return r == "specialist" || r == "head" }) {
			f.List = "open" // who drafts little looks at what others draft
		}
	}
	f.query = view.OutgoingQuery{Staff: p.staffOf(v), Words: f.Words, Number: f.Number, TypeName: f.TypeName, Cursor: q.Get("after"), Limit: sentPage}
	switch f.List {
	case "mine":
		f.query.Open, f.query.Author = true, v.person
	case "open":
		f.query.Open = true
	case "chain":
		f.query.State = view.OutgoingSubmitted
	case "sentback":
		f.query.State = view.OutgoingSentBack
	case "toissue":
		f.query.State = view.OutgoingSigned
	case "cancelled":
		f.query.State = view.OutgoingCancelled
	case "issued":
		f.query.Issued, f.query.Valid = true, true
	case "void":
		f.query.Issued, f.query.State = true, view.OutgoingCancelled
	case "recalled":
		f.query.State = view.OutgoingRecalled
	}
	if slices.ContainsFunc(lists.Series, func(s view.Series) bool { return s.ID == f.Series }) {
		f.query.Series = f.Series
	}
	if slices.ContainsFunc(lists.Units, func(u view.OfficeUnit) bool { return u.ID == f.Unit }) {
		f.query.Unit = f.Unit
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
		*d.to = iso
	}
	if f.query.From != "" && f.query.To != "" && f.query.From > f.query.To {
		f.Problems = append(f.Problems, v.words.say("register.bad.order"))
		f.query.From, f.query.To = "", ""
	}
	if f.Recipient != "" {
		found, trouble, err := p.correspondent(v, f.Recipient)
		if err != nil {
			return f, err
		}
		if trouble != "" {
			f.Problems = append(f.Problems, trouble)
		}
		f.query.Recipient = found.Org
	}
	for _, s := range []string{f.query.Series, f.query.Unit, f.Words, f.Number, f.query.From, f.query.To, f.query.Recipient, f.TypeName} {
		if s != "" {
			f.Active++
		}
	}
	if f.query.Year != 0 {
		f.Active++
	}
	return f, nil
}

// address of this list with the filters in use; more overrides single ones.
func (f sentFilter) address(path string, more ...string) string {
	pairs := []string{"list", f.List, "series", f.Series, "year", f.Year, "words", f.Words, "number", f.Number, "from", f.From, "to", f.To, "with", f.Recipient,
		"type", f.TypeName, "unit", f.Unit}
	return with(path, append(pairs, more...)...)
}

// drafts lists what is not issued yet.
func (p *Portal) drafts(v *visit) error { return p.sentList(v, "/drafts", "drafts", "nav.drafts") }

// sent is the register of outgoing documents.
func (p *Portal) sent(v *visit) error {
	return p.sentList(v, "/outgoing", "sent", "register.outgoing")
}

func (p *Portal) sentList(v *visit, base, section, title string) error {
	lists, err := p.officeOf(v)
	if err != nil {
		return err
	}
	f, err := p.readSent(v, lists, base)
	if err != nil {
		return err
	}
	b := sentBody{Filter: f, Office: lists, TypeNames: documentTypes, Years: yearsBack(p.cfg.Node.Now()), Register: base == "/outgoing", MayDraft: lists.drafts(v.person)}
	page, err := p.cfg.OfficeViews.Outgoing(v.ctx(), f.query)
	if err != nil && f.query.Cursor != "" && errors.Is(err, view.ErrQuery) {
		f.query.Cursor, b.Notice = "", v.words.say("register.bad.cursor")
		page, err = p.cfg.OfficeViews.Outgoing(v.ctx(), f.query)
	}
	if err != nil {
		return err
	}
	if b.Suggest, err = p.cfg.Node.Organisations(v.ctx(), "", 500); err != nil {
		return err
	}
	for _, r := range page.Rows {
		if r.Copy != "" && r.Subject == "" && r.Destroyed == "" {
			r.TypeName, r.Subject = v.words.copyTitle(r.Copy), lowerFirst(r.TypeName)
		}
		b.Lines = append(b.Lines, sentLine{r, "/outgoing/" + r.ID})
	}
	before := 0
	if f.query.Cursor != "" {
		if before, _ = strconv.Atoi(v.r.URL.Query().Get("n")); before < 0 || before > 1<<30 {
			before = 0
		}
		b.Start = f.address(base)
	}
	b.First, b.Last, b.Total = before+1, before+len(page.Rows), p.totalOf(v, page.Total)
	if page.Next != "" {
		b.Next = f.address(base, "after", page.Next, "n", strconv.Itoa(b.Last))
	}
	of := sentLists
	if !b.Register {
		of = draftLists
	}
	for _, l := range of {
		b.Tabs = append(b.Tabs, listTab{Label: v.words.say("sent.list." + l), Path: f.address(base, "list", l), Current: l == f.List})
	}
	b.Clear = with(base, "list", f.List)
	if b.Register {
		b.Print, b.XLSX = f.address("/outgoing/print"), f.address("/outgoing/export")
	}
	return p.render(v, 200, "sent", section, v.words.say(title), p.doneNotice(v), b)
}

// drafts says whether the person makes documents.
func (l *officeLists) drafts(person string) bool {
	return slices.ContainsFunc(l.roles(person), func(r string) bool { return slices.Contains([]string{"specialist", "head", "clerk", "leader"}, r) })
}

func (p *Portal) printSent(v *visit) error {
	s, err := p.sentSheet(v, sheetPrint)
	if err != nil {
		return err
	}
	return p.show(v, "sheet", "sent", s.Title, s)
}

func (p *Portal) exportSent(v *visit) error {
	s, err := p.sentSheet(v, exportMost)
	if err != nil {
		return err
	}
	return p.sendXLSX(v, s, fmt.Sprintf("so-van-ban-di-%s.xlsx", s.At.In(vietnamTime).Format("20060102")))
}

// sentSheet is the register of outgoing documents of Decree 30/2020 Appendix IV, in the order of numbers. A number that is void stays in
// it, with the reason: no number may be missing.
func (p *Portal) sentSheet(v *visit, most int) (*sheet, error) {
	lists, err := p.officeOf(v)
	if err != nil {
		return nil, err
	}
	f, err := p.readSent(v, lists, "/outgoing")
	if err != nil {
		return nil, err
	}
	if f.List == "issued" {
		f.query.Valid = false
	}
	s := &sheet{Kind: "outgoing", Title: v.words.say("print.title.outgoing"), Org: v.org, Period: printRange(v.words, f.query.From, f.query.To), At: p.cfg.Node.Now(), Node: p.cfg.Name,
		Back: f.address("/outgoing"), XLSX: f.address("/outgoing/export")}
	for i, w := range []float64{18, 12, 50, 24, 40, 26, 9, 12, 14, 26} {
		s.Columns = append(s.Columns, sheetColumn{v.words.say("print.out." + strconv.Itoa(i+1)), w})
	}
	series := ""
	for _, x := range lists.Series {
		if x.ID == f.query.Series {
			series = x.Name
		}
	}
	for _, text := range []string{series, f.Year, f.Words, f.Number, f.Recipient, f.TypeName, lists.unitName(f.query.Unit)} {
		if text != "" {
			s.Filters = append(s.Filters, text)
		}
	}
	f.query.Cursor, f.query.Limit = "", sheetBatch
	for pages := 1; ; pages++ {
		page, err := p.cfg.OfficeViews.Outgoing(v.ctx(), f.query)
		if err != nil {
			return nil, err
		}
		s.AsOf = page.AsOf
		for _, r := range page.Rows {
			s.Rows = append(s.Rows, sentCells(v.words, lists, r))
		}
		if page.Next == "" {
			break
		}
		if len(s.Rows) >= most || pages == sheetPages {
			s.Rows = s.Rows[:min(most, len(s.Rows))]
			s.Capped = cmp.Or(len(s.Rows), -1)
			break
		}
		f.query.Cursor = page.Next
	}
	slices.Reverse(s.Rows) // the views give the latest first
	return s, nil
}

// sentCells are the ten columns of one entry.
func sentCells(w words, lists *officeLists, r view.OutgoingRow) []string {
	subject, kind := r.Subject, r.TypeName
	if r.Destroyed != "" {
		subject, kind = w.say("error.destroyed", "decision", r.Destroyed), ""
	}
	if kind != "" && !strings.HasPrefix(strings.ToLower(subject), strings.ToLower(kind)) {
		subject = kind + ": " + subject
	}
	var to []string
	for _, party := range r.To {
		to = append(to, partyName(party))
	}
	copies, sent, signed := "", "", ""
	if r.Copies > 0 {
		copies = strconv.Itoa(r.Copies)
	}
	if !r.IssuedAt.IsZero() {
		sent = day(r.IssuedAt)
	}
	if len(r.To) > 0 && r.Received > 0 {
		signed = fmt.Sprintf("%d/%d", r.Received, len(r.To))
	}
	note := r.Void
	if note != "" {
		note = w.say("sent.void", "reason", note)
	} else if r.Relation != "" {
		note = w.say("draft.relation." + r.Relation)
	} else if r.Copy != "" {
		note = w.copyTitle(r.Copy)
	}
	return []string{r.Number, dateWords(r.Date), subject, r.Signer.Name, strings.Join(append(to, r.ToPlaces...), "; "), lists.keeper(r.KeptBy), copies, sent, signed, note}
}

// keeper is the unit or person that keeps the file copy, by name.
func (l *officeLists) keeper(id string) string {
	if name := l.unitName(id); name != "" {
		return name
	}
	if name := l.personName(id); name != "" {
		return name
	}
	return id
}
