package events

import (
	"fmt"
	"testing"
	"time"
)

func TestCheckerFindsWhatBreaksARecord(t *testing.T) {
	day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	record := func(change func(i int, s *Statement, e *Event)) []Event {
		var out []Event
		for i := range 6 {
			s := Statement{Origin: "o", Stream: fmt.Sprint("s", i%2), Version: uint64(i / 2), Name: "n.v1", Time: day.Add(time.Duration(i/3) * time.Second),
				Actor: "a", Client: "c", Data: []byte(`{}`)}
			e := Event{Position: uint64(i)}
			if i == 4 {
				f := Facts{Text: []byte(`{"x":1}`)}
				sum := f.Digest()
				s.Facts, e.Facts = &sum, f.Text
			}
			change(i, &s, &e)
			e.Statement = s
			if e.Bytes == nil {
				e.Bytes, _ = s.Encode()
			}
			out = append(out, e)
		}
		return out
	}
	for name, change := range map[string]func(i int, s *Statement, e *Event){
		"":         func(int, *Statement, *Event) {},
		"position": func(i int, _ *Statement, e *Event) { e.Position += uint64(i / 3) },
		"version":  func(i int, s *Statement, _ *Event) { s.Version += uint64(i / 3) },
		"origin":   func(i int, s *Statement, _ *Event) { s.Origin += fmt.Sprint(i / 3) },
		"time":     func(i int, s *Statement, _ *Event) { s.Time = s.Time.Add(-time.Duration(i/4) * time.Minute) },
		"bytes":    func(i int, s *Statement, e *Event) { e.Bytes = []byte(`{}`) },
		"facts":    func(i int, s *Statement, e *Event) { e.Facts = nil },
		"no facts": func(i int, s *Statement, e *Event) { s.Facts = nil },
		"basis":    func(i int, s *Statement, e *Event) { s.Basis.Policy = uint64(i + i/5) },
	} {
		c := NewChecker("o")
		var err error
		for _, e := range record(change) {
			if err = c.Check(e); err != nil {
				break
			}
		}
		if (name == "") != (err == nil) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
