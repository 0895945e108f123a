package document

import (
	"encoding/json"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/internal/eventscan"
)

// Receipts and statuses are read by eventscan: every hand-in of a status and every step of a router folds them. The rarer events,
// and receipts with effects, are left to encoding/json.

func decode[T any](b []byte) (T, error) {
	var v T
	err := json.Unmarshal(b, &v)
	return v, err
}

func decodeReceived(b []byte) (d Received, err error) {
	s := eventscan.New(b)
	s.Lit(`{"document":"`)
	d.Document = s.Text()
	s.Lit(`","business":`)
	d.Business = int(s.Number())
	s.Lit(`,"sender":"`)
	d.Sender = s.Text()
	s.Lit(`","sender_code":"`)
	d.SenderCode = s.Text()
	d.SenderNode = option(&s, `","sender_node":"`)
	s.Lit(`","content":"`)
	d.Content = s.Digest()
	s.Lit(`","assurance":"`)
	d.Assurance = s.Text()
	s.Lit(`","priority":`)
	d.Priority = int(s.Number())
	s.Lit(`,"recipients":[`)
	for first := true; s.More(first); first = false {
		d.Recipients = append(d.Recipients, recipientOf(&s))
	}
	if d.Recipients == nil {
		s.Fail() // encoding/json tells an empty list from none
	}
	s.Lit(`,"judged":"`)
	d.Judged = s.Time()
	s.Lit(`"`)
	d.Peer = hopOf(&s)
	s.Lit(`}`)
	if s.Done() {
		return d, nil
	}
	return decode[Received](b)
}

// option takes a string member, if it stands next, up to the quotation mark that ends it.
func option(s *eventscan.Scanner, member string) string {
	if !s.Has(member) {
		return ""
	}
	s.Lit(member)
	return s.Text()
}

func recipientOf(s *eventscan.Scanner) (r Recipient) {
	s.Lit(`{"org":"`)
	r.Org = s.Text()
	s.Lit(`","codes":`)
	r.Codes = s.Texts()
	if s.Has(`,"via":`) {
		s.Lit(`,"via":`)
		r.Via = s.Texts()
	}
	if s.Has(`,"node":"`) {
		s.Lit(`,"node":"`)
		r.Node = s.Text()
		s.Lit(`"`)
	}
	if s.Has(`,"elsewhere":true`) {
		s.Lit(`,"elsewhere":true`)
		r.Elsewhere = true
	}
	s.Lit(`}`)
	return r
}

func hopOf(s *eventscan.Scanner) *PeerHop {
	if !s.Has(`,"peer":{"origin":"`) {
		return nil
	}
	h := new(PeerHop)
	s.Lit(`,"peer":{"origin":"`)
	h.Origin = s.Text()
	s.Lit(`","position":`)
	h.Position = s.Number()
	s.Lit(`,"received":"`)
	h.Received = s.Time()
	s.Lit(`"}`)
	return h
}

func decodeStatus(b []byte) (d StatusReported, err error) {
	s := eventscan.New(b)
	s.Lit(`{"document":"`)
	d.Document = s.Text()
	s.Lit(`","code":"`)
	d.Code = s.Text()
	s.Lit(`","reporter":"`)
	d.Reporter = s.Text()
	s.Lit(`","reporter_code":"`)
	d.ReporterCode = s.Text()
	d.ReporterNode = option(&s, `","reporter_node":"`)
	s.Lit(`","about":"`)
	d.About = s.Text()
	s.Lit(`","to":`)
	d.To = s.Texts()
	s.Lit(`,"timestamp":"`)
	d.Timestamp = s.Text()
	s.Lit(`","content":"`)
	d.Content = events.Digest(s.Digest())
	s.Lit(`","assurance":"`)
	d.Assurance = s.Text()
	s.Lit(`","judged":"`)
	d.Judged = s.Time()
	s.Lit(`"`)
	d.Peer = hopOf(&s)
	s.Lit(`}`)
	if s.Done() {
		return d, nil
	}
	return decode[StatusReported](b)
}
