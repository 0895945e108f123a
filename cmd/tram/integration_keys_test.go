package main

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/keystore"
	"github.com/tram-exchange/tram/signing/trialca"
)

// shown is the certificate that a listener shows to a new connection.
func shown(address string) (*x509.Certificate, error) {
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0], nil
}

// The node certificate is replaced under load: not one hand-in fails, the next handshake shows the new one, and the record goes on after
// a restart with it.
func TestNodeCertificateRotation(t *testing.T) {
	s := testSite(t)
	before, err := shown(s.config.Listen)
	must(t, err)
	ca, err := openTrialCA(s.config)
	must(t, err)
	key, cert, err := ca.Issue(trialca.Leaf{Name: "Trạm đo, khóa mới", Use: trialca.Node, Key: trialca.P256, Hosts: append(before.DNSNames, "127.0.0.1")})
	must(t, err)
	next := t.TempDir()
	must(t, writePair(next, "node", key, cert))
	keys := filepath.Join(s.config.base, "keys")

	stop := make(chan struct{})
	var senders sync.WaitGroup
	for agency := range 2 {
		senders.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if n%3 == 0 { // new connections, not only standing ones
					s.units[agency].api.http.CloseIdleConnections()
				}
				if _, err := s.one(t.Context(), agency, nil); err != nil {
					t.Errorf("a hand-in failed while keys were replaced: %v", err)
					return
				}
			}
		})
	}
	for _, name := range []string{"node.pem", "node.crt"} {
		must(t, os.Rename(filepath.Join(next, name), filepath.Join(keys, name)))
	}
	must(t, s.process.Process.Signal(syscall.SIGHUP))
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var now *x509.Certificate
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end) && (now == nil || now.Equal(before)); <-tick.C {
		now, err = shown(s.config.Listen)
		must(t, err)
	}
	close(stop)
	senders.Wait()
	if !now.Equal(cert) {
		t.Fatalf("the listener shows %s, want the new certificate", now.Subject)
	}
	// The record was sealed with the key of the start all the while, and goes on with the new one.
	var all []taken
	one := func() {
		t.Helper()
		got, err := s.one(t.Context(), 0, nil)
		must(t, err)
		all = append(all, got)
	}
	one()
	must(t, s.stop())
	must(t, s.start(t.Context()))
	one()
	s.checkReceipts(t, all)
}

// Health warns of what ends and of what cannot be opened, and is silent about what has a successor.
func TestKeyChecks(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	ca, err := trialca.New("CA thử", rand.Reader, time.Now)
	must(t, err)
	entry := func(name, holder string, days int, from time.Time) keystore.Entry {
		t.Helper()
		key, cert, err := ca.Issue(trialca.Leaf{Name: name, Use: trialca.Sign, NotBefore: now.AddDate(0, 0, -400), Lifetime: time.Duration(400+days) * 24 * time.Hour})
		must(t, err)
		must(t, writePair(dir, name, key, cert))
		ref, err := keystore.ParseRef(name + ".pem")
		must(t, err)
		return keystore.Entry{Purpose: keystore.Organisation, Holder: holder, Ref: ref, From: from}
	}
	missing, err := keystore.ParseRef("missing.pem")
	must(t, err)
	ring, err := keystore.NewKeyring(t.Context(), []keystore.Entry{
		entry("long", "A", 300, time.Time{}), entry("short", "B", 10, time.Time{}), entry("ended", "C", -10, time.Time{}),
		entry("replaced", "D", 10, time.Time{}), entry("successor", "D", 300, now.AddDate(0, 0, 5)),
		{Purpose: keystore.Organisation, Holder: "E", Ref: missing},
		entry("works", "F", 300, time.Time{}), {Purpose: keystore.Organisation, Holder: "F", Ref: missing},
	}, keystore.RingOptions{Open: keystore.Options{Base: dir}})
	must(t, err)
	a := &app{c: &Config{CertificateWarningDays: 30}, keys: &nodeKeys{ring: ring}}
	got := map[string]string{}
	for _, c := range a.keyChecks(now) {
		got[c.Name+" "+c.Subject[:len("organisation A")]] = c.State
	}
	want := map[string]string{
		"certificate organisation A": portal.StateOK, "certificate organisation B": portal.StateWarn, "certificate organisation C": portal.StateBad,
		"certificate organisation D": portal.StateOK, "key organisation E": portal.StateBad, "certificate organisation F": portal.StateOK, "key organisation F": portal.StateWarn,
	}
	for k, w := range want {
		if got[k] != w {
			t.Errorf("%s: %q, want %q", k, got[k], w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%v", got)
	}
	reg := prometheus.NewRegistry()
	must(t, reg.Register(keyMetrics{ring: ring, now: time.Now}))
	families, err := reg.Gather()
	must(t, err)
	series := map[string]int{}
	for _, f := range families {
		series[f.GetName()] = len(f.GetMetric())
	}
	if series["tram_key_seconds"] != 6 || series["tram_key_broken"] != 8 {
		t.Errorf("%v", series)
	}
}

// A node whose certificate has ended goes on with it; a broken ring says what is missing.
func TestEndedNodeKeyIsUsable(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	ca, err := trialca.New("CA thử", rand.Reader, time.Now)
	must(t, err)
	key, cert, err := ca.Issue(trialca.Leaf{Name: "node", Use: trialca.Node, NotBefore: now.AddDate(-2, 0, 0), Lifetime: 24 * time.Hour})
	must(t, err)
	must(t, writePair(dir, "node", key, cert))
	ref, err := keystore.ParseRef("node.pem")
	must(t, err)
	ring, err := keystore.NewKeyring(t.Context(), []keystore.Entry{{Purpose: keystore.Node, Ref: ref}}, keystore.RingOptions{Open: keystore.Options{Base: dir}})
	must(t, err)
	k := &nodeKeys{ring: ring, tokens: keystore.NewTokens()}
	l, err := k.lease(keystore.Node, now)
	must(t, err)
	if !slices.EqualFunc(l.Chain[:1], []*x509.Certificate{cert}, (*x509.Certificate).Equal) || !signing.KeyFits(l.Signer, cert) {
		t.Error("another key")
	}
	if _, err := k.lease(keystore.Log, now); !errors.Is(err, keystore.ErrNoKey) {
		t.Error(err)
	}
	must(t, k.close())
}
