package keystore

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// CSCConfig is a signing service that speaks the API of the Cloud Signature Consortium, version 2.
type CSCConfig struct {
	Name string
	// Base is the address before the operations, e.g. https://service.example/csc/v2. TLS is required.
	Base string
	// TokenURL of OAuth 2.0; empty: Base + "/oauth2/token".
	TokenURL string
	// ClientID and ClientSecret are for OAuth 2.0 with client credentials (RFC 6749 §4.4).
	ClientID     string
	ClientSecret func() (string, error)
	// Bearer gives an access token instead, for services that hand out lasting ones.
	Bearer func() (string, error)
	// User is the userID for credentials/list, if the access token isn't one user's.
	User string
	// AuthData are the answers to the authentication objects of a credential that always stay the same, by id: a PIN, for instance.
	AuthData map[string]func() (string, error)
	// Asynchronous asks for operationMode "A": the answer to signHash is fetched by signPolling. For services where the holder agrees
	// between the two.
	Asynchronous bool
	// Roots that the service's TLS certificate is checked against; nil: the system's.
	Roots *x509.CertPool
	// Timeout of one call; default 30 s.
	Timeout time.Duration
	// Now is time.Now unless a test has its own.
	Now func() time.Time
	// After is time.After unless a test has its own; it spaces retries.
	After func(time.Duration) <-chan time.Time
}

// Bounds of what a service may answer and of what is under way with it.
const (
	maxAnswer   = 1 << 20 // bytes of one answer
	maxCSCItems = 256     // credentials, certificates or signatures in one answer
	maxCSCOpen  = 1024    // requests that wait for their holders
	keepCSCOpen = time.Hour
	cscRetries  = 3 // tries of a call that may be repeated
)

// CSC is a client of one service: a Remote. Safe for concurrent use. A call that changes nothing (token, list, info, both kinds of
// polling) is tried again after 5xx, 429 and lost connections; authorize and signHash never are. Redirects are
// refused: they would carry the access token elsewhere.
type CSC struct {
	c    CSCConfig
	base *url.URL
	http *http.Client

	tokenMu sync.Mutex // one asks for a token, the others wait
	token   string
	expires time.Time

	mu   sync.Mutex
	open map[string]*cscRequest
}

// cscRequest waits for its holder's leave (handle) or for its signatures (responseID).
type cscRequest struct {
	request SignRequest
	handle  string
	since   time.Time
}

// NewCSC makes a client. It calls nobody yet.
func NewCSC(c CSCConfig) (*CSC, error) {
	base, err := httpsURL(c.Base)
	if err != nil {
		return nil, fmt.Errorf("couldn't use signing service %q: %w", c.Name, err)
	}
	if c.TokenURL == "" {
		c.TokenURL = base.JoinPath("oauth2/token").String()
	} else if _, err := httpsURL(c.TokenURL); err != nil {
		return nil, fmt.Errorf("couldn't use token address of signing service %q: %w", c.Name, err)
	}
	if (c.Bearer == nil) == (c.ClientSecret == nil) {
		return nil, fmt.Errorf("couldn't use signing service %q: want either a client secret or a bearer token", c.Name)
	}
	if c.Timeout <= 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.After == nil {
		c.After = time.After
	}
	return &CSC{
		c: c, base: base, open: map[string]*cscRequest{},
		http: &http.Client{
			Timeout: c.Timeout,
			Transport: &http.Transport{
				Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12},
				ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute, ResponseHeaderTimeout: c.Timeout,
				MaxResponseHeaderBytes: 64 << 10,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func httpsURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("want an address https://host/path")
	}
	return u, nil
}

// serviceError is what the service said no with.
type serviceError struct {
	op     string
	status int
	code   string // "error" of RFC 6749 §5.2, as CSC uses it
	text   string
}

func (e *serviceError) Error() string {
	return fmt.Sprintf("%s: HTTP %d %q: %.200q", e.op, e.status, e.code, e.text)
}

// Is tells what to do about it.
func (e *serviceError) Is(target error) bool {
	switch target {
	case ErrUnauthorized:
		return e.status == http.StatusUnauthorized || e.status == http.StatusForbidden && e.code != "access_denied" ||
			e.code == "invalid_client" || e.code == "invalid_token" || e.code == "unauthorized_client"
	case ErrRefused:
		return e.code == "access_denied" || e.code == "user_rejected"
	case ErrExpired:
		return e.code == "expired_token" || e.code == "expired_request" || e.code == "timeout"
	case ErrWrongPIN:
		return e.code == "invalid_authentication_data" || e.code == "invalid_pin" || e.code == "invalid_otp"
	case ErrService:
		return e.temporary()
	}
	return false
}

func (e *serviceError) temporary() bool {
	return e.status >= 500 || e.status == http.StatusTooManyRequests
}

// call posts JSON and reads JSON. repeat tells that the call changes nothing and may be made again.
func (s *CSC) call(ctx context.Context, op string, in, out any, repeat bool) (status int, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return 0, fmt.Errorf("couldn't encode request: %w", err)
	}
	fresh := false // a token that was refused is renewed once
	for try := 1; ; try++ {
		token, err := s.bearer(ctx, fresh)
		if err != nil {
			return 0, err
		}
		status, err = s.post(ctx, op, s.base.JoinPath(op).String(), "application/json", body, "Bearer "+token, out)
		var se *serviceError
		if errors.As(err, &se) && se.status == http.StatusUnauthorized && !fresh && s.c.Bearer == nil {
			fresh = true // it was refused before anything was done, so this is no repetition
			continue
		}
		if err == nil || !repeat || try >= cscRetries || !temporary(err) {
			return status, err
		}
		if err := s.pause(ctx, try); err != nil {
			return status, err
		}
	}
}

// temporary reports whether the same call may succeed later.
func temporary(err error) bool {
	var se *serviceError
	if errors.As(err, &se) {
		return se.temporary()
	}
	return errors.Is(err, ErrService)
}

func (s *CSC) pause(ctx context.Context, try int) error {
	select {
	case <-s.c.After(time.Duration(1<<try) * 250 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// post makes one call. Any 2xx is good; 202 is the caller's to tell apart.
func (s *CSC) post(ctx context.Context, op, address, contentType string, body []byte, authorization string, out any) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, s.c.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("couldn't make request: %w", err)
	}
	req.GetBody = nil // the transport must not repeat it by itself
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Accept", "application/json")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return 0, s.unreachable(ctx, op, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err = errors.Join(err, ctx.Err()); err != nil { // an answer that crossed with the end is worth nothing
		return resp.StatusCode, s.unreachable(ctx, op, err)
	}
	if len(b) > maxAnswer {
		return resp.StatusCode, fmt.Errorf("%s of %q: the answer has more than %d bytes", op, s.c.Name, maxAnswer)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		var said struct {
			Error       string `json:"error"`
			Description string `json:"error_description"`
		}
		_ = json.Unmarshal(b, &said) // the status alone is an answer too
		return resp.StatusCode, &serviceError{op: op, status: resp.StatusCode, code: said.Error, text: said.Description}
	}
	if resp.StatusCode == http.StatusNoContent || len(b) == 0 {
		return resp.StatusCode, nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return resp.StatusCode, fmt.Errorf("%s of %q: couldn't read answer: %w", op, s.c.Name, errors.Join(ErrProtocol, err))
	}
	return resp.StatusCode, nil
}

// ErrProtocol: the service answered something that its protocol doesn't allow.
var ErrProtocol = errors.New("unexpected answer of signing service")

func (s *CSC) unreachable(ctx context.Context, op string, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.DeadlineExceeded) {
		return fmt.Errorf("%s of %q: %w", op, s.c.Name, cause)
	}
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err // without the address
	}
	return fmt.Errorf("%s of %q: %w: %w", op, s.c.Name, ErrService, err)
}

// bearer gives an access token: the configured one, or one of OAuth 2.0, which is kept until shortly before it ends. fresh asks for
// another than the one that was refused.
func (s *CSC) bearer(ctx context.Context, fresh bool) (string, error) {
	if s.c.Bearer != nil {
		return s.c.Bearer()
	}
	s.tokenMu.Lock()
	defer s.tokenMu.Unlock()
	if !fresh && s.token != "" && s.c.Now().Before(s.expires) {
		return s.token, nil
	}
	secret, err := s.c.ClientSecret()
	if err != nil {
		return "", err
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {s.c.ClientID}, "client_secret": {secret}, "scope": {"service"}}
	var answer struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	for try := 1; ; try++ {
		_, err = s.post(ctx, "oauth2/token", s.c.TokenURL, "application/x-www-form-urlencoded", []byte(form.Encode()), "", &answer)
		if err == nil || try >= cscRetries || !temporary(err) {
			break
		}
		if err := s.pause(ctx, try); err != nil {
			return "", err
		}
	}
	var se *serviceError
	if errors.As(err, &se) && !se.temporary() {
		return "", fmt.Errorf("%w: %w", ErrUnauthorized, err)
	}
	if err != nil {
		return "", err
	}
	if answer.AccessToken == "" || answer.TokenType != "" && !strings.EqualFold(answer.TokenType, "Bearer") || strings.ContainsAny(answer.AccessToken, "\r\n ") {
		return "", fmt.Errorf("oauth2/token of %q: %w: no bearer token", s.c.Name, ErrProtocol)
	}
	life := time.Duration(min(max(answer.ExpiresIn, 0), 24*3600)) * time.Second
	if answer.ExpiresIn == 0 {
		life = 5 * time.Minute
	}
	s.token, s.expires = answer.AccessToken, s.c.Now().Add(life-min(life/10, 30*time.Second))
	return s.token, nil
}
