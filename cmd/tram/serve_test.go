package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestOperationsHost: a web page whose name was made to lead to the operations address commands nothing.
func TestOperationsHost(t *testing.T) {
	h := sameHost("ops.tram.internal:9090", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	for host, want := range map[string]int{
		"127.0.0.1:9090": 204, "[::1]:9090": 204, "localhost:9090": 204, "10.0.0.7": 204, "ops.tram.internal:9090": 204,
		"evil.example:9090": 403, "evil.example": 403, "127.0.0.1.evil.example:9090": 403, "localhost.evil.example": 403, "": 403,
	} {
		r := httptest.NewRequest(http.MethodPost, rotatePath, nil)
		r.Host = host
		r.Header.Set("X-Tram-Operation", "rotate-log-key")
		w := httptest.NewRecorder()
		h(w, r)
		if w.Code != want {
			t.Errorf("%q: %d, expected %d", host, w.Code, want)
		}
	}
}
