package directory

import (
	"fmt"
	"testing"
	"time"
)

// largeOffice is a change that is as large as one may be: an office of 400 units and 600 persons.
func largeOffice(signer, person string) Change {
	c := change("large", signer, 10)
	c.Person = person
	for i := range 400 {
		u := SetUnit{Agency: "H02.05", ID: fmt.Sprintf("u-%03d", i), Name: "U"}
		if i > 0 {
			u.Parent = fmt.Sprintf("u-%03d", (i-1)/3)
		}
		c.Operations = append(c.Operations, u)
	}
	for i := range 600 {
		c.Operations = append(c.Operations, SetPerson{Agency: "H02.05", ID: fmt.Sprintf("p-%04d", i), Name: "P",
			Duties: []Duty{{Role: RoleSpecialist, Unit: fmt.Sprintf("u-%03d", i%400)}}})
	}
	return c
}

// The largest change that there may be is decided on in moments, also when it is asked after each operation whether rights were widened.
func BenchmarkLargeOffice(b *testing.B) {
	s := agency(b)
	for name, c := range map[string]Change{"operator": largeOffice("root", ""), "administrator of the office": largeOffice("custody 05", "both")} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := Decide(s, c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	next := mustChange(b, s, largeOffice("root", ""))
	o, _ := next.Office("H02.05")
	b.Run("standing", func(b *testing.B) {
		for b.Loop() {
			if s, _ := o.Standing("p-0300", "", at(20)); !s.HasFor(RoleSpecialist, "u-300") {
				b.Fatal("no standing")
			}
		}
	})
	b.Run("due", func(b *testing.B) {
		from := time.Date(2026, 8, 28, 3, 0, 0, 0, time.UTC)
		for b.Loop() {
			if o.Due(DueHandle, 0, from) == "" {
				b.Fatal("no day")
			}
		}
	})
	b.Run("between", func(b *testing.B) {
		for b.Loop() {
			if year2026.Between("2026-02-10", "2026-12-01") == 0 {
				b.Fatal("no days")
			}
		}
	})
}
