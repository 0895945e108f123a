package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/tiles"
	"github.com/tram-exchange/tram/events/sqlitestore"
)

func logCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Nhật ký công khai: xuất bản sao, kiểm tra, khóa, thay khóa / the published log: export a mirror, check, key, rotate the key",
		Long: `A node publishes its log under /log/ as plain files (C2SP tlog-tiles): hashes and signed heads, no words of any document. Any web server
can serve a copy, and anybody can prove it with tools of others.`,
	}
	cmd.AddCommand(logExportCommand(), logCheckCommand(), logKeyCommand(), logRotateCommand())
	return cmd
}

func logExportCommand() *cobra.Command {
	var out, key string
	cmd := &cobra.Command{
		Use:   "export DIR",
		Short: "Write the files of the published log for a mirror, from a node's record",
		Long: `Writes the same files as the node serves under /log/, from the record in a node's folder, up to the head that was signed last. It works while
the node runs. Run again with the same --out it adds what is new; a file there that differs from the record ends it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := exportLog(cmd.Context(), args[0], out, key)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Đã xuất / exported: %s\n  log    %s\n  head   size %d, root %s\n", out, h.Origin, h.Size, h.Root)
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "folder of the mirror (required)")
	cmd.Flags().StringVarP(&key, "key", "k", "", "the log's verifier key or a file with it (default: log.vkey in DIR, if it is there)")
	_ = cmd.MarkFlagRequired("out")
	return cmd
}

// exportLog writes the files and then proves what lies there.
func exportLog(ctx context.Context, dir, out, keyArg string) (h ledger.Head, err error) {
	data, err := dataFolder(dir)
	if err != nil {
		return h, err
	}
	given, err := givenLogKey(dir, keyArg)
	if err != nil {
		return h, err
	}
	if err := refuseOwnFolder(data, out); err != nil {
		return h, err
	}
	r, err := sqlitestore.OpenReader(ctx, data)
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	verifiers, history, err := recordedKeys(ctx, r, given)
	if err != nil {
		return h, err
	}
	w := tiles.NewWriter(r, tiles.OSFiles(out), tiles.Options{Verifiers: verifiers, Keys: func(context.Context, events.Head) ([]byte, error) { return history, nil }})
	if err := w.Publish(ctx, r.Head()); err != nil {
		return h, err
	}
	return proveFiles(ctx, out, given)
}

// refuseOwnFolder keeps an export out of the folder that a running node may be writing into.
func refuseOwnFolder(data, out string) error {
	own, err := os.Stat(filepath.Join(data, logFolder))
	if err != nil {
		return nil
	}
	if there, err := os.Stat(out); err == nil && os.SameFile(own, there) {
		return fmt.Errorf("couldn't export log into %s: the node itself writes there", out)
	}
	return nil
}

func logCheckCommand() *cobra.Command {
	var key string
	cmd := &cobra.Command{
		Use:   "check DIR",
		Short: "Prove published log files: of a mirror by themselves, of a node also against its record",
		Long: `Reads every file of a published log: the entries must give every tile and the root of the checkpoint. DIR is a mirror, or the folder of a node,
whose record must then give the same root. Without a key nothing says whose log it is.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, signed, err := checkLog(cmd.Context(), args[0], key)
			if err != nil {
				if fault := new(tiles.Fault); errors.As(err, &fault) {
					fmt.Fprintln(cmd.OutOrStdout(), "SAI / NOT GOOD")
				}
				return err
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "ĐÚNG / PROVED\n  log    %s\n  head   size %d, root %s\n", h.Origin, h.Size, h.Root)
			if !signed {
				fmt.Fprintln(out, "  not proved whose log it is: no key was given")
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&key, "key", "k", "", "the log's verifier key or a file with it (default: log.vkey in DIR, if it is there)")
	return cmd
}

// checkLog proves a mirror, or the published files of a node and that they are of its record.
func checkLog(ctx context.Context, dir, keyArg string) (h ledger.Head, signed bool, err error) {
	given, err := givenLogKey(dir, keyArg)
	if err != nil {
		return h, false, err
	}
	signed = given != nil
	mirror, err := exists(filepath.Join(dir, tiles.CheckpointPath))
	if err != nil {
		return h, signed, err
	}
	if mirror {
		h, err = proveFiles(ctx, dir, given)
		return h, signed, err
	}
	data, err := dataFolder(dir)
	if err != nil {
		return h, signed, fmt.Errorf("couldn't find a published log in %s: no checkpoint there, and %w", dir, err)
	}
	if h, err = proveFiles(ctx, filepath.Join(data, logFolder), given); err != nil || h.Size == 0 {
		return h, signed, err
	}
	r, err := sqlitestore.OpenReader(ctx, data)
	if err != nil {
		return h, signed, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	head := r.Head()
	if h.Origin != head.Origin || h.Size > head.Size {
		return h, signed, &tiles.Fault{Path: tiles.CheckpointPath, Reason: fmt.Sprintf("it is of %q and size %d, the record of %q and size %d", h.Origin, h.Size, head.Origin, head.Size)}
	}
	if _, head, err = r.Proof(ctx, h.Size-1, h.Size); err != nil {
		return h, signed, err
	}
	if head.Root != h.Root {
		return h, signed, &tiles.Fault{Path: tiles.CheckpointPath, Reason: fmt.Sprintf("it says root %s of size %d, the record gives %s", h.Root, h.Size, head.Root)}
	}
	return h, signed, nil
}
