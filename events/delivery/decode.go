package delivery

import (
	"encoding/json"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/internal/eventscan"
)

// Deliveries are most of a record (three events for each recipient of each document), so their data is read by eventscan.

func decode[T any](b []byte) (T, error) {
	var v T
	err := json.Unmarshal(b, &v)
	return v, err
}

func decodeOffered(b []byte) (d Offered, err error) {
	s := eventscan.New(b)
	s.Lit(`{"item":"`)
	d.Item = s.Text()
	s.Lit(`","item_id":"`)
	d.ItemID = ItemDocument
	if s.Has(ItemDocument + `"`) {
		s.Lit(ItemDocument) // no copy of what nearly every offer says
	} else {
		d.ItemID = s.Text()
	}
	s.Lit(`","org":"`)
	d.Org = s.Text()
	s.Lit(`","from":"`)
	d.From = s.Text()
	if s.Has(`","node":"`) {
		s.Lit(`","node":"`)
		d.Node = s.Text()
	}
	s.Lit(`","package":"`)
	d.Package = s.Digest()
	s.Lit(`","size":`)
	d.Size = int64(s.Number())
	s.Lit(`,"priority":`)
	d.Priority = int(s.Number())
	s.Lit(`,"assurance":"`)
	d.Assurance = s.Text()
	s.Lit(`"}`)
	if s.Done() {
		return d, nil
	}
	return decode[Offered](b)
}

func decodeTaken(b []byte) (d Taken, err error) {
	s := eventscan.New(b)
	s.Lit(`{"client":"`)
	d.Client = s.Text()
	s.Lit(`","until":"`)
	d.Until = s.Time()
	if s.Has(`","request":"`) {
		s.Lit(`","request":"`)
		request := events.Digest(s.Digest())
		d.Request = &request
	}
	s.Lit(`"}`)
	if s.Done() {
		return d, nil
	}
	return decode[Taken](b)
}

func decodeMarked(b []byte) (d Marked, err error) {
	s := eventscan.New(b)
	s.Lit(`{"mark":"`)
	d.Mark = Mark(s.Text())
	s.Lit(`","by":"`)
	d.By = s.Text()
	s.Lit(`"}`)
	if s.Done() {
		return d, nil
	}
	return decode[Marked](b)
}

func decodeForwarded(b []byte) (d Forwarded, err error) {
	s := eventscan.New(b)
	s.Lit(`{"node":"`)
	d.Node = s.Text()
	s.Lit(`","position":`)
	d.Position = s.Number()
	s.Lit(`,"receipt":"`)
	d.Receipt = s.Digest()
	s.Lit(`"}`)
	if s.Done() {
		return d, nil
	}
	return decode[Forwarded](b)
}

// decodeFailed reads data of retrying, too: that has the same members but one.
func decodeFailed(b []byte) (d Failed, err error) {
	s := eventscan.New(b)
	s.Lit(`{"reason":"`)
	d.Reason = s.Text()
	s.Lit(`","attempts":`)
	d.Attempts = int(s.Number())
	if s.Has(`,"final":true`) {
		s.Lit(`,"final":true`)
		d.Final = true
	}
	s.Lit(`}`)
	if s.Done() {
		return d, nil
	}
	return decode[Failed](b)
}

func decodeAcknowledged(b []byte) (d Acknowledged, err error) {
	s := eventscan.New(b)
	s.Lit(`{"client":"`)
	d.Client = s.Text()
	s.Lit(`"}`)
	if s.Done() {
		return d, nil
	}
	return decode[Acknowledged](b)
}

func decodeWithdrawn(b []byte) (d Withdrawn, err error) {
	s := eventscan.New(b)
	s.Lit(`{"by":"`)
	d.By = s.Text()
	s.Lit(`"}`)
	if s.Done() {
		return d, nil
	}
	return decode[Withdrawn](b)
}
