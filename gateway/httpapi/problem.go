package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/tram-exchange/tram/gateway"
)

// Problem is the one shape of every negative answer.
type Problem struct {
	Code      int      `json:"code" doc:"Number of the published list at /errors; never reused."`
	ID        string   `json:"id" doc:"The same in words."`
	Status    int      `json:"status" doc:"HTTP status."`
	Field     string   `json:"field" doc:"Path of the field concerned, empty if none."`
	MessageVi string   `json:"message_vi" doc:"What to change, in Vietnamese."`
	MessageEn string   `json:"message_en" doc:"What to change, in English."`
	Retryable bool     `json:"retryable" doc:"The same request can succeed later."`
	Details   []string `json:"details" doc:"For instance every unknown recipient."`
	Request   string   `json:"request" doc:"Id of the request, for the operator."`
}

func (a *API) writeRefusal(w *recorder, r *Request, refusal *gateway.Refusal) {
	if w.code != 0 {
		return // the answer had begun; the log has the reason
	}
	p := Problem{
		Code: refusal.Code, ID: refusal.ID, Status: refusal.HTTP, Field: refusal.Field,
		MessageVi: refusal.Vi, MessageEn: refusal.En, Retryable: refusal.Retryable,
		Details: refusal.Details, Request: r.ID,
	}
	if p.Details == nil {
		p.Details = []string{}
	}
	h := w.Header()
	for _, name := range []string{"Content-Disposition", "ETag", "Content-Length", "Content-Encoding"} {
		h.Del(name)
	}
	switch refusal.Code {
	case gateway.CodeUnauthenticated, gateway.CodeTokenUnknown, gateway.CodeCertificateUnknown:
		h.Set("WWW-Authenticate", `Bearer realm="tram"`)
	case gateway.CodeRate:
		h.Set("Retry-After", "60")
	case gateway.CodeTooSlow, gateway.CodeCutShort, gateway.CodeTooLarge:
		if r.ProtoMajor == 1 { // HTTP/2 ends the one stream by itself
			h.Set("Connection", "close") // the rest of the body is of no use
		}
	default:
		if refusal.Retryable {
			h.Set("Retry-After", "5")
		}
	}
	writeJSON(w, refusal.HTTP, p)
}

// writeJSON answers with v. HTML characters are not escaped: the text is for people and programs, not for a page.
func writeJSON(w http.ResponseWriter, status int, v any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // our own types; a failure is a defect that protect reports
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}
