// Package reading records who opened a document or dossier of an agency. The node writes it, not a person: it is the answer to "who has
// read this", for those who may ask. What was opened again and again within a minute is one opening.
//
// A stream holds the openings of one target; it says nothing about what was in it.
package reading

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tram-exchange/tram/events"
)

// NameOpened is the one event.
const NameOpened = "reading.opened.v1"

// StreamPrefix begins the name of every stream of this package.
const StreamPrefix = "reading/"

// Stream is the stream of a target of an agency: org is its identity, kind is incoming, outgoing or dossier, or document for one of
// the exchange that is read beside the office (the key is the id).
func Stream(org, kind, id string) string { return StreamPrefix + org + "/" + kind + "/" + id }

// ParseStream is the reverse of Stream.
func ParseStream(stream string) (org, kind, id string, err error) {
	rest, ok := strings.CutPrefix(stream, StreamPrefix)
	part := strings.Split(rest, "/")
	if !ok || len(part) != 3 || slices.Contains(part, "") {
		return "", "", "", fmt.Errorf("couldn't read %q as the stream of readings", stream)
	}
	return part[0], part[1], part[2], nil
}

// Kinds of openings.
const (
	WhatPage       = "page"
	WhatPackage    = "package"
	WhatAttachment = "attachment"
	WhatEvidence   = "evidence"
)

// Opened is one opening.
type Opened struct {
	Org    string `json:"org"`             // identity of the reader's agency
	Person string `json:"person"`          // id in that agency's part of the directory
	For    string `json:"for,omitempty"`   // in whose place
	What   string `json:"what"`            // page, package, attachment, evidence
	Right  string `json:"right,omitempty"` // id of the reading right by which it was read, "" none was needed
}

// Within is how long the same opening again is not recorded again.
const Within = time.Minute

// maxRecent bounds what a State remembers. Who opens after so many others within a minute is recorded twice: that does no harm.
const maxRecent = 256

// State of one target: the openings of the last minute. It is never changed: Fold gives a new one.
type State struct {
	Count  int64 // openings recorded
	recent []seen
}

type seen struct {
	opened Opened
	at     time.Time
}

// Version is the version of the last event folded, -1 if none: what events.Append.Expected wants.
func (s State) Version() int64 { return s.Count - 1 }

// Opening is what happened.
type Opening struct {
	Opened
	At time.Time // node time
}

// ErrIncomplete: an opening by nobody, or of no known kind. A defect of the caller.
var ErrIncomplete = errors.New("couldn't record reading: no agency, person or kind")

// Decide gives the event of an opening, none if the same was recorded less than a minute before. Time that seems to go back is taken
// as none: so much the store allows for a moment.
func Decide(s State, o Opening) ([]events.New, error) {
	if o.Org == "" || o.Person == "" || o.At.IsZero() || !slices.Contains([]string{WhatPage, WhatPackage, WhatAttachment, WhatEvidence}, o.What) {
		return nil, ErrIncomplete
	}
	for _, r := range s.recent {
		if r.opened == o.Opened && o.At.Sub(r.at) < Within {
			return nil, nil
		}
	}
	return []events.New{{Name: NameOpened, Data: o.Opened}}, nil
}

// Fold gives the state after one more event. It never changes s. An unknown event name is an error.
func Fold(s State, e events.Event) (State, error) {
	if e.Statement.Name != NameOpened {
		return s, fmt.Errorf("couldn't fold readings: unknown event %q", e.Statement.Name)
	}
	var d Opened
	if err := json.Unmarshal(e.Statement.Data, &d); err != nil {
		return s, fmt.Errorf("couldn't fold readings: couldn't read %s at position %d: %w", e.Statement.Name, e.Position, err)
	}
	next := State{Count: s.Count + 1}
	for _, r := range s.recent[max(0, len(s.recent)-maxRecent+1):] {
		if e.Statement.Time.Sub(r.at) < Within && r.opened != d {
			next.recent = append(next.recent, r)
		}
	}
	next.recent = append(next.recent, seen{d, e.Statement.Time})
	return next, nil
}
