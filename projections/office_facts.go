package projections

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"slices"
)

// What the statistics count. Each incoming document of an agency, and each outgoing one with a number that stands, is one fact: the day
// it counts for, what it is counted by, and how far it has come. Facts are kept one by one (fact: what a person may see is counted from
// these) and summed by month and by year (tally: of a whole agency, or of one unit). Both follow from the target's row alone, so
// whatever happens to a document, being opened again, given to another unit or having its deadline moved, its old fact is taken out and
// its new one put in. Being late is no event: what is open is summed by the day by which the next step is due, and judged when asked.

// outcome is how far a document has come. The numbers stand in views.db.
type outcome uint8

const (
	outcomeNone     outcome = 0 // nothing to count
	outcomeOpen     outcome = 1 // work to do; days is the day by which the next step is due, as a number, 0: none
	outcomeOnTime   outcome = 2 // finished at or before the deadline; days is working days from arrival to end, here and below
	outcomeLate     outcome = 3 // finished after it
	outcomeUndated  outcome = 4 // finished, and had no deadline
	outcomeBack     outcome = 5 // refused or withdrawn
	outcomeOutgoing outcome = 6 // an outgoing document
)

// countedFact is what one document adds to the statistics. Strings are numbers of the dictionary.
type countedFact struct {
	day     string // of arrival, or of the document; "" none: not counted
	unit    uint32 // in charge, or the author's
	typ     uint32 // folded
	party   uint32 // sender of an incoming document
	outcome outcome
	days    int
}

func (f *countedFact) counts() bool { return f.outcome != outcomeNone && month(f.day) != 0 }

// Dimensions of tally: what a sum is by. The key of all is 0.
const (
	tallyAll   = 0
	tallyUnit  = 1
	tallyType  = 2
	tallyParty = 3 // of incoming documents only
)

// wholeAgency is the unit of sums over all units.
const wholeAgency = -1

// tallyKey names one sum.
type tallyKey struct {
	org     uint32
	unit    int64 // or wholeAgency
	dim     uint8
	period  uint64 // yyyymm or yyyy
	key     uint32
	outcome outcome
	days    int
}

func (k tallyKey) compare(o tallyKey) int {
	return cmp.Or(cmp.Compare(k.org, o.org), cmp.Compare(k.unit, o.unit), cmp.Compare(k.dim, o.dim), cmp.Compare(k.period, o.period),
		cmp.Compare(k.key, o.key), cmp.Compare(k.outcome, o.outcome), cmp.Compare(k.days, o.days))
}

// tally adds n to every sum that the fact is part of.
func (f *countedFact) tally(org uint32, sums map[tallyKey]int64, n int64) {
	if !f.counts() {
		return
	}
	for _, unit := range []int64{wholeAgency, int64(f.unit)} {
		for _, period := range []uint64{month(f.day), month(f.day) / 100} {
			k := tallyKey{org: org, unit: unit, period: period, outcome: f.outcome, days: f.days}
			add := func(dim uint8, key uint32) {
				k.dim, k.key = dim, key
				sums[k] += n
			}
			add(tallyAll, 0)
			add(tallyType, f.typ)
			if unit == wholeAgency {
				add(tallyUnit, f.unit)
			}
			if f.outcome != outcomeOutgoing {
				add(tallyParty, f.party)
			}
		}
	}
}

// factSQL is the layout of the statistics. In the order of tally's key every question reads few stretches.
const factSQL = `
CREATE TABLE fact (id INTEGER PRIMARY KEY, org INTEGER NOT NULL, day TEXT NOT NULL, unit INTEGER NOT NULL, type INTEGER NOT NULL, party INTEGER NOT NULL,
	outcome INTEGER NOT NULL, days INTEGER NOT NULL); -- id is that of target
CREATE INDEX fact_day ON fact (org, day, unit, type, party, outcome, days);
CREATE TABLE tally (org INTEGER NOT NULL, unit INTEGER NOT NULL, dim INTEGER NOT NULL, period INTEGER NOT NULL, key INTEGER NOT NULL,
	outcome INTEGER NOT NULL, days INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (org, unit, dim, period, key, outcome, days)) WITHOUT ROWID;
`

// factChanges are the statements that keep the statistics.
type factChanges struct {
	fact               insert
	updateFact, unfact change
	tally, untally     change
}

func (c *factChanges) prepare(ctx context.Context, d driver.ConnPrepareContext) error {
	for _, p := range []struct {
		change *change
		text   string
	}{
		{&c.updateFact, "UPDATE fact SET day = ?, unit = ?, type = ?, party = ?, outcome = ?, days = ? WHERE id = ?"},
		{&c.unfact, "DELETE FROM fact WHERE id = ?"},
		{&c.tally, "INSERT INTO tally (org, unit, dim, period, key, outcome, days, n) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n"},
		{&c.untally, "DELETE FROM tally WHERE org = ? AND unit = ? AND dim = ? AND period = ? AND key = ? AND outcome = ? AND days = ? AND n = 0"},
	} {
		if err := p.change.prepare(ctx, d, p.text); err != nil {
			return err
		}
	}
	return c.fact.prepare(ctx, d, "fact (id, org, day, unit, type, party, outcome, days)", 8)
}

func (c *factChanges) close() error {
	var errs []error
	for _, one := range []*change{&c.updateFact, &c.unfact, &c.tally, &c.untally, &c.fact.one, &c.fact.many} {
		errs = append(errs, one.close())
	}
	return errors.Join(errs...)
}

// writeFact replaces the fact of a target, and notes what that does to the sums.
func (w *writer) writeFact(ctx context.Context, t *target, sums map[tallyKey]int64) error {
	had, now := t.hadFact, t.fact
	if had == now {
		return nil
	}
	had.tally(t.org, sums, -1)
	now.tally(t.org, sums, 1)
	t.hadFact = now
	put := &w.put.office.facts
	switch {
	case !now.counts() && !had.counts():
		return nil
	case !now.counts():
		return put.unfact.exec(ctx, int64(t.id))
	case had.counts():
		return put.updateFact.exec(ctx, now.day, int64(now.unit), int64(now.typ), int64(now.party), int64(now.outcome), int64(now.days), int64(t.id))
	}
	return put.fact.add(ctx, int64(t.id), int64(t.org), now.day, int64(now.unit), int64(now.typ), int64(now.party), int64(now.outcome), int64(now.days))
}

// writeTallies changes the sums, in their order.
func (w *writer) writeTallies(ctx context.Context, sums map[tallyKey]int64) error {
	put := &w.put.office.facts
	if err := put.fact.flush(ctx); err != nil {
		return err
	}
	keys := make([]tallyKey, 0, len(sums))
	for k, n := range sums {
		if n != 0 {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, tallyKey.compare)
	for _, k := range keys {
		args := []driver.Value{int64(k.org), k.unit, int64(k.dim), int64(k.period), int64(k.key), int64(k.outcome), int64(k.days), sums[k]}
		if err := put.tally.exec(ctx, args...); err != nil {
			return err
		}
		if sums[k] > 0 {
			continue
		}
		if err := put.untally.exec(ctx, args[:7]...); err != nil { // what is open would leave a row for every day
			return err
		}
	}
	return nil
}
