package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/httprate"
	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/tiles"
	"github.com/tram-exchange/tram/events/ledger/witness"
	"github.com/tram-exchange/tram/events/witnessing"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/keystore"
)

const (
	witnessPrefix = "/witness/"
	maxDoubts     = 16               // checkpoints of one log, from one kind of source, that wait to be compared: nobody can fill the place of others
	maxCompared   = 1024             // of which it is known that they fit
	doubtPause    = time.Second      // between two comparisons: anybody may raise a doubt
	doubtRetry    = time.Minute      // when the files to compare by are not there
	doubtTries    = 60               //
	doubtQuiet    = 10 * time.Minute // as long as a head may well be unpublished: publication follows the record, or waits for witnesses
	doubtTimeout  = 30 * time.Second
)

// watch is this node as a witness of other logs: it cosigns their heads (if it has a key for that), compares what else it
// sees of them, and records two histories of one log as an event.
type watch struct {
	origin    string
	cosigner  *witness.Cosigner // nil: heads are compared, none is cosigned
	witness   *witness.Witness  // nil with cosigner
	handler   http.Handler      // nil with cosigner
	logs      map[string]witnessedLog
	peers     bool
	directory func() directory.State
	store     events.Store
	record    func(context.Context, gateway.Step) (events.Sealed, bool, error)
	http      *http.Client // for logs of the configuration
	now       func() time.Time
	every     time.Duration // between two looks at what the logs publish
	log       *slog.Logger
	wake      chan struct{}

	mu       sync.Mutex
	doubts   []doubt
	compared map[ledger.Head]bool // heads that fit what was known
	seen     map[string][]byte    // by origin: largest checkpoint that was compared
	polled   map[string]polled    // by origin: what it published when it was asked last
}

// doubt is a checkpoint of another log that has to be compared with what is known of it.
type doubt struct {
	origin, source string
	checkpoint     []byte
	tries          int
	since, due     time.Time
	warned         bool
}

// newWatch makes it. node is asked for the directory and to record only after it is started.
func (a *app) newWatch(ctx context.Context, data string) (*watch, error) {
	logs, err := a.c.witnessedLogs()
	if err != nil {
		return nil, err
	}
	w := &watch{
		origin: a.c.Origin, logs: logs, peers: *a.c.Witness.Peers, store: a.store, now: time.Now, log: a.log, wake: make(chan struct{}, 1),
		every:     a.c.Witness.Poll,
		directory: func() directory.State { return a.node.Snapshot().Directory },
		record:    func(ctx context.Context, s gateway.Step) (events.Sealed, bool, error) { return a.node.Record(ctx, s) },
		compared:  map[ledger.Head]bool{}, seen: map[string][]byte{}, polled: map[string]polled{},
	}
	if w.http, err = a.c.witnessHTTP(); err != nil {
		return nil, err
	}
	cosigner, key, err := a.c.openCosigner(ctx, a.keys.tokens)
	if cosigner == nil || err != nil {
		return w, err
	}
	a.closers = append(a.closers, key.Close)
	folder, err := witness.OpenFolder(filepath.Join(data, witnessFolder))
	if err != nil {
		return nil, err
	}
	a.closers = append(a.closers, folder.Close)
	return w, w.serve(cosigner, folder, a.c.Witness.RequestsPerMinute)
}

// serve makes the endpoint.
func (w *watch) serve(cosigner *witness.Cosigner, store witness.Store, perMinute int) (err error) {
	w.cosigner = cosigner
	w.witness, err = witness.New(witness.Options{
		Keys: w.verifiers, Cosigner: cosigner, Store: store, Now: w.now, Split: w.split, Logger: w.log,
		Doubt: func(origin string, b []byte) { w.doubt(origin, b, witnessing.SourceRequest) },
	})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle(witnessPrefix+"add-checkpoint", w.witness)
	mux.HandleFunc(witnessPrefix+"latest", w.witness.ServeLatest)
	limit := httprate.LimitBy(perMinute, time.Minute, func(r *http.Request) (string, error) {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		return httprate.CanonicalizeIP(host), err
	})
	w.handler = limit(mux)
	return nil
}

// beside serves the endpoint under /witness/, and everything else by h.
func (w *watch) beside(h http.Handler) http.Handler {
	if w.handler == nil {
		return h
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, witnessPrefix) {
			h.ServeHTTP(rw, r)
			return
		}
		control := http.NewResponseController(rw)
		_ = control.SetReadDeadline(time.Now().Add(20 * time.Second))
		_ = control.SetWriteDeadline(time.Now().Add(time.Minute))
		w.handler.ServeHTTP(rw, r)
	})
}

// keys are the verifier keys of a log that this node watches, none if it does not. A log may have several over time.
func (w *watch) keys(origin string) []string {
	if origin == w.origin || origin == "" {
		return nil
	}
	keys := slices.Clone(w.logs[origin].keys)
	if w.peers {
		if p, ok := w.directory().Peer(origin); ok {
			for _, k := range p.Verifiers {
				if v, err := note.NewVerifier(k); err == nil && v.Name() == origin && !slices.Contains(keys, k) {
					keys = append(keys, k)
				}
			}
		}
	}
	return keys
}

func (w *watch) verifiers(origin string) (out []note.Verifier) {
	for _, k := range w.keys(origin) {
		if v, err := note.NewVerifier(k); err == nil {
			out = append(out, v)
		}
	}
	return out
}

// origins are the logs that are watched, in order.
func (w *watch) origins() (out []string) {
	for o := range w.logs {
		out = append(out, o)
	}
	if w.peers {
		for _, o := range w.directory().Peers() {
			if len(w.keys(o)) > 0 && !slices.Contains(out, o) {
				out = append(out, o)
			}
		}
	}
	slices.Sort(out)
	return out
}

// files are the published files of a log, wherever they are known to be.
func (w *watch) files(ctx context.Context, origin string) (tiles.Reader, func(), error) {
	if l, ok := w.logs[origin]; ok && l.url != "" {
		return tiles.Remote(ctx, w.http, l.url), func() {}, nil
	}
	p, ok := w.directory().Peer(origin)
	if !ok || len(p.URLs) == 0 {
		return nil, nil, fmt.Errorf("couldn't find the published files of %q: no address is known", origin)
	}
	t := &http.Transport{TLSClientConfig: pinnedTLS(p), ResponseHeaderTimeout: doubtTimeout}
	client := &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return tiles.Remote(ctx, client, strings.TrimRight(p.URLs[0], "/")+strings.TrimSuffix(logPrefix, "/")), t.CloseIdleConnections, nil
}

// pinnedTLS accepts the certificates that the directory knows a peer by.
func pinnedTLS(p *directory.Peer) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error { //nolint:gosec // by digest below
		leaf := s.PeerCertificates[0]
		if slices.Contains(p.TLS, events.Digest(signing.Fingerprint(leaf))) {
			return nil
		}
		roots, between := x509.NewCertPool(), x509.NewCertPool()
		for _, der := range p.Authorities {
			if c, err := x509.ParseCertificate(der); err == nil {
				roots.AddCert(c)
			}
		}
		for _, c := range s.PeerCertificates[1:] {
			between.AddCert(c)
		}
		_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: s.ServerName})
		return err
	}}
}

// split is told by the witness of two roots of one size.
func (w *watch) split(ctx context.Context, e witness.Evidence) error {
	second, err := ledger.ReadCheckpoint(e.Refused)
	if err != nil {
		return err
	}
	return w.keep(ctx, witnessing.Contradiction{Log: e.Origin, Source: witnessing.SourceRequest, First: string(e.Cosigned), Second: string(e.Refused), Root: second.Root})
}

// keep records a contradiction, once.
func (w *watch) keep(ctx context.Context, c witnessing.Contradiction) error {
	c.Keys = w.keys(c.Log)
	_, recorded, err := w.record(ctx, gateway.Step{Stream: witnessing.Stream(c.Log), Decide: func(history []events.Event) ([]events.New, error) {
		var s witnessing.State
		for _, e := range history {
			var err error
			if s, err = witnessing.Fold(s, e); err != nil {
				return nil, err
			}
		}
		return witnessing.Decide(s, c)
	}})
	if err != nil {
		return fmt.Errorf("couldn't record contradiction: %w", err)
	}
	if recorded {
		w.log.Error("another log has shown two histories", "log", c.Log, "source", c.Source)
	}
	return nil
}

// alarms are what is recorded against a log.
func (w *watch) alarms(ctx context.Context, origin string) ([]witnessing.Alarm, error) {
	var s witnessing.State
	err := w.store.Stream(ctx, witnessing.Stream(origin), 0, func(e events.Event) (err error) {
		s, err = witnessing.Fold(s, e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read what is recorded against %q: %w", origin, err)
	}
	return s.Alarms, nil
}

// doubt puts a checkpoint on the list to be compared. It never waits; when the list is full it is dropped, and comes again.
func (w *watch) doubt(origin string, checkpoint []byte, source string) {
	h, err := ledger.ReadCheckpoint(checkpoint)
	if err != nil || len(w.keys(origin)) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	alike := 0
	for _, d := range w.doubts {
		if string(d.checkpoint) == string(checkpoint) {
			return
		}
		if d.origin == origin && d.source == source {
			alike++
		}
	}
	if w.compared[h] || alike >= maxDoubts {
		return
	}
	w.doubts = append(w.doubts, doubt{origin: origin, source: source, checkpoint: checkpoint})
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run compares until ctx ends. It never fails: what cannot be compared is tried again.
func (w *watch) run(ctx context.Context) error {
	var beside sync.WaitGroup
	beside.Go(func() { w.followReceipts(ctx) })
	beside.Go(func() { w.followPublished(ctx) })
	defer beside.Wait()
	for {
		wait, wake := doubtPause, (chan struct{})(nil)
		if !w.step(ctx) {
			wait, wake = w.untilDue(), w.wake
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-wake:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return nil
		}
	}
}

// step compares the first checkpoint that is due; false: none was.
func (w *watch) step(ctx context.Context) bool {
	d, ok := w.due()
	if !ok {
		return false
	}
	asking, cancel := context.WithTimeout(ctx, doubtTimeout)
	defer cancel()
	if err := w.compare(asking, d); err != nil && ctx.Err() == nil {
		w.again(d, err)
	}
	return true
}

// again puts a checkpoint back that could not be compared. That a head is not published yet is no fault, until it stays so.
func (w *watch) again(d doubt, err error) {
	d.tries++
	if d.since.IsZero() {
		d.since = w.now()
	}
	say := w.log.Debug
	if early := errors.Is(err, errUnpublished) && w.now().Sub(d.since) < doubtQuiet; !early && (!d.warned || d.tries == doubtTries) {
		say, d.warned = w.log.Warn, true
	}
	say("couldn't compare checkpoint of another log", "log", d.origin, "source", d.source, "tries", d.tries, "error", err)
	if d.tries >= doubtTries {
		return
	}
	pause := doubtRetry
	if errors.Is(err, errUnpublished) && d.tries < 6 { // 2, 4 … 32 seconds
		pause = time.Second << d.tries
	}
	d.due = w.now().Add(pause)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.doubts = append(w.doubts, d)
}

// untilDue is how long there is nothing to compare again.
func (w *watch) untilDue() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	wait := doubtRetry
	for _, d := range w.doubts {
		wait = min(wait, d.due.Sub(w.now()))
	}
	return max(wait, 0)
}

func (w *watch) due() (doubt, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.doubts, func(d doubt) bool { return !w.now().Before(d.due) })
	if i < 0 {
		return doubt{}, false
	}
	d := w.doubts[i]
	w.doubts = slices.Delete(w.doubts, i, i+1)
	return d, true
}

// known is the largest checkpoint of a log that is believed so far; nil if there is none.
func (w *watch) known(origin string) ([]byte, error) {
	w.mu.Lock()
	seen := w.seen[origin]
	w.mu.Unlock()
	if w.witness == nil {
		return seen, nil
	}
	cosigned, err := w.witness.Latest(origin)
	if err != nil || cosigned == nil || seen == nil {
		if seen == nil {
			return cosigned, err
		}
		return seen, err
	}
	a, err := ledger.ReadCheckpoint(seen)
	if err != nil {
		return nil, err
	}
	b, err := ledger.ReadCheckpoint(cosigned)
	if err == nil && a.Size > b.Size {
		return seen, nil
	}
	return cosigned, err
}

// followReceipts compares the heads in the receipts that peers give for what is handed over to them: each is a
// checkpoint that the peer cannot take back.
func (w *watch) followReceipts(ctx context.Context) {
	const back = 4096 // events before the start whose receipts may not have been compared
	next := w.store.Head().Size
	next -= min(next, back)
	for {
		head, err := w.store.Wait(ctx, next)
		if err != nil {
			return
		}
		err = w.store.All(ctx, next, func(e events.Event) error {
			if e.Position >= head.Size {
				return errEnough
			}
			next = e.Position + 1
			if e.Statement.Name != delivery.NameForwarded || e.Statement.Evidence == nil {
				return nil
			}
			b, err := w.store.Evidence(ctx, *e.Statement.Evidence)
			if err != nil {
				return nil //nolint:nilerr // destroyed, or not there: nothing to be compared
			}
			if r, err := ledger.ParseReceipt(b); err == nil {
				w.doubt(r.Statement.Origin, r.Checkpoint, witnessing.SourceReceipt)
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			if ctx.Err() == nil && !errors.Is(err, events.ErrClosed) {
				w.log.Warn("couldn't follow receipts of peers", "error", err)
			}
			return
		}
	}
}

var errEnough = errors.New("enough")

// cosignerKey is the verifier key of a node's witness: what others put into their configuration.
func cosignerKey(ctx context.Context, c *Config) (_ string, err error) {
	tokens := keystore.NewTokens()
	defer func() { err = errors.Join(err, tokens.Close()) }()
	cosigner, key, err := c.openCosigner(ctx, tokens)
	if err != nil {
		return "", err
	}
	if cosigner == nil {
		return "", errors.New("couldn't find witness key: witness.key is empty in the configuration")
	}
	return cosigner.Key.String(), key.Close()
}
