package verdict

import (
	"crypto/sha256"
	"time"
)

// proofs remembers the earliest time at which each thing is proved to have existed (EN 319 102-1, 5.6.2.3). What nothing proves
// is taken to be from the time of the judgement.
type proofs struct {
	now     time.Time
	all     time.Time // of the whole document; zero: nothing proves it
	objects map[[32]byte]time.Time
}

// newProofs takes those from outside. A proof from the future proves nothing yet.
func newProofs(now time.Time, given []Proof) *proofs {
	p := &proofs{now: now, objects: make(map[[32]byte]time.Time)}
	for _, g := range given {
		switch {
		case g.Time.IsZero() || g.Time.After(now):
		case g.SHA256 != [32]byte{}:
			p.note(g.SHA256, g.Time)
		case p.all.IsZero() || g.Time.Before(p.all):
			p.all = g.Time
		}
	}
	return p
}

// of returns the earliest proved time of an object that stands in the document.
func (p *proofs) of(object []byte) time.Time {
	t := p.document()
	if at, ok := p.objects[sha256.Sum256(object)]; ok && at.Before(t) {
		t = at
	}
	return t
}

// document returns the earliest proved time of everything in the document.
func (p *proofs) document() time.Time {
	if p.all.IsZero() {
		return p.now
	}
	return p.all
}

// add notes that an object existed at a time.
func (p *proofs) add(object []byte, t time.Time) { p.note(sha256.Sum256(object), t) }

func (p *proofs) note(sum [32]byte, t time.Time) {
	if at, ok := p.objects[sum]; !ok || t.Before(at) {
		p.objects[sum] = t
	}
}
