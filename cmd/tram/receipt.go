package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/tiles"
	"github.com/tram-exchange/tram/events/ledger/witness"
)

func receiptCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "receipt", Short: "Biên nhận: kiểm tra ngoại tuyến, dẫn tới đầu nhật ký mới hơn / receipts: check offline, lead to a newer head"}
	cmd.AddCommand(receiptCheckCommand(), receiptRefreshCommand())
	return cmd
}

// What stands behind a receipt.
const (
	standingSealed    = "sealed"    // the log's own signature
	standingWitnessed = "witnessed" // and the quorum of a policy
)

// receiptAnswer is the --json form.
type receiptAnswer struct {
	OK        bool               `json:"ok"`
	Standing  string             `json:"standing"` // sealed or witnessed
	Origin    string             `json:"origin"`
	Position  uint64             `json:"position"`
	Event     string             `json:"event"`
	Stream    string             `json:"stream"`
	Time      time.Time          `json:"time"`
	Actor     string             `json:"actor"`
	Client    string             `json:"client"`
	Package   *events.PackageRef `json:"package"`
	Size      uint64             `json:"size"`
	Root      events.Digest      `json:"root"`
	Statement json.RawMessage    `json:"statement"`
	Witnesses *witnessAnswer     `json:"witnesses,omitempty"` // with --policy
}

// witnessAnswer is what a policy says about a head.
type witnessAnswer struct {
	Needed       int                 `json:"needed"`
	Of           int                 `json:"of"`
	Satisfied    bool                `json:"satisfied"`
	Cosignatures []cosignatureAnswer `json:"cosignatures"`
}

type cosignatureAnswer struct {
	Name string    `json:"name"`
	Key  string    `json:"key"`
	Time time.Time `json:"time"`
}

// errNotWitnessed: proved, but not as the policy wants it.
var errNotWitnessed = errors.New("couldn't find the quorum of the policy behind the receipt's head: refresh it (tram receipt refresh), or ask the node's operator")

func receiptCheckCommand() *cobra.Command {
	var key receiptKey
	var policyFile, log, ca string
	var asJSON bool
	check := &cobra.Command{
		Use:   "check FILE",
		Short: "Prove a receipt from its file alone, with a key you trust",
		Long: `Proves that the statement in a receipt stands in the log whose checkpoint the receipt carries. Nothing is asked of any node.

The key is a log's verifier key (a line name+id+base64, itself or in a file, or several; "tram init" writes it to log.vkey), a history of keys, or a
PEM file: the node's certificate, or the authority's that issued it. When the log's key was rotated after the one you know, --key-history leads on from
it: "tram log key --history" writes that file, and nobody need believe it.

The answer is "sealed": the log's owner signed it. With --policy (C2SP tlog-policy: whose witnesses you believe, and how many) it is
"witnessed" if enough of them have cosigned the head; otherwise the command ends with 1. With --log the receipt is also compared with what the log, or a
mirror of it, publishes now: two histories are named.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := os.ReadFile(args[0])
			if err != nil {
				return fmt.Errorf("couldn't read receipt: %w", err)
			}
			known, err := key.read()
			if err != nil {
				return err
			}
			var reader tiles.Reader
			if log != "" {
				var done func()
				if reader, done, err = publishedFiles(cmd.Context(), log, ca); err != nil {
					return err
				}
				defer done()
				if known, err = followPublished(known, reader); err != nil {
					return err
				}
			}
			answer, err := checkReceiptFile(file, known, policyFile)
			if err != nil {
				return hintRotated(err)
			}
			if log != "" {
				if err := agreesWith(file, known, reader); err != nil {
					return contradicted(cmd.OutOrStdout(), err)
				}
			}
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(answer)
			} else {
				answer.print(cmd.OutOrStdout())
			}
			if err == nil && answer.Witnesses != nil && !answer.Witnesses.Satisfied {
				err = errNotWitnessed
			}
			return err
		},
	}
	fs := check.Flags()
	key.register(fs)
	fs.StringVar(&policyFile, "policy", "", "file with the witnesses you believe (C2SP tlog-policy)")
	fs.StringVar(&log, "log", "", "compare with a published log: its address (https://…/log) or a folder")
	fs.StringVar(&ca, "ca", os.Getenv("TRAM_CA"), "with --log: PEM certificate of the authority of its HTTPS, beside the system's (TRAM_CA)")
	fs.BoolVar(&asJSON, "json", false, "print one JSON object")
	_ = check.MarkFlagRequired("key")
	return check
}

// checkReceiptFile proves a receipt, and says what the policy (empty: none) makes of its head.
func checkReceiptFile(file []byte, key ledger.Key, policyFile string) (*receiptAnswer, error) {
	r, head, err := ledger.CheckReceipt(file, key)
	if err != nil {
		return nil, err
	}
	s := r.Statement
	a := &receiptAnswer{OK: true, Standing: standingSealed, Origin: s.Origin, Position: r.Position, Event: s.Name, Stream: s.Stream, Time: s.Time,
		Actor: s.Actor, Client: s.Client, Package: s.Package, Size: head.Size, Root: head.Root, Statement: json.RawMessage(r.Bytes)}
	if policyFile == "" {
		return a, nil
	}
	p, err := readWitnessPolicy(policyFile)
	if err != nil {
		return nil, err
	}
	if a.Witnesses, err = witnessesOf(r.Checkpoint, p); err != nil {
		return nil, err
	}
	if a.Witnesses.Satisfied {
		a.Standing = standingWitnessed
	}
	return a, nil
}

// readWitnessPolicy reads a policy for checking: one that asks for nothing would call everything witnessed.
func readWitnessPolicy(file string) (*witness.Policy, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("couldn't read witness policy: %w", err)
	}
	p, err := witness.ParsePolicy(b)
	if err != nil {
		return nil, err
	}
	if k, _ := p.Need(); k == 0 {
		return nil, errors.New("couldn't use witness policy: its quorum is none, by which nothing is witnessed")
	}
	return p, nil
}

func witnessesOf(checkpoint []byte, p *witness.Policy) (*witnessAnswer, error) {
	v, err := witness.Witnessed(checkpoint, p)
	if err != nil {
		return nil, err
	}
	w := &witnessAnswer{Satisfied: v.Satisfied, Cosignatures: []cosignatureAnswer{}}
	w.Needed, w.Of = p.Need()
	for _, c := range v.Cosignatures {
		w.Cosignatures = append(w.Cosignatures, cosignatureAnswer{c.Name, c.Key.String(), c.Time})
	}
	return w, nil
}

func (a *receiptAnswer) print(out io.Writer) {
	fmt.Fprintf(out, "Biên nhận đúng / receipt proved\n")
	fmt.Fprintf(out, "  log        %s\n  position   %d of %d\n  event      %s\n  time       %s\n  actor      %s\n  client     %s\n",
		a.Origin, a.Position, a.Size, a.Event, local(a.Time), a.Actor, a.Client)
	if a.Package != nil {
		fmt.Fprintf(out, "  package    %s (%d bytes)\n", a.Package.SHA256, a.Package.Length)
	}
	if a.Witnesses == nil {
		fmt.Fprintln(out, "  standing   sealed: trạm đã niêm phong, chưa xét bên chứng kiến / by the node; witnesses were not looked at (--policy)")
		return
	}
	a.Witnesses.print(out)
}

func (w *witnessAnswer) print(out io.Writer) {
	if w.Satisfied {
		fmt.Fprintf(out, "  standing   witnessed (%d of %d): %d bên chứng kiến đã ký, cần %d / witnesses have cosigned, %d needed\n", len(w.Cosignatures), w.Of, len(w.Cosignatures), w.Needed, w.Needed)
	} else {
		fmt.Fprintf(out, "  standing   sealed: mới có %d trên %d chữ ký chứng kiến, cần %d / %d of %d cosignatures, %d needed\n",
			len(w.Cosignatures), w.Of, w.Needed, len(w.Cosignatures), w.Of, w.Needed)
	}
	for _, c := range w.Cosignatures {
		fmt.Fprintf(out, "  witness    %s %s\n", c.Name, local(c.Time))
	}
}

func receiptRefreshCommand() *cobra.Command {
	var key receiptKey
	var policyFile, log, ca, output string
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "refresh FILE",
		Short: "Lead a receipt to the newest published, cosigned head, by published files alone",
		Long: `Computes a new proof for the statement of a receipt from the published files of its log (or of a mirror), up to the head that is published now.
Nothing is believed: both heads must be signed by the key, the new one must continue the old one, and the receipt that is
written has been checked. If the log has been rewritten since, the two heads are named: keep both.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := os.ReadFile(args[0])
			if err != nil {
				return fmt.Errorf("couldn't read receipt: %w", err)
			}
			known, err := key.read()
			if err != nil {
				return err
			}
			reader, done, err := publishedFiles(cmd.Context(), log, ca)
			if err != nil {
				return err
			}
			defer done()
			if known, err = followPublished(known, reader); err != nil {
				return err
			}
			fresh, err := refreshWithin(cmd.Context(), wait, file, known, reader)
			if err != nil {
				return contradicted(cmd.OutOrStdout(), err)
			}
			answer, err := checkReceiptFile(fresh, known, policyFile)
			if err != nil {
				return err
			}
			if output == "" {
				output = args[0]
			}
			if output == "-" {
				_, err = cmd.OutOrStdout().Write(fresh)
				return err
			}
			if err := writeBytes(output, fresh); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: đầu nhật ký / head %d\n", output, answer.Size)
			answer.print(cmd.OutOrStdout())
			return nil
		},
	}
	fs := cmd.Flags()
	key.register(fs)
	fs.StringVar(&log, "log", "", "the published log: its address (https://…/log), a mirror's folder or a node's (required)")
	fs.StringVar(&ca, "ca", os.Getenv("TRAM_CA"), "PEM certificate of the authority of its HTTPS, beside the system's (TRAM_CA)")
	fs.StringVar(&policyFile, "policy", "", "say also what this policy makes of the new head")
	fs.DurationVar(&wait, "wait", refreshWait, "wait so long for the receipt's own head to be published")
	fs.StringVarP(&output, "out", "o", "", "file to write; - is standard output (default: FILE itself)")
	_ = cmd.MarkFlagRequired("key")
	_ = cmd.MarkFlagRequired("log")
	return cmd
}

// refreshWait is how long a refresh waits if it is not told. Publication follows the record by about a second, by more on a busy
// machine or while witnesses are asked.
const refreshWait = 30 * time.Second

// refreshWithin tries again while the receipt's own head is not published.
func refreshWithin(ctx context.Context, wait time.Duration, file []byte, key ledger.Key, reader tiles.Reader) ([]byte, error) {
	for end := time.Now().Add(wait); ; {
		fresh, err := tiles.Refresh(file, key, reader)
		if !errors.Is(err, tiles.ErrNotPublished) || time.Now().After(end) {
			return fresh, err
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// contradicted names two histories before it ends with the error.
func contradicted(out io.Writer, err error) error {
	c := new(tiles.Contradiction)
	if errors.As(err, &c) {
		fmt.Fprintf(out, "MÂU THUẪN / CONTRADICTION: sổ này có hai lịch sử / this log has two histories\n  size %d: root %s\n  size %d: root %s, under which size %d has root %s\n",
			c.Older.Size, c.Older.Root, c.Newer.Size, c.Newer.Root, c.Older.Size, c.Root)
	}
	return err
}

// agreesWith says whether the head of a receipt and the published one are of one history; both must be signed.
func agreesWith(file []byte, key ledger.Key, reader tiles.Reader) error {
	_, head, err := ledger.CheckReceipt(file, key)
	if err != nil {
		return err
	}
	b, err := tiles.ReadCheckpoint(reader)
	if err != nil {
		return err
	}
	published, err := key.Open(b, head.Origin)
	if err != nil {
		return fmt.Errorf("couldn't compare with the published log: %w", err)
	}
	if published.Size < head.Size {
		return fmt.Errorf("couldn't compare with the published log: published is size %d, the receipt is under size %d: %w", published.Size, head.Size, tiles.ErrNotPublished)
	}
	return tiles.Consistent(head, published, reader)
}
