// Package dossier is a work dossier (hồ sơ công việc): what belongs together about one matter, who has it in charge, what was
// asked, done and decided, from its opening to its closing.
//
// # Code
//
// A dossier gets the next number of its agency's book of dossiers in the year of its opening (package numbering); Code makes the code
// of it. It is worked on while it waits for its number, but not closed.
//
// # Contents
//
// An item gets the next number of the contents list (mục lục) when it is put in. The number is its own for ever: what is taken out
// stays in the list with the reason, and no later item gets its number. An item is a document of the agency, which must be there and
// be seen by who puts it in, or files that the act itself carries.
//
// # Who may do what
//
// A person acts in the own name or, by a delegation, in the place of another (For). Of a dossier in charge of a person in a unit:
//
//	open                            who works in the agency: clerk, specialist, head, leader; for another: the head of the other's unit, a
//	                                leader; under an entry of the file plan that is for a unit: who is in it, a leader
//	classify, remove, give a task, record a decision, hand over, close
//	                                who is in charge, the head of the unit, a leader
//	add, give an opinion            also whoever was given a task in it, and the head of that one's unit
//	finish a task                   whose it is, the head of that one's unit, who is in charge, the head of the unit, a leader
//	reopen                          the head of the unit, a leader
//
// Administrators, auditors and archivists do nothing here. To someone with whom a dossier has nothing to do it does not exist: see
// State.Concerns.
//
// # Closing
//
// A dossier with a task that is not done, or without its code, is not closed. A closed dossier is not changed: it is reopened first.
package dossier

import (
	"fmt"
	"strings"
)

// StreamPrefix begins the name of every stream of a dossier.
const StreamPrefix = "dossier/"

// Stream is the stream of a dossier: org is the agency's identity, id was chosen by who opened it.
func Stream(org, id string) string { return StreamPrefix + org + "/" + id }

// ParseStream is the reverse of Stream.
func ParseStream(stream string) (org, id string, err error) {
	rest, ok := strings.CutPrefix(stream, StreamPrefix)
	org, id, two := strings.Cut(rest, "/")
	if !ok || !two || org == "" || id == "" || strings.Contains(id, "/") {
		return "", "", fmt.Errorf("couldn't read %q as the stream of a dossier", stream)
	}
	return org, id, nil
}

// Code is the code of a dossier (số và ký hiệu hồ sơ): unique in the agency, and the same however it is classified later.
func Code(n, year int) string { return fmt.Sprintf("%02d/%d/HS", n, year) }

// Limits of one dossier.
const (
	MaxItems = 10_000 // also those that were taken out
	MaxTasks = 1_000
	// maxActs bounds the stream.
	maxActs = 50_000
)
