package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tram-exchange/tram/gateway"
)

// Doc describes a route for /openapi.json.
type Doc struct {
	Summary string
	Tag     string
	Query   []Param
	Body    string // media type of a raw body
	Request any    // or a value of the JSON type of the body
	Type    string // media type of the answer, beside JSON of Answer
	Answer  any    // a value of the JSON type of the answer
	Created bool   // answers 201, or 200 when repeated
	Errors  []int  // refusals particular to the route
}

// Param is a query parameter. All are optional.
type Param struct {
	Name, About string
	Number      bool
	Enum        []string
}

const (
	textType = "text/plain; charset=utf-8"
	jsonType = "application/json"
)

var pathParam = regexp.MustCompile(`\{(\w+)\}`)

// describe writes the OpenAPI description from the table, with the schemas of the Go types that are really encoded.
func (a *API) describe() ([]byte, error) {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	problem := registry.Schema(reflect.TypeFor[Problem](), true, "Problem")
	o := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title:   "Trạm",
			Version: "1",
			Description: "Hand in and take out signed documents between agencies. Every refusal has a number listed at /errors. " +
				"Formats of packages: /schemas/.",
			License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
		},
		Components: &huma.Components{
			Schemas: registry,
			SecuritySchemes: map[string]*huma.SecurityScheme{
				"token":       {Type: "http", Scheme: "bearer", Description: "API token registered in the directory"},
				"certificate": {Type: "mutualTLS", Description: "client certificate registered in the directory"},
			},
		},
	}
	for _, r := range a.routes {
		op := &huma.Operation{
			Method: r.Method, Path: r.Pattern, OperationID: operationID(r), Summary: r.Doc.Summary, Tags: []string{r.Doc.Tag},
			Responses: map[string]*huma.Response{},
		}
		if r.Public {
			op.Security = []map[string][]string{}
		} else {
			op.Security = []map[string][]string{{"token": {}}, {"certificate": {}}}
			kinds := make([]string, len(r.Allow))
			for i, k := range r.Allow {
				kinds[i] = string(k)
			}
			slices.Sort(kinds)
			op.Description = "For: " + strings.Join(kinds, ", ") + "."
		}
		for _, m := range pathParam.FindAllStringSubmatch(r.Pattern, -1) {
			op.Parameters = append(op.Parameters, &huma.Param{Name: m[1], In: "path", Required: true, Schema: &huma.Schema{Type: "string"}})
		}
		for _, p := range r.Doc.Query {
			s := &huma.Schema{Type: "string"}
			if p.Number {
				s.Type = "integer"
			}
			for _, e := range p.Enum {
				s.Enum = append(s.Enum, e)
			}
			op.Parameters = append(op.Parameters, &huma.Param{Name: p.Name, In: "query", Description: p.About, Schema: s})
		}
		switch {
		case r.Doc.Body != "":
			op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
				r.Doc.Body: {Schema: &huma.Schema{Type: "string", Format: "binary"}}}}
		case r.Doc.Request != nil:
			op.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{
				jsonType: {Schema: registry.Schema(reflect.TypeOf(r.Doc.Request), true, operationID(r)+"Request")}}}
		}
		content := map[string]*huma.MediaType{}
		if r.Doc.Answer != nil {
			content[jsonType] = &huma.MediaType{Schema: registry.Schema(reflect.TypeOf(r.Doc.Answer), true, operationID(r)+"Answer")}
		}
		if r.Doc.Type != "" {
			media, _, _ := strings.Cut(r.Doc.Type, ";")
			if content[media] == nil {
				content[media] = &huma.MediaType{Schema: &huma.Schema{Type: "string"}}
			}
		}
		op.Responses["200"] = &huma.Response{Description: http.StatusText(http.StatusOK), Content: content}
		if r.Doc.Created {
			op.Responses["201"] = &huma.Response{Description: http.StatusText(http.StatusCreated), Content: content}
		}
		for status, text := range refusalsByStatus(r) {
			op.Responses[status] = &huma.Response{Description: text, Content: map[string]*huma.MediaType{jsonType: {Schema: problem}}}
		}
		o.AddOperation(op)
	}
	b, err := json.MarshalIndent(o, "", " ")
	if err != nil {
		return nil, fmt.Errorf("couldn't write OpenAPI description: %w", err)
	}
	return append(b, '\n'), nil
}

// refusalsByStatus lists the refusals a route can give, grouped by HTTP status.
func refusalsByStatus(r Route) map[string]string {
	codes := append([]int{gateway.CodeRate, gateway.CodeInternal}, r.Doc.Errors...)
	if !r.Public {
		codes = append(codes, gateway.CodeUnauthenticated, gateway.CodeTokenUnknown, gateway.CodeCertificateUnknown, gateway.CodeForbidden)
	}
	slices.Sort(codes)
	out := map[string]string{}
	for _, c := range slices.Compact(codes) {
		e := gateway.Refuse(c)
		key := strconv.Itoa(e.HTTP)
		line := fmt.Sprintf("%d %s", e.Code, e.ID)
		if out[key] != "" {
			line = out[key] + ", " + line
		}
		out[key] = line
	}
	return out
}

func operationID(r Route) string {
	id := strings.ToLower(r.Method)
	for _, part := range strings.FieldsFunc(r.Pattern, func(c rune) bool { return strings.ContainsRune("/{}.-", c) }) {
		id += strings.ToUpper(part[:1]) + part[1:]
	}
	return id
}

func (a *API) getOpenAPI(w http.ResponseWriter, r *Request) error {
	w.Header().Set("Content-Type", jsonType)
	_, _ = w.Write(a.openapi)
	return nil
}
