package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/projections"
)

// viewsPiece is how many documents are made at a time: their events are in memory until the views have read them.
const viewsPiece = 2_000

// viewsSizes are the numbers of documents whose figures are compared: a question must cost the same at each.
var viewsSizes = []int{10_000, 100_000, 1_000_000}

// viewsTarget is how long a person may wait for a page, of which the views may use this much.
const viewsTarget = 100 * time.Millisecond

// viewsQuestion is something that people ask all day, each time of something else.
type viewsQuestion struct {
	row, name string // figure it counts for, and its own name in the notes
	ask       func(context.Context, *projections.Views, *viewsLog) error
}

// views measures questions about the documents of one agency as they become more.
func (b *bench) views(ctx context.Context, most int) (err error) {
	l := newViewsLog()
	path := filepath.Join(b.work, "bench-views.db")
	defer func() {
		for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
			if e := os.Remove(path + suffix); e != nil && !errors.Is(e, os.ErrNotExist) {
				err = errors.Join(err, e)
			}
		}
	}()
	v, err := projections.Open(ctx, path, l, projections.Options{Now: func() time.Time { return l.clock }})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	first := map[string]time.Duration{}
	made := 0
	for _, size := range viewsSizes {
		if size > most {
			break
		}
		fmt.Fprintf(b.say, "registers of %d documents …\n", size)
		start := time.Now()
		for made < size {
			l.next(viewsPiece, made+viewsPiece >= most)
			made += viewsPiece
			if err := v.CatchUp(ctx); err != nil {
				return err
			}
		}
		fmt.Fprintf(b.say, "  filled in %v, %d events\n", time.Since(start).Round(time.Second), l.Head().Size)
		if err := b.viewsRows(ctx, v, l, size, first); err != nil {
			return err
		}
	}
	return nil
}

// viewsRows asks every question many times over.
func (b *bench) viewsRows(ctx context.Context, v *projections.Views, l *viewsLog, size int, first map[string]time.Duration) error {
	took, work := map[string][]time.Duration{}, map[string][]time.Duration{}
	var order []string
	for _, q := range append(viewsQuestions(), workQuestions()...) {
		if !slices.Contains(order, q.row) {
			order = append(order, q.row)
		}
		var times, busy []time.Duration
		for i := range viewsRepeat + 2 {
			start := time.Now()
			before, err := ownProcessor()
			if err != nil {
				return err
			}
			if err := q.ask(ctx, v, l); err != nil {
				return fmt.Errorf("couldn't ask %s: %w", q.name, err)
			}
			after, err := ownProcessor()
			if err != nil {
				return err
			}
			if i >= 2 { // after a warm-up
				times, busy = append(times, time.Since(start)), append(busy, after-before)
			}
		}
		took[q.row], work[q.row] = append(took[q.row], times...), append(work[q.row], busy...)
		fmt.Fprintf(b.say, "  %-20s %-48s p50 %8.2f ms  p99 %8.2f ms  processor %8.2f ms\n", q.row, q.name,
			ms("", quantile(times, 0.5)).Value, ms("", quantile(times, 0.99)).Value, ms("", quantile(busy, 0.5)).Value)
	}
	target := ms("", viewsTarget).Value
	for _, row := range order {
		for _, q := range []struct {
			name  string
			times []time.Duration
			part  float64
		}{{"p50", took[row], 0.5}, {"p99", took[row], 0.99}, {"processor time, p50", work[row], 0.5}} {
			d := quantile(q.times, q.part)
			r := ms(fmt.Sprintf("%s, %d documents: %s", row, size, q.name), d)
			r.Target = &target
			if before, ok := first[row+q.name]; ok {
				limit := ms("", before).Value
				ratio := limit / r.Value
				r.Limit, r.Ratio, r.LimitIs = &limit, &ratio, fmt.Sprintf("the same question at %d documents", viewsSizes[0])
			} else {
				first[row+q.name] = d
			}
			b.report.Rows = append(b.report.Rows, r)
		}
	}
	return b.viewsMemory(size)
}

// viewsMemory is what the process holds after all questions, with a piece of the log and the caches of the database.
func (b *bench) viewsMemory(size int) error {
	n, err := processMemory(os.Getpid(), "VmRSS")
	if err != nil {
		return err
	}
	r := benchRow{Name: fmt.Sprintf("views of %d documents: memory", size), Value: float64(n) / (1 << 20), Unit: "MiB"}
	if b.viewsHeld == 0 {
		b.viewsHeld = r.Value
	} else {
		limit := b.viewsHeld
		ratio := limit / r.Value
		r.Limit, r.Ratio, r.LimitIs = &limit, &ratio, fmt.Sprintf("the same at %d documents", viewsSizes[0])
	}
	b.report.Rows = append(b.report.Rows, r)
	return nil
}

// viewsRepeat is how often each question is asked.
const viewsRepeat = 40

// viewsQuestions are those of the exchange's own registers.
func viewsQuestions() []viewsQuestion {
	var out []viewsQuestion
	me := view.Reader{Orgs: []string{viewsOrg}}
	for _, dir := range []view.Direction{view.Incoming, view.Outgoing} {
		register := func(row, name string, fill func(*viewsLog, *view.RegisterQuery)) {
			out = append(out, viewsQuestion{row, string(dir) + ", " + name, func(ctx context.Context, v *projections.Views, l *viewsLog) error {
				q := view.RegisterQuery{Reader: me, Org: viewsOrg, Direction: dir}
				if fill != nil {
					fill(l, &q)
				}
				_, err := v.Register(ctx, q)
				return err
			}})
		}
		register("register page", "first page", nil)
		register("register page", "a page of long ago", func(l *viewsLog, q *view.RegisterQuery) { q.Cursor = fmt.Sprint(l.r.Uint64N(l.Head().Size)) })
		register("register page", "a month", func(l *viewsLog, q *view.RegisterQuery) {
			t := l.day()
			q.From, q.To = t.Format("2006-01-")+"01", t.AddDate(0, 1, -t.Day()).Format(time.DateOnly)
		})
		register("register page", "since a day", func(l *viewsLog, q *view.RegisterQuery) { q.From = l.day().Format(time.DateOnly) })
		register("register page", "until a day", func(l *viewsLog, q *view.RegisterQuery) { q.To = l.day().Format(time.DateOnly) })
		register("register page", "waiting", func(_ *viewsLog, q *view.RegisterQuery) { q.State = view.StateWaiting })
		register("register page", "failed", func(_ *viewsLog, q *view.RegisterQuery) { q.State = view.StateFailed })
		register("register page", "acknowledged", func(_ *viewsLog, q *view.RegisterQuery) { q.State = view.StateAcknowledged })
		register("register page", "a kind", func(l *viewsLog, q *view.RegisterQuery) { q.TypeName = pick(l, viewsTypes).name })
		register("register page", "a correspondent", func(l *viewsLog, q *view.RegisterQuery) { q.Correspondent = l.some() })
		register("register page", "a kind of a month", func(l *viewsLog, q *view.RegisterQuery) {
			t := l.day()
			q.From, q.To, q.TypeName = t.Format("2006-01-")+"01", t.AddDate(0, 1, -t.Day()).Format(time.DateOnly), pick(l, viewsTypes).name
		})
		register("search", "two words without diacritics", func(l *viewsLog, q *view.RegisterQuery) {
			words := strings.Fields(projections.Fold(pick(l, viewsTopics)))
			q.Words = words[0] + " " + words[1]
		})
		register("search", "a topic with diacritics and a place", func(l *viewsLog, q *view.RegisterQuery) {
			q.Words = pick(l, viewsTopics) + " " + pick(l, viewsPlaces)
		})
		register("search", "a rare word", func(l *viewsLog, q *view.RegisterQuery) { q.Words = fmt.Sprint(1000 + l.r.IntN(90_000)) })
		register("search", "a word and its beginning", func(l *viewsLog, q *view.RegisterQuery) { q.Words = projections.Fold(pick(l, viewsGiven))[:1] })
		register("search", "common words seldom together", func(l *viewsLog, q *view.RegisterQuery) {
			q.Words = pick(l, viewsTopics) + " " + pick(l, viewsPlaces) + " " + fmt.Sprint(1000+l.r.IntN(90_000))
		})
		register("search", "number in part", func(l *viewsLog, q *view.RegisterQuery) {
			q.Number = fmt.Sprintf("%d/%s", 1+l.r.IntN(9000), pick(l, viewsTypes).short)
		})
		register("search", "notation in part", func(l *viewsLog, q *view.RegisterQuery) { q.Number = pick(l, viewsUnits) })
		register("search", "words of a correspondent in a year", func(l *viewsLog, q *view.RegisterQuery) {
			t := l.day()
			q.Words, q.Correspondent, q.From, q.To = pick(l, viewsTopics), l.some(), t.Format("2006-")+"01-01", t.Format("2006-")+"12-31"
		})
	}
	search := func(name string, r view.Reader, fill func(*viewsLog, *view.SearchQuery)) {
		out = append(out, viewsQuestion{"search", "across agencies, " + name, func(ctx context.Context, v *projections.Views, l *viewsLog) error {
			q := view.SearchQuery{Reader: r}
			fill(l, &q)
			_, err := v.Search(ctx, q)
			return err
		}})
	}
	search("words, auditor", view.Reader{Audit: true}, func(l *viewsLog, q *view.SearchQuery) { q.Words = pick(l, viewsTopics) })
	search("words, one agency", me, func(l *viewsLog, q *view.SearchQuery) { q.Words = pick(l, viewsTopics) })
	search("sender and recipient", view.Reader{Audit: true}, func(l *viewsLog, q *view.SearchQuery) { q.Sender, q.Recipient = viewsOrg, l.some() })
	return out
}

// day is one of the days that the log has seen.
func (l *viewsLog) day() time.Time {
	start := time.Date(2016, 1, 4, 0, 0, 0, 0, time.UTC)
	return start.AddDate(0, 0, l.r.IntN(int(l.clock.Sub(start)/(24*time.Hour))+1))
}
