package portal

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tram-exchange/tram/internal/view"
)

// The two registers of incoming documents of Decree 30/2020 Appendix IV: that of registration and that by which work is followed.

func (p *Portal) printArrivals(v *visit) error {
	s, err := p.arrivalsSheet(v, sheetPrint)
	if err != nil {
		return err
	}
	return p.show(v, "sheet", "arrivals", s.Title, s)
}

func (p *Portal) exportArrivals(v *visit) error {
	s, err := p.arrivalsSheet(v, exportMost)
	if err != nil {
		return err
	}
	return p.sendXLSX(v, s, fmt.Sprintf("so-van-ban-den-%s.xlsx", s.At.In(vietnamTime).Format("20060102")))
}

// arrivalsSheet gathers the sheet with the filters of the list, in the order of its numbers. What has no arrival number is not in a register.
func (p *Portal) arrivalsSheet(v *visit, most int) (*sheet, error) {
	lists, err := p.officeOf(v)
	if err != nil {
		return nil, err
	}
	f, err := p.readArrivals(v, lists)
	if err != nil {
		return nil, err
	}
	form := "in"
	if v.r.URL.Query().Get("form") == "follow" {
		form = "follow"
	}
	s := &sheet{Kind: "incoming", Title: v.words.say("print.title.incoming"), Org: v.org, Period: printRange(v.words, f.query.From, f.query.To), At: p.cfg.Node.Now(), Node: p.cfg.Name,
		Back: f.address("/incoming"), XLSX: f.address("/incoming/export", "form", form)}
	widths := []float64{12, 9, 28, 20, 12, 50, 26, 12, 12, 20}
	if form == "follow" {
		s.Kind, s.Title, widths = "follow", v.words.say("print.title.follow"), []float64{9, 60, 26, 14, 22, 20, 20}
	}
	for i, w := range widths {
		s.Columns = append(s.Columns, sheetColumn{v.words.say("print." + form + "." + strconv.Itoa(i+1)), w})
	}
	for _, x := range []string{"in", "follow"} {
		s.Forms = append(s.Forms, listTab{Label: v.words.say("print.form." + x), Path: f.address("/incoming/print", "form", x), Current: x == form})
	}
	for _, text := range []string{f.Words, f.Number, f.Correspondent, f.TypeName, lists.unitName(f.query.Unit)} {
		if text != "" {
			s.Filters = append(s.Filters, text)
		}
	}
	for _, r := range lists.Registers {
		if r.ID == f.query.Register {
			s.Filters = append(s.Filters, r.Name)
		}
	}
	var rows []view.IncomingRow
	f.query.Cursor, f.query.Limit = "", sheetBatch
	for pages := 1; ; pages++ {
		page, err := p.cfg.OfficeViews.Incoming(v.ctx(), f.query)
		if err != nil {
			return nil, err
		}
		s.AsOf = page.AsOf
		for _, r := range page.Rows {
			if r.ArrivalNumber > 0 {
				rows = append(rows, r)
			}
		}
		if page.Next == "" {
			break
		}
		if len(rows) >= most || pages == sheetPages {
			rows = rows[:min(most, len(rows))]
			s.Capped = cmp.Or(len(rows), -1)
			break
		}
		f.query.Cursor = page.Next
	}
	slices.SortStableFunc(rows, func(a, b view.IncomingRow) int {
		return cmp.Or(cmp.Compare(a.Year, b.Year), cmp.Compare(a.Register, b.Register), cmp.Compare(a.ArrivalNumber, b.ArrivalNumber))
	})
	for _, r := range rows {
		s.Rows = append(s.Rows, arrivalCells(v.words, r, form))
	}
	return s, nil
}

// arrivalCells are the columns of one entry. What no event has set stays empty.
func arrivalCells(w words, r view.IncomingRow, form string) []string {
	subject, kind, author := r.Subject, r.TypeName, partyName(r.From)
	if r.Destroyed != "" {
		subject, kind = w.say("error.destroyed", "decision", r.Destroyed), ""
	}
	if kind != "" && !strings.HasPrefix(strings.ToLower(subject), strings.ToLower(kind)) {
		subject = kind + ": " + subject
	}
	number, handler := strconv.Itoa(r.ArrivalNumber), assigneeName(r.InCharge)
	if form == "follow" {
		progress := w.workState(r.State)
		if r.Due.Late {
			progress += ", " + lowerFirst(w.dueWords(r.Due))
		}
		return []string{number, strings.Join(slices.DeleteFunc([]string{subject, r.Number, dateWords(r.Date), author}, func(s string) bool { return s == "" }), "; "), handler,
			dateWords(r.Due.Day), progress, r.Reply, r.Note}
	}
	passed := ""
	if !r.PassedAt.IsZero() {
		passed = day(r.PassedAt)
	}
	return []string{day(r.ArrivedAt), number, author, r.Number, dateWords(r.Date), subject, handler, passed, "", r.Note}
}

func (l *officeLists) unitName(id string) string {
	for _, u := range l.Units {
		if u.ID == id {
			return u.Name
		}
	}
	return ""
}
