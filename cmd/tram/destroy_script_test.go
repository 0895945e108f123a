package main

import (
	"context"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tram-exchange/tram/events/destruction"
	"github.com/tram-exchange/tram/events/sqlitestore"
)

// waitDestroyed waits until a node has carried out everything that was decided: "waitdestroyed DIR".
func waitDestroyed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waitdestroyed DIR")
	}
	done := func() bool {
		r, err := sqlitestore.OpenReader(context.Background(), filepath.Join(ts.MkAbs(args[0]), "data"))
		ts.Check(err)
		s, err := destruction.Load(context.Background(), r)
		ts.Check(err)
		ts.Check(r.Close())
		for _, d := range s.Decisions {
			if !d.Complete() {
				return false
			}
		}
		return len(s.Decisions) > 0
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); <-tick.C {
		if done() {
			return
		}
	}
	ts.Fatalf("destruction was not carried out")
}
