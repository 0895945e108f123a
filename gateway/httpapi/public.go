package httpapi

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tram-exchange/tram/gateway"
)

// Health is the answer of /healthz and /readyz.
type Health struct {
	Status string `json:"status" doc:"ok"`
}

// SchemaList names the published schemas.
type SchemaList struct {
	Files []string `json:"files"`
}

// WhoAmI tells a caller who the node takes it for.
type WhoAmI struct {
	Client        string   `json:"client"`
	Kind          string   `json:"kind"`
	Organisations []string `json:"organisations" doc:"Identities the caller stands for."`
	Peer          string   `json:"peer,omitempty"`
	Origin        string   `json:"origin" doc:"Origin line of this node's log."`
	Version       string   `json:"version,omitempty"`
}

func (a *API) getHealth(w http.ResponseWriter, _ *Request) error {
	writeJSON(w, http.StatusOK, Health{Status: "ok"})
	return nil
}

func (a *API) getReady(w http.ResponseWriter, r *Request) error {
	if err := a.node.Ready(r.Context()); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, Health{Status: "ok"})
	return nil
}

func (a *API) getCheckpoint(w http.ResponseWriter, _ *Request) error {
	head := a.node.Store().Head()
	if len(head.Checkpoint) == 0 {
		return gateway.Refuse(gateway.CodeStarting)
	}
	w.Header().Set("Content-Type", textType)
	_, _ = w.Write(head.Checkpoint)
	return nil
}

func (a *API) getWhoAmI(w http.ResponseWriter, r *Request) error {
	orgs := r.Caller.Orgs
	if orgs == nil {
		orgs = []string{}
	}
	writeJSON(w, http.StatusOK, WhoAmI{
		Client: r.Caller.Client, Kind: string(r.Caller.Kind), Organisations: orgs, Peer: r.Caller.Peer,
		Origin: a.node.Origin(), Version: a.c.Version,
	})
	return nil
}

func (a *API) getMetrics(w http.ResponseWriter, r *Request) error {
	promhttp.HandlerFor(a.c.Metrics, promhttp.HandlerOpts{}).ServeHTTP(w, r.Request)
	return nil
}

func (a *API) getSchemas(w http.ResponseWriter, _ *Request) error {
	list := SchemaList{Files: []string{}}
	if a.c.Schemas != nil {
		entries, err := fs.ReadDir(a.c.Schemas, ".")
		if err != nil {
			return fmt.Errorf("couldn't list schemas: %w", err)
		}
		for _, e := range entries {
			if !e.IsDir() && strings.HasSuffix(e.Name(), ".xsd") {
				list.Files = append(list.Files, e.Name())
			}
		}
	}
	writeJSON(w, http.StatusOK, list)
	return nil
}

func (a *API) getSchema(w http.ResponseWriter, r *Request) error {
	name := chi.URLParam(r.Request, "file")
	if a.c.Schemas == nil || !fs.ValidPath(name) || path.Base(name) != name || !strings.HasSuffix(name, ".xsd") {
		return gateway.Refuse(gateway.CodeNotFound)
	}
	b, err := fs.ReadFile(a.c.Schemas, name)
	if err != nil {
		return gateway.Refuse(gateway.CodeNotFound).Because(err)
	}
	w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	_, _ = w.Write(b)
	return nil
}

func (a *API) getErrors(w http.ResponseWriter, r *Request) error {
	w.Header().Set("Vary", "Accept")
	if wants(r.Request, jsonType, "text/html") == "text/html" {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		_, _ = w.Write(a.errorPage)
		return nil
	}
	writeJSON(w, http.StatusOK, gateway.Catalogue())
	return nil
}

var errorTemplate = template.Must(template.New("errors").Parse(`<!doctype html>
<html lang="vi"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Trạm: danh mục lỗi</title>
<style>body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem}
table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ccc;padding:.4rem;text-align:left;vertical-align:top}
small{color:#555}</style>
<h1>Danh mục lỗi</h1>
<p>Mỗi lỗi có một số cố định, không dùng lại. <small lang="en">Every refusal has one number that is never reused.</small></p>
<table><thead><tr><th>Số</th><th>Mã</th><th>HTTP</th><th>Phải làm gì</th><th>Gửi lại được?</th></tr></thead><tbody>
{{range .}}<tr id="{{.Code}}"><td>{{.Code}}</td><td>{{.ID}}</td><td>{{.HTTP}}</td>
<td>{{.Vi}}<br><small lang="en">{{.En}}</small></td><td>{{if .Retryable}}có{{else}}không{{end}}</td></tr>
{{end}}</tbody></table></html>
`))

func renderErrorPage() ([]byte, error) {
	var b bytes.Buffer
	if err := errorTemplate.Execute(&b, gateway.Catalogue()); err != nil {
		return nil, fmt.Errorf("couldn't write page of errors: %w", err)
	}
	return b.Bytes(), nil
}
