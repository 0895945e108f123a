package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"time"

	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/trialca"
	"github.com/tram-exchange/tram/signing/tsp"
)

// askTrial asks the places that a certificate names: "asktrial ADDRESS CERT CA STATUS". OCSP and CRL must agree.
func askTrial(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: asktrial ADDRESS CERT CA STATUS")
	}
	certs, err := signing.LoadCertificates(ts.MkAbs(args[1]))
	ts.Check(err)
	cas, err := signing.LoadCertificates(ts.MkAbs(args[2]))
	ts.Check(err)
	if want := "http://" + args[0] + "/ocsp"; len(certs[0].OCSPServer) != 1 || certs[0].OCSPServer[0] != want {
		ts.Fatalf("the certificate names %q, want %q", certs[0].OCSPServer, want)
	}
	listOnly := *certs[0]
	listOnly.OCSPServer = nil
	online := revocation.NewOnline(revocation.OnlineOptions{Now: time.Now, AllowPrivate: true})
	for kind, c := range map[revocation.Kind]*x509.Certificate{revocation.OCSP: certs[0], revocation.CRL: &listOnly} {
		k := revocation.Checker{Source: online}
		st := k.Chain(context.Background(), []*x509.Certificate{c, cas[0]}, time.Now(), revocation.Freshness{MaxAge: time.Minute}).Certificates[0]
		if st.Answer == nil || st.Answer.Kind != kind || st.Status.String() != args[3] {
			ts.Fatalf("%s says %s (%s), want %s", kind, st.Status, st.Why, args[3])
		}
	}
}

// TestTrialServices asks what tram trial serve serves.
func TestTrialServices(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	if code := run([]string{"init", "--dir", dir + "/node", "--origin", "tram.example/log", "--name", "Trạm thử", "--trial", "--listen", "127.0.0.1:1"}, nil, &out, &out); code != 0 {
		t.Fatal(out.String())
	}
	o, err := openTrialOffice(dir + "/node")
	if err != nil {
		t.Fatal(err)
	}
	h, err := o.handler(slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	defer s.Close()
	client, err := tsp.NewClient([]tsp.ServiceConfig{{URL: s.URL + "/tsa"}}, tsp.ClientOptions{Rand: rand.Reader, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("văn bản"))
	token, err := client.Stamp(context.Background(), crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	trust, err := signing.LoadTrust(dir+"/node/trust", true)
	if err != nil {
		t.Fatal(err)
	}
	if res := trust.CheckFor(token.Signer, token.Certificates, time.Now(), signing.PurposeTimeStamp); res.Refusal != signing.Accepted {
		t.Errorf("the time-stamp's certificate: %v", res.Err)
	}
	if again, err := o.stamps(); err != nil || !again.Certificates()[0].Equal(token.Signer) {
		t.Errorf("another certificate for time-stamps the second time: %v", err)
	}
	// It says where to ask about it, once that is known, and again when that has moved; the key stays.
	for _, base := range []string{"http://127.0.0.1:1", "http://127.0.0.1:2/"} {
		o.ca.Places = trialPlaces(base)
		moved, err := o.stamps()
		if err != nil {
			t.Fatal(err)
		}
		c := moved.Certificates()[0]
		if c.OCSPServer[0] != strings.TrimSuffix(base, "/")+"/ocsp" || len(c.CRLDistributionPoints) != 1 || !bytes.Equal(c.RawSubjectPublicKeyInfo, token.Signer.RawSubjectPublicKeyInfo) {
			t.Errorf("certificate for time-stamps: %v %v", c.OCSPServer, c.CRLDistributionPoints)
		}
		if again, err := o.stamps(); err != nil || !again.Certificates()[0].Equal(c) {
			t.Errorf("another certificate: %v", err)
		}
	}
	// Many at once: the authority behind it is not safe for concurrent use, the service is.
	o.ca.Places = trialca.Places{CRL: s.URL + "/ca.crl", OCSP: s.URL + "/ocsp"}
	_, cert, err := o.ca.Issue(trialca.Leaf{Name: "Sở Nội vụ"})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	for range 8 {
		go func() {
			online := revocation.NewOnline(revocation.OnlineOptions{Now: time.Now, AllowPrivate: true})
			got, err := online.Find(context.Background(), cert, o.ca.Certificate, time.Now())
			if err == nil && (len(got) != 1 || got[0].Status != revocation.Good) {
				t.Errorf("%+v", got)
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
