package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing/keystore"
	"github.com/tram-exchange/tram/signing/trialca"
)

// trialAgency is an organisation made for trying out: its signing identity and its API token, in a folder of its own.
type trialAgency struct {
	code, name string
	key        trialca.KeyType
}

// enrol makes the agency's keys in dir and gives the operations that let it in.
func (t trialAgency) enrol(ca *trialca.Authority, dir string) ([]schemas.Operation, identity, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, identity{}, fmt.Errorf("couldn't make folder: %w", err)
	}
	key, cert, err := ca.Issue(trialca.Leaf{Name: t.name, OrgCode: t.code, Use: trialca.Sign, Key: t.key})
	if err != nil {
		return nil, identity{}, err
	}
	if err := writePair(dir, "sign", key, cert); err != nil {
		return nil, identity{}, err
	}
	digest, err := saveToken(filepath.Join(dir, "token"))
	if err != nil {
		return nil, identity{}, err
	}
	token := [32]byte(digest)
	return []schemas.Operation{
		schemas.AddOrganisation{Code: t.code, Name: t.name},
		schemas.EnrolCertificate{Holder: organisation(t.code), Purposes: []schemas.Purpose{schemas.PurposeSign, schemas.PurposeVoucher}, DER: cert.Raw},
		schemas.RegisterClient{ID: "qlvb-" + t.code, Holder: organisation(t.code), TokenSHA256: &token},
	}, identity{key: key, chain: []*x509.Certificate{cert}}, nil
}

// leave makes a key of the agency for the node to keep, in the folder of the node's keys, and gives the operation that enrols it and the
// line that names it in the configuration.
func (t trialAgency) leave(ca *trialca.Authority, c *Config) (schemas.Operation, string, error) {
	key, cert, err := ca.Issue(trialca.Leaf{Name: t.name, OrgCode: t.code, Use: trialca.Sign, Key: t.key})
	if err != nil {
		return nil, "", err
	}
	name := "custody-" + t.code
	if err := writePair(filepath.Join(c.base, "keys"), name, key, cert); err != nil {
		return nil, "", err
	}
	return schemas.EnrolCertificate{Holder: organisation(t.code), Purposes: []schemas.Purpose{schemas.PurposeCustody}, DER: cert.Raw},
		fmt.Sprintf("  - {purpose: organisation, holder: %s, ref: keys/%s.pem, chain: keys/%s.crt}", t.code, name, name), nil
}

// openTrialCA opens the authority that init --trial has made.
func openTrialCA(c *Config) (*trialca.Authority, error) {
	if !c.Trial {
		return nil, errors.New("couldn't make trial certificates: the configuration doesn't say trial: true")
	}
	ref, err := keystore.ParseRef(filepath.Join(c.base, "keys", "trial-ca.pem"))
	if err != nil {
		return nil, err
	}
	key, err := keystore.Open(context.Background(), ref, keystore.Options{
		Purpose: keystore.Authority, Chain: filepath.Join(c.path(c.Trust), "trial-ca.crt"),
	})
	if err != nil {
		return nil, err
	}
	return trialca.Open(key.Chain[0], key.Signer, rand.Reader, time.Now)
}

func trialCommand() *cobra.Command {
	var config, code, name, out, services string
	var useRSA, custody bool
	cmd := &cobra.Command{Use: "trial", Short: "Chỉ để thử nghiệm / for trying out only"}
	agency := &cobra.Command{
		Use:   "agency",
		Short: "Make an organisation: signing key, API token and the signed change that lets it in",
		Long: `Makes a folder with sign.pem and sign.crt (under the node's trial authority), token, and change.xml, which the administrator hands in:
  tram send --node https://127.0.0.1:8443 --ca NODE/trust/trial-ca.crt --token-file NODE/keys/admin.token FOLDER/change.xml

With --custody it also makes a key for the node to keep: with that the node signs what the agency's people do in the portal. It says what to
write into the configuration; tram key rotate then lets the running node use it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(config)
			if err != nil {
				return err
			}
			ca, err := openTrialCA(c)
			if err != nil {
				return err
			}
			if services != "" {
				ca.Places = trialPlaces(services)
			}
			admin, err := adminIdentity(c)
			if err != nil {
				return err
			}
			if out == "" {
				out = code
			}
			t := trialAgency{code: code, name: name}
			if useRSA {
				t.key = trialca.RSA2048
			}
			ops, _, err := t.enrol(ca, out)
			if err != nil {
				return err
			}
			var line string
			if custody {
				var op schemas.Operation
				if op, line, err = t.leave(ca, c); err != nil {
					return err
				}
				ops = append(ops, op)
			}
			change, err := makeChange(cmd.Context(), c.Origin, admin, time.Now(), "Cơ quan thử nghiệm "+name, ops...)
			if err != nil {
				return err
			}
			file := filepath.Join(out, "change.xml")
			if err := writeBytes(file, change); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s %s: %s\n", code, name, out)
			if custody {
				fmt.Fprintf(cmd.OutOrStdout(), "Thêm vào keys của tệp cấu hình / to be added under keys in %s:\n%s\n", config, line)
			}
			return nil
		},
	}
	fs := agency.Flags()
	fs.StringVarP(&config, "config", "c", "tram.yaml", "the node's configuration")
	fs.StringVar(&code, "code", "", "organisation identifier, e.g. H02.02 (required)")
	fs.StringVar(&name, "name", "", "its name (required)")
	fs.StringVarP(&out, "output", "o", "", "folder to make (default: the code)")
	fs.BoolVar(&useRSA, "rsa", false, "RSA-2048 instead of P-256")
	fs.BoolVar(&custody, "custody", false, "also a key for the node to keep, for an agency that works in the portal")
	fs.StringVar(&services, "services", "", "URL of tram trial serve: the certificate names it as the place to ask whether it was revoked")
	_ = agency.MarkFlagRequired("code")
	_ = agency.MarkFlagRequired("name")
	cmd.AddCommand(agency, trialRevokeCommand(), trialCRLCommand(), trialServeCommand())
	return cmd
}
