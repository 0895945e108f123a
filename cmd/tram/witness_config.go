package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events/ledger/witness"
	"github.com/tram-exchange/tram/signing/keystore"
)

// WitnessConfig is this node as a witness of others' logs (C2SP tlog-witness), under /witness/ of its API address.
type WitnessConfig struct {
	// Key is the reference (docs/keys.md) of the Ed25519 key that cosigns. It must sign nothing else. Empty: no witness.
	Key string `yaml:"key"`
	// Name of the witness in its cosignatures; default: the origin followed by /witness.
	Name string `yaml:"name"`
	// Peers cosigns the logs of all peers of the directory that have verifiers there. Default true.
	Peers *bool `yaml:"peers"`
	// Logs are further logs to cosign.
	Logs []WitnessedLogConfig `yaml:"logs"`
	// Poll is the time between two looks at the checkpoints that these logs publish, cosigned here or not. Default 5m.
	Poll time.Duration `yaml:"poll"`
	// RequestsPerMinute of one address. Default 600.
	RequestsPerMinute int `yaml:"requests_per_minute"`
}

// WitnessedLogConfig is a log that is cosigned though no peer of the directory has it.
type WitnessedLogConfig struct {
	// Keys are its verifier keys (name+id+base64); all have the log's origin as name.
	Keys []string `yaml:"keys"`
	// URL before checkpoint and tile, where its published files are compared when something seems wrong. Optional.
	URL string `yaml:"url"`
}

// WitnessesConfig names the witnesses of this node's own log.
type WitnessesConfig struct {
	// List of the witnesses.
	List []WitnessPeerConfig `yaml:"list"`
	// Quorum is how many of them must cosign. Default: more than half.
	Quorum int `yaml:"quorum"`
	// Policy is a file in the form of C2SP tlog-policy, instead of List and Quorum.
	Policy string `yaml:"policy"`
	// Binding keeps a head from being published under /log/ until the quorum has cosigned it. Acceptance goes on.
	Binding bool `yaml:"binding"`
	// Start says what happens when fewer than the quorum answer at the start, when they are asked whether they have seen more of the
	// log than there is here: warn (start all the same) or require (don't). Default warn: nodes that witness each other and lost
	// power together would otherwise wait for each other for ever, and what is asked at the start is asked again with each head.
	Start string `yaml:"start"`
	// Every is the shortest time between two heads that are published and shown to witnesses. Default 1s.
	Every time.Duration `yaml:"every"`
	// Timeout of one witness. Default 5s.
	Timeout time.Duration `yaml:"timeout"`
	// CA are PEM files of further certificates that the witnesses' HTTPS may lead to, beside the system's.
	CA []string `yaml:"ca"`
}

// WitnessPeerConfig is one witness.
type WitnessPeerConfig struct {
	// Name as people know it.
	Name string `yaml:"name"`
	// Key is its verifier key: name+id+base64 ("tram witness key" prints it).
	Key string `yaml:"key"`
	// URL before /add-checkpoint, e.g. https://tram.vpcp.gov.vn:8443/witness.
	URL string `yaml:"url"`
}

// What a start does without an answer of the witnesses.
const (
	startWarn    = "warn"
	startRequire = "require"
)

func (c *Config) witnessDefaults() {
	if c.Witness.Name == "" {
		c.Witness.Name = c.Origin + "/witness"
	}
	if c.Witness.Peers == nil {
		yes := true
		c.Witness.Peers = &yes
	}
	if c.Witness.RequestsPerMinute == 0 {
		c.Witness.RequestsPerMinute = 600
	}
	if c.Witness.Poll == 0 {
		c.Witness.Poll = 5 * time.Minute
	}
	w := &c.Witnesses
	if w.Quorum == 0 && len(w.List) > 0 {
		w.Quorum = len(w.List)/2 + 1
	}
	if w.Start == "" {
		w.Start = startWarn
	}
	if w.Every == 0 {
		w.Every = time.Second
	}
	if w.Timeout == 0 {
		w.Timeout = 5 * time.Second
	}
}

// checkWitness looks at what can be seen without opening anything but the policy file.
func (c *Config) checkWitness() error {
	var errs []error
	if c.Witness.Key != "" {
		if _, err := keystore.ParseRef(c.Witness.Key); err != nil {
			errs = append(errs, fmt.Errorf("witness.key: %w", err))
		}
	}
	if _, err := c.witnessedLogs(); err != nil {
		errs = append(errs, err)
	}
	if c.Witness.Poll < time.Second {
		errs = append(errs, fmt.Errorf("witness.poll: want at least 1s, got %s", c.Witness.Poll))
	}
	w := c.Witnesses
	if w.Start != startWarn && w.Start != startRequire {
		errs = append(errs, fmt.Errorf("witnesses.start %q: want warn or require", w.Start))
	}
	if w.Every < 100*time.Millisecond || w.Timeout < 100*time.Millisecond {
		errs = append(errs, fmt.Errorf("witnesses.every and witnesses.timeout: want at least 100ms, got %s and %s", w.Every, w.Timeout))
	}
	p, err := c.witnessPolicy()
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	if p == nil {
		if w.Binding || w.Start == startRequire || w.Quorum != 0 {
			errs = append(errs, errors.New("witnesses: binding, quorum and start: require need a list or a policy"))
		}
		return errors.Join(errs...)
	}
	if k, _ := p.Need(); k == 0 && (w.Binding || w.Start == startRequire) {
		errs = append(errs, errors.New("witnesses: binding and start: require need a policy with a quorum"))
	}
	for _, peer := range p.Peers() {
		if u, err := url.Parse(peer.URL); err == nil && u.Scheme == "http" && !isLoopback(u.Hostname()) {
			errs = append(errs, fmt.Errorf("witness %q: %s: want https: whoever is between could say that the log has been cut, and the node would stop", peer.Name, peer.URL))
		}
	}
	return errors.Join(errs...)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// witnessPolicy is whom this node's log asks, nil if nobody.
func (c *Config) witnessPolicy() (*witness.Policy, error) {
	w := c.Witnesses
	if w.Policy != "" {
		if len(w.List) > 0 || w.Quorum != 0 {
			return nil, errors.New("witnesses: a policy file stands instead of list and quorum")
		}
		b, err := os.ReadFile(c.path(w.Policy))
		if err != nil {
			return nil, fmt.Errorf("couldn't read witness policy: %w", err)
		}
		return witness.ParsePolicy(b)
	}
	if len(w.List) == 0 {
		return nil, nil
	}
	peers := make([]witness.Peer, len(w.List))
	for i, p := range w.List {
		key, err := witness.ParseKey(p.Key)
		if err != nil {
			return nil, fmt.Errorf("witnesses.list[%d]: %w", i, err)
		}
		if p.URL == "" {
			return nil, fmt.Errorf("witnesses.list[%d]: %q has no url", i, p.Name)
		}
		peers[i] = witness.Peer{Name: p.Name, Key: key, URL: p.URL}
	}
	return witness.NewPolicy(w.Quorum, peers...)
}

// witnessedLog is a log of the configuration.
type witnessedLog struct {
	keys []string
	url  string
}

// witnessedLogs are the configured logs by origin.
func (c *Config) witnessedLogs() (map[string]witnessedLog, error) {
	out := map[string]witnessedLog{}
	for i, l := range c.Witness.Logs {
		origin := ""
		for _, k := range l.Keys {
			v, err := note.NewVerifier(k)
			if err != nil {
				return nil, fmt.Errorf("witness.logs[%d]: key %.80q: %w", i, k, err)
			}
			if origin != "" && v.Name() != origin {
				return nil, fmt.Errorf("witness.logs[%d]: keys of %q and %q", i, origin, v.Name())
			}
			origin = v.Name()
		}
		if _, twice := out[origin]; origin == "" || twice || origin == c.Origin {
			return nil, fmt.Errorf("witness.logs[%d]: want keys of one other log that is not listed before, got %q", i, origin)
		}
		out[origin] = witnessedLog{l.Keys, l.URL}
	}
	return out, nil
}

// openCosigner opens the key that cosigns others' logs; nil if there is none.
func (c *Config) openCosigner(ctx context.Context, tokens *keystore.Tokens) (*witness.Cosigner, *keystore.Key, error) {
	if c.Witness.Key == "" {
		return nil, nil, nil
	}
	ref, err := keystore.ParseRef(c.Witness.Key)
	if err != nil {
		return nil, nil, err
	}
	o, err := c.keyOptions(tokens)
	if err != nil {
		return nil, nil, err
	}
	o.Purpose = keystore.Witness
	key, err := keystore.Open(ctx, ref, o)
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't open witness key: %w", err)
	}
	cosigner, err := witness.NewCosigner(c.Witness.Name, key.Signer, nil)
	if err != nil {
		return nil, nil, errors.Join(err, key.Close())
	}
	return cosigner, key, nil
}

// witnessHTTP is how witnesses are reached.
func (c *Config) witnessHTTP() (*http.Client, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	for _, f := range c.Witnesses.CA {
		b, err := os.ReadFile(c.path(f))
		if err != nil {
			return nil, fmt.Errorf("couldn't read witnesses.ca: %w", err)
		}
		if !roots.AppendCertsFromPEM(b) {
			return nil, fmt.Errorf("couldn't read witnesses.ca: no certificate in %s", filepath.Base(f))
		}
	}
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}, ForceAttemptHTTP2: true,
		MaxIdleConnsPerHost: 2, IdleConnTimeout: 2 * time.Minute, ResponseHeaderTimeout: time.Minute,
		DialContext: (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
	}}, nil
}
