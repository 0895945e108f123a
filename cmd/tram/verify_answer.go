package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/internal/bilingual"
)

// verifyAnswer is the --json form, and what the reports are made of.
type verifyAnswer struct {
	OK       bool            `json:"ok"`
	Origin   string          `json:"origin"`
	Events   uint64          `json:"events"`
	Packages uint64          `json:"packages"`
	Size     uint64          `json:"size"`
	Root     events.Digest   `json:"root"`
	Judged   uint64          `json:"signatures_judged"` // packages whose signatures were judged in this run
	Stamps   uint64          `json:"time_stamps"`       // over heads of the log, verified again
	Log      verifyLog       `json:"log"`
	Unproved sentences       `json:"unproved"`
	Unused   []unusedBytes   `json:"unreferenced"`
	Error    *verifyProblem  `json:"error"`    // the first of the problems
	Problems []verifyProblem `json:"problems"` // one, or as many as were asked for

	Of        string           `json:"of"`         // folder or address
	Program   string           `json:"program"`    // that verified
	Started   time.Time        `json:"started"`    //
	Finished  time.Time        `json:"finished"`   // zero: it did not come so far
	Key       string           `json:"key"`        // that the heads were proved by; empty: none
	Signed    uint64           `json:"signed"`     // size of the head that is stored as signed
	Since     *uint64          `json:"checkpoint"` // size of the older checkpoint that is contained; null: none was given
	Evidence  uint64           `json:"evidence"`
	Destroyed *destroyedAnswer `json:"destroyed"` // by decisions in the record; null: nothing
	Bytes     int64            `json:"package_bytes"`
	Notes     sentences        `json:"notes"`
	Earlier   *earlierAnswer   `json:"earlier"`   // what an earlier verification judged; null: this one judged all
	Published *publishedAnswer `json:"published"` // null: not looked at, or nothing is published
	Rules     *rulesAnswer     `json:"rules"`     // null: not asked, or something was bad before
	Views     *viewsAnswer     `json:"views"`     // null: not compared
	Withheld  *withheldAnswer  `json:"withheld"`  // of a remote record: what the caller may not read; null: nothing
	Vi        answerVi         `json:"vi"`        // the sentences above in Vietnamese, in the same order
}

// earlierAnswer is what is taken from the state of an earlier verification: the judgement on events before Size. Their bytes were read again.
type earlierAnswer struct {
	Size   uint64        `json:"size"`
	Root   events.Digest `json:"root"`
	Judged uint64        `json:"signatures_judged"`
	Runs   []verifyRun   `json:"runs"`
}

func (a *verifyAnswer) earlierHead() *ledger.Head {
	if a.Earlier == nil {
		return nil
	}
	return &ledger.Head{Origin: a.Origin, Size: a.Earlier.Size, Root: a.Earlier.Root}
}

// withheldAnswer counts what a node did not show: proved to be there, and nothing else.
type withheldAnswer struct {
	Statements uint64 `json:"statements"`
	Packages   uint64 `json:"packages"`
}

// rulesAnswer counts what the rules decided again.
type rulesAnswer struct {
	Events  uint64 `json:"events"`
	Appends uint64 `json:"decisions"`
}

// destroyedAnswer counts what decisions in the record destroyed.
type destroyedAnswer struct {
	Facts    uint64 `json:"facts"` // events whose facts are gone
	Packages uint64 `json:"packages"`

	Decisions []destroyedDecision `json:"decisions"` // all that are recorded, carried out or not
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
	Vi       string         `json:"vi"` // what that kind of thing means
}

func newVerifyAnswer(of, program string, started time.Time) *verifyAnswer {
	return &verifyAnswer{OK: true, Of: of, Program: program, Started: started.UTC().Truncate(time.Second),
		Unproved: sentences{}, Unused: []unusedBytes{}, Problems: []verifyProblem{}, Notes: sentences{}}
}

// take is what the verification of a folder found.
func (a *verifyAnswer) take(r sqlitestore.VerifyReport) {
	a.Origin, a.Events, a.Packages, a.Bytes, a.Evidence = r.Origin, r.Events, r.Packages, r.PackageBytes, r.Evidence
	a.Size, a.Root, a.Signed, a.Log = r.Size, r.Root, r.SignedSize, newVerifyLog(r.Log)
	a.Unproved = append(a.Unproved, r.Unproved...)
	if len(r.Destroyed.Decisions) > 0 {
		a.Destroyed = &destroyedAnswer{Facts: r.FactsGone, Packages: r.PackagesGone, Decisions: destroyedDecisions(r.Destroyed)}
	}
	for _, s := range r.Unreferenced {
		a.Unused = append(a.Unused, unusedBytes(s))
	}
	for _, p := range r.Problems {
		a.bad(problemOf(p))
	}
}

func (a *verifyAnswer) unproved(what bilingual.Text) { a.Unproved = append(a.Unproved, what) }

// bad takes something that is wrong; nil is nothing.
func (a *verifyAnswer) bad(p *verifyProblem) {
	if p == nil {
		return
	}
	p.Vi = problemWords[p.Kind].Vi
	if a.OK = false; a.Error == nil {
		a.Error = p
	}
	a.Problems = append(a.Problems, *p)
}

func problemOf(p *sqlitestore.Problem) *verifyProblem {
	out := &verifyProblem{Kind: p.Kind, Position: p.Position, Package: p.Package, File: p.File, Reason: p.Reason}
	if p.Offset >= 0 {
		out.Offset = &p.Offset
	}
	return out
}

// describeKey names a key that was given, as far as people can compare it: the line itself, or the digest of the certificate.
func describeKey(arg string) string {
	text := arg
	if b, err := os.ReadFile(arg); err == nil {
		text = strings.TrimSpace(string(b))
	}
	if block, _ := pem.Decode([]byte(text)); block != nil {
		d := sha256.Sum256(block.Bytes)
		return "certificate sha256:" + hex.EncodeToString(d[:])
	}
	line, _, _ := strings.Cut(text, "\n")
	return line
}

func (a *verifyAnswer) print(w io.Writer) {
	if a.OK {
		fmt.Fprintf(w, "ĐÚNG / PROVED\n")
	} else {
		fmt.Fprintf(w, "SAI / NOT GOOD\n")
	}
	fmt.Fprintf(w, "  log        %s\n  events     %d\n  packages   %d (signatures judged again: %d)\n", a.Origin, a.Events, a.Packages, a.Judged)
	if e := a.Earlier; e != nil {
		fmt.Fprintf(w, "  earlier    events before %d were judged before (%d signatures, last %s); all their bytes were read again\n", e.Size, e.Judged, lastRun(e.Runs))
	}
	if r := a.Rules; r != nil {
		fmt.Fprintf(w, "  rules      %d events from %d decisions are what the rules give\n", r.Events, r.Appends)
	}
	fmt.Fprintf(w, "  stamps     %d\n  head       size %d, root %s\n", a.Stamps, a.Size, a.Root)
	a.Log.print(w)
	if p := a.Published; p != nil {
		fmt.Fprintf(w, "  published  size %d, %d files", p.Size, p.Files)
		if p.Of > 0 {
			fmt.Fprintf(w, "; witnesses: %d, policy asks for %d of %d", len(p.Cosigned), p.Need, p.Of)
		}
		fmt.Fprintln(w)
	}
	if v := a.Views; v != nil {
		fmt.Fprintf(w, "  views      built again from %d events, %d rows alike\n", v.Position, v.Rows)
	}
	if d := a.Destroyed; d != nil {
		fmt.Fprintf(w, "  destroyed  %d packages, facts of %d events, by decisions in the record; their places are proved\n", d.Packages, d.Facts)
		for _, x := range d.Decisions {
			state := "carried out"
			if !x.Complete {
				state = "not carried out yet"
			}
			fmt.Fprintf(w, "             %s: position %d, %d targets, %s\n", printable(x.Decision), x.Position, len(x.Targets), state)
		}
	}
	if h := a.Withheld; h != nil {
		fmt.Fprintf(w, "  withheld   %d statements and %d packages, which the caller may not read; their places are proved\n", h.Statements, h.Packages)
	}
	for _, s := range a.Unused {
		fmt.Fprintf(w, "  unused     %d bytes at %d of %s, left by an append that was never accepted\n", s.Length, s.Offset, s.File)
	}
	for _, n := range a.Notes {
		fmt.Fprintf(w, "  note       %s\n", n)
	}
	for _, u := range a.Unproved {
		fmt.Fprintf(w, "  not proved %s\n", u)
	}
	for i := range a.Problems {
		a.Problems[i].print(w)
	}
}

func lastRun(runs []verifyRun) string {
	if len(runs) == 0 {
		return "never"
	}
	return local(runs[len(runs)-1].Time)
}

func (e *verifyProblem) print(w io.Writer) {
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
