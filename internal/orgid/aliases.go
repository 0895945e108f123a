package orgid

import "time"

// Aliases maps codes to the organisation they mean at a time. The zero value is empty and ready. It is not for
// concurrent change; reading concurrently is fine.
type Aliases struct {
	byCode map[string][]span
}

// span says that a code means org in [from, to); zero times are open.
type span struct {
	org      string
	from, to time.Time
}

func (s span) holds(at time.Time) bool {
	return !at.Before(s.from) && (s.to.IsZero() || at.Before(s.to))
}

func (s span) overlaps(o span) bool {
	return (s.to.IsZero() || o.from.Before(s.to)) && (o.to.IsZero() || s.from.Before(o.to))
}

// Add says that code means org from one time until another; a zero to leaves it open. It returns false, and changes
// nothing, if code already means another organisation at some time of that, or if the times are the wrong way round.
func (a *Aliases) Add(code, org string, from, to time.Time) bool {
	if !to.IsZero() && !from.Before(to) {
		return false
	}
	key, n := Canonical(code), span{org, from, to}
	for _, s := range a.byCode[key] {
		if s.overlaps(n) && s.org != org {
			return false
		}
	}
	if a.byCode == nil {
		a.byCode = make(map[string][]span)
	}
	a.byCode[key] = append(a.byCode[key], n)
	return true
}

// End closes what is open of code at that time. It returns false if nothing was.
func (a *Aliases) End(code string, at time.Time) bool {
	ended := false
	spans := a.byCode[Canonical(code)]
	for i := range spans {
		if spans[i].holds(at) && spans[i].from.Before(at) {
			spans[i].to, ended = at, true
		}
	}
	return ended
}

// Lookup is the organisation that code means at that time.
func (a *Aliases) Lookup(code string, at time.Time) (org string, ok bool) {
	for _, s := range a.byCode[Canonical(code)] {
		if s.holds(at) {
			return s.org, true
		}
	}
	return "", false
}
