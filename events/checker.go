package events

import (
	"bytes"
	"fmt"
	"time"
)

// Checker checks, event by event, that they are one unbroken record: positions and versions dense, one origin, time
// never decreasing, bytes that say what the statement says, facts that are the ones it names. It remembers the
// version of every stream.
type Checker struct {
	origin   string
	position uint64
	time     time.Time
	versions map[string]uint64 // next version of each stream
}

// NewChecker begins at position 0 of the log with the given origin.
func NewChecker(origin string) *Checker {
	return &Checker{origin: origin, versions: map[string]uint64{}}
}

// Check takes the next event, and says what is wrong with it.
func (c *Checker) Check(e Event) error {
	if err := c.check(e); err != nil {
		return fmt.Errorf("couldn't check event %d: %w", e.Position, err)
	}
	c.position++
	c.time = e.Statement.Time
	c.versions[e.Statement.Stream]++
	return nil
}

func (c *Checker) check(e Event) error {
	if e.Position != c.position {
		return fmt.Errorf("position %d is expected here", c.position)
	}
	if err := CheckEvent(c.origin, e); err != nil {
		return err
	}
	s := &e.Statement
	if s.Time.Before(c.time) {
		return fmt.Errorf("time %s is before that of the event before it, %s", s.Time.Format(timeLayout), c.time.Format(timeLayout))
	}
	if want := c.versions[s.Stream]; s.Version != want {
		return fmt.Errorf("version %d of stream %s, expected %d", s.Version, s.Stream, want)
	}
	return nil
}

// CheckEvent says what is wrong with one event by itself.
func CheckEvent(origin string, e Event) error {
	s := &e.Statement
	again, err := s.Encode()
	if err != nil {
		return err
	}
	if !bytes.Equal(again, e.Bytes) {
		return fmt.Errorf("statement and bytes differ")
	}
	if s.Origin != origin {
		return fmt.Errorf("origin %q, expected %q", s.Origin, origin)
	}
	if (s.Facts == nil || e.Destroyed) != (e.Facts == nil) {
		return fmt.Errorf("statement names facts: %t, stored: %t, destroyed: %t", s.Facts != nil, e.Facts != nil, e.Destroyed)
	}
	for name, v := range map[string]uint64{"directory": s.Basis.Directory, "policy": s.Basis.Policy} {
		if v > e.Position {
			return fmt.Errorf("basis: %s %d is not before position %d", name, v, e.Position)
		}
	}
	return nil
}
