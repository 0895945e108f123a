package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing/keystore"
)

// agencySigner says by whom a change is signed, if not by the node's administrator.
type agencySigner struct {
	from, key, cert string
}

func (s *agencySigner) register(fs *pflag.FlagSet) {
	fs.StringVar(&s.from, "from", "", "code of the agency that signs, instead of the node's administrator")
	fs.StringVar(&s.key, "key", "", "its key: PEM file, pkcs12:…, pkcs11:… or remote:… (docs/keys.md)")
	fs.StringVar(&s.cert, "cert", "", "its certificate, PEM (default: where the key is)")
}

// change makes and signs a change by the agency, or by the administrator of the configuration.
func (s *agencySigner) change(cmd *cobra.Command, c *Config, at time.Time, reason string, ops []schemas.Operation) ([]byte, error) {
	if (s.from == "") != (s.key == "") {
		return nil, errors.New("couldn't sign: --from and --key go together")
	}
	if s.from == "" {
		admin, err := adminIdentity(c)
		if err != nil {
			return nil, err
		}
		return makeChange(cmd.Context(), c.Origin, admin, at, reason, ops...)
	}
	key, err := keyFlags{ref: s.key, chain: s.cert}.open(cmd, keystore.Organisation)
	if err != nil {
		return nil, err
	}
	defer key.Close()
	h := schemas.Header{From: s.from, To: []string{"node:" + c.Origin}, IssuedAt: at}
	return makeChangeFrom(cmd.Context(), h, identity{key: keystore.WithContext(cmd.Context(), key.Signer), chain: key.Chain}, reason, ops)
}
