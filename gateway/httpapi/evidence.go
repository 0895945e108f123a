package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/tram-exchange/tram/gateway"
	"github.com/tram-exchange/tram/gateway/evidence"
	"github.com/tram-exchange/tram/signing/asice"
)

// EvidenceRoute serves evidence containers, for Config.Extra: everything that proves one document, as far as the caller may
// see it. n is the node that judges rights; it may be given before it is started.
func EvidenceRoute(n *gateway.Node, m *evidence.Maker) Route {
	return Route{Method: http.MethodGet, Pattern: "/v1/documents/{key}/evidence", Allow: readers, Doc: Doc{
		Summary: "Evidence container (ASiC-E): packages, statements, receipts, validation data, time-stamps, signed by the node. " +
			"It can be checked without the node: see docs/evidence.md.",
		Tag: "documents", Type: asice.MediaType, Errors: []int{gateway.CodeNotFound, gateway.CodeBusy},
	}, Handle: func(w http.ResponseWriter, r *Request) error { return serveEvidence(w, r, n, m) }}
}

// evidenceRate is the least bytes per second at which a container must be taken.
const evidenceRate = 8 << 10

func serveEvidence(w http.ResponseWriter, r *Request, n *gateway.Node, m *evidence.Maker) error {
	key := chi.URLParam(r.Request, "key")
	if len(key) != 64 || strings.Trim(key, "0123456789abcdef") != "" {
		return gateway.Refuse(gateway.CodeNotFound)
	}
	ctx := r.Context()
	readable, err := n.Readable(ctx, r.Caller, key)
	if err != nil {
		return err
	}
	f, err := m.Make(ctx, key, readable.Event, readable.Package)
	switch {
	case errors.Is(err, evidence.ErrBusy):
		return gateway.Refuse(gateway.CodeBusy).Because(err)
	case errors.Is(err, evidence.ErrNoDocument):
		return gateway.Refuse(gateway.CodeNotFound).Because(err)
	case err != nil:
		return err
	}
	defer f.Close()
	h := w.Header()
	h.Set("Content-Type", asice.MediaType)
	h.Set("Content-Length", strconv.FormatInt(f.Size, 10))
	h.Set("Content-Disposition", `attachment; filename="`+key+`.asice"`)
	h.Set("Cache-Control", "private, no-store")
	h.Set("Content-Security-Policy", "sandbox")
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute + time.Duration(f.Size/evidenceRate)*time.Second))
	// Cut short, the answer lacks bytes that its length promises: nobody takes it for whole.
	if err := f.WriteTo(ctx, w); err != nil {
		return errors.Join(errGone, fmt.Errorf("couldn't send evidence: %w", err))
	}
	return nil
}
