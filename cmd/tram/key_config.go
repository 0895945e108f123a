package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/keystore"
)

// KeyConfig is one key of the node, beside log_key and node_key: an organisation's in its custody, a person's, a certificate for
// the portal, the next node certificate. Several may stand for the same purpose and holder: the newest valid one signs.
type KeyConfig struct {
	// Purpose is organisation, person, administrator, node, tls, client, tsa or ocsp. The certificate must allow it.
	Purpose string `yaml:"purpose"`
	// Holder is the organisation's code or the person; empty for keys of the node itself.
	Holder string `yaml:"holder"`
	// Ref names the key: a PEM file, pkcs12:PATH, pkcs11:… (RFC 7512) or remote:SERVICE/CREDENTIAL. See docs/keys.md.
	Ref string `yaml:"ref"`
	// Chain is a PEM file with its certificate and intermediates; empty: where the key is.
	Chain string `yaml:"chain"`
	// From is when it is used first, e.g. 2027-01-01T00:00:00+07:00: its enrolment in the directory. Empty: at once.
	From time.Time `yaml:"from"`
	// Required stops the node from starting when the key cannot be opened. Others are shown as broken and tried again at each reload.
	Required bool `yaml:"required"`
}

// ServiceConfig is a remote signing service. Secrets are never here: fields named …_source say file:PATH (mode 0600) or env:NAME.
type ServiceConfig struct {
	// Name is what remote: references call it.
	Name string `yaml:"name"`
	// Kind is "csc": the API of the Cloud Signature Consortium, version 2.
	Kind string `yaml:"kind"`
	// URL before the operations, https://…/csc/v2.
	URL string `yaml:"url"`
	// TokenURL of OAuth 2.0; empty: url + /oauth2/token.
	TokenURL string `yaml:"token_url"`
	// ClientID and ClientSecretSource for OAuth 2.0 client credentials; or TokenSource, a lasting access token.
	ClientID           string `yaml:"client_id"`
	ClientSecretSource string `yaml:"client_secret_source"`
	TokenSource        string `yaml:"token_source"`
	// User whose credentials are listed, if the access token isn't one user's.
	User string `yaml:"user"`
	// AuthSources answer the authentication objects of the credentials that stay the same, by id, e.g. PIN.
	AuthSources map[string]string `yaml:"auth_sources"`
	// Asynchronous asks for operation mode "A".
	Asynchronous bool `yaml:"asynchronous"`
	// Roots is a PEM file of the authorities of the service's TLS certificate; empty: the system's.
	Roots string `yaml:"roots"`
	// Timeout of one call; default 30s. ApprovalTimeout is how long a holder may take to agree; default 3m.
	Timeout         time.Duration `yaml:"timeout"`
	ApprovalTimeout time.Duration `yaml:"approval_timeout"`
}

// checkKeys looks at what can be seen without opening anything.
func (c *Config) checkKeys() error {
	var errs []error
	for _, k := range []struct{ field, ref string }{{"log_key", c.LogKey}, {"log_key_next", c.LogKeyNext}, {"node_key", c.NodeKey}} {
		if k.field == "log_key_next" && k.ref == "" {
			continue
		}
		if _, err := keystore.ParseRef(k.ref); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", k.field, err))
		}
	}
	services := map[string]bool{}
	for i, s := range c.SigningServices {
		if s.Name == "" || services[s.Name] || s.Kind != "csc" {
			errs = append(errs, fmt.Errorf("signing_services[%d]: want a name of its own and kind csc, got %q and %q", i, s.Name, s.Kind))
		}
		services[s.Name] = true
	}
	for i, k := range c.Keys {
		ref, err := keystore.ParseRef(k.Ref)
		p, perr := keystore.ParsePurpose(k.Purpose)
		if err := errors.Join(err, perr); err != nil {
			errs = append(errs, fmt.Errorf("keys[%d]: %w", i, err))
			continue
		}
		if p == keystore.Log || p == keystore.Witness || p == keystore.Authority {
			errs = append(errs, fmt.Errorf("keys[%d]: a key for %s is not configured here", i, p))
		}
		if name, _ := ref.Remote(); ref.Kind() == keystore.Service && !services[name] {
			errs = append(errs, fmt.Errorf("keys[%d]: no signing service %q in signing_services", i, name))
		}
	}
	return errors.Join(errs...)
}

// keyEntries are all keys that the configuration names, the log's and the node's first.
func (c *Config) keyEntries() ([]keystore.Entry, error) {
	logRef, err := keystore.ParseRef(c.LogKey)
	if err != nil {
		return nil, err
	}
	nodeRef, err := keystore.ParseRef(c.NodeKey)
	if err != nil {
		return nil, err
	}
	entries := []keystore.Entry{
		{Purpose: keystore.Log, Ref: logRef, Required: true},
		{Purpose: keystore.Node, Ref: nodeRef, Chain: c.NodeChain, Required: true},
	}
	if c.LogKeyNext != "" {
		next, err := keystore.ParseRef(c.LogKeyNext)
		if err != nil {
			return nil, err
		}
		entries = append(entries, keystore.Entry{Purpose: keystore.Log, Holder: holderNext, Ref: next, Required: true})
	}
	for _, k := range c.Keys {
		ref, err := keystore.ParseRef(k.Ref)
		if err != nil {
			return nil, err
		}
		p, err := keystore.ParsePurpose(k.Purpose)
		if err != nil {
			return nil, err
		}
		entries = append(entries, keystore.Entry{Purpose: p, Holder: k.Holder, Ref: ref, Chain: k.Chain, From: k.From, Required: k.Required})
	}
	return entries, nil
}

// remotes makes the clients of the signing services.
func (c *Config) remotes() (func(string) (keystore.Remote, bool), error) {
	clients := map[string]keystore.Remote{}
	for _, s := range c.SigningServices {
		secret := func(source string) func() (string, error) {
			if source == "" {
				return nil
			}
			return func() (string, error) { return keystore.ReadSecret(source, c.base, nil) }
		}
		conf := keystore.CSCConfig{
			Name: s.Name, Base: s.URL, TokenURL: s.TokenURL, ClientID: s.ClientID, ClientSecret: secret(s.ClientSecretSource),
			Bearer: secret(s.TokenSource), User: s.User, Asynchronous: s.Asynchronous, Timeout: s.Timeout,
			AuthData: map[string]func() (string, error){},
		}
		for id, source := range s.AuthSources {
			conf.AuthData[id] = secret(source)
		}
		if s.Roots != "" {
			certs, err := signing.LoadCertificates(c.path(s.Roots))
			if err != nil {
				return nil, err
			}
			conf.Roots = x509.NewCertPool()
			for _, cert := range certs {
				conf.Roots.AddCert(cert)
			}
		}
		client, err := keystore.NewCSC(conf)
		if err != nil {
			return nil, err
		}
		clients[s.Name] = client
	}
	return func(name string) (keystore.Remote, bool) {
		r, ok := clients[name]
		return r, ok
	}, nil
}

// keyOptions are how keys of this configuration are opened.
func (c *Config) keyOptions(tokens *keystore.Tokens) (keystore.Options, error) {
	remotes, err := c.remotes()
	if err != nil {
		return keystore.Options{}, err
	}
	o := keystore.Options{Base: c.base, Remotes: remotes, Tokens: tokens}
	for _, s := range c.SigningServices {
		o.Wait.Longest = max(o.Wait.Longest, s.ApprovalTimeout)
	}
	return o, nil
}
