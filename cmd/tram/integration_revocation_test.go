package main

import (
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tram-exchange/tram/gateway/httpapi"
	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/trialca"
)

// A node asks the places that certificates name, over the network: who is on the list is refused, who cannot be asked about has to
// wait, and what was accepted can be proved by the list of that day when the place is long gone.
func TestRevocationOverTheNetwork(t *testing.T) {
	s := testSite(t)
	ctx := t.Context()
	var fetched atomic.Int64
	var list atomic.Pointer[[]byte]
	places := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if raw := list.Load(); raw != nil && r.URL.Path == "/list.crl" {
			fetched.Add(1)
			_, _ = w.Write(*raw)
			return
		}
		http.NotFound(w, r)
	}))
	defer places.Close()
	code := s.units[0].code
	issue := func(path string) identity {
		t.Helper()
		s.ca.Places = trialca.Places{CRL: places.URL + path}
		key, cert, err := s.ca.Issue(trialca.Leaf{Name: "Chứng thư " + path, OrgCode: code, Use: trialca.Sign})
		must(t, err)
		_, err = s.change(ctx, "chứng thư mới", schemas.EnrolCertificate{Holder: organisation(code), Purposes: []schemas.Purpose{schemas.PurposeSign}, DER: cert.Raw})
		must(t, err)
		return identity{key: key, chain: []*x509.Certificate{cert}}
	}
	good, revoked, lost := issue("/list.crl"), issue("/list.crl"), issue("/lost.crl")
	raw, err := s.ca.CRL(time.Now().Add(-time.Minute), trialca.Revoked{Serial: revoked.chain[0].SerialNumber, At: time.Now().Add(-time.Hour), Reason: revocation.KeyCompromise})
	must(t, err)
	list.Store(&raw)

	s.units[0].id = good
	var last taken
	for range 3 {
		last, err = s.one(ctx, 0, []byte("có hiệu lực"))
		must(t, err)
	}
	if n := fetched.Load(); n != 1 {
		t.Errorf("the list was fetched %d times for three packages", n)
	}
	var judged httpapi.SignatureEvidence
	until(t, "the views to know the package", func() bool {
		status, b := s.get(t, 0, "/v1/packages/"+last.sum+"/evidence")
		return status == http.StatusOK && json.Unmarshal(b, &judged) == nil
	})
	row := judged.Signatures[0].Certificates[0].Revocation
	if row == nil || row.Status != "good" || row.Kind != "crl" {
		t.Fatalf("revocation %+v", row)
	}
	if status, b := s.get(t, 0, "/v1/packages/"+last.sum+"/evidence/"+row.Answer); status != http.StatusOK || string(b) != string(raw) {
		t.Errorf("the list: status %d, %d bytes", status, len(b))
	}
	if status, b := s.get(t, 0, "/v1/packages/"+last.sum+"/verdict"); status != http.StatusOK || !strings.Contains(string(b), `"TOTAL-PASSED"`) {
		t.Errorf("verdict: status %d: %.600s", status, b)
	}
	for _, test := range []struct {
		id   identity
		want string
	}{{revoked, "3016"}, {lost, "3021"}} {
		s.units[0].id = test.id
		if _, err := s.one(ctx, 0, []byte("không nhận")); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, expected %s", err, test.want)
		}
	}
	places.Close()
	a := s.proved(t, last.receipt)
	if a.Judged < 4 {
		t.Errorf("%d packages were judged again", a.Judged)
	}
}
