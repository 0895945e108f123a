package httpapi

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/internal/asof"
	"github.com/tram-exchange/tram/internal/view"
)

// DocumentRow is one line of a register.
type DocumentRow struct {
	Document      string     `json:"document" doc:"Key for /v1/documents/{key}."`
	Number        string     `json:"number,omitempty" doc:"Số và ký hiệu."`
	Date          string     `json:"date,omitempty" doc:"yyyy-MM-dd."`
	Type          string     `json:"type,omitempty"`
	Subject       string     `json:"subject,omitempty" doc:"Trích yếu."`
	Signer        string     `json:"signer,omitempty"`
	From          Party      `json:"from"`
	To            []Party    `json:"to"`
	SentAt        *time.Time `json:"sent_at,omitempty"`
	ArrivedAt     *time.Time `json:"arrived_at,omitempty"`
	ArrivalNumber string     `json:"arrival_number,omitempty"`
	Note          string     `json:"note,omitempty"`
	Priority      int        `json:"priority"`
	Business      int        `json:"business" doc:"0 new, 1 recall, 2 update, 3 replace."`
	State         string     `json:"state"`
	LastStatus    string     `json:"last_status,omitempty"`
	Assurance     string     `json:"assurance,omitempty"`
	Attachments   int        `json:"attachments"`
	Destroyed     string     `json:"destroyed,omitempty" doc:"Decision under which the words were destroyed."`
}

// DocumentPage is one page of a register.
type DocumentPage struct {
	Documents []DocumentRow `json:"documents"`
	Next      string        `json:"next,omitempty" doc:"Cursor for the next page."`
	AsOf      uint64        `json:"as_of" doc:"Log size the register has read."`
	Moment    *MomentAnswer `json:"moment,omitempty" doc:"Of an answer about the past."`
}

// MomentAnswer says as of when an answer is.
type MomentAnswer struct {
	At       time.Time  `json:"at" doc:"The time asked for."`
	Position uint64     `json:"position" doc:"How many events the log held: those with node time at or before it."`
	Last     *time.Time `json:"last,omitempty" doc:"Node time of the last of them."`
}

func momentAnswer(m view.Moment) *MomentAnswer {
	a := &MomentAnswer{At: m.At.UTC(), Position: m.Position}
	if !m.Last.IsZero() {
		last := m.Last.UTC()
		a.Last = &last
	}
	return a
}

var asOfParam = Param{Name: "as_of", About: "The answer as it stood then: a day (its end, +07:00), or a time; without zone +07:00. " +
	"Who may ask is judged today. 503 past-building while the node makes it ready: ask again."}

// DocumentAnswer is everything about one document.
type DocumentAnswer struct {
	DocumentRow
	Moment     *MomentAnswer  `json:"moment,omitempty" doc:"Of an answer about the past."`
	DocumentID string         `json:"document_id,omitempty"`
	Package    string         `json:"package"`
	Position   uint64         `json:"position"`
	At         time.Time      `json:"at"`
	DueDate    string         `json:"due_date,omitempty"`
	Recipients []RecipientRow `json:"recipients"`
	Statuses   []StatusRow    `json:"statuses"`
	History    []HistoryRow   `json:"history"`
	Files      []FileRow      `json:"files"`
	Related    []RelationRow  `json:"related"`
}

// RecipientRow says where one recipient's copy is.
type RecipientRow struct {
	Party
	Delivery   string    `json:"delivery,omitempty"`
	State      string    `json:"state"`
	Since      time.Time `json:"since"`
	Peer       string    `json:"peer,omitempty"`
	LastStatus string    `json:"last_status,omitempty"`
	Reason     string    `json:"reason,omitempty"`
}

// StatusRow is one status message.
type StatusRow struct {
	Code        string    `json:"code"`
	From        Party     `json:"from"`
	At          time.Time `json:"at"`
	Timestamp   string    `json:"timestamp,omitempty"`
	Description string    `json:"description,omitempty"`
	Package     string    `json:"package"`
	Position    uint64    `json:"position"`
}

// HistoryRow is one event.
type HistoryRow struct {
	Position uint64            `json:"position"`
	At       time.Time         `json:"at"`
	Event    string            `json:"event"`
	Org      string            `json:"org,omitempty"`
	Code     string            `json:"code,omitempty"`
	Detail   map[string]string `json:"detail,omitempty"`
	Package  string            `json:"package,omitempty"`
}

// FileRow is one attachment.
type FileRow struct {
	Index       int    `json:"index"`
	Name        string `json:"name"`
	ContentType string `json:"content_type,omitempty"`
	Size        int64  `json:"size"`
}

// RelationRow is another document that this one concerns.
type RelationRow struct {
	Kind     string `json:"kind"`
	Document string `json:"document,omitempty"`
	Number   string `json:"number,omitempty"`
	Org      string `json:"org,omitempty"`
}

var registerQuery = []Param{
	{Name: "organisation", About: "Any code of the organisation whose register it is; needed when the caller stands for several."},
	{Name: "direction", About: "Default incoming.", Enum: []string{"incoming", "outgoing"}},
	{Name: "words", About: "Words of subject, number or names, with or without diacritics; all must occur."},
	{Name: "number", About: "Part of số và ký hiệu, e.g. 7816/VPCP."},
	{Name: "from", About: "First day of the document's date: yyyy-MM-dd or dd/MM/yyyy."},
	{Name: "to", About: "Last day."},
	{Name: "correspondent", About: "Any code of the other side."},
	{Name: "type", About: "Name of the document type."},
	{Name: "state", About: "waiting, taken, acknowledged, forwarded, queued, failed, withdrawn, recalled."},
	{Name: "cursor", About: "next of the page before."},
	{Name: "limit", About: "1 to 500, default 50.", Number: true},
	asOfParam,
}

func (a *API) getDocuments(w http.ResponseWriter, r *Request) error {
	q := newQuery(r.Request)
	req := view.RegisterQuery{
		Org: q.text("organisation"), Direction: view.Direction(q.oneOf("direction", "incoming", "outgoing")), Words: q.text("words"),
		Number: q.text("number"), From: q.day("from"), To: q.day("to"), Correspondent: q.text("correspondent"), TypeName: q.text("type"),
		State: q.oneOf("state", view.StateWaiting, view.StateTaken, view.StateAcknowledged, view.StateForwarded, view.StateQueued,
			view.StateFailed, view.StateWithdrawn, view.StateRecalled),
		Cursor: q.text("cursor"), Limit: int(q.number("limit", 1, 500)),
	}
	at := q.moment("as_of", a.node.Now())
	if err := q.done(); err != nil {
		return err
	}
	if req.Direction == "" {
		req.Direction = view.Incoming
	}
	var page view.Page[view.RegisterRow]
	var answer DocumentPage
	var err error
	if at.IsZero() {
		page, err = a.node.Register(r.Context(), r.Caller, req)
	} else {
		var m view.Moment
		page, m, err = a.node.RegisterAsOf(r.Context(), r.Caller, req, at)
		answer.Moment = momentAnswer(m)
	}
	if err != nil {
		return err
	}
	answer.Documents, answer.Next, answer.AsOf = DocumentRows(page.Rows), page.Next, page.AsOf
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// moment reads a time of the past; zero if there is none.
func (q *query) moment(name string, now time.Time) time.Time {
	s := q.text(name)
	if s == "" {
		return time.Time{}
	}
	t, err := asof.Parse(s, now)
	if err != nil {
		q.fail(name)
	}
	return t
}

// day reads a date as people and programs write it.
func (q *query) day(name string) string {
	s := q.text(name)
	if s == "" {
		return ""
	}
	for _, layout := range []string{"2006-01-02", "02/01/2006", "2/1/2006"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Format("2006-01-02")
		}
	}
	q.fail(name)
	return ""
}

func (a *API) getDocument(w http.ResponseWriter, r *Request) error {
	key := chi.URLParam(r.Request, "key")
	if len(key) != 64 || strings.Trim(key, "0123456789abcdef") != "" {
		return gateway.Refuse(gateway.CodeNotFound)
	}
	q := newQuery(r.Request)
	at := q.moment("as_of", a.node.Now())
	if err := q.done(); err != nil {
		return err
	}
	var d view.Document
	var moment *MomentAnswer
	var err error
	if at.IsZero() {
		d, err = a.node.Document(r.Context(), r.Caller, key)
	} else {
		var m view.Moment
		d, m, err = a.node.DocumentAsOf(r.Context(), r.Caller, key, at)
		moment = momentAnswer(m)
	}
	if err != nil {
		return err
	}
	answer := NewDocumentAnswer(&d)
	answer.Moment = moment
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// NewDocumentAnswer puts a document into the API's form.
func NewDocumentAnswer(d *view.Document) DocumentAnswer {
	answer := DocumentAnswer{
		DocumentRow: documentRow(&d.Row), DocumentID: d.DocumentID, Package: d.Package.SHA256, Position: d.Package.Position,
		At: d.Package.At, DueDate: d.DueDate,
		Recipients: make([]RecipientRow, len(d.Recipients)), Statuses: make([]StatusRow, len(d.Statuses)),
		History: make([]HistoryRow, len(d.History)), Files: make([]FileRow, len(d.Attachments)), Related: make([]RelationRow, len(d.Related)),
	}
	for i, x := range d.Recipients {
		answer.Recipients[i] = RecipientRow{Party: Party(x.Party), Delivery: x.Delivery, State: x.State, Since: x.Since, Peer: x.Peer,
			LastStatus: x.LastStatus, Reason: x.Reason}
	}
	for i, x := range d.Statuses {
		answer.Statuses[i] = StatusRow{Code: x.Code, From: Party(x.From), At: x.At, Timestamp: x.Timestamp, Description: x.Description,
			Package: x.Package, Position: x.Position}
	}
	for i, x := range d.History {
		answer.History[i] = HistoryRow{Position: x.Position, At: x.At, Event: x.Name, Org: x.Org, Code: x.Code, Detail: x.Detail, Package: x.Package}
	}
	for i, x := range d.Attachments {
		answer.Files[i] = FileRow{Index: x.Index, Name: x.Name, ContentType: x.ContentType, Size: x.Size}
	}
	for i, x := range d.Related {
		answer.Related[i] = RelationRow{Kind: x.Kind, Document: x.Document, Number: x.Number, Org: x.Org}
	}
	return answer
}

// DocumentRows puts rows of a register into the API's form.
func DocumentRows(rows []view.RegisterRow) []DocumentRow {
	out := make([]DocumentRow, len(rows))
	for i := range rows {
		out[i] = documentRow(&rows[i])
	}
	return out
}

func documentRow(x *view.RegisterRow) DocumentRow {
	row := DocumentRow{
		Document: x.Document, Number: x.Number, Date: x.Date, Type: x.TypeName, Subject: x.Subject, Signer: x.Signer,
		From: Party(x.From), To: make([]Party, len(x.To)), SentAt: optionalTime(x.SentAt), ArrivedAt: optionalTime(x.ArrivedAt),
		ArrivalNumber: x.ArrivalNumber, Note: x.Note, Priority: x.Priority, Business: x.Business, State: x.State,
		LastStatus: x.LastStatus, Assurance: x.Assurance, Attachments: x.Attachments, Destroyed: x.Destroyed,
	}
	for i, p := range x.To {
		row.To[i] = Party(p)
	}
	return row
}

func (a *API) getDocumentReceipt(w http.ResponseWriter, r *Request) error {
	key, position := chi.URLParam(r.Request, "key"), chi.URLParam(r.Request, "position")
	n, err := strconv.ParseUint(position, 10, 63)
	if err != nil || len(key) != 64 || strings.Trim(key, "0123456789abcdef") != "" {
		return gateway.Refuse(gateway.CodeNotFound)
	}
	receipt, err := a.node.DocumentReceipt(r.Context(), r.Caller, key, n)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", textType)
	w.Header().Set("Content-Disposition", `attachment; filename="`+strconv.FormatUint(n, 10)+`.tlog-proof"`)
	if _, err := w.Write(receipt); err != nil {
		return errors.Join(errGone, err)
	}
	return nil
}
