package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
)

// checked is what `tram check` says of a file: of the package in it, and of its signatures.
type checked struct {
	OK         bool                `json:"ok"`
	Kind       string              `json:"kind,omitempty"`
	Sender     string              `json:"sender,omitempty"`
	Number     string              `json:"number,omitempty"`
	Subject    string              `json:"subject,omitempty"`
	Recipients []string            `json:"recipients,omitempty"`
	Files      []string            `json:"files,omitempty"`
	Warnings   []string            `json:"warnings,omitempty"`
	Problems   []string            `json:"problems,omitempty"`
	Signature  *signing.FileReport `json:"signature"`
}

func checkCommand() *cobra.Command {
	var trustDir, at string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Xem gói tin: nội dung, lỗi, chữ ký / look at a package, offline",
		Long: `Reads a package as a node would and judges every signature in it. Without --trust no certificate can lead to a trusted authority, and the
answer says so. Ends with 1 unless the package is valid and every signature is valid and trusted.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			when := time.Now()
			if at != "" {
				var err error
				if when, err = time.Parse(time.RFC3339, at); err != nil {
					return fmt.Errorf("couldn't read --at: %w", err)
				}
			}
			trust, err := signing.NewTrust(nil, true)
			if trustDir != "" {
				trust, err = signing.LoadTrust(trustDir, true)
			}
			if err != nil {
				return err
			}
			c, err := checkFile(cmd.Context(), args[0], trust, when)
			if err != nil {
				return err
			}
			if asJSON {
				if err := json.NewEncoder(cmd.OutOrStdout()).Encode(c); err != nil {
					return err
				}
			} else {
				c.print(cmd.OutOrStdout())
			}
			if !c.OK {
				return errSilent
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&trustDir, "trust", "", "folder of PEM certificates of trusted authorities")
	cmd.Flags().StringVar(&at, "at", "", "judge as of this time (RFC 3339; default now)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func checkFile(ctx context.Context, file string, trust *signing.Trust, at time.Time) (*checked, error) {
	c := &checked{}
	var err error
	if c.Signature, err = signing.CheckFile(ctx, file, signing.VerifyOptions{Trust: trust, At: at}); err != nil {
		return nil, err
	}
	src, err := signing.OpenFile(file)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	digest, err := parseDigest(c.Signature.SHA256)
	if err != nil {
		return nil, err
	}
	p, err := schemas.Parse(ctx, schemas.Received{Source: src, SHA256: digest}, schemas.Options{Now: at})
	var refused *schemas.Refusal
	switch {
	case errors.As(err, &refused):
		for _, pr := range refused.Problems {
			text := pr.Error()
			if pr.Value != "" {
				text += fmt.Sprintf(": %q", pr.Value)
			}
			c.Problems = append(c.Problems, text)
		}
	case err != nil:
		return nil, err
	default:
		c.describe(p)
	}
	c.OK = c.Signature.OK && len(c.Problems) == 0
	return c, nil
}

func (c *checked) describe(p *schemas.Package) {
	c.Kind, c.Sender = string(p.Kind), p.Sender()
	if d := p.Document; d != nil {
		c.Number, c.Subject = d.Code.String(), d.Subject
		for _, to := range d.To {
			c.Recipients = append(c.Recipients, to.ID)
		}
	}
	if s := p.Status; s != nil {
		c.Number = s.ResponseFor.Code
	}
	for _, a := range p.Attachments {
		c.Files = append(c.Files, fmt.Sprintf("%s (%s, %d bytes)", a.Name, a.ContentType, a.Size))
	}
	for _, w := range p.Warnings {
		c.Warnings = append(c.Warnings, strings.TrimSpace(w.Code+" "+w.Path+" "+w.Detail))
	}
}

func (c *checked) print(w io.Writer) {
	word := map[bool]string{true: "HỢP LỆ / VALID", false: "KHÔNG HỢP LỆ / NOT VALID"}[c.OK]
	s := c.Signature
	fmt.Fprintf(w, "%s\n  sha256     %s\n  size       %d bytes\n", word, s.SHA256, s.Size)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "  %-10s %s\n", name, value)
		}
	}
	line("kind", c.Kind)
	line("sender", c.Sender)
	line("to", strings.Join(c.Recipients, ", "))
	line("number", c.Number)
	line("subject", c.Subject)
	for _, list := range []struct {
		name string
		of   []string
	}{{"file", c.Files}, {"problem", c.Problems}, {"warning", c.Warnings}} {
		for _, text := range list.of {
			line(list.name, text)
		}
	}
	if s.XML != nil {
		line("xml", fmt.Sprintf("%s at line %d, byte %d: %s", s.XML.Kind, s.XML.Line, s.XML.Offset, s.XML.Message))
	}
	for i, sig := range s.Signatures {
		fmt.Fprintf(w, "  signature %d\n    signer     %s\n    issuer     %s\n    algorithm  %s\n", i+1, sig.Subject, sig.Issuer, sig.Algorithm)
		fmt.Fprintf(w, "    covers all %v, content intact %v, value fits %v, trusted %v, in validity %v\n",
			sig.WholeDocument, sig.DigestsOK, sig.ValueOK, sig.ChainOK, sig.ValidityOK)
		if sig.Detail != "" {
			fmt.Fprintf(w, "    refused    %s\n", sig.Detail)
		}
	}
	if s.Refusal != signing.Accepted {
		line("refused", strings.TrimSpace(s.Refusal.Text()+" "+s.Detail))
	}
}

// keyName is the type and size of a public key in words.
func keyName(pub any) string {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA-%d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	}
	return fmt.Sprintf("%T", pub)
}
