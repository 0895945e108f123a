package httpapi

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/httprate"

	"github.com/tram-exchange/tram/gateway"
)

// Route is one line of the table. Handle writes the answer, or returns an error that is answered in the one shape.
type Route struct {
	Method  string
	Pattern string         // of chi: "/v1/documents/{key}"
	Public  bool           // anybody; then Allow is ignored
	Allow   []gateway.Kind // who may call it; nobody if empty. What they may see is judged further in.
	Body    bool           // takes a package body: read under the minimum rate, up to the node's limit
	Handle  func(w http.ResponseWriter, r *Request) error
	Doc     Doc
}

// Request is an admitted request.
type Request struct {
	*http.Request
	Caller gateway.Caller // zero for public routes called without a credential
	ID     string         // in the X-Request-Id of the answer and in the log
}

// smallBody bounds the body of every route that takes no package.
const smallBody = 64 << 10

// serve is everything that happens around a route: id, limits, who calls, deadlines, the log line and the shape of
// errors.
func (a *API) serve(route Route) http.Handler {
	return http.HandlerFunc(func(hw http.ResponseWriter, hr *http.Request) {
		start := time.Now()
		w := &recorder{ResponseWriter: hw}
		r := &Request{Request: hr, ID: requestID()}
		w.Header().Set("X-Request-Id", r.ID)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		err := a.protect(w, r, route)
		var code int
		if err != nil {
			refusal := gateway.AsRefusal(err)
			code = refusal.Code
			a.writeRefusal(w, r, refusal)
		}
		a.metrics.observe(route, w.status(), time.Since(start))
		a.line(r, route, w, code, err, time.Since(start))
	})
}

// protect turns a panic of a handler into an answer and a log entry; one bad request must not end the node.
func (a *API) protect(w *recorder, r *Request, route Route) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			a.log.Error("handler panicked", "request", r.ID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = gateway.Refuse(gateway.CodeInternal)
		}
	}()
	return a.admit(w, r, route)
}

func (a *API) admit(w *recorder, r *Request, route Route) error {
	address := a.address(r.Request)
	if a.addresses.OnLimit(quiet{}, r.Request, address) {
		return gateway.Refuse(gateway.CodeRate)
	}
	credential, err := credentialOf(r.Request)
	if err == nil && (credential.Token != "" || credential.Certificate != nil) {
		r.Caller, err = a.node.Authenticate(credential)
	} else if err == nil && !route.Public {
		err = gateway.Refuse(gateway.CodeUnauthenticated)
	}
	// Strangers are counted apart, so that guessing tokens ends soon and does not use up the limit of those behind the
	// same address who have one.
	if err != nil || r.Caller.Client == "" {
		if a.failures.OnLimit(quiet{}, r.Request, address) {
			return gateway.Refuse(gateway.CodeRate)
		}
	}
	if err != nil && !route.Public {
		return err
	}
	if r.Caller.Client != "" && a.clients.OnLimit(quiet{}, r.Request, r.Caller.Client) {
		return gateway.Refuse(gateway.CodeRate)
	}
	if !route.Public && !slices.Contains(route.Allow, r.Caller.Kind) {
		return gateway.Refuse(gateway.CodeForbidden)
	}
	if !route.Body {
		// A small body and its answer have a fixed time; long polls and downloads extend it themselves.
		control := http.NewResponseController(w.ResponseWriter)
		_ = control.SetWriteDeadline(time.Now().Add(time.Minute))
		if r.Body != nil && r.Body != http.NoBody {
			_ = control.SetReadDeadline(time.Now().Add(a.c.BodyIdle))
			r.Body = http.MaxBytesReader(w.ResponseWriter, r.Body, smallBody)
		}
	}
	return route.Handle(w, r)
}

// credentialOf reads what the request presents. An Authorization header that is no bearer token is a mistake worth
// telling, not an anonymous request.
func credentialOf(r *http.Request) (gateway.Credential, error) {
	var c gateway.Credential
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		c.Certificate = r.TLS.PeerCertificates[0]
	}
	headers := r.Header.Values("Authorization")
	if len(headers) == 0 {
		return c, nil
	}
	scheme, token, ok := strings.Cut(headers[0], " ")
	token = strings.TrimSpace(token)
	if len(headers) > 1 || !ok || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return gateway.Credential{}, gateway.Refuse(gateway.CodeTokenUnknown)
	}
	c.Token = token
	return c, nil
}

// address is who is counted: the TCP peer, or the last address that a trusted proxy added.
func (a *API) address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	if a.c.ForwardedFrom != nil && a.c.ForwardedFrom(host) {
		list := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		if last := strings.TrimSpace(list[len(list)-1]); net.ParseIP(last) != nil {
			host = last
		}
	}
	return httprate.CanonicalizeIP(host)
}

// line writes the one log line of a request: no query, no header, nothing of a body.
func (a *API) line(r *Request, route Route, w *recorder, code int, err error, d time.Duration) {
	// What went well stands in the record; thousands of lines a second would only hide what did not.
	level := slog.LevelDebug
	if w.status() >= 400 && !route.Public {
		level = slog.LevelInfo
	}
	attrs := []slog.Attr{
		slog.String("request", r.ID), slog.String("method", route.Method), slog.String("route", route.Pattern),
		slog.Int("status", w.status()), slog.String("client", r.Caller.Client), slog.Int64("bytes", w.written),
		slog.Duration("took", d),
	}
	if code != 0 {
		attrs = append(attrs, slog.Int("code", code))
	}
	if err != nil && w.status() >= 500 {
		level = slog.LevelWarn // draining, busy, disk full: foreseen, and the caller tries again
		if code == gateway.CodeInternal {
			level = slog.LevelError
		}
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	a.log.LogAttrs(r.Context(), level, "request", attrs...)
}

func requestID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

// recorder knows what has been answered.
type recorder struct {
	http.ResponseWriter
	code    int
	written int64
}

func (w *recorder) WriteHeader(code int) {
	if w.code == 0 || w.code < 200 {
		w.code = code
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.code == 0 {
		w.code = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.written += int64(n)
	return n, err
}

func (w *recorder) status() int {
	if w.code == 0 {
		return http.StatusOK
	}
	return w.code
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// quiet takes the headers of the rate limiter: they would tell each caller how many others share its address.
type quiet struct{}

func (quiet) Header() http.Header         { return http.Header{} }
func (quiet) Write(p []byte) (int, error) { return len(p), nil }
func (quiet) WriteHeader(int)             {}

// errGone marks an answer that could not be written because the client has gone.
var errGone = errors.New("client has gone")
