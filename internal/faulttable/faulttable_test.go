package faulttable

import (
	"slices"
	"testing"
)

// What the page does not say, and what it says too much, is named.
func TestDifferences(t *testing.T) {
	table := func() *Table {
		return &Table{columns: []string{"failed", "persisted"}, rows: map[string][]string{"write": {"refused", "ended, nothing"}}, seen: map[string][]map[string]bool{}}
	}
	f := table()
	if got := f.differences(); !slices.Equal(got, []string{"docs/faults.md names the write, which never failed here"}) {
		t.Error(got)
	}
	f.Saw("write", 0, "refused")
	f.Saw("write", 1, "nothing")
	if got := f.differences(); got != nil {
		t.Error(got)
	}
	f.Saw("write", 0, "ended")
	f.Saw("sync", 0, "ended")
	if got := f.differences(); len(got) != 2 {
		t.Error(got)
	}
}

func TestRead(t *testing.T) {
	f := Read(t, "The store", "failed", "persisted")
	if row := f.rows["sync of the folder"]; !slices.Equal(row, []string{"not opened", "not opened"}) {
		t.Errorf("%q", row)
	}
}
