package revocation

import (
	"bytes"
	"context"
	"crypto"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/tram-exchange/tram/internal/publicaddr"
)

const maxRedirects = 3

// ErrPrivateAddress is returned where a URL leads to an address that is not public. Set OnlineOptions.AllowPrivate if the
// authority is inside one's own network.
var ErrPrivateAddress = publicaddr.ErrPrivate

// boundedClient makes the client that asks.
func boundedClient(o OnlineOptions) *http.Client {
	c := &http.Client{}
	if o.Client != nil {
		*c = *o.Client
	} else {
		dialer := &net.Dialer{Timeout: o.Timeout}
		if !o.AllowPrivate {
			dialer.Control = publicaddr.Control
		}
		c.Transport = &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: o.Timeout, ResponseHeaderTimeout: o.Timeout,
			MaxResponseHeaderBytes: 64 << 10, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, DisableCompression: true, ForceAttemptHTTP2: true}
	}
	if c.Timeout <= 0 || c.Timeout > o.Timeout {
		c.Timeout = o.Timeout
	}
	c.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return fmt.Errorf("more than %d redirects", maxRedirects)
		}
		return checkURL(r.URL, o.AllowPrivate)
	}
	c.Jar = nil
	return c
}

func (n *Online) checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || len(s) > 2048 {
		return errors.New("not a URL")
	}
	return checkURL(u, n.o.AllowPrivate)
}

func checkURL(u *url.URL, private bool) error {
	if u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("only http and https are asked, not %q", u.Scheme)
	}
	if u.Hostname() == "" || u.User != nil {
		return errors.New("not the URL of a public place")
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && !private && !publicaddr.Is(a.WithZone("")) {
		return fmt.Errorf("couldn't connect to %s: %w", u.Hostname(), ErrPrivateAddress)
	}
	if strings.EqualFold(u.Hostname(), "localhost") && !private {
		return fmt.Errorf("couldn't connect to %s: %w", u.Hostname(), ErrPrivateAddress)
	}
	return nil
}

// validators are what a server gave for asking whether something has changed.
type validators struct{ etag, modified string }

// request asks once. It returns before if that has not changed.
func (n *Online) request(ctx context.Context, key string, q question, before information, f *Fetch) (information, validators, error) {
	var none validators
	r, nonce, err := n.newRequest(ctx, q)
	if err != nil {
		return nil, none, err
	}
	known := n.cache.validators(key)
	if before != nil && r.Method == http.MethodGet {
		if known.etag != "" {
			r.Header.Set("If-None-Match", known.etag)
		}
		if known.modified != "" {
			r.Header.Set("If-Modified-Since", known.modified)
		}
	}
	resp, err := n.client.Do(r)
	if err != nil {
		var ue *url.Error // its text repeats the URL
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, none, fmt.Errorf("couldn't ask: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotModified && before != nil {
		f.Unchanged = true
		return before, known, nil
	}
	if resp.StatusCode != http.StatusOK {
		return nil, none, fmt.Errorf("the server answers %d", resp.StatusCode)
	}
	limit := int64(MaxOCSP)
	if q.kind == CRL {
		limit = MaxCRL
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if f.Bytes = len(b); err != nil {
		return nil, none, fmt.Errorf("couldn't read answer: %w", err)
	}
	if int64(len(b)) > limit {
		return nil, none, fmt.Errorf("the answer has more than %d bytes", limit)
	}
	i, err := q.parse(b)
	if err == nil {
		err = q.believe(i)
	}
	if got, ok := i.(*response); ok && err == nil && nonce != nil && got.nonce != nil && !bytes.Equal(got.nonce, nonce) {
		err = errors.New("the answer is to another question: its nonce differs")
	}
	if err != nil {
		return nil, none, err
	}
	return i, validators{bounded(resp.Header.Get("ETag")), bounded(resp.Header.Get("Last-Modified"))}, nil
}

func bounded(s string) string {
	if len(s) > 256 {
		return ""
	}
	return s
}

// readCRLBytes reads DER, or PEM as some servers give it against RFC 2585.
func readCRLBytes(b []byte) (information, error) {
	if bytes.HasPrefix(b, []byte("-----BEGIN")) {
		if block, _ := pem.Decode(b); block != nil && block.Type == "X509 CRL" {
			b = block.Bytes
		}
	}
	return parseCRL(b)
}

func (n *Online) newRequest(ctx context.Context, q question) (r *http.Request, nonce []byte, err error) {
	if q.kind == CRL {
		r, err = http.NewRequestWithContext(ctx, http.MethodGet, q.url, nil)
		return r, nil, err
	}
	if n.o.Nonce != nil {
		nonce = make([]byte, 32)
		if _, err := io.ReadFull(n.o.Nonce, nonce); err != nil {
			return nil, nil, fmt.Errorf("couldn't make nonce: %w", err)
		}
	}
	der, err := ocspRequest(q, nonce)
	if err != nil {
		return nil, nil, err
	}
	// RFC 5019 §5: short questions by GET, which caches on the way can answer.
	get := strings.TrimSuffix(q.url, "/") + "/" + url.PathEscape(base64.StdEncoding.EncodeToString(der))
	if nonce == nil && len(get) <= 255 && !strings.Contains(q.url, "?") {
		r, err = http.NewRequestWithContext(ctx, http.MethodGet, get, nil)
	} else if r, err = http.NewRequestWithContext(ctx, http.MethodPost, q.url, bytes.NewReader(der)); err == nil {
		r.Header.Set("Content-Type", "application/ocsp-request")
	}
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("Accept", "application/ocsp-response")
	return r, nonce, nil
}

// ocspRequest writes an OCSPRequest for one certificate (RFC 6960 §4.1.1), named by SHA-1 as every responder understands it.
func ocspRequest(q question, nonce []byte) ([]byte, error) {
	name, key := issuerHashes(q.issuer, crypto.SHA1)
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
							b.AddASN1ObjectIdentifier(digests[0].id)
							b.AddASN1NULL()
						})
						b.AddASN1OctetString(name)
						b.AddASN1OctetString(key)
						b.AddASN1BigInt(q.cert.SerialNumber)
					})
				})
			})
			if nonce != nil {
				b.AddASN1(explicit(2), func(b *cryptobyte.Builder) {
					b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { addNonce(b, nonce) })
				})
			}
		})
	})
	der, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("couldn't write OCSP request: %w", err)
	}
	return der, nil
}

func addNonce(b *cryptobyte.Builder, nonce []byte) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidNonce)
		b.AddASN1(asn1.OCTET_STRING, func(b *cryptobyte.Builder) { b.AddASN1OctetString(nonce) })
	})
}
