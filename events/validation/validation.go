// Package validation is what a node was told by authorities when it judged signatures: CRLs and OCSP responses, each recorded once,
// with its bytes as the event's evidence. The evidence of an acceptance refers to them by SHA-256, so that a CRL of a megabyte
// is not stored again for each package that it spoke for, and anybody can judge as of then by what was known then.
package validation

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/tram-exchange/tram/events"
)

// StreamPrefix begins the name of every stream of this kind.
const StreamPrefix = "validation/"

// Stream is the stream of one answer, by its digest. It has one event.
func Stream(answer events.Digest) string { return StreamPrefix + answer.String() }

// NameKept is the one event.
const NameKept = "validation.answer-kept.v1"

// MaxAnswer is the greatest size of an answer in bytes.
const MaxAnswer = 32 << 20

// Kept is the data of validation.answer-kept.v1. The event's evidence is the answer.
type Kept struct {
	Answer     events.Digest `json:"answer"`               // SHA-256 of the DER
	Kind       string        `json:"kind"`                 // "crl" or "ocsp"
	Length     int64         `json:"length"`               // of the DER, bytes
	ThisUpdate time.Time     `json:"this_update"`          // as of when it speaks
	NextUpdate time.Time     `json:"next_update,omitzero"` // when newer information was promised; zero: not told
}

// State of one answer. The zero value is "not kept".
type State struct{ Kept bool }

// Fold gives the state after the event. An unknown event name, or a second event, is an error.
func Fold(s State, e events.Event) (State, error) {
	if e.Statement.Name != NameKept {
		return s, fmt.Errorf("couldn't fold validation data: unknown event %q", e.Statement.Name)
	}
	var d Kept
	if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
		return s, fmt.Errorf("couldn't fold validation data: couldn't read position %d: %w", e.Position, err)
	}
	switch {
	case s.Kept:
		return s, fmt.Errorf("couldn't fold validation data: %s was kept before position %d", d.Answer, e.Position)
	case e.Statement.Stream != Stream(d.Answer):
		return s, fmt.Errorf("couldn't fold validation data: %s at position %d stands in stream %s", d.Answer, e.Position, e.Statement.Stream)
	case e.Statement.Evidence == nil || *e.Statement.Evidence != d.Answer:
		return s, fmt.Errorf("couldn't fold validation data: evidence of position %d is not %s", e.Position, d.Answer)
	}
	return State{Kept: true}, nil
}

// Decide gives the event that keeps an answer with these bytes, none if it is kept already.
func Decide(s State, d Kept, raw []byte) ([]events.New, error) {
	if s.Kept {
		return nil, nil
	}
	d.ThisUpdate, d.NextUpdate = d.ThisUpdate.UTC(), d.NextUpdate.UTC()
	switch {
	case d.Kind != "crl" && d.Kind != "ocsp":
		return nil, fmt.Errorf("couldn't keep answer: kind %q", d.Kind)
	case len(raw) == 0 || len(raw) > MaxAnswer:
		return nil, fmt.Errorf("couldn't keep answer: %d bytes, at most %d", len(raw), MaxAnswer)
	case events.Sum(raw) != d.Answer || int64(len(raw)) != d.Length:
		return nil, fmt.Errorf("couldn't keep answer: it is %s of %d bytes, expected %s of %d", events.Sum(raw), len(raw), d.Answer, d.Length)
	}
	return []events.New{{Name: NameKept, Data: d}}, nil
}
