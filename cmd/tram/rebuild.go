package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/projections"
)

// rebuildAnswer is what tram rebuild says.
type rebuildAnswer struct {
	Node     bool   `json:"node"` // the running node did it
	Position uint64 `json:"position"`
	Seconds  string `json:"seconds"`
}

func rebuildCommand() *cobra.Command {
	var config string
	var asJSON, quiet bool
	cmd := &cobra.Command{
		Use:   "rebuild -c tram.yaml",
		Short: "Dựng lại sổ sách từ nhật ký / build the views anew from the log",
		Long: `Builds registers, mailboxes and search anew from the log. A running node does it itself, asked through its operations address: it goes on
serving from the present views until the new ones have read as far, and then swaps them. If no node runs, the folder is worked on directly.

It needs room on the disk for a second views.db. Breaking off this command leaves a running node at it; see its health page.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(config)
			if err != nil {
				return err
			}
			progress := cmd.ErrOrStderr()
			if quiet || asJSON {
				progress = nil
			}
			start := time.Now()
			a, err := rebuildViews(cmd.Context(), c, progress)
			if err != nil {
				return err
			}
			a.Seconds = fmt.Sprintf("%.1f", time.Since(start).Seconds())
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(a)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Đã dựng lại sổ sách từ %d sự kiện / views rebuilt from %d events (%s s)\n", a.Position, a.Position, a.Seconds)
			return nil
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&config, "config", "c", "tram.yaml", "the node's configuration")
	fs.BoolVar(&asJSON, "json", false, "print one JSON object")
	fs.BoolVarP(&quiet, "quiet", "q", false, "no progress bar")
	return cmd
}

// rebuildViews asks the node if it runs, else does it itself.
func rebuildViews(ctx context.Context, c *Config, progress io.Writer) (rebuildAnswer, error) {
	a, err := rebuildByNode(ctx, c, progress)
	if !noNode(err) {
		return a, err
	}
	a, err = rebuildFolder(ctx, c.path(c.Data), c.MinFreeMiB<<20, progress)
	if errors.Is(err, sqlitestore.ErrLocked) {
		return a, fmt.Errorf("a node has the folder open but does not answer at its operations address (%q in tram.yaml): %w", c.Operations, err)
	}
	return a, err
}

// rebuildByNode begins and watches, or watches one that runs already.
func rebuildByNode(ctx context.Context, c *Config, progress io.Writer) (rebuildAnswer, error) {
	s, status, err := askRebuild(ctx, c, http.MethodPost)
	if err != nil {
		return rebuildAnswer{}, err
	}
	if status == http.StatusConflict && progress != nil {
		fmt.Fprintln(progress, "Trạm đang dựng lại sổ sách / the node is rebuilding its views already")
	}
	bar := newBar(progress, "rebuild")
	defer bar.finish()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for s.Running {
		bar.set(int64(s.Read), int64(s.Size))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return rebuildAnswer{}, fmt.Errorf("the node goes on rebuilding: %w", ctx.Err())
		}
		if s, _, err = askRebuild(ctx, c, http.MethodGet); err != nil {
			return rebuildAnswer{}, err
		}
	}
	if s.Error != "" {
		return rebuildAnswer{}, fmt.Errorf("the node kept its views: %s", s.Error)
	}
	return rebuildAnswer{Node: true, Position: s.Position}, nil
}

// rebuildFolder does it while no node runs.
func rebuildFolder(ctx context.Context, data string, minFree int64, progress io.Writer) (a rebuildAnswer, err error) {
	lock, err := sqlitestore.LockFolder(data)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	record, err := sqlitestore.OpenReader(ctx, data)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, record.Close()) }()
	v, err := projections.Open(ctx, filepath.Join(data, viewsFile), projections.AtRest(record), projections.Options{MinFree: minFree, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return a, err
	}
	bar := newBar(progress, "rebuild")
	err = v.Rebuild(ctx, func(read, size uint64) { bar.set(int64(read), int64(size)) })
	bar.finish()
	a.Position = v.Position()
	return a, errors.Join(err, v.Close())
}
