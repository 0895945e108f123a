package portal

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tram-exchange/tram/internal/view"
)

type healthBody struct {
	Checks []checkLine
	Queues []queueBar
	Counts []countLine
	Views  view.Health
	Head   *Head
	Log    witnessBody
	Bad    int
	Warn   int
	At     time.Time
}

type checkLine struct {
	Check
	Label string
	Value string
	Fill  int // percent, for the bar; -1 none
}

type queueBar struct {
	checkLine
	Width int // percent of the longest queue
}

type countLine struct {
	Label string
	N     int64
}

// health is the operator's page: numbers and states, never a document.
func (p *Portal) health(v *visit) error {
	checks, err := p.cfg.Node.Health(v.ctx())
	if err != nil {
		return err
	}
	b := healthBody{At: p.cfg.Node.Now()}
	if b.Views, err = p.cfg.Views.Health(v.ctx()); err != nil {
		return err
	}
	head, err := p.cfg.Node.Head(v.ctx())
	if err != nil && !errors.Is(err, view.ErrNotFound) {
		return err
	}
	if err == nil {
		b.Head = &head
	}
	if b.Log, err = p.witnesses(v); err != nil {
		return err
	}
	longest := 1.0
	for _, c := range checks {
		if c.Name == CheckPeerQueue {
			longest = max(longest, c.Number)
		}
	}
	for _, c := range checks {
		line := p.checkLine(v, c)
		switch line.State {
		case StateBad:
			b.Bad++
		case StateWarn:
			b.Warn++
		}
		if c.Name == CheckPeerQueue {
			b.Queues = append(b.Queues, queueBar{line, int(100 * c.Number / longest)})
			continue
		}
		b.Checks = append(b.Checks, line)
	}
	worst := map[string]int{StateBad: 0, StateWarn: 1, StateOK: 2}
	slices.SortStableFunc(b.Checks, func(x, y checkLine) int { return cmp.Compare(worst[x.State], worst[y.State]) })
	slices.SortStableFunc(b.Queues, func(x, y queueBar) int { return cmp.Compare(y.Number, x.Number) })
	for _, name := range slices.Sorted(maps.Keys(b.Views.Counts)) {
		label := name
		if code, ok := strings.CutPrefix(name, "refused:"); ok {
			label = v.words.say("count.refused.code", "code", code)
		} else if v.words.has("count." + name) {
			label = v.words.say("count." + name)
		}
		b.Counts = append(b.Counts, countLine{label, b.Views.Counts[name]})
	}
	return p.show(v, "health", "health", v.words.say("health.title"), b)
}

// checkLine puts words and units to a check. A state that is no known one counts as broken: nothing is hidden.
func (p *Portal) checkLine(v *visit, c Check) checkLine {
	if c.State != StateOK && c.State != StateWarn && c.State != StateBad {
		c.State = StateBad
	}
	w := v.words
	line := checkLine{Check: c, Label: c.Name, Fill: -1}
	if w.has("check." + c.Name) {
		line.Label = w.say("check." + c.Name)
	}
	if c.Share > 0 {
		line.Fill = int(100 * min(c.Share, 1))
	}
	var parts []string
	switch {
	case c.Name == CheckCertificate && !c.At.IsZero():
		if now := p.cfg.Node.Now(); c.At.After(now) {
			parts = append(parts, w.say("health.ends", "time", day(c.At), "span", w.span(c.At.Sub(now))))
		} else {
			parts = append(parts, w.say("health.ended", "time", day(c.At)))
		}
	case c.Name == CheckPeerQueue:
		parts = append(parts, w.say("health.queue", "n", int64(c.Number)))
	case c.Name == CheckDisk:
		parts = append(parts, w.say("health.free", "bytes", w.bytes(int64(c.Number))))
		if line.Fill >= 0 {
			parts = append(parts, w.say("health.used", "share", line.Fill))
		}
	default:
		parts = append(parts, p.quantity(w, c)...)
	}
	line.Value = strings.Join(parts, ", ")
	return line
}

func (p *Portal) quantity(w words, c Check) []string {
	switch c.Unit {
	case UnitCount:
		return []string{w.number(int64(c.Number))}
	case UnitBytes:
		return []string{w.bytes(int64(c.Number))}
	case UnitSeconds:
		return []string{w.decimal(c.Number, 3) + " s"}
	case UnitDays:
		return []string{w.say("health.days", "n", int64(c.Number))}
	case UnitTime:
		return []string{moment(c.At)}
	}
	return nil
}
