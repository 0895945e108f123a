package projections

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tram-exchange/tram/internal/view"
	"github.com/tram-exchange/tram/schemas"
)

// Statistics counts what arrived and what was issued in a period, of what the asker may see (see view.Statistics). For who sees all of
// the agency it adds up sums by year and month, and single days at both ends of the period; for others it counts their documents one by
// one. view.ErrNotFound for who may see no documents of the agency's work.
func (v *Views) Statistics(ctx context.Context, sq view.StatisticsQuery) (out view.Statistics, err error) {
	err = v.ask(ctx, func(q *question) error {
		out, err = q.statistics(ctx, sq)
		return err
	})
	if err != nil {
		return view.Statistics{}, err
	}
	return out, nil
}

// maxSenders is how many senders are told, those of most documents.
const maxSenders = 20

func (q *question) statistics(ctx context.Context, sq view.StatisticsQuery) (view.Statistics, error) {
	s, err := q.scopeOf(sq.Staff)
	if err != nil {
		return view.Statistics{}, err
	}
	c := &counting{q: q, scope: s, speaker: q.speaker(s), from: sq.From, to: sq.To}
	if err := c.period(sq.Unit); err != nil {
		return view.Statistics{}, err
	}
	if c.from <= c.to {
		if s.all {
			err = c.sums(ctx, tallyAll, tallyUnit, tallyType, tallyParty)
		} else {
			err = c.single(ctx)
		}
	}
	if err != nil {
		return view.Statistics{}, fmt.Errorf("couldn't count documents: %w", err)
	}
	return c.statistics(), nil
}

// period reads the days and the unit that are asked for.
func (c *counting) period(unit string) error {
	c.by = map[tallyPoint]*counted{}
	for _, d := range []*string{&c.from, &c.to} {
		if _, err := time.Parse(time.DateOnly, *d); *d != "" && err != nil {
			return fmt.Errorf("couldn't read date %q: %w", *d, view.ErrQuery)
		}
	}
	if c.to == "" {
		c.to = c.speaker.today
	}
	if c.from == "" {
		c.from = firstDay
	}
	c.today = dayCount(c.speaker.today)
	if c.unit = wholeAgency; unit != "" {
		if c.unit = int64(c.q.number(unit)); c.unit == 0 {
			c.unit = noUnit
		}
	}
	return nil
}

const (
	firstDay = "1900-01-01"
	lastDay  = "2199-12-31"
	noUnit   = 1 << 40 // one that no sum has
)

// dayCount numbers days, 0 for none.
func dayCount(day string) int {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return 0
	}
	return int(t.Unix() / (24 * 60 * 60))
}

// counting is one question for statistics under way.
type counting struct {
	q        *question
	scope    *scope
	speaker  *speaker
	from, to string
	unit     int64
	today    int
	by       map[tallyPoint]*counted
}

// tallyPoint is one mark of a chart. ByMonth has a dimension of its own.
type tallyPoint struct {
	dim uint8
	key uint64
}

const tallyMonth = 100

// counted is what one mark counts.
type counted struct {
	outcomes [outcomeOutgoing + 1]int
	lateOpen int
	days     map[int]int // working days from arrival to end
}

func (c *counting) add(p tallyPoint, o outcome, days, n int) {
	at := c.by[p]
	if at == nil {
		at = &counted{days: map[int]int{}}
		c.by[p] = at
	}
	at.outcomes[o] += n
	switch o {
	case outcomeOpen:
		if days != 0 && days < c.today {
			at.lateOpen += n
		}
	case outcomeOnTime, outcomeLate, outcomeUndated:
		at.days[days] += n
	}
}

// fact adds n times one document.
func (c *counting) fact(f *countedFact, n int) {
	if c.unit != wholeAgency && int64(f.unit) != c.unit {
		return
	}
	for _, p := range []tallyPoint{{tallyAll, 0}, {tallyMonth, month(f.day)}, {tallyUnit, uint64(f.unit)}, {tallyType, uint64(f.typ)}} {
		c.add(p, f.outcome, f.days, n)
	}
	if f.outcome != outcomeOutgoing {
		c.add(tallyPoint{tallyParty, uint64(f.party)}, f.outcome, f.days, n)
	}
}

// figureOf is one figure of the statistics, for who sees all of the agency: how many documents there are that a question asks for by
// nothing else. The lists alone would have to count them one by one.
func (q *question) figureOf(ctx context.Context, s *scope, sp *speaker, from, to, unit string, p tallyPoint, figure func(*counted) int) (int, error) {
	c := &counting{q: q, scope: s, speaker: sp, from: from, to: to}
	if err := c.period(unit); err != nil {
		return 0, err
	}
	if to == "" {
		c.to = lastDay
	}
	if c.from > c.to {
		return 0, nil
	}
	if err := c.sums(ctx, p.dim); err != nil {
		return 0, fmt.Errorf("couldn't count documents: %w", err)
	}
	if at := c.by[p]; at != nil {
		return figure(at), nil
	}
	return 0, nil
}

// sums adds up tallies: of every month that the period touches, and then takes out, or puts in instead, the days at its ends.
func (c *counting) sums(ctx context.Context, dims ...uint8) error {
	first, last := month(c.from), month(c.to)
	var without [][2]string // stretches of days that lie in those months and not in the period
	if before := c.from[:len("2006-01")] + "-01"; before < c.from {
		without = append(without, [2]string{before, previousDay(c.from)})
	}
	if end := lastOfMonth(c.to); c.to < end {
		without = append(without, [2]string{nextDay(c.to), end})
	}
	for _, dim := range dims {
		if dim == tallyUnit && c.unit != wholeAgency {
			continue
		}
		ranges := yearsAndMonths(first, last)
		if dim == tallyAll {
			ranges = [][2]uint64{{first, last}} // they are told one by one
		}
		for _, r := range ranges {
			if err := c.tallies(ctx, dim, r); err != nil {
				return err
			}
		}
	}
	for _, days := range without {
		if err := c.facts(ctx, days, -1); err != nil {
			return err
		}
	}
	return nil
}

// yearsAndMonths covers months by whole years where it can. Years have four digits, months six.
func yearsAndMonths(first, last uint64) [][2]uint64 {
	y1, y2 := first/100, last/100
	if first%100 > 1 {
		y1++
	}
	if last%100 < 12 {
		y2--
	}
	if y1 > y2 {
		return [][2]uint64{{first, last}}
	}
	out := [][2]uint64{{y1, y2}}
	if first < y1*100 {
		out = append(out, [2]uint64{first, y1 * 100})
	}
	if last > y2*100+12 {
		out = append(out, [2]uint64{(y2+1)*100 + 1, last})
	}
	return out
}

func (c *counting) tallies(ctx context.Context, dim uint8, periods [2]uint64) error {
	column := "0"
	if dim == tallyAll {
		column = "period"
	}
	text := "SELECT " + column + ", key, outcome, CASE WHEN outcome = 1 THEN days > 0 AND days < ? ELSE days END AS d, sum(n) FROM tally" +
		" WHERE org = ? AND unit = ? AND dim = ? AND period BETWEEN ? AND ? GROUP BY 1, 2, 3, 4"
	for _, org := range c.scope.orgs {
		err := eachRow(ctx, c.q.conn, text, []any{c.today, org, c.unit, dim, periods[0], periods[1]}, func(rows *sql.Rows) error {
			var period, key uint64
			var o outcome
			var days, n int
			if err := rows.Scan(&period, &key, &o, &days, &n); err != nil {
				return err
			}
			if o > outcomeOutgoing {
				return fmt.Errorf("outcome %d", o)
			}
			if o == outcomeOpen && days > 0 {
				days = c.today - 1 // late, since whenever
			}
			c.add(tallyPoint{dim, key}, o, days, n)
			if dim == tallyAll {
				c.add(tallyPoint{tallyMonth, period}, o, days, n)
				if c.unit != wholeAgency {
					c.add(tallyPoint{tallyUnit, uint64(c.unit)}, o, days, n)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

const factColumns = "f.id, f.day, f.unit, f.type, f.party, f.outcome, f.days"

// scanFact reads a row of fact, with columns before it going to more.
func scanFact(rows *sql.Rows, f *countedFact, more ...any) (id uint64, err error) {
	err = rows.Scan(append(more, &id, &f.day, &f.unit, &f.typ, &f.party, &f.outcome, &f.days)...)
	if err == nil && f.outcome > outcomeOutgoing {
		err = fmt.Errorf("outcome %d", f.outcome)
	}
	return id, err
}

// facts adds n times every document of some days.
func (c *counting) facts(ctx context.Context, days [2]string, n int) error {
	for _, org := range c.scope.orgs {
		text := "SELECT " + factColumns + " FROM fact f INDEXED BY fact_day WHERE f.org = ? AND f.day BETWEEN ? AND ?"
		err := eachRow(ctx, c.q.conn, text, []any{org, days[0], days[1]}, func(rows *sql.Rows) error {
			var f countedFact
			if _, err := scanFact(rows, &f); err != nil {
				return err
			}
			c.fact(&f, n)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

const (
	arrivedSQL = "listed l CROSS JOIN fact f ON f.id = l.id WHERE l.org = ? AND l.class = ? AND l.what = ? AND l.id BETWEEN ? AND ?"
	issuedSQL  = "listed l CROSS JOIN target t INDEXED BY target_number ON t.org = l.org AND t.kind = 2 AND t.number = l.id AND t.number <> 0" +
		" CROSS JOIN fact f ON f.id = t.id WHERE l.org = ? AND l.class = ? AND l.what = ? AND l.id BETWEEN ? AND ?"
)

// single counts the documents that the asker may see, each once. Their lists are read where the period lies.
func (c *counting) single(ctx context.Context) error {
	if len(c.scope.people) == 0 && len(c.scope.units) == 0 {
		return view.ErrNotFound
	}
	seen := map[uint64]bool{}
	take := func(from string, args ...any) error {
		text := "SELECT " + factColumns + " FROM " + from + " AND f.day BETWEEN ? AND ?"
		return eachRow(ctx, c.q.conn, text, append(args, c.from, c.to), func(rows *sql.Rows) error {
			var f countedFact
			id, err := scanFact(rows, &f)
			if err != nil || seen[id] {
				return err
			}
			seen[id] = true
			c.fact(&f, 1)
			return nil
		})
	}
	for kind, from := range map[targetKind]string{targetIncoming: arrivedSQL, targetIssued: issuedSQL} {
		part, err := c.q.stretch(ctx, c.scope.orgs, kind, month(c.from), month(c.to))
		if err != nil {
			return err
		}
		for _, org := range c.scope.orgs {
			for _, l := range c.q.concern(c.scope, kind) {
				if err := take(from, org, l.class, l.what, int64(part.low), int64(part.high)); err != nil {
					return err
				}
			}
		}
	}
	for _, org := range c.scope.orgs {
		if !c.scope.archive {
			continue
		}
		if err := take("target d CROSS JOIN holding h ON h.dossier = d.id CROSS JOIN fact f ON f.id = h.target WHERE d.org = ? AND d.kind = ? AND d.state = ?", org, targetDossier, dossierClosed); err != nil {
			return err
		}
	}
	return nil
}

func nextDay(day string) string     { return shiftDay(day, 1) }
func previousDay(day string) string { return shiftDay(day, -1) }

func shiftDay(day string, n int) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return t.AddDate(0, 0, n).Format(time.DateOnly)
}

func lastOfMonth(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
}

// statistics puts what was counted in order.
func (c *counting) statistics() view.Statistics {
	out := view.Statistics{From: c.from, To: c.to, AsOf: c.q.position, Total: view.StatPoint{MedianDays: -1}}
	if all := c.by[tallyPoint{tallyAll, 0}]; all != nil {
		out.Total = all.point("", "")
		out.ResponseDays = all.responseDays()
	}
	for p, at := range c.by {
		if at.empty() {
			continue
		}
		switch p.dim {
		case tallyMonth:
			name := fmt.Sprintf("%04d-%02d", p.key/100, p.key%100)
			out.ByMonth = append(out.ByMonth, at.point(name, name))
		case tallyUnit:
			u := c.speaker.unit(c.q.text(uint32(p.key)))
			out.ByUnit = append(out.ByUnit, at.point(u.ID, u.Name))
		case tallyType:
			name := typeNamed(c.q.text(uint32(p.key)))
			out.ByType = append(out.ByType, at.point(name, name))
		case tallyParty:
			if org := c.q.text(uint32(p.key)); org != "" && at.incoming() > 0 {
				out.BySender = append(out.BySender, at.point(org, c.q.directory.name(org, c.scope.now)))
			}
		}
	}
	slices.SortFunc(out.ByMonth, func(a, b view.StatPoint) int { return strings.Compare(a.Key, b.Key) })
	for _, list := range [][]view.StatPoint{out.ByUnit, out.ByType, out.BySender} {
		slices.SortFunc(list, func(a, b view.StatPoint) int {
			return cmp.Or(cmp.Compare(b.Incoming+b.Outgoing, a.Incoming+a.Outgoing), strings.Compare(a.Key, b.Key))
		})
	}
	out.BySender = out.BySender[:min(len(out.BySender), maxSenders)]
	return out
}

func (c *counted) incoming() int {
	n := 0
	for o := outcomeOpen; o <= outcomeBack; o++ {
		n += c.outcomes[o]
	}
	return n
}

func (c *counted) empty() bool { return c.incoming() == 0 && c.outcomes[outcomeOutgoing] == 0 }

func (c *counted) point(key, name string) view.StatPoint {
	return view.StatPoint{Key: key, Name: name, Incoming: c.incoming(), Outgoing: c.outcomes[outcomeOutgoing], OnTime: c.outcomes[outcomeOnTime],
		LateDone: c.outcomes[outcomeLate], LateOpen: c.lateOpen, Open: c.outcomes[outcomeOpen], MedianDays: c.median()}
}

// median of the working days; between two it is their mean.
func (c *counted) median() float64 {
	total := 0
	for _, n := range c.days {
		total += n
	}
	if total == 0 {
		return -1
	}
	nth := func(k int) int {
		for _, d := range slices.Sorted(maps.Keys(c.days)) {
			if k -= c.days[d]; k < 0 {
				return d
			}
		}
		return 0
	}
	return float64(nth((total-1)/2)+nth(total/2)) / 2
}

// manyDays is from where on days are told together.
const manyDays = 10

// daysKey is the mark of so many working days.
func daysKey(days int) string {
	if days >= manyDays {
		return strconv.Itoa(manyDays) + "+"
	}
	return strconv.Itoa(days)
}

func (c *counted) responseDays() []view.StatPoint {
	out := make([]view.StatPoint, manyDays+1)
	total := 0
	for d, n := range c.days {
		out[min(d, manyDays)].Incoming += n
		total += n
	}
	if total == 0 {
		return nil
	}
	for d := range out {
		out[d].Key, out[d].Name, out[d].MedianDays = daysKey(d), daysKey(d), -1
	}
	return out
}

// typeNamed is a kind as people write it: "Công văn" for "cong van".
func typeNamed(folded string) string {
	for _, t := range schemas.DocumentTypes() {
		if Fold(t.Name) == folded {
			first, n := utf8.DecodeRuneInString(t.Name)
			return string(unicode.ToUpper(first)) + t.Name[n:]
		}
	}
	return folded
}
