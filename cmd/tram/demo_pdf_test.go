package main

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/pades"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/trialca"
	"github.com/tram-exchange/tram/signing/tsp"
	"github.com/tram-exchange/tram/signing/verdict"
)

// demoSigner is a person with an authority of time-stamps.
func demoSigner(t *testing.T, now time.Time) (*person, tsp.Stamper, *trialca.Authority) {
	t.Helper()
	ca, err := trialca.New("CA thử", rand.Reader, func() time.Time { return now })
	must(t, err)
	key, cert, err := ca.Issue(trialca.Leaf{Name: "Lê Quang Vinh", Use: trialca.Sign})
	must(t, err)
	stampKey, stampCert, err := ca.Issue(trialca.Leaf{Name: "TSA thử", Use: trialca.TimeStamp})
	must(t, err)
	tsa, err := tsp.NewAuthority(stampKey, []*x509.Certificate{stampCert}, tsp.Options{Now: func() time.Time { return now }})
	must(t, err)
	return &person{name: "Lê Quang Vinh", position: "Chủ tịch", id: identity{key: key, chain: []*x509.Certificate{cert}}}, tsa, ca
}

// TestSignDemoPDF: what the demonstration writes is one whole PAdES signature with a time-stamp, and any changed octet shows.
func TestSignDemoPDF(t *testing.T) {
	now := time.Date(2026, 11, 22, 2, 5, 0, 0, time.UTC)
	who, tsa, ca := demoSigner(t, now)
	plain := demoPDF("Quyết định")
	d, err := pades.Read(t.Context(), signing.BytesSource(plain), pades.Limits{})
	must(t, err)
	if len(d.Signatures) != 0 || d.Scanned || d.Problem != "" {
		t.Fatalf("the PDF without a signature: %+v", d)
	}
	doc, err := signDemoPDF(t.Context(), plain, who, now, tsa)
	must(t, err)
	if !bytes.HasPrefix(doc, plain) {
		t.Error("the signature is not a further revision")
	}
	d, err = pades.Read(t.Context(), signing.BytesSource(doc), pades.Limits{})
	must(t, err)
	if d.Scanned || d.Problem != "" || len(d.Signatures) != 1 {
		t.Fatalf("got %+v", d)
	}
	if s := d.Signatures[0]; !s.Intact || !s.Whole || s.Name != who.name || !s.Claimed.Equal(now) || len(s.TimeStamps) != 1 || !s.Signer.Equal(who.id.chain[0]) {
		t.Errorf("the signature: %+v", s)
	}
	trust, err := signing.NewTrust([]*x509.Certificate{ca.Certificate}, true)
	must(t, err)
	judge := func(b []byte) *verdict.Verdict {
		v, err := verdict.JudgePDF(t.Context(), signing.BytesSource(b), verdict.Options{Trust: trust, At: now.Add(time.Minute)})
		must(t, err)
		return v
	}
	if v := judge(doc); v.Indication != verdict.TotalPassed || v.Signatures[0].Level != "B-T" {
		t.Errorf("verdict %s %s, level %s", v.Indication, v.SubIndication, v.Signatures[0].Level)
	}
	for _, at := range []int{10, bytes.Index(doc, []byte(") Tj ET")) - 2, len(doc) - 20} {
		changed := bytes.Clone(doc)
		changed[at] ^= 1
		if v := judge(changed); v.Indication == verdict.TotalPassed {
			t.Errorf("octet %d was changed, and it passed", at)
		}
	}
}

// TestSignDemoPDFWithoutStamp: no half-signed file comes out.
func TestSignDemoPDFWithoutStamp(t *testing.T) {
	who, _, _ := demoSigner(t, time.Now())
	l := httptest.NewServer(http.NotFoundHandler())
	defer l.Close()
	tsa, err := tsp.NewClient([]tsp.ServiceConfig{{URL: l.URL}}, tsp.ClientOptions{})
	must(t, err)
	if b, err := signDemoPDF(t.Context(), demoPDF("Quyết định"), who, time.Now(), tsa); err == nil || b != nil {
		t.Errorf("got %d octets and %v, expected an error alone", len(b), err)
	}
}

// TestWithIDs: parts that are not there, or there twice, are not named.
func TestWithIDs(t *testing.T) {
	doc := []byte(`<edXML:MessageHeader/><edXML:MessageHeader><edXML:edXMLManifest version="1.0"><Attachment></Attachment>`)
	got, ids, err := withIDs(doc)
	must(t, err)
	if strings.Join(ids, " ") != "dau-van-ban danh-muc tep-1" || !bytes.Contains(got, []byte(`<edXML:edXMLManifest version="1.0" Id="danh-muc">`)) {
		t.Errorf("got %s %v", got, ids)
	}
	for _, bad := range [][]byte{nil, append(doc, "<Attachment>"...)} {
		if _, _, err := withIDs(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// TestPublisher: the same octets until something is revoked.
func TestPublisher(t *testing.T) {
	dir := t.TempDir()
	a, err := openDemoAuthorities(dir)
	must(t, err)
	defer func() { must(t, a.end()) }()
	o, err := a.add("thu", "CA thử", byCRL)
	must(t, err)
	get := func() []byte {
		t.Helper()
		resp, err := http.Get(a.url + "/thu/ca.crl")
		must(t, err)
		b, err := io.ReadAll(resp.Body)
		must(t, errors.Join(err, resp.Body.Close()))
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("status %d: %s", resp.StatusCode, b)
		}
		return b
	}
	first := get()
	if !bytes.Equal(first, get()) {
		t.Error("the list was signed again without a reason")
	}
	id, err := o.issue(trialca.Leaf{Name: "Sở thử", Use: trialca.Sign})
	must(t, err)
	must(t, o.records.revoke(id.chain[0], time.Now(), revocation.KeyCompromise))
	crl, err := x509.ParseRevocationList(get())
	must(t, err)
	if len(crl.RevokedCertificateEntries) != 1 {
		t.Errorf("%d revoked certificates, expected 1", len(crl.RevokedCertificateEntries))
	}
	if _, err := os.Stat(filepath.Join(dir, "thu", "revoked.json")); err != nil {
		t.Error(err)
	}
}
