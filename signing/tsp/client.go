package tsp

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/big"
	"mime"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// ServiceConfig names one time-stamping authority.
type ServiceConfig struct {
	URL      string      // http or https, without credentials
	Policy   string      // dotted; empty: whatever it has. If given, tokens under others are refused
	Username string      // basic authentication, if not empty; over https only
	Password string      // never in errors
	TLS      *tls.Config // nil: the system's authorities, no client certificate
	NoNonce  bool        // for the few authorities that refuse one
}

// ClientOptions of a Client.
type ClientOptions struct {
	Timeout   time.Duration                       // for each authority; zero: 10 s
	Rest      time.Duration                       // for which an authority that failed is asked last; zero: a minute, below: none
	Tolerance time.Duration                       // between a token's time and our clock, beside the accuracy; zero: 60 s
	Check     func(context.Context, *Token) error // of the chain; nil: none. An authority that it refuses is passed over
	Transport func(*tls.Config) http.RoundTripper // nil: a plain http.Transport for each authority
	Now       func() time.Time                    // nil: time.Now
	Rand      io.Reader                           // of nonces; nil: crypto/rand. Must be safe for concurrent use
	Observe   func(service string, err error)     // told of every answer, good (nil) or bad; may be nil
}

// Client asks authorities in their order until one gives a token that holds; one that has just failed comes last for a while, so that
// a silent first doesn't cost its time-out every time. Safe for concurrent use.
type Client struct {
	services []service
	o        ClientOptions

	mu   sync.Mutex
	rest map[*service]time.Time // until when those that failed are asked last
}

type service struct {
	ServiceConfig
	name string // for errors: scheme, host and path
	http *http.Client
}

// NewClient makes a client of at least one authority.
func NewClient(services []ServiceConfig, o ClientOptions) (*Client, error) {
	if len(services) == 0 {
		return nil, errors.New("couldn't make time-stamp client: no authority")
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Tolerance == 0 {
		o.Tolerance = time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Transport == nil {
		o.Transport = func(c *tls.Config) http.RoundTripper {
			return &http.Transport{TLSClientConfig: c, Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10}
		}
	}
	if o.Rest == 0 {
		o.Rest = time.Minute
	}
	c := &Client{o: o, rest: map[*service]time.Time{}}
	for i, s := range services {
		one, err := newService(s, &o)
		if err != nil {
			return nil, fmt.Errorf("couldn't make time-stamp client: authority %d: %w", i+1, err)
		}
		c.services = append(c.services, one)
	}
	return c, nil
}

func newService(s ServiceConfig, o *ClientOptions) (service, error) {
	u, err := url.Parse(s.URL)
	if err != nil {
		return service{}, errors.New("couldn't read its URL") // the error would repeat it, secrets and all
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return service{}, fmt.Errorf("URL of scheme %q, accepted are http and https with a host", u.Scheme)
	case u.User != nil:
		return service{}, errors.New("credentials in the URL; give them as Username and Password")
	case s.Username != "" && u.Scheme != "https":
		return service{}, errors.New("credentials over http; use https")
	}
	if s.Policy != "" {
		if _, err := parseOID(s.Policy); err != nil {
			return service{}, err
		}
	}
	client := &http.Client{Transport: o.Transport(s.TLS), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return service{ServiceConfig: s, name: s.Name(), http: client}, nil
}

// Name is what errors and Observe call the authority: scheme, host and path of its URL.
func (s ServiceConfig) Name() string {
	u, err := url.Parse(s.URL)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}

// ServiceError tells why one authority gave no token.
type ServiceError struct {
	Service string // scheme, host and path
	Err     error
}

func (e *ServiceError) Error() string { return e.Service + ": " + e.Err.Error() }
func (e *ServiceError) Unwrap() error { return e.Err }

// Stamp implements Stamper. If no authority gives a token, the error joins a *ServiceError of each that was asked.
func (c *Client) Stamp(ctx context.Context, hash crypto.Hash, imprint []byte) (*Token, error) {
	if err := checkImprint(hash, imprint); err != nil {
		return nil, fmt.Errorf("couldn't get time-stamp: %w", err)
	}
	var all []error
	for _, s := range c.order() {
		t, err := c.ask(ctx, s, hash, imprint)
		if c.o.Observe != nil {
			c.o.Observe(s.name, err)
		}
		c.note(s, err == nil || ctx.Err() != nil)
		if err == nil {
			return t, nil
		}
		all = append(all, &ServiceError{s.name, err})
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("couldn't get time-stamp: %w", errors.Join(all...))
}

// order is the one to ask in now.
func (c *Client) order() []*service {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.o.Now()
	var ready, resting []*service
	for i := range c.services {
		if s := &c.services[i]; now.Before(c.rest[s]) {
			resting = append(resting, s)
		} else {
			ready = append(ready, s)
		}
	}
	return append(ready, resting...)
}

// note remembers whether an authority answered well. That the caller gave up says nothing about it.
func (c *Client) note(s *service, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ok {
		delete(c.rest, s)
		return
	}
	c.rest[s] = c.o.Now().Add(c.o.Rest)
}

func (c *Client) ask(ctx context.Context, s *service, hash crypto.Hash, imprint []byte) (*Token, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	r := &Request{Hash: hash, Imprint: imprint, Policy: s.Policy, Certificates: true}
	if !s.NoNonce {
		var b [16]byte
		if _, err := io.ReadFull(c.o.Rand, b[:]); err != nil {
			return nil, fmt.Errorf("couldn't draw nonce: %w", err)
		}
		r.Nonce = new(big.Int).SetBytes(b[:])
	}
	der, err := r.Marshal()
	if err != nil {
		return nil, err
	}
	answer, err := s.post(ctx, der)
	if err != nil {
		return nil, err
	}
	t, err := ParseResponse(answer)
	if err != nil {
		return nil, err
	}
	return t, c.check(ctx, r, t)
}

// check says whether t answers r and holds.
func (c *Client) check(ctx context.Context, r *Request, t *Token) error {
	switch {
	case t.Hash != r.Hash:
		return problemf(WrongImprint, "token over a digest by %v, asked for %v", t.HashOID, r.Hash)
	case r.Nonce != nil && (t.Nonce == nil || t.Nonce.Cmp(r.Nonce) != 0):
		return problemf(WrongNonce, "token with nonce %v, asked for %v", t.Nonce, r.Nonce)
	case r.Policy != "" && t.Policy != r.Policy:
		return problemf(WrongPolicy, "token under policy %s, asked for %s", t.Policy, r.Policy)
	}
	if err := t.Verify(r.Imprint); err != nil {
		return err
	}
	if err := t.CheckSigner(); err != nil {
		return err
	}
	now := c.o.Now() // of the answer, before the chain is looked at
	if c.o.Check != nil {
		if err := c.o.Check(ctx, t); err != nil {
			return &Error{Problem: UntrustedChain, Detail: "couldn't trust the authority", Err: err}
		}
	}
	// Last: WrongTime is the word of an authority that is trusted, so it may be taken as one about our clock.
	if d := t.Time.Sub(now).Abs(); d > c.o.Tolerance+t.Accuracy {
		return problemf(WrongTime, "token says %s, our clock %s, more than %v apart", t.Time.Format(time.RFC3339Nano), now.UTC().Format(time.RFC3339Nano), c.o.Tolerance)
	}
	return nil
}

func (s *service) post(ctx context.Context, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("couldn't make request")
	}
	req.Header.Set("Content-Type", QueryType)
	req.Header.Set("Accept", ReplyType)
	if s.Username != "" {
		req.SetBasicAuth(s.Username, s.Password)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		if ue := (*url.Error)(nil); errors.As(err, &ue) {
			err = ue.Err // without the URL, whose query may be secret
		}
		return nil, fmt.Errorf("couldn't ask: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("HTTP status %d", resp.StatusCode)
	}
	if t, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || t != ReplyType {
		return nil, fmt.Errorf("answer of type %q, want %s", printable(resp.Header.Get("Content-Type"), 100), ReplyType)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, MaxResponse+1))
	if err != nil {
		return nil, fmt.Errorf("couldn't read answer: %w", err)
	}
	if len(answer) > MaxResponse {
		return nil, fmt.Errorf("answer of more than %d octets", MaxResponse)
	}
	return answer, nil
}
