package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
)

// Names of files that init makes beside tram.yaml.
const (
	genesisFile = "genesis.xml"
	portalFile  = "portal.db"
	viewsFile   = "views.db"
)

// initOptions are the flags of init; demo fills them too.
type initOptions struct {
	dir, origin, name       string
	listen, portal, metrics string
	publicURL               string
	trial                   bool
	hosts                   []string
	authority               *trialca.Authority // demo: several nodes under one trial authority; nil: made new
	minFreeMiB              int64
	now                     func() time.Time
	requestsPerMinute       int
	retryMin, retryMax      time.Duration
	adminName               string

	continues, knownKey, reason string // of a lost log: file of its last checkpoint, its key, why it was given up
}

func initCommand() *cobra.Command {
	o := initOptions{now: time.Now}
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Lập trạm mới: cấu hình, khóa, thay đổi danh bạ đầu tiên / make a new node",
		Long: `Makes a folder with a node's configuration, keys and genesis change. With --trial everything is there to run at once, under a trial
certificate authority that a node without "trial: true" refuses. Without it, keys and certificate requests are made: put the
issued certificates in place (node.crt, admin.crt, trust/) and run "tram genesis".`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := initNode(o); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "Đã lập trạm / node made: %s\n", filepath.Join(o.dir, "tram.yaml"))
			if o.trial {
				fmt.Fprintf(out, "THỬ NGHIỆM / TRIAL: the certificate authority in %s is for trying out only.\n", filepath.Join(o.dir, "trust"))
				fmt.Fprintf(out, "Next: tram serve -c %s\n", filepath.Join(o.dir, "tram.yaml"))
			} else {
				fmt.Fprintf(out, "Next: have %s certified, put the authorities into %s, then: tram genesis -c %s\n",
					filepath.Join(o.dir, "keys", "*.csr"), filepath.Join(o.dir, "trust"), filepath.Join(o.dir, "tram.yaml"))
			}
			return nil
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&o.dir, "dir", "", "folder to make (required)")
	fs.StringVar(&o.origin, "origin", "", "the log's name for ever, e.g. tram.bacgiang.gov.vn/log (required)")
	fs.StringVar(&o.name, "name", "Trạm", "what people see")
	fs.StringVar(&o.listen, "listen", "127.0.0.1:8443", "address of the HTTPS API")
	fs.StringVar(&o.publicURL, "public-url", "", "where others reach it (default: https:// and the listen address)")
	fs.StringVar(&o.portal, "portal", "127.0.0.1:8080", "address of the portal; empty: none")
	fs.StringVar(&o.metrics, "operations", "127.0.0.1:9090", "address of /metrics, /healthz, /readyz; empty: none")
	fs.BoolVar(&o.trial, "trial", false, "make a trial certificate authority and all certificates")
	fs.StringVar(&o.continues, "continues", "", "last checkpoint (or receipt) known of a log that was lost: the new log's first event binds it")
	fs.StringVar(&o.knownKey, "known-key", "", "with --continues: the lost log's verifier key or history of keys, itself or in a file")
	fs.StringVar(&o.reason, "reason", "", "with --continues: why the log was given up")
	fs.StringSliceVar(&o.hosts, "host", nil, "further host names or addresses for the node certificate")
	_ = cmd.MarkFlagRequired("dir")
	_ = cmd.MarkFlagRequired("origin")
	return cmd
}

// initNode makes the folder. It refuses to touch one that already has a tram.yaml.
func initNode(o initOptions) error {
	if o.now == nil {
		o.now = time.Now
	}
	if o.adminName == "" {
		o.adminName = "Quản trị " + o.name
	}
	if !originForm.MatchString(o.origin) {
		return fmt.Errorf("couldn't make node: origin %q: want a host-like name in lower case, e.g. tram.bacgiang.gov.vn/log", o.origin)
	}
	yamlFile := filepath.Join(o.dir, "tram.yaml")
	if _, err := os.Stat(yamlFile); err == nil {
		return fmt.Errorf("couldn't make node: %s is there already", yamlFile)
	}
	if err := o.keepLost(); err != nil {
		return err
	}
	for _, d := range []string{"keys", "trust", "data"} {
		if err := os.MkdirAll(filepath.Join(o.dir, d), 0o700); err != nil {
			return fmt.Errorf("couldn't make folder: %w", err)
		}
	}
	if o.publicURL == "" {
		o.publicURL = "https://" + o.listen
	}
	if err := makeKeys(o); err != nil {
		return err
	}
	token, err := saveToken(filepath.Join(o.dir, "keys", "admin.token"))
	if err != nil {
		return err
	}
	if err := writeConfig(yamlFile, o, token); err != nil {
		return err
	}
	if !o.trial {
		return nil
	}
	c, err := loadConfig(yamlFile)
	if err != nil {
		return err
	}
	return writeGenesis(c, o.now())
}

// nodeHosts are the names in the node certificate: the origin's host first, which receipts are checked against.
func (o initOptions) nodeHosts() []string {
	host, _, _ := strings.Cut(o.origin, "/")
	hosts := append([]string{host}, o.hosts...)
	if u, err := url.Parse(o.publicURL); err == nil && u.Hostname() != "" {
		hosts = append(hosts, u.Hostname())
	}
	if h, _, err := net.SplitHostPort(o.listen); err == nil && h != "" && h != "0.0.0.0" && h != "::" {
		hosts = append(hosts, h)
	}
	if o.trial {
		hosts = append(hosts, "localhost", "127.0.0.1")
	}
	slices.Sort(hosts[1:])
	return slices.Compact(hosts)
}

func makeKeys(o initOptions) error {
	keys := filepath.Join(o.dir, "keys")
	logPub, logKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("couldn't make log key: %w", err)
	}
	vkey, err := ledger.LogKey(o.origin, logPub)
	if err != nil {
		return err
	}
	if err := signing.SaveKey(filepath.Join(keys, "log.pem"), logKey); err != nil {
		return err
	}
	if err := makeWitnessKey(o); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(o.dir, "log.vkey"), []byte(vkey+"\n"), 0o644); err != nil {
		return fmt.Errorf("couldn't write verifier key: %w", err)
	}
	node := trialca.Leaf{Name: o.name, Use: trialca.Node, Key: trialca.P256, Hosts: o.nodeHosts()}
	admin := trialca.Leaf{Name: o.adminName, Use: trialca.Sign, Key: trialca.P256}
	if !o.trial {
		return errors.Join(makeRequest(keys, "node", node), makeRequest(keys, "admin", admin))
	}
	ca := o.authority
	if ca == nil {
		if ca, err = trialca.New("CA thử nghiệm "+o.name, rand.Reader, o.now); err != nil {
			return err
		}
		if err := signing.SaveKey(filepath.Join(keys, "trial-ca.pem"), ca.Key()); err != nil {
			return err
		}
	}
	if err := signing.SaveCertificates(filepath.Join(o.dir, "trust", "trial-ca.crt"), []*x509.Certificate{ca.Certificate}); err != nil {
		return err
	}
	for _, l := range []struct {
		file string
		leaf trialca.Leaf
	}{{"node", node}, {"admin", admin}, {"tsa", trialca.Leaf{Name: "TSA thử nghiệm " + o.name, Use: trialca.TimeStamp}}} {
		key, cert, err := ca.Issue(l.leaf)
		if err != nil {
			return err
		}
		if err := writePair(keys, l.file, key, cert); err != nil {
			return err
		}
	}
	return nil
}

// saveToken makes an API token, keeps it in a file that only its owner reads, and gives its digest.
func saveToken(file string) (events.Digest, error) {
	token, err := gateway.NewToken(rand.Reader)
	if err != nil {
		return events.Digest{}, err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return events.Digest{}, fmt.Errorf("couldn't keep token: %w", err)
	}
	_, err = f.WriteString(token + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		return events.Digest{}, fmt.Errorf("couldn't keep token: %w", err)
	}
	return gateway.TokenDigest(token), nil
}

// writePair keeps a key and its certificate as NAME.pem and NAME.crt.
func writePair(dir, name string, key crypto.Signer, cert *x509.Certificate) error {
	if err := signing.SaveKey(filepath.Join(dir, name+".pem"), key); err != nil {
		return err
	}
	return signing.SaveCertificates(filepath.Join(dir, name+".crt"), []*x509.Certificate{cert})
}

// makeRequest makes a key and a PKCS#10 request for it.
func makeRequest(dir, name string, l trialca.Leaf) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("couldn't make key: %w", err)
	}
	tmpl := &x509.CertificateRequest{Subject: pkix.Name{Country: []string{"VN"}, CommonName: l.Name}}
	for _, h := range l.Hosts {
		if ip := net.ParseIP(h); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, tmpl, key)
	if err != nil {
		return fmt.Errorf("couldn't make certificate request: %w", err)
	}
	if err := signing.SaveKey(filepath.Join(dir, name+".pem"), key); err != nil {
		return err
	}
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
	if err := os.WriteFile(filepath.Join(dir, name+".csr"), b, 0o644); err != nil {
		return fmt.Errorf("couldn't write certificate request: %w", err)
	}
	return nil
}

var configTemplate = template.Must(template.New("tram.yaml").Parse(`# A Trạm node. Paths are relative to this file. Unknown fields are errors.

# A node for trying out. Only then are trial certificate authorities accepted. Never set it where real documents pass.
trial: {{.Trial}}
# The log's name for ever.
origin: {{.Origin}}
# What people see.
name: {{printf "%q" .Name}}
{{- if .Continues}}
# The log that was lost: the first event binds its last known head (docs/operations.md).
continues: {checkpoint: lost.checkpoint, key: lost.vkey, reason: {{printf "%q" .Reason}}}
{{- end}}

# The record and the views. tram backup copies it while the node runs, and so does the node itself if backup says where to.
data: data
# What keeps the record: sqlite (the data folder), or esdb, a cluster that several nodes share (docs/operations.md).
store: {kind: sqlite}
# PEM certificates of the authorities that count until the record has its own trust list: the genesis change puts them on it, and from
# then on only changes of the directory do. A trust.yaml in the folder says which authority is for whom (docs/trust.md).
trust: trust
# Certificates whose keys may sign changes of the directory, the genesis change first of all.
administrators: [keys/admin.crt]
# Credentials of those who run the node: SHA-256 of an API token's text or of a TLS client certificate. They hand in
# signed changes of the directory and see the node's health, never a document. The token of this one is in keys/admin.token.
staff:
  - {name: quan-tri, kind: administrator, sha256: {{.AdminToken}}}
# Ed25519 key of the checkpoints' first line; node certificate for TLS and the second line.
log_key: keys/log.pem
# log_key_next: keys/log-2.pem   # tram log rotate puts it in force
node_key: keys/node.pem
node_chain: keys/node.crt
{{- if .Trial}}
# Further keys (docs/keys.md). This one stamps the log for want of a time-stamp authority: for trials only.
keys:
  - {purpose: tsa, ref: keys/tsa.pem, chain: keys/tsa.crt}
{{- end}}

# HTTPS: API, peers, published forms. public_url is where others reach it.
listen: {{printf "%q" .Listen}}
public_url: {{printf "%q" .PublicURL}}
# The people's door. plain_http only on a trial node and a loopback address.
portal:
  listen: {{printf "%q" .Portal}}
  plain_http: {{.PlainHTTP}}
# How people are told outside the portal that there is work: counts and a link, never anything of a document (docs/operations.md).
notify:
  portal_url: ""             # where people reach the portal, e.g. https://tram.example.gov.vn/portal
  email: {server: ""}        # {server: "mail.example.gov.vn:587", from: "Trạm <tram@example.gov.vn>", username: "", password_source: "", domains: []}
  webhook: {enabled: false}  # {enabled: true, private_hosts: []}
# /metrics, /healthz, /readyz in plain HTTP; keep it on loopback. Empty: none.
operations: {{printf "%q" .Metrics}}

limits:
  package_mib: 512           # largest package
  spool_mib: 4096            # all large packages on their way in, together
  requests_per_minute: {{.RequestsPerMinute}}     # of one client; 0 the default, -1 no limit
# The second copy, kept up to date while the node runs: a folder on another disk (docs/operations.md).
backup:
  to: ""                     # empty: none
  every: 1h                  # a few seconds make it follow the log
  verify_every: 168h         # how often all of it is read again; negative: never
# Below this much free disk nothing more is taken in (503).
min_free_mib: {{.MinFreeMiB}}

delivery:
  fail_after_days: 7         # then the sender sees "không gửi được"
  retry_min: {{.RetryMin}}
  retry_max: {{.RetryMax}}

# Acceptance policy; a change is recorded in the log at the next start.
policy:
  assurance: agency          # weakest that is enough: own, custody, agency, channel

# What must be known of the certificates that sign. mode: none, if-available, when-named (a certificate that names a CRL or OCSP
# responder needs an answer) or required; it is recorded like the policy.
revocation:
  mode: when-named
  max_age: 0s                # how old an answer may be; 0: until the next update that it promises
  renew: 1h                  # ask again after so long all the same
  wait: 5s                   # how long a hand-in waits for an authority that was not asked before
  allow_private: {{.Trial}}         # ask inside one's own network, too
  cache: data/revocation     # what was fetched
  lists: trust               # CRLs that people bring

# Time-stamp authorities (RFC 3161), asked in this order. password_source: file:PATH or env:NAME.
timestamp:
  every: 24h                 # how often the log's head is stamped; negative: never
  services: []               # - {url: "http://tsa.example/", policy: "", username: "", password_source: "", no_nonce: false}

# This node as a witness of others' logs (docs/log.md). "tram witness key" prints the key to give to them.
witness:
  key: keys/witness.pem      # Ed25519, for nothing else; a new one whenever data/witness was lost or put back. Empty: no witness
  peers: true                # cosign for all peers of the directory
  logs: []                   # - {keys: ["name+id+base64"], url: "https://…/log"}: for others, too
# Those who cosign this node's log.
witnesses:
  list: []                   # - {name: vpcp, key: "name+id+base64", url: "https://…/witness"}
  binding: false             # true: a head is published only with the quorum behind it
  start: warn                # require: don't start unless the quorum says what it has seen. Not for nodes that witness each other
  ca: []                     # PEM files of authorities of the witnesses' HTTPS, beside the system's

certificate_warning_days: 30
log_format: text             # json for machines
`))

func writeConfig(file string, o initOptions, adminToken events.Digest) error {
	if o.minFreeMiB == 0 {
		o.minFreeMiB = 1024
	}
	if o.retryMin == 0 {
		o.retryMin = 2 * time.Second
	}
	if o.retryMax == 0 {
		o.retryMax = 10 * time.Minute
	}
	host, _, _ := net.SplitHostPort(o.portal)
	ip := net.ParseIP(host)
	var b strings.Builder
	err := configTemplate.Execute(&b, map[string]any{
		"Continues": o.continues != "", "Reason": o.reason,
		"Trial": o.trial, "Origin": o.origin, "Name": o.name, "Listen": o.listen, "PublicURL": o.publicURL,
		"Portal": o.portal, "PlainHTTP": o.trial && ip != nil && ip.IsLoopback(), "Metrics": o.metrics,
		"AdminToken": adminToken.String(), "MinFreeMiB": o.minFreeMiB, "RequestsPerMinute": o.requestsPerMinute, "RetryMin": o.retryMin, "RetryMax": o.retryMax,
	})
	if err != nil {
		return fmt.Errorf("couldn't write configuration: %w", err)
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("couldn't write configuration: %w", err)
	}
	return nil
}
