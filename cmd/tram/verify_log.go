package main

import (
	"fmt"
	"io"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/logbook"
)

// verifyLog is what a log says of itself, proved with the rest.
type verifyLog struct {
	Rotations []verifyRotation `json:"rotations"`           // of its key
	Continues *verifyLost      `json:"continues,omitempty"` // the lost log that it goes on from
}

type verifyRotation struct {
	Position uint64 `json:"position"`
	Old      string `json:"old"`
	New      string `json:"new"`
	Bound    uint64 `json:"bound"` // size of the head that both keys signed; 0: none is recorded yet
}

type verifyLost struct {
	Origin string        `json:"origin"`
	Size   uint64        `json:"size"`
	Root   events.Digest `json:"root"`
	Key    string        `json:"key"` // that signed the head
}

func newVerifyLog(s logbook.State) verifyLog {
	l := verifyLog{Rotations: []verifyRotation{}}
	for _, r := range s.Rotations {
		v := verifyRotation{Position: r.Position, Old: r.Old, New: r.New}
		if r.Bound != nil {
			v.Bound = r.Bound.Size
		}
		l.Rotations = append(l.Rotations, v)
	}
	if b := s.Begun; b != nil {
		l.Continues = &verifyLost{b.Origin, b.Size, b.Root, b.Key}
	}
	return l
}

func (l verifyLog) print(w io.Writer) {
	if c := l.Continues; c != nil {
		fmt.Fprintf(w, "  continues  %s, lost after size %d, root %s\n             its head was signed by key %s\n", c.Origin, c.Size, c.Root, c.Key)
	}
	for _, r := range l.Rotations {
		bound := fmt.Sprintf("the head of size %d is signed by both", r.Bound)
		if r.Bound == 0 {
			bound = "not bound yet"
		}
		fmt.Fprintf(w, "  key rotated at position %d: %s, then %s; %s\n", r.Position, r.Old, r.New, bound)
	}
}
