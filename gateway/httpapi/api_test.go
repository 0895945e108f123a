package httpapi_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/httpapi"
)

// The description names every route, its references resolve, and it is for OpenAPI 3.1.
func TestOpenAPI(t *testing.T) {
	w := newWorld(t)
	a := w.call("", http.MethodGet, "/openapi.json", nil)
	var doc struct {
		OpenAPI    string                                `json:"openapi"`
		Paths      map[string]map[string]json.RawMessage `json:"paths"`
		Components struct {
			Schemas map[string]json.RawMessage `json:"schemas"`
		} `json:"components"`
	}
	a.into(t, &doc)
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("OpenAPI %q", doc.OpenAPI)
	}
	operations := map[string]bool{}
	for _, r := range w.api.Routes() {
		raw, ok := doc.Paths[r.Pattern][strings.ToLower(r.Method)]
		if !ok {
			t.Errorf("%s %s is not described", r.Method, r.Pattern)
			continue
		}
		var op struct {
			OperationID string                      `json:"operationId"`
			Summary     string                      `json:"summary"`
			Responses   map[string]json.RawMessage  `json:"responses"`
			Security    []map[string][]string       `json:"security"`
			Parameters  []struct{ Name, In string } `json:"parameters"`
		}
		if err := json.Unmarshal(raw, &op); err != nil {
			t.Fatal(err)
		}
		if operations[op.OperationID] || op.OperationID == "" || op.Summary == "" {
			t.Errorf("%s %s: operation %q, summary %q", r.Method, r.Pattern, op.OperationID, op.Summary)
		}
		operations[op.OperationID] = true
		if op.Responses["429"] == nil || op.Responses["200"] == nil || (!r.Public) != (op.Responses["403"] != nil) {
			t.Errorf("%s %s: answers %v", r.Method, r.Pattern, op.Responses)
		}
		if r.Public != (len(op.Security) == 0) {
			t.Errorf("%s %s: security %v", r.Method, r.Pattern, op.Security)
		}
		if n := strings.Count(r.Pattern, "{"); n > len(op.Parameters) {
			t.Errorf("%s %s: parameters %v", r.Method, r.Pattern, op.Parameters)
		}
	}
	n := 0
	for _, ref := range regexp.MustCompile(`"\$ref": *"#/components/schemas/([^"]+)"`).FindAllStringSubmatch(string(a.body), -1) {
		n++
		if doc.Components.Schemas[ref[1]] == nil {
			t.Errorf("reference to %s leads nowhere", ref[1])
		}
	}
	if n < 20 {
		t.Errorf("only %d references", n)
	}
}

func TestErrorsAreServed(t *testing.T) {
	w := newWorld(t)
	var list []gateway.Entry
	w.call("", http.MethodGet, "/errors", nil).into(t, &list)
	if len(list) != len(gateway.Catalogue()) {
		t.Errorf("%d entries", len(list))
	}
	page := w.call("", http.MethodGet, "/errors", nil, "Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
	if !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") || !strings.Contains(string(page.body), `id="4004"`) {
		t.Errorf("a browser gets %s", page.header.Get("Content-Type"))
	}
}

func TestAcceptHeader(t *testing.T) {
	w := newWorld(t)
	pkg := w.signed(w.doc("700"))
	for _, c := range []struct{ accept, media string }{
		{"", "text/plain"}, {"*/*", "text/plain"}, {"text/*", "text/plain"}, {"application/json", "application/json"},
		{"text/plain;q=0.1, application/json", "application/json"}, {"application/*, text/plain;q=0", "application/json"},
		{"text/plain;q=x, application/json;q=0.5", "application/json"},
	} {
		headers := []string{}
		if c.accept != "" {
			headers = append(headers, "Accept", c.accept)
		}
		a := w.call("sender", http.MethodPost, "/v1/packages", pkg, headers...)
		if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, c.media) {
			t.Errorf("Accept %q: %s, expected %s", c.accept, got, c.media)
		}
	}
}

// Guessing tokens ends soon, and does not shut out those behind the same address who have one.
func TestStrangersAreCountedApart(t *testing.T) {
	w := newWorld(t, func(o *worldOptions) { o.api.FailuresPerMin = 3 })
	w.actors["guesser"] = &actor{token: strings.Repeat("x", 43)}
	var last answer
	for range 5 {
		last = w.call("guesser", http.MethodGet, "/v1/whoami", nil)
	}
	if p := last.problem(t); p.Code != gateway.CodeRate || last.header.Get("Retry-After") == "" {
		t.Errorf("the fifth guess got %d", p.Code)
	}
	if a := w.call("sender", http.MethodGet, "/v1/whoami", nil); a.status != http.StatusOK {
		t.Errorf("the sender behind the same address got %d", a.status)
	}
	if a := w.call("", http.MethodGet, "/healthz", nil); a.status != http.StatusTooManyRequests {
		t.Errorf("an anonymous request got %d", a.status)
	}
}

func TestDirectoryRoutes(t *testing.T) {
	w := newWorld(t)
	var all httpapi.DirectoryPage
	w.call("other", http.MethodGet, "/v1/directory", nil).into(t, &all)
	var paged []string
	for after := ""; ; {
		var page httpapi.DirectoryPage
		w.call("other", http.MethodGet, "/v1/directory?limit=3&after="+after, nil).into(t, &page)
		for _, o := range page.Organisations {
			paged = append(paged, o.Org)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if len(paged) != len(all.Organisations) || len(paged) != 9 {
		t.Errorf("%d organisations in pages, %d at once", len(paged), len(all.Organisations))
	}
	var o httpapi.OrganisationAnswer
	w.call("other", http.MethodGet, "/v1/directory/"+codeOldForm, nil).into(t, &o)
	if o.Org != codeRecipient || o.Name != "Sở Tài chính" || len(o.Codes) != 2 || o.Node != origin {
		t.Errorf("by its old code: %+v", o)
	}
	var closed httpapi.OrganisationAnswer
	w.call("other", http.MethodGet, "/v1/directory/"+codeClosed, nil).into(t, &closed)
	if !closed.Closed || closed.Successor != codeRecipient {
		t.Errorf("the closed one: %+v", closed)
	}
	if p := w.call("other", http.MethodGet, "/v1/directory/H77", nil).problem(t); p.Code != gateway.CodeNotFound {
		t.Errorf("an unknown code: %d", p.Code)
	}
	body := string(w.call("other", http.MethodGet, "/v1/directory", nil).body)
	for _, a := range w.actors {
		if a.token != "" && strings.Contains(body, gateway.TokenDigest(a.token).String()) {
			t.Error("the directory tells the digest of a token")
		}
	}
}

// A header too long, a path too strange: no crash, no detail, the one shape where the server lets us answer at all.
func TestStrangeRequests(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/v1/documents/..%2f..%2fetc", "/v1/packages/" + strings.Repeat("A", 64), "/v1/packages/%00", "/schemas/..%2fgo.mod",
		"/schemas/x.xsd", "/v1/mailbox/x/ack", "/nirgends", "/v1/documents/" + strings.Repeat("a", 5000)} {
		a := w.call("sender", http.MethodGet, path, nil)
		if a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed {
			t.Errorf("%.60s: status %d", path, a.status)
		}
		a.problem(t)
	}
	if a := w.call("sender", http.MethodGet, "/v1/whoami", nil, "X-Long", strings.Repeat("a", 64<<10)); a.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("64 KiB of header: status %d", a.status)
	}
	for _, path := range []string{"/v1/mailbox?wait=-1", "/v1/mailbox?kind=thư", "/v1/mailbox?x=1", "/v1/documents?from=31/02/2026", "/v1/mailbox?limit=501"} {
		if p := w.call("sender", http.MethodGet, path, nil).problem(t); p.Code != gateway.CodeParameter || p.Field == "" {
			t.Errorf("%s: %d %s", path, p.Code, p.Field)
		}
	}
	for _, body := range []string{`{"max":`, `{"maximum":1}`, `{"max":-1}`, `{} {}`, `{"lease":1e99}`} {
		p := w.call("recipient", http.MethodPost, "/v1/mailbox/take", []byte(body), "Content-Type", "application/json").problem(t)
		if p.Code != gateway.CodeParameter {
			t.Errorf("%s: %d", body, p.Code)
		}
	}
	if p := w.call("recipient", http.MethodPost, "/v1/mailbox/take", []byte(`{"request":"`+strings.Repeat("a", 100<<10)+`"}`), "Content-Type", "application/json").problem(t); p.Code != gateway.CodeTooLarge {
		t.Errorf("a body of 100 KiB: %d", p.Code)
	}
}
