package projections

import (
	"context"

	"github.com/tram-exchange/tram/internal/view"
)

// A question that a figure of the statistics leads to has an exact Total however long its list is: that of the sums.

// countIncoming gives the page its Total where the lists gave up counting.
func (q *question) countIncoming(ctx context.Context, s *scope, sp *speaker, iq view.IncomingQuery, page *view.Page[view.IncomingRow]) (err error) {
	rest := iq
	rest.Staff, rest.From, rest.To, rest.InCharge, rest.TypeName, rest.Correspondent = view.Staff{}, "", "", "", "", ""
	rest.Outcome, rest.Days, rest.Open, rest.Cursor, rest.Limit = "", "", false, "", 0
	several := iq.TypeName != "" && iq.Correspondent != "" || iq.Outcome != "" && (iq.Days != "" || iq.Open) || iq.Days != "" && iq.Open
	if page.Total >= 0 || !s.all || rest != (view.IncomingQuery{}) || several {
		return nil
	}
	p := tallyPoint{tallyAll, 0}
	switch {
	case iq.TypeName != "":
		p = tallyPoint{tallyType, q.listWhat(Fold(iq.TypeName))}
	case iq.Correspondent != "":
		p = tallyPoint{tallyParty, q.listWhat(iq.Correspondent)}
	}
	page.Total, err = q.figureOf(ctx, s, sp, iq.From, iq.To, iq.InCharge, p, func(c *counted) int {
		switch {
		case iq.Open || iq.Outcome == view.OutcomeOpen:
			return c.outcomes[outcomeOpen]
		case iq.Outcome == view.OutcomeLateOpen:
			return c.lateOpen
		case iq.Outcome == view.OutcomeOnTime:
			return c.outcomes[outcomeOnTime]
		case iq.Outcome == view.OutcomeLateDone:
			return c.outcomes[outcomeLate]
		case iq.Days != "":
			n := 0
			for d, k := range c.days {
				if daysKey(d) == iq.Days {
					n += k
				}
			}
			return n
		}
		return c.incoming()
	})
	return err
}

// countOutgoing is the same for the register of outgoing documents without void numbers.
func (q *question) countOutgoing(ctx context.Context, s *scope, sp *speaker, oq view.OutgoingQuery, page *view.Page[view.OutgoingRow]) (err error) {
	rest := oq
	rest.Staff, rest.From, rest.To, rest.Unit, rest.TypeName, rest.Cursor, rest.Limit, rest.Issued, rest.Valid = view.Staff{}, "", "", "", "", "", 0, false, false
	if page.Total >= 0 || !s.all || !oq.Valid || rest != (view.OutgoingQuery{}) {
		return nil
	}
	p := tallyPoint{tallyAll, 0}
	if oq.TypeName != "" {
		p = tallyPoint{tallyType, q.listWhat(Fold(oq.TypeName))}
	}
	page.Total, err = q.figureOf(ctx, s, sp, oq.From, oq.To, oq.Unit, p, func(c *counted) int { return c.outcomes[outcomeOutgoing] })
	return err
}
