package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
)

// lifeEvent is one event of a document with what proves it.
type lifeEvent struct {
	Position   uint64         `json:"position"`
	At         time.Time      `json:"at"`
	Stream     string         `json:"stream"`
	Version    uint64         `json:"version"`
	Name       string         `json:"name"`
	Vi         string         `json:"vi"`
	En         string         `json:"en"`
	Actor      string         `json:"actor"`
	Client     string         `json:"client"`
	Package    *events.Digest `json:"package,omitempty"`
	Proof      lifeProof      `json:"proof"`
	Signatures *lifeVerdict   `json:"signatures,omitempty"` // null: the event carries no package, or it was destroyed
	Stamp      *lifeStamp     `json:"stamp,omitempty"`
	Destroyed  []string       `json:"destroyed,omitempty"` // by decision: "words", "package"
	Decision   *lifeDecision  `json:"decision,omitempty"`  // that one; null from a node, which says it on the document's page
	Missing    []string       `json:"missing,omitempty"`   // without a decision: "words", "package"

	receipt []byte
}

// lifeProof is the inclusion of the event's statement under a head.
type lifeProof struct {
	OK     bool   `json:"ok"`
	Head   uint64 `json:"head"`   // size
	Signed bool   `json:"signed"` // by a key that was given
	Error  string `json:"error,omitempty"`
}

// lifeVerdict is what the signatures of the event's package are worth as of its acceptance.
type lifeVerdict struct {
	OK     bool      `json:"ok"`
	AsOf   time.Time `json:"as_of"`
	Detail string    `json:"detail,omitempty"`
}

// lifeStamp is the earliest time-stamp over a head that holds the event.
type lifeStamp struct {
	Time time.Time `json:"time"`
	By   string    `json:"by"`
	Head uint64    `json:"head"`
}

// lifeDecision is the decision under which content was destroyed.
type lifeDecision struct {
	Words    string `json:"words,omitempty"` // empty: those of the decision are gone
	Position uint64 `json:"position"`
}

// life is the answer of tram history.
type life struct {
	Document   string      `json:"document"`
	Origin     string      `json:"origin"`
	Number     string      `json:"number,omitempty"`
	Subject    string      `json:"subject,omitempty"`
	From       string      `json:"source"` // folder or node
	OK         bool        `json:"ok"`     // every proof and signature that could be checked is good
	Events     []lifeEvent `json:"events"`
	NotChecked []string    `json:"not_checked"`
}

func historyCommand() *cobra.Command {
	var flags clientFlags
	var config, key, out string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "history DOC [DIR]",
		Short: "Đời của một văn bản với bằng chứng / one document's life with its proofs",
		Long: `Tells every event of a document: what happened, when, by whom, at which position of the log; checks the proof of each under the log's signed
head, and the signatures of each package as of its acceptance; says what was stamped and what was destroyed.

DOC is the document's key, its number or DocumentId (of several with one number the keys are listed), a package's SHA-256 or its file. With DIR or -c the record is read
in its folder, also while the node runs; with --node a running node is asked, and gives what the caller may read.

Exit status 1 if anything that could be checked is not good.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			var l *life
			var err error
			if config != "" || len(args) == 2 {
				open, dir, err := chosenRecord(config, args[1:])
				if err != nil {
					return err
				}
				if l, err = lifeInRecord(ctx, open, dir, args[0], key); err != nil {
					return err
				}
			} else {
				l, err = lifeByNode(ctx, flags, args[0], key)
			}
			if err != nil {
				return err
			}
			if out != "" {
				if err := l.writeReceipts(out); err != nil {
					return err
				}
			}
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				e.SetEscapeHTML(false)
				err = e.Encode(l)
			} else {
				l.print(cmd.OutOrStdout())
			}
			if err == nil && !l.OK {
				return errSilent
			}
			return err
		},
	}
	flags.register(cmd)
	fs := cmd.Flags()
	fs.StringVarP(&config, "config", "c", "", "the node's configuration, which says where its data is")
	fs.StringVar(&key, "log-key", "", "the log's verifier key or a file with it (default: log.vkey of the folder)")
	fs.StringVar(&out, "out", "", "folder to write the receipt of every event to")
	fs.BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// take checks a receipt and makes the event it proves. keys may be none: then who signed the head is not judged.
func (l *life) take(receipt []byte, keys []ledger.Key) (*lifeEvent, *ledger.Receipt, error) {
	r, err := ledger.ParseReceipt(receipt)
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't read receipt: %w", err)
	}
	s := &r.Statement
	e := lifeEvent{Position: r.Position, At: s.Time, Stream: s.Stream, Version: s.Version, Name: s.Name, Actor: s.Actor, Client: s.Client, receipt: receipt}
	if s.Package != nil {
		d := s.Package.SHA256
		e.Package = &d
	}
	e.Vi, e.En = tellEvent(s)
	e.Proof = proveReceipt(receipt, r, keys)
	l.Events = append(l.Events, e)
	return &l.Events[len(l.Events)-1], r, nil
}

func proveReceipt(file []byte, r *ledger.Receipt, keys []ledger.Key) (p lifeProof) {
	head, err := ledger.ReadCheckpoint(r.Checkpoint)
	if err == nil {
		p.Head = head.Size
		err = ledger.CheckInclusion(r.Proof, r.Position, ledger.Entry(r.Bytes), head.Size, head.Root)
	}
	if err == nil && head.Origin != r.Statement.Origin {
		err = fmt.Errorf("the statement is of log %q, the head of %q", r.Statement.Origin, head.Origin)
	}
	for _, k := range keys {
		if _, _, kerr := ledger.CheckReceipt(file, k); kerr == nil {
			p.Signed = true
		} else if err == nil && len(keys) == 1 {
			err = kerr
		}
	}
	if err == nil && len(keys) > 0 && !p.Signed {
		err = errors.New("no key that was given signed the head")
	}
	if p.OK = err == nil; err != nil {
		p.Error = err.Error()
	}
	return p
}

// conclude says whether all is good.
func (l *life) conclude() {
	l.OK = len(l.Events) > 0
	for i := range l.Events {
		e := &l.Events[i]
		l.OK = l.OK && e.Proof.OK && (e.Signatures == nil || e.Signatures.OK) && len(e.Missing) == 0
	}
}

// writeReceipts writes a file for each event into a folder, none over another.
func (l *life) writeReceipts(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("couldn't make folder of receipts: %w", err)
	}
	for i := range l.Events {
		e := &l.Events[i]
		err := writeNew(filepath.Join(dir, fmt.Sprintf("%012d.tlog-proof", e.Position)), func(w io.Writer) error {
			_, err := w.Write(e.receipt)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *life) print(w io.Writer) {
	if l.OK {
		fmt.Fprintln(w, "ĐÚNG / PROVED")
	} else {
		fmt.Fprintln(w, "SAI / NOT GOOD")
	}
	for _, line := range []string{strings.TrimSpace(l.Document + "  " + printable(l.Number)), printable(l.Subject), l.Origin} {
		if line != "" {
			fmt.Fprintf(w, "  %s\n", line)
		}
	}
	for _, n := range l.NotChecked {
		fmt.Fprintf(w, "  chưa kiểm / not checked: %s\n", n)
	}
	for i := range l.Events {
		e := &l.Events[i]
		fmt.Fprintf(w, "\n%d  %s  %s\n     %s\n", e.Position, local(e.At), printable(e.Vi), printable(e.En))
		fmt.Fprintf(w, "     bởi / by           %s (%s)\n", printable(e.Actor), printable(e.Client))
		switch {
		case !e.Proof.OK:
			fmt.Fprintf(w, "     bằng chứng / proof SAI / NOT GOOD: %s\n", printable(e.Proof.Error))
		case e.Proof.Signed:
			fmt.Fprintf(w, "     bằng chứng / proof đúng, dưới đầu đã ký / good, under the signed head of %d\n", e.Proof.Head)
		default:
			fmt.Fprintf(w, "     bằng chứng / proof đúng dưới đầu %d; chưa xét ai ký / good under the head of %d; who signed was not judged\n", e.Proof.Head, e.Proof.Head)
		}
		if s := e.Signatures; s != nil {
			verdict := "đúng / good"
			if !s.OK {
				verdict = "SAI / NOT GOOD: " + printable(s.Detail)
			}
			fmt.Fprintf(w, "     chữ ký / signatures %s, như lúc / as of %s\n", verdict, local(s.AsOf))
		}
		if s := e.Stamp; s != nil {
			fmt.Fprintf(w, "     dấu thời gian / stamped %s, %s (đầu / head %d)\n", local(s.Time), printable(s.By), s.Head)
		}
		if len(e.Destroyed) > 0 {
			fmt.Fprintf(w, "     đã hủy / destroyed  %s\n", contentWords(e.Destroyed))
			if d := e.Decision; d != nil {
				fmt.Fprintf(w, "     theo / by           %s (vị trí / position %d)\n", printable(d.Words), d.Position)
			}
		}
		if len(e.Missing) > 0 {
			fmt.Fprintf(w, "     THIẾU / MISSING     %s: không có quyết định hủy / no decision to destroy it\n", contentWords(e.Missing))
		}
	}
}

// contentWords names parts of an event for people.
func contentWords(parts []string) string {
	names := map[string]string{"words": "dữ kiện / words", "package": "gói tin / package"}
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = names[p]
	}
	return strings.Join(out, ", ")
}
