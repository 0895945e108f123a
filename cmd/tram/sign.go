package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/keystore"
	"github.com/tram-exchange/tram/signing/xades"
)

func signCommand() *cobra.Command {
	var keyFile, certFile, out, algorithm, config string
	var ids []string
	var x xadesFlags
	cmd := &cobra.Command{
		Use:   "sign FILE",
		Short: "Ký gói tin bằng khóa của cơ quan (hoặc của người ký) / sign a package",
		Long: `Puts an XML signature into an edXML or Trạm package of any size. The organisation's signature covers everything and comes last. A
person's signature (--id) covers the named elements and comes before it.

--level makes it a XAdES signature, which says by which certificate, when (--time) and as what (--role) it was made: B-B as it is,
B-T with a time-stamp of --tsa, B-LT with what is needed to judge it later, B-LTA with a time-stamp over all that. The last two need --trust; B-T checks with it whether signer and
time-stamp are trusted.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			purpose := keystore.Organisation
			if len(ids) > 0 {
				purpose = keystore.Person
			}
			key, err := keyFlags{ref: keyFile, chain: certFile, config: config}.open(cmd, purpose)
			if err != nil {
				return err
			}
			defer key.Close()
			o := xades.SignOptions{SignOptions: signing.SignOptions{IDs: ids}}
			if o.Algorithm, err = algorithmURI(algorithm); err != nil {
				return err
			}
			src, err := signing.OpenFile(args[0])
			if err != nil {
				return err
			}
			defer src.Close()
			sign := func(w io.Writer) error {
				return x.sign(cmd.Context(), w, src, keystore.WithContext(cmd.Context(), key.Signer), key.Chain, o)
			}
			if out == "-" {
				return sign(cmd.OutOrStdout())
			}
			if out == "" {
				out = args[0] + ".signed.xml"
			}
			return writeWhole(out, sign)
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&keyFile, "key", "k", "", "private key: PEM file, pkcs12:…, pkcs11:… or remote:… (required; docs/keys.md)")
	fs.StringVar(&certFile, "cert", "", "its certificate, PEM, with intermediates after it (default: where the key is)")
	fs.StringVarP(&config, "config", "c", "", "configuration with the signing services of remote: keys")
	fs.StringVarP(&out, "output", "o", "", "signed file; - is standard output (default FILE.signed.xml)")
	fs.StringVar(&algorithm, "algorithm", "", "rsa (PKCS#1 v1.5), pss or ecdsa; default by key")
	fs.StringSliceVar(&ids, "id", nil, "Id of an element that a person signs; may be repeated")
	x.register(fs)
	_ = cmd.MarkFlagRequired("key")
	return cmd
}

func algorithmURI(name string) (string, error) {
	switch name {
	case "":
		return "", nil
	case "rsa":
		return signing.RSASHA256, nil
	case "pss":
		return signing.PSSSHA256, nil
	case "ecdsa":
		return signing.ECDSASHA256, nil
	}
	return "", fmt.Errorf("couldn't use algorithm %q: want rsa, pss or ecdsa", name)
}

// writeWhole makes a file that is there whole or not at all.
func writeWhole(file string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".tram-*")
	if err != nil {
		return fmt.Errorf("couldn't make %s: %w", file, err)
	}
	defer os.Remove(f.Name())
	if err := errors.Join(write(f), f.Chmod(0o644), f.Close()); err != nil {
		return fmt.Errorf("couldn't write %s: %w", file, err)
	}
	if err := os.Rename(f.Name(), file); err != nil {
		return fmt.Errorf("couldn't write %s: %w", file, err)
	}
	return nil
}

// writeBytes is writeWhole for what is in memory.
func writeBytes(file string, b []byte) error {
	return writeWhole(file, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// signBytes signs a small package in memory.
func signBytes(ctx context.Context, doc []byte, id identity) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return signing.Sign(doc, id.key, id.chain, signing.SignOptions{})
}
