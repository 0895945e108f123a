package httpapi

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/httprate"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tram-exchange/tram/gateway"
)

// Config of the API. Node is required; zero values take the defaults named.
type Config struct {
	Node    *gateway.Node
	Schemas fs.FS               // published XSDs, served under /schemas/; nil: none
	Metrics prometheus.Gatherer // served at /metrics to operators; nil: not served
	Log     *slog.Logger        // default: discard
	Version string              // of the program, for /openapi.json and /v1/whoami
	Extra   []Route             // routes of other rooms (peers, portal), under the same rules

	ClientPerMinute  int           // requests of one authenticated client; 600,000
	AddressPerMinute int           // requests of one address (IPv6: /64); 1,200,000
	FailuresPerMin   int           // requests of one address without a valid credential, public ones included; 600
	BodyIdle         time.Duration // longest pause inside a body; 15 s
	BodyGrace        time.Duration // time before the minimum rate counts; 10 s
	BodyRate         int64         // least bytes per second of a body, on average after the grace; 8 KiB
	WriteRate        int64         // least bytes per second at which an answer must be taken; 8 KiB
	AuditBytes       int           // of statements and facts, after which a page for an auditor ends; 16 MiB

	// ForwardedFrom says whether the direct caller is a proxy that may name the caller's address in X-Forwarded-For.
	// nil: nobody may.
	ForwardedFrom func(address string) bool
}

// API is the HTTP face of a node.
type API struct {
	c         Config
	node      *gateway.Node
	log       *slog.Logger
	routes    []Route
	handler   http.Handler
	openapi   []byte
	errorPage []byte
	metrics   *httpMetrics
	clients   *httprate.RateLimiter
	addresses *httprate.RateLimiter
	failures  *httprate.RateLimiter
}

// New makes the API. Registering metrics is the caller's choice: reg may be nil.
func New(c Config, reg prometheus.Registerer) (*API, error) {
	if c.Node == nil {
		return nil, errors.New("couldn't make API: no node")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	def(&c.ClientPerMinute, 600_000)
	def(&c.AddressPerMinute, 1_200_000)
	def(&c.FailuresPerMin, 600)
	def(&c.BodyIdle, 15*time.Second)
	def(&c.BodyGrace, 10*time.Second)
	def(&c.BodyRate, 8<<10)
	def(&c.WriteRate, 8<<10)
	def(&c.AuditBytes, 16<<20)
	a := &API{c: c, node: c.Node, log: c.Log}
	a.clients = httprate.NewRateLimiter(c.ClientPerMinute, time.Minute)
	a.addresses = httprate.NewRateLimiter(c.AddressPerMinute, time.Minute)
	a.failures = httprate.NewRateLimiter(c.FailuresPerMin, time.Minute)
	var err error
	if a.metrics, err = newHTTPMetrics(reg); err != nil {
		return nil, err
	}
	a.routes = append(a.table(), c.Extra...)
	if a.errorPage, err = renderErrorPage(); err != nil {
		return nil, err
	}
	if a.openapi, err = a.describe(); err != nil {
		return nil, err
	}
	mux := chi.NewRouter()
	seen := make(map[string]bool)
	for _, r := range a.routes {
		if key := r.Method + " " + r.Pattern; seen[key] {
			return nil, fmt.Errorf("couldn't make API: route %s stands twice", key)
		} else {
			seen[key] = true
		}
		mux.Method(r.Method, r.Pattern, a.serve(r))
	}
	mux.Method(http.MethodGet, "/schemas", a.serve(Route{Method: http.MethodGet, Pattern: "/schemas", Public: true, Handle: func(w http.ResponseWriter, r *Request) error {
		http.Redirect(w, r.Request, "/schemas/", http.StatusMovedPermanently)
		return nil
	}}))
	mux.NotFound(a.serve(Route{Method: "*", Pattern: "unknown", Public: true, Handle: func(http.ResponseWriter, *Request) error {
		return gateway.Refuse(gateway.CodeNotFound)
	}}).ServeHTTP)
	mux.MethodNotAllowed(a.serve(Route{Method: "*", Pattern: "unknown", Public: true, Handle: func(http.ResponseWriter, *Request) error {
		return gateway.Refuse(gateway.CodeMethodNotAllowed)
	}}).ServeHTTP)
	a.handler = mux
	return a, nil
}

func def[T int | int64 | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// Routes is the table, for documentation and tests.
func (a *API) Routes() []Route { return a.routes }

// peerPrefix is where the handler of peers (gateway/router/peer) is mounted.
const peerPrefix = "/peer/"

// Server makes an http.Server with the limits an open port needs. There is no ReadTimeout: a 512 MiB body over a slow
// line is legitimate, and the minimum rate cuts off those that are not. What is served under /peer/ comes under Guard.
func (a *API) Server(handler http.Handler, certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *http.Server {
	guarded := a.Guard(handler)
	s := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, peerPrefix) {
				guarded.ServeHTTP(w, r)
				return
			}
			handler.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	if certificate != nil {
		s.TLSConfig = TLSConfig(certificate)
	}
	return s
}

// TLSConfig asks callers for a certificate but demands none: a token may stand for it, and whether a certificate means
// anything is the directory's word, not an authority's.
func TLSConfig(certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		ClientAuth:     tls.RequestClientCert,
		GetCertificate: certificate,
	}
}
