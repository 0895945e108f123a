package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/esdbstore"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/sqlitestore"
)

func storeCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "store", Short: "Nơi giữ sổ: chuyển giữa một máy và cụm / where the record lies: a folder or a cluster"}
	cmd.AddCommand(storeMoveCommand(), storeVerifyCommand())
	return cmd
}

func storeMoveCommand() *cobra.Command {
	var config string
	var back, quiet bool
	cmd := &cobra.Command{
		Use:   "move -c tram.yaml",
		Short: "Chuyển sổ của trạm đã dừng vào cụm (hoặc ngược lại) / move a stopped node's record into the cluster, or back",
		Long: `Moves the record in the data folder into the cluster that store: names: every statement as it was written, with facts, salts, evidence and packages, and
the head that was signed last. No proof is lost: the log keeps its origin, its tree and its key, and every receipt stays good. The node must be stopped. It can
be broken off and run again, and compares everything at the end. The record in the folder stays, as a copy that no node goes on with.

With --back the log is ended in the cluster (all its nodes must be stopped) and copied into the data folder, which must hold no record or an earlier copy.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(config)
			if err != nil {
				return err
			}
			if c.Store.Kind != storeESDB {
				return fmt.Errorf("couldn't move: store.kind is %s; describe the cluster in store: first", c.Store.Kind)
			}
			var progress io.Writer
			if !quiet {
				progress = cmd.ErrOrStderr()
			}
			run := moveIntoCluster
			if back {
				run = moveBack
			}
			head, err := run(cmd.Context(), c, progress)
			if err != nil {
				return err
			}
			where := "vào cụm / into the cluster"
			if back {
				where = "về thư mục / back into the folder; set store.kind to sqlite"
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Đã chuyển và đối chiếu / moved and compared: %s\n  log   %s\n  head  size %d, root %s\n", where, head.Origin, head.Size, head.Root)
			return nil
		},
	}
	cmd.Flags().StringVarP(&config, "config", "c", "tram.yaml", "the node's configuration, with the cluster in store:")
	cmd.Flags().BoolVar(&back, "back", false, "out of the cluster into the data folder")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "no progress bar")
	return cmd
}

// folderRecord is the record of a folder as a cluster takes it in.
type folderRecord struct{ *sqlitestore.Reader }

// Each implements esdbstore.Record.
func (r folderRecord) Each(ctx context.Context, from uint64, f func(esdbstore.Entry) error) error {
	return r.Raw(ctx, from, r.Head().Size, func(raw sqlitestore.Raw) error {
		e := esdbstore.Entry{Event: raw.Event, Salt: raw.Salt}
		if raw.Statement.Package != nil && !raw.PackageDestroyed {
			e.Package = func(ctx context.Context) (events.PackageReader, error) { return r.OpenRaw(ctx, raw) }
		}
		return f(e)
	})
}

// moveIntoCluster moves the record of the data folder, and compares what came of it.
func moveIntoCluster(ctx context.Context, c *Config, progress io.Writer) (_ events.Head, err error) {
	data := c.path(c.Data)
	o, closeKeys, err := c.clusterReading()
	if err != nil {
		return events.Head{}, err
	}
	defer func() { err = errors.Join(err, closeKeys()) }()
	lock, err := lockFolder(data) // no node runs on it, and none can begin
	if err != nil {
		return events.Head{}, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	r, err := sqlitestore.OpenReader(ctx, data)
	if err != nil {
		return events.Head{}, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	head := r.Head()
	if head.Origin != c.Origin {
		return head, fmt.Errorf("couldn't move: %s is log %s, the configuration says %s", data, head.Origin, c.Origin)
	}
	if head.Time.IsZero() { // the reader gives it only if nothing follows the head
		return head, fmt.Errorf("couldn't move: events follow the signed head of size %d that is stored: start the node once and stop it", head.Size)
	}
	// Before anything is in the cluster: from now on this folder's record is not gone on with, whatever happens here.
	if err := writeMark(data, clusterMark{Origin: c.Origin, Size: head.Size, Root: &head.Root}); err != nil {
		return head, err
	}
	bar := moveBar(progress, head.Size, "chuyển / moving")
	if err := esdbstore.Move(ctx, o, folderRecord{r}, func(n uint64) { _ = bar.Set64(int64(n)) }); err != nil {
		return head, err
	}
	_ = bar.Finish()
	return head, compareMoved(ctx, o, folderRecord{r}, progress)
}

// compareMoved reads the record and the cluster's log side by side, all that belongs to each event.
func compareMoved(ctx context.Context, o esdbstore.Options, from folderRecord, progress io.Writer) (err error) {
	s, err := esdbstore.OpenReader(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	head := from.Head()
	_, at, err := s.Proof(ctx, 0, head.Size)
	if err != nil {
		return err
	}
	if at.Root != head.Root {
		return fmt.Errorf("couldn't prove what was moved: root of size %d is %s in the cluster, the record's head says %s", head.Size, at.Root, head.Root)
	}
	bar := moveBar(progress, head.Size, "đối chiếu / comparing")
	err = from.Each(ctx, 0, func(e esdbstore.Entry) error {
		_ = bar.Set64(int64(e.Position) + 1)
		if err := compareEntry(ctx, s, e); err != nil {
			return fmt.Errorf("couldn't prove what was moved: event %d: %w", e.Position, err)
		}
		return nil
	})
	_ = bar.Finish()
	return err
}

func compareEntry(ctx context.Context, s *esdbstore.Store, e esdbstore.Entry) error {
	got, err := s.Event(ctx, e.Position)
	if err != nil {
		return err
	}
	if !bytes.Equal(got.Bytes, e.Bytes) || !bytes.Equal(got.Facts, e.Facts) || got.Destroyed != e.Destroyed {
		return errors.New("statement or facts are not those of the record")
	}
	if d := e.Statement.Facts; d != nil && !e.Destroyed {
		f, err := s.FactsOf(ctx, *d)
		if err != nil {
			return err
		}
		if !bytes.Equal(f.Salt[:], e.Salt) {
			return errors.New("the salt of the facts is not that of the record")
		}
	}
	if d := e.Statement.Evidence; d != nil {
		if _, err := s.Evidence(ctx, *d); err != nil { // it is compared with its digest there
			return err
		}
	}
	if e.Statement.Package == nil {
		return nil
	}
	return checkStoredPackage(ctx, s, *e.Statement.Package, e.Package == nil)
}

// checkStoredPackage reads a package and compares it with its digest and length.
func checkStoredPackage(ctx context.Context, s *esdbstore.Store, ref events.PackageRef, destroyed bool) error {
	p, err := s.OpenPackage(ctx, ref.SHA256)
	switch {
	case destroyed && errors.Is(err, esdbstore.ErrDestroyed):
		return nil
	case err != nil:
		return err
	case destroyed:
		return errors.Join(fmt.Errorf("package %s was destroyed and is there", ref.SHA256), p.Close())
	}
	sum, err := packageDigest(p)
	if err := errors.Join(err, p.Close()); err != nil {
		return err
	}
	if sum != ref.SHA256 || p.Size() != ref.Length {
		return fmt.Errorf("package %s has %d bytes that hash to %s, the statement says %d", ref.SHA256, p.Size(), sum, ref.Length)
	}
	return nil
}

// clusterRecord is the log of a cluster as a folder takes it in.
type clusterRecord struct{ *esdbstore.Store }

var _ sqlitestore.Source = clusterRecord{}

// Raw implements sqlitestore.Source.
func (r clusterRecord) Raw(ctx context.Context, from, to uint64, f func(sqlitestore.Raw) error) error {
	if size := r.Head().Size; to > size {
		return fmt.Errorf("couldn't read events to %d: the head has size %d", to, size)
	}
	err := r.All(ctx, from, func(e events.Event) error {
		if e.Position >= to {
			return errReadEnough
		}
		raw := sqlitestore.Raw{Event: e}
		if d := e.Statement.Facts; d != nil && !e.Destroyed {
			facts, err := r.FactsOf(ctx, *d)
			if err != nil {
				return err
			}
			raw.Salt = facts.Salt[:]
		}
		if ref := e.Statement.Package; ref != nil {
			p, err := r.OpenPackage(ctx, ref.SHA256)
			if raw.PackageDestroyed = errors.Is(err, esdbstore.ErrDestroyed); err != nil && !raw.PackageDestroyed {
				return err
			}
			if err == nil {
				if err := p.Close(); err != nil {
					return err
				}
			}
		}
		return f(raw)
	})
	if errors.Is(err, errReadEnough) {
		return nil
	}
	return err
}

var errReadEnough = errors.New("read enough")

// OpenRaw implements sqlitestore.Source.
func (r clusterRecord) OpenRaw(ctx context.Context, e sqlitestore.Raw) (events.PackageReader, error) {
	if e.Statement.Package == nil || e.PackageDestroyed {
		return nil, fmt.Errorf("couldn't open package of event %d: %w", e.Position, events.ErrNotFound)
	}
	return r.OpenPackage(ctx, e.Statement.Package.SHA256)
}

// moveBack ends the log in the cluster and copies it into the data folder.
func moveBack(ctx context.Context, c *Config, progress io.Writer) (_ events.Head, err error) {
	data := c.path(c.Data)
	o, closeKeys, err := c.clusterReading()
	if err != nil {
		return events.Head{}, err
	}
	defer func() { err = errors.Join(err, closeKeys()) }()
	m, err := readMark(data)
	if err != nil {
		return events.Head{}, err
	}
	if m == nil {
		return events.Head{}, fmt.Errorf("couldn't move back: %s is not the data folder of a node of the cluster", data)
	}
	if err := esdbstore.End(ctx, o); err != nil {
		return events.Head{}, err
	}
	s, err := esdbstore.OpenReader(ctx, o)
	if err != nil {
		return events.Head{}, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	head := s.Head()
	if err := c.copyBack(ctx, data, clusterRecord{s}, progress); err != nil {
		return head, err
	}
	// Last of all: only a whole copy may go on.
	if err := os.Remove(filepath.Join(data, clusterFile)); err != nil {
		return head, fmt.Errorf("couldn't hand the log back to the folder: %w", err)
	}
	return head, syncFolder(data)
}

func (c *Config) copyBack(ctx context.Context, data string, from clusterRecord, progress io.Writer) (err error) {
	im, err := sqlitestore.OpenImport(ctx, data, c.Origin, sqlitestore.ImportOptions{})
	if err != nil {
		return err
	}
	bar := moveBar(progress, from.Head().Size, "chuyển / moving")
	for {
		done, err := im.Copy(ctx, from)
		if err != nil || done.Done {
			_ = bar.Finish()
			if err := errors.Join(err, im.Close()); err != nil {
				return err
			}
			break
		}
		_ = bar.Set64(int64(im.Head().Size))
	}
	r, err := sqlitestore.Verify(ctx, data, sqlitestore.VerifyOptions{Origin: c.Origin, Checkpoint: from.Head().Checkpoint}, nil)
	if err != nil {
		return err
	}
	if r.Problem != nil {
		return fmt.Errorf("couldn't prove what was moved: %w", r.Problem)
	}
	return nil
}

// clusterReading says how the log's cluster is read, and by which keys its heads are known. The keys are open until closed.
func (c *Config) clusterReading() (o esdbstore.Options, closeKeys func() error, err error) {
	keys, err := loadKeys(c)
	if err != nil {
		return o, nil, err
	}
	if o, err = c.readingBy(keys); err != nil {
		return o, nil, errors.Join(err, keys.close())
	}
	return o, keys.close, nil
}

// readingBy is clusterReading by keys that are open; nil: they are loaded, and closed again, for what reading needs is public.
func (c *Config) readingBy(keys *nodeKeys) (o esdbstore.Options, err error) {
	if keys == nil {
		if keys, err = loadKeys(c); err != nil {
			return o, err
		}
		defer func() { err = errors.Join(err, keys.close()) }()
	}
	if o, err = c.cluster(); err != nil {
		return o, err
	}
	signer, err := ledger.NewSigner(c.Origin, keys.log, keys.node, nil)
	if err != nil {
		return o, err
	}
	o.Key, o.NodeChain = signer.LogKeys()[0], keys.chain
	return o, nil
}

func moveBar(w io.Writer, size uint64, what string) *progressbar.ProgressBar {
	if w == nil {
		w = io.Discard
	}
	return progressbar.NewOptions64(int64(size), progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what), progressbar.OptionShowCount(),
		progressbar.OptionShowIts(), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(progressEvery))
}
