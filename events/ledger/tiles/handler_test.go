package tiles_test

import (
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

func TestHandler(t *testing.T) {
	r := newRecord(t)
	dir, log := serve(t, r, 5, 300)
	if err := os.WriteFile(dir+"/secret", []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	ask := func(method, path string, header ...string) (*http.Response, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, log.String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := http.DefaultTransport.RoundTrip(req) // redirects would be followed by a client
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(b)
	}
	resp, b := ask("GET", "checkpoint")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" || resp.Header.Get("Cache-Control") != "public, max-age=1" {
		t.Errorf("checkpoint: %d %v", resp.StatusCode, resp.Header)
	}
	if _, err := note.Open([]byte(b), note.VerifierList(r.verifier(t))); err != nil {
		t.Error(err)
	}
	if resp, _ := ask("GET", "checkpoint", "If-None-Match", resp.Header.Get("ETag")); resp.StatusCode != 304 {
		t.Errorf("the same checkpoint again: %d", resp.StatusCode)
	}
	want := plainFiles(300)
	for name, s := range plainFiles(5) {
		want[name] = s
	}
	for name, s := range want {
		resp, b := ask("GET", name)
		if resp.StatusCode != 200 || b != s || resp.Header.Get("Content-Type") != "application/octet-stream" ||
			resp.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || resp.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %d, %d bytes, %v", name, resp.StatusCode, len(b), resp.Header)
		}
		if resp, b := ask("HEAD", name); resp.StatusCode != 200 || b != "" || resp.ContentLength != int64(len(s)) {
			t.Errorf("HEAD %s: %d, %d", name, resp.StatusCode, resp.ContentLength)
		}
	}
	for _, name := range append(slices.Clone(badPaths[:len(badPaths)-2]), "secret", ".tmp/file", "checkpoint/", "Checkpoint", "tile/0/002", "tile/0/001.p/43", "tile/2/000.p/1",
		"%63heckpoint/", "tile%2F0%2F000", "..%2Fcheckpoint", "tile/0/000.p/%35%2E", "tile/0/x001/x001/x001/x001/x001/001") {
		resp, b := ask("GET", name)
		if resp.StatusCode != 404 || resp.Header.Get("Cache-Control") != "no-store" || strings.Contains(b, "secret") {
			t.Errorf("%q: %d %v", name, resp.StatusCode, resp.Header)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		if resp, _ := ask(method, "checkpoint"); resp.StatusCode != 405 || resp.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d", method, resp.StatusCode)
		}
	}
}
