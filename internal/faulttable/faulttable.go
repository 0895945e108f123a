// Package faulttable holds what tests see of faults against the tables of docs/faults.md. Only tests import it.
package faulttable

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Table is one table of the page: the first column names an operation, each of the columns after it a way in which it fails. A cell is the
// set of outcomes that may come, with commas between.
type Table struct {
	columns []string
	rows    map[string][]string
	seen    map[string][]map[string]bool
}

// Read finds the table under a heading of the page, whose columns after the first begin with these.
func Read(t testing.TB, section string, columns ...string) *Table {
	t.Helper()
	b, err := os.ReadFile(page(t))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "\n## "+section+"\n")
	if !ok {
		t.Fatalf("docs/faults.md has no section %q", section)
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	f := &Table{columns: columns, rows: map[string][]string{}, seen: map[string][]map[string]bool{}}
	heading := ""
	for _, line := range regexp.MustCompile(`(?m)^\|.*\|$`).FindAllString(rest, -1) {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		switch {
		case heading == "":
			heading = line
			if len(cells) <= len(columns) || !slices.Equal(cells[1:len(columns)+1], columns) {
				t.Fatalf("docs/faults.md, %q: columns %q, expected %q", section, cells, columns)
			}
		case strings.HasPrefix(cells[0], "---") || strings.HasPrefix(line, "|---"):
		case len(cells) <= len(columns):
			t.Fatalf("docs/faults.md, %q: a row without all columns: %s", section, line)
		default:
			f.rows[cells[0]] = cells[1 : len(columns)+1]
		}
	}
	return f
}

// page is docs/faults.md of the module that the test is in.
func page(t testing.TB) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
	}
	return filepath.Join(dir, "docs", "faults.md")
}

// Saw notes what came of an operation that failed in the way of a column, counted from 0.
func (f *Table) Saw(operation string, column int, outcome string) {
	if f.seen[operation] == nil {
		f.seen[operation] = make([]map[string]bool, len(f.columns))
		for i := range f.columns {
			f.seen[operation][i] = map[string]bool{}
		}
	}
	f.seen[operation][column][outcome] = true
}

// Compare gives what the page and the tests do not agree on: an operation that it does not name, one that never came, another outcome. What
// may come and did not this time is logged only.
func (f *Table) Compare(t testing.TB) {
	t.Helper()
	for _, s := range f.differences() {
		t.Error(s)
	}
	for name, row := range f.rows {
		for i, cell := range row {
			for what := range strings.SplitSeq(cell, ", ") {
				if f.seen[name] != nil && !f.seen[name][i][what] {
					t.Logf("%s, %s: %s did not come this time", name, f.columns[i], what)
				}
			}
		}
	}
}

func (f *Table) differences() (out []string) {
	for _, name := range slices.Sorted(maps.Keys(f.seen)) {
		row, ok := f.rows[name]
		if !ok {
			out = append(out, fmt.Sprintf("docs/faults.md does not name the %s: %v", name, f.seen[name]))
			continue
		}
		for i, seen := range f.seen[name] {
			for _, what := range slices.Sorted(maps.Keys(seen)) {
				if !slices.Contains(strings.Split(row[i], ", "), what) {
					out = append(out, fmt.Sprintf("%s, %s: %s, docs/faults.md says %s", name, f.columns[i], what, row[i]))
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.rows)) {
		if f.seen[name] == nil {
			out = append(out, fmt.Sprintf("docs/faults.md names the %s, which never failed here", name))
		}
	}
	return out
}
