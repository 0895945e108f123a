package portal

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// The questions of view.OfficeViews, answered by fakeOffice.

// Office is what the directory says.
func (o *fakeOffice) Office(_ context.Context, org string) (view.Office, error) {
	if org != orgInterior {
		return view.Office{}, view.ErrNotFound
	}
	return o.office, o.f.broken
}

// work lists everything that somebody must do, as far as the person may see it; mine says whether it lies with the person.
func (o *fakeOffice) work(person string, now time.Time) (all []view.WorkItem, mine, unit, watch []bool) {
	for _, x := range o.incoming {
		if !o.sees(person, x) {
			continue
		}
		r := x.Row
		w := view.WorkItem{Target: view.Target{Kind: "incoming", ID: r.ID}, Number: r.Number, TypeName: r.TypeName, Subject: r.Subject, Party: r.From, Priority: r.Priority, Due: deadline(r.Due, r.FinishedAt, now),
			Since: x.Trail[len(x.Trail)-1].At, From: x.Trail[len(x.Trail)-1].Person, To: r.InCharge, Version: x.Version}
		m, u, g := false, false, false
		switch r.State {
		case view.IncomingArrived:
			w.What, m = view.WorkRegister, o.has(person, "clerk", "")
		case view.IncomingRegistered:
			w.What, m = view.WorkPresent, o.has(person, "clerk", "")
		case view.IncomingPresented:
			w.What, m, w.To = view.WorkAssign, x.asked == person, view.Assignee{Person: o.ref(x.asked)}
			if x.Trail[len(x.Trail)-1].Name == "incoming.transferred-back.v1" {
				w.What = view.WorkReturned
			}
		case view.IncomingAssigned, view.IncomingHandling:
			w.What = view.WorkHandle
			m = r.InCharge.Person.ID == person || r.InCharge.Person.ID == "" && o.has(person, "head", r.InCharge.Unit.ID) && o.inUnit(person, r.InCharge.Unit.ID)
			u = !m && o.inUnit(person, r.InCharge.Unit.ID)
			g = x.assigner == person
		default:
			continue
		}
		all, mine, unit, watch = append(all, w), append(mine, m), append(unit, u), append(watch, g)
	}
	made, m, g := o.workMade(person, now)
	return append(all, made...), append(mine, m...), append(unit, make([]bool, len(made))...), append(watch, g...)
}

func (o *fakeOffice) box(person string, box view.Box, what string, now time.Time) []view.WorkItem {
	all, mine, unit, watch := o.work(person, now)
	var out []view.WorkItem
	for i, w := range all {
		in := map[view.Box]bool{view.BoxMine: mine[i], view.BoxUnit: unit[i], view.BoxLate: w.Due.Late, view.BoxWatch: watch[i]}[box]
		if in && (what == "" || w.What == what) {
			out = append(out, w)
		}
	}
	slices.SortStableFunc(out, func(a, b view.WorkItem) int {
		if a.Due.Late != b.Due.Late {
			if a.Due.Late {
				return -1
			}
			return 1
		}
		if a.Priority != b.Priority {
			return b.Priority - a.Priority
		}
		return a.Since.Compare(b.Since)
	})
	return out
}

// page cuts one page out of a list, with the offset as its cursor.
func fakePage[T any](all []T, cursor string, limit, usual int) (view.Page[T], error) {
	start := 0
	if cursor != "" {
		n, err := strconv.Atoi(cursor)
		if err != nil {
			return view.Page[T]{}, fmt.Errorf("couldn't read cursor %q: %w", cursor, view.ErrQuery)
		}
		start = n
	}
	if limit == 0 {
		limit = usual
	}
	end := min(start+limit, len(all))
	p := view.Page[T]{Rows: all[min(start, len(all)):end], Total: len(all), AsOf: 5100}
	if end < len(all) {
		p.Next = strconv.Itoa(end)
	}
	return p, nil
}

// sparsePage is a page, after as many empty ones as the fixture has: as of a question whose filters leave next to nothing of much.
func sparsePage[T any](o *fakeOffice, all []T, cursor string, limit int) (view.Page[T], error) {
	rest, began := strings.CutPrefix(cursor, "e")
	if cursor != "" && !began || o.sparse == 0 {
		return fakePage(all, cursor, limit, 50)
	}
	n, err := strconv.Atoi("0" + rest)
	if err != nil {
		return view.Page[T]{}, fmt.Errorf("couldn't read cursor %q: %w", cursor, view.ErrQuery)
	}
	if n == o.sparse {
		return fakePage(all, "", limit, 50)
	}
	return view.Page[T]{Next: fmt.Sprint("e", n+1), Total: -1}, nil
}

// Work is one box.
func (o *fakeOffice) Work(_ context.Context, q view.WorkQuery) (view.Page[view.WorkItem], error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.f.broken != nil || q.Staff.Org != orgInterior {
		return view.Page[view.WorkItem]{}, o.f.broken
	}
	return fakePage(o.box(q.Staff.Person, q.Box, q.What, q.Staff.Now), q.Cursor, q.Limit, 50)
}

// WorkCounts counts.
func (o *fakeOffice) WorkCounts(_ context.Context, s view.Staff) (map[string]int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := map[string]int{}
	for _, b := range []view.Box{view.BoxMine, view.BoxUnit, view.BoxLate, view.BoxWatch} {
		for _, w := range o.box(s.Person, b, "", s.Now) {
			n[string(b)]++
			n[string(b)+"/"+w.What]++
		}
	}
	return n, o.f.broken
}

// Incoming is the list of arrivals and the register.
func (o *fakeOffice) Incoming(_ context.Context, q view.IncomingQuery) (view.Page[view.IncomingRow], error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.f.broken != nil {
		return view.Page[view.IncomingRow]{}, o.f.broken
	}
	plain := func(s string) string { return strings.ToLower(withoutMarks(s)) }
	var all []view.IncomingRow
	for _, x := range slices.Backward(o.incoming) {
		r := x.Row
		r.Due = deadline(r.Due, r.FinishedAt, q.Staff.Now)
		open := r.State != view.IncomingFinished && r.State != view.IncomingRefused && r.State != view.IncomingWithdrawn
		day := r.ArrivedAt.In(vietnamTime).Format(time.DateOnly)
		switch {
		case !o.sees(q.Staff.Person, x), q.Register != "" && r.Register != q.Register, q.Year != 0 && r.Year != q.Year, q.State != "" && r.State != q.State, q.Open && !open,
			q.Late && !r.Due.Late, q.Words != "" && !strings.Contains(plain(r.Subject), plain(q.Words)), q.Number != "" && !strings.Contains(plain(r.Number), plain(q.Number)) && strconv.Itoa(r.ArrivalNumber) != q.Number,
			q.From != "" && day < q.From, q.To != "" && day > q.To, q.TypeName != "" && r.TypeName != q.TypeName, q.Channel != "" && r.Channel != q.Channel, q.Correspondent != "" && r.From.Org != q.Correspondent,
			!behindFigure(q, r), q.Unit != "" && r.InCharge.Unit.ID != q.Unit, q.Person != "" && r.InCharge.Person.ID != q.Person:
			continue
		}
		all = append(all, r)
	}
	return sparsePage(o, all, q.Cursor, q.Limit)
}

// IncomingDocument is one of them.
func (o *fakeOffice) IncomingDocument(_ context.Context, s view.Staff, id string) (view.IncomingDocument, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.f.broken != nil {
		return view.IncomingDocument{}, o.f.broken
	}
	x := o.find(id)
	if x == nil || s.Org != orgInterior || !o.sees(s.Person, x) {
		return view.IncomingDocument{}, view.ErrNotFound
	}
	d := x.IncomingDocument
	d.Row.Due = deadline(d.Row.Due, d.Row.FinishedAt, s.Now)
	d.Trail, d.May = slices.Clone(d.Trail), o.may(s.Person, x)
	return d, nil
}

// Readings for leaders and auditors.
func (o *fakeOffice) Readings(_ context.Context, s view.Staff, t view.Target, limit int) ([]view.Reading, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.has(s.Person, "leader", "") && !o.has(s.Person, "auditor", "") {
		return nil, view.ErrNotFound
	}
	out := slices.Clone(o.readings[t])
	slices.Reverse(out)
	return out[:min(limit, len(out))], o.f.broken
}

// Notes tells the person of the latest acts of others on what lies with the person.
func (o *fakeOffice) Notes(_ context.Context, s view.Staff, after uint64, limit int) ([]view.Note, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s.Person == "quan" { // an administrator sees nothing of the work
		return nil, view.ErrNotFound
	}
	var out []view.Note
	for _, w := range o.box(s.Person, view.BoxMine, "", s.Now) {
		x := o.find(w.Target.ID)
		if x == nil {
			continue
		}
		last := x.Trail[len(x.Trail)-1]
		if last.Position >= after && last.Person.ID != s.Person && len(out) < limit {
			out = append(out, view.Note{Position: last.Position, At: last.At, Kind: w.What, Target: w.Target, By: last.Person, Code: w.Number})
		}
	}
	slices.SortFunc(out, func(a, b view.Note) int { return int(int64(b.Position) - int64(a.Position)) })
	return out, o.f.broken
}

var (
	_ OfficeViews      = (*fakeOffice)(nil)
	_ view.OfficeViews = (*fakeOffice)(nil)
	_ Office           = (*fakeOffice)(nil)
)
