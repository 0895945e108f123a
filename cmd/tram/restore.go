package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/sqlitestore"
)

// restoreOptions say what a data folder is made from, and what is known of the log elsewhere.
type restoreOptions struct {
	from        string
	also        []string // further copies, for what the first does not have
	to          string
	key         string
	checkpoints []string // files, or addresses of a node or of a published log
	receipts    []string
	witnesses   []string // addresses
	ca          string   // authority of these addresses, PEM
	accept      string   // why the folder may be used although nothing says how far the log went
	minFree     int64
	progress    io.Writer // nil: none
	now         func() time.Time
	verify      func(context.Context, verifyOptions, verifyProgress) (*verifyAnswer, error) // nil: runVerification; for tests with records of no node
}

func restoreCommand() *cobra.Command {
	o := restoreOptions{now: time.Now}
	var asJSON, quiet bool
	cmd := &cobra.Command{
		Use:   "restore --from COPY --to DATA",
		Short: "Khôi phục từ bản sao, và nói rõ còn thiếu gì / make a data folder from a copy, and say exactly what is missing",
		Long: `Makes a node's data folder from a copy that "tram backup" made (or from any folder with a record), proves all of it, and compares it with what
others know of the log: a checkpoint (--checkpoint: a file, or the address of a published log or of a node), receipts, witnesses. The events that are missing
are named: by position, and with what the receipts given say of them. --also adds further copies, for events that the first does not have.

A node refuses to run on a folder that is behind: it would sign a second history of its log. Find the missing events in another copy, or declare the
loss and begin a new log that binds the old one (tram init --continues). Nothing is overwritten: DATA must not exist.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !quiet && !asJSON {
				o.progress = cmd.ErrOrStderr()
			}
			a, err := restore(cmd.Context(), o)
			if asJSON {
				if e := json.NewEncoder(cmd.OutOrStdout()).Encode(a); e != nil {
					return e
				}
			} else if a.Verdict != "" {
				a.print(cmd.OutOrStdout(), o)
			}
			if err != nil && !asJSON {
				return err
			}
			if err != nil || !a.OK {
				return errSilent
			}
			return nil
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&o.from, "from", "", "folder of the copy (required)")
	fs.StringArrayVar(&o.also, "also", nil, "a further copy; may be given several times")
	fs.StringVar(&o.to, "to", "", "data folder to make (required)")
	fs.StringVarP(&o.key, "key", "k", "", "the log's verifier key, or a file with it or with the node's certificate (default: log.vkey in the copy)")
	fs.StringArrayVar(&o.checkpoints, "checkpoint", nil, "a checkpoint kept elsewhere: a file, or an address, e.g. https://mirror.example/log/checkpoint")
	fs.StringArrayVar(&o.receipts, "receipt", nil, "a receipt of this log; may be given several times")
	fs.StringArrayVar(&o.witnesses, "witness", nil, "address of a witness of this log")
	fs.StringVar(&o.ca, "ca", os.Getenv("TRAM_CA"), "PEM certificate of the authority of these addresses (TRAM_CA)")
	fs.StringVar(&o.accept, "accept-unproved", "", "let the node run although nothing says how far the log went: the reason, which is kept in the folder")
	fs.BoolVar(&asJSON, "json", false, "print one JSON object")
	fs.BoolVarP(&quiet, "quiet", "q", false, "no progress bar")
	_ = cmd.MarkFlagRequired("from")
	_ = cmd.MarkFlagRequired("to")
	return cmd
}

// What a restored folder can be.
const (
	verdictComplete = "complete" // it has all that anybody asked knows of
	verdictBehind   = "behind"   // others know more
	verdictUnknown  = "unknown"  // nobody was asked
	verdictForked   = "forked"   // others know another history: no folder is made
	verdictDamaged  = "damaged"  // what was copied does not prove
)

const (
	restoreFormat = "tram restore 1"
	restoreFile   = "restore.json" // in the folder; the node reads it before it signs anything
	restoringTail = ".restoring"   // the folder on its way
)

// restoreReport is restore.json and the --json form.
type restoreReport struct {
	Format     string           `json:"format"`
	OK         bool             `json:"ok"` // a node may run on the folder
	Verdict    string           `json:"verdict"`
	At         time.Time        `json:"at"`
	Program    string           `json:"program"`
	Origin     string           `json:"origin"`
	Size       uint64           `json:"size"`
	Root       events.Digest    `json:"root"`
	Checkpoint string           `json:"checkpoint"` // the signed head that came with it; of this size or an earlier one
	Sources    []*restoreSource `json:"sources"`
	Known      []knownHead      `json:"known"`
	KnownSize  uint64           `json:"known_size"`
	Missing    *missingEvents   `json:"missing"`
	Judged     uint64           `json:"signatures_judged"`
	Unproved   []string         `json:"unproved"`
	Accepted   string           `json:"accepted"` // why it may be used unproved
	Error      *backupError     `json:"error"`
}

// restoreSource is one copy and what came from it.
type restoreSource struct {
	Folder  string `json:"folder"`
	Size    uint64 `json:"size"` // of its signed head
	Events  uint64 `json:"events"`
	Problem string `json:"problem"` // why not all of it could be used
}

func restore(ctx context.Context, o restoreOptions) (*restoreReport, error) {
	a := &restoreReport{Format: restoreFormat, At: o.now().UTC(), Program: version(), Sources: []*restoreSource{}, Known: []knownHead{}, Unproved: []string{}}
	r := &restoring{o: o, a: a}
	err := r.run(ctx)
	if err != nil {
		if errors.Is(err, errOtherHistory) {
			a.Verdict = verdictForked
		} else if errors.Is(err, errNotProved) {
			a.Verdict = verdictDamaged
		}
		err = fmt.Errorf("couldn't restore to %s: %w", o.to, err)
		a.Error = &backupError{backupKind(err), err.Error()}
	}
	return a, err
}

var errOtherHistory = errors.New("others know another history of this log: one of them was changed; keep them all and find out which")

// restoring is one restore under way.
type restoring struct {
	o        restoreOptions
	a        *restoreReport
	key      *ledger.Key // led on by the rotations in the longest copy
	work     string      // the folder until it is whole
	sources  []*copySource
	receipts []*keptReceipt
}

// copySource is an open copy.
type copySource struct {
	dir    string
	r      *sqlitestore.Reader
	report *restoreSource
	broken bool // at the place where the restored record ends now
}

func (r *restoring) run(ctx context.Context) (err error) {
	if err := r.prepare(); err != nil {
		return err
	}
	defer func() {
		for _, s := range r.sources {
			if s.r != nil {
				err = errors.Join(err, s.r.Close())
			}
		}
	}()
	if err := r.openSources(ctx); err != nil {
		return err
	}
	if err := r.askOthers(ctx); err != nil {
		return err
	}
	if err := r.copyAll(ctx); err != nil {
		return err
	}
	// An older copy has what a newer one knows to be destroyed.
	if _, _, err := destroyIn(ctx, r.work, 0); err != nil {
		return err
	}
	if err := r.proveAll(ctx); err != nil {
		return err
	}
	r.judge()
	if r.a.Verdict == verdictForked {
		return errOtherHistory
	}
	for _, s := range r.sources {
		there, err := exists(filepath.Join(s.dir, portalFile))
		if err != nil {
			return err
		}
		if there {
			if err := portal.CopyAccounts(ctx, filepath.Join(s.dir, portalFile), filepath.Join(r.work, portalFile)); err != nil {
				return err
			}
			break
		}
	}
	return r.finish()
}

// prepare looks at what can be seen without reading a record.
func (r *restoring) prepare() error {
	if _, err := os.Lstat(r.o.to); err == nil {
		return fmt.Errorf("%s is there already: nothing is overwritten", r.o.to)
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, dir := range append([]string{r.o.from}, r.o.also...) {
		within, err := nested(r.o.to, dir)
		if err != nil {
			return err
		}
		if within {
			return fmt.Errorf("%s and the copy %s are not apart", r.o.to, dir)
		}
	}
	r.work = filepath.Clean(r.o.to) + restoringTail
	key := r.o.key
	if key == "" {
		for _, name := range []string{filepath.Join(r.o.from, backupNodeDir, vkeyFile), filepath.Join(r.o.from, vkeyFile)} {
			if there, err := exists(name); err != nil {
				return err
			} else if there {
				key = name
				break
			}
		}
	}
	if key == "" {
		r.a.Unproved = append(r.a.Unproved, "who signed the heads: no key was given")
		return nil
	}
	k, err := readKey(key)
	if err != nil {
		return err
	}
	r.key, r.o.key = &k, key
	return nil
}

// openSources opens the copies and sees that they are copies of one history. One that cannot be opened is left out and said.
func (r *restoring) openSources(ctx context.Context) error {
	var best *copySource
	var problems []error
	for _, dir := range append([]string{r.o.from}, r.o.also...) {
		s := &copySource{dir: dir, report: &restoreSource{Folder: dir}}
		r.a.Sources = append(r.a.Sources, s.report)
		if err := r.openSource(ctx, s); err != nil {
			s.report.Problem = err.Error()
			problems = append(problems, err)
		} else {
			r.sources = append(r.sources, s)
			if best == nil || s.r.Head().Size > best.r.Head().Size {
				best = s
			}
		}
	}
	if best == nil {
		return errors.Join(problems...)
	}
	h := best.r.Head()
	r.a.Origin = h.Origin
	if r.key != nil {
		key, err := trustedKey(ctx, best.r, *r.key)
		if err != nil {
			return err
		}
		r.key = &key
	}
	for _, s := range r.sources {
		o := s.r.Head()
		if o.Origin != h.Origin {
			return fmt.Errorf("%w: %s is of %q, %s of %q", sqlitestore.ErrOtherLog, s.dir, o.Origin, best.dir, h.Origin)
		}
		proof, err := best.r.Consistency(ctx, o.Size, h.Size)
		if err == nil {
			err = ledger.CheckConsistency(proof, h.Size, h.Root, o.Size, o.Root)
		}
		if err != nil {
			return fmt.Errorf("%w: %s and %s: %w", errOtherHistory, s.dir, best.dir, err)
		}
	}
	return nil
}

func (r *restoring) openSource(ctx context.Context, s *copySource) error {
	data, err := anyDataFolder(s.dir)
	if err != nil {
		return err
	}
	reader, err := sqlitestore.OpenReader(ctx, data)
	if err != nil {
		return err
	}
	h := reader.Head()
	if r.key != nil {
		var key ledger.Key
		if key, err = trustedKey(ctx, reader, *r.key); err == nil {
			_, err = key.Open(h.Checkpoint, h.Origin)
		}
	}
	if err != nil {
		return errors.Join(fmt.Errorf("couldn't use %s: %w", s.dir, err), reader.Close())
	}
	s.dir, s.r, s.report.Size = data, reader, h.Size
	r.a.Known = append(r.a.Known, knownHead{Source: s.report.Folder, Kind: "copy", Size: h.Size, Root: &h.Root, Signed: r.key != nil})
	return nil
}

// copyAll brings the record together. Where a copy is damaged another goes on, and the damaged one goes on behind that place.
func (r *restoring) copyAll(ctx context.Context) error {
	if err := os.MkdirAll(r.work, 0o700); err != nil {
		return err
	}
	if err := r.standing(ctx); err != nil {
		return err
	}
	bar := newBar(r.o.progress, "khôi phục / restoring")
	defer bar.finish()
	for {
		s := r.next()
		if s == nil {
			return nil
		}
		if err := r.copyFrom(ctx, s, bar); err != nil {
			return err
		}
	}
}

// standing sees what a restore that was broken off has left.
func (r *restoring) standing(ctx context.Context) error {
	im, err := sqlitestore.OpenImport(ctx, r.work, r.a.Origin, sqlitestore.ImportOptions{MinFree: r.o.minFree})
	if err != nil {
		return err
	}
	h := im.Head()
	r.a.Size, r.a.Root, r.a.Checkpoint = h.Size, h.Root, string(im.Checkpoint())
	return im.Close()
}

// next is the first copy that has something more.
func (r *restoring) next() *copySource {
	for _, s := range r.sources {
		if size := s.r.Head().Size; !s.broken && (size > r.a.Size || size == r.a.Size && len(r.a.Checkpoint) == 0) {
			return s
		}
	}
	return nil
}

// copyFrom takes all that a copy has more, or as much as is good: towards a damage the stretches become shorter, down to one event.
func (r *restoring) copyFrom(ctx context.Context, s *copySource, bar *bar) error {
	for _, batch := range []int{0, 64, 1} {
		err := r.copyWith(ctx, s, batch, bar)
		if err == nil || !errors.Is(err, sqlitestore.ErrSource) {
			return err
		}
		s.report.Problem = err.Error()
	}
	s.broken = true
	return nil
}

func (r *restoring) copyWith(ctx context.Context, s *copySource, batch int, bar *bar) (err error) {
	im, err := sqlitestore.OpenImport(ctx, r.work, r.a.Origin, sqlitestore.ImportOptions{MinFree: r.o.minFree, Batch: batch})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, im.Close()) }()
	before := im.Head().Size
	for done := false; !done; {
		var c sqlitestore.Copied
		if c, err = im.Copy(ctx, s.r); err != nil {
			break
		}
		done = c.Done
		bar.set(int64(im.Head().Size), int64(s.report.Size))
	}
	h := im.Head()
	r.a.Size, r.a.Root, r.a.Checkpoint = h.Size, h.Root, string(im.Checkpoint())
	s.report.Events += h.Size - before
	if h.Size > before {
		for _, other := range r.sources {
			other.broken = false // the place where it was is behind us
		}
	}
	return err
}

// proveAll reads the whole folder again, as tram verify does, and compares it with what others know.
func (r *restoring) proveAll(ctx context.Context) (err error) {
	var report verifyProgress
	if r.o.progress != nil {
		bars := &verifyBars{w: &patientWriter{w: r.o.progress, from: time.Now().Add(showProgressAfter)}}
		report = bars.report
		defer bars.finish()
	}
	verify := r.o.verify
	if verify == nil {
		verify = runVerification
	}
	v, err := verify(ctx, verifyOptions{dir: r.work, keyFile: r.o.key}, report)
	if err != nil {
		return err
	}
	r.a.Judged = v.Judged
	if v.Error != nil {
		return fmt.Errorf("%w: %s: %s", errNotProved, v.Error.Kind, v.Error.Reason)
	}
	im, err := sqlitestore.OpenImport(ctx, r.work, r.a.Origin, sqlitestore.ImportOptions{MinFree: -1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, im.Close()) }()
	for _, k := range r.receipts {
		if k.r.Position >= r.a.Size {
			continue
		}
		entry, err := im.Entry(k.r.Position)
		if err != nil {
			return err
		}
		if entry != ledger.Entry(k.r.Bytes) {
			return fmt.Errorf("%w: receipt %s is for another event at position %d", errOtherHistory, k.file, k.r.Position)
		}
	}
	for i := range r.a.Known {
		k := &r.a.Known[i]
		if k.Root == nil || k.Size > r.a.Size {
			continue
		}
		root, err := im.RootAt(k.Size)
		if err != nil {
			return err
		}
		agrees := root == *k.Root
		k.Agrees = &agrees
	}
	return nil
}

// judge says what the folder is.
func (r *restoring) judge() {
	a, asked := r.a, false
	a.KnownSize = a.Size
	for _, k := range a.Known {
		if k.Agrees != nil && !*k.Agrees {
			a.Verdict = verdictForked
			return
		}
		asked = asked || k.Kind != "copy"
		a.KnownSize = max(a.KnownSize, k.Size)
	}
	switch {
	case a.KnownSize > a.Size:
		a.Verdict, a.Missing = verdictBehind, nameMissing(a.Size, a.KnownSize, r.receipts)
	case asked:
		a.Verdict, a.OK = verdictComplete, true
	default:
		a.Verdict, a.OK, a.Accepted = verdictUnknown, r.o.accept != "", r.o.accept
		a.Unproved = append(a.Unproved, "that no events came after these: nobody else was asked (--checkpoint, --receipt, --witness)")
	}
}

// finish gives the folder its name; until then there is none.
func (r *restoring) finish() error {
	b, err := json.MarshalIndent(r.a, "", "  ")
	if err != nil {
		return err
	}
	if err := writeDurable(filepath.Join(r.work, restoreFile), append(b, '\n'), 0o600); err != nil {
		return err
	}
	if err := os.Rename(r.work, r.o.to); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(filepath.Clean(r.o.to)))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// refuseUnrestored keeps a node from signing in a folder that is a copy, or that is behind what others have seen.
func refuseUnrestored(data string) error {
	if copied, err := exists(filepath.Join(data, manifestFile)); err != nil {
		return err
	} else if copied {
		return fmt.Errorf("couldn't run on %s: it is a copy; make a data folder from it with tram restore, which says whether anything is missing", data)
	}
	b, err := os.ReadFile(filepath.Join(data, restoreFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("couldn't see how the data was restored: %w", err)
	}
	var a restoreReport
	if err := json.Unmarshal(b, &a); err != nil || a.Format != restoreFormat {
		return fmt.Errorf("couldn't read %s: format %q, expected %q", restoreFile, a.Format, restoreFormat)
	}
	switch {
	case a.OK:
		return nil
	case a.Verdict == verdictBehind:
		return fmt.Errorf("couldn't run on %s: it was restored with %d events, %d are known; to sign now would make a second history of the log. Restore again with a copy that has the rest (tram restore --also), or declare the loss and begin a new log (tram init --continues)",
			data, a.Size, a.KnownSize)
	}
	return fmt.Errorf("couldn't run on %s: it was restored and nobody was asked how far the log went; restore again with --checkpoint, --receipt or --witness, or say why that is not needed with --accept-unproved", data)
}
