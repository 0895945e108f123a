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
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
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
	id, err := newID("change")
	if err != nil {
		return nil, err
	}
	doc, _, err := schemas.MarshalDirectoryChange(schemas.Header{
		ID: id, Kind: schemas.KindDirectoryChange, From: "node:" + origin, To: []string{"node:" + origin}, IssuedAt: at,
	}, schemas.DirectoryChange{Reason: reason, Operations: ops})
	if err != nil {
		return nil, err
	}
	return signBytes(ctx, doc, admin)
}

// writeGenesis makes the first change: it pins the administrator's certificate and says which assurance is enough.
func writeGenesis(c *Config, at time.Time) error {
	admin, err := adminIdentity(c)
	if err != nil {
		return err
	}
	change, err := makeChange(context.Background(), c.Origin, admin, at, "Lập trạm / genesis",
		schemas.SetPolicy{Assurance: []schemas.RequiredAssurance{{Level: c.Policy.Assurance}}})
	if err != nil {
		return fmt.Errorf("couldn't make genesis change: %w", err)
	}
	return writeWhole(filepath.Join(c.base, genesisFile), func(w io.Writer) error {
		_, err := w.Write(change)
		return err
	})
}

// adminIdentity is the first administrator of the configuration whose key lies beside the certificate.
func adminIdentity(c *Config) (identity, error) {
	file := c.path(c.Administrators[0])
	ext := filepath.Ext(file)
	chain, err := signing.LoadCertificates(file)
	if err != nil {
		return identity{}, err
	}
	key, err := loadSecretKey(file[:len(file)-len(ext)] + ".pem")
	if err != nil {
		return identity{}, err
	}
	return identity{key: key, chain: chain}, nil
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

// operationYAML is one operation of a change as an administrator writes it. Exactly one member is set.
type operationYAML struct {
	AddOrganisation *struct {
		Code   string   `yaml:"code"`
		Other  []string `yaml:"other"`
		Name   string   `yaml:"name"`
		Level  int      `yaml:"level"`
		Parent string   `yaml:"parent"`
		Node   string   `yaml:"node"`
	} `yaml:"add_organisation"`
	CloseOrganisation *struct {
		Code      string `yaml:"code"`
		Successor string `yaml:"successor"`
	} `yaml:"close_organisation"`
	AddCode *struct {
		Organisation string `yaml:"organisation"`
		Code         string `yaml:"code"`
	} `yaml:"add_code"`
	EnrolCertificate *struct {
		Organisation string   `yaml:"organisation"` // or
		Peer         string   `yaml:"peer"`         // origin
		File         string   `yaml:"file"`
		Purposes     []string `yaml:"purposes"`
	} `yaml:"enrol_certificate"`
	RevokeCertificate *struct {
		Organisation string `yaml:"organisation"`
		File         string `yaml:"file"`
		Reason       string `yaml:"reason"`
	} `yaml:"revoke_certificate"`
	RegisterClient *struct {
		ID          string `yaml:"id"`
		Kind        string `yaml:"kind"`
		Holder      string `yaml:"holder"`
		TokenSHA256 string `yaml:"token_sha256"`
		Certificate string `yaml:"certificate"`
	} `yaml:"register_client"`
	RemoveClient *struct {
		ID string `yaml:"id"`
	} `yaml:"remove_client"`
	AddPeer *struct {
		Origin      string   `yaml:"origin"`
		Name        string   `yaml:"name"`
		URLs        []string `yaml:"urls"`
		Certificate string   `yaml:"certificate"`
		Verifiers   []string `yaml:"verifiers"`
		Prefixes    []string `yaml:"prefixes"`
	} `yaml:"add_peer"`
	GrantReading *struct {
		ID           string    `yaml:"id"`
		ReaderKind   string    `yaml:"reader_kind"`
		Reader       string    `yaml:"reader"`
		Organisation string    `yaml:"organisation"`
		From         time.Time `yaml:"from"`
		To           time.Time `yaml:"to"`
		Reason       string    `yaml:"reason"`
	} `yaml:"grant_reading"`
	RevokeReading *struct {
		ID string `yaml:"id"`
	} `yaml:"revoke_reading"`
}

// operation turns the written form into the package's. File names are relative to dir.
func (y operationYAML) operation(dir string, at time.Time) (op schemas.Operation, err error) {
	set := 0
	put := func(o schemas.Operation) { op = o; set++ }
	if o := y.AddOrganisation; o != nil {
		add := schemas.AddOrganisation{Code: o.Code, Name: o.Name, Level: o.Level, Parent: o.Parent, Node: o.Node}
		for _, c := range o.Other {
			add.Other = append(add.Other, schemas.OrganisationCode{Code: c})
		}
		put(add)
	}
	if o := y.CloseOrganisation; o != nil {
		put(schemas.CloseOrganisation{Code: o.Code, Successor: o.Successor, From: schemas.DateOf(at.In(vietnam))})
	}
	if o := y.AddCode; o != nil {
		put(schemas.AddCode{Organisation: o.Organisation, Code: schemas.OrganisationCode{Code: o.Code}})
	}
	if o := y.EnrolCertificate; o != nil {
		cert, err := firstCertificate(dir, o.File)
		if err != nil {
			return nil, err
		}
		enrol := schemas.EnrolCertificate{Holder: organisation(o.Organisation), DER: cert.Raw}
		if o.Peer != "" {
			enrol.Holder = schemas.Holder{Kind: schemas.HolderPeer, ID: o.Peer}
		}
		for _, p := range o.Purposes {
			enrol.Purposes = append(enrol.Purposes, schemas.Purpose(p))
		}
		put(enrol)
	}
	if o := y.RevokeCertificate; o != nil {
		cert, err := firstCertificate(dir, o.File)
		if err != nil {
			return nil, err
		}
		put(schemas.RevokeCertificate{Holder: organisation(o.Organisation), SHA256: signing.Fingerprint(cert), From: at, Reason: o.Reason})
	}
	if o := y.RegisterClient; o != nil {
		client := schemas.RegisterClient{ID: o.ID, Holder: schemas.Holder{Kind: schemas.HolderKind(o.Kind), ID: o.Holder}}
		if o.TokenSHA256 != "" {
			d, err := parseDigest(o.TokenSHA256)
			if err != nil {
				return nil, err
			}
			client.TokenSHA256 = (*[32]byte)(&d)
		}
		if o.Certificate != "" {
			cert, err := firstCertificate(dir, o.Certificate)
			if err != nil {
				return nil, err
			}
			fp := signing.Fingerprint(cert)
			client.CertificateSHA256 = &fp
		}
		put(client)
	}
	if o := y.RemoveClient; o != nil {
		put(schemas.RemoveClient{ID: o.ID})
	}
	if o := y.AddPeer; o != nil {
		cert, err := firstCertificate(dir, o.Certificate)
		if err != nil {
			return nil, err
		}
		put(schemas.AddPeer{Peer: schemas.Peer{Origin: o.Origin, Name: o.Name, URLs: o.URLs,
			CertificateSHA256s: [][32]byte{signing.Fingerprint(cert)}, Verifiers: o.Verifiers, Prefixes: o.Prefixes}})
	}
	if o := y.GrantReading; o != nil {
		put(schemas.GrantReading{ID: o.ID, Reader: schemas.Holder{Kind: schemas.HolderKind(o.ReaderKind), ID: o.Reader},
			Organisation: o.Organisation, From: o.From, To: o.To, Reason: o.Reason})
	}
	if o := y.RevokeReading; o != nil {
		put(schemas.RevokeReading{ID: o.ID, From: at})
	}
	if set != 1 {
		return nil, fmt.Errorf("couldn't read operation: want exactly one in each list item, got %d", set)
	}
	return op, nil
}

func organisation(code string) schemas.Holder {
	return schemas.Holder{Kind: schemas.HolderOrganisation, ID: code}
}

func firstCertificate(dir, file string) (*x509.Certificate, error) {
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, file)
	}
	certs, err := signing.LoadCertificates(file)
	if err != nil {
		return nil, err
	}
	return certs[0], nil
}

func directoryCommand() *cobra.Command {
	var config, reason, out string
	cmd := &cobra.Command{Use: "directory", Short: "Danh bạ: cơ quan, chứng thư, máy khách, trạm bạn / changes of the directory"}
	change := &cobra.Command{
		Use:   "change OPERATIONS.yaml",
		Short: "Make and sign one change of the directory from a list of operations",
		Long: `Reads a YAML list of operations (add_organisation, close_organisation, add_code, enrol_certificate, revoke_certificate, register_client,
remove_client, add_peer, grant_reading, revoke_reading; see docs/operations.md), signs them as one change with the administrator's key, and
writes the package. Hand it in with "tram send".`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(config)
			if err != nil {
				return err
			}
			admin, err := adminIdentity(c)
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
				op, err := y.operation(filepath.Dir(args[0]), at)
				if err != nil {
					return fmt.Errorf("operation %d: %w", i+1, err)
				}
				ops = append(ops, op)
			}
			signed, err := makeChange(cmd.Context(), c.Origin, admin, at, reason, ops...)
			if err != nil {
				return err
			}
			return writeWhole(out, func(w io.Writer) error {
				_, err := w.Write(signed)
				return err
			})
		},
	}
	change.Flags().StringVarP(&config, "config", "c", "tram.yaml", "the node's configuration")
	change.Flags().StringVar(&reason, "reason", "", "the decision it follows")
	change.Flags().StringVarP(&out, "output", "o", "change.xml", "the signed change")
	cmd.AddCommand(change)
	return cmd
}
