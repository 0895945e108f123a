package router_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/gateway/router"
)

// TestAnySchedule: whatever is handed in, and however steps, kills, lost messages and partitions fall, in the end every
// recipient has every item in its mailbox exactly once, with the bytes that the sender handed in, and every recall,
// update and replacement has reached it.
func TestAnySchedule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "schedule")
		if err != nil {
			t.Fatalf("%v", err)
		}
		defer os.RemoveAll(dir)
		names := []string{"province", "vpcp", "ministry"}
		w := newWorld(t, dir, names...)
		defer w.close()
		m := &model{w: w}
		t.Repeat(map[string]func(*rapid.T){
			"document": m.document,
			"effect":   m.effect,
			"status":   m.status,
			"take":     m.take,
			"step": func(t *rapid.T) {
				if n := m.running(t); n != nil {
					w.step(n.name)
				}
			},
			"step again": func(t *rapid.T) {
				if n := m.running(t); n != nil {
					w.step(n.name)
				}
			},
			"kill": func(t *rapid.T) {
				n := w.node(rapid.SampledFrom(names).Draw(t, "node"))
				if n.up() && rapid.Bool().Draw(t, "keeps its positions") {
					if err := n.router.Close(context.Background()); err != nil {
						t.Fatalf("%v", err)
					}
				}
				n.kill()
			},
			"open": func(t *rapid.T) {
				for _, n := range w.nodes {
					if !n.up() {
						n.open()
					}
				}
			},
			"cut": func(t *rapid.T) {
				a, b := rapid.SampledFrom(names).Draw(t, "from"), rapid.SampledFrom(names).Draw(t, "to")
				w.cut[a+">"+b] = !w.cut[a+">"+b]
			},
			"fault": func(t *rapid.T) {
				w.faults = append(w.faults, rapid.SampledFrom([]string{"", "before", "after"}).Draw(t, "fault"))
			},
			"time": func(t *rapid.T) {
				w.advance(time.Duration(rapid.IntRange(1, 20).Draw(t, "minutes")) * time.Minute)
			},
		})
		w.settle()
		m.verify(t)
	})
}

// model is what was handed in.
type model struct {
	w        *world
	next     int
	docs     []pack
	statuses []pack
}

func (m *model) running(t *rapid.T) *node {
	var up []string
	for _, n := range m.w.nodes {
		if n.up() {
			up = append(up, n.name)
		}
	}
	if len(up) == 0 {
		return nil
	}
	return m.w.node(rapid.SampledFrom(up).Draw(t, "node"))
}

func all() []string {
	var out []string
	for _, list := range agencies {
		out = append(out, list...)
	}
	slices.Sort(out)
	return out
}

func (m *model) recipients(t *rapid.T, label string, least int) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(all()), least, 4, rapid.ID[string]).Draw(t, label)
}

// hand hands a package in; a refusal is an answer.
func (m *model) hand(t *rapid.T, p pack) bool {
	if !m.w.node(nodeOf(p.From)).up() {
		return false
	}
	err := m.w.submit(p)
	var refusal *document.Refusal
	if err != nil && !errors.As(err, &refusal) {
		t.Fatalf("couldn't submit %+v: %v", p, err)
	}
	return err == nil
}

func (m *model) document(t *rapid.T) {
	m.next++
	p := pack{
		Kind: "document", ID: fmt.Sprint(m.next), From: rapid.SampledFrom(all()).Draw(t, "from"),
		To: m.recipients(t, "to", 1), Priority: rapid.IntRange(0, 3).Draw(t, "priority"),
	}
	if m.hand(t, p) {
		m.docs = append(m.docs, p)
	}
}

func (m *model) effect(t *rapid.T) {
	if len(m.docs) == 0 {
		return
	}
	target := rapid.SampledFrom(m.docs).Draw(t, "target")
	m.next++
	p := pack{
		Kind: "document", ID: fmt.Sprint(m.next), From: target.From, To: m.recipients(t, "to", 1),
		Business: rapid.IntRange(1, 3).Draw(t, "business"),
	}
	f := effect{ID: target.ID}
	switch p.Business {
	case 2:
		f.Content = rapid.Bool().Draw(t, "content")
		f.Added = m.recipients(t, "added", 0)
		f.Removed = slices.DeleteFunc(m.recipients(t, "removed", 0), func(o string) bool { return slices.Contains(f.Added, o) })
	case 3:
		f.Only = m.recipients(t, "only", 0)
	}
	p.Effects = []effect{f}
	if m.hand(t, p) {
		m.docs = append(m.docs, p)
	}
}

func (m *model) status(t *rapid.T) {
	if len(m.docs) == 0 {
		return
	}
	target := rapid.SampledFrom(m.docs).Draw(t, "target")
	m.next++
	p := pack{Kind: "status", ID: target.ID, Timestamp: fmt.Sprint(m.next)}
	to := rapid.SampledFrom(target.To).Draw(t, "recipient")
	p.Code = rapid.SampledFrom([]string{"01", "03", "05", "13", "15", "16"}).Draw(t, "code")
	if p.From, p.About = to, target.From; p.Code == "13" {
		p.From, p.About = target.From, to
	}
	if m.hand(t, p) {
		m.statuses = append(m.statuses, p)
	}
}

func (m *model) take(t *rapid.T) {
	if len(m.docs) == 0 {
		return
	}
	d := rapid.SampledFrom(m.docs).Draw(t, "document")
	org := rapid.SampledFrom(d.To).Draw(t, "org")
	home := m.w.node(nodeOf(org))
	if home.up() && home.delivery(delivery.Stream(document.Stream(d.From, d.ID), "document", org)).Takeable(m.w.clock()) {
		m.w.take(home.name, d.From, d.ID, "document", org)
	}
}

func (m *model) verify(t *rapid.T) {
	for _, n := range m.w.nodes {
		m.once(t, n)
		if q := n.router.Status(); q.Behind != 0 || slices.ContainsFunc(q.Queues, func(q router.QueueStatus) bool { return q.Depth != 0 }) {
			t.Fatalf("%s is not at rest: %+v", n.name, q)
		}
	}
	for _, d := range m.docs {
		stream := document.Stream(d.From, d.ID)
		for _, org := range d.To {
			m.compare(t, d, stream, "document", d.From, org)
		}
		for _, f := range d.Effects {
			for _, org := range f.Added {
				m.compare(t, d, stream, "document", d.From, org)
			}
		}
	}
	for _, s := range m.statuses {
		owner, to := s.About, s.About
		if s.Code == "13" {
			owner = s.From
		}
		m.compare(t, s, document.Stream(owner, s.ID), delivery.ItemStatus(events.Sum(s.bytes())), s.From, to)
	}
}

// compare looks at one entry from both ends.
func (m *model) compare(t *rapid.T, p pack, stream, item, from, org string) {
	sender, home := m.w.node(nodeOf(from)), m.w.node(nodeOf(org))
	s := sender.delivery(delivery.Stream(stream, item, org))
	r := home.delivery(delivery.Stream(stream, item, org))
	name := fmt.Sprintf("%s %s of %s for %s", item, p.ID, from, org)
	if s.Phase == delivery.PhaseNone || s.Offer.Package != events.Sum(p.bytes()) {
		t.Fatalf("%s: %q at the sender's node, package %s", name, s.Phase, s.Offer.Package)
	}
	if sender == home {
		return
	}
	switch {
	case s.Phase == delivery.PhaseWithdrawn:
		if r.Phase != delivery.PhaseNone && r.Phase != delivery.PhaseWithdrawn && len(r.Marks) == 0 {
			t.Fatalf("%s: withdrawn at the sender's node, %q without a mark at the recipient's", name, r.Phase)
		}
	case s.Phase == delivery.PhaseFailed && p.Kind == "status":
		// The recipient's node may know more than the sender's, and refuse what contradicts.
	case s.Phase != delivery.PhaseForwarded:
		t.Fatalf("%s: %q at the sender's node (%s)", name, s.Phase, s.Reason)
	case r.Phase == delivery.PhaseNone || r.Offer.Package != s.Offer.Package:
		t.Fatalf("%s: forwarded, but %q at the recipient's node", name, r.Phase)
	case p.Kind == "status":
		// A request to give back what nobody had seen is withdrawn from the mailbox together with it.
	case r.Phase != delivery.PhaseWithdrawn && !slices.Equal(marks(r), marks(s)):
		t.Fatalf("%s: marks %v at the sender's node, %v at the recipient's", name, marks(s), marks(r))
	case r.Phase == delivery.PhaseWithdrawn && !slices.Contains(marks(s), "recalled"):
		t.Fatalf("%s: withdrawn at the recipient's node, marks %v at the sender's", name, marks(s))
	}
	b, err := home.store.OpenPackage(context.Background(), s.Offer.Package)
	if r.Phase != delivery.PhaseNone {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := make([]byte, b.Size())
		if _, err := b.ReadAt(got, 0); err != nil || string(got) != string(p.bytes()) {
			t.Fatalf("%s: other bytes arrived: %s (%v)", name, got, err)
		}
	}
	if err == nil {
		b.Close()
	}
}

// once: no entry was ever offered twice (nothing fails for good here but statuses).
func (m *model) once(t *rapid.T, n *node) {
	seen := map[string]bool{}
	err := n.store.All(context.Background(), 0, func(e events.Event) error {
		if e.Statement.Name == delivery.NameOffered {
			if seen[e.Statement.Stream] {
				return fmt.Errorf("event %d offers a second time", e.Position)
			}
			seen[e.Statement.Stream] = true
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", n.name, err)
	}
}
