package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func verifyCommand() *cobra.Command {
	var o verifyOptions
	var remote remoteOptions
	var show verifyOutput
	var config string
	cmd := &cobra.Command{
		Use:   "verify DIR|URL|-c tram.yaml",
		Short: "Kiểm chứng toàn bộ sổ của trạm / prove a node's whole record",
		Long: `Reads everything in a node's data folder again: statements, facts, packages and their signatures as of acceptance, positions, versions, the
tree, the head, the database itself, the log's time-stamps, the published log and the registers. It only reads, works while the node runs, and ends with 1 if
anything is bad, which it names.

Without --key it cannot tell whose record this is; without --checkpoint (one kept from earlier) it cannot tell that nothing was cut from the end; without
--policy it does not ask whether witnesses saw the same log.

With -c it proves the record of that node wherever it lies, also in a cluster (store.kind), by the node's own key.

With an address it proves what the node at it shows: the published log wholly, and the statements and packages that the holder of --token-file may read.

--resume keeps how far the judgement came, in a file of yours: a verification that was broken off goes on, and tomorrow's judges only what is new. Every
byte is read and hashed again all the same.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (config == "") == (len(args) == 0) {
				return errors.New("couldn't choose what to verify: give -c tram.yaml, a folder or an address, one of them")
			}
			run := runVerification
			if config != "" {
				c, err := loadConfig(config)
				if err != nil {
					return err
				}
				run, o.dir = verifyConfigured(c), c.Origin
			} else if o.dir = args[0]; strings.HasPrefix(o.dir, "https://") {
				run = remote.run
			}
			return show.prove(cmd, o.dir, func(ctx context.Context, progress verifyProgress) (*verifyAnswer, error) {
				return run(ctx, o, progress)
			})
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&o.keyFile, "key", "k", "", "the log's verifier key (or a file with it) or a file with the node's certificate")
	fs.StringVar(&o.checkpointFile, "checkpoint", "", "a checkpoint of this log kept from earlier, or a receipt, which carries one")
	fs.StringVar(&o.policyFile, "policy", "", "witness policy (C2SP tlog-policy) that the published checkpoint must satisfy")
	fs.StringVar(&o.stateFile, "resume", "", "file, outside the node's folder, that keeps how far the judgement came")
	fs.IntVar(&o.problems, "all", 1, "name up to so many bad things, not only the first")
	fs.IntVar(&o.workers, "workers", 0, "processors to use (default: all)")
	fs.BoolVar(&o.noViews, "no-views", false, "do not build the registers again and compare them")
	fs.StringVarP(&config, "config", "c", "", "the node's configuration, which says where its record lies")
	show.register(fs)
	remote.register(fs)
	return cmd
}

// verifyOutput says how the answer of a verification is shown.
type verifyOutput struct {
	json, quiet bool
	html        string
}

func (s *verifyOutput) register(fs *pflag.FlagSet) {
	fs.StringVar(&s.html, "html", "", "also write a printable report of one page")
	fs.BoolVar(&s.json, "json", false, "print one JSON object")
	fs.BoolVarP(&s.quiet, "quiet", "q", false, "no progress bar")
}

// prove runs a verification and shows what it found. Something bad is errSilent.
func (s *verifyOutput) prove(cmd *cobra.Command, of string, run func(context.Context, verifyProgress) (*verifyAnswer, error)) error {
	var progress verifyProgress
	if !s.quiet && !s.json {
		bars := &verifyBars{w: &patientWriter{w: cmd.ErrOrStderr(), from: time.Now().Add(showProgressAfter)}}
		progress = bars.report
		defer bars.finish()
	}
	answer, err := run(cmd.Context(), progress)
	if err != nil {
		if s.json { // who reads the object gets one whatever is wrong
			failed := newVerifyAnswer(of, version(), time.Now())
			failed.bad(&verifyProblem{Kind: "unreadable", Reason: err.Error()})
			_ = json.NewEncoder(cmd.OutOrStdout()).Encode(failed)
		}
		return err
	}
	if s.html != "" {
		if err := writeVerifyHTML(s.html, answer); err != nil {
			return err
		}
	}
	if s.json {
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
}

// writeVerifyHTML writes the printable report.
func writeVerifyHTML(name string, a *verifyAnswer) error {
	b, err := a.html()
	if err == nil {
		err = os.WriteFile(name, b, 0o644)
	}
	if err != nil {
		return fmt.Errorf("couldn't write report: %w", err)
	}
	return nil
}
