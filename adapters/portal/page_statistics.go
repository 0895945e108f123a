package portal

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

// Statistics of an agency's work. Every figure is a link to the list that it counts.

type statisticsBody struct {
	Periods  []listTab
	From, To string // yyyy-MM-dd
	Unit     string
	Units    []view.Named
	Problems []string
	Tiles    []figureTile
	Months   figureTable
	Timely   figureTable
	Days     figureTable
	Parts    []figureTable // by unit, kind and sender
	None     bool
	AsOf     uint64
	Period   string
}

// figureTile is one number for the whole period.
type figureTile struct {
	Label, Text, Note, Path, Tone string
}

// figureTable is a chart and the table beside it.
type figureTable struct {
	ID, Title string
	Columns   []figureColumn
	Rows      []figureRow
	Chart     *columnChart // nil: bars stand in the rows
	Nones     int          // rows that the table leaves out
}

type figureColumn struct{ Label, Class string }

type figureRow struct {
	Name  string
	Cells []figure
	Share int  // of the largest row, in percent
	None  bool // nothing to count: the table leaves it out, the chart does not
}

// figure is a number with the address of the list that it counts.
type figure struct {
	N    int
	Path string
}

// statisticsPeriod is one of the usual periods.
type statisticsPeriod struct{ key, from, to string }

func statisticsPeriods(now time.Time) []statisticsPeriod {
	y, m, d := now.In(vietnamTime).Date()
	iso := func(y int, m time.Month, d int) string {
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	}
	quarter := (m-1)/3*3 + 1
	return []statisticsPeriod{
		{"year", iso(y, 1, 1), iso(y, m, d)}, {"quarter", iso(y, quarter, 1), iso(y, m, d)}, {"month", iso(y, m, 1), iso(y, m, d)},
		{"last-month", iso(y, m-1, 1), iso(y, m, 0)}, {"last-year", iso(y-1, 1, 1), iso(y-1, 12, 31)},
	}
}

// statisticsMost bounds a period: ten years.
const statisticsMost = 3660 * 24 * time.Hour

func (p *Portal) statistics(v *visit) error {
	lists, err := p.officeOf(v)
	if err != nil {
		return err
	}
	q := v.r.URL.Query()
	periods := statisticsPeriods(p.cfg.Node.Now())
	b := statisticsBody{From: periods[0].from, To: periods[0].to, Units: lists.unitNames()}
	if slices.ContainsFunc(lists.Units, func(u view.OfficeUnit) bool { return u.ID == q.Get("unit") }) {
		b.Unit = q.Get("unit")
	}
	if typed := [2]string{cmp.Or(q.Get("from"), q.Get("from_date")), cmp.Or(q.Get("to"), q.Get("to_date"))}; typed[0] != "" || typed[1] != "" {
		from, okFrom := parseDate(typed[0])
		to, okTo := parseDate(typed[1])
		start, end := sheetDay(from), sheetDay(to)
		if !okFrom || !okTo || from == "" || to == "" || end.Before(start) || end.Sub(start) > statisticsMost {
			b.Problems = append(b.Problems, v.words.say("figures.bad"))
		} else {
			b.From, b.To = from, to
		}
	}
	for _, x := range periods {
		b.Periods = append(b.Periods, listTab{Label: v.words.say("figures.period." + x.key), Path: with("/statistics", "from", x.from, "to", x.to, "unit", b.Unit), Current: x.from == b.From && x.to == b.To})
	}
	b.Period = printRange(v.words, b.From, b.To)
	s, err := p.cfg.OfficeViews.Statistics(v.ctx(), view.StatisticsQuery{Staff: p.staffOf(v), From: b.From, To: b.To, Unit: b.Unit})
	if err != nil {
		return err
	}
	b.AsOf, b.None = s.AsOf, s.Total.Incoming+s.Total.Outgoing == 0
	p.fillStatistics(v, &b, s)
	return p.show(v, "statistics", "statistics", v.words.say("nav.statistics"), b)
}

// Addresses of what is counted. Pairs override.

func (b *statisticsBody) incoming(pairs ...string) string {
	return figureAddress("/incoming", "all", b, "charge", pairs)
}

func (b *statisticsBody) outgoing(pairs ...string) string {
	return figureAddress("/outgoing", "issued", b, "unit", pairs)
}

func figureAddress(path, list string, b *statisticsBody, unit string, pairs []string) string {
	all := map[string]string{"list": list, "from": b.From, "to": b.To, unit: b.Unit}
	for i := 0; i+1 < len(pairs); i += 2 {
		all[pairs[i]] = pairs[i+1]
	}
	flat := make([]string, 0, 2*len(all))
	for k, x := range all {
		flat = append(flat, k, x)
	}
	return with(path, flat...) // url.Values sorts
}

// monthBounds are the days of a month (yyyy-MM) within the period.
func (b *statisticsBody) monthBounds(key string) (from, to string) {
	first, err := time.Parse("2006-01", key)
	if err != nil {
		return b.From, b.To
	}
	return max(b.From, first.Format(time.DateOnly)), min(b.To, first.AddDate(0, 1, -1).Format(time.DateOnly))
}

func (p *Portal) fillStatistics(v *visit, b *statisticsBody, s view.Statistics) {
	w, t := v.words, s.Total
	timely, judged := "–", t.OnTime+t.LateDone+t.LateOpen
	if judged > 0 {
		timely = fmt.Sprintf("%d%%", 100*t.OnTime/judged)
	}
	b.Tiles = []figureTile{
		{w.say("figures.incoming"), w.number(int64(t.Incoming)), w.say("figures.open.n", "n", t.Open), b.incoming(), ""},
		{w.say("figures.outgoing"), w.number(int64(t.Outgoing)), w.say("figures.outgoing.note"), b.outgoing(), ""},
		{w.say("figures.timely"), timely, w.say("figures.timely.of", "n", t.OnTime, "all", judged), b.incoming("outcome", view.OutcomeOnTime), "good"},
		{w.say("figures.lateopen"), w.number(int64(t.LateOpen)), w.say("figures.latedone.n", "n", t.LateDone), b.incoming("outcome", view.OutcomeLateOpen), "alarm"},
		{w.say("figures.median"), w.median(t.MedianDays), w.say("figures.median.note"), "", ""},
	}
	if t.LateOpen == 0 {
		b.Tiles[3].Tone = ""
	}
	in, out := figureColumn{w.say("figures.in"), "in"}, figureColumn{w.say("figures.out"), "out"}
	onTime, lateDone, lateOpen := figureColumn{w.say("figures.ontime"), "done"}, figureColumn{w.say("figures.latedone"), "open"}, figureColumn{w.say("figures.lateopen"), "failed"}
	b.Months = figureTable{ID: "months", Title: w.say("figures.months"), Columns: []figureColumn{in, out}}
	b.Timely = figureTable{ID: "timely", Title: w.say("figures.timely.month"), Columns: []figureColumn{onTime, lateDone, lateOpen}}
	for _, x := range s.ByMonth {
		from, to := b.monthBounds(x.Key)
		name := monthName(x.Key)
		b.Months.add(name, figure{x.Incoming, b.incoming("from", from, "to", to)}, figure{x.Outgoing, b.outgoing("from", from, "to", to)})
		b.Timely.add(name, figure{x.OnTime, b.incoming("from", from, "to", to, "outcome", view.OutcomeOnTime)}, figure{x.LateDone, b.incoming("from", from, "to", to, "outcome", view.OutcomeLateDone)},
			figure{x.LateOpen, b.incoming("from", from, "to", to, "outcome", view.OutcomeLateOpen)})
	}
	b.Months.draw(false)
	b.Timely.draw(true)
	b.Days = figureTable{ID: "days", Title: w.say("figures.days"), Columns: []figureColumn{in}}
	for _, x := range s.ResponseDays {
		b.Days.add(x.Key, figure{x.Incoming, b.incoming("days", x.Key)})
	}
	b.Days.draw(false)
	// part is a table with a bar for each row; an address that the list cannot be asked for is empty.
	part := func(id string, points []view.StatPoint, address func(view.StatPoint) (in, out string)) {
		t := figureTable{ID: id, Title: w.say("figures.by." + id), Columns: []figureColumn{in, out, onTime, lateDone, lateOpen}}
		if id == "sender" { // nothing goes out from who sent it
			t.Columns = slices.Delete(t.Columns, 1, 2)
		}
		for _, x := range points {
			toIn, toOut := address(x)
			outcome := func(o string) string {
				if toIn == "" {
					return ""
				}
				return toIn + "&outcome=" + o
			}
			cells := []figure{{x.Incoming, toIn}, {x.Outgoing, toOut}, {x.OnTime, outcome(view.OutcomeOnTime)}, {x.LateDone, outcome(view.OutcomeLateDone)}, {x.LateOpen, outcome(view.OutcomeLateOpen)}}
			if id == "sender" {
				cells = slices.Delete(cells, 1, 2)
			}
			if id == "unit" && x.Key == "" {
				x.Name = w.say("figures.nobody")
			}
			t.add(x.Name, cells...)
		}
		t.share()
		if len(t.Rows) > 0 {
			b.Parts = append(b.Parts, t)
		}
	}
	if b.Unit == "" {
		part("unit", s.ByUnit, func(x view.StatPoint) (string, string) {
			if x.Key == "" {
				return "", ""
			}
			return b.incoming("charge", x.Key), b.outgoing("unit", x.Key)
		})
	}
	part("type", s.ByType, func(x view.StatPoint) (string, string) {
		return b.incoming("type", x.Key), b.outgoing("type", x.Key)
	})
	part("sender", s.BySender, func(x view.StatPoint) (string, string) {
		if o, err := p.names.organisation(v.ctx(), x.Key); err == nil && o.Code != "" {
			return b.incoming("with", o.Code), ""
		}
		return "", "" // without a code the list cannot be asked for
	})
}

func (t *figureTable) add(name string, cells ...figure) {
	if strings.TrimSpace(name) == "" {
		name = "–"
	}
	r := figureRow{Name: name, Cells: cells, None: !slices.ContainsFunc(cells, func(f figure) bool { return f.N > 0 })}
	if r.None {
		t.Nones++
	}
	t.Rows = append(t.Rows, r)
}

// share says how long the bar of each row is, by what came and what went out.
func (t *figureTable) share() {
	total := func(r figureRow) (n int) {
		for i, c := range t.Columns {
			if c.Class == "in" || c.Class == "out" {
				n += r.Cells[i].N
			}
		}
		return n
	}
	most := 1
	for _, r := range t.Rows {
		most = max(most, total(r))
	}
	for i, r := range t.Rows {
		t.Rows[i].Share = 100 * total(r) / most
	}
}

// draw makes the chart of the table: its columns beside each other, or on each other.
func (t *figureTable) draw(stacked bool) {
	c := newColumnChart(*t, stacked)
	t.Chart = &c
}

// median says a number of working days.
func (w words) median(days float64) string {
	if days < 0 {
		return "–"
	}
	return w.decimal(days, 1)
}

// monthName writes yyyy-MM as people do.
func monthName(key string) string {
	t, err := time.Parse("2006-01", key)
	if err != nil {
		return key
	}
	return t.Format("01/2006")
}

// readFigure reads what the address of a figure asks of the list of incoming documents.
func (f *arrivalFilter) readFigure(w words, lists *officeLists, get func(string) string) {
	var what []string
	if o := get("outcome"); w.has("figures.of."+o) && slices.Contains([]string{view.OutcomeOpen, view.OutcomeLateOpen, view.OutcomeOnTime, view.OutcomeLateDone}, o) {
		f.Outcome, f.query.Outcome = o, o
		what = append(what, w.say("figures.of."+o))
	}
	if d := get("days"); d == "10+" || len(d) == 1 && d[0] >= '0' && d[0] <= '9' {
		f.Days, f.query.Days = d, d
		what = append(what, w.say("figures.of.days", "days", d))
	}
	if unit := get("charge"); lists.unitName(unit) != "" {
		f.Charge, f.query.InCharge = unit, unit
		what = append(what, w.say("figures.of.charge", "unit", lists.unitName(unit)))
	}
	if len(what) > 0 {
		f.Figure = w.say("figures.of", "what", strings.Join(what, ", "))
	}
}
