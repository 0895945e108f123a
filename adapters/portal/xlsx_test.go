package portal

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"
)

// TestWorkbook reads back what was written: words stay words, days are days, and a long table ends at its bound.
func TestWorkbook(t *testing.T) {
	head := sheetHead{Name: "Sổ", Above: []string{"Sở Nội vụ"}, Column: []string{"Số", "Ngày", "Trích yếu"}, Width: []float64{10, 12, 60}}
	var b bytes.Buffer
	nasty := []string{`=HYPERLINK("http://x")`, "+1", "-2", "@SUM(A1)", "＝1", "\t=1", "\u202e=1", "thường", strings.Repeat("dài", 20000)}
	err := writeXLSX(&b, head, func(row func(...any) error) error {
		for i, s := range nasty {
			if err := row(i+1, sheetDay("2026-11-22"), s); err != nil {
				return err
			}
		}
		return nil
	}, func() []string { return []string{"hết"} })
	if err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := f.GetRows("Sổ")
	if err != nil || len(rows) != 2+len(nasty)+1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, s := range nasty {
		row := rows[i+2]
		if row[1] != "22/11/2026" {
			t.Errorf("day is %q", row[1])
		}
		if formula, err := f.GetCellFormula("Sổ", "C"+row[0]); err != nil || formula != "" {
			t.Errorf("%q became the formula %q, %v", s, formula, err)
		}
		if strings.ContainsAny(row[2][:1], "=+-@") {
			t.Errorf("%q stands as %q", s, row[2])
		}
	}
	if last := rows[len(rows)-1]; last[0] != "hết" {
		t.Errorf("last line is %v", last)
	}
}

func TestWorkbookIsBounded(t *testing.T) {
	n := 0
	err := writeXLSX(&bytes.Buffer{}, sheetHead{Name: "a", Column: []string{"n"}}, func(row func(...any) error) error {
		for {
			if err := row(n); err != nil {
				return err
			}
			n++
		}
	}, func() []string { return nil })
	if err != nil || n != exportMost {
		t.Errorf("%d rows, %v", n, err)
	}
}

func TestNoCellIsAFormula(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := plainCell(rapid.String().Draw(t, "s"))
		if s != "" && strings.ContainsAny(string([]rune(s)[:1]), "=+-@\t\r\n") {
			t.Fatalf("cell begins %q", s)
		}
		if plainCell(s) != s && !strings.HasSuffix(s, " …") {
			t.Fatalf("cell changes when it is cleaned again: %q", s)
		}
	})
	if got := sheetCell(time.Time{}, 1, 2); got.Value != nil {
		t.Errorf("no day is %v", got.Value)
	}
}
