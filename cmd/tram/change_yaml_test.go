package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/tram-exchange/tram/schemas"
)

func TestDayOf(t *testing.T) {
	first := schemas.Date{Year: 2026, Month: 12, Day: 1}
	for text, want := range map[string]schemas.Date{"": {}, "01/12/2026": first, "2026-12-01": first, "29/02/2028": {Year: 2028, Month: 2, Day: 29}} {
		if got, err := dayOf(text); err != nil || got != want {
			t.Errorf("%q is %v, %v, expected %v", text, got, err, want)
		}
	}
	for _, text := range []string{"1/12/2026", "12/31/2026", "31/02/2026", "29/02/2026", "2026/12/01", "2026-12-1", "2026-12-01T00:00:00Z", " 2026-12-01", "01/12/26", "x"} {
		if got, err := dayOf(text); err == nil {
			t.Errorf("%q is %v, expected an error", text, got)
		}
	}
}

func TestPatientWriter(t *testing.T) {
	var out bytes.Buffer
	p := &patientWriter{w: &out, from: time.Now().Add(time.Hour)}
	if n, err := p.Write([]byte("early")); n != 5 || err != nil {
		t.Errorf("wrote %d: %v", n, err)
	}
	p.from = time.Now()
	if n, err := p.Write([]byte("late")); n != 4 || err != nil || out.String() != "late" {
		t.Errorf("wrote %d: %v; %q came out, expected only what was late", n, err, out.String())
	}
}
