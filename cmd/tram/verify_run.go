package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/schollz/progressbar/v3"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/gateway/rerun"
)

// verifyOptions say what is proved, and what a verification can lean on.
type verifyOptions struct {
	dir            string // of a node, or its data folder
	keyFile        string // file or text of the log's verifier key, or file with the node's certificate; empty: not proved whose record it is
	checkpointFile string // a checkpoint kept from earlier, or a receipt
	problems       int    // how many bad things are looked for; 0: one
	workers        int    // 0: all processors
	each           func(events.Event)
}

// Stages of a verification, for its progress.
const (
	stageRead   = "read"   // bytes of the database and the segments
	stageJudge  = "judge"  // events
	stagePublic = "public" // files of the published log
)

// verifyProgress is told how far a stage is. It is called from one goroutine at a time and must not block for long.
type verifyProgress func(stage string, done, total int64)

// runVerification proves the record in a data folder (or in the folder of a node, which has it below). It only reads, and works while
// the node runs. An error means that it could not be done (ctx ended, no such folder), not that something is wrong: that is in
// the answer. progress may be nil.
func runVerification(ctx context.Context, o verifyOptions, progress verifyProgress) (*verifyAnswer, error) {
	dir, err := dataFolder(o.dir)
	if err != nil {
		return nil, err
	}
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	opts := sqlitestore.VerifyOptions{Problems: o.problems, Workers: o.workers}
	if o.keyFile != "" {
		key, err := readKey(o.keyFile)
		if err != nil {
			return nil, err
		}
		opts.Key = &key
	}
	if o.checkpointFile != "" {
		if opts.Checkpoint, err = readCheckpointFile(o.checkpointFile); err != nil {
			return nil, err
		}
	}
	j := newJudging(ctx)
	j.each = o.each
	j.rules = &rulesAgain{ctx: ctx, dir: dir, from: j.since}
	defer j.rules.close()
	opts.Event = func(e events.Event, s sqlitestore.Stored) (func() error, error) { return j.event(e, s) }
	opts.Judged = func(done, size uint64, _ func() events.Digest) { progress(stageJudge, int64(done), int64(size)) }
	r, err := sqlitestore.Verify(ctx, dir, opts, func(done, total int64) { progress(stageRead, done, total) })
	if err != nil {
		return nil, err
	}
	a := &verifyAnswer{OK: r.Problem == nil, Origin: r.Origin, Events: r.Events, Packages: r.Packages, Size: r.Size, Root: r.Root,
		Judged: j.judged, Log: newVerifyLog(r.Log), Unproved: append([]string{}, r.Unproved...), Unused: []unusedBytes{}, Problems: []verifyProblem{}}
	for _, s := range r.Unreferenced {
		a.Unused = append(a.Unused, unusedBytes(s))
	}
	for _, p := range r.Problems {
		a.bad(problemOf(p))
	}
	if !a.OK {
		return a, nil
	}
	open, err := j.rules.finish()
	var cut *rerun.Mismatch
	switch {
	case errors.As(err, &cut):
		a.bad(&verifyProblem{Kind: "rules", Position: &cut.Position, Reason: cut.Error()})
		return a, nil
	case err != nil:
		return nil, err
	}
	a.Judged = open.Packages
	for _, u := range open.Unproved {
		a.Unproved = append(a.Unproved, unprovedText(u))
	}
	var bad *verifyProblem
	if a.Stamps, bad, err = verifyStamps(ctx, dir); err != nil {
		return nil, err
	}
	a.bad(bad)
	return a, nil
}

// bad takes something that is wrong; nil is nothing.
func (a *verifyAnswer) bad(p *verifyProblem) {
	if p == nil {
		return
	}
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

// readCheckpointFile reads a checkpoint, or takes it out of a receipt, which carries the one of its day after its first empty line.
func readCheckpointFile(name string) ([]byte, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("couldn't read checkpoint: %w", err)
	}
	if _, carried, ok := bytes.Cut(b, []byte("\n\n")); ok && bytes.HasPrefix(b, []byte("c2sp.org/tlog-proof@")) {
		return carried, nil
	}
	return b, nil
}

// verifyBars shows the progress of one stage after the other.
type verifyBars struct {
	w     io.Writer
	stage string
	bar   *progressbar.ProgressBar
}

var stageNames = map[string]string{
	stageRead: "đọc lại / reading", stageJudge: "kiểm chữ ký / judging", stagePublic: "nhật ký công khai / published log",
}

func (b *verifyBars) report(stage string, done, total int64) {
	if b.stage != stage {
		b.finish()
		b.stage = stage
		b.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(b.w), progressbar.OptionSetDescription(stageNames[stage]),
			progressbar.OptionShowBytes(stage == stageRead), progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(progressEvery))
	}
	b.bar.ChangeMax64(max(total, done, 1))
	_ = b.bar.Set64(done)
}

func (b *verifyBars) finish() {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
}
