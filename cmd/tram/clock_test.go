package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing/trialca"
	"github.com/tram-exchange/tram/signing/tsp"
)

// clockWorld is a node's clock beside authorities with clocks of their own.
type clockWorld struct {
	*clockWatch
	at      time.Time     // the node's clock
	passed  time.Duration // what really passed
	off     []time.Duration
	down    []bool
	strange bool // nobody trusts the authorities
	asked   int
}

func newClockWorld(t *testing.T, authorities int, replayable bool) *clockWorld {
	t.Helper()
	begin := time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)
	w := &clockWorld{at: begin, off: make([]time.Duration, authorities), down: make([]bool, authorities)}
	ca, err := trialca.New("CA", rand.Reader, func() time.Time { return begin })
	if err != nil {
		t.Fatal(err)
	}
	services := make([]tsp.ServiceConfig, authorities)
	for i := range services {
		key, cert, err := ca.Issue(trialca.Leaf{Name: "TSA", Use: trialca.TimeStamp})
		if err != nil {
			t.Fatal(err)
		}
		a, err := tsp.NewAuthority(key, []*x509.Certificate{cert}, tsp.Options{Now: func() time.Time { return begin.Add(w.passed + w.off[i]) }})
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			w.asked++
			if w.down[i] {
				rw.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			a.ServeHTTP(rw, r)
		}))
		t.Cleanup(s.Close)
		services[i] = tsp.ServiceConfig{URL: s.URL, NoNonce: replayable}
	}
	w.clockWatch = &clockWatch{every: time.Hour, now: func() time.Time { return w.at }, running: func() time.Duration { return w.passed }, logger: slog.New(slog.DiscardHandler)}
	w.stamper, err = tsp.NewClient(services, tsp.ClientOptions{Now: func() time.Time { return w.at }, Rest: -1,
		Observe: func(_ string, err error) { w.observe(replayable, err) },
		Check: func(context.Context, *tsp.Token) error {
			if w.strange {
				return errors.New("who is that")
			}
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// pass lets time go by, for the clock as for the world.
func (w *clockWorld) pass(d time.Duration) { w.at, w.passed = w.at.Add(d), w.passed+d }

func (w *clockWorld) expect(t *testing.T, what string, asked int, good bool) {
	t.Helper()
	w.asked = 0
	w.step(t.Context())
	if err := w.ok(t.Context()); (err == nil) != good || w.asked != asked {
		t.Errorf("%s: %v after asking %d times, expected good: %v, %d times", what, err, w.asked, good, asked)
	}
}

func TestClockStopsAcceptance(t *testing.T) {
	w := newClockWorld(t, 1, false)
	w.expect(t, "start", 1, true)
	w.pass(59 * time.Minute)
	w.expect(t, "nothing to ask", 0, true)
	w.pass(time.Minute)
	w.expect(t, "an hour", 1, true)
	w.pass(time.Minute)
	w.at = w.at.Add(clockJump)
	w.expect(t, "hardly moved", 0, true)
	w.at = w.at.Add(59*time.Second - clockJump)
	w.expect(t, "moved by less than a minute", 1, true)
	w.pass(time.Minute)
	w.at = w.at.Add(10 * time.Second)
	w.expect(t, "moved by more", 1, false)
	w.pass(59 * time.Second)
	w.expect(t, "not yet again", 0, false)
	w.pass(time.Second)
	w.down[0] = true
	w.expect(t, "silence takes nothing back", 1, false)
	w.pass(time.Minute)
	w.down[0], w.at = false, w.at.Add(-69*time.Second)
	w.expect(t, "set right", 1, true)
}

func TestClockAtStart(t *testing.T) {
	w := newClockWorld(t, 1, false)
	w.off[0] = -2 * time.Minute
	w.expect(t, "ahead of the authority", 1, false)

	w = newClockWorld(t, 1, false)
	w.down[0] = true
	w.expect(t, "nobody to ask", 1, true)
	w.pass(clockLook)
	w.expect(t, "not at every look", 0, true)
	w.pass(clockRetry)
	w.expect(t, "still nobody", 1, true)
}

// One authority that agrees is enough: the other one's clock is wrong then.
func TestClockOfSeveralAuthorities(t *testing.T) {
	w := newClockWorld(t, 2, false)
	w.off[0] = time.Hour
	w.expect(t, "the second agrees", 2, true)
	w.pass(time.Hour)
	w.down[1] = true
	w.expect(t, "the second is gone", 2, false)
	w.pass(time.Minute)
	w.down[1] = false
	w.expect(t, "and back", 2, true)
}

// Whoever is not trusted, or could be somebody in between with an old answer, stops nobody.
func TestClockOfStrangers(t *testing.T) {
	w := newClockWorld(t, 1, false)
	w.off[0], w.strange = time.Hour, true
	w.expect(t, "stranger", 1, true)
	w = newClockWorld(t, 1, true)
	w.off[0] = -time.Hour
	w.expect(t, "replay", 1, true)
	if (*clockWatch)(nil).ok(t.Context()) != nil || (*clockWatch)(nil).run(t.Context()) != nil {
		t.Error("no watch")
	}
}
