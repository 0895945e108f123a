package main

import (
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tram-exchange/tram/gateway/evidence"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/verdict"
)

func evidenceCheckCommand() *cobra.Command {
	var o checkOptions
	var key, witnesses string
	var nodeTime bool
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Kiểm tra hồ sơ chứng cứ, không cần trạm / judge an evidence container, offline",
		Long: `Judges everything in an evidence container: its form, every digest, the node's signature over it, the receipts, the time-stamps over
the log, the signatures of the packages at the time that is proved for them. Every part that was changed, removed, put in or moved is
named. Ends with 0 only for TOTAL-PASSED. docs/evidence.md says what each answer means.

--trust is the folder of authorities (of signers, time-stamps and nodes) with their CRLs, as for "tram check". --key is the log's verifier
key or the node's certificate, from a source of your own; without it the node's certificate must lead to an authority in the folder
and name the log's host.

--witness-policy (C2SP tlog-policy) says whose cosignatures you believe and how many you want: what is recorded then is "witnessed (k of n)" if so many
have cosigned a head that holds it, else only "sealed", and the answer INDETERMINATE.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			vo, done, err := o.judgeOptions()
			defer done()
			if err != nil {
				return err
			}
			eo := evidence.CheckOptions{Trust: vo.Trust, At: vo.At, Policy: vo.Policy, Revocation: vo.Revocation, NodeTime: nodeTime}
			if key != "" {
				k, err := readKey(key)
				if err != nil {
					return err
				}
				eo.Key = &k
			}
			if witnesses != "" {
				if eo.Witnesses, err = readWitnessPolicy(witnesses); err != nil {
					return err
				}
			}
			src, err := signing.OpenFile(args[0])
			if err != nil {
				return err
			}
			defer src.Close()
			r, err := evidence.Check(cmd.Context(), src, eo)
			if err != nil {
				return err
			}
			if o.json {
				if err := json.NewEncoder(cmd.OutOrStdout()).Encode(r); err != nil {
					return fmt.Errorf("couldn't write report: %w", err)
				}
			} else {
				printEvidence(newPalette(cmd.OutOrStdout()), args[0], r)
			}
			if !r.OK() {
				return errSilent
			}
			return nil
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&o.trustDir, "trust", "", "folder of certificates of trusted authorities and their CRLs")
	fs.StringVarP(&key, "key", "k", "", "the log's verifier key or the node's certificate")
	fs.StringVar(&o.at, "at", "", "judge as of this time (RFC 3339; default now)")
	fs.StringVar(&o.policyFile, "policy", "", "policy file (see tram check --print-policy)")
	fs.BoolVar(&o.online, "online", false, "ask the OCSP responders and CRLs that certificates name (default: only what is at hand)")
	fs.BoolVar(&o.private, "private-network", false, "with --online: let certificates name places at private addresses")
	fs.StringVar(&witnesses, "witness-policy", "", "file with the witnesses you believe (C2SP tlog-policy)")
	fs.BoolVar(&nodeTime, "node-time", false, "believe the node's clock, too: the time in a proved statement counts like a time-stamp")
	fs.BoolVar(&o.json, "json", false, "print one JSON object")
	return cmd
}

// printEvidence is the answer for people: the conclusion, what is proved, on what it rests, and what is wrong.
func printEvidence(p palette, file string, r *evidence.Report) {
	fmt.Fprintln(p.w, p.word(verdict.Conclusion{Indication: r.Indication}))
	p.line("  ", "tệp / file", file)
	p.line("  ", "sổ / log", r.Origin)
	p.line("  ", "văn bản / document", r.Document)
	if r.Made != nil {
		p.line("  ", "lập lúc / made", local(*r.Made))
	}
	p.line("  ", "xét lúc / judged at", local(r.At))
	if r.Standing != "" {
		p.line("  ", "niêm phong / standing", standingText(r.Standing, r.Witnesses))
	}
	for _, pr := range r.Proofs {
		text := fmt.Sprintf("%s, vị trí / position %d, giờ của trạm / node time %s", pr.Name, pr.Position, local(pr.NodeTime))
		if pr.Proved != nil {
			text += fmt.Sprintf("; chứng minh có trước / proved by %s", local(pr.Proved.Time))
		}
		if pr.Witnesses != nil {
			text += "; " + standingText(pr.Standing, pr.Witnesses)
		}
		p.line("  ", "sự kiện / statement", text)
	}
	digests := make([]string, 0, len(r.Packages))
	for d := range r.Packages {
		digests = append(digests, d)
	}
	slices.Sort(digests)
	for _, d := range digests {
		v := r.Packages[d]
		p.line("  ", "gói tin / package", d+" "+string(v.Indication))
		for _, s := range v.Signatures {
			p.line("  ", "người ký / signer", s.Signer+" "+string(s.Indication))
		}
	}
	for _, text := range r.Rests {
		p.line("  ", "dựa vào / rests on", text)
	}
	if len(r.Rests) == 0 && r.Indication != verdict.TotalFailed {
		p.line("  ", "dựa vào / rests on", "chưa có gì: hãy cho biết tin ai, bằng --trust hoặc --key / nothing: say whom you trust, by --trust or --key")
	}
	printFindings(p, r.Findings)
}

// standingText says sealed, or witnessed (k of n) and by whom.
func standingText(standing string, w *evidence.Witnesses) string {
	if w == nil {
		return "sealed: trạm đã niêm phong, chưa xét bên chứng kiến / by the node; witnesses were not looked at (--witness-policy)"
	}
	k := len(w.Cosignatures)
	text := fmt.Sprintf("sealed: mới có %d trên %d chữ ký chứng kiến, cần %d / %d of %d cosignatures, %d needed", k, w.Of, w.Needed, k, w.Of, w.Needed)
	if standing == evidence.StandingWitnessed {
		text = fmt.Sprintf("witnessed (%d of %d): %d bên chứng kiến đã ký, cần %d / witnesses have cosigned, %d needed", k, w.Of, k, w.Needed, w.Needed)
	}
	for i, c := range w.Cosignatures {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		text += sep + printable(c.Name) + " " + local(c.Time)
	}
	return text
}

// foldParts is how many parts of one finding are named to people.
const foldParts = 3

// printFindings prints what is wrong, each only once, with the parts that it is said of.
func printFindings(p palette, findings []evidence.Finding) {
	type said struct {
		result      verdict.Result
		vi, en, why string
	}
	marks := map[verdict.Result]string{verdict.Failed: p.paint(red, "✗"), verdict.Unknown: p.paint(yellow, "?"), verdict.Warning: p.paint(yellow, "!")}
	var order []said
	parts := map[said][]string{}
	for _, f := range findings {
		if _, ok := marks[f.Result]; !ok {
			continue
		}
		s := said{f.Result, f.Vi, f.En, ""}
		if f.Detail != "" {
			s.why = f.ID + ": " + printable(strings.ReplaceAll(f.Detail, "\n", "; "))
		}
		part := printable(f.Part)
		if part == "" {
			part = "vật chứa / container"
		}
		if parts[s] == nil {
			order = append(order, s)
		}
		parts[s] = append(parts[s], part)
	}
	for _, s := range order {
		of := parts[s]
		text := strings.Join(of[:min(len(of), foldParts)], ", ")
		if more := len(of) - foldParts; more > 0 {
			text += fmt.Sprintf(" … (×%d)", len(of))
		}
		fmt.Fprintf(p.w, "  %s %s\n    %s\n    %s\n", marks[s.result], text, s.vi, s.en)
		if s.why != "" {
			fmt.Fprintf(p.w, "    %s\n", p.paint(faint, s.why))
		}
	}
}

// publicEd25519 is the public key of a log.
func publicEd25519(key crypto.Signer) (ed25519.PublicKey, bool) {
	pub, ok := key.Public().(ed25519.PublicKey)
	return pub, ok
}
