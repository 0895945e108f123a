package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/revocation"
	"github.com/tram-exchange/tram/signing/trialca"
)

func testAuthority(t *testing.T, name string) *trialca.Authority {
	t.Helper()
	ca, err := trialca.New(name, rand.Reader, time.Now)
	must(t, err)
	return ca
}

// Operations about trust as an administrator writes them.
func TestTrustOperationsInYAML(t *testing.T) {
	ca := testAuthority(t, "CA tỉnh")
	dir := t.TempDir()
	must(t, signing.SaveCertificates(filepath.Join(dir, "ca.crt"), []*x509.Certificate{ca.Certificate}))
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	fp := signing.Fingerprint(ca.Certificate)
	july := time.Date(2026, 7, 1, 0, 0, 0, 0, vietnam)
	for _, test := range []struct {
		text string
		want schemas.Operation
	}{
		{`trust_authority: {file: ca.crt, kind: state}`, schemas.TrustAuthority{DER: ca.Certificate.Raw, Kind: "state", Name: "CA tỉnh"}},
		{`trust_authority: {file: ca.crt, kind: public, purposes: [person, time-stamp], from: 01/07/2026, until: 2026-07-02T00:00:00+07:00, name: Nơi cấp}`,
			schemas.TrustAuthority{DER: ca.Certificate.Raw, Kind: "public", Purposes: []string{"person", "time-stamp"}, From: july, Until: july.AddDate(0, 0, 1), Name: "Nơi cấp"}},
		{`distrust_authority: {file: ca.crt, reason: lộ khóa}`, schemas.DistrustAuthority{SHA256: fp, From: at, Reason: "lộ khóa"}},
		{`distrust_authority: {sha256: "` + strings.Repeat("00", 32) + `", from: 2026-07-01}`, schemas.DistrustAuthority{From: july}},
		{`revoke_certificate: {organisation: H02.05, file: ca.crt, from: 2026-07-01}`,
			schemas.RevokeCertificate{Holder: organisation("H02.05"), SHA256: fp, From: july}},
		{`revoke_certificate: {organisation: H02.05, file: ca.crt, suspend: true}`,
			schemas.RevokeCertificate{Holder: organisation("H02.05"), SHA256: fp, From: at, Suspend: true}},
	} {
		var y operationYAML
		must(t, yaml.NewDecoder(strings.NewReader(test.text), yaml.Strict()).Decode(&y))
		got, err := y.operation(writing{dir: dir, at: at})
		must(t, err)
		if !sameOperation(got, test.want) {
			t.Errorf("%s\n is %+v,\nexpected %+v", test.text, got, test.want)
		}
	}
	for _, text := range []string{
		`trust_authority: {file: none.crt, kind: state}`, `trust_authority: {file: ca.crt, from: soon}`, `distrust_authority: {sha256: "12"}`,
		`distrust_authority: {file: ca.crt, from: 31/02/2026}`, `revoke_certificate: {organisation: H02.05, file: ca.crt, from: x}`,
	} {
		var y operationYAML
		must(t, yaml.NewDecoder(strings.NewReader(text), yaml.Strict()).Decode(&y))
		if got, err := y.operation(writing{dir: dir, at: at}); err == nil {
			t.Errorf("%s is %+v", text, got)
		}
	}
}

// sameOperation compares by what the package will say: times by their moment.
func sameOperation(a, b schemas.Operation) bool {
	write := func(op schemas.Operation) []byte {
		doc, _, err := schemas.MarshalDirectoryChange(schemas.Header{ID: "x", From: "node:x", IssuedAt: time.Unix(0, 0)}, schemas.DirectoryChange{Operations: []schemas.Operation{op}})
		if err != nil {
			return nil
		}
		return doc
	}
	return reflect.TypeOf(a) == reflect.TypeOf(b) && write(a) != nil && bytes.Equal(write(a), write(b))
}

// The folder's list goes into the genesis change as it is; what the record could not keep is said.
func TestTrustFolderBecomesOperations(t *testing.T) {
	dir := t.TempDir()
	a, b := testAuthority(t, "A"), testAuthority(t, "B")
	must(t, signing.SaveCertificates(filepath.Join(dir, "a.crt"), []*x509.Certificate{a.Certificate}))
	must(t, signing.SaveCertificates(filepath.Join(dir, "b.crt"), []*x509.Certificate{b.Certificate}))
	list := "authorities:\n  - {file: a.crt, kind: trial, purposes: [organisation, node]}\n  - {file: b.crt, kind: trial, purposes: [person], until: 2030-12-31}\n"
	must(t, os.WriteFile(filepath.Join(dir, signing.TrustFile), []byte(list), 0o600))
	load := func() *signing.Trust {
		trust, err := signing.LoadTrust(dir, true)
		must(t, err)
		return trust
	}
	ops, err := trustOperations(load())
	must(t, err)
	want := []schemas.Operation{
		schemas.TrustAuthority{DER: a.Certificate.Raw, Kind: "trial", Purposes: []string{"organisation", "node"}, Name: "A"},
		schemas.TrustAuthority{DER: b.Certificate.Raw, Kind: "trial", Purposes: []string{"person"}, Until: time.Date(2031, 1, 1, 0, 0, 0, 0, vietnam), Name: "B"},
	}
	if len(ops) != 2 || !sameOperation(ops[0], want[0]) || !sameOperation(ops[1], want[1]) {
		t.Errorf("got %+v", ops)
	}
	must(t, os.WriteFile(filepath.Join(dir, signing.TrustFile), []byte(list+"  - {file: b.crt, kind: trial, purposes: [node]}\n"), 0o600))
	if _, err := trustOperations(load()); err == nil || !strings.Contains(err.Error(), `"B"`) {
		t.Errorf("one certificate twice: %v", err)
	}
}

func TestTrustConfigRefused(t *testing.T) {
	for text, want := range map[string]string{
		"revocation: {mode: sometimes}":                                                            "revocation.mode",
		"revocation: {max_age: 1500ms}":                                                            "max_age",
		"revocation: {renew: 1ms}":                                                                 "renew",
		"timestamp: {services: [{url: tsa.example}]}":                                              "services[0].url",
		"timestamp: {services: [{url: \"https://u:p@tsa.example/\"}]}":                             "services[0].url",
		"timestamp: {services: [{url: \"http://tsa.example/\", username: u, password_source: x}]}": "username",
	} {
		c := &Config{}
		must(t, yaml.NewDecoder(strings.NewReader(text), yaml.Strict()).Decode(c))
		c.defaults()
		if err := c.checkTrust(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, expected %s", text, err, want)
		}
	}
	c := &Config{}
	c.defaults()
	if err := c.checkTrust(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
}

// A list that is put into the folder is found within a minute, one that cannot be read leaves the others in use.
func TestListFolder(t *testing.T) {
	dir := t.TempDir()
	ca := testAuthority(t, "CA")
	_, cert, err := ca.Issue(trialca.Leaf{Name: "Sở", Use: trialca.Sign})
	must(t, err)
	now := time.Now()
	var log bytes.Buffer
	l := &listFolder{dir: dir, now: func() time.Time { return now }, log: slog.New(slog.NewTextHandler(&log, nil))}
	answers := func() []revocation.Answer {
		t.Helper()
		a, err := l.Find(context.Background(), cert, ca.Certificate, now)
		must(t, err)
		return a
	}
	if a := answers(); len(a) != 0 {
		t.Fatalf("an empty folder says %+v", a)
	}
	raw, err := ca.CRL(now, trialca.Revoked{Serial: cert.SerialNumber, At: now, Reason: revocation.Superseded})
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "ca.crl"), raw, 0o600))
	if a := answers(); len(a) != 0 {
		t.Error("the folder was read again at once")
	}
	now = now.Add(readListsAgain)
	if a := answers(); len(a) != 1 || a[0].Status != revocation.Revoked {
		t.Errorf("got %+v", a)
	}
	must(t, os.WriteFile(filepath.Join(dir, "bad.crl"), []byte("no list"), 0o600))
	now = now.Add(readListsAgain)
	if a := answers(); len(a) != 1 {
		t.Errorf("got %+v", a)
	}
	if !strings.Contains(log.String(), "bad.crl") {
		t.Errorf("nobody is told: %s", log.String())
	}
}
