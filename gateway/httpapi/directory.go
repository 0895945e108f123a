package httpapi

import (
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/tram-exchange/tram/events/directory"
	"github.com/tram-exchange/tram/gateway"
)

// OrganisationAnswer is an organisation as the directory knows it. Credentials and certificates are not in it.
type OrganisationAnswer struct {
	Org       string    `json:"org" doc:"Stable identity."`
	Name      string    `json:"name,omitempty"`
	Codes     []CodeRow `json:"codes" doc:"Every code it has or had."`
	Parent    string    `json:"parent,omitempty"`
	Level     int       `json:"level,omitempty"`
	Node      string    `json:"node" doc:"Origin of the node that serves it."`
	Closed    bool      `json:"closed"`
	Successor string    `json:"successor,omitempty" doc:"Identity that receives in its place."`
	Succeeds  []string  `json:"succeeds,omitempty"`
}

// CodeRow is one code and when it is valid.
type CodeRow struct {
	Code  string     `json:"code"`
	From  *time.Time `json:"from,omitempty"`
	Until *time.Time `json:"until,omitempty"`
}

// DirectoryPage is one page of the directory.
type DirectoryPage struct {
	Organisations []OrganisationAnswer `json:"organisations"`
	Next          string               `json:"next,omitempty" doc:"Cursor for after=."`
	AsOf          uint64               `json:"as_of" doc:"Log position of the directory read."`
}

var directoryQuery = []Param{
	{Name: "after", About: "Cursor: next of the page before."},
	{Name: "limit", About: "1 to 5000, default 1000.", Number: true},
}

func (a *API) getDirectory(w http.ResponseWriter, r *Request) error {
	q := newQuery(r.Request)
	after, limit := q.text("after"), int(q.number("limit", 1, 5000))
	if err := q.done(); err != nil {
		return err
	}
	if limit == 0 {
		limit = 1000
	}
	s, now := a.node.Snapshot(), a.node.Now()
	page := DirectoryPage{Organisations: []OrganisationAnswer{}, AsOf: s.Basis.Directory}
	skipping, full := after != "", false
	s.Directory.Organisations(func(o *directory.Organisation) bool {
		if skipping {
			skipping = o.ID != after
			return true
		}
		if full = len(page.Organisations) == limit; full {
			return false
		}
		page.Organisations = append(page.Organisations, a.organisation(o, now))
		return true
	})
	if skipping {
		return gateway.Refuse(gateway.CodeParameter).At("after")
	}
	if full {
		page.Next = page.Organisations[limit-1].Org
	}
	writeJSON(w, http.StatusOK, page)
	return nil
}

func (a *API) getOrganisation(w http.ResponseWriter, r *Request) error {
	code, err := url.PathUnescape(chi.URLParam(r.Request, "code"))
	if err != nil {
		return gateway.Refuse(gateway.CodeNotFound).Because(err)
	}
	d, now := a.node.Snapshot().Directory, a.node.Now()
	o, ok := d.Organisation(d.Resolve(code, now).Direct)
	if !ok {
		return gateway.Refuse(gateway.CodeNotFound)
	}
	writeJSON(w, http.StatusOK, a.organisation(o, now))
	return nil
}

func (a *API) organisation(o *directory.Organisation, now time.Time) OrganisationAnswer {
	x := OrganisationAnswer{
		Org: o.ID, Name: o.Name, Codes: make([]CodeRow, len(o.Codes)), Parent: o.Parent, Level: o.Level, Node: o.Node,
		Closed: o.Closed && !now.Before(o.ClosedFrom), Successor: o.Successor, Succeeds: o.Succeeds,
	}
	if x.Node == "" {
		x.Node = a.node.Origin()
	}
	for i, c := range o.Codes {
		x.Codes[i] = CodeRow{Code: c.Code, From: optionalTime(c.From), Until: optionalTime(c.Until)}
	}
	return x
}
