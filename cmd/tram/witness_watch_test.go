package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/tiles"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/events/witnessing"
	"github.com/tram-exchange/tram/gateway"
)

const otherOrigin = "tram.other.example/log"

// otherLog is one history of another log.
type otherLog struct {
	t     *testing.T
	dir   string
	key   ed25519.PrivateKey
	vkey  string
	store *sqlitestore.Store
	grown int64
}

func newOtherLog(t *testing.T) *otherLog {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	must(t, err)
	l := &otherLog{t: t, dir: t.TempDir(), key: key}
	l.vkey, err = ledger.LogKey(otherOrigin, key.Public().(ed25519.PublicKey))
	must(t, err)
	l.open()
	return l
}

func (l *otherLog) open() {
	l.t.Helper()
	node, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(l.t, err)
	s, err := sqlitestore.Open(l.t.Context(), filepath.Join(l.dir, "data"), sqlitestore.Options{Origin: otherOrigin, LogKey: l.key, NodeKey: node, MinFree: -1})
	must(l.t, err)
	l.store = s
	l.t.Cleanup(func() { _ = s.Close() })
}

// grow appends n events one by one, and gives the last one's receipt and its checkpoint.
func (l *otherLog) grow(n int, what string) (receipt, checkpoint []byte) {
	l.t.Helper()
	for range n {
		sealed, err := l.store.Append(l.t.Context(), events.Append{Stream: "test", Expected: l.grown - 1, Actor: "node", Client: "node",
			Events: []events.New{{Name: "test.v1", Data: map[string]string{"what": what}}}})
		must(l.t, err)
		l.grown++
		receipt, err = ledger.NewReceipt(sealed, 0, nil)
		must(l.t, err)
		checkpoint = sealed.Head.Checkpoint
	}
	return receipt, checkpoint
}

func (l *otherLog) files() string { return filepath.Join(l.dir, "log") }

func (l *otherLog) publish() []byte {
	l.t.Helper()
	must(l.t, tiles.NewWriter(l.store, tiles.OSFiles(l.files()), tiles.Options{}).Publish(l.t.Context(), l.store.Head()))
	return l.store.Head().Checkpoint
}

// fork gives a second history that begins like this one.
func (l *otherLog) fork() *otherLog {
	l.t.Helper()
	must(l.t, l.store.Close())
	f := &otherLog{t: l.t, dir: l.t.TempDir(), key: l.key, vkey: l.vkey, grown: l.grown}
	must(l.t, os.CopyFS(f.dir, os.DirFS(l.dir)))
	l.open()
	f.open()
	return f
}

// watched is a watch of one log at an address, with what it recorded.
type watched struct {
	*watch
	t      *testing.T
	shown  fs.FS // the files at the address
	clock  time.Time
	said   bytes.Buffer
	alarms []witnessing.Alarm
}

func watchOf(t *testing.T, vkey string) *watched {
	t.Helper()
	w := &watched{t: t, clock: time.Date(2026, 12, 1, 1, 0, 0, 0, time.UTC)}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		http.StripPrefix("/", tiles.Handler(w.shown)).ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	w.watch = &watch{
		origin: "tram.here.example/log", logs: map[string]witnessedLog{otherOrigin: {keys: []string{vkey}, url: server.URL}},
		directory: func() directory.State { return directory.State{} }, http: server.Client(), record: w.keepStep,
		now: func() time.Time { return w.clock }, log: slog.New(slog.NewTextHandler(&w.said, nil)), wake: make(chan struct{}, 1),
		compared: map[ledger.Head]bool{}, seen: map[string][]byte{}, polled: map[string]polled{},
	}
	return w
}

// keepStep is a record of nothing but what is found.
func (w *watched) keepStep(_ context.Context, s gateway.Step) (events.Sealed, bool, error) {
	var history []events.Event
	for i, a := range w.alarms {
		history = append(history, w.event(uint64(i), s.Stream, a.Contradiction))
	}
	news, err := s.Decide(history)
	if err != nil || len(news) == 0 {
		return events.Sealed{}, false, err
	}
	a, err := witnessing.Decode(w.event(uint64(len(w.alarms)), s.Stream, news[0].Data))
	w.alarms = append(w.alarms, a)
	return events.Sealed{}, true, err
}

func (w *watched) event(position uint64, stream string, data any) events.Event {
	b, err := json.Marshal(data)
	must(w.t, err)
	return events.Event{Position: position, Statement: events.Statement{Stream: stream, Version: position, Name: witnessing.NameContradiction, Data: b}}
}

// receive takes a checkpoint as one of a peer's receipts, and compares it.
func (w *watched) receive(checkpoint []byte) error {
	return w.compare(w.t.Context(), doubt{origin: otherOrigin, source: witnessing.SourceReceipt, checkpoint: checkpoint})
}

// TestWatchCompares: heads of different sizes are compared by what the log publishes, also if neither was ever published.
func TestWatchCompares(t *testing.T) {
	main := newOtherLog(t)
	main.grow(3, "both")
	other := main.fork()
	_, six := main.grow(3, "main")
	_, seven := main.grow(1, "main")
	main.grow(2, "main")
	nine := main.publish()
	forkedReceipt, five := other.grow(2, "secret")
	_, twelve := other.grow(7, "secret")
	show := os.DirFS(main.files())
	one := func(t *testing.T, w *watched, source string, first, second []byte) {
		t.Helper()
		if len(w.alarms) != 1 || w.alarms[0].Source != source || w.alarms[0].First != string(first) || w.alarms[0].Second != string(second) || w.alarms[0].Kind != witnessing.KindRollback {
			t.Fatalf("recorded %+v", w.alarms)
		}
	}
	t.Run("one history", func(t *testing.T) {
		w := watchOf(t, main.vkey)
		w.shown = show
		for _, b := range [][]byte{six, seven, nine, six} {
			must(t, w.receive(b))
		}
		if b, err := w.known(otherOrigin); err != nil || !bytes.Equal(b, nine) || len(w.alarms) > 0 {
			t.Errorf("knows %s (%v), recorded %+v", b, err, w.alarms)
		}
	})
	t.Run("receipt of a longer history", func(t *testing.T) {
		w := watchOf(t, main.vkey)
		w.shown = show
		must(t, w.receive(five))
		for _, b := range [][]byte{seven, seven, six, nine} {
			must(t, w.receive(b))
		}
		w.poll(t.Context())
		one(t, w, witnessing.SourceReceipt, five, seven)
	})
	t.Run("receipt of a shorter history", func(t *testing.T) {
		w := watchOf(t, main.vkey)
		w.shown = show
		must(t, w.receive(nine))
		must(t, w.receive(five))
		one(t, w, witnessing.SourceReceipt, nine, five)
	})
	t.Run("published", func(t *testing.T) {
		w := watchOf(t, main.vkey)
		w.shown = show
		must(t, w.receive(five))
		w.poll(t.Context())
		one(t, w, witnessing.SourcePublished, five, nine)
	})
	t.Run("not published yet", func(t *testing.T) {
		w := watchOf(t, main.vkey)
		w.shown = os.DirFS(t.TempDir())
		must(t, w.receive(twelve))
		for _, files := range []fs.FS{w.shown, show} {
			w.shown = files
			if err := w.receive(seven); !errors.Is(err, errUnpublished) || len(w.alarms) > 0 {
				t.Fatalf("compared: %v, recorded %+v", err, w.alarms)
			}
		}
		longer := main.fork()
		longer.grow(5, "main")
		fourteen := longer.publish()
		w.shown = os.DirFS(longer.files())
		must(t, w.receive(seven))
		one(t, w, witnessing.SourcePublished, twelve, fourteen)
	})
	t.Run("receipt led to another history", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "secret.receipt")
		must(t, os.WriteFile(file, forkedReceipt, 0o600))
		var out bytes.Buffer
		code := run([]string{"receipt", "refresh", file, "--key", main.vkey, "--log", main.files()}, strings.NewReader(""), &out, &out)
		if code != 1 || !strings.Contains(out.String(), "CONTRADICTION") || !strings.Contains(out.String(), "size 5: root ") || !strings.Contains(out.String(), "size 9: root ") {
			t.Errorf("refresh ended with %d:\n%s", code, &out)
		}
		if b, err := os.ReadFile(file); err != nil || !bytes.Equal(b, forkedReceipt) {
			t.Errorf("the receipt was changed (%v)", err)
		}
	})
}

// TestWatchWaitsQuietly: that a head is not published yet is said only when it stays so.
func TestWatchWaitsQuietly(t *testing.T) {
	log := newOtherLog(t)
	_, two := log.grow(2, "a")
	_, four := log.grow(2, "a")
	w := watchOf(t, log.vkey)
	w.shown = os.DirFS(t.TempDir())
	must(t, w.receive(two))
	w.doubt(otherOrigin, four, witnessing.SourceReceipt)
	for elapsed := time.Duration(0); elapsed < 15*time.Minute; elapsed += doubtRetry {
		if !w.step(t.Context()) {
			t.Fatalf("nothing was compared after %s", elapsed)
		}
		want := 0
		if elapsed >= doubtQuiet {
			want = 1
		}
		if got := strings.Count(w.said.String(), "level=WARN"); got != want {
			t.Fatalf("%d warnings after %s, expected %d:\n%s", got, elapsed, want, &w.said)
		}
		w.clock = w.clock.Add(doubtRetry)
	}
	log.publish()
	w.shown = os.DirFS(log.files())
	w.step(t.Context())
	if w.step(t.Context()) || len(w.alarms) > 0 || !w.compared[mustHead(t, four)] {
		t.Errorf("published, and not compared: %+v", w.doubts)
	}
}

func mustHead(t *testing.T, checkpoint []byte) ledger.Head {
	t.Helper()
	h, err := ledger.ReadCheckpoint(checkpoint)
	must(t, err)
	return h
}

// TestPollWarns: an older head than before is a warning, and no alarm; so is a log that is silent, or publishes less than it has signed, for long.
func TestPollWarns(t *testing.T) {
	log := newOtherLog(t)
	log.grow(2, "a")
	log.publish()
	old := t.TempDir()
	must(t, os.CopyFS(old, os.DirFS(log.files())))
	log.grow(3, "a")
	log.publish()
	_, seven := log.grow(2, "a")
	w := watchOf(t, log.vkey)
	state := func(want, detail string) {
		t.Helper()
		w.poll(t.Context())
		c := w.pollChecks()
		if len(c) != 1 || c[0].State != want || !strings.Contains(c[0].Detail, detail) || c[0].Subject != otherOrigin || c[0].Name != portal.CheckOtherLog {
			t.Fatalf("health %+v, expected %s %q", c, want, detail)
		}
		if len(w.alarms) > 0 {
			t.Fatalf("recorded %+v", w.alarms)
		}
	}
	new := os.DirFS(log.files())
	w.shown = new
	state(portal.StateOK, "")
	w.shown = os.DirFS(old)
	state(portal.StateWarn, "published 5 before")
	state(portal.StateWarn, "published 5 before")
	if got := strings.Count(w.said.String(), "older head"); got != 1 {
		t.Errorf("said %d times", got)
	}
	w.shown = new
	state(portal.StateOK, "")

	w.shown = os.DirFS(t.TempDir())
	state(portal.StateOK, "")
	w.clock = w.clock.Add(pollPatience)
	state(portal.StateWarn, "checkpoint")
	w.shown = new
	state(portal.StateOK, "")

	w.seen[otherOrigin] = seven
	state(portal.StateOK, "")
	w.clock = w.clock.Add(pollPatience)
	state(portal.StateWarn, "signed 7")

	stranger := newOtherLog(t)
	stranger.grow(9, "b")
	stranger.publish()
	w.shown = os.DirFS(stranger.files())
	w.poll(t.Context())
	if p := w.polled[otherOrigin]; p.err == nil || p.largest != 5 {
		t.Errorf("a stranger's head counts: %+v", p)
	}
}
