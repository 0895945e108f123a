package verdict_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/schemas"
	"github.com/tram-exchange/tram/signing/verdict"
)

func TestDefaultPolicyIsAPolicy(t *testing.T) {
	p, err := verdict.ParsePolicy(verdict.DefaultPolicyYAML)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := p.Digests["SHA-1"]; ok {
		t.Error("the default policy accepts SHA-1")
	}
	if p.Coverage != verdict.CoverDocument || p.Revocation.Required != verdict.RevocationWhenNamed || !p.Signatures["RSA-PKCS1"].Mark {
		t.Errorf("%+v", p)
	}
}

func TestParsePolicy(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"misspelt":         {"coverige: document", "coverige"},
		"bad coverage":     {"coverage: all", "want document or references"},
		"bad level":        {"levels: {edxml.document: B-X}", "B-X"},
		"misspelt kind":    {"levels: {edxml.documnet: B-T}", "edxml.documnet"},
		"bad digest":       {"digests: {MD5: {}}", "MD5"},
		"bad signature":    {"signatures: {DSA: {}}", "DSA"},
		"bad key":          {"keys: [{type: DSA, bits: 1024}]", "DSA"},
		"key without bits": {"keys: [{type: RSA}]", "0 bits"},
		"bad date":         {"digests: {SHA-1: {before: 31/12/2016}}", "31/12/2016"},
		"bad duration":     {"revocation: {freshness: -1h}", "-1h"},
		"bad days":         {"revocation: {grace: 1.5d}", "1.5d"},
		"bad demand":       {"signature_policies: {unknown: maybe}", "maybe"},
		"bad revocation":   {"revocation: {required: often}", "often"},
		"empty":            {"  \n", "empty"},
		"no mapping":       {"[1, 2]", ""},
		"too long":         {"name: " + strings.Repeat("x", 300<<10), "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			if p, err := verdict.ParsePolicy([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %+v, %v; want an error with %q", p, err, c.want)
			}
		})
	}
}

func TestPolicyFillsFromDefault(t *testing.T) {
	for name, text := range map[string]string{
		"YAML": "name: cũ\ndigests:\n  SHA-256: {}\n  SHA-1: {before: 2017-01-01}\nrevocation: {freshness: 7d, grace: 12h}\n",
		"JSON": `{"name": "cũ", "digests": {"SHA-256": {}, "SHA-1": {"before": "2016-12-31T17:00:00Z"}}, "revocation": {"freshness": "168h", "grace": "12h"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			p, err := verdict.ParsePolicy([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if want := time.Date(2016, 12, 31, 17, 0, 0, 0, time.UTC); !p.Digests["SHA-1"].Before.Equal(want) {
				t.Errorf("SHA-1 counts before %s, want %s", p.Digests["SHA-1"].Before, want)
			}
			if len(p.Digests) != 2 || len(p.Signatures) != 3 || p.Name != "cũ" || p.Coverage != verdict.CoverDocument {
				t.Errorf("%+v", p)
			}
			if time.Duration(p.Revocation.Freshness) != 7*24*time.Hour || time.Duration(p.Revocation.Grace) != 12*time.Hour {
				t.Errorf("%+v", p.Revocation)
			}
		})
	}
}

// TestPolicyKnowsKinds: a level can be asked of every kind of package there is.
func TestPolicyKnowsKinds(t *testing.T) {
	for _, kind := range []schemas.Kind{schemas.KindDocument, schemas.KindStatus, schemas.KindDirectoryChange, schemas.KindSubmission,
		schemas.KindDestruction, schemas.KindDossierAction} {
		if _, err := verdict.ParsePolicy([]byte("levels: {" + string(kind) + ": B-T}")); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
