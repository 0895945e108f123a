package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/mod/sumdb/note"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/ledger"
	"github.com/tram-exchange/tram/events/ledger/tiles"
	"github.com/tram-exchange/tram/events/ledger/witness"
	"github.com/tram-exchange/tram/events/sqlitestore"
	"github.com/tram-exchange/tram/gateway/rerun"
	"github.com/tram-exchange/tram/internal/bilingual"
)

// verifyOptions say what is proved, and what a verification can lean on.
type verifyOptions struct {
	dir            string          // of a node, or its data folder
	keyFile        string          // file or text of the log's verifier key, or file with the node's certificate; empty: not proved whose record it is
	checkpointFile string          // a checkpoint kept from earlier, or a receipt
	policyFile     string          // witness policy that the published checkpoint must satisfy; empty: cosignatures are not looked at
	policy         *witness.Policy // the same, read already
	stateFile      string          // what this verification goes on from and leaves for the next; empty: everything is judged
	problems       int             // how many bad things are looked for; 0: one
	workers        int             // 0: all processors
	noViews        bool            // views are not compared
	each           func(events.Event)
	now            func() time.Time // nil: time.Now
	keepEvery      time.Duration    // how often the state is written; 0: every 2 seconds
}

// Stages of a verification, for its progress.
const (
	stageFetch  = "fetch"  // statements of a node at an address
	stageRead   = "read"   // bytes of the database and the segments
	stageJudge  = "judge"  // events
	stagePublic = "public" // files of the published log
	stageViews  = "views"  // events read into second views
	stageRows   = "rows"   // rows of them compared
)

// verifyProgress is told how far a stage is. It is called from one goroutine at a time and must not block for long.
type verifyProgress func(stage string, done, total int64)

// runVerification proves the record in a data folder (or in the folder of a node, which has it below), with what is derived from it. It
// only reads, and works while the node runs. An error means that it could not be done (ctx ended, no such folder), not that something
// is wrong: that is in the answer. progress may be nil.
func runVerification(ctx context.Context, o verifyOptions, progress verifyProgress) (*verifyAnswer, error) {
	o, progress = o.withDefaults(progress)
	dir, err := anyDataFolder(o.dir)
	if err != nil {
		return nil, err
	}
	v := &verification{o: o, dir: dir, progress: progress}
	a, err := v.run(ctx)
	if m, merr := readMark(dir); err == nil && merr == nil && m != nil {
		a.Notes = append(a.Notes, bilingual.Say("sổ đã tiếp tục trong cụm: đây là phần còn ở thư mục này khi chuyển đi; tram verify -c tram.yaml kiểm chứng cả sổ",
			"the log went on in a cluster: this is what the folder held when it was moved; tram verify -c tram.yaml proves the log"))
	}
	return a, err
}

func (o verifyOptions) withDefaults(progress verifyProgress) (verifyOptions, verifyProgress) {
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	if o.now == nil {
		o.now = time.Now
	}
	if o.keepEvery == 0 {
		o.keepEvery = 2 * time.Second
	}
	return o, progress
}

// verification is one run over a folder.
type verification struct {
	o        verifyOptions
	dir      string
	progress verifyProgress

	key    *ledger.Key
	policy *witness.Policy
	keeper *keeper // nil: nothing is kept
	answer *verifyAnswer
}

func (v *verification) run(ctx context.Context) (*verifyAnswer, error) {
	started := v.o.now()
	program, err := thisProgram()
	if err != nil {
		return nil, err
	}
	v.answer = newVerifyAnswer(v.o.dir, program, started)
	if err := v.readInputs(started); err != nil {
		return nil, err
	}
	if err := v.record(ctx); err != nil {
		return nil, err
	}
	// What is derived from the record is compared with a record that is good.
	if v.answer.OK {
		for _, step := range []func(context.Context) error{v.stamps, v.published, v.views} {
			if err := step(ctx); err != nil {
				return nil, err
			}
		}
	}
	v.answer.Finished = v.o.now().UTC().Truncate(time.Second)
	return v.answer, nil
}

// readInputs reads what was given beside the folder.
func (v *verification) readInputs(now time.Time) error {
	a := v.answer
	if v.o.keyFile != "" {
		key, err := readKey(v.o.keyFile)
		if err != nil {
			return err
		}
		v.key, a.Key = &key, describeKey(v.o.keyFile)
	}
	v.policy = v.o.policy
	if v.o.policyFile != "" {
		var err error
		if v.policy, err = readPolicy(v.o.policyFile); err != nil {
			return err
		}
	}
	if v.o.stateFile == "" {
		return nil
	}
	if v.dir != "" {
		if err := outside(v.o.stateFile, v.dir); err != nil {
			return err
		}
	}
	k, note, err := newKeeper(v.o.stateFile, v.dir == "", v.o.keepEvery, now.UTC().Truncate(time.Second))
	if err != nil {
		return err
	}
	if v.keeper = k; !note.IsZero() {
		a.Notes = append(a.Notes, note)
	}
	return nil
}

// record proves the record itself.
func (v *verification) record(ctx context.Context) error {
	a := v.answer
	opts := sqlitestore.VerifyOptions{Problems: v.o.problems, Workers: v.o.workers, Key: v.key,
		Entries: func(from uint64) []events.Digest {
			return tiles.PublishedEntries(os.DirFS(filepath.Join(v.dir, logFolder)), from)
		}}
	var err error
	if v.o.checkpointFile != "" {
		if opts.Checkpoint, err = readCheckpointFile(v.o.checkpointFile); err != nil {
			return err
		}
		if h, err := ledger.ReadCheckpoint(opts.Checkpoint); err == nil {
			a.Since = &h.Size
		}
	}
	j := newJudging(ctx)
	j.each = v.o.each
	if k := v.keeper; k != nil {
		if j.since = k.state.Size; k.head() != nil {
			opts.Earlier = k.head()
			a.Earlier = k.earlierAnswer()
		}
	}
	j.rules = &rulesAgain{ctx: ctx, from: j.since, open: func() (rerun.Record, func() error, error) { return folderAgain(ctx, v.dir) }}
	defer j.rules.close()
	opts.Event = func(e events.Event, s sqlitestore.Stored) (func() error, error) { return j.event(e, s) }
	var keepErr error
	opts.Judged = func(done, size uint64, head func() ledger.Head) {
		v.progress(stageJudge, int64(done), int64(size))
		if k := v.keeper; k != nil && keepErr == nil && j.good(done) && (done == size || !v.o.now().Before(k.next)) {
			keepErr = k.keep(head(), j.judged, v.o.now())
		}
	}
	r, err := sqlitestore.Verify(ctx, v.dir, opts, func(done, total int64) { v.progress(stageRead, done, total) })
	if err = errors.Join(err, keepErr); err != nil {
		return err
	}
	a.take(r)
	a.Judged = j.judged
	if r.Problem != nil {
		return nil
	}
	if v.key != nil && r.Log.First != "" {
		// The key that was given is one of those that the log says to follow each other: from here on all count, each for its heads.
		chain, err := r.Log.Chain()
		if err != nil {
			return err
		}
		v.key = new(ledger.ChainKey(chain))
	}
	return v.rules(j)
}

// rules says what the rules leave open when all events were given to them.
func (v *verification) rules(j *judging) error {
	open, err := j.rules.finish()
	var cut *rerun.Mismatch
	switch {
	case errors.As(err, &cut):
		v.answer.bad(&verifyProblem{Kind: kindRules, Position: &cut.Position, Reason: cut.Error()})
		return nil
	case err != nil:
		return err
	}
	v.answer.Rules = &rulesAnswer{Events: open.Events, Appends: open.Appends}
	for _, u := range open.Unproved {
		v.answer.unproved(unprovedText(u))
	}
	return nil
}

func (v *verification) stamps(ctx context.Context) (err error) {
	var bad *verifyProblem
	v.answer.Stamps, bad, err = verifyStamps(ctx, recordIn(v.dir))
	v.answer.bad(bad)
	return err
}

func (v *verification) published(ctx context.Context) error {
	var verifiers []note.Verifier
	if v.key != nil {
		var err error
		if verifiers, err = v.key.Verifiers(v.answer.Origin); err != nil {
			return fmt.Errorf("couldn't use key: %w", err)
		}
	}
	p, bad, err := verifyPublished(ctx, v.dir, recordIn(v.dir), verifiers, v.policy, v.progress)
	if err != nil {
		return err
	}
	if v.key != nil && p != nil && bad == nil {
		if _, err := v.key.Open(p.checkpoint, v.answer.Origin); err != nil {
			bad = publishedFault(&tiles.Fault{Path: tiles.CheckpointPath, Reason: err.Error()})
		}
	}
	v.answer.bad(bad)
	switch v.answer.Published = p; {
	case p == nil && bad == nil:
		v.answer.unproved(unpublishedText(v.dir))
	case v.policy == nil:
		v.answer.unproved(noPolicyGiven)
	}
	return nil
}

func (v *verification) views(ctx context.Context) error {
	return v.answer.compareViews(ctx, v.o.noViews, v.dir, recordIn(v.dir), v.progress)
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
	stageFetch: "tải về / fetching", stageRead: "đọc lại / reading", stageJudge: "xét lại / judging", stagePublic: "nhật ký công khai / published log",
	stageViews: "dựng lại sổ / registers", stageRows: "so sánh sổ / comparing registers",
}

func (b *verifyBars) report(stage string, done, total int64) {
	if b.stage != stage {
		b.finish()
		b.stage = stage
		b.bar = progressbar.NewOptions64(max(total, 1), progressbar.OptionSetWriter(b.w), progressbar.OptionSetDescription(stageNames[stage]),
			progressbar.OptionShowBytes(stage == stageRead), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(),
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
