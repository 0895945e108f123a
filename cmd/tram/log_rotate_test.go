package main

import (
	"crypto/ed25519"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger/tiles"
	"github.com/tram-exchange/tram/events/ledger/witness"
	"github.com/tram-exchange/tram/events/logbook"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/signing"
)

// A rotation that was cut off between its two events is brought to its end by the next start that has both keys; without
// them a start is refused, and says which is missing.
func TestRotationIsFinishedAtStart(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	if err := initNode(initOptions{dir: dir, origin: "tram.example/log", name: "Trạm thử", listen: "127.0.0.1:0", trial: true}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "tram.yaml")
	open := func() (*app, error) {
		c, err := loadConfig(file)
		if err != nil {
			t.Fatal(err)
		}
		return openApp(ctx, c, slog.New(slog.DiscardHandler))
	}
	a, err := open()
	if err != nil {
		t.Fatal(err)
	}
	signedBefore := a.store.Head().Checkpoint
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	_, next, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := signing.SaveKey(filepath.Join(dir, "keys", "log-2.pem"), next); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	both := strings.Replace(string(before), "\nlog_key: keys/log.pem\n", "\nlog_key: keys/log.pem\nlog_key_next: keys/log-2.pem\n", 1)
	if err := os.WriteFile(file, []byte(both), 0o600); err != nil {
		t.Fatal(err)
	}

	// The first event of the rotation, and then nothing: the process has ended.
	c, err := loadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := loadKeys(c)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlitestore.Open(ctx, c.path(c.Data), sqlitestore.Options{Origin: c.Origin, LogKey: keys.log, LogKeys: keys.logNext, NodeKey: keys.node, MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	key, err := s.AddLogKey(next)
	if err != nil {
		t.Fatal(err)
	}
	news, err := logbook.DecideRotate(s.Log(), logbook.Rotate{Origin: c.Origin, New: key})
	if err == nil {
		_, err = s.Append(ctx, events.Append{Stream: logbook.Stream, Expected: -1, Actor: "node", Client: "node", Events: news})
	}
	if err := errors.Join(err, s.Close(), keys.close()); err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(file, before, 0o600); err != nil {
		t.Fatal(err)
	}
	missing := new(logbook.KeyError)
	if a, err := open(); !errors.As(err, &missing) || !missing.Rotating || missing.Missing != key {
		if err == nil {
			a.close()
		}
		t.Fatalf("started without the new key: %v", err)
	}
	if err := os.WriteFile(file, []byte(both), 0o600); err != nil {
		t.Fatal(err)
	}
	if a, err = open(); err != nil {
		t.Fatal(err)
	}
	defer a.close()
	log := a.store.(keyRotator).Log()
	if log.Pending() != nil || log.Key() != key || len(log.Rotations) != 1 {
		t.Errorf("after the start: %+v", log)
	}
	if answer, err := a.rotateLogKey(ctx); err != nil || !answer.Already {
		t.Errorf("rotated again: %+v, %v", answer, err)
	}
	accusedByOldKey(t, a, file, signedBefore)
}

// accusedByOldKey: the gate at the start, asked before the record is open, knows the keys before the one at hand. A witness that shows a head by such a key
// proves what it says.
func accusedByOldKey(t *testing.T, a *app, file string, checkpoint []byte) {
	t.Helper()
	history, err := keyHistory(a.store)(t.Context(), a.store.Head())
	must(t, err)
	must(t, a.close())
	b, err := os.ReadFile(file)
	must(t, err)
	must(t, os.WriteFile(file, []byte(strings.Replace(string(b), "\nlog_key: keys/log.pem\nlog_key_next: keys/log-2.pem\n", "\nlog_key: keys/log-2.pem\n", 1)), 0o600))
	c, err := loadConfig(file)
	must(t, err)
	keys, err := loadKeys(c)
	must(t, err)
	defer keys.close()
	proved := func(c *Config) bool {
		gate := &app{c: c, keys: keys, log: slog.New(slog.DiscardHandler)}
		w := &logWitnesses{origin: c.Origin, own: gate.logVerifiers, now: time.Now}
		alarm := w.accusation(witness.Reply{Name: "vpcp", Err: &witness.BehindError{Witness: "vpcp", Origin: c.Origin, Theirs: 1000, Cosigned: checkpoint}}, checkpoint, 1)
		return alarm.Proved
	}
	if !proved(c) {
		t.Error("not proved by the keys that the record names")
	}
	// Of a record in a cluster there are only the first key and the published files.
	other := *c
	other.Data = t.TempDir()
	if !proved(&other) {
		t.Error("not proved by the key in the node's folder")
	}
	must(t, os.Mkdir(filepath.Join(other.Data, logFolder), 0o700))
	must(t, os.WriteFile(filepath.Join(other.Data, logFolder, tiles.KeyHistoryPath), history, 0o600))
	if all, err := publishedVerifiers(c.base, other.Data, c.Origin); err != nil || len(all) != 2 {
		t.Errorf("the published history leads to %d keys: %v", len(all), err)
	}
	must(t, os.Remove(filepath.Join(c.base, vkeyFile)))
	if proved(&other) {
		t.Error("the published history was believed without a key")
	}
}
