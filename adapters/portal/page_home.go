package portal

import (
	"strconv"

	"github.com/tram-exchange/tram/internal/view"
)

const homeRows = 5

func fixed(f float64) string { return strconv.FormatFloat(f, 'f', 3, 64) }

type homeBody struct {
	Waiting  view.Page[view.RegisterRow]
	Arrived  view.Page[view.RegisterRow] // shown when nothing waits
	Sent     view.Page[view.RegisterRow]
	Failed   view.Page[view.RegisterRow]
	NotTaken []view.Pending
	Pending  int // lines of NotTaken in all
	Many     bool
	Volume   volume
	WaitingN string
	FailedN  string
	SentN    int
}

// home is the clerk's day; the operator's is the node's health, the auditor's the choice of an agency.
func (p *Portal) home(v *visit) error {
	switch v.role() {
	case RoleOperator:
		return p.redirect(v, "/health")
	case RoleAuditor:
		return p.auditorHome(v)
	case RoleStaff:
		return p.today(v)
	}
	r, org := p.reader(v), v.org.Org
	var b homeBody
	for _, part := range []struct {
		page      *view.Page[view.RegisterRow]
		direction view.Direction
		state     string
	}{{&b.Waiting, view.Incoming, view.StateWaiting}, {&b.Arrived, view.Incoming, ""}, {&b.Sent, view.Outgoing, ""}, {&b.Failed, view.Outgoing, view.StateFailed}} {
		page, err := p.cfg.Views.Register(v.ctx(), view.RegisterQuery{Reader: r, Org: org, Direction: part.direction, State: part.state, Limit: homeRows})
		if err != nil {
			return err
		}
		*part.page = page
	}
	var err error
	if b.NotTaken, err = p.cfg.Views.NotTaken(v.ctx(), r, org, pendingMost+1); err != nil {
		return err
	}
	b.Pending = min(len(b.NotTaken), pendingMost)
	b.Many = len(b.NotTaken) > pendingMost
	b.NotTaken = b.NotTaken[:min(len(b.NotTaken), homeRows)]
	if b.Volume, err = p.volumeOf(v.ctx(), r, org); err != nil {
		return err
	}
	b.SentN = b.Volume.Sent()
	b.WaitingN, b.FailedN = p.countOf(v, b.Waiting), p.countOf(v, b.Failed)
	return p.show(v, "home", "home", v.words.say("home.title", "date", day(r.Now)), b)
}

// countOf says how many a list has in all, or "5+" when the view did not count.
func (p *Portal) countOf(v *visit, page view.Page[view.RegisterRow]) string {
	if page.Total >= 0 {
		return v.words.number(int64(page.Total))
	}
	n := v.words.number(int64(len(page.Rows)))
	if page.Next != "" {
		n += "+"
	}
	return n
}
