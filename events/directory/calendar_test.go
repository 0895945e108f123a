package directory

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// year2026 is the calendar of the state for 2026: Tết from Monday to Friday, with a Saturday worked for it; 2-9 falls on Wednesday.
var year2026 = Calendar{
	Holidays: []string{
		"2026-01-01", "2026-01-02", "2026-02-16", "2026-02-17", "2026-02-18", "2026-02-19", "2026-02-20",
		"2026-04-26", "2026-04-27", "2026-04-30", "2026-05-01", "2026-08-31", "2026-09-01", "2026-09-02",
	},
	Working: []string{"2026-01-10", "2026-08-22"},
}

func TestCalendarAdd(t *testing.T) {
	for _, test := range []struct {
		name string
		day  string
		n    int
		want string
	}{
		{"same day", "2026-03-04", 0, "2026-03-04"},
		{"next day", "2026-03-04", 1, "2026-03-05"},
		{"over a weekend", "2026-03-06", 1, "2026-03-09"},
		{"a day off counts as the next working day", "2026-03-07", 0, "2026-03-09"},
		{"from Saturday one day is Tuesday", "2026-03-07", 1, "2026-03-10"},
		{"back over a weekend", "2026-03-09", -1, "2026-03-06"},
		{"back from a day off", "2026-03-08", -1, "2026-03-06"},
		{"across the long Tết", "2026-02-13", 1, "2026-02-23"},
		{"from within Tết", "2026-02-18", 2, "2026-02-25"},
		{"holiday on a Sunday takes nothing away", "2026-04-24", 1, "2026-04-28"},
		{"across the year", "2025-12-31", 1, "2026-01-05"},
		{"substitute Saturday", "2026-01-09", 1, "2026-01-10"},
		{"after the substitute Saturday", "2026-01-10", 1, "2026-01-12"},
		{"leap day", "2028-02-28", 1, "2028-02-29"},
		{"no leap day", "2026-02-27", 1, "2026-03-02"},
		{"a year of working days", "2024-01-01", 262, "2025-01-01"},
		{"no day", "2026-02-29", 1, ""},
		{"nothing", "", 0, ""},
		{"past what can be written", "9999-12-01", 40, ""},
		{"before what can be written", "0001-01-03", -40, ""},
		{"too far", "2026-03-04", maxDayCount + 1, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := year2026.Add(test.day, test.n); got != test.want {
				t.Errorf("Add(%s, %d) = %s, want %s", test.day, test.n, got, test.want)
			}
		})
	}
}

func TestDayIsVietnamese(t *testing.T) {
	for at, want := range map[string]string{
		"2026-12-31T16:59:59Z":      "2026-12-31",
		"2026-12-31T17:00:00Z":      "2027-01-01",
		"2028-02-28T17:00:00Z":      "2028-02-29",
		"2026-03-04T00:00:00+07:00": "2026-03-04",
	} {
		moment, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := Day(moment); got != want {
			t.Errorf("Day(%s) = %s, want %s", at, got, want)
		}
	}
}

// anyCalendar has holidays (some on weekends) and substitute days anywhere in three years, also long runs of both.
func anyCalendar(t *rapid.T) Calendar {
	var c Calendar
	start, _ := dayNumber("2027-06-01")
	run := rapid.Custom(func(t *rapid.T) []string {
		first := start + rapid.IntRange(0, 1000).Draw(t, "first")
		var days []string
		for i := range rapid.IntRange(1, 12).Draw(t, "long") {
			days = append(days, dayString(first+i))
		}
		return days
	})
	tidy := func(runs [][]string) []string {
		days := slices.Concat(runs...)
		slices.Sort(days)
		return slices.Compact(days)
	}
	c.Holidays = tidy(rapid.SliceOfN(run, 0, 8).Draw(t, "holidays"))
	c.Working = tidy(rapid.SliceOfN(run, 0, 4).Draw(t, "working"))
	return c
}

func anyDay(t *rapid.T, name string) string {
	start, _ := dayNumber("2027-05-01")
	return dayString(start + rapid.IntRange(0, 1100).Draw(t, name))
}

// slowAdd walks day by day: what Add means.
func slowAdd(c Calendar, day string, n int) string {
	d, _ := dayNumber(day)
	for !c.IsWorking(dayString(d)) {
		d++
	}
	step := 1
	if n < 0 {
		step, n = -1, -n
	}
	for n > 0 {
		if d += step; c.IsWorking(dayString(d)) {
			n--
		}
	}
	return dayString(d)
}

func TestCalendarProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyCalendar(t)
		a, b, m := anyDay(t, "a"), anyDay(t, "b"), anyDay(t, "m")
		n, k := rapid.IntRange(-300, 300).Draw(t, "n"), rapid.IntRange(-300, 300).Draw(t, "k")
		to := c.Add(a, n)
		switch {
		case !c.IsWorking(to):
			t.Fatalf("Add(%s, %d) = %s, a day off", a, n, to)
		case to != slowAdd(c, a, n):
			t.Fatalf("Add(%s, %d) = %s, want %s", a, n, to, slowAdd(c, a, n))
		case c.Between(a, to) != n:
			t.Fatalf("Between(%s, %s) = %d, want %d", a, to, c.Between(a, to), n)
		case c.Add(a, c.Between(a, b)) != c.Add(b, 0):
			t.Fatalf("Add(%s, Between) = %s, want %s", a, c.Add(a, c.Between(a, b)), c.Add(b, 0))
		case c.Between(a, b) != -c.Between(b, a):
			t.Fatalf("Between(%s, %s) is not Between back", a, b)
		case c.Between(a, m)+c.Between(m, b) != c.Between(a, b):
			t.Fatalf("Between %s, %s, %s does not add up", a, m, b)
		case a <= b && c.Add(a, n) > c.Add(b, n):
			t.Fatalf("Add(%s, %d) is after Add(%s, %d)", a, n, b, n)
		case n <= k && c.Add(a, n) > c.Add(a, k):
			t.Fatalf("Add(%s, %d) is after Add(%s, %d)", a, n, a, k)
		case c.Add(c.Add(a, n), k) != c.Add(a, n+k):
			t.Fatalf("Add(%s, %d) and %d is not Add of both", a, n, k)
		}
	})
}

func TestDue(t *testing.T) {
	o := &Office{Calendar: year2026, Deadlines: []DeadlineRule{
		{What: "handle", Priority: 0, Days: 5}, {What: "handle", Priority: 2, Days: 1},
		{What: "register", Priority: 0, Days: 0}, {What: "assign", Priority: 1, Days: 0},
	}}
	for _, test := range []struct {
		what     string
		priority int
		from     string
		want     string
	}{
		{"register", 0, "2026-03-04T09:00:00+07:00", "2026-03-04"},
		{"register", 0, "2026-03-07T09:00:00+07:00", "2026-03-09"}, // Saturday: Monday
		{"register", 1, "2026-03-07T09:00:00+07:00", "2026-03-07"}, // urgent: at once
		{"register", 0, "2026-03-04T23:59:59+07:00", "2026-03-04"},
		{"register", 0, "2026-03-04T17:00:00Z", "2026-03-05"}, // midnight there
		{"handle", 0, "2026-03-06T09:00:00+07:00", "2026-03-13"},
		{"handle", 1, "2026-03-06T09:00:00+07:00", "2026-03-13"}, // the rule from 0 on, until that from 2 on
		{"handle", 0, "2026-03-07T09:00:00+07:00", "2026-03-16"}, // as if come on Monday
		{"handle", 1, "2026-03-07T09:00:00+07:00", "2026-03-13"}, // counts from now
		{"handle", 2, "2026-03-07T09:00:00+07:00", "2026-03-09"},
		{"handle", 4, "2026-03-06T09:00:00+07:00", "2026-03-09"},
		{"handle", 0, "2026-02-14T09:00:00+07:00", "2026-03-02"}, // in Tết
		{"assign", 0, "2026-03-04T09:00:00+07:00", ""},
		{"approve", 3, "2026-03-04T09:00:00+07:00", ""},
	} {
		from, err := time.Parse(time.RFC3339, test.from)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.Due(test.what, test.priority, from); got != test.want {
			t.Errorf("Due(%s, %d, %s) = %q, want %q", test.what, test.priority, test.from, got, test.want)
		}
	}
}

// Days are what package time says they are.
func TestDayNumber(t *testing.T) {
	for n := farMonday; n <= lastDay; n += 13 {
		day := dayString(n)
		if got, ok := dayNumber(day); !ok || got != n {
			t.Fatalf("%s is day %d, %v, expected %d", day, got, ok, n)
		}
		d := time.Unix(int64(n)*daySeconds, 0).UTC().Weekday()
		if weekend(n) != (d == time.Saturday || d == time.Sunday) {
			t.Fatalf("%s is a %s", day, d)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		day := fmt.Sprintf("%04d-%02d-%02d", rapid.IntRange(0, 3000).Draw(t, "y"), rapid.IntRange(0, 14).Draw(t, "m"), rapid.IntRange(0, 33).Draw(t, "d"))
		want, err := time.Parse(time.DateOnly, day)
		got, ok := dayNumber(day)
		if ok != (err == nil && want.Year() > 0) || ok && int64(got)*daySeconds != want.Unix() {
			t.Fatalf("%s is day %d, %v, expected %v, %v", day, got, ok, want, err)
		}
	})
	for _, day := range []string{"", "2026-1-01", "2026/01/01", "2026-01-011", "+026-01-01", "٢٠٢٦-01-01"} {
		if _, ok := dayNumber(day); ok {
			t.Errorf("%q is a day", day)
		}
	}
}
