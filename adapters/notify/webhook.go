package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/notice"
	"github.com/tram-exchange/tram/internal/publicaddr"
)

// answerMost is how much of an answer is read. Nothing of it is used but its status.
const answerMost = 4 << 10

// WebhookOptions say how webhooks are called.
type WebhookOptions struct {
	// PrivateHosts are host names that may lead into the node's own network. All others may not: whoever names a webhook must not learn
	// or do anything there through the node.
	PrivateHosts []string
	Roots        *x509.CertPool // of their certificates; nil: the system's
	Now          func() time.Time
}

// Webhook calls the URLs that people have named, as Standard Webhooks say (https://www.standardwebhooks.com): a POST with webhook-id,
// webhook-timestamp and webhook-signature. HTTPS only, no redirects, no proxy, a short answer in a short time. It is a Sender.
type Webhook struct {
	o             WebhookOptions
	public, known *http.Client
}

// NewWebhook makes the clients.
func NewWebhook(o WebhookOptions) *Webhook {
	if o.Now == nil {
		o.Now = time.Now
	}
	client := func(dialer *net.Dialer) *http.Client {
		return &http.Client{
			Timeout:       sendTime,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
				TLSHandshakeTimeout: sendTime, ResponseHeaderTimeout: sendTime, MaxResponseHeaderBytes: 16 << 10, DisableCompression: true,
				MaxIdleConns: 2 * places, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true},
		}
	}
	return &Webhook{o: o, public: client(&net.Dialer{Timeout: sendTime, Control: publicaddr.Control}), known: client(&net.Dialer{Timeout: sendTime})}
}

// Place is the host, whatever the URL says beside it.
func (h *Webhook) Place(w notice.Way) string {
	u, err := url.Parse(w.Address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Host)
}

// webhookBody is what a webhook gets. Only add members.
type webhookBody struct {
	Type      string      `json:"type"`
	Timestamp time.Time   `json:"timestamp"`
	Data      webhookData `json:"data"`
}

type webhookData struct {
	ID     string              `json:"id"`
	Counts map[notice.Kind]int `json:"counts"`
	Link   string              `json:"link"`
}

// webhookType is the kind of message in the sense of Standard Webhooks.
const webhookType = "tram.notice"

// Send calls the webhook.
func (h *Webhook) Send(ctx context.Context, w notice.Way, m Message) error {
	if err := notice.CheckURL(w.Address); err != nil {
		return &Failure{Trouble: notice.Refused, Err: err}
	}
	data := webhookData{ID: m.ID, Counts: map[notice.Kind]int{}, Link: m.Link}
	for _, c := range m.Counts {
		data.Counts[c.Kind] = c.N
	}
	body, err := json.Marshal(webhookBody{Type: webhookType, Timestamp: m.At.UTC().Truncate(time.Second), Data: data})
	if err != nil {
		return &Failure{Trouble: notice.Refused, Err: err}
	}
	now := h.o.Now()
	signature, err := sign(w.Secret, m.ID, now, body)
	if err != nil {
		return &Failure{Trouble: notice.Refused, Err: err}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.Address, bytes.NewReader(body))
	if err != nil {
		return &Failure{Trouble: notice.Refused, Err: errors.New("the URL cannot be called")}
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "tram")
	r.Header.Set("webhook-id", m.ID)
	r.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	r.Header.Set("webhook-signature", signature)
	client := h.public
	if slices.ContainsFunc(h.o.PrivateHosts, func(host string) bool { return strings.EqualFold(host, r.URL.Hostname()) }) {
		client = h.known
	}
	resp, err := client.Do(r)
	if err != nil {
		return callFailure(err)
	}
	defer resp.Body.Close()
	// Read a little, so that the connection can be used again; how it ends does not matter any more.
	io.Copy(io.Discard, io.LimitReader(resp.Body, answerMost))
	return judge(resp, now)
}

// sign makes the signature of Standard Webhooks over id, time and body.
func sign(secret, id string, at time.Time, body []byte) (string, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) == 0 {
		return "", errors.New("the secret cannot be read")
	}
	m := hmac.New(sha256.New, key)
	fmt.Fprintf(m, "%s.%d.", id, at.Unix())
	m.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(m.Sum(nil)), nil
}

// callFailure is why no answer came. The text of url.Error repeats the URL, which may hold a token.
func callFailure(err error) *Failure {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	if errors.Is(err, publicaddr.ErrPrivate) {
		return &Failure{Trouble: notice.Private, Err: publicaddr.ErrPrivate}
	}
	return &Failure{Trouble: notice.Unreachable, Err: err}
}

// judge reads the status: 2xx is taken, 410 wants nothing any more, a redirect is followed nowhere.
func judge(resp *http.Response, now time.Time) error {
	switch {
	case resp.StatusCode >= 200 && resp.StatusCode < 300:
		return nil
	case resp.StatusCode == http.StatusGone:
		return &Failure{Trouble: notice.Refused, Final: true, Err: errors.New("answered 410")}
	}
	f := &Failure{Trouble: notice.Answered, Err: fmt.Errorf("answered %d", resp.StatusCode)}
	if after := resp.Header.Get("Retry-After"); after != "" {
		if seconds, err := strconv.Atoi(after); err == nil && seconds > 0 {
			f.After = time.Duration(min(seconds, 24*3600)) * time.Second
		} else if at, err := http.ParseTime(after); err == nil && at.After(now) {
			f.After = at.Sub(now)
		}
	}
	return f
}
