package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/tram-exchange/tram/events"
	"github.com/tram-exchange/tram/gateway"
)

// AcceptedAnswer is the JSON answer to a hand-in.
type AcceptedAnswer struct {
	SHA256    string            `json:"sha256"`
	Kind      string            `json:"kind"`
	Document  string            `json:"document,omitempty" doc:"Key for /v1/documents/{key}."`
	Origin    string            `json:"origin"`
	Position  uint64            `json:"position" doc:"Place in the log: the same for every hand-in of these bytes."`
	At        time.Time         `json:"at"`
	Assurance string            `json:"assurance,omitempty" enum:"own,custody,agency,channel"`
	Duplicate bool              `json:"duplicate" doc:"Was recorded before; nothing new was."`
	Resent    bool              `json:"resent" doc:"Known document, offered to recipients not yet served."`
	Warnings  []gateway.Warning `json:"warnings"`
	Receipt   string            `json:"receipt"`
}

func (a *API) postPackage(w http.ResponseWriter, r *Request) error {
	form := wants(r.Request, "text/plain", jsonType)
	if form == "" {
		return gateway.Refuse(gateway.CodeNotAcceptable)
	}
	if err := packageType(r.Request); err != nil {
		return err
	}
	announced, err := announcedDigest(r.Request)
	if err != nil {
		return err
	}
	if r.ContentLength > a.node.Limits().MaxPackage {
		return gateway.Refuse(gateway.CodeTooLarge)
	}
	paced := a.paced(w.(*recorder), r.Request)
	var body io.Reader = paced
	if announced != nil {
		body = &digestReader{r: paced, h: sha256.New(), want: *announced}
	}
	acc, err := a.node.Accept(r.Context(), r.Caller, endOnEOF{body, paced}, r.ContentLength)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Location", "/v1/packages/"+acc.SHA256.String())
	h.Set("Tram-Position", strconv.FormatUint(acc.Position, 10))
	if acc.Document != "" {
		h.Set("Tram-Document", acc.Document)
	}
	status := http.StatusCreated
	if acc.Duplicate {
		status = http.StatusOK
	}
	a.slack(w, int64(len(acc.Receipt)))
	if form == jsonType {
		answer := AcceptedAnswer{
			SHA256: acc.SHA256.String(), Kind: acc.Kind, Document: acc.Document, Origin: a.node.Origin(), Position: acc.Position,
			At: acc.At, Assurance: acc.Assurance, Duplicate: acc.Duplicate, Resent: acc.Resent, Warnings: acc.Warnings,
			Receipt: string(acc.Receipt),
		}
		if answer.Warnings == nil {
			answer.Warnings = []gateway.Warning{}
		}
		writeJSON(w, status, answer)
		return nil
	}
	h.Set("Content-Type", textType)
	h.Set("Content-Length", strconv.Itoa(len(acc.Receipt)))
	w.WriteHeader(status)
	_, _ = w.Write(acc.Receipt)
	return nil
}

// packageType takes what real clients send for a file; a form (curl's default for --data) is a mistake worth telling.
func packageType(r *http.Request) error {
	value := r.Header.Get("Content-Type")
	if value == "" {
		return nil
	}
	media, params, err := mime.ParseMediaType(value)
	if err == nil {
		switch media {
		case "application/xml", "text/xml", "application/octet-stream", "application/edxml", "application/edxml+xml":
			if c := params["charset"]; c == "" || strings.EqualFold(c, "utf-8") {
				return nil
			}
		}
	}
	return gateway.Refuse(gateway.CodeMediaType).With("Content-Type: " + value)
}

// announcedDigest reads Content-Digest (RFC 9530), of which only sha-256 is looked at.
func announcedDigest(r *http.Request) (*events.Digest, error) {
	for _, v := range r.Header.Values("Content-Digest") {
		for part := range strings.SplitSeq(v, ",") {
			name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
			if !ok || !strings.EqualFold(name, "sha-256") {
				continue
			}
			b, err := base64.StdEncoding.DecodeString(strings.Trim(value, ":"))
			if err != nil || len(b) != len(events.Digest{}) || !strings.HasPrefix(value, ":") {
				return nil, gateway.Refuse(gateway.CodeParameter).At("Content-Digest")
			}
			d := events.Digest(b)
			return &d, nil
		}
	}
	return nil, nil
}

// digestReader refuses at the end of a body whose digest is not the announced one.
type digestReader struct {
	r    io.Reader
	h    hash.Hash
	want events.Digest
}

func (d *digestReader) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	d.h.Write(p[:n])
	if err == io.EOF && events.Digest(d.h.Sum(nil)) != d.want {
		return n, gateway.Refuse(gateway.CodeDigest)
	}
	return n, err
}

// endOnEOF lifts the read deadline once the body is complete.
type endOnEOF struct {
	io.Reader
	paced *pacedBody
}

func (e endOnEOF) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	if err != nil {
		e.paced.done()
	}
	return n, err
}

// slack gives an answer of so many bytes the time it needs at the least rate.
func (a *API) slack(w http.ResponseWriter, bytes int64) {
	a.slackFor(w, bytes, 0)
}

func (a *API) slackFor(w http.ResponseWriter, bytes int64, wait time.Duration) {
	d := time.Minute + wait + time.Duration(float64(bytes)/float64(a.c.WriteRate)*float64(time.Second))
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d))
}

func digestParam(r *Request) (events.Digest, error) {
	var d events.Digest
	s := chi.URLParam(r.Request, "sha256")
	if len(s) != 2*len(d) || strings.ToLower(s) != s {
		return d, gateway.Refuse(gateway.CodeNotFound)
	}
	if _, err := hex.Decode(d[:], []byte(s)); err != nil {
		return d, gateway.Refuse(gateway.CodeNotFound).Because(err)
	}
	return d, nil
}

func (a *API) getPackage(w http.ResponseWriter, r *Request) error {
	sum, err := digestParam(r)
	if err != nil {
		return err
	}
	p, err := a.node.OpenPackage(r.Context(), r.Caller, sum)
	if err != nil {
		return err
	}
	defer p.Close()
	return a.download(w, r, io.NewSectionReader(p, 0, p.Size()), sum.String(), "application/xml", sum.String()+".xml")
}

func (a *API) getContent(w http.ResponseWriter, r *Request) error {
	sum, err := digestParam(r)
	if err != nil {
		return err
	}
	c, err := a.node.OpenContent(r.Context(), r.Caller, sum)
	if err != nil {
		return err
	}
	defer c.Close()
	// What a stranger sent is offered for saving under a name of ours, never shown.
	return a.download(w, r, io.NewSectionReader(c, 0, c.Size()), c.SHA256.String(), "application/octet-stream", c.SHA256.String()+".bin")
}

func (a *API) download(w http.ResponseWriter, r *Request, content *io.SectionReader, tag, media, name string) error {
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("ETag", `"`+tag+`"`)
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Content-Security-Policy", "sandbox")
	a.slack(w, content.Size())
	rw := &rangeWriter{ResponseWriter: w}
	http.ServeContent(rw, r.Request, "", time.Time{}, content)
	if rw.refused {
		h.Set("Content-Range", fmt.Sprintf("bytes */%d", content.Size()))
		return gateway.Refuse(gateway.CodeRange)
	}
	return nil
}

// rangeWriter keeps ServeContent's plain-text 416 from the wire, so that it gets the one shape.
type rangeWriter struct {
	http.ResponseWriter
	refused bool
}

func (w *rangeWriter) WriteHeader(code int) {
	if code == http.StatusRequestedRangeNotSatisfiable {
		w.refused = true
		return
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *rangeWriter) Write(p []byte) (int, error) {
	if w.refused {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

func (a *API) getReceipt(w http.ResponseWriter, r *Request) error {
	sum, err := digestParam(r)
	if err != nil {
		return err
	}
	receipt, err := a.node.PackageReceipt(r.Context(), r.Caller, sum)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", textType)
	w.Header().Set("Content-Disposition", `attachment; filename="`+sum.String()+`.receipt.txt"`)
	if _, err := io.Copy(w, bytes.NewReader(receipt)); err != nil {
		return errors.Join(errGone, err)
	}
	return nil
}
