package delivery

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/tram-exchange/tram/events"
)

// Deliveries are most of a record (three events for each recipient of each document), so their data is read without
// reflection, in the one spelling in which this package writes it. What is spelt in another way is left to encoding/json, which
// gives the same result (a test compares the two).

// scanner walks over data in the order of the Go types; ok turns false at the first thing it does not expect.
type scanner struct {
	b  []byte
	ok bool
}

func scan(b []byte) scanner { return scanner{b: b, ok: true} }

// lit passes over an expected spelling.
func (s *scanner) lit(want string) {
	if s.ok = s.ok && s.has(want); s.ok {
		s.b = s.b[len(want):]
	}
}

func (s *scanner) has(want string) bool {
	return len(s.b) >= len(want) && string(s.b[:len(want)]) == want
}

// raw takes what stands before the next quotation mark, if it has neither escapes nor bytes outside ASCII.
func (s *scanner) raw() []byte {
	n := bytes.IndexByte(s.b, '"')
	if !s.ok || n < 0 {
		s.ok = false
		return nil
	}
	out := s.b[:n]
	for _, c := range out {
		if c < 0x20 || c > 0x7e || c == '\\' {
			s.ok = false
			return nil
		}
	}
	s.b = s.b[n:]
	return out
}

func (s *scanner) text() string { return string(s.raw()) }

func (s *scanner) digest() (d events.Digest) {
	if raw := s.raw(); s.ok {
		s.ok = d.UnmarshalText(raw) == nil
	}
	return d
}

func (s *scanner) time() (t time.Time) {
	if raw := s.raw(); s.ok {
		s.ok = t.UnmarshalText(raw) == nil
	}
	return t
}

func (s *scanner) number() uint64 {
	n := 0
	for n < len(s.b) && s.b[n] >= '0' && s.b[n] <= '9' {
		n++
	}
	v, err := strconv.ParseUint(string(s.b[:n]), 10, 63)
	s.ok = s.ok && err == nil && (n == 1 || s.b[0] != '0')
	s.b = s.b[n:]
	return v
}

// whole says whether everything was read as expected.
func (s *scanner) whole() bool { return s.ok && len(s.b) == 0 }

func decode[T any](b []byte) (T, error) {
	var v T
	err := json.Unmarshal(b, &v)
	return v, err
}

func decodeOffered(b []byte) (d Offered, err error) {
	s := scan(b)
	s.lit(`{"item":"`)
	d.Item = s.text()
	s.lit(`","item_id":"`)
	d.ItemID = ItemDocument
	if s.has(ItemDocument + `"`) {
		s.lit(ItemDocument) // no copy of what nearly every offer says
	} else {
		d.ItemID = s.text()
	}
	s.lit(`","org":"`)
	d.Org = s.text()
	s.lit(`","from":"`)
	d.From = s.text()
	if s.has(`","node":"`) {
		s.lit(`","node":"`)
		d.Node = s.text()
	}
	s.lit(`","package":"`)
	d.Package = s.digest()
	s.lit(`","size":`)
	d.Size = int64(s.number())
	s.lit(`,"priority":`)
	d.Priority = int(s.number())
	s.lit(`,"assurance":"`)
	d.Assurance = s.text()
	s.lit(`"}`)
	if s.whole() {
		return d, nil
	}
	return decode[Offered](b)
}

func decodeTaken(b []byte) (d Taken, err error) {
	s := scan(b)
	s.lit(`{"client":"`)
	d.Client = s.text()
	s.lit(`","until":"`)
	d.Until = s.time()
	if s.has(`","request":"`) {
		s.lit(`","request":"`)
		request := s.digest()
		d.Request = &request
	}
	s.lit(`"}`)
	if s.whole() {
		return d, nil
	}
	return decode[Taken](b)
}

func decodeMarked(b []byte) (d Marked, err error) {
	s := scan(b)
	s.lit(`{"mark":"`)
	d.Mark = Mark(s.text())
	s.lit(`","by":"`)
	d.By = s.text()
	s.lit(`"}`)
	if s.whole() {
		return d, nil
	}
	return decode[Marked](b)
}

func decodeForwarded(b []byte) (d Forwarded, err error) {
	s := scan(b)
	s.lit(`{"node":"`)
	d.Node = s.text()
	s.lit(`","position":`)
	d.Position = s.number()
	s.lit(`,"receipt":"`)
	d.Receipt = s.digest()
	s.lit(`"}`)
	if s.whole() {
		return d, nil
	}
	return decode[Forwarded](b)
}

// decodeFailed reads data of retrying, too: that has the same members but one.
func decodeFailed(b []byte) (d Failed, err error) {
	s := scan(b)
	s.lit(`{"reason":"`)
	d.Reason = s.text()
	s.lit(`","attempts":`)
	d.Attempts = int(s.number())
	if s.has(`,"final":true`) {
		s.lit(`,"final":true`)
		d.Final = true
	}
	s.lit(`}`)
	if s.whole() {
		return d, nil
	}
	return decode[Failed](b)
}

func decodeAcknowledged(b []byte) (d Acknowledged, err error) {
	s := scan(b)
	s.lit(`{"client":"`)
	d.Client = s.text()
	s.lit(`"}`)
	if s.whole() {
		return d, nil
	}
	return decode[Acknowledged](b)
}

func decodeWithdrawn(b []byte) (d Withdrawn, err error) {
	s := scan(b)
	s.lit(`{"by":"`)
	d.By = s.text()
	s.lit(`"}`)
	if s.whole() {
		return d, nil
	}
	return decode[Withdrawn](b)
}
