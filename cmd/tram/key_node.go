package main

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/signing/keystore"
)

// certificate is the node's, for TLS as server and as client of peers: the newest valid one, asked for at each handshake.
func (a *app) certificate() (*tls.Certificate, error) {
	return a.keys.ring.Certificate(keystore.Node, "", a.keys.usable(keystore.Node, time.Now()))
}

// serverCertificate is what a listener shows: the portal a certificate for people's browsers if there is one (purpose tls), every
// other listener the node's, which peers know.
func (a *app) serverCertificate(listener string) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		if listener != "portal" {
			return a.certificate()
		}
		cert, err := a.keys.ring.Certificate(keystore.TLS, "", time.Now())
		if errors.Is(err, keystore.ErrNoKey) {
			return a.certificate()
		}
		return cert, err
	}
}

// nodeIdentity is the key that signs what this node publishes to its peers.
func (a *app) nodeIdentity() (crypto.Signer, []*x509.Certificate, func(), error) {
	l, err := a.keys.ring.For(keystore.Node, "", a.keys.usable(keystore.Node, time.Now()))
	if err != nil {
		return nil, nil, nil, err
	}
	return l.Signer, l.Chain, l.Release, nil
}

// reloadTimeout bounds one reload: tokens and services may be slow.
const reloadTimeout = time.Minute

// reloadKeys reads the configuration again and opens the keys it names now. Nothing else of the configuration changes. The keys
// that seal the record stay those of the start.
func (a *app) reloadKeys(ctx context.Context) (keystore.Changes, error) {
	ctx, cancel := context.WithTimeout(ctx, reloadTimeout)
	defer cancel()
	c, err := loadConfig(a.c.file)
	if err != nil {
		return keystore.Changes{}, err
	}
	entries, err := c.keyEntries()
	if err != nil {
		return keystore.Changes{}, err
	}
	o, err := c.keyOptions(a.keys.tokens)
	if err != nil {
		return keystore.Changes{}, err
	}
	ch, err := a.keys.ring.Reload(ctx, entries, o)
	if err != nil {
		return ch, err
	}
	a.log.Info("keys reloaded", "added", ch.Added, "removed", ch.Removed, "kept", ch.Kept, "errors", len(ch.Errors))
	for _, err := range ch.Errors {
		a.log.Warn("key couldn't be opened", "error", err)
	}
	return ch, nil
}

// watchKeys reloads the keys at SIGHUP.
func (a *app) watchKeys(ctx context.Context) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-hup:
			if _, err := a.reloadKeys(ctx); err != nil {
				a.log.Error("couldn't reload keys; the present ones stay", "error", err)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// reloadPath is on the operations listener, which is for loopback.
const (
	reloadPath      = "/keys/reload"
	reloadOperation = "reload-keys"
)

// reloadAnswer tells tram key rotate what happened.
type reloadAnswer struct {
	Added   int      `json:"added"`
	Removed int      `json:"removed"`
	Kept    int      `json:"kept"`
	Errors  []string `json:"errors,omitempty"` // of keys that couldn't be opened
	Failed  string   `json:"failed,omitempty"` // nothing was changed
}

// serveReload reloads the keys.
func (a *app) serveReload(w http.ResponseWriter, r *http.Request) {
	ch, err := a.reloadKeys(r.Context())
	answer := reloadAnswer{Added: ch.Added, Removed: ch.Removed, Kept: ch.Kept}
	for _, e := range ch.Errors {
		answer.Errors = append(answer.Errors, e.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		answer.Failed = err.Error()
		w.WriteHeader(http.StatusUnprocessableEntity)
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		a.log.Debug("couldn't answer reload", "error", err)
	}
}

// keyChecks warns of keys whose certificate ends and of those that cannot be opened. One that has a valid successor is left out.
func (a *app) keyChecks(now time.Time) []portal.Check {
	var out []portal.Check
	infos := a.keys.ring.List(now)
	for _, i := range infos {
		whose := keyLabel(i)
		if i.Err != nil {
			c := portal.Check{Name: portal.CheckKey, Subject: whose, State: portal.StateWarn, Detail: i.Err.Error()}
			if i.Standing == keystore.Broken && (i.Required || !hasActive(infos, i.Purpose, i.Holder)) {
				c.State = portal.StateBad
			}
			out = append(out, c)
		}
		if i.NotAfter.IsZero() || i.Standing != keystore.Active && hasActive(infos, i.Purpose, i.Holder) {
			continue
		}
		c := portal.Check{Name: portal.CheckCertificate, Subject: whose, State: portal.StateOK, At: i.NotAfter, Unit: portal.UnitDays, Number: i.NotAfter.Sub(now).Hours() / 24}
		switch {
		case i.NotAfter.Before(now):
			c.State = portal.StateBad
		case i.Standing == keystore.Active && i.NotAfter.Before(now.AddDate(0, 0, a.c.CertificateWarningDays)) && !hasNext(infos, i):
			c.State = portal.StateWarn
		}
		out = append(out, c)
	}
	return out
}

func hasActive(infos []keystore.Info, p keystore.Purpose, holder string) bool {
	for _, i := range infos {
		if i.Purpose == p && i.Holder == holder && i.Standing == keystore.Active {
			return true
		}
	}
	return false
}

// hasNext tells whether another key will take over before this one ends.
func hasNext(infos []keystore.Info, of keystore.Info) bool {
	for _, i := range infos {
		if i.Purpose == of.Purpose && i.Holder == of.Holder && i.NotAfter.After(of.NotAfter) &&
			(i.Standing == keystore.Previous || i.Standing == keystore.Next && i.NotBefore.Before(of.NotAfter) && i.From.Before(of.NotAfter)) {
			return true
		}
	}
	return false
}

// keyLabel names a key of the ring: purpose, holder and the subject of its certificate.
func keyLabel(i keystore.Info) string {
	s := string(i.Purpose)
	if i.Holder != "" {
		s += " " + i.Holder
	}
	if i.Subject != "" {
		return s + " (" + i.Subject + ")"
	}
	return s + " (" + i.Ref.String() + ")"
}

// keyMetrics publishes the keys to Prometheus.
type keyMetrics struct {
	ring *keystore.Keyring
	now  func() time.Time
}

var (
	keySecondsDesc = prometheus.NewDesc("tram_key_seconds", "Seconds until the certificate of a key ends.", []string{"purpose", "holder", "ref", "standing"}, nil)
	keyBrokenDesc  = prometheus.NewDesc("tram_key_broken", "1 if the key could not be opened at the last try.", []string{"purpose", "holder", "ref"}, nil)
)

// Describe implements prometheus.Collector.
func (m keyMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- keySecondsDesc
	ch <- keyBrokenDesc
}

// Collect implements prometheus.Collector.
func (m keyMetrics) Collect(ch chan<- prometheus.Metric) {
	now := m.now()
	seen := map[string]bool{}
	for _, i := range m.ring.List(now) {
		ref := i.Ref.String()
		if id := string(i.Purpose) + "\x00" + i.Holder + "\x00" + ref; seen[id] {
			continue // the same key configured twice: one series
		} else {
			seen[id] = true
		}
		broken := 0.0
		if i.Err != nil {
			broken = 1
		}
		ch <- prometheus.MustNewConstMetric(keyBrokenDesc, prometheus.GaugeValue, broken, string(i.Purpose), i.Holder, ref)
		if !i.NotAfter.IsZero() {
			ch <- prometheus.MustNewConstMetric(keySecondsDesc, prometheus.GaugeValue, i.NotAfter.Sub(now).Seconds(), string(i.Purpose), i.Holder, ref, string(i.Standing))
		}
	}
}

// rotate asks the running node to reload its keys.
func rotate(ctx context.Context, c *Config) (reloadAnswer, error) {
	var answer reloadAnswer
	_, err := askOperations(ctx, c, http.MethodPost, reloadPath, reloadOperation, reloadTimeout+10*time.Second, &answer)
	if errors.Is(err, errNoOperations) {
		return answer, fmt.Errorf("couldn't ask the node: %w; send it SIGHUP instead", err)
	}
	if err != nil {
		return answer, err
	}
	if answer.Failed != "" {
		return answer, fmt.Errorf("the node kept its keys: %s", answer.Failed)
	}
	return answer, nil
}
