// Package notify tells people outside the portal that there is work: by e-mail and by webhook, to whoever has chosen so on the account page.
// The page itself needs nobody to look at it every hour then; and what leaves the node is how much there is of which kind, and a link. No
// subject, number, name of an agency, a person or a file goes out: a mailbox is no place for the content of official documents, and
// whoever may read them signs in. So a Message has no field for such a thing.
//
// What is told follows from the read side alone, asked as the person at the moment of sending: who has no duty any more gets nothing, and
// so does who has no account any more. Notes are told from a position on; what falls due, is late, or has been late for long with others
// (Escalation) is no event and is found once a working day.
//
// Every way (one person's channel) has its own cursor in the choices store. What is about to be told is fixed there before the first try
// and is settled after it arrived, so that whatever fails in between is told again under the same id: at least once, recognisable. A way
// that fails waits longer each time and is paused after maxTries; what was not told stays.
//
// It is an adapter: it asks small interfaces that it declares here, and cmd wires it.
package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tram-exchange/tram/internal/notice"
	"github.com/tram-exchange/tram/internal/view"
)

// Views is what it asks of the read side; view.OfficeViews satisfies it. view.ErrNotFound: the person may see nothing of the agency's work.
type Views interface {
	Notes(ctx context.Context, s view.Staff, after uint64, limit int) ([]view.Note, error)
	Work(ctx context.Context, q view.WorkQuery) (view.Page[view.WorkItem], error)
	Office(ctx context.Context, org string) (view.Office, error)
}

// Choices is where the ways are kept; *notice.Store satisfies it, and says what each method means. Changes answer notice.ErrNoWay when
// the person has changed the way meanwhile, or may be told nothing any more.
type Choices interface {
	Live(ctx context.Context, now time.Time) ([]notice.Way, error)
	Begin(ctx context.Context, w notice.Way) error
	Settle(ctx context.Context, w notice.Way, next time.Time) error
	Pass(ctx context.Context, w notice.Way) error
	Failed(ctx context.Context, w notice.Way) error
	Later(ctx context.Context, w notice.Way, next time.Time) error
	Codes(ctx context.Context, now time.Time, limit int) ([]notice.Code, error)
	CodeSent(ctx context.Context, c notice.Code) error
	CodeFailed(ctx context.Context, c notice.Code, next time.Time) error
	Standing(ctx context.Context) (notice.Standing, error)
}

// Sender brings messages by one channel. It is told to give up by ctx. Its errors are *Failure; nil means that the other side has it.
type Sender interface {
	Send(ctx context.Context, w notice.Way, m Message) error
	// Place is where the way leads. What leads to one place is brought one after the other, places beside each other.
	Place(w notice.Way) string
}

// CodeSender brings the code by which an e-mail address is confirmed.
type CodeSender interface {
	SendCode(ctx context.Context, c notice.Code) error
}

// Failure is why a message did not arrive, as far as anybody knows.
type Failure struct {
	Trouble notice.Trouble
	Own     bool          // the node's own mail server is to blame: it counts against no way
	Final   bool          // the other side wants nothing any more
	After   time.Duration // it asks to be left alone for so long
	Err     error
}

func (f *Failure) Error() string {
	return fmt.Sprintf("couldn't bring message (%s): %v", cmp.Or(string(f.Trouble), "own server"), f.Err)
}

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Options of a Notifier. Views, Choices, Link and Now are required.
type Options struct {
	Views   Views
	Choices Choices
	Senders map[notice.Channel]Sender // a channel without one is not served; its ways keep what is untold
	Codes   CodeSender                // nil: no code goes out
	Now     func() time.Time
	Jitter  func() float64 // 0 ≤ x < 1, default math/rand
	// Link is the address of the portal, with its base and without a slash at the end.
	Link string
	// Remind is the minute of the day (+07:00) from which on deadlines are told on working days; who wants to be told once a day has a time of his own.
	Remind   int
	Escalate notice.Escalation
	// Changed returns when the views may have something new, or when ctx ends; nil: the clock alone.
	Changed func(ctx context.Context)
	Logger  *slog.Logger
	Metrics prometheus.Registerer // nil: none
}

// Bounds. One step does so much and no more, so that nobody waits for long behind others.
const (
	batch     = 500              // messages a step
	places    = 8                // served at once
	placeTime = 15 * time.Second // for one place in one step
	sendTime  = 10 * time.Second // for one message
	codeBatch = 20

	onceGap    = time.Minute // between two messages to who wants them at once: what comes together is told together
	firstRetry = time.Minute // doubled with each failure, up to
	lastRetry  = 6 * time.Hour
	maxTries   = 12 // about a day
	refusal    = 3  // tries that a refusal counts for: it may be a wrongly set up mail server, so not all of them
	noRight    = time.Hour

	idle   = time.Minute     // a step at least so often
	gather = 5 * time.Second // and not more often because something has changed
)

// Notifier tells people.
type Notifier struct {
	o       Options
	counted *prometheus.CounterVec
	ways    *prometheus.GaugeVec

	mu      sync.Mutex
	own     ownTrouble // with the node's own mail server
	stopped error      // of the last step
}

// ownTrouble is that the node cannot send e-mail at all.
type ownTrouble struct {
	since, next time.Time
	tries       int
	err         error
}

// New makes a notifier. Run or Step make it work.
func New(o Options) (*Notifier, error) {
	if o.Views == nil || o.Choices == nil || o.Now == nil || o.Link == "" {
		return nil, errors.New("couldn't make notifier: views, choices, the clock and the link are needed")
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	n := &Notifier{o: o, counted: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tram_notices_total",
		Help: "Messages to people outside the portal, by channel and outcome (ok, failed, paused, own)."}, []string{"channel", "outcome"}),
		ways: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "tram_notices_ways", Help: "Channels of people, by state (all, waiting, failing, paused)."}, []string{"state"})}
	if o.Metrics != nil {
		if err := errors.Join(o.Metrics.Register(n.counted), o.Metrics.Register(n.ways)); err != nil {
			return nil, fmt.Errorf("couldn't make notifier: %w", err)
		}
	}
	return n, nil
}

// Run tells people until ctx ends. Whatever fails is tried again; it ends nothing else.
func (n *Notifier) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		more, err := n.Step(ctx)
		err = errors.Join(err, n.measure(ctx))
		n.mu.Lock()
		n.stopped = err
		n.mu.Unlock()
		if err != nil && ctx.Err() == nil {
			n.o.Logger.Warn("not everybody could be told", "error", err)
		}
		if !more || err != nil {
			n.rest(ctx)
		}
	}
	return nil
}

// measure publishes how the ways do.
func (n *Notifier) measure(ctx context.Context) error {
	s, err := n.o.Choices.Standing(ctx)
	if err != nil {
		return err
	}
	for state, count := range map[string]int{"all": s.Ways, "waiting": s.Waiting, "failing": s.Failing, "paused": s.Paused} {
		n.ways.WithLabelValues(state).Set(float64(count))
	}
	return nil
}

// rest waits for something to do.
func (n *Notifier) rest(ctx context.Context) {
	until, cancel := context.WithTimeout(ctx, idle)
	defer cancel()
	gathered := time.NewTimer(gather)
	defer gathered.Stop()
	if n.o.Changed != nil {
		n.o.Changed(until)
	} else {
		<-until.Done()
	}
	select {
	case <-gathered.C:
	case <-ctx.Done():
	}
}

// job is one message to be brought.
type job struct {
	way     notice.Way
	message Message
	code    *notice.Code
}

// codePlace is the place of codes: the node's own mail server, as of all e-mail.
const codePlace = "smtp"

// Step looks once at every way and tells what there is to tell. More says that there was more than one step may do. The error is of what
// could not be looked at or written down; what did not arrive is none.
func (n *Notifier) Step(ctx context.Context) (more bool, err error) {
	now := n.o.Now()
	mail := n.mailOpen(now)
	jobs := map[string][]job{}
	total := 0
	add := func(place string, j job) { jobs[place] = append(jobs[place], j); total++ }
	if mail && n.o.Codes != nil {
		codes, err := n.o.Choices.Codes(ctx, now, codeBatch)
		if err != nil {
			return false, err
		}
		for i := range codes {
			add(codePlace, job{code: &codes[i]})
		}
	}
	ways, err := n.o.Choices.Live(ctx, now)
	if err != nil {
		return false, err
	}
	look := &looker{Notifier: n, now: now, offices: map[string]*view.Office{}}
	var errs []error
	for i := range ways {
		sender := n.o.Senders[ways[i].Channel]
		if sender == nil || ways[i].Channel == notice.ByEmail && !mail {
			continue
		}
		if total >= batch || ctx.Err() != nil {
			more = ctx.Err() == nil
			break
		}
		j, something, err := look.at(ctx, ways[i])
		if err != nil && !errors.Is(err, notice.ErrNoWay) { // the others are told all the same
			errs = append(errs, err)
		}
		if err == nil && something {
			add(sender.Place(ways[i]), j)
		}
	}
	left, err := n.bring(ctx, jobs)
	return more || left, errors.Join(append(errs, err)...)
}

// bring brings the messages of each place one after the other, and places beside each other. Left says that time ran out for some.
func (n *Notifier) bring(ctx context.Context, jobs map[string][]job) (left bool, _ error) {
	var wait sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	slots := make(chan struct{}, places)
	for place, list := range jobs {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			rest, err := n.bringTo(ctx, list)
			mu.Lock()
			defer mu.Unlock()
			left = left || rest
			if err != nil {
				errs = append(errs, fmt.Errorf("couldn't keep what was told to %s: %w", place, err))
			}
		})
	}
	wait.Wait()
	return left, errors.Join(errs...)
}

// bringTo brings the messages of one place until its time is over, or until the place does not answer: then the others behind it wait
// for the next step and are not counted as failed.
func (n *Notifier) bringTo(ctx context.Context, list []job) (left bool, _ error) {
	end := n.o.Now().Add(placeTime)
	for i, j := range list {
		if ctx.Err() != nil {
			return false, nil
		}
		if i > 0 && n.o.Now().After(end) {
			return true, nil
		}
		var gone bool
		var err error
		if j.code != nil {
			gone, err = n.tellCode(ctx, *j.code)
		} else {
			gone, err = n.tell(ctx, j)
		}
		if err != nil && !errors.Is(err, notice.ErrNoWay) {
			return false, err
		}
		if gone {
			return false, nil
		}
	}
	return false, nil
}

// tell brings one message. Gone says that the place does not answer at all.
func (n *Notifier) tell(ctx context.Context, j job) (gone bool, _ error) {
	w := j.way
	if err := n.o.Choices.Begin(ctx, w); err != nil { // also asks whether the account is still open
		return false, err
	}
	sending, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	err := n.o.Senders[w.Channel].Send(sending, w, j.message)
	now := n.o.Now()
	if err == nil {
		n.counted.WithLabelValues(string(w.Channel), "ok").Inc()
		n.mailWorks(w.Channel)
		return false, n.o.Choices.Settle(ctx, w, n.next(w, now))
	}
	if ctx.Err() != nil { // the node stops: nobody knows whether it arrived, and the next start tells it under the same id
		return true, nil
	}
	f := failure(err)
	if f.Own {
		n.mailBroke(f.Err, now)
		return true, nil
	}
	w.Tries, w.Trouble = w.Tries+1, f.Trouble
	if f.Trouble == notice.Refused {
		w.Tries += refusal - 1
	}
	w.Paused = f.Final || w.Tries >= maxTries
	w.Next = now.Add(max(n.backoff(w.Tries), min(f.After, 24*time.Hour)))
	outcome := "failed"
	if w.Paused {
		outcome = "paused"
	}
	n.counted.WithLabelValues(string(w.Channel), outcome).Inc()
	n.o.Logger.Warn("a person could not be told", "account", w.Account, "channel", string(w.Channel), "tries", w.Tries, "paused", w.Paused, "error", f)
	return f.Trouble == notice.Unreachable, n.o.Choices.Failed(ctx, w)
}

// tellCode brings one code.
func (n *Notifier) tellCode(ctx context.Context, c notice.Code) (gone bool, _ error) {
	sending, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	err := n.o.Codes.SendCode(sending, c)
	now := n.o.Now()
	if err == nil {
		n.counted.WithLabelValues(string(notice.ByEmail), "ok").Inc()
		n.mailWorks(notice.ByEmail)
		return false, n.o.Choices.CodeSent(ctx, c)
	}
	if ctx.Err() != nil {
		return true, nil
	}
	f := failure(err)
	if f.Own {
		n.mailBroke(f.Err, now)
		return true, nil
	}
	n.counted.WithLabelValues(string(notice.ByEmail), "failed").Inc()
	n.o.Logger.Warn("a code could not be sent", "account", c.Account, "error", f)
	return false, n.o.Choices.CodeFailed(ctx, c, now.Add(n.backoff(c.Tries+1)))
}

// failure is what a sender said, or what it must have meant.
func failure(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	return &Failure{Trouble: notice.Unreachable, Err: err}
}

// next is when the next message may go.
func (n *Notifier) next(w notice.Way, now time.Time) time.Time {
	switch w.Pace {
	case notice.AtOnce:
		return now.Add(onceGap)
	case notice.Hourly:
		return now.Add(time.Hour)
	}
	return now // the day says it
}

// backoff is how long to wait after so many failures: between half and one and a half of the doubled wait, so that many ways to one place
// do not come back together.
func (n *Notifier) backoff(tries int) time.Duration {
	d := firstRetry
	for i := 1; i < tries && d < lastRetry; i++ {
		d *= 2
	}
	return time.Duration(float64(min(d, lastRetry)) * (0.5 + n.o.Jitter()))
}

// mailOpen says whether the node's own mail server may be tried.
func (n *Notifier) mailOpen(now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !now.Before(n.own.next)
}

func (n *Notifier) mailWorks(c notice.Channel) {
	if c != notice.ByEmail {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.own = ownTrouble{}
}

func (n *Notifier) mailBroke(err error, now time.Time) {
	n.counted.WithLabelValues(string(notice.ByEmail), "own").Inc()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.own.since.IsZero() {
		n.own.since = now
	}
	n.own.tries++
	n.own.err = err
	n.own.next = now.Add(min(n.backoff(n.own.tries), 15*time.Minute))
	n.o.Logger.Warn("the mail server takes nothing", "tries", n.own.tries, "next", n.own.next, "error", err)
}

// Status is how it does.
type Status struct {
	notice.Standing
	MailSince time.Time // since when the node's own mail server takes nothing; zero: it does
	MailError string
	Stopped   string // why the last step did not look at everybody, "" it did
}

// Status asks the choices and says what is wrong.
func (n *Notifier) Status(ctx context.Context) (Status, error) {
	var s Status
	var err error
	if s.Standing, err = n.o.Choices.Standing(ctx); err != nil {
		return s, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	s.MailSince = n.own.since
	if n.own.err != nil {
		s.MailError = n.own.err.Error()
	}
	if n.stopped != nil {
		s.Stopped = n.stopped.Error()
	}
	return s, nil
}

// sorted are the kinds of a message in their order.
func sorted(counts map[notice.Kind]int) []Count {
	var out []Count
	for _, k := range notice.Kinds {
		if counts[k] > 0 {
			out = append(out, Count{k, counts[k]})
		}
	}
	return slices.Clip(out)
}
