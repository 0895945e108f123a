package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestDemo plays the whole day: two processes, one of them killed in the middle, both records proved. What it
// counts is compared with the records by the demonstration itself.
func TestDemo(t *testing.T) {
	ts := testscript.Params{Dir: "testdata/demo", Setup: func(*testscript.Env) error { return nil }}
	testscript.Run(t, ts)
}

// TestDemoFolder: the demonstration makes its own folder anew, and nobody else's.
func TestDemoFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	if _, err := demoFolder(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "left"), []byte("over"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := demoFolder(dir); err != nil {
		t.Fatalf("its own folder was refused: %v", err)
	}
	if there, _ := exists(filepath.Join(dir, "left")); there {
		t.Error("the folder was not made anew")
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "thesis.txt"), []byte("work"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := demoFolder(other); err == nil || !strings.Contains(err.Error(), "no demonstration made") {
		t.Errorf("somebody else's folder: got %v, want a refusal", err)
	}
}

// TestDemoAnswer keeps the names that others read.
func TestDemoAnswer(t *testing.T) {
	b, err := json.Marshal(demoAnswer{Nodes: []demoNodeAnswer{{}}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"nodes":[{"org":"","dir":"","events":0,"packages":0}],"documents":0,"deliveries":0,"statuses":0,"refused":0,"duplicates":0,"office":{"documents":0,"deliveries":0,"statuses":0,"acts":0,"readings":0},"time_stamps":0,"revoked_refused":0,"evidence":"","witnessed":0}`
	if string(b) != want {
		t.Errorf("got %s, want %s", b, want)
	}
}
