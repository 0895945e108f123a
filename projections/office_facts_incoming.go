package projections

import (
	"fmt"

	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document/incoming"
	"github.com/tram-exchange/tram/internal/view"
)

// measured is what the statistics keep of an incoming document beside its state: what follows from the directory as it was.
type measured struct {
	Unit  string `json:"unit,omitempty"`  // in charge; that of the person, when a person is
	Days  int    `json:"days,omitempty"`  // working days from arrival to end, once it is finished
	Dated bool   `json:"dated,omitempty"` // it had a deadline when it was finished
	// Passed is when it was laid before, or given to, whoever has it, in microseconds: the column "ngày chuyển" of the register.
	Passed int64 `json:"passed,omitempty"`
}

// measure takes in an event that the row has folded.
func (r *incomingRow) measure(office *directory.Office, before incoming.State, e *decoded) {
	m := &r.Measured
	switch e.Statement.Name {
	case incoming.NamePresented, incoming.NameAssigned, incoming.NameTransferredBack:
		m.Passed = micros(e.Statement.Time)
	}
	switch e.Statement.Name {
	case incoming.NameAssigned:
		m.Unit = unitInCharge(office, r.State.Assignment.InCharge)
	case incoming.NameFinished:
		m.Dated = before.Due != ""
		if office != nil {
			m.Days = max(office.Calendar.Between(r.Day, directory.Day(e.Statement.Time)), 0)
		}
	}
	if r.State.Phase != incoming.PhaseFinished {
		m.Days, m.Dated = 0, false
	}
	if !r.State.Assigned() {
		m.Unit = ""
	}
}

// unitInCharge is the unit, or the first one in which the person works.
func unitInCharge(office *directory.Office, a directory.Assignee) string {
	if a.Unit != "" || office == nil {
		return a.Unit
	}
	p, _ := office.Person(a.Person)
	for _, d := range p.Duties {
		if d.Unit != "" {
			return d.Unit
		}
	}
	return ""
}

// fact is what the document adds to the statistics.
func (r *incomingRow) fact(d *derivation) {
	f := countedFact{day: r.Day, unit: d.id(r.Measured.Unit), typ: d.id(r.Type), party: d.id(r.From), outcome: outcomeOpen}
	switch incomingStates[d.state] {
	case view.IncomingRefused, view.IncomingWithdrawn:
		f.outcome = outcomeBack
	case view.IncomingFinished:
		f.days = r.Measured.Days
		switch {
		case r.DoneLate:
			f.outcome = outcomeLate
		case r.Measured.Dated:
			f.outcome = outcomeOnTime
		default:
			f.outcome = outcomeUndated
		}
	default:
		f.days = dayCount(d.due)
	}
	d.fact = f
	d.list(listInCharge, r.Measured.Unit)
	d.listNumber(listOutcome, uint64(f.outcome))
	if f.outcome.done() {
		d.listNumber(listDays, uint64(min(f.days, manyDays)))
	}
}

func (o outcome) done() bool { return o == outcomeOnTime || o == outcomeLate || o == outcomeUndated }

// figure asks for the documents behind a figure of the statistics.
func (q *question) figure(l *targetListing, iq *view.IncomingQuery) error {
	q.in(l, listInCharge, iq.InCharge)
	outcomes := map[string]outcome{view.OutcomeOpen: outcomeOpen, view.OutcomeLateOpen: outcomeOpen, view.OutcomeOnTime: outcomeOnTime, view.OutcomeLateDone: outcomeLate}
	if iq.Outcome != "" {
		o, ok := outcomes[iq.Outcome]
		if !ok {
			return fmt.Errorf("couldn't read outcome %q: %w", iq.Outcome, view.ErrQuery)
		}
		l.and = append(l.and, listKey{l.kind.class(listOutcome), uint64(o)})
		if iq.Outcome == view.OutcomeLateOpen {
			l.cond("t.due <> '' AND t.due < ?", l.today)
		}
	}
	if iq.Days != "" {
		for d := range manyDays + 1 {
			if daysKey(d) == iq.Days {
				l.and = append(l.and, listKey{l.kind.class(listDays), uint64(d)})
				return nil
			}
		}
		return fmt.Errorf("couldn't read days %q: %w", iq.Days, view.ErrQuery)
	}
	return nil
}
