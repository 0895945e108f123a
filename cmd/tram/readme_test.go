package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadmeSession runs the session of the README as it stands, but for the addresses, which a test must not share.
func TestReadmeSession(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "```sh\n")
	session, _, closed := strings.Cut(rest, "```")
	if !ok || !closed || !strings.Contains(session, "bin/tram serve") {
		t.Fatal("the README has no session to run")
	}
	api, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	authority, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The test binary is the program when it runs under the program's name (see TestMain).
	for _, err := range []error{
		os.Mkdir(filepath.Join(dir, "bin"), 0o700), os.Symlink(program, filepath.Join(dir, "bin", "tram")),
		os.MkdirAll(filepath.Join(dir, "testdata"), 0o700),
		os.CopyFS(filepath.Join(dir, "testdata", "demo"), os.DirFS("../../testdata/demo")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	session = strings.NewReplacer(
		"make build\n", "", "sleep 2 ", "# ",
		"--trial\n", "--trial --listen "+api+" --portal '' --operations ''\n",
		"127.0.0.1:8443", api, "127.0.0.1:8318", authority,
		"bin/tram serve -c my-node/tram.yaml &", "bin/tram serve -c my-node/tram.yaml --ready-file ready & node=$!\ntrap 'kill $node; wait $node' EXIT\nuntil [ -f ready ]; do kill -0 $node; sleep 0.05; done #",
		"bin/tram trial serve my-node &", "bin/tram trial serve my-node --listen "+authority+" --ready-file asked & authority=$!\ntrap 'kill $node $authority; wait $node $authority' EXIT\nuntil [ -f asked ]; do kill -0 $authority; sleep 0.05; done #",
	).Replace(session)
	cmd := exec.Command("sh", "-e", "-u", "-x", "-c", session)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the README's session failed: %v\n%s", err, out)
	}
	for _, want := range []string{"accepted", "HỢP LỆ / VALID", "mức / level              B-T", "letter.asice", "receipt proved", "ĐÚNG / PROVED", "vanthu: clerk, H02.02"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the session never said %q:\n%s", want, out)
		}
	}
}
