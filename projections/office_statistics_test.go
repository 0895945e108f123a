package projections

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/internal/view"
)

// statisticsPlay is random days of both incoming and outgoing documents, over some months.
type statisticsPlay struct {
	*outgoingPlay
	arrivals *officePlay
}

func newStatisticsPlay(t *testing.T, seed uint64) *statisticsPlay {
	o := newOutgoingLog(t)
	r := rand.New(rand.NewPCG(seed, 7))
	return &statisticsPlay{outgoingPlay: &outgoingPlay{outgoingLog: o, r: r}, arrivals: &officePlay{officeLog: o.officeLog, r: r}}
}

func (p *statisticsPlay) step(t *testing.T) {
	switch p.r.IntN(8) {
	case 0:
		p.later(p.r.IntN(4))
	case 1:
		p.outgoingPlay.step(t)
	case 2:
		if len(p.arrivals.ids) > 0 {
			id := pick(p.r, p.arrivals.ids...)
			day := directory.Day(p.clock.AddDate(0, 0, p.r.IntN(20)))
			_ = p.act(t, pick(p.r, "leader", "head"), "", id, pick[incoming.Act](p.r, incoming.ChangeDeadline{Due: day, Reason: "Gia hạn"}, incoming.Reopen{Reason: "Chưa đủ"}))
		}
	default:
		p.arrivals.step(t)
	}
}

// listedRows are all incoming and outgoing documents that somebody may see, as the lists tell them.
func listedRows(t *testing.T, v *Views, s view.Staff) ([]view.IncomingRow, []view.OutgoingRow) {
	t.Helper()
	in, err := v.Incoming(t.Context(), view.IncomingQuery{Staff: s, Limit: 500})
	if errors.Is(err, view.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := v.Outgoing(t.Context(), view.OutgoingQuery{Staff: s, Limit: 500, Valid: true})
	if err != nil {
		t.Fatal(err)
	}
	return in.Rows, out.Rows
}

// recount counts one by one what statistics tell.
func recount(o *directory.Office, unitOf func(string) string, in []view.IncomingRow, out []view.OutgoingRow, sq view.StatisticsQuery) map[string]*counted {
	sums := map[string]*counted{}
	add := func(what, key string, outcome outcome, late bool, days int) {
		c := sums[what+" "+key]
		if c == nil {
			c = &counted{days: map[int]int{}}
			sums[what+" "+key] = c
		}
		c.outcomes[outcome]++
		if late {
			c.lateOpen++
		}
		if days >= 0 {
			c.days[days]++
		}
	}
	for _, r := range in {
		day, unit := directory.Day(r.ArrivedAt), unitOf(r.ID)
		if day < sq.From || day > sq.To || sq.Unit != "" && unit != sq.Unit {
			continue
		}
		oc, late, days := outcomeOpen, false, -1
		switch r.State {
		case view.IncomingRefused, view.IncomingWithdrawn:
			oc = outcomeBack
		case view.IncomingFinished:
			days = o.Calendar.Between(day, directory.Day(r.FinishedAt))
			switch {
			case r.Due.Day == "":
				oc = outcomeUndated
			case r.Due.Late:
				oc = outcomeLate
			default:
				oc = outcomeOnTime
			}
		default:
			late = r.Due.Late
		}
		for what, key := range map[string]string{"all": "", "month": day[:7], "unit": unit, "type": r.TypeName, "sender": r.From.Org} {
			add(what, key, oc, late, days)
		}
	}
	for _, r := range out {
		if r.Date < sq.From || r.Date > sq.To || sq.Unit != "" && r.Unit.ID != sq.Unit {
			continue
		}
		for what, key := range map[string]string{"all": "", "month": r.Date[:7], "unit": r.Unit.ID, "type": r.TypeName} {
			add(what, key, outcomeOutgoing, false, -1)
		}
	}
	return sums
}

// TestStatisticsProperties: every figure is what counting one by one gives, and the Total of the question behind it, for everybody, after
// documents were opened again, given to others, and had their deadlines moved.
func TestStatisticsProperties(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			p := newStatisticsPlay(t, seed)
			path := viewsPath(t)
			n := 1 + int(seed)%3
			v := openViews(t, path, p, Options{LiveBatch: n, CatchUpBatch: n, Now: func() time.Time { return p.clock }})
			for range 3 {
				for range 70 {
					p.step(t)
				}
				if err := v.CatchUp(t.Context()); err != nil {
					t.Fatal(err)
				}
				for _, person := range []string{"clerk", "leader", "auditor", "head", "specialist", "other", "subordinate"} {
					p.checkStatistics(t, v, person)
				}
			}
			if c := comparison(t, p.testLog, path); c.Difference != nil {
				t.Error(c.Difference)
			}
			if len(p.arrivals.ids) < 10 || len(p.outgoing) < 3 {
				t.Errorf("too little happened: %d documents came, %d were written", len(p.arrivals.ids), len(p.outgoing))
			}
		})
	}
}

func (p *statisticsPlay) checkStatistics(t *testing.T, v *Views, person string) {
	t.Helper()
	s := p.staff(person)
	in, out := listedRows(t, v, s)
	if in == nil {
		return // who lost all duties
	}
	// The unit in charge, or that of the person in charge: each person of the tests has one.
	unitOf := func(id string) string {
		a := p.incoming[id].Assignment.InCharge
		if a.Unit != "" || a.Person == "" {
			return a.Unit
		}
		return map[string]string{"head": "ql", "specialist": "ql", "subordinate": "ql-1", "other": "vp", "other-head": "vp"}[a.Person]
	}
	start := time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC)
	for i := range 4 {
		from := start.AddDate(0, 0, p.r.IntN(90))
		sq := view.StatisticsQuery{Staff: s, From: from.Format(time.DateOnly), To: from.AddDate(0, 0, p.r.IntN(120)).Format(time.DateOnly)}
		if i == 0 {
			sq.From, sq.To = "2026-11-01", "2027-12-31"
		}
		if i == 3 {
			sq.Unit = pick(p.r, "ql", "vp", "ql-1")
		}
		st, err := v.Statistics(t.Context(), sq)
		if err != nil {
			t.Fatal(err)
		}
		want := recount(p.office(t), unitOf, in, out, sq)
		check := func(what string, list []view.StatPoint, link func(view.StatPoint) figureLink) {
			t.Helper()
			for _, pt := range list {
				c := want[what+" "+pt.Key]
				if c == nil {
					t.Errorf("%s %+v: %s has %+v, counted one by one none", person, sq, what, pt)
					continue
				}
				if diff := cmp.Diff(c.point(pt.Key, pt.Name), pt); diff != "" {
					t.Errorf("%s %s–%s %s %s: %s", person, sq.From, sq.To, sq.Unit, what, diff)
				}
				delete(want, what+" "+pt.Key)
				if pt.Key != "" || what == "all" {
					p.checkLinks(t, v, link(pt), pt)
				}
			}
			for k := range want {
				if len(k) > len(what) && k[:len(what)+1] == what+" " && !(what == "sender" && (k == "sender " || want[k].incoming() == 0)) {
					t.Errorf("%s %+v: no mark for %q", person, sq, k)
				}
			}
		}
		base := figureLink{in: view.IncomingQuery{Staff: s, From: sq.From, To: sq.To, InCharge: sq.Unit},
			out: view.OutgoingQuery{Staff: s, From: sq.From, To: sq.To, Unit: sq.Unit, Issued: true, Valid: true}}
		if all := want["all "]; all != nil && st.Total.Incoming+st.Total.Outgoing > 0 {
			check("all", []view.StatPoint{st.Total}, func(view.StatPoint) figureLink { return base })
			if got := c2days(st.ResponseDays); !slices.Equal(got, all.atMost()) {
				t.Errorf("%s %+v: response days %v, counted %v", person, sq, got, all.atMost())
			}
		}
		check("month", st.ByMonth, func(pt view.StatPoint) figureLink {
			l := base
			l.in.From, l.in.To = max(sq.From, pt.Key+"-01"), min(sq.To, lastOfMonth(pt.Key+"-01"))
			l.out.From, l.out.To = l.in.From, l.in.To
			return l
		})
		check("unit", st.ByUnit, func(pt view.StatPoint) figureLink {
			l := base
			l.in.InCharge, l.out.Unit = pt.Key, pt.Key
			return l
		})
		check("type", st.ByType, func(pt view.StatPoint) figureLink {
			l := base
			l.in.TypeName, l.out.TypeName = pt.Key, pt.Key
			return l
		})
		check("sender", st.BySender, func(pt view.StatPoint) figureLink {
			l := base
			l.in.Correspondent, l.noOut = pt.Key, true
			return l
		})
		for _, pt := range st.ResponseDays {
			q := base.in
			q.Days = pt.Key
			p.total(t, v, q, pt.Incoming)
		}
	}
}

// figureLink is the question behind the figures of a mark.
type figureLink struct {
	in    view.IncomingQuery
	out   view.OutgoingQuery
	noOut bool
}

func (p *statisticsPlay) checkLinks(t *testing.T, v *Views, l figureLink, pt view.StatPoint) {
	t.Helper()
	p.total(t, v, l.in, pt.Incoming)
	for outcome, n := range map[string]int{view.OutcomeOpen: pt.Open, view.OutcomeLateOpen: pt.LateOpen, view.OutcomeOnTime: pt.OnTime, view.OutcomeLateDone: pt.LateDone} {
		q := l.in
		q.Outcome = outcome
		p.total(t, v, q, n)
	}
	if l.noOut {
		return
	}
	page, err := v.Outgoing(t.Context(), l.out)
	long := view.Page[view.OutgoingRow]{Total: -1}
	if err == nil {
		err = v.ask(t.Context(), func(x *question) error {
			s, err := x.scopeOf(l.out.Staff)
			if err != nil {
				return err
			}
			if !s.all {
				long.Total = pt.Outgoing
			}
			return x.countOutgoing(t.Context(), s, x.speaker(s), l.out, &long)
		})
	}
	if err != nil || page.Total != pt.Outgoing || long.Total != pt.Outgoing {
		t.Errorf("%+v: %d, the figure is %d, %v", l.out, page.Total, pt.Outgoing, err)
	}
}

func (p *statisticsPlay) total(t *testing.T, v *Views, q view.IncomingQuery, want int) {
	t.Helper()
	page, err := v.Incoming(t.Context(), q)
	if err != nil || page.Total != want {
		t.Errorf("%+v: %d, the figure is %d, %v", q, page.Total, want, err)
	}
	// However long the list is, its total is the figure.
	long := view.Page[view.IncomingRow]{Total: -1}
	err = v.ask(t.Context(), func(x *question) error {
		s, err := x.scopeOf(q.Staff)
		if err != nil {
			return err
		}
		if !s.all {
			long.Total = want
		}
		return x.countIncoming(t.Context(), s, x.speaker(s), q, &long)
	})
	if err != nil || long.Total != want {
		t.Errorf("%+v: %d of a long list, the figure is %d, %v", q, long.Total, want, err)
	}
}

func c2days(list []view.StatPoint) []int {
	var out []int
	for _, pt := range list {
		out = append(out, pt.Incoming)
	}
	return out
}

// atMost counts days, those from manyDays on together.
func (c *counted) atMost() []int {
	if len(c.days) == 0 {
		return nil
	}
	out := make([]int, manyDays+1)
	for d, n := range c.days {
		out[min(d, manyDays)] += n
	}
	return out
}

// TestStatistics: hand-made histories.
func TestStatistics(t *testing.T) {
	o := newOutgoingLog(t) // Monday 2 November 2026; the 11th is off, Saturday the 14th is worked on
	person := directory.Assignee{Unit: "ql", Person: "specialist"}
	var docs []string
	for i := range 4 {
		id := o.arrive(t, 10+i, "Về việc thống kê", 0)
		o.must(t, "clerk", id, incoming.Register{})
		o.must(t, "clerk", id, incoming.Present{To: "leader"})
		o.must(t, "leader", id, incoming.Assign{InCharge: person}) // five working days: due on Monday the 9th
		docs = append(docs, id)
	}
	undated := o.arrive(t, 20, "Không thời hạn", 0)
	o.later(7)
	o.must(t, "specialist", docs[0], incoming.Finish{Result: "Xong"}) // on the day: 5 working days
	o.later(7)
	o.must(t, "specialist", docs[1], incoming.Finish{Result: "Xong"}) // Monday the 16th: 10, less the 11th, and the 14th
	o.issued(t, "di-1", "công văn", "Trả lời", nil)
	o.issued(t, "void-2", "công văn", "Nhầm", nil)
	o.mustDo(t, "clerk", "void-2", cancelDraft)
	v := openViews(t, viewsPath(t), o, Options{})
	ask := func(sq view.StatisticsQuery) view.Statistics {
		t.Helper()
		sq.Staff = o.staff("leader")
		st, err := v.Statistics(t.Context(), sq)
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	st := ask(view.StatisticsQuery{})
	want := view.StatPoint{Incoming: 5, Outgoing: 1, OnTime: 1, LateDone: 1, LateOpen: 3, Open: 3, MedianDays: 7.5}
	if diff := cmp.Diff(want, st.Total); diff != "" {
		t.Error(diff)
	}
	if len(st.ResponseDays) != 11 || st.ResponseDays[5].Incoming != 1 || st.ResponseDays[10].Incoming != 1 || st.ResponseDays[10].Key != "10+" {
		t.Errorf("days: %+v", st.ResponseDays)
	}
	if len(st.ByUnit) != 2 || st.ByUnit[0].Name != "Phòng Quản lý xây dựng" || st.ByUnit[0].Incoming != 4 || len(st.BySender) != 1 || st.BySender[0].Name != "UBND tỉnh Bắc Giang" || st.ByType[0].Key != "Công văn" {
		t.Errorf("%+v", st)
	}
	// Yesterday two of them were not late yet.
	early := o.staff("leader")
	early.Now = time.Date(2026, 11, 9, 3, 0, 0, 0, time.UTC)
	if st, err := v.Statistics(t.Context(), view.StatisticsQuery{Staff: early}); err != nil || st.Total.LateOpen != 1 { // what nobody has registered
		t.Errorf("late on the day itself: %+v, %v", st.Total, err)
	}
	// Opened again, given a later day, and to another unit.
	o.must(t, "leader", docs[1], incoming.Reopen{Reason: "Chưa đủ"})
	o.must(t, "leader", docs[1], incoming.ChangeDeadline{Due: "2026-12-30", Reason: "Làm lại"})
	o.must(t, "leader", docs[1], incoming.Assign{InCharge: directory.Assignee{Unit: "vp"}, Due: "2026-12-30"})
	o.must(t, "leader", docs[2], incoming.ChangeDeadline{Due: "2026-12-30", Reason: "Gia hạn"})
	o.must(t, "clerk", undated, incoming.Refuse{Reason: "Nhầm"})
	if err := v.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	st = ask(view.StatisticsQuery{From: "2026-01-01", To: "2026-12-31"})
	want = view.StatPoint{Incoming: 5, Outgoing: 1, OnTime: 1, LateOpen: 1, Open: 3, MedianDays: 5}
	if diff := cmp.Diff(want, st.Total); diff != "" {
		t.Error(diff)
	}
	if st = ask(view.StatisticsQuery{Unit: "vp"}); st.Total.Incoming != 1 || st.Total.Outgoing != 0 || st.Total.LateOpen != 0 {
		t.Errorf("unit: %+v", st.Total)
	}
	if st = ask(view.StatisticsQuery{From: "2026-11-03", To: "2026-11-15"}); st.Total.Incoming != 0 || st.Total.Outgoing != 0 || len(st.ByMonth) != 0 {
		t.Errorf("between: %+v", st)
	}
	if st = ask(view.StatisticsQuery{From: "2026-12-01", To: "2026-11-01"}); st.Total.Incoming != 0 {
		t.Errorf("backwards: %+v", st)
	}
	if _, err := v.Statistics(t.Context(), view.StatisticsQuery{Staff: o.staff("leader"), From: "x"}); !errors.Is(err, view.ErrQuery) {
		t.Errorf("bad day: %v", err)
	}
	for _, who := range []string{"admin", "archivist", "nobody"} {
		if _, err := v.Statistics(t.Context(), view.StatisticsQuery{Staff: o.staff(who)}); !errors.Is(err, view.ErrNotFound) {
			t.Errorf("%s: %v", who, err)
		}
	}
}

func TestYearsAndMonths(t *testing.T) {
	for _, c := range []struct {
		first, last uint64
		want        string
	}{
		{202601, 202612, "[[2026 2026]]"},
		{202603, 202611, "[[202603 202611]]"},
		{202512, 202601, "[[202512 202601]]"},
		{202401, 202612, "[[2024 2026]]"},
		{202402, 202612, "[[2025 2026] [202402 202500]]"},
		{202401, 202611, "[[2024 2025] [202601 202611]]"},
		{202306, 202605, "[[2024 2025] [202306 202400] [202601 202605]]"},
	} {
		if got := fmt.Sprint(yearsAndMonths(c.first, c.last)); got != c.want {
			t.Errorf("%d to %d: %s, expected %s", c.first, c.last, got, c.want)
		}
	}
}
