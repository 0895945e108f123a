package httpapi

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"testing"

	"github.com/tram-exchange/tram/gateway"
)

// Whatever a client writes into Accept, one of the offers comes out, or none.
func FuzzAccept(f *testing.F) {
	for _, s := range []string{"", "*/*", "text/plain;q=0.5, application/json", "text/*;q=1.5", ";;;", "application/json;q=nan", "a/b;c=\"d,e\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := &http.Request{Header: http.Header{"Accept": {s}}}
		switch got := wants(r, "text/plain", jsonType); got {
		case "", "text/plain", jsonType:
		default:
			t.Errorf("wants %q", got)
		}
	})
}

// A digest is read exactly as it is written, or refused.
func FuzzContentDigest(f *testing.F) {
	for _, s := range []string{"sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:", "sha-512=:AA==:", "sha-256=AA==", "sha-256=::", ",,", "sha-256"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := announcedDigest(&http.Request{Header: http.Header{"Content-Digest": {s}}})
		if err != nil {
			if gateway.AsRefusal(err).Code != gateway.CodeParameter || d != nil {
				t.Errorf("%v, digest %v", err, d)
			}
			return
		}
		if d == nil {
			return
		}
		again, err := announcedDigest(&http.Request{Header: http.Header{"Content-Digest": {"sha-256=:" + base64.StdEncoding.EncodeToString(d[:]) + ":"}}})
		if err != nil || *again != *d {
			t.Errorf("read again as %v: %v", again, err)
		}
	})
}

// A query is read or its bad parameter named; nothing else.
func FuzzQuery(f *testing.F) {
	f.Add("limit=5&kind=document&day=20/11/2026")
	f.Add("limit=x&limit=2")
	f.Add("%zz=1")
	f.Fuzz(func(t *testing.T, raw string) {
		q := newQuery(&http.Request{URL: &url.URL{RawQuery: raw}})
		n, kind, day := q.number("limit", 1, 500), q.oneOf("kind", "document", "status"), q.day("day")
		if err := q.done(); err != nil {
			if r := gateway.AsRefusal(err); r.Code != gateway.CodeParameter || r.Field == "" && q.bad != "" {
				t.Errorf("%v", err)
			}
			return
		}
		if n < 0 || n > 500 || kind != "" && kind != "document" && kind != "status" || day != "" && len(day) != 10 {
			t.Errorf("limit %d, kind %q, day %q", n, kind, day)
		}
	})
}
