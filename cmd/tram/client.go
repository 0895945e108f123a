package main

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
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/signing/keystore"
)

// client speaks to a node's HTTP API for send, mailbox and status.
type client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// clientFlags are the flags that every command which speaks to a node shares. Each has an environment variable, so
// that a script need not put a token's file name on every line.
type clientFlags struct{ node, ca, cert, key, tokenFile string }

func (f *clientFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.node, "node", os.Getenv("TRAM_NODE"), "address of the node's API, e.g. https://tram.example:8443 (TRAM_NODE)")
	fs.StringVar(&f.ca, "ca", os.Getenv("TRAM_CA"), "PEM certificate of the authority of the node's certificate (TRAM_CA)")
	fs.StringVar(&f.cert, "cert", os.Getenv("TRAM_CERT"), "client certificate, PEM (TRAM_CERT)")
	fs.StringVar(&f.key, "key", os.Getenv("TRAM_KEY"), "its key: PEM file, pkcs12:… or pkcs11:… (TRAM_KEY)")
	fs.StringVar(&f.tokenFile, "token-file", os.Getenv("TRAM_TOKEN_FILE"), "file with an API token (TRAM_TOKEN_FILE)")
}

func (f *clientFlags) open() (*client, error) {
	if f.node == "" {
		return nil, errors.New("couldn't reach a node: give --node or set TRAM_NODE")
	}
	base, err := url.Parse(f.node)
	if err != nil || base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("couldn't use --node %q: want https://host:port", f.node)
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.ca != "" {
		pem, err := os.ReadFile(f.ca)
		if err != nil {
			return nil, fmt.Errorf("couldn't read authority: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("couldn't read authority: no certificate in %s", f.ca)
		}
	}
	if f.cert != "" && f.key == "" {
		return nil, errors.New("couldn't use client certificate: --cert and --key go together")
	}
	if f.key != "" {
		ref, err := keystore.ParseRef(f.key)
		if err != nil {
			return nil, err
		}
		key, err := keystore.Open(context.Background(), ref, keystore.Options{Purpose: keystore.Client, Chain: f.cert, Prompt: prompt})
		if err != nil {
			return nil, fmt.Errorf("couldn't use client certificate: %w", err)
		}
		pair := tls.Certificate{PrivateKey: key.Signer, Leaf: key.Chain[0]} // open for the rest of the command
		for _, c := range key.Chain {
			pair.Certificate = append(pair.Certificate, c.Raw)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	c := &client{base: base, http: &http.Client{Transport: &http.Transport{
		TLSClientConfig: conf, MaxIdleConnsPerHost: 64, ResponseHeaderTimeout: 2 * time.Minute, ForceAttemptHTTP2: true,
	}}}
	if f.tokenFile != "" {
		b, err := os.ReadFile(f.tokenFile)
		if err != nil {
			return nil, fmt.Errorf("couldn't read token: %w", err)
		}
		c.token = strings.TrimSpace(string(b))
	}
	return c, nil
}

// refusedError is a numbered refusal as the node sent it.
type refusedError struct {
	Code      int             `json:"code"`
	ID        string          `json:"id"`
	Status    int             `json:"status"`
	Field     string          `json:"field"`
	Vi        string          `json:"message_vi"`
	En        string          `json:"message_en"`
	Retryable bool            `json:"retryable"`
	Details   json.RawMessage `json:"details"`
}

func (e *refusedError) Error() string {
	s := fmt.Sprintf("refused: %d %s\n  %s\n  %s", e.Code, e.ID, e.Vi, e.En)
	if e.Field != "" {
		s += "\n  at: " + e.Field
	}
	if d := string(e.Details); d != "" && d != "null" && d != "[]" {
		s += "\n  details: " + d
	}
	return s
}

// do sends one request; a positive answer's body is the caller's to close.
func (c *client) do(ctx context.Context, method, path string, query url.Values, body io.Reader, size int64, contentType, accept string) (*http.Response, error) {
	u := c.base.JoinPath(path)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("couldn't make request: %w", err)
	}
	if body != nil {
		req.ContentLength = size
		req.Header.Set("Content-Type", contentType)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("couldn't reach node: %w", err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("couldn't read the node's answer: %w", err)
	}
	var ref refusedError
	if json.Unmarshal(b, &ref) != nil || ref.Code == 0 {
		return nil, &httpStatusError{resp.StatusCode, b}
	}
	return nil, &ref
}

// httpStatusError is a refusal that is not of the API.
type httpStatusError struct {
	code int
	body []byte
}

func (e *httpStatusError) Error() string {
	return fmt.Sprintf("couldn't use the node's answer: HTTP %d: %.200q", e.code, e.body)
}

// call sends JSON (or nothing) and reads JSON into out.
func (c *client) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	var body io.Reader
	var size int64
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("couldn't encode request: %w", err)
		}
		body, size = bytes.NewReader(b), int64(len(b))
	}
	resp, err := c.do(ctx, method, path, query, body, size, "application/json", "application/json")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<20)).Decode(out); err != nil {
		return fmt.Errorf("couldn't read the node's answer: %w", err)
	}
	return nil
}
