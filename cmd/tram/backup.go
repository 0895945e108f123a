package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/logbook"
	"github.com/tram-exchange/tram/events/sqlitestore"
)

// backupOptions say what is copied and where to. Only data and to are needed.
type backupOptions struct {
	data     string      // the node's data folder
	config   *Config     // nil: the record and the accounts alone
	to       string      // folder of the copy
	keysTo   string      // folder for private keys; empty: they are not copied
	key      *ledger.Key // of the log, which its rotations lead on from; nil: who signed the head is not judged
	prove    bool        // read the whole copy again afterwards
	workers  int         // that prove; 0: all processors
	minFree  int64       // of the copy's disk; 0: the store's default
	progress io.Writer   // nil: none
	now      func() time.Time
}

func backupCommand() *cobra.Command {
	o := backupOptions{now: time.Now}
	var config, key string
	var asJSON, quiet bool
	cmd := &cobra.Command{
		Use:   "backup [DIR] --to COPY",
		Short: "Sao lưu trạm đang chạy / copy a node's record while it runs",
		Long: `Copies the record of a node, up to the head it signed last, into a folder that is itself a record: "tram verify COPY" proves it, and
"tram restore" makes a node's data folder from it. It works while the node runs, copies what is new since the last time, and can be broken off at any
point. Every event, package and piece of evidence is hashed on its way, and nothing is kept that the signed head does not cover.

With -c (instead of DIR) the configuration, certificates and trust folder are copied too. Private keys never are, unless --keys-to names another folder for them.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			base, err := o.source(config, args)
			if err != nil {
				return err
			}
			if o.key, err = givenLogKey(base, key); err != nil {
				return err
			}
			if !quiet && !asJSON {
				o.progress = cmd.ErrOrStderr()
			}
			a, err := backup(cmd.Context(), o)
			if asJSON {
				if e := json.NewEncoder(cmd.OutOrStdout()).Encode(a); e != nil {
					return e
				}
				if err != nil {
					return errSilent
				}
				return nil
			}
			if err != nil {
				return err
			}
			a.print(cmd.OutOrStdout(), o)
			return nil
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&config, "config", "c", "", "the node's configuration, which says where its data is")
	fs.StringVar(&o.to, "to", "", "folder of the copy, best on another disk or machine (required)")
	fs.StringVar(&o.keysTo, "keys-to", "", "copy the private keys too, into this folder apart from the copy")
	fs.StringVarP(&key, "key", "k", "", "the log's verifier key or a file with it (default: log.vkey of the node)")
	fs.BoolVar(&o.prove, "verify", false, "read the whole copy again afterwards, not only what is new")
	fs.BoolVar(&asJSON, "json", false, "print one JSON object")
	fs.BoolVarP(&quiet, "quiet", "q", false, "no progress bar")
	_ = cmd.MarkFlagRequired("to")
	return cmd
}

// source finds the data folder and gives the node's folder.
func (o *backupOptions) source(config string, args []string) (base string, err error) {
	switch {
	case (config == "") == (len(args) == 0):
		return "", errors.New("couldn't choose what to copy: give -c tram.yaml or a folder, one of them")
	case config != "":
		if o.config, err = loadConfig(config); err != nil {
			return "", err
		}
		if o.config.Store.Kind == storeESDB {
			return "", errors.New("couldn't back up: the record lies in the cluster; back that up with its own tools and the folder of objects (store.objects) afterwards, as docs/operations.md says")
		}
		o.data = o.config.path(o.config.Data)
		return o.config.base, nil
	}
	if o.keysTo != "" {
		return "", errors.New("couldn't copy private keys: only the configuration (-c) says where they are")
	}
	o.data, err = dataFolder(args[0])
	return args[0], err
}

// backupManifest is backup.json in the copy, and the --json form.
type backupManifest struct {
	Format      string        `json:"format"`
	OK          bool          `json:"ok"` // false: begun and not finished; the record in it is good as far as it goes
	At          time.Time     `json:"at"`
	Program     string        `json:"program"`
	Origin      string        `json:"origin"`
	Size        uint64        `json:"size"`
	Root        events.Digest `json:"root"`
	HeadTime    *time.Time    `json:"head_time"`
	Checkpoint  string        `json:"checkpoint"` // the signed head that the copy ends with
	SignedBy    []string      `json:"signed_by"`  // keys that were tried on it; none: who signed was not judged
	Before      uint64        `json:"size_before"`
	Events      uint64        `json:"events"` // new in this run
	Packages    uint64        `json:"packages"`
	Bytes       int64         `json:"bytes"`
	Destroyed   uint64        `json:"destroyed"`          // facts and packages taken out of the copy in this run, as the record decided
	Destruction uint64        `json:"destruction_events"` // of the record's stream of destruction, carried out in the copy
	ProvedAt    *time.Time    `json:"proved_at"`          // when the whole copy was read again last
	Accounts    bool          `json:"accounts"`
	Files       []copiedFile  `json:"files"`
	LeftOut     []leftOut     `json:"left_out"`
	Error       *backupError  `json:"error"`
}

// backupError says what kind of thing went wrong, for programs.
type backupError struct {
	Kind   string `json:"kind"` // see backupKind
	Reason string `json:"reason"`
}

const (
	backupFormat   = "tram backup 1"
	manifestFile   = "backup.json"
	backupNodeDir  = "node" // configuration and certificates, in the copy
	backupMaxRetry = 3      // how often a stretch is read again that was moved while it was read
)

// backupKind sorts errors by what the operator has to do.
func backupKind(err error) string {
	switch {
	case errors.Is(err, sqlitestore.ErrAhead):
		return "ahead"
	case errors.Is(err, sqlitestore.ErrForked):
		return "forked"
	case errors.Is(err, sqlitestore.ErrOtherLog):
		return "other_log"
	case errors.Is(err, sqlitestore.ErrSource):
		return "source"
	case errors.Is(err, sqlitestore.ErrLocked):
		return "locked"
	case errors.Is(err, events.ErrFull), errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return "full"
	case errors.Is(err, errNotACopy):
		return "not_a_copy"
	case errors.Is(err, errNotProved):
		return "damaged"
	case errors.Is(err, errSignature):
		return "signature"
	case errors.Is(err, context.Canceled):
		return "stopped"
	}
	return "failed"
}

var (
	errNotACopy  = errors.New("the folder holds something else than a copy of this program")
	errNotProved = errors.New("the copy is damaged")
	errSignature = errors.New("the head is not signed by the log's key")
)

// backup makes the copy or brings it up to date. The manifest is never nil; with an error it says what was done all the same.
func backup(ctx context.Context, o backupOptions) (*backupManifest, error) {
	m := &backupManifest{Format: backupFormat, At: o.now().UTC(), Program: version(), SignedBy: []string{}, Files: []copiedFile{}, LeftOut: neverCopied}
	err := o.run(ctx, m)
	if err != nil {
		err = fmt.Errorf("couldn't back up to %s: %w", o.to, err)
		m.Error = &backupError{backupKind(err), err.Error()}
	}
	return m, err
}

func (o *backupOptions) run(ctx context.Context, m *backupManifest) error {
	if err := o.checkFolders(); err != nil {
		return err
	}
	head, err := o.sealedHead(ctx)
	if err != nil {
		return err
	}
	if o.key != nil {
		verifiers, err := o.key.Verifiers(head.Origin)
		if err != nil {
			return err
		}
		for _, v := range verifiers {
			m.SignedBy = append(m.SignedBy, fmt.Sprintf("%s+%08x", v.Name(), v.KeyHash()))
		}
	}
	if err := o.begin(m); err != nil {
		return err
	}
	if err := o.record(ctx, m, head); err != nil {
		return err
	}
	// Once more to the head of now: what was found destroyed meanwhile was decided before it.
	if head, err = o.sealedHead(ctx); err != nil {
		return err
	}
	if err := o.record(ctx, m, head); err != nil {
		return err
	}
	if m.Destroyed, m.Destruction, err = destroyIn(ctx, o.to, m.Destruction); err != nil {
		return err
	}
	if m.Accounts, err = exists(filepath.Join(o.data, portalFile)); err != nil {
		return err
	}
	if m.Accounts {
		if err := portal.CopyAccounts(ctx, filepath.Join(o.data, portalFile), filepath.Join(o.to, portalFile)); err != nil {
			return err
		}
	}
	if err := o.files(m); err != nil {
		return err
	}
	if o.prove {
		if err := proveCopy(ctx, verifyOptions{dir: o.to, workers: o.workers}, o.progress); err != nil {
			return err
		}
		at := o.now().UTC()
		m.ProvedAt = &at
	}
	m.OK = true
	return writeManifest(o.to, m)
}

// checkFolders keeps a copy out of the node's own folders and out of folders that are none.
func (o *backupOptions) checkFolders() error {
	for _, f := range []struct{ a, b, what string }{{o.to, o.data, "the node's data folder"}, {o.keysTo, o.to, "the copy"}, {o.keysTo, o.data, "the node's data folder"}} {
		if f.a == "" {
			continue
		}
		within, err := nested(f.a, f.b)
		if err != nil {
			return err
		}
		if within {
			return fmt.Errorf("%s and %s, %s, are not apart", f.a, f.b, f.what)
		}
	}
	there, err := exists(filepath.Join(o.to, "events.db"))
	if err != nil {
		return err
	}
	ours, err := exists(filepath.Join(o.to, manifestFile))
	if err != nil {
		return err
	}
	if there && !ours {
		return fmt.Errorf("%w: %s has a record and no %s", errNotACopy, o.to, manifestFile)
	}
	return nil
}

// nested says whether one path lies within the other or is it.
func nested(a, b string) (bool, error) {
	var abs [2]string
	for i, p := range []string{a, b} {
		p, err := filepath.Abs(p)
		if err != nil {
			return false, err
		}
		if real, err := filepath.EvalSymlinks(p); err == nil {
			p = real
		}
		abs[i] = p + string(filepath.Separator)
	}
	return strings.HasPrefix(abs[0], abs[1]) || strings.HasPrefix(abs[1], abs[0]), nil
}

// sealedHead is the head that the copy will end with.
func (o *backupOptions) sealedHead(ctx context.Context) (h events.Head, err error) {
	r, err := sqlitestore.OpenReader(ctx, o.data)
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	h = r.Head()
	if o.key == nil {
		return h, nil
	}
	key, err := trustedKey(ctx, r, *o.key)
	if err == nil {
		_, err = key.Open(h.Checkpoint, h.Origin)
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", errSignature, err)
	}
	return h, err
}

// trustedKey leads on from a key by the rotations in a record.
func trustedKey(ctx context.Context, r *sqlitestore.Reader, given ledger.Key) (ledger.Key, error) {
	state, err := logbook.Load(ctx, r)
	if err != nil {
		return given, err
	}
	return state.Trust(given)
}

// begin makes the folder and says in it what it is, before there is anything else. What an earlier manifest says of proofs stays.
func (o *backupOptions) begin(m *backupManifest) error {
	if err := os.MkdirAll(o.to, 0o700); err != nil {
		return err
	}
	old, err := readManifest(o.to)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return writeManifest(o.to, m)
	case err != nil:
		return err
	}
	m.ProvedAt, m.Destruction = old.ProvedAt, old.Destruction
	return nil
}

func readManifest(dir string) (*backupManifest, error) {
	b, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if err != nil {
		return nil, err
	}
	m := new(backupManifest)
	if err := json.Unmarshal(b, m); err != nil || m.Format != backupFormat {
		return nil, fmt.Errorf("%w: %s says format %q, expected %q", errNotACopy, manifestFile, m.Format, backupFormat)
	}
	return m, nil
}

func writeManifest(dir string, m *backupManifest) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return writeDurable(filepath.Join(dir, manifestFile), append(b, '\n'), 0o600)
}

// pinned is a record under an earlier head of it: what has come since is not seen.
type pinned struct {
	sqlitestore.Source
	head events.Head
}

func (p pinned) Head() events.Head { return p.head }

// record copies the events up to head. Each stretch is read by a reader of its own, so that a running node's database is never held
// for long.
func (o *backupOptions) record(ctx context.Context, m *backupManifest, head events.Head) (err error) {
	im, err := sqlitestore.OpenImport(ctx, o.to, head.Origin, sqlitestore.ImportOptions{MinFree: o.minFree})
	if err != nil {
		return err
	}
	defer func() {
		if im != nil {
			err = errors.Join(err, im.Close())
		}
	}()
	before := im.Head().Size
	if m.Origin == "" {
		m.Before = before
	}
	bar := newBar(o.progress, "sao lưu / copying")
	defer bar.finish()
	for failed := 0; ; {
		c, err := copyStretch(ctx, im, o.data, head)
		if errors.Is(err, sqlitestore.ErrSource) && failed < backupMaxRetry {
			// A lawful destruction may have moved what was just looked up.
			failed++
			if im, err = reopen(ctx, im, o, head.Origin); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		failed = 0
		m.Events, m.Packages, m.Bytes = m.Events+c.Events, m.Packages+c.Packages, m.Bytes+c.Bytes
		bar.set(int64(im.Head().Size-before), int64(head.Size-before))
		if c.Done {
			break
		}
	}
	h := im.Head()
	m.Origin, m.Size, m.Root, m.Checkpoint = h.Origin, h.Size, h.Root, string(im.Checkpoint())
	if !head.Time.IsZero() {
		m.HeadTime = &head.Time
	}
	return nil
}

// reopen gives an importer that goes on from what is durable, in place of one that has failed; nil with an error.
func reopen(ctx context.Context, im *sqlitestore.Importer, o *backupOptions, origin string) (*sqlitestore.Importer, error) {
	if err := im.Close(); err != nil {
		return nil, err
	}
	return sqlitestore.OpenImport(ctx, o.to, origin, sqlitestore.ImportOptions{MinFree: o.minFree})
}

func copyStretch(ctx context.Context, im *sqlitestore.Importer, data string, head events.Head) (c sqlitestore.Copied, err error) {
	r, err := sqlitestore.OpenReader(ctx, data)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return im.Copy(ctx, pinned{r, head})
}

// proveCopy reads a whole copy again.
func proveCopy(ctx context.Context, o verifyOptions, progress io.Writer) error {
	var report verifyProgress
	if progress != nil {
		bars := &verifyBars{w: &patientWriter{w: progress, from: time.Now().Add(showProgressAfter)}}
		report = bars.report
		defer bars.finish()
	}
	a, err := runVerification(ctx, o, report)
	if err != nil {
		return err
	}
	if a.Error != nil {
		return fmt.Errorf("%w: %s: %s", errNotProved, a.Error.Kind, a.Error.Reason)
	}
	return nil
}

func (m *backupManifest) print(w io.Writer, o backupOptions) {
	fmt.Fprintf(w, "Đã sao lưu / copied: %s\n", o.to)
	fmt.Fprintf(w, "  log        %s\n  head       size %d, root %s\n", m.Origin, m.Size, m.Root)
	fmt.Fprintf(w, "  new        %d events, %d packages (%d bytes)\n", m.Events, m.Packages, m.Bytes)
	if m.Destroyed > 0 {
		fmt.Fprintf(w, "  destroyed  %d facts and packages, as the record decided\n", m.Destroyed)
	}
	if len(m.SignedBy) == 0 {
		fmt.Fprintln(w, "  not proved who signed the head: no key was given")
	}
	if m.ProvedAt != nil {
		fmt.Fprintf(w, "  proved     %s, all of it\n", local(*m.ProvedAt))
	}
	if o.config != nil && o.keysTo == "" {
		fmt.Fprintln(w, "  keys       khóa bí mật không được sao lưu / private keys are not in it: keep them apart (--keys-to)")
	}
}

// bar draws progress once something takes long; nil-safe for those who want none.
type bar struct {
	b *progressbar.ProgressBar
}

func newBar(w io.Writer, what string) *bar {
	if w == nil {
		return &bar{}
	}
	out := &patientWriter{w: w, from: time.Now().Add(showProgressAfter)}
	return &bar{progressbar.NewOptions64(1, progressbar.OptionSetWriter(out), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(progressEvery))}
}

func (b *bar) set(done, total int64) {
	if b.b != nil {
		b.b.ChangeMax64(max(total, done, 1))
		_ = b.b.Set64(done)
	}
}

func (b *bar) finish() {
	if b.b != nil {
		_ = b.b.Finish()
	}
}
