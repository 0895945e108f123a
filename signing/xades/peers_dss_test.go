//go:build peers

package xades_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tram-exchange/tram/internal/judges"
	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/tsp"
	"github.com/tram-exchange/tram/signing/xades"
)

// material writes what the judge needs to know our small world.
func material(t *testing.T, p *pki, dir string) judges.Material {
	t.Helper()
	m := judges.Material{At: now}
	for i, h := range []holder{p.root, p.issuing, p.stamping} {
		m.Trust = append(m.Trust, write(t, dir, fmt.Sprintf("ca-%d.pem", i), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.cert.Raw})))
	}
	for i, crl := range p.crls(now) {
		m.CRLs = append(m.CRLs, write(t, dir, fmt.Sprintf("%d.crl", i), crl))
	}
	return m
}

func keyFile(t *testing.T, dir, name string, h holder) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(h.key)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, dir, name+".key", der)
}

// TestDSSAcceptsB has DSS judge what we sign at level B-B.
func TestDSSAcceptsB(t *testing.T) {
	p, dss, dir := newPKI(t), judges.DSS(t), t.TempDir()
	m := material(t, p, dir)
	for name, doc := range documents {
		for alg, h := range map[string]holder{signing.RSASHA256: p.rsa, signing.PSSSHA512: p.rsa, signing.ECDSASHA256: p.ecdsa} {
			for _, c14n := range []string{signing.ExcC14N, signing.C14N10, signing.C14N11} {
				o := everything()
				o.Algorithm, o.C14N, o.Policy = alg, c14n, nil // DSS would want to read the policy
				file := write(t, dir, "b.xml", sign(t, doc, h, p, o))
				opinion, err := dss.ValidateWithReports(file, m, dir)
				if err != nil {
					t.Fatal(err)
				}
				if !opinion.Passed() || len(opinion.Signatures) != 1 || opinion.Signatures[0].Level != "XAdES-BASELINE-B" || len(opinion.Signatures[0].Structure) > 0 {
					t.Errorf("%s %s %s: %s", name, alg, c14n, opinion)
				}
			}
		}
	}
}

// TestDSSAcceptsLevels has DSS judge what we augment to every level, and renewed.
func TestDSSAcceptsLevels(t *testing.T) {
	p, dss, dir := newPKI(t), judges.DSS(t), t.TempDir()
	m := material(t, p, dir)
	for name, doc := range documents {
		for alg, h := range map[string]holder{signing.RSASHA256: p.rsa, signing.PSSSHA256: p.rsa, signing.ECDSASHA256: p.ecdsa} {
			for i, level := range []xades.Level{xades.LevelT, xades.LevelLT, xades.LevelA} {
				c14n := []string{signing.ExcC14N, signing.C14N10, signing.C14N11}[i]
				o := everything()
				o.Algorithm, o.C14N, o.Policy = alg, c14n, nil
				signed := sign(t, doc, h, p, o)
				ao := p.options(level, now)
				ao.C14N = []string{signing.C14N11, signing.ExcC14N, signing.C14N10}[i]
				out := augment(t, signed, ao)
				if level == xades.LevelA {
					out = augment(t, out, p.options(level, now.Add(time.Hour)))
				}
				m := m
				m.At = now.Add(2 * time.Hour)
				if level.Reaches(xades.LevelLT) {
					m.CRLs = nil
				}
				opinion, err := dss.ValidateWithReports(write(t, dir, "out.xml", out), m, dir)
				if err != nil {
					t.Fatal(err)
				}
				want := map[xades.Level]string{xades.LevelT: "XAdES-BASELINE-T", xades.LevelLT: "XAdES-BASELINE-LT", xades.LevelA: "XAdES-BASELINE-LTA"}[level]
				if !opinion.Passed() || len(opinion.Signatures) != 1 || opinion.Signatures[0].Level != want || len(opinion.Signatures[0].Structure) > 0 {
					t.Errorf("%s %s %s: %s", name, alg, level, opinion)
				}
			}
		}
	}
}

// TestDSSAcceptsOthers has DSS judge the unusual: OCSP, several time-stamping authorities, several signatures.
func TestDSSAcceptsOthers(t *testing.T) {
	p, dss, dir := newPKI(t), judges.DSS(t), t.TempDir()
	m := material(t, p, dir)
	m.At, m.CRLs = now.Add(2*time.Hour), nil
	several := p.options(xades.LevelA, now)
	several.Also = []tsp.Stamper{p.stamper(p.tsa2, now)}
	person := sign(t, documents["edxml"], p.person, p, xades.SignOptions{SignOptions: signing.SignOptions{IDs: []string{"header", "manifest", "attachment-1"}}})
	both := func(first []byte) []byte {
		return augment(t, sign(t, string(first), p.rsa, p, xades.SignOptions{}), xadesSkipping(p))
	}
	for name, c := range map[string]struct {
		doc  []byte
		want []string
	}{
		"OCSP":                     {withOCSP(t, p), []string{"XAdES-BASELINE-LTA"}},
		"two authorities":          {augment(t, sign(t, documents["generic"], p.ecdsa, p, xades.SignOptions{}), several), []string{"XAdES-BASELINE-LTA"}},
		"person first":             {both(augment(t, person, p.options(xades.LevelA, now))), []string{"XAdES-BASELINE-LTA", "XAdES-BASELINE-LTA"}},
		"person left as he is":     {both(person), []string{"XAdES-BASELINE-B", "XAdES-BASELINE-LTA"}},
		"issuer and serial number": {augment(t, sign(t, documents["tram"], p.rsa, p, xades.SignOptions{IssuerSerial: true}), p.options(xades.LevelLT, now)), []string{"XAdES-BASELINE-LT"}},
	} {
		opinion, err := dss.Validate(write(t, dir, "other.xml", c.doc), m)
		if err != nil {
			t.Fatal(err)
		}
		var levels []string
		for _, s := range opinion.Signatures {
			levels = append(levels, s.Level)
			if len(s.Structure) > 0 {
				t.Errorf("%s: %s", name, opinion)
			}
		}
		if !opinion.Passed() || !slices.Equal(levels, c.want) {
			t.Errorf("%s: %s", name, opinion)
		}
	}
}

// TestDSSAcceptsDetached has DSS judge a signature over a file beside the document.
func TestDSSAcceptsDetached(t *testing.T) {
	p, dss, dir := newPKI(t), judges.DSS(t), t.TempDir()
	m := material(t, p, dir)
	m.At, m.CRLs, m.Detached = now.Add(2*time.Hour), nil, []string{write(t, dir, "attachment.bin", attachment)}
	file := write(t, dir, "detached.xml", detached(t, p))
	opinion, err := dss.Validate(file, m)
	if err != nil {
		t.Fatal(err)
	}
	if !opinion.Passed() || opinion.Signatures[0].Level != "XAdES-BASELINE-LTA" {
		t.Error(opinion)
	}
	write(t, dir, "attachment.bin", attachment[1:])
	if opinion, err = dss.Validate(file, m); err != nil || opinion.Passed() {
		t.Errorf("another file: %v, %v", opinion, err)
	}
}

// TestDSSAcceptsRenewed has DSS judge a signature whose certificate and first time-stamp have expired since.
func TestDSSAcceptsRenewed(t *testing.T) {
	p, dss, dir := newPKI(t), judges.DSS(t), t.TempDir()
	m := material(t, p, dir)
	old, renew := overYears(t, p)
	doc, err := renew(months(10))
	if err != nil {
		t.Fatal(err)
	}
	m.At = months(18)
	m.CRLs = nil
	for i, crl := range p.crls(months(18)) { // the newest: with the revocation
		m.CRLs = append(m.CRLs, write(t, dir, fmt.Sprintf("new-%d.crl", i), crl))
	}
	opinion, err := dss.Validate(write(t, dir, "renewed.xml", doc), m)
	if err != nil {
		t.Fatal(err)
	}
	if !opinion.Passed() || opinion.Signatures[0].Level != "XAdES-BASELINE-LTA" {
		t.Errorf("renewed: %s", opinion)
	}
	if opinion, err = dss.Validate(write(t, dir, "old.xml", old), m); err != nil || opinion.Passed() {
		t.Errorf("not renewed: %v, %v", opinion, err)
	}
}

// TestDSSKnowsPolicy has DSS compare the digest of a signature policy with the policy itself.
func TestDSSKnowsPolicy(t *testing.T) {
	p, dss, dir := newPKI(t), judges.DSS(t), t.TempDir()
	m := material(t, p, dir)
	o := everything()
	file := write(t, dir, "b.xml", sign(t, documents["tram"], p.rsa, p, o))
	m.PolicyID = o.Policy.ID
	for content, want := range map[string]bool{policyText: true, "another policy": false} {
		m.Policy = write(t, dir, "policy.txt", []byte(content))
		opinion, err := dss.Validate(file, m)
		if err != nil {
			t.Fatal(err)
		}
		// For DSS a policy that doesn't fit is a warning.
		fits := !strings.Contains(strings.Join(opinion.Signatures[0].Warnings, " "), "BBB_VCI_ISPM")
		if fits != want || !opinion.Passed() {
			t.Errorf("policy %q: %s", content, opinion)
		}
	}
	o.Policy = &xades.PolicyID{Implied: true}
	opinion, err := dss.Validate(write(t, dir, "b.xml", sign(t, documents["tram"], p.rsa, p, o)), m)
	if err != nil || !opinion.Passed() {
		t.Errorf("implied policy: %v, %v", opinion, err)
	}
}
