package main

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/tram-exchange/tram/signing/verdict"
)

// palette writes lines, in colour where a person looks at them.
type palette struct {
	w      io.Writer
	colour bool
}

func newPalette(w io.Writer) palette {
	f, ok := w.(*os.File)
	return palette{w, ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

const (
	green, yellow, red, faint = "32", "33", "31", "2"
)

func (p palette) paint(colour, s string) string {
	if !p.colour {
		return s
	}
	return "\x1b[" + colour + "m" + s + "\x1b[0m"
}

func (p palette) line(indent, name, value string) {
	if value != "" {
		fmt.Fprintf(p.w, "%s%s %s\n", indent, p.paint(faint, fmt.Sprintf("%-24s", name)), printable(value))
	}
}

// printable keeps what a stranger wrote from moving the cursor or changing the order of letters.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '\uFFFD'
		}
		return r
	}, s)
}

// word is a verdict in words and colour.
func (p palette) word(c verdict.Conclusion) string {
	reason := ""
	if c.SubIndication != "" {
		reason = ": " + string(c.SubIndication)
	}
	switch c.Indication {
	case verdict.TotalPassed:
		return p.paint(green, "HỢP LỆ / VALID") + " (TOTAL-PASSED)"
	case verdict.TotalFailed:
		return p.paint(red, "KHÔNG HỢP LỆ / NOT VALID") + " (TOTAL-FAILED" + reason + ")"
	}
	return p.paint(yellow, "CHƯA KẾT LUẬN ĐƯỢC / NOT DETERMINED") + " (INDETERMINATE" + reason + ")"
}

func (c *checked) print(p palette) {
	fmt.Fprintln(p.w, p.word(c.Conclusion))
	p.line("  ", "tệp / file", fmt.Sprintf("%s, %d bytes", c.File, c.Size))
	p.line("  ", "sha256", c.SHA256)
	p.line("  ", "xét lúc / judged at", local(c.At))
	p.line("  ", "chính sách / policy", c.Policy)
	p.line("  ", "loại / kind", c.Kind)
	if k := c.Package; k != nil {
		p.line("  ", "nơi gửi / sender", k.Sender)
		p.line("  ", "nơi nhận / to", strings.Join(k.Recipients, ", "))
		p.line("  ", "số / number", k.Number)
		p.line("  ", "trích yếu / subject", k.Subject)
		for _, f := range k.Files {
			p.line("  ", "tệp đính kèm / file", f)
		}
		for _, t := range k.Problems {
			p.line("  ", "lỗi / problem", t)
		}
		for _, t := range k.Warnings {
			p.line("  ", "lưu ý / warning", t)
		}
	}
	p.checks("  ", c.Checks)
	for i := range c.Signatures {
		fmt.Fprintf(p.w, "\n")
		p.signature(fmt.Sprint(i+1), &c.Signatures[i])
	}
	if c.Package == nil {
		return
	}
	for _, f := range c.Package.SignedFiles {
		fmt.Fprintf(p.w, "\ntệp đã ký / signed file %s: %s\n", printable(f.Name), p.word(f.Conclusion))
		p.checks("  ", f.Checks)
		for i := range f.Signatures {
			p.signature(fmt.Sprintf("%d (%s)", i+1, printable(f.Name)), &f.Signatures[i])
		}
	}
}

func (p palette) signature(n string, s *verdict.SignatureVerdict) {
	fmt.Fprintf(p.w, "chữ ký / signature %s: %s\n", n, p.word(s.Conclusion))
	p.line("  ", "người ký / signer", s.Signer)
	if len(s.Chain) > 0 {
		p.line("  ", "cấp bởi / issued by", s.Chain[0].Issuer)
	}
	if s.SigningTime != nil {
		p.line("  ", "ký lúc / signed", local(*s.SigningTime)+" (người ký khai / claimed)")
	}
	if s.BestTimeBy != "validation" {
		p.line("  ", "có trước / existed by", local(s.BestTime)+" ("+provedBy(s.BestTimeBy)+")")
	}
	p.line("  ", "mức / level", s.Level)
	p.line("  ", "thuật toán / algorithm", s.Algorithm)
	p.line("  ", "bảo vệ / covers", covers(s))
	for _, t := range s.Timestamps {
		p.line("  ", "dấu thời gian / stamp", fmt.Sprintf("%s, %s, %s", local(t.Time), t.Signer, t.Indication))
		p.checks("    ", slices.DeleteFunc(slices.Clone(t.Checks), func(c verdict.Check) bool { return c.ID == verdict.CheckTrial }))
	}
	p.checks("  ", s.Checks)
}

func provedBy(by string) string {
	switch by {
	case "time-stamp":
		return "dấu thời gian / time-stamp"
	case "proof":
		return "bằng chứng ngoài / outside proof"
	}
	return by
}

// covers says in words what a signature protects.
func covers(s *verdict.SignatureVerdict) string {
	if s.Whole {
		return "toàn bộ văn bản / the whole document"
	}
	var parts []string
	for _, r := range s.References {
		switch {
		case strings.Contains(r.Type, "SignedProperties"):
		default:
			name := r.URI
			if name == "" {
				name = "văn bản / the document"
			}
			if !r.OK {
				name += " (không khớp / does not fit)"
			}
			parts = append(parts, name)
		}
	}
	return strings.Join(parts, ", ")
}

// checks tells those that did not pass, with what to do.
func (p palette) checks(indent string, all []verdict.Check) {
	for _, c := range all {
		mark := ""
		switch c.Result {
		case verdict.Failed:
			mark = p.paint(red, "✗")
		case verdict.Unknown:
			mark = p.paint(yellow, "?")
		case verdict.Warning:
			mark = p.paint(yellow, "!")
		default:
			continue
		}
		fmt.Fprintf(p.w, "%s%s %s\n%s  %s\n", indent, mark, c.Vi, indent, c.En)
		if c.Detail != "" {
			fmt.Fprintf(p.w, "%s  %s\n", indent, p.paint(faint, c.ID+": "+printable(c.Detail)))
		}
		if vi, en := c.Advice(); vi != "" {
			fmt.Fprintf(p.w, "%s  → %s\n%s    %s\n", indent, vi, indent, en)
		}
	}
}

// keyName is the type and size of a public key in words.
func keyName(pub any) string {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA-%d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	}
	return fmt.Sprintf("%T", pub)
}
