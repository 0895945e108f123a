package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sync/errgroup"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/tiles"
	"github.com/tram-exchange/tram/events/sqlitestore"
)

// history is a record with its published log, made for one test.
type history struct {
	t    *testing.T
	o    sqlitestore.Options
	data string
}

const historyOrigin = "tram.test.example/log"

func newHistory(t *testing.T, logKey ed25519.PrivateKey) *history {
	node, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return &history{t, sqlitestore.Options{Origin: historyOrigin, LogKey: logKey, NodeKey: node}, filepath.Join(t.TempDir(), "data")}
}

// grow records events up to each size and publishes there.
func (h *history) grow(word string, sizes ...uint64) {
	h.t.Helper()
	s, err := sqlitestore.Open(h.t.Context(), h.data, h.o)
	must(h.t, err)
	w := tiles.NewWriter(s, tiles.OSFiles(filepath.Join(h.data, logFolder)), tiles.Options{})
	for _, size := range sizes {
		g, ctx := errgroup.WithContext(h.t.Context())
		for k := s.Head().Size; k < size; k++ {
			g.Go(func() error {
				_, err := s.Append(ctx, events.Append{Stream: fmt.Sprint(word, "/", k), Expected: -1, Actor: "a", Client: "c", Events: []events.New{{Name: "n.v1", Data: struct{}{}}}})
				return err
			})
		}
		must(h.t, g.Wait())
		must(h.t, w.Publish(h.t.Context(), s.Head()))
	}
	must(h.t, s.Close())
}

// Every file of the published log that is not what the record gives is named, by whoever it was made.
func TestPublishedLogTampered(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	_, otherKey, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	h := newHistory(t, key)
	h.grow("one", 100, 700)
	fork := newHistory(t, key) // by the same key
	fork.grow("two", 700)
	other := newHistory(t, otherKey)
	other.grow("one", 700)
	line, err := ledger.LogKey(historyOrigin, key.Public().(ed25519.PublicKey))
	must(t, err)
	verifier, err := note.NewVerifier(line)
	must(t, err)

	flip := func(name string) func(dir string) {
		return func(dir string) {
			name := filepath.Join(dir, filepath.FromSlash(name))
			b, err := os.ReadFile(name)
			must(t, err)
			b[len(b)/3] ^= 1
			must(t, os.WriteFile(name, b, 0o600))
		}
	}
	remove := func(name string) func(dir string) {
		return func(dir string) { must(t, os.Remove(filepath.Join(dir, filepath.FromSlash(name)))) }
	}
	replace := func(by *history) func(dir string) {
		return func(dir string) {
			must(t, os.RemoveAll(dir))
			must(t, os.CopyFS(dir, os.DirFS(filepath.Join(by.data, logFolder))))
		}
	}
	for _, test := range []struct {
		name   string
		change func(dir string)
		file   string // named; "" for a good one
		reason string
	}{
		{"nothing", func(string) {}, "", ""},
		{"full tile", flip("tile/0/001"), "log/tile/0/001", "not what the entries give"},
		{"tile above", flip("tile/1/000.p/2"), "log/tile/1/000.p/2", "not what the entries give"},
		{"partial tile", flip("tile/0/002.p/188"), "log/tile/0/002.p/188", "not what the entries give"},
		{"partial tile of an earlier head", flip("tile/0/000.p/100"), "log/tile/0/000.p/100", "not the beginning of"},
		{"entry bundle", flip("tile/entries/000"), "", "some"},
		{"partial entry bundle", flip("tile/entries/002.p/188"), "", "some"},
		{"checkpoint", flip("checkpoint"), "log/checkpoint", ""},
		{"tile removed", remove("tile/0/000"), "log/tile/0/000", "missing"},
		{"entry bundle removed", remove("tile/entries/001"), "log/tile/entries/001", "missing"},
		{"file added", func(dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "tile", "note.txt"), []byte("x"), 0o600))
		}, "log/tile/note.txt", "no file of a published log"},
		{"the log of another key", replace(other), "log/checkpoint", "signature"},
		{"another history by the same key", replace(fork), "log/checkpoint", "two histories"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			must(t, os.CopyFS(dir, os.DirFS(h.data)))
			test.change(filepath.Join(dir, logFolder))
			a, bad, err := verifyPublished(t.Context(), dir, recordIn(dir), []note.Verifier{verifier}, nil, func(string, int64, int64) {})
			must(t, err)
			switch {
			case test.file == "" && test.reason == "":
				if bad != nil || a.Size != 700 || a.Files == 0 {
					t.Fatalf("found %+v, %+v", bad, a)
				}
			case bad == nil:
				t.Fatal("not found")
			case bad.Kind != kindPublished || test.file != "" && bad.File != test.file || test.reason != "some" && !strings.Contains(bad.Reason, test.reason):
				t.Errorf("found %+v, want %s: %s", bad, test.file, test.reason)
			}
		})
	}

	// What somebody with the log key can do is seen against what others kept.
	folder := func(of *history, checkpoint []byte) *sqlitestore.Problem {
		k, err := ledger.ParseKey([]byte(line))
		must(t, err)
		r, err := sqlitestore.Verify(t.Context(), of.data, sqlitestore.VerifyOptions{Key: &k, Checkpoint: checkpoint}, nil)
		must(t, err)
		return r.Problem
	}
	kept, err := os.ReadFile(filepath.Join(h.data, logFolder, tiles.CheckpointPath))
	must(t, err)
	if p := folder(fork, nil); p != nil {
		t.Errorf("a whole other history by the same key cannot be told without an older checkpoint, found %v", p)
	}
	if p := folder(fork, kept); p == nil || p.Kind != "older checkpoint" {
		t.Errorf("another history against a checkpoint kept from the first: %v", p)
	}
	if p := folder(other, nil); p == nil || p.Kind != "checkpoint" {
		t.Errorf("another history by another key: %v", p)
	}
}

// A state counts only for the record and the program that it was made by, and finds what was changed since.
func TestVerifyState(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	file := filepath.Join(t.TempDir(), "state")
	h := ledger.Head{Origin: historyOrigin, Size: 300, Root: events.Sum([]byte("root"))}
	now := time.Date(2026, 11, 30, 10, 0, 0, 0, time.UTC)
	k, note, err := newKeeper(file, false, 0, now)
	if err != nil || !note.IsZero() || k.head() != nil {
		t.Fatal(k, note, err)
	}
	must(t, k.keep(h, 70, now))
	h.Size = 500
	must(t, k.keep(h, 120, now))
	next, note, err := newKeeper(file, false, 0, now.AddDate(0, 0, 1))
	must(t, err)
	if got := next.head(); !note.IsZero() || got == nil || *got != h || next.earlier != 120 || len(next.state.Runs) != 1 || next.state.Runs[0] != (verifyRun{0, 500, now}) {
		t.Errorf("taken up as %+v, %q", next, note)
	}
	h.Size = 510
	must(t, next.keep(h, 3, now.AddDate(0, 0, 1)))
	s, err := readVerifyState(file)
	must(t, err)
	if s.Judged != 123 || len(s.Runs) != 2 || s.Runs[1].From != 500 || s.Runs[1].To != 510 {
		t.Errorf("state %+v", s)
	}
	s.Program = "another"
	must(t, s.write(file))
	if k, note, err = newKeeper(file, false, 0, now); err != nil || note.IsZero() || k.head() != nil || k.earlier != 0 {
		t.Errorf("the state of another program is used: %+v, %q, %v", k, note, err)
	}
	if k, note, err = newKeeper(file, true, 0, now); err != nil || note.IsZero() || k.head() != nil {
		t.Errorf("the state of a folder's record is used for what a node shows: %+v, %q, %v", k, note, err)
	}
	b, err := os.ReadFile(file)
	must(t, err)
	must(t, os.WriteFile(file, []byte(strings.Replace(string(b), `"size": 510`, `"size": 511`, 1)), 0o600))
	if _, _, err = newKeeper(file, false, 0, now); err == nil {
		t.Error("a damaged state is used")
	}

	// The part that was verified was rewritten since, by whoever has the log key.
	one, two := newHistory(t, key), newHistory(t, key)
	one.grow("one", 20)
	two.grow("two", 40)
	r, err := sqlitestore.Verify(t.Context(), one.data, sqlitestore.VerifyOptions{}, nil)
	must(t, err)
	earlier := ledger.Head{Origin: historyOrigin, Size: r.Size, Root: r.Root}
	one.grow("one", 40)
	for _, c := range []struct {
		of   *history
		kind string
	}{{one, ""}, {two, "earlier verification"}} {
		r, err := sqlitestore.Verify(t.Context(), c.of.data, sqlitestore.VerifyOptions{Earlier: &earlier}, nil)
		must(t, err)
		if p := r.Problem; (p == nil) != (c.kind == "") || p != nil && p.Kind != c.kind {
			t.Errorf("found %v, want %q", p, c.kind)
		}
	}
	if err := outside(filepath.Join(one.data, "x"), one.data); err == nil {
		t.Error("a state in the node's folder is taken")
	}
	if err := errors.Join(outside(file, one.data), outside(one.data+"-state", one.data)); err != nil {
		t.Error(err)
	}
}

// TestKeptTilesAreNotBelieved: what somebody has put into the cache, or the node has shown wrongly once, neither passes nor stands against a good log for ever.
func TestKeptTilesAreNotBelieved(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	h := newHistory(t, key)
	h.grow("one", 600)
	log := filepath.Join(h.data, logFolder)
	server := httptest.NewServer(http.StripPrefix("/log/", http.FileServerFS(os.DirFS(log))))
	defer server.Close()
	base, err := url.Parse(server.URL)
	must(t, err)
	checkpoint, err := os.ReadFile(filepath.Join(log, "checkpoint"))
	must(t, err)
	head, err := ledger.ReadCheckpoint(checkpoint)
	must(t, err)
	cache := t.TempDir()
	prove := func() error {
		r := &remoteRecord{verification: &verification{progress: func(string, int64, int64) {}, answer: newVerifyAnswer(server.URL, "", time.Now())}}
		r.files = &httpFiles{ctx: t.Context(), client: &client{base: base, http: server.Client()}, cache: cache}
		return r.proveFiles(t.Context(), checkpoint, head)
	}
	must(t, prove())
	kept := filepath.Join(cache, "tile", "0", "001")
	good, err := os.ReadFile(kept)
	must(t, err)
	for _, name := range []string{kept, filepath.Join(cache, "tile", "entries", "000")} {
		must(t, os.WriteFile(name, bytes.Repeat([]byte("x"), 256*32), 0o600))
		if err := prove(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b, err := os.ReadFile(kept); err != nil || !bytes.Equal(b, good) {
		t.Errorf("what is wrong is still kept, %v", err)
	}
	must(t, os.WriteFile(filepath.Join(log, "tile", "0", "001"), bytes.Repeat([]byte("x"), 256*32), 0o600))
	must(t, os.WriteFile(kept, good, 0o600))
	must(t, prove()) // it was good when it was kept, and it is proved
	must(t, os.Remove(kept))
	if err := prove(); err == nil {
		t.Error("a changed tile passed")
	}
}
