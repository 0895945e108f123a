package tiles

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"time"

	"github.com/tram-exchange/tram/events"
)

// Handler serves the published files at the root of its path (put http.StripPrefix before it), to everyone: GET and HEAD
// of names exactly as tlog-tiles spells them, nothing else. It reads the files and knows nothing more.
func Handler(files fs.FS) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "405 method not allowed", http.StatusMethodNotAllowed)
			return
		}
		name, limit, kind, cache := r.URL.Path, maxCheckpoint, "text/plain; charset=utf-8", "public, max-age=1"
		switch name {
		case CheckpointPath:
		case KeyHistoryPath:
			limit = maxKeyHistory
		default:
			t, err := ParsePath(name)
			if err != nil {
				notFound(w)
				return
			}
			limit, kind, cache = t.size(), "application/octet-stream", "public, max-age=31536000, immutable"
		}
		if r.URL.RawPath != "" { // another spelling of the same name
			notFound(w)
			return
		}
		b, err := readPublished(files, name, limit)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			notFound(w)
			return
		case err != nil:
			h.Set("Cache-Control", "no-store")
			http.Error(w, "500 internal error", http.StatusInternalServerError)
			return
		}
		sum := events.Sum(b)
		h.Set("Content-Type", kind)
		h.Set("Cache-Control", cache)
		h.Set("ETag", `"`+hex.EncodeToString(sum[:16])+`"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	})
}

// notFound may not be kept: what is not there yet will be.
func notFound(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, "404 not found", http.StatusNotFound)
}
