package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/internal/view"
)

const (
	verificationFolder = "verify" // in the data folder: what was found, newest by name
	verificationsKept  = 30
)

// verifications are the runs of the whole-state checker that people ask for in the portal: one at a time, on one processor, so that
// the exchange goes on beside it. Results lie in a folder and are no part of the record: whoever can write there could write "proved",
// as whoever runs the node could show any page. That is why the page says how to verify elsewhere.
type verifications struct {
	dir    string
	verify func(ctx context.Context, progress verifyProgress) (*verifyAnswer, error)
	report func(*verifyAnswer) ([]byte, error)
	now    func() time.Time
	log    *slog.Logger
	wanted chan string // account that asks; capacity one

	mu   sync.Mutex
	runs []portal.Verification // newest first
}

// newVerifications reads what was found before. A run that has not ended was cut off with its node.
func newVerifications(dir string, now func() time.Time, log *slog.Logger,
	verify func(context.Context, verifyProgress) (*verifyAnswer, error), report func(*verifyAnswer) ([]byte, error)) (*verifications, error) {
	v := &verifications{dir: dir, verify: verify, report: report, now: now, log: log, wanted: make(chan string, 1)}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("couldn't make folder of verifications: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("couldn't list verifications: %w", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("couldn't read verification: %w", err)
		}
		var run portal.Verification
		if err := json.Unmarshal(b, &run); err != nil || run.ID != strings.TrimSuffix(filepath.Base(f), ".json") {
			log.Warn("a stored verification cannot be read and is left out", "file", f, "error", err)
			continue
		}
		if run.Running() {
			run.Outcome, run.Ended, run.Stage = portal.OutcomeEnded, run.Started, ""
		}
		v.runs = append(v.runs, run)
	}
	slices.SortFunc(v.runs, func(x, y portal.Verification) int {
		return cmp.Or(y.Started.Compare(x.Started), cmp.Compare(len(y.ID), len(x.ID)), cmp.Compare(y.ID, x.ID))
	})
	return v, nil
}

// list gives the runs, newest first.
func (v *verifications) list() []portal.Verification {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.runs)
}

// begin asks for a run in the name of an account.
func (v *verifications) begin(account string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.runs) > 0 && v.runs[0].Running() {
		return portal.ErrVerifying
	}
	started := v.now().UTC().Truncate(time.Second)
	id := started.Format("20060102-150405")
	for n := 2; slices.ContainsFunc(v.runs, func(r portal.Verification) bool { return r.ID == id }); n++ {
		id = fmt.Sprintf("%s-%d", started.Format("20060102-150405"), n)
	}
	run := portal.Verification{ID: id, By: account, Started: started}
	if err := v.write(run); err != nil {
		return err
	}
	v.runs = slices.Insert(v.runs, 0, run)
	v.wanted <- id // there is room: nothing runs
	return nil
}

// run does what is asked for until ctx ends.
func (v *verifications) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case id := <-v.wanted:
			v.one(ctx, id)
		}
	}
}

// one does one run to its end.
func (v *verifications) one(ctx context.Context, id string) {
	answer, err := v.verify(ctx, func(stage string, done, total int64) {
		v.change(id, func(r *portal.Verification) { r.Stage, r.Done, r.Total = stage, done, total })
	})
	var page []byte
	if err == nil {
		if page, err = v.report(answer); err == nil {
			err = writeBytes(filepath.Join(v.dir, id+".html"), page)
		}
	}
	run := v.change(id, func(r *portal.Verification) {
		r.Stage, r.Done, r.Total, r.Ended = "", 0, 0, v.now().UTC().Truncate(time.Second)
		switch {
		case ctx.Err() != nil:
			r.Outcome = portal.OutcomeEnded
		case err != nil:
			r.Outcome, r.Problem = portal.OutcomeFailed, err.Error()
		default:
			r.Outcome, r.Report = portal.OutcomeProved, true
			r.Size, r.Root, r.Events, r.Packages, r.Judged, r.Open = answer.Size, answer.Root.String(), answer.Events, answer.Packages, answer.Judged, answer.Unproved
			if p := answer.Error; p != nil {
				r.Outcome, r.Problem, r.Means = portal.OutcomeWrong, p.Kind+": "+p.Reason, problemWords[p.Kind]
				if p.Position != nil {
					r.Position, r.Has = *p.Position, true
				}
			}
		}
	})
	if run.Outcome == portal.OutcomeWrong {
		v.log.Error("the record was verified and is not good", "by", run.By, "problem", run.Problem)
	} else {
		v.log.Info("the record was verified", "by", run.By, "outcome", run.Outcome, "size", run.Size)
	}
	if err := errors.Join(v.write(run), v.forget()); err != nil {
		v.log.Error("couldn't keep the result of a verification", "error", err)
	}
}

func (v *verifications) change(id string, f func(*portal.Verification)) portal.Verification {
	v.mu.Lock()
	defer v.mu.Unlock()
	i := slices.IndexFunc(v.runs, func(r portal.Verification) bool { return r.ID == id })
	f(&v.runs[i])
	return v.runs[i]
}

func (v *verifications) write(run portal.Verification) error {
	b, err := json.MarshalIndent(run, "", "  ")
	if err == nil {
		err = writeBytes(filepath.Join(v.dir, run.ID+".json"), b)
	}
	if err != nil {
		return fmt.Errorf("couldn't write verification: %w", err)
	}
	return nil
}

// forget removes the oldest beyond those that are kept.
func (v *verifications) forget() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	var errs []error
	for len(v.runs) > verificationsKept {
		old := v.runs[len(v.runs)-1]
		v.runs = v.runs[:len(v.runs)-1]
		for _, name := range []string{old.ID + ".json", old.ID + ".html"} {
			if err := os.Remove(filepath.Join(v.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

var verificationID = regexp.MustCompile(`^[0-9]{8}-[0-9]{6}(-[0-9]+)?$`)

// open gives the report of a run; view.ErrNotFound if there is none.
func (v *verifications) open(id string) (io.ReadCloser, error) {
	if !verificationID.MatchString(id) {
		return nil, view.ErrNotFound
	}
	f, err := os.Open(filepath.Join(v.dir, id+".html"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, view.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't open report: %w", err)
	}
	return f, nil
}
