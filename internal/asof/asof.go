// Package asof reads the times by which people and programs ask for the past.
package asof

import (
	"fmt"
	"strings"
	"time"
)

// Vietnam is the zone of dates and times that name none.
var Vietnam = time.FixedZone("+07:00", 7*60*60)

// Parse reads a moment: a time with zone (RFC 3339), or one without, which is +07:00: yyyy-MM-ddTHH:mm[:ss] or dd/MM/yyyy
// HH:mm. A day alone is its end: whoever asks for the register of the 31st means with what came in on the 31st. The
// present day's end has not come yet, so that day is now.
func Parse(s string, now time.Time) (time.Time, error) {
	s = strings.TrimSpace(s)
	for _, layout := range []string{"2006-01-02", "02/01/2006", "2/1/2006"} {
		day, err := time.ParseInLocation(layout, s, Vietnam)
		if err != nil {
			continue
		}
		end := day.AddDate(0, 0, 1).Add(-time.Microsecond) // the record's precision
		if end.After(now) && !day.After(now) {
			return now, nil
		}
		return end, nil
	}
	// A + in an address that nobody escaped arrives as a space.
	zoned := s
	if i := strings.LastIndexByte(s, ' '); i > 0 && strings.ContainsRune(s[:i], 'T') {
		zoned = s[:i] + "+" + s[i+1:]
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, zoned); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "02/01/2006 15:04:05", "02/01/2006 15:04", "2/1/2006 15:04"} {
		if t, err := time.ParseInLocation(layout, s, Vietnam); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("couldn't read %q as a day or a time: want 2026-11-30, 30/11/2026, 2026-11-30T17:00 (+07:00) or RFC 3339", s)
}
