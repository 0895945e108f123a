package main

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/hex"
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

// checked is what `tram check` says of a file.
type checked struct {
	OK         bool               `json:"ok"`
	SHA256     string             `json:"sha256"`
	Size       int64              `json:"size"`
	Kind       string             `json:"kind,omitempty"`
	Sender     string             `json:"sender,omitempty"`
	Number     string             `json:"number,omitempty"`
	Subject    string             `json:"subject,omitempty"`
	Recipients []string           `json:"recipients,omitempty"`
	Files      []string           `json:"files,omitempty"`
	Warnings   []string           `json:"warnings,omitempty"`
	Problems   []string           `json:"problems,omitempty"`
	Signatures []checkedSignature `json:"signatures"`
	Refusal    string             `json:"refusal,omitempty"`
}

type checkedSignature struct {
	Signer    string `json:"signer"`
	Issuer    string `json:"issuer"`
	Algorithm string `json:"algorithm"`
	Whole     bool   `json:"whole_document"`
	Digests   bool   `json:"digests_ok"`
	Value     bool   `json:"value_ok"`
	Chain     bool   `json:"chain_ok"`
	Validity  bool   `json:"validity_ok"`
	Refusal   string `json:"refusal,omitempty"`
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
			src, err := signing.OpenFile(args[0])
			if err != nil {
				return err
			}
			defer src.Close()
			c, err := checkFile(cmd, src, trust, when)
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

func checkFile(cmd *cobra.Command, src signing.Source, trust *signing.Trust, at time.Time) (*checked, error) {
	received, err := schemas.NewReceived(src)
	if err != nil {
		return nil, err
	}
	c := &checked{SHA256: hex.EncodeToString(received.SHA256[:]), Size: src.Size(), Signatures: []checkedSignature{}}
	p, err := schemas.Parse(cmd.Context(), received, schemas.Options{Now: at})
	if err != nil {
		var refused *schemas.Refusal
		if !errors.As(err, &refused) {
			return nil, err
		}
		for _, pr := range refused.Problems {
			c.Problems = append(c.Problems, pr.Error())
		}
	} else {
		c.describe(p)
	}
	report, err := signing.Verify(cmd.Context(), src, signing.VerifyOptions{Trust: trust, At: at})
	if err != nil {
		c.Problems = append(c.Problems, err.Error())
		return c, nil
	}
	for i := range report.Signatures {
		s := &report.Signatures[i]
		cs := checkedSignature{Algorithm: algorithmName(s), Whole: s.WholeDocument, Digests: s.DigestsOK, Value: s.ValueOK, Chain: s.ChainOK, Validity: s.ValidityOK}
		if s.Certificate != nil {
			cs.Signer, cs.Issuer = s.Certificate.Subject.String(), s.Certificate.Issuer.String()
		}
		if s.Err != nil {
			cs.Refusal = s.Err.Error()
		}
		c.Signatures = append(c.Signatures, cs)
	}
	refusal, detail := report.Refusal()
	if refusal != signing.Accepted {
		c.Refusal = strings.TrimSpace(refusal.Text() + " " + detail)
	}
	c.OK = refusal == signing.Accepted && len(c.Problems) == 0
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
	fmt.Fprintf(w, "%s\n  sha256     %s\n  size       %d bytes\n", word, c.SHA256, c.Size)
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
	for _, f := range c.Files {
		line("file", f)
	}
	for _, p := range c.Problems {
		line("problem", p)
	}
	for _, x := range c.Warnings {
		line("warning", x)
	}
	for i, s := range c.Signatures {
		fmt.Fprintf(w, "  signature %d\n    signer     %s\n    issuer     %s\n    algorithm  %s\n", i+1, s.Signer, s.Issuer, s.Algorithm)
		fmt.Fprintf(w, "    covers all %v, content intact %v, value fits %v, trusted %v, in validity %v\n", s.Whole, s.Digests, s.Value, s.Chain, s.Validity)
		if s.Refusal != "" {
			fmt.Fprintf(w, "    refused    %s\n", s.Refusal)
		}
	}
	line("refused", c.Refusal)
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
