package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func verifyCommand() *cobra.Command {
	var o verifyOptions
	var remote remoteOptions
	var asJSON, quiet bool
	var htmlFile string
	cmd := &cobra.Command{
		Use:   "verify DIR|URL",
		Short: "Kiểm chứng toàn bộ sổ của trạm / prove a node's whole record",
		Long: `Reads everything in a node's data folder again: statements, facts, packages and their signatures as of acceptance, positions, versions, the
tree, the head, the database itself, the log's time-stamps, the published log and the registers. It only reads, works while the node runs, and ends with 1 if
anything is bad, which it names.

Without --key it cannot tell whose record this is; without --checkpoint (one kept from earlier) it cannot tell that nothing was cut from the end; without
--policy it does not ask whether witnesses saw the same log.

With an address it proves what the node at it shows: the published log wholly, and the statements and packages that the holder of --token-file may read.

--resume keeps how far the judgement came, in a file of yours: a verification that was broken off goes on, and tomorrow's judges only what is new. Every
byte is read and hashed again all the same.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.dir = args[0]
			var progress verifyProgress
			if !quiet && !asJSON {
				bars := &verifyBars{w: &patientWriter{w: cmd.ErrOrStderr(), from: time.Now().Add(showProgressAfter)}}
				progress = bars.report
				defer bars.finish()
			}
			run := runVerification
			if strings.HasPrefix(o.dir, "https://") {
				run = remote.run
			}
			answer, err := run(cmd.Context(), o, progress)
			if err != nil {
				if asJSON { // who reads the object gets one whatever is wrong
					failed := newVerifyAnswer(o.dir, version(), time.Now())
					failed.bad(&verifyProblem{Kind: "unreadable", Reason: err.Error()})
					_ = json.NewEncoder(cmd.OutOrStdout()).Encode(failed)
				}
				return err
			}
			if htmlFile != "" {
				if err := writeVerifyHTML(htmlFile, answer); err != nil {
					return err
				}
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
	fs.StringVar(&o.policyFile, "policy", "", "witness policy (C2SP tlog-policy) that the published checkpoint must satisfy")
	fs.StringVar(&o.stateFile, "resume", "", "file, outside the node's folder, that keeps how far the judgement came")
	fs.IntVar(&o.problems, "all", 1, "name up to so many bad things, not only the first")
	fs.IntVar(&o.workers, "workers", 0, "processors to use (default: all)")
	fs.BoolVar(&o.noViews, "no-views", false, "do not build the registers again and compare them")
	fs.StringVar(&htmlFile, "html", "", "also write a printable report of one page")
	fs.BoolVar(&asJSON, "json", false, "print one JSON object")
	fs.BoolVarP(&quiet, "quiet", "q", false, "no progress bar")
	remote.register(fs)
	return cmd
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
