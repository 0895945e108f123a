package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/gateway"
)

// AuditPage is a stretch of the log as an auditor may see it. Its place in the log is proved by the published tiles.
type AuditPage struct {
	Origin string       `json:"origin"`
	Size   uint64       `json:"size" doc:"Events in the log now."`
	From   uint64       `json:"from"`
	Events []AuditEvent `json:"events" doc:"One for each position from there on, without a gap; at least one if there is any. A page ends after 16 MiB, too: ask again from the next position."`
}

// AuditEvent is one event.
type AuditEvent struct {
	Statement []byte `json:"statement,omitempty" doc:"The statement as first written; absent if the caller may not read it."`
	Destroyed bool   `json:"destroyed,omitempty" doc:"Its facts were destroyed by a decision."`
	Facts     []byte `json:"facts,omitempty" doc:"The facts that the statement names by digest, as they were first written: SHA-256 of salt and facts."`
	Salt      []byte `json:"salt,omitempty" doc:"32 random bytes."`
}

// auditPage is how many events are in a page at the most: a bundle of the published log.
const auditPage = 256

var auditQuery = []Param{
	{Name: "from", About: "Position of the first event, default 0.", Number: true},
	{Name: "limit", About: "1 to 256, default 256.", Number: true},
}

var errPageFull = errors.New("page is full")

func (a *API) getAuditEvents(w http.ResponseWriter, r *Request) error {
	q := newQuery(r.Request)
	from, limit := uint64(q.number("from", 0, 1<<53)), q.number("limit", 1, auditPage)
	if err := q.done(); err != nil {
		return err
	}
	if limit == 0 {
		limit = auditPage
	}
	ctx := r.Context()
	audit, err := a.node.Audit(r.Caller)
	if err != nil {
		return err
	}
	page := AuditPage{Origin: a.node.Origin(), Size: a.node.Store().Head().Size, From: from, Events: []AuditEvent{}}
	var list []events.Event
	bytes := 0
	err = a.node.Store().All(ctx, from, func(e events.Event) error {
		bytes += len(e.Bytes) + len(e.Facts)
		if list = append(list, e); len(list) == int(limit) || bytes >= a.c.AuditBytes {
			return errPageFull
		}
		return nil
	})
	if err != nil && !errors.Is(err, errPageFull) {
		return err
	}
	for _, e := range list {
		out, err := auditEvent(ctx, audit, e)
		if err != nil {
			return err
		}
		page.Events = append(page.Events, out)
	}
	w.Header().Set("Cache-Control", "private, no-store")
	writeJSON(w, http.StatusOK, page)
	return nil
}

func auditEvent(ctx context.Context, audit *gateway.Audit, e events.Event) (out AuditEvent, err error) {
	seen, err := audit.Event(ctx, e)
	if err != nil || !seen {
		return out, err
	}
	out.Statement = e.Bytes
	if e.Statement.Facts == nil {
		return out, nil
	}
	f, err := audit.Facts(ctx, e)
	switch {
	case errors.Is(err, events.ErrDestroyed):
		out.Destroyed = true
	case err != nil:
		return out, err
	default:
		out.Facts, out.Salt = f.Text, f.Salt[:]
	}
	return out, nil
}

func auditPosition(r *Request) (uint64, error) {
	s := chi.URLParam(r.Request, "position")
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || strconv.FormatUint(n, 10) != s {
		return 0, gateway.Refuse(gateway.CodeNotFound)
	}
	return n, nil
}

func (a *API) getAuditEvidence(w http.ResponseWriter, r *Request) error {
	position, err := auditPosition(r)
	if err != nil {
		return err
	}
	audit, err := a.node.Audit(r.Caller)
	if err != nil {
		return err
	}
	b, err := audit.Evidence(r.Context(), position)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	h.Set("Cache-Control", "private, no-store")
	_, _ = w.Write(b)
	return nil
}

func (a *API) getAuditPackage(w http.ResponseWriter, r *Request) error {
	position, err := auditPosition(r)
	if err != nil {
		return err
	}
	audit, err := a.node.Audit(r.Caller)
	if err != nil {
		return err
	}
	p, _, err := audit.Package(r.Context(), position)
	if err != nil {
		return err
	}
	defer p.Close()
	h := w.Header()
	h.Set("Content-Type", "application/xml")
	h.Set("Content-Length", strconv.FormatInt(p.Size(), 10))
	h.Set("Cache-Control", "private, no-store")
	h.Set("Content-Security-Policy", "sandbox")
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute + time.Duration(p.Size()/evidenceRate)*time.Second))
	if _, err := io.Copy(w, io.NewSectionReader(p, 0, p.Size())); err != nil {
		return errors.Join(errGone, err)
	}
	return nil
}
