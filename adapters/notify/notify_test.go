package notify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/internal/notice"
	"github.com/tram-exchange/tram/internal/view"
)

func TestToldOnce(t *testing.T) {
	f := newFixture(t)
	f.account("lan", notice.AtOnce)
	f.views.note("lan", 10, view.WorkHandle)
	f.views.note("lan", 11, view.WorkReturned)
	f.views.note("lan", 11, "done")
	f.views.note("binh", 12, view.WorkHandle) // another's
	list := f.step()
	if got := f.counts(list); !maps.Equal(got, map[notice.Kind]int{notice.Work: 1, notice.Back: 1, notice.Done: 1}) {
		t.Errorf("told %v", got)
	}
	if m := list[0].message; m.Link != "https://tram.example/portal/notes" || m.Language != "vi" || m.sum() != "1 việc mới, 1 việc bị trả lại, thu hồi hoặc được đề nghị lấy lại, 1 việc đã giao nay đã xong" {
		t.Errorf("message is %+v: %s", m, m.sum())
	}
	if list := f.step(); len(list) > 0 {
		t.Errorf("told again: %+v", list)
	}
	// What comes shortly after is gathered.
	f.views.note("lan", 20, view.WorkAssign)
	if list := f.step(); len(list) > 0 {
		t.Errorf("told before the gap is over: %+v", list)
	}
	f.views.note("lan", 21, view.WorkSign)
	f.clock.pass(onceGap)
	if got := f.counts(f.step()); got[notice.Work] != 2 {
		t.Errorf("told %v", got)
	}
	f.choose("lan", notice.Hourly, notice.Status)
	f.views.note("lan", 30, view.WorkHandle)
	if list := f.step(); len(list) > 0 || f.way("lan").From != 31 {
		t.Errorf("told what is not wanted: %+v; cursor %d", list, f.way("lan").From)
	}
	f.views.note("lan", 40, "status")
	if got := f.counts(f.step()); got[notice.Status] != 1 {
		t.Errorf("told %v", got)
	}
	f.views.note("lan", 41, "status")
	f.clock.pass(59 * time.Minute)
	if list := f.step(); len(list) > 0 {
		t.Errorf("twice in an hour: %+v", list)
	}
	f.clock.pass(time.Minute)
	if got := f.counts(f.step()); got[notice.Status] != 1 {
		t.Errorf("told %v", got)
	}
}

// Rights are judged when something is told, not when it was chosen.
func TestNobodyIsToldWithoutRight(t *testing.T) {
	ends := map[string]func(f *fixture) error{
		"the duty has ended":       func(f *fixture) error { f.views.none["lan"] = true; return nil },
		"the account is closed":    func(f *fixture) error { _, err := f.db.Exec(`UPDATE accounts SET disabled=1`); return err },
		"the person is another":    func(f *fixture) error { _, err := f.db.Exec(`UPDATE accounts SET person='x'`); return err },
		"the account is gone":      func(f *fixture) error { _, err := f.db.Exec(`DELETE FROM accounts`); return err },
		"no more, says the person": func(f *fixture) error { f.choose("lan", notice.Never); return nil },
	}
	for name, end := range ends {
		for _, begun := range []bool{false, true} {
			f := newFixture(t)
			f.account("lan", notice.AtOnce)
			f.views.note("lan", 10, view.WorkHandle)
			if begun { // and did not arrive at the first try
				f.hook.outcome = func(notice.Way, Message) (bool, error) {
					return false, &Failure{Trouble: notice.Answered, Err: errors.New("500")}
				}
				f.step()
				f.hook.outcome = nil
				f.clock.pass(time.Hour)
			}
			if err := end(f); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if list := f.step(); len(list) > 0 {
					t.Errorf("%s (begun: %v), and told %+v", name, begun, list)
				}
				f.clock.pass(2 * time.Hour)
			}
		}
	}
	// The account closes between the look and the sending.
	f := newFixture(t)
	f.account("lan", notice.AtOnce)
	f.views.note("lan", 10, view.WorkHandle)
	f.o.Choices = closing{f.store, func() { f.db.Exec(`UPDATE accounts SET disabled=1`) }}
	f.restart()
	if list := f.step(); len(list) > 0 {
		t.Errorf("told while the account closed: %+v", list)
	}
}

// closing does something before what is to be told is fixed.
type closing struct {
	*notice.Store
	before func()
}

func (c closing) Begin(ctx context.Context, w notice.Way) error {
	c.before()
	return c.Store.Begin(ctx, w)
}

// stuck cannot keep that something has arrived.
type stuck struct{ *notice.Store }

func (stuck) Settle(context.Context, notice.Way, time.Time) error { return errors.New("disk full") }

func TestRestartBetweenSendingAndKeeping(t *testing.T) {
	f := newFixture(t)
	f.account("lan", notice.AtOnce)
	f.views.note("lan", 10, view.WorkHandle)
	f.o.Choices = stuck{f.store}
	f.restart()
	if _, err := f.notify.Step(t.Context()); err == nil {
		t.Error("nobody says that it could not be kept")
	}
	first := f.hook.take()
	f.views.note("lan", 11, view.WorkHandle) // comes while the node is down
	f.o.Choices = f.store
	f.restart()
	f.clock.pass(time.Hour)
	second := f.step()
	if len(first) != 1 || len(second) != 1 || first[0].message.ID != second[0].message.ID || f.counts(first)[notice.Work] != 1 || f.counts(second)[notice.Work] != 1 {
		t.Fatalf("first %+v, then %+v: want the same again, under the same id", first, second)
	}
	f.clock.pass(time.Hour)
	third := f.step()
	if f.counts(third)[notice.Work] != 1 || third[0].message.ID == first[0].message.ID {
		t.Errorf("what came meanwhile: %+v", third)
	}
	if list := f.step(); len(list) > 0 {
		t.Errorf("and again: %+v", list)
	}
}

func TestFailuresWaitLongerAndPause(t *testing.T) {
	f := newFixture(t)
	f.account("lan", notice.AtOnce)
	f.views.note("lan", 10, view.WorkHandle)
	f.hook.outcome = func(notice.Way, Message) (bool, error) {
		return false, &Failure{Trouble: notice.Answered, Err: errors.New("answered 500")}
	}
	wait := firstRetry
	for try := 1; try <= maxTries; try++ {
		f.step()
		w := f.way("lan")
		if w.Tries != try || w.Paused != (try == maxTries) || w.Trouble != notice.Answered {
			t.Fatalf("after try %d: %+v", try, w)
		}
		if got := w.Next.Sub(f.clock.now()); got != wait {
			t.Errorf("after try %d it waits %v, want %v", try, got, wait)
		}
		f.clock.pass(wait - time.Second)
		if f.step(); f.hook.tried != try {
			t.Fatalf("tried before its time, after try %d", try)
		}
		f.clock.pass(time.Second)
		wait = min(2*wait, lastRetry)
	}
	f.clock.pass(100 * time.Hour)
	if f.step(); f.hook.tried != maxTries {
		t.Error("tried while it is paused")
	}
	if s, err := f.notify.Status(t.Context()); err != nil || s.Paused != 1 || s.Waiting != 0 {
		t.Errorf("status is %+v, %v", s, err)
	}
	f.views.note("lan", 11, view.WorkHandle)
	f.hook.outcome = nil
	if err := f.store.Resume(t.Context(), "tk-lan", notice.ByWebhook); err != nil {
		t.Fatal(err)
	}
	told := f.counts(f.step())[notice.Work]
	f.clock.pass(onceGap)
	if told += f.counts(f.step())[notice.Work]; told != 2 {
		t.Errorf("told of %d, want both: nothing is lost", told)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		failure Failure
		tries   int // until it is paused
	}{
		"gone for good": {Failure{Trouble: notice.Refused, Final: true, Err: errors.New("410")}, 1},
		"no mailbox":    {Failure{Trouble: notice.Refused, Err: errors.New("550")}, maxTries / refusal},
		"private":       {Failure{Trouble: notice.Private, Err: errors.New("10.0.0.1")}, maxTries},
	} {
		f := newFixture(t)
		f.account("lan", notice.AtOnce)
		f.views.note("lan", 10, view.WorkHandle)
		f.hook.outcome = func(notice.Way, Message) (bool, error) { return false, &c.failure }
		for range 30 {
			f.step()
			f.clock.pass(10 * time.Hour)
		}
		if w := f.way("lan"); !w.Paused || f.hook.tried != c.tries || w.Trouble != c.failure.Trouble {
			t.Errorf("%s: tried %d times, want %d; %+v", name, f.hook.tried, c.tries, w)
		}
	}
	f := newFixture(t)
	f.account("lan", notice.AtOnce)
	f.views.note("lan", 10, view.WorkHandle)
	f.hook.outcome = func(notice.Way, Message) (bool, error) {
		return false, &Failure{Trouble: notice.Answered, After: 3 * time.Hour, Err: errors.New("429")}
	}
	f.step()
	if got := f.way("lan").Next.Sub(f.clock.now()); got != 3*time.Hour {
		t.Errorf("asked to wait three hours, waits %v", got)
	}
}

// When the node's own mail server is away nobody's way is counted as failed, and webhooks go on.
func TestOwnMailServer(t *testing.T) {
	f := newFixture(t)
	for _, p := range []string{"lan", "binh"} {
		f.account(p, notice.AtOnce)
		f.email(p)
		f.views.note(p, 10, view.WorkHandle)
	}
	f.mail.outcome = func(notice.Way, Message) (bool, error) {
		return false, &Failure{Own: true, Err: errors.New("no route to host")}
	}
	if list := f.step(); len(list) != 2 || f.mail.tried != 1 {
		t.Errorf("told %+v; the mail server was tried %d times, want once", list, f.mail.tried)
	}
	for range 20 {
		f.clock.pass(20 * time.Minute)
		f.step()
	}
	s, err := f.notify.Status(t.Context())
	if err != nil || s.Failing != 0 || s.Paused != 0 || !s.MailSince.Equal(tuesday) || s.MailError == "" {
		t.Errorf("status is %+v, %v", s, err)
	}
	f.mail.outcome = nil
	f.clock.pass(20 * time.Minute)
	if list := f.step(); len(list) != 2 {
		t.Errorf("afterwards told %+v", list)
	}
	if s, err := f.notify.Status(t.Context()); err != nil || !s.MailSince.IsZero() || s.Waiting != 0 {
		t.Errorf("status is %+v, %v", s, err)
	}
}

// A place that does not answer holds up nobody elsewhere, and those behind it are not counted as failed.
func TestSlowPlaces(t *testing.T) {
	f := newFixture(t)
	for _, p := range []string{"lan", "binh", "duc", "ha"} {
		f.account(p, notice.AtOnce)
		f.views.note(p, 10, view.WorkHandle)
	}
	slow := map[string]bool{"tk-lan": true, "tk-binh": true}
	f.hook.place = func(w notice.Way) string {
		if slow[w.Account] {
			return "slow"
		}
		return w.Address
	}
	arrived, release := make(chan string, 4), make(chan struct{})
	f.hook.outcome = func(w notice.Way, _ Message) (bool, error) {
		if slow[w.Account] {
			<-release
			return false, &Failure{Trouble: notice.Unreachable, Err: errors.New("timeout")}
		}
		arrived <- w.Account
		return true, nil
	}
	done := make(chan []sent)
	go func() { done <- f.step() }()
	got := map[string]bool{<-arrived: true, <-arrived: true} // while the slow place still hangs
	close(release)
	<-done
	if !got["tk-duc"] || !got["tk-ha"] || f.hook.tried != 3 {
		t.Errorf("arrived at %v after %d tries", got, f.hook.tried)
	}
	if a, b := f.way("lan").Tries, f.way("binh").Tries; a+b != 1 {
		t.Errorf("tries are %d and %d: want only the one that was tried", a, b)
	}
}

func TestViewsFail(t *testing.T) {
	f := newFixture(t)
	f.account("lan", notice.AtOnce)
	f.views.note("lan", 10, view.WorkHandle)
	f.views.fail = errors.New("views are being rebuilt")
	if _, err := f.notify.Step(t.Context()); err == nil {
		t.Error("nobody says that the views could not be asked")
	}
	f.views.fail = nil
	if got := f.counts(f.step()); got[notice.Work] != 1 {
		t.Errorf("told %v", got)
	}
}

// Whatever goes wrong in whatever order: in the end each note was told exactly once under each id, and by each way once.
func TestEveryNoteIsToldOnce(t *testing.T) {
	kinds := []string{view.WorkHandle, view.WorkReturned, "done", "status"}
	rapid.Check(t, func(rt *rapid.T) {
		f := newFixture(t)
		people := []string{"lan", "binh"}
		pace := rapid.SampledFrom([]notice.Pace{notice.AtOnce, notice.Hourly})
		for _, p := range people {
			f.account(p, pace.Draw(rt, "pace"))
		}
		noted, told := map[string]int{}, map[string]int{}
		byID := map[string]string{}
		receive := func(list []sent) {
			for _, s := range list {
				key := ""
				n := 0
				for _, c := range s.message.Counts {
					key += fmt.Sprintf("%s %d,", c.Kind, c.N)
					n += c.N
				}
				if before, again := byID[s.message.ID]; again {
					if before != s.account+key {
						rt.Fatalf("the same id says %q, then %q", before, s.account+key)
					}
					continue
				}
				byID[s.message.ID] = s.account + key
				told[s.account] += n
			}
		}
		position := uint64(1)
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			switch rapid.IntRange(0, 4).Draw(rt, "what") {
			case 0, 1:
				p := rapid.SampledFrom(people).Draw(rt, "person")
				position += rapid.Uint64Range(1, 3).Draw(rt, "gap")
				f.views.note(p, position, rapid.SampledFrom(kinds).Draw(rt, "kind"))
				noted["tk-"+p]++
			case 2:
				f.clock.pass(time.Duration(rapid.IntRange(1, 90).Draw(rt, "minutes")) * time.Minute)
			case 3: // arrives or not, and is said to have arrived or not
				arrives, fails := rapid.Bool().Draw(rt, "arrives"), rapid.Bool().Draw(rt, "fails")
				f.hook.outcome = func(notice.Way, Message) (bool, error) {
					if fails || !arrives {
						return arrives, &Failure{Trouble: notice.Answered, Err: errors.New("500")}
					}
					return true, nil
				}
				f.o.Choices = f.store
				if rapid.Bool().Draw(rt, "cannot be kept") {
					f.o.Choices = stuck{f.store}
				}
				f.restart()
				f.notify.Step(context.Background())
				receive(f.hook.take())
			case 4:
				f.choose(rapid.SampledFrom(people).Draw(rt, "who"), pace.Draw(rt, "pace"))
			}
		}
		f.hook.outcome, f.o.Choices = nil, f.store
		f.restart()
		for range 4 {
			f.clock.pass(12 * time.Hour)
			for _, p := range people {
				if f.way(p).Paused {
					if err := f.store.Resume(context.Background(), "tk-"+p, notice.ByWebhook); err != nil {
						rt.Fatal(err)
					}
				}
			}
			receive(f.step())
		}
		if !maps.Equal(noted, told) {
			rt.Fatalf("noted %v, told %v", noted, told)
		}
	})
}
