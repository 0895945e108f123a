package timestamp

import (
	"time"
)

// Placed is a recorded stamp with the position of its event.
type Placed struct {
	Stamped
	Position uint64
}

// Covering is the index of the first of the stamps, in order, whose head includes a position; -1 if none does.
func Covering(stamps []Placed, position uint64) int {
	for i := range stamps {
		if stamps[i].Size > position {
			return i
		}
	}
	return -1
}

// Next gives for each of the stamps, in order, the one that proves its time on to a reader who comes later, by index: made
// while the certificate of the one before was still valid, under a head that includes that one's event, and such that
// following the indexes on leads to the certificate that is valid longest; of equal ones the newest. -1: nothing leads further.
func Next(stamps []Placed) []int {
	next, end := make([]int, len(stamps)), make([]time.Time, len(stamps))
	longest := time.Time{} // of all that come after
	for i := len(stamps) - 1; i >= 0; i-- {
		next[i], end[i] = -1, stamps[i].Until
		for j := len(stamps) - 1; j > i && stamps[j].Size > stamps[i].Position; j-- {
			if stamps[j].Time.After(stamps[i].Until) {
				continue
			}
			if end[j].After(end[i]) || next[i] < 0 && end[j].Equal(end[i]) {
				next[i], end[i] = j, end[j]
			}
			if !longest.After(end[i]) {
				break // as far as one can get
			}
		}
		if end[i].After(longest) {
			longest = end[i]
		}
	}
	return next
}

// Chain follows Next from the first: indexes into stamps, rising.
func Chain(next []int, first int) []int {
	chain := []int{first}
	for i := next[first]; i >= 0; i = next[i] {
		chain = append(chain, i)
	}
	return chain
}

// Ages says until when algorithms may be relied on. Zero times are open.
type Ages struct {
	Hash   map[string]time.Time // by the name of the hash in Stamped; what is missing is open
	Tree   time.Time            // SHA-256 of the Merkle tree and of statements: after it a log must be hashed anew by other means
	Margin time.Duration        // a renewal is due this long before an end; 30 days if zero
}

// Renewal is when the next stamp must be there, at the latest, for the proof of the last one to go on.
type Renewal struct {
	Due    time.Time // the stamp after the last is due by then; zero: there is none yet
	Why    string    // "certificate" or "algorithm"
	Behind bool      // Due lies before now
}

// RenewalDue says when the last stamp must be followed by another: before the certificate of its authority ends, and
// before its algorithms stop counting. A node that stamps every day is years ahead of it; the answer matters when the
// authority has been out of reach for long, or issues short certificates.
func RenewalDue(last Stamped, a Ages, now time.Time) Renewal {
	if last.Time.IsZero() {
		return Renewal{}
	}
	margin := a.Margin
	if margin == 0 {
		margin = 30 * 24 * time.Hour
	}
	r := Renewal{Due: last.Until, Why: "certificate"}
	for _, end := range []time.Time{a.Hash[last.Hash], a.Tree} {
		if !end.IsZero() && end.Before(r.Due) {
			r = Renewal{Due: end, Why: "algorithm"}
		}
	}
	// A certificate that is shorter than the margin would be due before it was used: half its time is left then.
	if half := last.Time.Add(r.Due.Sub(last.Time) / 2); r.Due.Add(-margin).Before(half) {
		r.Due = half
	} else {
		r.Due = r.Due.Add(-margin)
	}
	r.Behind = now.After(r.Due)
	return r
}
