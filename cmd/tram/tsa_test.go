package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/trialca"
	"github.com/tram-exchange/tram/signing/tsp"
)

// tsaFiles writes a key and its certificate.
func tsaFiles(t *testing.T, use trialca.Use) (key, cert string) {
	t.Helper()
	ca, err := trialca.New("CA thử nghiệm", rand.Reader, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	k, c, err := ca.Issue(trialca.Leaf{Name: "TSA thử nghiệm", Use: use})
	if err != nil {
		t.Fatal(err)
	}
	key, cert = filepath.Join(t.TempDir(), "tsa.pem"), filepath.Join(t.TempDir(), "tsa.crt")
	if err := signing.SaveKey(key, k); err != nil {
		t.Fatal(err)
	}
	if err := signing.SaveCertificates(cert, []*x509.Certificate{c}); err != nil {
		t.Fatal(err)
	}
	return key, cert
}

func TestTSACommand(t *testing.T) {
	key, cert := tsaFiles(t, trialca.TimeStamp)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	url, ended := make(chan string, 1), make(chan error, 1)
	o := tsaOptions{key: key, cert: cert, listen: "127.0.0.1:0", policy: tsp.TrialPolicy, trial: true}
	go func() { ended <- o.run(ctx, func(u string) { url <- u }) }()
	var at string
	select {
	case at = <-url:
	case err := <-ended:
		t.Fatal(err)
	}
	client, err := tsp.NewClient([]tsp.ServiceConfig{{URL: at, Policy: tsp.TrialPolicy}}, tsp.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Stamp(t.Context(), crypto.SHA256, tsp.HashOf(crypto.SHA256, []byte("văn bản"))); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func TestTSACommandRefuses(t *testing.T) {
	key, cert := tsaFiles(t, trialca.TimeStamp)
	_, other := tsaFiles(t, trialca.TimeStamp)
	signKey, signCert := tsaFiles(t, trialca.Sign)
	for _, tt := range []struct {
		name string
		o    tsaOptions
		text string
	}{
		{"no --trial", tsaOptions{key: key, cert: cert}, "for trying out only"},
		{"no key", tsaOptions{key: key + "x", cert: cert, trial: true}, "couldn't open key"},
		{"other certificate", tsaOptions{key: key, cert: other, trial: true}, "is not that of the key"},
		{"purpose", tsaOptions{key: signKey, cert: signCert, trial: true}, "couldn't open key"},
		{"policy", tsaOptions{key: key, cert: cert, policy: "x", trial: true}, "object identifier"},
		{"address", tsaOptions{key: key, cert: cert, listen: "nowhere:x", trial: true}, "couldn't listen"},
	} {
		err := tt.o.run(t.Context(), func(string) { t.Errorf("%s: runs", tt.name) })
		if err == nil || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if err := (&tsaOptions{}).run(t.Context(), nil); !errors.Is(err, errNoRealTSA) {
		t.Error(err)
	}
}
