package schemas

import (
	"fmt"
	"strconv"
	"time"
)

// ParseDate reads a day written as yyyy/MM/dd. It is strict: no other order, no missing zeros, no 30 February.
func ParseDate(s string) (Date, bool) { return parseDay(s, '/') }

func parseDay(s string, sep byte) (Date, bool) {
	if len(s) != 10 || s[4] != sep || s[7] != sep {
		return Date{}, false
	}
	y, ok1 := digits(s[:4])
	m, ok2 := digits(s[5:7])
	d, ok3 := digits(s[8:])
	if !ok1 || !ok2 || !ok3 || y == 0 || m < 1 || m > 12 || d < 1 || d > daysIn(y, time.Month(m)) {
		return Date{}, false
	}
	return Date{y, time.Month(m), d}, true
}

func daysIn(y int, m time.Month) int { return time.Date(y, m+1, 0, 0, 0, 0, 0, time.UTC).Day() }

func digits(s string) (int, bool) {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}

// DateOf is the day that t falls on in Viet Nam.
func DateOf(t time.Time) Date {
	y, m, d := t.In(hanoi).Date()
	return Date{y, m, d}
}

// String is yyyy/MM/dd, as edXML writes it; "" for no date.
func (d Date) String() string { return d.format('/') }

func (d Date) format(sep byte) string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d%c%02d%c%02d", d.Year, sep, int(d.Month), sep, d.Day)
}

// Vietnamese is dd/MM/yyyy, as people write it.
func (d Date) Vietnamese() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%02d/%02d/%04d", d.Day, int(d.Month), d.Year)
}

// Time is the start of the day in Viet Nam.
func (d Date) Time() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, hanoi) }

// After reports whether d is later than e.
func (d Date) After(e Date) bool {
	if d.Year != e.Year {
		return d.Year > e.Year
	}
	if d.Month != e.Month {
		return d.Month > e.Month
	}
	return d.Day > e.Day
}

// parseTimestamp reads yyyy/MM/dd HH:mm:ss, Vietnamese time.
func parseTimestamp(s string) (time.Time, bool) {
	if len(s) != 19 || s[10] != ' ' || s[13] != ':' || s[16] != ':' {
		return time.Time{}, false
	}
	d, ok := ParseDate(s[:10])
	h, ok1 := digits(s[11:13])
	m, ok2 := digits(s[14:16])
	sec, ok3 := digits(s[17:])
	if !ok || !ok1 || !ok2 || !ok3 || h > 23 || m > 59 || sec > 59 {
		return time.Time{}, false
	}
	return time.Date(d.Year, d.Month, d.Day, h, m, sec, 0, hanoi), true
}

// FormatTimestamp writes t as edXML does, yyyy/MM/dd HH:mm:ss in Vietnamese time.
func FormatTimestamp(t time.Time) string { return t.In(hanoi).Format("2006/01/02 15:04:05") }

// indexed is the path of the i-th (from 0) of a repeatable element.
func indexed(path string, i int) string { return path + "[" + strconv.Itoa(i+1) + "]" }
