package projections

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/events/delivery"
	"github.com/tram-exchange/tram/events/destruction"
	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/events/document"
	"github.com/tram-exchange/tram/events/logbook"
	"github.com/tram-exchange/tram/events/policy"
	"github.com/tram-exchange/tram/events/refusal"
	"github.com/tram-exchange/tram/events/submission"
	"github.com/tram-exchange/tram/events/timestamp"
	"github.com/tram-exchange/tram/events/validation"
	"github.com/tram-exchange/tram/events/witnessing"
)

// decoded is an event with all the work done that needs no other event. It is made by several goroutines at once.
type decoded struct {
	events.Event
	key    key // of a document or delivery stream
	data   any // *document.Received, …; nil for kinds that have no rows
	search searchable
}

// decode reads an event's data. An unknown event is an error: views that skip what they do not know would be wrong, and
// nobody would notice.
func decode(e events.Event) (decoded, error) {
	d := decoded{Event: e}
	kind, rest, _ := strings.Cut(e.Statement.Stream, "/")
	switch kind {
	case "document", "delivery":
		if len(rest) != 2*len(d.key) {
			return d, fmt.Errorf("couldn't read event %d: stream %q has no key", e.Position, e.Statement.Stream)
		}
		if _, err := hex.Decode(d.key[:], []byte(rest)); err != nil {
			return d, fmt.Errorf("couldn't read event %d: key of stream %q: %w", e.Position, e.Statement.Stream, err)
		}
	}
	if kind == "number" {
		return d, nil // its holder says what became of it
	}
	if kind == "reading" {
		d.data = &readingEvent{stream: streamKey(e.Statement.Stream)}
		return d, nil
	}
	if k := kindOf(kind); k != 0 {
		org, name, ok := strings.Cut(rest, "/")
		if !ok || org == "" || name == "" || !strings.HasPrefix(e.Statement.Name, kind+".") {
			return d, fmt.Errorf("couldn't read event %d: unknown event %q of stream %q", e.Position, e.Statement.Name, e.Statement.Stream)
		}
		d.data = &officeEvent{kind: k, org: org, name: name} // its package's fold knows the name, or fails
		return d, nil
	}
	switch e.Statement.Name {
	case document.NameReceived:
		d.data = new(document.Received)
	case document.NameResent:
		d.data = new(document.Resent)
	case document.NameStatusReported:
		d.data = new(document.StatusReported)
	case document.NameRecalled:
		d.data = new(document.Recalled)
	case document.NameUpdated:
		d.data = new(document.Updated)
	case document.NameReplaced:
		d.data = new(document.Replaced)
	case delivery.NameOffered:
		d.data = new(delivery.Offered)
	case delivery.NameTaken:
		d.data = new(delivery.Taken)
	case delivery.NameAcknowledged:
		d.data = new(delivery.Acknowledged)
	case delivery.NameWithdrawn:
		d.data = new(delivery.Withdrawn)
	case delivery.NameMarked:
		d.data = new(delivery.Marked)
	case delivery.NameForwarded:
		d.data = new(delivery.Forwarded)
	case delivery.NameRetrying:
		d.data = new(delivery.Retrying)
	case delivery.NameFailed:
		d.data = new(delivery.Failed)
	case destruction.NameDecided:
		d.data = new(destruction.Decided)
	case destruction.NameExecuted:
		d.data = new(destruction.Executed)
	case refusal.NameRecorded:
		d.data = new(refusal.Recorded)
	case policy.NameSet, submission.NameIDBound, timestamp.NameStamped, validation.NameKept,
		logbook.NameBegun, logbook.NameKeyRotated, logbook.NameKeyBound, witnessing.NameContradiction:
		return d, nil // counted, no more
	default:
		if kind == directory.Stream {
			return d, nil // folded by package directory, which knows its names
		}
		return d, fmt.Errorf("couldn't read event %d: unknown event %q of stream %q", e.Position, e.Statement.Name, e.Statement.Stream)
	}
	if !scanData(e.Statement.Data, d.data) {
		fresh := reflect.New(reflect.TypeOf(d.data).Elem())
		d.data = fresh.Interface()
		if err := json.Unmarshal(e.Statement.Data, d.data); err != nil {
			return d, fmt.Errorf("couldn't read data of event %d (%s): %w", e.Position, e.Statement.Name, err)
		}
	}
	switch e.Statement.Name {
	case document.NameReceived, document.NameResent:
		if e.Facts != nil {
			var err error
			if d.search, err = searchableOf(e.Facts); err != nil {
				return d, fmt.Errorf("couldn't read event %d: %w", e.Position, err)
			}
		}
	}
	return d, nil
}

func searchableOf(facts []byte) (searchable, error) {
	if facts == nil {
		return searchable{}, nil
	}
	var f document.Facts
	if !scanFacts(facts, &f) {
		f = document.Facts{}
		if err := json.Unmarshal(facts, &f); err != nil {
			return searchable{}, fmt.Errorf("couldn't read facts: %w", err)
		}
	}
	return makeSearchable(&f), nil
}
