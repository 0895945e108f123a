package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/httprate"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger/tiles"
)

const (
	logFolder = "log" // in the data folder: the published files
	logPrefix = "/log/"
)

// publishedLog writes the node's log as plain files and serves them to everyone. What goes wrong with it ends publication,
// never acceptance.
type publishedLog struct {
	log     *slog.Logger
	store   events.Store
	writer  *tiles.Writer
	root    *os.Root
	handler http.Handler

	witnesses *logWitnesses // nil: none
	every     time.Duration

	mu   sync.Mutex
	size uint64
	err  error
	last string // the error that was logged last
}

// newPublishedLog makes the folder. perMinute bounds the requests of one address; 0 is the default of the API.
func newPublishedLog(data, origin string, keys *nodeKeys, store events.Store, perMinute int, log *slog.Logger) (*publishedLog, error) {
	verifiers, err := keys.logVerifiers(origin, store)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(data, logFolder)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("couldn't make folder of published log: %w", err)
	}
	p := &publishedLog{log: log, store: store}
	if p.root, err = os.OpenRoot(dir); err != nil {
		return nil, fmt.Errorf("couldn't open folder of published log: %w", err)
	}
	p.writer = tiles.NewWriter(store, tiles.OSFiles(dir), tiles.Options{Verifiers: verifiers, Keys: keyHistory(store)})
	if perMinute <= 0 {
		perMinute = 1_200_000
	}
	limit := httprate.LimitBy(perMinute, time.Minute, func(r *http.Request) (string, error) {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		return httprate.CanonicalizeIP(host), err
	})
	p.handler = limit(http.StripPrefix(logPrefix, tiles.Handler(p.root.FS())))
	return p, nil
}

func (p *publishedLog) close() error { return p.root.Close() }

// run follows the log. A fault stops it until the node is started again; the node goes on.
func (p *publishedLog) run(ctx context.Context) error {
	o := tiles.FollowOptions{Interval: p.every, Report: p.report}
	if p.witnesses != nil {
		o.Cosign, o.Binding = p.witnesses.cosign, p.witnesses.binding
	}
	err := tiles.Follow(ctx, p.store, p.writer, o)
	if fault := new(tiles.Fault); errors.As(err, &fault) {
		p.log.Error("publication of the log has stopped", "file", fault.Path, "reason", fault.Reason)
		<-ctx.Done()
		return nil
	}
	return err
}

func (p *publishedLog) report(head events.Head, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	failed := new(tiles.CosignError)
	if errors.As(err, &failed) && !p.witnesses.binding { // it is published, and the health of the witnesses says the rest
		err = nil
	}
	if p.err = err; err == nil {
		p.size, p.last = head.Size, ""
		return
	}
	if fault := new(tiles.Fault); !errors.As(err, &fault) && err.Error() != p.last {
		p.last = err.Error()
		p.log.Warn("couldn't publish log, will try again", "error", err)
	}
}

// check is the health of the publication: how far it is, or why it is not.
func (p *publishedLog) check() portal.Check {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := portal.Check{Name: portal.CheckPublished, State: portal.StateOK, Number: float64(p.size), Unit: portal.UnitCount}
	if p.err != nil {
		c.State, c.Detail = portal.StateWarn, p.err.Error()
		fault, failed := new(tiles.Fault), new(tiles.CosignError)
		if errors.As(p.err, &fault) || errors.As(p.err, &failed) {
			c.State = portal.StateBad
		}
	}
	return c
}

// beside serves the files under /log/ and everything else by h.
func (p *publishedLog) beside(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, logPrefix) {
			h.ServeHTTP(w, r)
			return
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute))
		p.handler.ServeHTTP(w, r)
	})
}
