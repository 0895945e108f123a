package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tram-exchange/tram/internal/notice"
	"github.com/tram-exchange/tram/internal/view"
)

// notesMost is how many notes one message counts. The views keep no more of a person.
const notesMost = 500

// kindOf is what a note counts as.
func kindOf(n view.Note) notice.Kind {
	switch n.Kind {
	case "done":
		return notice.Done
	case "status":
		return notice.Status
	case "recalled", view.WorkReturned, view.WorkRefusedBy, view.WorkAsked:
		return notice.Back
	}
	return notice.Work
}

// looker finds what there is to tell in one step. What it asked of an agency holds for the step.
type looker struct {
	*Notifier
	now     time.Time
	offices map[string]*view.Office
}

// at finds what there is to tell by a way, as the person. What was begun before is found again in the same bounds.
func (l *looker) at(ctx context.Context, w notice.Way) (job, bool, error) {
	fresh := !w.Begun()
	day := w.Telling
	if fresh {
		now, today, err := l.time(ctx, w)
		if err != nil || !now {
			return job{}, false, err
		}
		day = today
	}
	staff := view.Staff{Org: w.Org, Person: w.Person, Now: l.now}
	list, err := l.o.Views.Notes(ctx, staff, w.From, notesMost)
	if errors.Is(err, view.ErrNotFound) { // no duty: nothing leaves, and the question need not be asked again at once
		return job{}, false, l.o.Choices.Later(ctx, w, l.now.Add(noRight))
	}
	if err != nil {
		return job{}, false, fmt.Errorf("couldn't read notes of %s: %w", w.Account, err)
	}
	if fresh {
		for _, note := range list {
			w.UpTo = max(w.UpTo, note.Position)
		}
		w.Telling = day
		if !w.Begun() {
			return job{}, false, nil
		}
	}
	counts := map[notice.Kind]int{}
	for _, note := range list {
		if k := kindOf(note); note.Position <= w.UpTo && w.Wants(k) {
			counts[k]++
		}
	}
	if w.Telling != "" && w.Wants(notice.Deadlines...) {
		if err := l.deadlines(ctx, staff, w, counts); err != nil {
			return job{}, false, fmt.Errorf("couldn't look for deadlines of %s: %w", w.Account, err)
		}
	}
	if len(counts) == 0 {
		return job{}, false, l.o.Choices.Pass(ctx, w)
	}
	return job{way: w, message: l.message(w, counts)}, true, nil
}

// time says whether notes may be told by a way now, and the day whose deadlines are to be told, "" none. It costs no question to the views
// for who is not to be told yet.
func (l *looker) time(ctx context.Context, w notice.Way) (notes bool, day string, err error) {
	today, minute := notice.Day(l.now), minuteOf(l.now)
	from := l.o.Remind
	if w.Pace == notice.Daily {
		from = w.Minute
	}
	if w.Day < today && minute >= from && (w.Pace == notice.Daily || w.Wants(notice.Deadlines...)) {
		office, err := l.office(ctx, w.Org)
		if err != nil {
			return false, "", err
		}
		if office != nil && isWorking(office, today) {
			day = today
		}
	}
	return w.Pace != notice.Daily || day != "", day, nil
}

// office of an agency, nil if it has none any more.
func (l *looker) office(ctx context.Context, org string) (*view.Office, error) {
	if o, known := l.offices[org]; known {
		return o, nil
	}
	o, err := l.o.Views.Office(ctx, org)
	switch {
	case errors.Is(err, view.ErrNotFound):
		l.offices[org] = nil
	case err != nil:
		return nil, fmt.Errorf("couldn't read office %s: %w", org, err)
	default:
		l.offices[org] = &o
	}
	return l.offices[org], nil
}

// vietnam is the zone of all days.
var vietnam = time.FixedZone("+07:00", 7*60*60)

func minuteOf(t time.Time) int {
	t = t.In(vietnam)
	return t.Hour()*60 + t.Minute()
}

// isWorking says whether a day is a working day of the agency.
func isWorking(o *view.Office, day string) bool {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return false
	}
	if t.Weekday() == time.Saturday || t.Weekday() == time.Sunday {
		return slices.Contains(o.Working, day)
	}
	return !slices.Contains(o.Holidays, day)
}
