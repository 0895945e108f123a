package portal

import (
	"net/http"
	"strings"
	"time"
)

// A sheet is a register as the law lays it out: printed on A4 landscape by the page "sheet", or saved as a spreadsheet.

// sheet of one register. Rows hold text only.
type sheet struct {
	Kind    string // class of the table, for the widths of its columns on paper
	Title   string
	Org     Organisation
	Period  string
	Filters []string
	Columns []sheetColumn
	Rows    [][]string
	Capped  int // more rows than that were left out; -1: none was found as far as the list was read
	At      time.Time
	AsOf    uint64
	Node    string
	Back    string
	XLSX    string
	Forms   []listTab // other forms of the same register
	About   string    // message: which form it follows, "" that of the registers
	Made    string    // message: when and from what it was made, "" that of the registers
}

type sheetColumn struct {
	Title string
	Width float64 // in characters, of the spreadsheet
}

const (
	sheetPrint = 2000 // rows of a printed sheet
	sheetBatch = 500
	// sheetPages is how many pages are read for a sheet: filters that leave next to nothing of much give pages that are short or empty.
	sheetPages = 200
)

// sendXLSX answers with the spreadsheet of a sheet.
func (p *Portal) sendXLSX(v *visit, s *sheet, name string) error {
	head := sheetHead{Name: v.words.say("register.sheet"), Above: []string{s.Org.Name, s.Title, strings.Join(append([]string{s.Period}, s.Filters...), " · ")}}
	for _, c := range s.Columns {
		head.Column, head.Width = append(head.Column, c.Title), append(head.Width, c.Width)
	}
	downloadHeaders(v, typeXLSX, name)
	w := &begun{ResponseWriter: v.w}
	err := writeXLSX(w, head, func(row func(cells ...any) error) error {
		for _, r := range s.Rows {
			cells := make([]any, len(r))
			for i, c := range r {
				cells[i] = c
			}
			if err := row(cells...); err != nil {
				return err
			}
		}
		return nil
	}, func() []string {
		below := []string{v.words.say("print.made", "time", s.At, "node", s.Node, "n", len(s.Rows), "position", s.AsOf)}
		switch {
		case s.Capped < 0:
			below = append(below, v.words.say("print.unread"))
		case s.Capped > 0:
			below = append(below, v.words.say("print.capped", "n", s.Capped))
		}
		return below
	})
	if err != nil && w.yes {
		p.cfg.Log.Error("portal spreadsheet broke off", "account", v.account.ID, "error", err)
		panic(http.ErrAbortHandler) // headers are out
	}
	return err
}

// printRange says which days a sheet covers.
func printRange(w words, from, to string) string {
	switch {
	case from != "" && to != "":
		return w.say("print.period", "from", dateWords(from), "to", dateWords(to))
	case from != "":
		return w.say("print.period.from", "from", dateWords(from))
	case to != "":
		return w.say("print.period.to", "to", dateWords(to))
	}
	return w.say("print.period.all")
}
