package xades_test

import (
	"crypto/x509"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/xades"
)

// withOCSP is a document of level B-LTA whose signer's certificate names an OCSP responder, which is not the authority itself.
func withOCSP(t *testing.T, p *pki) []byte {
	t.Helper()
	var responder *revocation.Responder
	server := httptest.NewServer(http.StripPrefix("/ocsp", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { responder.ServeHTTP(w, r) })))
	defer server.Close()
	signer := p.issue("Sở Tài chính", p.rsa.key, p.issuing, func(c *x509.Certificate) { c.OCSPServer = []string{server.URL + "/ocsp"} })
	answers := p.issue("OCSP", p.ecdsa.key, p.issuing, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning} })
	var err error
	responder, err = revocation.NewResponder(revocation.ResponderOptions{Issuer: p.issuing.cert, Key: answers.key, Certificate: answers.cert, Now: clock,
		Lookup: func(serial *big.Int) (revocation.Record, error) {
			if serial.Cmp(signer.cert.SerialNumber) != 0 {
				return revocation.Record{Status: revocation.Unknown}, nil
			}
			return revocation.Record{Status: revocation.Good}, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	o := p.options(xades.LevelA, now)
	o.Revocation = revocation.Join(revocation.NewOnline(revocation.OnlineOptions{Now: clock, AllowPrivate: true}), revocation.NewOffline(p.crls(now)...))
	return augment(t, sign(t, documents["tram"], signer, p, xades.SignOptions{}), o)
}

func TestOCSP(t *testing.T) {
	p := newPKI(t)
	doc := withOCSP(t, p)
	res, props := verify(t, doc, p)
	if len(props.OCSPs) != 1 || props.Level() != xades.LevelA {
		t.Errorf("%d OCSP responses, level %q", len(props.OCSPs), props.Level())
	}
	checkStamps(t, doc, res, props)
}
