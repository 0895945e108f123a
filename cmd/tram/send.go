package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/gateway/httpapi"
)

// send hands one file in and gives the node's answer.
func (c *client) send(ctx context.Context, file string) (httpapi.AcceptedAnswer, error) {
	var answer httpapi.AcceptedAnswer
	f, err := os.Open(file)
	if err != nil {
		return answer, fmt.Errorf("couldn't open package: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return answer, fmt.Errorf("couldn't open package: %w", err)
	}
	return c.sendReader(ctx, f, info.Size())
}

func (c *client) sendReader(ctx context.Context, body io.Reader, size int64) (httpapi.AcceptedAnswer, error) {
	var answer httpapi.AcceptedAnswer
	resp, err := c.do(ctx, http.MethodPost, "/v1/packages", nil, body, size, "application/xml", "application/json")
	if err != nil {
		return answer, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<20)).Decode(&answer); err != nil {
		return answer, fmt.Errorf("couldn't read the node's answer: %w", err)
	}
	return answer, nil
}

func sendCommand() *cobra.Command {
	var flags clientFlags
	var receipt string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "send FILE...",
		Short: "Gửi gói tin đã ký / hand in signed packages",
		Long:  "Hands in signed packages and keeps the receipts. Sending the same file again is harmless: the answer is the same.",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := flags.open()
			if err != nil {
				return err
			}
			for _, file := range args {
				answer, err := c.send(cmd.Context(), file)
				if err != nil {
					return fmt.Errorf("%s: %w", file, err)
				}
				to := receipt
				if to == "" || len(args) > 1 {
					to = file + ".receipt"
				}
				if err := os.WriteFile(to, []byte(answer.Receipt), 0o644); err != nil {
					return fmt.Errorf("couldn't keep receipt of %s: %w", file, err)
				}
				if asJSON {
					if err := json.NewEncoder(cmd.OutOrStdout()).Encode(answer); err != nil {
						return err
					}
					continue
				}
				word := "đã nhận / accepted"
				switch {
				case answer.Duplicate:
					word = "đã có từ trước / recorded before"
				case answer.Resent:
					word = "gửi thêm nơi nhận / sent to further recipients"
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n  %s position %d, %s\n", file, word, answer.Origin, answer.Position, local(answer.At))
				if answer.Document != "" { // a change or a status is about none of its own
					fmt.Fprintf(cmd.OutOrStdout(), "  document %s\n", answer.Document)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "  receipt  %s\n", to)
				for _, w := range answer.Warnings {
					fmt.Fprintf(cmd.OutOrStdout(), "  warning  %s %s %s\n", w.Code, w.Path, w.Detail)
				}
			}
			return nil
		},
	}
	flags.register(cmd)
	cmd.Flags().StringVarP(&receipt, "receipt", "r", "", "file for the receipt (one package only; default FILE.receipt)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the node's answer as JSON, one line a package")
	return cmd
}

func mailboxCommand() *cobra.Command {
	var flags clientFlags
	var recipient, kind string
	var wait int
	cmd := &cobra.Command{Use: "mailbox", Short: "Hộp thư đến: xem, lấy, xác nhận / list, take, acknowledge"}
	query := func() url.Values {
		q := url.Values{}
		for k, v := range map[string]string{"recipient": recipient, "kind": kind} {
			if v != "" {
				q.Set(k, v)
			}
		}
		if wait > 0 {
			q.Set("wait", strconv.Itoa(wait))
		}
		return q
	}
	common := func(c *cobra.Command) *cobra.Command {
		flags.register(c)
		c.Flags().StringVar(&recipient, "recipient", "", "any code of the recipient, when the credential stands for several")
		c.Flags().StringVar(&kind, "kind", "", "document or status; default both")
		c.Flags().IntVar(&wait, "wait", 0, "seconds to wait while there is nothing")
		return c
	}
	list := common(&cobra.Command{Use: "list", Short: "List open entries", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := flags.open()
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "ENTRY\tKIND\tFROM\tNUMBER\tSTATE\tOFFERED\tSUBJECT")
			q := query()
			for {
				var page httpapi.MailboxPage
				if err := c.call(cmd.Context(), http.MethodGet, "/v1/mailbox", q, nil, &page); err != nil {
					return err
				}
				for _, e := range page.Entries {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.ID, e.Kind, e.From.Code, e.Number, e.State, local(e.OfferedAt), e.Subject)
				}
				if !page.More {
					return w.Flush()
				}
				q.Set("after", strconv.FormatUint(page.Next, 10))
			}
		}})
	var most int
	var dir string
	var acknowledge bool
	take := common(&cobra.Command{Use: "take", Short: "Take entries under a lease and save their packages", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := flags.open()
			if err != nil {
				return err
			}
			var taken httpapi.TakenAnswer
			body := httpapi.TakeBody{Recipient: recipient, Kind: kind, Max: most, Wait: wait}
			if err := c.call(cmd.Context(), http.MethodPost, "/v1/mailbox/take", nil, body, &taken); err != nil {
				return err
			}
			for _, e := range taken.Entries {
				file := filepath.Join(dir, e.Package+".xml")
				if err := c.download(cmd.Context(), e.Package, file); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s %s %s\n", e.ID, e.Kind, file)
				if acknowledge {
					if err := c.acknowledge(cmd.Context(), e.ID, filepath.Join(dir, e.Package+".ack.receipt")); err != nil {
						return err
					}
				}
			}
			return nil
		}})
	take.Flags().IntVar(&most, "max", 1, "at most so many entries, 1 to 100")
	take.Flags().StringVar(&dir, "dir", ".", "folder for the packages")
	take.Flags().BoolVar(&acknowledge, "ack", false, "acknowledge each once its package is saved, and keep the receipt of that beside it (PACKAGE.ack.receipt)")
	var ackDir string
	ack := &cobra.Command{Use: "ack ENTRY...", Short: "Acknowledge taken entries", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := flags.open()
			if err != nil {
				return err
			}
			for _, id := range args {
				file := filepath.Join(ackDir, url.PathEscape(id)+".ack.receipt")
				if err := c.acknowledge(cmd.Context(), id, file); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", id, file)
			}
			return nil
		}}
	flags.register(ack)
	ack.Flags().StringVar(&ackDir, "dir", ".", "folder for the receipts (ENTRY.ack.receipt): what proves that the recipient has it")
	cmd.AddCommand(list, take, ack)
	return cmd
}

// acknowledge keeps the receipt of the acknowledgement in a file: by it the recipient proves what was taken over, and when.
func (c *client) acknowledge(ctx context.Context, entry, file string) error {
	var answer httpapi.AcknowledgedAnswer
	if err := c.call(ctx, http.MethodPost, "/v1/mailbox/"+url.PathEscape(entry)+"/ack", nil, nil, &answer); err != nil {
		return err
	}
	return writeBytes(file, []byte(answer.Receipt))
}

// download saves a package; the file appears only when it is whole.
func (c *client) download(ctx context.Context, sha256, file string) error {
	resp, err := c.do(ctx, http.MethodGet, "/v1/packages/"+url.PathEscape(sha256), nil, nil, 0, "", "")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return writeWhole(file, func(w io.Writer) error {
		_, err := io.Copy(w, resp.Body)
		return err
	})
}
