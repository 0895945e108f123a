package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/gateway/evidence"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/asice"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/verdict"
)

// Over the API a container is made for one reader at a time of these; who waits longer than evidenceWait is told to come again.
const (
	evidenceAtOnce = 2
	evidenceWait   = 30 * time.Second
)

// evidenceMaker makes containers for readers of the API.
func (a *app) evidenceMaker() *evidence.Maker {
	o := evidence.Options{Record: a.store, Key: a.keys.node, Chain: a.keys.chain, Now: time.Now,
		Believe: func() (*signing.Trust, revocation.Source) { return a.recordedTrust(), a.revocation }}
	o.LogKey, _ = a.keys.verifierKey(a.c.Origin)
	o.Keys = logKeys(a.store)
	if a.witnesses != nil {
		o.Cosigned = func() []byte {
			b, err := cosignedCheckpoint(a.c, a.logVerifiers())
			if err != nil {
				a.log.Warn("couldn't use the published checkpoint for evidence", "error", err)
			}
			return b
		}
	}
	return evidence.NewMaker(o, evidenceAtOnce, evidenceWait)
}

// verifierKey is the log's verifier key, to be given out.
func (k *nodeKeys) verifierKey(origin string) (string, bool) {
	pub, ok := publicEd25519(k.log)
	if !ok {
		return "", false
	}
	text, err := ledger.LogKey(origin, pub)
	return text, err == nil
}

func evidenceCommand() *cobra.Command {
	var flags clientFlags
	var config, output string
	var stamp, offline bool
	cmd := &cobra.Command{
		Use:   "evidence DOCUMENT",
		Short: "Hồ sơ chứng cứ của một văn bản / everything that proves one document, in one file",
		Long: `Makes an evidence container (ASiC-E, signed by the node): the package as it was received, the statements about it with receipts,
what the signatures were judged by, time-stamps, and what witnesses have cosigned. "tram evidence check" judges it on a machine that never heard of the node.

DOCUMENT is the document's key (64 hex digits, tram send prints it), its number (112/BC-UBND) or its DocumentId; of several with one number
the keys are listed. With -c it may also be a package's SHA-256 or its file.
With -c the record is read in the node's folder, whether the node runs or not; the node's key must be at hand. Otherwise a running
node is asked, and gives what the caller may read.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			var size int64
			err := writeNewOr(cmd.OutOrStdout(), output, func(w io.Writer) (err error) {
				if config != "" {
					size, err = makeEvidence(ctx, config, args[0], stamp, offline, w)
					return err
				}
				size, err = fetchEvidence(ctx, flags, args[0], w)
				return err
			})
			if err != nil || output == "-" {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %d bytes\n", output, size)
			return nil
		},
	}
	flags.register(cmd)
	fs := cmd.Flags()
	fs.StringVarP(&output, "output", "o", "", "file to write, e.g. 215-SNV-VP.asice; - is standard output (required)")
	fs.StringVarP(&config, "config", "c", "", "the node's configuration: read its folder instead of asking the node")
	fs.BoolVar(&stamp, "stamp", false, "with -c: have the configured authority time-stamp the node's signature on the container")
	fs.BoolVar(&offline, "offline", false, "with -c: ask no CRL or OCSP server about today's state of the certificates")
	_ = cmd.MarkFlagRequired("output")
	cmd.AddCommand(evidenceCheckCommand())
	return cmd
}

// writeNewOr writes a new file, or to out if the file is called "-".
func writeNewOr(out io.Writer, file string, write func(io.Writer) error) error {
	if file == "-" {
		return write(out)
	}
	return writeNew(file, write)
}

// writeNew writes a file that appears whole or not at all, and never in another's place.
func writeNew(file string, write func(io.Writer) error) (err error) {
	if _, err := os.Lstat(file); err == nil {
		return fmt.Errorf("couldn't write %s: it is there already", file)
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".tram-*")
	if err != nil {
		return fmt.Errorf("couldn't write %s: %w", file, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tmp.Close(), os.Remove(tmp.Name()))
		}
	}()
	if err := write(tmp); err != nil {
		return err
	}
	if err := errors.Join(tmp.Chmod(0o644), tmp.Sync()); err != nil {
		return fmt.Errorf("couldn't write %s: %w", file, err)
	}
	if err := os.Rename(tmp.Name(), file); err != nil {
		return fmt.Errorf("couldn't write %s: %w", file, err)
	}
	return tmp.Close()
}

// answers are the lists in the node's folder and, unless offline, those whom certificates name.
func answers(c *Config, offline bool, first ...revocation.Source) (revocation.Source, error) {
	lists, err := revocation.LoadFolder(c.path(c.Revocation.Lists))
	if err != nil {
		return nil, err
	}
	all := append(first, lists)
	if !offline {
		all = append(all, revocation.NewOnline(revocation.OnlineOptions{Now: time.Now, AllowPrivate: c.Revocation.AllowPrivate}))
	}
	return verdict.JoinSources(all...), nil
}

var documentKey = regexp.MustCompile(`^[0-9a-f]{64}$`)

// fetchEvidence asks a node.
func fetchEvidence(ctx context.Context, flags clientFlags, doc string, w io.Writer) (int64, error) {
	c, err := flags.open()
	if err != nil {
		return 0, err
	}
	key, err := askDocument(ctx, c, doc)
	if err != nil {
		return 0, err
	}
	resp, err := c.do(ctx, http.MethodGet, "/v1/documents/"+url.PathEscape(key)+"/evidence", nil, nil, 0, "", asice.MediaType)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	n, err := io.Copy(w, resp.Body)
	if err == nil && resp.ContentLength >= 0 && n != resp.ContentLength {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return 0, fmt.Errorf("couldn't receive evidence: %w", err)
	}
	return n, nil
}

// makeEvidence reads a node's folder.
func makeEvidence(ctx context.Context, config, doc string, stamp, offline bool, w io.Writer) (_ int64, err error) {
	c, err := loadConfig(config)
	if err != nil {
		return 0, err
	}
	keys, err := loadKeys(c)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, keys.close()) }()
	cosigned, err := cosignedCheckpoint(c, ownVerifiers(c, keys, slog.Default())) // before the record, which then is not shorter
	if err != nil {
		slog.Warn("couldn't use the published checkpoint", "error", err)
	}
	record, err := c.openRecord(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, record.Close()) }()
	key, _, err := findDocument(ctx, record, doc)
	if err != nil {
		return 0, err
	}
	source, err := answers(c, offline)
	if err != nil {
		return 0, err
	}
	trust, err := trustOfRecord(ctx, record, keys.trust, c.Trial)
	if err != nil {
		return 0, err
	}
	o := evidence.Options{Record: record, Key: keys.node, Chain: keys.chain, Now: time.Now,
		Believe: func() (*signing.Trust, revocation.Source) { return trust, source }}
	o.LogKey, _ = keys.verifierKey(c.Origin)
	o.Keys = logKeys(record)
	o.Cosigned = func() []byte { return cosigned }
	if stamp {
		if len(c.Timestamp.Services) == 0 {
			return 0, errors.New("couldn't stamp the container: the configuration names no time-stamp authority")
		}
		if o.Stamper, err = newStamper(c, func() *signing.Trust { return trust }, nil); err != nil {
			return 0, err
		}
	}
	f, err := evidence.Make(ctx, key, o)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.Size, f.WriteTo(ctx, w)
}
