package portal

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/asof"
	"github.com/tram-exchange/tram/internal/view"
)

// pastControl is the date control of a page that can be seen as it stood: part "asof" draws it, part "asof-banner" says that one
// is looking at the past. A page puts one into its body and asks viewsAt instead of Config.Views.
type pastControl struct {
	On      bool          // the node keeps the past
	At      string        // as in the address, to carry along in links; "" is now
	Day     string        // yyyy-MM-dd, for the date field
	Today   string        // the last day that can be chosen
	Moment  view.Moment   // what At was found to be
	EndOf   bool          // At is the end of a day
	Action  string        // address of the page
	Hidden  []hiddenField // what the page's address has besides
	Now     string        // address of the page as it stands now
	Problem string        // what is wrong with what was asked for
}

type hiddenField struct{ Name, Value string }

// readPast reads ?at= of a page that is served at path. Whatever else the address has, but for the place in a list, is kept.
func (p *Portal) readPast(v *visit, path string) pastControl {
	c := pastControl{On: p.cfg.Past != nil, Action: path}
	if !c.On {
		return c
	}
	now := p.cfg.Node.Now()
	c.Today = now.In(asof.Vietnam).Format(time.DateOnly)
	query := v.r.URL.Query()
	var kept []string
	for name, values := range query {
		if name != "at" && name != "after" && name != "n" && len(values) == 1 && values[0] != "" && len(values[0]) <= 1000 {
			c.Hidden = append(c.Hidden, hiddenField{name, values[0]})
			kept = append(kept, name, values[0])
		}
	}
	c.Now = with(path, kept...)
	typed := strings.TrimSpace(query.Get("at"))
	if typed == "" {
		return c
	}
	at, err := asof.Parse(typed, now)
	switch {
	case err != nil:
		c.Problem = v.words.say("asof.bad", "value", typed)
	case at.After(now):
		c.Problem = v.words.say("asof.future")
	default:
		c.At, c.Moment.At = typed, at
		c.Day = at.In(asof.Vietnam).Format(time.DateOnly)
		_, ok := parseDate(typed)
		c.EndOf = ok && at.Before(now)
	}
	return c
}

// viewsAt are the views that the page asks. The caller calls done when it has its answers.
func (p *Portal) viewsAt(v *visit, c *pastControl) (views Views, done func(), err error) {
	if c.At == "" {
		return p.cfg.Views, func() {}, nil
	}
	if c.Moment, err = p.cfg.Past.Resolve(v.ctx(), c.Moment.At); err != nil {
		return nil, nil, err
	}
	past, err := p.cfg.Past.Open(v.ctx(), c.Moment, "account:"+v.account.ID)
	if err != nil {
		return nil, nil, err
	}
	return past, func() {
		if err := past.Close(); err != nil {
			p.cfg.Log.Error("portal couldn't close past views", "error", err)
		}
	}, nil
}

// pastBody is the page that stands in for one whose past cannot be shown, or not yet.
type pastBody struct {
	Past    pastControl
	Kind    string // waiting, busy, room, none
	Percent int
}

// pastRefresh is how often a waiting page asks again, in seconds.
const pastRefresh = 2

// pastTrouble answers for a page whose past could not be shown. What it does not know it gives back.
func (p *Portal) pastTrouble(v *visit, c pastControl, section, title string, err error) error {
	b := pastBody{Past: c}
	building := (*view.BuildingError)(nil)
	status := http.StatusServiceUnavailable
	switch {
	case c.At == "":
		return err
	case errors.As(err, &building):
		// Not an error to the browser: it asks again by itself.
		b.Kind, status = "waiting", http.StatusAccepted
		if building.Size > 0 {
			b.Percent = int(100 * building.Read / building.Size)
		}
	case errors.Is(err, view.ErrPastBusy):
		b.Kind = "busy"
	case errors.Is(err, view.ErrPastRoom):
		b.Kind = "room"
	case errors.Is(err, view.ErrNotFound):
		b.Kind, status = "none", http.StatusNotFound
	default:
		return err
	}
	if b.Kind == "waiting" || b.Kind == "busy" {
		v.w.Header().Set("Refresh", strconv.Itoa(pastRefresh))
		v.w.Header().Set("Retry-After", strconv.Itoa(pastRefresh))
	}
	return p.render(v, status, "past", section, title, "", b)
}
