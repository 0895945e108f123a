package httpapi

import (
	"net/http"

	"github.com/tram-exchange/tram/gateway"
)

// Refuse writes a refusal in the one shape, for handlers of other rooms that are mounted beside the API. The request id
// is the one that Guard gave.
func (a *API) Refuse(w http.ResponseWriter, r *http.Request, f *gateway.Refusal) {
	rec, ok := w.(*recorder)
	if !ok {
		rec = &recorder{ResponseWriter: w}
	}
	a.writeRefusal(rec, &Request{Request: r, ID: w.Header().Get("X-Request-Id")}, f)
}

// Guard puts a handler of another room under the same limits: requests are counted by address, bodies read under the
// minimum rate, panics answered. Who may call is that handler's own affair.
func (a *API) Guard(next http.Handler) http.Handler {
	route := Route{Method: "*", Pattern: "mounted", Public: true, Body: true, Handle: func(w http.ResponseWriter, r *Request) error {
		paced := a.paced(w.(*recorder), r.Request)
		hr := r.Clone(r.Context())
		hr.Body = struct {
			endOnEOF
			closer
		}{endOnEOF{paced, paced}, closer{r.Body}}
		next.ServeHTTP(w, hr)
		return nil
	}}
	return a.serve(route)
}

type closer struct{ c interface{ Close() error } }

func (c closer) Close() error { return c.c.Close() }
