package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/gateway"
)

// verifyAnswer is the --json form.
type verifyAnswer struct {
	OK       bool           `json:"ok"`
	Origin   string         `json:"origin"`
	Events   uint64         `json:"events"`
	Packages uint64         `json:"packages"`
	Size     uint64         `json:"size"`
	Root     events.Digest  `json:"root"`
	Judged   uint64         `json:"signatures_judged"` // packages whose signatures were judged again
	Stamps   uint64         `json:"time_stamps"`       // over heads of the log, verified again
	Unproved []string       `json:"unproved"`
	Unused   []unusedBytes  `json:"unreferenced"`
	Error    *verifyProblem `json:"error"`
}

type unusedBytes struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Length int64  `json:"length"`
}

type verifyProblem struct {
	Kind     string         `json:"kind"`
	Position *uint64        `json:"position"`
	Package  *events.Digest `json:"package"`
	File     string         `json:"file"`
	Offset   *int64         `json:"offset"`
	Reason   string         `json:"reason"`
}

type verifyOptions struct {
	dir, keyFile, checkpointFile string
	progress                     io.Writer          // nil: none
	each                         func(events.Event) // nil: nobody wants to see every event
}

func verifyCommand() *cobra.Command {
	var o verifyOptions
	var asJSON, quiet bool
	cmd := &cobra.Command{
		Use:   "verify DIR",
		Short: "Kiểm chứng toàn bộ sổ của trạm / prove a node's whole record",
		Long: `Reads everything in a node's data folder again: statements, facts, packages and their signatures as of acceptance, positions,
versions, the tree, the head, the database itself. It only reads, and works while the node runs. Ends with 1 at the first bad thing.

Without --key it cannot tell whose record this is; without --checkpoint (one kept from earlier) it cannot tell that nothing was cut from the end.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.dir = args[0]
			if !quiet && !asJSON {
				o.progress = cmd.ErrOrStderr()
			}
			answer, err := verifyDir(cmd.Context(), o)
			if err != nil {
				if asJSON { // who reads the object gets one whatever is wrong
					_ = json.NewEncoder(cmd.OutOrStdout()).Encode(verifyAnswer{Unproved: []string{}, Unused: []unusedBytes{},
						Error: &verifyProblem{Kind: "unreadable", Reason: err.Error()}})
				}
				return err
			}
			if asJSON {
				if err := json.NewEncoder(cmd.OutOrStdout()).Encode(answer); err != nil {
					return err
				}
			} else {
				answer.print(cmd.OutOrStdout())
			}
			if !answer.OK {
				return errSilent
			}
			return nil
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&o.keyFile, "key", "k", "", "the log's verifier key (or a file with it) or a file with the node's certificate")
	fs.StringVar(&o.checkpointFile, "checkpoint", "", "a checkpoint of this log kept from earlier, or a receipt, which carries one")
	fs.BoolVar(&asJSON, "json", false, "print one JSON object")
	fs.BoolVarP(&quiet, "quiet", "q", false, "no progress bar")
	return cmd
}

// verifyDir proves the record in a data folder (or in the folder of a node, which has it below).
func verifyDir(ctx context.Context, o verifyOptions) (*verifyAnswer, error) {
	dir, err := dataFolder(o.dir)
	if err != nil {
		return nil, err
	}
	var opts sqlitestore.VerifyOptions
	if o.keyFile != "" {
		key, err := readKey(o.keyFile)
		if err != nil {
			return nil, err
		}
		opts.Key = &key
	}
	if o.checkpointFile != "" {
		if opts.Checkpoint, err = os.ReadFile(o.checkpointFile); err != nil {
			return nil, fmt.Errorf("couldn't read checkpoint: %w", err)
		}
		// A receipt carries the checkpoint of its day after its first empty line.
		if _, carried, ok := bytes.Cut(opts.Checkpoint, []byte("\n\n")); ok && bytes.HasPrefix(opts.Checkpoint, []byte("c2sp.org/tlog-proof@")) {
			opts.Checkpoint = carried
		}
	}
	var judged uint64
	answers := answerReader{ctx: ctx, dir: dir}
	defer answers.close()
	var trust believed
	opts.Event = func(e events.Event, evidence func() ([]byte, error), open func() (events.PackageReader, error)) error {
		done, err := judgeAgain(ctx, e, evidence, answers.read, open, trust.check)
		if err == nil {
			err = trust.follow(e)
		}
		if done {
			judged++
		}
		if o.each != nil {
			o.each(e)
		}
		return err
	}
	var bar *progressbar.ProgressBar
	out := &patientWriter{w: o.progress, from: time.Now().Add(showProgressAfter)}
	progress := func(done, total int64) {
		if o.progress == nil {
			return
		}
		if bar == nil {
			bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(out), progressbar.OptionSetDescription("kiểm chứng / verifying"),
				progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(progressEvery))
		}
		bar.ChangeMax64(max(total, done, 1))
		_ = bar.Set64(done)
	}
	r, err := sqlitestore.Verify(ctx, dir, opts, progress)
	if bar != nil {
		_ = bar.Finish()
	}
	if err != nil {
		return nil, err
	}
	a := &verifyAnswer{OK: r.Problem == nil, Origin: r.Origin, Events: r.Events, Packages: r.Packages, Size: r.Size, Root: r.Root,
		Judged: judged, Unproved: append([]string{}, r.Unproved...), Unused: []unusedBytes{}}
	for _, s := range r.Unreferenced {
		a.Unused = append(a.Unused, unusedBytes(s))
	}
	if p := r.Problem; p != nil {
		a.Error = &verifyProblem{Kind: p.Kind, Position: p.Position, Package: p.Package, File: p.File, Reason: p.Reason}
		if p.Offset >= 0 {
			a.Error.Offset = &p.Offset
		}
		return a, nil
	}
	if a.Stamps, a.Error, err = verifyStamps(ctx, dir); err != nil {
		return nil, err
	}
	a.OK = a.Error == nil
	return a, nil
}

// answerReader reads the CRLs and OCSP responses that evidence refers to. It opens the record when it is first asked.
type answerReader struct {
	ctx    context.Context
	dir    string
	reader *sqlitestore.Reader
	last   events.Digest // packages of one signer refer to the same answers
	raw    []byte
}

func (a *answerReader) read(d events.Digest) ([]byte, error) {
	if a.raw != nil && a.last == d {
		return a.raw, nil
	}
	if a.reader == nil {
		var err error
		if a.reader, err = sqlitestore.OpenReader(a.ctx, a.dir); err != nil {
			return nil, err
		}
	}
	raw, err := a.reader.Evidence(a.ctx, d)
	if err == nil {
		a.last, a.raw = d, raw
	}
	return raw, err
}

func (a *answerReader) close() {
	if a.reader != nil {
		_ = a.reader.Close()
	}
}

// judgeAgain verifies the signatures of an event's package as of its acceptance, whom the record believed and what was known of
// revocation then. Only the first event of an append names evidence; events without a package have nothing to judge.
func judgeAgain(ctx context.Context, e events.Event, evidence func() ([]byte, error), answer func(events.Digest) ([]byte, error), open func() (events.PackageReader, error),
	trusted func(events.Event, *gateway.Evidence, time.Time) error) (bool, error) {
	if e.Statement.Package == nil || e.Statement.Evidence == nil {
		return false, nil
	}
	acc, err := acceptanceOf(e, func(events.Digest) ([]byte, error) { return evidence() })
	if err != nil {
		return false, err
	}
	p, err := open()
	if err != nil {
		return false, fmt.Errorf("couldn't open package: %w", err)
	}
	report, err := acc.verify(ctx, p)
	if err == nil {
		err = acc.fits(report)
	}
	if err == nil {
		err = acc.evidence.JudgeAgain(ctx, acc.at, answer)
	}
	if err == nil {
		err = trusted(e, &acc.evidence, acc.at)
	}
	return true, errors.Join(err, p.Close())
}

func (a *verifyAnswer) print(w io.Writer) {
	if a.OK {
		fmt.Fprintf(w, "ĐÚNG / PROVED\n")
	} else {
		fmt.Fprintf(w, "SAI / NOT GOOD\n")
	}
	fmt.Fprintf(w, "  log        %s\n  events     %d\n  packages   %d (signatures judged again: %d)\n  stamps     %d\n  head       size %d, root %s\n", a.Origin, a.Events, a.Packages, a.Judged, a.Stamps, a.Size, a.Root)
	for _, s := range a.Unused {
		fmt.Fprintf(w, "  unused     %d bytes at %d of %s, left by an append that was never accepted\n", s.Length, s.Offset, s.File)
	}
	for _, u := range a.Unproved {
		fmt.Fprintf(w, "  not proved %s\n", u)
	}
	if e := a.Error; e != nil {
		fmt.Fprintf(w, "  error      %s: %s\n", e.Kind, e.Reason)
		if e.Position != nil {
			fmt.Fprintf(w, "  position   %d\n", *e.Position)
		}
		if e.Package != nil {
			fmt.Fprintf(w, "  package    %s\n", *e.Package)
		}
		if e.File != "" {
			fmt.Fprintf(w, "  file       %s", e.File)
			if e.Offset != nil {
				fmt.Fprintf(w, ", offset %d", *e.Offset)
			}
			fmt.Fprintln(w)
		}
	}
}
