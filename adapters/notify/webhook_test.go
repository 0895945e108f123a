package notify

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tram-exchange/tram/internal/notice"
	"github.com/tram-exchange/tram/internal/view"
)

const testSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// The example that Standard Webhooks publish: others' libraries verify what this makes.
func TestSignature(t *testing.T) {
	got, err := sign(testSecret, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; err != nil || got != want {
		t.Errorf("signature %q, %v, want %q", got, err, want)
	}
	for _, bad := range []string{"", "whsec_", "whsec_!"} {
		if _, err := sign(bad, "id", tuesday, nil); err == nil {
			t.Errorf("signed with secret %q", bad)
		}
	}
}

// hook is a TLS server and a webhook client that may call it.
func hook(t testing.TB, handler http.HandlerFunc) (*httptest.Server, *Webhook) {
	t.Helper()
	s := httptest.NewTLSServer(handler)
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s, NewWebhook(WebhookOptions{PrivateHosts: []string{"127.0.0.1"}, Roots: roots, Now: func() time.Time { return tuesday }})
}

func hookWay(address string) notice.Way {
	return notice.Way{Account: "tk-lan", Channel: notice.ByWebhook, Address: address, Secret: testSecret}
}

func TestWebhook(t *testing.T) {
	type call struct {
		header http.Header
		method string
		body   []byte
	}
	calls := make(chan call, 1)
	s, h := hook(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		calls <- call{r.Header, r.Method, b}
		io.Copy(w, io.LimitReader(neverending('x'), 1<<20)) // more than anybody reads
	})
	m := testMessage()
	if err := h.Send(t.Context(), hookWay(s.URL+"/tram?token=x"), m); err != nil {
		t.Fatal(err)
	}
	c := <-calls
	if c.method != http.MethodPost || c.header.Get("Content-Type") != "application/json" || c.header.Get("webhook-id") != m.ID || c.header.Get("webhook-timestamp") != strconv.FormatInt(tuesday.Unix(), 10) {
		t.Errorf("called with %s %v", c.method, c.header)
	}
	if want, _ := sign(testSecret, m.ID, tuesday, c.body); c.header.Get("webhook-signature") != want {
		t.Errorf("signature %q is not over what arrived, want %q", c.header.Get("webhook-signature"), want)
	}
	var b webhookBody
	if err := json.Unmarshal(c.body, &b); err != nil {
		t.Fatal(err)
	}
	if b.Type != webhookType || !b.Timestamp.Equal(tuesday) || b.Data.ID != m.ID || b.Data.Link != m.Link || !maps.Equal(b.Data.Counts, map[notice.Kind]int{notice.Late: 1, notice.Work: 2}) {
		t.Errorf("body is %s", c.body)
	}
}

type neverending byte

func (b neverending) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(b)
	}
	return len(p), nil
}

func TestWebhookAnswers(t *testing.T) {
	var status atomic.Int64
	var after, location atomic.Value
	after.Store("")
	location.Store("")
	var elsewhere atomic.Int64
	s, h := hook(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			elsewhere.Add(1)
			return
		}
		if a := after.Load().(string); a != "" {
			w.Header().Set("Retry-After", a)
		}
		if l := location.Load().(string); l != "" {
			w.Header().Set("Location", l)
		}
		w.WriteHeader(int(status.Load()))
	})
	for _, c := range []struct {
		status          int
		after, location string
		trouble         notice.Trouble
		final           bool
		wait            time.Duration
	}{
		{status: 200}, {status: 204}, {status: 299},
		{status: 400, trouble: notice.Answered}, {status: 500, trouble: notice.Answered}, {status: 404, trouble: notice.Answered},
		{status: 410, trouble: notice.Refused, final: true},
		{status: 302, location: "/elsewhere", trouble: notice.Answered}, {status: 307, location: "/elsewhere", trouble: notice.Answered}, {status: 308, location: "http://169.254.169.254/", trouble: notice.Answered},
		{status: 429, after: "120", trouble: notice.Answered, wait: 2 * time.Minute}, {status: 503, after: "-1", trouble: notice.Answered},
		{status: 503, after: "99999999999999999999", trouble: notice.Answered}, {status: 503, after: "999999", trouble: notice.Answered, wait: 24 * time.Hour},
		{status: 503, after: tuesday.Add(time.Hour).UTC().Format(http.TimeFormat), trouble: notice.Answered, wait: time.Hour},
	} {
		status.Store(int64(c.status))
		after.Store(c.after)
		location.Store(c.location)
		err := h.Send(t.Context(), hookWay(s.URL), testMessage())
		if c.trouble == "" {
			if err != nil {
				t.Errorf("%d: %v", c.status, err)
			}
			continue
		}
		var f *Failure
		if !errors.As(err, &f) || f.Own || f.Trouble != c.trouble || f.Final != c.final || f.After != c.wait {
			t.Errorf("%d after %q: %+v", c.status, c.after, f)
		}
	}
	if elsewhere.Load() > 0 {
		t.Error("a redirect was followed")
	}
}

// Whoever names a webhook gets nowhere inside the node's network with it, by whatever name, unless the operator has named the host.
func TestWebhookIntoTheNetwork(t *testing.T) {
	var called atomic.Int64
	s, h := hook(t, func(http.ResponseWriter, *http.Request) { called.Add(1) })
	port := s.URL[strings.LastIndexByte(s.URL, ':'):]
	h.o.PrivateHosts = []string{"hook.agency.example"}
	for _, address := range []string{s.URL, "https://localhost" + port, "https://[::1]" + port, "https://[::ffff:127.0.0.1]" + port, "https://0.0.0.0" + port, "https://169.254.169.254/latest/meta-data/", "https://10.0.0.1/", "https://[fe80::1]/", "https://[fd00::1]/", "https://100.64.0.1/"} {
		var f *Failure
		if err := h.Send(t.Context(), hookWay(address), testMessage()); !errors.As(err, &f) || f.Trouble != notice.Private {
			t.Errorf("%s: %v, want it refused as private", address, err)
		}
	}
	for _, address := range []string{"http://127.0.0.1" + port, "https://u:p@127.0.0.1" + port, "gopher://x/", ""} {
		var f *Failure
		if err := h.Send(t.Context(), hookWay(address), testMessage()); !errors.As(err, &f) || f.Trouble != notice.Refused {
			t.Errorf("%s: %v, want it refused", address, err)
		}
	}
	if called.Load() > 0 {
		t.Errorf("it was called %d times", called.Load())
	}
}

func TestWebhookTroubles(t *testing.T) {
	release := make(chan struct{})
	s, h := hook(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	want := func(name string, h *Webhook, address string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		var f *Failure
		err := h.Send(ctx, hookWay(address), testMessage())
		if !errors.As(err, &f) || f.Trouble != notice.Unreachable || f.Own {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "token") {
			t.Errorf("%s: the URL stands in what is logged: %v", name, err)
		}
	}
	want("slow", h, s.URL+"/?token=x")
	want("unknown certificate", NewWebhook(WebhookOptions{PrivateHosts: []string{"127.0.0.1"}, Roots: x509.NewCertPool()}), s.URL+"/?token=x")
	close(release)
	s.Close()
	want("refused connection", h, s.URL+"/?token=x")
}

// The whole way by webhook: an answer that is lost makes a repeat of the same id, and nothing more.
func TestWebhookFromEndToEnd(t *testing.T) {
	f := newFixture(t)
	var ids []string
	s, h := hook(t, func(w http.ResponseWriter, r *http.Request) {
		ids = append(ids, r.Header.Get("webhook-id"))
		if len(ids) == 1 {
			panic(http.ErrAbortHandler) // it has the message, and nobody learns so
		}
	})
	s.Config.ErrorLog = nil
	f.o.Senders = map[notice.Channel]Sender{notice.ByWebhook: h}
	f.restart()
	f.account("lan", notice.AtOnce)
	if _, err := f.store.SetWebhook(t.Context(), "tk-lan", s.URL, 1); err != nil {
		t.Fatal(err)
	}
	f.views.note("lan", 10, view.WorkHandle)
	for range 3 {
		f.step()
		f.clock.pass(time.Hour)
		f.restart()
	}
	if len(ids) != 2 || ids[0] != ids[1] || ids[0] == "" {
		t.Errorf("ids are %v, want the same twice", ids)
	}
}
