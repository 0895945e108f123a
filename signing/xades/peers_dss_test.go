//go:build peers

package xades_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"testing"

	"github.com/tram-exchange/tram/internal/judges"
	"github.com/tram-exchange/tram/signing"
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
