package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/timestamp"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/keystore"
	"github.com/tram-exchange/tram/signing/tsp"
)

// How the time-stamps over the log are made.
const (
	stampHash    = crypto.SHA256
	stampRetry   = time.Minute // after the first failure; doubled up to
	stampLongest = time.Hour
	stampTimeout = 2 * time.Minute // for all authorities together
)

// stampLog is what the time-stamps are about.
type stampLog interface {
	Head() events.Head
	Stream(ctx context.Context, stream string, from uint64, f func(events.Event) error) error
}

// timestamper has the log's head stamped once in a while and records the answer. It never holds up anything else: while no
// authority answers, the node goes on and its health says so.
type timestamper struct {
	log     stampLog
	record  func(ctx context.Context, s gateway.Step) (events.Sealed, bool, error)
	stamper tsp.Stamper // nil: none is configured
	every   time.Duration
	now     func() time.Time
	logger  *slog.Logger

	mu     sync.Mutex
	state  timestamp.State // of the last step
	failed error           // of the last step; nil: it went well
	since  time.Time       // when failing began
	tries  int             // failures in a row
}

// newTimestamper wires the node's. The authorities are those of the configuration; a trial node without any uses its own trial
// authority, if it has a key for one.
func (a *app) newTimestamper() (*timestamper, error) {
	t := &timestamper{log: a.store, every: a.c.Timestamp.Every, now: time.Now, logger: a.log,
		record: func(ctx context.Context, s gateway.Step) (events.Sealed, bool, error) { return a.node.Record(ctx, s) }}
	var err error
	t.stamper, err = a.stamper()
	return t, err
}

// stamper gives time-stamps by the configured authorities, nil if there are none.
func (a *app) stamper() (tsp.Stamper, error) {
	if len(a.c.Timestamp.Services) == 0 {
		if !a.c.Trial {
			return nil, nil
		}
		return a.trialStamper()
	}
	asked := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tram_timestamp_requests_total",
		Help: "Requests to time-stamp authorities, by service and outcome (ok, failed)."}, []string{"service", "outcome"})
	if err := a.metrics.Register(asked); err != nil {
		return nil, fmt.Errorf("couldn't register metric: %w", err)
	}
	replayable := map[string]bool{}
	for _, s := range a.c.Timestamp.Services {
		replayable[tsp.ServiceConfig{URL: s.URL}.Name()] = s.NoNonce && !strings.HasPrefix(s.URL, "https:")
	}
	a.clock = newClockWatch(a.c.Timestamp.ClockEvery, a.log)
	stamper, err := newStamper(a.c, a.recordedTrust, func(service string, err error) {
		a.clock.observe(replayable[service], err)
		outcome := "ok"
		if err != nil {
			outcome = "failed"
			a.log.Warn("time-stamp authority gave no time-stamp", "service", service, "error", err)
		}
		asked.WithLabelValues(service, outcome).Inc()
	})
	a.clock.stamper = stamper
	return stamper, err
}

// newStamper makes the client of the configured authorities. Their certificates must lead to an authority for time-stamps.
func newStamper(c *Config, trust func() *signing.Trust, observe func(string, error)) (tsp.Stamper, error) {
	services := make([]tsp.ServiceConfig, len(c.Timestamp.Services))
	for i, s := range c.Timestamp.Services {
		services[i] = tsp.ServiceConfig{URL: s.URL, Policy: s.Policy, Username: s.Username, NoNonce: s.NoNonce}
		if s.PasswordSource == "" {
			continue
		}
		var err error
		if services[i].Password, err = keystore.ReadSecret(s.PasswordSource, c.base, nil); err != nil {
			return nil, fmt.Errorf("couldn't read timestamp.services[%d].password_source: %w", i, err)
		}
	}
	return tsp.NewClient(services, tsp.ClientOptions{Observe: observe, Check: func(_ context.Context, t *tsp.Token) error {
		return stampTrusted(trust(), t)
	}})
}

// stampTrusted says whether a token's certificate leads to an authority for time-stamps.
func stampTrusted(trust *signing.Trust, t *tsp.Token) error {
	res := trust.CheckFor(t.Signer, t.Certificates, t.Time, signing.PurposeTimeStamp)
	if res.Refusal != signing.Accepted {
		return fmt.Errorf("couldn't trust time-stamp authority %q: %w", t.Signer.Subject, res.Err)
	}
	return t.CheckChain(res.Chain)
}

// trialStamper is an authority inside the node, for trials: its clock is the node's, so it proves nothing to anybody else.
func (a *app) trialStamper() (tsp.Stamper, error) {
	lease, err := a.keys.ring.For(keystore.TSA, "", time.Now())
	if err != nil {
		return nil, nil //nolint:nilerr // no key for one: the trial node does without
	}
	a.closers = append(a.closers, func() error { lease.Release(); return nil })
	return tsp.NewAuthority(lease.Signer, []*x509.Certificate{lease.Chain[0]}, tsp.Options{})
}

// run steps until ctx ends. It never fails: what goes wrong is tried again and shown.
func (t *timestamper) run(ctx context.Context) error {
	if t.every < 0 || t.stamper == nil {
		_ = t.load(ctx) // for the health page: what was proved before stays proved
		return nil
	}
	for {
		wait := t.step(ctx)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// step has the head stamped if that is due, and says when to come again.
func (t *timestamper) step(ctx context.Context) time.Duration {
	err := t.load(ctx)
	if err == nil {
		if wait := t.due().Sub(t.now()); wait > 0 {
			return wait
		}
		err = t.stamp(ctx)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.failed, t.since, t.tries = nil, time.Time{}, 0
		return t.every
	}
	if ctx.Err() != nil {
		return t.every
	}
	if t.failed == nil {
		t.since = t.now()
	}
	t.failed = err
	wait := min(stampRetry<<min(t.tries, 10), stampLongest)
	t.tries++
	t.logger.Warn("couldn't have the log's head time-stamped; trying again", "error", err, "in", wait)
	return wait
}

// load folds what was recorded since the last time.
func (t *timestamper) load(ctx context.Context) error {
	t.mu.Lock()
	state := t.state
	t.mu.Unlock()
	err := t.log.Stream(ctx, timestamp.Stream, uint64(state.Version()+1), func(e events.Event) (err error) {
		state, err = timestamp.Fold(state, e)
		return err
	})
	if err != nil {
		return fmt.Errorf("couldn't read the log's time-stamps: %w", err)
	}
	t.mu.Lock()
	t.state = state
	t.mu.Unlock()
	return nil
}

// due is when the next stamp is: the configured time after the last one, or before its proof would age.
func (t *timestamper) due() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state.Count == 0 {
		return time.Time{}
	}
	at := t.state.Last.Time.Add(t.every)
	if r := timestamp.RenewalDue(t.state.Last, timestamp.Ages{}, t.now()); r.Due.Before(at) {
		at = r.Due
	}
	return at
}

// stamp asks for a time-stamp over the latest signed head and records it.
func (t *timestamper) stamp(ctx context.Context) error {
	head := t.log.Head()
	if head.Size == 0 {
		return errors.New("couldn't have the head stamped: the log is empty")
	}
	imprint, err := timestamp.Imprint(stampHash.String(), head.Checkpoint)
	if err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, stampTimeout)
	defer cancel()
	token, err := t.stamper.Stamp(asking, stampHash, imprint)
	if err != nil {
		return err
	}
	if err := errors.Join(token.Verify(imprint), token.CheckSigner()); err != nil {
		return err
	}
	c := timestamp.Stamp{Raw: token.Raw, Stamped: timestamp.Stamped{
		Size: head.Size, Root: head.Root, Checkpoint: string(head.Checkpoint), Hash: stampHash.String(), Imprint: hex.EncodeToString(imprint),
		Token: events.Sum(token.Raw), TSA: token.Signer.Subject.String(), Signer: events.Digest(signing.Fingerprint(token.Signer)),
		Time: token.Time, Until: token.Signer.NotAfter,
	}}
	_, _, err = t.record(ctx, gateway.Step{Stream: timestamp.Stream, Evidence: token.Raw, Decide: func(history []events.Event) ([]events.New, error) {
		var s timestamp.State
		for _, e := range history {
			var err error
			if s, err = timestamp.Fold(s, e); err != nil {
				return nil, err
			}
		}
		return timestamp.Decide(s, c)
	}})
	if err != nil {
		return fmt.Errorf("couldn't record time-stamp: %w", err)
	}
	t.logger.Info("log time-stamped", "size", head.Size, "time", token.Time, "tsa", c.TSA)
	return t.load(ctx)
}

// last is the newest stamp on the record; zero: there is none.
func (t *timestamper) last() timestamp.Stamped {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state.Last
}

// check is the line of the health page: the last proved head, and whether the next one is late.
func (t *timestamper) check() portal.Check {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := portal.Check{Name: portal.CheckTimestamp, State: portal.StateOK, Unit: portal.UnitTime, At: t.state.Last.Time}
	if t.state.Count > 0 {
		c.Number, c.Subject = float64(t.state.Last.Size), t.state.Last.TSA
	}
	if t.stamper == nil || t.every < 0 {
		if t.stamper == nil {
			c.Detail = "chưa cấu hình tổ chức cấp dấu thời gian / no time-stamp authority is configured"
		}
		return c
	}
	now := t.now()
	renewal := timestamp.RenewalDue(t.state.Last, timestamp.Ages{}, now)
	switch late := now.Sub(t.state.Last.Time); {
	case t.state.Count > 0 && (renewal.Behind || late > 7*t.every+stampLongest):
		c.State = portal.StateBad
	case t.failed != nil, t.state.Count > 0 && late > 2*t.every+stampLongest:
		c.State = portal.StateWarn
	}
	if t.failed != nil {
		c.Detail, c.Since = t.failed.Error(), t.since
	}
	return c
}
