package portal

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
)

// Tables to save as XLSX: rows are written as they are read, and no text becomes a formula.

// exportMost is how many rows a workbook holds at most. Below it the whole workbook stays in memory: no word of it is written to disk.
const exportMost = 20000

// sheetHead is what stands above and around the rows of a workbook.
type sheetHead struct {
	Name   string   // of the sheet
	Above  []string // lines over the table: agency, title, period
	Column []string
	Width  []float64 // of each column, in letters
}

// errExportFull ends a table that is too long; what was written so far is whole.
var errExportFull = errors.New("couldn't write more rows: the workbook is full")

// writeXLSX writes one table. rows calls its argument for each row, with strings, ints, and days as time.Time, and hands on what that
// returns; last is called when all rows are there and gives lines to stand below.
func writeXLSX(w io.Writer, h sheetHead, rows func(row func(cells ...any) error) error, last func() []string) (err error) {
	f := excelize.NewFile()
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.SetSheetName("Sheet1", h.Name); err != nil {
		return fmt.Errorf("couldn't name sheet: %w", err)
	}
	bold, wrap, date, err := sheetStyles(f)
	if err != nil {
		return err
	}
	s, err := f.NewStreamWriter(h.Name)
	if err != nil {
		return fmt.Errorf("couldn't begin sheet: %w", err)
	}
	for i, width := range h.Width {
		if err := s.SetColWidth(i+1, i+1, width); err != nil {
			return fmt.Errorf("couldn't set width of column %d: %w", i+1, err)
		}
	}
	if err := s.SetPanes(&excelize.Panes{Freeze: true, YSplit: len(h.Above) + 1, TopLeftCell: fmt.Sprintf("A%d", len(h.Above)+2), ActivePane: "bottomLeft"}); err != nil {
		return fmt.Errorf("couldn't fix head of sheet: %w", err)
	}
	line, table := 0, 0
	put := func(style int, cells ...any) error {
		line++
		out := make([]any, len(cells))
		for i, c := range cells {
			out[i] = sheetCell(c, style, date)
		}
		if err := s.SetRow(fmt.Sprintf("A%d", line), out); err != nil {
			return fmt.Errorf("couldn't write row %d: %w", line, err)
		}
		return nil
	}
	for _, text := range h.Above {
		if err := put(bold, text); err != nil {
			return err
		}
	}
	heads := make([]any, len(h.Column))
	for i, c := range h.Column {
		heads[i] = c
	}
	if err := put(bold, heads...); err != nil {
		return err
	}
	err = rows(func(cells ...any) error {
		if table++; table > exportMost {
			return errExportFull
		}
		return put(wrap, cells...)
	})
	if err != nil && !errors.Is(err, errExportFull) {
		return err
	}
	for _, text := range last() {
		if err := put(0, text); err != nil {
			return err
		}
	}
	if err := s.Flush(); err != nil {
		return fmt.Errorf("couldn't end sheet: %w", err)
	}
	if err := f.Write(w); err != nil {
		return fmt.Errorf("couldn't write workbook: %w", err)
	}
	return nil
}

func sheetStyles(f *excelize.File) (bold, wrap, date int, err error) {
	format := "dd/mm/yyyy"
	for _, s := range []struct {
		to    *int
		style excelize.Style
	}{
		{&bold, excelize.Style{Font: &excelize.Font{Bold: true}, Alignment: &excelize.Alignment{Vertical: "top"}}},
		{&wrap, excelize.Style{Alignment: &excelize.Alignment{WrapText: true, Vertical: "top"}}},
		{&date, excelize.Style{CustomNumFmt: &format, Alignment: &excelize.Alignment{Vertical: "top", Horizontal: "left"}}},
	} {
		if *s.to, err = f.NewStyle(&s.style); err != nil {
			return 0, 0, 0, fmt.Errorf("couldn't make style: %w", err)
		}
	}
	return bold, wrap, date, nil
}

func sheetCell(v any, style, date int) excelize.Cell {
	switch v := v.(type) {
	case time.Time:
		if v.IsZero() {
			return excelize.Cell{}
		}
		y, m, d := v.In(vietnamTime).Date() // a workbook knows no zones
		return excelize.Cell{StyleID: date, Value: time.Date(y, m, d, 0, 0, 0, 0, time.UTC)}
	case int:
		return excelize.Cell{StyleID: style, Value: v}
	}
	return excelize.Cell{StyleID: style, Value: plainCell(fmt.Sprint(v))}
}

// plainCell keeps text from becoming a formula, here or in whatever the table is saved as later: what begins like one gets an
// apostrophe. Control signs and directions are dropped.
func plainCell(s string) string {
	s = cleanCell(s)
	first, _ := utf8.DecodeRuneInString(s)
	if s != "" && strings.ContainsRune("=+-@＝＋－＠", first) {
		s = "'" + s
	}
	const most = 32000 // a cell holds 32,767 UTF-16 units
	if head, more := cut(s, most/2); more {
		return head + " …"
	}
	return s
}

func cleanCell(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r != '\n' && (r < 0x20 || r == 0x7f || isBidiControl(r) || r == 0xFFFE || r == 0xFFFF) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "")))
}

// sheetDay is a yyyy-MM-dd of the record as a day of a workbook.
func sheetDay(iso string) time.Time {
	t, err := time.ParseInLocation(time.DateOnly, iso, vietnamTime)
	if err != nil {
		return time.Time{}
	}
	return t
}

const typeXLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
