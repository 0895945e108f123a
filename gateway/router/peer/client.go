package peer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tram-exchange/tram/events"
)

// ClientOptions configure a Client. Certificate and Now are required.
type ClientOptions struct {
	// Certificate is this node's TLS certificate; asked at each handshake, so that it can be renewed while running.
	Certificate func() (*tls.Certificate, error)
	// Now judges validity of server certificates.
	Now func() time.Time
	// Connections is how many connections to one peer are kept; 0 = 64.
	Connections int
	// Timeout is how long an exchange may take beside the bytes themselves; 0 = 60 s.
	Timeout time.Duration
	// MinRate is the slowest transfer that is waited for, in bytes per second; 0 = 64 KiB/s.
	MinRate int64
	// Dial replaces the network in tests; nil: net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client hands packages over to peers. It is safe for concurrent use; Close drops idle connections.
type Client struct {
	opts  ClientOptions
	mu    sync.Mutex
	pools map[string]*pool // by origin
}

// pool is the connections to one peer as it was known when they were made.
type pool struct {
	target    Target
	transport *http.Transport
}

// NewClient makes a client. It opens nothing yet.
func NewClient(o ClientOptions) (*Client, error) {
	if o.Certificate == nil || o.Now == nil {
		return nil, errors.New("couldn't make peer client: certificate and clock are required")
	}
	if o.Connections <= 0 {
		o.Connections = 64
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	if o.MinRate <= 0 {
		o.MinRate = 64 << 10
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	}
	return &Client{opts: o, pools: make(map[string]*pool)}, nil
}

// Close drops idle connections. Exchanges under way end by their context.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.pools {
		p.transport.CloseIdleConnections()
	}
	clear(c.pools)
}

// Deliver posts one package and returns the peer's receipt as answered: it is not verified here. The error is a
// *RefusedError or a *FailedError, or ctx.Err().
func (c *Client) Deliver(ctx context.Context, to Target, h Handover) ([]byte, error) {
	head, tail, boundary, err := frame(h)
	if err != nil {
		return nil, err
	}
	length := int64(len(head)) + h.Size + int64(len(tail))
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout+time.Duration(length/c.opts.MinRate)*time.Second)
	defer cancel()
	body := func() io.Reader {
		return io.MultiReader(bytes.NewReader(head), io.NewSectionReader(h.Package, 0, h.Size), bytes.NewReader(tail))
	}
	answer, _, err := c.exchange(ctx, to, func(ctx context.Context, base string) (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+PathPackages, body())
		if err != nil {
			return nil, err
		}
		r.ContentLength = length
		r.Header.Set("Content-Type", "multipart/form-data; boundary="+boundary)
		if length > askFirst {
			r.Header.Set("Expect", "100-continue")
		}
		return r, nil
	}, maxAnswer)
	return answer, err
}

// askFirst is the size in bytes from which the peer is asked whether it wants the package at all.
const askFirst = 1 << 20

// Change fetches the first directory change that the peer publishes after the one with the given id ("" for the
// first). Without one it returns nil bytes.
func (c *Client) Change(ctx context.Context, from Target, after string) (id string, change []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	b, header, err := c.exchange(ctx, from, func(ctx context.Context, base string) (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodGet, base+PathDirectory+"?after="+url.QueryEscape(after), nil)
	}, maxChange)
	if err != nil || header == nil {
		return "", nil, err
	}
	return header.Get("Tram-Change"), b, nil
}

// Receipt asks for the peer's receipt of a package that may have been handed over before. nil: the peer does not have it.
func (c *Client) Receipt(ctx context.Context, from Target, sha256 events.Digest) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	b, _, err := c.exchange(ctx, from, func(ctx context.Context, base string) (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodGet, base+PathReceipt+sha256.String(), nil)
	}, maxAnswer)
	return b, err
}

// frame makes what stands before and after the package bytes. The boundary is a hash over the package's own
// digest, so it cannot stand inside the package.
func frame(h Handover) (head, tail []byte, boundary string, err error) {
	sum := sha256.Sum256(slices.Concat([]byte("tram peer boundary v1\n"), h.SHA256[:], h.Receipt, h.Evidence))
	boundary = "tram-" + hex.EncodeToString(sum[:24])
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	if err := w.SetBoundary(boundary); err != nil {
		return nil, nil, "", fmt.Errorf("couldn't frame hand-over: %w", err)
	}
	handed, err := json.Marshal(h.Handed)
	if err != nil {
		return nil, nil, "", fmt.Errorf("couldn't frame hand-over: %w", err)
	}
	parts := []struct {
		name, kind string
		body       []byte
	}{
		{partHanded, "application/json", handed},
		{partReceipt, "text/plain; charset=utf-8", h.Receipt},
		{partEvidence, "application/octet-stream", h.Evidence},
	}
	for _, p := range parts {
		if p.name == partEvidence && p.body == nil {
			continue
		}
		pw, err := w.CreatePart(partHeader(p.name, p.kind))
		if err != nil {
			return nil, nil, "", fmt.Errorf("couldn't frame hand-over: %w", err)
		}
		if _, err := pw.Write(p.body); err != nil {
			return nil, nil, "", fmt.Errorf("couldn't frame hand-over: %w", err)
		}
	}
	header := partHeader(partPackage, "application/xml")
	header.Set("Content-Length", strconv.FormatInt(h.Size, 10))
	if _, err := w.CreatePart(header); err != nil {
		return nil, nil, "", fmt.Errorf("couldn't frame hand-over: %w", err)
	}
	return buf.Bytes(), []byte("\r\n--" + boundary + "--\r\n"), boundary, nil
}

func partHeader(name, kind string) textproto.MIMEHeader {
	return textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="` + name + `"`},
		"Content-Type":        {kind},
	}
}

// exchange tries the peer's addresses in order until one is reached. An address that was reached is the answer, good
// or bad: trying another could not tell more.
func (c *Client) exchange(ctx context.Context, to Target, build func(context.Context, string) (*http.Request, error), limit int64) ([]byte, http.Header, error) {
	if len(to.URLs) == 0 {
		return nil, nil, &FailedError{Class: ClassUnreachable, Err: fmt.Errorf("peer %s has no address", to.Origin)}
	}
	tr := c.pool(to)
	var last error
	for _, base := range to.URLs {
		b, header, err := c.try(ctx, tr, strings.TrimRight(base, "/"), build, limit)
		var failed *FailedError
		if err == nil || !errors.As(err, &failed) || failed.Reached {
			return b, header, err
		}
		last = err
	}
	return nil, nil, last
}

func (c *Client) try(ctx context.Context, tr *http.Transport, base string, build func(context.Context, string) (*http.Request, error), limit int64) ([]byte, http.Header, error) {
	var reached atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { reached.Store(true) },
	})
	req, err := build(ctx, base)
	if err != nil {
		return nil, nil, &FailedError{Class: ClassUnreachable, Err: err}
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		if !reached.Load() {
			return nil, nil, &FailedError{Class: ClassUnreachable, Err: err}
		}
		return nil, nil, &FailedError{Class: ClassInterrupted, Reached: true, Err: err}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return nil, nil, &FailedError{Class: ClassInterrupted, Reached: true, Err: err}
	case int64(len(answer)) > limit:
		return nil, nil, &FailedError{Class: ClassAnswer, Reached: true, Err: fmt.Errorf("answer over %d bytes", limit)}
	case resp.StatusCode == http.StatusNoContent:
		return nil, nil, nil
	case resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusCreated:
		return answer, resp.Header, nil
	}
	return nil, nil, refusal(resp.StatusCode, answer)
}

// refusal reads a negative answer. Only a numbered refusal is one; what a proxy on the way may say is a failure.
func refusal(status int, answer []byte) error {
	e := &RefusedError{Status: status}
	if err := json.Unmarshal(answer, e); err != nil || e.Code == 0 {
		class := ClassAnswer
		if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable || status == http.StatusBadGateway ||
			status == http.StatusGatewayTimeout {
			class = ClassBusy
		}
		return &FailedError{Class: class, Reached: true, Err: fmt.Errorf("status %d without a numbered refusal", status)}
	}
	return e
}

// pool gives the connections to the peer; they are made anew when what the directory says of it has changed.
func (c *Client) pool(to Target) *http.Transport {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.pools[to.Origin]; p != nil {
		if p.target.same(to) {
			return p.transport
		}
		p.transport.CloseIdleConnections()
	}
	p := &pool{target: to, transport: &http.Transport{
		DialContext:           c.opts.Dial,
		TLSClientConfig:       c.tlsConfig(to),
		TLSHandshakeTimeout:   10 * time.Second,
		MaxIdleConns:          c.opts.Connections,
		MaxIdleConnsPerHost:   c.opts.Connections,
		MaxConnsPerHost:       c.opts.Connections,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
		WriteBufferSize:       64 << 10,
		ReadBufferSize:        16 << 10,
		DisableCompression:    true,
	}}
	c.pools[to.Origin] = p
	return p.transport
}

func (t Target) same(o Target) bool {
	return t.Origin == o.Origin && slices.Equal(t.URLs, o.URLs) && slices.Equal(t.TLS, o.TLS) &&
		slices.EqualFunc(t.Authorities, o.Authorities, bytes.Equal)
}

// tlsConfig pins the peer: its certificate is one of those named in the directory, or leads to an authority named
// there. The system's roots are not asked.
func (c *Client) tlsConfig(to Target) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		Time:               c.opts.Now,
		InsecureSkipVerify: true, // replaced by VerifyConnection, which also runs on resumed sessions
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return c.opts.Certificate()
		},
		VerifyConnection: func(s tls.ConnectionState) error { return to.verify(s, c.opts.Now()) },
	}
}

func (t Target) verify(s tls.ConnectionState, now time.Time) error {
	if len(s.PeerCertificates) == 0 {
		return fmt.Errorf("couldn't trust peer %s: no certificate", t.Origin)
	}
	leaf := s.PeerCertificates[0]
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return fmt.Errorf("couldn't trust peer %s: certificate valid from %s to %s", t.Origin,
			leaf.NotBefore.UTC().Format(time.RFC3339), leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	if slices.Contains(t.TLS, events.Digest(sha256.Sum256(leaf.Raw))) {
		return nil
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, der := range t.Authorities {
		ca, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("couldn't trust peer %s: authority: %w", t.Origin, err)
		}
		roots.AddCert(ca)
	}
	for _, ca := range s.PeerCertificates[1:] {
		between.AddCert(ca)
	}
	// With an authority, the name must be that of the peer's origin: others hold certificates of it too.
	host, _, _ := strings.Cut(t.Origin, "/")
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: now, DNSName: host,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil || len(t.Authorities) == 0 {
		return fmt.Errorf("couldn't trust peer %s: certificate %x is not in the directory (%v)", t.Origin, sha256.Sum256(leaf.Raw), err)
	}
	return nil
}
