package esdbstore

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/esdbstore/esdbtest"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/logbook"
)

// say appends what a decider of the log itself wants recorded.
func say(t *testing.T, s *Store, decide func(logbook.State) ([]events.New, error)) (events.Sealed, error) {
	t.Helper()
	list, err := decide(s.Log())
	if err != nil {
		t.Fatal(err)
	}
	return s.Append(soon(t), events.Append{Stream: logbook.Stream, Expected: s.Log().Version(), Actor: "node", Client: "node", Events: list})
}

// TestTheLogKeyIsRotated: heads go over from the old key to both and to the new one, on whatever node; who does not hold a key that
// must sign does not stand for office; who holds none that was ever the log's reads nothing.
func TestTheLogKeyIsRotated(t *testing.T) {
	node := startNode(t, esdbtest.NewCluster())
	o := testOptions(t, node.Connection())
	oldKey := o.LogKey
	_, newKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	o.LogKeys = append(o.LogKeys, newKey)
	a, follower := openTest(t, o), o
	follower.Follow = true
	b := openTest(t, follower)
	mustAppend(t, a, plain("s", -1))
	keys := a.signer.LogKeys()
	only := testOptions(t, node.Connection())
	only.Objects = o.Objects

	sealed, err := say(t, b, func(s logbook.State) ([]events.New, error) {
		return logbook.DecideRotate(s, logbook.Rotate{Origin: testOrigin, New: keys[1]})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if _, err := openWith(sealed.Head.Checkpoint, testOrigin, key); err != nil {
			t.Errorf("the head over the rotation is not signed by both: %v", err)
		}
	}
	var missing *logbook.KeyError
	if _, err := Open(soon(t), only); !errors.As(err, &missing) || !missing.Rotating {
		t.Errorf("a node with the old key alone stands for office: %v", err)
	}
	if sealed, err = say(t, b, func(s logbook.State) ([]events.New, error) {
		return logbook.DecideBind(s, logbook.Bind{Origin: testOrigin, Checkpoint: sealed.Head.Checkpoint})
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := openWith(sealed.Head.Checkpoint, testOrigin, keys[1]); err != nil {
		t.Error(err)
	}
	if _, err := openWith(sealed.Head.Checkpoint, testOrigin, keys[0]); err == nil {
		t.Error("the old key still signs")
	}
	a.Close()
	b.Close()
	only.LogKey = newKey
	c := openTest(t, only)
	mustAppend(t, c, plain("s", 0))
	wholeLog(t, c, 4)
	checkHeads(t, c)
	only.LogKey = oldKey
	if _, err := Open(soon(t), only); !errors.As(err, &missing) {
		t.Errorf("a node with the old key opens: %v", err)
	}
	for i, key := range keys { // a reader may know either
		r, err := OpenReader(soon(t), Options{Origin: testOrigin, Connection: o.Connection, Objects: o.Objects, Key: key})
		if err != nil {
			t.Fatalf("key %d: %v", i, err)
		}
		wholeLog(t, r, 4)
		r.Close()
	}
	_, other, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	only.LogKey = other
	_, err = Open(soon(t), only)
	expect(t, "another key", err, "was ever the log's")
}

// TestBeforeSign: a node that others have seen more of does not sign.
func TestBeforeSign(t *testing.T) {
	node := startNode(t, esdbtest.NewCluster())
	o := testOptions(t, node.Connection())
	s := openTest(t, o)
	mustAppend(t, s, plain("s", -1))
	s.Close()
	refused := errors.New("others have seen more")
	o.BeforeSign = func(_ context.Context, stored []byte, durable ledger.Head) error {
		if string(stored) != string(s.Head().Checkpoint) || durable.Size != 1 || durable.Root != s.Head().Root {
			t.Errorf("asked about %+v", durable)
		}
		return refused
	}
	if _, err := Open(soon(t), o); !errors.Is(err, refused) {
		t.Errorf("opened: %v", err)
	}
	o.Follow = true // signs nothing
	openTest(t, o)
}
