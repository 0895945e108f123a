package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/destruction"
)

// What is not there and was not destroyed by decision is a loss, and nothing that history could call good.
func TestHistoryTellsLossFromDestruction(t *testing.T) {
	decision := &destruction.Decision{}
	decision.Address.Position = 37
	decided := func() (destruction.Mark, bool) { return destruction.Mark{Decision: decision}, true }
	undecided := func() (destruction.Mark, bool) { return (*destruction.Index)(nil).Package(&events.Event{}) }

	for _, c := range []struct {
		by   func() (destruction.Mark, bool)
		ok   bool
		says string
	}{{decided, true, "(vị trí / position 37)"}, {undecided, false, "THIẾU / MISSING     gói tin / package"}} {
		l := life{Events: []lifeEvent{{Proof: lifeProof{OK: true}}}}
		l.Events[0].gone("package", c.by)
		l.conclude()
		var out bytes.Buffer
		l.print(&out)
		if l.OK != c.ok || !strings.Contains(out.String(), c.says) {
			t.Errorf("ok %v, expected %v with %q:\n%s", l.OK, c.ok, c.says, out.String())
		}
	}
}
