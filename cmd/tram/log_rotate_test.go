package main

import (
	"crypto/ed25519"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/events"
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
}
