package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/events/timestamp"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/signing/trialca"
	"github.com/tram-exchange/tram/signing/tsp"
)

// moody is an authority that can be out of reach.
type moody struct {
	tsp.Stamper
	err   error
	asked int
}

func (m *moody) Stamp(ctx context.Context, h crypto.Hash, imprint []byte) (*tsp.Token, error) {
	m.asked++
	if m.err != nil {
		return nil, m.err
	}
	return m.Stamper.Stamp(ctx, h, imprint)
}

// stampWorld is a store with a timestamper whose clock stands still until it is moved.
type stampWorld struct {
	*timestamper
	t     *testing.T
	at    time.Time
	store *sqlitestore.Store
	tsa   *moody
}

func newStampWorld(t *testing.T) *stampWorld {
	t.Helper()
	w := &stampWorld{t: t, at: time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return w.at }
	ca, err := trialca.New("CA", rand.Reader, clock)
	if err != nil {
		t.Fatal(err)
	}
	key, cert, err := ca.Issue(trialca.Leaf{Name: "TSA", Use: trialca.TimeStamp})
	if err != nil {
		t.Fatal(err)
	}
	authority, err := tsp.NewAuthority(key, []*x509.Certificate{cert}, tsp.Options{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	_, logKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	nodeKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if w.store, err = sqlitestore.Open(t.Context(), t.TempDir(), sqlitestore.Options{Origin: "tram.example/log", LogKey: logKey, NodeKey: nodeKey, Now: clock, MinFree: -1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.store.Close() })
	w.tsa = &moody{Stamper: authority}
	w.timestamper = w.restarted()
	return w
}

// restarted is the timestamper of the next process.
func (w *stampWorld) restarted() *timestamper {
	return &timestamper{log: w.store, stamper: w.tsa, every: 24 * time.Hour, now: func() time.Time { return w.at }, logger: slog.New(slog.DiscardHandler),
		record: func(ctx context.Context, s gateway.Step) (events.Sealed, bool, error) {
			var history []events.Event
			if err := w.store.Stream(ctx, s.Stream, 0, func(e events.Event) error { history = append(history, e); return nil }); err != nil {
				return events.Sealed{}, false, err
			}
			news, err := s.Decide(history)
			if err != nil || len(news) == 0 {
				return events.Sealed{}, false, err
			}
			sealed, err := w.store.Append(ctx, events.Append{Stream: s.Stream, Expected: int64(len(history)) - 1, Actor: "node", Client: "node", Evidence: s.Evidence, Events: news})
			return sealed, err == nil, err
		}}
}

func (w *stampWorld) event() {
	w.t.Helper()
	if _, err := w.store.Append(w.t.Context(), events.Append{Stream: "a/" + rand.Text(), Expected: -1, Actor: "a", Client: "a", Events: []events.New{{Name: "a.v1", Data: struct{}{}}}}); err != nil {
		w.t.Fatal(err)
	}
}

func TestStampsOnceADay(t *testing.T) {
	w := newStampWorld(t)
	// An empty log has nothing to prove; that is tried again, and shown.
	if wait := w.step(t.Context()); wait != stampRetry || w.check().State != portal.StateWarn {
		t.Errorf("empty log: wait %s, %+v", wait, w.check())
	}
	w.event()
	if wait := w.step(t.Context()); wait != 24*time.Hour || w.state.Count != 1 || w.state.Last.Size != 1 {
		t.Fatalf("wait %s, %+v", wait, w.state)
	}
	if c := w.check(); c.State != portal.StateOK || !c.At.Equal(w.at) || c.Number != 1 || c.Detail != "" {
		t.Errorf("health: %+v", c)
	}
	// Not before it is due, also after a restart.
	w.at = w.at.Add(23 * time.Hour)
	w.event()
	for _, s := range []*timestamper{w.timestamper, w.restarted()} {
		if wait := s.step(t.Context()); wait != time.Hour || s.state.Count != 1 {
			t.Errorf("wait %s, %d stamps", wait, s.state.Count)
		}
	}
	// A node that was down for days catches up at once. The second stamp covers the event of the first.
	w.at = w.at.AddDate(0, 0, 3)
	next := w.restarted()
	if wait := next.step(t.Context()); wait != 24*time.Hour || next.state.Count != 2 || next.state.Last.Size != 3 {
		t.Errorf("wait %s, %+v", wait, next.state)
	}
	var stamped []timestamp.Stamped
	if err := w.store.Stream(t.Context(), timestamp.Stream, 0, func(e events.Event) error {
		d, err := timestamp.Decode(e)
		if err != nil {
			return err
		}
		raw, err := w.store.Evidence(t.Context(), d.Token)
		if err != nil {
			return err
		}
		token, err := tsp.Parse(raw)
		if err != nil {
			return err
		}
		imprint, err := timestamp.Imprint(d.Hash, []byte(d.Checkpoint))
		stamped = append(stamped, d)
		return errors.Join(err, token.Verify(imprint))
	}); err != nil || len(stamped) != 2 {
		t.Errorf("%d stamps, %v", len(stamped), err)
	}
}

func TestNoAuthorityAnswers(t *testing.T) {
	w := newStampWorld(t)
	w.event()
	if w.step(t.Context()); w.state.Count != 1 {
		t.Fatal("no stamp")
	}
	w.at = w.at.Add(24 * time.Hour)
	w.tsa.err = errors.New("connection refused")
	began := w.at
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		wait := w.step(t.Context())
		if wait != want*time.Minute {
			t.Errorf("wait %s, expected %d minutes", wait, want)
		}
		if c := w.check(); c.State != portal.StateWarn || !c.Since.Equal(began) || !strings.Contains(c.Detail, "connection refused") || c.Number != 1 {
			t.Errorf("health: %+v", c)
		}
		w.at = w.at.Add(wait)
	}
	w.at = w.at.AddDate(0, 0, 8)
	if c := w.check(); c.State != portal.StateBad {
		t.Errorf("after a week: %+v", c)
	}
	w.tsa.err = nil
	if wait := w.step(t.Context()); wait != 24*time.Hour || w.check().State != portal.StateOK || w.check().Detail != "" {
		t.Errorf("wait %s, health %+v", wait, w.check())
	}
}

// A token over something else is never recorded, whoever gives it.
type lying struct{ tsp.Stamper }

func (l lying) Stamp(ctx context.Context, h crypto.Hash, imprint []byte) (*tsp.Token, error) {
	other := append([]byte{imprint[0] ^ 1}, imprint[1:]...)
	return l.Stamper.Stamp(ctx, h, other)
}

func TestTokenOverSomethingElse(t *testing.T) {
	w := newStampWorld(t)
	w.event()
	w.stamper = lying{w.tsa}
	if wait := w.step(t.Context()); wait != stampRetry || w.state.Count != 0 || w.store.Head().Size != 1 {
		t.Errorf("wait %s, %+v", wait, w.state)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.run(ended); err != nil {
		t.Errorf("run: %v", err)
	}
}

// Without an authority nothing is asked, and what was proved stays known.
func TestNoAuthorityConfigured(t *testing.T) {
	w := newStampWorld(t)
	w.event()
	w.step(t.Context())
	s := w.restarted()
	s.stamper = nil
	if err := s.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := s.check(); c.Number != 1 || c.Detail == "" {
		t.Errorf("health: %+v", c)
	}
	if w.tsa.asked != 1 {
		t.Errorf("asked %d times", w.tsa.asked)
	}
}
