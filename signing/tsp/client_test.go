package tsp_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tram-exchange/tram/signing/trialca"
	"github.com/tram-exchange/tram/signing/tsp"
)

// answering serves what change makes of the authority's answer.
func answering(t *testing.T, a http.Handler, change func(h http.Header, body []byte) (int, []byte)) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		a.ServeHTTP(rec, r)
		status, body := http.StatusOK, rec.Body.Bytes()
		w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
		if change != nil {
			status, body = change(w.Header(), body)
		}
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}))
	t.Cleanup(s.Close)
	return s
}

func client(t *testing.T, o tsp.ClientOptions, services ...tsp.ServiceConfig) *tsp.Client {
	t.Helper()
	if o.Now == nil {
		o.Now = clock
	}
	c, err := tsp.NewClient(services, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var digest = tsp.HashOf(crypto.SHA256, document)

func TestClientRefuses(t *testing.T) {
	a := newAuthority(t, trialca.P256, tsp.Options{})
	old := newAuthority(t, trialca.P256, tsp.Options{Now: func() time.Time { return at.Add(-2 * time.Minute) }})
	wrongPurpose := newAuthority(t, trialca.P256, tsp.Options{})
	replay, err := (&tsp.Request{Hash: crypto.SHA256, Imprint: digest, Nonce: big.NewInt(7), Certificates: true}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	replayed := a.Respond(replay)
	other, err := (&tsp.Request{Hash: crypto.SHA256, Imprint: tsp.HashOf(crypto.SHA256, nil), Certificates: true}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		handler http.Handler
		service tsp.ServiceConfig
		o       tsp.ClientOptions
		change  func(http.Header, []byte) (int, []byte)
		problem tsp.Problem
		text    string
	}{
		{name: "good", handler: a},
		{name: "policy that fits", handler: a, service: tsp.ServiceConfig{Policy: tsp.TrialPolicy}},
		{name: "policy that doesn't", handler: a, service: tsp.ServiceConfig{Policy: "1.2.3"}, text: "rejection, unacceptedPolicy"},
		{name: "answer to another nonce", handler: a, change: func(http.Header, []byte) (int, []byte) { return 200, replayed }, problem: tsp.WrongNonce},
		{name: "over other octets", handler: a, service: tsp.ServiceConfig{NoNonce: true},
			change: func(http.Header, []byte) (int, []byte) { return 200, a.Respond(other) }, problem: tsp.WrongImprint},
		{name: "clock", handler: old, problem: tsp.WrongTime, text: "2026-11-22T10:18:30.456Z, our clock 2026-11-22T10:20:30.456Z"},
		{name: "clock with tolerance", handler: old, o: tsp.ClientOptions{Tolerance: time.Hour}},
		{name: "untrusted", handler: wrongPurpose, o: tsp.ClientOptions{Check: func(_ context.Context, k *tsp.Token) error {
			return k.Signer.CheckSignatureFrom(a.ca.Certificate)
		}}, problem: tsp.UntrustedChain},
		{name: "HTTP error", handler: a, change: func(_ http.Header, b []byte) (int, []byte) { return 503, b }, text: "HTTP status 503"},
		{name: "type", handler: a, change: func(h http.Header, b []byte) (int, []byte) {
			h.Set("Content-Type", "text/html")
			return 200, b
		}, text: `answer of type "text/html"`},
		{name: "too long", handler: a, change: func(_ http.Header, b []byte) (int, []byte) {
			return 200, append(b, make([]byte, tsp.MaxResponse)...)
		}, text: "more than 65536 octets"},
		{name: "trailing octet", handler: a, change: func(_ http.Header, b []byte) (int, []byte) { return 200, append(b, 0) }, problem: tsp.Malformed},
		{name: "empty", handler: a, change: func(http.Header, []byte) (int, []byte) { return 200, nil }, problem: tsp.Malformed},
		{name: "redirect", handler: a, change: func(h http.Header, _ []byte) (int, []byte) {
			h.Set("Location", "http://127.0.0.1:1/")
			return 307, nil
		}, text: "HTTP status 307"},
		{name: "changed", handler: a, change: func(_ http.Header, b []byte) (int, []byte) {
			b[len(b)-1] ^= 1
			return 200, b
		}, problem: "value-mismatch"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := answering(t, tt.handler, tt.change)
			tt.service.URL = s.URL + "/tsa?token=BIMAT"
			token, err := client(t, tt.o, tt.service).Stamp(t.Context(), crypto.SHA256, digest)
			if tt.problem == "" && tt.text == "" {
				if err != nil || token.Nonce == nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			if err == nil {
				t.Fatal("taken")
			}
			if got := tsp.ProblemOf(err); got != tt.problem || !strings.Contains(err.Error(), tt.text) || !strings.Contains(err.Error(), "/tsa") {
				t.Fatalf("problem %q, want %q: %v", got, tt.problem, err)
			}
			if strings.Contains(err.Error(), "BIMAT") {
				t.Fatalf("tells the query: %v", err)
			}
		})
	}
}

func TestClientFailsOver(t *testing.T) {
	a, b := newAuthority(t, trialca.P256, tsp.Options{}), newAuthority(t, trialca.P256, tsp.Options{})
	bad := answering(t, a, func(http.Header, []byte) (int, []byte) { return 500, nil })
	gone := httptest.NewServer(nil)
	gone.Close()
	good := answering(t, b, nil)
	var seen []string
	o := tsp.ClientOptions{Observe: func(service string, err error) {
		if err != nil {
			service += "!"
		}
		seen = append(seen, service)
	}}
	token, err := client(t, o, tsp.ServiceConfig{URL: bad.URL}, tsp.ServiceConfig{URL: gone.URL}, tsp.ServiceConfig{URL: good.URL}).Stamp(t.Context(), crypto.SHA256, digest)
	if err != nil || !token.Signer.Equal(b.cert) {
		t.Fatalf("not from the third: %v", err)
	}
	if want := bad.URL + "! " + gone.URL + "! " + good.URL; strings.Join(seen, " ") != want {
		t.Fatalf("asked %v, want %v", seen, want)
	}
	_, err = client(t, tsp.ClientOptions{}, tsp.ServiceConfig{URL: bad.URL}, tsp.ServiceConfig{URL: gone.URL}).Stamp(t.Context(), crypto.SHA256, digest)
	if err == nil || !strings.Contains(err.Error(), "500") || !strings.Contains(err.Error(), gone.URL) {
		t.Fatalf("doesn't say what each answered: %v", err)
	}
	if se := (*tsp.ServiceError)(nil); !errors.As(err, &se) || se.Service != bad.URL {
		t.Fatalf("no ServiceError: %v", err)
	}
}

// An authority that failed is asked last until it has rested.
func TestClientRests(t *testing.T) {
	a := newAuthority(t, trialca.P256, tsp.Options{})
	fails := true
	first := answering(t, a, func(_ http.Header, b []byte) (int, []byte) {
		if fails {
			return 503, nil
		}
		return 200, b
	})
	second := answering(t, a, nil)
	now := at
	var seen []string
	c := client(t, tsp.ClientOptions{Now: func() time.Time { return now }, Tolerance: time.Hour, Observe: func(s string, _ error) { seen = append(seen, s) }},
		tsp.ServiceConfig{URL: first.URL}, tsp.ServiceConfig{URL: second.URL})
	for _, step := range []struct {
		wait time.Duration
		bad  bool
		want []string
	}{
		{0, true, []string{first.URL, second.URL}}, {0, true, []string{second.URL}}, {50 * time.Second, false, []string{second.URL}}, {9 * time.Second, false, []string{second.URL}},
		{time.Second, false, []string{first.URL}}, {0, false, []string{first.URL}},
	} {
		fails, seen, now = step.bad, nil, now.Add(step.wait)
		if _, err := c.Stamp(t.Context(), crypto.SHA256, digest); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(seen, step.want) {
			t.Fatalf("asked %v, want %v", seen, step.want)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func always(f roundTrip) func(*tls.Config) http.RoundTripper {
	return func(*tls.Config) http.RoundTripper { return f }
}

// A silent authority costs its time-out and no more; the caller's own end stops everything.
func TestClientTimeouts(t *testing.T) {
	a := newAuthority(t, trialca.P256, tsp.Options{Now: clock})
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		o := tsp.ClientOptions{Timeout: 3 * time.Second, Now: clock, Rest: -1}
		o.Transport = always(func(r *http.Request) (*http.Response, error) {
			asked++
			if strings.HasPrefix(r.URL.Host, "silent") {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {tsp.ReplyType}}, Body: io.NopCloser(bytes.NewReader(a.Respond(body)))}, nil
		})
		c, err := tsp.NewClient([]tsp.ServiceConfig{{URL: "http://silent.example"}, {URL: "http://good.example"}}, o)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := c.Stamp(t.Context(), crypto.SHA256, digest); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d != 3*time.Second || asked != 2 {
			t.Fatalf("took %v with %d questions", d, asked)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Stamp(ctx, crypto.SHA256, digest); !errors.Is(err, context.DeadlineExceeded) || asked != 3 {
			t.Fatalf("%v after %d questions", err, asked)
		}
	})
}

func TestClientCredentials(t *testing.T) {
	a := newAuthority(t, trialca.P256, tsp.Options{})
	var user, password string
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ = r.BasicAuth()
		if password != "mật khẩu" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		a.ServeHTTP(w, r)
	}))
	defer s.Close()
	config := tsp.ServiceConfig{URL: s.URL, Username: "h02", Password: "mật khẩu", TLS: s.Client().Transport.(*http.Transport).TLSClientConfig}
	if _, err := client(t, tsp.ClientOptions{}, config).Stamp(t.Context(), crypto.SHA256, digest); err != nil || user != "h02" {
		t.Fatalf("user %q: %v", user, err)
	}
	config.Password = "BIMAT"
	if _, err := client(t, tsp.ClientOptions{}, config).Stamp(t.Context(), crypto.SHA256, digest); err == nil || strings.Contains(err.Error(), "BIMAT") || !strings.Contains(err.Error(), "401") {
		t.Fatalf("wrong password: %v", err)
	}
	for _, bad := range []tsp.ServiceConfig{
		{URL: "http://u:BIMAT@a.example"}, {URL: "https://u:BIMAT@a.example"}, {URL: "ftp://a.example/BIMAT"}, {URL: "://BIMAT"}, {URL: "http://"},
		{URL: "http://a.example", Username: "u", Password: "BIMAT"}, {URL: "https://a.example", Policy: "1.x"},
	} {
		if _, err := tsp.NewClient([]tsp.ServiceConfig{bad}, tsp.ClientOptions{}); err == nil || strings.Contains(err.Error(), "BIMAT") {
			t.Errorf("%v: %v", bad.URL, err)
		}
	}
}

func TestClientRefusesWeakDigest(t *testing.T) {
	c := client(t, tsp.ClientOptions{}, tsp.ServiceConfig{URL: "http://127.0.0.1:1"})
	for _, h := range []crypto.Hash{crypto.SHA1, crypto.MD5, 0} {
		if _, err := c.Stamp(t.Context(), h, make([]byte, 20)); err == nil || strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%v: %v", h, err)
		}
	}
	if _, err := c.Stamp(t.Context(), crypto.SHA256, digest[:31]); err == nil {
		t.Error("short digest")
	}
}

func TestAuthorityAnswers(t *testing.T) {
	a := newAuthority(t, trialca.P256, tsp.Options{})
	expired := newAuthority(t, trialca.P256, tsp.Options{Now: func() time.Time { return at.AddDate(20, 0, 0) }})
	good, err := (&tsp.Request{Hash: crypto.SHA256, Imprint: digest, Nonce: big.NewInt(42)}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	change := func(f func(root *node)) []byte {
		n, _ := parseNode(t, good)
		f(n)
		return n.encode()
	}
	for _, tt := range []struct {
		name    string
		a       *tsp.Authority
		request []byte
		failure tsp.Failure
	}{
		{"good", a.Authority, good, tsp.NoFailure},
		{"SHA-1", a.Authority, change(func(n *node) {
			n.kids[1].kids[0].kids[0].val = []byte{0x2B, 0x0E, 0x03, 0x02, 0x1A}
			n.kids[1].kids[1].val = make([]byte, 20)
		}), tsp.BadAlg},
		{"unknown hash", a.Authority, change(func(n *node) { n.kids[1].kids[0].kids[0].val = []byte{0x2A, 0x03} }), tsp.BadAlg},
		{"wrong length", a.Authority, change(func(n *node) { n.kids[1].kids[1].val = digest[:20] }), tsp.BadDataFormat},
		{"policy", a.Authority, change(func(n *node) { n.kids[2] = &node{tag: 6, val: []byte{0x2A, 0x03}} }), tsp.UnacceptedPolicy},
		{"extension", a.Authority, change(func(n *node) {
			n.kids = append(n.kids, &node{tag: 0xA0, kids: []*node{{tag: 0x30, kids: []*node{{tag: 6, val: []byte{0x2A, 0x03}}, {tag: 1, val: []byte{0xFF}}, {tag: 4}}}}})
		}), tsp.UnacceptedExtension},
		{"version", a.Authority, change(func(n *node) { n.kids[0].val = []byte{2} }), tsp.BadDataFormat},
		{"garbage", a.Authority, []byte("xin chào"), tsp.BadDataFormat},
		{"empty", a.Authority, nil, tsp.BadDataFormat},
		{"long", a.Authority, make([]byte, tsp.MaxRequest+1), tsp.BadDataFormat},
		{"expired", expired.Authority, good, tsp.TimeNotAvailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			token, err := tsp.ParseResponse(tt.a.Respond(tt.request))
			if tt.failure == tsp.NoFailure {
				if err != nil || token.Nonce.Int64() != 42 || len(token.Certificates) != 0 || token.Signer != nil {
					t.Fatalf("%+v %v", token, err)
				}
				if err := token.CheckSigner(); tsp.ProblemOf(err) != tsp.NoSigner {
					t.Fatalf("no certificate, and %v", err)
				}
				token.Supply([]*x509.Certificate{a.ca.Certificate, a.cert})
				if err := token.Verify(digest); err != nil {
					t.Fatal(err)
				}
				return
			}
			se := (*tsp.StatusError)(nil)
			if !errors.As(err, &se) || se.Status != tsp.Rejection || len(se.Failures) != 1 || se.Failures[0] != tt.failure || se.Text == "" {
				t.Fatalf("answered %v, want %v", err, tt.failure)
			}
		})
	}
}

func TestAuthorityHTTP(t *testing.T) {
	a := newAuthority(t, trialca.P256, tsp.Options{})
	for _, tt := range []struct {
		method, typ string
		body        io.Reader
		status      int
	}{
		{http.MethodGet, tsp.QueryType, nil, 405},
		{http.MethodPost, "application/octet-stream", strings.NewReader(""), 415},
		{http.MethodPost, tsp.QueryType, bytes.NewReader(make([]byte, tsp.MaxRequest+1)), 413},
		{http.MethodPost, tsp.QueryType, strings.NewReader("x"), 200},
	} {
		r := httptest.NewRequest(tt.method, "/", tt.body)
		r.Header.Set("Content-Type", tt.typ)
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		if w.Code != tt.status {
			t.Errorf("%s %s: status %d, want %d", tt.method, tt.typ, w.Code, tt.status)
		}
	}
}

func TestAuthorityNeedsItsCertificate(t *testing.T) {
	ca := newCA(t)
	key, cert := issue(t, ca, trialca.P256, nil)
	other, _ := issue(t, ca, trialca.P256, nil)
	_, plain := issue(t, ca, trialca.P256, func(c *x509.Certificate) { c.ExtraExtensions = nil })
	for name, f := range map[string]func() (*tsp.Authority, error){
		"no certificate": func() (*tsp.Authority, error) { return tsp.NewAuthority(key, nil, tsp.Options{}) },
		"other key": func() (*tsp.Authority, error) {
			return tsp.NewAuthority(other, []*x509.Certificate{cert}, tsp.Options{})
		},
		"purpose": func() (*tsp.Authority, error) {
			return tsp.NewAuthority(key, []*x509.Certificate{plain}, tsp.Options{})
		},
		"policy": func() (*tsp.Authority, error) {
			return tsp.NewAuthority(key, []*x509.Certificate{cert}, tsp.Options{Policy: "a"})
		},
		"accuracy": func() (*tsp.Authority, error) {
			return tsp.NewAuthority(key, []*x509.Certificate{cert}, tsp.Options{Accuracy: time.Nanosecond})
		},
	} {
		if a, err := f(); err == nil || a != nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// Serial numbers differ even if the clock stands still and the authority is started again, and times never go back.
func TestAuthorityOrder(t *testing.T) {
	ca := newCA(t)
	key, cert := issue(t, ca, trialca.P256, nil)
	var mu sync.Mutex
	now := at
	seen := map[string]bool{}
	for range 3 {
		a, err := tsp.NewAuthority(key, []*x509.Certificate{cert}, tsp.Options{Now: func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			now = now.Add(-time.Second)
			return now
		}})
		if err != nil {
			t.Fatal(err)
		}
		var last time.Time
		for range 20 {
			k, err := a.Stamp(t.Context(), crypto.SHA256, digest)
			if err != nil {
				t.Fatal(err)
			}
			if k.Time.Before(last) || seen[k.Serial.String()] {
				t.Fatalf("time %v after %v, serial %v", k.Time, last, k.Serial)
			}
			last, seen[k.Serial.String()] = k.Time, true
		}
	}
}

func TestStampersTogether(t *testing.T) {
	a := newAuthority(t, trialca.P256, tsp.Options{})
	s := answering(t, a, nil)
	stampers := []tsp.Stamper{a, client(t, tsp.ClientOptions{}, tsp.ServiceConfig{URL: s.URL})}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if _, err := stampers[i%2].Stamp(t.Context(), crypto.SHA256, digest); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
