package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/tram-exchange/tram/signing/keystore"
)

// Config is tram.yaml. Relative paths are relative to the file. The comments here are the reference of every field;
// `tram init` writes them into the file it makes.
type Config struct {
	// Trial marks a node for trying out: only then are trial certificate authorities accepted, and plain HTTP for
	// the portal (on a loopback address). Never set it on a node that carries real documents.
	Trial bool `yaml:"trial"`
	// Origin is the log's name for ever, a host-like path, e.g. "tram.bacgiang.gov.vn/log".
	Origin string `yaml:"origin"`
	// Name is what people see, in Vietnamese.
	Name string `yaml:"name"`
	// Data is the folder of the record and the views. Backup (or tram backup) copies it while the node runs.
	Data string `yaml:"data"`
	// Store says what keeps the record: the data folder, or a cluster that several nodes share.
	Store StoreConfig `yaml:"store"`
	// Trust is a folder of PEM certificates of the authorities that count until the record has a trust list of its own: the genesis
	// change puts them on it, and from then on only changes of the directory do (docs/trust.md). With trust.yaml in it, each for its purposes.
	Trust string `yaml:"trust"`
	// Administrators are PEM certificates whose keys may sign changes of the directory, the genesis change first of all.
	Administrators []string `yaml:"administrators"`
	// Staff are the credentials of those who run the node. They may hand in signed changes of the directory and read its health,
	// never a document.
	Staff []StaffConfig `yaml:"staff"`
	// LogKey is the Ed25519 key (PKCS#8 PEM) of the first checkpoint line.
	LogKey string `yaml:"log_key"`
	// LogKeyNext is the key that is to follow LogKey: tram log rotate puts it in force, and needs both. Afterwards it becomes LogKey.
	LogKeyNext string `yaml:"log_key_next"`
	// Continues names the last known head of a log that was lost, for the first event of this one, which has another origin.
	Continues ContinuesConfig `yaml:"continues"`
	// NodeKey and NodeChain are the node certificate (TLS server and client, second checkpoint line) and its key: a key
	// reference (docs/keys.md), e.g. a PEM file, and a PEM file with the certificate.
	NodeKey   string `yaml:"node_key"`
	NodeChain string `yaml:"node_chain"`
	// Keys are further keys: of organisations in the node's custody, of persons, for the portal, the next node certificate.
	Keys []KeyConfig `yaml:"keys"`
	// SigningServices are remote signing services that Keys may name.
	SigningServices []ServiceConfig `yaml:"signing_services"`
	// Listen is the address of the HTTPS API, the peers' door and the published forms.
	Listen string `yaml:"listen"`
	// PublicURL is where others reach Listen.
	PublicURL string `yaml:"public_url"`
	// Portal is the people's door.
	Portal PortalConfig `yaml:"portal"`
	// Notify says how people are told outside the portal that there is work.
	Notify NotifyConfig `yaml:"notify"`
	// Operations is the address of /metrics, /healthz and /readyz in plain HTTP; keep it on loopback. Empty: none.
	Operations string `yaml:"operations"`
	// Limits of what is taken in; zero fields take the defaults.
	Limits LimitsConfig `yaml:"limits"`
	// AsOf bounds what is kept to answer questions about the past.
	AsOf PastConfig `yaml:"as_of"`
	// Delivery to peers.
	Delivery DeliveryConfig `yaml:"delivery"`
	// Policy of acceptance. A change is recorded in the log at the next start.
	Policy PolicyConfig `yaml:"policy"`
	// Revocation says what must be known of the certificates that sign, and how the node finds out.
	Revocation RevocationConfig `yaml:"revocation"`
	// Timestamp names the time-stamp authorities, for the daily time-stamp over the log and for signatures of the node.
	Timestamp TimestampConfig `yaml:"timestamp"`
	// Witness is this node as a witness of others' logs (docs/log.md).
	Witness WitnessConfig `yaml:"witness"`
	// Witnesses are those who cosign this node's log.
	Witnesses WitnessesConfig `yaml:"witnesses"`
	// Backup is the second copy that the node keeps up to date while it runs.
	Backup BackupConfig `yaml:"backup"`
	// MinFree is the free disk space in MiB below which nothing more is accepted (503). Default 1024.
	MinFreeMiB int64 `yaml:"min_free_mib"`
	// CertificateWarningDays before expiry, health turns to "warn". Default 30.
	CertificateWarningDays int `yaml:"certificate_warning_days"`
	// LogFormat is "json" or "text".
	LogFormat string `yaml:"log_format"`

	base string // folder of the file
	file string // the file
}

// StaffConfig is one credential.
type StaffConfig struct {
	// Name is for the log.
	Name string `yaml:"name"`
	// Kind is "administrator" or "operator".
	Kind string `yaml:"kind"`
	// SHA256 of the API token's text, or of the TLS client certificate's DER, in hex.
	SHA256 string `yaml:"sha256"`
}

// PortalConfig is the people's door.
type PortalConfig struct {
	// Listen is its address; empty: no portal.
	Listen string `yaml:"listen"`
	// PlainHTTP serves it without TLS: only on a loopback address and only on a trial node.
	PlainHTTP bool `yaml:"plain_http"`
}

// LimitsConfig bounds what comes in.
type LimitsConfig struct {
	// PackageMiB is the largest package. Default 512.
	PackageMiB int64 `yaml:"package_mib"`
	// SpoolMiB bounds all large packages on their way in, together. Default 4096.
	SpoolMiB int64 `yaml:"spool_mib"`
	// RequestsPerMinute of one client; 0: default, -1: no limit.
	RequestsPerMinute int `yaml:"requests_per_minute"`
}

// DeliveryConfig is about peers.
type DeliveryConfig struct {
	// FailAfterDays without success the sender sees "không gửi được". Default 7.
	FailAfterDays int `yaml:"fail_after_days"`
	// RetryMin and RetryMax bound the wait between tries.
	RetryMin time.Duration `yaml:"retry_min"`
	RetryMax time.Duration `yaml:"retry_max"`
}

// PolicyConfig is the acceptance policy.
type PolicyConfig struct {
	// Assurance needed: "own", "custody", "agency" or "channel" (the weakest that is enough). Default "agency".
	Assurance string `yaml:"assurance"`
}

func (c *Config) defaults() {
	def := func(p *string, v string) {
		if *p == "" {
			*p = v
		}
	}
	def(&c.Data, "data")
	def(&c.Trust, "trust")
	def(&c.LogKey, "keys/log.pem")
	def(&c.NodeKey, "keys/node.pem")
	if ref, err := keystore.ParseRef(c.NodeKey); err == nil && ref.Kind() == keystore.PEM {
		def(&c.NodeChain, "keys/node.crt") // a PKCS#12 file or a token has its own
	}
	def(&c.LogFormat, "text")
	def(&c.Policy.Assurance, "agency")
	c.trustDefaults()
	c.backupDefaults()
	c.storeDefaults()
	c.AsOf.defaults()
	c.witnessDefaults()
	c.notifyDefaults()
	if c.MinFreeMiB == 0 {
		c.MinFreeMiB = 1024
	}
	if c.CertificateWarningDays == 0 {
		c.CertificateWarningDays = 30
	}
	if c.Limits.PackageMiB == 0 {
		c.Limits.PackageMiB = 512
	}
	if c.Limits.SpoolMiB == 0 {
		c.Limits.SpoolMiB = 4096
	}
	if c.Delivery.FailAfterDays == 0 {
		c.Delivery.FailAfterDays = 7
	}
	if c.Delivery.RetryMin == 0 {
		c.Delivery.RetryMin = 2 * time.Second
	}
	if c.Delivery.RetryMax == 0 {
		c.Delivery.RetryMax = 10 * time.Minute
	}
}

var originForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*(/[a-z0-9._-]+)*$`)

func (c *Config) check() error {
	var errs []error
	errs = append(errs, c.AsOf.check())
	if !originForm.MatchString(c.Origin) {
		errs = append(errs, fmt.Errorf("origin %q: want a host-like name in lower case, e.g. tram.bacgiang.gov.vn/log", c.Origin))
	}
	if len(c.Administrators) == 0 {
		errs = append(errs, errors.New("administrators: at least one certificate is needed: who else could sign the genesis change"))
	}
	if c.Listen == "" {
		errs = append(errs, errors.New("listen: address of the API is needed, e.g. 127.0.0.1:8443"))
	}
	if c.Portal.PlainHTTP {
		host, _, err := net.SplitHostPort(c.Portal.Listen)
		ip := net.ParseIP(host)
		if !c.Trial || err != nil || !(host == "localhost" || ip != nil && ip.IsLoopback()) {
			errs = append(errs, fmt.Errorf("portal.plain_http: only on a trial node and on a loopback address, got %q (trial: %v)", c.Portal.Listen, c.Trial))
		}
	}
	switch c.Policy.Assurance {
	case "own", "custody", "agency", "channel":
	default:
		errs = append(errs, fmt.Errorf("policy.assurance %q: want own, custody, agency or channel", c.Policy.Assurance))
	}
	for _, st := range c.Staff {
		if _, err := parseDigest(st.SHA256); err != nil || st.Kind != "administrator" && st.Kind != "operator" {
			errs = append(errs, fmt.Errorf("staff %q: want kind administrator or operator and a SHA-256 in hex, got %q and %q", st.Name, st.Kind, st.SHA256))
		}
	}
	if err := c.checkKeys(); err != nil {
		errs = append(errs, err)
	}
	if err := c.checkStore(); err != nil {
		errs = append(errs, err)
	}
	if err := c.checkTrust(); err != nil {
		errs = append(errs, err)
	}
	if err := c.checkWitness(); err != nil {
		errs = append(errs, err)
	}
	if err := c.checkNotify(); err != nil {
		errs = append(errs, err)
	}
	if err := c.checkBackup(); err != nil {
		errs = append(errs, err)
	}
	switch c.LogFormat {
	case "json", "text":
	default:
		errs = append(errs, fmt.Errorf("log_format %q: want json or text", c.LogFormat))
	}
	return errors.Join(errs...)
}

// path makes a configured path absolute.
func (c *Config) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(c.base, p)
}

// loadConfig reads and checks tram.yaml. Unknown fields are errors: a misspelt limit must not be a missing one.
func loadConfig(file string) (*Config, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("couldn't read configuration: %w", err)
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("couldn't locate configuration: %w", err)
	}
	c := &Config{base: filepath.Dir(abs), file: abs}
	if err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict()).Decode(c); err != nil {
		return nil, fmt.Errorf("couldn't read %s: %w", file, err)
	}
	c.defaults()
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("couldn't use %s: %w", file, err)
	}
	return c, nil
}
