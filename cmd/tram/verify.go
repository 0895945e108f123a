package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/events"
)

// verifyAnswer is the --json form.
type verifyAnswer struct {
	OK       bool            `json:"ok"`
	Origin   string          `json:"origin"`
	Events   uint64          `json:"events"`
	Packages uint64          `json:"packages"`
	Size     uint64          `json:"size"`
	Root     events.Digest   `json:"root"`
	Judged   uint64          `json:"signatures_judged"` // packages whose signatures were judged again
	Stamps   uint64          `json:"time_stamps"`       // over heads of the log, verified again
	Log      verifyLog       `json:"log"`
	Unproved []string        `json:"unproved"`
	Unused   []unusedBytes   `json:"unreferenced"`
	Error    *verifyProblem  `json:"error"`    // the first of the problems
	Problems []verifyProblem `json:"problems"` // one, or as many as were asked for
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
			var progress verifyProgress
			if !quiet && !asJSON {
				bars := &verifyBars{w: &patientWriter{w: cmd.ErrOrStderr(), from: time.Now().Add(showProgressAfter)}}
				progress = bars.report
				defer bars.finish()
			}
			answer, err := runVerification(cmd.Context(), o, progress)
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

func (a *verifyAnswer) print(w io.Writer) {
	if a.OK {
		fmt.Fprintf(w, "ĐÚNG / PROVED\n")
	} else {
		fmt.Fprintf(w, "SAI / NOT GOOD\n")
	}
	fmt.Fprintf(w, "  log        %s\n  events     %d\n  packages   %d (signatures judged again: %d)\n  stamps     %d\n  head       size %d, root %s\n", a.Origin, a.Events, a.Packages, a.Judged, a.Stamps, a.Size, a.Root)
	a.Log.print(w)
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
