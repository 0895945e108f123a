package witness_test

import (
	"errors"
	"net/http"
	"net/http/httptest"

	"github.com/tram-exchange/tram/events/ledger/witness"
)

// inProcess is a network without sockets. down says of a host: 0 cannot be reached, 1 its answer is lost, else up.
// It is changed only between calls of Gather.
type inProcess struct {
	witnesses map[string]*witness.Witness
	down      map[string]int
}

func (n *inProcess) Do(r *http.Request) (*http.Response, error) {
	state := n.down[r.URL.Host]
	if state == 0 {
		return nil, errors.New("connection refused")
	}
	rec := httptest.NewRecorder()
	n.witnesses[r.URL.Host].ServeHTTP(rec, r)
	if state == 1 {
		return nil, errors.New("connection reset")
	}
	return rec.Result(), nil
}
