package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tram-exchange/tram/events/policy"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
)

// RevocationConfig says what must be known of the certificates that sign, and how the node finds out (docs/trust.md).
type RevocationConfig struct {
	// Mode is "none" (nobody is asked), "if-available" (known revocations count; if nobody can say, the package is accepted and marked),
	// "when-named" (likewise, but a certificate that names a CRL or OCSP responder needs an answer) or "required" (all need one).
	// It is part of the acceptance policy and recorded. Default "when-named".
	Mode string `yaml:"mode"`
	// MaxAge is how old an answer may be, e.g. 24h. Default 0: until the next update that it promises.
	MaxAge time.Duration `yaml:"max_age"`
	// Renew asks again for answers this old, though they promise to hold longer. Default 1h.
	Renew time.Duration `yaml:"renew"`
	// Wait is how long a hand-in waits for an authority that was not asked before. Default 5s.
	Wait time.Duration `yaml:"wait"`
	// AllowPrivate lets the node ask at addresses inside one's own network, for authorities that are there. A certificate names
	// the address, so leave it off where all authorities are reached over the internet.
	AllowPrivate bool `yaml:"allow_private"`
	// Cache is the folder of fetched answers, which spares the network after a restart. Default revocation, in the data folder.
	Cache string `yaml:"cache"`
	// Lists is a folder of CRLs that people bring where there is no network. Files are read at start. Default: the trust folder.
	Lists string `yaml:"lists"`
}

// TimestampConfig is about time-stamps (RFC 3161).
type TimestampConfig struct {
	// Services are asked in their order until one answers. A trial node without any stamps with its own key of purpose tsa, if
	// it has one.
	Services []TSAConfig `yaml:"services"`
	// Every is how often the log's head is stamped. Default 24h; negative: never.
	Every time.Duration `yaml:"every"`
	// ClockEvery is how often a service is asked for the time between those stamps. While one that is trusted says that the node's clock
	// is more than a minute off, and none that it is right, nothing is accepted. Default 1h; negative: only at the start, with
	// the stamps over the log, and when the clock was moved.
	ClockEvery time.Duration `yaml:"clock_every"`
}

// TSAConfig is one time-stamp authority. The chain of its certificate must lead to an authority on the trust list for "time-stamp".
type TSAConfig struct {
	// URL of the service.
	URL string `yaml:"url"`
	// Policy asked for, dotted; empty: whatever it has.
	Policy string `yaml:"policy"`
	// Username for basic authentication, over https only; empty: none.
	Username string `yaml:"username"`
	// PasswordSource says where the password is: file:PATH (mode 0600) or env:NAME.
	PasswordSource string `yaml:"password_source"`
	// NoNonce is for the few services that refuse one.
	NoNonce bool `yaml:"no_nonce"`
}

func (c *Config) trustDefaults() {
	r := &c.Revocation
	if r.Mode == "" {
		r.Mode = policy.RevocationWhenNamed
	}
	if r.Renew == 0 {
		r.Renew = time.Hour
	}
	if r.Wait == 0 {
		r.Wait = 5 * time.Second
	}
	if r.Cache == "" {
		r.Cache = filepath.Join(c.Data, "revocation")
	}
	if r.Lists == "" {
		r.Lists = c.Trust
	}
	if c.Timestamp.Every == 0 {
		c.Timestamp.Every = 24 * time.Hour
	}
	if c.Timestamp.ClockEvery == 0 {
		c.Timestamp.ClockEvery = time.Hour
	}
}

func (c *Config) checkTrust() error {
	var errs []error
	r := c.Revocation
	if modes := []string{policy.RevocationNone, policy.RevocationIfAvailable, policy.RevocationWhenNamed, policy.RevocationRequired}; !slices.Contains(modes, r.Mode) {
		errs = append(errs, fmt.Errorf("revocation.mode %q: want one of %v", r.Mode, modes))
	}
	if r.MaxAge < 0 || r.MaxAge%time.Second != 0 || r.Renew < time.Second || r.Wait < 0 {
		errs = append(errs, fmt.Errorf("revocation: max_age %s (whole seconds), renew %s (at least 1s) and wait %s must not be negative", r.MaxAge, r.Renew, r.Wait))
	}
	if e := c.Timestamp.Every; e >= 0 && e < time.Second {
		errs = append(errs, fmt.Errorf("timestamp.every %s: at least 1s, or negative for never", e))
	}
	for i, s := range c.Timestamp.Services {
		u, err := url.Parse(s.URL)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil:
			errs = append(errs, fmt.Errorf("timestamp.services[%d].url %q: want http(s)://host/path without credentials", i, s.URL))
		case s.Username != "" && (u.Scheme != "https" || s.PasswordSource == ""):
			errs = append(errs, fmt.Errorf("timestamp.services[%d].username: needs https and password_source", i))
		}
	}
	return errors.Join(errs...)
}

// revocationSource is whom the node asks: lists that lie in a folder first, then the places that certificates name.
func (a *app) revocationSource() (revocation.Source, error) {
	r := a.c.Revocation
	if r.Mode == policy.RevocationNone {
		return nil, nil
	}
	fetched := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tram_revocation_fetched_total", Help: "Requests to CRL and OCSP servers, by kind and outcome (ok, unchanged, failed).",
	}, []string{"kind", "outcome"})
	if err := a.metrics.Register(fetched); err != nil {
		return nil, fmt.Errorf("couldn't register metric: %w", err)
	}
	cache := a.c.path(r.Cache)
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return nil, fmt.Errorf("couldn't make folder for revocation answers: %w", err)
	}
	online := revocation.NewOnline(revocation.OnlineOptions{
		// The gateway asks again before Renew has passed; half of it here lets that reach the network.
		Now: time.Now, AllowPrivate: r.AllowPrivate, Renew: r.Renew / 2, Folder: cache,
		OnFetch: func(f revocation.Fetch) {
			outcome := "ok"
			switch {
			case f.Err != nil:
				outcome = "failed"
				a.log.Warn("couldn't fetch what an authority says of revocation", "kind", f.Kind, "url", f.URL, "error", f.Err)
			case f.Unchanged:
				outcome = "unchanged"
			}
			fetched.WithLabelValues(string(f.Kind), outcome).Inc()
		},
	})
	lists := &listFolder{dir: a.c.path(r.Lists), now: time.Now, log: a.log}
	if lists.lists() == nil {
		return nil, fmt.Errorf("couldn't read revocation.lists %s: see the log", r.Lists)
	}
	return revocation.Join(lists, online), nil
}

// listFolder is a folder of lists that people bring. It is read again when it is asked and a minute has passed; while a file in it
// cannot be read, what was read before stays in use.
type listFolder struct {
	dir string
	now func() time.Time
	log *slog.Logger

	mu     sync.Mutex
	read   time.Time
	loaded *revocation.Offline
}

const readListsAgain = time.Minute

func (l *listFolder) lists() *revocation.Offline {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.loaded != nil && now.Sub(l.read) < readListsAgain {
		return l.loaded
	}
	l.read = now
	o, err := revocation.LoadFolder(l.dir)
	if err != nil {
		l.log.Warn("couldn't read the folder of revocation lists again", "error", err)
		return l.loaded
	}
	l.loaded = o
	return o
}

// Find implements revocation.Source.
func (l *listFolder) Find(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) ([]revocation.Answer, error) {
	return l.lists().Find(ctx, cert, issuer, at)
}

// trustOperations put the authorities of the trust folder on the record's trust list, for the genesis change. The record has
// one entry for a certificate.
func trustOperations(t *signing.Trust) ([]schemas.Operation, error) {
	var ops []schemas.Operation
	seen := map[[32]byte]bool{}
	for _, a := range t.Authorities() {
		fp := signing.Fingerprint(a.Certificate)
		if seen[fp] {
			return nil, fmt.Errorf("couldn't put %q on the trust list: it stands twice in %s, the record has one entry for a certificate", authorityName(a.Certificate), signing.TrustFile)
		}
		seen[fp] = true
		op := schemas.TrustAuthority{DER: a.Certificate.Raw, Kind: string(a.Kind), From: a.From, Until: a.Until, Name: authorityName(a.Certificate)}
		for _, p := range a.Purposes {
			op.Purposes = append(op.Purposes, string(p))
		}
		ops = append(ops, op)
	}
	return ops, nil
}

func authorityName(c *x509.Certificate) string {
	if c.Subject.CommonName != "" {
		return c.Subject.CommonName
	}
	return c.Subject.String()
}

// recordedTrust is the record's word on whom to believe, as the node uses it now.
func (a *app) recordedTrust() *signing.Trust { return a.node.Snapshot().Trust }
