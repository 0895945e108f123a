package httpapi_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/httpapi"
)

// roles are all who may knock, in the order of the columns below.
var roles = []string{"nobody", "wrong token", "other", "sender", "recipient", "reader", "auditor", "operator", "peer", "channel"}

// access says for each route what each role gets, for a document that sender wrote to recipient, and over whose sender
// reader and auditor have a recorded right.
var access = map[string][]int{
	// route                                  nobody wrong other sender recip reader auditor operator peer channel
	"GET /openapi.json":                           {200, 200, 200, 200, 200, 200, 200, 200, 200, 200},
	"GET /errors":                                 {200, 200, 200, 200, 200, 200, 200, 200, 200, 200},
	"GET /schemas/":                               {200, 200, 200, 200, 200, 200, 200, 200, 200, 200},
	"GET /schemas/{file}":                         {200, 200, 200, 200, 200, 200, 200, 200, 200, 200},
	"GET /healthz":                                {200, 200, 200, 200, 200, 200, 200, 200, 200, 200},
	"GET /readyz":                                 {200, 200, 200, 200, 200, 200, 200, 200, 200, 200},
	"GET /v1/checkpoint":                          {200, 200, 200, 200, 200, 200, 200, 200, 200, 200},
	"GET /v1/trust-list":                          {200, 200, 200, 200, 200, 200, 200, 200, 200, 200},
	"GET /v1/packages/{sha256}/evidence":          {401, 401, 404, 200, 200, 200, 200, 403, 403, 403},
	"GET /v1/packages/{sha256}/evidence/{answer}": {401, 401, 404, 200, 200, 200, 200, 403, 403, 403},
	"GET /v1/packages/{sha256}/verdict":           {401, 401, 404, 200, 200, 200, 200, 403, 403, 403},
	"GET /v1/whoami":                              {401, 401, 200, 200, 200, 200, 200, 200, 200, 200},
	"POST /v1/packages":                           {401, 401, 403, 200, 403, 403, 403, 403, 403, 200},
	"GET /v1/packages/{sha256}":                   {401, 401, 404, 200, 200, 200, 200, 403, 403, 403},
	"GET /v1/packages/{sha256}/receipt":           {401, 401, 404, 200, 200, 200, 200, 403, 403, 403},
	"GET /v1/packages/{sha256}/content":           {401, 401, 404, 404, 404, 404, 404, 403, 403, 403}, // it is no submission
	"GET /v1/documents":                           {401, 401, 404, 200, 404, 200, 200, 403, 403, 403}, // sender's register
	"GET /v1/documents/{key}":                     {401, 401, 404, 200, 200, 200, 200, 403, 403, 403},
	"GET /v1/documents/{key}/evidence":            {401, 401, 404, 200, 200, 200, 200, 403, 403, 403},
	"GET /v1/documents/{key}/receipts/{position}": {401, 401, 404, 200, 200, 200, 200, 403, 403, 403},
	"GET /v1/mailbox":                             {401, 401, 404, 404, 200, 404, 403, 403, 403, 403}, // recipient's mailbox
	"POST /v1/mailbox/take":                       {401, 401, 404, 404, 200, 404, 403, 403, 403, 403},
	"POST /v1/mailbox/{id}/ack":                   {401, 401, 404, 404, 200, 404, 403, 403, 403, 403},
	"GET /v1/audit/events":                        {401, 401, 403, 403, 403, 403, 200, 403, 403, 403},
	"GET /v1/audit/events/{position}/evidence":    {401, 401, 403, 403, 403, 403, 200, 403, 403, 403},
	"GET /v1/audit/events/{position}/package":     {401, 401, 403, 403, 403, 403, 200, 403, 403, 403},
	"GET /v1/directory":                           {401, 401, 200, 200, 200, 200, 200, 200, 200, 200},
	"GET /v1/directory/{code}":                    {401, 401, 200, 200, 200, 200, 200, 200, 200, 200},
	"GET /metrics":                                {401, 401, 403, 403, 403, 403, 403, 200, 403, 403},
}

func TestAccess(t *testing.T) {
	w := nodeIn(t, "revocation-required")
	w.actors["wrong token"] = &actor{token: strings.Repeat("A", 43)}
	pkg := w.signed(w.doc("400"))
	var acc httpapi.AcceptedAnswer
	w.post("sender", pkg).into(t, &acc)
	w.step()
	entry := w.firstEntry("recipient")
	var judged httpapi.SignatureEvidence
	w.call("sender", http.MethodGet, "/v1/packages/"+acc.SHA256+"/evidence", nil).into(t, &judged)
	fill := strings.NewReplacer("{answer}", judged.Signatures[0].Certificates[0].Revocation.Answer,
		"{file}", "edxml-accept.xsd", "{sha256}", acc.SHA256, "{key}", acc.Document, "{position}", strconv.FormatUint(acc.Position, 10), "{id}", entry, "{code}", codeOldForm)
	query := map[string]string{
		"GET /v1/documents": "?direction=outgoing&organisation=" + codeSender, "GET /v1/mailbox": "?recipient=" + codeRecipient,
		"POST /v1/mailbox/take": "?recipient=" + codeRecipient,
	}
	seen := map[string]bool{}
	for _, route := range w.api.Routes() {
		key := route.Method + " " + route.Pattern
		seen[key] = true
		want, ok := access[key]
		if !ok {
			t.Errorf("route %s has no row: say who gets what", key)
			continue
		}
		var body []byte
		if route.Body {
			body = pkg
		}
		for i, who := range roles {
			name := who
			if who == "nobody" {
				name = ""
			}
			a := w.call(name, route.Method, fill.Replace(route.Pattern)+query[key], body)
			if a.status != want[i] {
				t.Errorf("%s as %s: status %d, expected %d: %.200s", key, who, a.status, want[i], a.body)
			}
			if a.status >= 400 {
				p := a.problem(t)
				switch {
				case a.status == http.StatusNotFound && p.Code != gateway.CodeNotFound:
					t.Errorf("%s as %s: refusal %d tells more than that there is nothing", key, who, p.Code)
				case len(p.Details) > 0 && a.status != http.StatusForbidden:
					t.Errorf("%s as %s: details %q", key, who, p.Details)
				}
			}
		}
		if !route.Public && len(route.Allow) == 0 {
			t.Errorf("%s answers nobody", key)
		}
	}
	for key := range access {
		if !seen[key] {
			t.Errorf("row %s has no route", key)
		}
	}
}

// What does not exist and what is somebody else's are answered with the same bytes, but for the request's id.
func TestNotFoundTellsNothing(t *testing.T) {
	w := newWorld(t)
	var acc httpapi.AcceptedAnswer
	w.post("sender", w.signed(w.doc("401"))).into(t, &acc)
	w.step()
	entry := w.firstEntry("recipient")
	none := strings.Repeat("ab", 32)
	for _, c := range [][3]string{
		{http.MethodGet, "/v1/packages/" + acc.SHA256 + "/evidence", "/v1/packages/" + none + "/evidence"},
		{http.MethodGet, "/v1/packages/" + acc.SHA256 + "/evidence/" + none, "/v1/packages/" + none + "/evidence/" + none},
		{http.MethodGet, "/v1/packages/" + acc.SHA256 + "/verdict", "/v1/packages/" + none + "/verdict"},
		{http.MethodGet, "/v1/documents/" + acc.Document, "/v1/documents/" + none},
		{http.MethodGet, "/v1/packages/" + acc.SHA256, "/v1/packages/" + none},
		{http.MethodGet, "/v1/packages/" + acc.SHA256 + "/receipt", "/v1/packages/" + none + "/receipt"},
		{http.MethodPost, "/v1/mailbox/" + entry + "/ack", "/v1/mailbox/" + none + "/ack"},
		{http.MethodGet, "/v1/mailbox?recipient=" + codeRecipient, "/v1/mailbox?recipient=H77"},
		{http.MethodGet, "/v1/documents?organisation=" + codeSender, "/v1/documents?organisation=H77"},
	} {
		theirs, nobodys := w.call("other", c[0], c[1], nil), w.call("other", c[0], c[2], nil)
		p, q := theirs.problem(t), nobodys.problem(t)
		p.Request, q.Request = "", ""
		if p.Code != gateway.CodeNotFound || p.Code != q.Code || p.MessageVi != q.MessageVi || len(p.Details)+len(q.Details) != 0 || p.Field != q.Field {
			t.Errorf("%s: %+v and %+v", c[1], p, q)
		}
		for _, h := range []string{"Etag", "Content-Disposition", "Content-Type", "Cache-Control"} {
			if theirs.header.Get(h) != nobodys.header.Get(h) {
				t.Errorf("%s: header %s %q and %q", c[1], h, theirs.header.Get(h), nobodys.header.Get(h))
			}
		}
	}
}
