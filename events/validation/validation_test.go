package validation

import (
	"testing"
	"time"

	"github.com/tram-exchange/tram/events"
)

var raw = []byte("a list of those who were revoked")

func answer() Kept {
	return Kept{Answer: events.Sum(raw), Kind: "crl", Length: int64(len(raw)), ThisUpdate: time.Date(2026, 11, 22, 7, 0, 0, 0, time.FixedZone("", 7*3600))}
}

func event(t *testing.T, d Kept) events.Event {
	t.Helper()
	news, err := Decide(State{}, d, raw)
	if err != nil || len(news) != 1 {
		t.Fatalf("got %v, %v", news, err)
	}
	data, err := events.MarshalObject(news[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	return events.Event{Statement: events.Statement{Stream: Stream(d.Answer), Name: news[0].Name, Data: data, Evidence: &d.Answer}}
}

func TestKeptOnce(t *testing.T) {
	e := event(t, answer())
	s, err := Fold(State{}, e)
	if err != nil || !s.Kept {
		t.Fatalf("got %+v, %v", s, err)
	}
	if news, err := Decide(s, answer(), raw); err != nil || len(news) != 0 {
		t.Errorf("kept again: %v, %v", news, err)
	}
	if _, err := Fold(s, e); err == nil {
		t.Error("folded twice")
	}
}

func TestRefused(t *testing.T) {
	for name, change := range map[string]func(*Kept){
		"kind":   func(d *Kept) { d.Kind = "rumour" },
		"digest": func(d *Kept) { d.Answer[0] ^= 1 },
		"length": func(d *Kept) { d.Length++ },
	} {
		d := answer()
		change(&d)
		if news, err := Decide(State{}, d, raw); err == nil {
			t.Errorf("%s: got %v", name, news)
		}
	}
	empty := Kept{Answer: events.Sum(nil), Kind: "crl"}
	if _, err := Decide(State{}, empty, nil); err == nil {
		t.Error("nothing was kept")
	}
}

func TestFoldErrors(t *testing.T) {
	for name, change := range map[string]func(*events.Event){
		"name":        func(e *events.Event) { e.Statement.Name = "validation.lost.v1" },
		"data":        func(e *events.Event) { e.Statement.Data = []byte("{") },
		"stream":      func(e *events.Event) { e.Statement.Stream = Stream(events.Sum([]byte("x"))) },
		"no evidence": func(e *events.Event) { e.Statement.Evidence = nil },
		"evidence":    func(e *events.Event) { d := events.Sum([]byte("x")); e.Statement.Evidence = &d },
	} {
		e := event(t, answer())
		change(&e)
		if s, err := Fold(State{}, e); err == nil || s.Kept {
			t.Errorf("%s: folded", name)
		}
	}
}
