package xades_test

import (
	"crypto"
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tram-exchange/tram/signing"
	"github.com/tram-exchange/tram/signing/xades"
)

const policyText = "policy"

// everything is a signature that says all that one can say.
func everything() xades.SignOptions {
	sum := sha256.Sum256([]byte(policyText))
	return xades.SignOptions{ClaimedRoles: []string{"Giám đốc", "a<b&\"c\""}, IssuerSerial: true, Commitment: xades.ProofOfApproval,
		Place:  &xades.Place{City: "Bắc Giang", Country: "VN"},
		Policy: &xades.PolicyID{ID: "2.16.704.1.1", Hash: crypto.SHA256, Digest: sum[:], URI: "https://example.vn/policy", Description: "Quy chế"}}
}

func TestSignAndRead(t *testing.T) {
	p := newPKI(t)
	for name, doc := range documents {
		for alg, h := range map[string]holder{signing.RSASHA256: p.rsa, signing.PSSSHA512: p.rsa, signing.ECDSASHA256: p.ecdsa} {
			for _, c14n := range []string{signing.ExcC14N, signing.C14N10, signing.C14N11} {
				t.Run(fmt.Sprintf("%s/%s/%s", name, alg[len(alg)-12:], c14n[len(c14n)-8:]), func(t *testing.T) {
					o := everything()
					o.Algorithm, o.C14N = alg, c14n
					res, got := verify(t, sign(t, doc, h, p, o), p)
					noProblems(t, got)
					if !got.Signed || got.Level() != xades.LevelB || !res.WholeDocument {
						t.Fatalf("signed %v, level %q, whole %v", got.Signed, got.Level(), res.WholeDocument)
					}
					if err := got.CheckCertificate(h.cert); err != nil {
						t.Error(err)
					}
					if err := got.CheckCertificate(p.tsa.cert); err == nil {
						t.Error("another certificate is taken for the signer's")
					}
					if d := cmp.Diff(o.ClaimedRoles, got.ClaimedRoles); d != "" {
						t.Error(d)
					}
					if d := cmp.Diff(o.Place, got.Place); d != "" {
						t.Error(d)
					}
					want := *o.Policy
					want.ID = "urn:oid:" + want.ID
					if d := cmp.Diff(&want, got.Policy); d != "" {
						t.Error(d)
					}
					format := []xades.DataObjectFormat{{ObjectReference: "#" + res.References[0].ID, MimeType: "text/xml"}}
					if len(res.References) != 2 || res.References[0].ID == "" {
						t.Fatalf("references %+v", res.References)
					}
					if d := cmp.Diff(format, got.DataObjectFormats); d != "" {
						t.Error(d)
					}
					if d := cmp.Diff([]xades.Commitment{{Identifier: xades.ProofOfApproval, All: true}}, got.CommitmentTypes); d != "" {
						t.Error(d)
					}
				})
			}
		}
	}
}
