package main

import (
	"context"
	"crypto/sha256"
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
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/verdict"
)

// checked is what `tram check` says of a file: the verdict about its signatures, and what is in it if it is a package.
type checked struct {
	*verdict.Verdict
	Package *checkedPackage `json:"package,omitempty"`
}

// checkedPackage describes a package of ours.
type checkedPackage struct {
	Sender     string   `json:"sender,omitempty"`
	Number     string   `json:"number,omitempty"`
	Subject    string   `json:"subject,omitempty"`
	Recipients []string `json:"recipients,omitempty"`
	Files      []string `json:"files,omitempty"`
	Warnings   []string `json:"warnings,omitempty"`
	Problems   []string `json:"problems,omitempty"`
	// SignedFiles are attached PDFs with signatures of their own.
	SignedFiles []signedFile `json:"signed_files,omitempty"`
}

// checkOptions are the flags of the command.
type checkOptions struct {
	trustDir, at, policyFile, detachedDir string
	json, printPolicy, online, private    bool
}

func checkCommand() *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Xem và kiểm tra chữ ký của một tệp / judge the signatures of a file, offline",
		Long: `Judges every signature of an XML document, or inside a PDF, as EN 319 102-1 says: TOTAL-PASSED, TOTAL-FAILED or INDETERMINATE with the reason, and every check
that was made. Packages of Trạm and edXML are also read as a node would read them. Ends with 0 only if everything is TOTAL-PASSED.

--trust is a folder of certificates of trusted authorities and their CRLs, PEM or DER; a file trust.yaml there says which authority is for
what. Without it no certificate can lead to a trusted authority, and the answer says so. docs/signatures.md explains the answers.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if o.printPolicy {
				return cobra.NoArgs(cmd, args)
			}
			return cobra.ExactArgs(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.printPolicy {
				_, err := cmd.OutOrStdout().Write(verdict.DefaultPolicyYAML)
				return err
			}
			return o.run(cmd.Context(), args[0], cmd.OutOrStdout())
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&o.trustDir, "trust", "", "folder of certificates of trusted authorities and their CRLs")
	fs.StringVar(&o.at, "at", "", "judge as of this time (RFC 3339; default now)")
	fs.StringVar(&o.policyFile, "policy", "", "policy file (see --print-policy)")
	fs.StringVar(&o.detachedDir, "detached", "", "folder with the files that signatures refer to outside the document, by name")
	fs.BoolVar(&o.online, "online", false, "ask the OCSP responders and CRLs that certificates name (default: only what is at hand)")
	fs.BoolVar(&o.private, "private-network", false, "with --online: let certificates name places at private addresses")
	fs.BoolVar(&o.json, "json", false, "print one JSON object")
	fs.BoolVar(&o.printPolicy, "print-policy", false, "print the default policy as a file with comments")
	return cmd
}

func (o *checkOptions) run(ctx context.Context, file string, out io.Writer) error {
	vo, done, err := o.judgeOptions()
	defer done()
	if err != nil {
		return err
	}
	c, err := checkFile(ctx, file, vo)
	if err != nil {
		return err
	}
	if o.json {
		if err := json.NewEncoder(out).Encode(c); err != nil {
			return err
		}
	} else {
		c.print(newPalette(out))
	}
	if !c.OK() {
		return errSilent
	}
	return nil
}

// judgeOptions reads what the flags name.
// The caller calls done in the end, whatever the error.
func (o *checkOptions) judgeOptions() (vo verdict.Options, done func(), err error) {
	vo, done = verdict.Options{At: time.Now()}, func() {}
	if o.at != "" {
		if vo.At, err = time.Parse(time.RFC3339, o.at); err != nil {
			return vo, done, fmt.Errorf("couldn't read --at: %w", err)
		}
	}
	if o.policyFile != "" {
		if vo.Policy, err = verdict.LoadPolicy(o.policyFile); err != nil {
			return vo, done, err
		}
	}
	if o.detachedDir != "" {
		folder, err := openDetached(o.detachedDir)
		if err != nil {
			return vo, done, err
		}
		vo.Detached, done = folder.find, folder.close
	}
	var sources []revocation.Source
	vo.Trust, err = signing.NewTrust(nil, true)
	if o.trustDir != "" {
		if vo.Trust, err = signing.LoadTrust(o.trustDir, true); err != nil {
			return vo, done, err
		}
		folder, err := revocation.LoadFolder(o.trustDir)
		if err != nil {
			return vo, done, err
		}
		sources = append(sources, folder)
	}
	if o.online {
		sources = append(sources, revocation.NewOnline(revocation.OnlineOptions{Now: time.Now, AllowPrivate: o.private}))
	}
	vo.Revocation = verdict.JoinSources(sources...)
	return vo, done, err
}

// checkFile judges a file. An error means that it could not be read.
func checkFile(ctx context.Context, file string, o verdict.Options) (*checked, error) {
	src, err := signing.OpenFile(file)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	digest, err := digestOf(src)
	if err != nil {
		return nil, err
	}
	c := &checked{}
	if verdict.IsPDF(src) {
		if c.Verdict, err = verdict.JudgePDF(ctx, src, o); err != nil {
			return nil, err
		}
		c.File, c.SHA256 = file, hex.EncodeToString(digest[:])
		return c, nil
	}
	var problems []string
	ours, err := c.read(ctx, src, digest, &o, &problems)
	if err != nil {
		return nil, err
	}
	if c.Verdict, err = verdict.Judge(ctx, src, o); err != nil {
		return nil, err
	}
	if ours {
		c.AddSchemaProblems(problems)
	}
	c.File, c.SHA256 = file, hex.EncodeToString(digest[:])
	return c, nil
}

func digestOf(src signing.Source) (digest [32]byte, err error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(src, 0, src.Size())); err != nil {
		return digest, fmt.Errorf("couldn't read document: %w", err)
	}
	return [32]byte(h.Sum(nil)), nil
}

// read reads the file as a package. Of a document of another kind nothing is said.
func (c *checked) read(ctx context.Context, src signing.Source, digest [32]byte, o *verdict.Options, problems *[]string) (ours bool, err error) {
	kind, ours := rootKind(src)
	if !ours {
		return false, nil
	}
	o.Kind = kind
	c.Package = &checkedPackage{}
	p, err := schemas.Parse(ctx, schemas.Received{Source: src, SHA256: digest}, schemas.Options{Now: o.At})
	var refused *schemas.Refusal
	switch {
	case errors.As(err, &refused):
		for _, pr := range refused.Problems {
			text := pr.Error()
			if pr.Value != "" {
				text += fmt.Sprintf(": %q", pr.Value)
			}
			*problems = append(*problems, text)
		}
		c.Package.Problems = *problems
	case err != nil:
		return false, err
	default:
		o.Kind = string(p.Kind)
		c.Package.describe(p)
		c.Package.SignedFiles, err = signedFiles(ctx, p, *o)
	}
	return true, err
}

func (c *checkedPackage) describe(p *schemas.Package) {
	c.Sender = p.Sender()
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
