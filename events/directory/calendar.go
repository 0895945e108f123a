package directory

import (
	"slices"
	"time"
)

// Vietnam is the zone of all days of an agency.
var Vietnam = time.FixedZone("+07:00", 7*60*60)

// Day is the day of a moment in Vietnamese time, yyyy-MM-dd.
func Day(t time.Time) string { return t.In(Vietnam).Format(time.DateOnly) }

// Days are counted since 1970-01-01, which was a Thursday.
const daySeconds = 24 * 60 * 60

// dayNumber reads yyyy-MM-dd strictly. Registers ask for many days: it is done without package time.
func dayNumber(day string) (int, bool) {
	if len(day) != 10 || day[4] != '-' || day[7] != '-' {
		return 0, false
	}
	y, ok1 := digits(day[:4])
	m, ok2 := digits(day[5:7])
	d, ok3 := digits(day[8:])
	if !ok1 || !ok2 || !ok3 || y == 0 || m < 1 || m > 12 || d < 1 || d > daysIn(y, m) {
		return 0, false
	}
	y-- // whole years before
	n := farMonday + y*365 + y/4 - y/100 + y/400 + d - 1
	for i := 1; i < m; i++ {
		n += daysIn(y+1, i)
	}
	return n, true
}

func digits(s string) (n int, ok bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

func dayString(n int) string { return time.Unix(int64(n)*daySeconds, 0).UTC().Format(time.DateOnly) }

func weekend(n int) bool { return (n-farMonday)%7 >= 5 }

// weekdays counts Monday to Friday of the days before n, from the first day that can be written on.
func weekdays(n int) int {
	n -= farMonday
	return n/7*5 + min(n%7, 5)
}

// First and last day that can be written: Monday 0001-01-01 and 9999-12-31.
const (
	farMonday = -719162
	lastDay   = 2932896
)

// IsWorking says whether it is a working day. What is not a day is none.
func (c Calendar) IsWorking(day string) bool {
	n, ok := dayNumber(day)
	return ok && c.working(n, day)
}

func (c Calendar) working(n int, day string) bool {
	if weekend(n) {
		_, found := slices.BinarySearch(c.Working, day)
		return found
	}
	_, found := slices.BinarySearch(c.Holidays, day)
	return !found
}

// before counts the working days before a day.
func (c Calendar) before(n int) int {
	day := dayString(n)
	count := weekdays(n)
	end, _ := slices.BinarySearch(c.Holidays, day)
	for _, h := range c.Holidays[:end] {
		if d, ok := dayNumber(h); ok && !weekend(d) {
			count--
		}
	}
	end, _ = slices.BinarySearch(c.Working, day)
	for _, w := range c.Working[:end] {
		if d, ok := dayNumber(w); ok && weekend(d) {
			count++
		}
	}
	return count
}

// Add gives the working day that is n working days after a day. A day off counts as the working day that follows it: from a
// Saturday, 0 is Monday and 1 is Tuesday. With n below 0 it counts back. "" if day is none or the answer cannot be written.
func (c Calendar) Add(day string, n int) string {
	from, ok := dayNumber(day)
	if !ok || n > maxDayCount || n < -maxDayCount {
		return ""
	}
	// before never falls from one day to the next and rises by one after each working day: the answer is the last day that has no
	// more than so many before it.
	want := c.before(from) + n
	lo := from
	for step := 7; c.before(lo) > want; step *= 2 {
		if lo -= step; lo < farMonday {
			return ""
		}
	}
	hi := from + 1
	for step := 7; c.before(hi) <= want; step *= 2 {
		if hi += step; hi > lastDay {
			return ""
		}
	}
	for hi-lo > 1 {
		if mid := lo + (hi-lo)/2; c.before(mid) <= want {
			lo = mid
		} else {
			hi = mid
		}
	}
	return dayString(lo)
}

// maxDayCount bounds what Add counts: far past every deadline and period of retention.
const maxDayCount = 1_000_000

// Between is how many working days lie from a to b: Add(a, Between(a, b)) is b, or the working day after it if b is a day off.
// It is negative if b is before a, and 0 if one is no day.
func (c Calendar) Between(a, b string) int {
	from, ok := dayNumber(a)
	to, ok2 := dayNumber(b)
	if !ok || !ok2 {
		return 0
	}
	return c.before(to) - c.before(from)
}
