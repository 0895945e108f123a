package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/events/ledger"
)

func receiptCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "receipt", Short: "Biên nhận: kiểm tra ngoại tuyến / receipts, checked offline"}
	var keyFile, historyFile string
	var asJSON bool
	check := &cobra.Command{
		Use:   "check FILE",
		Short: "Prove a receipt from its file alone, with a key you trust",
		Long: `Proves that the statement in a receipt stands in the log whose checkpoint the receipt carries. Nothing is asked of any node.

The key is a log's verifier key (a line name+id+base64, itself or in a file, or several; "tram init" writes it to log.vkey), a history of keys, or a
PEM file: the node's certificate, or the authority's that issued it. When the log's key was rotated after the one you know, --key-history leads on from
it: "tram log key --history" writes that file, and nobody need believe it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := os.ReadFile(args[0])
			if err != nil {
				return fmt.Errorf("couldn't read receipt: %w", err)
			}
			key, err := readKey(keyFile)
			if err != nil {
				return err
			}
			if key, err = followHistory(key, historyFile); err != nil {
				return err
			}
			r, head, err := ledger.CheckReceipt(file, key)
			if err != nil {
				return err
			}
			s := r.Statement
			out := cmd.OutOrStdout()
			if asJSON {
				return json.NewEncoder(out).Encode(map[string]any{
					"ok": true, "origin": s.Origin, "position": r.Position, "event": s.Name, "stream": s.Stream,
					"time": s.Time, "actor": s.Actor, "client": s.Client, "package": s.Package, "size": head.Size, "root": head.Root,
					"statement": json.RawMessage(r.Bytes),
				})
			}
			fmt.Fprintf(out, "Biên nhận đúng / receipt proved\n")
			fmt.Fprintf(out, "  log        %s\n  position   %d of %d\n  event      %s\n  time       %s\n  actor      %s\n  client     %s\n",
				s.Origin, r.Position, head.Size, s.Name, local(s.Time), s.Actor, s.Client)
			if s.Package != nil {
				fmt.Fprintf(out, "  package    %s (%d bytes)\n", s.Package.SHA256, s.Package.Length)
			}
			return nil
		},
	}
	check.Flags().StringVarP(&keyFile, "key", "k", "", "verifier key or certificate (required)")
	check.Flags().StringVar(&historyFile, "key-history", "", "history of the log's keys, to lead on from --key")
	check.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	_ = check.MarkFlagRequired("key")
	cmd.AddCommand(check)
	return cmd
}
