package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/adapters/portal"
	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/internal/view"
)

// asked is verifications whose checker is a function of the test's.
type asked struct {
	*verifications
	now    time.Time
	answer *verifyAnswer
	err    error
	during func()
}

func newAsked(t *testing.T, dir string) *asked {
	t.Helper()
	a := &asked{now: time.Date(2026, 11, 30, 2, 0, 0, 0, time.UTC), answer: &verifyAnswer{OK: true, Size: 7, Events: 7, Packages: 2, Judged: 2, Root: events.Sum(nil)}}
	var err error
	a.verifications, err = newVerifications(dir, func() time.Time { return a.now }, slog.New(slog.DiscardHandler),
		func(ctx context.Context, progress verifyProgress) (*verifyAnswer, error) {
			progress(stageJudge, 3, 7)
			if a.during != nil {
				a.during()
			}
			return a.answer, a.err
		}, func(*verifyAnswer) ([]byte, error) { return []byte("<p>biên bản</p>"), nil })
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// do begins a run and takes it to its end.
func (a *asked) do(t *testing.T, ctx context.Context) portal.Verification {
	t.Helper()
	if err := a.begin("thanhtra"); err != nil {
		t.Fatal(err)
	}
	a.one(ctx, <-a.wanted)
	return a.list()[0]
}

func TestVerificationsAskedFor(t *testing.T) {
	dir := t.TempDir()
	a := newAsked(t, dir)
	a.during = func() {
		if r := a.list()[0]; !r.Running() || r.Stage != stageJudge || r.Done != 3 || r.Total != 7 || r.By != "thanhtra" {
			t.Errorf("under way it is %+v", r)
		}
		if err := a.begin("another"); !errors.Is(err, portal.ErrVerifying) {
			t.Errorf("a second one beside it: %v", err)
		}
		a.now = a.now.Add(time.Minute)
	}
	r := a.do(t, t.Context())
	if r.Outcome != portal.OutcomeProved || r.Size != 7 || r.Judged != 2 || !r.Report || r.Ended.Sub(r.Started) != time.Minute || r.Stage != "" {
		t.Errorf("proved, it is %+v", r)
	}
	f, err := a.open(r.ID)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err != nil || string(b) != "<p>biên bản</p>" || f.Close() != nil {
		t.Errorf("report %q, %v", b, err)
	}
	for _, id := range []string{"", "..", "../" + r.ID, "20200101-000000", r.ID + ".html", strings.Repeat("9", 4000)} {
		if _, err := a.open(id); !errors.Is(err, view.ErrNotFound) {
			t.Errorf("report %q: %v", id, err)
		}
	}

	a.during = nil
	position := uint64(5)
	a.answer = &verifyAnswer{Size: 7, Error: &verifyProblem{Kind: "facts", Position: &position, Reason: "digest differs"}}
	if r := a.do(t, t.Context()); r.Outcome != portal.OutcomeWrong || r.Problem != "facts: digest differs" || !r.Has || r.Position != 5 {
		t.Errorf("not good, it is %+v", r)
	}
	a.answer, a.err = nil, errors.New("couldn't read")
	if r := a.do(t, t.Context()); r.Outcome != portal.OutcomeFailed || r.Problem != "couldn't read" || r.Report {
		t.Errorf("failed, it is %+v", r)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	a.err = context.Canceled
	if r := a.do(t, ended); r.Outcome != portal.OutcomeEnded || r.Problem != "" {
		t.Errorf("cut short, it is %+v", r)
	}
	// Two within one second have names of their own.
	seen := map[string]bool{}
	for _, r := range a.list() {
		if seen[r.ID] {
			t.Errorf("%s stands twice", r.ID)
		}
		seen[r.ID] = true
	}

	// A new node knows them; one that was under way when the old one was killed has ended; a broken file is left out.
	if err := a.begin("thanhtra"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "20991231-000000.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	b2 := newAsked(t, dir)
	list := b2.list()
	if len(list) != len(a.list()) || list[0].Outcome != portal.OutcomeEnded || list[len(list)-1].Outcome != portal.OutcomeProved {
		t.Errorf("after a restart: %+v", list)
	}
	if r := b2.do(t, t.Context()); r.Outcome != portal.OutcomeProved {
		t.Errorf("and another: %+v", r)
	}
}

func TestOldVerificationsAreForgotten(t *testing.T) {
	dir := t.TempDir()
	a := newAsked(t, dir)
	for range verificationsKept + 3 {
		a.now = a.now.Add(time.Hour)
		a.do(t, t.Context())
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(a.list()) != verificationsKept || len(files) != 2*verificationsKept {
		t.Errorf("%d runs, %d files, %v", len(a.list()), len(files), err)
	}
}
