package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/events/sqlitestore"
)

// The keeper copies what is new, says how old the copy is, warns when it is late, and is bad when a person must look.
func TestBackupKeeper(t *testing.T) {
	ctx := context.Background()
	l := newCopiedLog(t)
	l.grow(t, 5)
	to := filepath.Join(t.TempDir(), "copy")
	now := time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)
	c := &Config{Data: l.dir, Backup: BackupConfig{To: to, Every: time.Minute, VerifyEvery: -1}}
	k, err := newBackupKeeper(c, func() uint64 { return uint64(l.next) }, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	k.o.config, k.o.minFree, k.o.now = nil, -1, func() time.Time { return now }
	want := func(state string, age float64, size uint64) {
		t.Helper()
		if c := k.check()[0]; c.Name != portal.CheckBackup || c.State != state {
			t.Errorf("check is %+v, expected %s", c, state)
		}
		if k.age() != age || k.last.Size != size {
			t.Errorf("the copy is %v seconds old and has %d events, expected %v and %d", k.age(), k.last.Size, age, size)
		}
	}
	want(portal.StateWarn, -1, 0)
	k.once(ctx)
	want(portal.StateOK, 0, 5)
	now = now.Add(2 * time.Minute)
	want(portal.StateOK, 120, 5)
	k.once(ctx) // nothing is new
	want(portal.StateOK, 0, 5)
	l.grow(t, 2)
	k.once(ctx)
	want(portal.StateOK, 0, 7)
	now = now.Add(5 * time.Minute)
	want(portal.StateWarn, 300, 7)
	now = now.Add(7 * time.Minute)
	want(portal.StateBad, 720, 7)

	// The disk of the copy is away, and comes back.
	if err := os.Rename(to, to+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l.grow(t, 1)
	k.once(ctx)
	if c := k.check()[0]; c.Detail == "" || k.kind != "failed" || k.wait() != time.Minute {
		t.Errorf("without its disk: %+v, %s", c, k.kind)
	}
	if err := errors.Join(os.Remove(to), os.Rename(to+".away", to)); err != nil {
		t.Fatal(err)
	}
	k.once(ctx)
	want(portal.StateOK, 0, 8)

	// The copy was changed: found when all of it is read.
	k.verifyEvery = time.Hour
	db := filepath.Join(to, "events.db")
	b, err := os.ReadFile(db)
	if err != nil {
		t.Fatal(err)
	}
	i := strings.Index(string(b), `{"n":3}`)
	if i < 0 {
		t.Fatal("no facts in the database file")
	}
	b[i+5] = '4'
	if err := os.WriteFile(db, b, 0o600); err != nil {
		t.Fatal(err)
	}
	k.once(ctx)
	if k.kind != "damaged" || k.check()[0].State != portal.StateBad || k.wait() != backupPatience {
		t.Errorf("a changed copy: kind %q, %+v", k.kind, k.check())
	}

	// What is known of the copy survives a restart of the node.
	again, err := newBackupKeeper(c, func() uint64 { return 8 }, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	if err != nil || again.last.Size != 8 || !again.upToAt.Equal(now) {
		t.Errorf("after a restart: %+v, %v", again.last, err)
	}
	if r, err := sqlitestore.Verify(ctx, to, sqlitestore.VerifyOptions{}, nil); err != nil || r.Problem == nil {
		t.Errorf("the changed copy verifies: %v", err)
	}
	if none, err := newBackupKeeper(&Config{}, nil, nil, nil); none != nil || err != nil || none.check() != nil || none.run(ctx) != nil {
		t.Errorf("without a configured copy: %v, %v", none, err)
	}
}

// A node keeps its own copy; what was accepted while it ran is in it, and the copy follows within moments.
func TestBackupConfig(t *testing.T) {
	for name, c := range map[string]struct {
		b    BackupConfig
		kind string
		bad  string
	}{
		"none":      {BackupConfig{}, storeSQLite, ""},
		"good":      {BackupConfig{To: "/srv/copy", Every: time.Second}, storeSQLite, ""},
		"too often": {BackupConfig{To: "/srv/copy", Every: time.Millisecond}, storeSQLite, "backup.every"},
		"inside":    {BackupConfig{To: "data/copy", Every: time.Second}, storeSQLite, "not apart"},
		"cluster":   {BackupConfig{To: "/srv/copy", Every: time.Second}, storeESDB, "cluster"},
	} {
		conf := &Config{Backup: c.b, Data: "data", base: "/node", Store: StoreConfig{Kind: c.kind}}
		err := conf.checkBackup()
		if (err == nil) != (c.bad == "") || err != nil && !strings.Contains(err.Error(), c.bad) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
