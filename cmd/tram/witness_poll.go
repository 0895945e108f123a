package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/tiles"
	"github.com/tram-exchange/tram/events/witnessing"
)

const (
	pollsAtOnce  = 4
	pollTimeout  = 30 * time.Second
	pollPatience = time.Hour // until a log that cannot be read, or publishes less than it has signed, is shown to people
)

// polled is what a log published when it was asked last. It is lost when the process ends: what proves something is recorded, or
// stands in the files of the witness.
type polled struct {
	size    uint64    // of the newest head seen at its address
	largest uint64    // of all that were
	signed  uint64    // of the largest head known of it, wherever it came from
	at      time.Time // of the last answer
	err     error     // of the last question
	failing time.Time // since
	short   time.Time // publishes less than it has signed since
}

// older says that the log has shown a larger head before. That alone proves nothing: a mirror, or a cache, may be behind. If it
// goes on from there with another history, that is found by the heads themselves.
func (p polled) older() bool { return p.size < p.largest }

// followPublished looks at the published heads of all logs again and again until ctx ends.
func (w *watch) followPublished(ctx context.Context) {
	for {
		timer := time.NewTimer(w.every)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		w.poll(ctx)
	}
}

// poll looks once at what each log publishes, and compares it with the largest head known of it.
func (w *watch) poll(ctx context.Context) {
	var g errgroup.Group
	g.SetLimit(pollsAtOnce)
	for _, origin := range w.origins() {
		if !w.published(origin) {
			continue
		}
		g.Go(func() error {
			asking, cancel := context.WithTimeout(ctx, pollTimeout)
			defer cancel()
			head, err := w.look(asking, origin)
			if ctx.Err() == nil {
				w.noteLook(origin, head, err)
			}
			return nil
		})
	}
	_ = g.Wait()
}

// published says whether it is known where a log publishes.
func (w *watch) published(origin string) bool {
	if w.logs[origin].url != "" {
		return true
	}
	p, ok := w.directory().Peer(origin)
	return ok && len(p.URLs) > 0
}

// look reads and compares the published head of one log.
func (w *watch) look(ctx context.Context, origin string) (ledger.Head, error) {
	files, done, err := w.files(ctx, origin)
	if err != nil {
		return ledger.Head{}, err
	}
	defer done()
	b, err := tiles.ReadCheckpoint(files)
	if err != nil {
		return ledger.Head{}, err
	}
	head, _, err := ledger.OpenCheckpoint(b, origin, w.verifiers(origin)...)
	if err != nil {
		return ledger.Head{}, fmt.Errorf("couldn't believe the published checkpoint: %w", err)
	}
	err = w.compare(ctx, doubt{origin: origin, source: witnessing.SourcePublished, checkpoint: b})
	if errors.Is(err, errUnpublished) {
		err = nil // it has signed more than it publishes: noteLook sees that
	}
	return head, err
}

// noteLook keeps what was seen, and warns when it becomes bad.
func (w *watch) noteLook(origin string, head ledger.Head, err error) {
	signed := head.Size
	if b, bad := w.known(origin); bad == nil && b != nil {
		if h, bad := ledger.ReadCheckpoint(b); bad == nil {
			signed = max(signed, h.Size)
		}
	}
	now := w.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.polled[origin]
	defer func() { w.polled[origin] = p }()
	if err != nil {
		if p.err == nil {
			p.failing = now
		}
		p.err = err
		w.log.Debug("couldn't look at the published head of another log", "log", origin, "error", err)
		return
	}
	was := p.older()
	p.err, p.failing, p.at, p.size, p.signed = nil, time.Time{}, now, head.Size, signed
	p.largest = max(p.largest, head.Size)
	if p.older() && !was {
		w.log.Warn("another log publishes an older head than before", "log", origin, "size", p.size, "before", p.largest)
	}
	switch {
	case p.size >= p.signed:
		p.short = time.Time{}
	case p.short.IsZero():
		p.short = now
	}
}

// pollChecks are lines of the health page: one for each log that was asked.
func (w *watch) pollChecks() (out []portal.Check) {
	now := w.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, origin := range slices.Sorted(maps.Keys(w.polled)) {
		p := w.polled[origin]
		c := portal.Check{Name: portal.CheckOtherLog, Subject: origin, State: portal.StateOK, Number: float64(p.size), Unit: portal.UnitCount, At: p.at}
		switch {
		case p.older():
			c.State, c.Detail = portal.StateWarn, fmt.Sprintf("đã từng công bố %d / it has published %d before", p.largest, p.largest)
		case p.err != nil && now.Sub(p.failing) >= pollPatience:
			c.State, c.Detail, c.Since = portal.StateWarn, p.err.Error(), p.failing
		case !p.short.IsZero() && now.Sub(p.short) >= pollPatience:
			c.State, c.Detail, c.Since = portal.StateWarn, fmt.Sprintf("đã ký %d / it has signed %d", p.signed, p.signed), p.short
		}
		out = append(out, c)
	}
	return out
}
