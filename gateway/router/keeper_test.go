package router

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestFileKeeper(t *testing.T) {
	k := FileKeeper(filepath.Join(t.TempDir(), "router.json"))
	if b, err := k.Load(); b != nil || err != nil {
		t.Fatalf("without a file: %q, %v; expected nothing", b, err)
	}
	for _, want := range []string{"one", "two"} {
		if err := k.Save([]byte(want)); err != nil {
			t.Fatal(err)
		}
		if b, err := k.Load(); string(b) != want || err != nil {
			t.Errorf("kept %q, %v; expected %q", b, err, want)
		}
	}
	if err := FileKeeper(filepath.Join(t.TempDir(), "no", "where")).Save(nil); err == nil {
		t.Error("saved into a folder that does not exist")
	}
	if _, err := FileKeeper(t.TempDir()).Load(); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("reading a folder: %v, expected an error", err)
	}
}

// TestPositionsOfAnotherLog: what does not belong to this very log, or cannot be read, is as good as nothing.
func TestPositionsOfAnotherLog(t *testing.T) {
	good := positions{Version: positionsVersion, Origin: "a/log", Cursor: 7, Last: sha256.Sum256([]byte("statement 6"))}
	statement := func(at uint64) ([]byte, error) {
		if at != 6 {
			t.Errorf("asked for the statement at %d, expected 6", at)
		}
		return []byte("statement 6"), nil
	}
	encode := func(edit func(*positions)) []byte {
		p := good
		if edit != nil {
			edit(&p)
		}
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, c := range []struct {
		name string
		b    []byte
		want bool
	}{
		{"good", encode(nil), true},
		{"nothing", nil, false},
		{"torn", encode(nil)[:20], false},
		{"another version", encode(func(p *positions) { p.Version++ }), false},
		{"another log", encode(func(p *positions) { p.Origin = "b/log" }), false},
		{"beyond the end", encode(func(p *positions) { p.Cursor = 8 }), false},
		{"another history", encode(func(p *positions) { p.Last[0]++ }), false},
		{"beginning", encode(func(p *positions) { p.Cursor = 0 }), true},
	} {
		if _, ok, err := readPositions(c.b, "a/log", 7, statement); ok != c.want || err != nil {
			t.Errorf("%s: usable %v, %v; expected %v", c.name, ok, err, c.want)
		}
	}
	bad := errors.New("disk")
	if _, _, err := readPositions(encode(nil), "a/log", 7, func(uint64) ([]byte, error) { return nil, bad }); !errors.Is(err, bad) {
		t.Errorf("error %v, expected %v", err, bad)
	}
}
