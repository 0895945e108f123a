package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/tram-exchange/tram/adapters/notify"
	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/policy"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/evidence"
	"github.com/tram-exchange/tram/gateway/httpapi"
	work "github.com/tram-exchange/tram/gateway/office"
	"github.com/tram-exchange/tram/gateway/router"
	"github.com/tram-exchange/tram/gateway/router/exchange"
	"github.com/tram-exchange/tram/gateway/router/peer"
	"github.com/tram-exchange/tram/projections"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
)

// app is one running node: every room, wired. Its parts are opened from the record outwards and closed the other way
// round, so that nothing accepts before it can record and nothing records after the store is gone.
type app struct {
	c    *Config
	keys *nodeKeys
	log  *slog.Logger

	metrics  *prometheus.Registry
	store    nodeStore
	views    *projections.Views
	past     *projections.Past // the views as they stood
	rebuild  *rebuilder
	node     *gateway.Node
	peers    *peer.Client
	router   *router.Router
	exchange *exchange.Exchange
	work     *work.Office // what follows from the acts of agencies' people
	callers  callers
	api      *httpapi.API
	accounts *portal.Accounts
	portal   *portal.Portal
	notify   *notify.Notifier // nil: nobody is told outside the portal
	proofs   *portalProofs    // nil: no portal
	stamps   *timestamper
	public   *publishedLog

	witnesses *logWitnesses // of this node's log; nil: none
	watch     *watch        // of others' logs

	backups *backupKeeper // nil: no second copy
	clock   *clockWatch   // nil: no time-stamp authority to compare with

	revocation revocation.Source // nil: nobody is asked
	containers *evidence.Maker
	handler    http.Handler // of the HTTPS listener
	rotating   sync.Mutex   // one rotation of the log key at a time
	closers    []func() error
}

// openApp opens a node's folder and makes every part. It listens on nothing yet.
func openApp(ctx context.Context, c *Config, log *slog.Logger) (_ *app, err error) {
	a := &app{c: c, log: log, metrics: prometheus.NewRegistry()}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	if a.keys, err = loadKeys(c); err != nil {
		return nil, err
	}
	a.closers = append(a.closers, a.keys.close)
	a.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	data := c.path(c.Data)
	if err := refuseUnrestored(data); err != nil {
		return nil, err
	}
	if a.witnesses, err = newLogWitnesses(c, a.logVerifiers, log); err != nil {
		return nil, err
	}
	gate := a.witnesses.gate(emptyHead(c.Origin, a.keys))
	if gate == nil {
		gate = alarmGate(c, log)
	}
	store, err := openStore(ctx, c, a.keys, log, gate)
	if err != nil {
		return nil, err
	}
	a.store = store
	a.closers = append(a.closers, a.store.Close)
	if err := a.beginLog(ctx); err != nil {
		return nil, err
	}
	if a.views, err = projections.Open(ctx, filepath.Join(data, viewsFile), a.store, projections.Options{Logger: log}); err != nil {
		return nil, err
	}
	a.closers = append(a.closers, a.views.Close)
	a.rebuild = newRebuilder(a)
	if err := a.openPast(data); err != nil {
		return nil, err
	}
	if err := a.openGateway(ctx, data); err != nil {
		return nil, err
	}
	if a.stamps, err = a.newTimestamper(); err != nil {
		return nil, err
	}
	if err := a.registerWitnessMetrics(); err != nil {
		return nil, err
	}
	if err := a.registerGauges(); err != nil {
		return nil, err
	}
	if a.backups, err = newBackupKeeper(c, func() uint64 { return a.store.Head().Size }, a.metrics, log); err != nil {
		return nil, err
	}
	if err := a.node.Start(ctx); err != nil {
		return nil, err
	}
	if err := a.genesis(ctx); err != nil {
		return nil, err
	}
	if err := a.finishRotation(ctx); err != nil {
		return nil, err
	}
	if err := a.openPortal(data); err != nil {
		return nil, err
	}
	return a, nil
}

// openGateway makes the way in and out.
func (a *app) openGateway(ctx context.Context, data string) (err error) {
	c := a.c
	source, err := a.revocationSource()
	if err != nil {
		return err
	}
	a.revocation, a.containers = source, a.evidenceMaker()
	if a.node, err = gateway.New(gateway.Config{
		Revocation: source, RevocationRecheck: c.Revocation.Renew, Destroyer: destroyer(a.store), Forget: a.forget,
		Origin: c.Origin, Store: a.store, Views: a.views, Past: a.past, Chain: a.keys.chain, Trust: a.keys.trust,
		Policy: c.acceptance(a.keys), Pinned: a.keys.pinned(), SpoolDir: filepath.Join(data, "spool"), DataDir: data,
		Limits: gateway.Limits{
			MaxPackage: c.Limits.PackageMiB << 20, MaxSpool: c.Limits.SpoolMiB << 20, MinFree: uint64(c.MinFreeMiB) << 20,
			RevocationWait: c.Revocation.Wait,
			Verifiers:      min(runtime.NumCPU(), runtime.GOMAXPROCS(0)), // not one a scheduler slot: see tuneRuntime
		},
		Local: c.localClients(), Log: a.log, Metrics: a.metrics,
		ClockOK: func(ctx context.Context) error { return a.clock.ok(ctx) }, RecordsPolicy: a.inOffice,
		Halted: a.halted,
	}); err != nil {
		return err
	}
	if a.peers, err = peer.NewClient(peer.ClientOptions{Certificate: a.certificate, Now: time.Now}); err != nil {
		return err
	}
	a.closers = append(a.closers, func() error { a.peers.Close(); return nil })
	if a.router, err = router.New(router.Options{
		Log: a.store, Node: a.node, Transport: a.peers, Now: time.Now, Logger: a.log,
		Keeper: router.FileKeeper(c.positionsFile(data, "router.json")), Backoff: c.Delivery.RetryMin, Longest: c.Delivery.RetryMax,
		Metrics: a.metrics,
	}); err != nil {
		return err
	}
	if a.work, err = work.New(work.Options{
		Log: a.store, Node: a.node, Custody: custody{a.keys.ring}, Logger: a.log, Keeper: router.FileKeeper(c.positionsFile(data, "office.json")),
	}); err != nil {
		return err
	}
	if a.exchange, err = a.newExchange(); err != nil {
		return err
	}
	perMinute := max(c.Limits.RequestsPerMinute, 0)
	if c.Limits.RequestsPerMinute < 0 {
		perMinute = 1 << 30
	}
	if a.api, err = httpapi.New(httpapi.Config{
		Node: a.node, Schemas: schemas.Files(), Metrics: a.metrics, Log: a.log, Version: version(),
		ClientPerMinute: perMinute, AddressPerMinute: 2 * perMinute,
		Extra: []httpapi.Route{httpapi.EvidenceRoute(a.node, a.containers)},
	}, a.metrics); err != nil {
		return err
	}
	peers, err := peer.NewHandler(peer.HandlerOptions{Door: a.node, Directory: a.exchange, Heard: a.heard, Refuse: a.api.Refuse, Stranger: func(string) { a.exchange.Poke() }})
	if err != nil {
		return err
	}
	if a.public, err = newPublishedLog(data, c.Origin, a.keys, a.store, 2*perMinute, a.log); err != nil {
		return err
	}
	a.closers = append(a.closers, a.public.close)
	if a.witnesses != nil {
		a.witnesses.asks = a.inOffice
	}
	a.public.witnesses, a.public.every = a.witnesses, c.Witnesses.Every
	if a.watch, err = a.newWatch(ctx, data); err != nil {
		return err
	}
	a.handler = a.watch.beside(a.public.beside(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/peer/") {
			peers.ServeHTTP(w, r)
			return
		}
		a.api.ServeHTTP(w, r)
	})))
	return nil
}

// acceptance is the configured policy in the record's words.
func (c *Config) acceptance(k *nodeKeys) policy.Policy {
	p := policy.Default()
	p.Assurance[""] = c.Policy.Assurance
	p.Delivery.GiveUpDays = c.Delivery.FailAfterDays
	p.Limits.PackageBytes = c.Limits.PackageMiB << 20
	p.Trial = c.Trial
	p.Revocation, p.RevocationMaxAge = c.Revocation.Mode, int64(c.Revocation.MaxAge/time.Second)
	for _, root := range k.trust.Certificates() {
		p.Roots = append(p.Roots, events.Digest(signing.Fingerprint(root)))
	}
	slices.SortFunc(p.Roots, func(a, b events.Digest) int { return bytes.Compare(a[:], b[:]) })
	return p
}

// localClients are the staff of the configuration, which has been checked.
func (c *Config) localClients() []gateway.LocalClient {
	var out []gateway.LocalClient
	for _, s := range c.Staff {
		d, _ := parseDigest(s.SHA256)
		out = append(out, gateway.LocalClient{Name: s.Name, Kind: gateway.Kind(s.Kind), SHA256: d})
	}
	return out
}

// genesis hands in the first change of the directory, once.
func (a *app) genesis(ctx context.Context) error {
	if a.node.Snapshot().Basis.Directory > 0 {
		return nil
	}
	f, err := os.Open(filepath.Join(a.c.base, genesisFile))
	if err != nil {
		return fmt.Errorf("couldn't open genesis change (make it with tram genesis): %w", err)
	}
	defer f.Close()
	caller := gateway.Caller{Client: gateway.ClientNode, Kind: gateway.KindAdministrator, Name: "genesis"}
	if _, err := a.node.Accept(ctx, caller, f, -1); err != nil {
		return fmt.Errorf("couldn't accept genesis change: %w", err)
	}
	return nil
}

func (a *app) openPortal(data string) (err error) {
	if a.c.Portal.Listen == "" {
		return nil
	}
	if a.accounts, err = portal.OpenAccounts(portal.AccountsConfig{Path: filepath.Join(data, portalFile)}); err != nil {
		return err
	}
	a.closers = append(a.closers, a.accounts.Close)
	if a.proofs, err = newPortalProofs(a, data, filepath.Join(data, verificationFolder)); err != nil {
		return err
	}
	if a.portal, err = portal.New(portal.Config{
		Views: a.views, OfficeViews: a.views, Office: portalOffice{a}, Past: a.past, Node: newPortalNode(a), Proofs: a.proofs, Accounts: a.accounts, Log: a.log,
		Notices: a.c.Notify.rules(), Secure: !a.c.Portal.PlainHTTP, Trial: a.c.Trial, Name: a.c.Name,
	}); err != nil {
		return err
	}
	a.closers = append(a.closers, a.portal.Close)
	return a.openNotify()
}

// close closes what was opened, last first.
func (a *app) close() error {
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i]())
	}
	a.closers = nil
	return errors.Join(errs...)
}

// drainFor is how long hand-ins under way may take once the node is told to stop.
const drainFor = 30 * time.Second

// server is one listener with its handler.
type server struct {
	name     string
	http     *http.Server
	listener net.Listener
	tls      bool
}

// run serves until ctx ends, then drains. Any part that fails ends the node: a node that follows its log only in part
// would mislead.
func (a *app) run(ctx context.Context, ready func(addresses map[string]string)) error {
	servers, err := a.listen()
	if err != nil {
		return err
	}
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	var parts sync.WaitGroup
	part := func(name string, f func(context.Context) error) {
		parts.Go(func() {
			if err := f(work); err != nil && work.Err() == nil {
				stop(fmt.Errorf("%s ended: %w", name, err))
			}
		})
	}
	part("store", a.watchStore)
	part("views", a.views.Run)
	part("rebuild", a.rebuild.run)
	part("gateway", a.node.Run)
	part("revocation", a.node.KeepFresh)
	part("directory", a.watchDirectory)
	part("certificates", a.watchCertificates)
	part("keys", a.watchKeys)
	part("office", a.whileInOffice(a.takeOffice))
	part("router", a.whileInOffice(a.deliver))
	part("work of agencies", a.whileInOffice(a.carryOn))
	part("destruction", a.whileInOffice(a.node.RunDestruction))
	part("destruction elsewhere", a.followDestruction)
	part("directory exchange", a.whileInOffice(a.exchange.Run))
	part("time-stamps", a.whileInOffice(a.stamps.run))
	part("backup", a.backups.run)
	part("published log", a.public.run)
	part("clock", a.clock.run)
	part("witness", a.watch.run)
	if a.notify != nil {
		part("messages to people", a.notify.Run)
	}
	if a.proofs != nil {
		part("verifications", a.proofs.runs.run)
	}
	addresses := map[string]string{}
	for _, s := range servers {
		addresses[s.name] = s.listener.Addr().String()
		parts.Go(func() {
			serve := s.http.Serve
			if s.tls {
				serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
			}
			if err := serve(s.listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
				stop(fmt.Errorf("%s ended: %w", s.name, err))
			}
		})
	}
	if ready != nil {
		ready(addresses)
	}
	select {
	case <-ctx.Done():
		a.log.Info("draining")
	case <-work.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainFor)
	defer cancel()
	errs := []error{context.Cause(work)}
	errs = append(errs, a.node.Drain(end))
	for _, s := range servers {
		errs = append(errs, s.http.Shutdown(end))
	}
	stop(nil)
	parts.Wait()
	return errors.Join(errs...)
}

// watchStore ends the node when the store has failed: after a failed sync nobody can know what the disk holds.
func (a *app) watchStore(ctx context.Context) error {
	select {
	case <-a.store.Failed():
		return a.store.Err()
	case <-ctx.Done():
		return nil
	}
}

// listen opens every address before anything is served, so that one that is taken is said at once.
func (a *app) listen() (_ []server, err error) {
	var servers []server
	defer func() {
		if err != nil {
			for _, s := range servers {
				s.listener.Close()
			}
		}
	}()
	add := func(name, address string, h http.Handler, withTLS bool) error {
		if address == "" {
			return nil
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("couldn't listen for %s: %w", name, err)
		}
		s := server{name: name, listener: l, tls: withTLS, http: a.api.Server(h, nil)}
		if withTLS {
			s.http = a.api.Server(h, a.serverCertificate(name))
		}
		servers = append(servers, s)
		return nil
	}
	if err := add("api", a.c.Listen, a.handler, true); err != nil {
		return nil, err
	}
	if a.portal != nil {
		if err := add("portal", a.c.Portal.Listen, a.portalHandler(), !a.c.Portal.PlainHTTP); err != nil {
			return nil, err
		}
	}
	if err := add("operations", a.c.Operations, a.operationsHandler(), false); err != nil {
		return nil, err
	}
	return servers, nil
}

// portalHandler serves the portal and leads the bare address to it.
func (a *app) portalHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/portal/", a.portal.Handler())
	mux.Handle("/{$}", http.RedirectHandler("/portal/", http.StatusSeeOther))
	return mux
}

// newLogger writes the node's log.
func newLogger(w io.Writer, format string) *slog.Logger {
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}
