package httpapi

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/internal/view"
)

// MailboxEntry is one thing for one recipient.
type MailboxEntry struct {
	ID         string     `json:"id"`
	Seq        uint64     `json:"seq" doc:"Order of the list and cursor."`
	Recipient  string     `json:"recipient" doc:"Identity of the recipient."`
	Kind       string     `json:"kind" enum:"document,status"`
	Document   string     `json:"document" doc:"Key for /v1/documents/{key}."`
	Package    string     `json:"package" doc:"SHA-256 for /v1/packages/{sha256}."`
	Size       int64      `json:"size"`
	From       Party      `json:"from"`
	Number     string     `json:"number,omitempty"`
	Subject    string     `json:"subject,omitempty"`
	Priority   int        `json:"priority"`
	OfferedAt  time.Time  `json:"offered_at"`
	State      string     `json:"state" enum:"waiting,taken,acknowledged,withdrawn"`
	LeaseUntil *time.Time `json:"lease_until,omitempty"`
	TakenBy    string     `json:"taken_by,omitempty"`
	Marks      []string   `json:"marks,omitempty"`
}

// Party is an organisation as written and as the directory knows it.
type Party struct {
	Org  string `json:"org,omitempty"`
	Code string `json:"code,omitempty"`
	Name string `json:"name,omitempty"`
}

// MailboxPage is one page of a mailbox.
type MailboxPage struct {
	Entries []MailboxEntry `json:"entries"`
	Next    uint64         `json:"next" doc:"Cursor for after=: also when there are no entries."`
	More    bool           `json:"more"`
}

// TakeBody is the JSON body of a take; every field is optional, and query parameters of the same names are accepted too.
type TakeBody struct {
	Recipient string `json:"recipient,omitempty" doc:"Any code of the recipient; needed when the caller stands for several."`
	Kind      string `json:"kind,omitempty" enum:"document,status"`
	Max       int    `json:"max,omitempty" doc:"1 to 100, default 1."`
	Lease     int    `json:"lease,omitempty" doc:"Seconds."`
	Wait      int    `json:"wait,omitempty" doc:"Seconds to wait while there is nothing to take."`
	Request   string `json:"request,omitempty" doc:"Name of this call: repeating it while the lease runs gets the same entries."`
}

// TakenAnswer is the answer to a take.
type TakenAnswer struct {
	Entries []MailboxEntry `json:"entries"`
}

// AcknowledgedAnswer is the answer to an acknowledgement.
type AcknowledgedAnswer struct {
	ID       string    `json:"id"`
	Position uint64    `json:"position"`
	At       time.Time `json:"at"`
	Receipt  string    `json:"receipt"`
}

var mailboxQuery = []Param{
	{Name: "recipient", About: "Any code of the recipient; needed when the caller stands for several."},
	{Name: "kind", About: "Only these.", Enum: []string{"document", "status"}},
	{Name: "after", About: "Cursor: next of the page before.", Number: true},
	{Name: "limit", About: "1 to 500, default 100.", Number: true},
	{Name: "wait", About: "Seconds to wait while there is nothing after the cursor.", Number: true},
}

var takeQuery = []Param{
	{Name: "recipient", About: "As in the body."},
	{Name: "kind", About: "As in the body.", Enum: []string{"document", "status"}},
	{Name: "max", About: "As in the body.", Number: true},
	{Name: "lease", About: "As in the body.", Number: true},
	{Name: "wait", About: "As in the body.", Number: true},
	{Name: "request", About: "As in the body."},
}

func (a *API) getMailbox(w http.ResponseWriter, r *Request) error {
	q := newQuery(r.Request)
	req := gateway.MailboxRequest{
		Org: q.text("recipient"), Kind: q.oneOf("kind", "document", "status"),
		After: uint64(q.number("after", 0, 1<<62)), Limit: int(q.number("limit", 0, 500)),
		Wait: time.Duration(q.number("wait", 0, 3600)) * time.Second,
	}
	if err := q.done(); err != nil {
		return err
	}
	a.slackFor(w, 0, req.Wait)
	page, err := a.node.Mailbox(r.Context(), r.Caller, req)
	if err != nil {
		return err
	}
	answer := MailboxPage{Entries: entries(page.Rows), Next: req.After, More: page.Next != ""}
	if n := len(page.Rows); n > 0 {
		answer.Next = page.Rows[n-1].Seq
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func (a *API) postTake(w http.ResponseWriter, r *Request) error {
	q := newQuery(r.Request)
	body := TakeBody{
		Recipient: q.text("recipient"), Kind: q.oneOf("kind", "document", "status"), Max: int(q.number("max", 0, 100)),
		Lease: int(q.number("lease", 0, 1<<30)), Wait: int(q.number("wait", 0, 3600)), Request: q.text("request"),
	}
	if err := q.done(); err != nil {
		return err
	}
	if err := readJSON(r, &body); err != nil {
		return err
	}
	switch {
	case body.Kind != "" && body.Kind != "document" && body.Kind != "status":
		return gateway.Refuse(gateway.CodeParameter).At("kind")
	case body.Max < 0 || body.Max > 100:
		return gateway.Refuse(gateway.CodeParameter).At("max")
	case body.Lease < 0 || body.Lease > 1<<30:
		return gateway.Refuse(gateway.CodeParameter).At("lease")
	case body.Wait < 0 || body.Wait > 3600:
		return gateway.Refuse(gateway.CodeParameter).At("wait")
	case len(body.Request) > 200:
		return gateway.Refuse(gateway.CodeParameter).At("request")
	}
	wait := time.Duration(body.Wait) * time.Second
	a.slackFor(w, 0, wait)
	rows, err := a.node.Take(r.Context(), r.Caller, gateway.TakeRequest{
		Org: body.Recipient, Kind: body.Kind, Max: body.Max, Lease: time.Duration(body.Lease) * time.Second, Wait: wait, Request: body.Request,
	})
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, TakenAnswer{Entries: entries(rows)})
	return nil
}

func (a *API) postAcknowledge(w http.ResponseWriter, r *Request) error {
	ack, err := a.node.Acknowledge(r.Context(), r.Caller, chi.URLParam(r.Request, "id"))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, AcknowledgedAnswer{ID: ack.ID, Position: ack.Position, At: ack.At, Receipt: string(ack.Receipt)})
	return nil
}

func entries(rows []view.MailboxEntry) []MailboxEntry {
	out := make([]MailboxEntry, len(rows))
	for i, e := range rows {
		out[i] = MailboxEntry{
			ID: e.ID, Seq: e.Seq, Recipient: e.Org, Kind: e.Kind, Document: e.Document, Package: e.Package, Size: e.Size,
			From: Party(e.From), Number: e.Number, Subject: e.Subject, Priority: e.Priority, OfferedAt: e.OfferedAt, State: e.State,
			LeaseUntil: optionalTime(e.LeaseUntil), TakenBy: e.TakenBy, Marks: e.Marks,
		}
	}
	return out
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// readJSON reads an optional JSON body strictly.
func readJSON(r *Request, v any) error {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return nil
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != jsonType {
		return gateway.Refuse(gateway.CodeMediaType).With("Content-Type: " + r.Header.Get("Content-Type"))
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		var large *http.MaxBytesError
		switch {
		case errors.As(err, &large):
			return gateway.Refuse(gateway.CodeTooLarge).Because(err)
		case err == io.EOF:
			return nil
		}
		return gateway.Refuse(gateway.CodeParameter).At("body").Because(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return gateway.Refuse(gateway.CodeParameter).At("body")
	}
	return nil
}

// query reads query parameters; the first that cannot be read is named by done, and so is one that nobody asked for.
type query struct {
	values map[string][]string
	known  map[string]bool
	bad    string
}

func newQuery(r *http.Request) *query {
	return &query{values: r.URL.Query(), known: map[string]bool{}}
}

func (q *query) fail(name string) {
	if q.bad == "" {
		q.bad = name
	}
}

func (q *query) text(name string) string {
	q.known[name] = true
	v := q.values[name]
	if len(v) == 0 {
		return ""
	}
	if len(v) > 1 || len(v[0]) > 1000 {
		q.fail(name)
	}
	return v[0]
}

func (q *query) number(name string, low, high int64) int64 {
	s := q.text(name)
	if s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < low || n > high {
		q.fail(name)
	}
	return n
}

func (q *query) oneOf(name string, values ...string) string {
	s := q.text(name)
	for _, v := range values {
		if s == v {
			return s
		}
	}
	if s != "" {
		q.fail(name)
	}
	return s
}

func (q *query) done() error {
	for name := range q.values {
		if !q.known[name] {
			q.fail(name)
		}
	}
	if q.bad != "" {
		return gateway.Refuse(gateway.CodeParameter).At(q.bad)
	}
	return nil
}
