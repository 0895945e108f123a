package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tram-exchange/tram/signing/tsp"
)

// How the node's clock is watched.
const (
	clockLook  = 10 * time.Second // how often it is seen whether the clock was moved
	clockRetry = time.Minute      // while the clock is wrong or nobody has confirmed it
	clockJump  = 5 * time.Second  // moved by more, it is confirmed again at once
)

// clockWatch compares the node's clock with its time-stamp authorities. While one that can be trusted says that the clock is more
// than a minute off and none says that it is right, the node takes nothing in: the times that it would seal would be wrong for ever.
// An authority that does not answer proves nothing, so its silence stops nobody.
type clockWatch struct {
	stamper tsp.Stamper
	every   time.Duration        // between confirmations; negative: only those that come with the stamps over the log
	now     func() time.Time     // the clock that is watched
	running func() time.Duration // since some moment; not moved with the clock
	logger  *slog.Logger

	mu    sync.Mutex
	wrong error         // why the clock cannot be trusted; nil: nothing is known against it
	heard time.Time     // when an authority last told the time, by the clock
	ran   time.Duration // running at that moment
	tried time.Duration // running when an authority was last asked for this
	asked bool
}

// newClockWatch watches the system's clock.
func newClockWatch(every time.Duration, logger *slog.Logger) *clockWatch {
	began := time.Now()
	return &clockWatch{every: every, now: func() time.Time { return time.Now().Round(0) }, running: func() time.Duration { return time.Since(began) }, logger: logger}
}

// observe takes what an authority answered, whatever it was asked for. replayable answers (over http, without nonce) count for nothing:
// anybody on the way could have kept an old one.
func (w *clockWatch) observe(replayable bool, err error) {
	problem := (*tsp.Error)(nil)
	off := errors.As(err, &problem) && problem.Problem == tsp.WrongTime
	if replayable || err != nil && !off {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard, w.ran = w.now(), w.running()
	switch {
	case off:
		if w.wrong == nil {
			w.logger.Error("the clock is wrong, nothing is accepted until it is right", "error", err)
		}
		w.wrong = err
	case w.wrong != nil:
		w.logger.Info("the clock is right again")
		w.wrong = nil
	}
}

// ok says whether times of this clock may be sealed. A nil watch knows nothing against it.
func (w *clockWatch) ok(context.Context) error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.wrong != nil {
		return fmt.Errorf("couldn't trust the clock: %w", w.wrong)
	}
	return nil
}

// due says whether an authority is to be asked.
func (w *clockWatch) due() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	ran := w.running()
	if w.asked && ran-w.tried < clockRetry {
		return false
	}
	if w.wrong != nil || w.heard.IsZero() {
		return true
	}
	moved := (w.now().Sub(w.heard) - (ran - w.ran)).Abs()
	return moved > clockJump || w.every >= 0 && ran-w.ran >= w.every
}

// step asks an authority if that is due. The token is thrown away: only its time counts, which observe is told.
func (w *clockWatch) step(ctx context.Context) {
	if !w.due() {
		return
	}
	w.mu.Lock()
	w.tried, w.asked = w.running(), true
	w.mu.Unlock()
	imprint := make([]byte, stampHash.Size())
	_, _ = rand.Read(imprint) // never fails
	asking, cancel := context.WithTimeout(ctx, stampTimeout)
	defer cancel()
	_, _ = w.stamper.Stamp(asking, stampHash, imprint) // observe has the answers
}

// run watches until ctx ends.
func (w *clockWatch) run(ctx context.Context) error {
	if w == nil {
		return nil
	}
	t := time.NewTicker(clockLook)
	defer t.Stop()
	for {
		w.step(ctx)
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}
