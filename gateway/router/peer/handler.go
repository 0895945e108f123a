package peer

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/gateway"
)

// Door is the gateway's way in for peers; *gateway.Node is one.
type Door interface {
	// Authenticate tells who calls.
	Authenticate(gateway.Credential) (gateway.Caller, error)
	// AcceptFromPeer judges and records a package, or answers a known one with its earlier receipt.
	AcceptFromPeer(ctx context.Context, c gateway.Caller, r io.Reader, size int64, h gateway.Handover) (gateway.Accepted, error)
	// HandedReceipt is the receipt of a package that the caller has handed over before, CodeNotFound if it has not.
	HandedReceipt(ctx context.Context, c gateway.Caller, sha256 events.Digest) ([]byte, error)
}

// Publisher gives the signed directory changes that this node publishes for its peers.
type Publisher interface {
	// Next is the first published change after the one with the given id ("" for the first), and its id.
	// Without one it returns nil bytes.
	Next(ctx context.Context, after string) (id string, change []byte, err error)
}

// HandlerOptions say what the handler needs. Door and Directory are required.
type HandlerOptions struct {
	Door      Door
	Directory Publisher
	// Heard is told that a peer has called: it is there.
	Heard func(origin string)
	// Stranger is told that a peer has brought what this node cannot judge before it has read that peer's directory.
	Stranger func(origin string)
	// Refuse writes the one shape of refusals; nil: WriteRefusal.
	Refuse func(http.ResponseWriter, *http.Request, *gateway.Refusal)
}

// NewHandler serves PathPackages and PathDirectory. Mount it on the mTLS listener.
func NewHandler(o HandlerOptions) (http.Handler, error) {
	if o.Door == nil || o.Directory == nil {
		return nil, errors.New("couldn't make peer handler: door and directory are required")
	}
	if o.Heard == nil {
		o.Heard = func(string) {}
	}
	if o.Stranger == nil {
		o.Stranger = func(string) {}
	}
	if o.Refuse == nil {
		o.Refuse = WriteRefusal
	}
	h := &handler{o}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+PathPackages, h.peerOnly(h.packages))
	mux.HandleFunc("GET "+PathDirectory, h.peerOnly(h.directory))
	mux.HandleFunc("GET "+PathReceipt+"{sha256}", h.peerOnly(h.receipt))
	return mux, nil
}

type handler struct{ HandlerOptions }

// Healing are refusals that pass once the refusing node has read the other's latest directory changes.
var Healing = []int{
	gateway.CodeSenderUnknown, gateway.CodeWrongOrganisation, gateway.CodePeerSpace, gateway.CodePeerReceipt,
	gateway.CodeDocumentUnknown,
}

// authenticate knows a peer by the certificate of its connection, and by nothing else.
func (h *handler) authenticate(r *http.Request) (gateway.Caller, error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return gateway.Caller{}, gateway.Refuse(gateway.CodeUnauthenticated)
	}
	c, err := h.Door.Authenticate(gateway.Credential{Certificate: r.TLS.PeerCertificates[0]})
	if err == nil && (c.Kind != gateway.KindPeer || c.Peer == "") {
		err = gateway.Refuse(gateway.CodeForbidden)
	}
	return c, err
}

func (h *handler) peerOnly(next func(http.ResponseWriter, *http.Request, gateway.Caller) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		caller, err := h.authenticate(r)
		if err == nil {
			h.Heard(caller.Peer)
			err = next(w, r, caller)
		}
		if err != nil {
			f := gateway.AsRefusal(err)
			if slices.Contains(Healing, f.Code) {
				h.Stranger(caller.Peer)
			}
			h.Refuse(w, r, f)
		}
	}
}

// packages takes one hand-over. The parts come in fixed order, so that everything small is there before the package
// streams through the door.
func (h *handler) packages(w http.ResponseWriter, r *http.Request, caller gateway.Caller) error {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "multipart/form-data" || params["boundary"] == "" {
		return gateway.Refuse(gateway.CodeMediaType)
	}
	in, body, size, err := readInbound(multipart.NewReader(r.Body, params["boundary"]))
	if err != nil {
		return err
	}
	accepted, err := h.Door.AcceptFromPeer(r.Context(), caller, body, size, in)
	if err != nil {
		return err
	}
	status := http.StatusCreated
	if accepted.Duplicate {
		status = http.StatusOK
	}
	writeReceipt(w, status, accepted.Receipt)
	return nil
}

func writeReceipt(w http.ResponseWriter, status int, receipt []byte) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(receipt)))
	w.WriteHeader(status)
	_, _ = w.Write(receipt) // a peer that has gone asks again
}

// receipt answers a peer that does not know whether a package it has handed over has arrived: 204 if not.
func (h *handler) receipt(w http.ResponseWriter, r *http.Request, caller gateway.Caller) error {
	var sum events.Digest
	if text := r.PathValue("sha256"); len(text) != 2*len(sum) {
		return gateway.Refuse(gateway.CodeParameter).At("sha256")
	} else if _, err := hex.Decode(sum[:], []byte(text)); err != nil {
		return gateway.Refuse(gateway.CodeParameter).At("sha256")
	}
	receipt, err := h.Door.HandedReceipt(r.Context(), caller, sum)
	switch {
	case errors.Is(err, gateway.Refuse(gateway.CodeNotFound)):
		w.WriteHeader(http.StatusNoContent)
		return nil
	case err != nil:
		return err
	}
	writeReceipt(w, http.StatusOK, receipt)
	return nil
}

func readInbound(parts *multipart.Reader) (h gateway.Handover, body io.Reader, size int64, err error) {
	fail := func(err error) (gateway.Handover, io.Reader, int64, error) { return gateway.Handover{}, nil, 0, err }
	seen := ""
	for {
		// Raw: no Content-Transfer-Encoding is undone, bytes stay bytes.
		p, err := parts.NextRawPart()
		if err != nil {
			return fail(gateway.Refuse(gateway.CodeCutShort).Because(fmt.Errorf("couldn't read hand-over after part %q: %w", seen, err)))
		}
		name := p.FormName()
		switch {
		case name == partHanded && seen == "":
			b, err := readPart(p, maxHanded)
			if err != nil {
				return fail(err)
			}
			if err := json.Unmarshal(b, &h.Handed); err != nil {
				return fail(gateway.Refuse(gateway.CodeParameter).At(partHanded).Because(err))
			}
		case name == partReceipt && seen == partHanded:
			if h.Receipt, err = readPart(p, maxReceipt); err != nil {
				return fail(err)
			}
		case name == partEvidence && seen == partReceipt:
			if h.Evidence, err = readPart(p, maxEvidence); err != nil {
				return fail(err)
			}
		case name == partPackage && (seen == partReceipt || seen == partEvidence):
			size := int64(-1)
			if v := p.Header.Get("Content-Length"); v != "" {
				if size, err = strconv.ParseInt(v, 10, 64); err != nil || size < 0 {
					return fail(gateway.Refuse(gateway.CodeParameter).At(partPackage + "/Content-Length"))
				}
			}
			return h, p, size, nil
		default:
			return fail(gateway.Refuse(gateway.CodeParameter).At(name).
				Because(fmt.Errorf("part %q after %q, expected handed, receipt, evidence (may be missing), package", name, seen)))
		}
		seen = name
	}
}

func readPart(p *multipart.Part, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(p, limit+1))
	if err != nil {
		return nil, gateway.Refuse(gateway.CodeCutShort).Because(err)
	}
	if int64(len(b)) > limit {
		return nil, gateway.Refuse(gateway.CodeTooLarge).At(p.FormName())
	}
	return b, nil
}

// directory answers with the first published change after the one named, 204 when the caller has them all.
func (h *handler) directory(w http.ResponseWriter, r *http.Request, _ gateway.Caller) error {
	id, change, err := h.Directory.Next(r.Context(), r.URL.Query().Get("after"))
	if err != nil {
		return err
	}
	if change == nil {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(change)))
	w.Header().Set("Tram-Change", id)
	_, _ = w.Write(change)
	return nil
}

// WriteRefusal writes a refusal in the one JSON shape, as the rest of the node does.
func WriteRefusal(w http.ResponseWriter, _ *http.Request, f *gateway.Refusal) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(f.HTTP)
	_ = json.NewEncoder(w).Encode(struct {
		Code      int      `json:"code"`
		ID        string   `json:"id"`
		Status    int      `json:"status"`
		Field     string   `json:"field"`
		Vi        string   `json:"message_vi"`
		En        string   `json:"message_en"`
		Retryable bool     `json:"retryable"`
		Details   []string `json:"details"`
	}{f.Code, f.ID, f.HTTP, f.Field, f.Vi, f.En, f.Retryable, append([]string{}, f.Details...)})
}
