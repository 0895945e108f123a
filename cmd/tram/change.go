package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/keystore"
)

// identity is a key with its certificate: whoever signs packages on this side of the door.
type identity struct {
	key   crypto.Signer
	chain []*x509.Certificate
}

// newID is a random header id.
func newID(prefix string) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(rand.Reader, b[:]); err != nil {
		return "", fmt.Errorf("couldn't make id: %w", err)
	}
	return prefix + "-" + hex.EncodeToString(b[:]), nil
}

// makeChange writes and signs a change of the directory.
func makeChange(ctx context.Context, origin string, admin identity, at time.Time, reason string, ops ...schemas.Operation) ([]byte, error) {
	return makeChangeFrom(ctx, schemas.Header{From: "node:" + origin, To: []string{"node:" + origin}, IssuedAt: at}, admin, reason, ops)
}

// makeChangeFrom is makeChange for whom a header names; its id is made here.
func makeChangeFrom(ctx context.Context, h schemas.Header, by identity, reason string, ops []schemas.Operation) ([]byte, error) {
	var err error
	if h.ID, err = newID("change"); err != nil {
		return nil, err
	}
	doc, _, err := schemas.MarshalDirectoryChange(h, schemas.DirectoryChange{Reason: reason, Operations: ops})
	if err != nil {
		return nil, err
	}
	return signBytes(ctx, doc, by)
}

// writeGenesis makes the first change: it pins the administrator's certificate, puts the authorities of the trust folder on the
// trust list and says which assurance is enough.
func writeGenesis(c *Config, at time.Time) error {
	admin, err := adminIdentity(c)
	if err != nil {
		return err
	}
	trust, err := signing.LoadTrust(c.path(c.Trust), c.Trial)
	if err != nil {
		return err
	}
	ops, err := trustOperations(trust)
	if err != nil {
		return err
	}
	ops = append(ops, schemas.SetPolicy{Assurance: []schemas.RequiredAssurance{{Level: c.Policy.Assurance}}})
	change, err := makeChange(context.Background(), c.Origin, admin, at, "Lập trạm / genesis", ops...)
	if err != nil {
		return fmt.Errorf("couldn't make genesis change: %w", err)
	}
	return writeBytes(filepath.Join(c.base, genesisFile), change)
}

// adminIdentity is the first administrator of the configuration: the configured key of purpose administrator that has this
// certificate, else the key that lies beside the certificate as NAME.pem.
func adminIdentity(c *Config) (identity, error) {
	file := c.path(c.Administrators[0])
	certs, err := signing.LoadCertificates(file)
	if err != nil {
		return identity{}, err
	}
	o, err := c.keyOptions(nil)
	if err != nil {
		return identity{}, err
	}
	o.Purpose, o.Prompt = keystore.Administrator, prompt
	ctx := context.Background()
	for _, k := range c.Keys {
		if keystore.Purpose(k.Purpose) != keystore.Administrator {
			continue
		}
		ref, err := keystore.ParseRef(k.Ref)
		if err != nil {
			return identity{}, err
		}
		o.Chain = k.Chain
		key, err := keystore.Open(ctx, ref, o)
		if err != nil {
			return identity{}, err
		}
		if key.Chain[0].Equal(certs[0]) {
			return identity{key: key.Signer, chain: key.Chain}, nil // open for the rest of the command
		}
		if err := key.Close(); err != nil {
			return identity{}, err
		}
	}
	ref, err := keystore.ParseRef(strings.TrimSuffix(file, filepath.Ext(file)) + ".pem")
	if err != nil {
		return identity{}, err
	}
	o.Chain = file
	key, err := keystore.Open(ctx, ref, o)
	if err != nil {
		return identity{}, err
	}
	return identity{key: key.Signer, chain: key.Chain}, nil
}

func genesisCommand() *cobra.Command {
	var config string
	cmd := &cobra.Command{Use: "genesis", Short: "Lập thay đổi danh bạ đầu tiên / make and sign the genesis change", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(config)
			if err != nil {
				return err
			}
			file := filepath.Join(c.base, genesisFile)
			if there, err := exists(file); err != nil || there {
				return fmt.Errorf("couldn't make genesis change: %s is there already (error: %v)", file, err)
			}
			return writeGenesis(c, time.Now())
		}}
	cmd.Flags().StringVarP(&config, "config", "c", "tram.yaml", "the node's configuration")
	return cmd
}

func directoryCommand() *cobra.Command {
	var config, reason, out string
	var by agencySigner
	cmd := &cobra.Command{Use: "directory", Short: "Danh bạ: cơ quan, chứng thư, máy khách, trạm bạn / changes of the directory"}
	change := &cobra.Command{
		Use:   "change OPERATIONS.yaml",
		Short: "Make and sign one change of the directory from a list of operations",
		Long: `Reads a YAML list of operations (add_organisation, change_organisation, close_organisation, add_code, remove_code,
enrol_certificate, revoke_certificate, register_client, remove_client, add_peer, change_peer, grant_reading, revoke_reading, set_policy, trust_authority, distrust_authority, office; their
members are in docs/operations.md), signs them as one change with the administrator's key, and writes the package. Hand it in with "tram send".

An agency changes what is its own with its own key: --from CODE --key KEY.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(config)
			if err != nil {
				return err
			}
			b, err := os.ReadFile(args[0])
			if err != nil {
				return fmt.Errorf("couldn't read operations: %w", err)
			}
			var list []operationYAML
			if err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict()).Decode(&list); err != nil {
				return fmt.Errorf("couldn't read %s: %w", args[0], err)
			}
			at := time.Now()
			var ops []schemas.Operation
			for i, y := range list {
				some, err := y.operations(writing{dir: filepath.Dir(args[0]), at: at})
				if err != nil {
					return fmt.Errorf("operation %d: %w", i+1, err)
				}
				ops = append(ops, some...)
			}
			signed, err := by.change(cmd, c, at, reason, ops)
			if err != nil {
				return err
			}
			return writeBytes(out, signed)
		},
	}
	change.Flags().StringVarP(&config, "config", "c", "tram.yaml", "the node's configuration")
	change.Flags().StringVar(&reason, "reason", "", "the decision it follows")
	change.Flags().StringVarP(&out, "output", "o", "change.xml", "the signed change")
	by.register(change.Flags())
	cmd.AddCommand(change)
	return cmd
}
