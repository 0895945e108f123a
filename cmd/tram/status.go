package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing/keystore"
)

func statusCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "status", Short: "Trạng thái xử lý: gửi, xem / send and show edXML statuses"}
	cmd.AddCommand(statusSendCommand(), statusShowCommand())
	return cmd
}

// statusSendCommand answers a document: it reads the document's package, so that nobody types its identifiers.
func statusSendCommand() *cobra.Command {
	var flags clientFlags
	var from, fromName, to, staff, department, description, keyFile, certFile, save string
	cmd := &cobra.Command{
		Use:   "send CODE PACKAGE.xml",
		Short: "Report a status for a received document (01…06, 15, 16), or ask it back as its sender (13)",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := flags.open()
			if err != nil {
				return err
			}
			key, err := keyFlags{ref: keyFile, chain: certFile}.open(cmd, keystore.Organisation)
			if err != nil {
				return err
			}
			defer key.Close()
			b, err := os.ReadFile(args[1])
			if err != nil {
				return fmt.Errorf("couldn't read document: %w", err)
			}
			p, err := schemas.Parse(cmd.Context(), schemas.ReceivedBytes(b), schemas.Options{})
			if err != nil {
				return err
			}
			if p.Document == nil {
				return fmt.Errorf("couldn't answer %s: it is a %s, not a document", args[1], p.Kind)
			}
			s := answerTo(p.Document, schemas.StatusCode(args[0]), schemas.Organisation{ID: from, Name: fromName}, to, time.Now())
			s.Staff = schemas.Staff{Name: staff, Department: department}
			if description != "" {
				s.Description = description
			}
			doc, _, err := schemas.MarshalStatus(s)
			if err != nil {
				return err
			}
			signed, err := signBytes(cmd.Context(), doc, identity{key: keystore.WithContext(cmd.Context(), key.Signer), chain: key.Chain})
			if err != nil {
				return err
			}
			if save != "" {
				if err := os.WriteFile(save, signed, 0o644); err != nil {
					return fmt.Errorf("couldn't keep status message: %w", err)
				}
			}
			answer, err := c.sendReader(cmd.Context(), bytes.NewReader(signed), int64(len(signed)))
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s position %d, %s\n", answer.Origin, answer.Position, local(answer.At))
			return nil
		},
	}
	flags.register(cmd)
	fs := cmd.Flags()
	fs.StringVar(&from, "from", "", "code of the organisation that reports (required)")
	fs.StringVar(&fromName, "name", "", "its name")
	fs.StringVar(&to, "of", "", "with 13: code of the recipient the document is asked back from")
	fs.StringVar(&staff, "staff", "", "who can be asked")
	fs.StringVar(&department, "department", "", "their department")
	fs.StringVar(&description, "description", "", "what to say (default: the code's own words)")
	fs.StringVar(&keyFile, "sign-key", "", "the organisation's signing key: PEM file, pkcs12:… or pkcs11:… (required; docs/keys.md)")
	fs.StringVar(&certFile, "sign-cert", "", "its certificate, PEM (default: where the key is)")
	fs.StringVarP(&save, "output", "o", "", "also keep the signed message here")
	for _, f := range []string{"from", "sign-key"} {
		_ = cmd.MarkFlagRequired(f)
	}
	return cmd
}

// answerTo makes a status message about a document. ResponseFor names the document's sender, or with code 13 the
// recipient it is asked back from (standards: edXML status message).
func answerTo(d *schemas.Document, code schemas.StatusCode, from schemas.Organisation, of string, at time.Time) *schemas.Status {
	s := &schemas.Status{From: from, Code: code, Timestamp: at,
		ResponseFor: schemas.ResponseFor{OrganID: d.From.ID, Code: d.Code.String(), DocumentID: d.DocumentID, PromulgationDate: d.Promulgation.Date}}
	if of != "" {
		s.ResponseFor.OrganID = of
	}
	s.Description = code.Vietnamese()
	return s
}

func statusShowCommand() *cobra.Command {
	var flags clientFlags
	cmd := &cobra.Command{Use: "show DOCUMENT", Short: "Show who has a document and what was reported; DOCUMENT is its key", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := flags.open()
			if err != nil {
				return err
			}
			var d httpapi.DocumentAnswer
			if err := c.call(cmd.Context(), http.MethodGet, "/v1/documents/"+url.PathEscape(args[0]), nil, nil, &d); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "%s  %s\n%s\n", d.Number, d.Date, d.Subject)
			w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "RECIPIENT\tNAME\tSTATE\tSINCE\tSTATUS\tREASON")
			for _, r := range d.Recipients {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Code, r.Name, r.State, local(r.Since), r.LastStatus, r.Reason)
			}
			if err := w.Flush(); err != nil {
				return err
			}
			for _, s := range d.Statuses {
				fmt.Fprintf(out, "%s  %s %s  %s\n", local(s.At), s.Code, strings.TrimSpace(s.From.Name+" "+s.From.Code), s.Description)
			}
			return nil
		}}
	flags.register(cmd)
	return cmd
}
