package asof

import (
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	now := time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC) // 10:00 in Việt Nam
	for _, c := range []struct{ in, want string }{
		{"2026-11-29", "2026-11-29T16:59:59.999999Z"},
		{"29/11/2026", "2026-11-29T16:59:59.999999Z"},
		{" 1/2/2026 ", "2026-02-01T16:59:59.999999Z"},
		{"2026-11-30", "2026-11-30T03:00:00Z"},        // today: now
		{"2026-12-01", "2026-12-01T16:59:59.999999Z"}, // refused later: the future
		{"2026-11-29T08:30", "2026-11-29T01:30:00Z"},
		{"29/11/2026 08:30", "2026-11-29T01:30:00Z"},
		{"2026-11-29T08:30:15", "2026-11-29T01:30:15Z"},
		{"2026-11-29T08:30:15Z", "2026-11-29T08:30:15Z"},
		{"2026-11-29T08:30:15.25+07:00", "2026-11-29T01:30:15.25Z"},
		{"2026-11-29T08:30:15 07:00", "2026-11-29T01:30:15Z"}, // + lost on the way
		{"", ""}, {"hôm qua", ""}, {"2026-02-30", ""}, {"31/02/2026", ""}, {"2026-11-29T25:00", ""}, {"12345", ""},
	} {
		got, err := Parse(c.in, now)
		if c.want == "" {
			if err == nil {
				t.Errorf("%q: %v, expected an error", c.in, got)
			}
			continue
		}
		if s := got.UTC().Format(time.RFC3339Nano); err != nil || s != c.want {
			t.Errorf("%q: %s, %v, expected %s", c.in, s, err, c.want)
		}
	}
}
