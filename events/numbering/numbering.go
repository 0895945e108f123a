// Package numbering gives numbers that are unique and have no gaps. A number is a stream: to take number n of a book and a year is
// to append the first event to the empty stream of n, allowed only when n is 1 or n-1 is taken. Two who want the same number meet at
// the append, in a cluster too, and one of them takes the next. No counter is kept anywhere, so none can be wrong.
//
// A number that was taken stays taken: what it was for may be given up, and then the number is void, with the reason, for ever.
//
// # How a thing gets its number
//
// The stream of the thing (the holder) says that it wants one, in which book and year. The node then appends, one after the other, each
// only if it is not there yet: the number chosen, on the holder; the taking, on the number's stream (Take); and that the holder has it,
// on the holder. A crash leaves the holder with a number chosen. Then its stream says how to go on: it is the holder's (say so), it is
// another's (choose the next), or it is empty (take it).
package numbering

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tram-exchange/tram/events"
)

// StreamPrefix begins the name of every number's stream.
const StreamPrefix = "number/"

// Max is the greatest number that is given in one book and year. edXML has room for eleven characters.
const Max = 9_999_999

// Book is where numbers run: one of an agency's registers, series, or its dossiers, in one year.
type Book struct {
	Org  string // identity
	Name string // see Register, Series and Dossiers
	Year int    // of +07:00
}

// Names of books.
const (
	registers = "den-"
	series    = "di-"
	// Dossiers is the book of an agency's dossiers.
	Dossiers = "hs"
)

// Register is the book of a register of arrivals.
func Register(id string) string { return registers + id }

// Series is the book of a series of outgoing documents.
func Series(id string) string { return series + id }

// Stream is the stream of number n.
func (b Book) Stream(n int) string { return Stream(b.Org, b.Name, b.Year, n) }

// Stream is the stream of number n of a book and year.
func Stream(org, book string, year, n int) string {
	return StreamPrefix + org + "/" + book + "/" + strconv.Itoa(year) + "/" + strconv.Itoa(n)
}

// ParseStream is the reverse of Stream: it reads the names that Stream gives, and no others.
func ParseStream(stream string) (b Book, n int, err error) {
	bad := fmt.Errorf("couldn't read %q as the stream of a number", stream)
	rest, ok := strings.CutPrefix(stream, StreamPrefix)
	part := strings.Split(rest, "/")
	if !ok || len(part) != 4 || part[0] == "" || part[1] == "" {
		return Book{}, 0, bad
	}
	b = Book{Org: part[0], Name: part[1]}
	if b.Year, err = strconv.Atoi(part[2]); err != nil {
		return Book{}, 0, bad
	}
	if n, err = strconv.Atoi(part[3]); err != nil || n < 1 || n > Max || b.Stream(n) != stream {
		return Book{}, 0, bad
	}
	return b, n, nil
}

// Names of events.
const (
	NameTaken  = "number.taken.v1"
	NameVoided = "number.voided.v1"
)

// Taken is the first event of a number. Its cause is the event by which the holder chose it.
type Taken struct {
	Holder string `json:"holder"` // stream
}

// Voided says that the holder gave the number up. Its cause is the event of the holder that says so.
type Voided struct {
	Holder string `json:"holder"`
}

// VoidedFacts are its words.
type VoidedFacts struct {
	Reason string `json:"reason,omitempty"`
}

// State of one number.
type State struct {
	Holder  string // stream, "" free
	Voided  bool
	Address events.Address // of the taking
	Void    events.Address // of the voiding

	events int64
}

// Taken says whether the number is given.
func (s State) Taken() bool { return s.Holder != "" }

// Version is the version of the last event folded, -1 if none.
func (s State) Version() int64 { return s.events - 1 }

// Reason says why a number is not given or given up. Both are the node's own steps, so they are no refusals that a person sees.
type Reason string

// Reasons.
const (
	ReasonHeld   Reason = "held"   // another has it: choose the next
	ReasonGap    Reason = "gap"    // the number before it is free: choose that
	ReasonVoided Reason = "voided" // it was the holder's, and was given up
	ReasonFree   Reason = "free"   // nobody has it
	ReasonFull   Reason = "full"   // past the last number of a book
)

// Refusal is the answer to a step that is not possible.
type Refusal struct {
	Reason Reason
	Holder string // ReasonHeld, ReasonVoided: whose it is
}

func (r *Refusal) Error() string {
	if r.Holder == "" {
		return "couldn't number: " + string(r.Reason)
	}
	return "couldn't number: " + string(r.Reason) + " by " + r.Holder
}

// Take is the wish of a holder to have number N.
type Take struct {
	N      int
	Holder string // stream
	After  bool   // the stream of N-1 has an event; not asked when N is 1
}

// errHolder: a defect of the caller.
var errHolder = errors.New("couldn't number: no holder named")
